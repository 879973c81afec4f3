"""Audio in R2, or any S3 server. The keys are ours; what boto3 raises becomes ours here."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from uuid import UUID

from pipeline import tracing
from pipeline.errors import AudioMissing, RostrumError, StorageUnavailable
from pipeline.retry_after import seconds_in
from pipeline.settings import Settings

if TYPE_CHECKING:
    import boto3
    from botocore.exceptions import ClientError
    from types_boto3_s3 import S3Client

PREFIX = "audio/"
CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 30
CHUNK_BYTES = 256 * 1024
# The queue, the sweeper and the uploading app try again, each at its own pace; a second try in
# here would multiply with theirs and hide the Retry-After. A connection that the other side
# has closed in the pool needs none: urllib3 notices before it is used again.
TOTAL_ATTEMPTS = 1
NO_CONTENT = 204
"""What S3 answers to a DELETE, and a proxy's page does not."""
NO_SUCH_KEY = "NoSuchKey"
BARE_404 = "404"
"""What boto3 makes of an answer without a body, as each one to a HEAD is."""


_one_at_a_time = threading.Lock()
"""Clients may be shared between threads; the session that makes them may not."""


@cache
def _session() -> boto3.session.Session:
    """What boto3 reads of S3 before its first client takes ten times as long as the client."""
    import boto3

    return boto3.session.Session()


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as storage lists it."""

    key: str
    size_bytes: int
    modified_at: datetime


def audio_key(session_id: UUID) -> str:
    """Where a session's recording lies; says nothing of the learner."""
    return f"{PREFIX}{session_id}"


class Storage:
    """The recordings' bucket. The bucket itself is made by whoever runs the place."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    @classmethod
    def connect(cls, settings: Settings) -> Storage:
        """A client for the configured bucket; nothing is sent yet.

        Raises:
            ConfigurationMissing: a variable is absent.
        """
        endpoint = settings.storage_endpoint
        key_id, secret = (
            settings.require("R2_ACCESS_KEY_ID"),
            settings.require("R2_SECRET_ACCESS_KEY"),
        )
        bucket = settings.require("R2_BUCKET_NAME")
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            retries={"total_max_attempts": TOTAL_ATTEMPTS, "mode": "standard"},
            max_pool_connections=32,
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            # Presigned and streamed puts carry no trailing checksum: R2 needs none.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        with _one_at_a_time:
            client = _session().client(
                "s3",
                endpoint_url=endpoint,
                aws_access_key_id=key_id,
                aws_secret_access_key=secret,
                region_name="auto",
                config=config,
            )
        return cls(client, bucket)

    def put(self, key: str, audio: BinaryIO, *, content_type: str) -> None:
        """Store a file from its current position; the file stays open.

        One request, streamed: it is stored whole or not at all. A multipart upload that breaks
        off would leave its parts behind.

        Raises:
            StorageUnavailable: nothing was stored, or its answer was lost.
        """
        with tracing.call("storage put"), _as_ours():
            answer = self._client.put_object(
                Bucket=self._bucket, Key=key, Body=audio, ContentType=content_type
            )
        _require("ETag", answer)

    def fetch(self, key: str, target: Path) -> None:
        """Stream an object to a file, whole or not at all.

        One request: boto3's own `download_file` asks again five times by itself.

        Raises:
            AudioMissing: there is no such object.
            StorageUnavailable: storage did not answer, or broke off.
        """
        with tracing.call("storage fetch"), _as_ours(missing=NO_SUCH_KEY):
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            # The body's own read says where it ends too early; the stream inside it does not.
            with closing(answer["Body"]) as body, target.open("wb") as file:
                _require("ETag", answer)
                while chunk := body.read(CHUNK_BYTES):
                    file.write(chunk)

    def size(self, key: str) -> int:
        """An object's size in bytes.

        Raises:
            AudioMissing: there is no such object.
            StorageUnavailable: storage did not answer.
        """
        try:
            with _as_ours(missing=BARE_404):
                answer = self._client.head_object(Bucket=self._bucket, Key=key)
        except AudioMissing:
            # A HEAD has no body to say what is missing: it may be the bucket.
            self.ping()
            raise
        _require("ETag", answer)
        return answer["ContentLength"]

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is no error.

        Raises:
            StorageUnavailable: it may still be there.
        """
        with (
            suppress(AudioMissing),
            tracing.call("storage delete"),
            _as_ours(missing=NO_SUCH_KEY),
        ):
            answer = self._client.delete_object(Bucket=self._bucket, Key=key)
            if answer["ResponseMetadata"]["HTTPStatusCode"] != NO_CONTENT:
                raise StorageUnavailable

    def objects(self) -> Iterator[StoredObject]:
        """All recordings in the bucket, page by page.

        Raises:
            StorageUnavailable: storage did not answer.
        """
        with _as_ours():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=PREFIX
            )
            for page in pages:
                _require("Name", page)
                for item in page.get("Contents", []):
                    yield StoredObject(item["Key"], item["Size"], item["LastModified"])

    def presign_put(
        self, key: str, *, content_type: str, size_bytes: int, expires_seconds: int
    ) -> str:
        """A URL that accepts one PUT of just this type and size."""
        return self._client.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                "ContentType": content_type,
                "ContentLength": size_bytes,
            },
            ExpiresIn=expires_seconds,
        )

    def expires_after_days(self) -> int | None:
        """After how many days the bucket itself deletes recordings; None: not to be seen.

        Raises:
            StorageUnavailable: storage did not answer.
        """
        from botocore.exceptions import ClientError

        with _as_ours():
            try:
                rules = self._client.get_bucket_lifecycle_configuration(Bucket=self._bucket)
            except ClientError:
                # No rule, or a token that may not look; a token for objects alone is right.
                return None
        days = [
            rule["Expiration"]["Days"]
            for rule in rules.get("Rules", [])
            if rule["Status"] == "Enabled"
            and "Days" in rule.get("Expiration", {})
            and PREFIX.startswith(rule.get("Filter", {}).get("Prefix", rule.get("Prefix", "")))
        ]
        return min(days, default=None)

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()

    def ping(self) -> None:
        """Ask whether the bucket answers.

        Raises:
            StorageUnavailable: it does not.
        """
        with _as_ours():
            answer = self._client.list_objects_v2(Bucket=self._bucket, MaxKeys=1)
        _require("Name", answer)


def _require(field: str, answer: Mapping[str, Any]) -> None:
    """Refuse an answer of 200 that no object store gave: a proxy's page, say."""
    if field not in answer:
        raise StorageUnavailable


@contextmanager
def _as_ours(*, missing: str | None = None) -> Iterator[None]:
    """Turn what boto3 raises into our errors; `missing` is its code for an absent object."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as error:
        raise _refusal(error, missing) from error
    except (BotoCoreError, ResponseParserError, HTTPError) as error:
        # ResponseParserError: an answer that is not XML. HTTPError: a body that breaks off.
        raise StorageUnavailable from error


def _refusal(error: ClientError, missing: str | None) -> RostrumError:
    """A missing object, or storage that refuses us: too many requests are that, too.

    Keys and buckets are ours to mend, and no status says that this one recording is at fault;
    so whatever it is may pass, except that the object is not there.
    """
    if missing is not None and error.response.get("Error", {}).get("Code") == missing:
        return AudioMissing()
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return StorageUnavailable(retry_after=seconds_in(headers))
