"""Taking the words of sessions away: whatever holds what was said, in all runs, by one statement.

Kept are figures, counts, places in time and the model's own sentences, without what stands in
quotation marks in them: nothing tells a quoted word from another but these marks. What the talk
was about goes, too: a model may name it in the talk's own words.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, text
from sqlalchemy.orm import Session

from pipeline.consent import Removal
from pipeline.database.models import Learner, SpeakingSession

_PAIRED = """“[^”]*(”|$)|„[^“”]*([“”]|$)|«[^»]*(»|$)|"[^"]*("|$)|`[^`]*(`|$)"""
"""What is never closed goes to its end: better too much than a word."""
_SINGLE = r"""(?<!\w)['‘].*?['’](?!\w)"""
"""An apostrophe has a letter before it, or one behind."""
_MARK = "“…”"


def _unquoted(column: str) -> str:
    """A text without what stands in quotation marks."""
    return f"regexp_replace(regexp_replace({column}, :paired, :mark, 'g'), :single, :mark, 'g')"


_WORDLESS = """'{"text": "", "claimed": ""}'::jsonb"""
"""Over a quote: its place stays, and that there was one."""


def _each(array: str, changed: str) -> str:
    """A JSON array with each of its elements `e` changed."""
    return f"""(SELECT coalesce(jsonb_agg({changed} ORDER BY n), '[]')
        FROM jsonb_array_elements({array}) WITH ORDINALITY AS listed (e, n))"""  # noqa: S608 - our own words, as all of this


def _unquoted_in(*names: str) -> str:
    """These texts of a JSON object, for `jsonb_build_object`."""
    fields = {name: _unquoted(f"e ->> '{name}'") for name in names}
    return ", ".join(f"'{name}', {value}" for name, value in fields.items())


_SEGMENTS = _each("segments", """e || '{"text": "", "words": []}'::jsonb""")
_EXAMPLES = _each("examples", f"e || {_WORDLESS}")
_STRENGTHS = _each(
    "strengths",
    f"e || jsonb_build_object({_unquoted_in('text')}, 'quote', (e -> 'quote') || {_WORDLESS})",
)
_QUOTES = f"""(SELECT coalesce(jsonb_agg(q || {_WORDLESS} ORDER BY m), '[]')
        FROM jsonb_array_elements(e -> 'examples') WITH ORDINALITY AS quotes (q, m))"""  # noqa: S608 - the same
_FINDINGS = _each(
    "findings",
    f"e || jsonb_build_object({_unquoted_in('pattern', 'detail', 'suggestion')}, 'examples',"
    f" {_QUOTES})",
)
_DROPPED = _each(
    "dropped", f"e || jsonb_build_object({_unquoted_in('name')}, 'answer', '{{}}'::jsonb)"
)

# The lists keep their lengths: shares of suspect segments and of quotes found are counted of them.
_RESULTS = f"""
analysed AS (
    UPDATE analyses a
       SET summary = {_unquoted("summary")}, focus_next = {_unquoted("focus_next")},
           intent_label = '', strengths = {_STRENGTHS},
           findings = {_FINDINGS}, dropped = {_DROPPED}
      FROM runs r
     WHERE r.id = a.run_id AND r.session_id = ANY(:sessions)
       AND r.id <> ALL(CAST(:spared AS uuid[]))
),
found AS (
    UPDATE insights
       SET pattern = {_unquoted("pattern")}, detail = {_unquoted("detail")},
           suggestion = {_unquoted("suggestion")}, examples = {_EXAMPLES}
     WHERE session_id = ANY(:sessions)
),
measured AS (
    UPDATE metrics m SET moments = '[]'
      FROM runs r
     WHERE r.id = m.run_id AND r.session_id = ANY(:sessions)
),
judged AS (
    UPDATE verdicts SET rewrite = {_unquoted("rewrite")}, note = {_unquoted("note")}
     WHERE session_id = ANY(:sessions)
),
reviewed AS (
    UPDATE reviews SET reason = {_unquoted("reason")}, note = {_unquoted("note")}
     WHERE session_id = ANY(:sessions) AND state <> 'open'
),
put_back AS (
    DELETE FROM reviews WHERE session_id = ANY(:sessions) AND state = 'open'
),
golden AS (
    DELETE FROM golden_cases WHERE session_id = ANY(:sessions)
)"""  # noqa: S608 - our own words, nothing of a caller's
# The search index of a transcript is made of its text, and goes with it.
_REMOVE = text(f"""
WITH emptied AS (
    UPDATE transcripts SET text = '', segments = {_SEGMENTS}
     WHERE session_id = ANY(:sessions)
 RETURNING session_id
),
heard AS (
    DELETE FROM transcript_parts p
     USING runs r
     WHERE r.id = p.run_id AND r.session_id = ANY(:sessions)
),
{_RESULTS}
UPDATE sessions SET transcript_removed_at = :now, transcript_removed_because = :because
 WHERE id IN (SELECT session_id FROM emptied)
""")  # noqa: S608 - the same
_REMOVE_FROM_RESULTS = text(f"WITH {_RESULTS} SELECT 1")
_MARKS: dict[str, object] = {"paired": _PAIRED, "single": _SINGLE, "mark": _MARK}


def may_be_read() -> ColumnElement[bool]:
    """The session's words were not removed, and need not go when its run ends."""
    refused = exists().where(
        Learner.id == SpeakingSession.learner_id, Learner.consent_transcript_storage.is_(False)
    )
    return and_(SpeakingSession.transcript_removed_at.is_(None), ~refused)


def remove(db: Session, session_ids: Sequence[UUID], because: Removal, *, now: datetime) -> None:
    """Take the words of these sessions away; call it where their rows are locked.

    A review that is open is put back, for there is nothing left to judge quotes against; golden
    cases, which hold the whole talk, are deleted. Profiles are derived of the insights: derive
    them anew afterwards.
    """
    if session_ids:
        told = {"sessions": list(session_ids), "spared": [], "now": now, "because": because.value}
        db.execute(_REMOVE, {**told, **_MARKS})


def remove_from_results(
    db: Session, session_ids: Sequence[UUID], *, spared_runs: Sequence[UUID]
) -> None:
    """Take the words out of all that earlier runs found, as `remove` does.

    The transcript stays for the spared runs, which work with it still, and so does what they have
    found; once they end, all of it goes.
    """
    if session_ids:
        told = {"sessions": list(session_ids), "spared": list(spared_runs)}
        db.execute(_REMOVE_FROM_RESULTS, {**told, **_MARKS})
