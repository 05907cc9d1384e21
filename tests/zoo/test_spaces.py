"""The family spaces are neighbourhoods of the published models."""

import pytest

from archsearch import zoo
from archsearch.resources import find_yaml
from archsearch.space import load_space

FAMILIES = ("lightvit", "edgevit", "localvit", "sepvit")


@pytest.mark.parametrize("family", FAMILIES)
def test_family_space_contains_its_published_models(family):
    space = load_space(find_yaml(family, "spaces"))
    members = [name for name in zoo.names() if name.startswith(family)]
    assert len(members) >= 3
    for name in members:
        assert space.contains(zoo.arch(name)), name
    assert not space.contains(zoo.arch("deit_tiny", depth=1))
