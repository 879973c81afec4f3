"""All that is written, a sheet a table, and what results look like as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from pipeline.database.models import (
    Insight,
    Learner,
    Run,
    SessionEvent,
    SpeakingSession,
    StoredAnalysis,
    StoredMetric,
    StoredTranscript,
)
from pipeline.database.results import columns_of
from pipeline.database.staff_models import (
    AuditEntry,
    BulkItem,
    BulkJob,
    GoldenCase,
    GoldenRun,
    StoredReview,
    StoredVerdict,
    SweepRecord,
)
from pipeline.database.stored import to_json
from pipeline.finding import Finding
from pipeline.focus import focus_key
from pipeline.speech.metric import Metric
from pipeline.speech.transcript import Segment, Silence
from pipeline.speech.words import count_words
from seeding.feedback import Result
from seeding.sheet import Sheet


@dataclass(frozen=True, slots=True)
class Columns:
    """One result as the tables hold it, written once however many sessions have it."""

    title: str
    duration: float
    lines: tuple[str, ...]
    findings: tuple[Finding, ...]
    model: str
    prompt_version: str
    transcript: str
    analysis: str
    insights: tuple[str, ...]
    metrics: tuple[str, ...]


class Book:
    """A sheet for each table."""

    def __init__(self) -> None:
        self.learners = Sheet(Learner)
        self.sessions = Sheet(SpeakingSession)
        self.runs = Sheet(Run)
        self.transcripts = Sheet(StoredTranscript, "id", "session_id", "run_id", "created_at")
        self.analyses = Sheet(StoredAnalysis, "run_id", "created_at")
        self.insights = Sheet(Insight, "id", "run_id", "session_id")
        self.metrics = Sheet(StoredMetric, "run_id")
        self.events = Sheet(SessionEvent)
        self.verdicts = Sheet(StoredVerdict)
        self.reviews = Sheet(StoredReview)
        self.golden_cases = Sheet(GoldenCase)
        self.golden_runs = Sheet(GoldenRun)
        self.bulk_jobs = Sheet(BulkJob)
        self.bulk_items = Sheet(BulkItem)
        self.audit = Sheet(AuditEntry)
        self.sweeps = Sheet(SweepRecord, "id")

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        """Each after those that it refers to."""
        return tuple(sheet for sheet in vars(self).values() if isinstance(sheet, Sheet))

    def copy(self, cursor: psycopg.Cursor[Any]) -> None:
        """Send all that is there."""
        for sheet in self.sheets:
            sheet.copy(cursor)

    def columns(self, result: Result) -> Columns:
        """What a session with this result shares with all others that have it."""
        transcript, judgement = result.transcript, result.judgement
        evidence = judgement.evidence
        return Columns(
            title=result.title,
            duration=transcript.duration,
            lines=tuple(segment.text for segment in transcript.segments),
            findings=evidence.findings,
            transcript=self.transcripts.rest(
                {
                    "text": transcript.text,
                    "word_count": count_words(transcript.text),
                    "language": transcript.language,
                    "duration_seconds": transcript.duration,
                    "engine": transcript.engine,
                    "segments": to_json(Segment, transcript.segments),
                    "silences": to_json(Silence, transcript.silences),
                    "prompt_version": transcript.prompt_version,
                }
            ),
            model=judgement.model,
            prompt_version=judgement.prompt_version,
            analysis=self.analyses.rest(
                {
                    **columns_of(judgement),
                    "metrics_note": result.measurement.note,
                    "focus_key": focus_key(judgement.focus_next, evidence.findings),
                }
            ),
            # The columns of both tables are just the fields of the values.
            insights=tuple(
                self.insights.rest({**finding, "position": position})
                for position, finding in enumerate(to_json(Finding, evidence.findings))
            ),
            metrics=tuple(
                self.metrics.rest(metric) for metric in to_json(Metric, result.measurement.metrics)
            ),
        )
