"""Decayed sums of a whole log: after every event, and per user at one date, against other ways to get them.

Every opponent is checked against a compiled sequential loop before it is timed, and that loop against `math`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

from interestdecay_lib.interest import decayed_sum, running_decayed_sum

DAY = 86_400_000_000                    # microseconds
SPAN = 540 * DAY
HALF_LIFE = 7 * DAY                     # 77 half-lives: every method but one is right
SHORT_HALF_LIFE = DAY // 10             # 5,400 half-lives: beyond the range of double precision


def simulate(events: int, seed: int = 0) -> pd.DataFrame:
    """N/50 users of log-normal activity, times uniform in 540 days, sorted by user, then time."""
    rng = np.random.default_rng(seed)
    users = max(events // 50, 1)
    share = rng.lognormal(size=users)
    user = np.sort(rng.choice(users, size=events, p=share / share.sum()))
    ticks = rng.integers(0, SPAN, events)
    order = np.lexsort((ticks, user))
    time = np.datetime64("2024-01-01", "us") + ticks[order].astype("timedelta64[us]")
    return pd.DataFrame({"user_id": user, "timestamp": time, "value": rng.gamma(2.0, size=events)})


def _ticks(log: pd.DataFrame) -> np.ndarray:
    return log["timestamp"].to_numpy().view(np.int64)


def numba_loop() -> Callable:
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


def _duckdb(log: pd.DataFrame, threads: int):
    import duckdb

    connection = duckdb.connect(config={"threads": threads})
    connection.register("frame", pd.DataFrame({
        "n": np.arange(len(log)), "u": log["user_id"], "v": log["value"],
        "t": _ticks(log) - _ticks(log).min(),
    }))
    connection.execute("CREATE TABLE events AS SELECT * FROM frame")
    return connection


def running_methods(log: pd.DataFrame, half_life: int, threads: int) -> dict[str, tuple]:
    """Name -> (call, result to array in the log's order, what the result is)."""
    import polars as pl

    user = log["user_id"].to_numpy()
    ticks = _ticks(log)
    value = log["value"].to_numpy()
    length = pd.Timedelta(half_life, "us")
    loop = numba_loop()
    lists = (user.tolist(), ticks.tolist(), value.tolist()) if len(log) <= 1_000_000 else None
    landmark = ticks.min()
    table = pl.DataFrame({"u": user, "t": ticks - landmark, "v": value})
    connection = _duckdb(log, threads)
    grow = (pl.col("t") * (math.log(2) / half_life)).exp()
    lazy = table.lazy().select(((pl.col("v") * grow).cum_sum().over("u") / grow).alias("s"))
    k = math.log(2) / half_life
    sql = (f"SELECT n, sum(v * exp(t * {k!r})) OVER (PARTITION BY u ORDER BY t ROWS UNBOUNDED PRECEDING) "
           f"* exp(-t * {k!r}) AS s FROM events")

    def pandas_cumsum():
        grown = np.exp2((ticks - landmark) / half_life)
        return (log["value"] * grown).groupby(log["user_id"]).cumsum() / grown

    def ewm():
        grouped = log[["user_id", "value"]].groupby("user_id")["value"]
        return grouped.ewm(halflife=length, times=log["timestamp"]).mean()

    def in_order(result):
        sums = np.empty(len(log))
        sums[result["n"]] = result["s"]
        return sums

    methods = {
        "this book: running_decayed_sum": (
            lambda: running_decayed_sum(log, length, weight="value"), np.asarray, "sum"),
        "compiled Numba loop": (lambda: loop(user, ticks, value, float(half_life)), np.asarray, "sum"),
        "NumPy, step over the position": (
            lambda: rank_loop(user, ticks, value, half_life), np.asarray, "sum"),
        "polars, cum_sum().over(user)": (
            lambda: lazy.collect(), lambda r: r["s"].to_numpy(), "sum"),
        "DuckDB, window": (lambda: connection.execute(sql).fetchnumpy(), in_order, "sum"),
        "pandas, groupby.cumsum": (pandas_cumsum, np.asarray, "sum"),
        "pandas, groupby.ewm(times).mean": (ewm, np.asarray, "mean"),
        "NumPy, one global cumsum": (
            lambda: global_cumsum(user, ticks, value, half_life), np.asarray, "wrong"),
    }
    if lists:
        methods["plain Python loop"] = (lambda: python_loop(*lists, half_life), np.asarray, "sum")
    return methods


def relative_error(got: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Largest relative error (1 at most, and 1 for what is not a number), and the share of wrong values."""
    with np.errstate(all="ignore"):
        error = np.abs(got / right - 1)
    error = np.where(np.isfinite(error), np.minimum(error, 1.0), 1.0)
    return float(error.max()), float(np.mean(error > 1e-6))


def run(sizes: list[int], time_it: Callable, threads: int) -> dict:
    report = {"running": [], "final": [], "beyond_range": []}
    for size in sizes:
        log = simulate(size)
        report["running"] += _running(log, time_it, threads)
        report["final"] += _final(log, time_it, threads)
    report["beyond_range"] = _beyond_range(simulate(sorted(sizes)[len(sizes) // 2]), threads)
    return report


def _reference(log: pd.DataFrame, half_life: int) -> np.ndarray:
    user = log["user_id"].to_numpy()
    ticks = _ticks(log)
    value = log["value"].to_numpy()
    right = numba_loop()(user, ticks, value, float(half_life))
    head = min(len(log), 20_000)
    by_hand = python_loop(user[:head].tolist(), ticks[:head].tolist(), value[:head].tolist(), half_life)
    np.testing.assert_allclose(right[:head], by_hand, rtol=1e-13)
    return right


def _running(log: pd.DataFrame, time_it: Callable, threads: int) -> list[dict]:
    right = _reference(log, HALF_LIFE)
    mean = right / _reference(log.assign(value=1.0), HALF_LIFE)
    rows = []
    for name, (call, to_array, kind) in running_methods(log, HALF_LIFE, threads).items():
        error, wrong = relative_error(to_array(call()), mean if kind == "mean" else right)
        limit = 1e-12 if name.startswith("this book") else 1e-9
        if kind == "wrong":
            assert error == 1.0, f"{name} was expected to fail, but its error is {error}"
        else:
            assert error < limit, f"{name}: relative error {error}"
        rows.append({"events": len(log), "method": name, "result": kind, "ms": 1000 * time_it(call),
                     "max_relative_error": error, "share_wrong": wrong})
    return _ratios(rows)


def _final(log: pd.DataFrame, time_it: Callable, threads: int) -> list[dict]:
    import polars as pl

    at = pd.Timestamp("2024-01-01") + pd.Timedelta(SPAN, "us")
    length = pd.Timedelta(HALF_LIFE, "us")
    user, value = log["user_id"].to_numpy(), log["value"].to_numpy()
    ticks = _ticks(log)
    now = at.as_unit("us").to_datetime64().view(np.int64)
    k = math.log(2) / HALF_LIFE
    lazy = pl.DataFrame({"u": user, "t": ticks, "v": value}).lazy().group_by("u").agg(
        (pl.col("v") * ((pl.col("t") - now) * k).exp()).sum().alias("s"))
    connection = _duckdb(log, threads)
    sql = f"SELECT u, sum(v * exp((t - {now - ticks.min()}) * {k!r})) AS s FROM events GROUP BY u"
    methods = {
        "this book: decayed_sum": (lambda: decayed_sum(log, at, length, weight="value"), np.asarray),
        "NumPy, bincount": (
            lambda: np.bincount(user, value * np.exp2((ticks - now) / HALF_LIFE)),
            lambda sums: sums[np.unique(user)]),
        "pandas, groupby.sum": (
            lambda: (log["value"] * np.exp2((ticks - now) / HALF_LIFE)).groupby(log["user_id"]).sum(),
            np.asarray),
        "polars, group_by.agg": (lambda: lazy.collect(), lambda r: r.sort("u")["s"].to_numpy()),
        "DuckDB, GROUP BY": (
            lambda: connection.execute(sql).fetchnumpy(), lambda r: r["s"][np.argsort(r["u"])]),
    }
    last = np.r_[user[1:] != user[:-1], True]
    right = _reference(log, HALF_LIFE)[last] * np.exp2((ticks[last] - now) / HALF_LIFE)
    rows = []
    for name, (call, to_array) in methods.items():
        error, wrong = relative_error(to_array(call()), right)
        assert error < (1e-12 if name.startswith("this book") else 1e-9), f"{name}: relative error {error}"
        rows.append({"events": len(log), "method": name, "result": "sum", "ms": 1000 * time_it(call),
                     "max_relative_error": error, "share_wrong": wrong})
    return _ratios(rows)


def _beyond_range(log: pd.DataFrame, threads: int) -> list[dict]:
    """What is left of each method at 5,400 half-lives; errors, no times."""
    right = _reference(log, SHORT_HALF_LIFE)
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, (call, to_array, kind) in running_methods(log, SHORT_HALF_LIFE, threads).items():
            if kind == "mean":
                continue
            try:
                error, wrong = relative_error(np.asarray(to_array(call()), dtype=float), right)
            except Exception as failure:        # DuckDB refuses: better than a wrong sum
                rows.append({"events": len(log), "method": name, "refuses": type(failure).__name__})
                continue
            rows.append({"events": len(log), "method": name,
                         "max_relative_error": error, "share_wrong": wrong})
    assert rows[0]["max_relative_error"] < 1e-12, rows[0]
    return rows


def _ratios(rows: list[dict]) -> list[dict]:
    book = rows[0]["ms"]
    for row in rows:
        row["ratio_to_book"] = row["ms"] / book
    return rows
