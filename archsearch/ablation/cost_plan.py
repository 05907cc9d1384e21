"""The plan of an ablation and its cost, before anything is trained."""

from archsearch.ablation.preparation import PreparedAblation
from archsearch.cost import count_arch
from archsearch.data import describe_data
from archsearch.run.cost_plan import duration, epoch_seconds
from archsearch.train import Trainer


def describe_cost(prepared: PreparedAblation, trainings: int, reused: int, workers: int) -> str:
    """Time some steps of the base; return one line on what an epoch, and the rest, costs.

    Args:
        prepared: the ablation.
        trainings: that are left.
        reused: that are there already.
        workers: networks trained at a time.
    """
    networks, epochs = prepared.networks, prepared.recipe.epochs
    trainer = Trainer(
        networks.base.arch,
        prepared.data,
        prepared.recipe,
        seed=prepared.study.seeds[0],
        device=prepared.device,
        threads=prepared.execution.threads_per_worker,
    )
    an_epoch = epoch_seconds(trainer)
    macs = [count_arch(network.arch).macs for network in networks.all]
    # time is roughly proportional to multiply-adds
    total = trainings * epochs * an_epoch * sum(macs) / len(macs) / macs[0] / workers
    there = f" ({reused} are there already)" if reused else ""
    return (
        f"one epoch of {networks.base.name} ({macs[0] / 1e6:.1f} M MACs, "
        f"{len(prepared.data.train):,} images) takes about {duration(an_epoch)}; {trainings} "
        f"trainings x {epochs} epochs{there} on {workers} "
        f"{'worker' if workers == 1 else 'workers'}: about {duration(total)}"
    )


def describe_ablation_plan(prepared: PreparedAblation) -> list[str]:
    """Return what an ablation would do, line by line; nothing is trained."""
    study, data, recipe = prepared.study, prepared.data, prepared.recipe
    lines = [
        f"folder: {prepared.folder.path}",
        f"question: {study.question.strip()}",
        f"cost: {study.cost.strip()}",
        *describe_data(data),
        f"recipe: {recipe.epochs} epochs, batch {recipe.batch_size}, {recipe.optimizer}, learning "
        f"rate {recipe.learning_rate:g}",
        *prepared.fit.lines(),
        *([recipe.teacher.line] if recipe.teacher else []),
        f"trainings: {len(prepared.networks.all)} networks x {len(study.seeds)} seeds",
    ]
    for network in prepared.networks.all:
        counts = count_arch(network.arch)
        lines.append(
            f"  {network.name}: {counts.params / 1e6:.3f} M params, {counts.macs / 1e6:.1f} M MACs"
        )
    if prepared.left_out:
        lines.append(f"not asked for (--only): {', '.join(prepared.left_out)}")
    return lines
