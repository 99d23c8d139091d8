"""What a model says of each customer, and one way to ask every model of this library.

>>> forecast = Forecast(p=np.array([0.2, 0.9]), mu=np.array([0.3, 4.0]))
>>> len(forecast), forecast.p.tolist()
(2, [0.2, 0.9])
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from interestdecay_lib.tasks import EventTask

__all__ = ["Forecast", "predict"]


@dataclass(frozen=True, eq=False, repr=False)
class Forecast:
    """Of each customer the probability of buying ``p`` and the expected purchases ``mu``, ``(n,)`` each.

    ``p, mu = forecast`` takes it apart. It is no array and no tuple: as an array its two parts would look
    like the forecasts of two seeds.
    """

    p: np.ndarray
    mu: np.ndarray

    def __post_init__(self) -> None:
        if np.shape(self.p) != np.shape(self.mu) or np.ndim(self.p) != 1:
            raise ValueError(f"p and mu need one entry a customer, got shapes {np.shape(self.p)} and "
                             f"{np.shape(self.mu)}")

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.p, self.mu))

    def __len__(self) -> int:
        return len(self.p)

    def __repr__(self) -> str:
        if not len(self):
            return "Forecast(0 customers)"
        p, mu = np.mean(self.p), np.mean(self.mu)
        return f"Forecast({len(self):,} customers: p on average {p:.3f}, mu {mu:.3f})"

    def frame(self, users: object) -> pd.DataFrame:
        """As a table with the columns ``p`` and ``mu``, one row a user."""
        return pd.DataFrame({"p": self.p, "mu": self.mu}, index=pd.Index(users, name="user_id"))


def predict(model: Any, asked: EventTask | Mapping[str, np.ndarray] | np.ndarray) -> Forecast:
    """The forecast of any model of this library: a baseline, a customer-base model, or a network.

    Parameters
    ----------
    model
        A fitted baseline (`baselines`), a fitted model of `customer_base`, or a trained Keras network with
        the heads ``returned`` and ``counts`` (`networks.weekly_network`, `event_networks.event_network`).
    asked
        A task, from `tasks.event_task` or, for today, from `tasks.forecast_task`; its outcomes are not
        looked at. For a network that reads events, what `event_networks.event_inputs` gives.

    Returns
    -------
    Forecast

    Raises
    ------
    ValueError
        If the model has no answer to both questions, or needs inputs that were not given.

    Examples
    --------
    >>> from interestdecay_lib.baselines import RFMLogistic
    >>> from interestdecay_lib.customer_base import BGNBD
    >>> from interestdecay_lib.datasets import load_cdnow
    >>> from interestdecay_lib.tasks import forecast_task, event_task
    >>> log = load_cdnow(sample=True)
    >>> past = event_task(log, "1998-04-01", horizon_weeks=13, history_weeks=39)
    >>> today = forecast_task(log, horizon_weeks=13, history_weeks=39)
    >>> predict(RFMLogistic().fit(past), today)
    Forecast(2,357 customers: p on average 0.108, mu 0.153)
    >>> predict(BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426), today)
    Forecast(2,357 customers: p on average 0.124, mu 0.212)
    """
    if hasattr(model, "probability_return"):
        given = _of_a_task(model, asked)
        return of_customers(model, given.summary, given.horizon_weeks)
    if not hasattr(model, "layers"):
        if not callable(getattr(model, "predict", None)):
            raise ValueError(f"predict needs a fitted model of this library, got {type(model).__name__}")
        return model.predict(_of_a_task(model, asked))
    return _of_network(model, asked)


def of_customers(model: Any, summary: pd.DataFrame, weeks: float) -> Forecast:
    """What a model of `customer_base` says of the next weeks of each row of a `tasks.rfm_summary`."""
    given = [summary[name].to_numpy(float) for name in ("frequency", "recency", "T")]
    return Forecast(np.asarray(model.probability_return(weeks, *given)),
                    np.asarray(model.expected_purchases(weeks, *given)))


def _of_a_task(model: object, asked: object) -> EventTask:
    if not isinstance(asked, EventTask):
        raise ValueError(f"{type(model).__name__} is asked with a task (tasks.event_task, or "
                         f"tasks.forecast_task for today), got {type(asked).__name__}")
    return asked


_HEADS = ("returned", "counts")
_OLD_HEADS = ("bought", "purchases")  # of networks that were saved under the old names


def _of_network(model: Any, asked: object) -> Forecast:
    heads = getattr(model, "output_names", ["one output"])
    chance, count = _HEADS if set(heads) == set(_HEADS) else _OLD_HEADS
    if set(heads) != {chance, count}:
        raise ValueError('the model needs the heads "returned" and "counts": build it with '
                         f"weekly_network or event_network; it has {list(heads)}")
    wanted = model.input if isinstance(model.input, Mapping) else {"weekly": model.input}
    inputs = network_inputs(asked, wanted) if isinstance(asked, EventTask) else asked
    if not isinstance(inputs, Mapping):
        inputs = {next(iter(wanted)): inputs}
    missing = [name for name in wanted if name not in inputs]
    if missing:
        raise ValueError(f"the network {model.name!r} reads {', '.join(wanted)}, but {', '.join(missing)} "
                         "was not given; event_networks.event_inputs makes events and elapsed")
    for name, tensor in wanted.items():
        shape, expected = np.shape(inputs[name]), tuple(tensor.shape)
        if len(shape) != len(expected) or shape[1:] != expected[1:]:
            raise ValueError(f"the model was built for {name} of shape {expected[1:]}, got {shape[1:]}")
    given = {name: inputs[name] for name in wanted}
    answer = model.predict(given if isinstance(model.input, Mapping) else given["weekly"], batch_size=4096,
                           verbose=0)
    return Forecast(answer[chance][:, 0].astype(float), answer[count][:, 0].astype(float))


def network_inputs(task: EventTask, names: object) -> dict[str, np.ndarray]:
    """The inputs of a network that a task holds: ``weekly``, and columns of its features as log(1 + x)."""
    inputs = {"weekly": np.ascontiguousarray(task.weekly, dtype=np.float32)}
    for name in names:
        if name in task.features.columns:
            column = task.features[name].to_numpy(dtype=float)[:, None]
            inputs[name] = np.log1p(column).astype(np.float32)
    return inputs
