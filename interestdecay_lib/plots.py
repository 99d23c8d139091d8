"""The look of the book's figures and tables, and how a notebook shows them with their alternative texts."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

#: Okabe and Ito's colours, told apart by colour-blind readers; the palest of them (yellow) is left out.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]

STYLE = {
    "figure.figsize": (6.4, 3.6),
    "figure.dpi": 110,
    "figure.facecolor": "white",  # in dark mode the page shows figures as light cards
    "figure.constrained_layout.use": True,
    "axes.prop_cycle": mpl.cycler(color=COLORS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e3e3e3",
    "font.size": 10,
    "axes.labelsize": 10,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 4,
}


def use_style() -> None:
    """Give all figures of this session the book's look.

    >>> use_style()
    >>> mpl.rcParams["axes.spines.top"]
    False
    """
    mpl.rcParams.update(STYLE)


def show(figure: Figure, alt: str) -> None:
    """Display a figure with an alternative text, and close it.

    Parameters
    ----------
    figure
        The Matplotlib figure.
    alt
        What the figure shows, in words and numbers, for readers who cannot see it. It is stored with the
        picture and becomes its ``alt`` attribute on the page.
    """
    if not isinstance(alt, str) or len(alt.split()) < 5:
        raise ValueError(f"alt must say in a sentence what the figure shows, got {alt!r}")
    from IPython.display import display

    display(figure, metadata={"image/png": {"alt": " ".join(alt.split())}})
    plt.close(figure)


def say(name: str, value: Any, fmt: str = "") -> None:
    """Make a formatted value available to the text, where the role ``glue:text`` shows it by its name.

    Parameters
    ----------
    name
        Unique in the whole book; begins with the chapter's initials (``df-half-life``).
    value, fmt
        The value and its format specification (``".1f"``); what is stored is the formatted text, so that
        the last digits of another processor do not matter.
    """
    from myst_nb import glue

    glue(name, format(value, fmt), display=False)


def lstm_cell() -> Figure:
    """A drawing of one LSTM step: gates, candidate, cell and output, with the letters of the equations.

    The cell state runs along the top; each tap is drawn in the colour of its gate.

    Examples
    --------
    >>> figure = lstm_cell()
    >>> sorted({text.get_text() for text in figure.axes[0].texts} & {"$f_t$", "$i_t$", "$g_t$", "$o_t$"})
    ['$f_t$', '$g_t$', '$i_t$', '$o_t$']
    >>> plt.close(figure)
    """
    figure, ax = plt.subplots(figsize=(7.2, 4.1))
    ax.set(xlim=(0, 14.4), ylim=(0, 8.2), aspect="equal")
    ax.axis("off")
    ax.add_patch(mpl.patches.FancyBboxPatch((1.9, 1.0), 10.6, 6.3, boxstyle="round,pad=0.2",
                                            facecolor="#f2f2f2", edgecolor="#767676", linewidth=1))

    def way(*corners: tuple[float, float], color: str = "black", width: float = 1.3,
            head: bool = True) -> None:
        ax.plot(*zip(*corners, strict=True), color=color, linewidth=width, solid_joinstyle="round", zorder=1)
        if head:
            ax.annotate("", corners[-1], corners[-2], zorder=1, arrowprops={
                "arrowstyle": "-|>", "color": color, "linewidth": width, "shrinkA": 0, "shrinkB": 0})

    def node(x: float, y: float, text: str) -> None:
        ax.add_patch(mpl.patches.Circle((x, y), 0.34, facecolor="white", edgecolor="black", zorder=3))
        ax.text(x, y, text, ha="center", va="center", fontsize=12, zorder=4)

    cell, output = 6.5, 1.6  # the heights of the two lines
    way((0.4, cell), (13.9, cell), color=COLORS[6], width=3)
    gates = [(3.2, "f", r"$\sigma$", COLORS[1]), (5.2, "i", r"$\sigma$", COLORS[2]),
             (7.2, "g", r"$\tanh$", COLORS[0]), (9.2, "o", r"$\sigma$", COLORS[3])]
    way((0.4, output), (9.2, output), head=False)
    way((2.5, 0.3), (2.5, output), head=False)
    for x, name, squash, color in gates:
        way((x, output), (x, 2.6))
        ax.add_patch(mpl.patches.Rectangle((x - 0.6, 2.6), 1.2, 0.9, facecolor="white", edgecolor=color,
                                           linewidth=2.2, zorder=3))
        ax.text(x, 3.05, squash, ha="center", va="center", fontsize=12, zorder=4)
        ax.text(x + 0.14, 3.78, f"${name}_t$", ha="left", va="center", fontsize=13)
    way((3.2, 3.5), (3.2, cell - 0.34), color=COLORS[1])
    way((5.2, 3.5), (5.2, 4.9), (5.86, 4.9), color=COLORS[2])
    way((7.2, 3.5), (7.2, 4.9), (6.54, 4.9), color=COLORS[0])
    way((6.2, 5.24), (6.2, cell - 0.34))
    way((11.2, cell), (11.2, 5.4), head=True)
    ax.add_patch(mpl.patches.Ellipse((11.2, 5.05), 1.3, 0.7, facecolor="white", edgecolor="black", zorder=3))
    ax.text(11.2, 5.05, r"$\tanh$", ha="center", va="center", fontsize=12, zorder=4)
    way((11.2, 4.7), (11.2, 4.34))
    way((9.2, 3.5), (9.2, 4.0), (10.86, 4.0), color=COLORS[3])
    way((11.2, 3.66), (11.2, output), (13.9, output))
    for x, y, text in [(3.2, cell, r"$\times$"), (6.2, cell, "+"), (6.2, 4.9, r"$\times$"),
                       (11.2, 4.0, r"$\times$")]:
        node(x, y, text)
    for x, y, text, side in [(0.1, 7.0, "$c_{t-1}$", "left"), (14.3, 7.0, "$c_t$", "right"),
                             (0.1, 2.1, "$h_{t-1}$", "left"), (14.3, 2.1, "$h_t$", "right"),
                             (2.75, 0.45, "$x_t$", "left")]:
        ax.text(x, y, text, ha=side, va="center", fontsize=13)
    for x, y, text, side in [(3.5, 5.5, "forget gate:\nwhat stays", "left"),
                             (6.5, 5.75, "what is added", "left"),
                             (4.98, 4.3, "input gate:\nhow much of", "right"),
                             (7.4, 5.1, "the candidate", "left"),
                             (9.03, 4.5, "output gate:\nwhat is shown", "left")]:
        ax.text(x, y, text, ha=side, va="center", fontsize=8.5, color="#333333")
    return figure


class Table:
    """A data frame that shows itself as an accessible table with a caption (made by `table`)."""

    def __init__(self, frame: pd.DataFrame, caption: str) -> None:
        self.frame, self.caption = frame, caption

    def __repr__(self) -> str:
        return f"{self.caption}\n{self.frame.to_string()}"

    def _repr_html_(self) -> str:
        # pandas leaves the corner cell of the index empty; a header cell must say what it heads
        frame = self.frame.copy()
        if frame.columns.name is None and frame.index.name is not None:
            frame.columns.name, frame.index.name = frame.index.name, None
        rendered = frame.to_html(border=0, classes="dataframe book-table", escape=True)
        rendered = rendered.replace("<th>", '<th scope="col">').replace(
            "<thead>", f"<caption>{html.escape(self.caption)}</caption>\n  <thead>", 1
        )
        head, body = rendered.split("<tbody>", 1)
        body = body.replace('<th scope="col">', '<th scope="row">')
        head = head.replace('<th scope="col"></th>', "<td></td>")
        # an interval is read as one piece: it moves to the next line whole
        body = re.sub(r"\[[^\]<]{1,24}\]", lambda match: match[0].replace(" ", "&nbsp;"), body)
        return head + "<tbody>" + body


def table(frame: pd.DataFrame, caption: str, decimals: int | Mapping[str, int] | None = None) -> Table:
    """A data frame as the book shows it: rounded, with a caption, readable by a screen reader.

    Parameters
    ----------
    frame
        The data; its index becomes the row headers.
    caption
        A sentence that says what the table shows.
    decimals
        Decimals of all float columns, or by column name; ``None`` leaves the numbers to pandas.

    Examples
    --------
    >>> table(pd.DataFrame({"age": [0, 7], "weight": [1.0, 0.5]}), "Weights by age in days.", decimals=2)
    Weights by age in days.
       age weight
    0    0   1.00
    1    7   0.50
    """
    if not isinstance(caption, str) or not caption.strip():
        raise ValueError(f"a table needs a caption, got {caption!r}")
    shown = frame.copy()
    if decimals is not None:
        for column in shown.columns:
            places = decimals.get(column) if isinstance(decimals, Mapping) else decimals
            values = shown[column].infer_objects()  # floats beside texts in one frame's rows are objects
            if places is not None and pd.api.types.is_float_dtype(values):
                shown[column] = [_fixed(number, places) for number in values]
    return Table(shown, caption)


def _fixed(number: float, places: int) -> str:
    if pd.isna(number):
        return "–"
    return f"{np.round(number, places) + 0.0:,.{places}f}"  # + 0.0 turns -0.0 into 0.0
