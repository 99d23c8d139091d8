"""Exercises of the chapter *Is it better than a decayed count?*"""

from functools import cache

import numpy as np

from interestdecay_lib.checks import Exercise, Mistake


def _log_loss(logarithm=np.log, total: bool = False) -> float:
    costs = -logarithm([0.9, 1 - 0.6, 1 - 0.2, 0.1])
    return float(costs.sum() if total else costs.mean())


def _classified(false_alarms: int = 10) -> dict[str, float]:
    from interestdecay_lib.evaluation import classification_at

    sizes = [30, false_alarms, 20, 150 - false_alarms]
    return classification_at(np.repeat([1, 0, 1, 0], sizes), np.repeat([0.9, 0.9, 0.1, 0.1], sizes))


def _of_classified(false_alarms: int, *names: str) -> list[float]:
    return [_classified(false_alarms)[name] for name in names]


def _harmonic(a: float, b: float) -> float:
    return 2 * a * b / (a + b)


_COUNTS = np.array([0, 0, 0, 0, 1, 2, 11])
_SIZE = np.array([300, 80, 20])
_GAP = np.array([0.1, 0.4, 0.9]) - np.array([36, 28, 15]) / _SIZE


@cache
def _two_forecasts():
    from interestdecay_lib import baselines, tasks
    from interestdecay_lib.datasets import load_cdnow

    task = tasks.event_task(load_cdnow(sample=True), "1997-10-01", 39, 39, half_lives=[12])
    train, _, test = (task.take(rows) for rows in tasks.split_users(task))
    models = baselines.FrequencyOnly(), baselines.DecayedCount([12])
    return test.returned, *(model.fit(train).predict(test).p for model in models)


@cache
def _paired() -> tuple[float, float]:
    from interestdecay_lib.evaluation import paired_bootstrap

    return tuple(paired_bootstrap("brier", *_two_forecasts())[1:])


@cache
def _single(which: int) -> tuple[float, float]:
    from interestdecay_lib.evaluation import bootstrap_interval

    y, *forecasts = _two_forecasts()
    return tuple(bootstrap_interval("brier", y, forecasts[which])[1:])


@cache
def _width(by_customer: bool) -> float:
    from interestdecay_lib.datasets import load_cdnow
    from interestdecay_lib.evaluation import bootstrap_interval

    log = load_cdnow(sample=True)
    dear = (log["value"] > 50).to_numpy(float)
    interval = bootstrap_interval(np.mean, dear, groups=log["user_id"] if by_customer else None)
    return 100 * (interval.high - interval.low)


@cache
def _shares() -> tuple[float, float]:
    from interestdecay_lib.datasets import load_cdnow
    from interestdecay_lib.tasks import event_task

    log = load_cdnow()
    old, new = (event_task(log, cut, 13, 39) for cut in ("1997-04-02", "1998-04-01"))
    return float(old.returned.mean()), float(new.returned.mean())


EXERCISES = {
    "evaluating_forecasts-1": Exercise(
        answer=_log_loss,
        unit="nats per customer",
        rtol=2e-3,
        mistakes=[
            Mistake(lambda: _log_loss(np.log2), "That is in bits: use the natural logarithm, not log2."),
            Mistake(lambda: _log_loss(total=True), "That is the sum; divide by the number of customers."),
            Mistake(lambda: -_log_loss(), "The sign: the log of a probability is negative, a loss is not."),
            Mistake(lambda: -np.log([0.9, 0.1]).sum() / 4,
                    "The non-buyers cost something too: -ln(1 - p) for each of them."),
            Mistake(lambda: -np.log([0.9, 0.1]).mean(),
                    "The two who do not buy are customers too: their forecasts cost -ln(1 - p)."),
            Mistake(lambda: np.mean([0.1**2, 0.6**2, 0.2**2, 0.9**2]),
                    "That is the Brier score; asked is the log loss."),
            Mistake(lambda: -np.log([0.9, 0.6, 0.2, 0.1]).mean(),
                    "For a customer who does not buy the forecast of what happened is 1 - p, not p."),
        ],
        explain="More than half of it is the surprise about one buyer who was given 0.1.",
    ),
    "evaluating_forecasts-2": Exercise(
        answer=lambda false_alarms=10: _classified(false_alarms)["f1"],
        rtol=2e-3,
        mistakes=[
            Mistake(lambda false_alarms=10: _harmonic(*_of_classified(false_alarms, "accuracy", "recall")),
                    "That is the harmonic mean of accuracy and recall, the printed formula; F1 takes "
                    "precision and recall."),
            Mistake(lambda false_alarms=10: np.mean(_of_classified(false_alarms, "precision", "recall")),
                    "That is the arithmetic mean of precision and recall; F1 is their harmonic mean."),
            Mistake(lambda false_alarms=10: np.sqrt(
                        np.prod(_of_classified(false_alarms, "precision", "recall"))),
                    "That is the geometric mean of precision and recall; F1 is their harmonic mean."),
            Mistake(lambda false_alarms=10: _classified(false_alarms)["f1"] / 2,
                    "The 2 is missing: twice the product, divided by the sum."),
            Mistake(lambda false_alarms=10: _classified(false_alarms)["precision"],
                    "That is the precision alone."),
            Mistake(lambda false_alarms=10: _classified(false_alarms)["recall"],
                    "That is the recall alone."),
            Mistake(lambda false_alarms=10: _classified(false_alarms)["accuracy"],
                    "That is the accuracy; it counts the true negatives."),
        ],
        explain="The 140 customers who were rightly left alone do not enter it.",
        variants={"false_alarms": (5, 8, 10, 12, 40, 60)},
    ),
    "evaluating_forecasts-3": Exercise(
        answer=lambda: {"mae": float(np.median(_COUNTS)), "rmse": float(_COUNTS.mean())},
        unit="purchases",
        rtol=2e-3,
        atol=1e-9,
        mistakes=[
            Mistake(lambda: {"mae": float(_COUNTS.mean()), "rmse": float(np.median(_COUNTS))},
                    "The other way round: squares punish large misses, so the RMSE follows the large count."),
            Mistake(lambda: {"mae": float(_COUNTS.mean()), "rmse": float(_COUNTS.mean())},
                    "The mean is best for squared errors only; try a smaller constant in the MAE."),
        ],
        explain="Whoever scores rare counts by MAE asks for a forecast of zero.",
    ),
    "evaluating_forecasts-4": Exercise(
        answer=lambda: float(np.average(np.abs(_GAP), weights=_SIZE)),
        rtol=2e-3,
        mistakes=[
            Mistake(lambda: float(np.abs(_GAP).mean()),
                    "Each group has to count by its number of customers, not equally."),
            Mistake(lambda: float(np.average(_GAP, weights=_SIZE)),
                    "With signs the gaps cancel: take absolute values before the mean."),
            Mistake(lambda: float(-np.average(_GAP, weights=_SIZE)),
                    "With signs the gaps cancel: take absolute values before the mean."),
            Mistake(lambda: float(np.abs(_GAP).max()), "That is the largest gap; the ECE is the mean gap."),
            Mistake(lambda: 100 * float(np.average(np.abs(_GAP), weights=_SIZE)),
                    "That is in percent; give a number between 0 and 1."),
        ],
        explain="The worst group, 20 of the 400 customers, makes nearly a quarter of it; and yet the mean "
                "does not show that for these 20 the forecast is wrong by 15 points.",
    ),
    "evaluating_forecasts-5": Exercise(
        answer=lambda: np.array(_paired()),
        unit="Brier score",
        rtol=0.02,
        mistakes=[
            Mistake(lambda: np.array([-_paired()[1], -_paired()[0]]),
                    "Right intervals, wrong order of the models: frequency only minus decayed count."),
            Mistake(lambda: np.array([_single(0)[0] - _single(1)[1], _single(0)[1] - _single(1)[0]]),
                    "You combined the intervals of two single scores. Resample once and score both models "
                    "on the same customers: the noise they share cancels."),
            Mistake(lambda: np.array(_single(0)) - np.array(_single(1)),
                    "The ends of two intervals, subtracted, are not the ends of the interval of the "
                    "difference: score both models on the same resamples."),
            Mistake(lambda: np.array(_single(0)), "That is the interval of frequency only by itself."),
            Mistake(lambda: np.array(_single(1)), "That is the interval of the decayed count by itself."),
        ],
        explain="Zero is outside: on these customers the decayed count is better.",
    ),
    "evaluating_forecasts-6": Exercise(
        answer=lambda: _width(True),
        unit="percentage points",
        rtol=0.02,
        mistakes=[
            Mistake(lambda: _width(False),
                    "You resampled purchases. One customer's purchases resemble each other: draw customers "
                    "(groups=log[\"user_id\"]), and the interval gets wider."),
            Mistake(lambda: _width(True) / 100, "Times 100: percentage points are asked for."),
            Mistake(lambda: _width(True) / 2, "That is half of the width: high minus low is asked for."),
        ],
        explain="Resampling purchases would have claimed more precision than there is.",
    ),
    "evaluating_forecasts-7": Exercise(
        answer=lambda: _shares()[0] / _shares()[1],
        unit="predicted / actual",
        rtol=5e-3,
        mistakes=[
            Mistake(lambda: _shares()[1] / _shares()[0], "That is actual / predicted."),
            Mistake(lambda: 1.0, "Exactly one? Then you fitted and scored at the same cut."),
            Mistake(lambda: _shares()[0],
                    "That is the forecast itself; divide by the share that buys at the later cut."),
            Mistake(lambda: _shares()[0] - _shares()[1], "That is the difference; the ratio is asked for."),
        ],
        explain="Interest has faded in between, and a base rate does not know it.",
    ),
}
