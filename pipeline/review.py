"""What people read: lists, one session, a learner. Frozen values, never rows."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from functools import cache
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from pydantic.alias_generators import to_camel

from pipeline.database import audit, consents, learners, reading
from pipeline.database.engine import transaction
from pipeline.errors import NO_SUCH_LEARNER, InvalidInput, NotFound
from pipeline.report.content import report_of
from pipeline.report.markdown import as_markdown
from pipeline.report.page import as_html
from pipeline.services import Services
from pipeline.session import Page, Profile, SessionDetail, SessionRow
from pipeline.staff import AuditAction, Role, Staff
from pipeline.status import Status


def list_sessions(
    services: Services,
    *,
    user_id: str | None = None,
    status: Status | None = None,
    query: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page:
    """One page, newest first; `query` looks in titles and learner ids.

    Raises:
        InvalidInput: the cursor is not one of ours.
    """
    before = _id_in(cursor) if cursor is not None else None
    with transaction(services.engine) as db:
        rows = reading.page(
            db,
            learner_id=user_id,
            status=status,
            search=query,
            before=before,
            limit=limit + 1,
        )
    shown = rows[:limit]
    return Page(tuple(shown), str(shown[-1].id) if len(rows) > limit else None)


def _id_in(cursor: str) -> UUID:
    try:
        return UUID(cursor)
    except ValueError as error:
        raise InvalidInput("The cursor is not one that a page gave.") from error


def status_counts(services: Services) -> dict[Status, int]:
    """How many sessions stand where."""
    with transaction(services.engine) as db:
        return reading.status_counts(db)


def session_row(services: Services, session_id: UUID) -> SessionRow:
    """One line of the list.

    Raises:
        NotFound: no such session.
    """
    with transaction(services.engine) as db:
        row = reading.session_row(db, session_id)
    if row is None:
        raise NotFound
    return row


def session_detail(
    services: Services, session_id: UUID, *, staff: Staff | None = None
) -> SessionDetail:
    """One session with all that is shown of it; the audit tells which of the staff looked.

    Raises:
        Forbidden: `staff` may not read.
        NotFound: no such session.
    """
    if staff is not None:
        staff.must_be(Role.COACH)
    with transaction(services.engine) as db:
        detail = reading.session_detail(db, session_id)
        if detail is None:
            raise NotFound
        if detail.transcript is not None:
            audit.record(
                db, staff, AuditAction.VIEW_TRANSCRIPT, now=services.now(), session_id=session_id
            )
    return detail


def profile(services: Services, user_id: str) -> Profile:
    """A learner's patterns.

    Raises:
        NotFound: nothing is held on this learner.
    """
    with transaction(services.engine) as db:
        found = learners.profile(db, user_id)
    if found is None:
        raise NotFound(NO_SUCH_LEARNER)
    return found


def export_learner(
    services: Services, user_id: str, *, staff: Staff | None = None
) -> dict[str, Any]:
    """Everything held on a learner at one moment, ready for JSON.

    The audit tells which of the staff took it.

    Raises:
        Forbidden: `staff` may not export.
        NotFound: nothing is held on this learner.
    """
    if staff is not None:
        staff.must_be(Role.COACH)
    with transaction(services.engine, of_one_moment=True) as db:
        standing, held = learners.profile(db, user_id), consents.of(db, user_id)
        if standing is None or held is None:
            raise NotFound(NO_SUCH_LEARNER)
        found = (reading.session_detail(db, id_) for id_ in reading.ids_of(db, user_id))
        exported = [detail for detail in found if detail is not None]
        # Written down before any of it is handed over.
        audit.record(db, staff, AuditAction.EXPORT, now=services.now(), learner_id=user_id)
    return {
        "userId": user_id,
        "consents": _camel(
            {
                **asdict(held.consents),
                "changed_at": held.changed_at.isoformat() if held.changed_at else None,
            }
        ),
        "profile": _camel(_profile_form().dump_python(standing, mode="json")),
        "sessions": [_session_as_json(detail) for detail in exported],
    }


# Built when first needed: no start of a process waits for them.
@cache
def _profile_form() -> TypeAdapter[Profile]:
    return TypeAdapter(Profile)


@cache
def _session_form() -> TypeAdapter[SessionDetail]:
    return TypeAdapter(SessionDetail)


def _session_as_json(detail: SessionDetail) -> Any:
    """All its fields, named as the API names them."""
    return _camel(_session_form().dump_python(detail, mode="json"))


class Format(StrEnum):
    """How a session is written down."""

    MARKDOWN = "markdown"
    """The learner's report, as text."""
    HTML = "html"
    """The learner's report, as a page to print."""
    JSON = "json"
    """The session whole, for machines."""

    @property
    def media_type(self) -> str:
        """What HTTP calls it."""
        return "application/json" if self is Format.JSON else f"text/{self}"

    def file_name(self, session_id: UUID) -> str:
        """Names the session's id only: titles and learners stay out of headers and folders."""
        return f"session-{session_id}.{'md' if self is Format.MARKDOWN else self}"


def export_session(
    services: Services, session_id: UUID, wanted: Format, *, staff: Staff | None = None
) -> str:
    """One session as the content of a file; the audit tells which of the staff took it.

    Raises:
        Forbidden: `staff` may not export.
        NotFound: no such session.
    """
    if staff is not None:
        staff.must_be(Role.COACH)
    with transaction(services.engine) as db:
        detail = reading.session_detail(db, session_id)
        if detail is None:
            raise NotFound
        audit.record(
            db,
            staff,
            AuditAction.EXPORT,
            now=services.now(),
            session_id=session_id,
            detail={"format": wanted},
        )
    if wanted is Format.JSON:
        return json.dumps(_session_as_json(detail), indent=2, ensure_ascii=False)
    report = report_of(detail)
    return as_html(report) if wanted is Format.HTML else as_markdown(report)


def _camel(value: Any) -> Any:
    """Field names as the API writes them."""
    if isinstance(value, dict):
        return {to_camel(key): _camel(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_camel(item) for item in value]
    return value
