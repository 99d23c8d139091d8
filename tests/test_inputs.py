"""Ordinary input of the kinds that public bug reports are about: the right value, or an error."""

import unicodedata
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from interestdecay_lib import checks as library_checks
from interestdecay_lib import (
    counts,
    customer_base,
    evaluation,
    event_log,
    fitting,
    forecasts,
    interest,
    tasks,
    windows,
)
from interestdecay_lib.events import EventLogError, read_events, validate_events


def _file(folder, *lines):
    path = folder / "log.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("inputs")


# ------------------------------------------------------------------------------------------- identifiers


@given(st.lists(st.integers(2**53, 10**18 - 1), min_size=2, max_size=5, unique=True))
def test_long_item_numbers_survive_a_missing_one(folder, items):
    rows = [f"1,2024-01-0{k + 1},{item}" for k, item in enumerate(items)]
    log = read_events(_file(folder, "user_id,timestamp,item_id", *rows, "1,2024-02-01,"))
    assert log["item_id"].tolist()[:-1] == items and log["item_id"].isna().tolist()[-1]


@pytest.mark.parametrize("ids", [[1234567890.16, 1234567890.17], [2.0**53, 2.0**53 + 2]])
def test_floats_that_may_stand_for_several_are_refused(ids):
    df = pd.DataFrame({"user_id": ids, "timestamp": pd.to_datetime(["2024-01-01", "2024-01-02"])})
    with pytest.raises(EventLogError, match=r"may stand for several.*read the column as text"):
        validate_events(df)
    whole = validate_events(df.assign(user_id=[1.0, 2.0]))
    assert whole["user_id"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("one", "other"),
    [("ann", "ann "), ("7x", " 7x"), ("ann", "ann\u00a0"), ("ann", "ann\u200b"),
     (unicodedata.normalize("NFC", "Zoë"), unicodedata.normalize("NFD", "Zoë"))],
)
def test_identifiers_that_look_the_same_are_refused(one, other):
    df = pd.DataFrame({"user_id": [one, other, "bob"], "timestamp": pd.to_datetime(["2024-01-01"] * 3)})
    with pytest.raises(EventLogError, match="look the same") as caught:
        validate_events(df)
    assert caught.value.rows == [0, 1]


@given(st.permutations(["ann", "bob", "cid"]))
def test_categories_in_any_order_make_a_log_that_every_room_takes(categories):
    df = pd.DataFrame(
        {
            "user_id": pd.Categorical(["cid", "ann", "bob", "ann"], categories=categories),
            "timestamp": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-09", "2024-01-03"]),
        }
    )
    log = validate_events(df)
    assert log["user_id"].tolist() == ["ann", "ann", "bob", "cid"]
    assert len(event_log.as_of(log, "2024-01-08")) == 3


# ------------------------------------------------------------------------------------------------- times


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("20240331T180500+0200", "2024-03-31 16:05"),
        ("20240331T180500Z", "2024-03-31 18:05"),
        ("2024-03-31T18+02", "2024-03-31 16:00"),
        ("2024-03-31 18:05+02", "2024-03-31 16:05"),
        ("2024-03-31T18:05:00.5-0730", "2024-04-01 01:35:00.5"),
        ("2024-03-31", "2024-03-31"),
        ("20240331", None),  # a number, until a format is given
    ],
)
def test_offsets_are_converted_and_never_left(folder, text, right):
    path = _file(folder, "user_id,timestamp", f"1,{text}")
    if right is None:
        with pytest.raises(EventLogError, match="time_format"):
            read_events(path)
        return
    log = read_events(path)
    assert log["timestamp"].tolist() == [pd.Timestamp(right)]
    assert pd.api.types.is_datetime64_dtype(log["timestamp"])


@pytest.mark.parametrize("other", ["20240331T180500", "20240331T180500+0300"])
def test_two_offsets_or_one_missing_are_refused(folder, other):
    path = _file(folder, "user_id,timestamp", "1,20240331T180500+0200", f"2,{other}")
    with pytest.raises(EventLogError, match="offset"):
        read_events(path)


@given(unit=st.sampled_from(["s", "ms", "us"]), wrong=st.sampled_from([0, 1, 1_711_900_000]))
def test_one_time_in_another_unit_is_named(folder, unit, wrong):
    scale = {"s": 1, "ms": 10**3, "us": 10**6}[unit]
    assume(wrong != 1_711_900_000 or unit != "s")
    rows = [f"1,{1_711_900_000 * scale}", f"2,{wrong}", f"3,{1_711_990_000 * scale}"]
    with pytest.raises(EventLogError) as caught:
        read_events(_file(folder, "user_id,timestamp", *rows), time_unit=unit)
    assert caught.value.rows == [3]


@pytest.mark.parametrize("word", ["now", "today", "NOW", "yesterday"])
def test_a_word_is_no_time(folder, word):
    with pytest.raises(EventLogError) as caught:
        read_events(_file(folder, "user_id,timestamp", "1,2024-01-01", f"2,{word}"))
    assert caught.value.rows == [3]


@given(st.dates(pd.Timestamp("1975-01-01").date(), pd.Timestamp("2030-12-31").date()))
def test_a_compact_date_without_its_zero_is_refused(folder, day):
    text = f"{day:%d%m%Y}"
    short = text.lstrip("0")
    rows = ["user_id,timestamp", f"1,{short}", "2,15122024"]
    if short == text:
        found = read_events(_file(folder, *rows), time_format="%d%m%Y")["timestamp"].iloc[0]
        assert found == pd.Timestamp(day)
    else:
        with pytest.raises(EventLogError, match="leading zero"):
            read_events(_file(folder, *rows), time_format="%d%m%Y")


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (pd.to_datetime(pd.Series([1711908300, 1711999900])), "first hour of 1970"),
        (pd.Series(["2024-01-01", "9999-12-31"]), r"outside 1678-2261|lies outside"),
        (pd.Series(["2024-01-01", "0001-01-01"]), r"outside 1678-2261|lies outside"),
        (pd.Series(["1.71191E+12", "1.71192E+12"]), "digits are lost"),
        (pd.Series([45382.75, 45390.5]), "Excel"),
    ],
)
def test_times_that_were_spoilt_before(times, message):
    with pytest.raises(EventLogError, match=message):
        validate_events(pd.DataFrame({"user_id": [1, 2], "timestamp": times}), time_unit=None)


def test_days_of_a_zone_stay_days(folder):
    path = _file(folder, "user_id,timestamp", "1,2023-12-20", "1,2024-01-01")
    for zone in ("Asia/Shanghai", "America/New_York", None):
        log = read_events(path, timezone=zone)
        assert log["timestamp"].tolist() == [pd.Timestamp("2023-12-20"), pd.Timestamp("2024-01-01")]


@pytest.mark.parametrize("unit", ["ns", "us"])
def test_three_centuries_do_not_overflow(unit):
    days = pd.to_datetime(["1700-01-01", "1700-01-08", "2024-01-01", "2024-01-08"]).as_unit(unit)
    log = pd.DataFrame({"user_id": 1, "timestamp": days})
    assert interest.decayed_sum(log, "2024-01-08", "7D").tolist() == pytest.approx([1.5])
    assert interest.running_decayed_sum(log, "7D").tolist() == pytest.approx([1, 1.5, 1, 1.5])
    tenure = tasks.event_features(log, "2024-02-01")["weeks_since_first"].iloc[0]
    T = tasks.calibration_holdout(log, "2024-01-05")["T"].iloc[0]
    assert tenure == pytest.approx((pd.Timestamp("2024-02-01") - pd.Timestamp("1700-01-01")).days / 7)
    assert T == pytest.approx((pd.Timestamp("2024-01-04") - pd.Timestamp("1700-01-01")).days / 7)


# ------------------------------------------------------------------------------------------------ values


def test_a_quantity_of_a_file_is_a_number(folder):
    path = _file(folder, "user_id,timestamp,quantity", "1,2024-01-01T09:00,1", "1,2024-01-01T10:00,2")
    assert event_log.merge_same_day(read_events(path))["quantity"].tolist() == [3.0]
    twice = _file(folder, "user_id,timestamp,quantity", "1,2024-01-01,1", "1,2024-01-01,2")
    assert read_events(twice, duplicates="merge")["quantity"].tolist() == [3.0]
    blank = _file(folder, "user_id,timestamp,quantity", "1,2024-01-01,1", "1,2024-01-02,")
    with pytest.raises(EventLogError, match="quantity is missing") as caught:
        read_events(blank)
    assert caught.value.rows == [3]


def test_the_advice_to_sum_another_column_can_be_followed(folder):
    path = _file(folder, "user_id,timestamp,seconds", "1,2024-01-01,1", "1,2024-01-01,2")
    with pytest.raises(EventLogError, match=r"also_sum=\['seconds'\]"):
        read_events(path, duplicates="merge")
    assert read_events(path, duplicates="merge", also_sum=["seconds"])["seconds"].tolist() == [3.0]


def test_a_decimal_comma_is_not_called_a_separator(folder):
    path = _file(folder, "user_id;timestamp;value", "1;2024-01-01;12,5")
    with pytest.raises(EventLogError, match="decimal comma"):
        read_events(path)


def _with_refund(day):
    return pd.DataFrame(
        {
            "user_id": [1, 1, 2],
            "timestamp": pd.to_datetime(["1997-01-05", day, "1997-02-01"]),
            "value": [30.0, -30.0, 5.0],
        }
    )


@pytest.mark.parametrize("day", ["1997-03-01", "1997-10-15"], ids=["before the cut", "after it"])
def test_a_refund_is_no_purchase_on_either_side_of_the_cut(day):
    log = _with_refund(day)
    for count in (
        lambda: tasks.calibration_holdout(log, "1997-10-01", observed_until="1997-12-01"),
        lambda: tasks.event_task(log, "1997-10-01", 3, 39, observed_until="1997-12-01"),
        lambda: counts.rate_since_first(log, observed_until="1997-12-01"),
    ):
        with pytest.raises(ValueError, match="refunds mean"):
            count()


# ----------------------------------------------------------------------------------- models and judgements

QUADRATURE = [  # mpmath, 50 digits
    ((0.5, 4, 0.5, 0.5), (39, 0, 0, 20), 0.5541607097),
    ((0.243, 4.414, 0.25, 0.75), (39, 0, 0, 38.86), 0.1968288142),
    ((1e5, 5e5, 0.79, 2.4), (39, 2, 30, 38), 2.388651617),
    ((0.24, 4.4, 1e4, 3e4), (39, 2, 30, 38), 0.9684110315),
]


@pytest.mark.parametrize(("parameters", "given", "right"), QUADRATURE)
def test_bgnbd_where_its_closed_form_fails(parameters, given, right):
    found = float(customer_base.BGNBD(*parameters).expected_purchases(*given))
    assert found == pytest.approx(right, rel=1e-9)


@given(
    st.floats(0.05, 40), st.floats(0.5, 100), st.floats(0.05, 40), st.floats(0.05, 40),
    st.integers(0, 30), st.floats(0.1, 200),
)
def test_quadrature_and_closed_form_agree(r, alpha, a, b, x, t):
    assume(abs(a - 1) > 0.01 and abs(a + b + x - 1) > 0.01)
    model = customer_base.BGNBD(r, alpha, a, b)
    x, T = np.array([float(x)]), np.array([40.0])
    closed = model.expected_purchases(t, x, T * (x > 0), T) / model.probability_alive(x, T * (x > 0), T)
    assert model._mean_if_alive(np.array([t]), x, T) == pytest.approx(closed, rel=1e-6)


@pytest.mark.parametrize("every", [2, 4, 6])
def test_forecasts_for_regular_customers_are_numbers(every):
    weeks = np.random.default_rng(0).integers(10, 50, 200).astype(float)
    x = weeks // every
    model = customer_base.BGNBD.fit(x, x * every, weeks)
    forecast = model.expected_purchases(10, x, x * every, weeks)
    assert np.isfinite(forecast).all() and forecast.mean() == pytest.approx(10 / every, rel=0.25)


def test_events_of_nobody_are_not_drawn_with_the_last_customer():
    y, p = np.array([0, 1] * 20), np.linspace(0.1, 0.9, 40)
    for groups in ([np.nan] * 10 + list(range(30)), [np.nan] * 40, [None, *range(39)]):
        with pytest.raises(ValueError, match=r"groups has .* missing"):
            evaluation.bootstrap_interval("brier", y, p, groups=groups)


def test_one_customer_cannot_be_resampled():
    days = pd.to_datetime(["1997-01-01", "1997-01-18", "1997-02-02", "1997-06-12", "1997-07-01"])
    seen = counts.rate_since_first(pd.DataFrame({"user_id": 1, "timestamp": days}), 20)
    with pytest.raises(ValueError, match="too few to draw from"):
        fitting.fit_decay(seen, interval="bootstrap", replicates=20, progress=False)


def test_users_of_another_type_are_no_zeros():
    log = pd.DataFrame({"user_id": [1, 2], "timestamp": pd.to_datetime(["1997-01-05", "1997-01-06"])})
    for ask in (
        lambda users: tasks.weekly_counts(log, "1997-01-01", 2, users),
        lambda users: windows.last_events(log, 2, "1997-02-01", users=users),
    ):
        with pytest.raises(ValueError, match="none of the 2 users occurs in the log"):
            ask(["1", "2"])
        ask([2, 3])  # one stranger is a user without events


def test_dates_are_no_ages():
    times = np.array(["2024-01-01", "2024-01-03"], "datetime64[ns]")
    for dates in (times, times - times[0]):
        with pytest.raises(TypeError, match="plain numbers"):
            counts.response_kernel([1, 1], dates, [1, 0])


@given(st.text(st.characters(categories=["L"]), min_size=1, max_size=8))
def test_a_name_has_one_set_of_numbers_however_it_is_written(name):
    folded = unicodedata.normalize("NFKC", name)
    assume(unicodedata.normalize("NFKC", unicodedata.normalize("NFD", name)) == folded)
    same = [name, f"  {name} ", unicodedata.normalize("NFD", name), unicodedata.normalize("NFC", name)]
    drawn = [library_checks.given("decay_formula-1", spelt) for spelt in same]
    assert all(numbers == drawn[0] for numbers in drawn)
    two = library_checks.given("decay_formula-1", f"{name} {name}")
    assert two == library_checks.given("decay_formula-1", f"{name} \u00a0 {name}")


# ------------------------------------------------------------------------ what one function hands to another


def test_a_table_of_curves_prints_at_any_width():
    table = fitting.compare_curves(_rates(), replicates=5, progress=False)
    for width in (40, 80, 200):
        with pd.option_context("display.width", width, "display.max_columns", 4):
            assert "gain" in str(table)
    assert pd.concat([table, table]).shape == (2 * len(table), table.shape[1])


def _rates():
    from interestdecay_lib.datasets import load_cdnow

    return counts.rate_since_first(load_cdnow(sample=True))


def test_a_whole_forecast_is_not_scored_as_two_seeds():
    y = np.array([0, 1, 0, 1])
    forecast = forecasts.Forecast(np.full(4, 0.5), np.full(4, 0.7))
    both = {"model": forecast, "other": forecast.p}
    table = evaluation.comparison_table(y, both, ["log_loss"], reference="other", replicates=5)
    assert table.loc["model"].tolist() == [0, 0, 0]
    assert evaluation.bootstrap_interval("brier", y, forecast, replicates=5).estimate == 0.25
    with pytest.raises(ValueError, match=r"forecast\.p or forecast\.mu"):
        evaluation.bootstrap_interval("predicted_over_actual", y, forecast, replicates=5)


def test_a_counter_says_when_it_overflows():
    counter = interest.DecayedCounter(7.0)
    counter.add(1, 1e308)
    with pytest.raises(ValueError, match="range of double precision"):
        counter.add(1, 1e308)


def test_files_read_in_threads_do_not_disturb_each_other(folder):
    long = _file(folder, "user_id,timestamp,note", f"1,2024-01-01,{'x' * 2000}")
    short = folder / "short.csv"
    short.write_text("user_id,timestamp\n1,2024-01-01\n")
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(read_events, short, max_line_length=100) for _ in range(20)]
        jobs += [pool.submit(read_events, long) for _ in range(20)]
        assert {len(job.result()) for job in jobs} == {1}


def test_a_table_of_another_library_gets_the_way_to_convert_it():
    class Frame:
        def to_pandas(self): ...

    Frame.__module__ = "polars.dataframe"
    with pytest.raises(EventLogError, match=r"got Frame; .* table of polars \.to_pandas\(\)"):
        validate_events(Frame())
