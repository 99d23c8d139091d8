"""Windows of three events and the next one: `windows.event_windows` against two loops, results equal."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from bench_interest import simulate

from interestdecay_lib.windows import event_windows

LENGTH = 3


def article_loop(data: pd.DataFrame, sequence_length: int):
    """`create_sequences` of 001_9fe936743b4be437.txt, less its ``.values`` on a single number."""
    X, y = [], []
    for user_id in data["user_id"].unique():
        user_data = data[data["user_id"] == user_id]
        for i in range(len(user_data) - sequence_length):
            X.append(user_data.iloc[i:i + sequence_length]["timestamp_encoded"].values)
            y.append(user_data.iloc[i + sequence_length]["timestamp_encoded"])
    return np.array(X), np.array(y)


def groupby_loop(data: pd.DataFrame, length: int):
    X, y = [], []
    for _, rank in data.groupby("user_id")["timestamp_encoded"]:
        values = rank.to_numpy()
        for i in range(len(values) - length):
            X.append(values[i:i + length])
            y.append(values[i + length])
    return np.array(X), np.array(y)


def run(sizes: list[int], time_it: Callable, article_at_most: int = 20_000) -> list[dict]:
    rows = []
    for size in sizes:
        log = simulate(size)
        data = log.assign(timestamp_encoded=log.groupby("user_id")["timestamp"].rank("dense"))
        user, rank = data["user_id"].to_numpy(), data["timestamp_encoded"].to_numpy()
        methods = {
            "this book: event_windows": lambda u=user, r=rank: event_windows(u, r, LENGTH),
            "groupby, loop over arrays": lambda d=data: groupby_loop(d, LENGTH),
        }
        if size <= article_at_most:
            methods["the article's loop"] = lambda d=data: article_loop(d, LENGTH)
        X, y = methods["this book: event_windows"]()
        for name, call in methods.items():
            other_X, other_y = call()
            np.testing.assert_array_equal(X, other_X, err_msg=name)
            np.testing.assert_array_equal(y, other_y, err_msg=name)
            rows.append({"events": size, "method": name, "ms": 1000 * time_it(call)})
        book = next(row["ms"] for row in rows if row["events"] == size)
        for row in rows:
            if row["events"] == size:
                row["ratio_to_book"] = row["ms"] / book
    return rows
