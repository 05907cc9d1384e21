"""The budgets of a search: upper limits of latency, size and memory."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import (
    Field,
)

from archsearch.arch import Spec
from archsearch.option import BUDGET, Option
from archsearch.percent import percent_text

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Budgets(Spec):
    """Upper limits that every point of the front keeps.

    Attributes:
        latency_ms: median latency of one inference; None for no limit.
        params: number of parameters; None for no limit.
        macs: multiply-adds of one image; None for no limit.
        memory_bytes: weights and activations of one inference, as it is measured; None for no
            limit.
    """

    latency_ms: Annotated[
        Positive | None,
        Option("--budget-ms", "Latency limit in milliseconds for one inference.", BUDGET),
    ] = None
    params: Annotated[
        Positive | None,
        Option("--budget-params", "Limit on the number of parameters, e.g. 6e6.", BUDGET),
    ] = None
    macs: Annotated[
        Positive | None,
        Option("--budget-macs", "Limit on multiply-adds of one image.", BUDGET),
    ] = None
    memory_bytes: Annotated[
        Positive | None,
        Option(
            "--budget-memory",
            "Limit on bytes of weights and activations of one inference, e.g. 50e6.",
            BUDGET,
        ),
    ] = None

    @property
    def limits(self) -> dict[str, float]:
        """The limits there are, by name and in a fixed order."""
        return {name: value for name, value in self if value is not None}

    def violations(
        self,
        params: int | None,
        macs: int | None,
        latency_ms: float | None,
        memory_bytes: int | None = None,
    ) -> dict[str, float]:
        """Return, by name and in a fixed order, how far each limit is exceeded, as a share of it.

        Zero or less means that the limit is kept; what is not known yet counts as kept.
        """
        known = {
            "latency_ms": latency_ms,
            "params": params,
            "macs": macs,
            "memory_bytes": memory_bytes,
        }
        shares = {}
        for name, limit in self.limits.items():
            value = known[name]
            shares[name] = 0.0 if value is None else (value - limit) / limit
        return shares


def over_text(shares: Mapping[str, float]) -> str:
    """Return which budgets are exceeded, and by how much; empty for none.

    Args:
        shares: by name, how far each limit is exceeded, as `Budgets.violations` has it.
    """
    over = [f"{name} by {percent_text(share)} %" for name, share in shares.items() if share > 0]
    return ", ".join(over)
