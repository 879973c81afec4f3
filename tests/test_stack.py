"""The one machine: `make run` and `make demo`, as a person uses them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import psutil
import pytest

from local.ports import free_port
from tests.stack import ROOT, RunningStack, stack_env, start_stack, stop_stack

pytestmark = [pytest.mark.speech, pytest.mark.timeout(240)]
HELLO = ROOT / "tests" / "audio" / "hello.ogg"
IDLE_MEGABYTES = 1200


def stack_command(*words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """One call of the stack's program."""
    return subprocess.run(
        [sys.executable, "-m", "local.stack", *words],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_a_first_start_processes_the_sample_and_prints_where_everything_is(
    stack: RunningStack,
) -> None:
    assert "Sample         COMPLETED" in stack.printed
    for part in ("Postgres", "Object store", "Tables", "Queue", "Whisper", "Analyst", "Backend"):
        assert re.search(rf"{part} +ready .* s\n", stack.printed), part
    assert httpx2.get(f"{stack.api}/readyz").json()["ok"] is True
    assert httpx2.get(stack.dashboard).status_code == 200


def test_the_demo_prints_transcript_metrics_and_insights(stack: RunningStack) -> None:
    done = stack_command("demo", env=dict(stack.env))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Hello everyone" in done.stdout
    assert re.search(r"Pace +\d+", done.stdout)
    assert "Next time:" in done.stdout
    rate = re.search(r"Word error rate .*: ([\d.]+)%", done.stdout)
    assert rate is not None
    assert float(rate.group(1)) <= 15
    assert "rostrum-rules-1" in done.stdout


def test_made_up_sessions_come_into_a_running_stack_and_go_again(stack: RunningStack) -> None:
    filled = stack_command("seeding", "--", "fill", "--sessions", "20", env=dict(stack.env))
    again = stack_command("seeding", "--", "fill", env=dict(stack.env))
    removed = stack_command("seeding", "remove", env=dict(stack.env))

    assert "20 made-up sessions with" in filled.stdout, filled.stderr
    assert "nothing was added" in again.stdout
    assert "20 made-up sessions are gone" in removed.stdout


def test_the_demo_takes_any_speech_file(stack: RunningStack) -> None:
    done = stack_command("demo", str(HELLO), env=dict(stack.env))

    assert done.returncode == 0
    assert "bridges and rivers" in done.stdout
    assert "Too short to tell" in done.stdout


def test_the_demo_of_a_file_that_is_no_speech_says_why_and_fails(
    stack: RunningStack, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("not audio")

    refused = stack_command("demo", str(notes), env=dict(stack.env))
    missing = stack_command("demo", str(tmp_path / "none.ogg"), env=dict(stack.env))

    assert refused.returncode == 1
    assert "UNSUPPORTED_AUDIO" in refused.stderr
    assert missing.returncode == 1
    assert "There is no file" in missing.stderr


def test_the_idle_stack_stays_below_its_memory(stack: RunningStack) -> None:
    done = stack_command("memory", env=dict(stack.env))

    total = re.search(r"(\d+) MB  all", done.stdout)
    assert total is not None
    assert int(total.group(1)) < IDLE_MEGABYTES


def test_a_second_stack_on_the_same_folder_is_refused_in_a_sentence(stack: RunningStack) -> None:
    env = {**stack.env, "BACKEND_PORT": str(free_port()), "DASHBOARD_PORT": str(free_port())}

    done = stack_command("run", env=env)

    assert done.returncode == 1
    assert "Another stack runs on" in done.stderr


def test_a_port_in_use_is_a_sentence(tmp_path: Path) -> None:
    env = stack_env(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(env["BACKEND_PORT"])))
        other.listen()
        done = stack_command("run", env=env)

    assert done.returncode == 1
    assert f"Port {env['BACKEND_PORT']} is in use" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("value", ["x", "0", "70000"])
def test_a_port_that_is_none_is_a_sentence(tmp_path: Path, value: str) -> None:
    done = stack_command("run", env={**stack_env(tmp_path), "BACKEND_PORT": value})

    assert done.returncode == 1
    assert "BACKEND_PORT must be a port number" in done.stderr


@pytest.mark.parametrize("part", ["Analyst", pytest.param("Postgres", marks=pytest.mark.long)])
def test_a_part_that_dies_ends_the_stack_with_a_sentence(folder: Path, part: str) -> None:
    env = stack_env(folder)
    (folder / "sample.id").write_text("processed before")
    running = start_stack(env)
    word = {"Analyst": "local.analyst", "Postgres": "--listen_addresses=127.0.0.1"}[part]
    for process in psutil.Process(running.process.pid).children():
        if word in process.cmdline():
            process.kill()

    assert running.process.wait(30) == 1
    assert f"{part} ended with status -9" in running.printed
    assert "Traceback" not in running.printed
    assert processes_of(str(folder)) == []


def processes_of(data_dir: str) -> list[str]:
    """Programs that belong to a stack, by its folder in their command line or environment."""
    found = []
    for process in psutil.process_iter():
        try:
            held = [*process.cmdline(), process.environ().get("DATA_DIR", "")]
        except psutil.Error:
            continue
        if process.pid != os.getpid() and any(data_dir in word for word in held):
            found.append(" ".join(process.cmdline()))
    return found


@pytest.mark.long
def test_a_killed_stack_leaves_nothing_running_and_starts_again_with_its_data(
    folder: Path,
) -> None:
    env = stack_env(folder)
    first = start_stack(env)
    sample = first.sample_id
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(10)
    for _ in range(100):
        if not processes_of(str(folder)):
            break
        psutil.wait_procs([], timeout=0)
        signal.sigtimedwait([], 0.1)
    assert processes_of(str(folder)) == []

    second = start_stack(env)

    session = httpx2.get(f"{second.api}/api/sessions/{sample}").json()
    assert session["status"] == "COMPLETED"
    assert "Sample" not in second.printed, "the sample is processed once"
    assert stop_stack(second) == 0
    assert processes_of(str(folder)) == []
