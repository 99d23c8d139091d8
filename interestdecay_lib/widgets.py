"""Figures that readers can steer, in Jupyter and on a page without a kernel."""

from __future__ import annotations

import base64
import html
import io
import itertools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from interestdecay_lib.plots import table as as_table

_HERE = Path(__file__).parent
#: Above this number of frames a figure would weigh more than about half a megabyte.
MAX_FRAMES = 120
#: What a figure may weigh on a page, in bytes: a page with all it loads stays under 1.5 MB.
MAX_BYTES = 520_000


class Explorer:
    """A figure with one control for each parameter.

    What is shown depends on where the notebook runs, told by the environment variable
    ``INTERESTDECAY_FIGURES``:

    - unset (a reader in Jupyter): a live widget; the kernel draws a frame when it is asked for;
    - ``page`` (the book is built): every frame is drawn beforehand and stored in the page;
    - ``still`` (notebooks are stored or tested): the first frame as a picture, and a line of text.

    Parameters
    ----------
    draw
        ``draw(**state) -> matplotlib.figure.Figure``: one frame.
    alt
        ``alt(**state) -> str``: what the frame shows, in words and numbers.
    table
        ``table(**state) -> pandas.DataFrame``: the numbers of the frame, shown on request (optional).
    start
        The state shown first; by default the first value of each parameter.
    name
        Makes a state linkable on a page (``#name?half_life=2``); unique in a chapter (optional).
    labels
        Texts of the controls by parameter name; by default the name with spaces.
    **parameters
        The values of each parameter: a list of texts becomes a menu, a list of numbers a slider.

    Raises
    ------
    ValueError
        If there is no parameter, an empty one, an unknown start value, or more than 120 frames.

    Examples
    --------
    >>> def draw(half_life):
    ...     figure, axes = plt.subplots()
    ...     return figure
    >>> Explorer(draw, alt=lambda half_life: f"Half-life {half_life} days.", half_life=[1, 7, 28])
    Explorer: half life (3 values)
    """

    def __init__(
        self,
        draw: Callable[..., Figure],
        *,
        alt: Callable[..., str],
        table: Callable[..., pd.DataFrame] | None = None,
        start: Mapping[str, Any] | None = None,
        name: str = "",
        labels: Mapping[str, str] | None = None,
        **parameters: Sequence[Any],
    ) -> None:
        empty = [key for key, values in parameters.items() if len(values) == 0]
        if not parameters or empty:
            raise ValueError(f"an Explorer needs parameters with values; without values: {empty or 'all'}")
        self.parameters = {key: list(values) for key, values in parameters.items()}
        self.states = [
            dict(zip(self.parameters, combination, strict=True))
            for combination in itertools.product(*self.parameters.values())
        ]
        if len(self.states) > MAX_FRAMES:
            raise ValueError(
                f"{len(self.states)} frames are too many for a page, at most {MAX_FRAMES}: thin a parameter"
            )
        unknown = {k: v for k, v in (start or {}).items() if v not in self.parameters.get(k, [])}
        if unknown:
            raise ValueError(f"start {unknown} is not among the parameters' values {self.parameters}")
        self.start = {**self.states[0], **(start or {})}
        self._draw, self._alt, self._table = draw, alt, table
        self.spec = {
            "name": name,
            "controls": [
                {
                    "name": key,
                    "label": (labels or {}).get(key, key.replace("_", " ")),
                    "kind": "select" if isinstance(values[0], str) else "range",
                    "values": [str(value) for value in values],
                }
                for key, values in self.parameters.items()
            ],
            "start": self.indices(self.start),
        }
        self.frame = cache(self._frame)

    def indices(self, state: Mapping[str, Any]) -> list[int]:
        """Position of each parameter's value in ``state``."""
        return [values.index(state[key]) for key, values in self.parameters.items()]

    def _words(self, state: Mapping[str, Any]) -> str:
        """The alternative text of a state on one line."""
        return " ".join(self._alt(**state).split())

    def _frame(self, *indices: int) -> dict[str, str]:
        """One frame: the picture as a data address, its alternative text and its numbers."""
        state = {
            key: values[index] for (key, values), index in zip(self.parameters.items(), indices, strict=True)
        }
        alt = self._words(state)
        numbers = as_table(self._table(**state), alt)._repr_html_() if self._table else ""
        return {
            "state": ",".join(map(str, indices)),
            "src": _picture(self._draw(**state), "webp"),
            "alt": alt,
            "table": numbers,
        }

    def __repr__(self) -> str:
        controls = (f"{c['label']} ({len(c['values'])} values)" for c in self.spec["controls"])
        return "Explorer: " + ", ".join(controls)

    def to_html(self) -> str:
        """The figure for a static page: every frame as JSON in a custom element, the first drawn.

        Raises
        ------
        ValueError
            If the frames weigh more than ``MAX_BYTES``.
        """
        frames = [self.frame(*self.indices(state)) for state in self.states]
        first = self.frame(*self.spec["start"])
        # "</" would end the script element
        data = json.dumps({"spec": self.spec, "frames": frames}, ensure_ascii=False).replace("</", "<\\/")
        if len(data) > MAX_BYTES:
            raise ValueError(
                f"the figure {self.spec['name']!r} weighs {len(data) / 1000:.0f} kB in {len(frames)} frames, "
                f"at most {MAX_BYTES // 1000} on a page: thin a parameter, or draw less"
            )
        still = f'<img src="{first["src"]}" alt="{html.escape(first["alt"])}">'
        return f'<fading-explorer>{still}<script type="application/json">{data}</script></fading-explorer>'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        mode = os.environ.get("INTERESTDECAY_FIGURES", "live")
        still = _picture(self._draw(**self.start), "png")  # code hosts and PDF show no WebP
        bundle: dict[str, Any] = {"text/plain": repr(self), "image/png": still.partition(",")[2]}
        if mode == "page":
            bundle["text/html"] = self.to_html()
        elif mode == "live":
            live, _ = _bundle(_live(self)._repr_mimebundle_())
            bundle.update({k: v for k, v in live.items() if "widget" in k})
        return bundle, {"image/png": {"alt": self._words(self.start)}}


class Slider:
    """A figure with continuous sliders for those who run the notebook, and a still picture for all others.

    An answer between the frames of an `Explorer` needs a kernel, so a page shows the start state only, never
    a slider that moves nothing.

    Parameters
    ----------
    draw, alt
        As for `Explorer`: a figure of a state, and what it shows in words and numbers.
    labels
        Texts of the sliders by parameter name; by default the name with spaces.
    **ranges
        ``(lowest, highest, start)`` of each parameter.

    Raises
    ------
    ValueError
        If there is no parameter, or a start lies outside its range.

    Examples
    --------
    >>> def draw(half_life):
    ...     figure, axes = plt.subplots()
    ...     return figure
    >>> Slider(draw, alt=lambda half_life: f"Half-life {half_life} days.", half_life=(1, 60, 7))
    Slider: half life from 1 to 60
    """

    def __init__(
        self,
        draw: Callable[..., Figure],
        *,
        alt: Callable[..., str],
        labels: Mapping[str, str] | None = None,
        **ranges: tuple[float, float, float],
    ) -> None:
        if not ranges:
            raise ValueError("a Slider needs at least one parameter with its range (lowest, highest, start)")
        for key, (low, high, start) in ranges.items():
            if not low <= start <= high:
                raise ValueError(f"{key}: the start {start} lies outside the range from {low} to {high}")
        self.ranges = ranges
        self.start = {key: start for key, (_, _, start) in ranges.items()}
        self._draw, self._alt = draw, alt
        self._labels = {key: (labels or {}).get(key, key.replace("_", " ")) for key in ranges}

    def __repr__(self) -> str:
        parts = [
            f"{self._labels[key]} from {low:g} to {high:g}" for key, (low, high, _) in self.ranges.items()
        ]
        return "Slider: " + ", ".join(parts)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        still = _picture(self._draw(**self.start), "png")
        bundle: dict[str, Any] = {"text/plain": repr(self), "image/png": still.partition(",")[2]}
        if os.environ.get("INTERESTDECAY_FIGURES", "live") == "live":
            live, _ = _bundle(self.live()._repr_mimebundle_())
            bundle.update({k: v for k, v in live.items() if "widget" in k})
        return bundle, {"image/png": {"alt": " ".join(self._alt(**self.start).split())}}

    def live(self) -> Any:
        """The widget of a Jupyter session; the kernel draws while a slider moves."""
        import ipywidgets
        from IPython.display import display

        def show(**state: float) -> None:
            figure = self._draw(**state)
            alt = " ".join(self._alt(**state).split())
            display(figure, metadata={"image/png": {"alt": alt}})
            plt.close(figure)
            print(alt)

        sliders = {
            key: ipywidgets.FloatSlider(
                value=start, min=low, max=high, step=(high - low) / 200, description=self._labels[key]
            )
            for key, (low, high, start) in self.ranges.items()
        }
        return ipywidgets.interactive(show, **sliders)


def _bundle(result: Any) -> tuple[dict, dict]:
    return result if isinstance(result, tuple) else (result or {}, {})


def _picture(figure: Figure, kind: str) -> str:
    """The figure as a data address: few colours, so that a frame is 5 to 10 kB whatever is drawn."""
    raw, small = io.BytesIO(), io.BytesIO()
    figure.set_dpi(120)
    if layout := figure.get_layout_engine():  # savefig would draw everything once more to lay it out
        layout.execute(figure)
        with mpl.rc_context({"figure.constrained_layout.use": False}):
            figure.set_layout_engine(None)
    figure.savefig(raw, format="png", dpi=figure.dpi, pil_kwargs={"compress_level": 1})  # read again at once
    plt.close(figure)
    # maximum coverage keeps the colour of a single small point, where median cut would not
    few = Image.open(raw).convert("RGB").quantize(24, method=Image.Quantize.MAXCOVERAGE)
    if kind == "webp":  # lossless (quality is effort here), a fifth smaller than PNG; every browser reads it
        few.convert("RGB").save(small, "webp", lossless=True, quality=50, method=2)
    else:
        few.save(small, "png", optimize=True)
    return f"data:image/{kind};base64,{base64.b64encode(small.getvalue()).decode('ascii')}"


def _live(explorer: Explorer) -> Any:
    """The widget of a live Jupyter session; anywidget is imported only there."""
    import anywidget
    import traitlets

    class LiveExplorer(anywidget.AnyWidget):
        _esm = _HERE / "explorer.js"
        _css = _HERE / "explorer.css"
        spec = traitlets.Dict().tag(sync=True)
        indices = traitlets.List().tag(sync=True)
        frame = traitlets.Dict().tag(sync=True)

        @traitlets.observe("indices")
        def _on_indices(self, change: Any) -> None:
            self.frame = explorer.frame(*change["new"])

    first = explorer.spec["start"]
    return LiveExplorer(spec={**explorer.spec, "name": ""}, indices=first, frame=explorer.frame(*first))
