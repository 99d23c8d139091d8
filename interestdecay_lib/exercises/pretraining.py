"""Exercises of the chapter "What do large models add?"."""

import math
from functools import cache

from interestdecay_lib.checks import Exercise, Mistake


@cache
def _rates():
    """Share (percent) of next items among ten, vectors of 64 numbers: half-life one line, and no decay."""
    import numpy as np

    from interestdecay_lib import vectors
    from interestdecay_lib.datasets import load_online_retail
    from interestdecay_lib.pretraining import next_item_hits

    log = load_online_retail()
    log = log[log["item_id"].str.match(r"\d{5}")].drop_duplicates(["invoice", "item_id"])
    chosen = vectors.most_frequent(log.loc[log["timestamp"] < "2011-09-01", "item_id"], 1000)
    table, baskets = vectors.basket_table(log, chosen)
    late = (baskets["timestamp"] >= "2011-09-01").to_numpy()
    test = table[np.random.default_rng(0).choice(np.flatnonzero(late), 400, replace=False)]
    V = vectors.item_vectors(vectors.ppmi(vectors.together(table[~late], 1000)), 64)
    return [100 * float(np.nanmean(next_item_hits(vectors.next_scores(test, V @ V.T, h), test)))
            for h in (1, None)]


def _weight():
    return 1 / (1 + math.exp(-2 / math.sqrt(2)))


EXERCISES = {
    "pretraining-1": Exercise(
        answer=lambda: (1001 + 1001 + 1009) / 3,
        unit="item number",
        rtol=1e-5,
        mistakes=[
            Mistake(lambda: 1001.0, "That is the item that came most often; a squared error wants the mean."),
            Mistake(lambda: 1005.0, "One item came twice: it counts twice in the mean."),
        ],
        explain="The mean of labels names an item that nobody bought.",
    ),
    "pretraining-2": Exercise(
        answer=lambda: math.log(30 * 20_000 / (200 * 300)),
        unit="none",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: 10.0, "That is how many times as often as by chance; take its logarithm."),
            Mistake(lambda: math.log(30 / (200 * 300)), "The sum of the table is missing above the line."),
            Mistake(lambda: math.log10(10), "The natural logarithm is meant."),
        ],
        explain="They meet ten times as often as by chance.",
    ),
    "pretraining-3": Exercise(
        answer=lambda: _rates()[0] - _rates()[1],
        unit="points (percent)",
        rtol=0.05,
        mistakes=[
            Mistake(lambda: _rates()[0], "That is the share with decay; subtract the other."),
            Mistake(lambda: _rates()[1], "That is the share without decay."),
            Mistake(lambda: _rates()[1] - _rates()[0], "The order: with decay minus without."),
        ],
        explain="The last item of a basket says most about the next.",
    ),
    "pretraining-4": Exercise(
        answer=lambda: 10 * _weight() + 20 * (1 - _weight()),
        unit="value",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: 15.0, "That is the plain mean: the first key fits the question better."),
            Mistake(lambda: 10.0, "The second item keeps some weight: a softmax never gives 0."),
            Mistake(lambda: 10 + 10 / (1 + math.exp(2)), "The products are divided by the root of two."),
        ],
        explain="The first value weighs four fifths, the second one fifth.",
    ),
    "pretraining-5": Exercise(
        answer=lambda: 100 * 4 * (384 + 1536) / (384 * 1536),
        unit="percent",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: 4 * (384 + 1536) / (384 * 1536), "The size is right, but percent are asked for."),
            Mistake(lambda: 100 * 4 * 384 / (384 * 1536), "That is A alone; B moves, too."),
            Mistake(lambda: 100 * (384 + 1536) / (384 * 1536), "The rank is 4: each side has four."),
        ],
        explain="A narrow and a flat matrix instead of a full one.",
    ),
    "pretraining-6": Exercise(
        answer=lambda: 100 * 30_522 * 384 / 22_713_216,
        unit="percent",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: 30_522 * 384 / 22_713_216, "The size is right, but percent are asked for."),
            Mistake(lambda: 100 * 30_522 / 22_713_216, "Each piece has a row of 384 numbers."),
            Mistake(lambda: 100 * (1 - 30_522 * 384 / 22_713_216), "That is what is not in the table."),
        ],
        explain="More than half of the weights are looked up, not multiplied.",
    ),
}
