"""What a page or a click ran into, in words; what nobody foresaw is left to Streamlit."""

from __future__ import annotations

import streamlit as st

from dashboard.access import NoAccess
from dashboard.components.failure import draw_error
from pipeline.errors import RostrumError
from pipeline.settings import UnsafeConfiguration


def draw_trouble(error: Exception) -> bool:
    """Draw what people can be told. False: unforeseen, and nothing was drawn."""
    if isinstance(error, RostrumError):
        draw_error(error)
    elif isinstance(error, NoAccess | UnsafeConfiguration):
        st.error(str(error), icon=":material/lock:")
    else:
        return False
    return True
