"""Names that moved or changed, kept as they were for one version."""

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
            return _told(f"{here}.{name}", room, name)
    raise AttributeError(f"module {here!r} has no attribute {name!r}")


def renamed(here: ModuleType, name: str, new: dict[str, str]) -> Any:
    """For a module's ``__getattr__``: what `name` is called now, with a warning.

    >>> from interestdecay_lib import event_log
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     renamed(event_log, "before", {"before": "as_of"}) is event_log.as_of, str(caught[0].message)
    (True, 'interestdecay_lib.event_log.before is now interestdecay_lib.event_log.as_of')
    """
    if name not in new:
        raise AttributeError(f"module {here.__name__!r} has no attribute {name!r}")
    return _told(f"{here.__name__}.{name}", here, new[name])


def _told(old: str, room: ModuleType, name: str) -> Any:
    warnings.warn(f"{old} is now {room.__name__}.{name}", DeprecationWarning, stacklevel=4)
    return getattr(room, name)
