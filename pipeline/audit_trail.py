"""What people read of the audit: pages of it, one session's, and a file. For admins only."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, fields
from uuid import UUID

from pipeline.audit_entry import Entry, Wanted
from pipeline.database import audit
from pipeline.database.engine import transaction
from pipeline.errors import InvalidInput
from pipeline.services import Services
from pipeline.staff import AuditAction, Role, Staff

MOST_EXPORTED = 100_000
MOST_OF_ONE_SESSION = 50
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class TrailPage:
    """One page, newest first."""

    entries: tuple[Entry, ...]
    next_cursor: str | None


def page(
    services: Services,
    staff: Staff,
    wanted: Wanted,
    *,
    limit: int = 50,
    cursor: str | None = None,
) -> TrailPage:
    """At most `limit` entries, newest first.

    Raises:
        Forbidden: `staff` is no admin.
        InvalidInput: the cursor is not one that a page gave.
    """
    staff.must_be(Role.ADMIN)
    before = _id_in(cursor) if cursor is not None else None
    with transaction(services.engine) as db:
        entries = audit.page(db, wanted, before=before, limit=limit + 1)
    shown = entries[:limit]
    return TrailPage(tuple(shown), str(shown[-1].id) if len(entries) > limit else None)


def _id_in(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and int(cursor[:20]) <= _LARGEST_ID):
        raise InvalidInput("The cursor is not one that a page gave.")
    return int(cursor)


def of_session(services: Services, staff: Staff, session_id: UUID) -> tuple[Entry, ...]:
    """The newest entries of one session, which may be gone, newest first.

    Raises:
        Forbidden: `staff` is no admin.
    """
    wanted = Wanted(session_id=session_id)
    return page(services, staff, wanted, limit=MOST_OF_ONE_SESSION).entries


def export(services: Services, staff: Staff, wanted: Wanted) -> str:
    """All entries that are meant, newest first, as CSV with a header; itself an entry.

    Raises:
        Forbidden: `staff` is no admin.
        InvalidInput: they are more than `MOST_EXPORTED`.
    """
    staff.must_be(Role.ADMIN)
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(field.name for field in fields(Entry))
    with transaction(services.engine) as db:
        for number, entry in enumerate(audit.every(db, wanted, most=MOST_EXPORTED + 1), 1):
            if number > MOST_EXPORTED:
                raise InvalidInput(
                    f"More than {MOST_EXPORTED:,} entries match. Narrow the filters, for example "
                    "by dates, and export in parts."
                )
            rows.writerow(_cells(entry))
        audit.record(
            db,
            staff,
            AuditAction.EXPORT,
            now=services.now(),
            session_id=wanted.session_id,
            learner_id=wanted.learner_id,
            detail={"what": "audit"},
        )
    return written.getvalue()


def _cells(entry: Entry) -> list[str]:
    return [
        str(entry.id),
        entry.at.isoformat(),
        _inert(entry.actor),
        entry.role.name.lower(),
        entry.action,
        str(entry.session_id or ""),
        _inert(entry.learner_id or ""),
        _inert(entry.reason or ""),
        json.dumps(entry.detail, sort_keys=True),
    ]


def _inert(text: str) -> str:
    """Text that a spreadsheet does not take for a formula, whoever typed it."""
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@")) else text
