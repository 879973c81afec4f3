"""The transcript with its times, the hard-to-hear parts, and the insights' words marked.

Speech is untrusted: the script below sets it as text, never as HTML or Markdown.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard.wording import length, plain
from pipeline.language import AUTO, name_of
from pipeline.session import Insight, TranscriptShown

_CSS = """
.talk { font-family: var(--st-font); color: var(--st-text-color); line-height: 1.7; }
.line { display: grid; grid-template-columns: 3.6rem 1fr; gap: 0.6rem; padding: 0.1rem 0; }
.time { opacity: 0.7; font-variant-numeric: tabular-nums; font-size: 0.85em;
        padding-top: 0.15em; }
.suspect { border-left: 3px dotted var(--st-text-color); padding-left: 0.5rem; font-style: italic; }
mark { background: color-mix(in srgb, var(--st-primary-color) 22%, transparent); color: inherit;
       border-bottom: 2px solid var(--st-primary-color); border-radius: 2px; padding: 0 1px; }
@media (max-width: 480px) { .line { grid-template-columns: 1fr; gap: 0; } }
"""

_JS = """
export default function ({ data, parentElement }) {
  let root = parentElement.querySelector(".talk");
  if (!root) {
    root = document.createElement("div");
    root.className = "talk";
    parentElement.appendChild(root);
  }
  root.replaceChildren();
  for (const line of data.lines) {
    const row = document.createElement("div");
    row.className = "line";
    const time = document.createElement("span");
    time.className = "time";
    time.textContent = line.time;
    if (line.estimated) time.title = "Estimated: the engine gave no times";
    const words = document.createElement("span");
    if (line.suspect) {
      words.className = "suspect";
      words.title = "Hard to hear: nothing rests on this alone";
    }
    for (const part of line.parts) {
      const piece = document.createElement(part.mark ? "mark" : "span");
      piece.textContent = part.text;
      if (part.mark) piece.title = part.mark;
      words.appendChild(piece);
    }
    row.append(time, words);
    root.appendChild(row);
  }
}
"""

_talk = st.components.v2.component("rostrum_transcript", css=_CSS, js=_JS)


def draw_transcript(
    transcript: TranscriptShown, insights: tuple[Insight, ...], *, asked: str
) -> None:
    """The whole talk, one line a segment, under a line that says what it rests on."""
    st.caption(plain(source_of(transcript, asked=asked)))
    _talk(data={"lines": lines_of(transcript, insights)}, key="transcript")


def source_of(transcript: TranscriptShown, *, asked: str) -> str:
    """Who heard it, in which language, and how good its times are."""
    detected = ", as detected" if asked == AUTO else ""
    prompt = f" with prompt {transcript.prompt_version}" if transcript.prompt_version else ""
    times = " Times are estimated: this engine gives none." if transcript.estimated else ""
    language = name_of(transcript.language)
    return f"{language}{detected}. Heard by {transcript.engine}{prompt}.{times}"


def lines_of(transcript: TranscriptShown, insights: tuple[Insight, ...]) -> list[dict[str, Any]]:
    """What the script draws: each line's time, doubt, and its text cut at the marks."""
    marks = sorted(
        (quote.start_offset, quote.end_offset, insight.pattern)
        for insight in insights
        for quote in insight.examples
    )
    lines, offset = [], 0
    for segment in transcript.segments:
        end = offset + len(segment.text)
        lines.append(
            {
                "time": ("≈ " if segment.estimated else "") + length(segment.start),
                "estimated": segment.estimated,
                "suspect": segment.suspect,
                "parts": _parts(segment.text, offset, marks),
            }
        )
        offset = end + 1
    return lines


def _parts(text: str, offset: int, marks: list[tuple[int, int, str]]) -> list[dict[str, str]]:
    """A segment's text in pieces; where marks overlap, the first one wins."""
    parts, cursor = [], 0
    for begin, end, pattern in marks:
        first = max(begin - offset, cursor)
        last = min(end - offset, len(text))
        if first >= last:
            continue
        if first > cursor:
            parts.append({"text": text[cursor:first], "mark": ""})
        parts.append({"text": text[first:last], "mark": pattern})
        cursor = last
    parts.append({"text": text[cursor:], "mark": ""})
    return parts
