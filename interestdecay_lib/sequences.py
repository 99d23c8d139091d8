"""The old place of `event_log`, `tasks` and `windows`; its names warn, and go with the next version."""

from interestdecay_lib._moved import moved

__getattr__ = moved(__name__, {
    **dict.fromkeys(("DAY", "WEEK", "as_of", "merge_same_day"), "event_log"),
    **dict.fromkeys(("PurchaseTask", "calibration_holdout", "purchase_features", "purchase_task",
                     "rolling_origins", "split_users", "weekly_counts"), "tasks"),
    **dict.fromkeys(("event_windows", "last_events", "sliding_windows"), "windows"),
})
