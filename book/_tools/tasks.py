#!/usr/bin/env python3
"""The commands behind the Makefile. Needs nothing but Python itself, so that it can set everything up.

python book/_tools/tasks.py book        the same as: make book
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import environment
from environment import (
    BUILD,
    CHAPTERS,
    HTML,
    PYTHON,
    ROOT,
    VENV,
    Stop,
    browser,
    clean,
    digest,
    minutes,
    run,
    say,
)
from fingerprint import whole_book

FAILED = BUILD / "failed"  # a file for every chapter whose last execution failed here
SOME_FAILED = 3  # how notebooks.py ends when the pages can be built nevertheless
JUPYTER_BOOK = [str(PYTHON), "-c", "from jupyter_book.cli.main import main; main()", "build"]
EXECUTE = [str(PYTHON), str(ROOT / "book/_tools/notebooks.py"), "execute"]
PYTEST = [str(PYTHON), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
#: By name, not by number of tests: those of test_editions are few and long, and would come last, on one core.
BY_FILE = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
OLDEST, NEWEST = (3, 11), (3, 13)
#: What every page depends on beside its own source: with a change here Sphinx must not keep a page.
ON_EVERY_PAGE = ["book/_tools", "book/_templates", "requirements.txt"]
ON_EVERY_PAGE += [f"interestdecay_lib/explorer.{kind}" for kind in ("css", "js")]


# ---------------------------------------------------------------------------------------------- commands


def book():
    """Execute every notebook and build the book into _build/html."""
    started = time.monotonic()
    environment.prepare()
    stamp, wanted = BUILD / "book.sha256", whole_book()
    index = HTML / "index.html"
    if index.exists() and stamp.exists() and stamp.read_text() == wanted:
        say(f"Nothing has changed. The book is at {index}")
        return
    stamp.unlink(missing_ok=True)
    BUILD.mkdir(exist_ok=True)
    failed_before = failures()
    if subprocess.run(EXECUTE, cwd=ROOT, env=clean()).returncode not in (0, SOME_FAILED):
        raise Stop("the notebooks could not be executed (the message stands above)")
    failed = failures()
    executed = time.monotonic()
    say("Building the pages ...")
    log = BUILD / "book.log"
    build = [*JUPYTER_BOOK, str(ROOT), "--path-output", str(ROOT)]
    index.unlink(missing_ok=True)
    # Sphinx rewrites pages whose text or outputs have changed; it cannot know what all of them share
    tools, made = BUILD / "tools.sha256", digest([ROOT / name for name in ON_EVERY_PAGE])
    if not tools.exists() or tools.read_text() != made or failed or failed_before:
        build.append("--all")
    strict = [] if failed else ["-W"]  # a chapter's stored outputs may lack what its changed text asks for
    with log.open("w", encoding="utf-8") as output:
        code = subprocess.run(
            [*build, "-n", *strict, "--keep-going"],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=clean(),
            cwd=ROOT,
        ).returncode
    if code or not index.exists():
        text = log.read_text(encoding="utf-8", errors="replace").splitlines()
        told = [line for line in text if "WARNING" in line or "ERROR" in line] or text[-30:]
        shown = "\n  ".join(told[-40:])
        raise Stop(f"the pages could not be built, or not without warnings:\n  {shown}\n(all of it: {log})")
    tools.write_text(made)
    if failed:
        raise Stop(
            f"the book is at {index}, but {_and(failed)} did not come out on this machine as the text says: "
            f"{'its page shows' if len(failed) == 1 else 'their pages show'} the stored outputs, which claim "
            "failed, and how to report it"
        )
    stamp.write_text(wanted)
    say(f"Pages built in {minutes(executed)}; all of it took {minutes(started)}.")
    say(f"The book is at {index}")


def failures():
    """What failed in the last execution, by chapter (see `notebooks.failure`)."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(FAILED.glob("*.json"))}


def _and(names):
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def test(fast=False):
    """Run ruff, the library's tests, nbval on every notebook, the build and the page tests."""
    started = time.monotonic()
    environment.prepare()
    stages = []
    reports = BUILD / "reports"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir(parents=True)

    def stage(title, command, report=None, **variables):
        say(f"\n== {title}")
        begun = time.monotonic()
        extra = ["--junitxml", str(reports / f"{report}.xml"), "-o", "junit_family=xunit1"] if report else []
        code = subprocess.run([*command, *extra], cwd=ROOT, env=clean(**variables)).returncode
        stages.append((title, code, counts(reports / f"{report}.xml") if report else None, minutes(begun)))

    stage("ruff", [str(PYTHON), "-m", "ruff", "check", "--no-cache", "."])
    kind = "not page and not slow" if fast else "not page"
    stage("the library", [*PYTEST, *BY_FILE, "--durations=20", "-m", kind], "library")
    if not fast:

        def made(title, make):
            say(f"\n== {title}")
            begun = time.monotonic()
            try:
                make()
            except Stop as stop:
                say(f"\n{stop}")
                stages.append((title, 1, None, minutes(begun)))
                return False
            stages.append((title, 0, None, minutes(begun)))
            return True

        there = made("the book", book)
        nbval = ["-n", "2", "--dist", "loadfile", "-p", "replay", "--nbval", "--nbval-cell-timeout=600"]
        stage(
            "every notebook, strictly compared (nbval)",
            [*PYTEST, *nbval, str(CHAPTERS)],
            "notebooks",
            INTERESTDECAY_FIGURES="still",
            PYTHONPATH=str(ROOT / "book/_tools"),
        )
        if there:  # printing keeps one core busy, so the student edition is made beside it
            with ThreadPoolExecutor() as both:
                printed = both.submit(made, "the printed book", pdf)
                there = made("the student edition", student) and printed.result()
        if there:
            pages = [*PYTEST, "-n", "2", "--dist", "loadgroup", "-m", "page", "tests"]
            stage("its pages, in a browser", pages, "pages", BROWSER_PATH=browser())
    summary(stages, started)


def coverage():
    """Which lines of the library no test reaches; counting them takes a test half as long again."""
    environment.prepare()
    folder = BUILD / "coverage"
    told = ["--cov", "--cov-report=term:skip-covered", f"--cov-report=html:{folder}", "-m", "not page"]
    data = {"COVERAGE_FILE": str(BUILD / "coverage.data")}
    run([*PYTEST, *BY_FILE, *told], "not all tests passed, so the lines are not all that tests reach", **data)


def summary(stages, started):
    say("\n== Summary")
    total = {"passed": 0, "failed": 0, "skipped": 0}
    for title, code, counted, took in stages:
        words = ", ".join(f"{n} {what}" for what, n in (counted or {}).items() if n or what == "passed")
        say(f"{'ok    ' if code == 0 else 'FAILED'}  {title:45} {took:>8}  {words}")
        for what, n in (counted or {}).items():
            total[what] += n
        if code and not (counted or {}).get("failed"):
            total["failed"] += 1  # a stage that is no pytest run, or died before it could count
    say(f"\nAll of it took {minutes(started)}.")
    say("{passed} passed, {failed} failed, {skipped} skipped".format(**total))
    if total["failed"]:
        sys.exit(1)


def counts(report):
    """Passed, failed and skipped tests of a JUnit report."""
    try:
        suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    except (OSError, ElementTree.ParseError):
        return None
    numbers = {
        key: sum(int(s.get(key, 0)) for s in suites) for key in ("tests", "failures", "errors", "skipped")
    }
    failed = numbers["failures"] + numbers["errors"]
    passed = numbers["tests"] - failed - numbers["skipped"]
    return {"passed": passed, "failed": failed, "skipped": numbers["skipped"]}


def notebooks(paths):
    """Execute the changed notebooks (or those named) from a clean kernel and store them normalised."""
    environment.prepare()
    command = [str(PYTHON), str(ROOT / "book/_tools/notebooks.py"), "store", *paths]
    run(command, "a notebook failed (its message stands above); it was left as it is")


def student():
    """Make the edition without solutions: pages, notebooks, library with sealed exercises."""
    _edition("student")


def instructor():
    """Make the edition with solutions, answer key and nbgrader's settings."""
    _edition("instructor")


def _edition(name):
    environment.prepare()
    run(EXECUTE, "a chapter did not come out on this machine (see above), so no edition is made of it")
    run([str(PYTHON), str(ROOT / "book/_tools/editions.py"), name], f"the {name} edition was not made")


def export(chapters):
    """Pack one chapter (or several) as zips for a learning platform."""
    if not chapters:
        raise Stop("name a chapter: make export CHAPTER=decay_formula")
    environment.prepare()
    for chapter in chapters:
        run([str(PYTHON), str(ROOT / "book/_tools/editions.py"), "export", chapter], "nothing was packed")


def grade(folders):
    """Points for the submitted notebooks below a folder, judged where no submission reaches."""
    environment.prepare()
    run([str(PYTHON), str(ROOT / "book/_tools/grade.py"), *folders], "not everything was graded (see above)")


def gift():
    """Write the quick questions in Moodle's GIFT format into _build/gift."""
    environment.prepare()
    run([str(PYTHON), str(ROOT / "book/_tools/gift.py")], "the quick questions could not be written")


def exam(arguments):
    """Draw two examination papers and their key from the bank of questions, into _build/exam."""
    environment.prepare()
    run([str(PYTHON), str(ROOT / "book/_tools/exam.py"), *arguments], "no paper was written (see above)")


def class_(folders):
    """Which mistakes a class made, from the files that its students saved on the page of progress."""
    environment.prepare()
    run([str(PYTHON), str(ROOT / "book/_tools/class_report.py"), *folders], "there is nothing to report on")


def pdf():
    """Print the whole book, solutions at its end, into _build/pdf (needs Chromium or Chrome)."""
    book()
    run([str(PYTHON), str(ROOT / "book/_tools/pdf.py"), browser()], "the PDF could not be made")


def epub():
    """Make one EPUB of the whole book for e-readers, in _build (needs Chromium or Chrome)."""
    book()
    run([str(PYTHON), str(ROOT / "book/_tools/epub.py"), browser()], "the EPUB could not be made")


def bundle():
    """Pack the whole built book into one zip that opens from a folder, without a server or a network."""
    book()
    run([str(PYTHON), str(ROOT / "book/_tools/bundle.py")], "the book could not be packed")


def links():
    """Follow every link to another host (needs the network; no test does this)."""
    environment.prepare()
    folder = BUILD / "links"
    builder = ["--builder", "custom", "--custom-builder", "linkcheck", "--path-output", str(folder)]
    code = subprocess.run([*JUPYTER_BOOK, str(ROOT), *builder], cwd=ROOT, env=clean()).returncode
    say(f"The list of links: {folder / '_build/linkcheck/output.txt'}")
    if code:
        raise Stop("some links could not be followed (named above)")


def lab():
    """Open the notebooks in JupyterLab."""
    environment.prepare()
    subprocess.run(
        [str(PYTHON), "-m", "jupyter", "lab", "--notebook-dir", str(ROOT), str(CHAPTERS)], cwd=ROOT
    )


def lock():
    """Compile requirements.in, and that of Spark, into hashed locks for all systems (needs the network)."""
    environment.prepare()
    # the oldest Python's solution serves all, so that a class computes with the same versions
    options = "--universal --generate-hashes --no-header --python-version 3.11 --fork-strategy fewest".split()
    uv = [str(PYTHON), "-m", "uv", "pip", "compile", "-q"]
    run(
        [*uv, *options, "-o", "requirements.txt", "requirements.in"],
        "the lock could not be compiled",
    )
    run(
        [*uv, *options, "-c", "requirements.txt", "-o", "requirements-spark.txt", "requirements-spark.in"],
        "the lock of `make spark` could not be compiled",
    )
    head = "# The lock: every version exact, every file hashed, for Linux, macOS and Windows. "
    for name in ("requirements", "requirements-spark"):
        file = ROOT / f"{name}.txt"
        text = file.read_text(encoding="utf-8")
        file.write_text(f"{head}Made by `make lock` from {name}.in.\n{text}", encoding="utf-8")


def benchmark():
    """Measure the library against other tools, then train and score every model: half an hour in all."""
    environment.prepare()
    command = [str(PYTHON), str(ROOT / "book/_measure/run.py")]
    run(command, "the benchmark stopped; what is measured is kept: run the same command again")
    models = [str(PYTHON), str(ROOT / "book/_measure/compare_models.py")]
    run(models, "the comparison of models stopped; what it trained is kept: run the same command again")
    seeds = [str(PYTHON), str(ROOT / "book/_measure/training_runs.py")]
    run(seeds, "the repeated trainings stopped; what is done is kept: run the same command again")
    refits = [str(PYTHON), str(ROOT / "book/_measure/refits.py")]
    run(refits, "the refits of the customer-base models stopped: run the same command again")
    run([str(PYTHON), str(ROOT / "book/_tools/speed.py")], "the page on speed could not be written")
    say("Stored. Now `make notebooks` renews the chapters that print the ratios and scores.")


def robust(names):
    """Repeat what trains in other worlds: seeds, rounding, instruction sets (an hour, resumable)."""
    environment.prepare()
    command = [str(PYTHON), str(ROOT / "book/_tools/robust.py"), *names]
    code = subprocess.run(command, cwd=ROOT, env=clean()).returncode
    run([str(PYTHON), str(ROOT / "book/_tools/status.py")], "the status page could not be written")
    if code:
        raise Stop("not every claim keeps its distance (they stand above)")


def other_versions(which):
    """The tests with the newest versions that fit together, or with the lowest that are promised."""
    environment.prepare()
    run([str(PYTHON), str(ROOT / "book/_tools/versions.py"), which], "not everything passes (see above)")


def spark():
    """The decayed sum and a killed stream on Spark, in an environment of its own; two minutes when quiet."""
    environment.prepare()
    run([str(PYTHON), str(ROOT / "book/_tools/versions.py"), "spark"], "Spark does not agree (see above)")


def report(arguments):
    """A report on a log of your own; its options are those of `python -m interestdecay_lib.report`."""
    if not arguments or not arguments[0]:
        raise Stop(
            "name the log: make report EVENTS=path/to/log.csv; where a column is not found, give its name as "
            "USER=, TIME=, ITEM=, TYPE= or VALUE=; ONLY= one kind of event, CUT= the first day of the test, "
            "UNTIL= the first day not observed, OUT= the folder of the report"
        )
    environment.prepare()
    if not any(option.startswith("--out") for option in arguments):
        arguments = [*arguments, f"--out={BUILD / 'report' / Path(arguments[0]).stem}"]
    command = [str(PYTHON), "-m", "interestdecay_lib.report", *arguments]
    sys.exit(subprocess.run(command, env=clean()).returncode)


def measure():
    """Weigh the built pages and time them on an emulated phone; the status page prints it."""
    book()
    run([str(PYTHON), str(ROOT / "book/_tools/measure.py"), browser()], "the pages could not be measured")


def clean_up():
    """Remove everything that was generated, the environment included."""
    for folder in (BUILD, VENV, ROOT / ".pytest_cache", ROOT / ".ruff_cache", ROOT / ".hypothesis"):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in [*ROOT.rglob("__pycache__"), *ROOT.rglob(".ipynb_checkpoints")]:
        shutil.rmtree(folder, ignore_errors=True)
    say("Removed the build, the caches and the environment. Your notebooks are untouched.")


COMMANDS = {
    "book": book,
    "test": test,
    "test-fast": lambda: test(fast=True),
    "test-newest": lambda: other_versions("newest"),
    "test-oldest": lambda: other_versions("oldest"),
    "coverage": coverage,
    "spark": spark,
    "notebooks": notebooks,
    "student": student,
    "instructor": instructor,
    "export": export,
    "grade": grade,
    "class": class_,
    "gift": gift,
    "exam": exam,
    "lab": lab,
    "pdf": pdf,
    "epub": epub,
    "bundle": bundle,
    "links": links,
    "lock": lock,
    "benchmark": benchmark,
    "robust": robust,
    "measure": measure,
    "report": report,
    "clean": clean_up,
    "environment": environment.prepare,
    "browser": lambda: say(browser()),
}
WITH_OPTIONS = ("report", "exam")  # handed on as they are


def main(arguments=None):
    parser = argparse.ArgumentParser(description="The commands of the book (make help lists them).")
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument(
        "paths",
        nargs="*",
        help="notebooks (notebooks), chapters (export, robust), a folder (grade, class), a log (report)",
    )
    given, options = parser.parse_known_args(arguments)
    if options and given.command not in WITH_OPTIONS:
        parser.error(f"unrecognized arguments: {' '.join(options)}")
    try:
        if not OLDEST <= sys.version_info[:2] <= NEWEST:
            raise Stop(
                "this is Python {}.{}, and TensorFlow needs {}.{} to {}.{}. Name another one: "
                "make {} PYTHON=python3.12".format(*sys.version_info[:2], *OLDEST, *NEWEST, given.command)
            )
        command = COMMANDS[given.command]
        if given.command in WITH_OPTIONS:
            command([*given.paths, *options])
        elif given.command in ("notebooks", "export", "grade", "class", "robust"):
            command(given.paths)
        else:
            command()
    except Stop as stop:
        sys.exit(f"\nStopped: {stop}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. Nothing is lost: the same command goes on from here.")
    except OSError as error:
        reasons = {28: "the disk is full", 30: "the disk is read-only", 13: "no permission to write here"}
        if error.errno not in reasons:
            raise
        sys.exit(f"\nStopped: {reasons[error.errno]} ({error.filename}). Nothing of yours was changed.")


if __name__ == "__main__":
    main()
