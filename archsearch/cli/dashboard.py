"""``archsearch dashboard``: Optuna's dashboard on a run."""

import warnings
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from archsearch.cli.console import err, out
from archsearch.cli.shared_options import RunsDir
from archsearch.dashboard import open_dashboard


def command(
    run: Annotated[str, typer.Argument(help="Folder of a run, or its name.")],
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port on this machine. [default: 8080, or a free one]"),
    ] = None,
    allow_edit: Annotated[
        bool, typer.Option("--allow-edit", help="Let the pages change the study.")
    ] = False,
    browser: Annotated[bool, typer.Option("--browser", help="Open it in a browser.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Show a run in Optuna's dashboard, on this machine; it may still be going on."""
    # its warnings about small studies belong on the page, not on the terminal
    warnings.filterwarnings("ignore", module=r"optuna\b.*")
    server = open_dashboard(run, runs_dir, port=port, editable=allow_edit)
    how = "changes are allowed" if allow_edit else "read-only"
    out.print(f"dashboard: {server.url}   ({how}; Ctrl-C ends it)", soft_wrap=True)
    if browser and not _opened(server.url):
        err.print("no browser was found; open the address yourself")
    try:
        server.serve()
    except KeyboardInterrupt:
        err.print("dashboard ended")
    finally:
        server.close()


def _opened(url: str) -> bool:
    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False
