"""Audio in R2, or any S3 server. The keys are ours; what boto3 raises becomes ours here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from uuid import UUID

from pipeline.errors import AudioMissing, StorageUnavailable
from pipeline.settings import Settings

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PREFIX = "audio/"
CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 30
# One more try inside the client covers a connection that went stale in the pool; the queue
# does the rest, so the two do not multiply.
TOTAL_ATTEMPTS = 2
MISSING = frozenset({"404", "NoSuchKey", "NotFound"})


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
        import boto3
        from botocore.config import Config

        client = boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            region_name="auto",
            config=Config(
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                read_timeout=READ_TIMEOUT_SECONDS,
                retries={"total_max_attempts": TOTAL_ATTEMPTS, "mode": "standard"},
                max_pool_connections=32,
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                # Presigned and streamed puts carry no trailing checksum: R2 needs none.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
        return cls(client, bucket)

    def put(self, key: str, audio: BinaryIO, *, content_type: str) -> None:
        """Store a file from its current position; the file stays open.

        One request, streamed: it is stored whole or not at all. A multipart upload that breaks
        off would leave its parts behind.

        Raises:
            StorageUnavailable: nothing was stored.
        """
        with _as_ours():
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=audio, ContentType=content_type
            )

    def fetch(self, key: str, target: Path) -> None:
        """Stream an object to a file.

        Raises:
            AudioMissing: there is no such object.
            StorageUnavailable: storage did not answer.
        """
        with _as_ours():
            self._client.download_file(self._bucket, key, str(target))

    def size(self, key: str) -> int:
        """An object's size in bytes.

        Raises:
            AudioMissing: there is no such object.
            StorageUnavailable: storage did not answer.
        """
        with _as_ours():
            return self._client.head_object(Bucket=self._bucket, Key=key)["ContentLength"]

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is no error.

        Raises:
            StorageUnavailable: it may still be there.
        """
        with _as_ours():
            self._client.delete_object(Bucket=self._bucket, Key=key)

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

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()

    def ping(self) -> None:
        """Ask whether the bucket answers.

        Raises:
            StorageUnavailable: it does not.
        """
        with _as_ours():
            self._client.list_objects_v2(Bucket=self._bucket, MaxKeys=1)


@contextmanager
def _as_ours() -> Iterator[None]:
    """Turn what boto3 raises into our errors."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in MISSING:
            raise AudioMissing from error
        raise StorageUnavailable from error
    except (BotoCoreError, Boto3Error) as error:
        raise StorageUnavailable from error
