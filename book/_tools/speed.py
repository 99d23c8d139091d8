"""How fast the library is, and against what: the computed part of the page on speed.

`make benchmark` stores the ratios and has this page written; `python book/_tools/speed.py` writes it anew. A
test compares the page with what is computed here.
"""

import json
from statistics import median

import blocks
from environment import ROOT

PAGE = ROOT / "book/speed.md"
RESULTS = ROOT / "book/_data/results.json"
ENOUGH = 5  # processes for a ratio
UNDECIDED = "no difference"
TOO_FEW = "too few processes"
NOT_YET = (
    "The ratios to other tools are not shown: those that stood here came from one run, and on another\n"
    f"machine they did not reproduce. `make benchmark` measures each in {ENOUGH} fresh processes and shows\n"
    "its range.\n"
)


def page(text, results):
    """The page with its computed blocks renewed."""
    made = {"verdict": verdict(results), "beyond": beyond(results), "measured": measured(results)}
    return blocks.renew(text, made)


def renewed():
    """The page's text as the stored results want it."""
    return page(PAGE.read_text(encoding="utf-8"), json.loads(RESULTS.read_text(encoding="utf-8")))


def verdict(results):
    """Who is slower or faster than this book's two sums in every process, at every size that was raced."""
    running, final = results["interest"]["running"], results["interest"]["final"]
    running = [row for row in running if row["events"] >= 1e6 and row["result"] == "sum"]
    final = [row for row in final if row["events"] == 1e7]
    tasks = {"After every event, one and ten million": running, "At one date, ten million": final}
    lines = [
        f"- **{task}.** Slower than this book's in every process: {_named(rows, 'slower')}. "
        f"Faster in every process: {_named(rows, 'faster')}."
        for task, rows in tasks.items()
    ]
    return "\n".join(lines) + "\n"


def _named(rows, how):
    """The opponents whose whole range lies on one side of 1, in every row."""
    agreed = {}
    for row in rows:
        if not row["method"].startswith("this book"):
            low, high = row["range"]
            clear = row["processes"] >= ENOUGH and (low > 1 if how == "slower" else high < 1)
            agreed.setdefault(row["method"].partition(",")[0], []).append(clear)
    return ", ".join(method for method, clear in agreed.items() if all(clear)) or "none"


def beyond(results):
    """Markdown table of the values that are wrong where weights leave the range of a 64-bit number."""
    rows = [row for row in results["interest"]["beyond_range"] if row["result"] == "sum"]
    head = f"| {rows[0]['events']:,} events, half-life a tenth of a day | values that are wrong |"
    told = [f"| {row['method']} | {row['share_wrong']:.0%} |" for row in rows]
    return "\n".join([head, "| --- | ---: |", *told]) + "\n"


def measured(results):
    """Markdown tables of the ratios, each with its range over the processes."""
    rows = [row for name in results["tables"] for row in _at(results, name)]
    if all(row["processes"] < ENOUGH for row in rows):
        return NOT_YET
    parts = [_how_measured(results)]
    for name, table in results["tables"].items():
        rows = [row for row in _at(results, name) if row.get("result") != "wrong"]
        if table["shown"] and rows:
            parts.append(_table(table, rows))
    return "\n\n".join(parts) + "\n"


def _how_measured(results):
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    others = results["others_share"]
    parts = [
        f"Each ratio comes from {ENOUGH} processes, a fresh interpreter each, on {results['cores']} cores "
        f"({versions}); what takes a number of threads has {results['threads']}. Every opponent's result was "
        "compared before it was timed; then all took turns. Loading the log into an opponent's own memory is "
        "not timed, except where reading a file is what is raced.",
        "A ratio is the time one waits for an opponent by the time one waits for this book's function: above "
        "1 means slower than this book's. Shown are the median of the processes and, in brackets, the "
        "smallest and the largest; *CPU* is the same of the time that all processors worked, where an "
        "opponent uses several. Where 1 lies within the range, the processes do not agree who is faster: "
        f'"{UNDECIDED}". '
        "(About two that are equally fast, five processes agree by chance once in sixteen times.)",
    ]
    if others:
        modules = {row["module"] for row in results["processes"]}
        shares = {m: median(row["others_share"] for row in results["processes"] if row["module"] == m)
                  for m in sorted(modules)}
        busiest = max(shares, key=shares.get)
        parts.append(
            f"While this was measured, other programs took {others['median']:.0%} of the processors' time "
            f"(median of the processes; at most {others['largest']:.0%}), most while `{busiest}` was timed "
            f"(median {shares[busiest]:.0%}): an opponent that uses both processors then waits longer, while "
            "its CPU time hardly changes."
        )
    if results["missing"]:
        parts.append(f"Not measured, because not installed: {', '.join(sorted(results['missing']))}.")
    return " ".join(parts)


def _at(results, name):
    """The rows of a table; "interest.final" is stored as {"interest": {"final": rows}}."""
    for part in name.split("."):
        results = results[part]
    return results


def _table(table, rows):
    base, head = rows[0]["method"], table["title"]
    methods = list(dict.fromkeys(row["method"] for row in rows))
    columns = list(dict.fromkeys(row[table["column"]] for row in rows))
    cells = {(row["method"], row[table["column"]]): _cell(row, table["ratio"], base) for row in rows}
    if table["transposed"]:
        cells = {(column, method): cell for (method, column), cell in cells.items()}
        methods, columns = columns, methods[1:]
        head += f" ({rows[0]['events']:,} events each; 1 is {base})"
    named = [f"{column:,}" if isinstance(column, int) else column for column in columns]
    lines = [f"| {head} | " + " | ".join(named) + " |", "| --- |" + " ---: |" * len(columns)]
    lines += [f"| {m} | " + " | ".join(cells.get((m, c), "–") for c in columns) + " |" for m in methods]
    return "\n".join(lines)


def _cell(row, ratio, base):
    if row["method"] == base:
        return "1"
    if row["processes"] < ENOUGH:
        return TOO_FEW
    told = _told(row[ratio], row["range"])
    return f"{told}<br>CPU {_told(row['cpu_ratio'], row['cpu_range'])}" if row["parallel"] else told


def _told(ratio, extent):
    """The median and the range of a ratio, and that nobody is faster if the range contains 1.

    >>> _told(2.046, [1.7, 31.2]), _told(1.2, [0.98, 1.3])
    ('2.05 (1.70–31)', '1.20 (0.98–1.30): no difference')
    """
    if ratio is None:
        return "–"
    low, high = (_digits(value) for value in extent)
    told = f"{_digits(ratio)} ({low}–{high})"
    # judged as printed, so that the brackets and what is said of them agree
    contained = float(low.replace(",", "")) <= 1 <= float(high.replace(",", ""))
    return f"{told}: {UNDECIDED}" if contained else told


def _digits(value):
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


if __name__ == "__main__":
    PAGE.write_text(renewed(), encoding="utf-8")
