"""A reading of a talk, proven against its transcript: what is stored of an analysis."""

from __future__ import annotations

from dataclasses import replace

from pipeline.analyze.client import Reading
from pipeline.analyze.evidence import prove
from pipeline.analyze.schema import SCHEMA_VERSION
from pipeline.finding import Judgement
from pipeline.speech.transcript import Transcript


def judge(reading: Reading, transcript: Transcript) -> Judgement:
    """What stands of a reading, what was dropped and why, and what it took."""
    evidence = prove(reading.analysis, transcript)
    return Judgement(
        summary=reading.analysis.summary,
        focus_next=reading.analysis.focus_next,
        intent_label=reading.analysis.intent_label,
        evidence=replace(evidence, dropped=(*reading.dropped, *evidence.dropped)),
        model=reading.model,
        prompt_version=reading.prompt_version,
        schema_version=SCHEMA_VERSION,
        input_tokens=reading.tokens.read,
        output_tokens=reading.tokens.written,
        cache_read_tokens=reading.tokens.cache_read,
        cache_write_tokens=reading.tokens.cache_write,
        cost_usd=reading.cost_usd,
    )
