"""Windows of three events and the next one: `windows.event_windows` against two loops, results equal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from interestdecay_lib.windows import event_windows
from race import Case, Method, Table
from simulated import simulate

LENGTH = 3
SIZES = (1e4, 2e4, 1e6)
ARTICLE_AT_MOST = 20_000
NEEDS: list[str] = []
TABLES = {"windows": Table("Windows inside each user's events")}


def book(data: pd.DataFrame) -> Callable:
    user, rank = data["user_id"].to_numpy(), data["timestamp_encoded"].to_numpy()
    return lambda: event_windows(user, rank, LENGTH)


def groupby_loop(data: pd.DataFrame) -> Callable:
    def call():
        X, y = [], []
        for _, rank in data.groupby("user_id")["timestamp_encoded"]:
            values = rank.to_numpy()
            for i in range(len(values) - LENGTH):
                X.append(values[i:i + LENGTH])
                y.append(values[i + LENGTH])
        return np.array(X), np.array(y)

    return call


def article_loop(data: pd.DataFrame) -> Callable:
    """`create_sequences` of 001_9fe936743b4be437.txt, less its ``.values`` on a single number."""

    def create_sequences(data, sequence_length):
        X, y = [], []
        for user_id in data["user_id"].unique():
            user_data = data[data["user_id"] == user_id]
            for i in range(len(user_data) - sequence_length):
                X.append(user_data.iloc[i:i + sequence_length]["timestamp_encoded"].values)
                y.append(user_data.iloc[i + sequence_length]["timestamp_encoded"])
        return np.array(X), np.array(y)

    return lambda: create_sequences(data, LENGTH)


def cases(scale: float = 1.0) -> Iterator[Case]:
    for size in [int(size * scale) for size in SIZES]:
        log = simulate(size)
        data = log.assign(timestamp_encoded=log.groupby("user_id")["timestamp"].rank("dense"))
        methods = {"this book: event_windows": book, "groupby, loop over arrays": groupby_loop}
        if size <= ARTICLE_AT_MOST:
            methods["the article's loop"] = article_loop
        yield _case(data, methods)


def _case(data: pd.DataFrame, methods: dict[str, Callable]) -> Case:
    wanted = groupby_loop(data)()

    def compare(name: str, got: tuple) -> dict:
        for one, other in zip(wanted, got, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=name)
        return {}

    ways = {name: Method(lambda prepare=prepare: prepare(data)) for name, prepare in methods.items()}
    return Case("windows", {"events": len(data)}, ways, compare)
