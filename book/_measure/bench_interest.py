"""Decayed sums of a whole log: after every event, and per user at one date, against other ways to get them.

Every opponent is checked against a compiled sequential loop before it is timed, and that loop against a plain
one. Each starts from a table in its own memory and its own types; loading it is not timed.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import pandas as pd

from interestdecay_lib.interest import decayed_sum, running_decayed_sum
from race import THREADS, Case, Method, Table
from simulated import DAY, SPAN, START, one_event_a_user, shuffled, simulate, text_ids, with_items

HALF_LIFE = 7 * DAY                     # 77 half-lives: every method but one is right
SHORT_HALF_LIFE = DAY // 10             # 5,400 half-lives: beyond the range of double precision
SEVERAL = (DAY, 7 * DAY, 28 * DAY, 90 * DAY, 365 * DAY)
SIZES = (1e5, 1e6, 1e7)
SLOW_AT_MOST = 1_000_000                # events for those that need seconds for more
AT = pd.Timestamp(START) + pd.Timedelta(SPAN, "us")

NEEDS = ["chdb-core==26.9.0"]           # ClickHouse in the process: 180 MB to download, 534 MB on disk
TABLES = {
    "interest.running": Table("Decayed sum after every event"),
    "interest.final": Table("Decayed sum of every user at one date"),
    "interest.running_shapes": Table("Decayed sum after every event, other logs", "shape", transposed=True),
    "interest.final_shapes": Table("Decayed sum at one date, other logs", "shape", transposed=True),
    "interest.beyond_range": Table("Beyond the range of double precision", shown=False),
}


@dataclass(frozen=True, eq=False)
class Problem:
    """A log, the half-lives (microseconds) of the sums of its `value`, and the right answers."""

    log: pd.DataFrame
    half_lives: tuple[int, ...] = (HALF_LIFE,)
    in_order: bool = True               # sorted by user, then time: the opponents may rely on it
    everyone: bool = False              # also the methods that want users by number and one half-life

    @property
    def by(self) -> list[str]:
        return [name for name in ("user_id", "item_id") if name in self.log]

    @cached_property
    def ticks(self) -> np.ndarray:
        """Microseconds since the start, the view from the landmark of forward decay."""
        return (self.log["timestamp"].to_numpy() - START).view(np.int64)

    def frame(self, text: bool) -> pd.DataFrame:
        """What the opponents load: row number, keys, time, value; categories as text on demand."""
        keys = self.log[self.by]
        if text:
            keys = keys.astype({name: object for name in keys if keys[name].dtype.kind not in "iu"})
        return keys.assign(n=np.arange(len(keys)), t=self.ticks, v=self.log["value"])

    @cached_property
    def running(self) -> np.ndarray:
        """The right sums after every event, a column each half-life, in the order of the log."""
        right = np.empty((len(self.log), len(self.half_lives)))
        right[self._order] = self._ordered
        return right

    @cached_property
    def final(self) -> np.ndarray:
        """The right sums of every key at `AT`, in the order of the keys."""
        codes, ticks = self._codes[self._order], self.ticks[self._order]
        last = np.r_[codes[1:] != codes[:-1], True]
        return self._ordered[last] * np.exp2((ticks[last, None] - SPAN) / np.array(self.half_lives))

    @cached_property
    def _codes(self) -> np.ndarray:
        if self.everyone:
            return self.log["user_id"].to_numpy()
        return self.log.groupby(self.by, sort=True, observed=True).ngroup().to_numpy()

    @cached_property
    def _order(self) -> np.ndarray:
        if self.in_order:
            return np.arange(len(self.log))
        return np.lexsort((self.ticks, self._codes))

    @cached_property
    def _ordered(self) -> np.ndarray:
        given = [part[self._order] for part in (self._codes, self.ticks, self.log["value"].to_numpy())]
        sums = np.column_stack([compiled_loop()(*given, float(half)) for half in self.half_lives])
        head = [part[:20_000].tolist() for part in given]
        by_hand = np.column_stack([python_loop(*head, half) for half in self.half_lives])
        np.testing.assert_allclose(sums[:20_000], by_hand, rtol=1e-13)
        return sums

    # --- the log in the opponents' memory ---

    @cached_property
    def polars(self):
        import polars as pl

        text = self.frame(text=True)
        table = pl.DataFrame({name: pl.Series(text[name].to_list()) if text[name].dtype == object
                              else text[name].to_numpy() for name in text})
        kinds = {name: pl.Categorical for name in self.by if self.log[name].dtype == "category"}
        return table.cast(kinds).lazy()

    @cached_property
    def duckdb(self):
        import duckdb

        connection = duckdb.connect(config={"threads": THREADS})
        connection.register("frame", self.frame(text=False))            # a category becomes an ENUM
        connection.execute("CREATE TABLE events AS SELECT * FROM frame")
        return connection

    @cached_property
    def clickhouse(self):
        session = clickhouse_session()
        frame = self.frame(text=True)                                   # its name stands in the statement
        types = {"category": "LowCardinality(String)", "int64": "Int64", "float64": "Float64"}
        kinds = {**{name: str(self.log[name].dtype) for name in self.by}, "n": "int64", "t": "int64",
                 "v": "float64"}
        columns = ", ".join(f"{name} {types.get(kind, 'String')}" for name, kind in kinds.items())
        session.query("DROP TABLE IF EXISTS race.events")
        session.query(f"CREATE TABLE race.events ({columns}) ENGINE = Memory")
        session.query(f"INSERT INTO race.events SELECT {', '.join(kinds)} FROM Python(frame)")
        del frame
        return session


@cache
def clickhouse_session():
    """One for the process: chdb allows no second. Its folder is a temporary one that it removes."""
    from chdb.session import Session

    session = Session()
    session.query("CREATE DATABASE IF NOT EXISTS race")
    session.query(f"SET max_threads = {THREADS}")
    return session


# --- loops ---


@cache
def compiled_loop() -> Callable:
    import numba

    @numba.njit
    def loop(user, ticks, value, half_life):
        sums = np.empty(len(user))
        state = 0.0
        for n in range(len(user)):
            if n == 0 or user[n] != user[n - 1]:
                state = value[n]
            else:
                state = value[n] + state * np.exp2((ticks[n - 1] - ticks[n]) / half_life)
            sums[n] = state
        return sums

    loop(np.zeros(2, np.int64), np.zeros(2, np.int64), np.ones(2), 1.0)       # compiles
    return loop


def python_loop(user: list, ticks: list, value: list, half_life: float) -> list:
    sums, state, last_user, last = [], 0.0, None, 0
    for u, t, v in zip(user, ticks, value, strict=True):
        state = v + (state * 2.0 ** ((last - t) / half_life) if u == last_user else 0.0)
        sums.append(state)
        last_user, last = u, t
    return sums


def rank_loop(user, ticks, value, half_life):
    """All users' first events at once, then all second ones, ...: as many steps as the longest history."""
    starts = np.flatnonzero(np.r_[True, user[1:] != user[:-1]])
    counts = np.diff(np.r_[starts, len(user)])
    starts = starts[np.argsort(-counts, kind="stable")]
    alive = len(starts) - np.cumsum(np.bincount(counts))           # users with more than k events
    sums = value.copy()
    for k in range(1, counts.max()):
        now = starts[:alive[k]] + k
        sums[now] += sums[now - 1] * np.exp2((ticks[now - 1] - ticks[now]) / half_life)
    return sums


def global_cumsum(user, ticks, value, half_life):
    """One cumulative sum over all users, minus its value where the user starts: fast, short, and wrong."""
    grow = (ticks - ticks.min()) / half_life
    total = np.cumsum(value * np.exp2(grow))
    new = np.r_[True, user[1:] != user[:-1]]
    before = np.r_[0.0, total[:-1]][np.maximum.accumulate(np.where(new, np.arange(len(user)), 0))]
    return (total - before) * np.exp2(-grow)


# --- after every event: a function for every opponent, which gives the call that is timed ---


def _library(function: Callable, problem: Problem, *at: pd.Timestamp) -> Callable:
    lengths = [pd.Timedelta(half, "us") for half in problem.half_lives]
    half_life = lengths if len(lengths) > 1 else lengths[0]
    by = problem.by if len(problem.by) > 1 else problem.by[0]
    return lambda: function(problem.log, *at, half_life, by=by, weight="value")


def _arrays(function: Callable, problem: Problem) -> Callable:
    user, value = problem.log["user_id"].to_numpy(), problem.log["value"].to_numpy()
    return lambda: function(user, problem.ticks, value, float(problem.half_lives[0]))


def _lists(problem: Problem) -> Callable:
    given = [problem.log["user_id"].tolist(), problem.ticks.tolist(), problem.log["value"].tolist()]
    return lambda: python_loop(*given, problem.half_lives[0])


def pandas_running(problem: Problem) -> Callable:
    log, ticks = problem.log, problem.ticks

    def call():
        order = slice(None) if problem.in_order else np.argsort(ticks, kind="stable")
        ordered, since = log.iloc[order], ticks[order]
        keys = [ordered[name] for name in problem.by]
        sums = []
        for half in problem.half_lives:
            grown = np.exp2(since / half)
            groups = (ordered["value"] * grown).groupby(keys, sort=False, observed=True)
            sums.append(groups.cumsum() / grown)
        return sums

    return call


def pandas_ewm(problem: Problem) -> Callable:
    log, length = problem.log, pd.Timedelta(problem.half_lives[0], "us")

    def call():
        grouped = log[["user_id", "value"]].groupby("user_id")["value"]
        return grouped.ewm(halflife=length, times=log["timestamp"]).mean()

    return call


def polars_running(problem: Problem) -> Callable:
    import polars as pl

    window = {} if problem.in_order else {"order_by": "t"}
    sums = []
    for column, rate in _rates(problem):
        grow = (pl.col("t") * rate).exp()
        sums.append(((pl.col("v") * grow).cum_sum().over(problem.by, **window) / grow).alias(column))
    query = problem.polars.select(sums)
    return lambda: query.collect()


def duckdb_running(problem: Problem) -> Callable:
    sums = ", ".join(f"sum(v * exp(t * {rate!r})) OVER past * exp(-t * {rate!r}) AS {column}"
                     for column, rate in _rates(problem))
    query, connection = f"SELECT n, {sums} FROM events {_past(problem)}", problem.duckdb
    return lambda: connection.execute(query).fetchnumpy()


def clickhouse_running(problem: Problem) -> Callable:
    # its parameter is the time in which a weight falls to 1/e: half-life / ln 2
    sums = ", ".join(f"exponentialTimeDecayedSum({1 / rate!r})(v, t) OVER past AS {column}"
                     for column, rate in _rates(problem))
    query, session = f"SELECT n, {sums} FROM race.events {_past(problem)}", problem.clickhouse
    return lambda: session.query(query, "DataFrame")


def _rates(problem: Problem) -> list[tuple[str, float]]:
    return [(f"s{number}", math.log(2) / half) for number, half in enumerate(problem.half_lives)]


def _past(problem: Problem) -> str:
    return f"WINDOW past AS (PARTITION BY {', '.join(problem.by)} ORDER BY t ROWS UNBOUNDED PRECEDING)"


def running_methods(problem: Problem) -> dict[str, Method]:
    right = {"result": "sum"}

    def one_by_one(series: list[pd.Series]) -> np.ndarray:
        return np.column_stack([sums.sort_index() for sums in series])

    def by_number(found) -> np.ndarray:
        sums = np.empty_like(problem.running)
        sums[np.asarray(found["n"])] = np.column_stack([found[name] for name, _ in _rates(problem)])
        return sums

    def add(name: str, prepare: Callable, result: Callable = np.asarray, parallel: bool = False,
            facts: dict = right) -> None:
        methods[name] = Method(lambda: prepare(problem), result, parallel, facts)

    methods: dict[str, Method] = {}
    add("this book: running_decayed_sum", lambda p: _library(running_decayed_sum, p))
    if problem.everyone:
        add("compiled Numba loop", lambda p: _arrays(compiled_loop(), p))
        add("NumPy, step over the position", lambda p: _arrays(rank_loop, p))
    add("polars, cum_sum().over(user)", polars_running, lambda table: table.to_numpy(), parallel=True)
    add("DuckDB, window", duckdb_running, by_number, parallel=True)
    add("ClickHouse, exponentialTimeDecayedSum", clickhouse_running, by_number, parallel=True)
    add("pandas, groupby.cumsum", pandas_running, one_by_one)
    if problem.everyone:
        add("NumPy, one global cumsum", lambda p: _arrays(global_cumsum, p), facts={"result": "wrong"})
        if len(problem.log) <= SLOW_AT_MOST:
            add("pandas, groupby.ewm(times).mean", pandas_ewm, facts={"result": "mean"})
            add("plain Python loop", _lists)
    return methods


# --- at one date ---


def numpy_final(problem: Problem) -> Callable:
    user, value = problem.log["user_id"].to_numpy(), problem.log["value"].to_numpy()
    return lambda: np.bincount(user, value * np.exp2((problem.ticks - SPAN) / problem.half_lives[0]))


def pandas_final(problem: Problem) -> Callable:
    log, keys = problem.log, [problem.log[name] for name in problem.by]

    def call():
        weighted = {name: log["value"] * np.exp2((problem.ticks - SPAN) / half)
                    for (name, _), half in zip(_rates(problem), problem.half_lives, strict=True)}
        if len(weighted) == 1:
            return weighted["s0"].groupby(keys, observed=True).sum()
        return pd.DataFrame(weighted).groupby(keys, observed=True).sum()

    return call


def polars_final(problem: Problem) -> Callable:
    import polars as pl

    sums = [(pl.col("v") * ((pl.col("t") - SPAN) * rate).exp()).sum().alias(column)
            for column, rate in _rates(problem)]
    query = problem.polars.group_by(problem.by).agg(sums).sort(problem.by)
    return lambda: query.collect()


def duckdb_final(problem: Problem) -> Callable:
    query, connection = _grouped(problem, "events"), problem.duckdb
    return lambda: connection.execute(query).fetchnumpy()


def clickhouse_final(problem: Problem) -> Callable:
    # exponentialTimeDecayedSum is for windows only
    query, session = _grouped(problem, "race.events"), problem.clickhouse
    return lambda: session.query(query, "DataFrame")


def _grouped(problem: Problem, table: str) -> str:
    """In the order of the users, as this book's function and pandas' give them: equal work for all."""
    keys = ", ".join(problem.by)
    sums = [f"sum(v * exp((t - {SPAN}) * {rate!r})) AS {column}" for column, rate in _rates(problem)]
    return f"SELECT {keys}, {', '.join(sums)} FROM {table} GROUP BY {keys} ORDER BY {keys}"


def final_methods(problem: Problem) -> dict[str, Method]:
    def sorted_by_key(found) -> np.ndarray:
        frame = pd.DataFrame({name: np.asarray(found[name]) for name in [*problem.by, *columns]})
        return frame.sort_values(problem.by)[columns].to_numpy()

    columns = [name for name, _ in _rates(problem)]
    methods = {"this book: decayed_sum": (lambda p: _library(decayed_sum, p, AT), np.asarray, False)}
    if problem.everyone:
        some = np.unique(problem.log["user_id"])
        methods["NumPy, bincount"] = (numpy_final, lambda sums: sums[some], False)
    methods |= {
        "pandas, groupby.sum": (pandas_final, np.asarray, False),
        "polars, group_by.agg": (polars_final, sorted_by_key, True),
        "DuckDB, GROUP BY": (duckdb_final, sorted_by_key, True),
        "ClickHouse, GROUP BY": (clickhouse_final, sorted_by_key, True),
    }
    return {
        name: Method(lambda prepare=prepare: prepare(problem), result, parallel, {"result": "sum"})
        for name, (prepare, result, parallel) in methods.items()
    }


# --- what is raced ---


def cases(scale: float = 1.0) -> Iterator[Case]:
    sizes = [int(size * scale) for size in SIZES]
    for size in sizes:
        problem = Problem(simulate(size), everyone=True)
        yield _case("interest.running", {"events": size}, problem)
        yield _case("interest.final", {"events": size}, problem)
    yield _beyond_range(Problem(simulate(sizes[1]), (SHORT_HALF_LIFE,), everyone=True))
    for shape, problem in shapes(sizes[1]):
        facts = {"shape": shape, "events": len(problem.log)}
        yield _case("interest.running_shapes", facts, problem)
        yield _case("interest.final_shapes", facts, problem)


def shapes(size: int) -> Iterator[tuple[str, Problem]]:
    """The logs people have: in the order of arrival, users by name, users who came once."""
    log, mixed = simulate(size), shuffled(simulate(size))
    yield "unsorted, integer ids", Problem(mixed, in_order=False)
    yield "sorted, text ids", Problem(text_ids(log))
    yield "unsorted, text ids", Problem(text_ids(mixed), in_order=False)
    yield "sorted, categorical ids", Problem(text_ids(log, categorical=True))
    yield "unsorted, categorical ids", Problem(text_ids(mixed, categorical=True), in_order=False)
    once = one_event_a_user(size)
    yield "one event a user, integer ids", Problem(once)
    yield "one event a user, text ids, unsorted", Problem(text_ids(shuffled(once)), in_order=False)
    yield "one user", Problem(log.assign(user_id=0).sort_values("timestamp", ignore_index=True))
    yield "five half-lives, integer ids", Problem(log, SEVERAL)
    yield "five half-lives, unsorted, text ids", Problem(text_ids(mixed), SEVERAL, in_order=False)
    # sorted by user, then time is not sorted by user, then item
    yield "by user and item, integer ids", Problem(with_items(log), in_order=False)


def relative_error(got: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Largest relative error (1 at most, and 1 for what is not a number), and the share of wrong values."""
    with np.errstate(all="ignore"):
        error = np.abs(got / right - 1)
    error = np.where(np.isfinite(error), np.minimum(error, 1.0), 1.0)
    return float(error.max()), float(np.mean(error > 1e-6))


def _case(table: str, facts: dict, problem: Problem) -> Case:
    running = table.startswith("interest.running")
    methods = running_methods(problem) if running else final_methods(problem)
    right = problem.running if running else problem.final

    def compare(name: str, got: object) -> dict:
        kind = methods[name].facts["result"]
        wanted = right
        if kind == "mean":
            wanted = right / Problem(problem.log.assign(value=1.0), everyone=True).running
        error, wrong = relative_error(np.asarray(got, dtype=float).reshape(right.shape), wanted)
        if kind == "wrong":
            assert error == 1.0, f"{name} was expected to fail, but its error is {error}"
        else:
            limit = 1e-12 if name.startswith("this book") else 1e-9
            assert error < limit, f"{name}, {facts}: relative error {error}"
        return {"max_relative_error": error, "share_wrong": wrong}

    return Case(table, facts, methods, compare)


def _beyond_range(problem: Problem) -> Case:
    """What is left of each method at 5,400 half-lives; errors, no times."""
    methods = {name: method for name, method in running_methods(problem).items()
               if method.facts["result"] != "mean"}

    def compare(name: str, got: object) -> dict:
        error, wrong = relative_error(np.asarray(got, dtype=float).reshape(-1, 1), problem.running)
        assert error < 1e-12 or not name.startswith("this book"), f"{name}: relative error {error}"
        return {"max_relative_error": error, "share_wrong": wrong}

    def quiet(method: Method) -> Method:
        def prepare() -> Callable:
            call = method.prepare()

            def without_warnings():
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")             # overflow is what is shown
                    return call()

            return without_warnings

        return Method(prepare, method.result, facts=method.facts)

    loud = {name: quiet(method) for name, method in methods.items()}
    return Case("interest.beyond_range", {"events": len(problem.log)}, loud, compare, timed=False)
