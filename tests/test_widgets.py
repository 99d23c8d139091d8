import base64
import io
import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from interestdecay_lib import widgets


def draw(height, kind):
    figure, axes = plt.subplots(figsize=(3, 2))
    axes.bar([kind], [height])
    axes.set_ylim(0, 4)
    return figure


def explorer(**changes):
    arguments = {
        "alt": lambda height, kind: f"A bar of height {height} of kind <{kind}>.",
        "table": lambda height, kind: pd.DataFrame({"height": [height]}),
        "height": [1, 2, 3],
        "kind": ["a", "b"],
    }
    return widgets.Explorer(draw, **{**arguments, **changes})


def _data(figure):
    return re.search(r'<script type="application/json">(.*)</script>', figure.to_html()).group(1)


def _page(figure):
    return json.loads(_data(figure))


def test_a_page_holds_every_frame_in_the_order_of_the_controls():
    page = _page(explorer())
    assert len(page["frames"]) == 6
    assert [frame["state"] for frame in page["frames"]] == ["0,0", "0,1", "1,0", "1,1", "2,0", "2,1"]
    assert page["frames"][3]["alt"] == "A bar of height 2 of kind <b>."
    assert len({frame["src"] for frame in page["frames"]}) == 6
    assert "<caption>" in page["frames"][0]["table"]


def test_a_figure_too_heavy_for_a_page_is_refused(monkeypatch):
    heavy = explorer(name="bars")
    weight = len(_data(heavy))
    monkeypatch.setattr(widgets, "MAX_BYTES", weight)
    assert len(_page(heavy)["frames"]) == 6
    monkeypatch.setattr(widgets, "MAX_BYTES", weight - 1)
    with pytest.raises(ValueError, match=r"'bars' weighs \d+ kB in 6 frames, at most \d+ on a page: thin"):
        heavy.to_html()


def test_the_pictures_are_pictures_and_small():
    for frame in _page(explorer())["frames"]:
        picture = base64.b64decode(frame["src"].partition(",")[2])
        assert len(picture) < 15_000
        assert np.asarray(Image.open(io.BytesIO(picture)).convert("L")).std() > 5


def test_a_small_point_keeps_its_colour():
    def dotted(size):
        figure, axes = plt.subplots()
        axes.plot(np.arange(200) / 200, color="#0072B2")
        axes.plot([50], [0.2], "o", markersize=size, color="#D55E00")
        return figure

    figure = widgets.Explorer(dotted, alt=lambda size: f"A point of size {size}.", size=[4])
    picture = base64.b64decode(figure.frame(0)["src"].partition(",")[2])
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).reshape(-1, 3).astype(int)
    assert np.abs(pixels - [0xD5, 0x5E, 0x00]).sum(axis=1).min() < 6


def test_text_cannot_end_the_script_early():
    figure = explorer(alt=lambda height, kind: "</script><script>alert(1)</script>")
    assert figure.to_html().count("</script>") == 1
    assert _page(figure)["frames"][0]["alt"] == "</script><script>alert(1)</script>"


def test_start_chooses_the_still_picture():
    figure = explorer(start={"height": 3})
    assert figure.spec["start"] == [2, 0]
    assert 'alt="A bar of height 3 of kind &lt;a&gt;."' in figure.to_html()


@pytest.mark.parametrize(
    ("mode", "present", "absent"),
    [("still", "image/png", "text/html"), ("page", "text/html", "application/vnd.jupyter.widget-view+json")],
)
def test_what_is_shown_depends_on_where(monkeypatch, mode, present, absent):
    monkeypatch.setenv("INTERESTDECAY_FIGURES", mode)
    bundle, metadata = explorer()._repr_mimebundle_()
    assert present in bundle
    assert absent not in bundle
    assert bundle["text/plain"] == "Explorer: height (3 values), kind (2 values)"
    assert metadata["image/png"]["alt"] == "A bar of height 1 of kind <a>."


def test_a_still_draws_one_frame_only(monkeypatch):
    monkeypatch.setenv("INTERESTDECAY_FIGURES", "still")
    drawn = []
    figure = widgets.Explorer(
        lambda height: drawn.append(height) or draw(height, "a"),
        alt=lambda height: str(height),
        height=[1, 2, 3],
    )
    figure._repr_mimebundle_()
    assert drawn == [1]


def test_the_live_widget_draws_what_is_asked_for(monkeypatch):
    monkeypatch.delenv("INTERESTDECAY_FIGURES", raising=False)
    figure = explorer()
    bundle, _ = figure._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    live = widgets._live(figure)
    live.indices = [2, 1]
    assert live.frame["state"] == "2,1"
    assert live.frame == figure.frame(2, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"height": []}, r"without values: \['height'\]"),
        ({"start": {"height": 9}}, r"start \{'height': 9\}"),
        ({"start": {"width": 1}}, r"start \{'width': 1\}"),
        ({"height": list(range(61))}, "122 frames are too many"),
    ],
)
def test_errors(changes, message):
    with pytest.raises(ValueError, match=message):
        explorer(**changes)


def test_a_figure_without_controls_is_no_explorer():
    with pytest.raises(ValueError, match="needs parameters"):
        widgets.Explorer(draw, alt=str)


def slider(**ranges):
    return widgets.Slider(
        lambda height: draw(height, "a"), alt=lambda height: f"A bar of\n height {height:.1f}.", **ranges
    )


@pytest.mark.parametrize("mode", ["still", "page"])
def test_without_a_kernel_a_slider_is_a_picture(monkeypatch, mode):
    monkeypatch.setenv("INTERESTDECAY_FIGURES", mode)
    bundle, metadata = slider(height=(1, 3, 2))._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/png"}
    assert metadata["image/png"]["alt"] == "A bar of height 2.0."


def test_with_a_kernel_a_slider_draws_what_it_is_moved_to(monkeypatch, capsys):
    monkeypatch.delenv("INTERESTDECAY_FIGURES", raising=False)
    figure = slider(height=(1, 3, 2))
    bundle, _ = figure._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    live = figure.live()
    live.children[0].value = 2.5
    live.update()
    assert live.kwargs == {"height": 2.5}
    assert "A bar of height 2.5." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ranges", "message"),
    [({}, "at least one parameter"), ({"height": (1, 3, 4)}, "height: the start 4 lies outside")],
)
def test_errors_of_a_slider(ranges, message):
    with pytest.raises(ValueError, match=message):
        slider(**ranges)
