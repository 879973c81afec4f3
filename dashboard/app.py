"""The dashboard's server: `python -m streamlit run dashboard/app.py`.

Streamlit finds `app` here and serves it; each viewer's run executes `main.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st
from starlette.middleware import Middleware

from dashboard.access import sign_in_faults
from dashboard.safe_headers import SafeHeaders
from dashboard.sign_in_target import SignInTarget
from dashboard.trouble import draw_trouble
from pipeline import log_lines
from pipeline.settings import Settings


@asynccontextmanager
async def _guarded(_app: st.App) -> AsyncIterator[None]:
    """Refuse to start in production on what is unsafe; log as every part of ours does."""
    log_lines.configure()
    Settings().guard_production(*sign_in_faults())
    yield


app = st.App(
    "main.py",
    lifespan=_guarded,
    middleware=[Middleware(SafeHeaders), Middleware(SignInTarget)],
    on_script_error=draw_trouble,
)
