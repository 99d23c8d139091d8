import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from interestdecay_lib import plots


def _luminance(colour):
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_the_first_colours_are_visible_on_white():
    """Contrast of at least 2:1 for all, 3:1 (WCAG, graphical objects) for the first three."""
    contrast = [1.05 / (_luminance(colour) + 0.05) for colour in plots.COLORS]
    assert min(contrast) > 2
    assert min(contrast[:3]) > 3


def test_show_stores_the_alternative_text_and_closes(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda figure, metadata: shown.append(metadata))
    figure, _ = plt.subplots()
    plots.show(figure, alt="A line that falls\n   from one to a half.")
    assert shown == [{"image/png": {"alt": "A line that falls from one to a half."}}]
    assert not plt.fignum_exists(figure.number)


@pytest.mark.parametrize("alt", ["", "a figure", None, 3])
def test_show_refuses_a_figure_without_words(alt):
    figure, _ = plt.subplots()
    with pytest.raises(ValueError, match="alt must say"):
        plots.show(figure, alt=alt)
    plt.close(figure)


def test_say_glues_the_formatted_text(monkeypatch):
    glued = []
    monkeypatch.setattr("myst_nb.glue", lambda name, value, display: glued.append((name, value, display)))
    plots.say("df-x", 6.9315, ".1f")
    assert glued == [("df-x", "6.9", False)]


def test_a_table_is_accessible():
    frame = pd.DataFrame({"weight": [1.0, -0.00001], "n": [1, 2]}, index=pd.Index(["a<b", "c"], name="age"))
    markup = plots.table(frame, "Weights & ages.", decimals={"weight": 2})._repr_html_()
    assert "<caption>Weights &amp; ages.</caption>" in markup
    assert markup.count('scope="col"') == 3          # the index's name heads the row headers
    assert markup.count('scope="row"') == 2
    assert "a&lt;b" in markup
    assert "<td>0.00</td>" in markup                 # no minus zero
    assert "<th></th>" not in markup


def test_an_interval_in_a_table_is_not_broken_over_lines():
    frame = pd.DataFrame({"x": ["0.5 [0.4, 0.6]", "two words"]}, index=["[a long list of many words]", "b"])
    markup = plots.table(frame, "Pairs [a, b].")._repr_html_()
    assert "<td>0.5 [0.4,&nbsp;0.6]</td>" in markup and markup.count("&nbsp;") == 1
    assert "<td>two words</td>" in markup and "<caption>Pairs [a, b].</caption>" in markup


def test_a_table_leaves_the_frame_alone_and_marks_missing_values():
    frame = pd.DataFrame({"x": [0.123456, np.nan]})
    shown = plots.table(frame, "One.", decimals=3)
    assert shown.frame["x"].tolist() == ["0.123", "–"]
    assert frame["x"].iloc[0] == 0.123456


def test_numbers_that_shared_rows_with_texts_are_rounded_too():
    frame = pd.DataFrame({"a": ["30D", 11.722243, 3], "b": ["", -2.204263, 4]}, index=["life", "x", "n"]).T
    assert frame["x"].dtype == object
    shown = plots.table(frame, "Turned.", decimals=1).frame
    assert shown["x"].tolist() == ["11.7", "-2.2"]
    assert shown["life"].tolist() == ["30D", ""] and shown["n"].tolist() == [3, 4]


def test_a_table_needs_a_caption():
    with pytest.raises(ValueError, match="caption"):
        plots.table(pd.DataFrame({"x": [1]}), "  ")


def test_the_drawing_of_the_cell_has_every_letter_and_one_way_for_each_gate():
    with plt.rc_context(plots.STYLE):
        figure = plots.lstm_cell()
        figure.canvas.draw()
    (ax,) = figure.axes
    said = [text.get_text() for text in ax.texts]
    for letter in ("f_t", "i_t", "g_t", "o_t", "c_{t-1}", "c_t", "h_{t-1}", "h_t", "x_t"):
        assert said.count(f"${letter}$") == 1
    assert said.count(r"$\sigma$") == 3 and said.count(r"$\tanh$") == 2  # three gates; candidate and reading
    assert said.count(r"$\times$") == 3 and said.count("+") == 1  # c = f c + i g, h = o tanh(c)
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text()]
    clash = [(a, b) for k, a in enumerate(boxes) for b in boxes[k + 1:] if a.overlaps(b)]
    assert clash == []
    plt.close(figure)
