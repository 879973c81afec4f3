"""The decoding child: `python -m pipeline.decoding.child JOB …`, started by `pipeline.audio` alone.

Standard input is the recording, standard output takes `READY` and then one line of JSON. All
else that it needs comes as numbers of open files. Nothing here is believed by the parent.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from typing import Any

from pipeline.decoding.confinement import Bounds, confine, die_with, stand_back
from pipeline.decoding.recording import Refusal

READY = "ready"
"""Said once everything is imported and confined: what goes wrong later is the recording's doing."""

PYAV = (
    "av",
    "av.audio.stream",
    "av.video.stream",
    "av.video.codeccontext",
    "av.subtitles.stream",
    "av.subtitles.codeccontext",
)
"""Loaded before the child gives up the power to open files: PyAV loads some when first used."""


def main() -> None:
    """Do one job, on arguments from our own parent."""
    asked = json.loads(sys.argv[1])
    die_with(asked["parent"])
    bounds = Bounds(**asked["bounds"])
    stand_back(bounds)
    for name in PYAV:
        import_module(name)
    from pipeline.decoding import containers, cutting, normalising, surveying

    confine(bounds)
    _say(READY)
    jobs: dict[str, Callable[..., Any]] = {
        "probe": containers.probe,
        "survey": surveying.survey,
        "normalise": normalising.normalise,
        "cut": cutting.cut,
    }
    try:
        found = asdict(jobs[asked["job"]](0, **asked["arguments"]))
    except containers.Refused as refused:
        found = {"refused": refused.why}
    except MemoryError:
        found = {"refused": Refusal.UNREADABLE}
    _say(json.dumps(found))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
