"""Tasks and windows against published numbers, brute-force loops, and logs whose future is changed."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interestdecay_lib import event_log, interest, tasks, windows
from interestdecay_lib.datasets import load_cdnow

CUT = pd.Timestamp("1997-10-01")
START = pd.Timestamp("1997-01-01")
END = pd.Timestamp("1998-07-01")


@pytest.fixture(scope="module")
def sample():
    return load_cdnow(sample=True)


@pytest.fixture(scope="module")
def task(sample):
    return tasks.event_task(sample, "1997-10-01", 39, 39, half_lives=[4, 26])


def log_of(rows, value=True):
    """A sorted log of (user, day since START, dollars)."""
    rows = sorted(rows, key=lambda row: row[:2])
    log = pd.DataFrame({"user_id": [r[0] for r in rows],
                        "timestamp": pd.DatetimeIndex([START + pd.Timedelta(days=r[1]) for r in rows])})
    return log.assign(value=[float(r[2]) for r in rows]) if value else log


def events(first_day, last_day, users=4, min_size=0, max_size=25):
    one = st.tuples(st.integers(0, users - 1), st.integers(first_day, last_day), st.integers(0, 50))
    return st.lists(one, min_size=min_size, max_size=max_size)


# -- published numbers ---------------------------------------------------------------------------------------


def test_calibration_equals_the_published_summary_of_every_customer(sample):
    folder = Path(find_spec("lifetimes").origin).parent / "datasets"
    published = pd.read_csv(folder / "cdnow_customers_summary.csv")
    numbers = pd.read_csv(folder / "CDNOW_sample.txt", sep=r"\s+", header=None, usecols=[0, 1])
    master = numbers.drop_duplicates().set_index(1)[0]      # the summary numbers its customers anew
    ours = tasks.calibration_holdout(sample, CUT).loc[master.loc[published["ID"]]]
    assert len(ours) == len(published) == 2357
    np.testing.assert_array_equal(ours["frequency"], published["frequency"])
    np.testing.assert_allclose(ours["recency"], published["recency"], rtol=0, atol=0.005)
    np.testing.assert_allclose(ours["T"], published["T"], rtol=0, atol=0.005)


def test_holdout_of_the_sample_as_published(sample):
    ours = tasks.calibration_holdout(sample, CUT, end="1998-07-01")
    assert ours["holdout"].sum() == 1882
    assert (ours["holdout"] > 0).sum() == 684
    assert ours["frequency"].sum() == 2457


def test_same_day_rows_of_the_whole_log():
    log = load_cdnow()
    merged = event_log.merge_same_day(log)
    assert len(log) - len(merged) == 2068
    assert merged["quantity"].sum() == log["quantity"].sum() == 167_881
    assert merged["value"].sum() == pytest.approx(log["value"].sum())
    assert not merged.duplicated(["user_id", "timestamp"]).any()


def test_the_task_agrees_with_calibration_and_holdout(sample, task):
    table = tasks.calibration_holdout(sample, CUT)
    np.testing.assert_array_equal(task.users, table.index)
    np.testing.assert_array_equal(task.counts, table["holdout"])
    np.testing.assert_array_equal(task.returned, table["holdout"] > 0)
    np.testing.assert_array_equal(task.features["event_days"], table["frequency"] + 1)
    np.testing.assert_array_equal(task.weekly[..., 0].sum(axis=1), table["frequency"] + 1)
    np.testing.assert_allclose(task.features["weeks_since_first"] - 1 / 7, table["T"])
    since = task.features["weeks_since_first"] - task.features["weeks_since_last"]
    np.testing.assert_allclose(since, table["recency"])


def test_decayed_columns_equal_the_decayed_sum_of_interest(sample, task):
    past = event_log.merge_same_day(event_log.as_of(sample, CUT))
    expected = interest.decayed_sum(past, at=CUT, half_life=["28D", "182D"])
    np.testing.assert_allclose(task.features["decayed_4w"], expected["28D"], rtol=1e-12)
    np.testing.assert_allclose(task.features["decayed_26w"], expected["182D"], rtol=1e-12)


# -- nothing looks ahead -------------------------------------------------------------------------------------


def inputs_at(log, cut, users):
    """Everything a model may be given at the cut, as plain arrays."""
    task = tasks.event_task(log, cut, horizon_weeks=2, history_weeks=6, half_lives=[3],
                                   observed_until=cut + pd.Timedelta(weeks=40))
    values, mask = windows.last_events(log, 3, cut, columns=["age", "gap", "value"], users=users)
    table = tasks.calibration_holdout(log, cut)[["frequency", "recency", "T"]]
    return [task.users, task.weekly, task.features.to_numpy(), values, mask, table.to_numpy(),
            event_log.as_of(log, cut)["value"].to_numpy()]


@settings(max_examples=60)
@given(past=events(0, 41, min_size=1), future=events(42, 120, min_size=1), other=events(42, 120, min_size=1))
def test_changing_the_future_changes_no_input(past, future, other):
    cut = START + pd.Timedelta(days=42)                                # an event on day 42 is future
    for one, two in zip(inputs_at(log_of(past + future), cut, range(4)),
                        inputs_at(log_of(past + other), cut, range(4)), strict=True):
        np.testing.assert_array_equal(one, two)


@settings(max_examples=30)
@given(past=events(0, 41, min_size=1), more=st.integers(0, 41))
def test_changing_the_past_changes_the_inputs(past, more):
    cut = START + pd.Timedelta(days=42)
    future = [(0, 60, 1)]
    before = inputs_at(log_of(past + future), cut, range(4))
    after = inputs_at(log_of([*past, (1, more, 7), *future]), cut, range(4))
    assert len(before[-1]) + 1 == len(after[-1])
    assert before[1].shape != after[1].shape or not np.array_equal(before[1], after[1])


def test_the_target_is_the_future_and_only_the_future():
    log = log_of([(0, 0, 1), (0, 41, 1), (0, 42, 1), (0, 42, 1), (0, 55, 1), (0, 56, 1), (1, 43, 1)])
    task = tasks.event_task(log, START + pd.Timedelta(days=42), horizon_weeks=2, history_weeks=6)
    assert task.users.tolist() == [0]                                  # user 1 is not known at the cut
    assert task.counts.tolist() == [2.0]                            # days 42 and 55, not 41, not 56
    assert task.weekly[0, :, 0].tolist() == [1, 0, 0, 0, 0, 1]


# -- brute force ---------------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(rows=events(0, 60, min_size=1), weeks=st.integers(1, 6), shift=st.integers(-8, 30))
def test_weekly_counts_equal_a_loop(rows, weeks, shift):
    start = START + pd.Timedelta(days=shift)
    users = [3, 1, 0, 9]
    days, dollars = np.zeros((4, weeks)), np.zeros((4, weeks))
    for row, user in enumerate(users):
        for week in range(weeks):
            inside = [r for r in rows if r[0] == user and shift + 7 * week <= r[1] <= shift + 7 * week + 6]
            days[row, week] = len({r[1] for r in inside})
            dollars[row, week] = sum(r[2] for r in inside)
    log = log_of(rows)
    np.testing.assert_array_equal(tasks.weekly_counts(log, start, weeks, users), days)
    np.testing.assert_allclose(tasks.weekly_counts(log, start, weeks, users, value="value"), dollars)


@settings(max_examples=100)
@given(rows=events(0, 80, min_size=1), cut_day=st.integers(1, 80))
def test_features_and_holdout_equal_a_loop(rows, cut_day):
    log, cut = log_of(rows), START + pd.Timedelta(days=cut_day)
    known = sorted({r[0] for r in rows if r[1] < cut_day})
    if not known or max(r[1] for r in rows) < cut_day:
        with pytest.raises(ValueError, match=r"nothing is known|is empty"):
            tasks.calibration_holdout(log, cut)
        return
    features = tasks.event_features(log, cut, half_lives=[2.5])
    table = tasks.calibration_holdout(log, cut)
    assert features.index.tolist() == table.index.tolist() == known
    for user in known:
        days = sorted({r[1] for r in rows if r[0] == user and r[1] < cut_day})
        dollars = sum(r[2] for r in rows if r[0] == user and r[1] < cut_day)
        ages = [(cut_day - day) / 7 for day in days]
        assert features.loc[user].tolist() == pytest.approx(
            [ages[-1], len(days), dollars / len(days), ages[0], sum(2 ** (-age / 2.5) for age in ages)])
        later = len({r[1] for r in rows if r[0] == user and r[1] >= cut_day})
        assert table.loc[user].tolist() == pytest.approx(
            [len(days) - 1, (days[-1] - days[0]) / 7, (cut_day - 1 - days[0]) / 7, later])


@settings(max_examples=100)
@given(rows=events(0, 80, min_size=1), cut_day=st.integers(1, 80), length=st.integers(1, 5))
def test_last_events_equal_a_loop(rows, cut_day, length):
    log, cut = log_of(rows), START + pd.Timedelta(days=cut_day)
    users = [2, 0, 7]
    if not any(r[1] < cut_day for r in rows):
        with pytest.raises(ValueError, match="nothing is known"):
            windows.last_events(log, length, cut)
        return
    values, mask = windows.last_events(log, length, cut, columns=["age", "gap"], users=users)
    for row, user in enumerate(users):
        days = sorted(r[1] for r in rows if r[0] == user and r[1] < cut_day)
        expected = [((cut_day - day) / 7, (day - before) / 7)
                    for before, day in zip(days[:1] + days, days, strict=False)][-length:]
        assert mask[row].tolist() == [False] * (length - len(expected)) + [True] * len(expected)
        np.testing.assert_allclose(values[row, mask[row]], np.reshape(expected, (-1, 2)))
        assert (values[row, ~mask[row]] == 0).all()


@settings(max_examples=100)
@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=6), length=st.integers(1, 4),
       channels=st.integers(0, 2))
def test_event_windows_equal_a_loop(sizes, length, channels):
    groups = np.repeat([f"u{7 * k % 10}{k}" for k in range(len(sizes))], sizes)        # not in sorted order
    shape = (len(groups), channels) if channels else (len(groups),)
    values = np.random.default_rng(len(groups)).normal(size=shape)
    inside, targets = [], []
    for i in range(len(groups) - length):
        if len(set(groups[i:i + length + 1])) == 1:
            inside.append(values[i:i + length])
            targets.append(values[i + length])
    if not inside:
        with pytest.raises(ValueError, match=f"longest of the {len(sizes)} users has {max(sizes)} events"):
            windows.event_windows(groups, values, length)
        return
    X, y = windows.event_windows(groups, values, length)
    np.testing.assert_array_equal(X, np.array(inside))
    np.testing.assert_array_equal(y, np.array(targets))


@settings(max_examples=100)
@given(steps=st.integers(1, 12), length=st.integers(1, 6), horizon=st.integers(1, 4),
       shape=st.sampled_from(["one", "several", "channels"]))
def test_sliding_windows_equal_a_loop(steps, length, horizon, shape):
    values = np.arange(2 * steps * 3).reshape(2, steps, 3)
    values = {"one": values[0, :, 0], "several": values[..., 0], "channels": values}[shape]
    if steps < length + horizon:
        with pytest.raises(ValueError, match=f"need {length + horizon} steps, the series has {steps}"):
            windows.sliding_windows(values, length, horizon)
        return
    X, y = windows.sliding_windows(values, length, horizon)
    several = values[None] if shape == "one" else values
    expected_X = np.array([[s[i:i + length] for i in range(steps - length - horizon + 1)] for s in several])
    expected_y = np.array([[s[i + length + horizon - 1] for i in range(steps - length - horizon + 1)]
                           for s in several])
    np.testing.assert_array_equal(X, expected_X[0] if shape == "one" else expected_X)
    np.testing.assert_array_equal(y, expected_y[0] if shape == "one" else expected_y)


def test_windows_are_read_only_views():
    series = np.arange(10.0)
    X, y = windows.sliding_windows(series, 3)
    assert np.shares_memory(X, series) and np.shares_memory(y, series)
    with pytest.raises(ValueError, match="read-only"):
        y[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        X[0, 0] = 1.0
    series[0] = 5.0                                                    # the caller's array stays writeable


def test_the_week_of_the_first_purchase_opens_the_mask():
    log = log_of([(user, day, 1) for user, day in enumerate([0, 6, 7, 34, 35, 41])] + [(0, 60, 1)])
    task = tasks.event_task(log, START + pd.Timedelta(days=42), horizon_weeks=2, history_weeks=6)
    assert task.weekly[..., 2].sum(axis=1).tolist() == [6, 6, 5, 2, 1, 1]
    assert (task.weekly[..., 0] <= task.weekly[..., 2]).all()          # no purchase before one is a customer


def test_history_may_reach_back_before_the_log():
    log = log_of([(0, 0, 3), (0, 30, 1)])
    task = tasks.event_task(log, START + pd.Timedelta(days=14), horizon_weeks=2, history_weeks=5)
    assert task.weekly[0, :, 0].tolist() == [0, 0, 0, 1, 0]
    assert task.weekly[0, :, 2].tolist() == [0, 0, 0, 1, 1]
    assert task.weekly[0, 3, 1] == pytest.approx(np.log(4))


def test_take_keeps_rows_together(task):
    rows = [5, 0, 1999]
    part = task.take(rows)
    assert len(part) == 3 and part.horizon_weeks == 39 and part.cut == CUT
    for name in ("users", "weekly", "returned", "counts"):
        np.testing.assert_array_equal(getattr(part, name), getattr(task, name)[rows])
    np.testing.assert_array_equal(part.features.index, part.users)
    with pytest.raises(IndexError):
        task.take([len(task)])


# -- splits and origins --------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(n=st.integers(20, 500), seed=st.integers(0, 3))
def test_every_user_is_in_exactly_one_group(n, seed):
    groups = tasks.split_users(n, seed=seed)
    assert sorted(np.concatenate(groups).tolist()) == list(range(n))
    for group, share in zip(groups, (0.5, 0.1, 0.4), strict=True):
        assert abs(len(group) - share * n) <= 1
    np.testing.assert_array_equal(np.concatenate(groups), np.random.default_rng(seed).permutation(n))


@settings(max_examples=60)
@given(weeks=st.integers(2, 40), horizon=st.integers(1, 12), step=st.integers(1, 9))
def test_origins_never_look_past_the_end_and_miss_none(weeks, horizon, step):
    end = START + pd.Timedelta(weeks=weeks)
    if horizon > weeks:
        with pytest.raises(ValueError, match="observed only until"):
            tasks.rolling_origins(START, end, horizon, step)
        return
    origins = tasks.rolling_origins(START, end, horizon, f"{7 * step}D")
    assert all(target_end - cut == pd.Timedelta(weeks=horizon) for cut, target_end in origins)
    assert origins[-1][1] <= end < origins[-1][1] + pd.Timedelta(weeks=step)
    assert [cut for cut, _ in origins] == [START + k * pd.Timedelta(weeks=step) for k in range(len(origins))]


# -- errors --------------------------------------------------------------------------------------------------

LOG = log_of([(0, 0, 1), (0, 20, 2), (1, 3, 4), (1, 50, 8)])


@pytest.mark.parametrize(("change", "message"), [
    (lambda log: log.drop(columns="timestamp"), "missing: timestamp"),
    (lambda log: log.assign(timestamp=log["timestamp"].astype(str)), "timestamp must be datetime64"),
    (lambda log: log.assign(timestamp=log["timestamp"].dt.tz_localize("UTC")), "without time zone"),
    (lambda log: log.assign(timestamp=log["timestamp"].where(log["value"] > 1)), "1 events without a time"),
    (lambda log: log.assign(user_id=log["user_id"].where(log["value"] > 1)), "1 of 4 .* no user_id"),
    (lambda log: log.iloc[[1, 0, 2, 3]], "not sorted.*1 rows"),
    (lambda log: log.iloc[[2, 3, 0, 1]], "not sorted.*1 rows"),
])
def test_every_function_of_a_log_refuses_a_bad_one(change, message):
    bad = change(LOG)
    for use in (lambda: event_log.as_of(bad, "1997-02-01"), lambda: event_log.merge_same_day(bad),
                lambda: tasks.calibration_holdout(bad, "1997-02-01"),
                lambda: tasks.weekly_counts(bad, START, 3),
                lambda: tasks.event_features(bad, "1997-02-01"),
                lambda: tasks.event_task(bad, "1997-02-01", 2, 4),
                lambda: windows.last_events(bad, 2, "1997-02-01")):
        with pytest.raises(ValueError, match=message):
            use()


@pytest.mark.parametrize(("use", "message"), [
    (lambda: event_log.as_of(LOG, "soon"), "cut must be a date"),
    (lambda: tasks.event_features(LOG, "1997-02-01 12:00"), "cut must be a whole day"),
    (lambda: tasks.event_features(LOG, START), "nothing is known at the cut 1997-01-01"),
    (lambda: tasks.event_features(LOG.iloc[:0], START), "the log is empty"),
    (lambda: tasks.event_features(LOG, "1997-02-01", [0]), "half_life"),
    (lambda: tasks.calibration_holdout(LOG, "1997-02-21"), "is empty; .* observed until 1997-02-21"),
    (lambda: tasks.calibration_holdout(LOG, "1997-02-01", end="1997-01-20"), "is empty"),
    (lambda: tasks.calibration_holdout(LOG, "1997-02-01", end="1997-02-22"), "1 days of the future"),
    (lambda: tasks.calibration_holdout(LOG, "1997-02-01", observed_until="1997-02-20"),
     "holds an event on 1997-02-20"),
    (lambda: tasks.event_task(LOG, "1997-02-01", 3, 4), "1 days of the future are unknown"),
    (lambda: tasks.event_task(LOG, "1997-02-01", 0, 4), "horizon_weeks must be a whole number"),
    (lambda: tasks.event_task(LOG, "1997-02-01", 2, 1.5), "history_weeks must be a whole number"),
    (lambda: tasks.event_task(LOG.drop(columns="value"), "1997-02-01", 2, 4), "needs a column value"),
    (lambda: tasks.event_task(LOG.assign(value=-LOG["value"]), "1997-02-01", 2, 4),
     "3 events have a negative or missing value; decide what refunds mean"),
    (lambda: tasks.weekly_counts(LOG, START, 3, users=[0, 0]), "1 are named more than once"),
    (lambda: tasks.weekly_counts(LOG, START, 3, value="price"), "no column 'price'"),
    (lambda: tasks.weekly_counts(LOG, START, True), "weeks must be a whole number"),
    (lambda: windows.last_events(LOG, 2, "1997-02-01", users=[1, 1]), "1 are named more than once"),
    (lambda: windows.last_events(LOG, 2, "1997-02-01", columns=["price"]), "no column 'price'"),
    (lambda: tasks.split_users(10, (0.5, 0.4)), "sum to 1"),
    (lambda: tasks.split_users(10, (1.2, -0.2)), "must be positive"),
    (lambda: tasks.split_users(2), "a group would be empty"),
    (lambda: windows.event_windows([1, 2, 1], [1, 2, 3], 1), "2 users come in 3 pieces"),
    (lambda: windows.event_windows([1, 1], [1, 2, 3], 1), "one entry for each event"),
    (lambda: windows.event_windows([], [], 1), "longest of the 0 users has 0 events"),
    (lambda: windows.sliding_windows(3.0, 1), "single number"),
    (lambda: windows.sliding_windows([1, 2], 0), "length must be a whole number"),
    (lambda: tasks.rolling_origins(START, END, "a while", 4),
     "horizon='a while' is not a length of time; give a number of weeks"),
    (lambda: tasks.rolling_origins(START, END, 4, 0), "step must be longer than nothing"),
])
def test_errors_say_what_is_wrong(use, message):
    with pytest.raises(ValueError, match=message):
        use()


def test_the_articles_six_rows_give_no_window():
    """001_9fe936743b4be437.txt, section 4.4: two users with three events each, windows of three."""
    with pytest.raises(ValueError, match="longest of the 2 users has 3 events"):
        windows.event_windows([1, 1, 1, 2, 2, 2], [1001, 1002, 1003, 1004, 1005, 1006], 3)


def test_observation_may_end_later_than_the_last_event():
    one = log_of([(0, 0, 1), (0, 10, 2)])
    with pytest.raises(ValueError, match="days of the future are unknown"):
        tasks.event_task(one, "1997-01-15", 2, 2)
    task = tasks.event_task(one, "1997-01-15", 2, 2, observed_until="1997-01-29")
    assert task.counts.tolist() == [0.0]
