"""The benchmark's ratios on the status page: written by `make benchmark`, compared by a test."""

import json
import re

from tasks import ROOT

PAGE = ROOT / "book/status.md"
RESULTS = ROOT / "tests/benchmarks/results.json"
BLOCK = re.compile(r"(<!-- measured:begin -->\n).*?(<!-- measured:end -->)", re.DOTALL)


def measured(results):
    """Markdown tables of the ratios; above 1 means slower than this book's function."""
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    parts = [
        f"One run on {results['cores']} cores ({versions}). A ratio above 1 means: slower than this book's "
        "function. Every opponent's result was compared before it was timed."
    ]
    for title, rows in (
        ("Decayed sum after every event", results["interest"]["running"]),
        ("Decayed sum of every user at one date", results["interest"]["final"]),
        ("Windows inside each user's events", results["windows"]),
    ):
        rows = [row for row in rows if row.get("result") != "wrong"]
        parts.append(_table(title, rows, "events", "{:,}"))
    shape = "{batch} × {steps} × {inputs}, {units} units"
    rows = [{**row, "shape": shape.format(**row)} for row in results["lstm"]]
    parts.append(_table("One LSTM layer forward (batch × steps × inputs)", rows, "shape", "{}"))
    return "\n\n".join(parts) + "\n"


def _table(title, rows, column, form):
    columns = list(dict.fromkeys(row[column] for row in rows))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    ratio = {(row["method"], row[column]): row["ratio_to_book"] for row in rows}
    cell = {key: _two_digits(value) for key, value in ratio.items()}
    lines = [
        f"| {title} | " + " | ".join(form.format(value) for value in columns) + " |",
        "| --- |" + " ---: |" * len(columns),
    ]
    lines += [f"| {m} | " + " | ".join(cell.get((m, c), "–") for c in columns) + " |" for m in methods]
    return "\n".join(lines)


def _two_digits(value):
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def page(text, results):
    """The status page with its measured block renewed."""
    return BLOCK.sub(lambda match: match[1] + "\n" + measured(results) + "\n" + match[2], text)


if __name__ == "__main__":
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")
