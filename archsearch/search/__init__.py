"""The search: one engine (ask -> screen -> evaluate -> tell), its samplers and study.

It does not depend on networks; `archsearch.run` adds those.
"""

import sys
import types

from archsearch.search.evaluation import Evaluation
from archsearch.search.function_search import search
from archsearch.search.result import SearchResult
from archsearch.search.samplers.registry import SAMPLERS

__all__ = [
    "SAMPLERS",
    "Evaluation",
    "SearchResult",
    "search",
]


class _CallableModule(types.ModuleType):
    """A module that can be called: ``archsearch.search(space, evaluate, ...)``."""

    __call__ = staticmethod(search)


sys.modules[__name__].__class__ = _CallableModule
