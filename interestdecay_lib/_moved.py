"""Names that moved to another module, kept where they were for one version."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any


def moved(here: str, places: dict[str, str]) -> Callable[[str], Any]:
    """A module's ``__getattr__`` that finds each name of `places` in the module it names, and warns.

    >>> find = moved("old", {"as_of": "event_log"})
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     find("as_of").__module__, str(caught[0].message)
    ('interestdecay_lib.event_log', 'old.as_of is now interestdecay_lib.event_log.as_of')
    """

    def find(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {here!r} has no attribute {name!r}")
        new = f"interestdecay_lib.{places[name]}"
        warnings.warn(f"{here}.{name} is now {new}.{name}", DeprecationWarning, stacklevel=2)
        return getattr(importlib.import_module(new), name)

    return find
