"""Run exported Python files where archsearch cannot be imported.

A script of its own: ``python -I isolated_check.py REQUEST.pt ANSWER.pt``. The request is a list of
cases, each a dict with ``source`` (path), ``seed`` and ``initial`` (the state dict that it must
give), ``parameters`` (name to shape and whether it is trained), ``weights`` (state dict) and
``inputs`` (tensors). The answer has for each case its own ``parameters`` and, where these are
equal, ``other_initial`` (names of differing initial weights) and ``logits`` (a list of tensors);
or ``error`` (the traceback).
"""

import importlib.util
import sys
import traceback
from typing import Any

import torch


def main(request_path: str, answer_path: str) -> None:
    """Answer every case of a request."""
    request = torch.load(request_path, weights_only=True)
    torch.set_num_threads(request["threads"])
    torch.save([_answer(case) for case in request["cases"]], answer_path)


def _answer(case: dict[str, Any]) -> dict[str, Any]:
    try:
        spec = importlib.util.spec_from_file_location("exported", case["source"])
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        torch.manual_seed(case["seed"])
        model = module.create_model().eval()
        parameters = {
            name: (list(value.shape), value.requires_grad)
            for name, value in model.named_parameters()
        }
        if parameters != case["parameters"]:
            return {"parameters": parameters}
        state = model.state_dict()
        other = [
            name for name, value in case["initial"].items() if not torch.equal(value, state[name])
        ]
        model.load_state_dict(case["weights"])
        with torch.no_grad():
            logits = [model(x) for x in case["inputs"]]
        return {"parameters": parameters, "other_initial": other, "logits": logits}
    except Exception:
        return {"error": traceback.format_exc(limit=-3)}


if __name__ == "__main__":
    # None in sys.modules makes an import fail, wherever the package is installed
    sys.modules["archsearch"] = None  # type: ignore[assignment]
    main(*sys.argv[1:3])
