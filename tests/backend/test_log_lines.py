"""What each log line names: the request, and the delivery's session, run and attempt."""

from __future__ import annotations

import json
import logging
import os
import pty
import subprocess
import sys
import time
from typing import Any

from pipeline.log_lines import bound
from pipeline.watch import Watch
from tests.backend.api import Api
from tests.logged import logged_as_json

LOG_ONE_LINE = """
import logging
from pipeline import log_lines
log_lines.configure()
logging.getLogger("x").info("session_claimed", extra={"session": "abc"})
"""


BREAK = """
import logging, sys, threading
from pipeline import log_lines
of_a_library = logging.getLogger("library.loaded.later")
log_lines.configure()
of_a_library.addHandler(logging.StreamHandler())
def work():
    raise ValueError("hospital")
class Careless:
    def __del__(self):
        work()
Careless()
thread = threading.Thread(target=work)
thread.start()
thread.join()
try:
    work()
except ValueError:
    of_a_library.exception("a line of a library, by a handler of its own")
work()
"""


def parsed(written: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.splitlines()]


def test_every_line_of_a_delivery_names_request_session_run_and_attempt(api: Api) -> None:
    logging.getLogger("pipeline").setLevel(logging.INFO)
    session_id = api.world.upload()
    with logged_as_json() as written:
        answer = api.process(session_id)

    lines = parsed(written.getvalue())
    work = [line for line in lines if line["logger"].startswith("pipeline.")]
    (run,) = api.world.detail(session_id).runs
    assert {"session_claimed", "session_completed"} <= {line["event"] for line in work}
    assert {(line["session"], line["run"], line["attempt"]) for line in work} == {
        (str(session_id), str(run.id), 1)
    }
    assert {line["request"] for line in lines} == {answer.headers["X-Request-Id"]}


def test_the_id_of_a_request_is_ours_whatever_the_caller_says(api: Api) -> None:
    given = {"X-Request-Id": "Zebulon"}
    first, second = (api.client.get("/api/sessions", headers=given) for _ in range(2))

    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    assert "Zebulon" not in first.headers["X-Request-Id"]


def test_work_in_a_thread_of_its_own_names_the_same_ids() -> None:
    watch = Watch(ends_at=time.monotonic() + 60)
    with logged_as_json() as written:
        with bound(session="abc"):
            watch.within(60, "x", lambda: logging.getLogger("tests.x").warning("inside"))
        logging.getLogger("tests.x").warning("outside")

    told = {line["event"]: line.get("session") for line in parsed(written.getvalue())}
    assert told == {"inside": "abc", "outside": None}


def test_an_exception_that_nobody_caught_is_logged_by_type_and_place_too() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BREAK], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "hospital" not in done.stderr + done.stdout
    lines = parsed("\n".join(line for line in done.stderr.splitlines() if line[:1] == "{"))
    told = [line["event"] for line in lines if line["cause"][0] == "ValueError"]
    assert told == ["unforeseen"] * 2 + [
        "a line of a library, by a handler of its own",
        "unforeseen",
    ]


def test_lines_are_json_in_a_file_and_readable_at_a_terminal() -> None:
    command = [sys.executable, "-c", LOG_ONE_LINE]
    in_file = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=True).stderr
    ours, theirs = pty.openpty()
    subprocess.run(command, stderr=theirs, check=True)
    at_terminal = os.read(ours, 4096).decode()
    for end in (ours, theirs):
        os.close(end)

    assert json.loads(in_file)["session"] == "abc"
    assert "session_claimed" in at_terminal
    assert not at_terminal.startswith("{")
