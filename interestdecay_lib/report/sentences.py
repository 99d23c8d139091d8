"""The words of the report: every sentence is chosen by numbers and their intervals.

A sentence has a name, so that a test can ask which one a log leads to. What is not determined is said to be
so: "too few repeats to fit a curve" is a result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from interestdecay_lib.evaluation import Interval
from interestdecay_lib.event_log import DAY
from interestdecay_lib.report.columns import WORDS
from interestdecay_lib.report.measuring import (
    FEWEST_FOR_A_CHOICE,
    FEWEST_RETURNING,
    LEAVING,
    REFERENCE,
    Clock,
    Curves,
    FirstLook,
    Forecasts,
    Gone,
    Measured,
    counted,
)
from interestdecay_lib.report.reading import Reading

RARELY = 0.1  # a share of returns below which a silence is called long
_ALIVE_APART = 0.1  # models whose shares of living users lie further apart do not agree


@dataclass(frozen=True)
class Sentence:
    """A sentence, the name of the finding, and whether it is a warning."""

    name: str
    text: str
    warning: bool = False


CURVE_NAMES = {
    "Exponential": "an exponential",
    "PowerLaw": "a power law",
    "Hyperbolic": "a hyperbola",
    "BiExponential": "a sum of two exponentials",
    "no decay": "no decay at all",
    "one value an age": "one free value for each age",
}


# -- what was read -------------------------------------------------------------------------------------------


def of_reading(reading: Reading) -> list[Sentence]:
    choice = reading.choice
    said = []
    guessed = [
        f"{WORDS[role]} from {choice.columns[role]!r}"
        for role in choice.guessed
        if choice.columns[role] is not None
    ]
    if guessed:
        said.append(
            Sentence(
                "columns-guessed",
                f"Columns were guessed from their names and contents: "
                f"{_listed(guessed)}. If one is wrong, name the right one.",
            )
        )
    else:
        said.append(Sentence("columns-given", "The columns are those that were named."))
    unused = [WORDS[role] for role, name in choice.columns.items() if name is None]
    if unused:
        said.append(Sentence("columns-unused", f"No column was used for: {', '.join(unused)}."))
    said.append(Sentence("times", f"Times were read as: {reading.times}."))
    left_out = sum(count for _, count in reading.rows[1:-1])
    total = reading.rows[0][1]
    if left_out:
        share = left_out / total
        said.append(
            Sentence(
                "rows-left-out",
                f"{left_out:,} of {total:,} rows ({_percent(share)}) do not count, "
                "for the reasons in the table below.",
                warning=share > 0.05,
            )
        )
    else:
        said.append(Sentence("rows-all", f"All {total:,} rows count."))
    if any("in the future" in why for why, _ in reading.rows):
        said.append(
            Sentence(
                "future",
                "Some events lie in the future. They were left out; a clock, a time zone "
                "or the order of day and month may be wrong for the others, too.",
                warning=True,
            )
        )
    if reading.repeated:
        said.append(
            Sentence(
                "repeated",
                f"{reading.repeated:,} rows repeat an earlier one. They were kept: a day "
                "counts once, however many events it has, so they change no half-life and no "
                "forecast, only the numbers of events.",
            )
        )
    return said + [Sentence("note", f"{note[0].upper()}{note[1:]}.") for note in reading.notes]


# -- first look ----------------------------------------------------------------------------------------------


def of_first_look(seen: FirstLook) -> list[Sentence]:
    said = [
        Sentence(
            "size",
            f"{counted(seen.events, 'event')} of {counted(seen.users, 'user')} on "
            f"{counted(seen.days, 'day')}, {_period(seen)}.",
        )
    ]
    if seen.one_instant:
        said.append(
            Sentence(
                "one-instant",
                "All events happened at one and the same moment. Nothing can fade in "
                "a moment: is the column of the time the right one?",
                warning=True,
            )
        )
        return said
    if seen.users == 1:
        said.append(
            Sentence(
                "one-user",
                "All events are of one user. One history can be looked at; what users "
                "usually do, it does not tell. Is the column of the user the right one?",
                warning=True,
            )
        )
    if seen.returning == 0:
        said.append(
            Sentence(
                "no-repeats",
                "No user came back on another day, so this log says nothing about "
                "fading or returning interest. Is the column of the user the right one?",
                warning=True,
            )
        )
        return said
    share = seen.returning / seen.users
    if seen.users > 1:
        said.append(
            Sentence(
                "returning",
                f"{seen.returning:,} of them ({_percent(share)}) came back on another "
                "day; a user with a single day says nothing about fading.",
            )
        )
    low, median, high = seen.gap_days
    said.append(
        Sentence(
            "gaps",
            f"Between two active days of a user there are {_number(median)} days (median; half "
            f"of all gaps have {_number(low)} to {_number(high)}).",
        )
    )
    if seen.users >= 10 and seen.busiest[1] > 0.1 * seen.events and seen.busiest[1] > 100:
        said.append(
            Sentence(
                "busy-user",
                f"One user, {seen.busiest[0]}, has "
                f"{_percent(seen.busiest[1] / seen.events)} of all events: a machine, or an account "
                "of many?",
                warning=True,
            )
        )
    if seen.silence[1] >= max(7, seen.days / 20):
        said.append(
            Sentence(
                "silent-log",
                f"From {_date(seen.silence[0])} on there is no event of anybody for "
                f"{seen.silence[1]} days. If nothing was recorded then, these days look like lost "
                "interest, and the half-lives below are too short.",
                warning=True,
            )
        )
    return said


# -- the two clocks ------------------------------------------------------------------------------------------


def of_clock(clock: Clock) -> Sentence:
    """What one clock says, by itself."""
    after = "the first event" if clock.name == "first" else "the last event"
    what = "The events of a user" if clock.name == "first" else "The chance that a silent user comes back"
    if clock.fit is None:
        return Sentence(
            f"{clock.name}-too-few",
            f"By the time since {after}: too few repeats to fit a curve "
            f"({clock.why}; {FEWEST_RETURNING} returning users are the least). That is a result: this "
            "log does not tell how fast anything fades.",
        )
    if clock.falls:
        return Sentence(
            f"{clock.name}-falls",
            f"{what} halve{'' if clock.name == 'first' else 's'} every "
            f"{_half_life(clock)} after {after} (an exponential, fitted to the first {clock.periods} "
            f"{clock.unit}; 95 % interval over users).",
        )
    at_most = (
        f"a half-life below {_number(clock.low)} {clock.unit} is ruled out, a longer one or none at all is "
        "not"
    )
    if clock.low <= 0 or not math.isfinite(clock.low):
        at_most = "the data set no limit to the half-life"
    return Sentence(
        f"{clock.name}-open",
        f"No fall with the time since {after} can be shown: {at_most} (95 %, "
        f"measured on the first {clock.periods} {clock.unit}).",
    )


def verdict(first: Clock, last: Clock) -> Sentence:
    """What both clocks say together: fading, or merely different users?"""
    if first.fit is None and last.fit is None:
        return Sentence(
            "verdict-too-few",
            f"Too few repeats to say whether interest fades in this log: {first.why or last.why}.",
        )
    if first.falls and last.falls:
        return Sentence(
            "verdict-both-fall",
            "Activity falls by both clocks, so this is no crowd of users who differ "
            "but come at a constant rate, by chance. It is no proof that anybody's interest fades: "
            "users who leave at once, users who come in bursts, and a site that does worse for everybody "
            "draw nearly the same points. The half-lives are those of the crowd, not of a person.",
            warning=True,
        )
    if last.falls:
        return Sentence(
            "verdict-differ",
            "Do not read the fall with the silence as forgetting. The rate since the "
            "first event does not fall in a way that this log can show, and a crowd in which nobody "
            "changes, but some come often and some rarely, shows just that: whoever is silent for long "
            "is likely to be one of the rare ones.",
            warning=True,
        )
    if first.falls:
        return Sentence(
            "verdict-first-only",
            "Activity falls with the time since the first event, but a longer "
            "silence makes a return no less likely in a way that this log can show: users come rather "
            "regularly, or leave after long.",
            warning=True,
        )
    return Sentence(
        "verdict-none", "Neither clock shows a fall: in this log no fading of interest can be seen."
    )


def of_curves(curves: Curves) -> Sentence:
    clock = "the first event" if curves.clock == "first" else "the last event"
    head = f"Since {clock}: "
    if curves.table is None:
        return Sentence(
            f"{curves.clock}-curve-too-few",
            f"{head}too few repeats to choose a curve ({curves.why}; "
            f"{FEWEST_FOR_A_CHOICE} returning users are the least).",
        )
    over = f"per 1,000 users, on {curves.users:,} users, each scored by a fit to others"
    if curves.fades.low <= 0:
        return Sentence(
            f"{curves.clock}-curve-none",
            f"{head}no curve is needed. A constant rate describes users "
            "whom it was not fitted to as well as the exponential, as far as can be told (gain of the "
            f"exponential {curves.fades:+.1f} nats {over}).",
        )
    if curves.lead is None or curves.lead[1].low <= 0:
        gain = (
            ""
            if curves.lead is None
            else (
                f" (the best other one, {CURVE_NAMES[curves.lead[0]]}, gains "
                f"{curves.lead[1]:+.1f} nats {over})"
            )
        )
        return Sentence(
            f"{curves.clock}-curve-exponential",
            f"{head}the exponential will do. No other curve "
            f"describes users whom it was not fitted to better, as far as can be told{gain}.",
        )
    name, lead = curves.lead
    text = (
        f"{head}{CURVE_NAMES[name]} describes users whom it was not fitted to better than the exponential, "
        f"by "
        f"{lead:+.1f} nats {over}. "
    )
    fit = curves.fit
    if name == "BiExponential" and fit is not None and fit.trustworthy:
        text += (
            f"One part falls with a half-life of {_number(fit.curve.fast_half_life)} {curves.unit}, "
            f"another with "
            f"{_number(fit.curve.slow_half_life)}. "
        )
    text += "So the one half-life above sums up a fall that is quick at first and slow later."
    return Sentence(f"{curves.clock}-curve-bends", text)


# -- gone or quiet -------------------------------------------------------------------------------------------


def of_leaving(gone: Gone) -> list[Sentence]:
    if gone.models is None:
        return [Sentence("leaving-too-few", f"Whether users leave for good cannot be told: {gone.why}.")]
    if gone.gain <= LEAVING:
        return [
            Sentence(
                "leaving-not-needed",
                "Nobody need have left. A model in which users differ and never leave "
                "describes this log as well as those in which they do (the best of these is ahead by "
                f"{max(gone.gain, 0):.1f} nats, and {LEAVING:g} would be convincing). A silent user may "
                f"just be a "
                "rare one.",
            )
        ]
    best = gone.models.drop(index="NBD")["log_likelihood"].idxmax()
    said = [
        Sentence(
            "leaving",
            "Models in which users leave for good describe this log better than one in which they "
            f"only differ ({best} by {gone.gain:,.0f} nats). Leaving is never observed; it is inferred from "
            "silence, and users who slow down would look alike.",
        )
    ]
    alive = gone.models.drop(index="NBD")["alive"]
    back = gone.models.loc[best, "returns"]
    if alive.max() - alive.min() > _ALIVE_APART:
        said.append(
            Sentence(
                "alive-disagree",
                "How many users are still there, the models do not agree upon: from "
                f"{_percent(alive.min())} ({alive.idxmin()}) to {_percent(alive.max())} "
                f"({alive.idxmax()}). Do not report such a share.",
                warning=True,
            )
        )
    else:
        said.append(
            Sentence(
                "alive-agree",
                f"By these models {_percent(alive.min())} to {_percent(alive.max())} of "
                "the users are still there.",
            )
        )
    said.append(
        Sentence(
            "alive-not-return",
            f"To be still there is not to return: {best} expects only "
            f"{_percent(back)} of the users to come back in the next period."
            if back < alive[best]
            else "To be still there is not to return: for a period that is to come, read the forecasts.",
        )
    )
    return said


def of_silence(forecasts: Forecasts) -> list[Sentence]:
    table = forecasts.silence
    if table is None:
        return []
    low = table[table["high"] < RARELY]
    days = counted(forecasts.horizon_days, "day")
    if not len(low) or not (table.loc[table["from"] >= low["from"].iloc[0], "high"] < RARELY).all():
        return [
            Sentence(
                "silence-no-limit",
                f"There is no length of silence after which surely fewer than "
                f"{_percent(RARELY)} return within {days}, as far as this log tells.",
            )
        ]
    weeks = low["from"].iloc[0]
    after = low.loc[low["from"] == weeks].iloc[0]
    if weeks == 0:
        return [
            Sentence(
                "silence-all",
                f"Fewer than {_percent(RARELY)} of all users return within {days}, however "
                "short their silence.",
            )
        ]
    share = Interval(after["share"], after["low"], after["high"])
    return [
        Sentence(
            "silence-limit",
            f"After more than {weeks:g} weeks of silence fewer than {_percent(RARELY)} "
            f"returned within the next {days}: of those silent for {low.index[0]} weeks "
            f"{share:.1%}.",
        )
    ]


# -- forecasts -----------------------------------------------------------------------------------------------


def of_forecasts(forecasts: Forecasts) -> list[Sentence]:
    if forecasts.scores is None:
        return [Sentence("forecast-too-few", f"No forecast could be tested: {forecasts.why}.")]
    days = counted(forecasts.horizon_days, "day")
    said = [
        Sentence(
            "forecast-test",
            f"The question: who comes back within {days}? Every model learnt from the "
            f"outcomes of {_date(forecasts.train_cut)} to {_date(forecasts.cut - DAY)} and was judged on "
            f"those "
            f"of {_date(forecasts.cut)} to {_date(forecasts.end - DAY)}, when {forecasts.returned:,} of "
            f"{forecasts.users:,} users came back; it knew only what lay before each period.",
        )
    ]
    base = forecasts.gain("everybody alike")
    if base.high >= 0:
        said.append(
            Sentence(
                "forecast-no-better-than-base",
                "The past of a user does not tell, as far as this log "
                "shows, who comes back: a decayed count is not better than one and the same chance "
                f"for everybody (log loss {base:+.4f} against it). So there is no list of "
                "users below.",
                warning=True,
            )
        )
        return said
    half_life = f"half-life {_number(forecasts.half_life_weeks)} weeks, chosen on the first period"
    said.append(
        Sentence(
            "forecast-works",
            f"The past tells who comes back. A decayed count ({half_life}) is better "
            "than one chance for everybody: saying the same of all costs "
            f"{Interval(-base.estimate, -base.high, -base.low):+.4f} in log loss.",
        )
    )
    if forecasts.chosen == REFERENCE:
        rivals = forecasts.lead.drop(index="everybody alike")
        best = rivals["log_loss"].idxmin()
        said.append(
            Sentence(
                "forecast-decayed-count",
                "Nothing that was tried is better than the decayed count, as far "
                f"as {forecasts.users:,} users can tell: {best} gains "
                f"{forecasts.gain(best):+.4f} in log loss. So the decayed count is used.",
            )
        )
    else:
        gain = forecasts.gain(forecasts.chosen)
        said.append(
            Sentence(
                "forecast-better",
                f"{forecasts.chosen[0].upper()}{forecasts.chosen[1:]} is better than "
                f"the decayed count, by {gain:+.4f} in log loss (intervals of "
                f"{_percent(forecasts.level)}, since {len(forecasts.lead)} models are compared). It is used "
                "below.",
            )
        )
    ratio = forecasts.ratio
    if ratio.low <= 1 <= ratio.high:
        said.append(
            Sentence(
                "forecast-total-right",
                "In total its forecast was right, as far as can be told: it "
                f"expected {ratio:.2f} times as many users as came.",
            )
        )
    else:
        way = "many" if ratio.low > 1 else "few"
        said.append(
            Sentence(
                "forecast-total-wrong",
                f"In total it expected too {way}: {ratio:.2f} times "
                "as many users as came. One period differs from the next; take the order of the users "
                "for surer than their chances.",
                warning=True,
            )
        )
    return said


def of_users(forecasts: Forecasts, missed: pd.DataFrame | None) -> list[Sentence]:
    if forecasts.today is None:
        return [Sentence("users-no-list", "There is no list: no forecast was shown to tell users apart.")]
    if missed is None or missed.empty:
        return [Sentence("users-none-missed", "No user who was expected stayed away.")]
    days = counted(forecasts.horizon_days, "day")
    return [
        Sentence(
            "users-missed",
            f"First, those who were expected and did not come: {counted(len(missed), 'user')} of whom at "
            f"least one active day was expected in the {days} from {_date(forecasts.cut)} on, and who have "
            f"not been seen since. The table has the first {min(10, len(missed))}, by how much was "
            "expected; the file has all users.",
        ),
        Sentence(
            "users-no-cause",
            "Whether a letter brings any of them back, no log of this kind tells: draw half of "
            "them at random, write to these, and compare.",
            warning=True,
        ),
    ]


# -- limits --------------------------------------------------------------------------------------------------


def of_limits(measured: Measured, reading: Reading) -> list[Sentence]:
    seen = measured.seen
    said = [
        Sentence("limit-cause", "Why users return or stay away. Nothing here is an experiment."),
        Sentence(
            "limit-silence", "Whether a silent user lost interest, died, moved, or uses another account."
        ),
        Sentence(
            "limit-one-period",
            "How another year would go. The intervals cover other users of the same log, not "
            "another time; a forecast was judged on one period."
            if measured.forecasts.scores is not None
            else "How another year would go. The intervals cover other users of the same log, not another "
            "time.",
        ),
    ]
    if seen.early > 0.1 and seen.users > 1:
        said.append(
            Sentence(
                "limit-first-event",
                f"Who was there before. {_percent(seen.early)} of the users are seen "
                "in the first tenth of the time; if they were not new then, their first event here is "
                "not their first.",
            )
        )
    if seen.days < 730:
        said.append(
            Sentence(
                "limit-season",
                "Seasons. The log spans less than two years, so a yearly rhythm cannot be told from fading.",
            )
        )
    if seen.kinds is not None and len(seen.kinds) > 1:
        said.append(
            Sentence(
                "limit-kinds",
                f"What differs between kinds of events: all {len(seen.kinds)} kinds count "
                "alike here. To look at one of them, name it (--only).",
            )
        )
    if reading.choice.columns["value"] is None:
        said.append(Sentence("limit-money", "What a return is worth: no column of values was used."))
    if "taken as UTC" in reading.times and seen.midnight < 0.9:
        said.append(
            Sentence(
                "limit-zone",
                "On which day an event late in the evening falls: the times carry no zone "
                "and were taken as UTC. If they are local times, give --timezone.",
            )
        )
    return said


def summary(measured: Measured, missed: pd.DataFrame | None) -> list[Sentence]:
    """The answer first: one sentence of each section."""
    first, last = measured.clocks.values()
    said = [of_first_look(measured.seen)[0]]
    alarming = [
        s for s in of_first_look(measured.seen) if s.name in ("one-instant", "one-user", "no-repeats")
    ]
    if alarming:
        return said + alarming[:1]
    said += [of_clock(clock) for clock in (first, last) if clock.falls] + [verdict(first, last)]
    said += of_leaving(measured.gone)[:1] + of_silence(measured.forecasts)
    told = of_forecasts(measured.forecasts)
    said += told[-2:-1] if len(told) > 2 else told[-1:]
    return said + of_users(measured.forecasts, missed)[:1]


# -- how numbers are written ---------------------------------------------------------------------------------


def _half_life(clock: Clock) -> str:
    return f"{_number(clock.fit.half_life)} {clock.unit} [{_number(clock.low)}, {_number(clock.high)}]"


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "no limit"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _percent(share: float) -> str:
    if 0 < share < 0.001 or 0.999 < share < 1:
        return f"{100 * share:.2f} %"
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"


def _period(seen: FirstLook) -> str:
    return _date(seen.first) if seen.days == 1 else f"from {_date(seen.first)} to {_date(seen.until - DAY)}"


def _date(day: pd.Timestamp) -> str:
    return f"{day.day} {day:%B %Y}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
