"""What is measured: the local server over HTTP, and libraries in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.record import ROOT
from local.child import stop
from local.speech_model import BEAM_SIZE, CLIMB
from local.weights import model_path
from pipeline.transcribe.prompt import FILLERS
from pipeline.transcribe.whisper import WhisperTranscriber
from tests.standins import running
from tests.world import make_settings

DATA = ROOT / ".data"


@dataclass(frozen=True)
class Clip:
    """One recording, as a file and as samples."""

    name: str
    seconds: float
    file: Path
    samples: Path
    """The same, decoded, in numpy's form: openai-whisper would call an ffmpeg that is not here."""
    script: str


@dataclass(frozen=True)
class Take:
    """One recording heard once."""

    seconds: float
    processor_seconds: float
    """Of the program, not of who asks it."""
    text: str


@dataclass(frozen=True)
class Program:
    """Something that hears."""

    name: str
    pid: int
    hear: Callable[[Clip], str]
    made_of: dict[str, str]

    def take(self, clip: Clip) -> Take:
        """Hear one recording, and how long it took."""
        process = psutil.Process(self.pid)
        before, begun = process.cpu_times(), time.perf_counter()
        text = self.hear(clip)
        seconds, after = time.perf_counter() - begun, process.cpu_times()
        spent = after.user + after.system - before.user - before.system
        return Take(seconds, spent, text)


@contextmanager
def our_server(folder: Path) -> Iterator[Program]:
    """`local/whisper`, asked by the pipeline's own client, as production asks OpenAI."""
    processes: list[subprocess.Popen[bytes]] = []
    with running(
        "local.whisper",
        "--data-dir",
        str(DATA),
        log=folder / "whisper.log",
        started=lambda process, _: processes.append(process),
    ) as server:
        client = WhisperTranscriber.connect(
            make_settings(openai_base_url=f"{server.url}/v1", openai_api_key="local")
        )

        def hear(clip: Clip) -> str:
            return client.transcribe(clip.file, language="en", prompt=FILLERS).text

        yield Program("our server, over HTTP", processes[0].pid, hear, {})
        client.close()


@contextmanager
def plain_faster_whisper(_folder: Path) -> Iterator[Program]:
    """The library by itself, with the server's settings."""
    with _asked([sys.executable, "-m", "benchmarks.local_speech.plain", _model()]) as (pid, ask):
        made_of = ask(None)
        yield Program("plain faster-whisper", pid, lambda clip: str(ask(str(clip.file))), made_of)


@contextmanager
def openai_whisper(python: Path) -> Iterator[Program]:
    """OpenAI's own on PyTorch, where a virtual environment has it."""
    settings = {
        "beam_size": BEAM_SIZE,
        "best_of": BEAM_SIZE,
        "temperature": CLIMB,
        "initial_prompt": FILLERS,
    }
    command = [str(python), "-m", "benchmarks.local_speech.original", _model()]
    with _asked([*command, json.dumps(settings)]) as (pid, ask):
        made_of = ask(None)
        yield Program("openai-whisper", pid, lambda clip: str(ask(str(clip.samples))), made_of)


def _model() -> str:
    return model_path(DATA)


@contextmanager
def _asked(command: list[str]) -> Iterator[tuple[int, Callable[[str | None], Any]]]:
    """A program of `protocol.py`; asked for None it says what it said by itself."""
    process = subprocess.Popen(  # noqa: S603 - our own programs
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None  # noqa: S101 - pipes were asked for
    assert process.stdout is not None  # noqa: S101 - the same
    told, said = process.stdin, process.stdout

    def ask(file: str | None) -> Any:
        if file is not None:
            told.write(json.dumps(file).encode() + b"\n")
            told.flush()
        if not (line := said.readline()):
            raise RuntimeError(f"{command[2]} ended with status {process.wait()}.")
        return json.loads(line)

    try:
        yield process.pid, ask
    finally:
        stop(process)
