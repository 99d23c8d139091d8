"""The editions: no solution in the student's, every one in the instructor's, both valid and executed."""

import html
import io
import json
import math
import os
import re
import subprocess
import sys
import zipfile
from functools import cache

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbgrader import utils as nbgrader
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import ClearSolutions
from traitlets.config import Config

import editions
import exam
import robust
import tasks
from chapter import MARK, Chapter, pieces
from chapters import NAMES, ROOT, cells, chapter
from interestdecay_lib import checks

each_chapter = pytest.mark.parametrize("name", NAMES)
STUDENT = tasks.BUILD / "student"
IMAGE = re.compile(r"data:image/[\w+.-]+;base64,[A-Za-z0-9+/=]+")


# ------------------------------------------------------------------------------- what must not be found


def plain(text, is_html=False):
    """Text as a reader would search it: no tags, no typographic quotes, single spaces."""
    if is_html:
        text = html.unescape(re.sub(r"<[^>]*>", "", text))
    text = text.translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2013: "-", 0x2212: "-"})
    return " ".join(text.split())


def _code_lines(cell):
    return [line.strip() for line in cell.source.splitlines()]


def _output_text(cell):
    return " ".join(str(output.get("text", output.get("data", ""))) for output in cell.get("outputs", []))


@cache
def public():
    """Everything that a student may read: text and outputs outside the solutions, pages, library."""
    parts = []
    for name in NAMES:
        for cell, _, inside in pieces(chapter(name).notebook):
            if cell is not None and not inside:
                parts += [cell.source, _output_text(cell), str(cell.metadata)]
    files = [*(ROOT / "book").glob("*.*"), *(ROOT / "book/quizzes").glob("*.yml")]
    files += (ROOT / "interestdecay_lib").glob("*.*")
    parts += [file.read_text(encoding="utf-8") for file in files]
    text = "\n".join(parts)
    return plain(text + "\n" + re.sub(r"[*`]", "", text))  # as written, and as rendered


@cache
def secrets(name):
    """What gives a solution of one chapter away: its lines of code, runs of its prose, what `check` says, the
    answer's digits. What also stands outside the solutions is no secret."""
    found = set()
    for exercise in chapter(name).exercises:
        for cell in exercise.solution:
            if cell.cell_type == "code":
                found |= {line for line in _code_lines(cell) if len(line) > 15 and "check(" not in line}
            else:
                runs = re.split(r"[$`*{}\[\]\n]", MARK.sub("", cell.source))
                found |= {run.strip(" .,;:()") for run in runs if len(run.split()) >= 5}
    for exercise in checks.exercises(name).values():
        found |= {exercise.explain, *(mistake.why for mistake in exercise.mistakes)}
        found |= set(re.findall(r"-?\d+\.\d{4,}", editions.shown(exercise.answer())))
    return {plain(text) for text in found if text and plain(text) not in public()}


def all_secrets():
    return set().union(*map(secrets, NAMES))


def texts(content, name):
    """Every text of a file, unpacked and decoded: archives file by file, notebooks cell by cell."""
    if name.endswith((".zip", ".whl")):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for inner in archive.namelist():
                yield from texts(archive.read(inner), f"{name}/{inner}")
        return
    text = content.decode("utf-8", errors="replace")
    if name.endswith(".ipynb"):
        text = "\n".join(_strings(json.loads(text)))
    elif name.endswith((".js", ".json")):
        text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), text)
        text = text.replace('\\"', '"').replace("\\n", "\n")
    yield name, plain(IMAGE.sub("", text), is_html=name.endswith((".html", ".ipynb")))
    if name.endswith(".ipynb"):
        yield name, plain(IMAGE.sub("", text))


def _strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            if not key.startswith("image/"):
                yield key
                yield from _strings(part)
    elif isinstance(value, list):
        if value and all(isinstance(part, str) for part in value):
            yield "".join(value)  # a notebook stores a text line by line
        else:
            for part in value:
                yield from _strings(part)


def leaks(folder, looked_for):
    """(file, secret) for every file below a folder, whatever its name.

    An answer that is only a number is a secret of its own chapter: the table of a live figure elsewhere may
    well show 2^(-3/2) too.
    """
    all_numbers, found = set().union(*map(_numbers, NAMES)), []
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        elsewhere = all_numbers - _numbers(file.stem) if file.stem in NAMES else set()
        if "_data" in file.parts:  # thousands of measured digits, in which any four stand somewhere
            elsewhere = all_numbers
        for name, text in texts(file.read_bytes(), str(file.relative_to(folder))):
            found += [(name, secret) for secret in looked_for - elsewhere if secret in text]
    return found


@cache
def _numbers(name):
    return {secret for secret in secrets(name) if re.fullmatch(r"-?[\d.]+", secret)}


@each_chapter
def test_every_chapter_has_secrets(name):
    assert len(secrets(name)) >= 40


# ----------------------------------------------------------------------------------------- the notebooks


@each_chapter
def test_a_student_notebook_has_the_exercises_and_not_the_solutions(name):
    made = editions.edition(Chapter.read(name).notebook, solutions=False)
    text = plain("\n".join(_strings(json.loads(nbformat.writes(made)))))
    assert [secret for secret in secrets(name) if secret in text] == []
    whole = "\n".join(cell.source for cell in cells(name))
    source = "\n".join(cell.source for cell in made.cells)
    for kept in ("{exercise-start}", "{exercise-end}", "{admonition} Hint"):
        assert source.count(kept) == whole.count(kept) > 0
    assert "solution-start" not in source and "solution-end" not in source
    assert "solution" not in {tag for cell in made.cells for tag in cell.metadata.get("tags", [])}
    stubs = [cell for cell in made.cells if re.search(r"^answer = None", cell.source, re.MULTILINE)]
    assert len(stubs) == len(checks.exercises(name))


@each_chapter
@pytest.mark.parametrize("solutions", [False, True], ids=["student", "instructor"])
def test_nbgrader_accepts_the_notebook(name, solutions):
    made = editions.edition(Chapter.read(name).notebook, solutions)
    nbformat.validate(made)
    MetadataValidator().validate_nb(made)
    exercises = chapter(name).exercises
    graded = [cell for cell in made.cells if nbgrader.is_grade(cell)]
    assert sum(cell.metadata.nbgrader.points for cell in graded) == sum(e.stars for e in exercises)
    assert all(cell.metadata.nbgrader.locked for cell in graded if cell.cell_type == "code")
    for exercise in exercises:
        ids = {c.metadata.nbgrader.grade_id for c in made.cells if "nbgrader" in c.metadata}
        kind = {f"{exercise.name}-answer", f"{exercise.name}-points"}
        assert (kind if exercise.name in checks.exercises(name) else {f"{exercise.name}-text"}) <= ids


def _cleared(notebook):
    """What `nbgrader generate_assignment` leaves of an instructor notebook."""
    scope = {}
    exec(editions.NBGRADER.replace("get_config()", "config"), {"config": Config()}, scope)
    return ClearSolutions(config=scope["c"]).preprocess(notebook, {})[0]


@each_chapter
def test_nbgrader_makes_the_student_notebook_from_the_instructor_notebook(name):
    notebook = Chapter.read(name).notebook
    made, wanted = _cleared(editions.edition(notebook, True)), editions.edition(notebook, False)
    assert [cell.cell_type for cell in made.cells] == [cell.cell_type for cell in wanted.cells]
    for cell, other in zip(made.cells, wanted.cells, strict=True):
        assert cell.metadata == other.metadata
        # the one stub of nbgrader is also that of a discussion's code
        assert cell.source == re.sub(r"^# your code$", "answer = None", other.source, flags=re.MULTILINE)


def test_an_answer_keeps_its_unit_and_takes_a_name_where_numbers_are_ones_own():
    made = editions.edition(Chapter.read("decay_formula").notebook, solutions=False)
    sources = [cell.source for cell in made.cells]
    assert (
        'student = ""  # your name, if the numbers are your own\n# your answer, in minutes\nanswer = None\n'
        'check("decay_formula-1", answer, student=student or None)'
    ) in sources
    given = checks.given("decay_formula-1", "Ada")
    scope = {"student": "Ada", "answer": 60 * math.log(2) / given["rate"]}
    (graded,) = [source for source in sources if 'points("decay_formula-1"' in source]
    assert eval(graded.splitlines()[-1], {**scope, "points": checks.points}) == 1.0
    assert eval(graded.splitlines()[-1], {**scope, "student": "", "points": checks.points}) == 0.0


@each_chapter
def test_an_instructor_notebook_has_every_solution(name):
    made = editions.edition(Chapter.read(name).notebook, solutions=True)
    source = "\n".join(cell.source for cell in made.cells if "nbgrader" in cell.metadata)
    for exercise in chapter(name).exercises:
        assert exercise.solution_code in source
        assert exercise.solution_code or exercise.solution_text in source


def _chapter(*sources):
    """A notebook; a source that begins with % is code."""
    new = nbformat.v4
    made = [new.new_code_cell(s[1:]) if s[0] == "%" else new.new_markdown_cell(s) for s in sources]
    return new.new_notebook(cells=made)


START = "```{exercise-start} ★ One (objective 1)\n:label: ex-x-1\n```\nText.\n```{exercise-end}\n```\n"
OPEN, CLOSE = "```{solution-start} ex-x-1\n:class: dropdown\n```\n", "```{solution-end}\n```\n"


def test_a_solution_is_cut_out_of_the_middle_of_a_cell():
    notebook = _chapter(START + "Hint.\n\n" + OPEN + "Secret.\n" + CLOSE + "\n## Further reading")
    made = editions.edition(notebook, solutions=False, nbgrader=False)
    assert [cell.source for cell in made.cells] == [START + "Hint.\n\n## Further reading"]
    marked = editions.edition(notebook, solutions=False)
    assert [nbgrader.is_solution(cell) for cell in marked.cells] == [False, True, False]


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ([START + OPEN, "%secret = 1", "## Further reading"], "never closed"),
        ([START + OPEN + "Secret.", START], "not closed before"),
        ([START + OPEN.replace("x-1", "x-2") + CLOSE], "a solution of ex-x-2 stands in the exercise ex-x-1"),
        ([OPEN + CLOSE], "stands in the exercise none"),
        ([START + "```{solution} ex-x-1\nSecret.\n```"], "is not recognised"),
    ],
)
def test_a_chapter_that_could_leak_is_refused(sources, message):
    with pytest.raises(tasks.Stop, match=message):
        editions.edition(_chapter(*sources), solutions=False)


def test_an_unknown_chapter_is_named():
    with pytest.raises(tasks.Stop, match=r'no chapter "half-life"\. Chapters: .*decay_formula'):
        Chapter.read("half-life")


# ------------------------------------------------------------------------------------- run by themselves


def _run(notebook, folder, instructions="native"):
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", record_timing=False, coalesce_streams=True
    )
    own = {"INTERESTDECAY_FIGURES": "still", **robust.INSTRUCTIONS[instructions]}
    client.execute(cwd=str(folder), env={**os.environ, **own})
    return notebook


def _plain_outputs(cell):
    told = [output.get("text", output.get("data", {}).get("text/plain", "")) for output in cell.outputs]
    return [re.sub(r"0x[0-9a-f]+", "0x", "".join(text)) for text in told]


@pytest.mark.slow
@each_chapter
def test_a_student_notebook_runs_and_shows_what_the_book_shows(name, tmp_path):
    """As it is handed out, in a folder of its own, on older instructions than this machine's, as on another
    processor: no claim and no output changes."""
    notebook = editions.hand_out(chapter(name), False, tmp_path / "notebooks")
    stored = {cell.source: _plain_outputs(cell) for cell in notebook.cells if cell.cell_type == "code"}
    _run(notebook, tmp_path / "notebooks", "avx")
    compared = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        if nbgrader.is_grade(cell):
            assert nbgrader.determine_grade(cell) == (0, cell.metadata.nbgrader.points), "nothing answered"
        elif "nbval-ignore-output" not in cell.metadata.get("tags", []):
            assert _plain_outputs(cell) == stored[cell.source], cell.source
            compared += 1
    assert compared > 20


@pytest.mark.slow
@pytest.mark.parametrize("name", ["decay_formula", "first_look", "events_to_interest"])  # with own numbers
def test_an_instructor_notebook_gets_full_points(name, tmp_path):
    notebook = _run(editions.hand_out(chapter(name), True, tmp_path / "notebooks"), tmp_path / "notebooks")
    graded = [cell for cell in notebook.cells if cell.cell_type == "code" and nbgrader.is_grade(cell)]
    assert len(graded) == len(checks.exercises(name))
    for cell in graded:
        full = cell.metadata.nbgrader.points
        assert nbgrader.determine_grade(cell) == (full, full), cell.source


# -------------------------------------------------------------------------------- library, key and archive


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return editions.export("decay_formula", tmp_path_factory.mktemp("export"))


@pytest.fixture(scope="module")
def unpacked(archive):
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(archive.parent)
    return archive.parent / "decay_formula"


def test_an_exported_chapter_is_whole_and_keeps_its_secrets(archive, unpacked):
    files = {path.name for path in unpacked.iterdir()}
    assert {"decay_formula.ipynb", "requirements.txt", "data-requirements.txt", "get_data.py"} <= files
    assert {"README.txt", "LICENSE"} <= files and len(list(unpacked.glob("*.whl"))) == 1
    assert leaks(archive.parent, all_secrets()) == []
    assert archive.stat().st_size < 2_000_000
    locked = (unpacked / "data-requirements.txt").read_text()
    assert "lifetimes==0.11.3" in locked and "--hash=sha256:" in locked and "recbole" not in locked
    compile((unpacked / "get_data.py").read_text(), "get_data.py", "exec")


def test_an_exported_chapter_finds_its_stored_numbers(tmp_path):
    """The paths that the notebook opens, from its own folder in the unpacked zip."""
    with zipfile.ZipFile(editions.export("training_keras", tmp_path)) as packed:
        packed.extractall(tmp_path)
    text = (tmp_path / "training_keras/training_keras.ipynb").read_text(encoding="utf-8")
    (folder,) = set(re.findall(r'Path\(\\"(\.\./[^"\\]+)\\"\)', text))
    named = set(re.findall(r'data / \\"([^"\\]+)\\"', text))
    assert named == {"training_runs.json", "weekly_lstm.npz"}
    assert all((tmp_path / "training_keras" / folder / name).is_file() for name in named)


def _said(script, *arguments, folder):
    """What a fresh Python prints."""
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout


def test_the_packed_library_judges_as_the_open_one(unpacked):
    """The wheel is imported as it is, in a fresh process that does not see this tree's library."""
    library = next(unpacked.glob("*.whl"))
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from interestdecay_lib import checks\n"
        "assert sys.argv[1] in checks.__file__, checks.__file__\n"
        "print(checks.chapters(), repr(checks.check('decay_formula-1', 10 * 60)))\n"
        "exercise = checks.exercises('decay_formula')['decay_formula-1']\n"
        "print(checks.check('decay_formula-1', exercise.answer()))"
    )
    said = _said(script, str(library), folder=unpacked).splitlines()
    assert said[0] == f"['decay_formula'] {checks.check('decay_formula-1', 600)!r}"
    assert said[1].startswith("✓ Right.")


def test_the_requirements_cover_what_the_chapter_imports(unpacked):
    """With nothing but the requirements and what they need, every import of the chapter succeeds."""
    notebook = nbformat.read(unpacked / "decay_formula.ipynb", 4)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    imports = "\n".join(line for line in code.splitlines() if line.startswith(("import ", "from ")))
    lines = (unpacked / "requirements.txt").read_text().splitlines()
    covered = _with_dependencies([line.partition("==")[0] for line in lines if "==" in line])
    assert {"matplotlib", "numpy", "pandas", "scipy"} <= covered
    said = _said(WITHOUT_OTHERS + imports + "\nprint('imported')", *covered, folder=unpacked)
    assert said.split()[-1:] == ["imported"]
    fewer = covered - {"matplotlib"}
    with pytest.raises(subprocess.CalledProcessError):
        _said(WITHOUT_OTHERS + imports, *fewer, folder=unpacked)


#: Packages of the environment that are not among the arguments cannot be imported: pandas would take pyarrow.
WITHOUT_OTHERS = """
import importlib.metadata, sys
kept = {*sys.argv[1:], "interestdecay-lib"}
owners = importlib.metadata.packages_distributions()
class Absent:
    def find_spec(self, name, path=None, target=None):
        mine = {owner.lower().replace("_", "-") for owner in owners.get(name, [])}
        if mine and not mine & kept:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
"""


def _with_dependencies(names):
    import importlib.metadata as metadata

    found, waiting = set(), [name.lower() for name in names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        try:
            needed = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        needed = [re.match(r"[\w.-]+", line)[0] for line in needed if "extra" not in line]
        waiting += [dependency.lower().replace("_", "-") for dependency in needed]
    return found


def test_the_same_chapter_gives_the_same_bytes(archive, tmp_path):
    assert editions.export("decay_formula", tmp_path).read_bytes() == archive.read_bytes()


def test_the_answer_key_has_every_answer():
    key = editions.answer_key()
    for name in NAMES:
        for exercise in chapter(name).exercises:
            assert f". {exercise.heading} (" in key
            assert exercise.solution_code in key
        for judged in checks.exercises(name).values():
            assert editions.shown(judged.answer()) in key
            assert all(mistake.why in key for mistake in judged.mistakes)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3"),
        (2 / 3, "0.666667"),
        (True, "True"),
        ("a", "a"),
        ([1, 2.5], "[1, 2.5]"),
        ({"a": 1}, "{a: 1}"),
    ],
)
def test_answers_as_text(value, text):
    assert editions.shown(value) == text


# ------------------------------------------------------------------------------------- the built edition


@pytest.fixture(scope="module")
def built():
    if not (STUDENT / "html/index.html").exists():
        pytest.fail("the student edition is not built: run `make student` first")
    return STUDENT


@pytest.mark.page
def test_no_byte_of_the_student_edition_holds_a_solution(built):
    """Pages, `_sources`, search index, notebooks with their metadata, library."""
    assert leaks(built, all_secrets()) == []
    for name in NAMES:
        assert (built / f"html/_sources/chapters/{name}.ipynb").exists()


@pytest.mark.page
def test_the_search_would_find_a_solution():
    """The same search finds the solutions in the full book, so that finding none means something."""
    found = {secret for _, secret in leaks(tasks.HTML / "chapters", all_secrets())}
    explained = {
        plain(mistake.why) for n in NAMES for e in checks.exercises(n).values() for mistake in e.mistakes
    }
    on_pages = all_secrets() - explained
    assert len(found) > 0.85 * len(on_pages), sorted(on_pages - found)[:20]


def _terms(folder):
    index = (folder / "searchindex.js").read_text(encoding="utf-8")
    told = json.loads(re.fullmatch(r"Search\.setIndex\((.*)\)", index.strip(), re.DOTALL)[1])
    return set(told["terms"]) | set(told["titleterms"])


@pytest.mark.page
def test_the_search_index_knows_no_word_of_a_solution(built):
    from sphinx.search.en import SearchEnglish

    stem = SearchEnglish({}).stem
    words = {word for secret in all_secrets() for word in re.findall(r"[a-z]{4,}", secret.lower())}
    known = {stem(word) for word in set(re.findall(r"[a-z]+", public().lower()))}
    only = {stem(word) for word in words} - known
    assert only & _terms(tasks.HTML), "the full book's index has some"
    assert only & _terms(built / "html") == set()


#: Numbers that stand in a chapter by chance and say nothing about the exercise whose answer they equal.
BY_CHANCE = {
    "events_to_interest-1": "the end of an interval",
    "recommending-1": "a recall in percent; the answer is in days",
}


@pytest.mark.parametrize("name", NAMES)
def test_no_answer_stands_in_its_chapters_quiz_or_outputs(name):
    """An answer rounded to three digits or more, of which it has as many, would give the exercise away."""
    notebook = editions.edition(chapter(name).notebook, solutions=False, nbgrader=False)
    told = (ROOT / f"book/quizzes/{name}.yml").read_text(encoding="utf-8")
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            told += output.get("text", "") + data.get("text/plain", "") + data.get("text/html", "") + "\n"
    printed = {text for text in re.findall(r"(?<![\w.])\d+\.\d+(?![\w.])", told) if _digits(text) >= 3}
    found = set()
    for label, exercise in checks.exercises(name).items():
        answer = exercise.answer()
        parts = answer.values() if isinstance(answer, dict) else [answer]
        for part in parts:
            if not isinstance(part, str | bool):
                values = [abs(value) for value in np.ravel(np.asarray(part, dtype=float))]
                long = [value for value in values if not math.isclose(value, float(f"{value:.1e}"))]
                if any(float(text) == float(f"{value:.{_digits(text) - 1}e}")
                       for value in long for text in printed):
                    found.add(label)
    assert found == {label for label in BY_CHANCE if label.rpartition("-")[0] == name}


def _digits(text):
    return len(text.replace(".", "").lstrip("0"))


@pytest.mark.page
def test_the_teaching_guide_is_not_for_students(built):
    belief = "Two curves with one half-life are nearly the same curve."
    assert belief in (tasks.HTML / "book/teaching_guide.html").read_text(encoding="utf-8")
    assert not (built / "html/book/teaching_guide.html").exists()
    pages = [*(built / "html").rglob("*.html"), built / "html/searchindex.js"]
    assert len(pages) > 20
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert belief not in text and "teaching_guide.html" not in text, page


def examined():
    """What examinations ask: of each question in the bank the longest text between two numbers."""
    runs = {max(re.split(r"\{[^}]*\}", question.text), key=len) for question in exam.QUESTIONS.values()}
    return {plain(run) for run in runs}


@pytest.mark.page
def test_no_examination_stands_in_the_students_edition_or_on_a_page(built, tmp_path):
    paper = exam.paper(3, list(exam.QUESTIONS), "A")
    (tmp_path / "paper.html").write_text(paper, encoding="utf-8")
    assert {text for _, text in leaks(tmp_path, examined())} == examined(), "the search finds them on a paper"
    assert leaks(built, examined()) == leaks(tasks.HTML, examined()) == []


@pytest.mark.page
def test_the_students_pages_keep_exercises_and_hints(built):
    for name in NAMES:
        page = (built / f"html/chapters/{name}.html").read_text(encoding="utf-8")
        full = (tasks.HTML / f"chapters/{name}.html").read_text(encoding="utf-8")
        for kept in ('class="exercise', 'class="answer-box"', "fading-explorer"):
            assert page.count(kept) == full.count(kept)
        assert full.count('class="solution') > 0 and page.count('class="solution') == 0
