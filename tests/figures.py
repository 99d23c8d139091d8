"""What each live figure must say, computed anew from the library for a state of its controls.

Every function takes the values of the controls, by name and as text, and returns pieces of text that the
figure's alternative text must contain. The page's frames play no part in it.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import brentq, minimize

from interestdecay_lib import baselines, customer_base, datasets, decay, evaluation, interest, tasks


@cache
def _days():
    """CDNOW's purchase days: (user_id, days since 1 January 1997), sorted."""
    log = datasets.load_cdnow()[["user_id", "timestamp"]].drop_duplicates()
    return log.assign(day=(log["timestamp"] - pd.Timestamp("1997-01-01")).dt.days)


@cache
def _rate_since_first():
    log = _days()
    age = (log["day"] - log.groupby("user_id")["day"].transform("min")).to_numpy()
    return np.array([np.sum((age > 7 * (k - 1)) & (age <= 7 * k)) for k in range(1, 66)])


def curves(curve, half_life, age):
    half_life, age = float(half_life), int(age)
    if curve == "BiExponential":  # the library's form has two half-lives, one ten times the other
        unit = brentq(lambda u: decay.BiExponential(u, 10 * u)(half_life) - 0.5, 1e-3, half_life * 10)
        weight = decay.BiExponential(unit, 10 * unit)(age)
    else:
        weight = decay.CURVES[curve](half_life)(age)
    rate = _rate_since_first()
    return [
        f"keeps {weight:.3f} of its weight",
        f"week {age} is {rate[age - 1] / rate[0]:.2f} of that in week 1",
    ]


def hazard(after, window):
    low, high = {
        "any purchase": (1, 9999),
        "the 1st": (1, 1),
        "the 2nd or 3rd": (2, 3),
        "the 4th to 6th": (4, 6),
        "the 7th or later": (7, 9999),
    }[after]
    log, window = _days(), int(window)
    number = log.groupby("user_id").cumcount().to_numpy() + 1
    gap = (log.groupby("user_id")["day"].shift(-1) - log["day"]).to_numpy()
    chosen = (number >= low) & (number <= high)
    gap, seen = gap[chosen], (545 - log["day"].to_numpy())[chosen]
    done = risk = 0
    for k in range(1, window + 1):  # the first window; the end of the log is 30 June 1998, day 545
        open_ = ~(gap <= 7 * (k - 1)) & (seen >= 7 * k)
        done, risk = done + np.sum(open_ & (gap <= 7 * k)), risk + np.sum(open_)
    return [f"CDNOW {done / risk:.3f} per week around week {(window + 1) / 2 - 0.5:g}, "]


def interest_figure(customer, half_life, said):
    user = int(said.split()[1])
    log = _days()[_days()["user_id"] == user]
    half = f"{7 * int(half_life)}D"
    peak = interest.running_decayed_sum(log, half).max()
    end = interest.decayed_sum(log, pd.Timestamp("1998-07-01"), half)  # 78 weeks, 546 days, after the first
    return [
        f"peaks at {peak:.2f} in",
        f"ends at {float(np.ravel(end)[0]):.3f} after {len(log)} purchase days",
    ]


def cut(customer, cut_week):
    user = {
        "a few, spread out": 4,
        "regular, then fewer": 8632,
        "a burst, then silence": 2332,
        "comes back after a long time": 166,
    }[customer]
    days = _days().set_index("user_id").loc[user, "day"].to_numpy()
    days = days[days < 7 * int(cut_week)]
    age = (7 * int(cut_week) - days) / 7
    short, long = (np.sum(0.5 ** (age / half_life)) for half_life in (4, 26))
    return [
        f"{len(days)} purchase days known",
        f"decayed count {short:.2f} with half-life 4 weeks, {long:.2f} with 26 weeks",
    ]


def lstm_step(forget_bias, input_strength, step):
    bias, strength = float(forget_bias), float(input_strength)
    sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
    c = h = 0.0
    for x in [1.0, 1, 0, 0, 2, 0, 0, 0][: int(step)]:
        i = o = sigmoid(strength * x)
        f, g = sigmoid(strength * x + bias), np.tanh(strength * x)
        c = f * c + i * g
        h = o * np.tanh(c)
    return [
        f"input gate {i:.2f}, forget gate {f:.2f} (half-life {np.log(0.5) / np.log(f):.1f} steps)",
        f"candidate {g:.2f}, output gate {o:.2f}, cell {c:.2f}, output {h:.2f}",
    ]


@cache
def _forecast(model):
    task = tasks.purchase_task(
        datasets.load_cdnow(), "1997-10-01", 39, 39, half_lives=baselines.HALF_LIVES
    )
    train, _, test = (task.take(rows) for rows in tasks.split_users(len(task), seed=0))
    models = {"decayed count": baselines.DecayedCount, "recency only": baselines.RecencyOnly}
    return test.bought, models[model]().fit(train).predict(test).p


def threshold(model, threshold):
    if model == "boosting":
        return [model]
    bought, p = _forecast(model)
    asked = p >= float(threshold)
    hit, false = int(np.sum(asked & (bought == 1))), int(np.sum(asked & (bought == 0)))
    missed = int(np.sum(~asked & (bought == 1)))
    profit = (3 * hit - (hit + false)) / len(p) * 1000
    return [
        f"{hit:,} buyers found, {false:,} false alarms, {missed:,} missed",
        f"{profit:.0f} dollars per 1,000",
    ]


@cache
def _losses(rate):
    from interestdecay_lib import networks

    task = tasks.purchase_task(datasets.load_cdnow(), "1997-10-01", 39, 39, half_lives=(4, 8, 12, 16, 26))
    train, validation, _ = tasks.split_users(len(task))
    arrays = [networks.purchase_arrays(task, rows) for rows in (train[:2560], validation[:400])]
    net = networks.purchase_network(39, 3, units=8)
    return networks.compare_optimizers(net, *arrays, learning_rates=[rate], epochs=4, batch_size=256)


def optimisers(optimiser, learning_rate):
    losses = (
        _losses(float(learning_rate)).query("optimizer == @optimiser.lower()").set_index("epoch")["val_loss"]
    )
    return [f"{losses[0]:.2f} at the start, {losses[1]:.2f} after one epoch, {losses[4]:.2f} after four"]


@cache
def _by_week(clock):
    """Purchases and customers (or open spells) in each week of a clock."""
    log = _days()
    if clock == "since the first purchase":
        return _rate_since_first(), np.full(65, log["user_id"].nunique())
    gap = (log.groupby("user_id")["day"].shift(-1) - log["day"]).to_numpy()
    seen = 545 - log["day"].to_numpy()
    open_ = np.array([~(gap <= 7 * (k - 1)) & (seen >= 7 * k) for k in range(1, 61)])
    return (open_ & (np.ceil(gap / 7) == np.arange(1, 61)[:, None])).sum(axis=1), open_.sum(axis=1)


@cache
def _likeliest(clock, curve, half_life):
    """Log likelihood, half-life and weekly rates of the best curve (of that half-life, if one is given)."""
    (Y, E), age = _by_week(clock), np.arange(len(_by_week(clock)[0])) + 0.5

    def rates(x):
        h = np.exp(x[0]) if half_life is None else half_life
        w = decay.Exponential(h) if curve == "Exponential" else decay.PowerLaw(h, float(np.exp(x[1])))
        return np.exp(x[2]) * w(age)

    def minus_log_likelihood(x):
        f = rates(x)
        if clock == "since the first purchase":
            return E @ f - Y @ np.log(f)
        return (E - Y) @ f - Y @ np.log(-np.expm1(-f))

    x = np.array([2.0, 0.0, -3.0])
    for _ in range(4):  # Nelder-Mead restarted: no gradient, nothing shared with the library's search
        options = {"xatol": 1e-9, "fatol": 1e-9, "maxiter": 5000, "maxfev": 5000}
        x = minimize(minus_log_likelihood, x, method="Nelder-Mead", options=options).x
    return -minus_log_likelihood(x), float(np.exp(x[0])), rates(x)


def likelihood(clock, curve, half_life):
    best, at, _ = _likeliest(clock, curve, None)
    here, _, f = _likeliest(clock, curve, float(half_life))
    (Y, E), customers = _by_week(clock), _days()["user_id"].nunique()
    raw = Y / E if clock == "since the first purchase" else -np.log1p(-Y / E)
    return [
        f"log likelihood {1000 * (best - here) / customers:.1f} per 1,000 customers below the best",
        f"which lies at {at:.1f} weeks",
        f"{f[0]:.4f} in week 1 and {f[51]:.4f} in week 52, the data {raw[0]:.4f} and {raw[51]:.4f}",
    ]


@cache
def _customer_base(kind):
    table = tasks.calibration_holdout(datasets.load_cdnow(), "1998-01-01")
    return getattr(customer_base, kind).fit(table["frequency"], table["recency"], table["T"])


def alive(model, frequency, silent):
    """A customer of 52 weeks, whose next 26 weeks are forecast from the year 1997."""
    fitted = _customer_base(model.replace("/", ""))
    x, quiet = int(frequency), float(silent)
    said = fitted.probability_alive(x, 52 - quiet, 52)
    back = fitted.probability_return(26, x, 52 - quiet, 52)
    expected = fitted.expected_purchases(26, x, 52 - quiet, 52)
    return [
        f"{x} repeat purchases, last one {silent} weeks ago: P(alive) {said:.2f}",
        f"P(return in 26 weeks) {back:.2f}, {expected:.2f} purchases expected",
    ]


def pause(half_life, short_term, pause):
    fade, short = 0.5 ** (float(pause) / float(half_life)), float(short_term) / 100
    fixed = 1 / np.log(np.e + float(pause))
    return [
        f"GRU-D {fade:.2f}",
        f"T-LSTM, learned {1 - short * (1 - fade):.2f}",
        f"T-LSTM, 1/ln(e + weeks) {1 - short * (1 - fixed):.2f}",
    ]


@cache
def _best_of_the_table():
    """Scores of RFM and several half-lives, and of the decayed count, both fitted anew."""
    table = Path(__file__).parents[1] / "book/_data/model_comparison.json"
    stored = json.loads(table.read_text(encoding="utf-8"))
    entry = next(e for e in stored["cdnow_39"] if e["model"] == "RFM and several half-lives")
    several = (1, 2, 4, 8, 16, 32, 64)
    task = tasks.purchase_task(
        datasets.load_cdnow(), "1997-10-01", 39, 39, half_lives=sorted({*several, *baselines.HALF_LIVES})
    )
    train, _, test = (task.take(rows) for rows in tasks.split_users(len(task)))
    columns = [*baselines.RFM, *(f"decayed_{h}w" for h in several)]
    scored = []
    for model in (baselines.RFMLogistic(columns, entry["chosen"][0]["C"]), baselines.DecayedCount()):
        p, mu = model.fit(train).predict(test)
        error = mu - test.purchases
        scored.append({
            "log loss": -np.mean(np.log(np.where(test.bought > 0, p, 1 - p))),
            "Brier score": np.mean((p - test.bought) ** 2),
            "Poisson deviance": evaluation.score_counts(test.purchases, mu)["poisson_deviance"],
            "RMSE": np.sqrt(np.mean(error**2)),
        })
    return scored


def metric(metric, weeks):
    if weeks != "39":
        return [f"{metric}, {weeks} weeks ahead"]
    best, count = _best_of_the_table()
    return [f"the decayed count's: RFM and several half-lives {best[metric] - count[metric]:+.4f} ["]


#: By the figure's name: its oracle, and states to look at.
FIGURES = {
    "curves": (
        curves,
        [
            {"half_life": "50", "age": "52"},
            {"curve": "BiExponential"},
            {"curve": "Gaussian", "half_life": "4"},
        ],
    ),
    "hazard": (hazard, [{"after": "the 2nd or 3rd"}, {"after": "the 7th or later", "window": "4"}]),
    "interest": (interest_figure, [{"customer": "most active"}, {"half_life": "52"}]),
    "cut": (cut, [{"customer": "regular, then fewer"}, {"cut_week": "72"}, {"cut_week": "12"}]),
    "lstm-step": (lstm_step, [{"forget_bias": "4", "step": "8"}, {"input_strength": "2.0"}]),
    "threshold": (threshold, [{"threshold": "0.2"}, {"model": "recency only", "threshold": "0.3"}]),
    "optimisers": (optimisers, [{}, {"optimiser": "SGD", "learning_rate": "1.0"}]),
    "likelihood": (
        likelihood,
        [
            {"half_life": "50"},
            {"clock": "since the last purchase", "half_life": "10"},
            {"clock": "since the last purchase", "curve": "PowerLaw", "half_life": "3"},
        ],
    ),
    "alive": (
        alive,
        [{"model": "BG/NBD", "frequency": "1", "silent": "26"}, {"frequency": "20", "silent": "6"}],
    ),
    "metric": (
        metric,
        [
            {},
            {"metric": "log loss"},
            {"metric": "Brier score"},
            {"metric": "RMSE"},
            {"metric": "AUC", "weeks": "13"},
        ],
    ),
    "pause": (
        pause,
        [{"half_life": "2", "pause": "39"}, {"short_term": "100", "pause": "4"}],
    ),
}
