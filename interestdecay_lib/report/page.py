"""The page: sections of sentences, tables and pictures as one HTML file that asks nobody for anything.

Why no executed notebook: a page that a manager reads has no use for cells, a kernel would hold the log a
second time, and what stands here is escaped in one place. So the page is text with pictures as inline SVG,
whose colours follow the reader's light or dark mode; there is no script.
"""

from __future__ import annotations

import html
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from interestdecay_lib.report.measuring import Clock, FirstLook, Forecasts
from interestdecay_lib.report.sentences import Sentence

GENERATOR = "interestdecay_lib.report"


@dataclass(frozen=True)
class Table:
    """A table of texts with a caption; `file` is the CSV that holds its numbers."""

    caption: str
    frame: pd.DataFrame
    file: str = ""


@dataclass(frozen=True)
class Picture:
    """An SVG, the finding that it shows in words, and its caption."""

    svg: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Section:
    title: str
    blocks: Sequence[Sentence | Table | Picture] = field(default=())
    as_list: bool = False  # sentences as points

    @property
    def anchor(self) -> str:
        return re.sub(r"[^a-z]+", "-", self.title.lower()).strip("-")


# -- HTML ----------------------------------------------------------------------------------------------------

_CSS = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1b1b; --soft: #555555; --rule: #c8c8c8;
  --link: #0b5a99; --blue: #0072b2; --red: #b34700; --warn: #fff4dd; --warnrule: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181b; --ink: #e6e6e6; --soft: #b0b0b0;
  --rule: #50555b; --link: #7cc0f4; --blue: #5db3ec; --red: #ff9457; --warn: #33290f; --warnrule: #e0a53a; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", "Noto Sans", "PingFang SC", "Microsoft YaHei",
  sans-serif; }
header, main, footer { max-width: 46rem; margin: 0 auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 1.5rem 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .5rem; }
p, li { margin: .5rem 0; overflow-wrap: anywhere; }
a { color: var(--link); }
.of { color: var(--soft); margin: 0; }
.warning { background: var(--warn); border-inline-start: .25rem solid var(--warnrule); padding: .4rem .7rem; }
nav ul { padding-inline-start: 1.2rem; columns: 2; }
figure { margin: 1rem 0; }
figure svg { width: 100%; height: auto; max-width: 34rem; display: block; }
figcaption, caption { color: var(--soft); font-size: .92rem; text-align: start; caption-side: top;
  padding: 0 0 .3rem; }
.table { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--rule); padding: .3rem .6rem; text-align: end; vertical-align: top; }
td.words { text-align: start; min-width: 12rem; }
th[scope=row], thead th:first-child { text-align: start; font-weight: 600; }
footer { color: var(--soft); font-size: .92rem; margin-top: 3rem; padding-bottom: 3rem; }
@media (max-width: 30rem) { nav ul { columns: 1; } }
@media print { nav { display: none; } .table { overflow: visible; } }
"""


def render(title: str, of: str, sections: Sequence[Section], foot: Sequence[str]) -> str:
    """The whole page; every text is escaped here, the pictures' SVG is our own."""
    inner = "\n".join(_section(section, number) for number, section in enumerate(sections))
    links = "".join(f'<li><a href="#{s.anchor}">{_text(s.title)}</a></li>' for s in sections[1:])
    feet = "".join(f"<p>{_text(line)}</p>" for line in foot)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="{GENERATOR}">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{_text(title)}</title>
<style>{_CSS}</style>
</head>
<body>
<header><h1>{_text(title)}</h1><p class="of">{_text(of)}</p></header>
<main>
{inner.replace("<!--contents-->", f'<nav aria-label="Contents"><ul>{links}</ul></nav>', 1)}
</main>
<footer>{feet}</footer>
</body>
</html>
"""


def _text(text: object) -> str:
    return html.escape(str(text), quote=True)


def _section(section: Section, number: int) -> str:
    blocks = [_block(block, f"p{number}-{k}", section.as_list) for k, block in enumerate(section.blocks)]
    inner = "\n".join(blocks)
    if section.as_list:
        inner = f"<ul>\n{inner}\n</ul>"
    after = "\n<!--contents-->" if number == 0 else ""
    return (
        f'<section aria-labelledby="{section.anchor}"><h2 id="{section.anchor}">{_text(section.title)}</h2>\n'
        f"{inner}{after}\n</section>"
    )


def _block(block: Sentence | Table | Picture, key: str, as_point: bool) -> str:
    if isinstance(block, Sentence):
        tag, kind = ("li" if as_point else "p"), ' class="warning"' if block.warning else ""
        return f'<{tag}{kind} data-finding="{_text(block.name)}">{_text(block.text)}</{tag}>'
    if isinstance(block, Picture):
        svg = _own_ids(block.svg, key).replace(
            "<svg ", f'<svg role="img" aria-label="{_text(block.alt)}" ', 1
        )
        return f"<figure>{svg}<figcaption>{_text(block.caption)}</figcaption></figure>"
    frame = block.frame
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in [frame.index.name or "", *frame.columns])
    rows = "".join(
        f'<tr><th scope="row">{_text(name)}</th>' + "".join(map(_cell, row)) + "</tr>\n"
        for name, row in zip(frame.index, frame.to_numpy(dtype=object), strict=True)
    )
    file = f" (numbers: tables/{block.file})" if block.file else ""
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="{_text(block.caption)}"><table>'
        f"<caption>{_text(block.caption + file)}</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{rows}</tbody></table></div>"
    )


def _cell(text: object) -> str:
    words = ' class="words"' if len(str(text).split()) > 4 else ""
    return f"<td{words}>{_text(text)}</td>"


def _own_ids(svg: str, key: str) -> str:
    """Names of an SVG's parts that no other picture on the page has."""
    svg = re.sub(r'\bid="', f'id="{key}-', svg)
    return re.sub(r'(href="#|url\(#)', rf"\1{key}-", svg)


# -- pictures ------------------------------------------------------------------------------------------------

_INK, _BLUE, _RED = "#010203", "#010204", "#010205"  # stand for colours of the page, put in by _svg


def _svg(draw, height: float = 2.9) -> str:
    """What `draw` draws into an axes, as SVG with the page's own colours and letters."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style = {
        "svg.fonttype": "none",
        "svg.hashsalt": GENERATOR,
        "font.size": 10,
        "axes.edgecolor": _INK,
        "axes.labelcolor": _INK,
        "xtick.color": _INK,
        "ytick.color": _INK,
        "text.color": _INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": _INK,
        "grid.alpha": 0.15,
        "lines.linewidth": 1.8,
        "legend.frameon": False,
    }
    with rc_context(style):
        figure = Figure(figsize=(5.2, height), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.subplots())
        out = io.StringIO()
        figure.savefig(
            out,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(
        r'<svg ([^>]*?)(?:width|height)="[^"]*" ([^>]*?)(?:width|height)="[^"]*"', r"<svg \1\2", svg, count=1
    )
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font: \1px system-ui, sans-serif", svg)
    for mark, colour in ((_INK, "var(--ink)"), (_BLUE, "var(--blue)"), (_RED, "var(--red)")):
        svg = svg.replace(mark, colour)
    return svg


def of_periods(seen: FirstLook) -> Picture:
    """Events a week, or a day."""
    events = seen.periods["events"]

    def draw(ax):
        ax.plot(events.index, events, color=_BLUE)
        ax.set(ylabel=f"events a {seen.period}", ylim=(0, None))
        for label in ax.get_xticklabels():
            label.set(rotation=30, ha="right")

    return Picture(
        _svg(draw),
        f"Events a {seen.period}: {events.iloc[0]:,} in the first, at most {events.max():,} "
        f"({events.idxmax().date()}), at least {events.min():,}, {events.iloc[-1]:,} in the last.",
        f"Events of all users, {seen.period} by {seen.period}.",
    )


def of_clock(clock: Clock) -> Picture | None:
    """What was counted by age, and the fitted curve."""
    if clock.counts is None:
        return None
    age, rate = clock.counts.age, clock.counts.raw_rate
    known = np.isfinite(rate)
    if known.sum() < 2:
        return None
    age, rate = age[known], rate[known]
    one, since = clock.unit[:-1], "the first event" if clock.name == "first" else "the last event"
    what = "active days" if clock.unit != "hours" else "active hours"
    label = (
        f"{what} of a user, per {one}" if clock.name == "first" else f"hazard of the next event, per {one}"
    )
    drawn = clock.falls

    def draw(ax):
        ax.plot(age, rate, "o", color=_BLUE, markersize=3.5)
        if drawn:
            ax.plot(age, clock.fit.rate(age), color=_RED)
        ax.set(xlabel=f"{clock.unit} since {since}", ylabel=label, ylim=(0, None))

    middle = len(age) // 2
    curve = (
        f" The fitted exponential halves within {clock.fit.half_life:.3g} {clock.unit}."
        if drawn
        else " No curve is drawn, since none is determined."
    )
    return Picture(
        _svg(draw),
        f"{label[0].upper()}{label[1:]}, by {clock.unit} since {since}: {rate[0]:.3g} at "
        f"{age[0]:g}, {rate[middle]:.3g} at {age[middle]:g}, {rate[-1]:.3g} at {age[-1]:g}.{curve}",
        f"By the time since {since}: what was counted (points)"
        + (", and the exponential (line)." if drawn else "."),
    )


def of_silence(forecasts: Forecasts) -> Picture | None:
    """Share of users who returned, by their silence."""
    table = forecasts.silence
    if table is None or len(table) < 2:
        return None

    def draw(ax):
        x = np.arange(len(table))
        ends = [table["share"] - table["low"], table["high"] - table["share"]]
        ax.errorbar(x, 100 * table["share"], yerr=100 * np.array(ends), fmt="o", color=_BLUE, capsize=3)
        ax.set_xticks(x, list(table.index), rotation=30, ha="right")
        ax.set(xlabel="weeks of silence", ylabel="returned (%)", ylim=(0, None))

    told = "; ".join(f"{name} weeks {100 * row['share']:.0f} %" for name, row in table.iterrows())
    return Picture(
        _svg(draw),
        f"Share of users who returned within {forecasts.horizon_days} days, by their silence before: {told}.",
        f"Who came back within {forecasts.horizon_days} days, by the silence on "
        f"{forecasts.cut.date()}; bars are 95 % intervals.",
    )


def of_calibration(forecasts: Forecasts) -> Picture | None:
    """What was told and what came."""
    table = forecasts.calibration
    if table is None or len(table) < 2:
        return None
    top = 100 * max(table["predicted"].max(), table["high"].max()) * 1.05

    def draw(ax):
        ends = [table["actual"] - table["low"], table["high"] - table["actual"]]
        ax.plot([0, top], [0, top], color=_INK, linewidth=1, linestyle="--")
        ax.errorbar(
            100 * table["predicted"],
            100 * table["actual"],
            yerr=100 * np.array(ends),
            fmt="o",
            color=_BLUE,
            capsize=3,
        )
        ax.set(xlabel="chance told (%)", ylabel="came back (%)", xlim=(0, top), ylim=(0, top))

    told = "; ".join(
        f"told {100 * row['predicted']:.0f} %, came {100 * row['actual']:.0f} %"
        for _, row in table.iterrows()
    )
    return Picture(
        _svg(draw),
        f"Chances told before the test period and shares that came: {told}.",
        f"What {forecasts.chosen} told of groups of users before the test period, and how many of them "
        "came; on the dashed line both are equal, bars are 95 % intervals.",
    )


# -- numbers as texts ----------------------------------------------------------------------------------------


def fixed(value: object, decimals: int = 3) -> str:
    """A number for a table.

    >>> fixed(1234.5678), fixed(0.12345), fixed(float("nan"))
    ('1,235', '0.123', '–')
    """
    value = float(value)
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{decimals}f}"
