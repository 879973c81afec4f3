"""Sessions that wait for their first delivery: recordings in storage, rows in Postgres."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from pipeline.database.engine import transaction
from pipeline.services import Services
from pipeline.storage import audio_key

RECORDING = Path(__file__).parents[2] / "tests" / "audio" / "hello.ogg"
"""A sentence: what decoding costs grows with the length, and it is the rest that is looked at."""
AT_ONCE = 8

_STOCK = text("""
WITH made AS MATERIALIZED (
    SELECT uuidv7() AS id, uuidv7() AS run, 'learner-' || n % :learners AS learner
      FROM generate_series(0, :number - 1) n),
known AS (
    INSERT INTO learners (id, created_at) SELECT DISTINCT learner, now() FROM made
    ON CONFLICT DO NOTHING),
begun AS (
    INSERT INTO sessions (id, learner_id, language, source, status, status_changed_at, created_at,
           audio_key, audio_content_type, audio_bytes, duration_seconds, uploaded_at, run_id)
    SELECT id, learner, 'en', 'app', 'UPLOADED', now(), now(), :prefix || id, 'audio/ogg', :bytes,
           3, now(), run FROM made),
asked AS (
    INSERT INTO runs (id, session_id, number, scope, trigger, requested_by, created_at)
    SELECT run, id, 1, 'full', 'upload', 'app', now() FROM made)
SELECT id, run FROM made ORDER BY id
""")


@dataclass(frozen=True, slots=True)
class Waiting:
    """One of them."""

    session_id: UUID
    run_id: UUID


def stocked(services: Services, number: int, *, learners: int) -> list[Waiting]:
    """So many sessions, of so many learners in turn; nothing of them is published."""
    recording = RECORDING.read_bytes()
    asked = {
        "number": number,
        "learners": learners,
        "prefix": audio_key(UUID(int=0)).removesuffix(str(UUID(int=0))),
        "bytes": len(recording),
    }
    with transaction(services.engine) as db:
        found = [Waiting(row.id, row.run) for row in db.execute(_STOCK, asked)]

    def put(waiting: Waiting) -> None:
        key = audio_key(waiting.session_id)
        services.storage.put(key, io.BytesIO(recording), content_type="audio/ogg")

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(put, found))
    return found
