"""What a chapter says of stored networks holds by three standard deviations over starts of the weights."""

import json

import numpy as np
import pytest

from chapters import ROOT

PRETRAINING = json.loads((ROOT / "book/_data/pretraining.json").read_text(encoding="utf-8"))
#: The differences that `pretraining` tells, with their sign; True where both sides are networks.
CLAIMS = {
    "all - scratch, middle, 100": (1, True),
    "all - scratch, middle, 1000": (1, True),
    "all - scratch, middle, 6000": (1, True),
    "all - neighbours, middle, 100": (-1, False),
    "all - neighbours, middle, 1000": (-1, False),
    "all - neighbours, middle, 6000": (-1, False),
    "scratch - neighbours of n, middle, 6000": (-1, False),
    "low rank - all, middle, 6000": (-1, True),
    "middle - small, all, 6000": (1, True),
    "masked item - scratch, 1000": (1, True),
    "masked item - next item, 1000": (-1, True),
    "contrast - scratch, 1000": (1, True),
    "contrast - next item, 1000": (-1, True),
    "domains: all - scratch, 1000": (1, True),
    "domains: all - none, 1000": (1, True),
    "domains: all - neighbours, 1000": (-1, False),
}


def test_every_network_was_trained_more_than_once():
    networks = [row for row in PRETRAINING["rows"] if "seeds" in row]
    assert PRETRAINING["missing"] == 0
    assert len(networks) > 30
    assert min(row["seeds"] for row in networks) >= 2


@pytest.mark.parametrize("name", CLAIMS)
def test_a_difference_is_more_than_another_start_would_change(name):
    """Each side is a mean over two seeds; their deviation is pooled over all networks."""
    sign, both = CLAIMS[name]
    networks = [row for row in PRETRAINING["rows"] if "seeds" in row]
    of_one = np.sqrt(np.mean([row["sd"] ** 2 for row in networks]))
    of_difference = of_one * np.sqrt((1 + both) / min(row["seeds"] for row in networks))
    value, low, high = PRETRAINING["gaps"][name]
    assert sign * value > 3 * of_difference
    assert min(sign * low, sign * high) > 0, "nor would other customers turn it"
