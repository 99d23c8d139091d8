"""The old place of `event_log`, `tasks` and `windows`; its names warn, and go with the next version."""

import warnings

from interestdecay_lib import event_log, tasks, windows
from interestdecay_lib._arguments import duration
from interestdecay_lib._arguments import moment as _moment  # noqa: F401  (scripts of the reviews call it)
from interestdecay_lib._moved import moved
from interestdecay_lib.event_log import WEEK


def __getattr__(name):
    name = {"PurchaseTask": "EventTask"}.get(name, name)
    return moved(__name__, name, event_log, tasks, windows)


_COLUMNS = {"weeks_since_last": "recency", "event_days": "frequency", "mean_value": "monetary",
            "weeks_since_first": "tenure"}


def purchase_task(log, cut="1997-10-01", horizon_weeks=39, history_weeks=39, half_lives=(), **options):
    """`tasks.event_task` with the defaults that it had: the two halves of CDNOW."""
    warnings.warn("sequences.purchase_task is now interestdecay_lib.tasks.event_task, which has no "
                  "default cut, horizon or history", DeprecationWarning, stacklevel=2)
    return tasks.event_task(log, cut, horizon_weeks, history_weeks, half_lives, **options)


def purchase_features(log, cut, half_lives=()):
    """`tasks.event_features` with the column names that it had, of which two also mean something else."""
    warnings.warn("sequences.purchase_features is now interestdecay_lib.tasks.event_features, with the "
                  f"columns {', '.join(_COLUMNS)}", DeprecationWarning, stacklevel=2)
    return tasks.event_features(log, cut, half_lives).rename(columns=_COLUMNS)


def _span(value, name):
    return duration(value, name, WEEK, "weeks")
