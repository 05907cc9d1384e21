"""Serve the dashboard on loopback."""

import errno
import threading
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from archsearch.dashboard.guard import Application, guarded
from archsearch.dashboard.overlay import RunOverlay
from archsearch.dashboard.package import load_dashboard
from archsearch.errors import InputError, Problem
from archsearch.run import load_run
from archsearch.run.private_paths import shareable
from archsearch.run.run_folder import RunFolder, find_run
from archsearch.run.run_reader import study_name
from archsearch.search.storage_view import StorageView

HOST = "127.0.0.1"
#: the port that is tried when none is asked for
USUAL_PORT = 8080


def build_application(folder: RunFolder, *, editable: bool = False) -> Application:
    """Return the dashboard on a run as a guarded WSGI application.

    Raises:
        InputError: optuna-dashboard is not installed, or this is not the folder of a run.
    """
    dashboard = load_dashboard()
    # reports problems of the folder, and repairs a database whose writer was killed
    load_run(folder)
    config = folder.read_config()
    storage = folder.storage_in(config)
    overlay = RunOverlay(folder, shareable(config), editable=editable)
    name = study_name(folder, config, storage)
    view = StorageView(storage, name, overlay, writable=editable)
    overlay.on_change = view.refresh
    # read now, so that the first request need not wait
    view.get_study_user_attrs(view.study_id)
    view.get_all_trials(view.study_id)
    view.get_study_system_attrs(view.study_id)
    application: Application = dashboard.create_app(view, artifact_store=overlay.files)
    return guarded(application, editable=editable)


def open_dashboard(
    run: str | Path,
    runs_dir: str | Path = "runs",
    *,
    port: int | None = None,
    editable: bool = False,
) -> "LiveServer":
    """Return a server of Optuna's dashboard on a run; it may be going on.

    It is bound to loopback, reads the run's storage and never writes to it unless ``editable``.

    Args:
        run: folder of a run, or its name inside ``runs_dir``.
        runs_dir: where runs are kept.
        port: to listen on; None for `USUAL_PORT`, or any free one where that is taken.
        editable: let the pages change the study.

    Raises:
        InputError: no such run, no optuna-dashboard, or the port is taken.
    """
    application = build_application(find_run(run, runs_dir), editable=editable)
    return LiveServer(application, _bound(port, application))


class LiveServer:
    """A bound server that is not started yet; a context manager.

    Attributes:
        url: where it answers.
    """

    def __init__(self, application: Application, server: WSGIServer) -> None:
        self._server = server
        self._thread: threading.Thread | None = None
        self.url = f"http://{HOST}:{server.server_port}/dashboard"

    @property
    def address(self) -> tuple[str, int]:
        """Address that it is bound to."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def serve(self) -> None:
        """Answer until interrupted."""
        self._server.serve_forever(poll_interval=0.2)

    def __enter__(self) -> "LiveServer":
        """Answer in a thread until the block is left."""
        self._thread = threading.Thread(target=self.serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self.close()

    def close(self) -> None:
        """Give the port back."""
        self._server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    """One thread for each request; they do not keep the program from ending."""

    daemon_threads = True


class _Handler(WSGIRequestHandler):
    """Answers without a line on the terminal for each request."""

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def address_string(self) -> str:
        """Return the address; looking up its name can take seconds."""
        return str(self.client_address[0])


def _bound(port: int | None, application: Application) -> WSGIServer:
    """Return a server bound to ``port``, to the usual one, or to a free one."""
    if port is not None and not 0 <= port <= 65535:
        raise InputError(Problem("--port", "must be 0 to 65535", port))
    wanted = USUAL_PORT if port is None else port
    try:
        return make_server(HOST, wanted, application, _Server, _Handler)
    except OSError as error:
        if port is None:
            return make_server(HOST, 0, application, _Server, _Handler)
        taken = error.errno == errno.EADDRINUSE
        rule = (
            f"port {port} is in use" if taken else f"port {port} cannot be used ({error.strerror})"
        )
        raise InputError(
            Problem("--port", rule, None, "name another, or none: a free one is chosen")
        ) from None
