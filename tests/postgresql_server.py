"""A PostgreSQL server of its own for a test, from the programs of Debian's package."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PASSWORD = "s3cr3t-pass/word"
_QUOTED = "s3cr3t-pass%2Fword"


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


class Server:
    """A server on a port of this machine, with one database ``studies``."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.url = f"postgresql://runner@127.0.0.1:{port}/studies"
        self.whole_url = f"postgresql://runner:{_QUOTED}@127.0.0.1:{port}/studies"

    def control(self, *words: str) -> None:
        _run(self.folder, "pg_ctl", "-D", str(self.folder / "data"), "-w", *words)

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder} -c fsync=off"
        self.control("-l", str(self.folder / "log"), "-o", options, "start")

    def kill(self) -> None:
        """End every process of the server at once, as a crash does."""
        self.control("-m", "immediate", "stop")


def _run(folder: Path, name: str, *words: str) -> None:
    programs = _programs()
    assert programs is not None
    command = [str(programs / name), *words]
    if os.getuid() == 0:  # the server refuses to run as root
        command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode()


@contextmanager
def postgresql() -> Iterator[Server]:
    """Run a server for a while; skip the test where none is installed."""
    if _programs() is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    pytest.importorskip("psycopg", reason="pip install 'archsearch[postgresql]'")
    # another user owns it, and the path of a socket may have 107 bytes
    folder = Path(tempfile.mkdtemp(prefix="archsearch-pg-", dir="/tmp"))
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    folder.chmod(0o700)
    server = Server(folder, _free_port())
    try:
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        _run(
            folder,
            "initdb",
            *("-D", str(folder / "data"), "-U", "runner", "-A", "scram-sha-256"),
            *("--pwfile", str(folder / "password"), "-E", "UTF8", "--no-sync"),
        )
        server.start()
        time.sleep(0.1)
        environment = ["env", f"PGPASSWORD={PASSWORD}"]
        programs = _programs()
        assert programs is not None
        database = [str(programs / "createdb"), "-h", "127.0.0.1", "-p", str(server.port)]
        subprocess.run([*environment, *database, "-U", "runner", "studies"], check=True)
        yield server
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
