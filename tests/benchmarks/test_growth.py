"""The benchmark of growth: what it takes for growth, and that it reads plans as they ran."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from benchmarks.growth.plans import Plan, Plans, explaining
from benchmarks.growth.verdict import Cost, costs, faults
from local.postgres import running_postgres
from tests.folders import open_folder


def cost(looks: float, *, rows: float = 1, scanned: dict[str, float] | None = None) -> Cost:
    return Cost(
        blocks=looks,
        looks=looks,
        rows=rows,
        milliseconds=1,
        times=1,
        scanned=scanned or {},
        shape="",
    )


def test_what_takes_one_step_more_for_ten_times_as_many_does_not_grow() -> None:
    at = {1_000: cost(60), 10_000: cost(80), 100_000: cost(100), 1_000_000: cost(120)}

    assert faults(at, {}) == []


def test_what_looks_at_more_rows_the_more_there_are_grows() -> None:
    at = {1_000: cost(1_000), 10_000: cost(10_000)}

    assert faults(at, {}) == ["1000 → 10000 looks from 1,000 to 10,000"]


def test_even_the_root_of_the_number_is_too_much() -> None:
    at = {1_000: cost(320), 1_000_000: cost(10_000)}

    assert faults(at, {}) != []


def test_counting_more_up_to_a_bound_is_no_growth_but_without_one_it_is() -> None:
    bounded = {1_000: cost(2_000, rows=1_000), 1_000_000: cost(20_002, rows=10_001)}
    boundless = {1_000: cost(2_000, rows=1_000), 1_000_000: cost(2_000_000, rows=1_000_000)}

    assert faults(bounded, {}) == []
    assert faults(boundless, {}) == ["1000 → 1000000 rows from 1,000 to 1,000,000"]


def test_a_table_that_grows_is_not_read_whole_though_its_beginning_may_be() -> None:
    whole = {1_000_000: cost(10, scanned={"sessions": 900_000})}
    beginning = {1_000_000: cost(10, scanned={"sessions": 10_001})}

    assert faults(whole, {"sessions": 1_000_000}) == ["reads sessions whole"]
    assert faults(whole, {}) == [], "it does not grow"
    assert faults(beginning, {"sessions": 1_000_000}) == []


def test_of_a_statement_the_dearest_run_of_each_round_counts_and_of_rounds_the_median() -> None:
    def plan(looks: float) -> Plan:
        return Plan("SELECT", 1, 1, looks, 1, {}, "")

    (found,) = costs([[plan(1), plan(5)], [plan(7), plan(2)], [plan(100)]]).values()

    assert found.looks == 7
    assert found.times == 2


@pytest.mark.timeout(120)
def test_plans_are_those_of_the_statements_that_ran() -> None:
    with open_folder() as folder, running_postgres(folder, durable=False) as url:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("CREATE TABLE held AS SELECT n FROM generate_series(1, 5000) n")
            connection.execute("CREATE INDEX ix_held ON held (n)")
            connection.execute("VACUUM ANALYZE held")
        with psycopg.connect(
            explaining(url).replace("+psycopg", ""), autocommit=True
        ) as connection:
            plans = Plans(Path(folder, "postgres.log"))
            connection.execute("SELECT n FROM held WHERE n = ANY(%s)", [[7, 9]])
            connection.execute("SELECT count(*) FROM held WHERE n + 1 > %s", [0])
            by_index, whole = plans.taken()

    assert "ix_held" in by_index.shape
    assert (by_index.rows, by_index.scanned) == (2, {})
    assert by_index.looks < 10
    assert whole.scanned == {"held": 5001}
    assert whole.rows == 5000, "those that it counted"
