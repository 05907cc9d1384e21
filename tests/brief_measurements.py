"""Final measurements as brief as a first look, for tests where latency is not the point.

A final measurement takes 4 s a network and three processes, and is repeated after waits where the
machine is busy, as it is while tests run beside each other. As a program, this file is
``archsearch`` with them:

    python -P tests/brief_measurements.py run tiny
"""

import sys
from pathlib import Path

import pytest

#: of `archsearch`; a command's words follow
COMMAND = (sys.executable, "-P", str(Path(__file__).resolve()))


def make_brief(patch: pytest.MonkeyPatch) -> None:
    """Measure for publication as for a first look, once."""
    from archsearch.cost import GATE

    patch.setattr("archsearch.run.latency.measurement.FINAL", GATE)
    patch.setattr("archsearch.run.latency.measurement.PASSES", 1)
    patch.setattr("archsearch.ablation.latency_measurement.FINAL", GATE)
    patch.setattr("archsearch.run.final.latency_confirmation.WAITS_S", ())


def main() -> None:
    """Run a command of archsearch."""
    from archsearch.cli.app import main as archsearch

    with pytest.MonkeyPatch.context() as patch:
        make_brief(patch)
        archsearch()


if __name__ == "__main__":
    main()
