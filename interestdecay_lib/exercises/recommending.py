"""Exercises of the chapter "How does decay change a ranking?"."""

import math
from functools import cache

from interestdecay_lib.checks import Exercise, Mistake


@cache
def _popular(*half_lives):
    """Recall among 20 places on the chapter's seven later weeks, in percent, for each half-life in days."""
    import numpy as np
    import pandas as pd

    from interestdecay_lib.datasets import load_online_retail
    from interestdecay_lib.ranking import decayed_popularity, global_cut, score_ranking

    log = load_online_retail()
    log = log.loc[log["item_id"].str.match(r"\d{5}"), ["user_id", "item_id", "timestamp"]]
    log = log.assign(item_id=pd.factorize(log["item_id"])[0]).reset_index(drop=True)
    cuts = [global_cut(log, at, "7D") for at in pd.date_range("2011-01-10", periods=14, freq="24D")[7:]]

    def recall(cut, days):
        popular = decayed_popularity(cut, pd.Timedelta(days=days))
        return score_ranking(popular, cut.relevant, 20, cut.wanted)["recall"]

    return [100 * np.concatenate([recall(cut, days) for cut in cuts]).mean() for days in half_lives]


@cache
def _last_film(seed=None):
    """Mean nDCG at 10 of MovieLens' last films by what followed the film before; ties drawn, or by number."""
    import numpy as np
    from scipy import sparse

    from interestdecay_lib.datasets import load_movielens
    from interestdecay_lib.ranking import score_ranking

    films = load_movielens()
    order = films["item_id"] if seed is None else np.random.default_rng(seed).random(len(films))
    rows = np.lexsort((order, films["timestamp"], films["user_id"]))
    item = films["item_id"].to_numpy()[rows] - 1
    steps = np.diff(films["user_id"].to_numpy()[rows]) == 0
    last = np.flatnonzero(~np.r_[steps, False])
    steps[last - 1] = False
    follows = sparse.coo_array(
        (np.ones(steps.sum()), (item[:-1][steps], item[1:][steps])), shape=(1682, 1682)).toarray()
    place = (np.arange(len(last)), item[last])
    asked = sparse.csr_array((np.ones(len(last)), place), shape=(len(last), 1682))
    return score_ranking(follows[item[last - 1]], asked, 10)["ndcg"].mean()


def _drawn():
    return sum(_last_film(seed) for seed in range(5)) / 5


EXERCISES = {
    "recommending-1": Exercise(
        answer=lambda: 21 / math.log2(12 / 3),
        unit="days",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: 21 * math.log2(12 / 3),
                    "Two halvings fit into 21 days: divide, do not multiply."),
            Mistake(lambda: 21 / math.log(12 / 3),
                    "That is the time constant: a half-life counts halvings (log2)."),
            Mistake(lambda: 21 / (12 / 3), "Twelve is four times three, and that is two halvings, not four."),
        ],
        explain="Twelve is halved twice to become three, so two half-lives are 21 days.",
    ),
    "recommending-2": Exercise(
        answer=lambda: 1 / 3 / 2,
        unit="share",
        rtol=0.01,
        mistakes=[
            Mistake(lambda: 1 / 2,
                    "That is the luckiest order: two other items compete for the second place."),
            Mistake(lambda: 1 / 3, "That is the chance of the one hit. The customer bought two items."),
            Mistake(lambda: 0.0, "That is the unluckiest order; take the mean over all of them."),
        ],
        explain="In one order of three the second item is shown; the fifth never is.",
    ),
    "recommending-3": Exercise(
        answer=lambda: 83 - 58,
        unit="thousandths",
        rtol=1e-6,
        mistakes=[
            Mistake(lambda: 84 - 58,
                    "30 days was better on the later weeks: to pick it there is to choose on the test."),
            Mistake(lambda: 96 - 73, "On the weeks that chose, the gain of the chosen one is flattered."),
            Mistake(lambda: 96 - 58, "The two recalls are from different weeks."),
        ],
        explain="The earlier weeks choose, the later ones test, whatever they would have chosen.",
    ),
    "recommending-4": Exercise(
        answer=lambda: 2 / 5,
        unit="none, 0 to 1",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: 2 / math.sqrt(12), "That is the cosine of the two, not Jaccard."),
            Mistake(lambda: 2 / 7,
                    "Three and four are seven, but two customers are among both: five differ."),
            Mistake(lambda: 2 / 3, "Divide by the customers of either item, not by those of one."),
        ],
        explain="Two customers bought both, five at least one of the two.",
    ),
    "recommending-5": Exercise(
        answer=lambda: 100 * (_last_film() / _drawn() - 1),
        unit="percent",
        atol=0.1,
        mistakes=[
            Mistake(lambda: 100 * (_last_film() - _drawn()),
                    "That is the difference; asked is the gain relative to the random order."),
            Mistake(lambda: _last_film() / _drawn(), "That is the ratio: subtract 1, in percent."),
            Mistake(lambda: 100 * (1 - _drawn() / _last_film()),
                    "Divide by the score of the random order, not by the other."),
            Mistake(lambda: 100 * (_last_film() / _last_film(0) - 1),
                    "That is one random order; the mean of five was asked for."),
        ],
        explain="Sorted ties make a sequence that nobody watched, and a model of sequences learns it.",
    ),
    "recommending-6": Exercise(
        answer=lambda: 3 / 4,
        unit="share",
        rtol=1e-6,
        mistakes=[
            Mistake(lambda: 3 / 20, "That is the precision: a share of the list."),
            Mistake(lambda: 4 / 20, "That is the best precision that this customer allows."),
            Mistake(lambda: 1 / 4, "That is the share that was missed."),
        ],
        explain="Precision divides by the length of the list, recall by what was bought.",
    ),
    "recommending-7": Exercise(
        answer=lambda: _popular(7, 60)[0] - _popular(7, 60)[1],
        unit="points (percent)",
        rtol=0.03,
        mistakes=[
            Mistake(lambda: _popular(7, 60)[1],
                    "That is the recall with 60 days; subtract it from the other."),
            Mistake(lambda: _popular(7, 60)[0], "That is the recall with 7 days; the loss is a difference."),
            Mistake(lambda: _popular(7, 60)[1] - _popular(7, 60)[0],
                    "The size is right: a loss is asked for, so 7 days minus 60 days."),
        ],
        explain="A half-life that is eight times too long loses less than one might fear, but it loses.",
    ),
}
