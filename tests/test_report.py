"""The report on one's own log: each log leads to its sentence, and each number is the library's."""

import functools
import html
import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from interestdecay_lib import counts, customer_base, evaluation, fitting, tasks
from interestdecay_lib.baselines import HALF_LIVES, DecayedCount
from interestdecay_lib.datasets import load_cdnow, load_movielens, simulate_purchases
from interestdecay_lib.evaluation import Interval
from interestdecay_lib.events import EventLogError
from interestdecay_lib.report import __main__ as command
from interestdecay_lib.report import compose, make_report, measuring, sentences, writing
from interestdecay_lib.report.columns import Choice, Times, guess, read_times
from interestdecay_lib.report.reading import Reading, read

ROOT = Path(__file__).parents[1]
TODAY = "2026-11-27"
ROLES = ("user", "time", "item", "type", "value")


def lines(*rows, name="log.csv", folder=None, encoding="utf-8"):
    path = folder / name
    path.write_bytes("\n".join(rows).encode(encoding))
    return path


def reading_of(log, until, times="ISO 8601, without zone, taken as UTC"):
    rows = [("rows in the file", len(log)), ("events that count", len(log))]
    return Reading(log, "log.csv", Choice(dict.fromkeys(ROLES)), pd.Timestamp(until), rows, times)


# -- worlds whose truth is known, and the sentences that they must lead to

N, END = 900, "2024-07-01"
FIRST = pd.Series(
    pd.Timestamp("2023-01-02") + pd.to_timedelta(np.random.default_rng(0).integers(0, 180, N), "D"),
    index=range(N),
)
DIFFERENT = np.random.default_rng(1).gamma(0.7, 1 / 7, N)  # rates a week
WORLDS = {
    "constant but different": {"rate": DIFFERENT},
    "constant and alike": {"rate": 0.06},
    "fading": {"rate": 0.6, "half_life": 10},
    "clumps": {"rate": DIFFERENT, "shape": 0.5},
    "regular and fading": {"rate": 0.5, "half_life": 40, "shape": 4},
    "leaving": {"rate": 3 * DIFFERENT, "dropout": 0.3},
}


@functools.cache
def world(name):
    """The report on a simulated log."""
    kept, measuring.RESAMPLES = measuring.RESAMPLES, {"half-lives": 60, "curves": 12}
    try:
        log = simulate_purchases(FIRST, end=END, seed=3, **WORLDS[name])
        return compose(reading_of(log, END), measuring.measure(log, pd.Timestamp(END)))
    finally:
        measuring.RESAMPLES = kept


@functools.cache
def cdnow():
    """The report on the sample of CDNOW."""
    log = load_cdnow(sample=True)
    return compose(reading_of(log, "1998-07-01"), measuring.measure(log, pd.Timestamp("1998-07-01")))


def names(report):
    return {sentence.name for sentence in report.findings}


CHOSEN = {
    "constant but different": "first-open last-falls verdict-differ leaving-not-needed first-curve-none "
    "forecast-works",
    "constant and alike": "first-open last-open verdict-none leaving-not-needed first-curve-none "
    "last-curve-none "
    "forecast-no-better-than-base users-no-list",
    "fading": "first-falls last-falls verdict-both-fall leaving forecast-works forecast-better",
    "clumps": "first-falls last-falls verdict-both-fall leaving alive-disagree last-curve-bends",
    "regular and fading": "first-falls last-open verdict-first-only leaving-not-needed forecast-too-few "
    "users-no-list",
    "leaving": "first-falls last-falls verdict-both-fall leaving alive-agree silence-limit forecast-works",
}


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_leads_to_its_sentences(name):
    assert set(CHOSEN[name].split()) - names(world(name)) == set()


def test_a_known_half_life_lies_within_the_interval():
    clock = world("fading").measured.clocks["first"]
    assert clock.low < 10 < clock.high < 1.3 * clock.low
    assert clock.fit.method == "bootstrap" and clock.definition.startswith("events of a user")
    text = world("fading").sentence("first-falls").text
    assert f"{clock.fit.half_life:.3g} weeks [{clock.low:.3g}, {clock.high:.3g}]" in text


@pytest.mark.parametrize("name", WORLDS)
def test_nobody_is_told_that_interest_fades_without_the_warning(name):
    """Above all the shop of constant, merely different users, whose silence "has a half-life"."""
    report = world(name)
    answer = report.sections[0].blocks
    fall = [k for k, sentence in enumerate(answer) if sentence.name in ("first-falls", "last-falls")]
    verdict = [k for k, sentence in enumerate(answer) if sentence.name.startswith("verdict-")]
    assert len(verdict) == 1 and (not fall or verdict[0] == max(fall) + 1)
    assert not fall or answer[verdict[0]].warning


def test_in_many_shops_of_constant_rates_the_first_clock_stays_open():
    open_ends = 0
    for seed in range(8):
        rates = np.random.default_rng([seed, 7]).gamma(0.7, 1 / 7, N)
        log = simulate_purchases(FIRST, rates, END, seed=100 + seed)
        clock = measuring._clock("first", "weeks", 65, log, counts.rate_since_first, pd.Timestamp(END), 0)
        open_ends += not clock.falls
        assert sentences.of_clock(clock).name == ("first-falls" if clock.falls else "first-open")
    assert open_ends >= 7


def test_an_open_half_life_says_what_is_ruled_out():
    clock = world("constant but different").measured.clocks["first"]
    profile = fitting.fit_decay(clock.counts, interval="profile")
    assert clock.high == np.inf and clock.low == profile.interval[0]
    shown = world("constant but different").sentence("first-open").text
    assert f"a half-life below {sentences._number(clock.low)} weeks is ruled out" in shown
    assert "half-life " not in " ".join(s.text for s in world("constant and alike").sections[0].blocks)


def test_movielens_by_its_own_words():
    """Half of its users rate everything in one sitting: few come back, and the page says how many."""
    log = load_movielens()
    seen = measuring.look(log, pd.Timestamp(log["timestamp"].max().date()) + pd.Timedelta(days=1))
    day = log["timestamp"].dt.normalize()
    returning = (day.groupby(log["user_id"]).nunique() > 1).sum()
    said = {sentence.name: sentence.text for sentence in sentences.of_first_look(seen)}
    assert f"{returning:,} of them" in said["returning"] and returning < 0.5 * seen.users


# -- the numbers are those of the library and of the chapters


def test_cdnow_has_the_half_lives_of_the_chapter():
    """Chapter `fitting_decay` prints the same intervals: 200 resamples of all customers."""
    log = load_cdnow()
    both = measuring.clocks(log, measuring.look(log, pd.Timestamp("1998-07-01")))
    chapter = (ROOT / "chapters/fitting_decay.ipynb").read_text(encoding="utf-8")
    shown = {name: f"{c.fit.half_life:.1f} [{c.low:.1f}, {c.high:.1f}]" for name, c in both.items()}
    assert shown["first"] in chapter and shown["last"] in chapter
    assert shown["first"].startswith("50.2 ") and shown["last"].startswith("10.0 ")
    assert [both["first"].periods, both["last"].periods] == [65, 60]


def test_the_first_look_counts_what_pandas_counts():
    log, seen = load_cdnow(sample=True), cdnow().measured.seen
    days = log.assign(day=log["timestamp"].dt.normalize()).drop_duplicates(["user_id", "day"])
    by_user = days.groupby("user_id")["day"]
    assert (seen.users, seen.events, seen.active_days) == (2357, 6919, len(days))
    assert seen.returning == (by_user.size() > 1).sum()
    assert seen.gap_days[1] == by_user.diff().dropna().dt.days.median()
    week = (log["timestamp"] - log["timestamp"].min()).dt.days // 7
    assert seen.periods["events"].tolist() == week.value_counts().sort_index().tolist()
    users = log.groupby(week)["user_id"].nunique()
    assert seen.periods["users"].tolist() == users.tolist()
    assert seen.busiest[1] == log["user_id"].value_counts().max()


def test_the_forecast_is_the_librarys_on_the_same_cuts():
    forecasts, log = cdnow().measured.forecasts, load_cdnow(sample=True)
    assert [str(day.date()) for day in (forecasts.train_cut, forecasts.cut, forecasts.end)] == [
        "1997-12-31",
        "1998-04-01",
        "1998-07-01",
    ]
    past, known = (tasks.event_task(log, cut, 13, 1, HALF_LIVES) for cut in ("1997-12-31", "1998-04-01"))
    model = DecayedCount().fit(past)
    bought = known.outcomes()[0]
    row = forecasts.scores.loc[sentences.REFERENCE]
    scores = evaluation.score_probabilities(bought, model.predict(known).p)
    assert np.isclose(row["log_loss"], scores["log_loss"]) and np.isclose(row["auc"], scores["auc"])
    assert forecasts.half_life_weeks == model.half_life_ and forecasts.returned == bought.sum()
    today = tasks.forecast_task(log, 13, 1, HALF_LIVES)
    now = DecayedCount().fit(known).predict(today)
    assert forecasts.chosen == sentences.REFERENCE
    assert np.allclose(forecasts.today["chance_of_return"], now.p)
    assert forecasts.today.index.tolist() == today.users.tolist()


def test_silence_is_counted_as_a_loop_counts_it():
    forecasts, log = cdnow().measured.forecasts, load_cdnow(sample=True)
    silent, came = [], []
    for days in log.groupby("user_id")["timestamp"].agg(list):
        silent.append((forecasts.cut - max(day for day in days if day < forecasts.cut)).days / 7)
        came.append(any(forecasts.cut <= day < forecasts.end for day in days))
    silent, came = np.array(silent), np.array(came)
    inside = (silent > 13) & (silent <= 26)
    row = forecasts.silence.loc["13 to 26"]
    assert row["users"] == inside.sum() and np.isclose(row["share"], came[inside].mean())
    assert forecasts.silence["users"].sum() == len(silent)


def test_the_models_are_those_of_the_library():
    gone = cdnow().measured.gone
    summary = tasks.rfm_summary(load_cdnow(sample=True), "1998-07-01")
    columns = [summary[name] for name in ("frequency", "recency", "T")]
    for name, kind in (("NBD", customer_base.NBD), ("BG/NBD", customer_base.BGNBD)):
        model = kind.fit(summary)
        assert np.isclose(gone.models.loc[name, "log_likelihood"], model.log_likelihood(*columns))
    assert gone.gain > 300 and "alive-disagree" in names(cdnow())


def test_what_happens_after_the_cut_does_not_change_what_was_learnt():
    log = load_cdnow(sample=True)
    seen, nobody = cdnow().measured.seen, measuring.Gone()
    forecasts = cdnow().measured.forecasts
    after = (log["timestamp"] >= forecasts.cut) & (log["user_id"] % 3 > 0)
    fewer = log[~after].reset_index(drop=True)
    changed = measuring.forecast(fewer, seen, nobody)
    assert changed.half_life_weeks == forecasts.half_life_weeks and changed.returned < forecasts.returned
    for cut in (forecasts.train_cut, forecasts.cut):
        (features, came, _), (others, others_came, _) = (
            measuring._at(each, cut, 91, [8.0], seen.until) for each in (log, fewer)
        )
        assert features.equals(others)
        assert np.array_equal(came, others_came) == (cut == forecasts.train_cut)


def test_those_who_were_expected_and_did_not_come():
    report, forecasts = cdnow(), cdnow().measured.forecasts
    today = forecasts.today
    away = today[(today["expected_before"] >= 1) & (today["came"] == 0)]
    assert f"{len(away):,} users of whom" in report.sentence("users-missed").text and len(away) > 10
    last = pd.to_datetime(away["last_event"])
    assert (last < forecasts.cut).all()


# -- logs from which little can be learnt


def small(folder, rows, **options):
    return make_report(lines("user,date", *rows, folder=folder), today=TODAY, **options)


def test_ten_rows(tmp_path):
    report = small(tmp_path, [f"{k % 4},2024-03-{1 + k:02}" for k in range(10)])
    assert {
        "first-too-few",
        "last-too-few",
        "verdict-too-few",
        "first-curve-too-few",
        "leaving-too-few",
        "forecast-too-few",
        "users-no-list",
    } <= names(report)
    assert "too few repeats to fit a curve" in report.sentence("first-too-few").text
    assert "<h2" in report.html()


def test_one_user(tmp_path):
    days = pd.date_range("2024-01-01", periods=100, freq="3D")
    report = small(tmp_path, [f"7,{day.date()}" for day in days])
    assert "one-user" in names(report)
    assert [s.name for s in report.sections[0].blocks] == ["size", "one-user"]


def test_nobody_comes_back(tmp_path):
    days = pd.date_range("2024-01-01", periods=100)
    report = small(tmp_path, [f"{k},{day.date()}" for k, day in enumerate(days)])
    assert [s.name for s in report.sections[0].blocks] == ["size", "no-repeats"]


def test_one_instant(tmp_path):
    report = small(tmp_path, [f"{k % 20},2024-01-01 10:00:00" for k in range(60)])
    assert [s.name for s in report.sections[0].blocks] == ["size", "one-instant"]
    assert "Two clocks" not in {section.title for section in report.sections} and "repeated" in names(report)


def test_future_dates_are_left_out_and_told(tmp_path):
    report = small(tmp_path, ["1,2024-01-01", "1,2024-02-01", "2,2034-01-01"])
    assert report.reading.rows == [
        ("rows in the file", 3),
        ("in the future (after 2026-11-27): left out", 1),
        ("events that count", 2),
    ]
    assert report.sentence("future").warning
    with pytest.raises(EventLogError, match=r"all 2 events lie on or after 2026-11-28.*--until"):
        small(tmp_path, ["1,2034-01-01", "2,2034-01-02"])
    assert small(tmp_path, ["1,2034-01-01", "2,2034-01-02"], until="2034-02-01").measured.seen.events == 2


def test_a_log_that_was_off_and_a_user_who_is_a_machine():
    days = pd.date_range("2024-01-01", periods=60).append(pd.date_range("2024-04-01", periods=60))
    log = pd.DataFrame({"user_id": np.arange(120) % 20, "timestamp": days})
    robot = pd.DataFrame({"user_id": 99, "timestamp": pd.date_range("2024-04-01", periods=150, freq="h")})
    log = pd.concat([log, robot]).sort_values(["user_id", "timestamp"], ignore_index=True)
    seen = measuring.look(log, pd.Timestamp("2024-05-31"))
    assert seen.silence == (pd.Timestamp("2024-03-01"), 31)
    assert {"silent-log", "busy-user"} <= {s.name for s in sentences.of_first_look(seen)}


def test_a_short_log_with_clock_times_is_measured_in_hours():
    rng = np.random.default_rng(0)
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.uniform(0, 9 * 24, 4000)), "h")
    log = pd.DataFrame({"user_id": rng.integers(0, 200, 4000), "timestamp": at.floor("s")})
    log = log.sort_values(["user_id", "timestamp"], ignore_index=True)
    both = measuring.clocks(log, measuring.look(log, pd.Timestamp("2024-01-10")))
    assert both["first"].unit == "hours" and both["first"].periods == 65 and both["first"].fit is not None


# -- sentences that hang on numbers alone


def models(alive):
    return pd.DataFrame(
        {
            "log_likelihood": [-100.0, -50.0, -60.0],
            "parameters": [2, 4, 4],
            "alive": [1.0, *alive],
            "returns": [0.3, 0.2, 0.2],
        },
        index=["NBD", "BG/NBD", "Pareto/NBD"],
    )


@pytest.mark.parametrize("alive, told", [((0.9, 0.3), "alive-disagree"), ((0.40, 0.45), "alive-agree")])
def test_models_that_agree_and_models_that_do_not(alive, told):
    said = {s.name: s for s in sentences.of_leaving(measuring.Gone(models(alive), 50.0, 1000))}
    assert told in said and said[told].warning == (told == "alive-disagree")


@pytest.mark.parametrize("gain, told", [(5.0, "leaving-not-needed"), (5.1, "leaving")])
def test_leaving_must_be_convincing(gain, told):
    assert sentences.of_leaving(measuring.Gone(models((0.4, 0.4)), gain, 1000))[0].name == told


@pytest.mark.parametrize(
    "highs, told",
    [
        ((0.5, 0.2, 0.09), "silence-limit"),
        ((0.5, 0.2, 0.11), "silence-no-limit"),
        ((0.09, 0.09, 0.05), "silence-all"),
        ((0.09, 0.2, 0.05), "silence-no-limit"),
    ],
)
def test_how_long_a_silence_is_long(highs, told):
    table = pd.DataFrame(
        {"from": [0, 1, 2], "users": 100, "share": np.array(highs) / 2, "low": 0.0, "high": highs},
        index=["up to 1", "1 to 2", "over 2"],
    )
    said = sentences.of_silence(measuring.Forecasts(30, silence=table))
    assert [s.name for s in said] == [told]


RIGHT = Interval(1.0, 0.9, 1.1)


def judged(base, rival, ratio=RIGHT):
    """Forecasts in which a model's log loss minus the decayed count's has these intervals."""
    lead = pd.DataFrame(
        [base, rival],
        index=["everybody alike", "boosted trees"],
        columns=["log_loss", "log_loss_low", "log_loss_high"],
    )
    day = pd.Timestamp("2024-01-01")
    return measuring.Forecasts(
        30,
        day,
        day,
        day,
        100,
        100,
        50,
        scores=lead,
        lead=lead,
        half_life_weeks=8.0,
        chosen="boosted trees" if rival[2] < 0 else sentences.REFERENCE,
        ratio=ratio,
    )


@pytest.mark.parametrize(
    "base, rival, told",
    [
        ((0.1, 0.05, 0.15), (-0.02, -0.03, -0.01), "forecast-better"),
        ((0.1, 0.05, 0.15), (-0.02, -0.05, 0.01), "forecast-decayed-count"),
        ((0.1, -0.05, 0.25), (-0.02, -0.03, -0.01), "forecast-no-better-than-base"),
    ],
)
def test_a_forecast_is_praised_only_beyond_its_interval(base, rival, told):
    assert told in {s.name for s in sentences.of_forecasts(judged(base, rival))}


@pytest.mark.parametrize(
    "ratio, told",
    [
        (Interval(1.2, 1.1, 1.3), "too many"),
        (Interval(0.8, 0.7, 0.9), "too few"),
        (Interval(1.1, 0.9, 1.3), "was right"),
    ],
)
def test_the_total_is_right_or_wrong(ratio, told):
    said = sentences.of_forecasts(judged((0.1, 0.05, 0.15), (0.0, -0.1, 0.1), ratio))[-1]
    assert told in said.text and said.warning == ("too" in told)


@pytest.mark.parametrize("clock", ["first", "last"])
@pytest.mark.parametrize(
    "lead, fades, told",
    [
        (("PowerLaw", Interval(20, 5, 40)), Interval(60, 40, 80), "-curve-bends"),
        (("PowerLaw", Interval(20, -5, 40)), Interval(60, 40, 80), "-curve-exponential"),
        (None, Interval(60, 40, 80), "-curve-exponential"),
        (("PowerLaw", Interval(20, 5, 40)), Interval(6, -4, 8), "-curve-none"),
    ],
)
def test_which_curve_is_chosen(clock, lead, fades, told):
    curves = measuring.Curves(clock, "weeks", pd.DataFrame(), 1000, lead, fades)
    assert sentences.of_curves(curves).name == clock + told


def test_every_sentence_of_the_source_is_reached_by_a_test():
    """By a log, or by the numbers above; a new sentence must be added to one of them."""
    source = (ROOT / "interestdecay_lib/report/sentences.py").read_text(encoding="utf-8")
    known = set()
    assert source.count("Sentence(") > 40
    for name in re.findall(r'Sentence\(\s*f?"([a-z{][\w{}.-]*)"', source):
        known.add(re.sub(r"\{\w+\.\w+\}", "first", name))  # the two clocks go the same way
    tests = Path(__file__).read_text(encoding="utf-8")
    reached = set().union(*map(names, [cdnow(), *map(world, WORLDS)]))
    missing = {
        name
        for name in known - reached
        if f'"{name}"' not in tests and f" {name}" not in tests and name.removeprefix("first") not in tests
    }
    assert missing == set() and len(known) > 50


# -- columns and files


@pytest.mark.parametrize(
    "header, user, time",
    [
        (["user_id", "timestamp"], "user_id", "timestamp"),
        (["CustomerID", "InvoiceDate"], "CustomerID", "InvoiceDate"),
        (["Customer ID", "order_date"], "Customer ID", "order_date"),
        (["visitorId", "Event Time"], "visitorId", "Event Time"),
        (["用户ID", "下单时间"], "用户ID", "下单时间"),
        (["会员编号", "日期"], "会员编号", "日期"),
        (["ｕｓｅｒ＿ｉｄ", "时间戳"], "ｕｓｅｒ＿ｉｄ", "时间戳"),
        (["client", "qqq"], "client", "qqq"),  # known by what stands in it
    ],
)
def test_columns_are_guessed(header, user, time):
    table = pd.DataFrame([["7", "2024-03-01"], ["8", "2024-03-02"]], columns=header)
    found = guess(table, {})
    assert (found.columns["user"], found.columns["time"]) == (user, time)
    assert found.guessed == ("user", "time")


@pytest.mark.parametrize(
    "header, rows, told",
    [
        (
            ["user", "customer", "date"],
            [["1", "2", "2024-03-01"]],
            "'user' and 'customer' could all be the user.*--user",
        ),
        (["user", "order_date", "paid"], [["1", "x", "y"]], "no column is called like a time.*--time"),
        (
            ["who", "date"],
            [["1", "2024-03-01"]],
            "no column is called like a user.*'who' and 'date'.*--user who",
        ),
        (
            ["user", "order date", "visit date"],
            [["1", "2024-03-01", "2024-03-02"]],
            "'order date' and 'visit date' could all be the time.*--time \"order date\"",
        ),
        (["user", "date"], [["1", "03/04/2024"]], "day or the month.*--time-format"),
        (["user", "date"], [["1", "45382"]], "no unit.*--time-unit"),
    ],
)
def test_what_cannot_be_decided_is_an_error_that_names_the_candidates(header, rows, told):
    with pytest.raises(EventLogError, match=f"(?s){told}"):
        guess(pd.DataFrame(rows, columns=header), {})


def test_a_name_of_the_library_settles_it_and_a_clock_is_no_date():
    table = pd.DataFrame([["1", "2", "2024-03-01", "18:05"]], columns=["customer", "user_id", "date", "time"])
    found = guess(table, {})
    assert (found.columns["user"], found.columns["time"]) == ("user_id", "date")


def test_an_id_that_never_repeats_is_not_the_user_if_another_does():
    table = pd.DataFrame(
        {
            "account": [str(k) for k in range(40)],
            "customer": [str(k % 9) for k in range(40)],
            "date": "2024-03-01",
        }
    )
    assert guess(table, {}).columns["user"] == "customer"


def test_what_was_guessed_and_what_was_not_looked_at_is_told(tmp_path):
    rows = [f"{k % 7},2024-01-0{1 + k % 9} 0{k % 9}:30,{'buy' if k % 2 else 'view'}" for k in range(60)]
    report = make_report(lines("user,date,type", *rows, folder=tmp_path), today=TODAY)
    assert {"columns-guessed", "limit-kinds", "limit-zone", "limit-money"} <= names(report)
    assert "kind of event from 'type'" in report.sentence("columns-guessed").text
    assert report.tables["kinds.csv"]["events"].to_dict() == {"view": 30, "buy": 30}


def test_two_values_are_no_value_and_it_is_told():
    table = pd.DataFrame([["1", "2024-03-01", "2", "3"]], columns=["user", "date", "price", "amount"])
    found = guess(table, {})
    assert found.columns["value"] is None and "'price' and 'amount'" in found.notes[0]
    assert guess(table, {"value": "price"}).columns["value"] == "price"


@pytest.mark.parametrize(
    "texts, wanted",
    [
        (["2024-03-31", "2024-04-01 18:05"], Times()),
        (["2024-04-01T18:05:00Z"], Times()),
        (["31/03/2024 18:05", "01/04/2024 09:00"], Times("%d/%m/%Y %H:%M")),
        (["03/31/2024", "04/01/2024"], Times("%m/%d/%Y")),
        (["12/1/2010 8:26", "12/31/2010 18:26"], Times("%m/%d/%Y %H:%M")),
        (["2024/3/31 18:05:01"], Times("%Y/%m/%d %H:%M:%S")),
        (["2024年3月31日"], Times("%Y年%m月%d日")),
        (["31.03.2024"], Times("%d.%m.%Y")),
        (["20240331", "20240401"], Times("%Y%m%d")),
        (["1711908300"], Times(None, "s")),
        (["1711908300123"], Times(None, "ms")),
        (["1711908300123456"], Times(None, "us")),
    ],
)
def test_the_form_of_the_times_is_found(texts, wanted):
    assert read_times(pd.Series(texts)) == wanted
    log = pd.DataFrame({"u": 1, "t": texts})
    from interestdecay_lib.events import validate_events

    got = validate_events(log, "u", "t", time_format=wanted.time_format, time_unit=wanted.time_unit)
    assert got["timestamp"].dt.year.isin([2010, 2024]).all()


def test_the_rows_add_up_whatever_is_left_out(tmp_path):
    path = lines(
        "user,date,type,amount",
        "1,2024-01-01,buy,5",
        "1,2024-01-02,buy,-5",
        ",2024-01-03,buy,5",
        "2,2024-01-03,view,0",
        "2,2034-01-03,buy,1",
        "2,2024-01-09,buy,1",
        folder=tmp_path,
    )
    reading = read(path, only="buy", today=TODAY)
    assert [count for _, count in reading.rows] == [6, 1, 1, 1, 1, 2]
    assert (
        reading.rows[0][1] - sum(n for _, n in reading.rows[1:-1]) == reading.rows[-1][1] == len(reading.log)
    )
    said = {s.name: s for s in sentences.of_reading(reading)}
    assert "4 of 6 rows" in said["rows-left-out"].text and said["rows-left-out"].warning
    with pytest.raises(EventLogError, match="no event is of the kind 'sell'; there are: 'buy', 'view'"):
        read(path, only="sell", today=TODAY)


def test_a_guessed_value_that_is_none_is_left_aside(tmp_path):
    rows = [f"{k % 3},2024-01-{1 + k % 28:02},{k}" for k in range(60_000 // 20)]
    path = lines(
        "user,date,amount", *["1,2024-01-01,1"] * 21_000, *rows, "1,2024-02-01,12 EUR", folder=tmp_path
    )
    reading = read(path, today=TODAY)
    assert reading.choice.columns["value"] is None and "'amount' could not be used" in reading.notes[-1]
    assert len(reading.log) == 24_001
    with pytest.raises(EventLogError, match="the value is not a number, for example '12 EUR'"):
        read(path, columns={"value": "amount"}, today=TODAY)


@pytest.mark.parametrize(
    "name, encoding, mark", [("a.tsv", "utf-8", "\t"), ("b.csv", "utf-8-sig", ";"), ("c.csv", "gb18030", ",")]
)
def test_other_texts(tmp_path, name, encoding, mark):
    rows = [mark.join(row) for row in (["用户", "时间"], ["甲", "2024-01-01"], ["乙", "2024-01-03"])]
    path = lines(*rows, name=name, folder=tmp_path, encoding=encoding)
    reading = read(path, encoding=encoding if encoding != "utf-8-sig" else "utf-8", today=TODAY)
    assert sorted(reading.log["user_id"]) == ["乙", "甲"]


def test_a_text_of_another_encoding_is_named(tmp_path):
    path = lines("用户,时间", "甲,2024-01-01", folder=tmp_path, encoding="gb18030")
    with pytest.raises(EventLogError, match=r"not utf-8|UTF-8|encoding"):
        read(path, today=TODAY)


def test_parquet(tmp_path):
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({"customer": [1, 1, 2], "when": ["2024-01-01", "2024-01-02", "2024-01-03"]})
    table.write_parquet(tmp_path / "log.parquet")
    assert len(read(tmp_path / "log.parquet", today=TODAY).log) == 3


def test_excel(tmp_path):
    pytest.importorskip("openpyxl")
    table = pd.DataFrame(
        {"客户": [1, 1, 2], "日期": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"])}
    )
    with pd.ExcelWriter(tmp_path / "log.xlsx") as book:
        table.to_excel(book, sheet_name="one", index=False)
        table.head(1).to_excel(book, sheet_name="two", index=False)
    reading = read(tmp_path / "log.xlsx", today=TODAY)
    assert len(reading.log) == 3 and "of the 2 sheets the first one was read" in reading.notes[0]
    assert len(read(tmp_path / "log.xlsx", sheet="two", today=TODAY).log) == 1


def test_excel_without_openpyxl_says_what_to_do(tmp_path, monkeypatch):
    from interestdecay_lib.report import reading

    monkeypatch.setattr(reading, "find_spec", lambda name: None)
    (tmp_path / "log.xlsx").write_bytes(b"PK")
    with pytest.raises(EventLogError, match=r"save it as CSV.*or install openpyxl"):
        read(tmp_path / "log.xlsx")


# -- the page


def test_the_page_asks_nobody_and_stands_alone():
    text = cdnow().html()
    assert '<html lang="en">' in text and "prefers-color-scheme: dark" in text and "<script" not in text
    without_names = re.sub(r'xmlns(:\w+)?="[^"]*"', "", text)
    assert re.findall(r"https?:|//\w|@import|\ssrc=|<link|<img|<iframe", without_names) == []
    assert "default-src 'none'" in text
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    used = re.findall(r'(?:href="#|url\(#)([^")]+)', text)
    assert set(used) <= set(ids) and len(used) > 10


def test_every_picture_says_its_finding_with_the_numbers():
    text = cdnow().html()
    pictures = re.findall(r"<svg ([^>]*)>", text)
    told = [html.unescape(re.search(r'aria-label="([^"]*)"', each)[1]) for each in pictures]
    assert len(told) == 5 and all('role="img"' in each for each in pictures)
    fit = cdnow().measured.clocks["first"].fit
    assert any(f"halves within {fit.half_life:.3g} weeks" in each for each in told)
    assert all(len(re.findall(r"\d", each)) > 4 for each in told)


def test_what_a_log_holds_cannot_become_markup(tmp_path):
    evil = '<script>alert(1)</script>"&'
    days = pd.date_range("2024-01-01", periods=30)
    rows = [f'"{evil.replace(chr(34), chr(34) * 2)}",{day.date()},"<b>x</b>"' for day in days]
    path = lines("user,date,type", *rows, name="a<img>.csv", folder=tmp_path)
    text = make_report(path, today=TODAY).html()
    assert "<script" not in text and "<img" not in text and "<b>x" not in text and "a&lt;img&gt;.csv" in text


def test_the_tables_on_the_page_are_the_files(tmp_path):
    report = cdnow()
    page = writing.write(tmp_path / "out", report.html(), report.tables)
    named = set(re.findall(r"tables/([\w.]+csv)", page.read_text(encoding="utf-8")))
    files = {path.name for path in (tmp_path / "out/tables").iterdir()}
    assert named <= files == set(report.tables)
    half_lives = pd.read_csv(tmp_path / "out/tables/half_lives.csv", index_col=0)
    assert np.allclose(half_lives["half_life"], [c.fit.half_life for c in report.measured.clocks.values()])
    assert half_lives["definition"].str.contains("time since").all()
    assert len(pd.read_csv(tmp_path / "out/tables/users.csv")) == 2357


FORMULAS = ["=HYPERLINK(1)", "+1", "-1+1", "@SUM(1)", " =1", "\t=1", "＝1"]


def test_no_text_of_the_log_is_a_formula_in_a_table(tmp_path):
    """Ids and kinds of events come from the log; what a spreadsheet would compute gets an apostrophe."""
    days = pd.date_range("2022-01-03", periods=104, freq="7D")
    rng = np.random.default_rng(0)
    users = [*FORMULAS, *(f"u{k}" for k in range(300))]
    log = pd.DataFrame(
        [
            (user, day, FORMULAS[k % len(FORMULAS)])
            for user in users
            for k, day in enumerate(days[rng.random(104) < rng.gamma(0.7, 0.3)])
        ],
        columns=["user_id", "timestamp", "event_type"],
    ).sort_values(["user_id", "timestamp"], kind="stable", ignore_index=True)
    report = compose(reading_of(log, "2024-01-02"), measuring.measure(log, pd.Timestamp("2024-01-02")))
    assert any("apostrophe" in line for line in report.foot)
    writing.write(tmp_path / "out", report.html(), report.tables)
    read = {
        path.name: pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=False)
        for path in (tmp_path / "out/tables").iterdir()
    }
    for name, table in read.items():
        texts = [text for column in table for text in table[column] if not _is_a_number(text)]
        bad = [text for text in texts if text.lstrip(" ")[:1] in set("=+-@＝＋－＠\t\r\n") - {""}]
        assert not bad, (name, bad)
    told = set(read["users.csv"].iloc[:, 0])
    assert {f"'{text}" for text in FORMULAS if text in set(log["user_id"])} <= told and "u1" in told
    assert {f"'{text}" for text in FORMULAS} == set(read["kinds.csv"].iloc[:, 0])
    assert not any("apostrophe" in line for line in cdnow().foot)
    assert set(FORMULAS) & set(report.tables["users.csv"].index), "only the files are changed"


def _is_a_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


@pytest.mark.page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible_on_a_phone_too(browser, tmp_path, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = writing.write(tmp_path / "out", cdnow().html(), {})
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    tab = context.new_page()
    asked, errors = [], []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: message.type == "error" and errors.append(message.text))
    tab.goto(page.as_uri(), wait_until="networkidle")
    assert asked == [page.as_uri()] and errors == []
    for width in (1280, 320):
        tab.set_viewport_size({"width": width, "height": 900})
        root = "document.documentElement"
        assert tab.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0
    context.close()
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)  # axe is a script
    tab = context.new_page()
    tab.goto(page.as_uri())
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = Axe().run(tab, options={"runOnly": rules}).response["violations"]
    context.close()
    assert [f"{v['id']}: {node['html'][:160]}" for v in found for node in v["nodes"]] == []


# -- writing, interrupting, the command

TINY = ["user,date", "ann,2024-03-01", "ann,2024-03-09", "bob,2024-03-02"]


def test_a_report_of_ours_is_replaced_and_nothing_else(tmp_path):
    out = tmp_path / "deep/out"
    path = lines(*TINY, folder=tmp_path)
    make_report(path, out, today=TODAY)
    (out / "tables/old.csv").write_text("of an earlier report")
    make_report(path, out, today=TODAY)
    assert not (out / "tables/old.csv").exists() and (out / "report.html").exists()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(
        writing.OutputError, match=r"no report of ours .it holds notes.txt.; nothing was overwritten"
    ):
        make_report(path, out, today=TODAY)
    assert (out / "notes.txt").read_text() == "mine"
    (tmp_path / "page").mkdir()
    (tmp_path / "page/report.html").write_text("<html>mine</html>")
    with pytest.raises(writing.OutputError, match="of somebody else"):
        make_report(path, tmp_path / "page", today=TODAY)
    with pytest.raises(writing.OutputError, match="plain folder"):
        make_report(path, path, today=TODAY)
    assert path.read_text().startswith("user")
    with pytest.raises(writing.OutputError, match="name of a page"):
        make_report(path, tmp_path / "a.html", today=TODAY)


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("step", ["table", "first replace", "last replace"])
def test_interrupted_while_writing_nothing_is_half_written(tmp_path, monkeypatch, step, before):
    out, path = tmp_path / "out", lines(*TINY, folder=tmp_path)
    if before:
        make_report(path, out, today=TODAY)
    kept = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    if step == "table":
        monkeypatch.setattr(pd.DataFrame, "to_csv", interrupt)
    else:
        replace, calls = writing.os.replace, []

        def once(source, target):
            calls.append(source)
            if len(calls) == (1 if step == "first replace" or not before else 2):
                raise KeyboardInterrupt
            replace(source, target)

        monkeypatch.setattr(writing.os, "replace", once)
    with pytest.raises(KeyboardInterrupt):
        make_report(path, out, today=TODAY)
    monkeypatch.undo()
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == kept
    assert {p.name for p in tmp_path.iterdir()} == {"log.csv"} | ({"out"} if before else set())


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines(*TINY, folder=tmp_path, name="visits.csv")
    assert command.main(["visits.csv"]) == 0
    said = capsys.readouterr()
    assert "user from 'user' and time from 'date'" in said.out and "visits-report" in said.out
    assert "reading ..." in said.err and (tmp_path / "visits-report/report.html").exists()
    assert command.main(["visits.csv", "--user", "nobody", "--out", "other"]) == 1
    told = capsys.readouterr().err
    assert "there is no column 'nobody'" in told and "Nothing was written" in told and "Traceback" not in told
    assert not (tmp_path / "other").exists()
    assert command.main(["nothing.csv", "--out", "other"]) == 1
    assert command.main(["visits.csv", "--cut", "1999-01-01", "--out", "other"]) == 1
    assert "the cut 1999-01-01 must lie within the log" in capsys.readouterr().err


def test_interrupted_the_command_ends_with_one_sentence(tmp_path, capsys, monkeypatch):
    import interestdecay_lib.report as package

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(package, "measure", interrupt)
    path = lines(*TINY, folder=tmp_path)
    assert command.main([str(path), "--out", str(tmp_path / "out")]) == 130
    assert "Interrupted. Nothing was written." in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["log.csv"]


def test_nothing_is_sent_anywhere(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    make_report(lines(*TINY, folder=tmp_path), tmp_path / "out", today=TODAY)


def test_the_cut_moves_the_test_period():
    log = load_cdnow(sample=True)
    seen = cdnow().measured.seen
    forecasts = measuring.forecast(log, seen, measuring.Gone(), pd.Timestamp("1998-05-27"))
    assert (forecasts.horizon_days, str(forecasts.train_cut.date())) == (35, "1998-04-22")


@pytest.mark.parametrize(
    "words, given, refused",
    [
        (["USER=who", "CUT=2024-01-01"], ["--user=who", "--cut=2024-01-01"], ["--time", "--out"]),
        (["OUT=my report"], ["--out=my report"], ["--user"]),
    ],
)
def test_make_report_passes_what_was_said_and_not_what_the_shell_has(words, given, refused):
    """USER is set in every shell; only what stands in the command counts."""
    made = subprocess.run(
        ["make", "-n", "report", "EVENTS=a log.csv", *words],
        cwd=ROOT,
        text=True,
        capture_output=True,
        env={"USER": "root", "PATH": "/usr/bin:/bin"},
        check=True,
    )
    assert all(f"'{word}'" in made.stdout for word in given) and "'a log.csv'" in made.stdout
    assert not any(word in made.stdout for word in refused)


def test_the_command_runs_as_a_module(tmp_path):
    path = lines(*TINY, folder=tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "interestdecay_lib.report", str(path), "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(tmp_path / "out/report.html") in done.stdout
    assert json.dumps(sorted(p.name for p in (tmp_path / "out").iterdir())) == '["report.html", "tables"]'
