// Figures: drawn when they come near the screen, in the colours of the page.

/** A deep copy with every colour replaced by its dark partner. */
function themed(value) {
  if (Array.isArray(value)) {
    // long columns hold numbers only, which have no colour
    return value.length > 64 && typeof value[0] !== "object" ? value : value.map(themed);
  }
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, themed(each)]));
  }
  return dark.matches && typeof value === "string" ? data.dark[value] ?? value : value;
}

const tidy = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(" | ", "<br>");

function prepared(key) {
  const figure = themed(data.figures[key]);
  const style = getComputedStyle(document.documentElement);
  for (const trace of figure.data) {
    if (narrow.matches && trace.mode === "markers+text") trace.mode = "markers";
    if (trace.meta?.text === "architecture") {
      // a phone has no room for it; there, a touch opens the card
      if (narrow.matches) continue;
      trace.hovertemplate = trace.hovertemplate.replace("<extra>", "<br>%{text}<extra>");
      trace.text = trace.customdata.map((number) => tidy(line(number)));
    }
  }
  // numbers beside the marks, for which a phone has no room; they stand in the table too
  const marks = figure.layout.annotations ?? [];
  if (narrow.matches && marks.some((each) => each.name === "wide")) {
    figure.layout.annotations = marks.filter((each) => each.name !== "wide");
    figure.layout.xaxis.domain = [0, 1];
  }
  Object.assign(figure.layout, {
    autosize: true,
    showlegend: false,
    dragmode: window.matchMedia("(pointer: coarse)").matches ? false : figure.layout.dragmode,
    margin: { l: figure.layout.yaxis?.visible === false ? 10 : 54, r: 12, t: key === "front" ? 22 : 10, b: 46 },
  });
  figure.layout.hoverlabel = {
    ...figure.layout.hoverlabel,
    bgcolor: style.getPropertyValue("--raised").trim(),
    bordercolor: style.getPropertyValue("--line").trim(),
  };
  figure.layout.hoverlabel.font = { ...figure.layout.hoverlabel.font, color: style.getPropertyValue("--text").trim() };
  return figure;
}

const drawn = new Map();
const settings = { responsive: true, displaylogo: false, displayModeBar: false, scrollZoom: false, doubleClick: "reset+autosize" };

async function draw(element) {
  const key = element.dataset.figure;
  const figure = prepared(key);
  const again = drawn.has(key);
  drawn.set(key, element);
  await Plotly.react(element, figure.data, figure.layout, settings);
  if (again) return;
  element.on("plotly_click", (event) => {
    const number = event.points[0].customdata;
    if (Number.isInteger(number)) choose(number);
  });
  if (figure.data.filter((trace) => trace.name).length > 1 && data.figures[key].layout.showlegend !== false) {
    legend(element, figure.data);
  }
  element.dispatchEvent(new CustomEvent("drawn"));
}

/** Buttons that name the traces and switch them on and off. */
function legend(element, traces) {
  const place = document.querySelector(`[data-legend="${element.dataset.figure}"]`);
  // the front is the last trace, so that it is drawn on top, but it is read first
  for (const index of traces.map((_, i) => i).filter((i) => traces[i].name).reverse()) {
    const button = make("button", { type: "button", "aria-pressed": "true" });
    button.innerHTML = symbol(traces[index]);
    // curves joined into one trace repeat their number at every epoch
    const size = element.dataset.figure === "front" ? ` ${traces[index].customdata.length.toLocaleString("en")}` : "";
    button.append(`${traces[index].name}${size}`);
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") === "false";
      button.setAttribute("aria-pressed", String(shown));
      // a line without a name belongs to the marks after it
      const own = index && !traces[index - 1].name ? [index - 1, index] : [index];
      Plotly.restyle(element, { visible: shown }, own);
    });
    place.append(button);
  }
  if (element.dataset.figure === "front") place.append(viewButton(element));
}

/** A button between the view that the plot opens with and one that holds every mark. */
function viewButton(element) {
  const opened = data.figures.front.layout;
  const button = make("button", { type: "button", class: "all", "aria-pressed": "false" }, "Show every mark");
  button.addEventListener("click", () => {
    const all = button.getAttribute("aria-pressed") === "false";
    button.setAttribute("aria-pressed", String(all));
    button.textContent = all ? "Show the front" : "Show every mark";
    const change = all
      ? { "xaxis.autorange": true, "yaxis.autorange": true }
      : { "xaxis.range": [...opened.xaxis.range], "yaxis.range": [...opened.yaxis.range] };
    Plotly.relayout(element, change);
  });
  return button;
}

function symbol(trace) {
  const color = trace.marker?.color ?? trace.line.color;
  const kind = trace.type === "bar" ? "bar" : trace.mode === "lines" ? "line" : trace.marker.symbol ?? "circle";
  const shape = {
    line: `<path d="M1 7H13" stroke="${color}" stroke-width="2"/>`,
    bar: `<path d="M2 3H12V11H2Z" fill="${color}"/>`,
    diamond: `<path d="M7 1.5L12.5 7L7 12.5L1.5 7Z" fill="${color}"/>`,
    square: `<path d="M3 3H11V11H3Z" fill="${color}"/>`,
    "triangle-up": `<path d="M7 2L12 11H2Z" fill="${color}"/>`,
    cross: `<path d="M7 2V12M2 7H12" stroke="${color}" stroke-width="3.4"/>`,
    x: `<path d="M3 3L11 11M11 3L3 11" stroke="${color}" stroke-width="3"/>`,
    circle: `<circle cx="7" cy="7" r="${trace.mode?.includes("lines") || trace.marker.size > 8 ? 5 : 3.5}" fill="${color}"/>`,
    "circle-open": `<circle cx="7" cy="7" r="4" fill="none" stroke="${color}" stroke-width="1.4"/>`,
    "triangle-down-open": `<path d="M3 4.5H11L7 11Z" fill="none" stroke="${color}" stroke-width="1.4"/>`,
    "diamond-open": `<path d="M7 2.5L11.5 7L7 11.5L2.5 7Z" fill="none" stroke="${color}" stroke-width="1.4"/>`,
    "line-ns-open": `<path d="M5 3V11M9 3V11" stroke="${color}" stroke-width="1.4"/>`,
  }[kind];
  return `<svg width="14" height="14" aria-hidden="true">${shape}</svg>`;
}

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) {
      watcher.unobserve(entry.target);
      draw(entry.target);
    }
  }
}, { rootMargin: "400px" });
for (const element of document.querySelectorAll("[data-figure]")) watcher.observe(element);
const redraw = () => {
  for (const [key, element] of drawn) {
    document.querySelector(`[data-legend="${key}"]`).replaceChildren();
    const figure = prepared(key);
    Plotly.react(element, figure.data, figure.layout, settings);
    if (figure.data.filter((trace) => trace.name).length > 1 && data.figures[key].layout.showlegend !== false) legend(element, figure.data);
  }
};
dark.addEventListener("change", redraw);
narrow.addEventListener("change", redraw);
// paper is white, whatever the screen was
window.addEventListener("beforeprint", () => { for (const element of document.querySelectorAll("[data-figure]")) if (!drawn.has(element.dataset.figure)) draw(element); });

/** Place of a point of the front's plot, in pixels of its element; null when out of view. */
function placeInFront(latency, accuracy) {
  const element = drawn.get("front");
  const layout = element?._fullLayout;
  if (!layout?.xaxis?.l2p) return null;
  const x = layout.xaxis._offset + layout.xaxis.l2p(latency);
  const axis = accuracy === null ? layout.yaxis2 : layout.yaxis;
  if (!axis) return null;
  const y = axis._offset + axis.l2p(accuracy === null ? 0 : 100 * accuracy);
  const right = layout.xaxis._offset + layout.xaxis._length;
  const seen = x >= layout.xaxis._offset && x <= right && y >= axis._offset && y <= axis._offset + axis._length;
  return { x, y, seen, left: layout.xaxis._offset, right, top: layout.yaxis._offset, bottom: layout.yaxis._offset + layout.yaxis._length };
}

const front = document.querySelector('[data-figure="front"]');
if (front) {
  front.tabIndex = 0;
  front.setAttribute("role", "group");
  front.title = "";
  front.setAttribute("aria-roledescription", "plot; the left and right arrow keys walk along the front");
  front.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || data.front.length === 0) return;
    event.preventDefault();
    const at = data.front.indexOf(chosen);
    const next = at < 0 ? (step > 0 ? 0 : data.front.length - 1) : at + step;
    if (data.front[next] !== undefined) choose(data.front[next]);
  });
  const ring = make("div", { class: "ring", hidden: "" });
  front.append(ring);
  const follow = () => {
    const known = chosen === null ? null : trial(chosen);
    const stopped = known?.state === "pruned" ? known.curve.at(-1) : known?.accuracy ?? null;
    const shown = stopped === null || known.state === "pruned" || !known.reported ? stopped : known.reported[0];
    const place = known && known.latency !== null ? placeInFront(known.latency, shown) : null;
    ring.hidden = !place?.seen;
    if (place) { ring.style.left = `${place.x}px`; ring.style.top = `${place.y}px`; }
  };
  choosers.push(follow);
  front.addEventListener("drawn", () => { front.append(ring); front.on("plotly_afterplot", follow); front.on("plotly_relayouting", follow); follow(); });
}
