"""The images that an exported network is calibrated with: by default those of its training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archsearch.activity import doing
from archsearch.data import DATA_NAMES, DataSplits, load_data
from archsearch.errors import InputError, Problem
from archsearch.export.selection import Selection


def calibration_data(chosen: Selection, name: str = "", root: Path | None = None) -> DataSplits:
    """Load the images to calibrate with.

    Args:
        chosen: what is exported.
        name: of a data set; empty for that of the run or training.
        root: folder of a published data set; None for that of the run, or its default.

    Raises:
        InputError: nothing says which images these are, or they cannot be loaded.
    """
    network = chosen.network
    known = {} if name else _trained_on(chosen)
    if not name and not known:
        rule = "must name the images to calibrate int8 with"
        remedy = "those that the network was trained on, e.g. --data folder:PATH"
        raise InputError(Problem("--data", rule, remedy=remedy))
    asked: dict[str, Any] = {"name": name, **known}
    if root is not None:
        asked["root"] = root
    with doing(f"reading the data: {asked['name']}") as activity:
        return load_data(
            **asked,
            image_size=network.image_size,
            channels=network.in_channels if network.in_channels in (1, 3) else None,
            progress=activity.progress,
        )


def _trained_on(chosen: Selection) -> dict[str, Any]:
    """Return the arguments of `load_data` for the images of a run or a training."""
    run = chosen.origin.run
    if run is not None:
        identity = run.config.get("identity")
        if not isinstance(identity, Mapping) or not identity.get("data"):
            return {}
        return {
            "name": str(identity["data"]),
            "root": identity.get("data_root"),
            "seed": int(identity.get("seed") or 0),
            "limit": identity.get("limit"),
        }
    training = chosen.origin.training
    name = str(chosen.origin.section("data").get("name") or "")
    if name not in DATA_NAMES:
        # of a folder only the last part of its path is known
        return {}
    images = int(training["data"]["train"]) + int(training["val"]["n"])
    return {"name": name, "seed": int(training.get("seed") or 0), "limit": images}
