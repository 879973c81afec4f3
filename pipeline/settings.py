"""Settings from the environment. All are optional at boot; what lacks one says so by name."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.errors import ConfigurationMissing
from pipeline.speech.bands import DEFAULT_BANDS, Bands

# The official development server's published defaults: anyone can sign with these.
PUBLIC_SIGNING_KEYS = frozenset(
    {"sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r", "sig_5ZB6DVzB1wjE8S6rZ7eenA8Pdnhs"}
)


NO_DESTINATIONS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - refused, not bound to
"""Mean every address of this machine to who listens, and none to who calls."""


class UnsafeConfiguration(Exception):
    """Production must not start so; the message lists every reason."""


def _with_psycopg(url: SecretStr | None) -> SecretStr | None:
    """`postgres://` and `postgresql://` mean psycopg 3 here."""
    if url is None:
        return None
    scheme, separator, rest = url.get_secret_value().partition("://")
    if scheme in {"postgres", "postgresql"}:
        scheme = "postgresql+psycopg"
    return SecretStr(scheme + separator + rest)


DatabaseUrl = Annotated[SecretStr | None, AfterValidator(_with_psycopg)]


class Settings(BaseSettings):
    """Every variable, by the name it has in the environment in lower case."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: DatabaseUrl = None
    """Postgres."""
    app_url: str = "http://127.0.0.1:8000"
    """Public base URL of the backend, as published to QStash."""
    app_env: Literal["local", "production"] = "local"
    """`production` turns on the start-up guard."""

    r2_account_id: str | None = None
    r2_access_key_id: str | None = None
    r2_secret_access_key: SecretStr | None = None
    r2_bucket_name: str | None = None
    r2_endpoint_url: str | None = None
    """Any other S3 server; derived from the account id where absent."""

    qstash_token: SecretStr | None = None
    qstash_current_signing_key: SecretStr | None = None
    qstash_next_signing_key: SecretStr | None = None
    qstash_url: str | None = None
    """A region or a local server; the SDK's where absent."""

    openai_api_key: SecretStr | None = None
    openai_base_url: str | None = None
    whisper_model: str = "whisper-1"
    transcription_chunk_seconds: int = Field(default=600, ge=60)
    """Longer recordings are cut in silence, into parts of at most this length."""
    transcription_parallelism: int = Field(default=6, ge=1, le=32)
    """Parts of one recording that are transcribed side by side."""

    anthropic_api_key: SecretStr | None = None
    anthropic_base_url: str | None = None
    claude_model: str = "claude-haiku-5-5"
    prompt_version: str = "v2"
    """Name of a file in `pipeline/analyze/prompts/`, without its ending."""

    api_token: SecretStr | None = None
    """Bearer token of the company's app."""
    api_tokens: str | None = None
    """Further ones as `name:digest`, separated by commas; `python -m backend.tokens` makes them."""
    api_requests_per_minute: int = Field(default=600, ge=1)
    """Of one caller, in one process; the webhooks are not counted."""
    notify_url: str | None = None
    """Where the company's app is told that a session is completed or has failed."""
    notify_secret: SecretStr | None = None
    """Signs these messages: `whsec_` and base64, as Standard Webhooks has it."""
    max_upload_mb: int = Field(default=200, ge=1)
    max_audio_minutes: int = Field(default=120, ge=1)
    audio_retention_hours: int = Field(default=24, ge=0)
    """How long audio of a failed session is kept for a re-run."""
    transcript_retention_days: int | None = Field(default=None, ge=0)
    """How long words are kept once their session is completed; without it they stay."""
    session_retention_days: int | None = Field(default=None, ge=0)
    """How long finished sessions are kept; without it they stay."""
    pipeline_parallelism: int = Field(default=8, ge=1)
    """Deliveries at once."""
    lease_seconds: int = Field(default=60, ge=1)
    """How long a worker that went silent keeps its session."""
    delivery_seconds: int = Field(default=840, ge=1, le=7140)
    """How long one delivery may take; QStash waits a minute longer (15 min, 2 h by plan)."""
    prepare_at_start: bool = True
    """Whether the backend loads what deliveries need as soon as it runs, or with the first one."""
    stop_grace_seconds: int = Field(default=20, ge=0)
    """How long the work under way may go on once the server is told to stop."""
    queue_retry_delay: str = "min(600000, 15000 * pow(4, retried))"
    """Milliseconds before the next delivery, as an expression that QStash understands."""

    review_second_percent: int = Field(default=20, ge=0, le=100)
    """Of the reviewed runs, the share that somebody else reviews again, without seeing the first
    review."""
    otel_exporter_otlp_endpoint: str | None = None
    """Where traces go, as OTLP over HTTP; without one there are none."""

    metric_bands: Bands | None = None
    """Bands of the metrics that differ from those of `pipeline/speech/bands.py`, as JSON."""

    @property
    def bands(self) -> Bands:
        """Which figures read as good."""
        return self.metric_bands or DEFAULT_BANDS

    @property
    def max_upload_bytes(self) -> int:
        """The upload limit in bytes."""
        return self.max_upload_mb * 1024 * 1024

    @property
    def storage_endpoint(self) -> str:
        """Where the S3 API answers."""
        if self.r2_endpoint_url:
            return self.r2_endpoint_url
        return f"https://{self.require('R2_ACCOUNT_ID')}.r2.cloudflarestorage.com"

    @property
    def process_url(self) -> str:
        """The one URL that deliveries are published to and verified against."""
        return f"{self.app_url.rstrip('/')}/api/internal/process"

    @property
    def failed_url(self) -> str:
        """Where QStash reports that it gave up."""
        return f"{self.app_url.rstrip('/')}/api/internal/failed"

    @property
    def sweep_url(self) -> str:
        """Where the QStash schedule calls the sweeper."""
        return f"{self.app_url.rstrip('/')}/api/internal/sweep"

    def require(self, name: str) -> str:
        """The value of the variable `name`, in plain text.

        Raises:
            ConfigurationMissing: it is not set; the sentence names it.
        """
        value = getattr(self, name.lower())
        if value is None:
            raise ConfigurationMissing(f"Missing required environment variable: {name}")
        return str(value.get_secret_value() if isinstance(value, SecretStr) else value)

    def signing_key_faults(self) -> list[str]:
        """What is wrong with the keys that deliveries are verified with, a sentence each."""
        names = ("QSTASH_CURRENT_SIGNING_KEY", "QSTASH_NEXT_SIGNING_KEY")
        secrets = (self.qstash_current_signing_key, self.qstash_next_signing_key)
        keys = [secret.get_secret_value().strip() if secret else "" for secret in secrets]
        faults = [f"{name} is not set." for name, key in zip(names, keys, strict=True) if not key]
        faults += [
            f"{name} is a public development key."
            for name, key in zip(names, keys, strict=True)
            if key in PUBLIC_SIGNING_KEYS
        ]
        if keys[0] and keys[0] == keys[1]:
            faults.append("The two signing keys are equal.")
        return faults

    def guard_production(self, *more: str) -> None:
        """Refuse what must not face the internet; does nothing outside production.

        `more` are reasons that the caller knows of, each a sentence.

        Raises:
            UnsafeConfiguration: with every reason.
        """
        if self.app_env != "production":
            return
        reasons = [*self.signing_key_faults(), *_exposure_faults(self), *more]
        if reasons:
            raise UnsafeConfiguration("Refusing to start in production: " + " ".join(reasons))


def _exposure_faults(settings: Settings) -> list[str]:
    faults = []
    host = _host_of(settings.app_url)
    if not host:
        faults.append("APP_URL is no address of the form https://host.")
    elif is_loopback(host.removesuffix(".")) or host in NO_DESTINATIONS:
        faults.append("APP_URL is a loopback address; QStash cannot reach it.")
    if settings.api_token is None and settings.api_tokens is None:
        faults.append("Neither API_TOKEN nor API_TOKENS is set.")
    return faults


def _host_of(url: str) -> str:
    """The host that an address names; empty where it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.scheme in {"http", "https"} else ""


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, means this machine."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
