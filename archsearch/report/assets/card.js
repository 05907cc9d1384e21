// The card of the chosen architecture.

const card = document.getElementById("card");
let compared = "";

function interval(pair, text) {
  return pair ? make("small", {}, text(pair)) : null;
}

function numbersOf(each) {
  const list = make("dl", { class: "numbers" });
  const add = (name, value, small = null) => {
    if (value !== null) list.append(make("div", {}, make("dt", {}, name), make("dd", {}, value, small)));
  };
  const share = (pair) => `${percent(pair[0])} to ${percent(pair[1])}`;
  const stopped = each.state === "pruned" && each.curve.length;
  // the number that leads in every table first, then that of the search seed
  if (each.reported && each.seeds.length) {
    const [value, low, high] = each.reported;
    const many = each.seeds.length === 1 ? "1 other seed" : `mean of ${each.seeds.length} other seeds`;
    const within = low === null ? "" : `${share([low, high])}; `;
    add("Validation accuracy", `${percent(value)} %`, make("small", {}, `${within}${many}: ${each.seeds.map(percent).join(", ")}`));
  }
  if (each.accuracy !== null) {
    const within = each.accuracy_interval ? `${share(each.accuracy_interval)}; ` : "";
    const name = each.seeds.length ? "Selected seed" : "Validation accuracy";
    add(name, `${percent(each.accuracy)} %`, make("small", {}, `${within}seed that chose${onFront.has(each.number) ? ", optimistic" : ""}`));
  }
  if (stopped) add("Accuracy of the part", `${percent(each.curve.at(-1))} %`, make("small", {}, `after ${each.curve.length} epochs`));
  if (each.test !== null) add("Test accuracy", `${percent(each.test)} %`, data.num_test ? make("small", {}, `${data.num_test.toLocaleString("en")} images`) : null);
  if (each.latency !== null) {
    add("Latency", `${ms(each.latency)} ms`, interval(each.interval, (pair) => `interval ${intervalMs(pair)}`) ?? make("small", {}, "spread unknown"));
    add("Verdict of the latency", each.verdict);
  }
  add("Parameters", count(each.params));
  add("MACs", count(each.macs), make("small", {}, "one image"));
  if (each.curve.length > 1) list.append(make("div", {}, make("dt", {}, `Learning, ${each.curve.length} epochs`), make("dd", {}, spark(each.curve))));
  add("Origin", each.origin || "-", make("small", {}, `seed ${each.seed}`));
  return list;
}

/** Both ends with as many digits as tell them apart. */
function intervalMs([low, high]) {
  let digits = (three(low).split(".")[1] ?? "").length;
  while (digits < 5 && high > low && low.toFixed(digits) === high.toFixed(digits)) digits += 1;
  return `${low.toFixed(digits)} to ${high.toFixed(digits)}`;
}

function spark(curve) {
  const [width, height] = [96, 26];
  const low = Math.min(...curve);
  const span = Math.max(...curve) - low || 1;
  const points = curve.map((value, i) => `${(2 + (i * (width - 4)) / (curve.length - 1)).toFixed(1)},${(height - 3 - ((value - low) / span) * (height - 6)).toFixed(1)}`);
  const svg = shape("svg", { width, height, role: "img", "aria-label": `from ${percent(curve[0])} to ${percent(curve.at(-1))} %` });
  svg.append(shape("polyline", { points: points.join(" "), fill: "none", stroke: "var(--accent)", "stroke-width": 1.8 }));
  const [x, y] = points.at(-1).split(",");
  svg.append(shape("circle", { cx: x, cy: y, r: 2.6, fill: "var(--accent)" }));
  return svg;
}

function badges(each) {
  const words = [];
  if (each.number === data.best) words.push("best");
  if (each.number === data.knee) words.push("knee");
  if (onFront.has(each.number) && !words.length) words.push("front");
  if (!onFront.has(each.number)) words.push({ complete: "not on the front", pruned: "trained in part", infeasible: "over budget" }[each.state] ?? each.state);
  if (onFront.has(each.number) && each.verdict) words.push(each.verdict);
  return words.map((word) => make("span", { class: "badge" }, word));
}

function compareSelect(number) {
  const select = make("select");
  const add = (value, text) => {
    const option = make("option", { value }, text);
    option.selected = String(value) === String(compared);
    select.append(option);
  };
  add("", "nothing");
  const offered = new Set(data.front);
  if (compared !== "") offered.add(Number(compared));
  for (const other of offered) {
    if (other === number) continue;
    const each = trial(other);
    const known = each.reported ? `: ${percent(each.reported[0])} %, ${ms(each.latency)} ms` : "";
    add(other, `trial ${other}${known}`);
  }
  select.addEventListener("change", () => { compared = select.value; showCard(chosen); });
  return make("label", {}, "Compare with ", select);
}

/** A button that keeps this trial, so that the next one chosen is shown beside it. */
function keepButton(number) {
  const kept = Number(compared) === number && compared !== "";
  const button = make("button", { type: "button", "aria-pressed": String(kept) }, kept ? "Kept: choose another" : "Keep to compare");
  button.addEventListener("click", () => {
    compared = kept ? "" : number;
    showCard(number);
    card.querySelector("[aria-pressed]").focus();
  });
  return button;
}

function steps(number) {
  const at = data.front.indexOf(number);
  const button = (text, label, next) => {
    const made = make("button", { type: "button", "aria-label": label }, text);
    made.disabled = next === undefined;
    made.addEventListener("click", () => {
      choose(next);
      card.querySelector(`[aria-label="${label}"]:enabled`)?.focus();
    });
    return made;
  };
  if (at < 0) return [];
  return [button("Faster", "Next faster on the front", data.front[at - 1]), button("More accurate", "Next more accurate on the front", data.front[at + 1])];
}

function showCard(number) {
  const each = trial(number);
  card.hidden = false;
  const head = make("div", {}, make("h3", {}, `Trial ${number}`), ...badges(each), make("div", { class: "go" }, compareSelect(number), keepButton(number), ...steps(number)));
  const copy = make("button", { type: "button" }, "Copy");
  copy.addEventListener("click", () => copyText(exportCommand(number), copy));
  const reason = each.reason ? make("p", { class: "reason" }, each.reason) : null;
  const children = [head, numbersOf(each), reason, networkDrawing(number, compared === "" || Number(compared) === number ? null : Number(compared))];
  if (compared !== "" && Number(compared) !== number) {
    const other = trial(Number(compared));
    children.push(make("p", { class: "against" }, `Trial ${other.number}, with what differs marked`), numbersOf(other), networkDrawing(other.number, number));
  }
  children.push(make("div", { class: "command" }, make("code", { tabindex: "0" }, exportCommand(number)), copy));
  card.replaceChildren(...children.filter(Boolean));
}

choosers.push((number, scroll) => {
  showCard(number);
  if (!opening) history.replaceState(null, "", `#trial-${number}`);
  if (scroll) {
    card.scrollIntoView({ block: "nearest" });
    card.focus({ preventScroll: true });
  }
});
