"""`archsearch dashboard` without a browser."""

import importlib
import webbrowser

import pytest

from archsearch.cli.app import main


class Server:
    """A server that somebody interrupts at once."""

    url = "http://127.0.0.1:1/dashboard"
    closed = False

    def serve(self):
        raise KeyboardInterrupt

    def close(self):
        self.closed = True


@pytest.mark.parametrize("how", ["says no", "raises"])
def test_a_missing_browser_is_no_error(how, monkeypatch, capsys):
    def opened(url):
        if how == "raises":
            raise webbrowser.Error("could not locate runnable browser")
        return False

    server = Server()
    command = importlib.import_module("archsearch.cli.dashboard")
    monkeypatch.setattr(command, "open_dashboard", lambda *_, **__: server)
    monkeypatch.setattr(webbrowser, "open", opened)
    with pytest.raises(SystemExit) as ended:
        main(["dashboard", "any", "--browser"])
    assert not ended.value.code
    printed = capsys.readouterr()
    assert server.url in printed.out
    assert "no browser was found; open the address yourself" in printed.err
    assert server.closed
