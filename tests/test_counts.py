"""What is counted, against loops over customers and against all pairs of clicks and later impressions."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from interestdecay_lib import counts, datasets, decay, fitting
from interestdecay_lib.counts import BinnedCounts, response_kernel

# --- impressions and clicks --------------------------------------------------------------------------------

IMPRESSIONS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 40), st.booleans()), min_size=2, max_size=60
).map(lambda rows: np.array(sorted(rows), dtype=float).T)


def pairs(user, time, clicked):
    """(impression, age) of every earlier click of the same user, one by one."""
    return [
        (i, time[i] - time[j])
        for i in range(len(user))
        for j in range(len(user))
        if user[i] == user[j] and clicked[j] and time[j] < time[i]
    ]


@given(IMPRESSIONS)
@settings(deadline=None)
def test_the_table_of_earlier_clicks_is_that_of_all_pairs(rows):
    user, time, clicked = rows
    expected = pairs(*rows)
    if not expected:
        with pytest.raises(ValueError, match="no click has an impression"):
            response_kernel(user, time, clicked)
        return
    data = response_kernel(user, time, clicked)
    ages = sorted({age for _, age in expected})
    assert data.age.tolist() == ages
    table = np.zeros((len(user), len(ages)))
    for i, age in expected:
        table[i, ages.index(age)] += 1
    np.testing.assert_array_equal(data.history.toarray(), table)


@given(IMPRESSIONS)
# one is busy, all at one instant
@example((np.array([0] * 5 + [1, 1]), np.array([0.0] * 6 + [1.0]), np.array([1] * 6 + [0])))
@settings(deadline=None)
def test_of_busy_users_the_table_is_that_of_all_pairs_in_lag_bins(rows):
    """With four lag bins, who clicked more than four times is busy."""
    user, time, clicked = rows
    expected = pairs(*rows)
    if not expected:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counts, "_LAG_RATIO", 2.0)
        patch.setattr(counts, "_LAG_RANGE", 15.0)
        data = response_kernel(user, time, clicked)
    busy = {u for u in set(user) if clicked[user == u].sum() > 4}
    exact = sorted({age for i, age in expected if user[i] not in busy})
    assert data.age[: len(exact)].tolist() == exact
    calm = np.zeros((len(user), len(exact)))
    for i, age in expected:
        if user[i] not in busy:
            calm[i, exact.index(age)] += 1
    np.testing.assert_array_equal(data.history.toarray()[:, : len(exact)], calm)
    ages = np.array([age for i, age in expected if user[i] in busy])
    if len(ages):
        # a lag on an edge belongs to the shorter bin
        bins = np.digitize(ages, ages.max() * np.array([0, 1, 2, 4, 8]) / 8, right=True) - 1
        table = np.zeros((len(user), 4))
        np.add.at(table, ([i for i, _ in expected if user[i] in busy], bins), 1)
        used = table.sum(axis=0) > 0
        np.testing.assert_array_equal(data.history.toarray()[:, len(exact):], table[:, used])
        means = [ages[bins == b].mean() for b in np.flatnonzero(used)]
        np.testing.assert_allclose(data.age[len(exact):], means)


def test_lag_bins_leave_the_fit_what_it_is(monkeypatch):
    log = datasets.simulate_responses(20, impressions=800, half_life=7, intercept=-2.0, weight=0.5, seed=1)
    columns = log["user_id"], log["day"], log["clicked"]
    binned = response_kernel(*columns)
    pairs = int((log.groupby("user_id")["clicked"].cumsum() - log["clicked"]).sum())
    assert binned.history.nnz < 0.4 * pairs and binned.history.sum() > 0.99 * pairs
    monkeypatch.setattr(counts, "_LAG_RATIO", 1.01)  # more bins than clicks: exact
    exact = response_kernel(*columns)
    assert len(exact.age) > 1e5
    ours, right = (fitting.fit_decay(data) for data in (binned, exact))
    assert ours.half_life == pytest.approx(right.half_life, rel=0.01)
    assert ours.log_likelihood == pytest.approx(right.log_likelihood, abs=1.5)
    assert right.half_life == pytest.approx(7, rel=0.15) and right.trustworthy


def test_a_robot_costs_no_more_an_impression_than_anybody():
    rng = np.random.default_rng(0)
    n = 20_000
    data = response_kernel(np.ones(n), np.cumsum(rng.exponential(0.05, n)), rng.random(n) < 0.05)
    assert data.history.nnz <= 121 * n and len(data.age) <= 121
    # all pairs are counted, each click by each later impression
    clicked = data.outcome
    assert data.history.sum() == (np.cumsum(clicked) - clicked).sum()


@pytest.mark.parametrize(("unit", "hours"), [("hours", 1), ("days", 24), ("weeks", 168)])
def test_a_log_of_impressions_is_its_arrays(unit, hours):
    simulated = datasets.simulate_responses(30, impressions=20, seed=3)
    stamp = (pd.Timestamp("2024-01-01") + pd.to_timedelta(simulated["day"], "D")).dt.as_unit("us")
    log = pd.DataFrame({"user_id": simulated["user_id"], "timestamp": stamp})
    log["bought"] = simulated["clicked"] == 1
    by_log = response_kernel(log, clicked="bought", unit=unit)
    by_array = response_kernel(log["user_id"], simulated["day"] * 24 / hours, simulated["clicked"], unit)
    np.testing.assert_allclose(np.sort(by_log.age), np.sort(by_array.age), atol=1e-9)
    np.testing.assert_array_equal(by_log.outcome, by_array.outcome)
    half_lives = [fitting.fit_decay(data).half_life for data in (by_log, by_array)]
    assert half_lives[0] == pytest.approx(half_lives[1], rel=1e-3)


def test_impressions_of_a_log_are_checked():
    times = pd.to_datetime(["2024-01-01", "2024-01-02"])
    log = pd.DataFrame({"user_id": 1, "timestamp": times, "clicked": [1, 0]})
    assert len(response_kernel(log).outcome) == 2
    for given_, kind, message in (
        ((log, "clicked"), TypeError, "the times are its own"),
        ((log, None, "bought"), ValueError, "must name a column"),
        ((log, None, [1, 0]), ValueError, "must name a column"),
        ((log.iloc[::-1],), ValueError, "not sorted"),
        ((log.iloc[:0],), ValueError, "empty"),
        ((log.drop(columns="timestamp"),), ValueError, "missing: timestamp"),
        ((log.assign(clicked=["1", "0"]),), TypeError, "clicked must be real numbers"),
        ((log.assign(clicked=[1, 2]),), ValueError, "0 or 1, got 2"),
        ((log, None, "clicked", "apples"), ValueError, "unit must be one of hours, days, weeks"),
        (([1, 1], [0, 1], [1, 0], "apples"), ValueError, "unit must be one of hours, days, weeks"),
        (([1, 1], [0, 1], ["1", "0"]), TypeError, "clicked must be real numbers"),
        (([1, 1],), TypeError, "three arrays"),
    ):
        with pytest.raises(kind, match=message):
            response_kernel(*given_)


# --- hours -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plays():
    """12 listeners over three days, several plays an hour."""
    rng = np.random.default_rng(4)
    minutes = [np.sort(rng.integers(0, 3 * 1440, size=rng.integers(2, 40))) for _ in range(12)]
    return pd.DataFrame({
        "user_id": np.repeat(np.arange(12), [len(own) for own in minutes]),
        "timestamp": pd.Timestamp("2024-03-01 07:10") + pd.to_timedelta(np.concatenate(minutes), "min"),
    })


def by_user(plays):
    start = plays["timestamp"].min().floor("h")
    hour = (plays["timestamp"] - start) // pd.Timedelta("1h")
    return [sorted(set(own)) for _, own in hour.groupby(plays["user_id"])], int(hour.max()) + 1


def test_rates_and_hazards_by_the_hour_are_what_a_loop_counts(plays):
    K = 30
    rate = counts.rate_since_first(plays, K, "hours")
    hazard = counts.hazard_since_last(plays, K, "hours")
    lives, end = by_user(plays)
    for row, hours in enumerate(lives):
        at_risk, ended = np.zeros(K), np.zeros(K)
        for k in range(1, K + 1):
            watched = hours[0] + k < end
            assert rate.exposure[row, k - 1] == watched
            assert rate.events[row, k - 1] == (watched and hours[0] + k in hours)
        for hour, following in zip(hours, [*hours[1:], None], strict=True):
            for k in range(1, K + 1):
                if hour + k >= end or (following is not None and following < hour + k):
                    break
                at_risk[k - 1] += 1
                ended[k - 1] += following == hour + k
        np.testing.assert_array_equal(hazard.exposure[row], at_risk)
        np.testing.assert_array_equal(hazard.events[row], ended)


def test_the_kernel_by_the_hour_is_what_a_loop_counts(plays):
    data = counts.interest_kernel(plays, "hours")
    lives, end = by_user(plays)
    curve = decay.Exponential(5)
    expected = 0.0
    for hours in lives:
        for hour in range(hours[0] + 1, end):
            mean = 0.01 + sum(0.2 * curve(hour - earlier) for earlier in hours if earlier < hour)
            expected += np.log(mean) * (hour in hours) - mean
    found = data.sums(np.ones(12)).likelihood(0.2 * curve(data.age), 0.01)[0]
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_end_of_hours(plays):
    last = plays["timestamp"].max().floor("h")
    later = counts.rate_since_first(plays, 20, "hours", observed_until=last + pd.Timedelta("9h"))
    assert later.exposure.sum() >= counts.rate_since_first(plays, 20, "hours").exposure.sum()
    for bad in (last, last + pd.Timedelta("90min")):
        with pytest.raises(ValueError, match="first whole hour that is no longer observed"):
            counts.rate_since_first(plays, 20, "hours", observed_until=bad)


def test_a_half_life_of_hours_is_found():
    """Plays at a rate that halves every six hours after the first one."""
    rng = np.random.default_rng(1)
    rate = 0.5 * decay.Exponential(6)(np.arange(48) + 0.5)
    hours = [np.append(0, 1 + np.flatnonzero(rng.random(48) < rate)) for _ in range(800)]
    time = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.concatenate(hours), "h")
    log = pd.DataFrame({"user_id": np.repeat(np.arange(800), [len(h) for h in hours]), "timestamp": time})
    fit = fitting.fit_decay(counts.rate_since_first(log, 48, "hours"))
    assert fit.half_life == pytest.approx(6, rel=0.1)
    assert fit.half_life_timedelta == pytest.approx(pd.Timedelta("6h"), rel=0.1)


# --- what is kept ------------------------------------------------------------------------------------------


def test_counts_belong_to_nobody_else():
    events, exposure = np.array([[3.0, 1.0]]), np.array([[1.5, 1.0]])
    data = BinnedCounts(events, exposure, "poisson", "weeks", "x")
    before = fitting.fit_decay(data).log_likelihood
    events[0, 0] = exposure[0, 0] = 50
    assert data.events[0, 0] == 3 and data.exposure[0, 0] == 1.5
    assert fitting.fit_decay(data).log_likelihood == before
    with pytest.raises(ValueError, match="read-only"):
        data.events[0, 0] = 7


@given(st.lists(st.integers(0, 40_000), min_size=4, max_size=4),
       st.sampled_from([1, 127, 128, 32_767, 32_768, 2**40]))
def test_small_integers_count_like_floats(values, top):
    values = np.minimum([*values, top], 2**50).astype(float).reshape(1, -1)
    data = BinnedCounts(values, np.ones_like(values), "poisson", "weeks", "x")
    np.testing.assert_array_equal(data.events.astype(float), values)
    np.testing.assert_array_equal(data.sums(np.array([3.0])).exposure, 3 * np.ones(5))
    assert data.sums(np.array([3.0])).events == 3 * values.sum()
    assert (data.exposure - data.events).min() == 1 - values.max()  # signed: a difference does not wrap


def test_a_cell_takes_one_byte_or_two():
    log = datasets.load_cdnow()
    for data, size in ((counts.rate_since_first(log), 1), (counts.hazard_since_last(log), 2)):
        assert data.events.itemsize == data.exposure.itemsize == size
        weights = np.random.default_rng(0).poisson(1, len(data)).astype(float)
        sums = data.sums(weights)
        np.testing.assert_array_equal(sums.exposure, weights @ data.exposure.astype(float))
        assert sums.events == (weights @ data.events.astype(float)).sum()


@pytest.mark.parametrize("huge", [1e300, 1e16, 2**60 * 1.0])
def test_counts_beyond_what_floats_count_are_refused(huge):
    with pytest.raises(ValueError, match=r"at most 2\*\*53"):
        BinnedCounts([[huge, 1]], [[1, 1]], "poisson", "weeks", "x")
    with pytest.raises(ValueError, match=r"at most 2\*\*53"):
        BinnedCounts([[1, 1]], [[huge, 1]], "poisson", "weeks", "x")


def test_the_old_place_still_answers_and_says_the_new_one():
    for name in counts.__all__:
        with pytest.warns(DeprecationWarning, match=rf"is now interestdecay_lib.counts\.{name}"):
            assert getattr(fitting, name) is getattr(counts, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(fitting, "nothing")  # noqa: B009
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fitting.fit_decay and fitting.counts is counts
