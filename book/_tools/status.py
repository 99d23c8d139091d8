"""What there is and what was measured, on the status page: written by `make benchmark` and `make measure`."""

import json
import re

from chapter import parts
from environment import ROOT

PAGE = ROOT / "book/status.md"
RESULTS = ROOT / "book/_data/results.json"
PAGES = ROOT / "book/_data/pages.json"
ROBUST = ROOT / "book/_data/robust.json"
ENOUGH = 5  # processes for a ratio
UNDECIDED = "no difference"
TOO_FEW = "too few processes"
NOT_YET = (
    "The ratios to other tools are not shown: those that stood here came from one run, and on another\n"
    f"machine they did not reproduce. `make benchmark` measures each in {ENOUGH} fresh processes and shows\n"
    "its range.\n"
)
BLOCK = re.compile(r"(<!-- measured:begin -->\n).*?(<!-- measured:end -->)", re.DOTALL)
PARTS_BLOCK = re.compile(r"(<!-- parts:begin -->\n).*?(<!-- parts:end -->)", re.DOTALL)
ROBUST_BLOCK = re.compile(r"(<!-- robust:begin -->\n).*?(<!-- robust:end -->)", re.DOTALL)
PAGE_BLOCK = re.compile(r"(<!-- pages:begin -->\n).*?(<!-- pages:end -->)", re.DOTALL)


def chapters():
    """Markdown table of the parts with their chapters, as `_toc.yml` has them."""
    listed = {caption: ", ".join(f"`{name}`" for name in names) for caption, names in parts().items()}
    rows = [f"| {caption} | {names} |" for caption, names in listed.items()]
    return "\n".join(["| part | chapters |", "| --- | --- |", *rows]) + "\n"


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
        parts.append(
            f"While this was measured, other programs took {others['median']:.0%} of the processors' time "
            f"(median of the processes; at most {others['largest']:.0%})."
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


def weighed(pages):
    """Markdown table of the pages' weight and of how fast they show on an emulated phone."""
    lines = [
        f"The whole site has {pages['site_megabytes']:.0f} MB. Largest contentful paint: median of three "
        f"cold loads from a local server, Chromium {pages['chromium'].split('.')[0]}, 390 × 844 pixels, "
        f"processor slowed down {pages['cpu_slowdown']} times.",
        "",
        "| page | weight with its figures (MB) | largest contentful paint (s) |",
        "| --- | ---: | ---: |",
    ]
    for name, page in pages["pages"].items():
        seconds = page["largest_paint_ms"] / 1000
        lines.append(f"| `{name.removesuffix('.html')}` | {page['kilobytes'] / 1000:.2f} | {seconds:.2f} |")
    return "\n".join(lines) + "\n"


def margins(robust):
    """Markdown table of what the chapters claim of trained networks: how far from failing in other worlds."""
    trained = {name: found for name, found in robust["chapters"].items() if _varying(found)}
    others = min(found["worlds"] for found in robust["chapters"].values())
    lines = [
        f"Measured on {robust['processor']}. In {others} worlds that differ in nothing but the instruction "
        "set every chapter gives its stored outputs. Margin: mean distance from failing, in standard "
        "deviations over the worlds.",
        "",
        "| what trains | worlds | claims that vary | smallest margin | of |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for name, found in [*trained.items(), *robust["tests"].items()]:
        rows = _varying(found)
        worst = min(rows, key=lambda row: row["margin"], default=None)
        told = f"{_margin(worst['margin'])} | `{worst['comparison']}`" if worst else "– | –"
        lines.append(f"| `{name}` | {found['worlds']} | {len(rows)} | {told} |")
    return "\n".join(lines) + "\n"


def _margin(value):
    return f"{value:.2f}" if value < 1000 else "over 1,000"  # nothing but rounding moves it


def _varying(found):
    return [row for claim in found["claims"] for row in claim["comparisons"]]


def page(text, results, pages, robust):
    """The status page with its measured blocks renewed."""
    text = PARTS_BLOCK.sub(lambda match: match[1] + "\n" + chapters() + "\n" + match[2], text)
    text = ROBUST_BLOCK.sub(lambda match: match[1] + "\n" + margins(robust) + "\n" + match[2], text)
    text = BLOCK.sub(lambda match: match[1] + "\n" + measured(results) + "\n" + match[2], text)
    return PAGE_BLOCK.sub(lambda match: match[1] + "\n" + weighed(pages) + "\n" + match[2], text)


def renewed():
    """The status page's text as the stored results want it."""
    stored = [json.loads(file.read_text(encoding="utf-8")) for file in (RESULTS, PAGES, ROBUST)]
    return page(PAGE.read_text(encoding="utf-8"), *stored)


def renew():
    PAGE.write_text(renewed(), encoding="utf-8")


if __name__ == "__main__":
    renew()
