"""The audit: entries are added, in the transaction of what they tell, and never changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.orm import Session

from pipeline.database.staff_models import AuditEntry
from pipeline.staff import AuditAction, Staff


def record(
    db: Session,
    staff: Staff,
    action: AuditAction,
    *,
    now: datetime,
    session_id: UUID | None = None,
    learner_id: str | None = None,
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add one entry. `detail` holds ids, names of fields and codes, never what was said."""
    db.execute(
        insert(AuditEntry).values(
            at=now,
            actor=staff.name,
            role=int(staff.role),
            action=action,
            session_id=session_id,
            learner_id=learner_id,
            reason=reason,
            detail=dict(detail or {}),
        )
    )
