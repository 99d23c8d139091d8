"""The source audit: its page is what the tool makes, and every computed value is right by a second way."""

import datetime
import math
import re
from fractions import Fraction as F

import numpy as np
import pytest

import audit
import audit_values
import covered
from chapters import ROOT

ENTRIES = {entry["id"]: entry for entry in audit.entries()}
PAGE = audit.PAGE.read_text(encoding="utf-8")
BOXES = dict(re.findall(r"\(audit-(\S+)\)=\n(:::\{container\}.*?\n:::)\n", PAGE, re.DOTALL))


# --- a second computation of every value: plain Python, scalar by scalar, no NumPy, SciPy or library ---


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def phi(z):
    """The share of a normal distribution below z."""
    return math.erfc(-z / math.sqrt(2)) / 2


def density(day):
    return math.exp(-((day - 15) ** 2) / 50) / (5 * math.sqrt(2 * math.pi))


def tanh(z):
    return (math.exp(2 * z) - 1) / (math.exp(2 * z) + 1)


def step(rows, vector, bias=(0.1, 0.2), old=0.5):
    """One LSTM step whose four gates share one matrix, entry by entry: z, gate, candidate, c, tanh(c), h."""
    found = []
    for row, b in zip(rows, bias, strict=True):
        z = sum(w * v for w, v in zip(row, vector, strict=True)) + b
        c = sigmoid(z) * old + sigmoid(z) * tanh(z)
        found.append((z, sigmoid(z), tanh(z), c, tanh(c), sigmoid(z) * tanh(c)))
    names = ("z", "gates", "ctilde", "c", "tanhc", "h")
    return dict(zip(names, map(list, zip(*found, strict=True)), strict=True))


P = step([[], [], []], [], bias=(0.35, 0.5, 0.8))
READINGS = {
    "N13-A": step([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], [0.5, 0.5, 1]),
    "N14-B": step([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], [1, 0, 1]),
    "N15-C": step([[0.1, 0.2, 0.3, 0.4, 0.5], [0.6, 0.7, 0.8, 0.9, 1.0]], [0.5, 0.5, 1, 0, 1]),
    "N16-D": step([[0.1, 0.2, 0.1, 0.2, 0.3], [0.4, 0.5, 0.4, 0.5, 0.6]], [0.5, 0.5, 1, 0, 1]),
}
GATES, CANDIDATES = [F("0.5"), F("0.7"), F("0.99")], [F("0.35"), F("0.61"), F("0.93")]
DAYS = range(1, 11)
COLUMN = [0.367879, 0.247536, 0.164487, 0.111526, 0.0758, 0.0522, 0.0361, 0.0246, 0.0169, 0.0116]
GAUSS_COLUMN = [
    0.022758, 0.065023, 0.093372, 0.127319, 0.159297, 0.195964, 0.229628, 0.263331, 0.297006, 0.330688
]
TEN = [0.5, 0.8, 0.6, 0.9, 0.3, 0.7, 0.4, 0.6, 0.8, 0.2]
VISITS = {1: (1, 0, 0, 1), 2: (0, 1, 0, 1), 3: (1, 0, 0, 0), 30: (0.5, 0.8, 0.6, 0.9)}
CURVES = [
    lambda age: math.exp(-0.1 * age), lambda age: math.exp(-age * age / 50), lambda age: 1 - tanh(0.1 * age)
]


def sites(weight):
    return [sum(seen[site] * weight(30 - day) for day, seen in VISITS.items()) for site in range(4)]


def recent(curve):
    return math.fsum(map(curve, range(7))) / math.fsum(map(curve, range(30)))


def bisected(f, low, high):
    """Where an increasing function crosses zero."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if f(middle) < 0 else (low, middle)
    return low


def derivative(f, at, h=1e-5):
    return (f(at + h) - f(at - h)) / (2 * h)


def integrated(f, low, high, n=200_000):
    """The midpoint rule."""
    width = (high - low) / n
    return math.fsum(f(low + (k + 0.5) * width) for k in range(n)) * width


def lstm_weights(inputs, units):
    return 4 * (units * inputs + units * units + units)


def trend():
    """Least squares of 2, ..., 20 on 1, ..., 19, by the normal equations in fractions."""
    x, y = [F(k) for k in range(1, 20)], [F(k) for k in range(2, 21)]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    products = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    slope = products / sum((a - mean_x) ** 2 for a in x)
    return [mean_y - slope * mean_x, slope]


def geometric(power):
    """The mean of the powers of exp(-0.1 t) over t = 0, ..., 9."""
    return (1 - math.exp(-power)) / (1 - math.exp(-0.1 * power)) / 10


def windows(items, length):
    return sum(1 for start in range(len(items)) if start + length < len(items))


def settled(f, write, rounds=2000):
    c = 0.0
    for _ in range(rounds):
        c = f * c + write
    return c


def faded_by_step(base, steps):
    """Factors oldest first: each step older costs one more multiplication."""
    factors = [1.0]
    for _ in range(steps - 1):
        factors.insert(0, factors[0] * base)
    return factors


EXPECTED = {
    "000-N17-halflife": lambda: bisected(lambda t: 0.5 - math.exp(-0.1 * t), 0, 100),
    "000-N18-relu": lambda: [z if z > 0 else 0 for z in (-1, 0.5, 3)],
    "000-N01-Wv": lambda: [F(1, 10) / 2 + F(2, 10) / 2 + F(3, 10), F(4, 10) / 2 + F(5, 10) / 2 + F(6, 10)],
    "000-N02-z": lambda: [F(45, 100) + F(1, 10), F(105, 100) + F(2, 10)],
    "000-N03-i-local": lambda: [sigmoid(z) for z in (0.35, 0.5, 0.8)],
    "000-N04-f-local": lambda: [sigmoid(z) for z in (0.35, 0.5, 0.8)],
    "000-N05-o-local": lambda: [sigmoid(z) for z in (0.35, 0.5, 0.8)],
    "000-N06-ctilde-local": lambda: [tanh(z) for z in (0.35, 0.5, 0.8)],
    "000-N07-fc-local": lambda: [f / 2 for f in GATES],
    "000-N08-ig-local": lambda: [i * g for i, g in zip(GATES, CANDIDATES, strict=True)],
    "000-N09-sum-local": lambda: [F("0.25") + F("0.175"), F("0.35") + F("0.423"), F("0.48") + F("0.912")],
    "000-N09b-sum-true-products": lambda: [i / 2 + i * g for i, g in zip(GATES, CANDIDATES, strict=True)],
    "000-N10-tanhc-local": lambda: [tanh(c) for c in (0.425, 0.773, 1.394)],
    "000-N11-h-local": lambda: [F("0.5") * F("0.75"), F("0.7") * F("0.77"), F("0.99") * F("0.9")],
    "000-N12-P-c": lambda: P["c"],
    "000-N12-P-h": lambda: P["h"],
    **{
        f"000-{name}-{part}": lambda name=name, part=part: READINGS[name][part]
        for name, listed in {"N13-A": "gates ctilde c h", "N14-B": "z gates c h",
                             "N15-C": "z gates ctilde c h", "N16-D": "z gates ctilde c tanhc h"}.items()
        for part in listed.split()
    },
    "000-C04": lambda: lstm_weights(1, 50) + lstm_weights(50, 50) + 51,
    "001-S01": lambda: lstm_weights(1, 50) + lstm_weights(50, 50) + 51,
    "001-N06-ar1-on-trend": trend,
    "001-N01-g-sigmoid": lambda: tanh(-2),
    "001-N02-c-sigmoid": lambda: (1 + tanh(-2)) / 2 - 0.25,
    "001-N05-item-id-mse": lambda: min((k / 10 for k in range(10_000, 10_100)),
                                       key=lambda c: (c - 1003) ** 2 + (c - 1006) ** 2),
    "001-N03-windows": lambda: [windows([1001, 1002, 1003], 3), windows([1004, 1005, 1006], 3)],
    "001-N04-date": lambda: datetime.date(2023, 4, 8),
    "002-N05-const-optimum": lambda: [geometric(1), geometric(2) - geometric(1) ** 2],
    "002-N06-l2-factor": lambda: 2 - 0.1 * derivative(lambda theta: 0.01 * theta**2, 2),
    "002-N07-no-input-gate": lambda: settled(0.9, 0.1 * 0.5),
    "002-N08-lambda-axis": lambda: faded_by_step(0.8, 8),
    "002-N01-decay-order": lambda: faded_by_step(0.8, 5),
    "002-N03-unreachable": lambda: 0.5 + phi(-1),
    "002-N04-mse-floor": lambda: integrated(
        lambda y: max(0, -y, y - 1) ** 2 * math.exp(-y * y / 2) / math.sqrt(2 * math.pi), -12, 12),
    "002-N02-adam-decay": lambda: [F(1, 1000) / (1 + F(9, 10) * steps) for steps in (0, 1, 10, 100)],
    "002-C13": lambda: (2 + 0.5 + (math.sqrt(2) - 1) ** 2) / 5,
    "003-N01-I-range": lambda: [0.5, math.e / (1 + math.e)],
    "003-N03-P-range-I01": lambda: [0.5, math.e / (1 + math.e)],
    "003-N02-P-range-alpha1": lambda: [sigmoid(0.5), sigmoid(math.e / (1 + math.e))],
    "003-N04-P-alpha10": lambda: [1 / (1 + math.exp(-4)), 0.5, 1 / (1 + math.exp(4))],
    "003-N05-sensitivity": lambda: [
        derivative(lambda i, a=a: sigmoid(a * i), 0.5) for a in (1, 2, 4, 10, 20)],
    "003-N06-alpha-star": lambda: bisected(
        lambda a: -derivative(lambda b: b * sigmoid(b / 2) * sigmoid(-b / 2), a), 1, 10),
    "003-N07-slope-right": lambda: [
        derivative(lambda i, a=a: sigmoid(a * (0.5 - i)), 0.5) for a in (1, 2, 4, 10, 20)],
    "003-S12": lambda: sum([4 * 64, 64 * 64, 64 * 64, 64, 64, 1]),
    "003-C06": lambda: sum([4 * 64, 64 * 64, 64 * 64, 64, 64, 1]),
    "004-N22-w0": lambda: [1, density(0), 0],
    "004-N23-F1": lambda: 1 / ((1 / F(8, 10) + 1 / F(8, 16)) / 2),
    "004-N10-exp30": lambda: math.e**-3,
    "004-N11-gauss30": lambda: density(30),
    "004-N11b-tail": lambda: 1 - phi(2),
    "004-N12-tanh30": lambda: tanh(3),
    "004-N13-sites-exp": lambda: sites(CURVES[0]),
    "004-N14-sites-gauss": lambda: sites(CURVES[1]),
    "004-N15-sites-tanh": lambda: sites(CURVES[2]),
    "004-N16-sites-as-written-gauss": lambda: sites(density),
    "004-N17-sites-as-written-tanh": lambda: sites(lambda age: tanh(0.1 * age)),
    "004-N18-share7-as-written": lambda: [
        recent(CURVES[0]), recent(density), recent(lambda day: tanh(0.1 * day))],
    "004-N19-share7-corrected": lambda: [recent(curve) for curve in CURVES],
    "004-N20-halflife": lambda: [bisected(lambda t, c=c: 0.5 - c(t), 0, 50) for c in CURVES],
    "004-N21-tail30": lambda: [math.exp(-3), math.exp(-18), 2 / (math.exp(6) + 1)],
    "004-N24-recursive": lambda: math.fsum(
        x * math.exp(-0.1 * (10 - day)) for day, x in zip(DAYS, TEN, strict=True)),
    "004-N25-corrected-interest": lambda: [
        math.fsum(x * curve(10 - day) for day, x in zip(DAYS, TEN, strict=True)) for curve in CURVES],
    "004-N01-table-exp": lambda: [math.exp(-0.1) ** t for t in DAYS],
    "004-N02-table-gauss": lambda: [density(t) for t in DAYS],
    "004-N03-table-tanh": lambda: [tanh(0.1 * t) for t in DAYS],
    "004-N04-implied-lambda": lambda: [math.log(a / b) for a, b in zip([1, *COLUMN], COLUMN, strict=False)],
    "004-N05-gauss-peak": lambda: max(density(k / 100) for k in range(3000)),
    "004-N06-rows-above-peak": lambda: len(
        [1 for value in GAUSS_COLUMN if value * 5 * math.sqrt(2 * math.pi) > 1]),
    "004-N07-table-corrected-gauss": lambda: [0.5 ** ((t / 5) ** 2 / (2 * math.log(2))) for t in DAYS],
    "004-N08-table-corrected-tanh": lambda: [2 * sigmoid(-0.2 * t) for t in DAYS],
    "004-N26-n-for-lambda": lambda: [n**-0.5 for n in (100, 400, 1000, 4000)],
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_a_value_of_the_page_is_right(name):
    """What the page shows for an entry, read from the page, agrees with the second computation."""
    wanted = EXPECTED[name]()
    said = re.search(r"^Right: .*?\*\*(.*?)\*\* from `", BOXES[name.lower()], re.MULTILINE)[1]
    if isinstance(wanted, datetime.date):
        assert said == wanted.isoformat()
        return
    assert said.startswith("[") == isinstance(wanted, list)
    wanted = np.atleast_1d(np.array(wanted, dtype=float))
    digits = said.strip("[]").split(", ") if said.startswith("[") else [said.replace(",", "")]
    np.testing.assert_allclose([float(d.replace(",", "")) for d in digits], wanted, rtol=6e-6, atol=1e-300)
    np.testing.assert_allclose(np.atleast_1d(audit_values.VALUES[name]()), wanted, rtol=1e-7, atol=1e-12)


def test_every_value_is_computed_twice():
    assert EXPECTED.keys() == audit_values.VALUES.keys()
    assert EXPECTED.keys() <= ENTRIES.keys()


# --- what is printed ---


REFUTED = [
    name
    for name in EXPECTED
    if ENTRIES[name]["verdict"] == "wrong" and not isinstance(ENTRIES[name]["printed"], str)
    and name != "004-N11b-tail"  # the number from which the printed one was taken
]  # fmt: skip


@pytest.mark.parametrize("name", REFUTED)
def test_what_is_called_wrong_differs(name):
    """Numbers that an article prints differ from the right ones, in length or by more than rounding."""
    given, value = np.atleast_1d(ENTRIES[name]["printed"]), np.atleast_1d(audit_values.VALUES[name]())
    assert given.shape != value.shape or np.abs(given - value).max() > 5e-4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("001-N01-g-sigmoid", sigmoid(-2)),
        ("001-N02-c-sigmoid", 0.25 + sigmoid(-2) / 2),
        ("002-N06-l2-factor", 2 - 0.1 * 0.01 * 2),
        ("002-N07-no-input-gate", settled(0.9, 0.5)),
        ("002-N08-lambda-axis", [0.8**k for k in range(4)]),
        ("002-N01-decay-order", [0.8**k for k in range(5)]),
        ("003-N04-P-alpha10", [sigmoid(10 * i) for i in (0.1, 0.5, 0.9)]),
        ("004-N23-F1", 2 * 0.9 * 0.5 / (0.9 + 0.5)),
    ],
)
def test_a_printed_value_that_a_formula_gives(name, value):
    """Where the page says that the printed value is what the article's formula gives, it is."""
    assert "formula gives" in ENTRIES[name]["why"] or "line gives" in ENTRIES[name]["why"] or (
        "the printed value" in ENTRIES[name]["why"])
    np.testing.assert_allclose(ENTRIES[name]["printed"], value, rtol=1e-9)


def test_the_statements_beside_the_numbers():
    """What reasons say of the computed values."""
    value = {name: np.asarray(make()) for name, make in audit_values.VALUES.items() if name != "001-N04-date"}
    as_written, corrected = value["004-N18-share7-as-written"], value["004-N19-share7-corrected"]
    assert as_written[0] > 7 / 30 > max(as_written[1:]), "Gauss and tanh favour OLD behaviour"
    assert corrected[1] > corrected[2] > corrected[0] > 7 / 30, "the Gaussian is the most recent-minded"
    assert value["004-N20-halflife"].argmax() == 0 and value["004-N21-tail30"].argmax() == 0
    assert value["004-N21-tail30"].argmin() == 1, "centred it has the lightest tail"
    assert abs(1 - math.exp(-4) - 0.9817) < 5e-5
    assert abs(value["004-N10-exp30"] - 0.0498) < 5e-5 and abs(value["004-N11b-tail"] - 0.0228) < 5e-5
    assert np.ptp(value["003-N02-P-range-alpha1"]) < 0.06
    assert (np.diff(value["003-N05-sensitivity"]) > 0).tolist() == [True, True, False, False]
    assert (np.diff(value["003-N04-P-alpha10"]) < 0).all(), "the order is reversed"
    assert value["004-N04-implied-lambda"].max() > 2.5 * value["004-N04-implied-lambda"].min()
    assert value["004-N06-rows-above-peak"] == 8
    tanh_column = np.array(ENTRIES["004-N03-table-tanh"]["printed"])
    assert (np.diff(tanh_column) > 0).tolist() == [True] * 3 + [False] * 6  # falls after day 4
    for name in ("004-N02-table-gauss", "004-N03-table-tanh"):
        assert (np.diff(value[name]) > 0).all(), "the true columns rise"
    for name in ("004-N01-table-exp", "004-N02-table-gauss", "004-N03-table-tanh"):
        assert (np.abs(np.array(ENTRIES[name]["printed"]) - value[name]) > 1e-3).all(), "all ten are wrong"


# --- the page ---


def test_the_page_is_what_the_tool_makes():
    assert audit.renewed() == PAGE, "run book/_tools/audit.py"


def test_the_page_follows_the_values(monkeypatch):
    monkeypatch.setitem(audit_values.VALUES, "000-N07-fc-local", lambda: [1, 2, 654])
    assert "**[1, 2, 654]**" in audit.renewed()


def test_every_entry_has_its_place():
    """The list of statements is complete: as many as were checked, each with one box, grouped as it says."""
    assert len(ENTRIES) == len(audit.entries()) == 287
    assert {name.lower() for name in ENTRIES} == BOXES.keys() and PAGE.count(":::{container} entry") == 287
    for name, entry in ENTRIES.items():
        head = BOXES[name.lower()].splitlines()[0].split()
        assert head[1:] == ["entry", f"article-{audit.letter(name).lower()}", f"kind-{entry['kind']}",
                            f"verdict-{entry['verdict']}"]  # fmt: skip
        assert entry["kind"] in audit.KINDS and entry["verdict"] in audit.VERDICTS
        assert entry.keys() <= {"id", "article", "section", "kind", "verdict", "printed", "right", "why",
                                "see", "planned", "cite", "isbn"}  # fmt: skip
        assert "right" in entry or name in audit_values.VALUES, "an answer in words or in numbers"
    assert sum(entry["kind"] == "number" for entry in ENTRIES.values()) == 50


def valid(isbn):
    """By the modulus: no digit but one makes the weighted sum of all thirteen a multiple of ten."""
    return (sum(map(int, isbn[::2])) + 3 * sum(map(int, isbn[1::2]))) % 10 == 0


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if "isbn" in entry])
def test_an_isbn_fails_its_check_digit(name):
    """As the page says; the digit that it gives would be right."""
    isbn = ENTRIES[name]["isbn"]
    told = int(re.search(r"check digit of the first twelve is \*\*(\d)\*\*", BOXES[name.lower()])[1])
    assert not valid(isbn) and [d for d in range(10) if valid(f"{isbn[:12]}{d}")] == [told]
    assert valid("9787121384646") and valid("9780262035613"), "those of two real books"


def test_the_bibliography_holds_what_is_cited():
    """Every work of references.bib is cited on a page or in a chapter, and nothing else is cited."""
    works = re.findall(r"^@\w+\{([^,\s]+),", (ROOT / "book/references.bib").read_text(encoding="utf-8"), re.M)
    files = [*ROOT.glob("book/*.md"), *ROOT.glob("chapters/*.ipynb")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    cited = ",".join(re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", text)).replace(" ", "").split(",")
    assert len(works) == len(set(works))
    assert set(works) == set(cited), "uncited works, or works that are not there"


def test_a_lost_section_is_named():
    with pytest.raises(ValueError, match="no section 'decay_formula: Nothing of the kind'"):
        audit.linked("decay_formula: Nothing of the kind", audit.headings())


def test_planned_chapters_are_not_there_yet():
    """When a planned chapter is written, its entries must lead to its sections."""
    planned = {entry["planned"] for entry in ENTRIES.values() if "planned" in entry}
    assert planned <= {"reactivation", "recommending", "cold_start", "pretraining", "explaining", "privacy",
                       "your_own_data", "at_scale"}  # fmt: skip
    assert not [name for name in planned if (ROOT / f"chapters/{name}.ipynb").exists()]


def test_the_front_page_counts_as_the_audit_does():
    """Its sentence on the articles has the numbers of the audit and of the coverage, and no others."""
    front = (ROOT / "book/index.md").read_text(encoding="utf-8")
    sentence = front.split("- **Errors are shown, not hidden.**")[1].split("\n- ")[0].split("\n\n")[0]
    verdicts = [entry["verdict"] for entry in ENTRIES.values()]
    counted = [len(verdicts), verdicts.count("wrong"), verdicts.count("right"), len(covered.features())]
    assert list(map(int, re.findall(r"\d+", sentence))) == counted
    wrong = {entry["kind"] for entry in ENTRIES.values() if entry["verdict"] == "wrong"}
    assert wrong == set(audit.KINDS), "every kind of statement is among the wrong ones"


def test_four_of_five_articles_stop():
    """What the first of the tests for everyone says."""
    stopped = [name for name, entry in ENTRIES.items() if entry["printed"] == "the code of 5.2 as given"]
    assert stopped == ["000-C01", "001-C02", "002-C02", "003-C02"]
    assert ENTRIES["004-C04"]["verdict"] == "right", "the fifth runs"


def test_quotations_are_short():
    assert [name for name, entry in ENTRIES.items() if len(str(entry["printed"])) > 230] == []
