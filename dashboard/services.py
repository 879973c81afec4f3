"""The pipeline's services, made once for all viewers: the one cached resource."""

from __future__ import annotations

import streamlit as st

from dashboard.access import sign_in_faults
from pipeline.services import Services
from pipeline.settings import Settings


@st.cache_resource
def services() -> Services:
    """Clients and connection pool; they hold no viewer's state."""
    settings = Settings()
    settings.guard_production(*sign_in_faults())
    return Services(settings)
