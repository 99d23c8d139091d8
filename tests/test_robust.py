"""Claims as numbers: what is recorded of an assertion, and what the stored inventory must say."""

import ast
import json
import subprocess
import sys

import nbformat
import numpy as np
import pytest

import claims
import robust
import tasks
from chapters import NAMES, ROOT

STORED = json.loads(robust.OUTPUT.read_text(encoding="utf-8"))


def _recorded(source, **names):
    """What the recorder notes of an assertion: (does it hold, slack by comparison)."""
    claims.COLLECTED.clear()
    tree = claims.Recorder().visit(ast.parse(source))
    exec(compile(tree, "test", "exec"), {**claims.NAMES, "np": np, **names})
    (entry,) = claims.COLLECTED.values()
    return entry["holds"], entry["slack"]


@pytest.mark.parametrize(
    ("source", "holds", "slack"),
    [
        ("assert 2 < 5", True, {"2 < 5": 3}),
        ("assert 7 < 5, 'why'", False, {"7 < 5": -2}),
        ("assert 5 >= 2 > 1", True, {"5 >= 2": 3, "2 > 1": 1}),
        ("assert 1 < x < 9 and x != 3", True, {"1 < x": 3, "x < 9": 5}),
        ("assert x < 3 and 2 < x", False, {"x < 3": -1, "2 < x": 2}),
        ("assert (a > 0).all()", True, {"a > 0": 1}),
        ("assert (a > 1).any()", True, {"a > 1": 2}),
        ("assert all(v < 9 for v in a)", True, {"v < 9": 6}),
        ("assert x == 4", True, {}),
        ("assert not x < 3", True, {}),
        ("assert x < 3 or 2 < x", True, {}),
        ("assert 'b' in 'abc'", True, {}),
        ("assert np.isclose(x, 4)", True, {}),
        ("assert not a.any()", False, {}),
    ],
)
def test_the_slack_of_a_claim(source, holds, slack):
    found = _recorded(source, x=4, a=np.array([1, 2, 3]))
    assert found == (holds, slack)


def test_a_claim_made_twice_keeps_its_worst():
    source = "for v in (1, 4):\n    assert v < 3"
    assert _recorded(source) == (False, {"v < 3": -1})


def test_what_an_assertion_computes_is_computed_once():
    calls = []
    _recorded("assert 0 < f() < 9", f=lambda: calls.append(1) or 5)
    assert len(calls) == 1


def test_margins_in_standard_deviations():
    slacks = {"one": {"a < b": 1.0, "c < d": 5.0}, "two": {"a < b": 2.0, "c < d": 5.0}}
    slacks["three"] = {"a < b": 3.0}
    (row,) = robust._margins(slacks)  # what is the same everywhere has no margin
    assert row == {"comparison": "a < b", "margin": 2.0, "slack": 2.0, "spread": 1.0, "worst": "one"}


def _result(**claim):
    row = {"comparison": "a < b", "margin": 4.0, "worst": "w"}
    entry = {"claim": "a < b", "holds": 3, "worlds": 3, "comparisons": [row], **claim}
    return {"chapters": {"x": {"claims": [entry], "trouble": {}}}, "tests": {}}


def test_what_is_weak():
    assert robust.weak(_result()) == []
    assert robust.weak(_result(holds=2)) != []
    assert robust.weak(_result(comparisons=[{"comparison": "a < b", "margin": 2.9, "worst": "w"}])) != []
    assert robust.weak(_result(comparisons=[])) != []
    trouble = _result()
    trouble["chapters"]["x"]["trouble"] = {"00-avx": {"changed": ["cell"]}}
    assert robust.weak(trouble) != []


def test_no_stored_claim_is_weak():
    assert STORED["safe"] >= 3
    assert robust.weak(STORED) == []


def test_what_was_not_run_keeps_its_entry(tmp_path, monkeypatch):
    """A run of one chapter renews its entry; the others stay as measured, a chapter that is gone leaves."""
    before = {"safe": 3, "chapters": {**STORED["chapters"], "gone": {}}, "tests": STORED["tests"]}
    (tmp_path / "robust.json").write_text(json.dumps(before), encoding="utf-8")
    world = tmp_path / "runs/chapters/first_look/00-avx.json"
    world.parent.mkdir(parents=True)
    claims_there = {"a < b": {"holds": False, "slack": {"a < b": -1}}}
    run = {"claims": claims_there, "said": {}, "errors": [], "changed": []}
    world.write_text(json.dumps(run), encoding="utf-8")
    monkeypatch.setattr(robust, "OUTPUT", tmp_path / "robust.json")
    monkeypatch.setattr(robust, "STORE", tmp_path / "runs")
    monkeypatch.setattr(robust, "processor", lambda: "another processor")
    assert [line.partition(":")[0] for line in robust.report()] == ["first_look"]
    after = json.loads((tmp_path / "robust.json").read_text(encoding="utf-8"))
    assert set(after["chapters"]) == set(NAMES) and after["tests"] == STORED["tests"]
    renewed = after["chapters"].pop("first_look")
    assert (renewed["worlds"], renewed["processor"]) == (1, "another processor")
    assert after["chapters"] == {k: v for k, v in STORED["chapters"].items() if k != "first_look"}


@pytest.mark.parametrize("name", NAMES)
def test_every_chapter_ran_in_the_other_worlds(name):
    """A chapter that trains with its claims as they are now; the others on older instructions."""
    notebook = nbformat.read(ROOT / "chapters" / f"{name}.ipynb", 4)
    entry = STORED["chapters"][name]
    assert entry["worlds"] == len(robust.worlds(robust.trains(notebook)))
    if robust.trains(notebook):
        told = f"the assertions of {name} changed: run `make robust CHAPTER={name}`"
        # an assertion may move; that another one stands in its place may not
        assert sorted(entry["asserted"]) == sorted(robust.claims_of(notebook)), told


def test_worlds_differ_in_seeds_and_instructions():
    worlds = robust.worlds(trains=True)
    assert len(set(worlds)) == len(worlds)
    assert {name for number, name in worlds if number == 0} == set(robust.INSTRUCTIONS)
    assert sum(number > 0 for number, _ in worlds) >= 20
    assert {name for number, name in worlds if number > 0} == set(robust.INSTRUCTIONS)


def test_the_tests_that_train_ran_there_too():
    assert set(STORED["tests"]) == {path.stem for path in robust.training_tests()}


@pytest.mark.slow
def test_a_world_has_other_seeds_and_a_nudge():
    """In a process of its own, for the seeds of Keras are shifted for good."""
    code = (
        "import claims, sys, numpy as np\n"
        "claims.enter(int(sys.argv[1]))\n"
        "from interestdecay_lib import networks\n"
        "net = networks.article_lstm(2, units=2)\n"
        "before = [w.copy() for w in net.get_weights()]\n"
        "x = np.linspace(0, 1, 40).reshape(20, 2, 1)\n"
        "still = {'optimizer': 'sgd', 'learning_rate': 0.0}\n"
        "networks.fit_network(net, (x, x[:, -1, 0]), epochs=1, patience=None, **still)\n"
        "print(before[0].sum(), max(np.abs(a - b).max() for a, b in zip(before, net.get_weights())))\n"
    )
    command = [sys.executable, "-c", code]
    env = tasks.clean(PYTHONPATH=str(robust.TOOLS))
    told = [
        subprocess.run([*command, number], env=env, capture_output=True, text=True, check=True).stdout.split()
        for number in ("0", "1", "1")
    ]
    assert told[1] == told[2], "a world is the same each time"
    assert told[0][0] != told[1][0] and float(told[0][1]) == 0
    assert 0 < float(told[1][1]) < 1e-5
