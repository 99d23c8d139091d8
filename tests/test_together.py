"""Hand-overs: what one room makes is what the next one takes, and every result can be printed."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import mean_poisson_deviance
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score

from interestdecay_lib import baselines, customer_base, datasets, decay, evaluation, fitting, interest, tasks
from interestdecay_lib.counts import rate_since_first
from interestdecay_lib.event_log import as_of, merge_same_day
from interestdecay_lib.events import validate_events
from interestdecay_lib.forecasts import Forecast, predict

CUT = "1998-01-01"


@pytest.fixture(scope="module")
def log():
    return datasets.load_cdnow(sample=True)


@pytest.fixture(scope="module")
def task(log):
    return tasks.event_task(log, CUT, 25, 39, half_lives=[4, 12, 52])


@pytest.fixture(scope="module")
def today(log):
    return tasks.forecast_task(log, 25, 39, half_lives=[4, 12, 52])


@pytest.fixture(scope="module")
def forecast(task):
    return baselines.RFMLogistic().fit(task).predict(task)


# -- from a log to a task, and to today ----------------------------------------------------------------------


@pytest.mark.parametrize("written", ["category", "string", "Int64", "object"])
def test_a_log_that_passed_the_door_passes_every_room(log, task, written):
    users = log["user_id"] if written == "Int64" else log["user_id"].map("{:05d}".format)
    entered = validate_events(log.assign(user_id=users.astype(written)).sample(frac=1, random_state=0),
                              duplicates="keep")
    again = tasks.event_task(entered, CUT, 25, 39)
    assert [int(user) for user in again.users] == task.users.tolist()
    np.testing.assert_array_equal(again.weekly, task.weekly)
    np.testing.assert_array_equal(again.counts, task.counts)


def test_a_question_of_today_is_the_labelled_task_without_its_outcomes(log, task):
    known = as_of(log, CUT)
    asked = tasks.forecast_task(known, 25, 39, half_lives=[4, 12, 52], cut=CUT)
    assert task.labelled and not asked.labelled
    np.testing.assert_array_equal(asked.weekly, task.weekly)
    pd.testing.assert_frame_equal(asked.features, task.features)
    pd.testing.assert_frame_equal(asked.summary, tasks.rfm_summary(log, CUT))
    assert asked.take([3, 5]).users.tolist() == task.users[[3, 5]].tolist()


def test_some_users_in_an_order_of_their_own(log, task):
    users = task.users[[40, 7, 300]]
    for made, whole in (
        (tasks.event_features(log, CUT, [4], users=users), task.features[
            ["weeks_since_last", "event_days", "mean_value", "weeks_since_first", "decayed_4w"]]),
        (tasks.rfm_summary(log, CUT, users=users), task.summary),
    ):
        pd.testing.assert_frame_equal(made, whole.loc[users])
    few = tasks.event_task(log, CUT, 25, 39, users=users)
    np.testing.assert_array_equal(few.weekly, task.weekly[[40, 7, 300]])
    np.testing.assert_array_equal(few.counts, task.counts[[40, 7, 300]])
    with pytest.raises(ValueError, match=r"1 of the 2 users have no event before the cut 1998-01-01, .*-5"):
        tasks.rfm_summary(log, CUT, users=[users[0], -5])


def test_several_dates_at_once(log):
    dates = ["1997-07-01", "1997-10-01"]
    table = tasks.event_features(log, dates, [4])
    sums = interest.decayed_sum(log, dates, "28D", weight="value")
    for date in dates:
        pd.testing.assert_frame_equal(table.loc[date], tasks.event_features(log, date, [4]))
        alone = interest.decayed_sum(as_of(log, date), date, "28D", weight="value")
        pd.testing.assert_series_equal(sums.loc[date], alone)
    with pytest.raises(ValueError, match="each once"):
        tasks.event_features(log, ["1997-07-01", "1997-07-01"])


def test_a_log_without_values(log):
    clicks = log[["user_id", "timestamp"]]
    task = tasks.event_task(clicks, CUT, 25, 39, value=None)
    assert task.weekly.shape[2] == 2 and "mean_value" not in task.features
    with pytest.raises(ValueError, match="value=None"):
        tasks.event_task(clicks, CUT, 25, 39)


# -- from a fit to interest ----------------------------------------------------------------------------------


def test_a_fit_is_handed_to_the_decayed_sum(log):
    past = as_of(log, CUT)
    fit = fitting.fit_decay(rate_since_first(log))
    by_hand = interest.decayed_sum(past, CUT, pd.Timedelta(weeks=fit.half_life))
    pd.testing.assert_series_equal(interest.decayed_sum(past, CUT, fit), by_hand)


@pytest.mark.parametrize("curve", [decay.PowerLaw(1.5, 2.0), decay.Exponential(4), decay.Hyperbolic(3)])
@pytest.mark.parametrize("unit", ["days", "weeks", "hours"])
def test_any_curve_is_applied_to_a_log(log, curve, unit):
    past = as_of(log, CUT)
    ages = (pd.Timestamp(CUT) - past["timestamp"]) / pd.Timedelta(**{unit: 1})
    by_hand = pd.Series(curve(ages) * past["value"]).groupby(past["user_id"]).sum()
    found = interest.decayed_sum(past, CUT, curve, weight="value", unit=unit)
    pd.testing.assert_series_equal(found, by_hand, check_names=False, rtol=1e-12)
    with pytest.raises(ValueError, match="needs an exponential half-life"):
        interest.running_decayed_sum(past, curve)


def test_weights_by_the_kind_of_event(log):
    kinds = np.where(log["quantity"] > 1, "many", "one")
    events = as_of(log.assign(event_type=kinds), CUT)
    found = interest.decayed_sum(events, CUT, "28D", weight={"one": 1, "many": 5})
    counts = np.where(events["event_type"] == "many", 5.0, 1.0)
    by_hand = interest.decayed_sum(events, CUT, "28D", weight=counts)
    pd.testing.assert_series_equal(found, by_hand)
    with pytest.raises(ValueError, match="says nothing of the event_type 'many'"):
        interest.decayed_sum(events, CUT, "28D", weight={"one": 1})
    with pytest.raises(ValueError, match="looks at the column 'event_type'"):
        interest.decayed_sum(log, "1999-01-01", "28D", weight={"one": 1})


def test_half_lives_may_have_names_and_users_may_be_chosen(log):
    past = as_of(log, CUT)
    found = interest.decayed_sum(past, CUT, {"short": "7D", "long": "28D"}, users=[4, -1])
    whole = interest.decayed_sum(past, CUT, ["7D", "28D"])
    assert found.columns.tolist() == ["short", "long"]
    assert found.loc[4].tolist() == whole.loc[4].tolist() and found.loc[-1].tolist() == [0, 0]
    with pytest.raises(ValueError, match="names a column twice"):
        interest.decayed_sum(past, CUT, ["7D", pd.Timedelta("7D")])
    with pytest.raises(ValueError, match="none of the 2 users occurs"):
        interest.decayed_sum(past, CUT, "7D", users=["a", "b"])


# -- from a task to a forecast, and to a score ---------------------------------------------------------------


def test_the_same_word_means_one_thing(log):
    """The models that count from the first purchase cannot be given the columns of a marketer."""
    features = tasks.event_features(log, CUT)
    assert not {"frequency", "recency", "T"} & set(features.columns)
    summary = tasks.rfm_summary(log, CUT)
    np.testing.assert_allclose(features["event_days"], summary["frequency"] + 1)
    np.testing.assert_allclose(features["weeks_since_first"], summary["T"] + 1 / 7)


def test_one_predict_for_a_model_of_the_customer_base(log, today):
    summary = tasks.rfm_summary(log, "1998-07-01")
    model = customer_base.ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669)
    found = predict(model, today)
    given = (summary[name].to_numpy(float) for name in ("frequency", "recency", "T"))
    np.testing.assert_allclose(found.mu, model.expected_purchases(25, *given))
    assert found.frame(today.users).shape == (2357, 2)


def test_a_forecast_is_scored_by_its_parts(task, forecast):
    y, counts = task.returned, task.counts
    for part, metric, outcome in (("p", "log_loss", y), ("p", "auc", y), ("mu", "rmse", counts)):
        given = {"whole": forecast, part: getattr(forecast, part)}
        table = evaluation.comparison_table(outcome, given, metric, replicates=20)
        assert table.loc["whole"].tolist() == table.loc[part].tolist()
    assert evaluation.score_probabilities(y, forecast) == evaluation.score_probabilities(y, forecast.p)
    assert evaluation.bootstrap_interval("brier", y, forecast, replicates=9) == evaluation.bootstrap_interval(
        "brier", y, forecast.p, replicates=9)
    assert np.asarray(forecast, dtype=object).ndim == 0               # never two seeds
    frame = evaluation.comparison_table(y, forecast.frame(task.users)[["p"]], ["brier"], replicates=9)
    assert frame.index.tolist() == ["p"]
    with pytest.raises(ValueError, match="one entry a customer"):
        Forecast(forecast.p, forecast.mu[:-1])


def test_the_table_is_paired_and_resamples_groups(task, forecast):
    other = baselines.RecencyOnly().fit(task).predict(task)
    table = evaluation.comparison_table(task.returned, {"a": forecast, "b": other}, ["auc"], reference="b",
                                        replicates=200, seed=3)
    alone = evaluation.paired_bootstrap("auc", task.returned, forecast.p, other.p, replicates=200, seed=3)
    np.testing.assert_allclose(table.loc["a"], alone)
    twice = tasks.stack([task, task])
    one = evaluation.comparison_table(task.returned, {"a": forecast.p}, ["brier"], replicates=300)
    two = evaluation.comparison_table(twice.returned, {"a": np.tile(forecast.p, 2)}, ["brier"],
                                      replicates=300, groups=twice.users)
    width = [float(t["brier_high"].iloc[0] - t["brier_low"].iloc[0]) for t in (one, two)]
    assert width[1] == pytest.approx(width[0], rel=0.15)              # without groups it would be 0.71 of it


def test_rows_of_one_customer_stay_on_one_side(log, task):
    both = tasks.stack(tasks.event_task(log, cut, 13, 39) for cut in ("1997-10-01", CUT))
    groups = tasks.split_users(both)
    sides = [set(both.users[group]) for group in groups]
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
    assert sorted(np.concatenate(groups)) == list(range(len(both)))
    for ours, plain in zip(tasks.split_users(task), tasks.split_users(len(task)), strict=True):
        np.testing.assert_array_equal(ours, plain)


def test_a_task_of_today_can_be_answered_and_not_learnt_from(today, task):
    for model in (baselines.BaseRate(), baselines.DecayedCount([4, 12]), baselines.Boosting(iterations=5)):
        assert len(predict(model.fit(task), today)) == len(today)
        with pytest.raises(ValueError, match="the 25 weeks after 1998-07-01 are not known"):
            clone(model).fit(today)
    with pytest.raises(ValueError, match="some of the tasks know their outcomes"):
        tasks.stack([task, today])
    with pytest.raises(ValueError, match="is asked with a task"):
        predict(baselines.BaseRate().fit(task), task.features)
    with pytest.raises(ValueError, match="needs a fitted model of this library, got str"):
        predict("BGNBD", task)


# -- baselines are estimators of scikit-learn ----------------------------------------------------------------


def test_scikit_learn_takes_the_baselines(task):
    folds = GroupKFold(3)
    model = baselines.RFMLogistic()
    scores = cross_val_score(model, task.features, task.counts, cv=folds, groups=task.users)
    assert (scores < 0).all() and (scores > -np.log(2)).all()
    search = GridSearchCV(model, {"C": [0.01, 1.0]}, cv=3).fit(task.features, task.counts)
    best = baselines.RFMLogistic(**search.best_params_).fit(task)
    assert search.best_estimator_.score(task) == pytest.approx(best.score(task.features, task.counts))
    assert repr(baselines.DecayedCount([4.0])) == "DecayedCount(half_lives=[4.0])"
    np.testing.assert_allclose(best.predict_proba(task)[:, 1], best.predict(task.features).p)


def test_each_answer_of_the_decayed_count_has_its_own_half_life(task):
    model = baselines.DecayedCount([4, 12, 52]).fit(task)
    model.half_life_, model.count_half_life_ = 4.0, 52.0
    model.classifier_ = baselines.DecayedCount([4]).fit(task).classifier_
    model.regressor_ = baselines.DecayedCount([52]).fit(task).regressor_
    found = model.predict(task)
    np.testing.assert_array_equal(found.p, baselines.DecayedCount([4]).fit(task).predict(task).p)
    np.testing.assert_array_equal(found.mu, baselines.DecayedCount([52]).fit(task).predict(task).mu)


def test_the_inputs_of_the_regression_written_out(task):
    columns = ["decayed_12w", "weeks_since_last"]
    x = np.column_stack([np.log(task.features["decayed_12w"]), np.log1p(task.features["weeks_since_last"])])
    model = baselines.RFMLogistic(columns, C=np.inf).fit(task)
    classifier, regressor = model._models()
    np.testing.assert_allclose(model.predict(task).p, classifier.fit(x, task.returned).predict_proba(x)[:, 1])
    np.testing.assert_allclose(model.predict(task).mu, regressor.fit(x, task.counts).predict(x))


def test_boosted_counts_are_fitted_by_their_poisson_deviance(task):
    """On skewed counts trees for the squared error have the greater deviance (and means below 0)."""
    mu = baselines.Boosting().fit(task).predict(task).mu
    model = baselines.Boosting()
    model._models = lambda: (baselines.Boosting()._models()[0],
                             baselines.Boosting()._models()[1].set_params(loss="squared_error"))
    squared = np.clip(model.fit(task).predict(task).mu, 1e-6, None)
    assert mean_poisson_deviance(task.counts, mu) < mean_poisson_deviance(task.counts, squared)


# -- networks ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_network_learns_where_everybody_is_a_customer_already_and_answers_today(task, today):
    from interestdecay_lib import networks

    assert (task.weekly[..., 2] == 1).all()                           # all joined before: a constant channel
    model = networks.weekly_network(39, 3, units=4, static=["decayed_12w"])
    train = networks.weekly_arrays(task, np.arange(500), ["decayed_12w"])
    networks.fit_network(model, train, epochs=1, patience=None)
    assert len(predict(model, today)) == len(today)
    scale = np.asarray(model.get_layer("standardise_weekly").variance).ravel()
    assert scale[2] == 1                            # who joins later is not divided by the root of nothing
    with pytest.raises(ValueError, match="the 25 weeks after 1998-07-01 are not known"):
        networks.weekly_arrays(today)
    with pytest.raises(ValueError, match="built for weekly of shape"):
        predict(model, {"weekly": task.weekly[:, 1:], "decayed_12w": task.weekly[:, :1, 0]})


@pytest.mark.slow
def test_further_training_keeps_the_scale_that_the_weights_know(task):
    from interestdecay_lib import networks

    early, late = task.take(np.arange(400)), task.take(np.arange(400, 800))
    late = tasks.replace(late, weekly=late.weekly * [2, 2, 1])
    model = networks.weekly_network(39, 3, units=4)
    networks.fit_network(model, networks.weekly_arrays(early), epochs=1, patience=None)
    before, mean = predict(model, early).p, np.asarray(model.get_layer("standardise_weekly").mean)
    slight = {"epochs": 1, "patience": None, "learning_rate": 1e-12}
    networks.fit_network(model, networks.weekly_arrays(late), standardise=False, **slight)
    np.testing.assert_allclose(predict(model, early).p, before, atol=1e-6)
    np.testing.assert_array_equal(model.get_layer("standardise_weekly").mean, mean)
    networks.fit_network(model, networks.weekly_arrays(late), **slight)
    again = np.asarray(model.get_layer("standardise_weekly").mean).ravel()
    np.testing.assert_allclose(again, late.weekly.mean((0, 1)), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("value", ["value", None])
def test_the_last_events_are_answered_by_a_network_of_events(log, value):
    from interestdecay_lib import event_networks

    x = event_networks.event_inputs(merge_same_day(log), CUT, length=4, value=value)
    model = event_networks.event_network("gru_d", steps=5, features=x["events"].shape[2], units=4)
    answer = predict(model, x)
    assert len(answer) == len(x["events"])
    with pytest.raises(ValueError, match="reads events, elapsed, but elapsed was not given"):
        predict(model, {"events": x["events"]})


def test_importing_the_networks_sets_the_log_level_of_tensorflow_and_nothing_else():
    ask = "import os, json; a = dict(os.environ); import {}; print(json.dumps([a, dict(os.environ)]))"
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("TF_", "KERAS", "OPENBLAS", "OMP", "ONEDNN"))}
    changes = []
    for module in ("tensorflow, keras", "interestdecay_lib.networks"):
        command = [sys.executable, "-c", ask.format(module)]
        out = subprocess.run(command, env=kept, capture_output=True, text=True, check=True).stdout
        before, after = json.loads(out.splitlines()[-1])
        changes.append({name for name in after if after[name] != before.get(name)})
    assert changes[1] - changes[0] <= {"TF_CPP_MIN_LOG_LEVEL"}


# -- every result can be shown -------------------------------------------------------------------------------


def test_every_result_is_printed_once(log, task, today, forecast):
    counts = rate_since_first(log)
    curves = fitting.compare_curves(counts, ["Exponential", "Hyperbolic"], replicates=5)
    table = evaluation.comparison_table(task.returned, {"a": forecast, "b": forecast.p}, replicates=5)
    results = [
        task, today, forecast, counts, curves, table, evaluation.as_text(table), fitting.fit_decay(counts),
        customer_base.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426), decay.Exponential(4.0),
        interest.DecayedCounter("7D"), evaluation.calibration_table(task.returned, forecast),
        evaluation.bootstrap_interval("auc", task.returned, forecast, replicates=5),
        baselines.DecayedCount([4.0]), tasks.rfm_summary(log, CUT), task.features,
    ]
    for result in results:
        with pd.option_context("display.width", 60, "display.max_columns", 3):
            assert 0 < len(str(result)) < 20_000 and 0 < len(repr(result)) < 20_000
    assert all(len(repr(result).splitlines()) == 1 for result in (task, today, forecast))
