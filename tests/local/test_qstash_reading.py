"""What a publish says, read purely: delays, expressions, headers, cron lines, whose turn it is."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.qstash import delay
from local.qstash.flow import Turns
from local.qstash.message import Draft, Refused, read
from local.qstash.retry_after import asked_seconds, seconds_until_retry
from local.qstash.schedules import next_time

URL = "http://127.0.0.1/hook"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("expression", "retried", "milliseconds"),
    [
        ("1000", 0, 1000),
        (" 1000 * (1 + retried) ", 2, 3000),
        ("pow(2, retried) * 1000", 3, 8000),
        ("max(10, pow(2, retried))", 5, 32),
        ("min(5000, 1000 * retried, 7000)", 9, 5000),
        ("7 - 2 - 1", 0, 4),
        ("24 / 4 / 2", 0, 3),
        ("7 % 4 * 2", 0, 6),
        ("2 + 3 * 4", 0, 14),
        ("-(2 - 5)", 0, 3),
        ("--3", 0, 3),
        ("sqrt(16) + abs(0 - 3) + exp(0)", 0, 8),
        ("floor(2.9) + ceil(2.1)", 0, 5),
        ("round(2.5) + round(3.5) + round(2.4)", 0, 9),
        (".5 + 1. + 0.25", 0, 1.75),
        ("0 - 5", 0, 0),
        ("99999999999", 0, 86_400_000),
        ("9" * 100 + "*" + "9" * 99, 0, 86_400_000),
    ],
)
def test_a_retry_delay_is_worked_out_in_milliseconds(
    expression: str, retried: int, milliseconds: float
) -> None:
    assert delay.seconds(expression, retried=retried) == pytest.approx(milliseconds / 1000)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        " ",
        "1 +",
        "* 2",
        "(1",
        "1)",
        "1 2",
        "pow(2)",
        "sqrt(1, 2)",
        "min()",
        "pow",
        "now()",
        "inf",
        "nan",
        "infinity",
        "1e3",
        "Retried",
        "2 ** 3",
        "2 ^ 3",
        "1 // 2",
        "1 / 0",
        "1 % 0",
        "1000 / retried",
        "sqrt(0 - 1)",
        "exp(10000)",
        "__import__('os')",
        "().__class__",
        "lambda: 0",
        "1;2",
        "١",
        "(" * 30 + "1" + ")" * 30,
        "-" * 30 + "1",
        "1+" * 150 + "1",
    ],
)
def test_an_expression_without_a_value_is_refused_when_it_is_published(expression: str) -> None:
    with pytest.raises(Refused, match=r"retry.delay"):
        read(URL, {"Upstash-Retry-Delay": expression}, b"")


@given(st.text(alphabet="0123456789.+-*/%(), retidpowsqabx", max_size=60), st.integers(0, 5))
def test_whatever_an_expression_says_its_delay_is_within_a_day(text: str, retried: int) -> None:
    with suppress(delay.BadExpression):
        assert 0 <= delay.seconds(text, retried=retried) <= 86_400


@pytest.mark.parametrize(
    ("retried", "seconds"), [(0, 12), (1, 148), (2, 1808), (3, 22026), (4, 86_400), (10**9, 86_400)]
)
def test_the_default_backoff_is_that_of_qstash(retried: int, seconds: int) -> None:
    assert math.floor(delay.default_seconds(retried)) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("10", 10),
        (" 1.5 ", 1.5),
        ("6m5s", 365),
        ("250ms", 0.25),
        ("1h", 3600),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("1e3", None),
        ("²", None),
        ("9" * 40, None),
        ("Tue, 99 Nov 2026 12:00:30 GMT", None),
    ],
)
def test_a_header_that_asks_for_a_delay_holds_seconds_a_duration_or_a_date(
    value: str, seconds: float | None
) -> None:
    assert asked_seconds(value, now=NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "expression", "seconds"),
    [
        ({}, None, delay.default_seconds(1)),
        ({}, "500", 0.5),
        ({"retry-after": ["7"]}, "500", 7),
        ({"retry-after": ["soon"], "x-ratelimit-reset": ["8"]}, "500", 8),
        ({"retry-after": ["86401"]}, "500", 0.5),
        ({"retry-after": ["86401"]}, None, delay.default_seconds(1)),
        ({}, "1 / (1 - retried)", delay.default_seconds(1)),
    ],
)
def test_the_destination_is_asked_first_then_the_expression_then_the_default(
    headers: dict[str, list[str]], expression: str | None, seconds: float
) -> None:
    found = seconds_until_retry(headers, expression=expression, retried=1, now=NOW)
    assert found == seconds


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, {"retries": 3, "timeout_seconds": 900, "delay_seconds": 0, "method": "POST"}),
        ({"upstash-retries": "0"}, {"retries": 0}),
        ({"UPSTASH-DELAY": "1d2h3m4s"}, {"delay_seconds": 93_784}),
        ({"Upstash-Delay": "90"}, {"delay_seconds": 90}),
        ({"Upstash-Timeout": "2h"}, {"timeout_seconds": 900}),
        ({"Upstash-Timeout": "30s"}, {"timeout_seconds": 30}),
        ({"Upstash-Not-Before": "1700000000"}, {"not_before": 1_700_000_000}),
        ({"Upstash-Method": "put"}, {"method": "PUT"}),
        ({"Upstash-Label": "process"}, {"label": "process"}),
        (
            {"Content-Type": "a/b", "Upstash-Forward-X-Y": "é"},
            {"headers": {"content-type": "a/b", "x-y": "é"}},
        ),
        (
            {"Upstash-Flow-Control-Key": "k", "Upstash-Flow-Control-Value": "parallelism=2"},
            {"flow_key": "k", "flow_parallelism": 2},
        ),
        ({"Upstash-Flow-Control-Value": "parallelism=2"}, {"flow_key": None}),
        (
            {
                "Upstash-Failure-Callback": URL,
                "Upstash-Failure-Callback-Retries": "1",
                "Upstash-Failure-Callback-Forward-X": "y",
                "Upstash-Failure-Callback-Callback-Callback": "z",
            },
            {
                "failure_callback": URL,
                "failure_callback_headers": {"upstash-retries": "1", "upstash-forward-x": "y"},
            },
        ),
    ],
)
def test_headers_become_a_message(headers: dict[str, str], expected: dict[str, Any]) -> None:
    draft = read(URL, headers, b"")
    assert {name: getattr(draft, name) for name in expected} == expected
    assert Draft.from_json({**draft.as_json(), "of_yesterday": 1}, b"") == draft


@pytest.mark.parametrize(
    "headers",
    [
        {"Upstash-Retries": "6"},
        {"Upstash-Retries": "-1"},
        {"Upstash-Retries": "x"},
        {"Upstash-Retries": "²"},
        {"Upstash-Retries": ""},
        {"Upstash-Delay": "soon"},
        {"Upstash-Delay": ""},
        {"Upstash-Delay": "-1s"},
        {"Upstash-Delay": "5s3m"},
        {"Upstash-Delay": "999999d"},
        {"Upstash-Delay": "9" * 5000},
        {"Upstash-Timeout": "0s"},
        {"Upstash-Not-Before": "tomorrow"},
        {"Upstash-Not-Before": "9" * 12},
        {"Upstash-Method": "TRACE"},
        {"Upstash-Deduplication-Id": "a:b"},
        {"Upstash-Callback": "example.com"},
        {"Upstash-Failure-Callback": "ftp://example.com"},
        {"Upstash-Failure-Callback": URL, "Upstash-Failure-Callback-Retries": "many"},
        {"Upstash-Flow-Control-Key": "k"},
        {"Upstash-Flow-Control-Key": "k", "Upstash-Flow-Control-Value": "parallelism=0"},
        {"Upstash-Flow-Control-Key": "k", "Upstash-Flow-Control-Value": "parallelism=²"},
        {"Upstash-Flow-Control-Key": "k", "Upstash-Flow-Control-Value": "rate=1, period=1s"},
        {"Upstash-Queue-Name": "q"},
        {"Upstash-Forward-X": "a\r\nb"},
        {"Upstash-Forward-X": "a\0"},
        {"Upstash-Forward-": "a"},
        {"Upstash-Forward-X Y": "a"},
        {"": "a"},
        {"Upstash-Forward-X": "日本"},
    ],
)
def test_headers_that_cannot_be_kept_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Refused):
        read(URL, headers, b"")


@pytest.mark.parametrize(
    "destination",
    ["", "example.com", "ftp://a/b", "http://", "http:///path", "http://[1", "http://a:b/", "\n"],
)
def test_a_destination_that_is_no_web_address_is_refused(destination: str) -> None:
    with pytest.raises(Refused, match="destination"):
        read(destination, {}, b"")


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("* * * * *", "2026-11-24T12:01:00+00:00"),
        ("30 4 * * *", "2026-11-25T04:30:00+00:00"),
        ("CRON_TZ=America/New_York 30 4 * * *", "2026-11-25T09:30:00+00:00"),
    ],
)
def test_a_cron_line_is_in_utc_unless_it_names_a_zone(cron: str, expected: str) -> None:
    assert datetime.fromtimestamp(next_time(cron, NOW), UTC).isoformat() == expected


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "0 0 31 2 *",
        "CRON_TZ=Mars/Base * * * * *",
        "CRON_TZ=../x * * * * *",
        "CRON_TZ=America * * * * *",
        "@daily",
    ],
)
def test_a_cron_line_that_cannot_be_read_or_never_comes_is_refused(cron: str) -> None:
    with pytest.raises(Refused, match="cron"):
        next_time(cron, NOW)


def test_turns_are_taken_in_order_and_never_more_than_allowed() -> None:
    async def story() -> None:
        turns, entered, most = Turns(), [], 0
        inside = 0

        async def visit(number: int) -> None:
            nonlocal inside, most
            async with turns.turn("key", parallelism=2):
                entered.append(number)
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(visit(number) for number in range(20)))
        assert (entered, most) == (list(range(20)), 2)

    asyncio.run(story())


@pytest.mark.parametrize("let_in_first", [False, True])
def test_one_who_stops_waiting_leaves_its_place_to_the_next(*, let_in_first: bool) -> None:
    async def story() -> None:
        turns = Turns()
        first = turns.turn("key", parallelism=1)
        await first.__aenter__()

        async def visit() -> str:
            async with turns.turn("key", parallelism=1):
                return "in"

        impatient, patient = asyncio.create_task(visit()), asyncio.create_task(visit())
        await asyncio.sleep(0)
        if let_in_first:
            await first.__aexit__(None, None, None)
            impatient.cancel()
        else:
            impatient.cancel()
            await first.__aexit__(None, None, None)
        assert await asyncio.wait_for(patient, 1) == "in"
        assert impatient.cancelled() or impatient.cancelling()
        assert await asyncio.wait_for(visit(), 1) == "in"

    asyncio.run(story())


def test_keys_do_not_wait_for_each_other() -> None:
    async def story() -> None:
        turns = Turns()
        async with (
            turns.turn("one", parallelism=1),
            turns.turn("other", parallelism=1),
            turns.turn(None, parallelism=None),
        ):
            pass

    asyncio.run(story())
