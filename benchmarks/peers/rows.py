"""What the peers' steps store: a session's result, by plain SQL, each statement for all its rows.

Storing again changes nothing, so that an engine may repeat a step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from benchmarks.peers.job import Job
from pipeline.database import profiles
from pipeline.database.base import new_id
from pipeline.database.results import columns_of
from pipeline.database.stored import to_json
from pipeline.finding import Finding, Judgement
from pipeline.focus import focus_key
from pipeline.speech.metric import Measurement, Metric
from pipeline.speech.transcript import Transcript
from pipeline.speech.words import count_words

KEEP_TRANSCRIPT = """
WITH kept AS (
    INSERT INTO transcripts (id, session_id, run_id, text, word_count, language,
           duration_seconds, engine, segments, silences, created_at, prompt_version)
    VALUES (%(id)s, %(session_id)s, %(run_id)s, %(text)s, %(word_count)s, %(language)s,
           %(duration)s, %(engine)s, %(segments)s, %(silences)s, now(), %(prompt_version)s)
        ON CONFLICT (run_id) DO NOTHING
    RETURNING id, run_id
)
UPDATE runs SET transcript_id = kept.id, started_at = now() FROM kept WHERE runs.id = kept.run_id
"""
FIND_TRANSCRIPT = """
SELECT segments, language, duration_seconds AS duration, engine, silences, prompt_version
  FROM transcripts WHERE run_id = %(run_id)s
"""
KEEP_ANALYSIS = """
INSERT INTO analyses SELECT * FROM jsonb_populate_record(NULL::analyses, %s)
    ON CONFLICT (run_id) DO NOTHING
"""
KEEP_INSIGHTS = """
INSERT INTO insights SELECT * FROM jsonb_populate_recordset(NULL::insights, %s)
"""
KEEP_METRICS = """
INSERT INTO metrics (run_id, name, label, value, unit, numerator, denominator, formula_version,
       band, basis, moments, low, high, series)
SELECT run_id, name, label, value, unit, numerator, denominator, formula_version,
       band, basis, moments, low, high, series
  FROM jsonb_populate_recordset(NULL::metrics, %s)
"""
END_RUN = """
UPDATE runs SET outcome = 'completed', finished_at = now(), attempts = attempts + 1
 WHERE id = %(run_id)s
"""
COMPLETE = """
UPDATE sessions SET status = 'COMPLETED', status_changed_at = now(), completed_at = now(),
       result_run_id = %(run_id)s, audio_deleted_at = now(), duration_seconds = %(duration)s
 WHERE id = %(session_id)s
"""
LOCK_LEARNER = "SELECT 1 FROM learners WHERE id = %(learner)s FOR UPDATE"
DERIVE_PROFILE = profiles.DERIVE.text.replace(":learner", "%(learner)s")

Rows = Connection[dict[str, Any]]


def keep_transcript(db: Rows, job: Job, transcript: Mapping[str, Any], text: str) -> None:
    """Store what was heard as the run's transcript."""
    db.execute(
        KEEP_TRANSCRIPT,
        {
            **transcript,
            "id": new_id(),
            "session_id": job.session_id,
            "run_id": job.run_id,
            "text": text,
            "word_count": count_words(text),
            "segments": Jsonb(transcript["segments"]),
            "silences": Jsonb(transcript["silences"]),
        },
    )


def find_transcript(db: Rows, job: Job) -> dict[str, Any] | None:
    """The run's transcript, where there is one."""
    return db.execute(FIND_TRANSCRIPT, {"run_id": job.run_id}).fetchone()


def keep_results(
    db: Rows, job: Job, transcript: Transcript, judgement: Judgement, measurement: Measurement
) -> None:
    """Analysis, insights, metrics, outcome, profile: all of it, or none."""
    findings = judgement.evidence.findings
    analysis = {
        **columns_of(judgement),
        "run_id": job.run_id,
        "metrics_note": measurement.note,
        "focus_key": focus_key(judgement.focus_next, findings),
        "cost_usd": None if judgement.cost_usd is None else str(judgement.cost_usd),
        "created_at": datetime.now(UTC).isoformat(),
    }
    with db.transaction():
        if not db.execute(KEEP_ANALYSIS, [Jsonb(analysis)]).rowcount:
            # An earlier attempt came so far, and was not heard to its end.
            return
        if findings:
            db.execute(KEEP_INSIGHTS, [Jsonb(list(_insights(job, findings)))])
        if measurement.metrics:
            metrics = to_json(Metric, measurement.metrics)
            db.execute(KEEP_METRICS, [Jsonb([{**one, "run_id": job.run_id} for one in metrics])])
        db.execute(END_RUN, {"run_id": job.run_id})
        db.execute(
            COMPLETE,
            {
                "run_id": job.run_id,
                "session_id": job.session_id,
                "duration": transcript.duration,
            },
        )
        # As ours: a statement of its own, so that the next one sees what was committed meanwhile.
        db.execute(LOCK_LEARNER, {"learner": job.learner_id})
        db.execute(DERIVE_PROFILE.encode(), {"learner": job.learner_id})


def _insights(job: Job, findings: Iterable[Finding]) -> Iterable[dict[str, Any]]:
    for position, finding in enumerate(to_json(Finding, findings)):
        yield {
            **finding,
            "id": str(new_id()),
            "run_id": job.run_id,
            "session_id": job.session_id,
            "position": position,
        }
