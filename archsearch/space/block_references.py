"""References to files of blocks in a space file, with the version of the file written out."""

from dataclasses import replace

from archsearch.arch import ATTENTIONS, FFNS, MixerTypes, is_block_reference
from archsearch.arch import folders_of as folders_of_blocks
from archsearch.errors import InputError, Problem
from archsearch.space.written import Written
from archsearch.yaml_source import KeyPath, YamlSource

_TYPES: dict[str, MixerTypes] = {"attention": ATTENTIONS, "ffn": FFNS}


class BlockReferences:
    """Finds ``type: FILE.py:CLASS`` in a space file.

    Args:
        source: the file.

    Attributes:
        keys: parameters of the classes found.
        problems: references that lead to nothing.
    """

    def __init__(self, source: YamlSource) -> None:
        self._source = source
        self._folders = folders_of_blocks(source.name)
        self.keys: set[str] = set()
        self.problems: list[Problem] = []

    def written_out(self, value: Written, role: str = "", is_type: bool = False) -> Written:
        """Return the data with the digest of its file after each reference.

        Args:
            value: data of the file.
            role: the key of a block that it stands below.
            is_type: it stands below ``type``, or is the short form of a mapping with it.
        """
        if isinstance(value.value, dict):
            items = {}
            for key, child in value.value.items():
                inner = key if key in _TYPES else role
                below = key == "type" or key in _TYPES or (is_type and key == "choice")
                items[key] = self.written_out(child, inner, below)
            return Written(items, value.origin)
        if isinstance(value.value, list):
            return Written(
                [self.written_out(each, role, is_type) for each in value.value], value.origin
            )
        if is_type and isinstance(value.value, str) and is_block_reference(value.value):
            return Written(self._full(value.value, role, value.origin), value.origin)
        return value

    def _full(self, name: str, role: str, origin: KeyPath) -> str:
        # a named parameter may stand for either: the file knows
        roles = [role] if role else list(_TYPES)
        for tried in roles:
            try:
                kind = _TYPES[tried].find(name, self._folders)
            except InputError as error:
                if tried == roles[-1]:
                    (problem,) = error.problems
                    placed = self._source.problem(origin, problem.rule, problem.value)
                    self.problems.append(replace(placed, remedy=problem.remedy))
                continue
            assert kind is not None, "a reference is found or raises"
            self.keys |= set(kind.model_fields)
            return str(kind.model_fields["type"].default)
        return name
