"""Write and open a report of ten thousand trials: seconds, megabytes, first paint, redraws.

    python benchmarks/report_scale.py [--trials 10000] [--repeats 3]

The trials are made, not trained. Needs Chromium and the extra `browser` for the times on screen.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from archsearch.report import write_report
from tests.report.synthetic_run import synthetic_run

_PAINT = """() => {
  const paint = performance.getEntriesByName('first-contentful-paint')[0];
  return paint ? paint.startTime : null;
}"""
_SLIDER = """async () => {
  const slider = document.getElementById('budget-slider');
  const times = [];
  for (let step = 0; step < 40; step += 1) {
    slider.value = 400 - step * 9;
    const began = performance.now();
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
    times.push(performance.now() - began);
  }
  return times;
}"""
_ALL = """async () => {
  const button = document.querySelector('.legend .all');
  const began = performance.now();
  button.click();
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  return performance.now() - began;
}"""
_SORT = """async () => {
  const button = document.querySelectorAll('#trials-rows th button')[3];
  const began = performance.now();
  button.click();
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  return performance.now() - began;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    run = synthetic_run(chosen.trials, baselines=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        written = []
        for _ in range(chosen.repeats):
            began = time.perf_counter()
            write_report(run, path)
            written.append(time.perf_counter() - began)
        facts = {
            "machine": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "trials": chosen.trials,
            "repeats": chosen.repeats,
            "write_s": round(statistics.median(written), 2),
            "megabytes": round(path.stat().st_size / 1e6, 2),
        }
        with sync_playwright() as play:
            program = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))))
            browser = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
            opened = [_open(browser, path) for _ in range(chosen.repeats)]
            browser.close()
    for key in opened[0]:
        facts[key] = round(statistics.median(each[key] for each in opened), 1)
    print(json.dumps(facts, indent=2))


def _open(browser: Browser, path: Path) -> dict[str, float]:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(path.as_uri())
    page.wait_for_selector('[data-figure="front"].js-plotly-plot')
    drawn = page.evaluate("performance.now()")
    page.wait_for_timeout(500)
    slides = page.evaluate(_SLIDER)
    found = {
        "first_paint_ms": page.evaluate(_PAINT),
        "front_drawn_ms": drawn,
        "slider_median_ms": statistics.median(slides),
        "slider_worst_ms": max(slides),
        "show_every_mark_ms": page.evaluate(_ALL),
        "sort_all_trials_ms": page.evaluate(_SORT),
    }
    page.close()
    return found


if __name__ == "__main__":
    main()
