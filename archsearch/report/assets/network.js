// A small drawing of a network: one box a stage, with the map to scale and how it is attended to.

const SVG = "http://www.w3.org/2000/svg";
const times = (text) => text.replace(/(^|\s)x\s?(?=\d)/g, (found) => found.replace("x", "\u00d7"));
let patterns = 0;

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** Rows and columns of a size: one number stands for a square. */
const sidesOf = (size) => (Array.isArray(size) ? size : [size, size]);

/** The map of a stage: to scale, cut as the attention cuts it. */
function mapDrawing(block, size, largest) {
  const full = 64;
  const [rows, columns] = sidesOf(size);
  const longer = Math.max(rows, columns);
  const cell = Math.max(full * Math.sqrt(longer / largest), 14) / longer;
  const [height, width] = [cell * rows, cell * columns];
  const svg = shape("svg", { width: full + 26, height: height + 2, viewBox: `-1 -1 ${full + 26} ${height + 2}`, "aria-hidden": "true" });
  const area = (fill, extra = {}) => svg.append(shape("rect", { width, height, fill, ...extra }));
  const tile = (size, ...inside) => {
    const id = `cells-${patterns++}`;
    const pattern = shape("pattern", { id, width: size, height: size, patternUnits: "userSpaceOnUse" });
    pattern.append(...inside);
    svg.append(pattern);
    return `url(#${id})`;
  };
  // to scale, unless the cells would be too fine to see
  const unit = Math.max(block.size * cell, 5);
  if (block.pattern === "all") {
    area("var(--accent)", { "fill-opacity": 0.28 });
  } else {
    area("var(--accent)", { "fill-opacity": 0.09 });
    if (block.pattern === "windows") {
      area(tile(unit, shape("path", { d: `M0 ${unit}V0H${unit}`, fill: "none", stroke: "var(--accent)", "stroke-width": 1.5 })));
    } else if (block.pattern === "samples") {
      area(tile(unit, shape("rect", { width: Math.max(cell, 1.5), height: Math.max(cell, 1.5), fill: "var(--accent)" })));
    } else {
      const inset = Math.min(1, unit / 6);
      area(tile(unit, shape("rect", { x: inset, y: inset, width: unit - 2 * inset, height: unit - 2 * inset, fill: "var(--accent)", "fill-opacity": 0.45 })));
    }
  }
  area("none", { stroke: "var(--accent)", "stroke-width": 1.5 });
  for (let token = 0; token < Math.min(block.tokens, 16); token += 1) {
    svg.append(shape("circle", { cx: width + 6 + 6 * Math.floor(token / 8), cy: 3 + 6 * (token % 8) * Math.min(1, Math.max(height - 6, 6) / 44), r: 1.9, fill: "var(--budget)" }));
  }
  return svg;
}

/** The parts of a network as text, keyed so that two networks can be compared part by part. */
function parts(number) {
  const [size, stem, head, ...stages] = columns.net[placeOf.get(number)];
  return {
    stem: [`${sidesOf(size).join(" x ")} pixels`, data.words[stem]],
    head: [data.words[head]],
    stages: stages.map(([depth, width, heads, side, down, position, blocks]) => ({
      depth: `${depth} x ${width}`,
      side,
      facts: [`${sidesOf(side).join(" x ")} map`, `${heads} ${heads === 1 ? "head" : "heads"}`, data.words[down] && `${data.words[down]} downsampling`, data.words[position]].filter(Boolean),
      blocks: blocks.map((place) => data.blocks[place]),
    })),
  };
}

/** How much of an inference a part takes, as words and a bar; nothing when nobody measured it. */
function timeShare(share) {
  if (share === null || share === undefined) return null;
  const whole = Math.round(100 * share);
  const bar = make("i", { class: "share", "aria-hidden": "true" });
  bar.style.setProperty("--share", String(share));
  return make("p", { class: "spent" }, `${share > 0 && whole === 0 ? "under 1" : whole} % of the time`, bar);
}

/** A list of stages; what differs from `other` is marked. */
function networkDrawing(number, other = null) {
  const own = parts(number);
  const theirs = other === null ? null : parts(other);
  const word = (text, same) => (theirs && !same ? make("mark", {}, times(text)) : times(text));
  const list = make("ol", { class: "net" });
  const shares = columns.share?.[placeOf.get(number)] ?? [];
  const end = (title, lines, their, share) => {
    const item = make("li", { class: "end" }, make("h4", {}, title), timeShare(share));
    lines.forEach((text, i) => item.append(make("p", {}, word(text, their?.[i] === text))));
    list.append(item);
  };
  const largest = Math.max(...own.stages.flatMap((stage) => sidesOf(stage.side)));
  end("Input", own.stem, theirs?.stem, shares[0]);
  own.stages.forEach((stage, index) => {
    const their = theirs?.stages[index];
    const item = make("li", {}, make("h4", {}, `Stage ${index + 1}: `, word(stage.depth.replaceAll(" ", "\u00a0"), their?.depth === stage.depth)), timeShare(shares[index + 1]));
    const facts = make("p");
    stage.facts.forEach((text, i) => facts.append(i ? ", " : "", word(text, their?.facts.includes(text))));
    item.append(facts);
    stage.blocks.forEach((block, i) => {
      const twin = their?.blocks[i];
      const box = make("div", { class: "block" });
      box.append(mapDrawing(block, stage.side, largest));
      if (block.before) box.append(make("p", {}, word(`${block.before}, then`, twin?.before === block.before)));
      box.append(make("b", {}, word(block.attention, twin?.attention === block.attention)));
      if (block.detail) box.append(make("p", {}, word(block.detail, twin?.detail === block.detail)));
      box.append(make("p", {}, word(block.ffn, twin?.ffn === block.ffn)));
      item.append(box);
    });
    list.append(item);
  });
  end("Head", own.head, theirs?.head, shares.at(-1));
  return list;
}
