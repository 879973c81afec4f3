"""The contract of an S3 server, on both engines: what the pipeline leans on must hold on each."""

from __future__ import annotations

import io
import os
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import ClientError

from local.objects import Engine, ObjectsServer, client, running_objects
from pipeline.errors import AudioMissing, StorageUnavailable
from pipeline.storage import Storage
from tests.world import make_settings

KEYS = ("rostrum", "a-secret-of-this-test")
ENGINES: list[Engine] = ["weed", "nanio"]


@pytest.fixture(scope="module", params=ENGINES)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ObjectsServer]:
    with running_objects(
        tmp_path_factory.mktemp("objects"), engine=request.param, keys=KEYS
    ) as running:
        yield running


def storage_on(server: ObjectsServer, **changed: str) -> Storage:
    return Storage.connect(
        make_settings(
            **{
                "r2_endpoint_url": server.endpoint_url,
                "r2_access_key_id": server.access_key_id,
                "r2_secret_access_key": server.secret_access_key,
                "r2_bucket_name": server.bucket,
                **changed,
            }
        )
    )


@pytest.fixture
def storage(server: ObjectsServer) -> Iterator[Storage]:
    made = storage_on(server)
    yield made
    made.close()


def test_what_is_put_comes_back_byte_for_byte(storage: Storage, tmp_path: Path) -> None:
    content = os.urandom(9 << 20)
    audio = io.BytesIO(content)

    storage.put("audio/a", audio, content_type="audio/wav")
    storage.fetch("audio/a", tmp_path / "a")

    assert (tmp_path / "a").read_bytes() == content
    assert storage.size("audio/a") == len(content)
    assert not audio.closed


def test_a_deleted_object_is_missing_and_deleting_again_does_no_harm(
    storage: Storage, tmp_path: Path
) -> None:
    storage.put("audio/b", io.BytesIO(b"x"), content_type="audio/wav")
    storage.delete("audio/b")
    storage.delete("audio/b")

    with pytest.raises(AudioMissing):
        storage.size("audio/b")
    with pytest.raises(AudioMissing):
        storage.fetch("audio/b", tmp_path / "b")


def test_objects_are_listed_with_size_and_time(storage: Storage) -> None:
    storage.put("audio/c", io.BytesIO(b"12345"), content_type="audio/wav")

    listed = {stored.key: stored for stored in storage.objects()}

    assert listed["audio/c"].size_bytes == 5
    assert listed["audio/c"].modified_at.tzinfo is not None


def put(url: str, body: bytes, content_type: str = "audio/wav") -> int:
    request = urllib.request.Request(  # noqa: S310 - our own server
        url, data=body, method="PUT", headers={"Content-Type": content_type}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own server
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_a_presigned_upload_takes_just_the_announced_type(storage: Storage) -> None:
    url = storage.presign_put("audio/d", content_type="audio/wav", size_bytes=5, expires_seconds=60)

    assert put(url, b"12345", content_type="text/html") == 403
    assert put(url, b"12345") == 200
    assert storage.size("audio/d") == 5


def test_a_presigned_upload_takes_just_the_announced_size(storage: Storage) -> None:
    url = storage.presign_put("audio/e", content_type="audio/wav", size_bytes=5, expires_seconds=60)

    assert put(url, b"123456789") == 403


def test_a_presigned_upload_expires(server: ObjectsServer) -> None:
    s3 = client(server)
    url = s3.generate_presigned_url(
        "get_object", Params={"Bucket": server.bucket, "Key": "audio/x"}, ExpiresIn=-5
    )
    s3.close()

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url, timeout=10)  # noqa: S310 - our own server
    refused.value.close()
    assert refused.value.code in {400, 403}


@pytest.mark.parametrize("change", ["r2_secret_access_key", "r2_access_key_id"])
def test_a_wrong_key_is_refused(server: ObjectsServer, change: str) -> None:
    stranger = storage_on(server, **{change: "somebody-else"})

    with pytest.raises(StorageUnavailable):
        stranger.put("audio/f", io.BytesIO(b"x"), content_type="audio/wav")
    stranger.close()


def test_a_missing_bucket_is_trouble_of_the_storage(server: ObjectsServer) -> None:
    elsewhere = storage_on(server, r2_bucket_name="no-such-bucket")

    with pytest.raises(StorageUnavailable):
        elsewhere.ping()
    elsewhere.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_data_outlives_a_kill_and_everything_listens_on_loopback(
    engine: Engine, tmp_path: Path
) -> None:
    with running_objects(tmp_path, engine=engine, keys=KEYS) as first:
        storage = storage_on(first)
        storage.put("audio/kept", io.BytesIO(b"kept"), content_type="audio/wav")
        storage.close()
        for process in _of(tmp_path):
            assert _heard_at(process) <= {"127.0.0.1"}
            process.send_signal(signal.SIGKILL)
            process.wait(10)

    with running_objects(tmp_path, engine=engine, keys=KEYS) as second:
        storage = storage_on(second)
        assert storage.size("audio/kept") == 4
        storage.close()


def _of(folder: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if any(str(folder) in word for word in process.cmdline())
    ]


def _heard_at(process: psutil.Process) -> set[str]:
    return {
        str(connection.laddr.ip)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN or connection.type == socket.SOCK_DGRAM
    }


def test_only_seaweed_answers_a_browsers_preflight(objects: ObjectsServer) -> None:
    """The one difference that matters to us, and the reason for the default."""
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{objects.endpoint_url}/{objects.bucket}/audio/x",
        method="OPTIONS",
        headers={
            "Origin": "http://127.0.0.1:8501",
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own server
        assert answer.headers["Access-Control-Allow-Origin"] in {"*", "http://127.0.0.1:8501"}
        assert "PUT" in answer.headers["Access-Control-Allow-Methods"]


def test_the_bucket_is_made_by_the_server_never_by_the_pipeline(objects: ObjectsServer) -> None:
    s3 = client(objects)
    with pytest.raises(ClientError):
        s3.head_bucket(Bucket="another")
    assert s3.head_bucket(Bucket=objects.bucket)
    s3.close()
