"""Keras networks of the book, and the few lines that train them.

The builders are plain Keras: layers that ship with Keras, no ``Lambda``, no custom class. A model saved with
``model.save("model.keras")`` therefore loads anywhere with ``keras.saving.load_model(path, safe_mode=True)``
and holds everything it needs, its standardisation included: a reloaded model cannot be fed the wrong scale.

This is the one module of the library that imports TensorFlow, and the one place that silences its start-up
lines. It sets nothing else of your process: threads and oneDNN are as you (or TensorFlow) choose. The book's
own runs take one thread and no oneDNN (``book/_tools/environment.py``): its matrices are small.

Randomness is explicit: `seed` fixes the initial weights in a builder, and the order of the batches in
`fit_network`. No global generator is read or moved. On one machine the same seeds give the same weights;
another processor may round differently, and training widens such differences, so quote trained results
coarsely.
"""

from __future__ import annotations

import logging
import os
import platform
import sys
import time
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # no information lines

import numpy as np


def _require_avx() -> None:
    """Say in one sentence what TensorFlow's builds for x86 say by ending the process."""
    core = np._core if hasattr(np, "_core") else np.core  # NumPy 1 has the second only
    x86 = platform.machine() in ("x86_64", "AMD64")
    if x86 and not core._multiarray_umath.__cpu_features__.get("AVX", True):
        raise ImportError(
            "TensorFlow needs a processor with AVX instructions, which this one does not have. All that "
            "trains no network works without: the other modules of this library, and their chapters"
        )


_require_avx()

import keras  # noqa: E402
import pandas as pd  # noqa: E402
import tensorflow as tf  # noqa: E402

from interestdecay_lib._arguments import whole  # noqa: E402
from interestdecay_lib._moved import renamed  # noqa: E402
from interestdecay_lib.forecasts import Forecast, network_inputs, predict  # noqa: E402
from interestdecay_lib.tasks import EventTask  # noqa: E402

if keras.backend.backend() != "tensorflow":
    raise ImportError(f"the networks of this library run on Keras' TensorFlow backend, not on "
                      f"{keras.backend.backend()!r}; set KERAS_BACKEND=tensorflow before Keras is imported")
logging.getLogger("tensorflow").setLevel(logging.ERROR)  # retracing hints; the import resets the level

__all__ = [
    "CELLS",
    "HEAD_LOSSES",
    "article_lstm",
    "compare_optimizers",
    "fit_network",
    "flat_weights",
    "keras",
    "set_flat_weights",
    "set_seed",
    "tf",
    "weekly_arrays",
    "weekly_network",
]

CELLS: dict[str, type[keras.layers.Layer]] = {
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
    "rnn": keras.layers.SimpleRNN,
}

#: The loss of each head of `weekly_network`: proper for a 0/1 outcome and for a count.
HEAD_LOSSES: dict[str, str] = {"returned": "binary_crossentropy", "counts": "poisson"}

Arrays = np.ndarray | dict[str, np.ndarray]


def set_seed(seed: int) -> None:
    """Seed Python, NumPy and Keras at once, for Keras code of your own.

    The functions of this module do not need it (they take `seed`). It calls ``keras.utils.set_random_seed``,
    which moves the *global* generators: call it once, at the top of a script, never inside a function that
    others use.

    Examples
    --------
    >>> set_seed(7)
    >>> first = keras.random.uniform((2,))
    >>> set_seed(7)
    >>> bool((keras.random.uniform((2,)) == first).numpy().all())
    True
    """
    keras.utils.set_random_seed(int(seed))


def _positive(**sizes: int) -> None:
    for name, size in sizes.items():
        whole(size, name)


def article_lstm(
    steps: int, features: int = 1, activation: str = "relu", *, units: int = 50, seed: int = 0
) -> keras.Sequential:
    """LSTM(50) - LSTM(50) - Dense(1): the network of the first two source articles, with a declared input.

    Article A (5.2) prints it with ``activation="relu"``, article B (5.2) with Keras' default ``"tanh"``.
    Parameters: ``4·u·(features + u + 1) + 4·u·(2·u + 1) + u + 1`` with u units.

    Parameters
    ----------
    steps, features : int
        Shape of one input row, ``(steps, features)``.
    activation : {"relu", "tanh"}
        Of both LSTM layers, in place of both tanh of the cell. ReLU leaves the cell state unbounded.
    units : int
        Units of each LSTM layer.
    seed : int
        Of the initial weights.

    Returns
    -------
    keras.Sequential
        Not compiled; `fit_network` does that. Output shape ``(n, 1)``, linear.

    Examples
    --------
    >>> article_lstm(steps=11).count_params()
    30651
    """
    _positive(steps=steps, features=features, units=units)
    if activation not in ("relu", "tanh"):
        raise ValueError(f'activation must be "relu" or "tanh", got {activation!r}')
    init = keras.initializers
    return keras.Sequential(
        [
            keras.Input((steps, features)),
            keras.layers.LSTM(
                units,
                activation=activation,
                return_sequences=True,
                seed=seed,
                kernel_initializer=init.GlorotUniform(seed),
                recurrent_initializer=init.Orthogonal(seed=seed + 1),
            ),
            keras.layers.LSTM(
                units,
                activation=activation,
                kernel_initializer=init.GlorotUniform(seed + 2),
                recurrent_initializer=init.Orthogonal(seed=seed + 3),
                seed=seed,
            ),
            keras.layers.Dense(1, kernel_initializer=init.GlorotUniform(seed + 4)),
        ],
        name="article_lstm",
    )


def weekly_network(
    steps: int,
    features: int,
    units: int = 32,
    cell: str = "lstm",
    dropout: float = 0.0,
    l2: float = 0.0,
    static: Iterable[str] = (),
    *,
    seed: int = 0,
) -> keras.Model:
    """One recurrent trunk, two answers: will this user return (`returned`), and how often (`counts`).

    With h the last hidden state of the trunk, of size `units`::

        returned  p  = sigmoid(w_p · h + b_p)     in (0, 1)     loss: binary cross-entropy
        counts    mu = exp(w_mu · h + b_mu)       above 0       loss: Poisson

    Inputs are standardised inside the model by ``keras.layers.Normalization`` layers, whose means and
    variances `fit_network` takes from its training rows, and only from these.

    Parameters
    ----------
    steps, features : int
        Shape of one customer's history, e.g. 39 weeks × 3.
    units : int
        Size of the trunk's state.
    cell : {"lstm", "gru", "rnn"}
        Kind of trunk.
    dropout : float in [0, 1)
        Share of h set to zero while training.
    l2 : float
        Adds ``l2 · Σ w²`` over all kernels (not biases) to the loss. Its gradient is ``2 · l2 · w``.
    static : iterable of str
        Names of further inputs, one number per customer each, joined to h: columns of ``task.features``. They
        enter the model as ``log(1 + column)``; `weekly_arrays` prepares them.
    seed : int
        Of the initial weights and of the dropout masks.

    Returns
    -------
    keras.Model
        Not compiled. Input: an array ``(n, steps, features)``, or with `static` a dict with the key
        ``weekly`` and one ``(n, 1)`` array per name. Output: dict of two ``(n, 1)`` arrays.

    Raises
    ------
    ValueError
        A size below 1, an unknown cell, a dropout outside [0, 1), a negative l2, a repeated name in `static`.

    Examples
    --------
    >>> model = weekly_network(steps=39, features=3, units=8)
    >>> sorted(model.output)
    ['counts', 'returned']
    >>> int(sum(np.prod(w.shape) for w in model.trainable_weights)) == 4 * 8 * (3 + 8 + 1) + 2 * (8 + 1)
    True
    """
    _positive(steps=steps, features=features, units=units)
    if cell not in CELLS:
        raise ValueError(f"cell must be one of {sorted(CELLS)}, got {cell!r}")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must lie in [0, 1), got {dropout!r}")
    if not l2 >= 0:
        raise ValueError(f"l2 must be zero or positive, got {l2!r}")
    names = [static] if isinstance(static, str) else list(static)
    if len(set(names)) != len(names) or "weekly" in names:
        raise ValueError(f'static must name different columns, none of them "weekly", got {names}')

    def penalty() -> keras.regularizers.Regularizer | None:
        return keras.regularizers.L2(l2) if l2 else None

    weekly = keras.Input((steps, features), name="weekly")
    h = CELLS[cell](
        units,
        kernel_initializer=keras.initializers.GlorotUniform(seed),
        recurrent_initializer=keras.initializers.Orthogonal(seed=seed + 1),
        kernel_regularizer=penalty(),
        recurrent_regularizer=penalty(),
        seed=seed,  # unused without recurrent dropout; without it Keras draws one from the global generator
        name=cell,
    )(keras.layers.Normalization(name="standardise_weekly")(weekly))
    extra = {name: keras.Input((1,), name=name) for name in names}
    if extra:
        scaled = [keras.layers.Normalization(name=f"standardise_{name}")(x) for name, x in extra.items()]
        h = keras.layers.Concatenate(name="joined")([h, *scaled])
    if dropout:
        h = keras.layers.Dropout(dropout, seed=seed + 2, name="dropout")(h)

    def head(name: str, activation: str, k: int) -> Any:
        init = keras.initializers.GlorotUniform(seed + k)
        dense = keras.layers.Dense(
            1, activation=activation, kernel_initializer=init, kernel_regularizer=penalty(), name=name
        )
        return dense(h)

    outputs = {"returned": head("returned", "sigmoid", 3), "counts": head("counts", "exponential", 4)}
    return keras.Model({"weekly": weekly, **extra} if extra else weekly, outputs, name=f"weekly_{cell}")


def flat_weights(model: keras.Model) -> np.ndarray:
    """All numbers of a model as one float32 vector, its standardisation included: small enough to store.

    In the order of ``model.get_weights()``, each array row by row. A model to hand on is saved by
    ``model.save``: this vector does not know the architecture.

    Examples
    --------
    >>> flat_weights(article_lstm(steps=11)).shape
    (30651,)
    """
    return np.concatenate([np.ravel(w).astype(np.float32) for w in model.get_weights()])


def set_flat_weights(model: keras.Model, numbers: np.ndarray) -> keras.Model:
    """Give `model`, in place, the numbers that `flat_weights` took from one of the same architecture.

    Keras' ``set_weights`` alone would leave a Normalization layer on its old scale.

    Returns
    -------
    keras.Model
        The same model.

    Raises
    ------
    ValueError
        Another number of values than the model has, or a value that is not finite.

    Examples
    --------
    >>> first, second = article_lstm(3, units=2, seed=0), article_lstm(3, units=2, seed=9)
    >>> bool((flat_weights(set_flat_weights(second, flat_weights(first))) == flat_weights(first)).all())
    True
    """
    numbers, old = np.asarray(numbers, dtype=np.float32), model.get_weights()
    sizes = [w.size for w in old]
    if numbers.shape != (sum(sizes),):
        raise ValueError(f"{model.name} has {sum(sizes):,} numbers, got an array of shape {numbers.shape}; "
                         "build the model with the sizes that the numbers were stored for")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{int((~np.isfinite(numbers)).sum())} of the numbers are NaN or infinite")
    parts = np.split(numbers, np.cumsum(sizes)[:-1])
    model.set_weights([part.reshape(w.shape).astype(w.dtype) for part, w in zip(parts, old, strict=True)])
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    return model


def weekly_arrays(
    task: EventTask, rows: np.ndarray | None = None, static: Iterable[str] = ()
) -> tuple[Arrays, dict[str, np.ndarray]]:
    """Inputs and targets of `weekly_network` for some customers of a labelled `tasks.EventTask`.

    Parameters
    ----------
    task : tasks.EventTask
        For a task whose future is not known use `forecasts.predict`.
    rows : array of int, optional
        Positions of the customers, e.g. from `tasks.split_users`; all of them by default.
    static : iterable of str
        Columns of ``task.features`` to add, as ``log(1 + column)``.

    Returns
    -------
    inputs : array (m, weeks, features), or dict with ``weekly`` and one (m, 1) array per name
    targets : dict with ``returned`` and ``counts``, float32 (m, 1)

    Raises
    ------
    KeyError
        A name in `static` that is no column of ``task.features``.
    ValueError
        The outcomes of the task are not known.
    """
    names = [static] if isinstance(static, str) else list(static)
    if missing := [name for name in names if name not in task.features.columns]:
        raise KeyError(f"{missing} are no columns of task.features; there are {list(task.features.columns)}")
    chosen = task if rows is None else task.take(rows)
    inputs = network_inputs(chosen, names)
    returned, counts = chosen.outcomes()
    targets = {"returned": returned, "counts": counts}
    targets = {name: target.astype(np.float32)[:, None] for name, target in targets.items()}
    return inputs if names else inputs["weekly"], targets


def _leaves(arrays: Arrays) -> list[np.ndarray]:
    return list(arrays.values()) if isinstance(arrays, Mapping) else [arrays]


def _checked(name: str, pair: tuple[Arrays, Arrays]) -> tuple[Arrays, Arrays]:
    """The pair as float32, targets with a last axis; refuses what Keras would silently train on."""
    pair = tuple(np.asarray(part) if isinstance(part, list) else part for part in pair)
    x, y = tf.nest.map_structure(lambda a: np.asarray(a, dtype=np.float32), tuple(pair))
    sizes = sorted({len(a) for part in (x, y) for a in _leaves(part)})
    if len(sizes) != 1 or sizes[0] == 0:
        raise ValueError(f"{name}: inputs and targets need the same number of rows, above 0, got {sizes}")
    for what, part in (("inputs", x), ("targets", y)):
        if not all(np.isfinite(a).all() for a in _leaves(part)):
            raise ValueError(f"{name}: the {what} hold NaN or infinite values; clean them before training")
    y = tf.nest.map_structure(lambda a: a[:, None] if a.ndim == 1 else a, y)
    return x, y


def _standardise(model: keras.Model, x: Arrays) -> None:
    """Give every Normalization layer the mean and variance of the training rows `x`."""
    for layer in model.layers:
        if not isinstance(layer, keras.layers.Normalization):
            continue
        values = x[layer.name.removeprefix("standardise_")] if isinstance(x, Mapping) else x
        rows = values.reshape(-1, values.shape[-1])
        constant = (rows == rows[0]).all(axis=0)
        if (constant & ~np.isin(rows[0], (0, 1))).any():
            raise ValueError(
                f"layer {layer.name}: input feature(s) {np.flatnonzero(constant).tolist()} have one "
                "value in all training rows and cannot be standardised; drop them or train on more rows"
            )
        layer.adapt(values)
        if constant.any():  # a mask that hides nothing here: its variance of 0 would blow up where it does
            layer.adapt_variance.assign(np.where(constant, 1.0, layer.adapt_variance.numpy()))
            layer.finalize_state()


def _optimizer(
    optimizer: str | keras.optimizers.Optimizer, learning_rate: float | None, clipnorm: float | None
):
    if not isinstance(optimizer, str):
        if learning_rate is not None:
            raise ValueError("give learning_rate to the optimizer object, or name the optimizer by a string")
        return optimizer
    kinds = {
        k.__name__.lower(): k
        for k in (
            keras.optimizers.SGD,
            keras.optimizers.Adam,
            keras.optimizers.RMSprop,
            keras.optimizers.Adagrad,
        )
    }
    if optimizer.lower() not in kinds:
        raise ValueError(f"optimizer must be one of {sorted(kinds)} or a keras optimizer, got {optimizer!r}")
    rate = {} if learning_rate is None else {"learning_rate": learning_rate}
    # the norm of all arrays together: Keras' ``clipnorm`` would shorten each by itself and turn the step
    return kinds[optimizer.lower()](global_clipnorm=clipnorm, **rate)


def _has_two_heads(model: keras.Model) -> bool:
    return set(getattr(model, "output_names", ())) == set(HEAD_LOSSES)


def _default_loss(model: keras.Model) -> Any:
    return HEAD_LOSSES if _has_two_heads(model) else "mse"


def _shuffled(x: Arrays, y: Arrays, batch_size: int, seed: int) -> tuple[tf.data.Dataset, int]:
    """Endless batches, all rows once an epoch in an order that depends on `seed` and epoch alone; steps.

    Keras' and tf.data's own shuffling would mix in the global seed. The rows are shared out evenly: 9 rows
    left over for a last batch would move the weights as far as 512 do, right before the validation.
    """
    n = len(_leaves(x)[0])
    steps = -(-n // batch_size)
    x, y = tf.nest.map_structure(tf.constant, (x, y))

    def epoch(k: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(tf.range(n), seed=[seed, k])
        return tf.data.Dataset.range(steps).map(lambda b: order[b * n // steps : (b + 1) * n // steps])

    def take(rows: tf.Tensor) -> Any:
        return tf.nest.map_structure(lambda a: tf.gather(a, rows), (x, y))

    return tf.data.Dataset.counter().flat_map(epoch).map(take), steps


def _batched(pair: tuple[Arrays, Arrays]) -> tf.data.Dataset:
    """Validation rows in large batches: given as arrays, each look at them would cost Keras 20 ms more."""
    return tf.data.Dataset.from_tensor_slices(pair).batch(4096)


def _create_variables(model: keras.Model, x: Arrays, y: Arrays) -> None:
    """Of the optimiser and the losses; a step that had to create them would be traced twice."""
    model.optimizer.build(model.trainable_variables)
    x, y = tf.nest.map_structure(lambda a: a[:1], (x, y))
    model.compute_loss(x, y, model(x, training=False))


def fit_network(
    model: keras.Model,
    train: tuple[Arrays, Arrays],
    validation: tuple[Arrays, Arrays] | None = None,
    *,
    seed: int = 0,
    epochs: int = 40,
    patience: int | None = 6,
    batch_size: int = 512,
    optimizer: str | keras.optimizers.Optimizer = "adam",
    learning_rate: float | None = None,
    clipnorm: float | None = 1.0,
    loss: Any = None,
    loss_weights: dict[str, float] | None = None,
    standardise: bool = True,
) -> pd.DataFrame:
    """Train `model` in place, with early stopping, and return its learning curves.

    What happens, in order: standardisation layers are fitted to the training inputs; the model is compiled;
    every epoch visits all training rows once in a new order; with `validation` and `patience`, training stops
    when the validation loss has not fallen for `patience` epochs, and the weights of the best epoch are
    restored.

    Parameters
    ----------
    model : keras.Model
        From a builder of this module, or any Keras model.
    train, validation : (inputs, targets)
        Arrays or dicts of arrays with one row per sample, e.g. from `weekly_arrays`.
    seed : int
        Of the order of the batches.
    epochs, batch_size : int
        Most epochs, and most rows per step; the steps of an epoch share the rows evenly.
    patience : int or None
        None trains all epochs and keeps the last weights.
    optimizer : {"adam", "sgd", "rmsprop", "adagrad"} or a Keras optimizer
    learning_rate : float, optional
        For a named optimizer; Keras' default otherwise (0.001; 0.01 for SGD).
    clipnorm : float or None
        A gradient of all weights together that is longer than this is scaled down to this length, its
        direction kept (named optimizers only).
    loss, loss_weights : optional
        As in ``model.compile``. Default: `HEAD_LOSSES` for two heads, mean squared error otherwise.
    standardise : bool
        Take means and variances from the training rows. False keeps those that the model has: for a trained
        model that is trained further, whose weights were learnt on its own scale.

    Returns
    -------
    DataFrame
        One row per epoch (index 1, 2, ...), columns as Keras names them: ``loss``, ``val_loss``, with two
        heads also ``returned_loss``, ... The training loss is the mean over the epoch, while the weights move
        and dropout acts; the validation loss is taken at its end. ``history.attrs`` holds ``best_epoch`` and
        ``seconds``.

    Raises
    ------
    ValueError
        Different numbers of rows, values that are not finite, a constant input feature that is neither 0 nor
        1 throughout, an unknown optimizer.

    Examples
    --------
    >>> x = np.linspace(0, 1, 40).reshape(20, 2, 1)
    >>> history = fit_network(article_lstm(2, units=2), (x, x[:, -1, 0]), epochs=3, patience=None)
    >>> history.index.tolist(), "val_loss" in history
    ([1, 2, 3], False)
    """
    _positive(epochs=epochs, batch_size=batch_size)
    x, y = _checked("train", train)
    held_out = _batched(_checked("validation", validation)) if validation is not None else None
    if standardise:
        _standardise(model, x)
    model.compile(
        optimizer=_optimizer(optimizer, learning_rate, clipnorm),
        loss=_default_loss(model) if loss is None else loss,
        loss_weights=loss_weights,
        jit_compile=False,  # XLA's compilation takes longer than the book's training runs
    )
    _create_variables(model, x, y)
    stop = []
    if held_out is not None and patience is not None:
        stop = [keras.callbacks.EarlyStopping("val_loss", patience=patience, restore_best_weights=True)]
    started = time.perf_counter()
    batches, steps = _shuffled(x, y, batch_size, seed)
    fitted = model.fit(
        batches,
        steps_per_epoch=steps,
        shuffle=False,  # done already
        validation_data=held_out,
        epochs=epochs,
        callbacks=stop,
        verbose=0,
    )
    history = pd.DataFrame(fitted.history)
    history.index = pd.RangeIndex(1, len(history) + 1, name="epoch")
    best = history["val_loss"].idxmin() if stop and history["val_loss"].notna().any() else len(history)
    history.attrs.update(best_epoch=int(best), seconds=time.perf_counter() - started)
    return history


def compare_optimizers(
    model: keras.Model,
    train: tuple[Arrays, Arrays],
    validation: tuple[Arrays, Arrays],
    optimizers: Iterable[str] = ("sgd", "adam", "rmsprop", "adagrad"),
    learning_rates: Iterable[float] = (0.0003, 0.003, 0.03),
    *,
    seed: int = 0,
    epochs: int = 10,
    batch_size: int = 256,
    clipnorm: float | None = 1.0,
    loss: Any = None,
    loss_weights: dict[str, float] | None = None,
) -> pd.DataFrame:
    """Learning curves of several optimisers and learning rates from one start, on the same batches.

    Every run begins at the weights `model` has when it is given, visits the rows in the same order, and
    starts with an empty optimiser; only the rule that turns a gradient into a step differs. The model is
    given back with its first weights.

    Returns
    -------
    DataFrame
        Columns ``optimizer``, ``learning_rate``, ``epoch`` (0 is the common start), ``val_loss``; a run that
        overflows holds NaN.
    """
    _positive(epochs=epochs, batch_size=batch_size)
    x, y = _checked("train", train)
    held_out = tf.nest.map_structure(tf.constant, _checked("validation", validation))
    _standardise(model, x)
    model.compile(loss=_default_loss(model) if loss is None else loss, loss_weights=loss_weights)
    weights, start, rows = model.trainable_variables, model.get_weights(), []

    # what all runs share is traced once; ``fit`` would trace a step for every optimiser
    @tf.function(reduce_retracing=True)
    def gradients(x: Any, y: Any) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            value = model.compute_loss(x, y, model(x, training=True))
        return tape.gradient(value, weights)

    @tf.function
    def validation_loss() -> tf.Tensor:
        x, y = held_out
        return model.compute_loss(x, y, model(x, training=False))

    batches, steps = _shuffled(x, y, batch_size, seed)
    first = float(validation_loss())
    for name in optimizers:
        optimizer = _optimizer(name, None, clipnorm)
        optimizer.build(weights)
        empty = [variable.numpy() for variable in optimizer.variables]
        apply = tf.function(optimizer.apply, autograph=False)
        for rate in learning_rates:
            for variable, value in zip(optimizer.variables, empty, strict=True):
                variable.assign(value)
            optimizer.learning_rate = rate
            rows.append((name, rate, 0, first))
            for step, batch in enumerate(batches.take(epochs * steps), start=1):  # begins anew each time
                apply(gradients(*batch))
                if step % steps == 0:
                    rows.append((name, rate, step // steps, float(validation_loss())))
            model.set_weights(start)
    return pd.DataFrame(rows, columns=["optimizer", "learning_rate", "epoch", "val_loss"])


def predict_purchases(model: keras.Model, task: EventTask, rows: np.ndarray | None = None) -> Forecast:
    """The old name of `forecasts.predict`, for some rows of a task."""
    warnings.warn("networks.predict_purchases is now forecasts.predict(model, task.take(rows))",
                  DeprecationWarning, stacklevel=2)
    return predict(model, task if rows is None else task.take(rows))


def __getattr__(name):
    return renamed(sys.modules[__name__], name, {
        "purchase_network": "weekly_network", "purchase_arrays": "weekly_arrays",
        "PURCHASE_LOSSES": "HEAD_LOSSES"})
