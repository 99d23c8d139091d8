"""Exercises of the chapter "What does my own log say?"."""

from functools import cache

from interestdecay_lib.checks import Exercise, Mistake


@cache
def _log():
    from interestdecay_lib.datasets import load_online_retail

    return load_online_retail()


@cache
def _days():
    """The days on which a customer bought, once each: all that the clocks and the returns need."""
    from interestdecay_lib.event_log import merge_same_day

    return merge_same_day(_log()[["user_id", "timestamp"]])


@cache
def _half_life(weeks, clock):
    from interestdecay_lib.counts import hazard_since_last, rate_since_first
    from interestdecay_lib.fitting import fit_decay

    count = {"first": rate_since_first, "last": hazard_since_last}[clock]
    return float(fit_decay(count(_days(), weeks, observed_until="2011-12-10")).half_life)


@cache
def _returned(cut="2011-06-01", end="2011-08-31"):
    """Purchase days of the customers known at the cut, in the 13 weeks from it on."""
    from interestdecay_lib.tasks import calibration_holdout

    return calibration_holdout(_days(), cut, end, observed_until="2011-12-10")["holdout"]


@cache
def _days_apiece():
    return _days().groupby("user_id").size()


_TIMES = {"course": "finished_at", "library": "opened_at", "music": "played_at", "news": "opened_at"}


EXERCISES = {
    "your_own_data-1": Exercise(
        answer=lambda: 5000 - 250 - (400 + 300 - 60),
        unit="rows",
        rtol=1e-6,
        mistakes=[
            Mistake(lambda: 5000 - 250 - 400 - 300,
                    "The 60 cancellations without a user are left out once, not twice."),
            Mistake(lambda: 5000 - (400 + 300 - 60), "The repeated rows are still among them."),
            Mistake(lambda: 250 + 400 + 300 - 60, "That is how many rows are left out; what is left?"),
            Mistake(lambda: 5000 - 250 - 400 - 300 - 60,
                    "The 60 are already among the 400 and among the 300."),
        ],
        explain="An account that adds up is the first thing to look for in a report.",
    ),
    "your_own_data-2": Exercise(
        answer=lambda: "C",
        mistakes=[
            Mistake(lambda: "A", "Nobody in A was ever seen on a second day: there is no return to fit."),
            Mistake(lambda: "B", "B is one history: there are no other users to take an interval over."),
        ],
        explain="Forty users came back; thirty are the least that the report asks for.",
    ),
    "your_own_data-3": Exercise(
        answer=lambda: 3,
        unit="days",
        rtol=1e-6,
        mistakes=[
            Mistake(lambda: 2, "Those are the days in UTC; New York is four hours behind it in June."),
            Mistake(lambda: 4, "Two of the four events fall on one day of her clock."),
            Mistake(lambda: 1, "By her clock the first event falls on an earlier day than the last."),
        ],
        explain="Days are what the clocks count, so the zone decides what is a return.",
    ),
    "your_own_data-4": Exercise(
        answer=lambda: _half_life(52, "last") / _half_life(13, "last"),
        rtol=0.02,
        mistakes=[
            Mistake(lambda: _half_life(13, "last") / _half_life(52, "last"),
                    "The other way round: the longer stretch above."),
            Mistake(lambda: _half_life(52, "first") / _half_life(13, "first"),
                    "That is the clock since the first event; the question is about the last one."),
            Mistake(lambda: 52 / 13, "That is the ratio of the stretches, not that of the half-lives."),
            Mistake(lambda: _half_life(52, "last") - _half_life(13, "last"),
                    "A factor is asked for: divide the two half-lives, do not subtract them."),
        ],
        explain="The log is the same: a half-life belongs to the stretch it was fitted on.",
    ),
    "your_own_data-5": Exercise(
        answer=lambda: float((_returned() > 0).mean()),
        rtol=5e-3,
        mistakes=[
            Mistake(lambda: float((_returned() > 0).sum() / _log()["user_id"].nunique()),
                    "Customers who first bought after the cut cannot come back: leave them out below."),
            Mistake(lambda: float((_returned() > 1).mean()), "One purchase day after the cut is a return."),
            Mistake(lambda: float(_returned().mean()), "That is the mean number of days, not a share."),
            Mistake(lambda: float((_returned("2011-06-01", "2011-06-14") > 0).mean()),
                    "Thirteen weeks are 91 days; that is the share of thirteen days."),
            Mistake(lambda: float((_returned() == 0).mean()), "That is the share of those who stayed away."),
        ],
        explain="A share of returns belongs to a cut, a period and those who were known at the cut.",
    ),
    "your_own_data-6": Exercise(
        answer=lambda: float((_days_apiece() > 1).mean()),
        rtol=2e-3,
        mistakes=[
            Mistake(lambda: float((_log().groupby("user_id").size() > 1).mean()),
                    "That is the colleague's number: ten items of one order are ten lines, and no return."),
            Mistake(lambda: float((_log().groupby("user_id")["invoice"].nunique() > 1).mean()),
                    "Better than lines, but two invoices of one day are no return on another day."),
            Mistake(lambda: float((_days_apiece() == 1).mean()), "That is the share that did not return."),
            Mistake(lambda: float((_days_apiece() > 2).mean()),
                    "A second day is a return, not only a third."),
        ],
        explain="One return is another day, not another line.",
    ),
    "your_own_data-7": Exercise(
        answer=lambda: dict(_TIMES),
        mistakes=[
            Mistake(lambda: {**_TIMES, "course": "assigned_at"},
                    "course: a lesson is assigned by the school, so its time says nothing of the learner."),
            Mistake(lambda: {**_TIMES, "course": "due"},
                    "course: a date on which something is due is a plan; it may lie in the future."),
            Mistake(lambda: {**_TIMES, "library": "added_at"},
                    "library: when a resource was added is a date of the item, not of the reader."),
            Mistake(lambda: {**_TIMES, "music": "released"},
                    "music: the release is a date of the track; all its listeners would share it."),
            Mistake(lambda: {**_TIMES, "news": "published"},
                    "news: the publication is a date of the article; the reader may open it a year later."),
        ],
        explain="An event has the time at which the user did something.",
    ),
}
