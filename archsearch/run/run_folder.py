"""The folder of a run: its files, its lock, and whether it may be resumed."""

import contextlib
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy.engine import URL

from archsearch.arch import keep_sources, load_kept
from archsearch.errors import InputError, Problem
from archsearch.files import (
    is_file,
    name_rule,
    naming,
    remove_drafts,
    what_happened,
    write_bytes,
    write_text,
)
from archsearch.run.run_identity import differences_from
from archsearch.search.storage import OWN_FILE, Storage, own_storage, storage_of_run
from archsearch.yaml_source import RECORDED_VALUES, dump_yaml, load_yaml

try:
    import fcntl
except ImportError:  # Windows: two drivers on one run are not detected
    fcntl = None  # type: ignore[assignment]

#: names of folders beside those of runs
_TAKEN = (".trainings",)


class RunFolder:
    """``runs/NAME/``: study, configuration, weights, front, report, log.

    Everything inside is named relative to the folder, so that it can be moved, copied and renamed.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def name(self) -> str:
        """Name of the run."""
        # "archsearch front ." in the folder of a run
        return Path(os.path.abspath(self.path)).name

    @property
    def storage(self) -> str:
        """URL of the run's own storage, for Optuna's own tools."""
        file = str((self.path / OWN_FILE).resolve())
        return URL.create("sqlite", database=file).render_as_string(hide_password=False)

    @property
    def own_storage(self) -> Storage:
        """The run's own storage."""
        return own_storage(self.path)

    def storage_in(self, config: Mapping[str, Any]) -> Storage:
        """Return the storage of a run that was started, from its configuration.

        Raises:
            InputError: the configuration names none.
        """
        try:
            return storage_of_run(self.path, str(config.get("storage") or ""))
        except InputError as error:
            raise InputError(
                [
                    Problem("storage", p.rule, p.value, p.remedy, str(self.config))
                    for p in error.problems
                ]
            ) from None

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
        write_bytes(self.checkpoint(digest), data, durable=True)

    def drop_weights_but(self, digests: Collection[str]) -> None:
        """Remove the weights of every architecture that is not among ``digests``."""
        kept = {self.checkpoint(digest).name for digest in digests}
        for path in self.checkpoints.glob("*.safetensors"):
            if path.name not in kept:
                path.unlink()

    def write_paused(self, digest: str, state: bytes) -> None:
        """Keep what a paused candidate needs to go on; a reader never sees half of it."""
        write_bytes(self._paused(digest), state, durable=True)

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

    def write_donor(self, digest: str, data: bytes) -> None:
        """Keep weights that a training begins with, once for all that begin with them."""
        path = self._donor(digest)
        if not path.is_file():
            write_bytes(path, data, durable=True)

    def read_donor(self, digest: str) -> bytes | None:
        """Return weights that a training begins with; None if they are gone."""
        try:
            return self._donor(digest).read_bytes()
        except FileNotFoundError:
            return None

    def drop_donors_but(self, digests: Collection[str]) -> None:
        """Remove the weights that no training begins with any more."""
        kept = {self._donor(digest).name for digest in digests}
        for path in (self.path / "inherited").glob("*.safetensors"):
            if path.name not in kept:
                path.unlink()

    def _donor(self, digest: str) -> Path:
        return self.path / "inherited" / f"{digest[:16]}.safetensors"

    def exists(self) -> bool:
        """Tell whether a run was started here."""
        return is_file(self.config)

    @property
    def is_driven(self) -> bool:
        """Whether a process is at work on the run: the one that it named holds its lock."""
        try:
            owner = int(self.driver_lock.read_text(encoding="utf-8").strip() or 0)
            return owner > 0 and psutil.pid_exists(owner) and _is_locked(self.driver_lock)
        except (OSError, ValueError, OverflowError):
            return False

    @property
    def driver_lock(self) -> Path:
        """Locked by the process that drives the run, which writes its id into it."""
        return self.path / "driver.lock"

    def create(self, config: Mapping[str, Any]) -> None:
        """Make the folder and write the resolved configuration."""
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        text = dump_yaml(dict(config))
        write_text(self.config, text, durable=True)
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
        data = load_yaml(self.config, RECORDED_VALUES).data
        if not isinstance(data, dict):
            raise InputError(Problem("", "must be a mapping of keys", file=str(self.config)))
        return data

    def check_same(
        self,
        identity: Mapping[str, Any],
        space_may_differ: bool = False,
        data: Mapping[str, Any] | None = None,
        recipe: Mapping[str, Any] | None = None,
    ) -> None:
        """Refuse to go on with another configuration under the same name.

        Args:
            identity: what was asked for now.
            space_may_differ: the space is checked elsewhere.
            data: what is known about the images; where it is as it was, they may lie elsewhere.
            recipe: of now, nothing left open; None compares what was asked for alone.

        Raises:
            InputError: one problem for every value that differs.
        """
        config = self.read_config()
        differences = differences_from(config, identity, space_may_differ, data, recipe)
        if differences:
            remedy = "give this run another --name, or go on with the first value"
            raise InputError(
                [
                    Problem(
                        key,
                        f"run '{self.name}' was started with {before!r}",
                        now,
                        remedy,
                        file=str(self.config),
                    )
                    for key, before, now in differences
                ]
            )

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run as its only driver.

        Raises:
            InputError: another process drives it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.driver_lock, os.O_RDWR | os.O_CREAT, 0o666)
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
                with naming(self.driver_lock):
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            remove_drafts(self.path)
            yield
        finally:
            os.close(descriptor)

    def _known_runs(self) -> str:
        parent = self.path.parent
        try:
            names = sorted(p.parent.name for p in parent.glob("*/config.yaml"))
        except OSError as error:
            return what_happened(error)[0]
        return f"runs in {parent}: {', '.join(names)}" if names else "start one: archsearch run"


def new_run_folder(runs_dir: str | Path, name: str) -> RunFolder:
    """Return the folder of run ``name``.

    Raises:
        InputError: the name would not make a plain folder name.
    """
    rule = name_rule(name)
    if name in _TAKEN:
        rule = "is the name of a folder that holds something else"
    if rule:
        raise InputError(Problem("--name", rule, name, "choose another name"))
    return RunFolder(Path(runs_dir) / name)


def find_run(run: str | Path, runs_dir: str | Path = "runs") -> RunFolder:
    """Return the folder that ``run`` names: a path, or a name inside ``runs_dir``."""
    path, named = Path(run), RunFolder(Path(runs_dir) / run)
    elsewhere = len(path.parts) > 1 or (os.path.isdir(path) and not named.exists())
    return RunFolder(path) if elsewhere or is_file(path / "config.yaml") else named


def _is_locked(path: Path) -> bool:
    """Tell whether another process holds the lock; where locks are not known, assume it."""
    if fcntl is None:
        return True
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
