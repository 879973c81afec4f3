"""The local QStash server loses nothing: kills, restarts, lost connections, many at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from qstash import QStash
from qstash.errors import QStashError

from local.child import answers, start, stop, wait_until
from local.ports import free_port
from local.postgres import running_postgres
from local.qstash.engine import OWNER_LOCK
from tests.local.destination import Destination, Reply
from tests.local.queueing import event, publish, sdk, states, verify, waits
from tests.standins import CURRENT_KEY, NEXT_KEY, QSTASH_TOKEN, StandIn, running_qstash

ENVIRONMENT = {
    "QSTASH_TOKEN": QSTASH_TOKEN,
    "QSTASH_CURRENT_SIGNING_KEY": CURRENT_KEY,
    "QSTASH_NEXT_SIGNING_KEY": NEXT_KEY,
}


@contextmanager
def killable(database_url: str, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], QStash]]:
    """A server that the test may kill, and a client of it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "local.qstash", "--port", str(port)]
    process = start(
        [*command, "--database-url", database_url], log=log, env={**os.environ, **ENVIRONMENT}
    )
    try:
        wait_until(lambda: answers(f"{url}/healthz"), process, name="qstash", log=log)
        with sdk(url) as client:
            yield process, client
    finally:
        stop(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def test_a_killed_server_delivers_again_what_was_under_way_and_what_waited(
    empty_database_url: str, destination: Destination, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    destination.hold()
    with killable(empty_database_url, log) as (process, client):
        under_way = publish(client, f"{destination.url}/under-way", body="one")
        in_turn = publish(
            client, f"{destination.url}/turn", flow_control={"key": "k", "parallelism": 1}
        )
        behind = publish(
            client, f"{destination.url}/behind", flow_control={"key": "k", "parallelism": 1}
        )
        delayed = publish(client, f"{destination.url}/delayed", delay=2)
        begun = time.monotonic()
        destination.wait_for(1, path="/under-way")
        destination.wait_for(1, path="/turn")
        kill(process)
    destination.release()
    with killable(empty_database_url, log) as (_, client):
        back = time.monotonic()
        again = destination.wait_for(2, path="/under-way")[1]
        assert again.at - back < 2
        assert (again.headers["Upstash-Message-Id"], again.body) == (under_way, b"one")
        destination.wait_for(2, path="/turn")
        destination.wait_for(1, path="/behind")
        assert destination.wait_for(1, path="/delayed")[0].at - begun >= 2
        for message_id in (under_way, in_turn, behind, delayed):
            event(client, message_id, "DELIVERED")
            assert states(client, message_id) == ["CREATED", "DELIVERED"]


def test_a_killed_server_keeps_the_count_and_the_time_of_a_retry(
    empty_database_url: str, destination: Destination, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    destination.reply(Reply(500), Reply(500))
    with killable(empty_database_url, log) as (process, client):
        message_id = publish(client, destination.url, retry_delay="1500 * retried")
        destination.wait_for(2)
        event(client, message_id, "RETRY")
        while states(client, message_id).count("RETRY") < 2:
            time.sleep(0.01)
        kill(process)
    with killable(empty_database_url, log):
        deliveries = destination.wait_for(3)
    assert [delivery.retried for delivery in deliveries] == [0, 1, 2]
    assert waits(deliveries)[1] >= 1.5


def test_a_retry_is_not_early_though_the_server_died_before_its_job_was_put_off(
    empty_database_url: str, destination: Destination, tmp_path: Path
) -> None:
    """What is committed first is the message's own time; the job's follows a moment later."""
    log = tmp_path / "log"
    with killable(empty_database_url, log) as (process, client):
        message_id = publish(client, destination.url, delay=1)
        kill(process)
    plain = empty_database_url.replace("+psycopg", "")
    with psycopg.connect(plain, options="-c search_path=qstash") as db:
        db.execute("UPDATE procrastinate_jobs SET status = 'doing', scheduled_at = NULL")
        db.execute(
            "UPDATE messages SET retried = 1, due_at = %s WHERE id = %s",
            [time.time() + 2, message_id],
        )
    begun = time.monotonic()
    with killable(empty_database_url, log):
        (delivery,) = destination.wait_for(1)
    assert delivery.at - begun >= 2
    assert delivery.retried == 1


def test_a_stopped_server_leaves_its_messages_to_the_next(
    empty_database_url: str, destination: Destination, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    destination.hold()
    with killable(empty_database_url, log) as (process, client):
        message_id = publish(client, destination.url)
        destination.wait_for(1)
        begun = time.monotonic()
        stop(process, grace_seconds=10)
        assert time.monotonic() - begun < 5
    destination.release()
    with killable(empty_database_url, log) as (_, client):
        destination.wait_for(2)
        event(client, message_id, "DELIVERED")


CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def test_deliveries_go_on_after_postgres_cut_every_connection(
    empty_database_url: str, destination: Destination, tmp_path: Path
) -> None:
    with (
        killable(empty_database_url, tmp_path / "log") as (process, client),
        psycopg.connect(empty_database_url.replace("+psycopg", ""), autocommit=True) as db,
    ):
        lock = db.execute("SELECT objid FROM pg_locks WHERE locktype = 'advisory'").fetchone()
        assert lock is not None
        db.execute(CUT)
        publish(client, destination.url)
        publish(client, destination.url, flow_control={"key": "k", "parallelism": 1})
        destination.wait_for(2)
        deadline = time.monotonic() + 10
        held = "SELECT objid FROM pg_locks WHERE locktype = 'advisory'"
        while db.execute(held).fetchone() != lock:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert process.poll() is None


def test_a_server_whose_database_was_taken_by_another_ends(
    empty_database_url: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with (
        killable(empty_database_url, log) as (process, _),
        psycopg.connect(empty_database_url.replace("+psycopg", ""), autocommit=True) as db,
    ):
        db.execute(CUT)
        db.execute("SELECT pg_advisory_lock(%s)", [OWNER_LOCK])
        process.wait(15)
    assert "Another local QStash server owns this database." in log.read_text()


def test_while_postgres_is_away_it_says_so_and_afterwards_it_goes_on(
    destination: Destination, folder: Path
) -> None:
    port = free_port()
    with ExitStack() as database:
        url = database.enter_context(running_postgres(folder / "pg", port=port, durable=False))
        with killable(url, folder / "log") as (_, client):
            publish(client, f"{destination.url}/before", delay=1)
            database.close()
            with pytest.raises(QStashError, match="503"):
                publish(client, f"{destination.url}/meanwhile")
            assert not answers(f"{client.http._base_url}/healthz")  # noqa: SLF001 - its own URL
            database.enter_context(running_postgres(folder / "pg", port=port, durable=False))
            destination.wait_for(1, path="/before")
            publish(client, f"{destination.url}/after")
            destination.wait_for(1, path="/after")


def test_a_second_server_on_the_same_database_says_so_and_ends(
    empty_database_url: str, tmp_path: Path
) -> None:
    with killable(empty_database_url, tmp_path / "log"):
        second = run("--database-url", empty_database_url, **ENVIRONMENT)
    assert second.returncode == 2
    assert second.stderr == "Another local QStash server owns this database. Stop it first.\n"


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (
            {"QSTASH_TOKEN": "t"},
            f"Missing required environment variables: {', '.join([*ENVIRONMENT][1:])}\n",
        ),
        (ENVIRONMENT, "Name the database by --database-url or DATABASE_URL.\n"),
        (
            {**ENVIRONMENT, "DATABASE_URL": "postgresql://a:b@127.0.0.1:9/c"},
            "The database of --database-url does not answer.\n",
        ),
    ],
)
def test_what_is_missing_is_named_in_a_sentence(environment: dict[str, str], sentence: str) -> None:
    ended = run(**environment)
    assert (ended.returncode, ended.stderr) == (2, sentence)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local.qstash", "--port", str(free_port()), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_its_tables_stay_out_of_the_applications_schema(
    empty_database_url: str, tmp_path: Path
) -> None:
    with (
        running_qstash(empty_database_url, tmp_path / "log"),
        psycopg.connect(empty_database_url.replace("+psycopg", "")) as db,
    ):
        found = db.execute(
            "SELECT DISTINCT table_schema FROM information_schema.tables"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
    assert found == [("qstash",)]


def test_bodies_are_never_logged(
    empty_database_url: str, destination: Destination, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    destination.reply(Reply(500), Reply(500, {}, b"secret-answer"))
    with killable(empty_database_url, log) as (_, client):
        message_id = publish(
            client, destination.url, body="secret-question", retries=1, retry_delay="1"
        )
        event(client, message_id, "FAILED")
    assert "secret" not in log.read_text()


def test_a_rotated_key_signs_until_the_server_stops(
    empty_database_url: str, destination: Destination, tmp_path: Path
) -> None:
    with killable(empty_database_url, tmp_path / "log") as (_, client):
        rotated = client.signing_key.rotate()
        assert rotated.current == NEXT_KEY
        assert rotated.next.startswith("sig_")
        publish(client, destination.url)
        verify(destination.wait_for(1)[0], destination.url)


def test_flow_control_never_lets_more_in_and_keeps_the_order(
    client: QStash, destination: Destination
) -> None:
    key = {"key": destination.url, "parallelism": 2}
    destination.hold()
    sent = [publish(client, f"{destination.url}/{n}", flow_control=key) for n in range(12)]
    destination.wait_for(2)
    free = publish(client, f"{destination.url}/free")
    destination.wait_for(1, path="/free")
    assert len(destination.deliveries) == 3
    destination.release()
    deliveries = destination.wait_for(13)
    ids = [d.headers["Upstash-Message-Id"] for d in deliveries]
    assert destination.at_once == 3
    ids.remove(free)
    assert sorted(ids) == sorted(sent)
    for position, message_id in enumerate(ids):
        # Two at a time: neighbours may arrive in either order, nobody overtakes further.
        assert abs(sent.index(message_id) - position) <= 1


def test_one_that_was_cancelled_while_it_waited_for_its_turn_is_not_delivered(
    client: QStash, destination: Destination
) -> None:
    key = {"key": destination.url, "parallelism": 1}
    destination.hold()
    publish(client, f"{destination.url}/first", flow_control=key)
    second = publish(client, f"{destination.url}/second", flow_control=key)
    destination.wait_for(1)
    client.message.cancel(second)
    publish(client, f"{destination.url}/third", flow_control=key)
    destination.release()
    destination.wait_for(1, path="/third")
    assert destination.to("/second") == []


def test_many_messages_at_once_all_arrive_once(
    server: StandIn, client: QStash, destination: Destination
) -> None:
    sent = []
    for _ in range(4):
        taken = client.message.batch([{"url": destination.url, "body": str(n)} for n in range(50)])
        sent += [item.message_id for item in taken if not isinstance(item, list)]
    deliveries = destination.wait_for(200)
    assert sorted(d.headers["Upstash-Message-Id"] for d in deliveries) == sorted(sent)
