"""Hashes against RFC 2104 by hand, noise against SciPy, the account against integrals and dp-accounting."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent
from dp_accounting.pld import PLDAccountant
from dp_accounting.rdp import RdpAccountant
from hypothesis import example, given
from hypothesis import strategies as st
from phe import paillier
from scipy import integrate, optimize, stats
from scipy.special import expit

from interestdecay_lib import datasets
from interestdecay_lib.counter import DecayedCounter
from interestdecay_lib.privacy import (
    CONVERSIONS,
    alike,
    clipped_gradients,
    discrete_laplace,
    dp_sgd,
    epsilon_spent,
    forget_before,
    laplace,
    noise_for,
    pseudonyms,
    renyi_divergence,
)

KEY = b"a key of sixteen bytes or more"


# -- names --------------------------------------------------------------------------------------------------


def test_pseudonyms_are_hmac_by_hand():
    """RFC 2104: H((K xor opad) | H((K xor ipad) | text)), the key filled with zeros to 64 bytes."""
    key = KEY.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in key) + b"17841").digest()
    outer = hashlib.sha256(bytes(b ^ 0x5C for b in key) + inner).hexdigest()
    assert pseudonyms([17841, 12347, 17841], KEY, length=64)[[0, 2]].tolist() == [outer, outer]
    assert pseudonyms(["17841"], KEY)[0] == outer[:16]


def test_another_key_joins_nothing():
    ids = np.arange(1000)
    one, other = pseudonyms(ids, KEY), pseudonyms(ids, KEY + b"!")
    assert len(set(one)) == 1000 and not set(one) & set(other)
    assert pd.Series(one).tolist() == pseudonyms(pd.Series(ids, index=ids[::-1]), KEY).tolist()


@pytest.mark.parametrize(("wrong", "says"), [
    ({"key": "a text that is long enough"}, "bytes, got str"),
    ({"key": b"short"}, "at least 16 bytes, got 5"),
    ({"length": 4}, "length"), ({"length": 65}, "8 to 64"), ({"ids": ["ann", None]}, "1 names are missing"),
    ({"ids": [1, "1"]}, "two names have the same pseudonym"),
])
def test_bad_names_and_keys(wrong, says):
    with pytest.raises((TypeError, ValueError), match=says):
        pseudonyms(**{"ids": ["ann"], "key": KEY, **wrong})


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", None])), min_size=1, max_size=30))
def test_alike_counts_pairs(rows):
    people = pd.DataFrame(rows, columns=["x", "y"], index=range(5, 5 + len(rows)))
    found = alike(people, ["x", "y"])
    assert found.tolist() == [sum(row == other for other in rows) for row in rows]
    assert found.index.equals(people.index)


def test_alike_asks_for_columns():
    people = pd.DataFrame({"x": [1, 1, 2]})
    for wrong in ([], ["y"], ["x", "y"]):
        with pytest.raises(ValueError, match="columns must be among"):
            alike(people, wrong)


def test_three_columns_of_the_gift_shop():
    """As measured when the log was chosen: 9.4 % of the customers, by another way of counting."""
    log = datasets.load_online_retail()
    first = log.sort_values("timestamp", kind="stable").drop_duplicates("user_id").set_index("user_id")
    people = pd.DataFrame({"country": first["country"], "month": first["timestamp"].dt.strftime("%Y%m"),
                           "orders": log.drop_duplicates("invoice")["user_id"].value_counts()})
    alone = (~people.duplicated(keep=False)).mean()
    assert (alike(people, ["country", "month", "orders"]) == 1).mean() == alone
    assert alone == pytest.approx(0.094, abs=0.002)


# -- noise --------------------------------------------------------------------------------------------------


def test_laplace_noise_has_its_distribution():
    noise = laplace(np.full(20_000, 7.0), 0.5, np.random.default_rng(0), sensitivity=3) - 7
    assert stats.kstest(noise, stats.laplace(scale=6).cdf).pvalue > 0.01
    assert noise.std() == pytest.approx(6 * np.sqrt(2), rel=0.03)


@pytest.mark.parametrize(("epsilon", "sensitivity"), [(1.0, 1), (0.3, 2)])
def test_discrete_noise_has_its_distribution_and_keeps_its_promise(epsilon, sensitivity):
    values = discrete_laplace(np.zeros((200, 200)), epsilon, np.random.default_rng(0), sensitivity)
    assert values.dtype.kind == "i" and values.shape == (200, 200)
    k = np.arange(-6, 7)
    chance = stats.dlaplace(epsilon / sensitivity).pmf(k)
    seen = np.array([(values == i).sum() for i in k])
    rest = values.size - seen.sum()
    found = stats.chisquare([*seen, rest], values.size * np.append(chance, 1 - chance.sum()))
    assert found.pvalue > 0.01
    ratio = chance[sensitivity:] / chance[:-sensitivity]        # an answer with, and without her
    assert max(ratio.max(), (1 / ratio).max()) == pytest.approx(np.exp(epsilon))


@pytest.mark.parametrize("wrong", [{"epsilon": 0}, {"epsilon": np.inf}, {"epsilon": "1"}, {"sensitivity": 0}])
@pytest.mark.parametrize("noise", [laplace, discrete_laplace])
def test_noise_needs_positive_numbers(noise, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        noise([1], **{"epsilon": 1, "rng": np.random.default_rng(0), **wrong})


def test_whole_noise_is_for_whole_numbers():
    with pytest.raises(ValueError, match="whole numbers"):
        discrete_laplace([1.5], 1, np.random.default_rng(0))


# -- an account ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("q", "sigma", "order"),
                         [(0.01, 1.0, 2), (0.1, 2.0, 8), (0.5, 1.5, 5), (1.0, 3.0, 4)])
def test_divergence_is_an_integral(q, sigma, order):
    r"""E of ((1-q) + q N(1)/N(0))^order under N(0), by numbers; dominates the other direction, too."""
    def mixture(z):
        return (1 - q) * stats.norm.pdf(z, 0, sigma) + q * stats.norm.pdf(z, 1, sigma)

    def renyi(top, bottom):
        total = integrate.quad(lambda z: top(z) ** order * bottom(z) ** (1 - order), -12 * sigma, 14 * sigma,
                               limit=500)[0]
        return np.log(total) / (order - 1)

    def nobody(z):
        return stats.norm.pdf(z, 0, sigma)

    found = renyi_divergence(q, sigma, [order])[0]
    assert found == pytest.approx(renyi(mixture, nobody), rel=1e-6)
    assert found >= renyi(nobody, mixture) - 1e-9


PUBLISHED = [(0.01, 4.0, 10_000, 1.26), (256 / 60_000, 1.3, 3515, 1.19), (256 / 60_000, 1.1, 14_062, 3.01)]


@pytest.mark.parametrize(("q", "sigma", "steps", "published"), PUBLISHED)
def test_published_epsilons_and_the_library(q, sigma, steps, published):
    """Abadi et al. and the tutorials: the classic conversion; dp-accounting: the improved; PLD: sharper."""
    event = SelfComposedDpEvent(PoissonSampledDpEvent(q, GaussianDpEvent(sigma)), steps)
    ours = {c: epsilon_spent(q, sigma, steps, 1e-5, c) for c in CONVERSIONS}
    assert ours["classic"] == pytest.approx(published, abs=0.006)
    same = RdpAccountant(orders=range(2, 257)).compose(event).get_epsilon(1e-5)
    assert ours["improved"] == pytest.approx(same, rel=1e-9)
    default = RdpAccountant().compose(event).get_epsilon(1e-5)
    sharper = PLDAccountant().compose(event).get_epsilon(1e-5)
    assert ours["improved"] == pytest.approx(default, rel=2e-3)
    assert sharper < ours["improved"] < ours["classic"]


def test_noise_for_a_budget():
    for conversion in CONVERSIONS:
        sigma = noise_for(1.5, 0.02, 500, 1e-6, conversion)
        assert epsilon_spent(0.02, sigma, 500, 1e-6, conversion) == pytest.approx(1.5, rel=1e-6)
    with pytest.raises(ValueError, match="no noise"):
        noise_for(1e9, 0.02, 500, 1e-6)


@pytest.mark.parametrize(("wrong", "says"), [
    ({"rate": 0}, "rate"), ({"rate": 1.5}, "rate"), ({"noise": 0}, "noise"), ({"steps": 0}, "steps"),
    ({"delta": 0}, "delta"), ({"delta": 1}, "delta"), ({"conversion": "best"}, "conversion"),
])
def test_an_account_of_nonsense(wrong, says):
    with pytest.raises(ValueError, match=says):
        epsilon_spent(**{"rate": 0.1, "noise": 1, "steps": 10, "delta": 1e-5, **wrong})
    with pytest.raises(ValueError, match="orders"):
        renyi_divergence(0.1, 1, [1.5])


def test_gradients_of_each_person_are_those_of_tensorflow():
    import tensorflow as tf

    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(40, 3)), rng.integers(0, 2, 40).astype(float), rng.normal(size=3)
    weights = tf.Variable(w[:, None])
    with tf.GradientTape() as tape:
        loss = tf.nn.sigmoid_cross_entropy_with_logits(y[:, None], x @ weights)
    each = tape.jacobian(loss, weights).numpy().reshape(40, 3)
    length = np.linalg.norm(each, axis=1, keepdims=True)
    assert clipped_gradients(w, x, y, 1e9) == pytest.approx(each)
    assert clipped_gradients(w, x, y, 0.5) == pytest.approx(each * np.minimum(1, 0.5 / length))
    assert clipped_gradients(np.stack([w, 2 * w]), x, y, 0.5).shape == (2, 40, 3)
    assert (np.linalg.norm(clipped_gradients(w, x, y, 0.5), axis=1) <= 0.5 + 1e-12).all()


def _people(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    x = np.c_[np.ones(n), rng.normal(size=(n, 2))]
    return x, (rng.random(n) < expit(x @ [-0.5, 1.0, 0.0])).astype(float)


def test_without_noise_and_with_everybody_it_is_gradient_descent():
    x, y = _people(200)
    w = np.zeros(3)
    for _ in range(5):
        w = w - 0.7 / 200 * clipped_gradients(w, x, y, 0.8).sum(axis=0)
    found = dp_sgd(x, y, 0, 1, 5, np.random.default_rng(0), clip=0.8, learning_rate=0.7, runs=2)
    assert found == pytest.approx(np.stack([w, w]))
    best = optimize.minimize(lambda v: (np.logaddexp(0, x @ v) - y * (x @ v)).sum(), np.zeros(3)).x
    assert dp_sgd(x, y, 0, 1, 3000, np.random.default_rng(0), clip=99)[0] == pytest.approx(best, abs=1e-3)


def test_one_step_has_the_mean_and_the_spread_of_its_formula():
    x, y = _people(300)
    rate, sigma, clip, runs = 0.1, 2.0, 0.5, 20_000
    step = dp_sgd(x, y, sigma, rate, 1, np.random.default_rng(1), clip=clip, runs=runs)
    each = clipped_gradients(np.zeros(3), x, y, clip)
    mean = -each.sum(axis=0) * rate / (rate * 300)               # the divisor is the expected batch
    variance = (rate * (1 - rate) * (each**2).sum(axis=0) + (sigma * clip) ** 2) / (rate * 300) ** 2
    assert np.abs(step.mean(axis=0) - mean).max() < 5 * np.sqrt(variance.max() / runs)
    assert step.var(axis=0) == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize(("wrong", "says"), [
    ({"y": [0, 2]}, "of 0 and 1"), ({"y": [1]}, "must be"), ({"x": [1, 2]}, "must be"),
    ({"noise": -1}, "noise"), ({"rate": 0}, "rate"), ({"clip": 0}, "clip"), ({"steps": 0}, "steps"),
    ({"learning_rate": 0}, "learning_rate"), ({"runs": 0}, "runs"),
])
def test_training_on_nonsense(wrong, says):
    ok = {"x": [[1, 2], [1, 3]], "y": [0, 1], "noise": 1, "rate": 0.5, "steps": 1,
          "rng": np.random.default_rng(0)}
    with pytest.raises(ValueError, match=says):
        dp_sgd(**{**ok, **wrong})


# -- forgetting ---------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 20)), min_size=1, max_size=30),
       st.integers(1, 10))
@example([(1, 15), (2, 16), (2, 10)], 5)                        # of just this age, older, at the moment
def test_forgetting_by_hand(rows, keep):
    at = pd.Timestamp("2024-03-01")
    log = pd.DataFrame({"user_id": [u for u, _ in rows],
                        "timestamp": [at + pd.Timedelta(days=10 - d) for _, d in rows]})
    past = [(u, d - 10) for u, d in rows if d > 10]
    if not past:
        with pytest.raises(ValueError, match="no event before"):
            forget_before(log, at, f"{keep}D")
        return
    left = [(u, age) for u, age in past if age <= keep]
    kept = forget_before(log, at, f"{keep}D")
    assert len(kept.log) == len(left) and kept.events == pytest.approx(len(left) / len(past))
    assert kept.people == pytest.approx(len({u for u, _ in left}) / len({u for u, _ in past}))


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(-5, 5)), min_size=1, max_size=12), st.data())
def test_a_counter_gives_back_what_was_added(events, data):
    gone = data.draw(st.integers(0, len(events) - 1))
    counter, never = DecayedCounter(half_life=7), DecayedCounter(half_life=7)
    for number, (t, v) in enumerate(events):
        counter.add(t, v)
        if number != gone:
            never.add(t, v)
    counter.add(events[gone][0], -events[gone][1])
    assert counter.value_at(60) == pytest.approx(never.value_at(60), abs=1e-9)
    assert counter.time == max(t for t, _ in events), "the date of the state stays: not all is erased"


def test_a_decayed_sum_under_encryption():
    public, private = paillier.generate_paillier_keypair(n_length=256)      # insecure, for speed
    counter, S, before = DecayedCounter(half_life=3), public.encrypt(0.0), 0.0
    for day, v in ((1.0, 20.0), (4.5, 35.0), (11.0, 12.5)):
        counter.add(day, v)
        S = S * 2.0 ** (-(day - before) / 3) + public.encrypt(v)
        before = day
    assert private.decrypt(S) == pytest.approx(counter.value, rel=1e-9)
