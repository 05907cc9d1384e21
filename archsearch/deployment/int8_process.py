"""The process that quantises one network and compares it with itself in float.

Its argument is a folder with ``request.json``:

* ``runtime``: a key of `INT8_RUNTIMES`;
* ``network``: what `measured_network.pack` made, with weights in ``weights.safetensors`` if there
  is such a file; or ``file``: a float32 file of the runtime, with ``units``, its blocks;
* ``data``: file of pickled `DataSplits`, whose ``train`` has the images for calibration;
* ``is_tested``, ``keeps_accuracy``: as in `quantize_file`;
* ``output``: where the int8 file is wanted, if it is.

``answer.json`` has ``result`` and ``fallbacks``; or ``problems``; or ``failed``, the reason.
"""

import json
import os
import pickle
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archsearch.cost.measured_network import unpack
from archsearch.cost.runtimes import INT8_RUNTIMES, check_runtime
from archsearch.cost.runtimes.operator_place import block_names
from archsearch.data import DataSplits
from archsearch.deployment.int8_judge import problems_of
from archsearch.deployment.quantized_network import quantize_file
from archsearch.errors import InputError, TrialError
from archsearch.files import write_json
from archsearch.train import load_weights

_PARENT_POLL_S = 2.0


def main(folder: str) -> None:
    """Answer the request in a folder."""
    threading.Thread(target=_watch_parent, args=(os.getppid(),), daemon=True).start()
    torch.set_num_threads(1)
    place = Path(folder)
    request = json.loads((place / "request.json").read_text(encoding="utf-8"))
    try:
        answer = _answer(place, request)
    except InputError as error:
        answer = {"problems": problems_of(error)}
    except TrialError as error:
        answer = {"failed": str(error)}
    except Exception as error:
        traceback.print_exc()
        answer = {"failed": f"{type(error).__name__}: {error}"[:500]}
    write_json(place / "answer.json", answer)


def _answer(place: Path, request: dict[str, Any]) -> dict[str, Any]:
    runtime = request["runtime"]
    check_runtime(runtime, "cpu", "int8")
    ending = INT8_RUNTIMES[runtime].ending
    # written by our own parent process a moment ago
    data: DataSplits = pickle.loads(Path(request["data"]).read_bytes())
    any_batch = INT8_RUNTIMES[runtime].takes_any_batch
    if "network" in request:
        built = unpack(request["network"])
        weights = place / "weights.safetensors"
        if weights.is_file():
            load_weights(built.model, weights)
        file, units = place / f"float{ending}", block_names(built.model)
        images = torch.randn(2 if any_batch else 1, *built.input_shape)
        _convert(runtime, built.model, images, file, any_batch)
    else:
        file, units = Path(request["file"]), request["units"]
    output = Path(request.get("output") or place / f"int8{ending}")
    found = quantize_file(
        runtime,
        file,
        data,
        output,
        units,
        any_batch=any_batch,
        keeps_accuracy=request["keeps_accuracy"],
        is_tested=request["is_tested"],
    )
    return {"result": found.result.to_dict(), "fallbacks": list(found.fallbacks)}


def _convert(
    runtime: str, model: nn.Module, images: torch.Tensor, file: Path, any_batch: bool
) -> None:
    with torch.no_grad():
        INT8_RUNTIMES[runtime].convert(model.eval(), images, file, any_batch=any_batch)


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_POLL_S)
    os._exit(1)
