"""The commands: what they notice, and what they say when something is wrong."""

import doctest
import json
import re
import shutil
import subprocess
import sys
import types

import nbformat
import pytest

import audit
import blocks
import body
import chapter
import covered
import elsewhere
import environment
import fingerprint
import front_page
import grade
import library_pages
import notebooks
import number_links
import plain
import search_words
import social_card
import solution_values
import speed
import status
import tasks
import versions
from chapters import NAMES


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A small tree with the parts that a page is made of."""
    for name in ("interestdecay_lib", "book", "chapters"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.txt").write_text(name)
    (tmp_path / "interestdecay_lib/explorer.css").write_text("a {}")
    (tmp_path / "interestdecay_lib/explorer.js").write_text("a = 1")
    for name in ("requirements.txt", "_config.yml", "_toc.yml", "pyproject.toml"):
        (tmp_path / name).write_text(name)
    for module in (environment, tasks):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "changed",
    ["interestdecay_lib/one.txt", "requirements.txt", "book/one.txt", "chapters/one.txt", "_toc.yml"],
)
def test_whatever_a_page_holds_makes_a_new_build(tree, changed):
    before = fingerprint.whole_book()
    (tree / changed).write_text("changed")
    assert fingerprint.whole_book() != before


def test_a_renamed_file_is_a_change_and_a_cache_is_none(tree):
    before = fingerprint.whole_book()
    (tree / "interestdecay_lib/__pycache__").mkdir()
    (tree / "interestdecay_lib/__pycache__/one.pyc").write_text("x")
    assert fingerprint.whole_book() == before
    (tree / "interestdecay_lib/one.txt").rename(tree / "interestdecay_lib/two.txt")
    assert fingerprint.whole_book() != before


def _stops(monkeypatch, error=None, message=""):
    def failing():
        raise error

    monkeypatch.setitem(tasks.COMMANDS, "book", failing)
    with pytest.raises(SystemExit, match=message):
        tasks.main(["book"])


@pytest.mark.parametrize("version", [(3, 10, 4), (3, 14, 0)])
def test_another_python_gets_one_sentence(monkeypatch, version):
    monkeypatch.setattr(tasks.sys, "version_info", version)
    _stops(
        monkeypatch,
        message=r"this is Python 3\.1[04], and TensorFlow needs 3\.11 to 3\.13\. .*PYTHON=python3",
    )


@pytest.mark.parametrize(("number", "reason"), [(28, "the disk is full"), (30, "the disk is read-only")])
def test_a_full_or_read_only_disk_gets_one_sentence(monkeypatch, number, reason):
    _stops(monkeypatch, OSError(number, "x", "_build"), rf"Stopped: {reason} \(_build\)\. Nothing of yours")


def test_an_interruption_gets_one_sentence(monkeypatch):
    _stops(monkeypatch, KeyboardInterrupt(), "the same command goes on from here")


def test_other_errors_are_not_hidden(monkeypatch):
    def failing():
        raise OSError(5, "input/output error")

    monkeypatch.setitem(tasks.COMMANDS, "book", failing)
    with pytest.raises(OSError, match="input/output"):
        tasks.main(["book"])


def test_a_failed_installation_shows_pips_last_lines():
    script = "print('Collecting a'); print('ERROR: no network'); raise SystemExit(1)"
    with pytest.raises(tasks.Stop, match=r"(?s)ERROR: no network.*could not be installed"):
        environment.follow([sys.executable, "-c", script], "Collecting ", "they could not be installed")


def test_a_browser_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("BROWSER_PATH", "/no/such/browser")
    with pytest.raises(tasks.Stop, match="/no/such/browser, which does not exist"):
        environment.find_browser()


@pytest.mark.parametrize(
    "tool",
    [audit, blocks, body, chapter, covered, elsewhere, front_page, grade, library_pages, number_links, plain,
     search_words, solution_values, speed],
    ids=lambda tool: tool.__name__,
)
def test_the_examples_of_the_tools_run(tool):
    failed, tried = doctest.testmod(tool)
    assert failed == 0 and tried > 0


def test_the_status_page_shows_what_was_measured():
    pages, robust = (json.loads(file.read_text(encoding="utf-8")) for file in (status.PAGES, status.ROBUST))
    text = status.PAGE.read_text(encoding="utf-8")
    assert status.renewed() == text, "run `make measure` or `make robust`, or book/_tools/status.py"
    pages["site_megabytes"] = 654.0
    for found in [*robust["chapters"].values(), *robust["tests"].values()]:
        found["processor"] = "an abacus"
    robust["chapters"]["first_look"]["processor"] = "a slide rule"
    renewed = status.page(text, pages, robust)
    assert all(f"`{name}`" in text for name in NAMES), "every chapter is named"
    assert "has 654 MB" in renewed and "Measured on an abacus; `first_look` on a slide rule." in renewed


def test_the_page_on_speed_shows_the_stored_benchmark():
    results = json.loads(speed.RESULTS.read_text(encoding="utf-8"))
    text = speed.PAGE.read_text(encoding="utf-8")
    assert speed.renewed() == text, "run `make benchmark`, or book/_tools/speed.py"
    assert re.findall(r"<!-- (\w+):begin -->", text) == ["verdict", "beyond", "measured"]
    results["windows"][1] |= {"ratio_to_book": 123456.0, "range": [2.0, 234567.0], "processes": 5}
    assert "123,456" in speed.page(text, results)


def test_what_the_page_on_speed_says_in_words():
    """A compiled loop is faster; at one date no large tool is behind; whose sums are right beyond 64 bits."""
    results = json.loads(speed.RESULTS.read_text(encoding="utf-8"))
    running, final = speed.verdict(results).splitlines()
    assert running.endswith("Faster in every process: compiled Numba loop.")
    assert "Slower than this book's in every process: none." in final
    assert "ClickHouse" in final.split("Faster")[1]
    wrong = {row["method"]: row["share_wrong"] for row in results["interest"]["beyond_range"]}
    forward = {name for name in wrong if name.startswith(("polars", "DuckDB", "pandas"))}
    sums = {row["method"] for row in results["interest"]["beyond_range"] if row["result"] == "sum"}
    assert len(forward) == 3 and min(wrong[name] for name in forward) > 0.5
    assert {wrong[name] for name in sums - forward} == {0.0}


def test_a_race_that_the_processes_do_not_agree_on_has_no_winner():
    def rows(*ranges, processes=5):
        return [{"method": "theirs", "range": list(r), "processes": processes} for r in ranges]

    assert speed._named(rows((1.1, 2.0), (1.2, 3.0)), "slower") == "theirs"
    assert speed._named(rows((1.1, 2.0), (0.9, 3.0)), "slower") == "none"
    assert speed._named(rows((0.5, 0.9)), "faster") == "theirs"
    assert speed._named(rows((0.5, 0.9), processes=4), "faster") == "none"


def test_counts_of_a_report(tmp_path):
    report = tmp_path / "r.xml"
    report.write_text('<testsuites><testsuite tests="9" failures="1" errors="1" skipped="2"/></testsuites>')
    assert tasks.counts(report) == {"passed": 5, "failed": 2, "skipped": 2}
    assert tasks.counts(tmp_path / "none.xml") is None


def test_a_stage_that_dies_counts_as_a_failure(capsys):
    with pytest.raises(SystemExit):
        tasks.summary([("ruff", 0, None, "1 s"), ("library", 2, None, "1 s")], 0)
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"


def _notebook():
    new = nbformat.v4
    cell = new.new_code_cell("print(1)", metadata={"execution": {"x": "1"}, "tags": ["a"]})
    cell.outputs = [
        new.new_output("stream", name="stdout", text="1"),
        new.new_output("stream", name="stdout", text="\n"),
    ]
    widget = new.new_output(
        "display_data", {"text/plain": "E", "application/vnd.jupyter.widget-view+json": {"x": 1}}
    )
    cell.outputs.append(widget)
    glue = new.new_code_cell('plots.say("a", 1)')
    opening = new.new_markdown_cell("# T\n\n**Time:** about 0 minutes to read, 0 seconds to run.\n")
    return new.new_notebook(cells=[opening, cell, glue], metadata={"widgets": {"state": 1}})


def test_normalising_keeps_what_matters():
    notebook = _notebook()
    notebooks.normalise(notebook, seconds=12.3)
    opening, cell, glue = notebook.cells
    assert "about 5 minutes to read, 15 seconds to run." in opening.source
    assert [output.output_type for output in cell.outputs] == ["stream", "display_data"]
    assert cell.outputs[0]["text"] == "1\n"
    assert list(cell.outputs[1]["data"]) == ["text/plain"]
    assert cell.metadata == {"tags": ["a"]}
    assert glue.metadata["tags"] == ["hide-input"]
    assert glue.metadata["mystnb"] == {"code_prompt_show": "Numbers of the text"}
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


def test_normalising_twice_changes_nothing():
    notebook = _notebook()
    notebooks.normalise(notebook, seconds=12.3)
    once = nbformat.writes(notebook)
    notebooks.normalise(notebook, seconds=12.3)
    assert nbformat.writes(notebook) == once


def test_ids_stay_when_a_cell_is_added_before():
    first, second = _notebook(), _notebook()
    second.cells.insert(1, nbformat.v4.new_code_cell("new"))
    for notebook in (first, second):
        notebooks.normalise(notebook, seconds=1)
    assert {cell.id for cell in first.cells} < {cell.id for cell in second.cells}


def test_launch_links_wait_for_a_repository():
    assert front_page.launch_links("first_look", "", "main", hub="https://hub.example.org") == []
    links = dict(front_page.launch_links("first_look", "https://github.com/a/b.git", "main"))
    assert links["Colab"].endswith("/github/a/b/blob/main/chapters/first_look.ipynb")
    assert links["Binder"].endswith("/gh/a/b/main?urlpath=lab/tree/chapters/first_look.ipynb")
    elsewhere = front_page.launch_links(
        "first_look", "https://git.example.org/a/b", "x", "https://hub.example.org/"
    )
    assert [label for label, _ in elsewhere] == ["JupyterHub"]
    assert "repo=https%3A%2F%2Fgit.example.org%2Fa%2Fb&branch=x" in elsewhere[0][1]


def test_links_appear_on_the_page_once_a_repository_is_configured():
    def block(**theme):
        config = types.SimpleNamespace(html_theme_options=theme)
        body = '<section><h1>A</h1><p>Opening.</p>\n<section id="b"><h2>B</h2></section></section>'
        return front_page.add_run_block(body, "chapters/first_look", config, "../")

    assert "Colab" not in block()
    shown = block(repository_url="https://github.com/a/b", repository_branch="main")
    assert "Colab" in shown and shown.index("Run this chapter") < shown.index('<section id="b">')


def test_the_picture_for_messengers_needs_an_address():
    without = social_card.meta_tags("A", "B <b>", "chapters/x", "")
    assert "og:image" not in without and "B &lt;b&gt;" in without
    assert 'content="https://example.org/book/_static/social.png"' in social_card.meta_tags(
        "A", "B", "chapters/x", "https://example.org/book/"
    )


# --------------------------------------------------------------------------- a chapter that fails here


def _failing(source):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(text) for text in ("value = 3", source, "print('later')")],
        metadata={"kernelspec": {"name": "python3", "display_name": "P"}},
    )
    for cell in notebook.cells:  # as stored: every cell has run
        cell.execution_count, cell.outputs = 1, [nbformat.v4.new_output("stream", name="stdout", text="x")]
    return notebook


@pytest.mark.parametrize(
    ("source", "claim", "error"),
    [
        ("gap = 2\nassert value < gap, 'wide'", "assert value < gap, 'wide'", "AssertionError: wide"),
        ("import os\nos._exit(1)", "", "DeadKernelError: Kernel died"),
    ],
)
def test_a_failed_chapter_says_which_claim_failed_and_where(tmp_path, source, claim, error):
    notebook = _failing(source)
    with pytest.raises(notebooks.FAILURES) as raised:
        notebooks.execute(notebook, tmp_path, "still")
    told = notebooks.failure(raised.value)
    assert told["claim"] == claim and error in told["error"] and told["cell"] == source
    assert "numpy " in told["versions"] and "Python 3." in told["versions"] and told["processor"]


TOLD = {
    "claim": "assert a < b",
    "error": "AssertionError",
    "cell": "x = '<b>'\nassert a < b",
    "processor": "an abacus",
    "versions": "numpy 9",
}


def test_the_page_of_a_failed_chapter_has_a_box_with_what_to_report(monkeypatch):
    monkeypatch.setattr(front_page, "failures", lambda: {"first_look": TOLD})
    body = '<section><h1>A</h1><p>Opening.</p>\n<section id="b"><h2>B</h2></section></section>'
    config = types.SimpleNamespace(html_theme_options={"repository_url": "https://example.org/a.git"})
    shown = front_page.add_run_block(body, "chapters/first_look", config, "../")
    assert shown.index("</h1>") < shown.index("failed-here") < shown.index("Opening.")
    for part in ("assert a &lt; b", "an abacus", "numpy 9", "&lt;b&gt;", "https://example.org/a/issues"):
        assert part in shown
    assert "failed-here" not in front_page.add_run_block(body, "chapters/decay_formula", config, "../")


def test_a_failed_chapter_leaves_a_book_and_one_sentence(tree, monkeypatch):
    build = tree / "_build"
    monkeypatch.setattr(tasks, "BUILD", build)
    monkeypatch.setattr(tasks, "HTML", build / "html")
    monkeypatch.setattr(tasks, "FAILED", build / "failed")
    monkeypatch.setattr(environment, "prepare", lambda: None)
    commands = []

    def run(command, **options):
        commands.append(command)
        if "execute" in command:
            (build / "failed").mkdir(parents=True)
            (build / "failed/first_look.json").write_text(json.dumps(TOLD))
            return types.SimpleNamespace(returncode=tasks.SOME_FAILED)
        (build / "html").mkdir()
        (build / "html/index.html").write_text("the book")
        return types.SimpleNamespace(returncode=0)

    monkeypatch.setattr(tasks.subprocess, "run", run)
    for folder in ("_tools", "_templates"):
        (tree / "book" / folder).mkdir()
    with pytest.raises(tasks.Stop, match=r"the book is at .*index\.html, but first_look did not come out"):
        tasks.book()
    assert len(commands) == 2 and "-W" not in commands[1] and "--all" in commands[1]
    assert not (build / "book.sha256").exists(), "the next call tries again"


def test_pips_settings_in_uvs_words():
    told = "global.index-url='https://a/simple'\nglobal.extra-index-url='b\\nc'\n:env:.cert='/d.crt'\n"
    assert environment.uv_settings(told, {}) == {
        "UV_DEFAULT_INDEX": "https://a/simple",
        "UV_EXTRA_INDEX_URL": "b c",
        "SSL_CERT_FILE": "/d.crt",
    }
    assert "UV_DEFAULT_INDEX" not in environment.uv_settings(told, {"UV_DEFAULT_INDEX": "https://mine"})
    assert environment.uv_settings("", {}) == {}


@pytest.mark.skipif(shutil.which("make") is None, reason="Windows goes without make")
@pytest.mark.parametrize("command", sorted(set(tasks.COMMANDS) - {"environment", "browser"}))
def test_make_knows_every_command_and_its_help_names_it(command):
    make = ["make", "--no-print-directory", "-C", str(tasks.ROOT), "CHAPTER=first_look"]
    planned, told = (
        subprocess.run([*make, *what], capture_output=True, text=True, check=True).stdout
        for what in (["-n", command], ["help"])
    )
    assert f"tasks.py {command}" in planned and f"make {command} " in told
    assert ("first_look" in planned) == (command in ("export", "robust"))


def test_tests_of_one_group_run_in_one_worker(tmp_path):
    """The page tests rest on it. With pytest 9.2, xdist 3.8.0 scatters groups without a word (issue 1386)."""
    file = tmp_path / "test_scattered.py"
    file.write_text(
        "import pytest\n"
        "grouped = [pytest.param(n, marks=pytest.mark.xdist_group(n)) for n in 'ababab']\n"
        "@pytest.mark.parametrize('n', grouped)\n"
        "def test_where(n, worker_id):\n"
        f"    with open(r'{tmp_path}/' + n, 'a') as told: told.write(worker_id + ' ')\n",
        encoding="utf-8",
    )
    run = [*tasks.PYTEST[1:], "-n2", "--dist", "loadgroup", str(file)]
    subprocess.run([sys.executable, *run], check=True, capture_output=True, cwd=tmp_path)
    workers = [set((tmp_path / name).read_text(encoding="utf-8").split()) for name in "ab"]
    assert list(map(len, workers)) == [1, 1]


def test_the_lowest_versions_meet_every_oracle():
    """As requirements.in asks for it, imported or only read; nothing that is promised anyway."""
    needed = set(versions.oracles({"numpy": "1.26.0", "ibis-framework": "12.0.0"}))
    assert {"pytest<9.2", "shap", "dp-accounting==0.6.0", "obp==0.4.1", "pandas"} <= needed
    assert not [name for name in needed if name.startswith(("numpy", "ibis", "interestdecay"))]
