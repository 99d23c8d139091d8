"""Exercises of the chapter "What do we know of somebody new?"."""

from functools import cache

from interestdecay_lib.checks import Exercise, Mistake


@cache
def _ten_lines():
    """Recall (percent) of neighbours and of the popular list, ten lines known, on the later cuts."""
    import numpy as np
    import pandas as pd
    from scipy import sparse

    from interestdecay_lib.cold_start import likeness_scores
    from interestdecay_lib.datasets import load_online_retail
    from interestdecay_lib.ranking import decayed_popularity, global_cut, score_ranking

    log = load_online_retail()
    log = log[log["item_id"].str.match(r"\d{5}")].reset_index(drop=True)
    log = pd.DataFrame({"user_id": log["user_id"], "item_id": pd.factorize(log["item_id"], sort=True)[0],
                        "timestamp": log["timestamp"], "invoice": pd.factorize(log["invoice"])[0]})
    first = log[log["timestamp"] == log.groupby("user_id")["timestamp"].transform("min")]
    first = first.drop_duplicates(["user_id", "item_id"])
    first = first[first.groupby("user_id")["user_id"].transform("size") >= 15]
    found = []
    for at in pd.date_range("2011-01-10", periods=12, freq="28D")[6:]:
        part = first[(first["timestamp"] >= at) & (first["timestamp"] < at + pd.Timedelta("28D"))]
        part = part.assign(line=part.groupby("user_id").cumcount(), row=pd.factorize(part["user_id"])[0])
        cut = global_cut(log, at, "28D")
        past = log[log["timestamp"] < at]
        size = (part["row"].max() + 1, len(cut.items))

        def entries(rows, columns, shape):
            inside = columns >= 0
            return sparse.coo_array((np.ones(inside.sum()), (rows[inside], columns[inside])), shape).tocsr()

        begin, rest = part[part["line"] < 10], part[part["line"] >= 10]
        known = entries(begin["row"].to_numpy(), cut.items.get_indexer(begin["item_id"]), size)
        hits = entries(rest["row"].to_numpy(), cut.items.get_indexer(rest["item_id"]), size)
        baskets = entries(cut.items.get_indexer(past["item_id"]), past["invoice"].to_numpy(),
                          (size[1], log["invoice"].max() + 1))
        wanted = np.bincount(rest["row"], minlength=size[0])
        popular = np.tile(decayed_popularity(cut, "7D"), (size[0], 1))
        scores = [np.where(known.toarray() > 0, -np.inf, s)
                  for s in (likeness_scores(known, baskets), popular)]
        found.append([score_ranking(s, hits, 20, wanted)["recall"] for s in scores])
    return [100 * float(np.concatenate(column).mean()) for column in zip(*found, strict=True)]


EXERCISES = {
    "cold_start-1": Exercise(
        answer=lambda: 100 * 20 / 4000,
        unit="percent",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: 0.0, "All items tie, so the list is one at random, and that finds something."),
            Mistake(lambda: 100 * 10 / 4000, "That is the share of the shop that she buys."),
            Mistake(lambda: 20 / 4000, "The size is right, but percent are asked for."),
        ],
        explain="A silent method shows twenty items at random.",
    ),
    "cold_start-2": Exercise(
        answer=lambda: _ten_lines()[0] - _ten_lines()[1],
        unit="points (percent)",
        rtol=0.03,
        mistakes=[
            Mistake(lambda: _ten_lines()[0], "That is the recall of the neighbours; subtract the other."),
            Mistake(lambda: _ten_lines()[1], "That is the recall of the popular list."),
            Mistake(lambda: _ten_lines()[1] - _ten_lines()[0], "The order: neighbours minus popular."),
        ],
        explain="With ten lines of a basket its own neighbours say more than the crowd.",
    ),
    "cold_start-3": Exercise(
        answer=lambda: (0.8 + 4) / (16 + 8),
        unit="purchases a week",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: 4 / 8, "That is her own rate, as if nothing were known of the crowd."),
            Mistake(lambda: 0.8 / 16, "That is the crowd's mean, as if nothing were known of her."),
            Mistake(lambda: (0.8 + 4) / 16, "Her own 8 weeks are missing below the line."),
            Mistake(lambda: (0.5 + 0.05) / 2, "The two are not worth the same: 8 weeks weigh against 16."),
        ],
        explain="Her 8 weeks weigh one third, the crowd's 16 two thirds.",
    ),
    "cold_start-4": Exercise(
        answer=lambda: 2000 * 0.1 * (0.15 - 0.05),
        unit="clicks",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: 2000 * 0.1 * 0.15, "Random items are clicked, too: subtract what they get."),
            Mistake(lambda: 2000 * 0.1 * 0.05, "Those are the clicks that the random items get."),
            Mistake(lambda: 2000 * (0.15 - 0.05), "Only a tenth of the impressions is random."),
        ],
        explain="Exploring costs the difference between the best item and a random one.",
    ),
    "cold_start-5": Exercise(
        answer=lambda: 100 * 10 / 299,
        unit="percent",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: 100 * 10 / 300, "An item is not its own neighbour: there are 299 others."),
            Mistake(lambda: 10 / 299, "The size is right, but percent are asked for."),
            Mistake(lambda: 100 / 299, "Ten places are near, not one."),
        ],
        explain="Against this the shares of the maps are to be seen.",
    ),
    "cold_start-6": Exercise(
        answer=lambda: (9 + 50 * 0.1) / (30 + 50),
        unit="share",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: 9 / 30, "That is the country alone, as if the shop told nothing."),
            Mistake(lambda: (0.3 + 0.1) / 2, "The two are not worth the same: 30 purchases against 50."),
            Mistake(lambda: (9 + 0.1) / 80, "A tenth of 50 purchases is 5 lamps, not a tenth of one."),
            Mistake(lambda: 9 / 80, "The 50 purchases of the crowd have lamps among them, too."),
        ],
        explain="Thirty purchases of its own against fifty of the crowd.",
    ),
}
