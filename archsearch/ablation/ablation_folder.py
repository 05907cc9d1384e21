"""The folder of an ablation: what was asked for, what was measured, and the record."""

import json
from pathlib import Path
from typing import Any

from archsearch.ablation_record import AblationRecord
from archsearch.arch import keep_sources, load_kept
from archsearch.cost import LatencyProtocol
from archsearch.errors import InputError, Problem
from archsearch.files import is_file, read_json, write_json, write_text
from archsearch.record import Environment, LatencyResult
from archsearch.run.run_folder import RunFolder, find_run
from archsearch.yaml_source import RECORDED_VALUES, dump_yaml, load_yaml

RECORD = "ablation.json"


class AblationFolder:
    """``runs/NAME/`` of an ablation. Trainings live in the `TrainingStore`, not here.

    Attributes:
        folder: lock, log and paths that it has in common with a run of a search.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    @property
    def record(self) -> Path:
        """The record as JSON."""
        return self.folder.path / RECORD

    @property
    def request(self) -> Path:
        """What is being run, as YAML."""
        return self._file("study.yaml")

    def read_request(self) -> dict[str, Any]:
        """Return what the last session was to run; empty before the first."""
        found = load_yaml(self.request, RECORDED_VALUES).data if is_file(self.request) else {}
        return found if isinstance(found, dict) else {}

    def write_request(self, request: dict[str, Any]) -> None:
        """Write what is being run; the last session's wins."""
        text = dump_yaml(request)
        write_text(self.request, text)
        keep_sources(request, self.folder.path)

    def write_record(self, record: AblationRecord) -> None:
        """Write the record; a reader never sees half of it."""
        data = record.model_dump(mode="json")
        keep_sources(data, self.folder.path)
        write_json(self.record, data)

    def read_state(self) -> tuple[float, dict[str, str]]:
        """Return seconds spent so far, and training to why it failed."""
        state = self._read("state.json")
        return float(state.get("wall_s", 0.0)), dict(state.get("failures", {}))

    def write_state(self, wall_s: float, failures: dict[str, str]) -> None:
        """Remember seconds spent and failed trainings."""
        write_json(self._file("state.json"), {"wall_s": wall_s, "failures": failures})

    def read_latencies(
        self, environment: Environment, protocol: LatencyProtocol
    ) -> dict[str, LatencyResult]:
        """Return digest to latency, as measured here under the same protocol and environment."""
        known = self._read("latency.json").get(_key(environment, protocol), {})
        return {digest: LatencyResult.model_validate(result) for digest, result in known.items()}

    def add_latencies(
        self,
        environment: Environment,
        protocol: LatencyProtocol,
        results: dict[str, LatencyResult],
    ) -> None:
        """Remember measurements."""
        every = self._read("latency.json")
        own = every.setdefault(_key(environment, protocol), {})
        own.update({digest: result.model_dump(mode="json") for digest, result in results.items()})
        write_json(self._file("latency.json"), every)

    def _read(self, name: str) -> dict[str, Any]:
        path = self._file(name)
        if not path.is_file():
            return {}
        found: dict[str, Any] = read_json(path)
        return found

    def _file(self, name: str) -> Path:
        return self.folder.path / name


def has_ablation(folder: Path) -> bool:
    """Tell whether a folder holds the record of an ablation."""
    return is_file(folder / RECORD)


def load_ablation(name: str | Path, runs_dir: str | Path = "runs") -> AblationRecord:
    """Read the record of an ablation.

    Args:
        name: its folder, or a name inside ``runs_dir``.
        runs_dir: folder of all runs.

    Raises:
        InputError: there is none.
    """
    folder = Path(name) if has_ablation(Path(name)) else find_run(name, runs_dir).path
    if not has_ablation(folder):
        remedy = "archsearch ablate STUDY.yaml makes one"
        raise InputError(Problem("", "is not the folder of an ablation", None, remedy, str(name)))
    load_kept(folder)
    return AblationRecord.model_validate_json((folder / RECORD).read_text(encoding="utf-8"))


def _key(environment: Environment, protocol: LatencyProtocol) -> str:
    text = json.dumps(protocol.model_dump(mode="json"), sort_keys=True)
    return f"{environment.fingerprint} {text}"
