"""The parts of a page that are not figures, as HTML. Everything from a run is escaped."""

from collections.abc import Mapping
from html import escape

from archsearch.analysis import front_trials, num_images
from archsearch.record import Environment, RunRecord
from archsearch.report.baseline_columns import baseline_table
from archsearch.report.family_columns import family_table
from archsearch.report.latency_verdicts import INTERVAL, verdict_line, verdict_remedy
from archsearch.report.layout import Panel
from archsearch.report.number_format import bytes_text, plural
from archsearch.report.run_sentences import sentences
from archsearch.report.run_tables import front_table
from archsearch.report.shell_commands import export_command
from archsearch.report.table_panel import panel_of
from archsearch.yaml_source import dump_yaml


def summary_panel(run: RunRecord) -> Panel:
    """Return the run in sentences."""
    paragraphs = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences(run))
    return Panel("summary", "", f'<div class="prose">{paragraphs}</div>')


def notes_panel(run: RunRecord) -> Panel | None:
    """Return the notes of the run, and the trials that failed."""
    lines = list(run.notes)
    failed = [trial for trial in run.trials if trial.state == "failed"]
    lines += [f"trial {trial.number} failed: {trial.reason or 'no reason'}" for trial in failed[:8]]
    if len(failed) > 8:
        lines.append(f"{plural(len(failed) - 8, 'more trial')} failed; the table below has all")
    if not lines:
        return None
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return Panel("notes", "Notes", f'<ul class="notes">{items}</ul>')


def budget_panel(run: RunRecord) -> Panel | None:
    """Return the slider that shows the front under a tighter budget."""
    front = front_trials(run)
    if len(front) < 2:
        return None
    return Panel(
        "budget",
        "",
        '<div class="budget" hidden><label for="budget-slider">What if the budget were tighter?'
        '</label><input type="range" id="budget-slider" aria-describedby="budget-says">'
        '<output id="budget-says" for="budget-slider" aria-live="polite"></output></div>',
    )


def card_panel(run: RunRecord) -> Panel:
    """Return the place where the chosen architecture is drawn."""
    return Panel(
        "card",
        "",
        '<article class="card" id="card" tabindex="-1" aria-label="Chosen architecture" hidden>'
        "</article>",
    )


def front_table_panel(run: RunRecord) -> Panel:
    """Return the front as a table that sorts and copies."""
    numbers = [trial.number for trial in front_trials(run)]
    commands = [escape(export_command(run, number)) for number in numbers]
    return panel_of(
        "front",
        front_table(run),
        attributes=[f'data-trial-row="{number}"' for number in numbers],
        first=[
            f'<button type="button" class="link" data-trial="{number}">{number}</button>'
            for number in numbers
        ],
        actions=[
            f'<button type="button" data-copy="{command}" title="{command}">Copy export</button>'
            for command in commands
        ],
        kind="rows",
    )


def baseline_panel(run: RunRecord) -> Panel | None:
    """Return the baselines as a table of the page; None when there are none."""
    table = baseline_table(run)
    return panel_of("baseline", table, kind="rows") if table is not None else None


def family_panel(run: RunRecord) -> Panel | None:
    """Return the families among the baselines as a table of the page; None when there are none."""
    table = family_table(run)
    return panel_of("families", table, kind="rows") if table is not None else None


def verdict_panel(run: RunRecord) -> Panel | None:
    """Return how well the latencies of the front are known, and what to do about it."""
    lines = " ".join(line for line in (verdict_line(run), verdict_remedy(run)) if line)
    if not lines:
        return None
    return Panel("verdicts", "", f'<p class="banner" role="note">{escape(lines)}</p>')


def trials_panel(run: RunRecord) -> Panel:
    """Return the place of the table of all trials; the page fills it a few rows at a time."""
    states = sorted({trial.state for trial in run.trials})
    options = "".join(f'<option value="{state}">{state}</option>' for state in states)
    return Panel(
        "trials",
        "",
        '<div class="tools"><label>State <select id="trials-state"><option value="">all</option>'
        f"{options}</select></label>"
        '<label>Find <input type="search" id="trials-find" placeholder="window_global, r4, 96 ..." '
        'autocomplete="off" spellcheck="false"></label>'
        '<button type="button" id="trials-copy">Copy table</button></div>'
        '<table class="rows" id="trials-rows"><caption class="unseen">All trials of the run'
        "</caption><thead></thead><tbody></tbody></table>"
        '<nav class="pages" id="trials-pages" aria-label="Pages of the table of trials"></nav>',
    )


def protocol_panel(run: RunRecord) -> Panel:
    """Return how latency and accuracy of the front were measured."""
    rows: list[tuple[str, str]] = []
    results = [t.known_latency for t in front_trials(run)]
    known = [result for result in results if result is not None]
    if known:
        rows += [
            ("Device", _joined({result.device or run.environment.device for result in known})),
            ("Runtime", _joined({result.runtime for result in known})),
            ("Batch size", _joined({result.batch_size for result in known})),
            ("Threads", _joined({result.threads for result in known})),
            ("Data type", _joined({result.dtype for result in known})),
            ("Memory format", _joined({result.memory_format for result in known})),
            ("Warm-up", _range([result.num_warmup for result in known], "inference")),
            ("Timed", _range([result.num_inferences for result in known], "inference")),
            ("Reported", f"median of block medians, with its {INTERVAL}"),
            ("Verdicts", verdict_line(run)),
        ]
    for split, label in (("val", "Validation"), ("test", "Test")):
        count = num_images(run, split)
        if count:
            rows.append((label, f"{count:,} images"))
        elif split == "test" and _is_untested(run):
            rows.append((label, "no test images: accuracies are those of the validation images"))
    rows.append(
        (
            "Accuracy",
            "last epoch; mean over other seeds than the search seed, where there are any, with "
            "an interval over seeds and images; else with the search seed and a Wilson "
            "interval over images",
        )
    )
    return Panel("protocol", "Protocol", definitions(rows))


def _is_untested(run: RunRecord) -> bool:
    data = run.config.get("data")
    return isinstance(data, Mapping) and data.get("test") == 0


def environment_panel(run: RunRecord) -> Panel:
    """Return the machine and the software that the numbers belong to."""
    return Panel("environment", "Environment", definitions(environment_rows(run.environment)))


def environment_rows(where: Environment) -> list[tuple[str, str]]:
    """Return the machine and the software as terms and values."""
    return [
        ("Device", where.device),
        ("CUDA", where.cuda),
        ("Processor", where.cpu if where.cpu != where.device else ""),
        ("Cores", f"{where.cores:,} for this process"),
        ("Memory", bytes_text(where.memory_bytes)),
        ("System", where.system),
        ("Software", f"Python {where.python}, torch {where.torch}, timm {where.timm}"),
        ("archsearch", where.archsearch),
        ("Fingerprint", where.fingerprint),
    ]


def configuration_panel(run: RunRecord) -> Panel | None:
    """Return the resolved configuration of the run."""
    if not run.config:
        return None
    text = escape(dump_yaml(run.config))
    return Panel(
        "configuration",
        "",
        f"<details><summary>Resolved configuration</summary><pre>{text}</pre></details>",
    )


def definitions(rows: list[tuple[str, str]]) -> str:
    """Return terms and values as a list; rows without a value are left out."""
    lines = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in rows if v)
    return f'<dl class="facts">{lines}</dl>'


def _joined(values: set[str] | set[int]) -> str:
    return ", ".join(sorted(str(value).replace("_", " ") for value in values))


def _range(values: list[int], noun: str) -> str:
    low, high = min(values), max(values)
    many = plural(high, noun)
    return f"{many} each" if low == high else f"{low:,} to {many} each"
