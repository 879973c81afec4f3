"""The company's own people: who they are and what their role lets them do.

Each may do what the one below may. A role comes from configuration and is read anew for every
write: a `Staff` value lives as long as one call.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from pipeline.errors import Forbidden


class Role(IntEnum):
    """Each may do what the one below may."""

    COACH = 1
    """Reads and reviews."""
    QA = 2
    """Uploads and runs again, too."""
    ADMIN = 3
    """Deletes, erases and operates, too."""


@dataclass(frozen=True, slots=True)
class Staff:
    """One person, at one moment."""

    name: str
    """What events, runs, reviews and the audit name: the e-mail they signed in with."""
    role: Role
    is_local: bool = False
    """Without sign-in, on the machine itself."""

    def may(self, role: Role) -> bool:
        """Whether this person has at least `role`."""
        return self.role >= role

    def must_be(self, role: Role) -> None:
        """Refuse what this person may not do.

        Raises:
            Forbidden: their role is less than `role`.
        """
        if not self.may(role):
            raise Forbidden(f"This needs the role {role.name.lower()}; yours is less.")


class AuditAction(StrEnum):
    """What staff did, as the audit names it."""

    VIEW_TRANSCRIPT = "view_transcript"
    UPLOAD = "upload"
    RERUN = "rerun"
    MAKE_CURRENT = "make_current"
    """An earlier run's results are shown again."""
    VERDICT = "verdict"
    REVIEW = "review"
    GOLDEN_CASE = "golden_case"
    ASSIGN = "assign"
    BULK = "bulk"
    EXPORT = "export"
    DELETE = "delete"
    ERASE = "erase"
    RETRY_LETTER = "retry_letter"
    DELETE_LETTER = "delete_letter"
    CONSENT = "consent"
    """Wrote down what a learner agrees to."""
