"""One recording through the public API, told step by step: what `make demo` prints."""

from __future__ import annotations

import json
import re
import textwrap
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

from local.child import PartFailed

POLL_SECONDS = 0.3
LONGEST_SECONDS = 1800
WIDTH = 92
ENDED = frozenset({"COMPLETED", "FAILED"})

Session = dict[str, Any]


def process(
    backend_url: str,
    audio: Path,
    *,
    title: str | None = None,
    on_change: Callable[[str], None] = lambda _stage: None,
) -> Session:
    """Upload a recording and wait until its session has ended.

    Raises:
        PartFailed: the API refuses it, or it takes too long.
    """
    with httpx2.Client(base_url=backend_url, timeout=60) as api:
        with audio.open("rb") as recording:
            answer = api.post(
                "/api/sessions",
                data={"userId": "demo-learner", "title": title or audio.stem},
                files={"audio": (audio.name, recording)},
                headers={"Idempotency-Key": uuid.uuid4().hex},
            )
        session = _ok(answer)
        deadline = time.monotonic() + LONGEST_SECONDS
        while not _ended(session):
            if time.monotonic() > deadline:
                raise PartFailed("The session did not end in time. See the logs of the stack.")
            on_change(session["stage"] or session["status"].lower())
            time.sleep(POLL_SECONDS)
            session = _ok(api.get(f"/api/sessions/{session['id']}"))
        return session


def _ok(answer: httpx2.Response) -> Session:
    body: Session = json.loads(answer.content)
    if not answer.is_success:
        raise PartFailed(f"{body.get('error', 'The API refused.')} ({body.get('code')})")
    return body


def _ended(session: Session) -> bool:
    error = session["error"]
    return session["status"] in ENDED and not (error and error["willRetry"])


def show(backend_url: str, audio: Path) -> bool:
    """Process and print; whether it was COMPLETED."""
    print(f"\n{audio.name} goes through {backend_url}")
    begun = time.monotonic()
    last = ""

    def tell(stage: str) -> None:
        nonlocal last
        if stage != last:
            print(f"  {time.monotonic() - begun:6.1f} s  {stage.replace('_', ' ')}", flush=True)
            last = stage

    session = process(backend_url, audio, on_change=tell)
    tell(session["status"])
    if session["status"] != "COMPLETED":
        print(f"\n{session['error']['code']}: {session['error']['message']}")
        return False
    _transcript(session, audio)
    _metrics(session)
    _feedback(session)
    return True


def _head(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}")


def _wrapped(text: str, indent: str = "") -> None:
    print(textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent))


def _transcript(session: Session, audio: Path) -> None:
    heard = session["transcript"]
    _head("Transcript")
    for segment in heard["segments"]:
        mark = " (hard to hear)" if segment["suspect"] else ""
        mark += " (time estimated)" if segment["estimated"] else ""
        _wrapped(f"{_clock(segment['start'])} {segment['text']}{mark}", "  ")
    print(f"\n  {heard['wordCount']} words, {heard['language']}, heard by {heard['engine']}")
    script = audio.with_suffix(".txt")
    if script.exists():
        rate = word_error_rate(script.read_text(), heard["text"])
        print(f"  Word error rate against {script.name}, filler words counted: {rate:.1%}")


def word_error_rate(script: str, heard: str) -> float:
    """Wrong, missing and added words over the script's words; case and punctuation aside."""
    import jiwer

    def plain(text: str) -> str:
        return " ".join(re.findall(r"[\w']+", text.lower()))

    return float(jiwer.wer(plain(script), plain(heard)))


def _metrics(session: Session) -> None:
    _head("Metrics")
    for metric in session["metrics"]:
        band = f"({metric['band']})" if metric["band"] else ""
        print(f"  {metric['label']:<44} {metric['value']:>8.5g} {metric['unit']:<14} {band}")
    if session["metricsNote"]:
        _wrapped(session["metricsNote"], "  ")


def _feedback(session: Session) -> None:
    _head("Strengths")
    for strength in session["strengths"]:
        _wrapped(f"{strength['text']} “{strength['quote']}”", "  ")
    _head("Insights")
    for insight in session["insights"]:
        counted = f", counted {insight['counted']}" if insight["counted"] is not None else ""
        print(f"  {insight['severity'].upper():<7} {insight['pattern']} ", end="")
        print(f"[{insight['patternKey']}, claimed {insight['frequency']}{counted}]")
        _wrapped(insight["detail"], "          ")
        if insight["isSingleObservation"]:
            print("          One observation: nothing else in this talk shows it.")
        for quote in insight["examples"]:
            _wrapped(f"{_clock(quote['start'])} “{quote['quote']}”", "          ")
        _wrapped(f"Next time: {insight['suggestion']}", "          ")
    if not session["insights"]:
        print("  None: no habit stands out.")
    _head("Next focus")
    _wrapped(session["focusNext"], "  ")
    _head("Summary")
    _wrapped(session["summary"], "  ")
    run = session["runs"][-1]
    print(f"\n  Analysed by {run['model']} with prompt {run['promptVersion']}.")


def _clock(seconds: float | None) -> str:
    return "--:--" if seconds is None else f"{int(seconds) // 60:02}:{int(seconds) % 60:02}"
