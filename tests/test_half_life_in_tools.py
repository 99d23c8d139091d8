"""The page on eight tools: up to date, every claimed row is the book's numbers, every trap differs."""

import json
import math

import numpy as np
import pytest

import half_life_in_tools as tools
import speed
from interestdecay_lib.decay import Exponential

TEXT = tools.PAGE.read_text(encoding="utf-8")
ROWS = [(tool.name, row) for tool in tools.TOOLS for row in tool.rows()]
RNG = np.random.default_rng(0)
DAY = np.cumsum(RNG.exponential(2.0, 200)).round(3)
VALUE = RNG.integers(0, 4, 200).astype(float)


def brute_sum(day, value, half_life):
    """Written out, without the library."""
    past = [[(s, v) for s, v in zip(day, value, strict=True) if s <= t] for t in day]
    return [sum(v * 2 ** (-(t - s) / half_life) for s, v in seen) for t, seen in zip(day, past, strict=True)]


def test_the_page_shows_what_is_computed():
    assert tools.page(TEXT) == TEXT, "run book/_tools/half_life_in_tools.py"
    assert len(tools.TOOLS) == 8 and all(f"(tool-{tool.name})=" in TEXT for tool in tools.TOOLS)


def test_a_page_without_a_tools_marks_is_refused():
    with pytest.raises(ValueError, match="one place for polars"):
        tools.page(TEXT.replace("<!-- polars:begin -->", ""))


@pytest.mark.parametrize(("tool", "row"), ROWS, ids=[f"{name}-{row.label[:30]}" for name, row in ROWS])
def test_a_row_is_the_books_or_shows_a_trap(tool, row):
    if row.right is not None:
        np.testing.assert_allclose(row.numbers, row.right, rtol=1e-12, atol=1e-300)
    if row.label.startswith("trap"):
        wanted = next(other.right for name, other in ROWS if name == tool)
        assert row.right is None and not np.allclose(row.numbers, wanted, rtol=1e-2)


@pytest.mark.parametrize("half_life", [0.5, 7.0, 90.0])
def test_sums_of_a_whole_history(half_life):
    """What the page shows of one event holds of 200 with values and gaps of all lengths."""
    right = brute_sum(DAY, VALUE, half_life)
    weights = brute_sum(DAY, np.ones(len(DAY)), half_life)
    for found in (
        tools.book_sum(DAY, VALUE, half_life),
        tools.polars_sum(DAY, VALUE, half_life),
        tools.duckdb_sum(DAY, VALUE, half_life),
        tools.clickhouse_sum(DAY, VALUE, half_life / math.log(2)),
        tools.pandas_mean(DAY, VALUE, half_life) * weights,
    ):
        np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-12)


def test_polars_mean_is_exponential_smoothing():
    right = [VALUE[0]]
    for gap, value in zip(np.diff(DAY), VALUE[1:], strict=True):
        share = 1 - 2 ** (-gap / 7)
        right.append(share * value + (1 - share) * right[-1])
    np.testing.assert_allclose(tools.polars_mean(DAY, VALUE, 7.0), right, rtol=1e-12, atol=1e-12)


def test_what_clickhouses_manual_prints_belongs_to_a_time_constant():
    """https://clickhouse.com/docs: Count(10) of every time, Sum(1) of a value at each fifth time."""
    time = np.arange(7.0)
    count = tools.clickhouse_sum(time, np.ones(7), 10)
    assert count[:3].round(3).tolist() == [1, 1.905, 2.724]
    assert np.cumsum(2.0 ** (-time / 10))[1].round(3) != 1.905
    total = tools.clickhouse_sum(time, (time % 5 == 0).astype(float), 1)
    assert total.round(3).tolist() == [1, 0.368, 0.135, 0.05, 0.018, 1.007, 0.37]


def test_clickhouse_itself_was_run_with_that_time_constant():
    """`make benchmark` gives it h / ln 2 and compares with a compiled loop, in every process."""
    rows = json.loads(speed.RESULTS.read_text(encoding="utf-8"))["interest"]["running"]
    errors = [row["max_relative_error"] for row in rows if "exponentialTimeDecayedSum" in row["method"]]
    assert len(errors) >= 2 and max(errors) < 1e-12


def test_conversions_of_the_overview():
    age = np.linspace(0, 60, 25)
    for decay in (0.1, 0.33, 0.5, 0.9):
        scale = 7 * math.log(decay) / math.log(0.5)
        found = tools.elasticsearch("exp", age, scale, decay=decay)
        np.testing.assert_allclose(found, Exponential(7)(age), rtol=1e-12)
        for kind in ("exp", "gauss", "linear"):             # the manual's sentence, also beyond an offset
            assert math.isclose(tools.elasticsearch(kind, 12.0, 10.0, 2.0, decay), decay)
    assert math.isclose(tools.fsrs_half_life(19 * 7 / 243), 7)
    assert math.isclose(tools.fsrs(5.0, 5.0), 0.9) and math.isclose(tools.fsrs(5.0, 5.0, 0.1542), 0.9)
    # as the page says in words
    assert 12.5 < tools.fsrs_half_life(1) < 13 and 89 < tools.fsrs_half_life(1, 0.1542) < 91
    assert 4 < 7 * math.log(2) < 5


def test_published_scores():
    """Reddit: ten times the votes are 12.5 hours. Hacker News: 101 points after 1, 10 and 24 hours."""
    assert math.isclose(tools.reddit_hot(10, 1.2e9), tools.reddit_hot(100, 1.2e9 - 45_000))
    assert tools.reddit_hot(0, 1.2e9) == tools.reddit_hot(1, 1.2e9)
    right = [100**0.8 / 3**1.8, 100**0.8 / 12**1.8, 100**0.8 / 26**1.8]
    np.testing.assert_allclose(tools.hacker_news(101, np.array([1, 10, 24])), right)
