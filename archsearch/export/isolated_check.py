"""Run exported files where archsearch cannot be imported.

A script of its own: ``python -I isolated_check.py REQUEST.pt ANSWER.pt``. The request is a list of
cases, each a dict with ``kind`` (``python``, ``timm``, ``onnx``, ``openvino``, ``litert`` or
``pt2``), ``file`` and ``inputs`` (tensors). Python and timm files also have ``seed`` and
``initial`` (the state dict that it must give), ``parameters`` (name to shape and whether it is
trained), ``weights`` (a state dict) and ``name`` (of the model).

The answer has for each case ``logits`` (a list of tensors); for Python and timm files its own
``parameters`` and, where these are equal, ``other_initial`` (names of differing initial weights);
for timm files ``maps`` (of each stage); or ``error`` (the traceback).
"""

import importlib
import importlib.util
import sys
import traceback
from typing import Any

import torch
from torch import Tensor, nn


def main(request_path: str, answer_path: str) -> None:
    """Answer every case of a request."""
    request = torch.load(request_path, weights_only=True)
    torch.set_num_threads(request["threads"])
    torch.save([_answer(case) for case in request["cases"]], answer_path)


def _answer(case: dict[str, Any]) -> dict[str, Any]:
    try:
        with torch.no_grad():
            return _KINDS[case["kind"]](case)
    except Exception:
        return {"error": traceback.format_exc(limit=-3)}


def _python(case: dict[str, Any]) -> dict[str, Any]:
    module = _imported(case)
    torch.manual_seed(case["seed"])
    return _checked(module.create_model(), case)


def _timm(case: dict[str, Any]) -> dict[str, Any]:
    timm: Any = importlib.import_module("timm")
    _imported(case)
    torch.manual_seed(case["seed"])
    answer = _checked(timm.create_model(case["name"]), case)
    if "logits" in answer:
        backbone = timm.create_model(case["name"], features_only=True).eval()
        own = backbone.model.state_dict()
        backbone.model.load_state_dict({name: case["weights"][name] for name in own})
        answer["maps"] = backbone(case["inputs"][0])
    return answer


def _onnx(case: dict[str, Any]) -> dict[str, Any]:
    runtime: Any = importlib.import_module("onnxruntime")
    session = runtime.InferenceSession(case["file"], providers=["CPUExecutionProvider"])
    logits = [session.run(["logits"], {"images": x.numpy()})[0] for x in case["inputs"]]
    return {"logits": [torch.from_numpy(each) for each in logits]}


def _openvino(case: dict[str, Any]) -> dict[str, Any]:
    runtime: Any = importlib.import_module("openvino")
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    network = runtime.Core().compile_model(case["file"], "CPU", settings)
    request = network.create_infer_request()
    logits = [request.infer([x.numpy()])[0].copy() for x in case["inputs"]]
    return {"logits": [torch.from_numpy(each) for each in logits]}


def _litert(case: dict[str, Any]) -> dict[str, Any]:
    runtime: Any = importlib.import_module("ai_edge_litert.interpreter")
    run = runtime.Interpreter(model_path=case["file"]).get_signature_runner()
    logits = [run(images=x.numpy())["logits"] for x in case["inputs"]]
    return {"logits": [torch.from_numpy(each) for each in logits]}


def _pt2(case: dict[str, Any]) -> dict[str, Any]:
    model = torch.export.load(case["file"]).module()
    return {"logits": [model(x) for x in case["inputs"]]}


_KINDS = {
    "python": _python,
    "timm": _timm,
    "onnx": _onnx,
    "openvino": _openvino,
    "litert": _litert,
    "pt2": _pt2,
}


def _imported(case: dict[str, Any]) -> Any:
    name = f"exported_{len(sys.modules)}"
    spec = importlib.util.spec_from_file_location(name, case["file"])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _checked(model: nn.Module, case: dict[str, Any]) -> dict[str, Any]:
    model.eval()
    parameters = {
        name: (list(value.shape), value.requires_grad) for name, value in model.named_parameters()
    }
    if parameters != case["parameters"]:
        return {"parameters": parameters}
    state: dict[str, Tensor] = model.state_dict()
    other = [name for name, value in case["initial"].items() if not torch.equal(value, state[name])]
    model.load_state_dict(case["weights"])
    logits = [model(x) for x in case["inputs"]]
    return {"parameters": parameters, "other_initial": other, "logits": logits}


if __name__ == "__main__":
    # None in sys.modules makes an import fail, wherever the package is installed
    sys.modules["archsearch"] = None  # type: ignore[assignment]
    main(*sys.argv[1:3])
