"""Half-life in eight tools: each is run, or computed from its manual's formula, beside this book's curve.

`python book/_tools/half_life_in_tools.py` writes code and numbers into `book/half_life_in_tools.md`, between
the marks of each tool; what is said of them stands in the page itself. A test compares the page with what is
computed here, and every row that claims to be the book's curve with that curve.
"""

import inspect
import math
import textwrap
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
import polars as pl

import blocks
from environment import ROOT
from interestdecay_lib.decay import Exponential, Gaussian, PowerLaw
from interestdecay_lib.interest import running_decayed_sum

PAGE = ROOT / "book/half_life_in_tools.md"
H = 7.0  # the half-life that we want, in days
DAYS = np.array([0.0, 7.0, 14.0, 28.0])  # since one event of value 1; the values after it are 0
HOURS = np.array([0.0, 1.0, 10.0, 24.0])
START = pd.Timestamp("2024-01-01")


@dataclass(frozen=True)
class Row:
    """A line of a tool's table: what comes out, and the book's numbers if it must be these."""

    label: str
    numbers: np.ndarray
    right: np.ndarray | None = None


@dataclass(frozen=True)
class Tool:
    """A tool: the functions shown, the head of its table, and what makes its rows."""

    name: str
    shown: tuple
    head: str
    at: np.ndarray
    rows: object


def book_sum(day, value, half_life):
    """The book's decayed sum after every event of one user."""
    at = START + pd.to_timedelta(day, unit="D")
    log = pd.DataFrame({"user_id": 1, "timestamp": at, "value": value})
    return running_decayed_sum(log, pd.Timedelta(days=half_life), weight="value").to_numpy()


# --- run ---


def pandas_mean(day, value, half_life):
    times = START + pd.to_timedelta(day, unit="D")
    window = pd.Series(value).ewm(halflife=pd.Timedelta(days=half_life), times=times)
    return window.mean().to_numpy()


def pandas_by_row(value, half_life):
    return pd.Series(value).ewm(halflife=half_life).mean().to_numpy()


def _pandas():
    event, ones = _event(), np.ones(len(DAYS))
    mean, weights = pandas_mean(DAYS, event, H), book_sum(DAYS, ones, H)
    return [
        Row('`halflife="7D"`, `times=`, `mean()`', mean, book_sum(DAYS, event, H) / weights),
        Row("that, times the sum of the weights", mean * weights, Exponential(H)(DAYS)),
        Row("trap: `halflife=7` without `times`", pandas_by_row(event, H)),
        Row("trap: `alpha=1/7`", pd.Series(event).ewm(alpha=1 / H).mean().to_numpy()),
    ]


def polars_sum(day, value, half_life):
    times = (START + pd.to_timedelta(day, unit="D")).to_numpy()
    events = pl.DataFrame({"t": times, "v": value})
    decayed = pl.col("v").ewm_sum_by("t", half_life=pd.Timedelta(days=half_life))
    return events.select(decayed)["v"].to_numpy()


def polars_mean(day, value, half_life):
    times = (START + pd.to_timedelta(day, unit="D")).to_numpy()
    events = pl.DataFrame({"t": times, "v": value})
    decayed = pl.col("v").ewm_mean_by("t", half_life=pd.Timedelta(days=half_life))
    return events.select(decayed)["v"].to_numpy()


def _polars():
    event, late = _event(), np.array([0.0, 1.0, 0.0, 0.0])
    return [
        Row('`ewm_sum_by(half_life="7d")`', polars_sum(DAYS, event, H), Exponential(H)(DAYS)),
        Row("the same of an event on day 7", polars_sum(DAYS, late, H), book_sum(DAYS, late, H)),
        Row("trap: `ewm_mean_by` of an event on day 7", polars_mean(DAYS, late, H)),
        Row("trap: pandas' mean of it", pandas_mean(DAYS, late, H)),
    ]


def duckdb_sum(day, value, half_life, grow="pow(2, day / h)"):
    events = pd.DataFrame({"day": day, "v": value, "h": half_life})
    with duckdb.connect() as database:
        database.register("events", events)
        found = database.sql(f"""
            SELECT sum(v * {grow}) OVER (ORDER BY day) / {grow} AS s
            FROM events ORDER BY day""")
        return found.df()["s"].to_numpy()


def _duckdb():
    event = _event()
    return [
        Row("`pow(2, day / h)`", duckdb_sum(DAYS, event, H), Exponential(H)(DAYS)),
        Row("trap: `exp(day / h)`", duckdb_sum(DAYS, event, H, "exp(day / h)")),
        Row("trap: `pow`, half-life of half an hour", duckdb_sum(DAYS, event, 0.5 / 24)),
    ]


# --- computed from the manual's formula ---


def clickhouse_sum(time, value, x):
    """exponentialTimeDecayedSum(x)(value, time), as a window over the past."""
    age = np.subtract.outer(time, time)
    weight = np.where(age >= 0, np.exp(-np.maximum(age, 0) / x), 0)
    return weight @ value


def _clickhouse():
    event = _event()
    return [
        Row("`x` = 7 / ln 2", clickhouse_sum(DAYS, event, H / math.log(2)), Exponential(H)(DAYS)),
        Row("trap: `x` = 7", clickhouse_sum(DAYS, event, H)),
    ]


def elasticsearch(kind, age, scale, offset=0.0, decay=0.5):
    d = np.maximum(0, np.abs(age) - offset)
    if kind == "exp":
        return np.exp(np.log(decay) / scale * d)
    if kind == "gauss":
        variance = -(scale**2) / (2 * np.log(decay))
        return np.exp(-(d**2) / (2 * variance))
    s = scale / (1 - decay)                        # linear
    return np.maximum((s - d) / s, 0)


def _elasticsearch():
    wanted = H * math.log(0.33) / math.log(0.5)
    late = Exponential(H)(np.maximum(DAYS - 3, 0))
    squared = 1 - DAYS**2 / (2 * H)
    return [
        Row("`exp`, `scale` 7 days", elasticsearch("exp", DAYS, H), Exponential(H)(DAYS)),
        Row("`gauss`, `scale` 7 days", elasticsearch("gauss", DAYS, H), Gaussian(H)(DAYS)),
        Row(f"`exp`, `decay` 0.33, `scale` {wanted:.2f} days",
            elasticsearch("exp", DAYS, wanted, decay=0.33), Exponential(H)(DAYS)),
        Row("`exp`, `scale` 7, `offset` 3: the book's curve from day 3 on",
            elasticsearch("exp", DAYS, H, offset=3), late),
        Row("`linear`, `scale` 7 days: no curve of this book", elasticsearch("linear", DAYS, H)),
        Row("trap: `exp`, `scale` 7, `decay` 0.33", elasticsearch("exp", DAYS, H, decay=0.33)),
        Row("trap: `linear` with the square that its manual prints", np.maximum(squared, 0)),
    ]


def reddit_hot(votes, posted):
    """Of a post with net votes, posted at a time in seconds (not rounded)."""
    order = np.log10(np.maximum(np.abs(votes), 1))
    return np.sign(votes) * order + (posted - 1134028003) / 45000


def _reddit():
    age = HOURS * 3600
    now = 1134028003.0 + 86_400
    kept = 10 ** (reddit_hot(100, now - age) - reddit_hot(100, now))
    half_life = 45_000 * math.log10(2) / 3600
    return [
        Row(f"what the age leaves of the votes: half-life {half_life:.2f} hours", kept,
            Exponential(half_life)(HOURS)),
        Row("trap: 12.5 hours as the half-life", Exponential(12.5)(HOURS)),
        Row("trap: what a first net vote adds", reddit_hot(1, now - age) - reddit_hot(0, now - age)),
    ]


def hacker_news(points, hours):
    return (points - 1) ** 0.8 / ((60 * hours + 120) / 60) ** 1.8


def _hacker_news():
    half_life = 2 * (2 ** (1 / 1.8) - 1)
    return [
        Row(f"what the age leaves: power law, half of it after {half_life:.2f} hours",
            hacker_news(101, HOURS) / hacker_news(101, 0), PowerLaw(half_life, exponent=1.8)(HOURS)),
        Row("trap: an exponential of that half-life", Exponential(half_life)(HOURS)),
    ]


def fsrs(day, stability, exponent=0.5):
    """Retrievability; the exponent is fixed in FSRS-4.5 and 5, fitted in 6."""
    factor = 0.9 ** (-1 / exponent) - 1            # 19/81 for 0.5
    return (1 + factor * day / stability) ** -exponent


def fsrs_half_life(stability, exponent=0.5):
    return stability * (2 ** (1 / exponent) - 1) / (0.9 ** (-1 / exponent) - 1)


def _fsrs():
    stability, default = H / fsrs_half_life(1), 0.1542
    return [
        Row(f"`stability` {stability:.3f} days", fsrs(DAYS, stability), PowerLaw(H, exponent=0.5)(DAYS)),
        Row("trap: `stability` 7 days", fsrs(DAYS, H)),
        Row(f"the same: half-life {fsrs_half_life(H):.1f} days", fsrs(DAYS, H),
            PowerLaw(fsrs_half_life(H), exponent=0.5)(DAYS)),
        Row(f"FSRS-6, exponent 0.1542: half-life {fsrs_half_life(H, default):.0f} days",
            fsrs(DAYS, H, default), PowerLaw(fsrs_half_life(H, default), exponent=default)(DAYS)),
    ]


def _event():
    return np.array([1.0, 0.0, 0.0, 0.0])


SINCE = "after ... days"
TOOLS = [
    Tool("pandas", (pandas_mean,), SINCE, DAYS, _pandas),
    Tool("polars", (polars_sum,), SINCE, DAYS, _polars),
    Tool("duckdb", (duckdb_sum,), SINCE, DAYS, _duckdb),
    Tool("clickhouse", (clickhouse_sum,), SINCE, DAYS, _clickhouse),
    Tool("elasticsearch", (elasticsearch,), SINCE, DAYS, _elasticsearch),
    Tool("reddit", (reddit_hot,), "after ... hours", HOURS, _reddit),
    Tool("hacker-news", (hacker_news,), "after ... hours", HOURS, _hacker_news),
    Tool("fsrs", (fsrs, fsrs_half_life), SINCE, DAYS, _fsrs),
]


# --- the page ---


def block(tool):
    """Code and table of a tool, in Markdown; a tick marks the rows that are the book's numbers."""
    code = "\n\n\n".join(textwrap.dedent(inspect.getsource(function)).rstrip() for function in tool.shown)
    lines = [f"| {tool.head} | " + " | ".join(f"{at:g}" for at in tool.at) + " | the book's |",
             "| --- |" + " ---: |" * len(tool.at) + " --- |"]
    for row in tool.rows():
        numbers = " | ".join(_told(value) for value in row.numbers)
        lines.append(f"| {row.label} | {numbers} | {'no' if row.right is None else 'yes'} |")
    return f"```python\n{code}\n```\n\n" + "\n".join(lines) + "\n"


def _told(value):
    return "not a number" if math.isnan(value) else f"{value:,.4f}"


def page(text):
    """The page with the blocks of all tools renewed."""
    return blocks.renew(text, {tool.name: block(tool) for tool in TOOLS})


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
