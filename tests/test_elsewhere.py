"""What the source audit says of tools, computed again by other means."""

import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import audit
import elsewhere
from interestdecay_lib import interest

TEXT = audit.PAGE.read_text(encoding="utf-8").partition("(audit-elsewhere)=")[2]


def test_a_time_constant_is_no_half_life():
    x = elsewhere.time_constant(7.0)
    assert math.isclose(math.exp(-7.0 / x), 0.5) and f"`x` = {x:.1f} days" in TEXT
    assert f"keeps {1 / math.e:.3f}" in TEXT


def test_who_bought_once_is_alive_and_does_not_return():
    """Return, from the model's own story: alive for sure, a purchase rate from the posterior gamma."""
    alive, back = elsewhere.one_time_buyer()
    rates = np.random.default_rng(0).gamma(0.243, 1 / (4.414 + 38.86), 400_000)
    assert alive == 1 and back == pytest.approx((1 - np.exp(-39 * rates)).mean(), abs=0.003)
    assert f"probability {back:.2f}" in TEXT


@pytest.mark.parametrize(("dtype", "step"), [("int64", 1), ("float32", 64)])
def test_ties(dtype, step):
    """From MovieLens' own file, by rounding to the steps that 32 bits have at these numbers."""
    folder = Path(find_spec("recbole").origin).parent / "dataset_example/ml-100k"
    log = pd.read_csv(folder / "ml-100k.inter", sep="\t", header=0, names=["user", "item", "value", "second"])
    log = log.sort_values(["user", "second"])
    steps = {np.spacing(np.float32(second)) for second in (log["second"].min(), log["second"].max())}
    assert steps == {64}
    place = (log["second"] / step).map(round)
    share = (place.groupby(log["user"]).diff().dropna() == 0).mean()
    assert elsewhere.ties(dtype) == pytest.approx(share, abs=1e-12) and f"{share:.0%}" in TEXT


def test_the_window_overflows_where_doubles_end():
    lost, first = elsewhere.overflow()
    with np.errstate(over="ignore", invalid="ignore"):
        naive = np.cumsum(2.0 ** np.arange(elsewhere.DAYS)) / 2.0 ** np.arange(elsewhere.DAYS)
    assert lost == np.count_nonzero(~np.isfinite(naive)) and first == np.argmin(np.isfinite(naive))
    days = pd.Timestamp("2000-01-01") + pd.to_timedelta(np.arange(elsewhere.DAYS), "D")
    log = pd.DataFrame({"user_id": 1, "timestamp": days})
    np.testing.assert_allclose(interest.running_decayed_sum(log, "1D"), 2 - 0.5 ** np.arange(elsewhere.DAYS))
    assert f"{lost:,} of {elsewhere.DAYS:,} rows" in TEXT
