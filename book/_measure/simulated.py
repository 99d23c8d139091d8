"""The logs that the benchmarks share: N events of N/50 users, as regular or as unpleasant as one likes."""

from __future__ import annotations

import numpy as np
import pandas as pd

DAY = 86_400_000_000                    # microseconds
SPAN = 540 * DAY
START = np.datetime64("2024-01-01", "us")


def simulate(events: int, seed: int = 0) -> pd.DataFrame:
    """N/50 users of log-normal activity, times uniform in 540 days, sorted by user, then time."""
    rng = np.random.default_rng(seed)
    users = max(events // 50, 1)
    share = rng.lognormal(size=users)
    user = np.sort(rng.choice(users, size=events, p=share / share.sum()))
    ticks = rng.integers(0, SPAN, events)
    order = np.lexsort((ticks, user))
    time = START + ticks[order].astype("timedelta64[us]")
    return pd.DataFrame({"user_id": user, "timestamp": time, "value": rng.gamma(2.0, size=events)})


def one_event_a_user(events: int, seed: int = 0) -> pd.DataFrame:
    log = simulate(events, seed)
    return log.assign(user_id=np.arange(events))


def with_items(log: pd.DataFrame, items: int = 200, seed: int = 0) -> pd.DataFrame:
    """Every event with one of some items, all equally likely."""
    return log.assign(item_id=np.random.default_rng(seed).integers(0, items, len(log)))


def shuffled(log: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    return log.sample(frac=1, random_state=seed, ignore_index=True)


def text_ids(log: pd.DataFrame, categorical: bool = False) -> pd.DataFrame:
    """The users by name, ``user-0000017``, in the order of their numbers."""
    names = log["user_id"].map("user-{:07d}".format)
    return log.assign(user_id=names.astype("category") if categorical else names)
