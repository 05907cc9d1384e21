"""Search spaces: YAML files that declare choices, and the moves between configurations."""

from archsearch.space.encoding import Encoding
from archsearch.space.parameter import Parameter, Params, Value
from archsearch.space.rules import SearchRules
from archsearch.space.search_space import SearchSpace
from archsearch.space.space_file import adapted, flat_space, load_space, space_from
from archsearch.space.space_statistics import SpaceStats, Spread, space_stats

__all__ = [
    "Encoding",
    "Parameter",
    "Params",
    "SearchRules",
    "SearchSpace",
    "SpaceStats",
    "Spread",
    "Value",
    "adapted",
    "flat_space",
    "load_space",
    "space_from",
    "space_stats",
]
