"""The calculators of the pages, in a browser, against the library: equal to 1e-9 on a random grid."""

import json

import numpy as np
import pandas as pd
import pytest

import calculator
from chapters import NAMES, ROOT, chapter
from interestdecay_lib import decay
from interestdecay_lib.customer_base import BGNBD
from interestdecay_lib.interest import decayed_sum
from interestdecay_lib.lstm import LSTMWeights, lstm_step

pytestmark = pytest.mark.page
SCRIPT = (ROOT / "book/_static/calculators.js").read_text(encoding="utf-8")
FILL = """([name, rows]) => {
    const form = document.querySelector(`form[data-calculator="${name}"]`);
    const status = form.querySelector('[role=status]');
    return rows.map((row) => {
        Object.entries(row).forEach(([key, text]) => {
            form.querySelector(`[data-key="${key}"]`).value = text;
        });
        form.dispatchEvent(new Event('input'));
        return [status.dataset.values ?? null, status.textContent];
    });
}"""


@pytest.fixture
def fill(browser):
    """A function: the name of a calculator and rows of texts -> [(values or None, what is told)]."""
    tab = browser.new_page()
    tab.set_content("".join(map(calculator.form, calculator.CALCULATORS)))
    tab.add_script_tag(content=SCRIPT)

    def filled(name, rows):
        told = tab.evaluate(FILL, [name, rows])
        return [(json.loads(values) if values else None, said) for values, said in told]

    yield filled
    tab.close()


def _weight(row):
    curves = (decay.Exponential, decay.Hyperbolic, decay.PowerLaw, decay.Gaussian)
    told = {curve.__name__: float(curve(row["half_life"])(row["age"])) for curve in curves}
    exponential = decay.Exponential(row["half_life"])
    return told | {"rate": exponential.rate, "time constant": exponential.time_constant}


def _sum(row):
    at = pd.Timestamp("2024-06-01")
    log = pd.DataFrame({"user_id": "a", "timestamp": [at - pd.Timedelta(days=age) for age in row["ages"]]})
    half_life = pd.Timedelta(days=row["half_life"])
    return {"decayed sum": float(decayed_sum(log, at, half_life).iloc[0]), "plain count": len(log)}


def _alive(row):
    model = BGNBD(*(row[key] for key in ("r", "alpha", "a", "b")))
    customer = row["x"], row["recency"], row["T"]
    return {
        "P(alive)": float(model.probability_alive(*customer)),
        "P(return)": float(model.probability_return(row["t"], *customer)),
    }


def _lstm(row):
    gates = {g: ([[row[f"w_{g}"]]], [[row[f"u_{g}"]]], [row[f"b_{g}"]]) for g in "ifgo"}
    step = lstm_step([row["x"]], [row["h"]], [row["c"]], LSTMWeights.from_gates(gates))
    return {name: float(part[0]) for name, part in zip("ifgoch", step, strict=True)}


def _rows(name, rng):
    """What a reader might type, as numbers."""
    for _ in range(200):
        if name == "weight":
            yield {"age": rng.exponential(30), "half_life": rng.uniform(0.1, 60)}
        elif name == "sum":
            days = rng.integers(0, 400, size=rng.integers(1, 30))
            yield {"ages": days.tolist(), "half_life": int(rng.integers(1, 200))}
        elif name == "alive":
            x, T = int(rng.integers(0, 40)), rng.uniform(1, 200)
            own = {"x": x, "recency": rng.uniform(0, T) if x else 0, "T": T, "t": rng.uniform(0, 100)}
            yield own | {key: rng.uniform(0.05, 6) for key in ("r", "alpha", "a", "b")}
        else:
            keys = calculator.CALCULATORS["lstm"][1]
            yield {key: rng.normal(scale=3) for key in keys}


ORACLES = {"weight": _weight, "sum": _sum, "alive": _alive, "lstm": _lstm}


def _typed(value):
    return " ".join(map(repr, value)) if isinstance(value, list) else repr(value)


@pytest.mark.parametrize("name", ORACLES)
def test_a_calculator_computes_as_the_library(fill, name):
    rows = [{key: float(v) if isinstance(v, np.floating) else v for key, v in row.items()}
            for row in _rows(name, np.random.default_rng(20))]
    told = fill(name, [{key: _typed(value) for key, value in row.items()} for row in rows])
    for row, (values, said) in zip(rows, told, strict=True):
        wanted = ORACLES[name](row)
        assert values is not None, said
        assert list(values) == list(wanted)
        np.testing.assert_allclose(list(values.values()), list(wanted.values()), rtol=1e-9, atol=1e-12)
        assert all(what in said for what in wanted)


@pytest.mark.parametrize("name", ORACLES)
def test_it_starts_with_numbers_that_can_be_computed(fill, name):
    first = {key: text for key, (_, text) in calculator.CALCULATORS[name][1].items()}
    row = {key: float(text) for key, text in first.items() if key != "ages"}
    row |= {key: list(map(float, text.split())) for key, text in first.items() if key == "ages"}
    values, _ = fill(name, [first])[0]
    assert values == pytest.approx(ORACLES[name](row), rel=1e-9)


@pytest.mark.parametrize(
    ("name", "row", "why"),
    [
        ("weight", {"age": "-1"}, "0 or more"),
        ("weight", {"age": ""}, "is not a number"),
        ("weight", {"age": "1 2"}, "is not a number"),
        ("weight", {"age": "x"}, "is not a number"),
        ("weight", {"half_life": "0"}, "above 0"),
        ("weight", {"half_life": "Infinity"}, "is not a number"),
        ("sum", {"ages": "1 a 3"}, "is not a number"),
        ("alive", {"x": "1.5"}, "a whole number"),
        ("alive", {"recency": "50"}, "at most T"),
        ("alive", {"x": "0"}, "the recency is 0"),
        ("lstm", {"w_i": "1e400"}, "is not a number"),
    ],
)
def test_what_cannot_be_computed_is_told(fill, name, row, why):
    values, said = fill(name, [row])[0]
    assert values is None and why in said


def test_a_comma_may_stand_for_the_point(fill):
    (comma, _), (point, _) = fill("weight", [{"age": "3,5"}, {"age": "3.5"}])
    assert comma == point


def test_every_calculator_stands_in_a_chapter():
    text = "\n".join(chapter(name).markdown for name in NAMES)
    assert [text.count(f"```{{calculator}} {name}\n") for name in ORACLES] == [1] * len(ORACLES)
