"""What ``archsearch profile`` says of a network as a whole."""

from collections.abc import Mapping

from archsearch.cost import Profile
from archsearch.cost.fvcore_counts import PRODUCTS
from archsearch.cost.int8_instructions import slow_int8_note
from archsearch.report.latency_verdicts import INTERVAL, why_not_steady

#: what a latency in int8 is of
INT8 = "quantised with a few random images, for latency alone; export calibrates on real ones"


def facts_of(profile: Profile) -> list[tuple[str, str]]:
    """Return names and values of what a network costs as a whole."""
    facts = []
    facts.append(("params", f"{profile.params:,}"))
    facts.append(("MACs", f"{profile.macs:,}"))
    if profile.fvcore_by_operator is not None:
        facts.append(("MACs, fvcore", _beside(profile.fvcore_by_operator, profile.macs)))
    for name, calls in profile.unsupported.items():
        facts.append(("not counted", f"{name} ({calls} calls)"))
    for dtype, size in profile.weight_bytes.items():
        facts.append((f"weights, {dtype}", f"{size / 2**20:.2f} MiB"))
    facts.append(("activations, inference", _mebibytes(profile.inference_bytes)))
    facts.append(("activations, training", _mebibytes(profile.training_bytes)))
    known = profile.latency
    if known is not None:
        ends = known.interval_ms
        spread = f"{INTERVAL} {ends[0]:.3f} to {ends[1]:.3f}" if ends else "spread unknown"
        facts.append(
            (
                "latency",
                f"{known.median_ms:.3f} ms ({spread}, p90 "
                f"{known.p90_ms:.3f}, n = {known.num_inferences}), {known.verdict}",
            )
        )
        if known.measurements > 1:
            facts.append(
                (
                    "joined from",
                    f"{known.measurements} measurements of the last day; this one alone gave "
                    f"{known.alone_ms:.3f} ms",
                )
            )
        if why := why_not_steady([known]):
            facts.append((f"why {known.verdict}", why))
        facts.append(
            (
                "protocol",
                f"{known.runtime}, {known.dtype}, batch {known.batch_size}, {known.threads} "
                f"{'thread' if known.threads == 1 else 'threads'}, {known.memory_format}, "
                f"{known.device}",
            )
        )
        if known.dtype == "int8":
            facts.append(("int8", INT8))
        if note := slow_int8_note(known.dtype):
            facts.append(("processor", note))
        if known.fallbacks:
            facts.append(("fallbacks", "; ".join(known.fallbacks)))
    if (parts := _parts_text(profile)) is not None:
        facts.append(("parts", parts))
    if profile.bound_ms is not None and profile.macs_per_s and profile.bytes_per_s:
        facts.append(
            (
                "floor of this machine",
                f"{profile.bound_ms:.3f} ms at {profile.macs_per_s / 1e9:.0f} GMAC/s and "
                f"{profile.bytes_per_s / 1e9:.0f} GB/s",
            )
        )
    return facts


def _parts_text(profile: Profile) -> str | None:
    """Return what the parts add up to, and how they were timed; None where they were not."""
    sums = (profile.units_ms, profile.units_of_ms, profile.clocks_share)
    if None in sums:
        return None
    units, whole, clocks = (each or 0.0 for each in sums)
    text = f"{units:.3f} of {whole:.3f} ms, the rest lies between them"
    other = profile.latency is not None and profile.latency.runtime != profile.units_runtime
    is_int8 = profile.latency is not None and profile.latency.dtype == "int8"
    mode = f"{profile.units_runtime} mode" + (", float32" if is_int8 else "")
    where = f"timed in {mode}" if other else "timed with clocks inside"
    return (
        f"{text}; {where}, scaled to the inference without clocks (with them {100 * clocks:+.0f} %)"
    )


def _beside(theirs: Mapping[str, int], ours: int) -> str:
    """Return fvcore's count, and what it counts otherwise than we do."""
    total = sum(theirs.values())
    others = {name: macs for name, macs in theirs.items() if name not in PRODUCTS}
    parts = []
    if others:
        named = ", ".join(name.replace("_", " ") for name in sorted(others, key=others.__getitem__))
        parts.append(f"{sum(others.values()):,} of them for {named}, which hold no MACs here")
    if gap := total - sum(others.values()) - ours:
        parts.append(f"{abs(gap):,} {'more' if gap > 0 else 'fewer'} in products")
    return "; ".join([f"{total:,}", *parts])


def _mebibytes(size: int | None) -> str:
    if size is None:
        return "not known: the network looks at the values of its images"
    return f"{size / 2**20:.2f} MiB"
