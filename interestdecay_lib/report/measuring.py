"""The numbers of the report: what each section measures of a log, or why it cannot.

Everything is asked of the rooms of the library; here stands only what is asked, of how many users, and how
many there have to be. Large logs are measured in whole where that is quick, and on a random sample where
it is not; each part carries the number of users that it rests on.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.base import clone

from interestdecay_lib._threads import one_thread
from interestdecay_lib.baselines import HALF_LIVES, BaseRate, Boosting, DecayedCount, RecencyOnly, RFMLogistic
from interestdecay_lib.counts import BinnedCounts, hazard_since_last, rate_since_first
from interestdecay_lib.customer_base import BGNBD, MBGNBD, NBD, ParetoNBD
from interestdecay_lib.evaluation import (
    Interval,
    bootstrap_interval,
    calibration_table,
    comparison_table,
    wilson_interval,
)
from interestdecay_lib.event_log import DAY, UNITS, CheckedLog, checked
from interestdecay_lib.fitting import DecayFit, compare_curves, fit_decay
from interestdecay_lib.forecasts import Forecast, of_customers
from interestdecay_lib.tasks import calibration_holdout, event_features, rfm_summary

FEWEST_RETURNING = 30  # users who came back, below which no curve is fitted and no forecast tested
FEWEST_FOR_A_CHOICE = 100  # returning users, below which curves are not compared
_LONGEST = {"first": 65, "last": 60}  # ages of the two clocks, as in the book's chapter fitting_decay
_MOST_WEEKS = 13  # of the horizon
_SAMPLE = 30_000  # users, of whom curves are compared, models fitted and forecasts learnt
_MANY = 50_000  # users, from which on fewer resamples will do
RESAMPLES = {"half-lives": 200, "many": 60, "curves": 40}  # many: from _MANY users on
_CURVES = ("Exponential", "Hyperbolic", "PowerLaw", "BiExponential")
REFERENCE = "a decayed count"
Tell = Callable[[str], None]


# -- first look ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FirstLook:
    """What anybody sees without a model. Days are those of the log's zone; an active day has an event."""

    events: int
    users: int
    first: pd.Timestamp
    until: pd.Timestamp
    active_days: int
    returning: int  # users with a second active day
    gap_days: tuple[float, float, float] | None  # quartiles of the days between active days of a user
    busiest: tuple[object, int]
    early: float  # share of users who are there in the first tenth of the time
    silence: tuple[pd.Timestamp, int]  # the longest time without any event: first day, days
    periods: pd.DataFrame  # events and users by period
    period: str
    kinds: pd.Series | None
    midnight: float  # share of events at midnight in UTC: dates without clock times
    one_instant: bool

    @property
    def days(self) -> int:
        return int((self.until - self.first) / DAY)

    @property
    def repeats(self) -> int:
        """Active days after the first one of a user."""
        return self.active_days - self.users


def look(log: pd.DataFrame, until: pd.Timestamp) -> FirstLook:
    """The first look."""
    found = checked(log)
    code, day = _active_days(found)
    begins = np.append(True, code[1:] != code[:-1])
    first_day = pd.Timestamp(found.day.min())
    span = int((until - first_day) / DAY)
    length, period = (7, "week") if span >= 56 else (1, "day")
    into, active = (
        ((days - first_day.as_unit("us").to_datetime64()) // np.timedelta64(1, "D")).astype(int)
        for days in (found.day, day)
    )
    whole = max(1, span // length)
    gaps = np.diff(active)[~begins[1:]]
    at, inside = into // length, into // length < whole
    seen_in = active // length
    once = begins | np.append(True, seen_in[1:] != seen_in[:-1])
    periods = pd.DataFrame(
        {
            "events": np.bincount(at[inside], minlength=whole),
            "users": np.bincount(seen_in[once], minlength=whole)[:whole],
        },
        index=pd.Index(first_day + length * DAY * np.arange(whole), name=f"{period} from"),
    )
    days = np.flatnonzero(np.bincount(into, minlength=span))
    pause = np.diff(days, append=span)
    longest = int(pause.argmax())
    count = found.count
    kinds = log["event_type"].astype(str).value_counts() if "event_type" in log.columns else None
    return FirstLook(
        events=len(log),
        users=len(found.users),
        first=first_day,
        until=until,
        active_days=len(code),
        returning=int((np.bincount(code, minlength=len(found.users)) > 1).sum()),
        gap_days=tuple(np.percentile(gaps, [25, 50, 75]).tolist()) if len(gaps) else None,
        busiest=(found.users[count.argmax()], int(count.max())),
        early=float((into[found.first] < max(1, span / 10)).mean()),
        silence=(first_day + (int(days[longest]) + 1) * DAY, int(pause[longest]) - 1),
        periods=periods,
        period=period,
        kinds=kinds,
        midnight=float((found.time == found.time.astype("datetime64[D]")).mean()),
        one_instant=bool(found.time.min() == found.time.max()),
    )


def _active_days(found: CheckedLog) -> tuple[np.ndarray, np.ndarray]:
    """The distinct (user, day)."""
    code, day = found.code, found.day
    new = np.append(True, (code[1:] != code[:-1]) | (day[1:] != day[:-1]))
    return code[new], day[new]


# -- the two clocks ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clock:
    """One of the two clocks: what was counted, the fitted half-life, its interval, or why there is none."""

    name: str  # "first" or "last"
    unit: str
    periods: int
    counts: BinnedCounts | None = None
    fit: DecayFit | None = None
    low: float = math.nan  # of the half-life; the upper end is infinite where the data set none
    high: float = math.nan
    returning: int = 0
    events: int = 0
    why: str = ""

    @property
    def definition(self) -> str:
        if self.name == "first":
            return "events of a user by the time since the first one"
        return "chance of the next event by the time since the last one"

    @property
    def falls(self) -> bool:
        """Whether a constant rate, and a half-life ten times as long, are ruled out."""
        return self.fit is not None and self.fit.trustworthy and math.isfinite(self.high)


def counted(number: int, what: str) -> str:
    """A number with its noun.

    >>> counted(1, "user"), counted(1200, "user")
    ('1 user', '1,200 users')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def clock_unit(seen: FirstLook) -> str:
    """In what ages are counted: weeks from half a year on; hours below two weeks if there are clocks."""
    return "weeks" if seen.days >= 182 else "days" if seen.days >= 14 or seen.midnight > 0.9 else "hours"


def clocks(log: pd.DataFrame, seen: FirstLook, seed: int = 0) -> dict[str, Clock]:
    """Both clocks, in whole: the rate since the first event, and the hazard since the last one."""
    unit = clock_unit(seen)
    steps = seen.days * DAY // UNITS[unit]
    result = {}
    for name, count, cap, share in (
        ("first", rate_since_first, _LONGEST["first"], 5 / 6),
        ("last", hazard_since_last, _LONGEST["last"], 10 / 13),
    ):
        periods = min(cap, round(steps * share))
        until = seen.until if unit != "hours" else None
        result[name] = _clock(name, unit, periods, log, count, until, seed)
    return result


def _clock(name: str, unit: str, periods: int, log: pd.DataFrame, count: Callable, until, seed: int) -> Clock:
    if periods < 2:
        return Clock(name, unit, periods, why=f"the log spans less than two {unit}")
    try:
        counts = count(log, periods, unit, observed_until=until)
    except ValueError:  # there is no event to count
        return Clock(name, unit, periods, why=f"nobody was seen to come back within {periods} {unit}")
    returning = int((counts.events.any(axis=1)).sum())
    known = Clock(name, unit, periods, counts, returning=returning, events=counts.total_events)
    if returning < FEWEST_RETURNING:
        why = f"of {counted(returning, 'user')} a return was seen within {periods} {unit}"
        return replace(known, why=why)
    profile = fit_decay(counts, interval="profile")
    low, high = profile.interval
    fit = profile
    if profile.trustworthy:  # over users where there is an upper end: wider if events come in bursts
        replicates = RESAMPLES["half-lives" if len(counts) <= _MANY else "many"]
        fit = fit_decay(counts, interval="bootstrap", replicates=replicates, seed=seed, progress=False)
        low = fit.interval[0]
        unlimited = float(fit.replicates["at_bound"].mean()) > 0.025
        high = math.inf if unlimited else fit.interval[1]
    return replace(known, fit=fit, low=low, high=high)


# -- which curve ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Curves:
    """Curves compared on users that they were not fitted to."""

    clock: str
    unit: str
    table: pd.DataFrame | None = None
    users: int = 0
    lead: tuple[str, Interval] | None = None  # of the best curve over the exponential, per 1,000 users
    fades: Interval | None = None  # of the exponential over a constant rate
    fit: DecayFit | None = None
    why: str = ""


def compare(clock: Clock, seed: int = 0) -> Curves:
    """Which curve describes other users best."""
    if clock.fit is None or clock.returning < FEWEST_FOR_A_CHOICE:
        return Curves(
            clock.name,
            clock.unit,
            why=clock.why
            or f"of only {counted(clock.returning, 'user')} a return was seen, and a "
            f"choice among curves asks for {FEWEST_FOR_A_CHOICE}",
        )
    counts = clock.counts
    if len(counts) > _SAMPLE:
        rows = _drawn(len(counts), seed)
        counts = BinnedCounts(
            counts.events[rows], counts.exposure[rows], counts.model, counts.unit, counts.definition
        )
    table = compare_curves(counts, _CURVES, replicates=RESAMPLES["curves"], seed=seed, progress=False)
    rivals = table.drop(index=["Exponential", "no decay", "one value an age"])
    rivals = rivals[rivals["converged"]]
    lead = None
    if len(rivals):
        best = rivals["gain"].idxmax()
        lead = best, Interval(*map(float, rivals.loc[best, ["gain", "low", "high"]]))
    flat = table.loc["no decay", ["gain", "low", "high"]].to_numpy(float)
    fit = fit_decay(clock.counts, lead[0]) if lead is not None and lead[1].low > 0 else None
    return Curves(
        clock.name, clock.unit, table, len(counts), lead, Interval(-flat[0], -flat[2], -flat[1]), fit
    )


# -- gone or quiet -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gone:
    """Models in which users leave, or do not; and what followed upon silence in the test period."""

    models: pd.DataFrame | None = None  # by model: log_likelihood, parameters, alive, returns
    gain: float = math.nan  # log likelihood of the best leaving model above that of NBD, nats
    users: int = 0
    best: object = None
    why: str = ""


_KINDS = {"NBD": NBD, "Pareto/NBD": ParetoNBD, "BG/NBD": BGNBD, "MBG/NBD": MBGNBD}


def leaving(log: pd.DataFrame, seen: FirstLook, horizon_days: int, seed: int = 0) -> Gone:
    """Fit the models of customers who leave, and the one of customers who never do."""
    if seen.returning < FEWEST_RETURNING:
        return Gone(why=f"only {counted(seen.returning, 'user')} came back")
    summary = _sampled(rfm_summary(log, seen.until), seed)
    columns = [summary[name] for name in ("frequency", "recency", "T")]
    rows, fitted, troubles = {}, {}, []
    for name, kind in _KINDS.items():
        try:
            model = kind.fit(summary)
        except (RuntimeError, ValueError) as error:
            troubles.append(f"{name}: {error}")
            continue
        fitted[name] = model
        rows[name] = {
            "log_likelihood": model.log_likelihood(*columns),
            "parameters": len(model.parameters),
            "alive": float(np.mean(model.probability_alive(*columns))),
            "returns": float(np.mean(model.probability_return(horizon_days / 7, *columns))),
        }
    others = [name for name in rows if name != "NBD"]
    if "NBD" not in rows or not others:
        return Gone(why="the models could not be fitted (" + "; ".join(troubles) + ")")
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")
    best = table.loc[others, "log_likelihood"].idxmax()
    gain = float(table.loc[best, "log_likelihood"] - table.loc["NBD", "log_likelihood"])
    return Gone(table, gain, len(summary), fitted[best if gain > LEAVING else "NBD"])


LEAVING = 5.0  # nats by which a model with two more parameters must be ahead (p < 0.01)


def _sampled(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    if len(table) <= _SAMPLE:
        return table
    return table.iloc[_drawn(len(table), seed)]


def _drawn(n: int, seed: int) -> np.ndarray:
    """Positions of the sample among n users, in their order."""
    return np.sort(np.random.default_rng(seed).choice(n, _SAMPLE, replace=False))


# -- forecasts -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Forecasts:
    """A test in the order of time: learnt on one period, judged on the next, and asked about the one to come.

    Learnt on ``[train_cut, cut)``, judged on ``[cut, end)``, each from what was known at its beginning.
    """

    horizon_days: int = 0
    train_cut: pd.Timestamp | None = None
    cut: pd.Timestamp | None = None
    end: pd.Timestamp | None = None
    trained: int = 0
    users: int = 0
    returned: int = 0
    scores: pd.DataFrame | None = None  # log loss and AUC of each model, 95 %
    lead: pd.DataFrame | None = None  # log loss minus the decayed count's, at the level of the comparison
    level: float = 0.95
    half_life_weeks: float = math.nan
    chosen: str = ""
    ratio: Interval | None = None  # of the chosen model: returns told over those that came
    calibration: pd.DataFrame | None = None
    silence: pd.DataFrame | None = None  # by weeks of silence at the cut: users, share who returned
    today: pd.DataFrame | None = None  # by user: what is expected now, and what was
    why: str = ""

    def gain(self, model: str) -> Interval:
        """By how much log loss a model is *better* than the decayed count."""
        row = self.lead.loc[model]
        return Interval(-row["log_loss"], -row["log_loss_high"], -row["log_loss_low"])


def horizon_of(seen: FirstLook, cut: pd.Timestamp | None) -> int:
    """Days that are forecast: a quarter of the log, at most 13 weeks; or from the cut to its end."""
    if cut is not None:
        return min(7 * _MOST_WEEKS, int((seen.until - cut) / DAY))
    days = min(7 * _MOST_WEEKS, seen.days // 4)
    return days - days % 7 if days >= 14 else days


def forecast(
    log: pd.DataFrame, seen: FirstLook, gone: Gone, cut: pd.Timestamp | None = None, seed: int = 0
) -> Forecasts:
    """The test, and the forecast for today of the model that passed it best."""
    days = horizon_of(seen, cut)
    cut = seen.until - days * DAY if cut is None else cut
    train_cut, end = cut - days * DAY, cut + days * DAY
    if days < 1 or train_cut <= seen.first:
        return Forecasts(
            days,
            why=f"the log spans {seen.days} days, too few to learn on one period and to test on the next",
        )
    sample = _sample_of(log, seed)
    lives = _half_lives(seen.days)
    try:
        past, known = (_at(sample, day, days, lives, seen.until) for day in (train_cut, cut))
    except ValueError as error:
        return Forecasts(days, train_cut, cut, end, why=str(error))
    short = [
        n
        for n in (past[1].sum(), (1 - past[1]).sum(), known[1].sum(), (1 - known[1]).sum())
        if n < FEWEST_RETURNING
    ]
    told = {"trained": len(past[1]), "users": len(known[1]), "returned": int(known[1].sum())}
    if short:
        return Forecasts(
            days,
            train_cut,
            cut,
            end,
            **told,
            why=(
                f"in the period to learn from {int(past[1].sum()):,} of {len(past[1]):,} users returned, "
                f"in the "
                f"one to test on {int(known[1].sum()):,} of {len(known[1]):,}; a test asks for "
                f"{FEWEST_RETURNING} who returned and {FEWEST_RETURNING} who did not, in both"
            ),
        )
    models = _models(past[0], lives)
    for model in models.values():
        model.fit(past[0], past[2])
    said = {name: model.predict(known[0]) for name, model in models.items()}
    if gone.models is not None:
        name = gone.models["log_likelihood"].idxmax()
        summary = rfm_summary(sample, cut)
        try:
            models[name] = _KINDS[name].fit(_sampled(summary, seed))
            said[name] = of_customers(models[name], summary, days / 7)
        except (RuntimeError, ValueError):
            models.pop(name, None)
    y = known[1]
    scores = comparison_table(y, said, ["log_loss", "auc"], replicates=300, seed=seed)
    level = 1 - 0.05 / (len(said) - 1)
    lead = comparison_table(
        y, said, ["log_loss"], reference=REFERENCE, replicates=1000, level=level, seed=seed
    )
    better = lead[(lead["log_loss_high"] < 0) & (lead.index != "everybody alike")]
    chosen = better["log_loss"].idxmin() if len(better) else REFERENCE
    ratio = bootstrap_interval("predicted_over_actual", y, said[chosen].p, replicates=500, seed=seed)
    result = Forecasts(
        days,
        train_cut,
        cut,
        end,
        **told,
        scores=scores.sort_values("log_loss"),
        lead=lead,
        level=level,
        half_life_weeks=models[REFERENCE].half_life_,
        chosen=chosen,
        ratio=ratio,
        calibration=calibration_table(y, said[chosen].p, bins=6),
        silence=_after_silence(known[0], y),
    )
    if result.lead.loc["everybody alike", "log_loss_low"] <= 0:
        return result
    final = _final(chosen, models, lives, known, sample, seen.until, seed)
    return replace(result, today=_today(log, seen, final, models[chosen], days, cut))


def _half_lives(days: int) -> list[float]:
    """Candidates in weeks: chapter 9's, or shorter ones for a short log."""
    if days >= 56:
        return [half_life for half_life in HALF_LIVES if half_life > days / 7 / 500]  # else weights vanish
    return [float(f"{days / 7 * 2.0**-k:.5g}") for k in range(8)]


def _sample_of(log: pd.DataFrame, seed: int) -> pd.DataFrame:
    found = checked(log)
    if len(found.users) <= _SAMPLE:
        return log
    return found.users_at(_drawn(len(found.users), seed)).frame.reset_index(drop=True)


def _at(log: pd.DataFrame, cut, days: int, lives, until) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Features at a cut; who returned in the days from it on, and on how many of them."""
    features = event_features(log, cut, lives)
    came = calibration_holdout(log, cut, cut + days * DAY, observed_until=until)["holdout"].to_numpy()
    return features, (came > 0).astype(float), came.astype(float)


def _models(features: pd.DataFrame, lives: list[float]) -> dict:
    columns = [name for name in features.columns if not name.startswith("decayed_")]
    return {
        "everybody alike": BaseRate(),
        "time since the last event": RecencyOnly(),
        REFERENCE: DecayedCount(lives),
        "recency, frequency and more": RFMLogistic(columns, C=1.0),
        "boosted trees": Boosting(columns),
    }


def _final(chosen: str, models: dict, lives, known, sample, until, seed: int):
    """The chosen model, learnt anew on the latest period."""
    if chosen in _KINDS:
        return _KINDS[chosen].fit(_sampled(rfm_summary(sample, until), seed))
    return clone(models[chosen]).fit(known[0], known[2])


def _asked(model, log: pd.DataFrame, cut: pd.Timestamp, days: int) -> tuple[pd.Index, Forecast]:
    if isinstance(model, tuple(_KINDS.values())):
        summary = rfm_summary(log, cut)
        return summary.index, of_customers(model, summary, days / 7)
    lives = {model.half_life_, model.count_half_life_} if isinstance(model, DecayedCount) else ()
    features = event_features(log, cut, sorted(lives))
    return features.index, model.predict(features)


def _today(log: pd.DataFrame, seen: FirstLook, final, before, days: int, cut: pd.Timestamp) -> pd.DataFrame:
    """Of every user: the forecast for the period to come, and the one that was made for the last period."""
    users, now = _asked(final, log, seen.until, days)
    then_users, then = _asked(before, log, cut, days)
    found = checked(log)
    table = pd.DataFrame(
        {
            "last_event": pd.DatetimeIndex(found.day[found.last]).date,
            "events": found.count,
            "chance_of_return": now.p,
            "expected_days": now.mu,
        },
        index=users,
    )
    came = calibration_holdout(log, cut, seen.until, observed_until=seen.until)["holdout"]
    table["expected_before"] = pd.Series(then.mu, index=then_users).reindex(users)
    table["came"] = came.reindex(users)
    return table


def _after_silence(features: pd.DataFrame, y: np.ndarray) -> pd.DataFrame:
    """Share of users who returned, by the length of their silence at the cut."""
    weeks = features["weeks_since_last"].to_numpy()
    edges = [1 / 7, 1, 2, 4, 8, 13, 26, 52, np.inf]
    kind = np.digitize(weeks, edges[1:-1], right=True)
    rows = []
    for k in range(len(edges) - 1):
        mine = y[kind == k]
        if len(mine):
            name = (
                f"over {edges[k]:g}"
                if math.isinf(edges[k + 1])
                else ("up to 1" if k == 0 else f"{edges[k]:g} to {edges[k + 1]:g}")
            )
            share = float(mine.mean())
            low, high = map(float, wilson_interval(share, len(mine)))
            rows.append((name, edges[k] if k else 0, len(mine), share, low, high))
    return pd.DataFrame(rows, columns=["weeks", "from", "users", "share", "low", "high"]).set_index("weeks")


# -- all of it -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """All numbers of the report."""

    seen: FirstLook
    clocks: dict[str, Clock]
    curves: dict[str, Curves]
    gone: Gone
    forecasts: Forecasts


def measure(
    log: pd.DataFrame,
    until: pd.Timestamp,
    cut: pd.Timestamp | None = None,
    seed: int = 0,
    tell: Tell = lambda step: None,
) -> Measured:
    """Measure everything; `tell` is called with the name of each step as it begins."""
    with one_thread(), warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
        # a model that turns into a simpler one ends on a bound, which shows in its likelihood
        warnings.filterwarnings("ignore", "(?s).*on the end of its range", RuntimeWarning)
        tell("first look")
        seen = look(log, until)
        tell("two clocks, with intervals")
        both = clocks(log, seen, seed)
        tell("comparing curves")
        curves = {name: compare(clock, seed) for name, clock in both.items()}
        tell("gone or quiet")
        gone = leaving(log, seen, horizon_of(seen, cut), seed)
        tell("forecasts, tested in the order of time")
        return Measured(seen, both, curves, gone, forecast(log, seen, gone, cut, seed))
