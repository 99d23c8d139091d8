"""A chapter is executed again when its outputs may change, and only then."""

import ast
import json
import subprocess
import sys
import types

import nbformat
import pytest
from jupyter_cache import get_cache

import chapter as chapter_module
import environment
import executed
import fingerprint
import imports
import interestdecay_book
from chapter import Chapter
from chapters import NAMES, ROOT, chapter

CELLS = [
    "from interestdecay_lib import decay, plots",
    'from interestdecay_lib.checks import check\ncheck("one-1")',
]
FILES = {
    "interestdecay_lib/__init__.py": '"""The library."""',
    "interestdecay_lib/decay.py": '"""Curves."""\n\ndef halve(x):\n    """Half."""\n    return x / 2  # x\n',
    "interestdecay_lib/plots.py": "def show():\n    from . import style\n    return style.COLOUR\n",
    "interestdecay_lib/style.py": "COLOUR = 'blue'\n",
    "interestdecay_lib/checks.py": "import importlib\n\ndef check(name):\n"
    "    return importlib.import_module(f'interestdecay_lib.exercises.{name[:-2]}')\n",
    "interestdecay_lib/exercises/__init__.py": "",
    "interestdecay_lib/exercises/one.py": "import interestdecay_lib.judge as judge\n",
    "interestdecay_lib/exercises/two.py": "HINT = 1\n",
    "interestdecay_lib/judge.py": "LIMIT = 1\n",
    "interestdecay_lib/networks.py": "UNITS = 1\n",
    "interestdecay_lib/explorer.css": "a {}",
    "interestdecay_lib/table.csv": "1",
    "book/_data/scores.json": "1",
    "book/_data/runs.json": "1",
    "requirements.txt": "numpy==1",
    "tests/conftest.py": "",
}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def _notebook(*sources):
    new = nbformat.v4
    return new.new_notebook(cells=[new.new_markdown_cell("# One"), *map(new.new_code_cell, sources)])


def _of(*sources):
    return fingerprint.of_chapter("one", _notebook(*sources))


def _changes(path, text, *sources):
    """Whether another content of a file changes the fingerprint of a chapter with these cells."""
    before = _of(*sources)
    path.write_text(text)
    return _of(*sources) != before


@pytest.mark.parametrize(
    "name",
    [
        "decay.py",  # imported
        "style.py",  # imported inside a function of what is imported, relative
        "checks.py",
        "exercises/one.py",  # looked up by the chapter's name
        "judge.py",  # imported by these exercises
        "__init__.py",  # of the package around them
        "table.csv",  # no module: somebody may read it
    ],
)
def test_what_a_chapter_needs_changes_its_fingerprint(tree, name):
    assert _changes(tree / "interestdecay_lib" / name, "CHANGED = 2\n", *CELLS)


@pytest.mark.parametrize("name", ["networks.py", "exercises/two.py", "explorer.css"])
def test_what_it_does_not_need_leaves_it_alone(tree, name):
    assert not _changes(tree / "interestdecay_lib" / name, "CHANGED = 2\n", *CELLS)


def test_a_removed_module_and_a_renamed_one_are_changes(tree):
    before = _of(*CELLS)
    (tree / "interestdecay_lib/style.py").unlink()
    without = _of(*CELLS)
    package = tree / "interestdecay_lib/style"
    package.mkdir()
    (package / "__init__.py").write_text(FILES["interestdecay_lib/style.py"])
    assert len({before, without, _of(*CELLS)}) == 3


def test_comments_docstrings_and_layout_of_modules_do_not_count(tree):
    path = tree / "interestdecay_lib/decay.py"
    same = '"""Other words."""\n\n\ndef halve(\n    x,\n):\n    return x / 2\n'
    assert not _changes(path, same, *CELLS)
    assert _changes(path, same.replace("2", "3"), *CELLS)


@pytest.mark.parametrize("cell", ["help(decay)", "print(decay.__doc__)", "inspect.getsource(decay.halve)"])
def test_who_shows_sources_sees_comments(tree, cell):
    commented = FILES["interestdecay_lib/decay.py"] + "# another comment\n"
    assert _changes(tree / "interestdecay_lib/decay.py", commented, *CELLS, cell)


def test_code_counts_to_the_letter_and_text_does_not(tree):
    assert _of(*CELLS) != _of(*CELLS, "# a comment")
    first, second = _notebook(*CELLS), _notebook(*CELLS)
    second.cells[0].source = "# Another title"
    assert fingerprint.of_chapter("one", first) == fingerprint.of_chapter("one", second)


def test_versions_count(tree, monkeypatch):
    assert _changes(tree / "requirements.txt", "numpy==2", *CELLS)
    before = _of(*CELLS)
    monkeypatch.setattr(fingerprint.sys, "version_info", (3, 99))
    assert _of(*CELLS) != before


def test_exercises_of_another_chapter_count_when_they_are_named(tree):
    path = tree / "interestdecay_lib/exercises/two.py"
    assert _changes(path, "HINT = 2\n", *CELLS, 'check("two-1")')


@pytest.mark.parametrize(
    "cell",
    [
        'Path("../book/_data/scores.json").read_text()',
        'Path("../book") / "_data" / "scores.json"',
        'name = "scores"\nPath(f"../book/_data/{name}.json")',
    ],
)
def test_stored_numbers_count_for_the_chapters_that_name_them(tree, cell):
    (tree / "chapters").mkdir()
    assert _changes(tree / "book/_data/scores.json", "2", cell)
    assert not _changes(tree / "book/_data/scores.json", "3", *CELLS)


def test_other_stored_numbers_do_not(tree):
    assert not _changes(tree / "book/_data/runs.json", "2", 'Path("../book/_data/scores.json")')


DYNAMIC = {
    "an unknown name": "import importlib\nimportlib.import_module(name)",
    "a part of it": 'from importlib import import_module\nimport_module("interestdecay_lib." + name)',
    "an f-string": "import importlib\nimportlib.import_module(f'interestdecay_lib.{name}')",
    "the name itself": '__import__("interestdecay_lib.networks")',
}


@pytest.mark.parametrize("cell", DYNAMIC.values(), ids=DYNAMIC)
def test_modules_imported_by_a_computed_name_are_seen(tree, cell):
    assert _changes(tree / "interestdecay_lib/networks.py", "UNITS = 2\n", cell)


LAZY = (
    "def __getattr__(name):\n    import importlib\n    return importlib.import_module(f'{__name__}.{name}')\n"
)


@pytest.mark.parametrize(
    ("cell", "seen"),
    [
        ("from interestdecay_lib import decay", False),  # a module, and only that
        ("from interestdecay_lib.decay import halve", False),
        ("import interestdecay_lib as lib\nlib.networks", True),
        ("import interestdecay_lib.decay\ninterestdecay_lib.networks", True),
        ("from interestdecay_lib import something_made_there", True),
        ("from interestdecay_lib import *", True),
    ],
)
def test_what_a_package_imports_on_request(tree, cell, seen):
    (tree / "interestdecay_lib/__init__.py").write_text(LAZY)
    assert _changes(tree / "interestdecay_lib/networks.py", "UNITS = 2\n", cell) is seen


def test_relative_imports_of_a_package_and_of_its_parent(tree):
    inner = tree / "interestdecay_lib/inner"
    inner.mkdir()
    (inner / "__init__.py").write_text("from . import part\n")
    (inner / "part.py").write_text("from ..networks import UNITS\nfrom .other import X\n")
    (inner / "other.py").write_text("X = 1\n")
    cell = "from interestdecay_lib import inner"
    assert _changes(tree / "interestdecay_lib/networks.py", "UNITS = 2\n", cell)
    assert _changes(inner / "other.py", "X = 2\n", cell)


def test_cells_with_commands_are_read(tree):
    assert _changes(tree / "interestdecay_lib/decay.py", "X = 2\n", "%matplotlib inline\n!ls", *CELLS)


def test_a_file_of_tests_with_its_helpers_and_all_exercises(tree):
    test, helper = tree / "tests/test_x.py", tree / "tests/helper.py"
    test.write_text("from helper import log\nfrom interestdecay_lib import checks\n")
    helper.write_text("from interestdecay_lib import networks\n")
    seen = [fingerprint.of_tests(test)]
    for name in ("networks", "exercises/two"):
        (tree / f"interestdecay_lib/{name}.py").write_text("CHANGED = 2\n")
        seen.append(fingerprint.of_tests(test))
    (tree / "tests/conftest.py").write_text("import os\n")
    seen.append(fingerprint.of_tests(test))
    assert len(set(seen)) == 4
    (tree / "interestdecay_lib/decay.py").write_text("CHANGED = 2\n")
    assert fingerprint.of_tests(test) == seen[-1]


# ----------------------------------------------------------------------------------- the book as it is


@pytest.mark.parametrize("name", NAMES)
def test_a_chapter_depends_on_its_own_exercises_only_and_on_a_part_of_the_library(name):
    modules, _ = fingerprint.needed("\n\n".join(chapter(name).code), [ROOT / "chapters"], name)
    library = {path for path in (ROOT / "interestdecay_lib").rglob("*.py") if path.parent.name != "exercises"}
    exercises = {path.stem for path in modules if path.parent.name == "exercises"} - {"__init__"}
    assert exercises == {name}
    assert set(modules) - {path for path in modules if path.parent.name == "exercises"} < library


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_no_chapter_loads_a_module_that_its_fingerprint_does_not_know(name):
    """What the imports of a chapter, and of its exercises, really load in a fresh Python."""
    modules, _ = fingerprint.needed("\n\n".join(chapter(name).code), [ROOT / "chapters"], name)
    imported = [
        ast.unparse(node)
        for cell in chapter(name).code
        for node in ast.walk(imports.python(cell))
        if isinstance(node, ast.Import | ast.ImportFrom) and "interestdecay_lib" in ast.unparse(node)
    ]
    script = "\n".join(imported) + (
        f"\nimport interestdecay_lib.exercises.{name}\nimport json, sys\n"
        "loaded = [m.__file__ for n, m in sys.modules.items() if n.startswith('interestdecay_lib')]\n"
        "print(json.dumps(loaded))"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(json.loads(done.stdout.splitlines()[-1])) <= set(map(str, modules))


def test_names_of_others_are_told_apart():
    found, others = imports.closure("import numpy.linalg\nfrom interestdecay_lib.decay import halve", [ROOT])
    assert {"interestdecay_lib", "interestdecay_lib.decay"} <= found.keys()
    assert {"numpy.linalg", "numpy"} <= {*others, *(name.partition(".")[0] for name in others)}
    assert not [name for name in others if name.startswith("interestdecay_lib")]


# ------------------------------------------------------------------------------------------- the cache


@pytest.fixture
def cached(tree, monkeypatch):
    monkeypatch.setattr(executed, "CACHE", tree / "cache")
    monkeypatch.setattr(executed, "CHAPTERS", tree / "chapters")
    monkeypatch.setattr(chapter_module, "CHAPTERS", tree / "chapters")
    (tree / "chapters").mkdir()
    notebook = _notebook(*CELLS)
    for number, cell in enumerate(notebook.cells[1:], start=1):
        cell.execution_count = number
    nbformat.write(notebook, tree / "chapters/one.ipynb")
    executed.keep(Chapter.read("one"), 1.0)
    return tree


def test_what_was_executed_is_found_until_something_it_needs_changes(cached):
    assert executed.outputs(Chapter.read("one")).cells[0].source == CELLS[0]
    (cached / "interestdecay_lib/networks.py").write_text("UNITS = 3\n")
    assert executed.is_there(Chapter.read("one"))
    (cached / "interestdecay_lib/style.py").write_text("COLOUR = 'red'\n")
    assert not executed.is_there(Chapter.read("one"))
    with pytest.raises(KeyError, match="one was executed with another library"):
        executed.outputs(Chapter.read("one"))


def test_a_library_that_changes_while_a_chapter_runs_is_another_one(cached):
    running = Chapter.read("one")
    assert executed.is_there(running)
    (cached / "interestdecay_lib/style.py").write_text("COLOUR = 'red'\n")
    executed.keep(running, 1.0)
    assert not executed.is_there(Chapter.read("one"))


def test_nothing_stale_is_left_for_jupyter_book(cached):
    executed.forget_stale()
    assert len(get_cache(str(executed.CACHE)).list_cache_records()) == 1
    (cached / "interestdecay_lib/style.py").write_text("COLOUR = 'red'\n")
    executed.forget_stale()
    assert get_cache(str(executed.CACHE)).list_cache_records() == []


def test_a_page_is_read_again_when_only_its_outputs_are_new():
    env = types.SimpleNamespace()
    arguments = (None, env, set(), set(), set())
    assert interestdecay_book.changed_outputs(*arguments) == [], "a first build reads everything anyway"
    assert interestdecay_book.changed_outputs(*arguments) == []
    env.book_fingerprints["chapters/first_look"] = "that of another library"
    assert interestdecay_book.changed_outputs(*arguments) == ["chapters/first_look"]
    assert interestdecay_book.changed_outputs(*arguments) == []
