"""The computed part of the status page: what there is, how sure the claims are, what the pages weigh."""

import json

import blocks
from chapter import parts
from environment import ROOT

PAGE = ROOT / "book/status.md"
PAGES = ROOT / "book/_data/pages.json"
ROBUST = ROOT / "book/_data/robust.json"


def chapters():
    """Markdown table of the parts with their chapters, as `_toc.yml` has them."""
    listed = {caption: ", ".join(f"`{name}`" for name in names) for caption, names in parts().items()}
    rows = [f"| {caption} | {names} |" for caption, names in listed.items()]
    return "\n".join(["| part | chapters |", "| --- | --- |", *rows]) + "\n"


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
        f"Measured on {_on(robust)}. In {others} worlds that differ in nothing but the instruction "
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


def _on(robust):
    """The processors, and where there are several, what was run on all but the most frequent one."""
    by = {}
    for name, found in [*robust["chapters"].items(), *robust["tests"].items()]:
        by.setdefault(found["processor"], []).append(f"`{name}`")
    most, *others = sorted(by, key=lambda processor: -len(by[processor]))
    return "; ".join([most, *(f"{', '.join(by[other])} on {other}" for other in others)])


def _margin(value):
    return f"{value:.2f}" if value < 1000 else "over 1,000"  # nothing but rounding moves it


def _varying(found):
    return [row for claim in found["claims"] for row in claim["comparisons"]]


def page(text, pages, robust):
    """The status page with its measured blocks renewed."""
    return blocks.renew(text, {"parts": chapters(), "robust": margins(robust), "pages": weighed(pages)})


def renewed():
    """The status page's text as the stored results want it."""
    stored = [json.loads(file.read_text(encoding="utf-8")) for file in (PAGES, ROBUST)]
    return page(PAGE.read_text(encoding="utf-8"), *stored)


def renew():
    PAGE.write_text(renewed(), encoding="utf-8")


if __name__ == "__main__":
    renew()
