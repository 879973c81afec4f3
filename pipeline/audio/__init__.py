"""Recordings as files: what is in them, one levelled copy, their silence, and their parts.

Decoding is the judge: what FFmpeg cannot decode is not audio, whatever its name says. It runs
in a bounded child process, so that hostile media can cost only that child.
"""

from __future__ import annotations

from pipeline.audio.decoder import cut, get_ready, normalise, probe, survey
from pipeline.audio.digest import digest_of
from pipeline.audio.parts import Part, plan
from pipeline.decoding.recording import (
    BIT_RATE,
    CONTENT_TYPE,
    FILE_NAME,
    RATE,
    SHORTEST_SILENCE_SECONDS,
    Lull,
    Normalised,
    Probe,
    Survey,
)

__all__ = [
    "BIT_RATE",
    "CONTENT_TYPE",
    "FILE_NAME",
    "RATE",
    "SHORTEST_SILENCE_SECONDS",
    "Lull",
    "Normalised",
    "Part",
    "Probe",
    "Survey",
    "cut",
    "digest_of",
    "get_ready",
    "normalise",
    "plan",
    "probe",
    "survey",
]
