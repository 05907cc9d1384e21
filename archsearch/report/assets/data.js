// What the page knows, and how it writes numbers.
const data = JSON.parse(document.getElementById("data").textContent);
const columns = data.columns;
const placeOf = new Map(columns.number.map((number, place) => [number, place]));
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const narrow = window.matchMedia("(max-width: 760px)");
const onFront = new Set(data.front);

/** Everything about one trial, or undefined. */
function trial(number) {
  const place = placeOf.get(number);
  if (place === undefined) return undefined;
  const found = {};
  for (const key in columns) found[key] = columns[key][place];
  for (const key of ["state", "origin", "reason", "verdict"]) found[key] = data.words[found[key]];
  found.line = found.line.map((part) => data.parts[part]).join(" | ");
  return found;
}

const line = (number) => {
  const place = placeOf.get(number);
  return place === undefined ? "" : columns.line[place].map((part) => data.parts[part]).join(" | ");
};

/** Three significant digits, never in scientific notation. */
function three(value) {
  if (value === 0) return "0.00";
  const rounded = Number(value.toPrecision(3));
  const digits = Math.min(Math.max(2 - Math.floor(Math.log10(Math.abs(rounded))), 0), 5);
  return rounded.toFixed(digits);
}
const ms = (value) => (value === null ? "-" : three(value));
const percent = (share) => (share === null ? "-" : (100 * share).toFixed(1));
function count(value) {
  if (value === null) return "-";
  for (const [step, prefix] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (value >= step * 0.9995) return `${three(value / step)} ${prefix}`;
  }
  return String(Math.round(value));
}
const exportCommand = (number) => data.export.replaceAll("@TRIAL@", number);

/** An element with attributes and children; strings become text, never markup. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

async function copyText(text, button) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // a page opened from a file may have no clipboard; the old way still works there
    const area = make("textarea", { style: "position:fixed;opacity:0" });
    area.value = text;
    document.body.append(area);
    area.select();
    done = document.execCommand("copy");
    area.remove();
    button.focus();
  }
  const label = button.dataset.label ?? button.textContent;
  button.dataset.label = label;
  button.textContent = done ? "Copied" : "Not copied";
  setTimeout(() => { button.textContent = label; }, 1400);
}

const choosers = [];
let chosen = null;
// what the page opens with is not worth a place in its address
let opening = true;
/** Choose a trial; every part of the page that shows it is updated. */
function choose(number, scroll = false) {
  if (!placeOf.has(number)) return;
  chosen = number;
  for (const update of choosers) update(number, scroll);
}
