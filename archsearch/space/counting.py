"""Exact number of configurations of a plan, without listing them.

Without shared parameters the count is a product over what is chosen independently and a sum over
options. A parameter that is reached from several places is chosen once; so the count is kept
apart for each set of shared parameters met, and these are multiplied in at the end.
"""

import math

from archsearch.space.nodes import Choice
from archsearch.space.parameter_plan import Plan

#: shared choices met; with the option taken where something depends on it, else -1
State = frozenset[tuple[Choice, int]]
Counts = dict[State, int]


def count_configurations(plan: Plan) -> int:
    """Return how many configurations ``plan`` has, inactive parameters distinguished by nothing."""
    again = plan.met_again
    shared = frozenset(choice for choice in plan.choices if choice.name in again)
    memo: dict[Choice, Counts] = {}
    total = 0
    nothing: State = frozenset()
    pending = [(s, nothing, n) for s, n in _all(plan.root, plan, shared, memo).items()]
    while pending:
        state, expanded, number = pending.pop()
        todo = next((each for each in state - expanded if each[1] >= 0), None)
        if todo is None:
            free = {choice.name: len(choice.values) for choice, option in state if option < 0}
            total += number * math.prod(free.values())
            continue
        choice, option = todo
        for more, times in _all(plan.below[choice][option], plan, shared, memo).items():
            both = _joined(state, more)
            if both is not None:
                pending.append((both, expanded | {todo}, number * times))
    return total


def _all(
    choices: tuple[Choice, ...], plan: Plan, shared: frozenset[Choice], memo: dict[Choice, Counts]
) -> Counts:
    """Count the combinations of several choices."""
    product: Counts = {frozenset(): 1}
    for choice in choices:
        terms = _one(choice, plan, shared, memo)
        combined: Counts = {}
        for left, a in product.items():
            for right, b in terms.items():
                both = _joined(left, right)
                if both is not None:
                    combined[both] = combined.get(both, 0) + a * b
        product = combined
    return product


def _one(
    choice: Choice, plan: Plan, shared: frozenset[Choice], memo: dict[Choice, Counts]
) -> Counts:
    """Count what one choice and everything below it can be."""
    if choice in shared:
        alike = [each for each in shared if each.name == choice.name]
        if not any(below for each in alike for below in plan.below[each]):
            return {frozenset({(choice, -1)}): 1}
        return {frozenset({(choice, option)}): 1 for option in range(len(choice.values))}
    if choice not in memo:
        counts: Counts = {}
        for below in plan.below[choice]:
            for state, number in _all(below, plan, shared, memo).items():
                counts[state] = counts.get(state, 0) + number
        memo[choice] = counts
    return memo[choice]


def _joined(left: State, right: State) -> State | None:
    """Return both states together; None if they take different options of one choice."""
    if not left or not right:
        return left or right
    both = left | right
    taken: dict[str, int] = {}
    consistent = all(taken.setdefault(choice.name, option) == option for choice, option in both)
    return both if consistent else None
