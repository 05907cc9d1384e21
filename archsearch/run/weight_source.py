"""Where a network's first weights come from: a training, a run, a file, or a checkpoint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from archsearch.activity import doing
from archsearch.analysis import choose
from archsearch.arch import Arch, load_arch
from archsearch.errors import InputError, Problem
from archsearch.files import read_json
from archsearch.model import build_model
from archsearch.model.transfer import Donor, NoDescriptionError
from archsearch.run.run_folder import find_run
from archsearch.run.run_reader import load_run
from archsearch.train import TrainingFolder, open_model_file
from archsearch.zoo import load_official
from archsearch.zoo.checkpoint import read_checkpoint

#: tensors that an error names
_NAMED = 4
_KINDS = (
    "name the folder of a training, a run (with #TRIAL for another than the best), a "
    ".safetensors file, an exported model.py, or zoo:NAME@FILE"
)


@dataclass(frozen=True)
class WeightSource:
    """A text that names weights.

    Attributes:
        text: as it was given.
        option: that it was given with, for errors.
        runs_dir: folder of all runs.
    """

    text: str
    option: str
    runs_dir: Path = Path("runs")

    def open(self) -> Donor:
        """Read the weights, and what network they are of.

        Raises:
            InputError: there is nothing of that name, it holds no weights, or does not say of
                which network.
        """
        with doing(f"reading the weights: {self.text}"):
            return self._open()

    def _open(self) -> Donor:
        path = Path(self.text)
        if self.text.startswith("zoo:"):
            return self._of_zoo(*self.text.removeprefix("zoo:").partition("@")[::2])
        if self.text.startswith("timm:"):
            rule = "is a network of timm, whose parts archsearch does not know"
            raise self._refused(rule, _KINDS)
        place, _, function = self.text.rpartition(":")
        if path.suffix == ".py" or place.endswith(".py"):
            file = path if path.suffix == ".py" else Path(place)
            return self._of_definition(file, "" if path.suffix == ".py" else function)
        if path.suffix in (".yaml", ".yml"):
            return self._of_file(path.with_suffix(".safetensors"))
        if path.is_file() or path.suffix in (".safetensors", ".pt", ".pth", ".bin", ".ckpt"):
            return self._of_file(path)
        folder = TrainingFolder(path)
        if folder.exists():
            return self._of_training(folder)
        return self._of_run()

    def _refused(self, rule: str, remedy: str = "", file: Path | None = None) -> InputError:
        place = "" if file is None else str(file)
        return InputError(Problem(self.option, rule, self.text, remedy, place))

    def _of_zoo(self, name: str, checkpoint: str) -> Donor:
        if not checkpoint:
            rule = "names no weights: archsearch brings none of the papers' along"
            raise self._refused(rule, f"zoo:{name}@FILE, a checkpoint of that model's family")
        return self._donor(load_official(name, checkpoint, kernels="torch"))

    def _donor(
        self,
        model: nn.Module,
        state: Mapping[str, Tensor] | None = None,
        class_names: Sequence[str] = (),
    ) -> Donor:
        return Donor.of(model, state, class_names=class_names, label=self.text)

    def _of_training(self, folder: TrainingFolder) -> Donor:
        if not folder.result.is_file() or not folder.weights.is_file():
            raise self._refused(
                "the training in this folder has not ended",
                "give the same archsearch train command again: it goes on",
            )
        return self._of_file(folder.weights)

    def _of_run(self) -> Donor:
        name, _, trial = self.text.rpartition("#")
        if not name:
            name, trial = self.text, "best"
        found = find_run(name, self.runs_dir)
        if not found.exists():
            raise self._refused("names no weights that are there", _KINDS)
        run = load_run(found)
        record = choose(run, trial)
        weights = found.checkpoint(record.digest)
        if not weights.is_file():
            kept = [
                f"{each.number}"
                for each in run.trials
                if each.state == "complete" and found.checkpoint(each.digest).is_file()
            ]
            remedy = f"weights of these are there: {', '.join(kept)}" if kept else ""
            raise self._refused(f"the weights of trial {record.number} were not kept", remedy)
        data = run.config.get("data")
        names = data.get("class_names", ()) if isinstance(data, Mapping) else ()
        return self._described(weights, record.arch, names)

    def _of_definition(self, file: Path, function: str) -> Donor:
        beside = file.with_suffix(".safetensors")
        if not file.is_file():
            raise self._refused("there is no such file", file=file)
        if not beside.is_file():
            raise self._refused("has no weights beside it", f"put {beside.name} there", file)
        # the file of weights knows more: the names of its classes
        try:
            return Donor.read(beside.read_bytes(), self.text)
        except ValueError:
            state = read_checkpoint(beside)
        classes = self._classes(file.parent)
        network = open_model_file(f"{file}:{function or 'create_model'}", len(classes) or None)
        model = network.build(network, seed=0)
        self._check(model, state, beside)
        return self._donor(model, state, classes)

    def _classes(self, folder: Path) -> tuple[str, ...]:
        result = TrainingFolder(folder).result
        known = read_json(result) if result.is_file() else {}
        data = known.get("data") if isinstance(known, dict) else None
        return tuple(data.get("class_names") or ()) if isinstance(data, dict) else ()

    def _of_file(self, path: Path) -> Donor:
        if not path.is_file():
            raise self._refused("there is no such file", "check the path", path)
        beside = path.with_suffix(".yaml")
        if beside.is_file():
            return self._described(path, load_arch(beside), self._classes(path.parent))
        definition = path.with_suffix(".py")
        if definition.is_file() and path.suffix == ".safetensors":
            return self._of_definition(definition, "")
        return self._described(path, None, ())

    def _described(self, path: Path, arch: Arch | None, classes: Sequence[str]) -> Donor:
        """Return the donor of a file that describes itself, or of a known architecture."""
        if path.suffix == ".safetensors":
            try:
                return Donor.read(path.read_bytes(), self.text)
            except NoDescriptionError:
                pass  # of an earlier version, or another program
            except ValueError as error:
                raise self._refused(str(error), "copy or download it again", path) from None
        state = read_checkpoint(path)
        if arch is None:
            raise self._refused(
                "does not say what network its weights are of",
                f"put the architecture beside it as {path.with_suffix('.yaml').name}, or use "
                "zoo:NAME@FILE for a file of a paper's code",
                path,
            )
        with torch.device("meta"):
            model = build_model(arch)
        self._check(model, state, path)
        return self._donor(model, state, classes)

    def _check(self, model: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
        """Check that a file has the weights of a network."""
        own = model.state_dict()
        wrong = {
            *(f"{name} is missing" for name in own.keys() - state.keys()),
            *(f"{name} is unexpected" for name in state.keys() - own.keys()),
            *(
                f"{name} has shape {list(state[name].shape)} in place of {list(own[name].shape)}"
                for name in own.keys() & state.keys()
                if own[name].shape != state[name].shape
            ),
        }
        if wrong:
            more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
            listed = ", ".join(sorted(wrong)[:_NAMED])
            rule = f"holds the weights of another network than the one beside it: {listed}{more}"
            raise self._refused(rule, "name the architecture that they are of", path)
