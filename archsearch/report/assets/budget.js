// What would be left under a tighter budget.

const slider = document.getElementById("budget-slider");
if (slider && front) {
  const says = document.getElementById("budget-says");
  const points = data.front.map(trial);
  const limit = Math.max(data.budget ?? 0, points.at(-1).latency);
  const fastest = points[0].latency;
  const steps_ = 400;
  Object.assign(slider, { min: 0, max: steps_, step: 1, value: steps_ });
  slider.parentElement.hidden = false;
  const veil = make("div", { class: "veil", hidden: "" });
  const budgetNow = () => {
    const value = fastest + (slider.value / steps_) * (limit - fastest);
    return Number(slider.value) === steps_ ? limit : value;
  };
  const cover = () => {
    const place = placeInFront(budgetNow(), 1);
    veil.hidden = !place || Number(slider.value) === steps_;
    if (!place) return;
    const left = Math.min(Math.max(place.x, place.left), place.right);
    Object.assign(veil.style, { left: `${left}px`, width: `${place.right - left}px`, top: `${place.top}px`, height: `${place.bottom - place.top}px` });
  };
  const tell = () => {
    const now = budgetNow();
    // who dominates a point is at least as fast, so a tighter budget keeps a first part of the
    // front and adds nothing to it
    const left = points.filter((each) => each.latency <= now);
    // ranked by the numbers that decide which is best: all of one kind
    const ranked = left.filter((each) => each.number in data.deciding);
    const top = (ranked.length ? ranked : left).reduce((a, b) => (data.deciding[b.number] > data.deciding[a.number] ? b : a));
    const lost = 100 * (data.deciding[data.best] - data.deciding[top.number]);
    const few = left.length === 1 ? "1 architecture" : `${left.length} architectures`;
    const cost = lost > 0 ? `, ${lost.toFixed(1)} points below the best` : "";
    says.textContent = `${ms(now)} ms: ${few}; trial ${top.number} reaches ${percent(top.reported[0])} % in ${ms(top.latency)} ms${cost}.`;
    slider.setAttribute("aria-valuetext", `${ms(now)} milliseconds`);
    for (const row of document.querySelectorAll("[data-trial-row]")) {
      row.classList.toggle("over", trial(Number(row.dataset.trialRow)).latency > now);
    }
    cover();
  };
  slider.addEventListener("input", tell);
  front.addEventListener("drawn", () => {
    // under the last layer, which holds labels and hover texts
    [...front.querySelectorAll(".main-svg")].at(-1).before(veil);
    front.on("plotly_afterplot", cover);
    front.on("plotly_relayouting", cover);
    cover();
  });
  tell();
}
