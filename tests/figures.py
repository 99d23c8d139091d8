"""What each live figure must say, computed anew from the library for a state of its controls.

Every function takes the values of the controls, by name and as text, and returns pieces of text that the
figure's alternative text must contain. The page's frames play no part in it.
"""

import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import brentq, minimize, minimize_scalar

from interestdecay_lib import baselines, customer_base, datasets, decay, evaluation, interest, lstm, tasks


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
    task = tasks.event_task(
        datasets.load_cdnow(), "1997-10-01", 39, 39, half_lives=baselines.HALF_LIVES
    )
    train, _, test = (task.take(rows) for rows in tasks.split_users(len(task), seed=0))
    models = {"decayed count": baselines.DecayedCount, "recency only": baselines.RecencyOnly}
    return test.returned, models[model]().fit(train).predict(test).p


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

    task = tasks.event_task(datasets.load_cdnow(), "1997-10-01", 39, 39, half_lives=(4, 8, 12, 16, 26))
    train, validation, _ = tasks.split_users(len(task))
    arrays = [networks.weekly_arrays(task, rows) for rows in (train[:2560], validation[:400])]
    net = networks.weekly_network(39, 3, units=8)
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


def crowd(shape, mean, weeks):
    """Constant gamma rates: the silent by a sum over quantiles, the exponential by Nelder-Mead."""
    shape, mean, weeks = float(shape), float(mean), int(weeks)
    rates = stats.gamma(shape, scale=mean / 52 / shape)
    t, rate = np.arange(weeks + 1), rates.ppf((np.arange(400_000) + 0.5) / 400_000)
    silent = np.array([np.exp(-rate * k).mean() for k in t])
    ended, middle = -np.diff(silent), t[1:] - 0.5

    def minus_log_likelihood(x):
        f = np.exp(x[0]) * 0.5 ** (middle / np.exp(x[1]))
        return -ended @ np.log(-np.expm1(-f)) + silent[1:] @ f

    x = np.array([-4.0, 3.0])
    for _ in range(4):
        x = minimize(minus_log_likelihood, x, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13}).x
    by_rate = np.sort(rate)[::-1]
    hazard = np.log(silent[:-1] / silent[1:])
    return [
        f"the busiest tenth makes {by_rate[: len(rate) // 10].sum() / by_rate.sum():.0%} of them",
        f"falls from {hazard[0]:.4f} in week 1 to {hazard[-1]:.4f} in week {weeks}",
        f"a half-life of {np.exp(x[1]):.1f} weeks",
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
    task = tasks.event_task(
        datasets.load_cdnow(), "1997-10-01", 39, 39, half_lives=sorted({*several, *baselines.HALF_LIVES})
    )
    train, _, test = (task.take(rows) for rows in tasks.split_users(len(task)))
    columns = [*baselines.RFM, *(f"decayed_{h}w" for h in several)]
    scored = []
    for model in (baselines.RFMLogistic(columns, entry["chosen"][0]["C"]), baselines.DecayedCount()):
        p, mu = model.fit(train).predict(test)
        error = mu - test.counts
        scored.append({
            "log loss": -np.mean(np.log(np.where(test.returned > 0, p, 1 - p))),
            "MAE": np.mean(np.abs(error)),
            "Poisson deviance": evaluation.score_counts(test.counts, mu)["poisson_deviance"],
            "RMSE": np.sqrt(np.mean(error**2)),
        })
    return scored


def metric(metric, weeks):
    if weeks != "39":
        return [f"{metric}, {weeks} weeks ahead"]
    best, count = _best_of_the_table()
    return [f"RFM and several half-lives {best[metric] - count[metric]:+.4f} ["]


@cache
def _gift_shop():
    """Online Retail II; whoever asks changes nothing in it."""
    return datasets.load_online_retail()


@cache
def _shop_days(log):
    """(customer, day since 1 December 2009) of Online Retail II, sorted, from the file's own lines."""
    lines = datasets.load_online_retail(clean=False)
    lines = lines[lines["user_id"].notna()]
    day = (lines["timestamp"].dt.normalize() - pd.Timestamp("2009-12-01")).dt.days
    bought = ~lines["invoice"].str.startswith("C") & (lines["price"] > 0)
    if log == "cancellations left in":
        bought[:] = True
    days = pd.DataFrame({"user": lines["user_id"].astype(int), "day": day})[bought].drop_duplicates()
    days = days.sort_values(["user", "day"]).reset_index(drop=True)
    if log == "only customers new since March 2010":
        days = days[days.groupby("user")["day"].transform("min") >= 90]  # 1 March is day 90
    return days["user"].to_numpy(), days["day"].to_numpy()


def own_log(log, clock, weeks):
    """Counted week by week; the exponential by a search over the half-life, the scale solved for inside."""
    (user, day), K, end = _shop_days(log), int(weeks), 739
    later = np.append(user[1:] == user[:-1], False)
    if clock == "since the first event":
        first = pd.Series(day).groupby(user).transform("min").to_numpy()
        begun = first[np.append(True, ~later[:-1])]
        age, seen = day - first, (end - 1 - first) // 7
        Y = np.array([np.sum((age > 7 * (k - 1)) & (age <= 7 * k) & (seen >= k)) for k in range(1, K + 1)])
        E = np.array([np.sum((end - 1 - begun) // 7 >= k) for k in range(1, K + 1)])
    else:
        gap = np.where(later, np.append(np.diff(day), 0), 10**6)
        seen = (end - 1 - day) // 7
        open_ = np.array([(gap > 7 * (k - 1)) & (seen >= k) for k in range(1, K + 1)])
        E = open_.sum(axis=1)
        Y = (open_ & (gap <= 7 * np.arange(1, K + 1)[:, None])).sum(axis=1)
    poisson, age = clock == "since the first event", np.arange(K) + 0.5

    def loss(h):  # minus the log likelihood, at the best scale for this half-life
        def at(log_scale):
            f = np.exp(log_scale) * 0.5 ** (age / h)
            return E @ f - Y @ np.log(f) if poisson else (E - Y) @ f - Y @ np.log(-np.expm1(-f))

        return minimize_scalar(at, bounds=(-9, 2), method="bounded", options={"xatol": 1e-9}).fun

    best = minimize_scalar(
        lambda x: loss(np.exp(x)), bounds=(0, 8), method="bounded", options={"xatol": 1e-9}
    )
    h = np.exp(best.x)
    determined = all(2 * (loss(h * times) - best.fun) > 3.84 for times in (0.1, 10))
    rate = Y / E if poisson else -np.log1p(-Y / E)
    return [
        f"the first {K} weeks: {rate[0]:.4f} in week 1 and {rate[-1]:.4f} in week {K}",
        f"a half-life of {h:.1f} weeks" if determined else "no half-life that is determined",
    ]


@cache
def _goods():
    """(customer, item, time) of Online Retail II, goods only, by time."""
    lines = _gift_shop()
    lines = lines[lines["item_id"].str.fullmatch(r"\d{5}.*")]
    lines = lines.assign(item_id=pd.factorize(lines["item_id"])[0])
    return lines[["user_id", "item_id", "timestamp"]].sort_values("timestamp")


def _twenty(mine, own_days, fashion):
    """The list of one customer: her own items by decayed count, then the others by fashion."""
    if own_days is None or mine is None:
        return fashion.index[:20]
    kept = 0.5 ** (mine["age"] / own_days)
    scores = kept.groupby(mine["item_id"]).sum().to_frame("own").join(fashion.rename("fashion"))
    first = scores.sort_values(["own", "fashion"], ascending=False).index
    return [*first, *fashion.index.difference(first, sort=False)][:20]


def two_half_lives(ranking, place):
    """Customer by customer, from lists of twenty; the first seven cuts and the last seven."""
    own = ranking == "a customer's own"
    days = ([7, 30, 90, 180, 365] if own else [1, 3, 7, 14, 30, 60, 120, 365])[int(place) - 1]
    log, found = _goods(), []
    for at in pd.date_range("2011-01-10", periods=14, freq="24D"):
        past = log[log["timestamp"] < at]
        past = past.assign(age=(at - past["timestamp"]).dt.total_seconds() / 86400)
        kept = 0.5 ** (past["age"] / (7 if own else days))
        fashion = kept.groupby(past["item_id"]).sum().sort_values(ascending=False)
        week = log[(log["timestamp"] >= at) & (log["timestamp"] < at + pd.Timedelta(days=7))]
        bought = week.groupby("user_id")["item_id"].agg(set)
        mine = dict(list(past[past["user_id"].isin(bought.index)].groupby("user_id")))
        lists = {user: _twenty(mine.get(user), days if own else None, fashion) for user in bought.index}
        found.append([len(wanted & set(lists[user])) / len(wanted) for user, wanted in bought.items()])
    early, late = (100 * np.mean(np.concatenate(part)) for part in (found[:7], found[7:]))
    return [f"Half-life {days} days", f"{early:.1f} % in the earlier weeks, {late:.1f} % in the later ones"]


def first_lines(known):
    """Customer by customer: the popular list of each cut without the known lines, by sets."""
    known = int(known)
    lines = _gift_shop()
    lines = lines[lines["item_id"].str.fullmatch(r"\d{5}.*")]
    start = lines.groupby("user_id")["timestamp"].transform("min")
    baskets = lines[lines["timestamp"] == start].drop_duplicates(["user_id", "item_id"])
    found = []
    for at in pd.date_range("2011-01-10", periods=12, freq="28D")[6:]:
        past = lines[lines["timestamp"] < at]
        kept = 0.5 ** ((at - past["timestamp"]).dt.total_seconds() / 86400 / 7)
        order = kept.groupby(past["item_id"]).sum().sort_values(ascending=False).index
        here = baskets[(baskets["timestamp"] >= at) & (baskets["timestamp"] < at + pd.Timedelta(days=28))]
        for _, part in here.groupby("user_id"):
            bought = part["item_id"].tolist()
            if len(bought) >= 15:
                shown = [item for item in order[:40] if item not in bought[:known]][:20]
                found.append(len(set(shown) & set(bought[10:])) / len(bought[10:]))
    return [f"{known} lines known", f"popular, 7 days {100 * np.mean(found):.1f} %"]


@cache
def _baskets():
    """First lines of the invoices as lists of numbers, by a loop: old ones, and 400 of the test."""
    lines = _gift_shop()
    lines = lines[lines["item_id"].str.fullmatch(r"\d{5}.*")].drop_duplicates(["invoice", "item_id"])
    early = lines.loc[lines["timestamp"] < "2011-09-01", "item_id"].tolist()
    counts = {}
    for item in early:
        counts[item] = counts.get(item, 0) + 1
    top = sorted(counts, key=lambda item: (-counts[item], item))[:1000]
    number = {item: place for place, item in enumerate(top)}
    found = {}
    for invoice, item, at in zip(lines["invoice"], lines["item_id"], lines["timestamp"], strict=True):
        if item in number:
            found.setdefault(invoice, (at, []))[1].append(number[item])
    kept = [(at, row[:16]) for at, row in found.values() if len(row) >= 3]
    late = [place for place, (at, _) in enumerate(kept) if at >= pd.Timestamp("2011-09-01")]
    chosen = np.random.default_rng(0).choice(late, 400, replace=False)
    return [row for at, row in kept if at < pd.Timestamp("2011-09-01")], [kept[i][1] for i in chosen]


@cache
def _next_line(size, half_life):
    old, test = _baskets()
    C = np.zeros((1000, 1000))
    for row in old:
        C[np.ix_(row, row)] += 1
    np.fill_diagonal(C, 0)
    total = C.sum(axis=1)
    with np.errstate(divide="ignore"):
        M = np.maximum(np.log(C * C.sum() / np.outer(total, total)), 0)
    value, U = np.linalg.eigh(M)
    S = (U[:, -size:] * np.maximum(value[-size:], 0)) @ U[:, -size:].T
    keep = 0.5 ** (1 / float(half_life)) if half_life != "none" else 1.0
    hits = []
    for row in test:
        for t in range(1, len(row)):
            score = sum(keep ** (t - 1 - j) * S[row[j]] for j in range(t))
            score[row[:t]] = -np.inf
            hits.append((score > score[row[t]]).sum() < 10)
    return 100 * np.mean(hits)


def next_line(size, half_life):
    """Next item among ten, with dense counts, a full decomposition, and every list sorted by hand."""
    return [f"Vectors of {size} numbers, half-life {half_life} lines",
            f"{_next_line(int(size), half_life):.1f} % of the next items"]


@cache
def _alarm_days(fall):
    """Simulated users from the seed of the figure: what came minus what was told, a number a day."""
    rng = np.random.default_rng(3)
    told = rng.beta(2, 8, (400, 500))
    came = rng.random(told.shape) < told * np.r_[np.ones(200), np.full(200, 1 - fall / 100)][:, None]
    return (came.sum(axis=1) - told.sum(axis=1)) / np.sqrt((told * (1 - told)).sum(axis=1))


def alarm(half_life, fall):
    """pandas' decayed mean from 0; the run length from a Markov chain, not from the integral equation."""
    days, half_life = pd.Series(np.r_[0.0, _alarm_days(int(fall))]), int(half_life)
    q, states = 2 ** (-1 / half_life), 1501
    bound = 3 * np.sqrt((1 - q) / (1 + q))
    rang = np.flatnonzero((days.ewm(halflife=half_life, adjust=False).mean()[1:].abs() > bound).to_numpy())
    width = 2 * bound / states
    middle = -bound + width * (np.arange(states) + 0.5)
    edges = np.append(middle - width / 2, bound)
    step = np.diff(stats.norm.cdf((edges - q * middle[:, None]) / (1 - q)), axis=1)
    wait = np.linalg.solve(np.eye(states) - step, np.ones(states))[states // 2]
    after = rang[rang >= 200]
    first = f"first alarm on day {after[0]}" if len(after) else "no alarm"
    return [f"{first} from there on, {np.sum(rang < 200)} false ones before",
            f"one false alarm in {wait:.0f} days"]


def longer_ago(k):
    """One customer and five networks, step by step."""
    from interestdecay_lib.explaining import simulate_history

    k = int(k)
    weeks = simulate_history(4000, seed=3).x
    her = weeks[[np.count_nonzero(one[:, 0]) >= 5 for one in weeks]][30].copy()
    newest = max(t for t in range(26) if her[t, 0] > 0)
    number, her[newest, 0] = her[newest, 0], 0
    her[25 - k, 0] += number
    odds = -2 + sum(her[t, 0] * math.exp(-math.log(2) * (25 - t) / 4) for t in range(26))
    stored, told = np.load(Path(__file__).parents[1] / "book/_data/explaining.npz"), []
    for seed in range(5):
        parts = (stored[f"last_{part}"][seed] for part in ("kernel", "recurrent", "lstm_bias"))
        weights = lstm.LSTMWeights(*parts)
        h = c = np.zeros(8)
        for week in her:
            step = lstm.lstm_step(week, h, c, weights)
            h, c = step.h, step.c
        told.append(100 / (1 + math.exp(-(h @ stored["last_head"][seed] + stored["last_bias"][seed]))))
    return [f"Last purchase {k} weeks ago", f"true probability {100 / (1 + math.exp(-odds)):.1f} %",
            f"five networks {min(told):.1f} to {max(told):.1f} %"]


def forgetting(log, keep):
    """Event by event: what is left of both logs, in whole days."""
    keep = int(keep)
    lines, at = ((datasets.load_cdnow(), "1998-01-01") if log == "CDNOW" else
                 (_gift_shop().drop_duplicates("invoice"), "2011-06-10"))
    at, all_events, left = pd.Timestamp(at), [], []
    for user, moment in zip(lines["user_id"], lines["timestamp"], strict=True):
        if moment < at:
            all_events.append(user)
            if (at - moment).total_seconds() <= 7 * 86400 * keep:
                left.append(user)
    events, people = len(left) / len(all_events), len(set(left)) / len(set(all_events))
    return [f"{log}, {keep} weeks kept", f"{100 * events:.1f} % of the events",
            f"{100 * people:.1f} % of the customers"]


def sigma(alpha):
    """The logistic function through tanh, its slope by a difference."""
    alpha = float(alpha)

    def of(z):
        return (1 + np.tanh(z / 2)) / 2

    slope = (of(alpha * (0.5 + 1e-5)) - of(alpha * (0.5 - 1e-5))) / 2e-5
    return [f"rises from {of(0.1 * alpha):.3f} at interest 0.1 to {of(0.9 * alpha):.3f} at 0.9",
            f"slope {slope:.3f} at one half",
            f"falls from {of(0.4 * alpha):.3f} to {of(-0.4 * alpha):.3f}"]


@cache
def _coupons():
    """Interest on 1 January 1998, and what a coupon to each customer is worth, by the definitions."""
    log = datasets.load_cdnow()
    log = log.groupby(["user_id", "timestamp"], as_index=False)["value"].sum()
    start, cut = log.groupby("user_id")["timestamp"].min(), pd.Timestamp("1998-01-01")
    past = log[log["timestamp"] < cut]
    last = past.groupby("user_id")["timestamp"].max()
    silent = ((cut - pd.Timedelta(days=1) - last).dt.days / 7).to_numpy()   # T ends with the day before
    late = log[(log["timestamp"] >= cut) & (log["timestamp"] < cut + pd.Timedelta(days=91))]
    came = start.index.isin(late["user_id"]).astype(float)
    again = past[past["timestamp"] > past["user_id"].map(start)].groupby("user_id")["value"]
    x, m = again.size().reindex(start.index).fillna(0), again.mean().reindex(start.index).fillna(0)
    x = x.where(m > 0, 0)
    model = customer_base.GammaGamma.fit(x[x > 0], m[x > 0])
    p, q, gamma = model.p, model.q, model.gamma
    margin = 0.4 * p * (gamma + m * x) / (p * x + q - 1)
    effect = (1 - came) * 0.25 * 0.5 ** (silent / 13)
    interest_now = (0.5 ** ((cut - past["timestamp"]).dt.days / 91)).groupby(past["user_id"]).sum()
    gain = (came + effect) * (margin - 2) - came * margin - 0.3
    return interest_now.to_numpy(), gain.to_numpy()


def budget(ranking, budget):
    """The mean over twenty test halves of what the first in a ranking by interest are worth."""
    score, gain = _coupons()
    score = score if ranking == "highest interest" else -score
    order = np.argsort(-score, kind="stable")
    found = []
    for seed in range(20):
        tested = np.random.default_rng(seed).random((3, len(score)))[0] >= 0.5
        ranked = gain[order][tested[order]]
        found.append(ranked[: round(int(budget) / 100 * len(ranked))].sum() / len(ranked) * 1e4)
    return [f"Ranked by {ranking}, {budget} % contacted: {np.mean(found):,.0f} dollars"]


#: By the figure's name: its oracle, and states to look at.
FIGURES = {
    "longer-ago": (longer_ago, [{"k": "0"}, {"k": "12"}]),
    "forgetting": (forgetting, [{"log": "CDNOW", "keep": "13"}, {"log": "gift shop", "keep": "52"}]),
    "sigma": (sigma, [{"alpha": "1"}, {"alpha": "20"}]),
    "budget": (budget, [{"ranking": "highest interest", "budget": "20"},
                        {"ranking": "highest interest", "budget": "10"}]),
    "next-line": (next_line, [{}, {"size": "256", "half_life": "none"}]),
    "first-lines": (first_lines, [{"known": "0"}, {"known": "10"}]),
    "two-half-lives": (two_half_lives, [{"place": "3"}, {"ranking": "a customer's own", "place": "4"}]),
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
    # at rate 1, and RMSprop at 0.1, four epochs end elsewhere on another processor: nothing to compare with
    "optimisers": (optimisers, [{}, {"optimiser": "SGD", "learning_rate": "0.1"}]),
    "likelihood": (
        likelihood,
        [
            {"half_life": "50"},
            {"clock": "since the last purchase", "half_life": "10"},
            {"clock": "since the last purchase", "curve": "PowerLaw", "half_life": "3"},
        ],
    ),
    "crowd": (
        crowd,
        [
            {},
            {"shape": "0.1", "mean": "4", "weeks": "13"},
            {"shape": "3", "mean": "12"},
            {"mean": "0.5", "weeks": "13"},
        ],
    ),
    "own-log": (
        own_log,
        [
            {},
            {"clock": "since the first event", "weeks": "26"},
            {"log": "cancellations left in", "clock": "since the first event", "weeks": "26"},
            {"log": "only customers new since March 2010", "weeks": "13"},
            {"log": "only customers new since March 2010", "clock": "since the first event"},
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
            {"metric": "MAE"},
            {"metric": "RMSE"},
            {"metric": "AUC", "weeks": "13"},
        ],
    ),
    "alarm": (
        alarm,
        [
            {},
            {"half_life": "1", "fall": "5"},
            {"half_life": "14", "fall": "20"},
            {"half_life": "28", "fall": "0"},
        ],
    ),
    "pause": (
        pause,
        [{"half_life": "2", "pause": "39"}, {"short_term": "100", "pause": "4"}],
    ),
}
#: Each state is asked for twice, by keyboard and by mouse, and computed once.
FIGURES = {name: (cache(oracle), states) for name, (oracle, states) in FIGURES.items()}
