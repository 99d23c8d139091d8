"""Exercises of the chapter `first_look`."""

from functools import cache

import numpy as np
import pandas as pd

from interestdecay_lib import datasets
from interestdecay_lib.checks import Exercise, Mistake
from interestdecay_lib.events import validate_events

SCALE = 13.85  # weeks: alpha (inverse scale) of the simulated crowd


def _orders(duplicates: str) -> dict[str, float]:
    orders = pd.DataFrame(
        {
            "user_id": ["b", "a", "b", "b", "a", "c"],
            "timestamp": [
                1709290800000,
                1709377200000,
                1709290800000,
                1709463600000,
                1709550000000,
                1709290800000,
            ],
            "value": [20.0, 5.0, 7.5, 12.0, 9.0, 3.0],
        }
    )
    log = validate_events(orders, time_unit="ms", duplicates=duplicates)
    return {"rows": len(log), "spent_b": float(log.loc[log["user_id"] == "b", "value"].sum())}


@cache
def _silences(duplicates: str = "merge") -> tuple[np.ndarray, np.ndarray]:
    """Days from each purchase to the next one (NaN if none) and to the end of the log."""
    log = validate_events(datasets.load_cdnow(), duplicates=duplicates, also_sum=["quantity"])
    next_time = log.groupby("user_id")["timestamp"].shift(-1)
    return (
        (next_time - log["timestamp"]).dt.days.to_numpy(),
        (log["timestamp"].max() - log["timestamp"]).dt.days.to_numpy(),
    )


def _hazard(first_week: int, last_week: int, censor: bool = True, risk: str = "open") -> float:
    gap, seen = _silences()
    ended = total = 0
    for week in range(first_week, last_week + 1):
        watched = seen >= 7 * week if censor else np.ones(len(seen), dtype=bool)
        still_open = watched & ~(gap <= 7 * (week - 1))
        ended += int((still_open & (gap <= 7 * week)).sum())
        total += int(still_open.sum()) if risk == "open" else len(gap)
    return ended / total


def _by_week_over_all(week: int, new_only: bool = False, at_risk_only: bool = False) -> float:
    """What comes out of the hazard of a week if the formula of exercise 6 is not, or half, repaired."""
    gap, seen = _silences()
    ended = gap <= 7 * week
    still_open = ~(gap <= 7 * (week - 1)) & (seen >= 7 * week)
    if new_only:
        ended = ended & ~(gap <= 7 * (week - 1))
    return ended.sum() / (still_open.sum() if at_risk_only else len(gap))


def _crowd(weeks_passed: int, frequent=0.7, p=(0.3, 0.02)) -> float:
    share = (frequent, 1 - frequent)
    silent = [s * (1 - chance) ** weeks_passed for s, chance in zip(share, p, strict=True)]
    return sum(chance * s for chance, s in zip(p, silent, strict=True)) / sum(silent)


EXERCISES = {
    "first_look-1": Exercise(
        answer=lambda: _orders("merge"),
        rtol=1e-9,
        mistakes=[
            Mistake(
                lambda: _orders("keep"),
                'The two orders at the same instant are still two rows: "keep" '
                "them is a choice too, but not the one asked for.",
            ),
            Mistake(
                lambda: _orders("drop"),
                "The second order at the same instant was dropped with its money; merging sums the values.",
            ),
        ],
        explain="The errors asked for exactly what cannot be guessed: the unit of time, and what a repeated "
        "row means.",
    ),
    "first_look-2": Exercise(
        answer=lambda: float(np.nanmedian(_silences()[0])),
        unit="days",
        rtol=1e-9,
        mistakes=[
            Mistake(
                lambda: float(np.nanmean(_silences()[0])),
                "That is the mean; a few very long gaps pull it up. The median is asked for.",
            ),
            Mistake(
                lambda: float(np.nanmedian(_silences("keep")[0])),
                "These gaps include zeros from several orders on one day; use the merged log.",
            ),
            Mistake(
                lambda: float(np.median(_silences()[1])),
                "That is the time to the end of the log, not to the next purchase.",
            ),
        ],
        explain="It describes the gaps that ended; the end of the log cuts off long gaps more often.",
    ),
    "first_look-3": Exercise(
        answer=lambda: _hazard(27, 39),
        unit="1/week",
        rtol=1e-3,
        mistakes=[
            Mistake(
                lambda: 13 * _hazard(27, 39),
                "That is the chance summed over the 13 weeks; the hazard is asked per week.",
            ),
            Mistake(
                lambda: _hazard(27, 39, risk="all"),
                "You divided by all silences that ever began; only those "
                "still open after 26 weeks are at risk.",
            ),
            Mistake(
                lambda: _hazard(27, 39, censor=False),
                "Silences that the end of the log cuts off are still in "
                "your denominator; nobody watched them.",
            ),
            Mistake(lambda: _hazard(26, 38), "One week too early: week 27 is the column with the index 26."),
            Mistake(lambda: _hazard(28, 40), "One week too late: week 27 is the column with the index 26."),
        ],
        explain="After half a year of silence, on average fewer than one in a hundred come back per week.",
    ),
    "first_look-4": Exercise(
        answer=lambda frequent=0.7: _crowd(4, frequent),
        unit="1/week",
        mistakes=[
            Mistake(
                lambda frequent=0.7: _crowd(0, frequent),
                "That is the hazard of week 1, when everybody is still at risk. Weight the "
                "chances by who is still silent when week 5 begins.",
            ),
            Mistake(
                lambda frequent=0.7: _crowd(5, frequent),
                "When week 5 begins, four weeks have passed, not five.",
            ),
            Mistake(
                lambda frequent=0.7: sum(
                    share * chance * (1 - chance) ** 4
                    for share, chance in zip((frequent, 1 - frequent), (0.3, 0.02), strict=True)
                ),
                "That is the share of all who buy in week 5; divide it by the share still silent.",
            ),
            Mistake(
                lambda frequent=0.7: _crowd(4, 1 - frequent),
                "The shares are exchanged: most of the crowd are the frequent buyers.",
            ),
            Mistake(
                lambda frequent=0.7: _crowd(4, 0.5),
                "The two kinds are not equally frequent: put their shares into both sums.",
            ),
        ],
        explain="Nobody changed; the mixture of those who are left did.",
        variants={"frequent": (0.6, 0.65, 0.7, 0.75, 0.8, 0.9)},
    ),
    "first_look-5": Exercise(
        answer=lambda: SCALE,
        unit="weeks",
        mistakes=[
            Mistake(
                lambda: SCALE * np.log(2),
                "The factor ln 2 belongs to an exponential; this curve is a "
                "hyperbola. Solve h(t) = h(0)/2 directly.",
            ),
            Mistake(
                lambda: 2 * SCALE, "At that age one third is left: the denominator is then 3 times alpha."
            ),
            Mistake(lambda: 0.361 / SCALE, "That is the hazard at t = 0, per week; a time is asked for."),
        ],
        explain="A half-life of a curve, in a world in which nothing decays.",
    ),
    "first_look-6": Exercise(
        answer=lambda: _hazard(4, 4),
        unit="1/week",
        mistakes=[
            Mistake(
                lambda: _by_week_over_all(4),
                "That is the colleague's number: all that ended by week 4, among all that ever began.",
            ),
            Mistake(
                lambda: _by_week_over_all(4, new_only=True),
                "The numerator is repaired, the denominator is not: only silences still open after week 3, "
                "and watched to the end of week 4, are at risk.",
            ),
            Mistake(
                lambda: _by_week_over_all(4, at_risk_only=True),
                "The denominator is repaired, the numerator is not: count those that end in week 4 only.",
            ),
            Mistake(
                lambda: _hazard(4, 4, censor=False),
                "Silences that the end of the log cuts off are still in your denominator.",
            ),
            Mistake(lambda: _hazard(3, 3), "That is week 3: week 4 is the column with the index 3."),
            Mistake(lambda: _hazard(5, 5), "That is week 5: week 4 is the column with the index 3."),
        ],
        explain="A hazard has two parts: who ends the silence in this week, and who still could.",
    ),
}
