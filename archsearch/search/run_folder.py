"""The folder of a run: what is where, who may write, and whether a run may be resumed."""

import contextlib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import yaml

from archsearch.arch import keep_sources, load_kept
from archsearch.errors import InputError, Problem
from archsearch.yaml_source import dotted, load_yaml

try:
    import fcntl
except ImportError:  # Windows: two drivers on one run are not detected
    fcntl = None  # type: ignore[assignment]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MISSING = "(absent)"


class RunFolder:
    """``runs/NAME/``: study, configuration, weights, front, report, log."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.path.name

    @property
    def storage(self) -> str:
        """URL of the run's own Optuna storage."""
        return f"sqlite:///{(self.path / 'study.db').resolve()}"

    @property
    def config(self) -> Path:
        """Resolved configuration."""
        return self.path / "config.yaml"

    @property
    def front(self) -> Path:
        """The front as JSON."""
        return self.path / "front.json"

    @property
    def report(self) -> Path:
        """The report page."""
        return self.path / "report.html"

    @property
    def log(self) -> Path:
        """Everything that was logged."""
        return self.path / "run.log"

    @property
    def checkpoints(self) -> Path:
        """Weights of the trials on the front."""
        return self.path / "checkpoints"

    def checkpoint(self, digest: str) -> Path:
        """Weights of one architecture."""
        return self.checkpoints / f"{digest[:16]}.safetensors"

    def write_weights(self, digest: str, data: bytes) -> None:
        """Write the weights of one architecture; a reader never sees half of them."""
        path = self.checkpoint(digest)
        partial = path.with_suffix(".partial")
        partial.write_bytes(data)
        partial.replace(path)

    def drop_weights_but(self, digests: Collection[str]) -> None:
        """Remove the weights of every architecture that is not among ``digests``."""
        kept = {self.checkpoint(digest).name for digest in digests}
        for path in self.checkpoints.glob("*.safetensors"):
            if path.name not in kept:
                path.unlink()

    def write_paused(self, digest: str, state: bytes) -> None:
        """Keep what a paused candidate needs to go on; a reader never sees half of it."""
        path = self._paused(digest)
        path.parent.mkdir(exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_bytes(state)
        partial.replace(path)

    def read_paused(self, digest: str) -> bytes | None:
        """Return what a paused candidate needs to go on; None if it is gone."""
        try:
            return self._paused(digest).read_bytes()
        except FileNotFoundError:
            return None

    def drop_paused(self, digest: str) -> None:
        """Forget a candidate that does not go on."""
        self._paused(digest).unlink(missing_ok=True)

    def _paused(self, digest: str) -> Path:
        return self.path / "paused" / f"{digest[:16]}.pt"

    def exists(self) -> bool:
        """Tell whether a run was begun here."""
        return self.config.is_file()

    @property
    def is_driven(self) -> bool:
        """Whether a process seems to be at work on the run; a guess, by the process it named."""
        try:
            owner = int(self.driver_lock.read_text(encoding="utf-8").strip() or 0)
        except (OSError, ValueError):
            return False
        return owner > 0 and psutil.pid_exists(owner)

    @property
    def driver_lock(self) -> Path:
        """Locked by the process that drives the run, which writes its id into it."""
        return self.path / "driver.lock"

    def create(self, config: Mapping[str, Any]) -> None:
        """Make the folder and write the resolved configuration."""
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(dict(config), sort_keys=False, width=100)
        partial = self.config.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(self.config)
        keep_sources(config, self.path)

    def read_config(self) -> dict[str, Any]:
        """Return the resolved configuration.

        Raises:
            InputError: this is not the folder of a run.
        """
        if not self.exists():
            raise InputError(
                Problem(
                    "",
                    "is not the folder of a run: it has no config.yaml",
                    remedy=self._known_runs(),
                    file=str(self.path),
                )
            )
        load_kept(self.path)
        data = load_yaml(self.config).data
        if not isinstance(data, dict):
            raise InputError(Problem("", "must be a mapping of keys", file=str(self.config)))
        return data

    def check_same(self, identity: Mapping[str, Any], space_may_differ: bool = False) -> None:
        """Refuse to go on with another configuration under the same name.

        Args:
            identity: what was asked for now.
            space_may_differ: the space is checked elsewhere.

        Raises:
            InputError: one problem for every value that differs.
        """
        before = _flat(self.read_config().get("identity", {}))
        now = _flat(identity)
        # equal spaces may come from different files
        passed = {("space",)} if _same_space(before, now) or space_may_differ else set()
        if space_may_differ:
            passed.add(("space_digest",))
        problems = [
            Problem(
                dotted(key),
                f"run '{self.name}' was begun with {before.get(key, _MISSING)!r}",
                now.get(key, _MISSING),
                "give this run another --name, or go on with the first value",
                file=str(self.config),
            )
            for key in dict.fromkeys([*before, *now])
            # an option that a run of an earlier version did not know was not used by it
            if key not in passed and (before.get(key) or None) != (now.get(key) or None)
        ]
        if problems:
            raise InputError(problems)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run as its only driver.

        Raises:
            InputError: another process drives it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.driver_lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if fcntl is not None:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
                    raise InputError(
                        Problem(
                            "",
                            f"run '{self.name}' is being driven by process {owner}",
                            remedy="wait for it, or give this run another --name",
                            file=str(self.path),
                        )
                    ) from None
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def _known_runs(self) -> str:
        parent = self.path.parent
        names = sorted(p.parent.name for p in parent.glob("*/config.yaml")) if parent else []
        return f"runs in {parent}: {', '.join(names)}" if names else "start one: archsearch run"


def run_folder(runs_dir: str | Path, name: str) -> RunFolder:
    """Return the folder of run ``name``.

    Raises:
        InputError: the name would not make a plain folder name.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            Problem(
                "--name",
                "must be letters, digits, '.', '_' and '-', beginning with a letter or digit",
                name,
            )
        )
    return RunFolder(Path(runs_dir) / name)


def find_run(run: str | Path, runs_dir: str | Path = "runs") -> RunFolder:
    """Return the folder that ``run`` names: a path, or a name inside ``runs_dir``."""
    path, named = Path(run), RunFolder(Path(runs_dir) / run)
    elsewhere = len(path.parts) > 1 or (path.is_dir() and not named.exists())
    return RunFolder(path) if elsewhere or (path / "config.yaml").is_file() else named


def _flat(data: Any, path: tuple[str | int, ...] = ()) -> dict[tuple[str | int, ...], Any]:
    if isinstance(data, Mapping):
        return {k: v for key, each in data.items() for k, v in _flat(each, (*path, key)).items()}
    if isinstance(data, list | tuple):
        return {k: v for i, each in enumerate(data) for k, v in _flat(each, (*path, i)).items()}
    return {path: data}


def _same_space(
    before: Mapping[tuple[str | int, ...], Any], now: Mapping[tuple[str | int, ...], Any]
) -> bool:
    key = ("space_digest",)
    return key in before and before[key] == now.get(key)
