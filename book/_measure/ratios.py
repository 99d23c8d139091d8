"""From the records of several processes to one row a method: the median of its ratios, and their range.

A process gives one ratio: the median over its rounds of a method's time by the base's time in the same round,
so that what slows both down for a while cancels. Over the processes the median and the range are kept. Where
the range contains 1, the processes do not agree who is faster, and no one may be called so.
"""

from __future__ import annotations

from statistics import median

TIMES = {"ms", "cpu_ms"}


def aggregate(records: list[dict], tables: dict[str, dict]) -> dict[str, list[dict]]:
    """The rows of every table.

    Parameters
    ----------
    records
        What the processes recorded, each with its ``cases`` (see `race.race`).
    tables
        By name, with at least the name of the ratio: ``{"windows": {"ratio": "ratio_to_book"}}``.

    Returns
    -------
    dict
        By table, one row a method and case: facts; ``ms`` and ``cpu_ms``, medians over the processes; the
        ratio of waiting times under its own name with ``range``, that of CPU times as ``cpu_ratio`` with
        ``cpu_range``; and in how many ``processes`` they were measured.

    Examples
    --------
    >>> def record(ours, theirs):
    ...     both = {"ours": ours, "theirs": theirs}
    ...     methods = {name: {"ms": [ms], "cpu_ms": [ms]} for name, ms in both.items()}
    ...     return {"cases": [{"table": "sums", "facts": {"events": 9}, "missing": {}, "methods": methods}]}
    >>> records = [record(2.0, 4.0), record(1.0, 3.0), record(4.0, 2.0)]
    >>> row = aggregate(records, {"sums": {"ratio": "ratio_to_book"}})["sums"][1]
    >>> row["method"], row["ratio_to_book"], row["range"], row["processes"]
    ('theirs', 2.0, [0.5, 3.0], 3)
    """
    entries: dict[tuple, list[dict]] = {}
    order: dict[str, list[tuple]] = {name: [] for name in tables}
    for record in records:
        for case in record["cases"]:
            base = next(iter(case["methods"].values()), {})
            for name, found in case["methods"].items():
                key = (case["table"], tuple(case["facts"].items()), name)
                if key not in entries:
                    order[case["table"]].append(key)
                entries.setdefault(key, []).append(_one_process(found, base))
    return {
        table: [_row(dict(facts), name, entries[_, facts, name], tables[table]["ratio"])
                for _, facts, name in keys]
        for table, keys in order.items()
    }


def missing(records: list[dict]) -> dict[str, str]:
    """The opponents that were not there, and what their import said."""
    cases = [case for record in records for case in record["cases"]]
    return {name: why for case in cases for name, why in case["missing"].items()}


def _one_process(found: dict, base: dict) -> dict:
    kept = {key: value for key, value in found.items() if key not in TIMES}
    if "ms" in found:
        for key, ratio in (("ms", "ratio"), ("cpu_ms", "cpu_ratio")):
            kept[key] = median(found[key])
            # a clock that stands still during a call gives no ratio
            pairs = [a / b for a, b in zip(found[key], base[key], strict=True) if b > 0]
            kept[ratio] = median(pairs) if pairs else None
    return kept


def _row(facts: dict, method: str, processes: list[dict], ratio: str) -> dict:
    row = {**facts, "method": method}
    for key, value in processes[0].items():
        values = [process[key] for process in processes]
        if key in TIMES:
            row[key] = _short(median(values))
        elif key in ("ratio", "cpu_ratio"):
            named, extent = (ratio, "range") if key == "ratio" else ("cpu_ratio", "cpu_range")
            known = [value for value in values if value is not None]
            row[named] = _short(median(known)) if known else None
            row[extent] = [_short(min(known)), _short(max(known))] if known else None
        elif isinstance(value, float):
            row[key] = max(values)                              # of errors the worst
        else:
            row[key] = value
    return {**row, "processes": len(processes)}


def _short(value: float) -> float:
    return float(f"{value:.4g}")
