"""From written values to a tree of nodes; every problem is collected, none stops the reading."""

import difflib
import json
from collections.abc import Callable, Iterable

from archsearch.arch import Stage
from archsearch.errors import Problem, nearest
from archsearch.space.labels import option_labels
from archsearch.space.nodes import INVALID, Choice, Constant, Fields, Items, Node, Scaled
from archsearch.space.parameter import Value
from archsearch.space.written import BLOCK_KEYS, DOMAIN_KEYS, Written, key_text
from archsearch.yaml_source import KeyPath, YamlSource, dotted, scalar

#: limit on the values of one domain; more is likely a mistake
MAX_VALUES = 1000

Name = tuple[str, ...]
Reader = Callable[[Written, Name], Node]


class Parser:
    """Reads one space file.

    Attributes:
        source: for the lines of problems.
        definitions: named parameters, unread.
        known_keys: keys that a mapping of this file may have; empty where any key is fine.
        problems: found so far.
    """

    def __init__(
        self, source: YamlSource, definitions: dict[str, Written], known_keys: Iterable[str]
    ) -> None:
        self.source = source
        self.definitions = definitions
        self.known_keys = frozenset(known_keys)
        self.problems: list[Problem] = []
        self._reported: set[tuple[KeyPath, str]] = set()
        self.used: set[str] = set()
        self._read: dict[str, Node] = {}
        self._open: list[str] = []
        self._choices: set[str] = set()

    def report(self, origin: KeyPath, rule: str, value: object = None, remedy: str = "") -> Node:
        """Note a problem once, and return a node that stands for the unusable value."""
        if (origin, rule) not in self._reported:
            self._reported.add((origin, rule))
            self.problems.append(self.source.problem(origin, rule, value, remedy))
        return Constant(origin, INVALID)

    def node(self, value: Written, name: Name) -> Node:
        """Read any value."""
        if isinstance(value.value, dict):
            if value.is_domain:
                return self.domain(value, name, self.node)
            misspelt = self._misspelt_domain(value)
            if misspelt is not None:
                return misspelt
            items = {key: self.node(child, (*name, key)) for key, child in value.value.items()}
            return Fields(value.origin, items)
        if isinstance(value.value, list):
            children = [self.node(each, (*name, str(i))) for i, each in enumerate(value.value)]
            return Items(value.origin, tuple(children))
        return Constant(value.origin, value.value)

    def _misspelt_domain(self, value: Written) -> Node | None:
        assert isinstance(value.value, dict)
        if not self.known_keys:
            return None
        for key, child in value.value.items():
            if key not in self.known_keys and difflib.get_close_matches(key, DOMAIN_KEYS, 1):
                remedy = nearest(key, DOMAIN_KEYS)
                return self.report(child.origin, "is an unknown key", None, remedy)
        return None

    def domain(self, value: Written, name: Name, read: Reader) -> Node:
        """Read a mapping that stands for several values; ``read`` reads its options."""
        assert isinstance(value.value, dict)
        kinds = [key for key in DOMAIN_KEYS if key in value.value]
        if kinds == ["choice", "ref"]:
            return self._following(value, name, read)
        if len(kinds) > 1:
            both = " and ".join(kinds)
            return self.report(value.origin, f"must be one kind of domain, not {both}")
        (kind,) = kinds
        known = {"choice": ("choice",), "int": ("int", "step"), "ref": ("ref", "times")}[kind]
        for key, child in value.value.items():
            if key not in known:
                self.report(child.origin, "is an unknown key", None, nearest(key, known))
        if kind == "ref":
            return self._reference(value)
        if dotted(name) in self._choices:
            return self.report(value.origin, f"two parameters are called '{dotted(name)}'")
        self._choices.add(dotted(name))
        if kind == "int":
            return self._integers(value, name)
        return self._choice(value["choice"], name, read)

    def _choice(self, listed: Written, name: Name, read: Reader) -> Node:
        named: tuple[Value, ...]
        if isinstance(listed.value, dict | list) and len(listed.value) > MAX_VALUES:
            rule = f"must have at most {MAX_VALUES} options"
            return self.report(listed.origin, rule, len(listed.value), "leave some out")
        if isinstance(listed.value, dict):
            named, options = tuple(listed.value), list(listed.value.values())
        elif isinstance(listed.value, list):
            named, options = option_labels(listed.value), listed.value
        else:
            remedy = "write {choice: [first, second]}"
            return self.report(listed.origin, "must be a list of options", listed.plain(), remedy)
        if not options:
            return self.report(listed.origin, "must have at least one option", listed.plain())
        seen: set[str] = set()
        nodes: list[Node] = []
        for label, option in zip(named, options, strict=True):
            content = json.dumps(option.plain(), sort_keys=True)
            if content in seen:
                rule, remedy = "options must differ from each other", "remove one of the two"
                self.report(option.origin, rule, option.plain(), remedy)
            seen.add(content)
            if option.is_domain and not (isinstance(listed.value, dict) or option.get("ref")):
                rule = "an option must be a value, not a domain"
                nodes.append(
                    self.report(option.origin, rule, option.plain(), "write its values as options")
                )
            else:
                nodes.append(read(option, (*name, str(label))))
        if any(isinstance(option.value, str) and option.value == "none" for option in options):
            none = [each for each in options if each.value is None]
            if none:
                self.report(none[0].origin, "options must differ from each other", "null and none")
        ordered = isinstance(listed.value, list) and all(
            isinstance(label, int | float) and not isinstance(label, bool) for label in named
        )
        return Choice(listed.origin, dotted(name), named, tuple(nodes), ordered)

    def _integers(self, value: Written, name: Name) -> Node:
        bounds, step = value["int"], value.get("step")
        pair = bounds.plain()
        by = 1 if step is None else step.plain()
        if not (isinstance(pair, list) and len(pair) == 2 and all(type(n) is int for n in pair)):
            rule, remedy = "must be two whole numbers", "write {int: [low, high]}"
            return self.report(bounds.origin, rule, pair, remedy)
        low, high = pair
        if low > high:
            return self.report(
                bounds.origin, "low <= high must hold", pair, f"write [{high}, {low}]"
            )
        if type(by) is not int or by < 1:
            assert step is not None
            return self.report(step.origin, "must be a whole number of at least 1", by)
        # the length of a range is limited, and its tuple may not fit into memory
        if (high - low) // by + 1 > MAX_VALUES:
            rule = f"must have at most {MAX_VALUES} values"
            return self.report(bounds.origin, rule, pair, "use a larger step")
        values = tuple(range(low, high + 1, by))
        options = tuple(Constant(bounds.origin, number) for number in values)
        return Choice(bounds.origin, dotted(name), values, options, ordered=True)

    def _following(self, value: Written, name: Name, read: Reader) -> Node:
        """Read options of which the value of a named parameter picks one."""
        followed = self._referred(value["ref"])
        options = value["choice"]
        assert isinstance(value.value, dict)
        for key, child in value.value.items():
            if key not in ("ref", "choice"):
                self.report(
                    child.origin, "is an unknown key", None, nearest(key, ("ref", "choice"))
                )
        if followed.fixed is INVALID:
            return followed
        if not isinstance(followed, Choice):
            return self.report(value["ref"].origin, "must name a domain", value["ref"].plain())
        wanted = [key_text(each) for each in followed.values]
        if not isinstance(options.value, dict):
            remedy = f"write {{{wanted[0]}: first, ...}}"
            rule = f"must map each value of '{followed.name}' to an option"
            return self.report(options.origin, rule, options.plain(), remedy)
        rule = f"must be a value of '{followed.name}'"
        named: dict[str, Written] = {}
        for key, child in options.value.items():
            # 1e-3 is the value 0.001, however it is written
            same = [w for w, v in zip(wanted, followed.values, strict=True) if _same(key, w, v)]
            if not same:
                self.report(child.origin, rule, key, nearest(key, wanted))
            named |= dict.fromkeys(same, child)
        missing = [each for each in wanted if each not in named]
        if missing:
            rule = f"needs an option for each value of '{followed.name}'"
            return self.report(options.origin, rule, None, f"add {', '.join(missing)}")
        nodes = tuple(read(named[key], (*name, key)) for key in wanted)
        return Choice(value.origin, followed.name, followed.values, nodes, followed.ordered)

    def _referred(self, target: Written) -> Node:
        key = target.plain()
        if not isinstance(key, str) or key not in self.definitions:
            known = self.definitions
            remedy = nearest(str(key), known) if known else "there is no 'parameters' section"
            return self.report(target.origin, "must name an entry of 'parameters'", key, remedy)
        return self.definition(key, target.origin)

    def _reference(self, value: Written) -> Node:
        target, times = value["ref"], value.get("times")
        node = self._referred(target)
        if times is None or node.fixed is INVALID:
            return node
        factor = times.plain()
        if isinstance(factor, bool) or not isinstance(factor, int | float) or factor <= 0:
            return self.report(times.origin, "must be a number above 0", factor)
        values = node.values if isinstance(node, Choice) else (node.fixed,)
        if any(isinstance(each, bool) or not isinstance(each, int | float) for each in values):
            rule = f"needs numbers in 'parameters.{target.plain()}'"
            return self.report(times.origin, rule)
        return Scaled(value.origin, node, factor)

    def definition(self, key: str, origin: KeyPath) -> Node:
        """Read the named parameter ``key``, once, however often it is referred to."""
        self.used.add(key)
        if key in self._open:
            chain = " -> ".join([*self._open[self._open.index(key) :], key])
            return self.report(origin, "a parameter must not refer to itself", chain)
        if key not in self._read:
            self._open.append(key)
            self._read[key] = self.node(self.definitions[key], (key,))
            self._open.pop()
        return self._read[key]

    def stages(self, value: Written, name: Name) -> Node:
        """Read the list of stages, or a choice among such lists."""
        if value.is_domain:
            return self.domain(value, name, self.stages)
        if not isinstance(value.value, list):
            return self.node(value, name)
        stages = [self.stage(each, (*name, str(i))) for i, each in enumerate(value.value)]
        return Items(value.origin, tuple(stages))

    def stage(self, value: Written, name: Name) -> Node:
        """Read a stage; what it says for every block goes into each block that lacks it."""
        if value.is_domain:
            return self.domain(value, name, self.stage)
        if not isinstance(value.value, dict):
            return self.node(value, name)
        misspelt = self._misspelt_domain(value)
        if misspelt is not None:
            return misspelt
        shared = {
            key: self.node(value[key], (*name, key)) for key in BLOCK_KEYS if key in value.value
        }
        missing: set[str] = set()

        def pattern(blocks: Written, name: Name) -> Node:
            if blocks.is_domain:
                return self.domain(blocks, name, pattern)
            if not isinstance(blocks.value, list):
                return self.node(blocks, name)
            entries = [block(each, (*name, str(i))) for i, each in enumerate(blocks.value)]
            return Items(blocks.origin, tuple(entries))

        def block(entry: Written, name: Name) -> Node:
            if entry.is_domain:
                return self.domain(entry, name, block)
            own = self.node(entry, name)
            if not isinstance(own, Fields):
                return own
            missing.update(key for key in shared if key not in own.items)
            return Fields(own.origin, {**shared, **own.items})

        items: dict[str, Node] = {}
        for key, child in value.value.items():
            if key == "blocks":
                items[key] = pattern(child, (*name, key))
            elif key not in Stage.model_fields and key not in BLOCK_KEYS:
                remedy = nearest(key, (*Stage.model_fields, *BLOCK_KEYS))
                self.report(child.origin, "is an unknown key", None, remedy)
            elif key not in BLOCK_KEYS:
                items[key] = self.node(child, (*name, key))
        if "blocks" not in value.value:
            entry = Written({}, value.origin)
            items["blocks"] = pattern(Written([entry], value.origin), (*name, "blocks"))
        for key in shared:
            if key not in missing and value[key].origin[0] != "stage_defaults":
                self.report(
                    value[key].origin,
                    "has no effect: every entry of 'blocks' has its own",
                    None,
                    "remove it here or there",
                )
        return Fields(value.origin, items)


def _same(key: str, label: str, value: Value) -> bool:
    """Return whether a key of a file names the value of a parameter."""
    if key == label:
        return True
    read = scalar(key)
    numbers = isinstance(read, int | float) and isinstance(value, int | float)
    return numbers and not isinstance(read, bool) and not isinstance(value, bool) and read == value
