r"""What a campaign did: two shares compared, how many it takes, and what may be said without an experiment.

Where chance decided who was contacted, two shares say it all (`compare_shares`), if there are enough of them
(`people_needed`, `power_of_test`). Where a *known* policy decided, its propensities can be divided out
(`off_policy_value`). Where somebody decided, what is left is to compare alike with alike
(`matched_difference`) or each with her own past (`difference_in_differences`); both rest on an assumption
that the data cannot show.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from interestdecay_lib._arguments import floats, is_number
from interestdecay_lib.evaluation import Interval, wilson_interval

__all__ = ["OffPolicy", "ShareTest", "compare_shares", "difference_in_differences", "matched_difference",
           "off_policy_value", "people_needed", "power_of_test"]


# -- chance decided -----------------------------------------------------------------------------------------


class ShareTest(NamedTuple):
    """Second share minus first, its interval, and the two-sided p-value of no difference."""

    difference: float
    low: float
    high: float
    p: float


def compare_shares(first: tuple[int, int], second: tuple[int, int], level: float = 0.95) -> ShareTest:
    r"""Two independent shares, say clicks of impressions, compared.

    .. math:: z = \frac{\hat p_2 - \hat p_1}{\sqrt{\bar p (1 - \bar p) (1/n_1 + 1/n_2)}}

    with :math:`\bar p` the share of both together. The interval joins the Wilson limits of the two shares, as
    Newcombe does.

    Parameters
    ----------
    first, second
        (hits, of how many).
    level
        Of the interval.

    Returns
    -------
    ShareTest
        (difference, low, high, p).

    Raises
    ------
    ValueError
        For counts that are no share, or no hit and no miss at all to compare.

    Examples
    --------
    >>> test = compare_shares((130, 30_000), (157, 30_000))
    >>> print(f"{1000 * test.difference:.2f} [{1000 * test.low:.2f}, {1000 * test.high:.2f}], p {test.p:.2f}")
    0.90 [-0.21, 2.02], p 0.11
    """
    hits, n = np.array([_share(first, "first"), _share(second, "second")]).T
    both = hits.sum() / n.sum()
    if not 0 < both < 1:
        raise ValueError("all are hits, or none: there is nothing to compare")
    share = hits / n
    low, high = wilson_interval(share, n, level)
    difference = share[1] - share[0]
    down = np.hypot(share[1] - low[1], high[0] - share[0])
    up = np.hypot(high[1] - share[1], share[0] - low[0])
    z = difference / np.sqrt(both * (1 - both) * (1 / n).sum())
    return ShareTest(float(difference), float(difference - down), float(difference + up),
                     float(2 * ndtr(-abs(z))))


def people_needed(share: float, other: float, power: float = 0.8, level: float = 0.95) -> float:
    r"""How many people each of two groups needs until a test sees the difference of two shares.

    .. math:: n = \frac{\bigl(z_{1-\alpha/2}\sqrt{2\bar p(1-\bar p)}
              + z_{power}\sqrt{p_1(1-p_1) + p_2(1-p_2)}\bigr)^2}{(p_2 - p_1)^2}

    Parameters
    ----------
    share, other
        :math:`p_1` and :math:`p_2`, between 0 and 1, different.
    power
        The chance that the test sees it.
    level
        One minus :math:`\alpha`, the chance to see a difference where there is none.

    Raises
    ------
    ValueError
        For numbers outside (0, 1), or two equal shares.

    Examples
    --------
    >>> round(people_needed(0.0043, 0.0043 * 1.2), -2)      # a fifth more clicks
    99900.0
    """
    _inside(share=share, other=other, power=power, level=level)
    if share == other:
        raise ValueError("equal shares: no number of people shows a difference")
    mean = (share + other) / 2
    spread = share * (1 - share) + other * (1 - other)
    top = ndtri((1 + level) / 2) * np.sqrt(2 * mean * (1 - mean)) + ndtri(power) * np.sqrt(spread)
    return float((top / (other - share)) ** 2)


def power_of_test(n: float, share: float, other: float, level: float = 0.95) -> float:
    """The chance that a test with n people a group sees a difference of these shares, in its direction.

    The inverse of `people_needed`; arguments as there.

    Examples
    --------
    >>> round(power_of_test(people_needed(0.1, 0.12), 0.1, 0.12), 6)
    0.8
    """
    _inside(share=share, other=other, level=level)
    if not (is_number(n) and n > 0):
        raise ValueError(f"n must be above 0, got {n!r}")
    mean = (share + other) / 2
    seen = abs(other - share) * np.sqrt(n) - ndtri((1 + level) / 2) * np.sqrt(2 * mean * (1 - mean))
    return float(ndtr(seen / np.sqrt(share * (1 - share) + other * (1 - other))))


# -- a known policy decided ---------------------------------------------------------------------------------


class OffPolicy(NamedTuple):
    """Value of a policy that was not run: weighted, self-normalised, and of how many rows it is worth."""

    weighted: float
    normalised: float
    effective: float


def off_policy_value(reward: ArrayLike, logged: ArrayLike, target: ArrayLike) -> OffPolicy:
    r"""The mean reward that another policy would have had, from the log of one that was run.

    .. math::
       w_i = \frac{\pi(i)}{\pi_0(i)}, \qquad \hat V = \frac1n \sum_i w_i r_i, \qquad
       \hat V_{sn} = \frac{\sum_i w_i r_i}{\sum_i w_i}, \qquad
       n_{eff} = \frac{(\sum_i w_i)^2}{\sum_i w_i^2}

    Parameters
    ----------
    reward
        :math:`r_i`, shape (n,): say, clicks.
    logged
        :math:`\pi_0(i)`, above 0: how likely the policy that was run showed what it showed.
    target
        :math:`\pi(i)`: how likely the other policy would have shown the same.

    Returns
    -------
    OffPolicy
        (weighted, normalised, effective); `effective` is the number of equally weighted rows with as much
        to say.

    Raises
    ------
    ValueError
        For other shapes, a propensity outside (0, 1], or a policy that would have shown nothing of the log.

    Notes
    -----
    Right on average only where the logged policy shows everything that the other shows, now and then. The
    normalised form is of Swaminathan and Joachims (2015).

    Examples
    --------
    The first item was shown nine times of ten; what if both were shown equally often?

    >>> value = off_policy_value([1] * 9 + [0], logged=[0.9] * 9 + [0.1], target=[0.5] * 10)
    >>> print(round(value.weighted, 2), round(value.normalised, 2), round(value.effective, 1))
    0.5 0.5 3.6
    """
    reward, logged, target = (floats(a, name) for a, name in (
        (reward, "reward"), (logged, "logged"), (target, "target")))
    if reward.ndim != 1 or not len(reward) or not reward.shape == logged.shape == target.shape:
        raise ValueError("reward, logged and target must be of the same rows, got shapes "
                         f"{reward.shape}, {logged.shape}, {target.shape}")
    if not ((logged > 0) & (logged <= 1)).all() or not ((target >= 0) & (target <= 1)).all():
        raise ValueError("propensities must lie between 0 and 1, those of the log above 0")
    weight = target / logged
    if not weight.any():
        raise ValueError("the target policy shows nothing of what was logged")
    return OffPolicy(float(np.mean(weight * reward)), float(weight @ reward / weight.sum()),
                     float(weight.sum() ** 2 / (weight @ weight)))


# -- somebody decided ---------------------------------------------------------------------------------------


def matched_difference(outcome: ArrayLike, treated: ArrayLike, strata: ArrayLike) -> tuple[float, int]:
    r"""The treated against untreated people of the same stratum, weighted by where the treated are.

    .. math:: \hat\tau = \sum_g \frac{n_{1g}}{n_1}\,(\bar y_{1g} - \bar y_{0g})

    Parameters
    ----------
    outcome
        y, shape (n,).
    treated
        Shape (n,), true or false.
    strata
        Shape (n,), whole numbers: people of one number count as alike.

    Returns
    -------
    (float, int)
        The mean difference of the treated, and how many treated have no untreated partner: they are left
        out, so the answer is for the others.

    Raises
    ------
    ValueError
        For other shapes, or if no treated person has a partner.

    Notes
    -----
    This is the effect on the treated if nothing else that matters for the outcome differs within a stratum.
    That cannot be seen in the data.

    Examples
    --------
    Regulars (stratum 1) come anyway, and only they are contacted, but one:

    >>> matched_difference([1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 1], [1, 1, 1, 0, 0, 0])
    (0.0, 0)
    """
    outcome = np.asarray(outcome)
    y = floats(outcome.astype(float) if outcome.dtype == bool else outcome, "outcome")
    t = np.asarray(treated).astype(bool)
    strata = np.asarray(strata)
    if y.ndim != 1 or not y.shape == t.shape == strata.shape:
        raise ValueError("outcome, treated and strata must be of the same people, got shapes "
                         f"{y.shape}, {t.shape}, {strata.shape}")
    _, group = np.unique(strata, return_inverse=True)
    size = group.max() + 1
    n1, n0 = (np.bincount(group[side], minlength=size) for side in (t, ~t))
    y1, y0 = (np.bincount(group[side], y[side], minlength=size) for side in (t, ~t))
    both = (n1 > 0) & (n0 > 0)
    if not both.any():
        raise ValueError("no treated person has an untreated partner in her stratum")
    difference = y1[both] / n1[both] - y0[both] / n0[both]
    return float(difference @ n1[both] / n1[both].sum()), int(n1[~both].sum())


def difference_in_differences(before: ArrayLike, after: ArrayLike, treated: ArrayLike, level: float = 0.95
                              ) -> Interval:
    r"""How much more the treated changed than the others did.

    .. math:: \hat\tau = (\bar y_1^{after} - \bar y_1^{before}) - (\bar y_0^{after} - \bar y_0^{before})

    Parameters
    ----------
    before, after
        Shape (n,): the same people twice.
    treated
        Shape (n,), true or false; at least two on each side.
    level
        Of the normal interval, whose variance is that of the changes on each side (Welch).

    Raises
    ------
    ValueError
        For other shapes, or fewer than two people on a side.

    Notes
    -----
    This is the effect on the treated if, without treatment, both sides would have changed alike (parallel
    trends). The same difference of two earlier periods, where nothing was done, must be near zero.

    Examples
    --------
    >>> print(difference_in_differences([10, 12, 2, 2], [11, 13, 2, 2], [1, 1, 0, 0]))
    Interval(estimate=1.0, low=1.0, high=1.0)
    """
    before, after, t = floats(before, "before"), floats(after, "after"), np.asarray(treated).astype(bool)
    if before.ndim != 1 or not before.shape == after.shape == t.shape:
        raise ValueError("before, after and treated must be of the same people, got shapes "
                         f"{before.shape}, {after.shape}, {t.shape}")
    if min(t.sum(), (~t).sum()) < 2:
        raise ValueError("each side needs at least two people")
    _inside(level=level)
    change = after - before
    one, other = change[t], change[~t]
    error = np.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other))
    estimate, half = one.mean() - other.mean(), ndtri((1 + level) / 2) * error
    return Interval(float(estimate), float(estimate - half), float(estimate + half))


# -- guards -------------------------------------------------------------------------------------------------


def _share(pair: tuple[int, int], name: str) -> tuple[float, float]:
    hits, n = floats(pair, name)
    if not (n > 0 and 0 <= hits <= n and hits % 1 == 0 and n % 1 == 0):
        raise ValueError(f"{name} must be (hits, of how many), whole numbers, got {pair!r}")
    return hits, n


def _inside(**given: float) -> None:
    for name, value in given.items():
        if not (is_number(value) and 0 < value < 1):
            raise ValueError(f"{name} must lie between 0 and 1, got {value!r}")
