"""Exact number of configurations of a plan, without listing them.

Without shared parameters the count is a product over what is chosen independently and a sum over
options. A parameter that is reached from several places is chosen once; so the count is kept
apart for each set of shared parameters met, and these are multiplied in at the end.
"""

from archsearch.space.nodes import Choice
from archsearch.space.plan import Plan

#: shared choices met; with the option taken where something depends on it, else -1
State = frozenset[tuple[Choice, int]]
Counts = dict[State, int]


def count_configurations(plan: Plan) -> int:
    """Return how many configurations ``plan`` has, inactive parameters told apart by nothing."""
    shared = plan.shared_choices
    memo: dict[Choice, Counts] = {}
    total = 0
    pending = [
        (state, frozenset[tuple[Choice, int]](), number)
        for state, number in _all(plan.root, plan, shared, memo).items()
    ]
    while pending:
        state, done, number = pending.pop()
        open_ = next(iter(state - done), None)
        if open_ is None:
            total += number
            continue
        choice, taken = open_
        if taken < 0:
            pending.append((state, done | {open_}, number * len(choice.values)))
            continue
        inside = _all(plan.below[choice][taken], plan, shared, memo)
        for more, times in inside.items():
            both = _joined(state, more)
            if both is not None:
                pending.append((both, done | {open_}, number * times))
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
        if not any(plan.below[choice]):
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
    return both if len({choice for choice, _ in both}) == len(both) else None
