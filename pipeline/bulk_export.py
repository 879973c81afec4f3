"""Many sessions as one file: each whole, as the export of a single one writes it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from uuid import UUID

from pipeline import review
from pipeline.errors import InvalidInput, NotFound
from pipeline.review import Format
from pipeline.services import Services
from pipeline.staff import Role, Staff

MOST_EXPORTED = 500
LEFT_OUT = "left-out.txt"
"""Names those that were deleted meanwhile."""


def export_sessions(services: Services, staff: Staff, session_ids: Sequence[UUID]) -> bytes:
    """A zip of JSON files, one a session; the audit tells of each.

    Only the compressed file is held in memory, and one session beside it.

    Raises:
        Forbidden: `staff` may not export.
        InvalidInput: no session, or too many.
    """
    staff.must_be(Role.COACH)
    if not 0 < len(session_ids) <= MOST_EXPORTED:
        raise InvalidInput(f"From 1 to {MOST_EXPORTED} sessions can be exported at once.")
    written = io.BytesIO()
    left_out: list[str] = []
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for session_id in dict.fromkeys(session_ids):
            try:
                whole = review.export_session(services, session_id, Format.JSON, staff=staff)
            except NotFound:
                left_out.append(str(session_id))
            else:
                archive.writestr(Format.JSON.file_name(session_id), whole)
        if left_out:
            archive.writestr(LEFT_OUT, "\n".join(left_out))
    return written.getvalue()
