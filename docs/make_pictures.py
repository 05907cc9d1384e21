"""Take the pictures of these pages from real runs, with Chromium.

    pip install -e '.[dashboard,browser]'
    python docs/make_pictures.py [--runs-dir runs-for-pictures]

Makes two small searches and an ablation on the digits first (some ten minutes; the same command
goes on where it was stopped), then writes docs/images. Look at every picture before you commit it.
`python docs/make_pictures.py --data` takes the picture of the data alone.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from archsearch.ablation import load_ablation
from archsearch.dashboard import open_dashboard
from archsearch.data import load_data
from archsearch.report import write_ablation, write_report
from archsearch.report.run_comparison_page import write_comparison
from archsearch.run import load_run

IMAGES = Path(__file__).parent / "images"
#: width to height and pixels a point
SCREENS = {1440: (1000, 1.0), 360: (780, 2.0)}
MOST_BYTES, MOST_BYTES_TOGETHER = 200_000, 1_500_000
#: a page needs no more: text, lines and a few colours
_COLORS = 128
_SHORT = ["--budget-ms", "5", "--epochs", "3", "--executor", "inline", "--quiet"]
#: folder of a run to the command that makes it
RUNS = {
    "lightweight": [
        *("run", "lightweight", "--name", "lightweight", "--trials", "24", *_SHORT),
        *("--baseline", "zoo:localvit_tiny", "--baseline", "timm:mobilenetv2_050"),
    ],
    "random": [
        *("run", "lightweight", "--name", "random", "--trials", "16", *_SHORT),
        *("--sampler", "random"),
    ],
    "edgevit_components-small-digits": [
        *("ablate", "edgevit_components", "--scale", "small"),
        *("--epochs", "3", "--executor", "inline"),
    ],
}


def main() -> None:
    """Make what is missing, and take every picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs-dir", type=Path, default=Path("runs-for-pictures"))
    parser.add_argument("--data", action="store_true", help="take the picture of the data alone")
    options = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    take_cluttered_digits()
    if options.data:
        return
    runs_dir = options.runs_dir
    for name, command in RUNS.items():
        if not (runs_dir / name / "report.html").exists():
            program = [sys.executable, "-m", "archsearch", *command]
            subprocess.run([*program, "--runs-dir", str(runs_dir)], check=True)
    program = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        _take_all(browser, runs_dir, Path(folder))
        browser.close()
    _check_sizes()


def _take_all(browser: Browser, runs_dir: Path, folder: Path) -> None:
    run, other = load_run("lightweight", runs_dir), load_run("random", runs_dir)
    report = write_report(run, folder / "report.html").as_uri()
    comparison = write_comparison([run, other], folder / "comparison.html").as_uri()
    study = load_ablation(runs_dir / "edgevit_components-small-digits")
    ablation = write_ablation(study, folder / "ablation.html").as_uri()
    for width in SCREENS:
        for dark in (False, True):
            ending = f"{width}-{'dark' if dark else 'light'}.png"
            with _opened(browser, report, width, dark) as page:
                _save(page.screenshot(), f"report-{ending}")
                _save(page.locator("#card").screenshot(), f"card-{ending}")
            for name, address in (("comparison", comparison), ("ablation", ablation)):
                with _opened(browser, address, width, dark) as page:
                    _save(page.screenshot(), f"{name}-{ending}")
    with open_dashboard(run.name, runs_dir, port=0) as live:
        trial = f"{live.url}/studies/1/trials?numbers={run.front[-1]}"
        for width in SCREENS:
            for dark in (False, True):
                with _opened(browser, trial, width, dark, figures=False) as page:
                    page.get_by_text("Best Trial").first.wait_for()
                    page.wait_for_timeout(1500)
                    ending = f"{width}-{'dark' if dark else 'light'}.png"
                    _save(page.screenshot(), f"dashboard-{ending}")


def take_cluttered_digits(rows: int = 3) -> None:
    """Show the first images of each class, one class a column."""
    side = 32
    val = load_data("cluttered-digits", image_size=side).val
    gap, zoom = 2, 3
    page = np.full((rows * (side + gap) - gap, 10 * (side + gap) - gap), 255, np.uint8)
    for label in range(10):
        images = val.batch(np.flatnonzero(val.labels == label)[:rows])[:, 0]
        for row, image in enumerate(images):
            top, left = row * (side + gap), label * (side + gap)
            page[top : top + side, left : left + side] = image
    picture = Image.fromarray(page)
    larger = picture.resize((zoom * picture.width, zoom * picture.height), Image.Resampling.NEAREST)
    larger.quantize(16, dither=Image.Dither.NONE).save(
        IMAGES / "cluttered-digits.png", optimize=True
    )


@contextmanager
def _opened(
    browser: Browser, address: str, width: int, dark: bool, figures: bool = True
) -> Iterator[Page]:
    height, scale = SCREENS[width]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=scale,
        color_scheme="dark" if dark else "light",
    )
    page = context.new_page()
    page.goto(address)
    if figures:
        page.wait_for_selector(".js-plotly-plot")
        page.wait_for_timeout(500)
    yield page
    context.close()


def _save(picture: bytes, name: str) -> None:
    path = IMAGES / name
    path.write_bytes(picture)
    with Image.open(path) as image:
        fewer = image.convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE)
    fewer.save(path, optimize=True)


def _check_sizes() -> None:
    sizes = {path.name: path.stat().st_size for path in sorted(IMAGES.glob("*.png"))}
    for name, size in sizes.items():
        print(f"{size / 1000:6.0f} kB  {name}")
    print(f"{sum(sizes.values()) / 1000:6.0f} kB  together")
    large = [name for name, size in sizes.items() if size > MOST_BYTES]
    if large or sum(sizes.values()) > MOST_BYTES_TOGETHER:
        raise SystemExit(f"too large: {', '.join(large) or 'all together'}")


if __name__ == "__main__":
    main()
