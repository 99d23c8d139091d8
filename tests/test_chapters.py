"""House rules of a chapter that a machine can check (nbval compares the outputs)."""

import doctest
import re
from pathlib import Path

import nbformat
import pytest

from chapter import names
from chapters import NAMES, ROOT, cells, chapter, code_cells, exercises, markdown, objectives, prose, tags
from interestdecay_lib import checks
from reading_time import reading_minutes

MAX_LINES = 20
#: Seconds to run of what trains many networks; to trace a network takes TensorFlow two seconds.
LONGEST = {"training_keras": 110, "evaluating_forecasts": 90}
TOC = names()
each_chapter = pytest.mark.parametrize("name", NAMES)


def test_every_chapter_is_in_the_table_of_contents():
    assert sorted(TOC) == sorted(NAMES)


def test_the_first_chapter_and_the_readme_name_every_chapter():
    targets = re.findall(r"\| \{ref\}`chapter-([\w-]+)` \|", markdown("first_look"))
    assert [target.replace("-", "_") for target in targets] == TOC
    assert re.findall(r"^\| \d+ `(\w+)` \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.M) == TOC


def test_the_readme_computes_what_it_prints():
    failed, tried = doctest.testfile(str(ROOT / "README.md"), module_relative=False, encoding="utf-8")
    assert failed == 0 and tried >= 8


def test_the_five_articles_are_named_as_they_are():
    files = [*ROOT.glob("chapters/*.ipynb"), *ROOT.glob("book/*.md"), *ROOT.glob("interestdecay_lib/**/*.py")]
    named = {f.name: re.findall(r"\b00\d_[0-9a-f]{16}\b", f.read_text(encoding="utf-8")) for f in files}
    once = named.pop("how_to_use.md")
    assert sorted(name[:3] for name in once) == ["000", "001", "002", "003", "004"]
    assert not [file for file, names in named.items() if names], "elsewhere they are articles A to E"


@each_chapter
def test_cells_ran_in_order_from_a_clean_kernel(name):
    counts = [cell.execution_count for cell in code_cells(name)]
    assert counts == list(range(1, len(counts) + 1))


@each_chapter
def test_no_error_and_no_noise(name):
    for cell in code_cells(name):
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", cell.source


@each_chapter
def test_opening_block(name):
    opening = cells(name)[0].source
    assert opening.startswith(f"(chapter-{name.replace('_', '-')})=\n# ")
    assert "```{admonition} The question\n:class: question" in opening
    assert 3 <= len(objectives(name)) <= 5
    assert "**You need first:**" in opening
    assert "| mathematics | code | meaning | unit |" in opening


@each_chapter
def test_times_are_measured(name):
    assert chapter(name).minutes == reading_minutes(chapter(name).notebook)
    assert 5 <= chapter(name).seconds <= LONGEST.get(name, 60)


@each_chapter
def test_closing_sections(name):
    headings = re.findall(r"^## (.*)$", markdown(name), re.M)
    assert headings[-4:] == ["Three sentences to remember", "Pitfalls", "Exercises", "Further reading"]


@each_chapter
def test_every_objective_has_an_exercise(name):
    covered = {number for exercise in chapter(name).exercises for number in exercise.objectives}
    assert covered == set(chapter(name).objectives)
    assert len(exercises(name)) >= 5


@each_chapter
def test_exercises_have_hint_solution_and_check(name):
    text = markdown(name)
    code = "\n".join(cell.source for cell in code_cells(name))
    known = checks.exercises(name)
    for number, (title, label) in enumerate(exercises(name), start=1):
        assert label == f"ex-{name.replace('_', '-')}-{number}"
        assert title.startswith("★"), title
        assert f"```{{solution-start}} {label}\n" in text
        if "for discussion" not in text.split(label)[1].split("{exercise-end}")[0]:
            assert f"{name}-{number}" in known
            assert code.count(f'check("{name}-{number}"') == 2, "one cell for the reader, one in the solution"
    assert text.count("{admonition} Hint 1: ") == len(exercises(name))


@each_chapter
def test_solutions_are_right_and_open_exercises_unanswered(name):
    """The stored outputs; nbval compares them with a fresh run."""
    for cell in code_cells(name):
        if "check(" not in cell.source or "import" in cell.source:
            continue
        said = "".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs)
        if "solution" in tags(cell):
            assert said.startswith("✓"), cell.source
        elif re.search(r"^answer = None", cell.source, re.M):
            assert said.startswith("…"), cell.source


@each_chapter
def test_cells_are_short(name):
    for cell in code_cells(name):
        assert len(cell.source.splitlines()) <= MAX_LINES, cell.source


@each_chapter
def test_a_sentence_stands_between_the_code(name):
    """At most two cells of visible code in a row; folded ones do not part them."""
    row = 0
    for cell in cells(name):
        if cell.cell_type == "markdown":
            row = 0
        elif "hide-input" not in tags(cell):
            row += 1
            assert row <= 2, cell.source


@each_chapter
def test_no_cell_is_both_unchecked_and_relied_upon(name):
    """A cell whose output nbval ignores is followed by one that asserts what the text relies on."""
    code = code_cells(name)
    for position, cell in enumerate(code):
        if "nbval-ignore-output" in tags(cell):
            assert any("assert " in later.source for later in code[position : position + 3]), cell.source
    ignored = sum("nbval-ignore-output" in tags(cell) for cell in code)
    assert ignored <= len(code) / 4


@each_chapter
def test_figures_have_alternative_text_caption_and_name(name):
    for cell in code_cells(name):
        pictures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
        for picture in pictures:
            alt = picture.metadata.get("image/png", {}).get("alt", "")
            assert len(alt.split()) >= 5, cell.source
        if pictures:
            figure = cell.metadata.get("mystnb", {}).get("figure", {})
            assert len(pictures) == 1, "one figure a cell"
            assert len(figure.get("caption", "").split()) >= 5, cell.source
            assert figure.get("name", "").startswith("fig-"), cell.source


def live_figures(name):
    said = [str(o.get("data", {}).get("text/plain")) for c in code_cells(name) for o in c.outputs]
    return sum("Explorer: " in text for text in said)


@each_chapter
def test_a_live_figure(name):
    assert live_figures(name) >= 1


def test_the_front_pages_promise_only_the_live_figures_that_are_counted():
    """A figure that moves in every chapter; that every figure moves would be false, and no page says so."""
    figures = sum("figure" in c.metadata.get("mystnb", {}) for name in NAMES for c in code_cells(name))
    live = [live_figures(name) for name in NAMES]
    assert min(live) >= 1 and sum(live) < figures
    pages = {page: (ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "book/index.md")}
    for page, text in pages.items():
        assert re.search(r"every chapter has a figure that moves", text, re.IGNORECASE), page
    for path in [ROOT / "README.md", *ROOT.glob("book/*.md"), *ROOT.glob("chapters/*.ipynb")]:
        text = " ".join(path.read_text(encoding="utf-8").split())
        too_much = re.search(r"(every|each) figure[^.]{0,30} (can be )?move[sd]?\b", text, re.IGNORECASE)
        assert not too_much, f"{path.name}: {too_much[0]}"


@each_chapter
def test_no_typed_result_in_prose(name):
    """Computed decimals come from glue; a definition stands in mathematics or code."""
    assert re.findall(r"(?<![\w.])\d+\.\d+(?![\w.])", prose(markdown(name))) == []


@each_chapter
def test_glued_names_are_used_and_defined(name):
    glued = {
        output.metadata["scrapbook"]["name"]
        for cell in code_cells(name)
        for output in cell.outputs
        if "scrapbook" in output.get("metadata", {})
    }
    captions = " ".join(
        c.metadata.get("mystnb", {}).get("figure", {}).get("caption", "") for c in code_cells(name)
    )
    used = set(re.findall(r"\{glue:text\}`([^`:]+)", markdown(name) + captions))
    assert used == glued


def test_glued_names_are_unique_in_the_book():
    seen = {}
    for name in NAMES:
        for cell in code_cells(name):
            for output in cell.outputs:
                if "scrapbook" in output.get("metadata", {}):
                    seen.setdefault(output.metadata["scrapbook"]["name"], set()).add(name)
    assert {key: where for key, where in seen.items() if len(where) > 1} == {}


@each_chapter
def test_notebooks_are_stored_normalised(name):
    notebook = nbformat.read(ROOT / "chapters" / f"{name}.ipynb", 4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags", "mystnb"}
        for output in cell.get("outputs", []):
            assert not [kind for kind in output.get("data", {}) if "widget" in kind]


@each_chapter
def test_nothing_of_this_machine_is_stored(name):
    text = (ROOT / "chapters" / f"{name}.ipynb").read_text(encoding="utf-8")
    assert str(Path.home()) + "/" not in text
    assert str(ROOT) not in text
    assert "/tmp/" not in text


def test_citations_exist():
    known = set(re.findall(r"@\w+\{([^,\s]+),", (ROOT / "book/references.bib").read_text(encoding="utf-8")))
    for name in NAMES:
        for group in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", markdown(name)):
            assert {key.strip() for key in group.split(",")} <= known, name


@each_chapter
def test_a_chapter_opens_with_its_question_and_its_answer(name):
    opening = markdown(name).split("**After this chapter you can**")[0]
    assert re.findall(r"\{admonition\} (.*)", opening) == ["The question", "The answer, first"]


@each_chapter
def test_no_line_of_code_wraps_and_every_fold_says_what_it_holds(name):
    for cell in code_cells(name):
        wide = [line for line in cell.source.splitlines() if len(line) > 79]
        assert not wide, wide
        if "hide-input" in cell.metadata.get("tags", []):
            assert cell.metadata.get("mystnb", {}).get("code_prompt_show"), cell.source[:200]


@each_chapter
def test_every_column_of_a_table_has_a_heading(name):
    """A fast form of one rule of axe-core, to which a formula alone is an empty heading."""
    headings = re.findall(r"^(\|.*\|)\n\|[\s:|-]+\|$", markdown(name), re.M)
    for row in headings:
        assert all(cell.strip() for cell in re.sub(r"\$[^$]*\$", "", row).strip("|").split("|")), row
