"""Speak `sample.txt` into `sample.ogg`: needs Debian's `espeak-ng`, which works offline.

    .venv/bin/python samples/make_sample.py [OTHER_SCRIPT.txt …]

A pause follows each line, and a long one the fourth, so that there is silence to measure.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

HERE = Path(__file__).parent
RATE = 16_000
PAUSE_SECONDS = 0.6
LONG_PAUSE_SECONDS = 2.4
LONG_PAUSE_AFTER = 4
VOICE = ["-v", "en-us", "-s", "175", "-p", "40", "-g", "3"]


def speak(line: str) -> np.ndarray[Any, Any]:
    """One line as mono samples."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as spoken:
        subprocess.run(["espeak-ng", *VOICE, "-w", spoken.name, line], check=True)
        with av.open(spoken.name) as container:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            frames = [*container.decode(audio=0), None]
            parts = [f.to_ndarray()[0] for frame in frames for f in resampler.resample(frame)]
    return np.concatenate(parts)


def write(samples: np.ndarray[Any, Any], target: Path) -> None:
    """Encode as Opus in Ogg, 24 kbit/s; the same samples give the same bytes."""
    exact = {"fflags": "+bitexact"}
    with av.open(str(target), "w", format="ogg", options=exact) as output:
        stream = output.add_stream("libopus", rate=RATE, layout="mono", bit_rate=24_000)
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.time_base = Fraction(1, RATE)
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def speak_file(script: Path, target: Path) -> None:
    """Speak every line of a script, with pauses between."""
    parts = []
    for number, line in enumerate(script.read_text().splitlines(), start=1):
        pause = LONG_PAUSE_SECONDS if number == LONG_PAUSE_AFTER else PAUSE_SECONDS
        parts += [speak(line), np.zeros(int(pause * RATE), dtype=np.int16)]
    write(np.concatenate(parts).astype(np.int16), target)


if __name__ == "__main__":
    for script in [Path(name) for name in sys.argv[1:]] or [HERE / "sample.txt"]:
        speak_file(script, script.with_suffix(".ogg"))
