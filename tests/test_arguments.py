"""Moments and lengths as arguments: what is read, what is refused, and that all functions read them alike."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interestdecay_lib import counts, datasets, event_log, interest, tasks, windows
from interestdecay_lib._arguments import duration, floats, moment

LOG = pd.DataFrame(
    {
        "user_id": [1, 1, 2],
        "timestamp": pd.to_datetime(["1997-01-05", "1997-09-20", "1997-09-25"]),
        "value": 1.0,
    }
)
DAYS = st.dates(datetime.date(1700, 1, 1), datetime.date(2200, 12, 31))
GUESSED = "%d/%m/%Y|%m/%d/%Y|%d-%m-%Y|%d.%m.%Y|%d/%m/%y|%d %b %Y|%B %d, %Y|%Y/%m/%d|%Y|%b".split("|")

#: Every argument that is a moment.
MOMENTS = {
    "as_of": lambda t: event_log.as_of(LOG, t),
    "calibration_holdout cut": lambda t: tasks.calibration_holdout(LOG, t),
    "calibration_holdout end": lambda t: tasks.calibration_holdout(LOG, "1997-09-01", t),
    "observed_until": lambda t: tasks.calibration_holdout(LOG, "1997-09-01", observed_until=t),
    "event_features": lambda t: tasks.event_features(LOG, t),
    "event_task": lambda t: tasks.event_task(LOG, t, 1, 3),
    "weekly_counts": lambda t: tasks.weekly_counts(LOG, t, 3),
    "last_events": lambda t: windows.last_events(LOG, 2, t),
    "rolling_origins start": lambda t: tasks.rolling_origins(t, "1998-01-01", 4, 4),
    "rolling_origins end": lambda t: tasks.rolling_origins("1997-01-01", t, 4, 4),
    "decayed_sum": lambda t: interest.decayed_sum(LOG, t, "7D"),
    "DecayedCounter.add": lambda t: interest.DecayedCounter("7D").add(t),
    "DecayedCounter.value_at": lambda t: interest.DecayedCounter("7D").value_at(t),
    "DecayedCounter time": lambda t: interest.DecayedCounter("7D", 1.0, t),
    "fitting": lambda t: counts.rate_since_first(LOG, observed_until=t),
    "simulate_purchases": lambda t: datasets.simulate_purchases(LOG["timestamp"], 0.1, t),
}
#: Every argument that is a length of time.
LENGTHS = {
    "decayed_sum": lambda h: interest.decayed_sum(LOG, "1997-10-01", h),
    "decayed_sum, one of several": lambda h: interest.decayed_sum(LOG, "1997-10-01", ["7D", h]),
    "running_decayed_sum": lambda h: interest.running_decayed_sum(LOG, h),
    "DecayedCounter": lambda h: interest.DecayedCounter(h),
    "rolling_origins horizon": lambda h: tasks.rolling_origins("1997-01-01", "1997-03-01", h, 4),
    "rolling_origins step": lambda h: tasks.rolling_origins("1997-01-01", "1997-03-01", 4, h),
}


@given(DAYS)
def test_every_way_to_give_a_day_is_the_same_day(day):
    wanted = pd.Timestamp(day)
    same = [day.isoformat(), f" {day.isoformat()} ", day, datetime.datetime(*day.timetuple()[:3]), wanted]
    same += [np.datetime64(day), f"{day.isoformat()}T00:00", f"{day.isoformat()} 00:00:00", f"{day:%Y%m%d}"]
    assert {moment(given, "t") for given in same} == {wanted}


@given(DAYS, st.sampled_from(GUESSED))
def test_no_spelling_is_guessed(day, form):
    with pytest.raises(ValueError, match=r"^t must be a date such as '1997-10-01', got"):
        moment(day.strftime(form), "t")


@given(st.one_of(st.integers(), st.floats(), st.booleans(), st.none(), st.text(alphabet="abcdefnotwy")))
def test_numbers_words_and_nothing_are_no_moments(given):
    with pytest.raises(ValueError, match=r"^t must be a date"):
        moment(given, "t")


@pytest.mark.parametrize("given", ["1997-02-31", "1997-13-01", pd.NaT, np.datetime64("NaT"), ""])
def test_days_that_do_not_exist(given):
    with pytest.raises(ValueError, match="t must be a date"):
        moment(given, "t")


@pytest.mark.parametrize("given", ["1997-10-01T00:00Z", "1997-10-01 00:00+02:00", pd.Timestamp(0, tz="UTC")])
def test_a_moment_with_a_zone_is_the_same_instant_in_utc(given):
    assert moment(given, "t").tzinfo is None
    assert moment(given, "t").tz_localize("UTC") == pd.Timestamp(given)


@pytest.mark.parametrize("name", MOMENTS)
@pytest.mark.parametrize("given", ["01/10/1997", "1.10.1997", "oct", "now", 19971001, 875664000.0, True])
def test_no_function_guesses_a_moment(name, given):
    with pytest.raises((ValueError, TypeError), match=r"must be a date|times are dates"):
        MOMENTS[name](given)


@given(st.integers(1, 400), st.sampled_from(["D", " days", "h", "min", "W"]))
def test_a_length_with_its_unit(number, unit):
    assert duration(f"{number}{unit}", "h") == pd.Timedelta(f"{number}{unit}")


@given(st.integers(1, 10**6), st.sampled_from(["", " ", "  "]))
def test_a_text_without_unit_is_no_length(number, blank):
    for text in (f"{number}", f"{blank}{number}{blank}", f"{number}.5"):
        with pytest.raises(ValueError, match="has no unit"):
            duration(text, "h")


@pytest.mark.parametrize("name", LENGTHS)
@pytest.mark.parametrize("given", ["28", "7 ", "2.5", True, np.timedelta64(7)])
def test_no_function_takes_a_length_without_unit(name, given):
    with pytest.raises(ValueError, match="has no unit"):
        LENGTHS[name](given)


@pytest.mark.parametrize("given", ["0D", "-7D", pd.Timedelta(0), pd.NaT])
def test_a_length_is_longer_than_nothing(given):
    with pytest.raises(ValueError, match="longer than nothing"):
        duration(given, "h")


def test_a_number_counts_what_the_function_says():
    assert duration(4, "horizon", pd.Timedelta(weeks=1), "weeks") == pd.Timedelta("28D")
    with pytest.raises(ValueError, match="number of weeks"):
        duration("4", "horizon", pd.Timedelta(weeks=1), "weeks")


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float32", "Int64", "Float32", object])
def test_numbers_of_every_type_are_read_alike(dtype):
    np.testing.assert_array_equal(floats(pd.Series([1, 2, 3], dtype=dtype), "x"), [1.0, 2.0, 3.0])


def test_a_missing_number_of_pandas_is_nan_and_nothing_else_is_a_number():
    np.testing.assert_array_equal(floats(pd.Series([1, None], dtype="Int64"), "x"), [1.0, np.nan])
    times = pd.to_datetime(["2024-01-01"])
    masked, flags = np.ma.array([1, 2], mask=[0, 1]), pd.Series([True, None], dtype="boolean")
    for other in (["1"], [True], [None, 1.0], [1 + 2j], masked, times, times - times[0], flags, None, "1"):
        with pytest.raises(TypeError, match=r"^x must be (real|plain) numbers"):
            floats(other, "x")
