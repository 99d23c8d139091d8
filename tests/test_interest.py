"""`interest` against the sum written out, event by event, with `math.fsum`."""

import datetime
import json
import math
import pickle
from copy import deepcopy
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interestdecay_lib import interest
from interestdecay_lib.datasets import load_cdnow
from interestdecay_lib.interest import DecayedCounter, decayed_sum, running_decayed_sum

EPOCH = pd.Timestamp("2024-01-01")
HOUR = pd.Timedelta(hours=1)


def log_of(rows: list[tuple]) -> pd.DataFrame:
    """(user, hours after EPOCH, weight) -> an event log."""
    frame = pd.DataFrame(rows, columns=["user_id", "hours", "value"])
    frame["timestamp"] = EPOCH + pd.to_timedelta(frame.pop("hours"), unit="h")
    return frame.astype({"user_id": "int64", "value": "float64"})


def written_out(times: list[float], weights: list[float], at: float, half_life: float) -> float:
    return math.fsum(
        w * 2.0 ** (-(at - t) / half_life) for t, w in zip(times, weights, strict=True) if t <= at
    )


def oracle(log: pd.DataFrame, at: pd.Timestamp, half_life: pd.Timedelta) -> dict:
    sums = {}
    for user, events in log.groupby("user_id"):
        ages = [(at - t) / half_life for t in events["timestamp"]]
        sums[user] = math.fsum(v * 2.0 ** -a for a, v in zip(ages, events["value"], strict=True))
    return sums


ROWS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2000), st.floats(0.001, 1000)), max_size=40)
HALF_LIVES = st.integers(1, 5000)


# --- the whole log at one date ---

def test_ages_1_8_22_days():
    log = log_of([(7, 0, 1), (7, 14 * 24, 1), (7, 21 * 24, 1)])
    total = decayed_sum(log, at=EPOCH + pd.Timedelta(days=22), half_life="7D")
    assert total.index.name == "user_id" and total.dtype == np.float64
    assert total[7] == pytest.approx(2 ** (-22 / 7) + 2 ** (-8 / 7) + 2 ** (-1 / 7), rel=1e-15)


@given(ROWS, HALF_LIVES, st.integers(2000, 4000), st.randoms())
def test_equals_the_sum_written_out_in_any_order_of_rows(rows, half_life, at, random):
    random.shuffle(rows)
    log, date, h = log_of(rows), EPOCH + at * HOUR, half_life * HOUR
    got = decayed_sum(log, at=date, half_life=h, weight="value")
    expected = oracle(log, date, h)
    assert got.index.tolist() == sorted(expected)
    np.testing.assert_allclose(got.to_numpy(), [expected[u] for u in got.index], rtol=1e-12, atol=1e-300)


def test_several_half_lives_keep_the_labels_given():
    log = log_of([(1, 0, 2.0), (2, 24, 1.0)])
    at = EPOCH + pd.Timedelta(days=2)
    both = decayed_sum(log, at, ["1D", pd.Timedelta(days=2)], weight="value")
    assert both.columns.tolist() == ["1D", pd.Timedelta(days=2)]
    assert both["1D"].tolist() == [0.5, 0.5]
    assert both[pd.Timedelta(days=2)].tolist() == pytest.approx([1.0, 0.5**0.5])
    running = running_decayed_sum(log, ["1D", "2D"])
    assert running.columns.tolist() == ["1D", "2D"] and running.index.equals(log.index)
    one = decayed_sum(log, at, ["1D"])
    assert isinstance(one, pd.DataFrame) and one.shape == (2, 1)


def test_groups_by_strings_by_pairs_and_by_categories():
    log = log_of([(2, 0, 1.0), (1, 24, 1.0), (1, 0, 1.0), (2, 24, 1.0)])
    log["item_id"] = ["b", "a", "b", "b"]
    at = EPOCH + pd.Timedelta(days=1)
    items = decayed_sum(log, at, "1D", by="item_id")
    assert items.to_dict() == {"a": 1.0, "b": 2.0}
    pairs = decayed_sum(log, at, "1D", by=["user_id", "item_id"])
    assert pairs.to_dict() == {(1, "a"): 1.0, (1, "b"): 0.5, (2, "b"): 1.5}
    running = running_decayed_sum(log, "1D", by=["user_id", "item_id"])
    assert running.tolist() == [1.0, 1.0, 1.0, 1.5]
    kinds = pd.Categorical(log["item_id"], categories=["never seen", "a", "b"])
    categories = decayed_sum(log.assign(item_id=kinds), at, "1D", by="item_id")
    assert categories.to_dict() == {"a": 1.0, "b": 2.0}


def test_weights_as_column_array_series_and_none():
    log = log_of([(1, 0, 3.0), (1, 24, 5.0)])
    log.index = [10, 20]
    at = EPOCH + pd.Timedelta(days=1)
    assert decayed_sum(log, at, "1D")[1] == 1.5
    for weight in ("value", log["value"], log["value"].to_numpy(), [3.0, 5.0]):
        assert decayed_sum(log, at, "1D", weight=weight)[1] == 6.5
        assert running_decayed_sum(log, "1D", weight=weight).tolist() == [3.0, 6.5]
    assert log["value"].tolist() == [3.0, 5.0]                        # the caller's weights are not touched


def test_an_empty_log_gives_an_empty_answer():
    empty = log_of([])
    assert decayed_sum(empty, EPOCH, "7D").empty
    assert decayed_sum(empty, EPOCH, ["7D", "28D"]).shape == (0, 2)
    assert running_decayed_sum(empty, "7D", weight="value").empty
    assert decayed_sum(empty, EPOCH, "7D").dtype == running_decayed_sum(empty, "7D").dtype == np.float64


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_any_resolution_of_time_and_a_finer_date(unit):
    log = log_of([(1, 0, 1.0), (1, 1, 1.0)])
    log["timestamp"] = log["timestamp"].astype(f"datetime64[{unit}]")
    at = EPOCH + HOUR + pd.Timedelta(nanoseconds=500_000_001)
    expected = written_out([0, 1], [1, 1], 1 + 0.500000001 / 3600, 0.01)
    assert decayed_sum(log, at, "36s")[1] == pytest.approx(expected, rel=1e-12)
    assert running_decayed_sum(log, "1h").tolist() == [1.0, 1.5]
    with pytest.raises(ValueError, match="1 of 2 events"):
        decayed_sum(log, EPOCH + HOUR - pd.Timedelta(nanoseconds=1), "1h")


def test_same_day_rows_count_each():
    log = log_of([(1, 5, 1.0)] * 3)
    assert decayed_sum(log, EPOCH + 5 * HOUR, "1h")[1] == 3.0
    assert running_decayed_sum(log, "1h").tolist() == [1.0, 2.0, 3.0]


# --- after every event ---

@given(ROWS, HALF_LIVES, st.integers(1, 7))

def test_running_sum_equals_the_sum_over_earlier_rows(rows, half_life, block):
    log = log_of(rows)
    before, interest._BLOCK = interest._BLOCK, block          # blocks of 1 to 7 events: every edge is crossed
    try:
        got = running_decayed_sum(log, half_life * HOUR, weight="value")
    finally:
        interest._BLOCK = before
    for n, (user, t, _) in enumerate(rows):
        past = [(s, w) for m, (u, s, w) in enumerate(rows) if u == user and (s, m) <= (t, n)]
        expected = written_out([s for s, _ in past], [w for _, w in past], t, half_life)
        assert got.iloc[n] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("half_life", ["365D", "7D", "2h", "1s"])
def test_running_sum_at_any_span_over_half_life(half_life):
    """Up to 52 million half-lives: nothing overflows, no user disturbs another."""
    rng = np.random.default_rng(1)
    user = np.sort(rng.integers(0, 700, 100_000))
    seconds = np.sort(rng.integers(0, 600 * 86_400, 100_000))[rng.permutation(100_000)]
    order = np.lexsort((seconds, user))
    log = pd.DataFrame({"user_id": user, "timestamp": EPOCH + pd.to_timedelta(seconds[order], unit="s")})
    got = running_decayed_sum(log, half_life).to_numpy()
    h, last, state, expected = pd.Timedelta(half_life) / pd.Timedelta(seconds=1), None, 0.0, []
    for u, t in zip(user.tolist(), seconds[order].tolist(), strict=True):
        state = 1.0 + (state * 2.0 ** (-(t - last[1]) / h) if last and last[0] == u else 0.0)
        last = (u, t)
        expected.append(state)
    assert np.isfinite(got).all()
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_last_running_value_is_the_final_sum_for_all_of_cdnow():
    log = load_cdnow()
    running = running_decayed_sum(log, ["28D", "365D"], weight="value")
    last = running.groupby(log["user_id"]).last()
    end = pd.Timestamp("1998-07-01")
    idle = (end - log.groupby("user_id")["timestamp"].last()) / pd.Timedelta(days=1)
    final = decayed_sum(log, end, ["28D", "365D"], weight="value")
    assert len(final) == 23_570
    for label, days in (("28D", 28), ("365D", 365)):
        np.testing.assert_allclose(final[label], last[label] * 2.0 ** (-idle / days), rtol=1e-12)


def test_shuffled_log_gives_every_row_its_own_value():
    log = load_cdnow(sample=True)
    log["minute"] = log.groupby(["user_id", "timestamp"]).cumcount()
    log["timestamp"] += pd.to_timedelta(log.pop("minute"), unit="min")    # no ties: the order is unique
    shuffled = log.sample(frac=1, random_state=5)
    pd.testing.assert_series_equal(
        running_decayed_sum(shuffled, "28D").sort_index(), running_decayed_sum(log, "28D"), rtol=1e-14
    )


def test_a_sum_beyond_double_precision_is_an_error_not_a_nan_for_the_next_user():
    log = log_of([(1, 0, 1e308), (1, 0, 1e308), (2, 0, 1.0)])
    with pytest.raises(ValueError, match="exceeds the range of double precision"):
        running_decayed_sum(log, "1D", weight="value")


# --- bad input ---

LOG = log_of([(1, 0, 1.0), (1, 24, 2.0), (2, 48, 3.0)])
AT = EPOCH + pd.Timedelta(days=9)


def test_events_later_than_the_date_are_counted():
    with pytest.raises(ValueError, match=r"2 of 3 events are later than at=2024-01-01 12:00:00.*as_of"):
        decayed_sum(LOG, EPOCH + 12 * HOUR, "7D")
    assert len(decayed_sum(LOG, EPOCH + 48 * HOUR, "7D")) == 2           # an event at the date itself counts


@pytest.mark.parametrize("bad, match", [
    (7, "half_life=7 has no unit"), (7.5, "has no unit"), ("soon", "not a length of time"),
    (None, "longer than nothing"), ("0D", "longer than nothing"), ("-7D", "longer than nothing"),
    (pd.NaT, "longer than nothing"), ([], "empty list"), (["7D", "7D"], "names a column twice"),
    (["7D", 28], "half_life=28 has no unit"),
])
def test_half_life_errors(bad, match):
    with pytest.raises(ValueError, match=match):
        decayed_sum(LOG, AT, bad)
    with pytest.raises(ValueError, match=match):
        running_decayed_sum(LOG, bad)


def test_half_life_in_every_type_of_duration():
    from datetime import timedelta
    sums = [decayed_sum(LOG, AT, h)[1] for h in
            ("7D", pd.Timedelta(days=7), timedelta(days=7), np.timedelta64(7, "D"), "168h")]
    assert len(set(sums)) == 1


@pytest.mark.parametrize("change, match", [
    (lambda log: log.drop(columns="timestamp"), "no column 'timestamp'"),
    (lambda log: log.assign(timestamp=[1, 2, 3]), "must be datetime64 without time zone, got int64"),
    (lambda log: log.assign(timestamp=log["timestamp"].dt.tz_localize("UTC")), "without time zone"),
    (lambda log: log.assign(timestamp=log["timestamp"].where(log.index != 1)), "events without a timestamp"),
    (lambda log: log.drop(columns="user_id"), "no column .'user_id'"),
    (lambda log: log.assign(user_id=[1.0, np.nan, 2.0]), "1 events without a value in user_id"),
    (lambda log: log.assign(value=[1.0, np.nan, np.inf]), "2 events with a weight that is missing"),
    (lambda log: log.assign(value=["a", "b", "c"]), "weights must be numbers"),
    (lambda log: log.drop(columns="value"), "weight='value' is no column"),
])
def test_log_errors(change, match):
    with pytest.raises(ValueError, match=match):
        decayed_sum(change(LOG), AT, "7D", weight="value")
    with pytest.raises(ValueError, match=match):
        running_decayed_sum(change(LOG), "7D", weight="value")


@pytest.mark.parametrize("weight, match", [
    ([1.0, 2.0], r"shape \(2,\), but there are 3 events"),
    (np.ones((3, 1)), r"shape \(3, 1\)"),
    (pd.Series([1.0, 2.0, 3.0], index=[5, 6, 7]), "another index than events"),
])
def test_weight_errors(weight, match):
    with pytest.raises(ValueError, match=match):
        decayed_sum(LOG, AT, "7D", weight=weight)


@pytest.mark.parametrize(
    ("at", "message"),
    [
        (pd.NaT, "at must be a date"),
        ([], "at needs at least one date"),
        (["2025-01-01", "2025-01-01"], "each once"),
    ],
)
def test_date_errors(at, message):
    with pytest.raises(ValueError, match=message):
        decayed_sum(LOG, at, "7D")


# --- one user in a stream ---

STREAM = st.lists(st.tuples(st.floats(0, 1000), st.floats(0.001, 1000)), min_size=1, max_size=30)


def counter_of(stream, half_life: float) -> DecayedCounter:
    counter = DecayedCounter(half_life)
    for t, weight in stream:
        counter.add(t, weight)
    return counter


@given(STREAM, st.floats(1.5, 1e4), st.floats(1000, 1100), st.randoms())
def test_counter_equals_the_sum_written_out_in_any_order(stream, half_life, at, random):
    expected = written_out([t for t, _ in stream], [w for _, w in stream], at, half_life)
    random.shuffle(stream)
    assert counter_of(stream, half_life).value_at(at) == pytest.approx(expected, rel=1e-12)


@given(STREAM, STREAM, STREAM)
def test_merge_is_counting_both_and_associative(first, second, third):
    a, b, c = (counter_of(stream, 50.0) for stream in (first, second, third))
    left = deepcopy(a).merge(b).merge(c)
    right = deepcopy(a).merge(deepcopy(b).merge(c))
    together = counter_of(first + second + third, 50.0)
    for merged in (left, right):
        assert merged.time == together.time
        assert merged.value == pytest.approx(together.value, rel=1e-12)


def test_merge_changes_the_first_and_leaves_the_second():
    a, b, empty = counter_of([(0, 1)], 7), counter_of([(7, 1)], 7), DecayedCounter(7)
    assert a.merge(b) is a and a.value_at(7) == 1.5
    assert b == counter_of([(7, 1)], 7)
    assert a.merge(empty).value_at(7) == 1.5
    assert empty.merge(b) == b and empty is not b


def test_a_hundred_thousand_events_stay_exact_to_1e_12():
    rng = np.random.default_rng(2)
    times, weights = rng.uniform(0, 1000, 100_000), rng.uniform(0, 1, 100_000)
    counter = counter_of(zip(times, weights, strict=True), 90.0)
    assert counter.value_at(1000) == pytest.approx(written_out(times, weights, 1000, 90.0), rel=1e-12)


@pytest.mark.parametrize("half_lives", [1_000, 10_000, 10_000_000])
def test_no_overflow_after_many_half_lives(half_lives):
    counter = DecayedCounter(1.0)
    for t in range(0, half_lives + 1, half_lives // 1000):
        counter.add(t)
    step = half_lives // 1000
    expected = math.fsum(2.0 ** (-k * step) for k in range(1001))
    assert counter.value_at(half_lives) == pytest.approx(expected, rel=1e-12)
    counter.add(0.0)                                          # a very late event
    assert counter.value_at(half_lives) == pytest.approx(expected, rel=1e-12)
    assert counter.value_at(half_lives + 10_000) == 0.0


def test_dates_and_state_to_store():
    counter = DecayedCounter("7D")
    for day in ("2024-01-01", pd.Timestamp("2024-01-08"), np.datetime64("2024-01-08")):
        counter.add(day)
    assert counter.value_at("2024-01-15") == 1.25
    again = DecayedCounter(counter.half_life, counter.value, counter.time)
    assert again == counter and again.value_at("2024-01-22") == 0.625
    assert DecayedCounter("7D").value_at("2024-01-01") == 0.0


def test_counter_agrees_with_the_whole_log():
    log = load_cdnow(sample=True)
    at = pd.Timestamp("1998-07-01")
    expected = decayed_sum(log, at, "91D", weight="value")
    for user in expected.index[:50]:
        counter = DecayedCounter("91D")
        events = log[log["user_id"] == user]
        for t, dollars in zip(events["timestamp"], events["value"], strict=True):
            counter.add(t, dollars)
        assert counter.value_at(at) == pytest.approx(expected[user], rel=1e-12)


def test_counter_errors():
    counter = counter_of([(5, 1)], 7)
    with pytest.raises(ValueError, match=r"value_at\(4\.0\) lies before the last event at 5\.0"):
        counter.value_at(4)
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="time must be a finite number"):
            counter.add(bad)
        with pytest.raises(ValueError, match="weight must be a finite number"):
            counter.add(6, bad)
        with pytest.raises(ValueError, match="half_life must be a number above 0"):
            DecayedCounter(bad)
    assert counter == counter_of([(5, 1)], 7)                 # a refused event changes nothing
    for bad in (0, -1):
        with pytest.raises(ValueError, match="half_life must be a number above 0"):
            DecayedCounter(bad)
    with pytest.raises(ValueError, match="not a length of time"):
        DecayedCounter("soon")
    with pytest.raises(TypeError, match="times are numbers, not '2024-01-01'"):
        counter.add("2024-01-01")
    with pytest.raises(TypeError, match="times are dates, not 3"):
        DecayedCounter("7D").add(3)
    with pytest.raises(ValueError, match="NaT"):
        DecayedCounter("7D").add(pd.NaT)
    with pytest.raises(ValueError, match="without the time"):
        DecayedCounter(7, value=1.0)


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=12), st.floats(1e-3, 1e6))
def test_floats_take_the_short_way_to_the_same_end(stream, half_life):
    """Any float, also NaN and infinities: result and refusals are those of the long way."""
    short, long = DecayedCounter(half_life), DecayedCounter(half_life)
    for t, weight in stream:
        outcomes = []
        for counter, number in ((short, float), (long, OtherFloat)):
            try:
                outcomes.append(counter.add(number(t), number(weight)))
            except ValueError as error:
                outcomes.append(str(error))
        assert outcomes[0] == outcomes[1]
        assert short.time == long.time and short.value == pytest.approx(long.value, rel=1e-15)
        assert math.isfinite(short.value)


class OtherFloat(float):
    """A number that is not plainly a float."""

    def __repr__(self):
        return float.__repr__(self)


def test_counter_takes_numbers_and_nothing_that_looks_like_them():
    counter = counter_of([(5.0, 1.0)], 7)
    for call, message in (
        (lambda: counter.add(6.0, "2"), "weight must be a number, but '2'"),
        (lambda: counter.add(6.0, True), "weight must be a number, but True"),
        (lambda: counter.add(True), "times are numbers, not True"),
        (lambda: counter.add("6"), "times are numbers, not '6'"),
        (lambda: DecayedCounter(7, "1", 3.0), "value must be a number, but '1'"),
    ):
        with pytest.raises(TypeError, match=message):
            call()
    with pytest.raises(ValueError, match="half_life=True has no unit"):
        DecayedCounter(True)
    for huge in (counter.add, lambda number: counter.add(6, number), DecayedCounter):
        with pytest.raises(ValueError):
            huge(10**400)
    for number in (np.float32(6), np.int64(6), np.float64(6), 6, Fraction(6)):
        counter.add(number, number)
    assert counter.value_at(6) == pytest.approx(2 ** (-1 / 7) + 30, rel=1e-15)
    assert type(counter.value) is float


def test_an_event_that_leaves_the_range_changes_nothing():
    counter = counter_of([(1.0, 1e308)], 7.0)
    for t, weight in ((1.0, 1e308), (0.0, 1.7e308), (1, 1e308)):
        with pytest.raises(ValueError, match="range of double precision"):
            counter.add(t, weight)
    assert counter == counter_of([(1.0, 1e308)], 7.0)


def test_the_half_life_stays_what_it_is():
    counter = counter_of([(5, 1)], 7)
    with pytest.raises(AttributeError):
        counter.half_life = 3.0
    with pytest.raises(AttributeError):
        counter.halflife = 3.0
    assert counter.half_life == 7.0 and repr(counter) == "DecayedCounter(half_life=7.0, value=1.0, time=5.0)"
    with pytest.raises(TypeError, match="unhashable"):
        hash(counter)


def test_a_date_with_a_zone_is_that_instant_and_one_without_is_in_utc():
    counter = DecayedCounter("7D")
    counter.add(pd.Timestamp("2024-01-01 01:00", tz="Europe/Berlin"))
    assert counter.value_at("2024-01-08") == 0.5
    assert counter.value_at(pd.Timestamp("2024-01-07 19:00", tz="America/New_York")) == 0.5


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_three_centuries_are_an_age(unit):
    counter = DecayedCounter("36525D")
    counter.add(pd.Timestamp("1680-01-01").as_unit(unit))
    later = pd.Timestamp("2260-01-01").as_unit(unit)
    days = (datetime.date(2260, 1, 1) - datetime.date(1680, 1, 1)).days
    assert counter.value_at(later) == pytest.approx(2 ** (-days / 36525), rel=1e-12)


@given(STREAM, st.none() | st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)))
def test_the_state_survives_json(stream, day):
    if day is None:
        counter = counter_of(stream, 7.5)
    else:
        counter = DecayedCounter("7D 3h 12us")
        counter.add(day, 0.1)
    for each in (counter, DecayedCounter(7), DecayedCounter("91D")):
        stored = json.loads(json.dumps(each.to_dict(), allow_nan=False))
        again = DecayedCounter.from_dict(stored)
        assert again == each and again.half_life == each.half_life
        assert pickle.loads(pickle.dumps(each)) == each


def test_a_state_that_is_none():
    for bad in ({"half_life": 7}, {"half_life": 7, "value": 1, "time": 0, "user": 3}, [7, 1, 0]):
        with pytest.raises(ValueError, match="must be a dict of half_life, value and time"):
            DecayedCounter.from_dict(bad)


def test_merge_errors():
    with pytest.raises(ValueError, match=r"half-lives differ: 7\.0 here, 8\.0 there"):
        DecayedCounter(7).merge(DecayedCounter(8))
    with pytest.raises(ValueError, match="half-lives differ"):
        DecayedCounter(7).merge(DecayedCounter("7D"))
    with pytest.raises(TypeError, match="another DecayedCounter"):
        DecayedCounter(7).merge(3.0)
