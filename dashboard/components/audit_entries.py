"""Entries of the audit as a table: when, who, what, to which session or learner, and why."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from dashboard.wording import exact, plain
from pipeline.audit_entry import Entry
from pipeline.staff import AuditAction

ACTIONS = {
    AuditAction.VIEW_TRANSCRIPT: "Read the transcript",
    AuditAction.UPLOAD: "Uploaded a recording",
    AuditAction.RERUN: "Asked for another run",
    AuditAction.MAKE_CURRENT: "Made a run current",
    AuditAction.VERDICT: "Gave a verdict",
    AuditAction.REVIEW: "Reviewed",
    AuditAction.GOLDEN_CASE: "Made a golden case",
    AuditAction.ASSIGN: "Assigned",
    AuditAction.BULK: "Acted on many sessions",
    AuditAction.EXPORT: "Exported",
    AuditAction.DELETE: "Deleted the session",
    AuditAction.ERASE: "Erased the learner",
    AuditAction.RETRY_LETTER: "Retried a dead letter",
    AuditAction.DELETE_LETTER: "Deleted a dead letter",
    AuditAction.CONSENT: "Changed consents",
}


def draw_entries(entries: Sequence[Entry], *, with_session: bool = True) -> None:
    """The entries as they come; without the session's column where the page is the session's."""
    if not entries:
        st.caption("Nobody of the staff has done anything yet.")
        return
    table = pd.DataFrame(
        {
            "When": [exact(entry.at) for entry in entries],
            "Who": [_who(entry) for entry in entries],
            "What": [ACTIONS[entry.action] for entry in entries],
            "Session": [_session(entry) for entry in entries],
            "Learner": [_learner(entry) for entry in entries],
            "Why": [plain(entry.reason or "") for entry in entries],
            "Detail": [plain(_detail(entry)) for entry in entries],
        }
    )
    shown = table if with_session else table.drop(columns=["Session", "Learner"])
    st.table(shown, hide_index=True)


def _who(entry: Entry) -> str:
    """A link to all that this person did."""
    return f"{_link(entry.actor, 'audit', actor=entry.actor)} ({entry.role.name.lower()})"


def _session(entry: Entry) -> str:
    """A link to the session, which may be gone."""
    if entry.session_id is None:
        return ""
    return _link(str(entry.session_id), "session", id=str(entry.session_id))


def _learner(entry: Entry) -> str:
    """A link to the learner, who may be gone."""
    if entry.learner_id is None:
        return ""
    return _link(entry.learner_id, "learner", id=entry.learner_id)


def _link(text: str, page: str, **query: str) -> str:
    return f"[{plain(text)}](/{page}?{urlencode(query)})"


def _detail(entry: Entry) -> str:
    return ", ".join(f"{name}: {value}" for name, value in sorted(entry.detail.items()))
