r"""The decayed sum where a log is too large, too fast or too far away: one formula in four places.

- in a database or on a cluster, as one expression of Ibis (`decayed_expression`, `running_expression`);
- in a stream, as state that survives a kill (`StreamState`, `follow`);
- in another runtime, as a file (`to_onnx`);
- as an alarm over what a model does once it serves (`ewma_chart`, `ewma_run_length`).

`write_events` generates a log of any length to try them on. Ibis, PyArrow and Keras are imported only by the
functions that need them.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Hashable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm

from interestdecay_lib._arguments import duration, floats, is_number, moment, whole
from interestdecay_lib.counter import DecayedCounter

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import keras

__all__ = ["StreamState", "decayed_expression", "ewma_chart", "ewma_run_length", "follow",
           "running_expression", "to_onnx", "write_events"]

#: Half-lives in one block of `running_expression`: 2^500 is far from the largest double, 2^1024.
SPAN = 500.0


# --- one expression ---

def decayed_expression(
    events: ir.Table, at: str | datetime, half_life: str | timedelta, by: str = "user_id",
    weight: str | None = None,
) -> ir.Table:
    r"""The decayed sum at one date as an expression of Ibis, for any engine that Ibis writes SQL for.

    .. math:: S_u(t) = \sum_{j\,:\,u_j = u,\ t_j \le t} v_j\, 2^{-(t - t_j)/h}

    Parameters
    ----------
    events
        A table of Ibis with ``timestamp`` (in UTC, without a zone) and the columns of `by` and `weight`.
    at
        The date t. Events later than it are left out: SQL has no way to refuse them, as
        `interest.decayed_sum` does.
    half_life
        A length of time such as ``"28D"``.
    by
        The column whose values get one sum each.
    weight
        A column; None counts 1 for each event.

    Returns
    -------
    ibis.expr.types.Table
        Columns `by` and ``interest``, one row a user, sorted. Nothing is computed before ``.execute()``.

    Raises
    ------
    ValueError
        For a half-life without unit or not above 0, or a date that is none.

    Notes
    -----
    The age is cast to a double before it is divided. Spark reads ``2419200.0`` in SQL as a decimal number and
    would divide in decimals, which rounds. Ibis counts seconds: some engines (Spark) drop their fractions.

    Examples
    --------
    >>> import ibis
    >>> days = pd.to_datetime(["2024-01-01", "2024-01-15", "2024-01-22", "2024-01-23"])
    >>> log = ibis.memtable(pd.DataFrame({"user_id": [1, 1, 1, 2], "timestamp": days}))
    >>> decayed_expression(log, "2024-01-23", "7D").execute().round(4).values.tolist()
    [[1.0, 1.4718], [2.0, 1.0]]
    """
    import ibis

    date, seconds = moment(at, "at"), duration(half_life, "half_life").total_seconds()
    events = events.filter(events["timestamp"] <= ibis.literal(date))
    age = (ibis.literal(date).epoch_seconds() - events["timestamp"].epoch_seconds()).cast("float64")
    kept = _double(2) ** (-age / _double(seconds))
    if weight is not None:
        kept = kept * events[weight].cast("float64")
    return events.mutate(kept=kept).group_by(by).agg(interest=lambda t: t.kept.sum()).order_by(by)


def running_expression(
    events: ir.Table, half_life: str | timedelta, by: str = "user_id", weight: str | None = None,
    order: str | Sequence[str] = "timestamp",
) -> ir.Table:
    r"""Interest just after every event, as one window expression that no span of time overflows.

    The time of a user is cut into blocks of 500 half-lives. Within a block the sum is taken from the block's
    own landmark L, :math:`2^{-(t_n - L)/h} \sum_{j \le n} v_j 2^{(t_j - L)/h}`, and the block before enters
    with one sum. Older blocks weigh less than :math:`2^{-500}` and are left out.

    Parameters
    ----------
    events, half_life, by, weight
        As in `decayed_expression`.
    order
        Columns that put a user's events in order. Where times tie, name a second column, or the engine
        chooses.

    Returns
    -------
    ibis.expr.types.Table
        The columns of `events`, and ``interest``; rows in any order.

    Raises
    ------
    ValueError
        For a half-life without unit or not above 0.

    Notes
    -----
    The naive window takes one landmark for all: :math:`2^{(t_j - L)/h}` is infinite after 1,024 half-lives,
    and the engine raises no error. After Cormode et al. (2009), who renew the landmark when numbers grow.

    Examples
    --------
    >>> import ibis
    >>> days = pd.to_datetime(["2024-01-01", "2024-01-08", "2044-01-08", "2044-01-15"])
    >>> log = ibis.memtable(pd.DataFrame({"user_id": 1, "timestamp": days}))
    >>> running_expression(log, "7D").order_by("timestamp").execute()["interest"].round(9).tolist()
    [1.0, 1.5, 1.0, 1.5]
    """
    import ibis

    seconds = duration(half_life, "half_life").total_seconds()
    columns = list(events.columns)
    t = events.mutate(_time=events["timestamp"].epoch_seconds())
    t = t.mutate(_age=(t._time - t._time.min().over(group_by=by)).cast("float64") / _double(seconds))
    t = t.mutate(_block=(t._age / _double(SPAN)).floor().cast("int64"))
    t = t.mutate(_rest=t._age - t._block.cast("float64") * _double(SPAN))
    grown = _double(2) ** t._rest
    t = t.mutate(_grown=grown if weight is None else grown * t[weight].cast("float64"))
    order = [order] if isinstance(order, str) else list(order)
    inside = t._grown.sum().over(ibis.window(group_by=[by, "_block"], order_by=order, rows=(None, 0)))
    before = (t._grown * _double(2.0 ** -SPAN)).sum().over(
        ibis.window(group_by=by, order_by="_block", range=(-1, -1)))
    interest = (inside + before.fill_null(0.0)) * _double(2) ** -t._rest
    return t.mutate(interest=interest).select(*columns, "interest")


def _double(x: float) -> Any:
    import ibis

    return ibis.literal(float(x), "float64")


def write_events(path: str | Path, events: int, users: int, seed: int = 0, chunk: int = 1_000_000) -> Path:
    """Generate a log of one year and write it to a Parquet file, a chunk at a time.

    Generated, not observed: times are uniform over 2025 and not sorted; user k is drawn with a chance that
    falls as the square root of 1/k, so a few have many events.

    Parameters
    ----------
    path
        The file to write.
    events, users
        How many, at least 1.
    seed
        Of the random numbers: the same seed gives the same events.
    chunk
        Events drawn and written at a time; part of the recipe, as the seed is.

    Returns
    -------
    pathlib.Path
        The file, with the columns ``user_id`` (int32) and ``timestamp`` (whole seconds).

    Raises
    ------
    ValueError
        For numbers that are not whole or not above 0.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = pd.read_parquet(write_events(Path(folder) / "log.parquet", 1000, 50))
    >>> len(log), int(log["user_id"].max()) < 50, int(log["timestamp"].dt.year.unique()[0])
    (1000, True, 2025)
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    events, users, chunk = whole(events, "events"), whole(users, "users"), whole(chunk, "chunk")
    rng, start = np.random.default_rng(seed), int(pd.Timestamp("2025-01-01").timestamp())
    schema = pa.schema([("user_id", pa.int32()), ("timestamp", pa.timestamp("ms"))])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for done in range(0, events, chunk):
            n = min(chunk, events - done)
            user = (users * rng.random(n) ** 2).astype(np.int32)
            second = start + rng.integers(0, 365 * 86_400, n)
            writer.write_table(pa.table([user, second * 1000], schema=schema))
    return Path(path)


# --- a stream ---

class StreamState:
    """Counters of all users of a stream, and how far the stream was read: stored together or not at all.

    Three things go wrong in a stream. An event comes **late**: a `counter.DecayedCounter` takes it at its own
    time. It comes **twice**, with the same id: it is counted once, as long as its id is remembered. The
    process is **killed**: state and position were stored in one file, so it goes on from there.

    Ids cannot be remembered for ever. An event older than `remember` before the newest one is refused, since
    nobody knows any more whether it was counted.

    Parameters
    ----------
    half_life
        A number, in the unit of the times.
    remember
        A number, in the same unit: how late an event may be. At least 0.

    Raises
    ------
    ValueError
        For a half-life or a `remember` that is no such number.

    Examples
    --------
    >>> state = StreamState(half_life=7, remember=30)
    >>> state.take("a", user=1, time=0), state.take("b", user=1, time=21)
    (True, True)
    >>> state.take("c", user=1, time=7), state.take("c", user=1, time=7)       # late, and again
    (True, False)
    >>> state.counters[1].value_at(21), state.position, state.twice
    (1.375, 4, 1)
    """

    def __init__(self, half_life: float, remember: float) -> None:
        if not (is_number(remember) and 0 <= remember < math.inf):
            raise ValueError(f"remember must be a number, at least 0, got {remember!r}")
        if not (is_number(half_life) and 0 < half_life < math.inf):
            raise ValueError(f"half_life must be a number above 0, got {half_life!r}")
        self.half_life, self.remember = float(half_life), float(remember)
        self.counters: dict[Hashable, DecayedCounter] = {}
        self.position = 0               # events read, counted or not
        self.newest = -math.inf
        self.twice = self.too_late = 0
        self._seen: dict[Hashable, float] = {}

    def take(self, event: Hashable, user: Hashable, time: float, weight: float = 1.0) -> bool:
        """Read the next event of the stream; whether it was counted."""
        counted = False
        if time < self.newest - self.remember:
            self.too_late += 1
        elif event in self._seen:
            self.twice += 1
        else:
            counter = self.counters.get(user) or DecayedCounter(self.half_life)
            counter.add(float(time), weight)            # refuses what is no number before anything changes
            self.counters[user] = counter
            self._seen[event] = float(time)
            self.newest = max(self.newest, float(time))
            counted = True
        self.position += 1
        return counted

    def to_json(self) -> str:
        """All of it as one text; ids that are too old to come again are dropped."""
        oldest = self.newest - self.remember
        self._seen = {event: time for event, time in self._seen.items() if time >= oldest}
        stored = {
            "half_life": self.half_life, "remember": self.remember, "position": self.position,
            "newest": self.newest if self._seen else None, "twice": self.twice, "too_late": self.too_late,
            "seen": list(self._seen.items()),
            "counters": [(user, c.value, c.time) for user, c in self.counters.items()],
        }
        return json.dumps(stored)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The state of `to_json`; ids and users are numbers or texts, as JSON keeps them."""
        stored = json.loads(text)
        state = cls(stored["half_life"], stored["remember"])
        state.position, state.twice, state.too_late = (stored[k] for k in ("position", "twice", "too_late"))
        state.newest = -math.inf if stored["newest"] is None else stored["newest"]
        state._seen = dict(stored["seen"])
        state.counters = {u: DecayedCounter(state.half_life, value, time)
                          for u, value, time in stored["counters"]}
        return state

    def save(self, path: str | Path) -> None:
        """Store all of it in one file: the old file stays whole until the new one is."""
        path = Path(path)
        beside = path.with_name(path.name + ".new")
        with beside.open("w", encoding="utf-8") as file:
            file.write(self.to_json())
            file.flush()
            os.fsync(file.fileno())                     # on the disk before it gets the name
        os.replace(beside, path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The state that `save` stored."""
        return cls.from_json(Path(path).read_text(encoding="utf-8"))


def follow(events: Iterable[tuple], checkpoint: str | Path, half_life: float, remember: float,
           every: int = 1000) -> StreamState:
    """Read a stream from where the checkpoint left it, and store the state every so many events.

    Parameters
    ----------
    events
        Tuples (id, user, time) or (id, user, time, weight), from the beginning of the stream and each time in
        the same order: a file, or a log that can be read again.
    checkpoint
        The file of the state; created where it does not exist.
    half_life, remember
        As in `StreamState`; those of an existing checkpoint must be the same.
    every
        Events between two checkpoints. After a kill at most as many are read again.

    Returns
    -------
    StreamState
        At the end of the stream, stored.

    Raises
    ------
    ValueError
        If the checkpoint was made with another half-life or another `remember`.

    Examples
    --------
    >>> import tempfile
    >>> stream = [(n, n % 3, float(n)) for n in range(10)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     half = follow(stream[:6], Path(folder) / "state.json", 7, 30).position
    ...     rest = follow(stream, Path(folder) / "state.json", 7, 30)
    >>> half, rest.position, len(rest.counters)
    (6, 10, 3)
    """
    every = whole(every, "every")
    state = StreamState.load(checkpoint) if Path(checkpoint).exists() else StreamState(half_life, remember)
    if (state.half_life, state.remember) != (half_life, remember):
        raise ValueError(f"{checkpoint} was made with half_life={state.half_life} and "
                         f"remember={state.remember}; a counter cannot change them")
    for event in islice(events, state.position, None):
        state.take(*event)
        if state.position % every == 0:
            state.save(checkpoint)
    state.save(checkpoint)
    return state


# --- another runtime ---

def to_onnx(model: keras.Model, path: str | Path) -> Path:
    """Write a Keras model as an ONNX file, its standardisation as constants.

    A `Normalization` layer holds its mean and variance as tensors that the converter takes for further
    inputs of the file. They become plain numbers while it is written, and tensors again afterwards.

    Parameters
    ----------
    model
        A model with fixed numbers of steps and features; the number of rows stays free.
    path
        The file to write.

    Returns
    -------
    pathlib.Path
        The file. Outputs keep their names, but not their order: ask for them by name.

    Notes
    -----
    Keras' own ``model.export(format="onnx")`` by tf2onnx. Compare the predictions of both before you serve.
    """
    import warnings

    from keras.tree import map_structure

    model(map_structure(lambda x: np.zeros((1, *x.shape[1:]), np.float32), model.input))  # Keras asks for it
    layers = [layer for layer in model.layers if type(layer).__name__ == "Normalization"]
    held = [(layer.mean, layer.variance) for layer in layers]
    try:
        for layer in layers:
            layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)      # Keras looks for np.object
            model.export(str(path), format="onnx", verbose=False)
    finally:
        for layer, (mean, variance) in zip(layers, held, strict=True):
            layer.mean, layer.variance = mean, variance
    return Path(path)


# --- an alarm ---

def ewma_chart(z: ArrayLike, half_life: float, limit: float = 3.0) -> pd.DataFrame:
    r"""A decayed mean of standardised values, and where it leaves its limits.

    .. math:: m_t = q\,m_{t-1} + (1 - q)\,z_t,\quad m_0 = 0,\quad q = 2^{-1/h};\qquad
              \text{alarm where } |m_t| > L \sqrt{\tfrac{1 - q}{1 + q}}

    The root is the standard deviation of :math:`m_t` after many independent :math:`z` of mean 0 and
    variance 1; at step t it is smaller by the factor :math:`\sqrt{1 - q^{2t}}`.

    Parameters
    ----------
    z
        Shape (steps,) or (charts, steps): what was seen minus what was expected, divided by its standard
        deviation. Finite.
    half_life
        h, in steps, above 0.
    limit
        L, in standard deviations of the decayed mean, above 0.

    Returns
    -------
    pandas.DataFrame
        One row a step (of each chart, one below the other): ``mean``, ``limit`` and ``alarm``.

    Raises
    ------
    ValueError
        For values that are not finite, another shape, or a half-life or limit not above 0.

    Notes
    -----
    The control chart of exponentially weighted moving averages, with :math:`\lambda = 1 - q`.

    Examples
    --------
    >>> chart = ewma_chart([0.0, 0.0, 4.0, 4.0], half_life=1.0, limit=3.0)
    >>> chart["mean"].tolist(), chart["alarm"].tolist()
    ([0.0, 0.0, 2.0, 3.0], [False, False, True, True])
    """
    z = floats(z, "z")
    if z.ndim not in (1, 2) or not np.isfinite(z).all():
        raise ValueError(f"z must be finite, of shape (steps,) or (charts, steps), got {z.shape}")
    q, bound = _kept_and_limit(half_life, limit)
    mean, last = np.empty_like(z), np.zeros(z.shape[:-1])
    for step in range(z.shape[-1]):
        last = q * last + (1 - q) * z[..., step]
        mean[..., step] = last
    mean = mean.ravel()
    return pd.DataFrame({"mean": mean, "limit": bound, "alarm": np.abs(mean) > bound})


def ewma_run_length(half_life: float, limit: float = 3.0, shift: float = 0.0) -> float:
    r"""How many steps `ewma_chart` takes on average to its first alarm.

    Values are normal with mean `shift` and variance 1, from the first step on. With :math:`\lambda = 1 - q`
    and the limit H, the mean run length from the state u solves

    .. math:: N(u) = 1 + \frac1\lambda \int_{-H}^{H} N(v)\,
              \varphi\!\Big(\frac{v - q u}{\lambda} - \delta\Big)\,dv ,

    a linear system at the nodes of Gauss and Legendre. The answer is :math:`N(0)`.

    Parameters
    ----------
    half_life, limit
        As in `ewma_chart`. Half-lives of one step to some dozens.
    shift
        :math:`\delta`, in standard deviations of one value.

    Returns
    -------
    float
        In steps. Without a shift it is the mean time between the start and a false alarm.

    Raises
    ------
    ValueError
        For a half-life or limit not above 0.

    Notes
    -----
    The method of Crowder (1987) for charts of normal values.

    Examples
    --------
    >>> round(ewma_run_length(6.5788, 2.814)), round(ewma_run_length(6.5788, 2.814, shift=1.0), 1)
    (500, 10.3)
    """
    q, bound = _kept_and_limit(half_life, limit)
    node, weight = np.polynomial.legendre.leggauss(201)
    v, weight = bound * node, bound * weight
    matrix = weight * norm.pdf((v - q * v[:, None]) / (1 - q) - shift) / (1 - q)
    run = np.linalg.solve(np.eye(len(v)) - matrix, np.ones(len(v)))
    return float(1 + (weight * norm.pdf(v / (1 - q) - shift) / (1 - q)) @ run)


def _kept_and_limit(half_life: float, limit: float) -> tuple[float, float]:
    """What a step keeps, and the limit of the decayed mean."""
    for name, given in (("half_life", half_life), ("limit", limit)):
        if not (is_number(given) and 0 < given < math.inf):
            raise ValueError(f"{name} must be a number above 0, got {given!r}")
    q = 2.0 ** (-1 / half_life)
    return q, limit * math.sqrt((1 - q) / (1 + q))
