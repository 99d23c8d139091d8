"""Do the names of new items say who buys them? Counting words against a pretrained encoder, MiniLM.

    python book/_measure/texts.py       a minute and a half of one core; writes the table

Online Retail II, goods only. At twelve moments of 2011, 28 days apart, the items that are first sold in the
next 28 days are ranked for each customer who has bought before and buys one of them; judged is the AUC of
what she buys. An item is scored by how alike its name is to the names of what she has bought: on average over
all of it, or over the three most alike, or over the most alike one; the names' vectors with or without the
mean of all names taken off. Each encoder's way is chosen on the first six moments, and the last six test it.
"""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.metrics import roc_auc_score

from interestdecay_lib.datasets import load_minilm, load_online_retail
from interestdecay_lib.evaluation import bootstrap_interval
from interestdecay_lib.text_encoder import encode_texts

OUTPUT = Path(__file__).parents[2] / "book/_data/text_vectors.json"
DATES = pd.date_range("2011-01-10", periods=12, freq="28D")
WAYS = ("all", "three", "one")


def vectors_of(names: pd.Series, early: pd.Series) -> tuple[dict, dict]:
    """Vectors of all names by each encoder, of length one, with and without their mean; seconds of each."""
    found, seconds = {}, {}
    makers = {
        "words, 0 or 1": CountVectorizer(binary=True),
        "words, TF-IDF": TfidfVectorizer(),
        "letters, TF-IDF": TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5)),
    }
    for name, maker in makers.items():
        began = time.process_time()
        found[name] = maker.fit(early).transform(names).toarray().astype(np.float32)
        seconds[name] = time.process_time() - began
    began = time.process_time()
    found["MiniLM"] = encode_texts(names, *load_minilm())
    seconds["MiniLM"] = time.process_time() - began
    began = time.process_time()
    found["words, TF-IDF, 100 factors"] = TruncatedSVD(100, random_state=0).fit_transform(
        found["words, TF-IDF"]).astype(np.float32)
    seconds["words, TF-IDF, 100 factors"] = time.process_time() - began

    def unit(F):
        length = np.linalg.norm(F, axis=1, keepdims=True)
        return np.divide(F, length, out=np.zeros_like(F), where=length > 0)

    mean = names.index.isin(early.index)
    return {(name, centred): unit(F - centred * F[mean].mean(axis=0)) for name, F in found.items()
            for centred in (False, True)}, seconds


def main() -> None:
    log = load_online_retail()
    goods = log[log["item_id"].str.match(r"\d{5}")].reset_index(drop=True)
    number, _ = pd.factorize(goods["item_id"], sort=True)
    names = goods["description"].groupby(number).first().fillna("")
    shop = goods[["user_id", "timestamp"]].assign(item_id=number)
    born = shop.groupby("item_id")["timestamp"].transform("min")
    early = names[np.unique(number[shop["timestamp"] < DATES[0]])]
    tables, seconds = vectors_of(names, early)
    rows = []
    for place, at in enumerate(DATES):
        late = shop["timestamp"].between(at, at + pd.Timedelta("28D"), inclusive="left")
        fresh, past = shop[late & (born >= at)], shop[shop["timestamp"] < at]
        candidates = np.sort(fresh["item_id"].unique())
        likeness = {key: F @ F[candidates].T for key, F in tables.items()}
        owned = past[past["user_id"].isin(fresh["user_id"])].groupby("user_id")["item_id"].unique()
        for user, bought in fresh.groupby("user_id")["item_id"]:
            yes = np.isin(candidates, bought)
            if user not in owned.index or yes.all():
                continue
            row = {"user": user, "late": place >= len(DATES) // 2}
            for key, table in likeness.items():
                ordered = np.sort(table[owned[user]], axis=0)
                row |= {(*key, way): roc_auc_score(yes, ordered[-{"all": 0, "three": 3, "one": 1}[way]:].mean(
                    axis=0)) for way in WAYS}
            rows.append(row)
    table = pd.DataFrame(rows)
    late, users = table[table["late"]], table.loc[table["late"], "user"].to_numpy()

    def interval(values):
        return list(bootstrap_interval(np.mean, values.to_numpy(), groups=users))

    encoders = list(dict.fromkeys(name for name, _ in tables))
    chosen = {name: max(((name, centred, way) for centred in (False, True) for way in WAYS),
                        key=lambda key: table.loc[~table["late"], [key]].mean().iloc[0]) for name in encoders}
    reference = chosen["words, TF-IDF"]
    result = {
        "rows": [{"encoder": name, "centred": key[1], "over": key[2], "auc": interval(late[key]),
                  "minus words": interval(late[key] - late[reference]), "seconds": seconds[name],
                  "numbers": int(tables[name, False].shape[1])} for name, key in chosen.items()],
        "every way": [{"encoder": key[0], "centred": key[1], "over": key[2], "earlier": float(
            table.loc[~table["late"], [key]].mean().iloc[0]), "later": float(late[key].mean())}
            for key in table.columns if isinstance(key, tuple)],
        "tested": {"customers": len(np.unique(users)), "lists": len(late), "names": len(names),
                   "words a name": float(names.str.split().str.len().mean())},
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
    }
    OUTPUT.write_text(json.dumps(result, indent=1) + "\n")
    for row in result["rows"] + result["every way"]:
        print(row)


if __name__ == "__main__":
    main()
