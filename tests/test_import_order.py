"""Imports run one way through the package, and heavy packages sit behind one door each."""

import ast
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "archsearch"

#: parts may import from earlier rows, and from their own part
ORDER = [
    {
        "__init__",
        "errors",
        "files",
        "secrets",
        "percent",
        "yaml_source",
        "resources",
        "settings",
        "option",
        "duration",
        "machine",
        "activity",
        "user_code",
        "image_size",
    },
    {"arch", "record", "ablation_record", "blocks"},
    {"model", "space"},
    {"zoo", "cost", "data", "tracking"},
    {"train"},
    {"deployment"},
    {"analysis", "cluster"},
    {"search"},
    {"run"},
    {"ablation", "tune"},
    {"report", "export"},
    {"dashboard", "doctor"},
    {"cli", "__main__"},
]
ROW = {part: row for row, parts in enumerate(ORDER) for part in parts}
#: inside a row, the few imports that go one way
WITHIN = {
    ("__main__", "cli"),
    ("zoo", "cost"),
    ("record", "arch"),
    ("ablation_record", "arch"),
    ("ablation_record", "record"),
    ("files", "errors"),
    ("yaml_source", "errors"),
    ("settings", "errors"),
    ("duration", "errors"),
    ("settings", "yaml_source"),
    ("yaml_source", "files"),
    ("resources", "errors"),
    ("image_size", "errors"),
    ("resources", "files"),
    ("activity", "errors"),
    ("user_code", "errors"),
    ("user_code", "activity"),
}

HOME = {
    "ray": {
        "cluster/ray_executor.py",
        "cluster/ray_start.py",
        "cluster/remote_probe.py",
        # a Trainable of Ray Tune is a class of Ray's
        "tune/trainable.py",
    },
    "optuna": {"search", "run"},
    "optuna_dashboard": {"dashboard"},
    "plotly": {"report"},
    "typer": {"cli"},
    "rich": {"cli", "report"},
    "onnx": {"export"},
    "tensorboard": {"tracking"},
    "wandb": {"tracking"},
    "mlflow": {"tracking"},
    "onnxruntime": {"cost", "export"},
    "openvino": {"cost"},
    "ai_edge_litert": {"cost"},
    "litert_torch": {"cost"},
    "ai_edge_quantizer": {"cost"},
    "torchvision": {"data", "train"},
}

FILES = sorted(PACKAGE.rglob("*.py"))


@cache
def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
            if node.module == "archsearch":
                names |= {f"archsearch.{alias.name}" for alias in node.names}
    return names


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_one_way(path: Path) -> None:
    part = part_of(path)
    if path == PACKAGE / "__init__.py":
        pytest.skip("the public names come from every part; test_import_budget says what it loads")
    assert part in ROW, f"{part} has no place in the import order"
    for name in imported(path):
        pieces = name.split(".")
        if pieces[0] != "archsearch" or len(pieces) < 2 or pieces[1] not in ROW:
            continue
        other = pieces[1]
        allowed = other == part or ROW[other] < ROW[part] or (part, other) in WITHIN
        assert allowed, f"{path.relative_to(PACKAGE)} imports {name}: against the import order"


def test_heavy_packages_have_one_home() -> None:
    wrong = {
        (place, name)
        for path in FILES
        for name in imported(path)
        if (homes := HOME.get(name.split(".")[0])) is not None
        and not {place := path.relative_to(PACKAGE).as_posix(), part_of(path)} & homes
    }
    assert wrong == set()


def test_blocks_and_specifications_stay_apart() -> None:
    blocks = [path for path in FILES if part_of(path) == "blocks"]
    others = {name for path in blocks for name in imported(path) if name.startswith("archsearch.")}
    assert others
    assert {name for name in others if not name.startswith("archsearch.blocks")} == set()


def test_only_the_driver_knows_what_trains() -> None:
    users = {part_of(path) for path in FILES if "archsearch.cluster.ray_executor" in imported(path)}
    assert users == {"cluster"}
