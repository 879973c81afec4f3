"""A real S3 server out of a wheel, on loopback, without telemetry, tied to our life.

`weed mini` (SeaweedFS) is the default, nanio the light alternative; docs/decisions/0001 says
why. The bucket is made here: the pipeline never makes one.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from local.child import PartFailed, Started, nobody_watches, start, stay, stop, wait_until
from local.ports import free_port, is_taken

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CORSConfigurationTypeDef

Engine = Literal["weed", "nanio"]
BUCKET = "rostrum"
MEMORY_LIMIT = "300MiB"
"""What Go's collector aims for: idle use falls by half (facts.md)."""
GRPC_OFFSET = 10_000
"""weed puts each part's gRPC port so far above its HTTP port."""
_CORS: CORSConfigurationTypeDef = {
    "CORSRules": [
        {
            "AllowedOrigins": ["*"],
            "AllowedMethods": ["GET", "PUT", "HEAD"],
            "AllowedHeaders": ["*"],
            "ExposeHeaders": ["ETag"],
            "MaxAgeSeconds": 600,
        }
    ]
}


@dataclass(frozen=True, slots=True)
class ObjectsServer:
    """Where the server answers, and the keys it takes."""

    endpoint_url: str
    access_key_id: str
    secret_access_key: str
    bucket: str


@contextmanager
def running_objects(
    data_dir: Path,
    *,
    port: int | None = None,
    engine: Engine = "weed",
    keys: tuple[str, str] | None = None,
    bucket: str = BUCKET,
    started: Started = nobody_watches,
) -> Iterator[ObjectsServer]:
    """A server on `data_dir` with its bucket made.

    Raises:
        PartFailed: it does not start; the message says why.
    """
    port = port or free_port()
    data_dir = data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    key_id, secret = keys or ("rostrum", secrets.token_urlsafe(24))
    server = ObjectsServer(f"http://127.0.0.1:{port}", key_id, secret, bucket)
    log = data_dir / f"{engine}.log"
    command, env = (_weed if engine == "weed" else _nanio)(data_dir, port, server)
    process = start(command, log=log, env={**_bare_env(), **env}, death_signal=signal.SIGKILL)
    started(process, log)
    try:
        wait_until(lambda: _serves(server), process, name="The object store", log=log, seconds=40)
        _make_bucket(server, with_cors=engine == "weed")
        yield server
    finally:
        # weed may hang on to its own connections after SIGTERM; it is safe under SIGKILL.
        stop(process, grace_seconds=3)


def _bare_env() -> dict[str, str]:
    """No proxy, no AWS variables: only what a program needs to run."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}


def _program(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _weed(data_dir: Path, port: int, server: ObjectsServer) -> tuple[list[str], dict[str, str]]:
    """`weed mini` with every port free and bound to loopback; what we do not use is off."""
    config = data_dir / "s3.json"
    config.touch(mode=0o600)
    identity = {
        "name": "rostrum",
        "credentials": [{"accessKey": server.access_key_id, "secretKey": server.secret_access_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    config.write_text(json.dumps({"identities": [identity]}))
    parts = ("master", "volume", "filer", "admin")
    ports = [argument for part in parts for argument in _port_pair(part)]
    command = [
        _program("weed"),
        "-logtostderr",
        "mini",
        f"-dir={data_dir / 'weed'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-s3.port={port}",
        f"-s3.port.grpc={_port_with_grpc()}",
        f"-s3.localSocket={data_dir / 's3.sock'}",
        f"-filer.localSocket={data_dir / 'filer.sock'}",
        f"-s3.config={config}",
        *ports,
        # Two more servers at fixed ports: of two stores that start together one would end.
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        "-webdav=false",
        "-admin.ui=false",
    ]
    (data_dir / "weed").mkdir(exist_ok=True)
    return command, {"GOMEMLIMIT": MEMORY_LIMIT}


def _port_pair(part: str) -> list[str]:
    http = _port_with_grpc()
    return [f"-{part}.port={http}", f"-{part}.port.grpc={free_port()}"]


def _port_with_grpc() -> int:
    """A free port whose gRPC twin is a port number and free as well."""
    while True:
        port = free_port()
        if port + GRPC_OFFSET < 65_536 and not is_taken(port + GRPC_OFFSET):  # noqa: PLR2004 - the last port
            return port


def _nanio(data_dir: Path, port: int, server: ObjectsServer) -> tuple[list[str], dict[str, str]]:
    command = [
        _program("nanio"),
        "serve",
        f"--data-dir={data_dir / 'nanio'}",
        "--host=127.0.0.1",
        f"--port={port}",
        "--no-access-log",
    ]
    keys = {
        "NANIO_ACCESS_KEY": server.access_key_id,
        "NANIO_SECRET_KEY": server.secret_access_key,
    }
    return command, keys


def _serves(server: ObjectsServer) -> bool:
    """Whether S3 answers our signature; boto3 is asked only once the port is open."""
    from botocore.exceptions import BotoCoreError, ClientError

    host, port = server.endpoint_url.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
        client(server).list_buckets()
    except (OSError, BotoCoreError, ClientError):
        return False
    return True


def client(server: ObjectsServer) -> S3Client:
    """A boto3 client with the server's own keys."""
    import boto3
    from botocore.config import Config

    return boto3.session.Session().client(
        "s3",
        endpoint_url=server.endpoint_url,
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        region_name="us-east-1",
        config=Config(
            connect_timeout=2,
            read_timeout=20,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
        ),
    )


def _make_bucket(server: ObjectsServer, *, with_cors: bool) -> None:
    s3 = client(server)
    if server.bucket not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=server.bucket)
    if with_cors:
        # For uploads that a browser sends by presigned URL.
        s3.put_bucket_cors(Bucket=server.bucket, CORSConfiguration=_CORS)


def main() -> None:
    """Run until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m local.objects", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--engine", choices=["weed", "nanio"], default="weed")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    keys = os.environ["R2_ACCESS_KEY_ID"], os.environ["R2_SECRET_ACCESS_KEY"]
    try:
        served: list[tuple[subprocess.Popen[bytes], Path]] = []
        with running_objects(
            arguments.data_dir,
            port=arguments.port,
            engine=arguments.engine,
            keys=keys,
            started=lambda process, log: served.append((process, log)),
        ):
            stay(*served[0], name="The object store")
    except PartFailed as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
