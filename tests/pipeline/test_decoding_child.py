"""Hostile media can cost only the child that decodes it, and that child is poor."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import audio
from pipeline.audio.decoder import ask
from pipeline.decoding.child import FIRST_WRITTEN
from pipeline.decoding.confinement import Bounds
from pipeline.decoding.recording import Measured
from pipeline.errors import AudioTooLong, EmptyAudio, UnsupportedAudio
from tests.recordings import ENCODINGS, Encoding, encoded
from tests.talks import tone

LIMIT = 7200.0
ZOMBIE = psutil.STATUS_ZOMBIE
AMPLE = Bounds(memory_bytes=1 << 30, cpu_seconds=20, written_bytes=1 << 24)
SERVER = "pipeline.decoding.fork_server"
ROOT = Path(__file__).parents[2]
DECODE = (
    "from pathlib import Path; import sys; from pipeline import audio;"
    "audio.normalise(Path(sys.argv[1]), Path(sys.argv[2]), max_seconds=7200)"
)


def long_recording(folder: Path, *, seconds: int = 7000) -> Path:
    """Two hours of PCM that take no room: the file has a hole in it."""
    path = folder / "long.wav"
    head = io.BytesIO()
    with wave.open(head, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", "not compressed"))
        file.writeframes(b"")
    size = seconds * 32_000
    header = bytearray(head.getvalue())
    header[4:8], header[40:44] = (36 + size).to_bytes(4, "little"), size.to_bytes(4, "little")
    path.write_bytes(header)
    os.truncate(path, len(header) + size)
    return path


def servers_of(pid: int) -> list[psutil.Process]:
    found = psutil.Process(pid).children()
    return [child for child in found if SERVER in " ".join(child.cmdline())]


def children_of(pid: int) -> list[psutil.Process]:
    return [child for server in servers_of(pid) for child in server.children()]


def eventually(what: Callable[[], bool], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


@contextmanager
def decoding(
    source: Path, target: Path
) -> Iterator[tuple[psutil.Process, Future[audio.Normalised]]]:
    """A child at work, and what will become of it."""
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(audio.normalise, source, target, max_seconds=LIMIT)
        eventually(lambda: bool(children_of(os.getpid())))
        (child,) = children_of(os.getpid())
        eventually(lambda: target.stat().st_size > 0)
        try:
            yield child, work
        finally:
            if child.is_running():
                child.kill()


@contextmanager
def asking(folder: Path, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process with a child at work, and with an open file that children must not get."""
    target = folder / "out"
    with tempfile.TemporaryFile() as ours:
        parent = subprocess.Popen(
            [sys.executable, "-c", DECODE, str(long_recording(folder)), str(target)],
            cwd=ROOT,
            env={**os.environ, **env},
            pass_fds=[ours.fileno()],
        )
    try:
        eventually(lambda: target.exists() and target.stat().st_size > 0)
        yield parent
    finally:
        parent.kill()
        parent.wait()


@pytest.mark.parametrize(
    "bounds",
    [
        replace(AMPLE, cpu_seconds=1),
        replace(AMPLE, memory_bytes=1 << 20),
        replace(AMPLE, written_bytes=4096),
    ],
    ids=["processor time", "memory", "disk"],
)
def test_a_recording_that_asks_for_too_much_is_unsupported(bounds: Bounds, tmp_path: Path) -> None:
    with (
        long_recording(tmp_path).open("rb") as source,
        (tmp_path / "out").open("wb") as target,
        pytest.raises(UnsupportedAudio),
    ):
        ask(
            Measured,
            "normalise",
            source.fileno(),
            written=[target.fileno()],
            bounds=bounds,
            max_seconds=LIMIT,
            target=FIRST_WRITTEN,
        )


def test_a_child_that_is_killed_was_given_no_recording(tmp_path: Path) -> None:
    with decoding(long_recording(tmp_path), tmp_path / "out") as (child, work):
        child.send_signal(signal.SIGKILL)

        with pytest.raises(UnsupportedAudio):
            work.result(timeout=30)


def test_a_child_that_hangs_is_ended(tmp_path: Path) -> None:
    """Stopped, it takes no processor time: only the clock ends it."""
    bounds = replace(AMPLE, cpu_seconds=1)

    def stop_it() -> None:
        eventually(lambda: bool(children_of(os.getpid())))
        children_of(os.getpid())[0].suspend()

    stopper = threading.Thread(target=stop_it)
    stopper.start()
    with long_recording(tmp_path).open("rb") as source, (tmp_path / "o").open("wb") as target:
        begun = time.monotonic()
        with pytest.raises((UnsupportedAudio, RuntimeError)):
            ask(
                Measured,
                "normalise",
                source.fileno(),
                written=[target.fileno()],
                bounds=bounds,
                max_seconds=LIMIT,
                target=FIRST_WRITTEN,
            )
    stopper.join()
    assert time.monotonic() - begun < 20
    assert children_of(os.getpid()) == []


def test_a_child_stands_back_for_the_server_that_started_it(tmp_path: Path) -> None:
    """The server answers people in milliseconds while recordings are decoded for minutes."""
    with decoding(long_recording(tmp_path), tmp_path / "out") as (child, _):
        assert child.nice() == min(psutil.Process().nice() + 10, 19)


def test_a_child_sees_neither_secrets_nor_files_of_ours(tmp_path: Path) -> None:
    with asking(tmp_path, OURS="sk-secret") as parent:
        (child,) = children_of(parent.pid)
        environment = Path(f"/proc/{child.pid}/environ").read_bytes()
        opened = {int(link.name) for link in Path(f"/proc/{child.pid}/fd").iterdir()}
        limits = Path(f"/proc/{child.pid}/limits").read_text()

    assert b"sk-secret" not in environment
    assert {entry.split(b"=")[0] for entry in environment.split(b"\0") if entry} == {
        b"PYTHONPATH",
        b"OPENBLAS_NUM_THREADS",
    }
    assert len(opened) == 4, "recording, answer, complaint, and the copy"
    by_name = {line[:25].strip(): line[26:].split() for line in limits.splitlines()}
    free = min(set(range(100)) - opened)
    assert by_name["Max open files"][:2] == [str(free)] * 2, "no file or socket can be opened"
    assert by_name["Max core file size"][0] == "0"


def test_children_and_their_server_die_with_whoever_asked(tmp_path: Path) -> None:
    with asking(tmp_path) as parent:
        left = [*servers_of(parent.pid), *children_of(parent.pid)]
        parent.kill()
        parent.wait()

    assert len(left) == 2
    eventually(lambda: all(not p.is_running() or p.status() == ZOMBIE for p in left))


def test_a_server_that_is_killed_is_our_trouble_and_the_next_recording_has_another(
    tmp_path: Path,
) -> None:
    with decoding(long_recording(tmp_path), tmp_path / "out") as (child, work):
        (server,) = servers_of(os.getpid())
        server.kill()

        with pytest.raises(RuntimeError):
            work.result(timeout=30)
        eventually(lambda: not child.is_running() or child.status() == ZOMBIE)

    assert audio.probe(io.BytesIO(tone()), max_seconds=LIMIT).duration == pytest.approx(3, abs=0.1)
    assert servers_of(os.getpid()) != [server]


@pytest.mark.parametrize("to_all", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_of_a_service_leaves_what_is_being_decoded_to_whoever_asked(
    to_all: signal.Signals, tmp_path: Path
) -> None:
    with decoding(long_recording(tmp_path), tmp_path / "out") as (child, work):
        (server,) = servers_of(os.getpid())
        for process in (server, child):
            process.send_signal(to_all)

        assert work.result(timeout=60).duration == pytest.approx(7000, abs=1)

    assert servers_of(os.getpid()) == [server]


def test_one_server_serves_recordings_side_by_side(tmp_path: Path) -> None:
    audio.probe(io.BytesIO(tone()), max_seconds=LIMIT)
    before = servers_of(os.getpid())
    with decoding(long_recording(tmp_path), tmp_path / "out") as (child, _):
        for _ in range(3):
            audio.probe(io.BytesIO(tone()), max_seconds=LIMIT)
        assert child.is_running()
    assert servers_of(os.getpid()) == before


@pytest.mark.parametrize("program", ["/nowhere/python", "/bin/false"])
def test_a_server_that_cannot_begin_is_our_trouble_and_not_the_recordings(
    program: str, tmp_path: Path
) -> None:
    (tmp_path / "in").write_bytes(tone())
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.executable = {program!r}; {DECODE}",
            str(tmp_path / "in"),
            str(tmp_path / "out"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr.splitlines()[-1].startswith(("FileNotFoundError", "RuntimeError"))


def test_the_callers_place_in_the_file_is_left_at_its_beginning() -> None:
    with tempfile.SpooledTemporaryFile(max_size=1000) as spooled:
        spooled.write(tone())
        audio.probe(spooled, max_seconds=LIMIT)  # type: ignore[arg-type] # a file in all but name

        assert spooled.tell() == 0
        assert spooled.read() == tone()


REFERENCES = {
    "m3u": "#EXTM3U\n#EXTINF:10,\n{url}\n#EXT-X-ENDLIST\n",
    "pls": "[playlist]\nFile1={url}\nNumberOfEntries=1\n",
    "concat": "ffconcat version 1.0\nfile {url}\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    "dash": (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
        "<Period><AdaptationSet><Representation><BaseURL>{url}</BaseURL></Representation>"
        "</AdaptationSet></Period></MPD>"
    ),
    "asx": '<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
}


@pytest.mark.parametrize("kind", REFERENCES)
def test_what_only_refers_to_a_recording_is_none_and_nobody_is_asked(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/talk.mp3"
        with pytest.raises(UnsupportedAudio):
            audio.probe(io.BytesIO(REFERENCES[kind].format(url=url).encode()), max_seconds=LIMIT)

        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A real file with bytes changed, cut out, doubled, or a tail of another file."""
    encoding = draw(st.sampled_from(ENCODINGS))
    content = bytearray(_encoded(encoding))
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(content) - 1))
        size = draw(st.integers(1, 64))
        match draw(st.sampled_from(["change", "cut", "double", "graft"])):
            case "change":
                content[at : at + size] = draw(st.binary(min_size=1, max_size=64))
            case "cut":
                del content[at : at + size]
            case "double":
                content[at:at] = content[at : at + size]
            case _:
                content[at:] = _encoded(draw(st.sampled_from(ENCODINGS)))[at:]
        if not content:
            return b"x"
    return bytes(content)


_made: dict[str, bytes] = {}


def _encoded(encoding: Encoding) -> bytes:
    if encoding.name not in _made:
        _made[encoding.name] = encoded(encoding)
    return _made[encoding.name]


def always_a_verdict(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in")
        source.write_bytes(content)
        begun = time.monotonic()
        try:
            found = audio.probe(source, max_seconds=LIMIT)
            made = audio.normalise(source, Path(folder, "out"), max_seconds=LIMIT)
        except (UnsupportedAudio, EmptyAudio, AudioTooLong):
            pass  # one of the verdicts; anything else fails the test
        else:
            assert 0 < found.duration <= LIMIT
            assert 0 < made.duration <= LIMIT
        assert time.monotonic() - begun < 60


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=damaged())
def test_a_damaged_file_always_gets_a_verdict(content: bytes) -> None:
    always_a_verdict(content)


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=damaged())
def test_damaged_files_always_get_a_verdict_at_length(content: bytes) -> None:
    always_a_verdict(content)
