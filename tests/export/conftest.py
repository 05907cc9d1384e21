"""What the tests of exports share: small architectures, each with its file."""

from collections.abc import Iterator, Mapping

import pytest

from archsearch.arch import Arch
from tests.export.export_archs import ARCHS, random_archs, written


class Sources(Mapping[str, tuple[Arch, str]]):
    """Architectures with their exported files; a test that reads one waits for no other."""

    def __init__(self, archs: Mapping[str, Arch]) -> None:
        self._archs = archs

    def __getitem__(self, name: str) -> tuple[Arch, str]:
        return self._archs[name], written(self._archs[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._archs)

    def __len__(self) -> int:
        return len(self._archs)


@pytest.fixture(scope="session")
def sources() -> Sources:
    """Return every small architecture and a few of the main space."""
    drawn = random_archs("lightweight", 3, seed=1)
    return Sources(ARCHS | {f"random_{index}": arch for index, arch in enumerate(drawn)})
