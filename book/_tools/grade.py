"""Points for submitted notebooks, judged in a process that no submission shares.

`make grade FOLDER=submitted` runs every notebook below a folder with a library that holds no answers, asks
its kernel for the value of `answer` behind each exercise, as text, and judges that text here. A notebook that
replaces the checker, or asks it for its answers, changes only its own kernel. It still runs as you, with your
files: grade in a container, or a user of its own, if you do not trust a class with them.
"""

import ast
import copy
import csv
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

from environment import LIBRARY, Stop, say
from interestdecay_lib import checks

MARK = "the answer, as text:"
#: Runs in the submission's kernel, and relies on no name of it.
COLLECT = f'''
def _told(value):
    import numbers, datetime
    kind = type(value)
    module = kind.__module__.partition(".")[0]
    if value is None or kind in (bool, int, float, str):
        return value
    if module == "pandas" and hasattr(value, "to_dict"):
        return {{"series": [[_told(key), _told(part)] for key, part in value.to_dict().items()]}}
    if isinstance(value, datetime.timedelta):
        return {{"seconds": value.total_seconds()}}
    if hasattr(value, "tolist") or hasattr(value, "numpy"):
        plain = value.numpy() if hasattr(value, "numpy") else value
        return {{"array": plain.tolist()}} if getattr(plain, "ndim", 0) else plain.item()
    if isinstance(value, numbers.Number):
        return float(value)
    if isinstance(value, dict):
        return {{"dict": [[_told(key), _told(part)] for key, part in value.items()]}}
    if kind in (list, tuple):
        return {{kind.__name__: [_told(part) for part in value]}}
    return {{"other": kind.__name__}}
try:
    _text = repr((_told(answer), globals().get("student") or None))
except Exception as _fault:
    _text = repr(({{"other": type(_fault).__name__}}, None))
__import__("builtins").print({MARK!r}, _text)
'''


def grade(path):
    """[(exercise, verdict, points, out of, message)] of one notebook, in its order, without discussions."""
    notebook = nbformat.read(path, 4)
    asked = answer_cells(notebook)
    chapter = asked[0][1].rpartition("-")[0] if asked else ""
    if chapter not in checks.chapters():
        raise Stop(f"{path} has no exercise of this book")
    known = checks.exercises(chapter)
    run, places = _with_collectors(notebook, asked)
    with tempfile.TemporaryDirectory() as temporary:
        library = _without_answers(Path(temporary))
        # the folder of `make student` and of the zips has beside it what a notebook reads
        client = NotebookClient(run, timeout=600, kernel_name="python3", allow_errors=True)
        try:
            client.execute(cwd=str(path.parent), env={**os.environ, "PYTHONPATH": str(library)})
        except DeadKernelError:
            say(f"{path}: its kernel died; what it had answered until then counts")
    graded = []
    for name, cell in places:
        answer, student = _collected(cell)
        full = points_of(notebook, name)
        if name not in known:
            graded.append((name, checks.UNKNOWN, 0.0, full, "no exercise of this chapter"))
            continue
        judged = checks.judge(name, answer, student if known[name].variants else None)
        graded.append((name, judged.verdict, judged.share * full, full, judged.message))
    return graded


def answer_cells(notebook):
    """[(index of the cell, exercise)] of the cells that a student answers in, in their order.

    By nbgrader's mark, which a student does not see, or else by the call of `check` in the cell. If two cells
    claim one exercise, the first is the one.
    """
    found = {}
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        marked = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        called = re.search(r'^check\("([\w-]+-\d+)"', cell.source, re.MULTILINE)
        if marked.endswith("-answer"):
            found.setdefault(marked.removesuffix("-answer"), index)
        elif called and not marked:
            found.setdefault(called[1], index)
    return sorted((index, name) for name, index in found.items())


def points_of(notebook, name):
    """How many points an exercise has: as its locked cell says, else one."""
    for cell in notebook.cells:
        mark = cell.metadata.get("nbgrader", {})
        if mark.get("grade_id") == f"{name}-points":
            return float(mark["points"])
    return 1.0


def _with_collectors(notebook, asked):
    """The notebook with no answer before each exercise and a question behind it, and the cells that ask."""
    run = copy.deepcopy(notebook)
    run.cells, places, exercise_at = [], [], dict(asked)
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or cell.metadata.get("nbgrader", {}).get("grade", False):
            continue
        if index in exercise_at:
            run.cells.append(nbformat.v4.new_code_cell("answer, student = None, None"))
        run.cells.append(copy.deepcopy(cell))
        if index in exercise_at:
            places.append((exercise_at[index], nbformat.v4.new_code_cell(COLLECT)))
            run.cells.append(places[-1][1])
    return run, places


def _without_answers(folder):
    """A copy of the library that judges nothing."""
    no_answers = shutil.ignore_patterns("__pycache__", "exercises")
    shutil.copytree(LIBRARY, folder / "interestdecay_lib", ignore=no_answers)
    (folder / "interestdecay_lib/exercises").mkdir()
    (folder / "interestdecay_lib/exercises/__init__.py").write_text('"""None here."""\n', encoding="utf-8")
    return folder


def _collected(cell):
    """(answer, student) as a collecting cell printed them; nothing if it did not run."""
    told = "".join(output.get("text", "") for output in cell.get("outputs", []))
    text = told.rpartition(MARK)[2].strip()
    try:
        answer, student = ast.literal_eval(re.sub(r"(?<![\w'\"])(nan|inf)(?![\w'\"])", r"'\1!'", text))
    except (SyntaxError, ValueError):
        return None, None
    return decoded(answer), student if isinstance(student, str) else None


def decoded(told):
    """A value from what a kernel told of it: numbers, texts and their containers, nothing that runs.

    >>> decoded({"dict": [["mae", 0.5], ["all", {"array": [1, "nan!"]}]]})
    {'mae': 0.5, 'all': array([ 1., nan])}
    """
    if isinstance(told, str):
        return float(told[:-1].replace("-", "")) if told in ("nan!", "inf!") else told
    if not isinstance(told, dict):
        return told
    ((kind, value),) = told.items()
    if kind == "array":
        return np.array(_floats(value))
    if kind in ("dict", "series"):
        pairs = {decoded(key): decoded(part) for key, part in value}
        return pairs if kind == "dict" else pd.Series(pairs)
    if kind in ("list", "tuple"):
        return {"list": list, "tuple": tuple}[kind](map(decoded, value))
    return pd.Timedelta(value, "s") if kind == "seconds" else object()


def _floats(value):
    return list(map(_floats, value)) if isinstance(value, list) else decoded(value)


def main(folder=""):
    """Grade all notebooks below a folder; the table goes to `points.csv` in it."""
    if not folder or not Path(folder).is_dir():
        raise Stop("name the folder with the submitted notebooks: make grade FOLDER=submitted")
    folder = Path(folder)
    paths = sorted(path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
    if not paths:
        raise Stop(f"there is no notebook below {folder}")
    rows = []
    for path in paths:
        graded = grade(path)
        rows += [(str(path.relative_to(folder)), *line) for line in graded]
        got, full = sum(line[2] for line in graded), sum(line[3] for line in graded)
        say(f"{path.relative_to(folder)}: {got:g} of {full:g}")
    table = folder / "points.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("notebook", "exercise", "verdict", "points", "of", "message"), *rows])
    say(f"Every exercise: {table}. Discussions and projects are yours to read.")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Stop as stop:
        sys.exit(f"\nStopped: {stop}")
