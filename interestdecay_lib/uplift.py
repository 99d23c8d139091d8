r"""What a contact changes, and what that is worth: gain, budgets, uplift curves, bandits, fatigue.

A customer would buy with the chance b anyway; a contact adds e. With a margin of v dollars a purchase, a
coupon of d dollars that every buyer uses, and c dollars a contact, the contact is worth (`gain_of_contact`)

.. math:: g = v\,e - d\,(b + e) - c.

Rank by g, not by b: `profit_by_budget` says what a ranking earns, `uplift_curve` how it shows in an
experiment. The last two functions SIMULATE: a bandit whose chances drift (`simulate_drifting_bandit`) and a
customer who tires of being contacted (`value_of_contacts`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import trapezoid

from interestdecay_lib._arguments import floats, is_number, whole

__all__ = ["Contacts", "area_over_random", "gain_of_contact", "profit_by_budget", "simulate_drifting_bandit",
           "uplift_curve", "value_of_contacts"]


# -- what a contact is worth --------------------------------------------------------------------------------


def gain_of_contact(base: ArrayLike, effect: ArrayLike, margin: ArrayLike, coupon: ArrayLike = 0.0,
                    cost: ArrayLike = 0.0) -> np.ndarray:
    r"""Expected profit of contacting somebody over leaving her alone.

    .. math:: g = v\,e - d\,(b + e) - c

    Parameters
    ----------
    base, effect
        b, 0 to 1, and e, so that b + e is also 0 to 1. A contact can do harm, e < 0.
    margin
        v, dollars that a purchase leaves before the coupon.
    coupon
        d, dollars that every contacted buyer takes off, also those who would have bought anyway.
    cost
        c, dollars a contact.

    Returns
    -------
    numpy.ndarray
        Dollars a customer, of the broadcast shape.

    Raises
    ------
    ValueError
        For chances outside 0 to 1, or a negative coupon or cost.

    Examples
    --------
    The same effect, on somebody who mostly comes anyway and on somebody who rarely does:

    >>> gain_of_contact([0.8, 0.1], 0.1, margin=10, coupon=2, cost=0.1).round(2).tolist()
    [-0.9, 0.5]
    """
    base, effect, margin, coupon, cost = (floats(value, name) for value, name in (
        (base, "base"), (effect, "effect"), (margin, "margin"), (coupon, "coupon"), (cost, "cost")))
    buys = base + effect
    if (base < 0).any() or (base > 1).any() or (buys < -1e-12).any() or (buys > 1 + 1e-12).any():
        raise ValueError("base and base + effect must be chances, 0 to 1")
    if (coupon < 0).any() or (cost < 0).any():
        raise ValueError("coupon and cost must be at least 0")
    return margin * effect - coupon * buys - cost


def profit_by_budget(score: ArrayLike, gain: ArrayLike, contacts: ArrayLike) -> np.ndarray:
    """Profit of contacting those with the highest scores, for several numbers of contacts.

    Parameters
    ----------
    score
        Shape (n,): the ranking to judge.
    gain
        Shape (n,): what each contact is really worth, as of `gain_of_contact`.
    contacts
        Shape (budgets,), whole numbers from 0 to n.

    Returns
    -------
    numpy.ndarray
        Shape (budgets,). Of customers with equal scores all are equally likely: the mean over their orders.

    Raises
    ------
    ValueError
        For other shapes or numbers.

    Examples
    --------
    >>> profit_by_budget([3, 2, 2, 1], [5.0, 1.0, -1.0, -4.0], [0, 1, 2, 4]).tolist()
    [0.0, 5.0, 5.0, 1.0]
    """
    score, gain = floats(score, "score"), floats(gain, "gain")
    if score.ndim != 1 or score.shape != gain.shape or not len(score):
        raise ValueError(f"score and gain must be of the same people, got {score.shape} and {gain.shape}")
    contacts = floats(contacts, "contacts")
    if (contacts < 0).any() or (contacts > len(score)).any() or (contacts % 1 != 0).any():
        raise ValueError(f"contacts must be whole numbers from 0 to {len(score)}")
    ends, (total,) = _by_score(score, gain)
    return np.interp(contacts, ends, total)


# -- how it shows in an experiment --------------------------------------------------------------------------


def uplift_curve(y: ArrayLike, treated: ArrayLike, score: ArrayLike, kind: str = "uplift"
                 ) -> tuple[np.ndarray, np.ndarray]:
    r"""Extra buyers among the k with the highest scores, read from a randomised experiment.

    .. math:: U(k) = \Bigl(\frac{Y_1(k)}{N_1(k)} - \frac{Y_0(k)}{N_0(k)}\Bigr)\,k, \qquad
              Q(k) = Y_1(k) - Y_0(k)\,\frac{N_1(k)}{N_0(k)}

    with :math:`Y_1(k)` buyers of :math:`N_1(k)` contacted among those k, :math:`Y_0(k)` of :math:`N_0(k)` of
    the control group. U says what contacting all k adds, Q (Qini) what contacting the treated of them added.

    Parameters
    ----------
    y
        Shape (n,), 0 or 1.
    treated
        Shape (n,), true or false, decided by chance.
    score
        Shape (n,).
    kind
        "uplift" or "qini".

    Returns
    -------
    (numpy.ndarray, numpy.ndarray)
        k and the curve at it, from (0, 0) on, at the end of each group of equal scores.

    Raises
    ------
    ValueError
        For other shapes, other outcomes, or a kind that is none.

    Notes
    -----
    An empty group counts as if nobody bought. The Qini curve is of N. Radcliffe (2007).

    Examples
    --------
    >>> uplift_curve([1, 0, 0, 0], [1, 0, 1, 0], [2, 2, 1, 1])[1].tolist()
    [0.0, 2.0, 2.0]
    """
    y, t, score = _zero_or_one(y), np.asarray(treated).astype(bool), floats(score, "score")
    if y.ndim != 1 or not y.shape == t.shape == score.shape or not len(y):
        raise ValueError("y, treated and score must be of the same people, got shapes "
                         f"{y.shape}, {t.shape}, {score.shape}")
    if kind not in ("uplift", "qini"):
        raise ValueError(f"kind must be 'uplift' or 'qini', got {kind!r}")
    k, (n1, n0, y1, y0) = _by_score(score, t, ~t, y * t, y * ~t)
    share0 = np.divide(y0, n0, out=np.zeros_like(y0), where=n0 > 0)
    if kind == "qini":
        return k, y1 - n1 * share0
    return k, k * (np.divide(y1, n1, out=np.zeros_like(y1), where=n1 > 0) - share0)


def area_over_random(k: ArrayLike, curve: ArrayLike) -> float:
    """Area between a curve and the straight line to its end, a customer and a customer: 0 for a random order.

    In the unit of the curve, so of buyers for an uplift curve, divided by the number of customers twice.

    Examples
    --------
    >>> area_over_random([0, 1, 2], [0, 1, 1])
    0.125
    """
    k, curve = floats(k, "k"), floats(curve, "curve")
    if k.ndim != 1 or k.shape != curve.shape or len(k) < 2 or (np.diff(k) <= 0).any():
        raise ValueError("k must increase, with one value of the curve each")
    return float((trapezoid(curve, k) - curve[-1] * k[-1] / 2) / k[-1] ** 2)


def _zero_or_one(y: ArrayLike) -> np.ndarray:
    y = np.asarray(y)
    y = y.astype(float) if y.dtype == bool else floats(y, "y")
    if not np.isin(y, (0, 1)).all():
        raise ValueError("y must be 0 or 1")
    return y


def _by_score(score: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Running sums from the highest score on, at 0 and at the end of each group of equal scores."""
    if not np.isfinite(score).all():
        raise ValueError("score must be finite: somebody without a score has no place in a ranking")
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1) + 1
    sums = [np.append(0.0, np.cumsum(np.asarray(column, dtype=float)[order])[ends - 1]) for column in columns]
    return np.append(0, ends), sums


# -- SIMULATED: what moves ----------------------------------------------------------------------------------


def simulate_drifting_bandit(chances: ArrayLike, half_life: float = np.inf, *,
                             prior: tuple[float, float] = (1.0, 1.0), seed: int = 0) -> np.ndarray:
    r"""SIMULATED clicks on offers whose chances change: Thompson sampling whose memory fades.

    Before each round the clicks c and the misses m of every offer are multiplied by :math:`2^{-1/h}`; the
    offer with the highest draw from :math:`\text{Beta}(a + c,\; b + m)` is shown.

    Parameters
    ----------
    chances
        Shape (rounds, offers), 0 to 1, or (runs, rounds, offers): true chances in each round.
    half_life
        h, in rounds; infinite: plain Thompson sampling, which never forgets.
    prior
        a and b, above 0.
    seed
        Of everything random.

    Returns
    -------
    numpy.ndarray
        Shape (runs,): clicks expected from the best offer of each round minus those from what was shown.

    Raises
    ------
    ValueError
        For chances outside 0 to 1, a half-life or a prior that is not above 0.

    Examples
    --------
    Two offers change places half-way; who forgets loses less:

    >>> chances = np.repeat([[0.1, 0.3], [0.3, 0.1]], 500, axis=0)
    >>> chances = np.broadcast_to(chances, (50, 1000, 2))
    >>> keeps, fades = (simulate_drifting_bandit(chances, h).mean() for h in (np.inf, 100))
    >>> bool(fades < keeps)
    True
    """
    chances = floats(chances, "chances")
    chances = chances[None] if chances.ndim == 2 else chances
    if chances.ndim != 3 or (chances < 0).any() or (chances > 1).any():
        raise ValueError("chances must be numbers from 0 to 1 of shape (runs, rounds, offers)")
    a, b = prior
    if not (is_number(half_life) and half_life > 0 and a > 0 and b > 0):
        raise ValueError(f"half_life and prior must be above 0, got {half_life!r} and {prior!r}")
    rng = np.random.default_rng(seed)
    runs, rounds, offers = chances.shape
    every, keep = np.arange(runs), 2.0 ** (-1 / half_life)
    clicks, misses, lost = np.zeros((runs, offers)), np.zeros((runs, offers)), np.zeros(runs)
    for now in range(rounds):
        clicks *= keep
        misses *= keep
        chosen = rng.beta(a + clicks, b + misses).argmax(axis=1)
        chance = chances[every, now, chosen]
        clicked = rng.random(runs) < chance
        clicks[every, chosen] += clicked
        misses[every, chosen] += ~clicked
        lost += chances[:, now].max(axis=1) - chance
    return lost


class Contacts(NamedTuple):
    """What a plan of contacts brings, expected, a customer."""

    contacts: float
    responses: float
    reachable: float
    profit: float


def value_of_contacts(gap: float, weeks: float, chance: float, margin: float, cost: float, *,
                      fatigue: float = 0.0, half_life: float = 4.0, leave: float = 0.0, worth: float = 0.0
                      ) -> Contacts:
    r"""SIMULATED (in expectation): contacts every `gap` weeks to a customer who tires of them.

    Earlier contacts leave a decayed count, :math:`F_k = \sum_{j<k} 2^{-(t_k - t_j)/h}`. Contact k brings a
    response with the chance :math:`\pi e^{-\varphi F_k}`, if the customer can still be reached; after it she
    switches contacts off with the chance :math:`\ell F_k / (1 + F_k)`, the more often the more she is tired.

    Parameters
    ----------
    gap
        Weeks between contacts, above 0; the first is at once.
    weeks
        How long the plan runs: contacts at 0, gap, 2 gap, ... before this.
    chance
        :math:`\pi`, the response of somebody who was left alone, 0 to 1.
    margin, cost
        Dollars a response and a contact.
    fatigue
        :math:`\varphi`, at least 0.
    half_life
        h of the fatigue, in weeks.
    leave
        :math:`\ell`, 0 to 1.
    worth
        Dollars that a customer who can still be reached at the end is worth.

    Returns
    -------
    Contacts
        Expected contacts, responses, share still reachable, and profit: margin of the responses, minus the
        cost of the contacts, minus the worth of those lost.

    Raises
    ------
    ValueError
        For numbers that do not fit.

    Examples
    --------
    A contact a week and one a month, half a year long; without fatigue, more is more:

    >>> often, rarely = (value_of_contacts(g, 26, 0.1, 10, 0.2) for g in (1, 4))
    >>> round(often.profit, 1), round(rarely.profit, 1)
    (20.8, 5.6)
    >>> often, rarely = (value_of_contacts(g, 26, 0.1, 10, 0.2, fatigue=1) for g in (1, 4))
    >>> round(often.profit, 1), round(rarely.profit, 1)
    (-3.1, 2.2)
    """
    for name, value in {"gap": gap, "weeks": weeks, "half_life": half_life}.items():
        if not (is_number(value) and 0 < value < np.inf):
            raise ValueError(f"{name} must be above 0, got {value!r}")
    limits = {"chance": (chance, 1), "leave": (leave, 1), "fatigue": (fatigue, np.inf),
              "cost": (cost, np.inf), "worth": (worth, np.inf)}
    for name, (value, most) in limits.items():
        if not (is_number(value) and 0 <= value <= most):
            raise ValueError(f"{name} must lie between 0 and {most}, got {value!r}")
    n = whole(np.ceil(weeks / gap), "contacts")
    tired, reachable, contacts, responses = 0.0, 1.0, 0.0, 0.0
    for _ in range(n):
        contacts += reachable
        responses += reachable * chance * np.exp(-fatigue * tired)
        reachable *= 1 - leave * tired / (1 + tired)
        tired = (tired + 1) * 2.0 ** (-gap / half_life)
    profit = margin * responses - cost * contacts - worth * (1 - reachable)
    return Contacts(contacts, float(responses), float(reachable), float(profit))
