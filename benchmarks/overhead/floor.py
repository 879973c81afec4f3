"""The floor: the same calls with the same SDKs and one INSERT for each result, and nothing else.

It does: one GET and one DELETE of the recording (boto3), one transcription (openai: the same file
name, prompt, language and granularities), one message (anthropic: the same system prompt, the
same structured output, the talk as numbered lines), and two INSERTs, each committed by itself
(psycopg, one connection that stays open, prepared statements): the transcript and the analysis.
Each client is made once, with the pipeline's own options.

It leaves out: lease, heartbeat, deadline, retries, resuming, events, run and status, the check of
the answers, proof of the quotes, metrics, insights as rows, profile, logs, meters and traces.

The audio: a pipeline that sends the file as it came needs none. Ours sends a levelled copy, which
is smaller, of a known length and below the provider's limit. So there are two floors: one makes
the very same pass over the samples (the same functions, in its own process, without a child or
its confinement), and one sends the file as it came.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import httpx2
import psycopg
from anthropic import Anthropic, transform_schema
from botocore.config import Config
from openai import OpenAI

from pipeline.analyze import prompt
from pipeline.analyze.client import MOST_TOKENS
from pipeline.analyze.schema import Analysis
from pipeline.decoding.normalising import normalise
from pipeline.settings import Settings
from pipeline.transcribe.prompt import prompt_for

TABLES = """
CREATE TABLE IF NOT EXISTS floor_transcripts (id uuid PRIMARY KEY, transcript jsonb NOT NULL);
CREATE TABLE IF NOT EXISTS floor_analyses (id uuid PRIMARY KEY, analysis jsonb NOT NULL)
"""
CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True)
class Floor:
    """The clients of the bare script."""

    storage: Any
    bucket: str
    whisper: OpenAI
    claude: Anthropic
    database: psycopg.Connection
    system: str
    schema: dict[str, Any]
    folder: Path
    whisper_model: str
    claude_model: str

    @classmethod
    def on(cls, settings: Settings, folder: Path) -> Floor:
        """Clients of the same servers that the pipeline works with."""
        database = psycopg.connect(
            settings.require("DATABASE_URL").replace("+psycopg", ""), autocommit=True
        )
        for statement in TABLES.split(";"):
            database.execute(statement.encode())
        return cls(
            storage=boto3.session.Session().client(
                "s3",
                endpoint_url=settings.storage_endpoint,
                aws_access_key_id=settings.require("R2_ACCESS_KEY_ID"),
                aws_secret_access_key=settings.require("R2_SECRET_ACCESS_KEY"),
                region_name="auto",
                config=Config(
                    retries={"total_max_attempts": 1, "mode": "standard"},
                    signature_version="s3v4",
                    s3={"addressing_style": "path"},
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                ),
            ),
            bucket=settings.require("R2_BUCKET_NAME"),
            whisper=OpenAI(
                api_key=settings.require("OPENAI_API_KEY"),
                base_url=settings.openai_base_url,
                timeout=httpx2.Timeout(300, connect=5),
                max_retries=0,
            ),
            claude=Anthropic(
                api_key=settings.require("ANTHROPIC_API_KEY"),
                base_url=settings.anthropic_base_url,
                timeout=httpx2.Timeout(120, connect=5),
                max_retries=0,
            ),
            database=database,
            system=prompt.load(settings.prompt_version).system,
            schema=transform_schema(Analysis),
            folder=folder,
            whisper_model=settings.whisper_model,
            claude_model=settings.claude_model,
        )

    def process(self, key: str, *, with_audio: bool) -> None:
        """One session."""
        recording = self.folder / "recording"
        with recording.open("wb") as file:
            body = self.storage.get_object(Bucket=self.bucket, Key=key)["Body"]
            while chunk := body.read(CHUNK_BYTES):
                file.write(chunk)
        sent, name, kind = recording, "recording.ogg", "audio/ogg"
        if with_audio:
            sent = self.folder / "speech.ogg"
            with recording.open("rb") as source, sent.open("wb") as target:
                normalise(source.fileno(), target.fileno(), max_seconds=7200)
        with sent.open("rb") as speech:
            heard = self.whisper.audio.transcriptions.create(
                file=(name, speech, kind),
                model=self.whisper_model,
                prompt=prompt_for("en") or "",
                language="en",
                temperature=0,
                response_format="verbose_json",
                timestamp_granularities=["word", "segment"],
            ).to_dict()
        session_id = uuid4()
        self.database.execute(
            "INSERT INTO floor_transcripts VALUES (%s, %s)", (session_id, json.dumps(heard))
        )
        self.storage.delete_object(Bucket=self.bucket, Key=key)
        segments: Any = heard["segments"]
        lines = "\n".join(f"[{place}] {each['text']}" for place, each in enumerate(segments))
        answer = self.claude.messages.create(
            model=self.claude_model,
            max_tokens=MOST_TOKENS,
            system=[{"type": "text", "text": self.system, "cache_control": {"type": "ephemeral"}}],
            messages=[{"role": "user", "content": f"<talk>\n{lines}\n</talk>"}],
            output_config={"format": {"type": "json_schema", "schema": self.schema}},
        )
        text = "".join(block.text for block in answer.content if block.type == "text")
        self.database.execute(
            "INSERT INTO floor_analyses VALUES (%s, %s)",
            (session_id, json.dumps(json.loads(text))),
        )

    def close(self) -> None:
        """Give back the connections."""
        self.storage.close()
        self.whisper.close()
        self.claude.close()
        self.database.close()
