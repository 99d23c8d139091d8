"""What there is and what was measured, on the status page: written by `make benchmark` and `make measure`."""

import json
import re

from chapter import parts
from environment import ROOT

PAGE = ROOT / "book/status.md"
RESULTS = ROOT / "tests/benchmarks/results.json"
PAGES = ROOT / "book/_data/pages.json"
ROBUST = ROOT / "book/_data/robust.json"
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
