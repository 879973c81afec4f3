"""What Claude is asked: a versioned prompt file, and the transcript as delimited data."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from string import Template

from pipeline.errors import ConfigurationMissing
from pipeline.speech.catalogue import PATTERNS
from pipeline.speech.transcript import Segment, Transcript

_FOLDER = resources.files("pipeline.analyze") / "prompts"


@dataclass(frozen=True, slots=True)
class Prompt:
    """The constant part of a request."""

    version: str
    """File name and the first digits of the text's hash, catalogue included."""
    system: str


def versions() -> tuple[str, ...]:
    """The prompts that there are, oldest first."""
    names = (Path(entry.name) for entry in _FOLDER.iterdir())
    return tuple(sorted((n.stem for n in names if n.suffix == ".md"), key=lambda n: int(n[1:])))


@cache
def load(name: str) -> Prompt:
    """The prompt in `prompts/<name>.md` with the catalogue written into it.

    Raises:
        ConfigurationMissing: there is no such prompt; the sentence names those that there are.
    """
    if name not in versions():
        known = ", ".join(versions())
        raise ConfigurationMissing(f"PROMPT_VERSION names no prompt. There are: {known}.")
    text = _FOLDER.joinpath(f"{name}.md").read_text("utf-8")
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
