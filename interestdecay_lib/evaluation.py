"""Is it better than something simple? Scores, calibration, bootstrap intervals, one table.

A forecast of *whether* is a probability ``p`` in [0, 1] scored against a 0/1 outcome ``y``; a forecast of
*how often* is a mean ``mu >= 0`` scored against a count ``y``. One entry is one customer throughout.

>>> y, p = [1, 0, 0, 1], [0.9, 0.2, 0.4, 0.3]
>>> scores = score_probabilities(y, p)
>>> round(scores["auc"], 2), round(scores["brier"], 3)
(0.75, 0.175)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit, hyp2f1, ive, kl_div, logit
from scipy.stats import nbinom, norm, poisson
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    brier_score_loss,
    confusion_matrix,
    log_loss,
    mean_absolute_error,
    roc_auc_score,
    root_mean_squared_error,
)

from interestdecay_lib._arguments import floats, whole
from interestdecay_lib._moved import moved
from interestdecay_lib.forecasts import Forecast

PROBABILITY_METRICS = ("log_loss", "brier", "auc")
COUNT_METRICS = ("mae", "rmse", "poisson_deviance")
_WEIGHTS = 1 << 22  # of bootstrap replicates that are in memory at once: a few arrays of 32 MB each


# ---------------------------------------------------------------------------------------------- validation


def _outcome(y: ArrayLike, *, binary: bool) -> np.ndarray:
    given = np.asarray(y)
    y = given.astype(float) if given.dtype.kind == "b" else floats(y, "y")
    if y.ndim != 1 or y.size == 0:
        raise ValueError(f"y must be one-dimensional with at least one entry, got shape {y.shape}")
    if not np.isfinite(y).all():
        raise ValueError(f"y holds {np.count_nonzero(~np.isfinite(y))} missing or infinite values")
    if binary and not np.isin(y, (0, 1)).all():
        raise ValueError(f"y must be 0 or 1 (bought or not), got {y[~np.isin(y, (0, 1))][0]:g} among them; "
                         "for counts use score_counts, or score y > 0")
    if not binary and (y < 0).any():
        raise ValueError(f"y must be counts >= 0, got {y.min():g}")
    if not binary and (y % 1 != 0).any():
        raise ValueError(f"y must be whole counts, got {y[y % 1 != 0][0]:g} among them")
    return y


def _forecast(values: ArrayLike, n: int, name: str) -> np.ndarray:
    if isinstance(values, Forecast):
        values = values.p if name == "p" else values.mu
    values = floats(values, name)
    if values.ndim == 0 or values.shape[-1] != n or values.ndim > 2:
        raise ValueError(f"y has {n} entries but {name} has shape {values.shape}: "
                         "give one forecast a customer")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds {np.count_nonzero(~np.isfinite(values))} missing or infinite values")
    if name == "p" and ((values < 0) | (values > 1)).any():
        raise ValueError(f"p must be probabilities between 0 and 1, got values from {values.min():g} to "
                         f"{values.max():g}; a logit needs the sigmoid first")
    if name == "mu" and (values < 0).any():
        raise ValueError(f"mu must be expected counts >= 0, got {values.min():g}; a log rate needs exp first")
    return values


def _probabilities(y: ArrayLike, p: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    y = _outcome(y, binary=True)
    p = _forecast(p, y.size, "p")
    if p.ndim != 1:
        raise ValueError(f"p must be one-dimensional, got shape {p.shape}; score each seed by itself")
    return y, p


def _both_classes(y: np.ndarray) -> None:
    if y.min() == y.max():
        raise ValueError(f"y holds one class only (all {y[0]:g}): the AUC compares buyers with non-buyers "
                         "and is undefined")


# -------------------------------------------------------------------------------------------------- scores


def score_probabilities(y: ArrayLike, p: ArrayLike, bins: int = 10) -> dict[str, float]:
    r"""Scores of probability forecasts.

    Parameters
    ----------
    y
        Outcomes, 0 or 1, shape (n,).
    p
        Forecast probabilities of 1, shape (n,).
    bins
        Bins of (nearly) equal size for the calibration error.

    Returns
    -------
    dict
        ``log_loss``: :math:`-\frac1n\sum y\ln p+(1-y)\ln(1-p)` in nats; ``brier``:
        :math:`\frac1n\sum(p-y)^2`; ``auc``: the chance that a random buyer has a higher p than a random
        non-buyer, ties counted half; ``ece``: expected calibration error, the customer-weighted mean of
        abs(mean p - share of buyers) over the bins; ``predicted_over_actual``: :math:`\sum p/\sum y`.

    Raises
    ------
    ValueError
        For different lengths, missing values, p outside [0, 1], y other than 0/1, or one class only.

    Notes
    -----
    Log loss and Brier score are proper: the true probability minimises their expectation. The AUC only sees
    the order. Source: Brier (1950), Verification of forecasts expressed in terms of probability.

    Examples
    --------
    >>> scores = score_probabilities([1, 0], [0.5, 0.5])
    >>> {name: round(value, 4) for name, value in scores.items()}  # a coin: ln 2, 1/4, 1/2
    {'log_loss': 0.6931, 'brier': 0.25, 'auc': 0.5, 'ece': 0.0, 'predicted_over_actual': 1.0}
    """
    y, p = _probabilities(y, p)
    _both_classes(y)
    table = calibration_table(y, p, bins)
    gaps = (table["predicted"] - table["actual"]).abs()
    return {
        "log_loss": float(log_loss(y, p, labels=[0, 1])),
        "brier": float(brier_score_loss(y, p)),
        "auc": float(roc_auc_score(y, p)),
        "ece": float(np.average(gaps, weights=table["customers"])),
        "predicted_over_actual": float(p.sum() / y.sum()),
    }


def score_counts(y: ArrayLike, mu: ArrayLike) -> dict[str, float]:
    r"""Scores of expected counts.

    Parameters
    ----------
    y
        Counts, shape (n,).
    mu
        Expected counts, shape (n,).

    Returns
    -------
    dict
        ``mae``, ``rmse`` (in the unit of y); ``poisson_deviance``:
        :math:`\frac2n\sum y\ln(y/\mu)-y+\mu` with :math:`0\ln 0=0`, infinite if mu = 0 where y > 0;
        ``predicted_over_actual``: :math:`\sum\mu/\sum y` (nan if nobody buys).

    Raises
    ------
    ValueError
        For different lengths, missing values, or negative counts or means.

    Notes
    -----
    The MAE is least at the median, which is 0 for most customers of most shops; RMSE and Poisson deviance
    are least at the mean.

    Examples
    --------
    >>> y = [0, 0, 0, 4]
    >>> score_counts(y, [0, 0, 0, 0])["mae"], score_counts(y, [1, 1, 1, 1])["mae"]
    (1.0, 1.5)
    >>> score_counts(y, [0, 0, 0, 0])["rmse"] > score_counts(y, [1, 1, 1, 1])["rmse"]
    True
    """
    y = _outcome(y, binary=False)
    mu = _one_mean(mu, y.size)
    return {
        "mae": float(mean_absolute_error(y, mu)),
        "rmse": float(root_mean_squared_error(y, mu)),
        "poisson_deviance": float(2 * kl_div(y, mu).mean()),
        "predicted_over_actual": float(mu.sum() / y.sum()) if y.any() else float("nan"),
    }


def classification_at(y: ArrayLike, p: ArrayLike, threshold: float = 0.5) -> dict[str, float]:
    r"""Confusion counts, and what is made of them, if every customer with p >= threshold is called a buyer.

    Parameters
    ----------
    y
        Outcomes, 0 or 1, shape (n,).
    p
        Forecast probabilities, shape (n,).
    threshold
        Between 0 and 1.

    Returns
    -------
    dict
        ``tp``, ``fp``, ``fn``, ``tn`` (customers); ``accuracy`` (TP+TN)/n; ``precision`` P = TP/(TP+FP), nan
        if nobody is called a buyer; ``recall`` R = TP/(TP+FN), nan if nobody buys; ``f1`` the harmonic mean
        :math:`2PR/(P+R)=2TP/(2TP+FP+FN)` of precision and recall, nan only if all three counts are 0.

    Raises
    ------
    ValueError
        As in :func:`score_probabilities`, and for a threshold outside [0, 1].

    Examples
    --------
    >>> y = [1] * 16 + [0] * 84
    >>> p = [0.9] * 8 + [0.1] * 8 + [0.9] * 2 + [0.1] * 82  # TP 8, FN 8, FP 2, TN 82
    >>> at_half = classification_at(y, p)
    >>> at_half["accuracy"], at_half["precision"], at_half["recall"], round(at_half["f1"], 8)
    (0.9, 0.8, 0.5, 0.61538462)
    """
    y, p = _probabilities(y, p)
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must lie between 0 and 1, got {threshold}")
    tn, fp, fn, tp = (int(v) for v in confusion_matrix(y, p >= threshold, labels=[0, 1]).ravel())

    def ratio(part: int, whole: int) -> float:
        return part / whole if whole else float("nan")

    return {
        "tp": tp, "fp": fp, "fn": fn, "tn": tn,
        "accuracy": ratio(tp + tn, y.size),
        "precision": ratio(tp, tp + fp),
        "recall": ratio(tp, tp + fn),
        "f1": ratio(2 * tp, 2 * tp + fp + fn),
    }


def calibration_table(y: ArrayLike, p: ArrayLike, bins: int | Sequence[float] = 10, level: float = 0.95
                      ) -> pd.DataFrame:
    """Forecast and outcome side by side, in bins of similar forecasts (a reliability diagram as a table).

    Parameters
    ----------
    y
        Outcomes, 0 or 1, shape (n,).
    p
        Forecast probabilities, shape (n,).
    bins
        A number: bins of nearly equal size (equal forecasts stay together, so there may be fewer bins).
        A sequence: the edges of the bins, increasing; the last bin includes its upper edge.
    level
        Of the interval.

    Returns
    -------
    pandas.DataFrame
        One row a bin that is not empty: ``customers``, ``predicted`` (mean p), ``actual`` (share of 1), and
        the Wilson score interval ``low``, ``high`` of that share.

    Raises
    ------
    ValueError
        As in :func:`score_probabilities`, for fewer than one bin, or edges that leave forecasts out.

    Examples
    --------
    >>> table = calibration_table([0, 0, 1, 1], [0.1, 0.1, 0.6, 0.8], bins=2)
    >>> table[["customers", "predicted", "actual"]].round(2).values.tolist()
    [[2.0, 0.1, 0.0], [2.0, 0.7, 1.0]]
    """
    y, p = _probabilities(y, p)
    code = _bins(p, bins)
    table = pd.DataFrame({"p": p, "y": y}).groupby(code).agg(
        customers=("y", "size"), predicted=("p", "mean"), actual=("y", "mean")).reset_index(drop=True)
    low, high = wilson_interval(table["actual"], table["customers"], level)
    return table.assign(low=low, high=high)


def wilson_interval(share: ArrayLike, n: ArrayLike, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    r"""Wilson's score interval of a share, within [0, 1].

    .. math:: \frac{\hat p + z^2/2n \pm z\sqrt{\hat p(1-\hat p)/n + z^2/4n^2}}{1 + z^2/n}

    Parameters
    ----------
    share
        Observed shares.
    n
        Of how many, each above 0.
    level
        Of the interval.

    Returns
    -------
    (low, high)

    Raises
    ------
    ValueError
        For a level outside (0, 1).

    Notes
    -----
    Source: Wilson (1927), Probable Inference, the Law of Succession, and Statistical Inference.

    Examples
    --------
    >>> low, high = wilson_interval(0.5, 10)
    >>> print(low.round(3), high.round(3))
    0.237 0.763
    """
    share, n, z = np.asarray(share, dtype=float), np.asarray(n, dtype=float), _normal_quantile(level)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return np.maximum(centre - half, 0), np.minimum(centre + half, 1)


def _bins(p: np.ndarray, bins: int | Sequence[float]) -> np.ndarray:
    """The bin of each forecast; `bins` as in `calibration_table`."""
    if np.ndim(bins) == 0:
        inner = np.unique(np.quantile(p, np.linspace(0, 1, whole(bins, "bins (or give edges)") + 1)[1:-1]))
    else:
        edges = np.asarray(bins, dtype=float)
        if edges.size < 2 or (np.diff(edges) <= 0).any() or p.min() < edges[0] or p.max() > edges[-1]:
            raise ValueError(f"edges must increase and cover all forecasts from {p.min():g} to {p.max():g}")
        inner = edges[1:-1]
    return np.searchsorted(inner, p, side="right")


def brier_decomposition(y: ArrayLike, p: ArrayLike, bins: int | Sequence[float] = 10) -> dict[str, float]:
    r"""Murphy's partition of the Brier score: is a forecast true, and does it tell customers apart?

    In bin k let :math:`n_k` customers have the mean forecast :math:`\bar p_k` and the share of buyers
    :math:`\bar y_k`, and let :math:`\bar y` be the share of all. Then

    .. math::
        B = \underbrace{\sum_k \frac{n_k}{n} (\bar p_k-\bar y_k)^2}_\text{reliability}
          - \underbrace{\sum_k \frac{n_k}{n} (\bar y_k-\bar y)^2}_\text{resolution}
          + \underbrace{\bar y(1-\bar y)}_\text{uncertainty} + \text{within}.

    Parameters
    ----------
    y
        Outcomes, 0 or 1, shape (n,).
    p
        Forecast probabilities, shape (n,).
    bins
        As in :func:`calibration_table`.

    Returns
    -------
    dict
        ``brier``, ``reliability`` (0 is best), ``resolution`` (more is better), ``uncertainty`` (of the
        customers, whatever the forecast), and ``within``: what the bins hide,
        :math:`\frac1n\sum (p_i-\bar p_k)^2-2(p_i-\bar p_k)(y_i-\bar y_k)`, 0 if the forecasts of each bin
        are equal.

    Raises
    ------
    ValueError
        As in :func:`calibration_table`.

    Notes
    -----
    Source: Murphy (1973), A New Vector Partition of the Probability Score.

    Examples
    --------
    >>> parts = brier_decomposition([0, 1, 1, 1], [0.5, 0.5, 0.9, 0.9], bins=2)
    >>> {name: round(value, 4) + 0 for name, value in parts.items()}
    {'brier': 0.13, 'reliability': 0.005, 'resolution': 0.0625, 'uncertainty': 0.1875, 'within': 0.0}
    """
    y, p = _probabilities(y, p)
    bin_of = pd.DataFrame({"p": p, "y": y}).groupby(_bins(p, bins))
    mean = bin_of.transform("mean").to_numpy()
    stated, came_true, overall = mean[:, 0], mean[:, 1], y.mean()
    inside = (p - stated) ** 2 - 2 * (p - stated) * (y - came_true)
    return {
        "brier": float(np.mean((p - y) ** 2)),
        "reliability": float(np.mean((stated - came_true) ** 2)),
        "resolution": float(np.mean((came_true - overall) ** 2)),
        "uncertainty": float(overall * (1 - overall)),
        "within": float(np.mean(inside)),
    }


def gain_table(y: ArrayLike, p: ArrayLike, shares: Sequence[float] = (0.05, 0.1, 0.2, 0.5)) -> pd.DataFrame:
    """Who is found if only the customers with the highest forecasts are contacted.

    Parameters
    ----------
    y
        Outcomes, 0 or 1, shape (n,).
    p
        Forecast probabilities, or any score that orders the customers within [0, 1], shape (n,).
    shares
        Shares of the customers that are contacted, each above 0 and at most 1.

    Returns
    -------
    pandas.DataFrame
        Index ``share``: ``customers`` contacted, ``precision`` (share of buyers among them), ``gain`` (their
        share of all buyers), and ``lift`` = precision / share of buyers among all = gain / share. Where equal
        forecasts are cut apart, the mean over all orders of them.

    Raises
    ------
    ValueError
        As in :func:`score_probabilities`, and for shares outside (0, 1].

    Examples
    --------
    >>> y, p = [1, 0, 1, 0, 0, 0, 0, 0], [0.9, 0.8, 0.7, 0.4, 0.3, 0.3, 0.2, 0.1]
    >>> gain_table(y, p, [0.25, 0.5]).round(2)[["gain", "lift"]].values.tolist()  # the top 2, the top 4
    [[0.5, 2.0], [1.0, 2.0]]
    """
    y, p = _probabilities(y, p)
    _both_classes(y)
    share = np.atleast_1d(np.asarray(shares, dtype=float))
    if share.ndim != 1 or not ((share > 0) & (share <= 1)).all():
        raise ValueError(f"shares must be above 0 and at most 1 (0.1 for 10 %), got {shares}")
    tied = pd.DataFrame({"y": y}).groupby(-p)["y"].agg(["size", "sum"]).cumsum()
    found = np.interp(share * y.size, np.append(0, tied["size"]), np.append(0, tied["sum"]))
    return pd.DataFrame({
        "customers": share * y.size,
        "precision": found / (share * y.size),
        "gain": found / y.sum(),
        "lift": found / y.sum() / share,
    }, index=pd.Index(share, name="share"))


def _normal_quantile(level: float) -> float:
    return float(norm.ppf(0.5 + _level(level) / 2))


# ------------------------------------------------------------------------------------------- recalibration

RECALIBRATIONS = ("shift", "platt", "isotonic")


@dataclass(frozen=True)
class Recalibration:
    """A learned map from stated to recalibrated probabilities (made by `recalibration`); call it with p."""

    method: str
    intercept: float
    slope: float
    steps: IsotonicRegression | None = field(default=None, repr=False)

    def __call__(self, p: ArrayLike) -> np.ndarray:
        p = _forecast(p, np.size(p), "p")
        if self.steps is not None:
            return self.steps.predict(p)
        return expit(self.intercept + self.slope * _logit(p))


def _logit(p: np.ndarray) -> np.ndarray:
    certain = int(((p == 0) | (p == 1)).sum())
    if certain:
        raise ValueError(f"p holds {certain} forecasts of exactly 0 or 1, whose log odds are infinite: clip "
                         "them first, or use the method 'isotonic'")
    return logit(p)


def recalibration(y: ArrayLike, p: ArrayLike, method: str = "platt") -> Recalibration:
    r"""Learn, from customers whose outcome is known, what a stated probability is worth.

    Parameters
    ----------
    y
        Outcomes, 0 or 1, shape (n,), of customers who did *not* train the model.
    p
        What the model had said of them, shape (n,).
    method
        ``"platt"``: :math:`p' = \sigma(a + b \ln\frac{p}{1-p})`, both numbers by maximum likelihood;
        ``"shift"``: the same with b = 1; ``"isotonic"``: the increasing step function with the least Brier
        score.

    Returns
    -------
    Recalibration
        A function of probabilities, with ``intercept`` a and ``slope`` b (nan if isotonic).

    Raises
    ------
    ValueError
        As in :func:`score_probabilities`, for an unknown method, and for p of exactly 0 or 1 (not isotonic).

    Notes
    -----
    The first two keep the order of the customers if b > 0, the third may tie some of them, and may state
    exactly 0 or 1, which the log loss punishes without limit. The map holds for customers *like those it
    was learned from*, at a time like theirs. Sources: Platt (1999), here without his smoothed outcomes;
    Niculescu-Mizil & Caruana (2005).

    Examples
    --------
    >>> y, p = [0, 1, 0, 1, 1, 1], [0.2, 0.2, 0.2, 0.4, 0.4, 0.4]
    >>> told = recalibration(y, p, "isotonic")
    >>> told([0.2, 0.4]).round(3).tolist()
    [0.333, 1.0]
    >>> shifted = recalibration([0, 1, 0, 1], [0.2, 0.2, 0.2, 0.2], "shift")
    >>> float(shifted([0.2])[0].round(3)), round(shifted.intercept, 3)  # ln 4: from odds of 1/4 to even odds
    (0.5, 1.386)
    """
    y, p = _probabilities(y, p)
    _both_classes(y)
    if method not in RECALIBRATIONS:
        raise ValueError(f"unknown method {method!r}; known: {', '.join(RECALIBRATIONS)}")
    if method == "isotonic":
        steps = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(p, y)
        return Recalibration(method, float("nan"), float("nan"), steps)
    x = _logit(p)
    if method == "shift":
        reach = np.abs(x).max() + 40
        return Recalibration(method, float(brentq(lambda a: (expit(a + x) - y).sum(), -reach, reach)), 1.0)
    fitted = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10).fit(x[:, None], y)
    return Recalibration(method, float(fitted.intercept_[0]), float(fitted.coef_[0, 0]))


# ------------------------------------------------------------------------------------ counts as distributions


def fit_dispersion(y: ArrayLike, mu: ArrayLike) -> float:
    r"""How much more counts scatter around their forecast means than a Poisson distribution lets them.

    Parameters
    ----------
    y
        Counts, shape (n,).
    mu
        Their expected values, shape (n,).

    Returns
    -------
    float
        The :math:`\alpha \ge 0` of the negative binomial distribution with mean :math:`\mu_i` and variance
        :math:`\mu_i + \alpha\mu_i^2` with the greatest likelihood; 0 is Poisson.

    Raises
    ------
    ValueError
        As in :func:`score_counts`, and for mu = 0.

    Examples
    --------
    >>> counts = np.random.default_rng(0).negative_binomial(2, 2 / (2 + 3), 20_000)  # alpha = 1/2, mean 3
    >>> round(fit_dispersion(counts, np.full(20_000, 3.0)), 2)
    0.5
    >>> fit_dispersion([1, 1, 1, 1], [1, 1, 1, 1])
    0.0
    """
    y = _outcome(y, binary=False)
    mu = _one_mean(mu, y.size)
    if (mu == 0).any():
        raise ValueError(f"mu holds {np.count_nonzero(mu == 0)} zeros: a dispersion needs expected counts "
                         "above 0")

    def loss(log_alpha: float) -> float:
        return -_log_pmf(y, mu, np.exp(log_alpha)).mean()

    found = minimize_scalar(loss, bounds=(-14, 7), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x)) if found.fun < -_log_pmf(y, mu, 0.0).mean() - 1e-9 else 0.0


def score_count_distribution(y: ArrayLike, mu: ArrayLike, dispersion: float = 0.0) -> dict[str, np.ndarray]:
    r"""Proper scores of a whole distribution of counts: Poisson, or negative binomial.

    Parameters
    ----------
    y
        Counts, shape (n,).
    mu
        Means of the forecast distributions, shape (n,).
    dispersion
        The :math:`\alpha` of the variance :math:`\mu+\alpha\mu^2`; 0 is Poisson.

    Returns
    -------
    dict
        One entry a customer, less is better; their means are the scores. ``log_score``: :math:`-\ln f(y)` in
        nats; ``crps``: the continuous ranked probability score :math:`\sum_{k\ge0}(F(k)-[y\le k])^2`
        :math:`= E|X-y|-\tfrac12E|X-X'|`, in the unit of y. For a forecast without any spread the CRPS is
        the absolute error.

    Raises
    ------
    ValueError
        As in :func:`score_counts`, and for a negative dispersion.

    Notes
    -----
    Closed forms: with :math:`F` the distribution function,
    :math:`E|X-y| = y(2F(y)-1)+\mu-2E[X;X\le y]`, where :math:`E[X;X\le y]=\mu F(y-1)` with, for the negative
    binomial, one success more. Half the mean difference is :math:`\mu e^{-2\mu}(I_0(2\mu)+I_1(2\mu))` for
    Poisson, :math:`v\,{}_2F_1(r+1,\tfrac12;2;-4v/r)` with :math:`r=1/\alpha,\ v=\mu(1+\alpha\mu)` for the
    negative binomial. Source of the scores: Czado, Gneiting & Held (2009), Predictive Model Assessment for
    Count Data.

    Examples
    --------
    >>> scores = score_count_distribution([0, 3], [1.0, 1.0])
    >>> scores["log_score"].round(3).tolist(), scores["crps"].round(3).tolist()
    ([1.0, 2.792], [0.476, 1.523])
    >>> score_count_distribution([0, 3], [1.0, 1.0], dispersion=1.0)["crps"].round(3).tolist()
    [0.333, 1.583]
    """
    y = _outcome(y, binary=False)
    mu = _one_mean(mu, y.size)
    if not (np.isfinite(dispersion) and dispersion >= 0):
        raise ValueError(f"dispersion must be a number >= 0 (0 is Poisson), got {dispersion}")
    if dispersion:
        r, odds = 1 / dispersion, dispersion * mu
        below = nbinom.cdf(y, r, 1 / (1 + odds))
        part = mu * nbinom.cdf(y - 1, r + 1, 1 / (1 + odds))
        variance = mu * (1 + odds)
        half_difference = variance * hyp2f1(r + 1, 0.5, 2, -4 * variance * dispersion)
    else:
        below, part = poisson.cdf(y, mu), mu * poisson.cdf(y - 1, mu)
        half_difference = mu * (ive(0, 2 * mu) + ive(1, 2 * mu))
    distance = y * (2 * below - 1) + mu - 2 * part
    return {"log_score": -_log_pmf(y, mu, dispersion), "crps": distance - half_difference}


def _one_mean(mu: ArrayLike, n: int) -> np.ndarray:
    mu = _forecast(mu, n, "mu")
    if mu.ndim != 1:
        raise ValueError(f"mu must be one-dimensional, got shape {mu.shape}; score each seed by itself")
    return mu


def _log_pmf(y: np.ndarray, mu: np.ndarray, dispersion: float) -> np.ndarray:
    if not dispersion:
        return poisson.logpmf(y, mu)
    return nbinom.logpmf(y, 1 / dispersion, 1 / (1 + dispersion * mu))


def _level(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level must lie strictly between 0 and 1 (0.95 for 95 %), got {level}")
    return level


# ----------------------------------------------------------------------------------------------- bootstrap


class Interval(NamedTuple):
    """An estimate with the ends of its confidence interval; prints as ``0.764 [0.753, 0.774]``.

    >>> f"{Interval(0.76391, 0.75280, 0.77450):.3f}"
    '0.764 [0.753, 0.774]'
    """

    estimate: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        return f"{self.estimate:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside the interval."""
        return self.low > 0 or self.high < 0


def _auc_of(y: np.ndarray, p: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The AUC as a function of customer weights: rank all customers once, then only add weights."""
    order = np.argsort(p, kind="stable")
    starts = np.flatnonzero(np.diff(p[order], prepend=-np.inf))  # equal forecasts form one step
    bought = y[order]

    def auc(weights: np.ndarray) -> np.ndarray:
        ranked = weights[:, order]
        total = np.add.reduceat(ranked, starts, axis=1)
        positive = np.add.reduceat(ranked * bought, starts, axis=1)
        negative = total - positive
        below = np.cumsum(negative, axis=1) - negative / 2
        with np.errstate(invalid="ignore"):
            return np.einsum("ij,ij->i", positive, below) / (positive.sum(1) * negative.sum(1))

    return auc


def _losses(metric: str, y: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    """Loss of each customer; the metric is their mean (for rmse its root)."""
    if metric == "log_loss":
        tiny = np.finfo(float).eps  # as scikit-learn: a certain forecast that fails costs 36 nats
        hit = np.where(y == 1, forecast, 1 - forecast)
        return -np.log(np.clip(hit, tiny, 1 - tiny))
    if metric in ("brier", "rmse"):
        return (forecast - y) ** 2
    if metric == "mae":
        return np.abs(forecast - y)
    return 2 * kl_div(y, forecast)


def _weighted(metric: str, y: np.ndarray, forecast: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The metric as a function of customer weights (replicates, n); of 2-D forecasts (replicates, seeds)."""
    if forecast.ndim == 2:
        seeds = [_weighted(metric, y, row) for row in forecast]
        return lambda weights: np.column_stack([of(weights) for of in seeds])
    if metric == "auc":
        return _auc_of(y, forecast)
    if metric == "predicted_over_actual":
        return lambda weights: weights @ forecast / (weights @ y)
    losses = _losses(metric, y, forecast)
    if metric == "rmse":
        return lambda weights: np.sqrt(weights @ losses / weights.sum(1))
    return lambda weights: weights @ losses / weights.sum(1)


def _checked(metric: str, y: ArrayLike, forecast: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    if metric in PROBABILITY_METRICS:
        y = _outcome(y, binary=True)
        if metric == "auc":
            _both_classes(y)
        return y, _forecast(forecast, y.size, "p")
    if metric in COUNT_METRICS or metric == "predicted_over_actual":
        if metric == "predicted_over_actual" and isinstance(forecast, Forecast):
            raise ValueError("predicted_over_actual is of p or of mu; give one part: forecast.p or "
                             "forecast.mu")
        y = _outcome(y, binary=False)
        return y, _forecast(forecast, y.size, "mu")
    known = (*PROBABILITY_METRICS, *COUNT_METRICS, "predicted_over_actual")
    why = " (resampling inflates a calibration error, so its percentiles mislead)" if metric == "ece" else ""
    raise ValueError(f"unknown metric {metric!r}{why}; known: {', '.join(known)}; "
                     "or give a function of the arrays")


def _resampled_weights(n: int, groups: ArrayLike | None, replicates: int, seed: int | np.random.Generator
                       ) -> Iterator[np.ndarray]:
    """How often each row is drawn: blocks of shape (<= 64, n). Rows of one group are drawn together."""
    replicates = whole(replicates, "replicates")
    code = None
    if groups is not None:
        code = pd.factorize(np.asarray(groups))[0]
        missing = int((code < 0).sum())
        if missing:
            raise ValueError(f"groups has {missing:,} missing values; every row belongs to one customer")
        if code.shape != (n,):
            raise ValueError(f"groups must give one customer a row, shape ({n},), got {np.shape(groups)}")
    units = n if code is None else int(code.max()) + 1
    rng = np.random.default_rng(seed)
    block = min(64, max(1, _WEIGHTS // n))
    for start in range(0, replicates, block):
        rows = min(block, replicates - start)
        drawn = rng.integers(units, size=(rows, units)) + units * np.arange(rows)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units)
        yield weights if code is None else weights[:, code]


def _replicate(scores: Sequence[Callable[[np.ndarray], np.ndarray]], n: int, groups: ArrayLike | None,
               replicates: int, seed: int | np.random.Generator, draw_seeds: bool = False) -> np.ndarray:
    """All scores under the same resamples, shape (1 + replicates, scores); row 0 is the data as they are."""
    rng = np.random.default_rng(seed)
    of_seeds = rng.spawn(1)[0] if draw_seeds else None
    rows = [np.column_stack([_over_seeds(score(np.ones((1, n))), None) for score in scores])]
    for block in _resampled_weights(n, groups, replicates, rng):
        weights = block.astype(float)
        rows.append(np.column_stack([_over_seeds(score(weights), of_seeds) for score in scores]))
    return np.concatenate(rows)


def _over_seeds(values: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """The mean over seeds (columns), of all of them or, with rng, of one fewer than there are, drawn anew."""
    if values.ndim == 1:
        return values
    if rng is None:
        return values.mean(axis=1)
    seeds = values.shape[1]
    if seeds < 2:
        raise ValueError("draw_seeds needs forecasts of at least two seeds, shape (seeds, n), got one")
    picked = rng.multinomial(seeds - 1, np.full(seeds, 1 / seeds), size=len(values))
    return (values * picked).sum(axis=1) / (seeds - 1)


def _interval(estimate: float, replicated: np.ndarray, level: float) -> Interval:
    undefined = np.count_nonzero(np.isnan(replicated))
    if undefined:
        raise ValueError(f"the metric is undefined in {undefined} of {replicated.size} replicates (one class "
                         "only, or nothing to divide by): too few customers for a bootstrap")
    tail = (1 - _level(level)) / 2
    low, high = np.quantile(replicated, [tail, 1 - tail])
    return Interval(float(estimate), float(low), float(high))


def bootstrap_interval(
    metric: str | Callable[..., float], *arrays: ArrayLike, replicates: int = 1000,
    seed: int | np.random.Generator = 0, level: float = 0.95, groups: ArrayLike | None = None,
    draw_seeds: bool = False,
) -> Interval:
    """Percentile bootstrap interval of a metric, resampling customers and, if asked, seeds.

    Parameters
    ----------
    metric
        ``"log_loss"``, ``"brier"``, ``"auc"``, ``"mae"``, ``"rmse"``, ``"poisson_deviance"`` or
        ``"predicted_over_actual"`` of (y, forecast), computed for all replicates at once; or any function of
        the arrays that returns a number, called once a replicate.
    arrays
        Entry i of each belongs to row i; for a named metric (y, forecast), where a forecast of shape (seeds,
        n) is scored seed by seed and averaged.
    replicates
        Number of resamples.
    seed
        A seed or a NumPy generator.
    level
        Of the interval.
    groups
        If rows are events: the customer of each row. Rows of one customer are then drawn together; without
        it every row counts as one customer.
    draw_seeds
        For a named metric: each replicate also draws the seeds of a forecast of shape (seeds, n), with
        replacement and one fewer than there are. (As many as there are would understate the variance of
        their mean by the factor 1 - 1/seeds.)

    Returns
    -------
    Interval
        (estimate, low, high).

    Raises
    ------
    ValueError
        For arrays of different lengths, unknown metrics, or metrics undefined in a resample.

    Notes
    -----
    The interval covers the sampling of test customers, with ``draw_seeds`` also the random start of a network
    and the order of its batches. It does not cover another training set, nor another time. Source: Efron &
    Tibshirani (1993), An Introduction to the Bootstrap, ch. 13.

    Examples
    --------
    >>> y, p = [0, 1, 0, 1, 1, 0, 0, 1], [0.2, 0.7, 0.4, 0.9, 0.3, 0.1, 0.5, 0.6]
    >>> f"{bootstrap_interval('brier', y, p, seed=1):.2f}"
    '0.15 [0.06, 0.27]'
    """
    _level(level)
    if not arrays:
        raise ValueError("give at least one array after the metric")
    if callable(metric):
        if draw_seeds:
            raise ValueError(f"draw_seeds needs a named metric, got the function {metric}")
        data = [np.asarray(a) for a in arrays]
        if len({a.shape[0] if a.ndim else 0 for a in data}) != 1 or data[0].ndim == 0:
            raise ValueError(f"the arrays must have the same length, got shapes {[a.shape for a in data]}")
        n = data[0].shape[0]
        estimate = float(metric(*data))
        replicated = [
            float(metric(*(np.repeat(a, row, axis=0) for a in data)))
            for block in _resampled_weights(n, groups, replicates, seed) for row in block
        ]
        return _interval(estimate, np.array(replicated), level)
    if len(arrays) != 2:
        raise ValueError(f"the metric {metric!r} needs two arrays, y and the forecast, got {len(arrays)}")
    y, forecast = _checked(metric, *arrays)
    scores = _replicate([_weighted(metric, y, forecast)], y.size, groups, replicates, seed, draw_seeds)[:, 0]
    return _interval(scores[0], scores[1:], level)


def paired_bootstrap(
    metric: str | Callable[..., float], y: ArrayLike, first: ArrayLike, second: ArrayLike, *,
    replicates: int = 1000, seed: int | np.random.Generator = 0, level: float = 0.95,
    groups: ArrayLike | None = None, draw_seeds: bool = False,
) -> Interval:
    """Interval of metric(y, first) - metric(y, second), both scored on the same resampled customers.

    What is hard for one model is mostly hard for the other too; on the same customers that noise cancels, and
    the interval of the difference is much narrower than those of the two scores.

    Parameters
    ----------
    metric
        As in :func:`bootstrap_interval`; a function is called as ``metric(y, forecast)``.
    y
        Outcomes, shape (n,).
    first, second
        Two models' forecasts for the same customers, shape (n,) or, for a named metric, (seeds, n).
    replicates, seed, level, groups, draw_seeds
        As in :func:`bootstrap_interval`; the seeds of the two models are drawn apart.

    Returns
    -------
    Interval
        Of the difference; for losses a negative one favours ``first``.

    Raises
    ------
    ValueError
        As in :func:`bootstrap_interval`.

    Examples
    --------
    >>> y = [0, 1, 0, 1, 1, 0, 0, 1]
    >>> sharp, blunt = [0.2, 0.7, 0.4, 0.9, 0.3, 0.1, 0.5, 0.6], [0.5] * 8
    >>> paired_bootstrap("brier", y, sharp, sharp, seed=1)
    Interval(estimate=0.0, low=0.0, high=0.0)
    >>> f"{paired_bootstrap('brier', y, sharp, blunt, seed=1):.2f}"
    '-0.10 [-0.19, 0.02]'
    """
    if callable(metric):
        def difference(y: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
            return float(metric(y, a)) - float(metric(y, b))

        return bootstrap_interval(difference, y, first, second, replicates=replicates, seed=seed, level=level,
                                  groups=groups, draw_seeds=draw_seeds)
    _level(level)
    outcome, one = _checked(metric, y, first)
    _, two = _checked(metric, y, second)
    pair = [_weighted(metric, outcome, one), _weighted(metric, outcome, two)]
    scores = _replicate(pair, outcome.size, groups, replicates, seed, draw_seeds)
    difference = scores[:, 0] - scores[:, 1]
    return _interval(difference[0], difference[1:], level)


def comparison_table(
    y: ArrayLike, forecasts: Mapping[str, ArrayLike | Forecast],
    metrics: Sequence[str] = PROBABILITY_METRICS, *, reference: str | None = None, replicates: int = 500,
    seed: int | np.random.Generator = 0, level: float = 0.95, groups: ArrayLike | None = None,
    draw_seeds: bool = False,
) -> pd.DataFrame:
    """Scores of several models on the same customers, each with a bootstrap interval.

    Parameters
    ----------
    y
        Outcomes of the test customers, shape (n,): 0/1 for probabilities, counts for expected counts.
    forecasts
        Name of a model -> its forecasts, shape (n,), or (seeds, n) for a model trained several times: scored
        seed by seed and averaged (never the forecasts: an ensemble is another model). Of a whole `Forecast`
        the scores of probabilities take p, those of counts mu. A DataFrame has one column a model.
    metrics
        Names as in :func:`bootstrap_interval`.
    reference
        Name of a model. If given, the table holds the paired differences *model minus reference* instead.
    replicates, seed, level, groups, draw_seeds
        As in :func:`bootstrap_interval`; all models see the same resamples of customers.

    Returns
    -------
    pandas.DataFrame
        One row a model (the reference has none), for each metric the columns ``<metric>``,
        ``<metric>_low``, ``<metric>_high``.

    Raises
    ------
    ValueError
        For no models, an unknown reference or metric, and invalid forecasts (naming the model).

    Examples
    --------
    >>> y = [0, 1, 0, 1, 1, 0, 0, 1]
    >>> models = {"sharp": [0.2, 0.7, 0.4, 0.9, 0.3, 0.1, 0.5, 0.6], "blunt": [0.5] * 8}
    >>> comparison_table(y, models, ["brier"], seed=1).round(2)["brier"].to_dict()
    {'sharp': 0.15, 'blunt': 0.25}
    >>> comparison_table(y, models, ["brier"], reference="blunt", seed=1).round(2).values.tolist()
    [[-0.1, -0.19, 0.03]]
    """
    if not len(forecasts):
        raise ValueError("give at least one model")
    metrics = [metrics] if isinstance(metrics, str) else list(metrics)
    if reference is not None and reference not in forecasts:
        raise ValueError(f"unknown reference {reference!r}; the models are: {', '.join(forecasts)}")
    _level(level)
    scores, size = {}, 0
    for name, forecast in forecasts.items():
        for metric in metrics:
            try:
                outcome, checked = _checked(metric, y, forecast)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
            scores[name, metric], size = _weighted(metric, outcome, checked), outcome.size
    values = _replicate(list(scores.values()), size, groups, replicates, seed, draw_seeds)
    column = dict(zip(scores, values.T, strict=True))
    rows: dict[str, dict[str, float]] = {name: {} for name in forecasts if name != reference}
    for (name, metric), found in column.items():
        if name != reference:
            if reference is not None:
                found = found - column[reference, metric]
            interval = _interval(found[0], found[1:], level)
            rows[name] |= dict(zip((metric, f"{metric}_low", f"{metric}_high"), interval, strict=True))
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def as_text(table: pd.DataFrame, decimals: int = 3, sign: bool = False) -> pd.DataFrame:
    """A comparison table for the eye: one column a metric, each entry ``estimate [low, high]``.

    Parameters
    ----------
    table
        From :func:`comparison_table`.
    decimals
        Of every number.
    sign
        Also write ``+``, as for differences.

    Examples
    --------
    >>> table = comparison_table([0, 1, 0, 1], {"coin": [0.5] * 4}, ["brier"])
    >>> as_text(table, 2).loc["coin", "brier"]
    '0.25 [0.25, 0.25]'
    """
    spec = f"{'+' if sign else ''}.{decimals}f"
    metrics = [c for c in table.columns if f"{c}_low" in table.columns]
    return pd.DataFrame({
        m: [format(Interval(*row), spec) for row in table[[m, f"{m}_low", f"{m}_high"]].to_numpy()]
        for m in metrics}, index=table.index)


def __getattr__(name: str) -> object:
    """The baselines stood here before they had a module of their own."""
    from interestdecay_lib import baselines, tasks

    return moved(__name__, name, baselines, tasks)
