"""The local Whisper server beside plain faster-whisper, in turn: `make bench-whisper`.

The same recordings, weights and settings; the server is asked over HTTP. With the Python of a
virtual environment that has it, beside openai-whisper, too.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.local_speech.programs import (
    Clip,
    Program,
    Take,
    openai_whisper,
    our_server,
    plain_faster_whisper,
)
from benchmarks.record import introduce, keep, machine, say
from benchmarks.recordings import long_recording
from benchmarks.table import heading, row
from local.demo import word_error_rate
from pipeline.speech.words import tokens_of
from tests.folders import open_folder
from tests.recordings import HELLO, RATE, SAMPLE, decoded

ROUNDS = 5
LONG_SECONDS = 356.0
"""Four times the sample: above five minutes the server hears several stretches at once."""
GOAL = 1.05
"""Our server's wall time to the library's own."""
PACKAGES = ("ctranslate2", "faster-whisper", "openai", "starlette", "uvicorn")


def clips(folder: Path) -> list[Clip]:
    """A greeting, the sample talk, and the talk four times over."""
    long = long_recording("ogg opus", LONG_SECONDS, folder / "long.ogg")
    talk = SAMPLE.with_suffix(".txt").read_text()
    made = []
    for name, file, script in (
        ("greeting", HELLO, HELLO.with_suffix(".txt").read_text()),
        ("sample talk", SAMPLE, talk),
        ("sample talk, four times over", long, talk * 4),
    ):
        samples = decoded(file)
        kept = folder / f"{file.stem}.npy"
        np.save(kept, samples.astype(np.float32) / 32768)
        made.append(Clip(name, len(samples) / RATE, file, kept, script))
    return made


def measured(programs: Sequence[Program], clip: Clip, rounds: int) -> dict[str, list[Take]]:
    """Each hears the clip once a round, whoever was first in the last round being last."""
    taken: dict[str, list[Take]] = {program.name: [] for program in programs}
    for number in range(rounds):
        first = number % len(programs)
        for program in [*programs[first:], *programs[:first]]:
            taken[program.name].append(program.take(clip))
    return taken


def words_of(text: str) -> list[str]:
    """The words alone, without marks and capitals."""
    return [token.key for token in tokens_of(text)]


def told(clip: Clip, taken: dict[str, list[Take]], plain: str) -> dict[str, Any]:
    """Print one clip's table; the figures by program."""
    heading(
        f"{clip.name}, {clip.seconds:.0f} s",
        "wall, s",
        "least to most",
        "processor, s",
        "to plain, wall",
        "least to most",
        "words other than plain's",
        "word error rate",
    )
    figures: dict[str, Any] = {}
    for name, takes in taken.items():
        seconds = [take.seconds for take in takes]
        ratios = [
            take.seconds / other.seconds for take, other in zip(takes, taken[plain], strict=False)
        ]
        text, reference = takes[-1].text, taken[plain][-1].text
        spent = [take.processor_seconds for take in takes]
        same = words_of(text) == words_of(reference)
        other, wrong = word_error_rate(reference, text), word_error_rate(clip.script, text)
        figures[name] = {
            "seconds": seconds,
            "processor_seconds": spent,
            "to_plain": ratios,
            "words": len(words_of(text)),
            "same_words_as_plain": same,
            "words_other_than_plain": other,
            "word_error_rate": wrong,
            "same_text_each_time": len({take.text for take in takes}) == 1,
        }
        row(
            name,
            f"{median(seconds):.2f}",
            f"{min(seconds):.2f} to {max(seconds):.2f}",
            f"{median(spent):.2f}",
            f"{median(ratios):.3g}",
            f"{min(ratios):.3g} to {max(ratios):.3g}",
            "none" if same else f"{100 * other:.1f} %",
            f"{wrong:.3f}",
        )
    return figures


def main() -> int:
    """Measure, print, keep; 0 where our server is about as fast as the library, with its words."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.local_speech", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument(
        "--openai-whisper", type=Path, nargs="*", default=[], help="a Python that can import it"
    )
    asked = parser.parse_args()
    taken_with = machine(*PACKAGES)
    introduce(taken_with)
    figures: dict[str, Any] = {}
    with open_folder() as folder, ExitStack() as opened:
        ours = opened.enter_context(our_server(folder))
        plain = opened.enter_context(plain_faster_whisper(folder))
        original = [opened.enter_context(openai_whisper(one)) for one in asked.openai_whisper]
        for program in (ours, plain, *original):
            taken_with["versions"] |= program.made_of
        greeting, talk, long = clips(folder)
        for program in (ours, plain, *original):
            program.take(greeting)  # loads what is loaded when first used
        for clip, rounds in (
            (greeting, asked.rounds),
            (talk, asked.rounds),
            (long, (asked.rounds + 1) // 2),
        ):
            taken = measured((ours, plain), clip, rounds)
            if clip is not long:
                # Once: it takes minutes for the talk.
                taken |= measured(original, clip, 1)
            figures[clip.name] = told(clip, taken, plain.name)
    keep("local_speech", taken_with, figures)
    found = [figures[clip.name][ours.name] for clip in (talk, long)]
    holds = all(median(one["to_plain"]) <= GOAL and one["same_words_as_plain"] for one in found)
    say(
        f"Goal: at most {GOAL} times the library's own time, the same words: "
        f"{'holds' if holds else 'missed'}"
    )
    return 0 if holds else 1


if __name__ == "__main__":
    raise SystemExit(main())
