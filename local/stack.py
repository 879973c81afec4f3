"""The whole of Rostrum on one machine: starts the parts in order, and stops all of them.

python -m local.stack run             what `make run` does
python -m local.stack demo [AUDIO]    what `make demo` does
python -m local.stack memory          what each part of a running stack holds
python -m local.stack seeding …       what `make seed` and `make unseed` do
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from local import demo
from local.child import PartFailed, Started, answers, start, stop, wait_until
from local.objects import running_objects
from local.ports import is_taken
from local.postgres import running_postgres
from local.settings import Plan, make_plan

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "samples" / "sample.ogg"
WATCH_SECONDS = 0.5
SEEDED_BY = (
    "DATABASE_URL",
    "R2_ENDPOINT_URL",
    "R2_BUCKET_NAME",
    "R2_ACCESS_KEY_ID",
    "R2_SECRET_ACCESS_KEY",
)
"""What made-up sessions need to know of a stack."""
EXIT_SECONDS = 5.0
"""How long a part may take to end, beyond what it is granted for its work."""


class Stopped(Exception):
    """Somebody asked us to stop."""


class Stack:
    """The parts that run, in the order of their start."""

    def __init__(self, plan: Plan, stack: ExitStack) -> None:
        self.plan = plan
        self._stack = stack
        self._parts: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}
        self.environment: Mapping[str, str] = {}
        self._logs = plan.data_dir / "logs"
        self._logs.mkdir(exist_ok=True)

    def start(self, *, with_dashboard: bool) -> None:
        """Bring everything up; one line a part.

        Raises:
            PartFailed: a part did not come up.
        """
        plan = self.plan
        _refuse_taken("BACKEND_PORT", plan.ports.backend)
        if with_dashboard:
            _refuse_taken("DASHBOARD_PORT", plan.ports.dashboard)
        with _timed("Postgres", plan.ports.postgres):
            database_url = self._stack.enter_context(
                running_postgres(
                    plan.data_dir / "postgres",
                    port=plan.ports.postgres,
                    started=self._watched("Postgres"),
                )
            )
        self.environment = plan.environment(plan.own.get("DATABASE_URL") or database_url)
        self._begin_vendors()
        with _timed("Object store", plan.ports.objects):
            keys = self.environment["R2_ACCESS_KEY_ID"], self.environment["R2_SECRET_ACCESS_KEY"]
            self._stack.enter_context(
                running_objects(
                    plan.data_dir / "objects",
                    port=plan.ports.objects,
                    keys=keys,
                    started=self._watched("Object store"),
                )
            )
        with _timed("Tables"):
            self._migrate()
        for name, port in self._vendors():
            with _timed(name, port):
                self._wait(name, port)
        with _timed("Backend", plan.ports.backend):
            grace = float(self.environment["STOP_GRACE_SECONDS"])
            self._begin(
                "Backend", *_backend(plan.ports.backend), grace_seconds=grace + EXIT_SECONDS
            )
            if with_dashboard:
                self._begin("Dashboard", *dashboard_command(plan.ports.dashboard))
            self._wait("Backend", plan.ports.backend)
        if with_dashboard:
            with _timed("Dashboard", plan.ports.dashboard):
                self._wait("Dashboard", plan.ports.dashboard, path="/_stcore/health")
        self._schedule()
        self._note()

    def watch(self) -> None:
        """Return when somebody stops us.

        Raises:
            PartFailed: a part died.
        """
        while True:
            for name, (process, log) in self._parts.items():
                if process.poll() is not None:
                    raise PartFailed(
                        f"{name} ended with status {process.returncode}. Its last words are in "
                        f"{log}."
                    )
            time.sleep(WATCH_SECONDS)

    def _vendors(self) -> list[tuple[str, int]]:
        ports = self.plan.ports
        wanted = [
            ("Queue", ports.qstash, True),
            ("Whisper", ports.whisper, not self.plan.brings_whisper),
            ("Analyst", ports.analyst, not self.plan.brings_analyst),
        ]
        return [(name, port) for name, port, is_wanted in wanted if is_wanted]

    def _begin_vendors(self) -> None:
        """Start what needs nothing but Postgres, side by side with what comes next."""
        modules = {
            "Queue": ["local.qstash"],
            "Whisper": ["local.whisper", "--data-dir", str(self.plan.data_dir)],
            "Analyst": ["local.analyst"],
        }
        for name, port in self._vendors():
            self._begin(name, sys.executable, "-m", *modules[name], "--port", str(port))
        for name, own in (
            ("Whisper", self.plan.brings_whisper),
            ("Analyst", self.plan.brings_analyst),
        ):
            if own:
                print(f"  {name:<14} your own service: the stand-in stays off", flush=True)

    def _watched(self, name: str) -> Started:
        def keep(process: subprocess.Popen[bytes], log: Path) -> None:
            self._parts[name] = (process, log)

        return keep

    def _begin(self, name: str, *command: str, grace_seconds: float = EXIT_SECONDS) -> None:
        log = self._logs / f"{name.lower()}.log"
        process = start(command, log=log, env=self.environment)
        self._parts[name] = (process, log)
        self._stack.callback(stop, process, grace_seconds=grace_seconds)

    def _wait(self, name: str, port: int, *, path: str = "/healthz") -> None:
        process, log = self._parts[name]
        wait_until(lambda: answers(f"http://127.0.0.1:{port}{path}"), process, name=name, log=log)

    def _migrate(self) -> None:
        log = self._logs / "tables.log"
        with log.open("ab") as output:
            done = subprocess.run(
                [sys.executable, "-m", "alembic", "upgrade", "head"],
                cwd=ROOT,
                env=dict(self.environment),
                stdout=output,
                stderr=output,
                check=False,
            )
        if done.returncode:
            raise PartFailed(f"The tables could not be made. See {log}.")

    def _schedule(self) -> None:
        """Let the queue call the sweeper every minute."""
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.schedule"],
            cwd=ROOT,
            env=dict(self.environment),
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise PartFailed("The sweeper could not be scheduled. See the queue's log.")

    def _note(self) -> None:
        """Leave a note for the other commands: where this stack is. It holds passwords."""
        note = self.plan.data_dir / "stack.json"
        note.unlink(missing_ok=True)
        note.touch(mode=0o600)
        self._stack.callback(note.unlink, missing_ok=True)
        known = {name: self.environment[name] for name in SEEDED_BY if name in self.environment}
        told = {"pid": os.getpid(), "backend": self.plan.backend_url, "environment": known}
        note.write_text(json.dumps(told))


def _backend(port: int) -> list[str]:
    return [
        sys.executable,
        "-m",
        "uvicorn",
        "--factory",
        "backend.app:create_app",
        "--host=127.0.0.1",
        f"--port={port}",
    ]


def dashboard_command(port: int) -> list[str]:
    """How the dashboard is started, here and wherever it is looked at by itself."""
    return [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "dashboard/app.py",
        "--server.address=127.0.0.1",
        f"--server.port={port}",
        "--server.headless=true",
    ]


def _refuse_taken(name: str, port: int) -> None:
    if is_taken(port):
        raise PartFailed(
            f"Port {port} is in use. Stop what listens there, or choose another by {name}."
        )


@contextmanager
def _timed(name: str, port: int | None = None) -> Iterator[None]:
    """One printed line for a part, with the time that it took."""
    begun = time.monotonic()
    yield
    where = f":{port}" if port else ""
    print(f"  {name:<14} ready {where:<7} {time.monotonic() - begun:5.2f} s", flush=True)


@contextmanager
def running_stack(plan: Plan, *, with_dashboard: bool) -> Iterator[Stack]:
    """A stack that runs, alone on its folder; stops in reverse order.

    Raises:
        PartFailed: another one runs on this folder, or a part did not come up.
    """
    with ExitStack() as parts:
        lock = parts.enter_context((plan.data_dir / "lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PartFailed(
                f"Another stack runs on {plan.data_dir}. Stop it, or set DATA_DIR."
            ) from error
        made = Stack(plan, parts)
        made.start(with_dashboard=with_dashboard)
        yield made


def run() -> None:
    """Start everything, process the sample once, and stay until Ctrl-C."""
    plan = make_plan()
    print(f"Rostrum starts on {plan.data_dir}")
    with running_stack(plan, with_dashboard=True) as stack:
        _first_sample(plan)
        print(
            f"\n  Dashboard  {plan.dashboard_url}\n  API        {plan.backend_url}/docs\n"
            f"  Logs       {plan.data_dir / 'logs'}\n\nCtrl-C stops everything.",
            flush=True,
        )
        stack.watch()


def _first_sample(plan: Plan) -> None:
    """Process the sample the first time this folder is used."""
    marker = plan.data_dir / "sample.id"
    if marker.exists():
        return
    print("  Sample         is being processed …", flush=True)
    with _timed("Sample"):
        session = demo.process(plan.backend_url, SAMPLE, title="Sample talk")
    marker.write_text(session["id"])
    print(f"  Sample         {session['status']}: {plan.dashboard_url}/session?id={session['id']}")


def run_demo(audio: Path) -> bool:
    """Process one recording on the running stack, or on one started for it."""
    plan = make_plan()
    if not audio.is_file():
        raise PartFailed(f"There is no file {audio}.")
    running = _running(plan.data_dir)
    if running:
        return demo.show(running, audio)
    print(f"Rostrum starts on {plan.data_dir}")
    with running_stack(plan, with_dashboard=False):
        return demo.show(plan.backend_url, audio)


def _running(data_dir: Path) -> str | None:
    """The backend's URL of a stack that runs on this folder."""
    if not (data_dir / "stack.json").exists():
        return None
    held = _note_of(data_dir)
    url = str(held["backend"])
    return url if psutil.pid_exists(held["pid"]) and answers(f"{url}/healthz") else None


def run_seeding(arguments: list[str]) -> int:
    """Run `python -m seeding` on the running stack; its exit status."""
    told = _note_of(make_plan().data_dir)
    return subprocess.run(
        [sys.executable, "-m", "seeding", *arguments],
        cwd=ROOT,
        env={**os.environ, **told["environment"]},
        check=False,
    ).returncode


def _note_of(data_dir: Path) -> dict[str, Any]:
    note = data_dir / "stack.json"
    if not note.exists():
        raise PartFailed("No stack runs on this DATA_DIR. Start one with `make run`.")
    told: dict[str, Any] = json.loads(note.read_text())
    return told


def show_memory() -> None:
    """Print what each process of the running stack holds (PSS: shared pages counted once)."""
    parent = psutil.Process(_note_of(make_plan().data_dir)["pid"])
    total = 0
    for process in [parent, *parent.children(recursive=True)]:
        held = process.memory_full_info().pss
        total += held
        words = " ".join(process.cmdline()[:4])
        print(f"{held / 2**20:8.0f} MB  {words[-70:]}")
    print(f"{total / 2**20:8.0f} MB  all")


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stopped


def main() -> None:
    """Do what the command line says; exit 0 only where it worked."""
    parser = argparse.ArgumentParser(prog="python -m local.stack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run")
    commands.add_parser("demo").add_argument("audio", nargs="?", type=Path, default=SAMPLE)
    commands.add_parser("memory")
    commands.add_parser("seeding").add_argument("arguments", nargs="+")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        if arguments.command == "run":
            run()
        elif arguments.command == "memory":
            show_memory()
        elif arguments.command == "seeding":
            sys.exit(run_seeding(arguments.arguments))
        elif not run_demo(arguments.audio):
            sys.exit(1)
    except Stopped:
        print("\nStopped.")
    except PartFailed as error:
        sys.exit(f"\n{error}")


if __name__ == "__main__":
    main()
