"""The contract of a log: whatever the type of its users and the zone of its days, all rooms see one log."""

import datetime
import zoneinfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interestdecay_lib import interest, tasks, windows
from interestdecay_lib.event_log import as_of, by_group_then_time, checked, merge_same_day

NAMES = ["ann", "bob", "Cem", "ду", "7"]
EVENTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 60 * 24)), min_size=1, max_size=25)
START = pd.Timestamp("2024-05-01")

#: Ways to write the same five users; each keeps their order.
TYPES = {
    "int64": lambda users: users,
    "uint8": lambda users: users.astype("uint8"),
    "Int64": lambda users: users.astype("Int64"),
    "float": lambda users: users.astype(float),
    "text": lambda users: users.map(dict(enumerate(sorted(NAMES)))),
    "string": lambda users: users.map(dict(enumerate(sorted(NAMES)))).astype("string"),
    "category, sorted": lambda users: users.map(dict(enumerate(sorted(NAMES)))).astype("category"),
    "category, as listed": lambda users: pd.Series(pd.Categorical.from_codes(users, NAMES), users.index),
    "date": lambda users: START + pd.to_timedelta(users, unit="D"),
}
#: Some midnights are skipped by the clock (São Paulo until 2018, Beirut); both ends of the day line.
ZONES = ["Asia/Tokyo", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Pago_Pago",
         "+09:00", "Europe/Berlin", "Asia/Beirut", "America/Sao_Paulo"]


def log_of(events, hours=1):
    rows = sorted((user, START + pd.Timedelta(hours=hour * hours)) for user, hour in events)
    log = pd.DataFrame(rows, columns=["user_id", "timestamp"])
    return log.assign(value=np.arange(1.0, len(log) + 1))


def arrays(log, cut):
    """What the rooms make of a log, as plain arrays."""
    task = tasks.event_task(log, cut, 2, 5, half_lives=[3, "10D"])
    table = tasks.calibration_holdout(log, cut)
    known = as_of(log, cut)
    return {
        "weekly": task.weekly, "features": task.features.to_numpy(), "purchases": task.counts,
        "summary": table.to_numpy(), "known": known["value"].to_numpy(),
        "days": merge_same_day(log)["value"].to_numpy(),
        "grid": tasks.weekly_counts(log, START, 6, value="value"),
        "windows": np.nan_to_num(windows.last_events(log, 3, cut, ["age", "gap", "value"])[0]),
        "interest": interest.decayed_sum(known, cut, ["3D", "40D"]).to_numpy(),
        "running": interest.running_decayed_sum(log, "3D").to_numpy(),
    }


@pytest.mark.parametrize("kind", TYPES)
@settings(max_examples=15, deadline=None)
@given(events=EVENTS)
def test_the_type_of_the_users_changes_nothing(kind, events):
    log = log_of([(0, 0), *events, (4, 60 * 24)])
    cut = START + pd.Timedelta(days=20)
    wanted = arrays(log, cut)
    found = arrays(log.assign(user_id=TYPES[kind](log["user_id"])), cut)
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, err_msg=name)


@settings(max_examples=60, deadline=None)
@given(order=st.permutations(NAMES), events=EVENTS)
def test_categories_may_be_listed_in_any_order(order, events):
    """Sorted as the categories are listed, or by their names: both are sorted logs."""
    log = log_of(events)
    by_list = log.assign(user_id=pd.Categorical.from_codes(log["user_id"], order))
    names = log["user_id"].map(dict(enumerate(sorted(NAMES))))
    by_name = log.assign(user_id=pd.Categorical(names, categories=order))
    for written in (by_list, by_name):
        found = checked(written)
        assert found.users.tolist() == list(dict.fromkeys(written["user_id"]))
        assert found.count.tolist() == written.groupby("user_id", sort=False, observed=True).size().tolist()
        assert found.code.tolist() == log.groupby("user_id").ngroup().tolist()


# -- days are counted in the zone of the log -----------------------------------------------------------------


@pytest.mark.parametrize("zone", ZONES)
@settings(max_examples=15, deadline=None)
@given(events=EVENTS)
def test_a_log_of_another_zone_is_the_log_that_its_wall_clock_shows(zone, events):
    """The same events written with local clock times, as a log without zone, give the same numbers."""
    log = log_of([(0, 0), *events, (4, 60 * 24)])
    local = log["timestamp"].dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
    cut = "2024-05-21"
    found, wanted = (arrays(one, cut) for one in (log.assign(timezone=zone), log.assign(timestamp=local)))
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("zone", ZONES)
@settings(max_examples=40, deadline=None)
@given(events=EVENTS)
def test_days_equal_those_of_the_standard_library(zone, events):
    log = log_of(events, hours=41).assign(timezone=zone)             # seven years, many changes of the clock
    clock = datetime.timezone(datetime.timedelta(hours=9)) if zone[0] == "+" else zoneinfo.ZoneInfo(zone)
    wanted = [time.tz_localize("UTC").to_pydatetime().astimezone(clock).date() for time in log["timestamp"]]
    assert checked(log).day.astype("datetime64[D]").tolist() == wanted


def test_an_event_at_breakfast_on_the_day_of_the_cut_is_future_in_tokyo():
    times = pd.to_datetime(["2023-12-30 02:00", "2023-12-31 22:00"])    # 07:00 on 1 January
    log = pd.DataFrame({"user_id": 1, "timestamp": times, "timezone": "Asia/Tokyo"})
    assert tasks.calibration_holdout(log, "2024-01-01").iloc[0][["frequency", "holdout"]].tolist() == [0, 1]
    assert len(as_of(log, "2024-01-01")) == 1
    assert len(as_of(log.drop(columns="timezone"), "2024-01-01")) == 2
    midnight = pd.Timestamp("2024-01-01", tz="Asia/Tokyo")
    sums = interest.decayed_sum(as_of(log, midnight), "2024-01-01", "1D")
    assert sums.tolist() == pytest.approx([2 ** -(37 / 24)])


def test_a_clock_time_without_zone_is_not_guessed_in_a_log_of_another_zone():
    log = log_of([(0, 0), (0, 200)]).assign(timezone="Asia/Tokyo")
    noon = "2024-06-03 12:00"
    for ask in (lambda: as_of(log, noon), lambda: interest.decayed_sum(log, noon, "1D")):
        with pytest.raises(ValueError, match=r"has a clock time and no zone, .* Asia/Tokyo"):
            ask()
    aware = pd.Timestamp("2024-05-03 12:00", tz="UTC")
    assert len(as_of(log, aware)) == len(as_of(log.drop(columns="timezone"), "2024-05-03 12:00"))


def test_midnight_that_the_clock_skips_is_the_first_moment_of_its_day():
    times = pd.to_datetime(["2017-10-15 02:30", "2017-10-15 03:30"])    # 23:30 the day before, and 01:30
    log = pd.DataFrame({"user_id": 1, "timestamp": times, "timezone": "America/Sao_Paulo"})
    assert len(as_of(log, "2017-10-15")) == 1
    assert tasks.rfm_summary(log, "2017-10-15")["T"].tolist() == [0.0]


@pytest.mark.parametrize(("zones", "message"), [
    (["Asia/Tokyo", "UTC"], "counted in one zone, but timezone holds 2"),
    (["winter", "winter"], "timezone='winter' is no time zone"),
])
def test_a_zone_that_is_none(zones, message):
    log = log_of([(0, 0), (0, 5)]).assign(timezone=zones)
    for ask in (merge_same_day, lambda log: interest.decayed_sum(log, "2025-01-01", "1D")):
        with pytest.raises(ValueError, match=message):
            ask(log)


def test_utc_is_no_other_zone():
    log = log_of([(0, 0), (0, 5), (1, 700)])
    pd.testing.assert_frame_equal(merge_same_day(log.assign(timezone="UTC")), merge_same_day(log))


def test_a_cut_between_two_nanoseconds():
    times = pd.DatetimeIndex(np.array([1_000_000_000_500, 1_000_000_000_800], "datetime64[ns]"))
    log = pd.DataFrame({"user_id": 1, "timestamp": times})
    assert len(as_of(log, pd.Timestamp(1_000_000_000_700))) == 1


@pytest.mark.parametrize(("change", "message"), [
    (lambda log: log.to_dict(), "an event log is a pandas DataFrame, got dict"),
    (lambda log: log.rename(columns={"user_id": "user"}), "missing: user_id"),
    (lambda log: log.assign(timestamp="2024-05-01"), "datetime64 without time zone"),
    (lambda log: log.assign(user_id=[1, None]), "1 of 2 events have no user_id"),
    (lambda log: log.assign(timestamp=[log["timestamp"][0], pd.NaT]), "1 events without a timestamp"),
    (lambda log: log.iloc[::-1], "not sorted by user_id, then timestamp: 1 rows"),
    (lambda log: log.set_axis(["user_id", "timestamp", "timestamp"], axis=1), "several columns"),
])
def test_what_is_no_log(change, message):
    with pytest.raises(ValueError, match=message):
        checked(change(log_of([(0, 0), (0, 5)])))


def test_an_empty_log_says_so():
    empty = log_of([(0, 0)]).iloc[:0]
    assert len(checked(empty)) == 0 and merge_same_day(empty).empty
    with pytest.raises(ValueError, match="the log is empty"):
        tasks.rfm_summary(empty, "2024-05-01")
    with pytest.raises(ValueError, match="the log is empty"):
        tasks.forecast_task(empty, 1, 1)


@given(st.data())
def test_the_order_by_group_then_time_is_that_of_lexsort(data):
    """Few and many groups, few and many instants (one key, counted out, two keys), ties as the rows stand."""
    size = data.draw(st.integers(0, 60))
    groups = data.draw(st.sampled_from([1, 5, 100, 2**40]))
    instants = data.draw(st.sampled_from([1, 3, 1_000, 2**44, 2**59, 2**63 - 1]))
    unit = data.draw(st.sampled_from([1, 1_000_000])) if instants < 2**30 else 1
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    group = rng.integers(-groups // 2, groups, size)
    time = rng.integers(-instants, instants, size) * unit
    kept = group.copy(), time.copy()
    assert by_group_then_time(group, time).tolist() == np.lexsort((time, group)).tolist()
    assert (group == kept[0]).all() and (time == kept[1]).all()
