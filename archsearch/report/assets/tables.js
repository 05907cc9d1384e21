// Tables that sort, filter and copy.

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.trial) choose(Number(button.dataset.trial), true);
  if (button.dataset.copy) copyText(button.dataset.copy, button);
  if (button.dataset.copyTable) copyText(tableText(document.getElementById(button.dataset.copyTable)), button);
});

/** Tab-separated cells, as spreadsheets paste them. */
function tableText(table) {
  const rows = [...table.querySelectorAll("thead tr, tbody tr")];
  return rows.map((row) => [...row.cells].filter((cell) => !cell.classList.contains("act") && !cell.querySelector(".unseen")).map((cell) => cell.textContent.trim()).join("\t")).join("\n");
}

/** Order two values, unknown ones last whatever the direction. */
function order(a, b, sign) {
  const [none, other] = [a === null || a === "", b === null || b === ""];
  if (none || other) return none - other;
  return sign * (typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
}

function turned(heading, headings) {
  const down = heading.getAttribute("aria-sort") === "ascending";
  for (const each of headings) each.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  return down ? -1 : 1;
}

// tables whose rows stand in the page
for (const table of document.querySelectorAll("table:has(th[data-kind])")) {
  const headings = [...table.querySelectorAll("th[data-kind]")];
  headings.forEach((heading, at) => {
    heading.querySelector("button").addEventListener("click", () => {
      const sign = turned(heading, headings);
      const value = (row) => {
        const cell = row.cells[at];
        if (heading.dataset.kind === "text") return cell.textContent;
        return cell.dataset.value === "" ? null : Number(cell.dataset.value);
      };
      const body = table.tBodies[0];
      body.append(...[...body.rows].sort((a, b) => order(value(a), value(b), sign)));
    });
  });
}

const trialsTable = document.getElementById("trials-rows");
if (trialsTable) {
  // a row of a phone is as tall as eight of a desk
  const size = narrow.matches ? 6 : 25;
  const states = columns.number.map((_, place) => data.words[columns.state[place]]);
  // form of a column to [what it sorts and copies by, what stands in the cell]; Python has formatted
  // the numbers
  const forms = {
    trial: (key) => [(i) => columns[key][i], (i) => make("button", { type: "button", class: "link", "data-trial": columns[key][i] }, String(columns[key][i]))],
    word: (key) => [(i) => data.words[columns[key][i]], (i) => data.words[columns[key][i]] || "-"],
    number: (key, texts) => [(i) => columns[key][i], (i) => data.texts[texts[i]]],
    length: (key) => [(i) => columns[key][i].length, (i) => String(columns[key][i].length)],
    code: () => [(i) => line(columns.number[i]), (i) => make("code", {}, line(columns.number[i]))],
  };
  const cells = data.table.map(({ key, header, form, about, texts }) => [header[0].toUpperCase() + header.slice(1), ...forms[form](key, texts), about]);
  const rows = () => (columns.state ? columns.number.map((_, place) => place) : []);
  let shown = rows();
  let sorted = rows();
  let page = 0;
  const state = document.getElementById("trials-state");
  const find = document.getElementById("trials-find");
  const pages = document.getElementById("trials-pages");
  const headings = cells.map(([name, value, , about]) => {
    const button = make("button", { type: "button" }, name);
    const heading = make("th", about ? { scope: "col", title: about } : { scope: "col" }, button);
    button.addEventListener("click", () => {
      const sign = turned(heading, headings);
      const values = new Map(sorted.map((i) => [i, value(i)]));
      sorted.sort((a, b) => order(values.get(a), values.get(b), sign) || a - b);
      select();
    });
    return heading;
  });
  trialsTable.tHead.append(make("tr", {}, ...headings, make("th", { scope: "col" }, make("span", { class: "unseen" }, "Export"))));
  const fill = () => {
    trialsTable.tBodies[0].replaceChildren(...shown.slice(page * size, (page + 1) * size).map((i) => {
      const number = columns.number[i];
      const row = make("tr", number === chosen ? { class: "chosen" } : {});
      row.append(...cells.map(([name, , show]) => make("td", { "data-label": name }, show(i))));
      row.append(make("td", { class: "act" }, make("button", { type: "button", "data-copy": exportCommand(number), title: exportCommand(number), "aria-label": `Copy the export command of trial ${number}` }, "Copy export")));
      return row;
    }));
    const last = Math.max(Math.ceil(shown.length / size) - 1, 0);
    const to = (text, target) => {
      const button = make("button", { type: "button" }, text);
      button.disabled = target < 0 || target > last || target === page;
      button.addEventListener("click", () => {
        page = target;
        fill();
        [...pages.querySelectorAll("button")].find((each) => each.textContent === text && each.isConnected && !each.disabled)?.focus();
      });
      return button;
    };
    const from = shown.length ? page * size + 1 : 0;
    pages.replaceChildren(to("First", 0), to("Previous", page - 1), make("span", { "aria-live": "polite" }, `${from.toLocaleString("en")} to ${Math.min((page + 1) * size, shown.length).toLocaleString("en")} of ${shown.length.toLocaleString("en")}`), to("Next", page + 1), to("Last", last));
  };
  const select = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    shown = sorted.filter((i) => {
      if (state.value && states[i] !== state.value) return false;
      if (!words.length) return true;
      const text = `${columns.number[i]} ${line(columns.number[i])} ${data.words[columns.reason[i]]} ${data.words[columns.origin[i]]} ${data.words[columns.verdict[i]]}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    page = 0;
    fill();
  };
  state.addEventListener("change", select);
  find.addEventListener("input", select);
  document.getElementById("trials-copy").addEventListener("click", (event) => {
    const names = cells.map(([name]) => name).join("\t");
    const lines = shown.map((i) => cells.map(([, value]) => value(i) ?? "").join("\t"));
    copyText([names, ...lines].join("\n"), event.currentTarget);
  });
  choosers.push((number) => {
    for (const row of trialsTable.tBodies[0].rows) row.classList.toggle("chosen", Number(row.cells[0].textContent) === number);
  });
  fill();
}

choosers.push((number) => {
  for (const row of document.querySelectorAll("[data-trial-row]")) row.classList.toggle("chosen", Number(row.dataset.trialRow) === number);
});

// a link may name a trial; otherwise the best is shown first
const named = /^#trial-(\d+)$/.exec(location.hash);
const fromLink = () => {
  const match = /^#trial-(\d+)$/.exec(location.hash);
  if (match) choose(Number(match[1]), true);
};
window.addEventListener("hashchange", fromLink);
if (named && placeOf.has(Number(named[1]))) fromLink();
else if (data.best !== null) choose(data.best);
else if (data.front.length) choose(data.front[0]);
opening = false;
