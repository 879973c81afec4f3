"""What Claude is asked: a versioned prompt file, and the transcript as delimited data."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Template

from pipeline.speech.catalogue import PATTERNS
from pipeline.speech.transcript import Segment, Transcript

ACTIVE = "v1"


@dataclass(frozen=True, slots=True)
class Prompt:
    """The constant part of a request."""

    version: str
    """File name and the first digits of the text's hash, catalogue included."""
    system: str


@cache
def load(name: str = ACTIVE) -> Prompt:
    """The prompt in `prompts/<name>.md` with the catalogue written into it."""
    text = resources.files("pipeline.analyze").joinpath("prompts", f"{name}.md").read_text("utf-8")
    catalogue = "\n".join(
        f"- {pattern.key}: {pattern.name}. {pattern.meaning}" for pattern in PATTERNS.values()
    )
    system = Template(text).substitute(catalogue=catalogue)
    digest = hashlib.sha256(system.encode()).hexdigest()[:8]
    return Prompt(version=f"{name}-{digest}", system=system)


def delimited(transcript: Transcript) -> str:
    """The talk between tags that a speaker cannot guess, one numbered segment a line."""
    tag = f"transcript-{secrets.token_hex(8)}"
    lines = "\n".join(_line(segment) for segment in transcript.segments)
    return (
        f"Language: {transcript.language}. Length: {transcript.duration:.0f} s.\n"
        f"<{tag}>\n{lines}\n</{tag}>"
    )


def _line(segment: Segment) -> str:
    mark = " suspect" if segment.suspect else ""
    # A line is a segment: speech that holds line breaks must not look like another one.
    return f"[{segment.index}{mark}] {' '.join(segment.text.split())}"
