"""A session as a file: the learner's report to read or print, and the whole for machines."""

from __future__ import annotations

from functools import partial
from uuid import UUID

import streamlit as st

from dashboard.access import renewed, viewer
from dashboard.services import services
from pipeline import review
from pipeline.review import Format
from pipeline.staff import Staff

_LABELS = {
    Format.HTML: ("Report for the learner", ":material/print:"),
    Format.MARKDOWN: ("Report as Markdown", ":material/article:"),
    Format.JSON: ("Everything as JSON", ":material/data_object:"),
}


def draw_exports(session_id: UUID) -> None:
    """One button for each kind of file; the file is made when it is asked for."""
    looking = viewer()
    columns = st.columns(len(_LABELS))
    for column, (wanted, (label, icon)) in zip(columns, _LABELS.items(), strict=True):
        column.download_button(
            label,
            data=partial(_export, looking, session_id, wanted),
            file_name=wanted.file_name(session_id),
            mime=wanted.media_type,
            key=f"session_export_{wanted}",
            icon=icon,
            # Streamlit empties its queue as a run begins, and would lose the file with it.
            on_click="ignore",
        )


def _export(looking: Staff, session_id: UUID, wanted: Format) -> str:
    """Made when it is asked for, which may be long after the page was drawn."""
    return review.export_session(services(), session_id, wanted, staff=renewed(looking))
