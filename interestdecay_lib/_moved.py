"""Names that moved to another module, kept where they were for one version."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any


def moved(here: str, name: str, *rooms: ModuleType) -> Any:
    """For a module's ``__getattr__``: `name` from the room where it is now, with a warning.

    >>> from interestdecay_lib import event_log
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     moved("old", "as_of", event_log) is event_log.as_of, str(caught[0].message)
    (True, 'old.as_of is now interestdecay_lib.event_log.as_of')
    """
    for room in rooms:
        if name in room.__all__:
            told = f"{here}.{name} is now {room.__name__}.{name}"
            warnings.warn(told, DeprecationWarning, stacklevel=3)
            return getattr(room, name)
    raise AttributeError(f"module {here!r} has no attribute {name!r}")
