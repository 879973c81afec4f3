"""Waiting for a vendor ends in time, whatever the vendor does."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.errors import Interrupted, LeaseHeld, NotFound, RateLimited, TimedOut
from pipeline.watch import Watch, Watches


def watch(seconds: float = 60.0) -> Watch:
    return Watch(ends_at=time.monotonic() + seconds)


class Vendor:
    """One that answers when the test lets it."""

    def __init__(self) -> None:
        self.is_called = threading.Event()
        self.may_answer = threading.Event()

    def __call__(self) -> str:
        self.is_called.set()
        self.may_answer.wait(30)
        return "answer"


def test_an_answer_in_time_is_what_the_call_returns() -> None:
    assert watch().within(5, "The vendor", lambda: 7) == 7


def test_what_the_call_raises_is_raised() -> None:
    def refuse() -> None:
        raise RateLimited(retry_after=3)

    with pytest.raises(RateLimited) as raised:
        watch().within(5, "The vendor", refuse)
    assert raised.value.retry_after == 3


@pytest.mark.parametrize(("stage", "delivery"), [(0.05, 60.0), (60.0, 0.05)])
def test_the_wait_ends_with_the_stage_or_with_the_delivery(stage: float, delivery: float) -> None:
    vendor = Vendor()
    begun = time.monotonic()

    with pytest.raises(TimedOut, match=r"The vendor did not answer in time\."):
        watch(delivery).within(stage, "The vendor", vendor)

    assert time.monotonic() - begun < 10
    vendor.may_answer.set()


def test_a_vendor_is_not_asked_when_the_time_is_over() -> None:
    vendor = Vendor()

    with pytest.raises(TimedOut):
        watch(-1).within(5, "The vendor", vendor)
    assert not vendor.is_called.is_set()


@pytest.mark.parametrize("error", [LeaseHeld(), NotFound(), Interrupted()])
def test_a_wait_that_is_cut_short_ends_at_once_and_so_does_the_next(error: Exception) -> None:
    held, vendor = watch(), Vendor()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(held.within, 60, "The vendor", vendor)
        assert vendor.is_called.wait(10)
        held.cut(error)  # type: ignore[arg-type] # parametrized as what they share
        assert waiting.exception(timeout=10) is error
    vendor.may_answer.set()

    second = Vendor()
    with pytest.raises(type(error)):
        held.within(60, "The vendor", second)
    assert not second.is_called.is_set()


def test_the_first_reason_for_cutting_counts() -> None:
    held = watch()
    held.cut(NotFound())
    held.cut(Interrupted())

    with pytest.raises(NotFound):
        held.check()


def test_closed_watches_begin_nothing_and_let_what_is_under_way_go_on() -> None:
    watches, ends_at = Watches(), time.monotonic() + 60
    with watches.keeping(ends_at=ends_at) as held:
        watches.close()
        assert held.within(5, "The vendor", lambda: 7) == 7
        with (
            pytest.raises(Interrupted) as refused,
            watches.keeping(ends_at=ends_at),
        ):
            pytest.fail("nothing begins any more")
        watches.interrupt()
        with pytest.raises(Interrupted):
            held.check()
    assert refused.value.retry_after


def test_a_delivery_whose_time_was_over_before_it_began_is_not_begun() -> None:
    with (
        pytest.raises(TimedOut),
        Watches().keeping(ends_at=time.monotonic() - 1),
    ):
        pytest.fail("its caller does not wait any more")
