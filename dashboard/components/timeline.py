"""Runs and events: what happened to a session, and when."""

from __future__ import annotations

from uuid import UUID

import pandas as pd
import streamlit as st

from dashboard.wording import STAGES, WORDS, duration, engine_text, exact
from pipeline.session import Event, RunRecord


def draw_timeline(events: tuple[Event, ...], *, page: str = "session") -> None:
    """Every change of status or stage, with the time until the next one."""
    nexts = [*(event.at for event in events[1:]), None]
    table = pd.DataFrame(
        {
            "When": [exact(event.at) for event in events],
            "What": [_what(event) for event in events],
            "Lasted": [
                duration((following - event.at).total_seconds()) if following else ""
                for event, following in zip(events, nexts, strict=True)
            ],
            "Run": [_run(event) for event in events],
            "By": [event.actor for event in events],
            "Code": [event.error_code or "" for event in events],
        }
    )
    st.dataframe(table, hide_index=True, key=f"{page}_timeline")


def _what(event: Event) -> str:
    word = WORDS[event.to_status]
    return f"{word}: {STAGES[event.stage]}" if event.stage else word


def _run(event: Event) -> str:
    return "" if event.run is None else f"{event.run}, attempt {event.attempt}"


def draw_runs(
    runs: tuple[RunRecord, ...], *, shown: UUID | None = None, page: str = "session"
) -> None:
    """Every run, newest first, and which of them is shown."""
    newest_first = list(reversed(runs))
    table = pd.DataFrame(
        {
            "Run": [run.number for run in newest_first],
            "Shown": ["● shown" if run.id == shown else "" for run in newest_first],
            "Scope": [run.scope for run in newest_first],
            "Asked by": [run.requested_by for run in newest_first],
            "Attempts": [run.attempts for run in newest_first],
            "Outcome": [run.outcome or "open" for run in newest_first],
            "Model": [engine_text(run.model) if run.model else "" for run in newest_first],
            "Prompt": [run.prompt_version or "" for run in newest_first],
            "Tokens in / out": [tokens_text(run) for run in newest_first],
            "Cost": [cost_text(run) for run in newest_first],
            "Stages": [_stages(run) for run in newest_first],
        }
    )
    st.dataframe(table, hide_index=True, key=f"{page}_runs")


def tokens_text(run: RunRecord) -> str:
    """What was sent, cached parts included, and what came back."""
    if run.input_tokens is None:
        return ""
    cached = (run.cache_read_tokens or 0) + (run.cache_write_tokens or 0)
    from_cache = f" ({run.cache_read_tokens} from the cache)" if run.cache_read_tokens else ""
    return f"{run.input_tokens + cached}{from_cache} / {run.output_tokens}"


def cost_text(run: RunRecord) -> str:
    """In US dollars; `unknown` where the model's price is, nothing where no model was asked."""
    if run.model is None:
        return ""
    return "unknown" if run.cost_usd is None else f"${run.cost_usd:.4f}"


def _stages(run: RunRecord) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {duration(seconds)}"
        for name, seconds in run.stage_seconds.items()
    )
