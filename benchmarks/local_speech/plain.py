"""Plain faster-whisper, as its README calls it, with the settings of the local server."""

from __future__ import annotations

import sys
from importlib.metadata import version

from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.audio import decode_audio

from benchmarks.local_speech.protocol import answer
from local.speech_model import (
    AT_ONCE,
    BATCH_SIZE,
    BATCHED_FROM_SECONDS,
    BEAM_SIZE,
    CLIMB,
    RATE,
)
from pipeline.transcribe.prompt import FILLERS


def main() -> None:
    """Load the model in the folder that is named, and answer."""
    model = WhisperModel(
        sys.argv[1], device="cpu", compute_type="int8", cpu_threads=1, num_workers=AT_ONCE
    )

    def hear(file: str) -> str:
        samples = decode_audio(file, sampling_rate=RATE)
        if len(samples) / RATE < BATCHED_FROM_SECONDS:
            segments, _ = model.transcribe(
                samples,
                language="en",
                initial_prompt=FILLERS,
                beam_size=BEAM_SIZE,
                temperature=CLIMB,
                vad_filter=True,
                condition_on_previous_text=False,
                word_timestamps=True,
            )
        else:
            segments, _ = BatchedInferencePipeline(model).transcribe(
                samples,
                language="en",
                initial_prompt=FILLERS,
                beam_size=BEAM_SIZE,
                temperature=0.0,
                batch_size=BATCH_SIZE,
                without_timestamps=True,
                word_timestamps=True,
            )
        return "".join(segment.text for segment in segments)

    answer(hear, made_of={"faster-whisper": version("faster-whisper")})


if __name__ == "__main__":
    main()
