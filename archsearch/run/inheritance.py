"""What the candidates of a run begin with, where they inherit weights."""

import io
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import torch

from archsearch.analysis import pareto_front
from archsearch.arch import Arch
from archsearch.errors import InputError, Problem
from archsearch.model import build_model
from archsearch.model.transfer import Description, Donor, describe, match
from archsearch.record import Aims, Inherited, TrialRecord
from archsearch.run.run_folder import RunFolder
from archsearch.search.interrupted import INHERITED

#: layers of non-dominated candidates whose weights are kept
LAYERS_KEPT = 4

#: keeps plain data with a trial in progress
Note = Callable[[int, Mapping[str, Any]], object]


def kept_layers(records: Sequence[TrialRecord], aims: Aims, layers: int = LAYERS_KEPT) -> set[str]:
    """Return the digests of the first non-dominated layers of ``records``."""
    left, kept = list(records), set[str]()
    for _ in range(layers):
        kept |= {each.digest for each in pareto_front(left, aims)}
        left = [each for each in left if each.digest not in kept]
    return kept


class Inheritance:
    """Chooses a donor for every candidate, and keeps its weights as long as they may be needed.

    The weights that a candidate begins with are copied into the folder of the run before its
    training is put before the workers, and its notes in the study name them by digest. So a
    training that a kill interrupted begins as it did, and so do the trainings of front members
    with other seeds, whatever became of the donor.

    Args:
        folder: of the run.
        aims: of the run.
        class_names: of its images.
        given: network that all candidates inherit from; None for trained candidates of the run.
        note: keeps plain data with a trial in progress.
    """

    def __init__(
        self,
        folder: RunFolder,
        aims: Aims,
        class_names: Sequence[str],
        given: Donor | None,
        note: Note,
    ) -> None:
        self._folder, self._aims, self._class_names = folder, aims, tuple(class_names)
        self._given, self._note = given, note
        self._trained: dict[str, TrialRecord] = {}
        self._descriptions: dict[str, Description] = {}

    def learn(self, record: TrialRecord) -> None:
        """Take in the end of a trial."""
        if record.curve and (record.state == "complete" or record.is_paused):
            self._trained[record.digest] = record
        else:
            self._trained.pop(record.digest, None)

    def begin(
        self, record: TrialRecord, notes: Mapping[str, Any]
    ) -> tuple[TrialRecord, Donor | None]:
        """Decide what a new candidate begins with, unless that was decided before.

        Args:
            record: of the candidate.
            notes: what the study keeps of it.

        Returns:
            the record with the decision, and the donor; None begins with new weights.
        """
        if INHERITED in notes:
            noted = notes[INHERITED]
            inherited = None if noted is None else Inherited.model_validate(noted)
            start = None if inherited is None else self.start_of(inherited)
            if inherited is None or start is not None:
                return record.model_copy(update={"inherited": inherited}), start
        inherited, start = self._choose(record)
        if inherited is not None and start is not None:
            self._folder.write_donor(inherited.digest, start.data)
        self._note(record.number, {INHERITED: None if inherited is None else inherited.to_dict()})
        return record.model_copy(update={"inherited": inherited}), start

    def start_of(self, inherited: Inherited | None) -> Donor | None:
        """Return the weights that a training began with; None for new ones, or lost ones."""
        return None if inherited is None else kept_start(self._folder, inherited)

    def keep(self, digests: Collection[str], running: Iterable[TrialRecord]) -> None:
        """Remove the copies that no training will begin with any more.

        Args:
            digests: architectures whose weights are kept.
            running: records of what is in training.
        """
        needed = [each for each in self._trained.values() if each.digest in digests]
        paused = [each for each in self._trained.values() if each.is_paused]
        self._folder.drop_donors_but(starts([*needed, *paused, *running]))

    # -- the choice

    def _choose(self, candidate: TrialRecord) -> tuple[Inherited | None, Donor | None]:
        own = self._describe(candidate.arch)
        if self._given is not None:
            transfer = match(own, self._given.description)
            if not transfer.fits:
                return None, None
            label = self._given.label
            return (
                Inherited(source=label, digest=self._given.digest, share=transfer.share),
                self._given,
            )
        found = []
        for record in self._donors():
            if record.digest == candidate.digest:
                continue  # it begins again
            transfer = match(own, self._describe(record.arch))
            if transfer.fits:
                rank = (-transfer.taken, -record.curve[-1].accuracy, record.number)
                found.append((rank, transfer.share, record))
        for _, share, record in sorted(found, key=lambda each: each[0]):
            donor = self._read(record)
            if donor is not None:
                inherited = Inherited(
                    source=donor.label, trial=record.number, digest=donor.digest, share=share
                )
                return inherited, donor
        return None, None

    def _donors(self) -> list[TrialRecord]:
        """Return the trainings whose weights are kept.

        By what the study says, not by the files: a process that was killed between telling the
        study and removing a file leaves one that the whole run would not have had.
        """
        every = list(self._trained.values())
        kept = kept_layers([each for each in every if each.state == "complete"], self._aims)
        return [each for each in every if each.is_paused or each.digest in kept]

    def _describe(self, arch: Arch) -> Description:
        key = arch.digest
        if key not in self._descriptions:
            with torch.device("meta"):
                self._descriptions[key] = describe(build_model(arch), self._class_names)
        return self._descriptions[key]

    def _read(self, record: TrialRecord) -> Donor | None:
        """Return the weights of a trained candidate; None where they are not there, or damaged."""
        label = f"trial {record.number}"
        if not record.is_paused:
            path = self._folder.checkpoint(record.digest)
            try:
                return Donor.read(path.read_bytes(), label)
            except (OSError, ValueError):
                return None
        state = self._folder.read_paused(record.digest)
        if state is None:
            return None
        try:
            saved = torch.load(io.BytesIO(state), map_location="cpu", weights_only=True)
            learner = saved["learner"]
            weights = learner["model"] if learner["average"] is None else learner["average"]
        except Exception:  # a damaged file may raise anything
            return None
        label += f", paused after epoch {len(record.curve)}"
        with torch.device("meta"):
            model = build_model(record.arch)
        return Donor.of(model, weights, class_names=self._class_names, label=label)


def kept_start(folder: RunFolder, inherited: Inherited) -> Donor | None:
    """Return the weights that a training of a run began with; None where they were lost."""
    data = folder.read_donor(inherited.digest)
    if data is None:
        return None
    donor = Donor(data, inherited.source)
    return donor if donor.digest == inherited.digest else None


def starts(records: Iterable[TrialRecord]) -> set[str]:
    """Return the digests of what these trainings began with."""
    return {each.inherited.digest for each in records if each.inherited is not None}


def check_fits(donor: Donor, option: str, archs: Sequence[Arch], names: Sequence[str]) -> None:
    """Check that some of the networks take something from a donor.

    Raises:
        InputError: none does.
    """
    for arch in archs:
        with torch.device("meta"):
            model = build_model(arch)
        if donor.gives(model, names).fits:
            return
    raise InputError(no_part_fits(donor, option))


def no_part_fits(donor: Donor, option: str) -> Problem:
    """Return the problem of weights that give nothing."""
    rule = "holds a network of which no part fits: every stem, attention and FFN is of another kind"
    return Problem(option, rule, donor.label, "name a network of the same family")
