"""Small matrix products on one thread: splitting them costs more than it saves, and reorders the sums."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any

#: One thread of Python at a time: BLAS remembers its limit partly by process and partly by thread, so that of
#: two overlapping blocks the last one would leave the limit of the first behind.
_one_at_a_time = threading.RLock()


@cache
def _pools() -> Any:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:  # it comes with scikit-learn
        return None
    return ThreadpoolController()  # found once: looking for them costs more than a small fit


@contextmanager
def one_thread() -> Iterator[None]:
    """BLAS and OpenMP on one thread within this block, and on as many as before after it."""
    with _one_at_a_time, nullcontext() if _pools() is None else _pools().limit(limits=1):
        yield
