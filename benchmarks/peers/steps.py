"""The five steps that every peer runs, as plain functions of one session's job.

fetch → transcribe → store the transcript → delete the audio → analyse and store

They use our vendors' clients (a thin layer over boto3, openai and anthropic), our confined decoding
child, and our pure functions, so that what they find is what we find; and they store it by plain
SQL over a pool of psycopg (`rows.py`). Recordings are short enough for one part. Each step may be
repeated: a recording that is not where `fetch` left it is fetched again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from benchmarks.peers import rows
from benchmarks.peers.job import Job
from pipeline import audio
from pipeline.analyze.judgement import judge
from pipeline.audio import Part
from pipeline.database.stored import from_json, to_json
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.speech.metrics import measure
from pipeline.speech.transcript import Transcript
from pipeline.transcribe.gate import gated
from pipeline.transcribe.prompt import prompt_for, version_for

LANGUAGE = "en"


@dataclass(frozen=True)
class Steps:
    """What the steps work with. Safe to share between threads."""

    services: Services
    """For its clients of storage and vendors alone."""
    pool: ConnectionPool[rows.Rows]
    folder: Path
    """Recordings under work."""

    @classmethod
    def on(cls, settings: Settings, folder: Path, *, at_once: int) -> Steps:
        """Steps on these servers, with all that takes time to load loaded."""
        services = Services(settings)
        url = settings.require("DATABASE_URL").replace("+psycopg", "")
        pool = ConnectionPool(
            url,
            min_size=1,
            max_size=at_once,
            connection_class=rows.Rows,
            kwargs={"autocommit": True, "row_factory": dict_row},
            open=True,
        )
        _ = services.storage, services.transcriber, services.analyst
        audio.get_ready()
        return cls(services, pool, folder)

    def close(self) -> None:
        """Give back the connections."""
        self.pool.close()
        self.services.close()

    def fetch(self, job: Job) -> None:
        """Bring the recording here."""
        self.services.storage.fetch(job.audio_key, self._recording(job))

    def transcribe(self, job: Job) -> dict[str, Any]:
        """Level the recording and hear it; the transcript as JSON."""
        services, recording = self.services, self._recording(job)
        if not recording.exists():
            self.fetch(job)
        speech = audio.normalise(
            recording,
            recording.with_suffix(".ogg"),
            max_seconds=services.settings.max_audio_minutes * 60,
        )
        heard = services.transcriber.transcribe(
            speech.path, language=LANGUAGE, prompt=prompt_for(LANGUAGE)
        )
        whole = Part(0, 0.0, speech.duration, follows_speech=False)
        transcript = Transcript(
            segments=gated(heard, whole, speech.silences),
            language=LANGUAGE,
            duration=speech.duration,
            engine=services.transcriber.engine,
            silences=speech.silences,
            prompt_version=version_for(LANGUAGE),
        )
        speech.path.unlink()
        recording.unlink()
        (told,) = to_json(Transcript, [transcript])
        return told

    def store_transcript(self, job: Job, transcript: dict[str, Any]) -> None:
        """Commit what was heard."""
        with self.pool.connection() as db:
            rows.keep_transcript(db, job, transcript, _read(transcript).text)

    def stored_transcript(self, job: Job) -> dict[str, Any] | None:
        """What was heard, where it was committed: for engines that hand nothing on."""
        with self.pool.connection() as db:
            return rows.find_transcript(db, job)

    def delete_audio(self, job: Job) -> None:
        """Let the recording go."""
        self.services.storage.delete(job.audio_key)

    def analyse(self, job: Job, transcript: dict[str, Any]) -> None:
        """Ask Claude, prove each quote, measure, and commit all of it."""
        talk = _read(transcript)
        judgement = judge(self.services.analyst.analyze(talk), talk)
        measurement = measure(talk, self.services.settings.bands)
        with self.pool.connection() as db:
            rows.keep_results(db, job, talk, judgement, measurement)

    def _recording(self, job: Job) -> Path:
        return self.folder / job.session_id


def _read(transcript: dict[str, Any]) -> Transcript:
    (talk,) = from_json(Transcript, [transcript])
    return talk
