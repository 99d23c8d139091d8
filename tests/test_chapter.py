"""The reader of a chapter: what it finds, and what it says when something is missing."""

import nbformat
import pytest

import chapter as module
import environment
import reading_time
from chapter import Chapter

OPENING = """(chapter-my-log)=
# My *log*

```{admonition} The question
:class: question
What is
in it?
```

**After this chapter you can**

1. read a **log**,
2. count
   its events.

**You need first:** nothing.

**Time:** about 15 minutes to read, 20 seconds to run.
"""
EXERCISE = """## Exercises

```{exercise-start} ★★ Count (objectives 1 and 2)
:label: ex-my-log-1
:class: kind-code
```
How many?
```{exercise-end}
```
"""
SOLUTION = "Some.\n\n```{solution-start} ex-my-log-1\n:class: dropdown\n```\nFour.\n"


def _chapter(*sources):
    """A source that begins with % is code."""
    new = nbformat.v4
    made = [new.new_code_cell(s[1:]) if s[0] == "%" else new.new_markdown_cell(s) for s in sources]
    return Chapter("my_log", new.new_notebook(cells=made))


@pytest.fixture
def read():
    return _chapter(
        OPENING,
        "## First\n\none two three\n\n## Second\n\nfour",
        "%a = 1\nb = 2",
        f"## {module.END}\n\nfive",
        EXERCISE,
        '%answer = None\ncheck("my_log-1", answer)',
        SOLUTION,
        '%four = 4\ncheck("my_log-1", four)',
        "```{solution-end}\n```",
    )


def test_the_opening(read):
    assert (read.title, read.question, read.label) == ("My *log*", "What is in it?", "chapter-my-log")
    assert (read.minutes, read.seconds) == (15, 20)
    assert read.objectives == {1: "read a log", 2: "count its events"}


def test_the_sections_up_to_the_closing_ones(read):
    code = 2 * reading_time.WORDS_PER_LINE
    assert read.sections == {"First": 5, "Second": 3 + code}


def test_folded_code_and_solutions_take_no_time_to_read(read):
    def minutes(*cells):
        lines = [*read.notebook.cells[:2], *cells, *read.notebook.cells[2:]]
        return reading_time.reading_minutes(nbformat.v4.new_notebook(cells=lines))

    long = nbformat.v4.new_code_cell("\n".join(["a = 1"] * 500))
    folded = nbformat.v4.new_code_cell(long.source, metadata={"tags": ["hide-input"]})
    text = nbformat.v4.new_markdown_cell
    solved = [text(SOLUTION), long, text("```{solution-end}")]
    assert minutes() == minutes(folded) == minutes(*solved) == 5
    assert minutes(long) == 25  # 4,000 words at 200 a minute, and what stands around it


def test_an_exercise_with_its_cell_and_its_solution(read):
    (exercise,) = read.exercises
    assert (exercise.name, exercise.stars, exercise.kind) == ("my_log-1", 2, "code")
    assert (exercise.heading, exercise.objectives) == ("Count", [1, 2])
    assert exercise.cell.source.startswith("answer = None") and "How many?" in exercise.text
    assert (exercise.solution_text, exercise.solution_code) == ("Four.", "four = 4")


def test_code_and_text(read):
    assert [source[:3] for source in read.code] == ["a =", "ans", "fou"]
    assert "## First" in read.markdown and "a = 1" not in read.markdown


@pytest.mark.parametrize(
    ("left_out", "attribute", "message"),
    [
        ("# My *log*\n", "title", "lacks its title"),
        ("The question", "question", "lacks its question"),
        ("15 minutes", "minutes", "lacks its Time line"),
        ("20 seconds", "seconds", "lacks its Time line"),
    ],
)
def test_what_is_missing_is_named_with_the_chapter(left_out, attribute, message):
    with pytest.raises(environment.Stop, match=f"chapter my_log: the first cell {message}"):
        getattr(_chapter(OPENING.replace(left_out, "")), attribute)


def test_a_chapter_without_its_closing_section_and_one_without_objectives():
    with pytest.raises(environment.Stop, match="chapter my_log has no section 'Three sentences"):
        _ = _chapter(OPENING, "## First").sections
    assert _chapter("# T").objectives == {}


def test_parts_and_order_come_from_the_table_of_contents(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROOT", tmp_path)
    (tmp_path / "_toc.yml").write_text(
        "root: book/index\nparts:\n"
        "  - {caption: B, chapters: [{file: chapters/two}, {file: chapters/one}]}\n"
        "  - {caption: A, chapters: [{file: chapters/three}]}\n"
        "  - {caption: Back matter, chapters: [{file: book/api}]}\n"
    )
    assert module.parts() == {"B": ["two", "one"], "A": ["three"]}
    assert module.names() == ["two", "one", "three"]
