"""How long figures and profiles take; `make bench-speech` prints it. Needs nothing but .venv."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

from sqlalchemy import text

from benchmarks.record import introduce, keep, machine, say
from local.postgres import running_postgres
from pipeline.database import engine as engines
from pipeline.database import learners, profiles
from pipeline.database.engine import transaction
from pipeline.learner import MOST_EVIDENCE, MOST_SESSIONS
from pipeline.speech.metrics import measure
from tests.folders import open_folder
from tests.talks import long_talk

ROUNDS = 20
PACKAGES = ("psycopg", "sqlalchemy")
SESSIONS = 2_000
"""Of the learner; ten times as many of others lie beside them."""

# Five insights a session over forty patterns: what the largest learner could have.
_FILL = """
INSERT INTO learners SELECT 'learner-' || n, now() FROM generate_series(0, 200) n;
CREATE TEMP TABLE made AS
SELECT uuidv7() AS id, uuidv7() AS run, uuidv7() AS transcript, n,
       'learner-' || CASE WHEN n % 11 = 0 THEN 0 ELSE 1 + n % 200 END AS learner
  FROM generate_series(1, {sessions} * 11) n;
INSERT INTO sessions (id, learner_id, language, source, status, status_changed_at, created_at,
                      completed_at, run_id, result_run_id)
SELECT id, learner, 'en', 'app', 'COMPLETED', now(), now() - n * interval '1 hour', now(), run, run
  FROM made;
INSERT INTO runs (id, session_id, number, scope, trigger, requested_by, created_at, outcome,
                  transcript_id)
SELECT run, id, 1, 'full', 'upload', 'app', now(), 'completed', transcript FROM made;
INSERT INTO transcripts (id, session_id, run_id, text, word_count, language, duration_seconds,
                         engine, segments, silences, created_at)
SELECT transcript, id, run, repeat('word ', 400), 400, 'en', 200, 'bench', '[]', '[]', now()
  FROM made;
INSERT INTO insights (id, run_id, session_id, position, category, pattern_key, pattern, detail,
                      frequency, counted, severity, suggestion, examples)
SELECT uuidv7(), run, id, p, 'grammar', 'grammar.pattern_' || (n * 7 + p * 11) % 40, 'Pattern',
       'What happens.', 3, CASE WHEN p % 2 = 0 THEN 4 END, 'medium', 'Do this.', '[]'
  FROM made, generate_series(0, 4) p;
INSERT INTO analyses (run_id, summary, focus_next, intent_label, strengths, findings, dropped,
                      model, prompt_version, schema_version, input_tokens, output_tokens,
                      cache_read_tokens, cache_write_tokens, created_at)
SELECT run, 'Summary.', 'Focus.', 'Label', '[]', '[]', '[]', 'bench', 'v1', '1', 0, 0, 0, 0, now()
  FROM made;
INSERT INTO metrics (run_id, name, label, value, unit, formula_version, basis, moments)
SELECT run, 'metric_' || m, 'Metric', m, 'per min', '2', 'bench', '[]'
  FROM made, generate_series(1, 19) m;
"""


def main() -> None:
    """Print one line a figure: best and median of the rounds; keep all of them."""
    taken_with = machine(*PACKAGES)
    introduce(taken_with)
    say(f"{ROUNDS} rounds each")
    figures: dict[str, list[float]] = {}

    def timed(what: str, goal_ms: float, work: Callable[[], object]) -> None:
        figures[what] = took = milliseconds(work)
        say(f"{what}: best {min(took):.0f} ms, median {median(took):.0f} ms (goal {goal_ms:.0f})")

    talk = long_talk(hours=2)
    words = sum(len(segment.words) for segment in talk.segments)
    timed(f"metrics of a talk of 2 hours, {words} words", 300, lambda: measure(talk))
    with open_folder() as folder, running_postgres(folder, durable=True) as url:
        filled(url)
        engine = engines.create(url)

        def refresh() -> None:
            with transaction(engine) as db:
                profiles.refresh(db, "learner-0")

        def read() -> None:
            with transaction(engine) as db:
                learners.profile(db, "learner-0")

        timed(f"profile of a learner with {SESSIONS} sessions, derived and committed", 50, refresh)

        def look() -> None:
            with transaction(engine) as db:
                learners.standing(db, "learner-0", sessions=MOST_SESSIONS)
                learners.evidence(db, "learner-0", "grammar.pattern_7", most=MOST_EVIDENCE)

        timed("the same profile read, with focuses and trends", 50, read)
        timed("all statements of that learner's page, with the quotes of a pattern", 100, look)
        engine.dispose()
    keep("speech", taken_with, {"milliseconds": figures})


def filled(url: str) -> None:
    """A migrated database with many sessions, its statistics fresh."""
    subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        check=True,
        env={**os.environ, "DATABASE_URL": url},
    )
    engine = engines.create(url)
    with transaction(engine) as db:
        db.execute(text(_FILL.format(sessions=SESSIONS)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()


def milliseconds(work: Callable[[], object]) -> list[float]:
    """How long the work takes on the wall clock in each round, after one that is not counted."""
    work()
    took = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        took.append(1000 * (time.perf_counter() - begun))
    return took


if __name__ == "__main__":
    main()
