"""Exercises of the chapter "How do I train an LSTM, and see that it learned?"."""

from functools import cache

import numpy as np

from interestdecay_lib.checks import Exercise, Mistake

_COUNTS = np.array([0, 0, 0, 1, 4])  # purchases of five customers
_VALIDATION = np.array([0.61, 0.55, 0.52, 0.53, 0.51, 0.54, 0.52, 0.53, 0.50, 0.56])  # after epochs 1, 2, ...
_SEEDS = np.array([0.492, 0.499, 0.503, 0.490])  # log loss of one network trained from four seeds


def _lstm(inputs: int, units: int, gates: int = 4, bias: int = 1) -> int:
    return gates * (units * (inputs + units) + bias * units)


def _early_stopping(losses: np.ndarray, patience: int) -> dict[str, int]:
    best = 0
    for epoch in range(len(losses)):
        if losses[epoch] < losses[best]:
            best = epoch
        elif epoch - best == patience:
            return {"best": best + 1, "stopped": epoch + 1}
    return {"best": best + 1, "stopped": len(losses)}


@cache
def _test_counts() -> tuple[np.ndarray, float]:
    """Purchases of the test customers, and the mean of the training customers."""
    from interestdecay_lib import datasets, tasks

    task = tasks.event_task(datasets.load_cdnow(), "1997-10-01", 39, 39)
    train, _, test = tasks.split_users(task)
    return task.counts[test].astype(float), float(task.counts[train].mean(dtype=float))


def _mae_gain() -> float:
    counts, mean = _test_counts()
    return float(np.abs(counts - mean).mean() - counts.mean())


def _report(mean: float, sd: float, trainings: int = 4) -> dict[str, float]:
    return {"mean": mean, "sd": sd, "se": sd / np.sqrt(trainings)}


EXERCISES = {
    "training_keras-1": Exercise(
        answer=lambda: _lstm(3, 32) + _lstm(32, 32) + 33,
        unit="parameters",
        rtol=1e-9,
        mistakes=[
            Mistake(
                lambda: 2 * _lstm(3, 32) + 33,
                "The second layer does not see the 3 features: its input is the 32 outputs of the first.",
            ),
            Mistake(
                lambda: _lstm(3, 32, bias=0) + _lstm(32, 32, bias=0) + 33,
                "Each of the four gates also has one bias per unit.",
            ),
            Mistake(lambda: _lstm(3, 32) + _lstm(32, 32) + 32, "Dense(1) has a bias too."),
            Mistake(
                lambda: _lstm(3, 32, gates=3) + _lstm(32, 32, gates=3) + 33,
                "Three blocks make a GRU; an LSTM has four: three gates and the candidate.",
            ),
            Mistake(lambda: _lstm(3, 32) + _lstm(32, 32), "The two LSTM layers are right; add Dense(1)."),
            Mistake(
                lambda: 39 * (_lstm(3, 32) + _lstm(32, 32)) + 33,
                "The weights are shared by all steps: the length of the sequence does not enter.",
            ),
        ],
        explain="More than half of them sit in the second layer.",
    ),
    "training_keras-2": Exercise(
        answer=lambda: {
            "mse": _COUNTS.mean(),
            "mae": float(np.median(_COUNTS)),
            "poisson": _COUNTS.mean(),
        },
        unit="purchases",
        atol=1e-3,
        mistakes=[
            Mistake(
                lambda: {k: _COUNTS.mean() for k in ("mse", "mae", "poisson")},
                "The mean is right for two of them; absolute error is least at the median.",
            ),
            Mistake(
                lambda: {"mse": _COUNTS.mean(), "mae": 0.0, "poisson": float(np.log(_COUNTS.mean()))},
                "0 is the log of the rate, or the median; the Poisson loss is least at the rate mu itself.",
            ),
            Mistake(
                lambda: {"mse": 0.0, "mae": _COUNTS.mean(), "poisson": _COUNTS.mean()},
                "Mean and median are exchanged: squares lead to the mean, absolute values to the median.",
            ),
        ],
        explain="Two losses ask for the mean, one for the median: for shoppers that is often zero.",
    ),
    "training_keras-3": Exercise(
        answer=lambda: 0.1 * 2 / np.sqrt(100 * 2**2),
        unit="length of the step",
        mistakes=[
            Mistake(lambda: 0.1, "That is the first AdaGrad step (and every step of Adam here)."),
            Mistake(lambda: 0.1 * 2, "That is SGD's step: rate times gradient, the same every time."),
            Mistake(
                lambda: 0.1 * 2 / (100 * 2**2), "Take the square root of the sum of squares before dividing."
            ),
            Mistake(lambda: 0.1 / np.sqrt(100 * 2**2), "The step is rate times gradient over the root."),
            Mistake(lambda: 0.1 * 2 / 100, "It falls with the root of the number of steps, not with it."),
        ],
        explain="The size of the gradient cancels; after 100 steps a tenth of the first step is left.",
    ),
    "training_keras-4": Exercise(
        answer=lambda theta=3.0: theta - 0.1 * 2 * 0.01 * theta,
        rtol=1e-6,
        mistakes=[
            Mistake(
                lambda theta=3.0: theta - 0.1 * 0.01 * theta,
                "That is the printed step: the derivative of theta^2 is 2 theta, so the factor 2 is missing.",
            ),
            Mistake(
                lambda theta=3.0: theta + 0.1 * 2 * 0.01 * theta,
                "A penalty pulls towards zero: minus the gradient.",
            ),
            Mistake(lambda theta=3.0: theta - 2 * 0.01 * theta, "That step forgets the learning rate."),
            Mistake(
                lambda theta=3.0: theta - 0.1 * 0.01,
                "That is the step of an L1 penalty, lambda times |theta|.",
            ),
            Mistake(
                lambda theta=3.0: theta - 0.1 * 0.01 * theta**2,
                "That subtracts the penalty, not its gradient.",
            ),
        ],
        explain="Each step multiplies the weight by 1 - 2 * rate * lambda.",
        variants={"theta": (1.5, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)},
    ),
    "training_keras-5": Exercise(
        answer=lambda: _early_stopping(_VALIDATION, 3),
        unit="epochs",
        rtol=1e-9,
        mistakes=[
            Mistake(
                lambda: {"best": int(_VALIDATION.argmin()) + 1, "stopped": len(_VALIDATION)},
                "With this patience the training never gets to the lowest value of the whole list.",
            ),
            Mistake(
                lambda: {"best": 5, "stopped": 6},
                "Patience 3 waits for three epochs without a new best value, not for the first.",
            ),
            Mistake(
                lambda: {"best": 3, "stopped": 6},
                "Epoch 5 sets a new best value: the waiting starts again there.",
            ),
            Mistake(
                lambda: {"best": 8, "stopped": 8},
                "Training stops there, but the weights of the best epoch are restored.",
            ),
            Mistake(lambda: {"best": 4, "stopped": 7}, "Count epochs from 1, as the table does."),
        ],
        explain="Patience buys robustness against a noisy curve; it cannot see behind a hill.",
    ),
    "training_keras-6": Exercise(
        answer=_mae_gain,
        unit="purchases",
        mistakes=[
            Mistake(lambda: float(_test_counts()[0].mean()), "That is the MAE of predicting zero itself."),
            Mistake(
                lambda: float(np.abs(_test_counts()[0] - _test_counts()[1]).mean()),
                "That is the MAE of the training mean itself; subtract the MAE of zero.",
            ),
            Mistake(
                lambda: float(
                    np.sqrt(np.mean((_test_counts()[0] - _test_counts()[1]) ** 2))
                    - np.sqrt(np.mean(_test_counts()[0] ** 2))
                ),
                "Those are root mean squared errors; take absolute errors.",
            ),
            Mistake(lambda: -_mae_gain(), "Mean minus zero, not zero minus mean: the better one is smaller."),
        ],
        explain="By MAE, saying that nobody ever comes back beats knowing the right average.",
    ),
    "training_keras-7": Exercise(
        answer=lambda: _report(_SEEDS.mean(), _SEEDS.std(ddof=1)),
        unit="nats",
        rtol=5e-4,
        atol=5e-5,      # four decimals, as the exercise says
        mistakes=[
            Mistake(
                lambda: _report(_SEEDS.mean(), _SEEDS.std()),
                "Four seeds are a sample: divide by 3, not by 4 (ddof=1).",
            ),
            Mistake(
                lambda: _report(_SEEDS.mean(), _SEEDS.std(ddof=1), trainings=1),
                "The standard error is smaller than the standard deviation: the mean of k trainings varies "
                "less than one of them, by the root of k.",
            ),
            Mistake(
                lambda: _report(_SEEDS.mean(), _SEEDS.std(ddof=1), trainings=16),
                "Divide the standard deviation by the root of the number of seeds, not by the number.",
            ),
            Mistake(
                lambda: _report(_SEEDS.min(), _SEEDS.std(ddof=1)),
                "That is the best seed. Reporting it alone is choosing on the test customers.",
            ),
            Mistake(lambda: _report(_SEEDS.mean(), _SEEDS.var(ddof=1)), "Take the root of the variance."),
        ],
        explain="The standard deviation tells how far one more training may lie; it stays as it is with more "
        "seeds. How well their mean is known is the standard error, and it shrinks.",
    ),
}
