"""What a network has to beat: regressions and boosted trees on a few columns, and one decayed count.

Each is a scikit-learn estimator with two answers, whether and how often. ``fit(task)`` learns from a labelled
task, ``predict(task)`` answers any task with a `forecasts.Forecast`. In place of a task they take the
features and the counts apart, ``fit(features, counts)``: so ``clone``, ``cross_val_score`` and
``GridSearchCV`` work, with ``score`` the mean log-likelihood of *whether*.

>>> from sklearn.base import clone
>>> clone(RFMLogistic(C=0.1))
RFMLogistic(C=0.1)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import xlogy
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, PoissonRegressor
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from interestdecay_lib._arguments import floats
from interestdecay_lib._threads import one_thread
from interestdecay_lib.forecasts import Forecast
from interestdecay_lib.tasks import EventTask

__all__ = [
    "HALF_LIVES",
    "RFM",
    "BaseRate",
    "Boosting",
    "DecayedCount",
    "FrequencyOnly",
    "RFMLogistic",
    "RecencyOnly",
]

HALF_LIVES = tuple(2.0 ** (k / 4) for k in range(33))
"""Half-lives in weeks, from 1 to 256, each 19 % longer than the one before."""
RFM = ("weeks_since_last", "event_days", "mean_value", "weeks_since_first")
"""Recency, frequency, monetary value and tenure: columns of `tasks.event_features`."""


class _Baseline(BaseEstimator):
    """What the baselines share; a subclass says what its two models read and what they are."""

    def _design(self, features: pd.DataFrame) -> np.ndarray:
        """Inputs of both models, shape (n, k)."""
        raise NotImplementedError

    def _models(self) -> tuple[Any, Any]:
        return _logistic(), _poisson()

    def fit(self, task: EventTask | pd.DataFrame, counts: ArrayLike | None = None) -> Self:
        """Learn from the customers of a labelled task, or from its features and counts; returns self."""
        features, returned, counts = _given(task, counts)
        x = self._design(features)
        self.classifier_, self.regressor_ = self._models()
        with one_thread():
            self.classifier_.fit(x, returned)
            self.regressor_.fit(x, counts)
        return self

    def predict(self, task: EventTask | pd.DataFrame) -> Forecast:
        """Forecasts for the customers of a task, or of its features; outcomes are not looked at."""
        if not hasattr(self, "classifier_"):
            raise ValueError(f"this {type(self).__name__} has not been fitted yet: call fit(task) first")
        x = self._design(_features(task))
        with one_thread():
            return Forecast(self.classifier_.predict_proba(x)[:, 1], self.regressor_.predict(x))

    def predict_proba(self, task: EventTask | pd.DataFrame) -> np.ndarray:
        """Probabilities of not buying and of buying, shape (n, 2): scikit-learn's form of `predict`."""
        p = self.predict(task).p
        return np.column_stack([1 - p, p])

    def score(self, task: EventTask | pd.DataFrame, counts: ArrayLike | None = None) -> float:
        """Mean log-likelihood (nats a customer) of whether they buy; greater is better."""
        features, returned, _ = _given(task, counts)
        return -float(log_loss(returned, self.predict(features).p, labels=[0, 1]))


def _features(given: EventTask | pd.DataFrame) -> pd.DataFrame:
    features = given.features if isinstance(given, EventTask) else given
    if not isinstance(features, pd.DataFrame):
        raise ValueError("give a task (tasks.event_task) or its features as a DataFrame, got "
                         f"{type(given).__name__}")
    return features


def _given(task: EventTask | pd.DataFrame, counts: ArrayLike | None
           ) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Features, whether they buy, and how often."""
    features = _features(task)
    if isinstance(task, EventTask):
        if counts is not None:
            raise ValueError("a task holds its own outcomes; give them beside a table of features only")
        return features, *task.outcomes()
    if counts is None:
        raise ValueError("give the number of events of each row beside the features")
    counts = np.asarray(counts)
    counts = counts.astype(float) if counts.dtype.kind == "b" else floats(counts, "counts")
    if counts.shape != (len(features),) or not (np.isfinite(counts) & (counts >= 0)).all():
        raise ValueError(f"counts must be one count >= 0 for each of the {len(features):,} rows, got "
                         f"shape {counts.shape}")
    return features, (counts > 0).astype(float), counts


def _columns(features: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    missing = [c for c in columns if c not in features.columns]
    if missing:
        hint = ("; make the task with event_task(log, ..., half_lives=...)"
                if any(c.startswith("decayed_") for c in missing) else "")
        raise ValueError(f"the features lack the columns {missing[:3]}{hint}")
    return features[list(columns)].to_numpy(dtype=float)


def _logistic(C: float = np.inf) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=C, solver="newton-cholesky", tol=1e-8))


def _poisson() -> Pipeline:
    return make_pipeline(StandardScaler(), PoissonRegressor(alpha=0, solver="newton-cholesky", tol=1e-8))


class BaseRate(_Baseline):
    """The same forecast for everybody: the training customers' share of buyers and mean count."""

    def fit(self, task: EventTask | pd.DataFrame, counts: ArrayLike | None = None) -> Self:
        _, returned, counts = _given(task, counts)
        self.p_, self.mu_ = float(np.mean(returned)), float(np.mean(counts))
        return self

    def predict(self, task: EventTask | pd.DataFrame) -> Forecast:
        if not hasattr(self, "p_"):
            raise ValueError("this BaseRate has not been fitted yet: call fit(task) first")
        n = len(_features(task))
        return Forecast(np.full(n, self.p_), np.full(n, self.mu_))


class RecencyOnly(_Baseline):
    """Logistic and Poisson regression on log(1 + weeks since the last event)."""

    def _design(self, features: pd.DataFrame) -> np.ndarray:
        return np.log1p(_columns(features, ["weeks_since_last"]))


class FrequencyOnly(_Baseline):
    """Logistic and Poisson regression on log(number of event days)."""

    def _design(self, features: pd.DataFrame) -> np.ndarray:
        return np.log(_columns(features, ["event_days"]))


class DecayedCount(_Baseline):
    r"""Logistic and Poisson regression on :math:`\ln S_h`; the half-life is chosen on the training customers.

    :math:`S_h=\sum_j 2^{-a_j/h}` over the events of a customer, :math:`a_j` their ages (weeks) at the cut.

    Parameters
    ----------
    half_lives
        Candidates in weeks; one candidate fixes the half-life. The task must hold their columns:
        ``event_task(log, ..., half_lives=half_lives)``.

    Attributes
    ----------
    half_life_, count_half_life_
        The candidate with the greatest training log-likelihood, in weeks: of the logistic regression (does
        the customer buy?) and of the Poisson regression (how often?).
    profile_
        Those log-likelihoods (nats; for Poisson up to a constant) by half-life, columns ``returned`` and
        ``counts``.
    """

    def __init__(self, half_lives: Sequence[float] | float = HALF_LIVES) -> None:
        self.half_lives = half_lives
        self._candidates()

    def _candidates(self) -> list[float]:
        lives = np.atleast_1d(floats(self.half_lives, "half_lives"))
        if lives.ndim != 1 or not lives.size or not (lives > 0).all():
            raise ValueError(f"half_lives must be positive numbers of weeks, got {self.half_lives}")
        return lives.tolist()

    def _log_sum(self, features: pd.DataFrame, half_life: float) -> np.ndarray:
        total = _columns(features, [f"decayed_{half_life:g}w"])
        if not (total > 0).all():
            raise ValueError(f"{np.count_nonzero(~(total > 0))} decayed counts are not positive: every "
                             "customer needs an event before the cut, and a half-life of "
                             f"{half_life:g} weeks may be too short")
        return np.log(total)

    def fit(self, task: EventTask | pd.DataFrame, counts: ArrayLike | None = None) -> Self:
        features, returned, counts = _given(task, counts)
        rows, fitted = {}, {}
        with one_thread():
            for h in self._candidates():
                x = self._log_sum(features, h)
                classifier, regressor = fitted[h] = _logistic().fit(x, returned), _poisson().fit(x, counts)
                mu = regressor.predict(x)
                rows[h] = {
                    "returned": -log_loss(returned, classifier.predict_proba(x)[:, 1], normalize=False),
                    "counts": float(np.sum(xlogy(counts, mu) - mu)),
                }
        self.profile_ = pd.DataFrame.from_dict(rows, orient="index").rename_axis("half_life")
        self.half_life_, self.count_half_life_ = (float(h) for h in self.profile_.idxmax())
        self.classifier_, self.regressor_ = fitted[self.half_life_][0], fitted[self.count_half_life_][1]
        return self

    def predict(self, task: EventTask | pd.DataFrame) -> Forecast:
        if not hasattr(self, "classifier_"):
            raise ValueError("this DecayedCount has not been fitted yet: call fit(task) first")
        features = _features(task)
        return Forecast(self.classifier_.predict_proba(self._log_sum(features, self.half_life_))[:, 1],
                        self.regressor_.predict(self._log_sum(features, self.count_half_life_)))


class RFMLogistic(_Baseline):
    """Logistic and Poisson regression on the logarithms of recency, frequency, monetary value and tenure.

    Parameters
    ----------
    columns
        Feature columns of the task; each enters as log(1 + value), a ``decayed_<h>w`` column as log(value).
    C
        Inverse strength of the L2 penalty on the standardised coefficients (infinite: none).
    """

    def __init__(self, columns: Sequence[str] = RFM, C: float = 1.0) -> None:
        if not C > 0:
            raise ValueError(f"C must be positive, got {C}")
        self.columns, self.C = columns, C

    def _design(self, features: pd.DataFrame) -> np.ndarray:
        x = _columns(features, self.columns)
        decayed = np.array([c.startswith("decayed_") for c in self.columns])
        return np.where(decayed, np.log(np.where(decayed, x, 1)), np.log1p(np.where(decayed, 0, x)))

    def _models(self) -> tuple[Any, Any]:
        return _logistic(self.C), _poisson()


class Boosting(_Baseline):
    """Gradient-boosted trees (scikit-learn's HistGradientBoosting) on the features, Poisson loss for counts.

    Parameters
    ----------
    columns
        Feature columns of the task, as they are.
    iterations
        Number of trees.
    learning_rate, leaves, min_leaf, l2
        Step size; leaves a tree; customers a leaf; penalty on the leaves' values.
    seed
        Random state of scikit-learn.
    """

    def __init__(self, columns: Sequence[str] = RFM, iterations: int = 60, learning_rate: float = 0.05,
                 leaves: int = 15, min_leaf: int = 50, l2: float = 0.0, seed: int = 0) -> None:
        self.columns, self.iterations, self.learning_rate = columns, iterations, learning_rate
        self.leaves, self.min_leaf, self.l2, self.seed = leaves, min_leaf, l2, seed

    def _design(self, features: pd.DataFrame) -> np.ndarray:
        return _columns(features, self.columns)

    def _models(self) -> tuple[Any, Any]:
        settings = {"max_iter": self.iterations, "learning_rate": self.learning_rate,
                    "max_leaf_nodes": self.leaves, "min_samples_leaf": self.min_leaf,
                    "l2_regularization": self.l2, "early_stopping": False, "random_state": self.seed}
        return (HistGradientBoostingClassifier(**settings),
                HistGradientBoostingRegressor(loss="poisson", **settings))
