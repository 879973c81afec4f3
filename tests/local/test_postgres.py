"""The local Postgres: a real server that starts again whatever happened to it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from local.child import PartFailed, wait_until
from local.ports import free_port
from local.postgres import running_postgres

ROOT = Path(__file__).parent.parent.parent


def plain(url: str) -> str:
    return url.replace("+psycopg", "")


def test_it_is_postgres_18_on_loopback_and_asks_for_its_password(folder: Path) -> None:
    with running_postgres(folder) as url:
        with psycopg.connect(plain(url)) as db:
            row = db.execute("SHOW server_version").fetchone()
            assert row is not None
            assert row[0].startswith("18")
            assert db.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
            assert db.execute("SHOW fsync").fetchone() == ("on",)
        wrong = plain(url).replace(":" + url.split(":")[2].split("@")[0] + "@", ":wrong@")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)


def test_its_password_is_for_the_owner_alone(folder: Path) -> None:
    with running_postgres(folder):
        assert (folder / "password").stat().st_mode & 0o077 == 0


def _is_below(process: psutil.Process, ancestor: psutil.Process) -> bool:
    try:
        return ancestor in process.parents()
    except psutil.NoSuchProcess:
        return False


def test_it_runs_as_somebody_without_rights_when_we_are_root(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives its rights away")
    with running_postgres(folder):
        owners = {
            process.info["uids"].real
            # Reads what it can: a worker of Postgres may end while we look.
            for process in psutil.process_iter(["name", "uids"])
            if process.info["name"] == "postgres" and _is_below(process, psutil.Process())
        }
    assert owners
    assert 0 not in owners


def test_a_folder_that_only_root_may_enter_is_no_obstacle(folder: Path) -> None:
    folder.chmod(0o700)
    private = folder / "deep" / "inside"

    with running_postgres(private) as url:
        psycopg.connect(plain(url)).close()

    assert folder.stat().st_mode & 0o777 == 0o700, "no door was opened for it"
    elsewhere = Path((private / "cluster.path").read_text())
    if elsewhere.parent != private:
        shutil.rmtree(elsewhere)


@pytest.fixture
def server(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A server that another process owns."""
    port = free_port()
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "local.postgres",
                "--data-dir",
                str(folder),
                "--port",
                str(port),
            ],
            cwd=ROOT,
            stdout=output,
            stderr=output,
        )
    url = ""

    def ready() -> bool:
        nonlocal url
        if not (folder / "password").exists():
            return False
        url = f"postgresql://rostrum:{(folder / 'password').read_text()}@127.0.0.1:{port}/rostrum"
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            return False
        return True

    wait_until(ready, process, name="Postgres", log=log)
    yield process, url
    process.terminate()
    process.wait()


def servers_on(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() == "postgres" and any(str(folder) in w for w in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_it_stops_when_its_owner_is_killed_and_keeps_what_was_committed(
    server: tuple[subprocess.Popen[bytes], str], folder: Path
) -> None:
    owner, url = server
    with psycopg.connect(url) as db:
        db.execute("CREATE TABLE kept AS SELECT 1 AS n")
    (postmaster,) = servers_on(folder)

    owner.send_signal(signal.SIGKILL)
    postmaster.wait(10)

    with running_postgres(folder) as again, psycopg.connect(plain(again)) as db:
        assert db.execute("SELECT n FROM kept").fetchone() == (1,)


def test_it_is_repaired_after_the_server_itself_was_killed(
    server: tuple[subprocess.Popen[bytes], str], folder: Path
) -> None:
    owner, url = server
    with psycopg.connect(url) as db:
        db.execute("CREATE TABLE kept AS SELECT 1 AS n")
    (postmaster,) = servers_on(folder)
    postmaster.send_signal(signal.SIGKILL)

    assert owner.wait(10) == 1, "who owns a server that died says so and ends"
    assert "Postgres ended with status -9" in (folder / "log").read_text()
    assert (folder / "cluster" / "postmaster.pid").exists(), "the kill left its pid file"

    with running_postgres(folder) as again, psycopg.connect(plain(again)) as db:
        assert db.execute("SELECT n FROM kept").fetchone() == (1,)


def test_a_pid_file_that_names_another_program_is_stale(folder: Path) -> None:
    with running_postgres(folder):
        pass
    pid_file = folder / "cluster" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{folder / 'cluster'}\n")

    with running_postgres(folder) as url:
        psycopg.connect(plain(url)).close()


def test_a_second_server_on_the_same_folder_is_refused_in_a_sentence(
    server: tuple[subprocess.Popen[bytes], str], folder: Path
) -> None:
    with (
        pytest.raises(PartFailed, match=r"Another Postgres .* is running"),
        running_postgres(folder),
    ):
        pass


def test_a_folder_whose_making_was_cut_short_is_made_anew(folder: Path) -> None:
    with running_postgres(folder):
        pass
    (folder / "cluster" / "ready").unlink()

    with running_postgres(folder) as url:
        psycopg.connect(plain(url)).close()


def test_a_taken_port_is_a_sentence(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with (
            pytest.raises(PartFailed, match="Postgres ended with status"),
            running_postgres(folder, port=other.getsockname()[1]),
        ):
            pass
