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
            if places is not None and pd.api.types.is_float_dtype(shown[column]):
                shown[column] = [_fixed(number, places) for number in shown[column]]
    return Table(shown, caption)


def _fixed(number: float, places: int) -> str:
    if pd.isna(number):
        return "–"
    return f"{np.round(number, places) + 0.0:,.{places}f}"  # + 0.0 turns -0.0 into 0.0
