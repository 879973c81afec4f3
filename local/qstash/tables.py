"""The server's own tables, beside the job library's, in a schema of their own."""

from __future__ import annotations

import secrets
import time
from typing import LiteralString

from psycopg import AsyncConnection
from psycopg.rows import DictRow

SCHEMA = "qstash"

Connection = AsyncConnection[DictRow]

TABLES: LiteralString = """
CREATE TABLE IF NOT EXISTS messages (
    id text PRIMARY KEY,
    draft jsonb NOT NULL,
    body bytea NOT NULL,
    created_at float8 NOT NULL,
    state text NOT NULL DEFAULT 'ACTIVE',
    retried int NOT NULL DEFAULT 0
);
-- The next attempt may not begin before. Beside the job's own time, which is written a moment
-- later: a server killed between the two does not forget how long to wait.
ALTER TABLE messages ADD COLUMN IF NOT EXISTS due_at float8 NOT NULL DEFAULT 0;
CREATE TABLE IF NOT EXISTS deduplication (
    id text PRIMARY KEY,
    message_id text NOT NULL,
    expires_at float8 NOT NULL
);
CREATE TABLE IF NOT EXISTS dead_letters (
    id text PRIMARY KEY,
    message_id text NOT NULL REFERENCES messages ON DELETE CASCADE,
    at float8 NOT NULL,
    response_status int NOT NULL,
    response_headers jsonb NOT NULL,
    response_body bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS dead_letters_message ON dead_letters (message_id);
CREATE TABLE IF NOT EXISTS schedules (
    id text PRIMARY KEY,
    cron text NOT NULL,
    draft jsonb NOT NULL,
    body bytea NOT NULL,
    created_at float8 NOT NULL,
    next_at float8 NOT NULL,
    last_at float8,
    paused bool NOT NULL DEFAULT false
);
CREATE TABLE IF NOT EXISTS events (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at float8 NOT NULL,
    message_id text NOT NULL,
    state text NOT NULL,
    url text NOT NULL,
    label text,
    response_status int,
    next_at float8
);
ALTER TABLE events ADD COLUMN IF NOT EXISTS schedule_id text;
ALTER TABLE events ADD COLUMN IF NOT EXISTS error text;
CREATE INDEX IF NOT EXISTS events_message ON events (message_id);
"""


def new_id(kind: str) -> str:
    """An id in the order of time."""
    return f"{kind}_{int(time.time() * 1000):012x}{secrets.token_hex(6)}"
