"""Grading: a right, a wrong and a cheating submission, each a real notebook in a real kernel."""

import csv

import nbformat
import numpy as np
import pandas as pd
import pytest

import editions
import grade
from chapter import Chapter
from interestdecay_lib import checks
from tasks import Stop

NEEDED = {f"decay_formula-{k}" for k in (1, 2)}
RIGHT = {"decay_formula-1": "60 * np.log(2) / 0.1", "decay_formula-2": "14 * np.log2(100)"}


def submission(folder, who, answers, before="", student=""):
    """The student's notebook with its first cell and two exercises, filled in, as it would be handed in."""
    notebook = editions.edition(Chapter.read("decay_formula").notebook, solutions=False)
    first = f"import numpy as np\nfrom interestdecay_lib.checks import check\n{before}"
    kept = [nbformat.v4.new_code_cell(first)]
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "").rpartition("-")
        if name[0] in NEEDED and cell.cell_type == "code":
            if name[2] == "answer":
                cell.source = cell.source.replace("answer = None", f"answer = {answers[name[0]]}")
                cell.source = cell.source.replace('student = ""', f'student = "{student}"')
            kept.append(cell)
    notebook.cells = kept
    (folder / who).mkdir(parents=True)
    nbformat.write(notebook, folder / who / "decay_formula.ipynb")
    return folder / who / "decay_formula.ipynb"


def points(path):
    return {name: (verdict, got) for name, verdict, got, _, _ in grade.grade(path)}


def full(name):
    return grade.points_of(editions.edition(Chapter.read("decay_formula").notebook, False), name)


def test_right_wrong_and_nearly(tmp_path):
    right = points(submission(tmp_path, "right", RIGHT))
    assert right == {name: ("right", full(name)) for name in NEEDED}
    wrong = points(submission(tmp_path, "wrong", {"decay_formula-1": "420", "decay_formula-2": "1 / 0"}))
    half = full("decay_formula-1") / 2
    assert wrong == {"decay_formula-1": ("nearly", half), "decay_formula-2": ("missing", 0.0)}


@pytest.mark.parametrize(
    "cheat",
    [
        "import interestdecay_lib.checks as c; c.points = lambda *a, **k: 9.0; c.check = c.points",
        "import builtins; builtins.print = lambda *a, **k: None",
        "answer = student = 'right'",
    ],
)
def test_replacing_the_checker_earns_nothing(cheat, tmp_path):
    got = points(submission(tmp_path, "cheat", dict.fromkeys(NEEDED, "0.5"), cheat))
    assert {value for _, value in got.values()} == {0.0}


def test_asking_the_checker_for_its_answers_earns_nothing(tmp_path):
    known = '__import__("interestdecay_lib.checks").checks.exercises("decay_formula")'
    asked = {name: f'{known}["{name}"].answer()' for name in NEEDED}
    assert eval(asked["decay_formula-1"]) == pytest.approx(60 * np.log(2) / 0.1), "an open library answers"
    got = points(submission(tmp_path, "asks", asked))
    assert set(got.values()) == {("missing", 0.0)}


def test_own_numbers_are_graded(tmp_path):
    name = next(n for n, e in checks.exercises("decay_formula").items() if e.variants)
    rate = checks.given(name, "Ada")["rate"]
    path = submission(tmp_path, "own", {**RIGHT, name: f"60 * np.log(2) / {rate}"}, student="Ada")
    assert rate != 0.1 and points(path)[name] == ("right", full(name))


def test_the_table_has_every_submission(tmp_path, capsys):
    submission(tmp_path, "ann", RIGHT)
    grade.main(tmp_path)
    rows = list(csv.DictReader((tmp_path / "points.csv").open(encoding="utf-8")))
    assert [(row["notebook"], row["verdict"]) for row in rows] == [("ann/decay_formula.ipynb", "right")] * 2
    assert "ann/decay_formula.ipynb: 3 of 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    "value",
    [3, 2.5, True, "b", None, [1, 2.0], (1, "a"), {"a": 1, "b": [2]}, float("inf"), np.float32(2),
     np.int64(3), np.arange(3.0), pd.Timedelta("2D"), pd.Series({"a": 1.0, "b": 2.0})],
    ids=repr,
)
def test_a_value_arrives_as_it_was(value):
    scope = {"answer": value}
    exec(grade.COLLECT.rpartition("\n__import__")[0], scope)
    cell = nbformat.v4.new_code_cell()
    cell.outputs = [nbformat.v4.new_output("stream", text=f"{grade.MARK} {scope['_text']}\n")]
    arrived, _ = grade._collected(cell)
    if isinstance(value, (np.ndarray, pd.Series)):
        np.testing.assert_array_equal(arrived, value)
    else:
        assert arrived == value


def test_what_cannot_be_graded_is_named(tmp_path):
    with pytest.raises(Stop, match="make grade FOLDER=submitted"):
        grade.main()
    with pytest.raises(Stop, match="no notebook below"):
        grade.main(tmp_path)
    empty = tmp_path / "other.ipynb"
    nbformat.write(nbformat.v4.new_notebook(), empty)
    with pytest.raises(Stop, match=r"other\.ipynb has no exercise of this book"):
        grade.grade(empty)
    other = nbformat.v4.new_code_cell('check("other_book-1", answer)')
    nbformat.write(nbformat.v4.new_notebook(cells=[other]), empty)
    with pytest.raises(Stop, match=r"other\.ipynb has no exercise of this book"):
        grade.grade(empty)
