"""Execute the chapters: for the book (into the execution cache) or for the repository (stored in place).

Runs in the book's environment; `tasks.py` calls it.
"""

import hashlib
import json
import math
import os
import platform
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

import executed
from chapter import TIME_LINE, Chapter
from environment import BUILD, CHAPTERS, ROOT, installed, processor, say
from reading_time import reading_minutes
from tasks import FAILED, SOME_FAILED, failures

TIMEOUT = 600  # seconds for one cell
FAILURES = (CellExecutionError, CellTimeoutError, DeadKernelError)
NAMED = ("numpy", "scipy", "pandas", "scikit-learn", "keras", "tensorflow")


def clean_kernel(notebook, folder, **options):
    """A client that runs the notebook's cells in a fresh kernel, in its own folder."""
    return NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        record_timing=False,  # the cache's key covers the cells' metadata
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--InteractiveShell.colors=NoColor", "--IPKernelApp.log_level=ERROR"],
        **options,
    )


def execute(notebook, folder, figures):
    """Run all cells in a fresh kernel; returns the seconds it took."""
    started, running = time.monotonic(), []
    client = clean_kernel(
        notebook, folder, on_cell_start=lambda cell, cell_index: running.append(cell)
    )
    os.environ["INTERESTDECAY_FIGURES"] = figures
    try:
        client.execute()
    except FAILURES as error:
        error.cell = running[-1] if running else None
        raise
    return time.monotonic() - started


def execute_for_book():
    """Execute what was not executed as it is now, two notebooks at a time.

    A chapter that fails is kept with its stored outputs, so that the other pages can be built; a file in
    `FAILED` says so on its page, and the next call tries it again.
    """
    chapters = [Chapter.read(path.stem) for path in sorted(CHAPTERS.glob("*.ipynb"))]
    again = failures()
    waiting = [chapter for chapter in chapters if chapter.name in again or not executed.is_there(chapter)]
    waiting.sort(key=lambda chapter: -stated_seconds(chapter.notebook))  # the longest first
    say(f"Executing {len(waiting)} of {len(chapters)} notebooks, the others are unchanged ...")
    FAILED.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(2) as pool:
        jobs = {pool.submit(execute, chapter.notebook, CHAPTERS, "page"): chapter for chapter in waiting}
        for done, job in enumerate(as_completed(jobs), start=1):
            told = _keep(jobs[job], job)
            say(f"  {done}/{len(jobs)}  {jobs[job].name}: {told}")
    for name in failures().keys() - {chapter.name for chapter in chapters}:  # a chapter that is no more
        (FAILED / f"{name}.json").unlink()
    if failures():
        sys.exit(SOME_FAILED)


def _keep(chapter, job):
    """Store what an execution gave, or that it failed; returns what to say about it."""
    report = FAILED / f"{chapter.name}.json"
    try:
        seconds = job.result()
    except FAILURES as error:
        told = failure(error)
        report.write_text(json.dumps(told), encoding="utf-8")
        executed.keep(Chapter.read(chapter.name), 0.0, failed=True)
        return f"FAILED\n{told['error']}\nin\n{told['cell']}\n"
    report.unlink(missing_ok=True)
    executed.keep(chapter, seconds)
    return f"{seconds:.0f} s"


def failure(error):
    """What a report of a failed chapter needs: the claim, its cell, the processor, the versions."""
    cell = error.cell  # None if the kernel did not even start
    lines = [line for output in (cell.outputs if cell else []) for line in output.get("traceback", [])]
    trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(lines))
    line = re.search(r"^-+> \d+ (.*)$", trace, flags=re.MULTILINE)
    versions = {"Python": platform.python_version(), **{name: installed(name) for name in NAMED}}
    said = str(error).strip().splitlines()
    return {
        "claim": line[1].strip() if line else "",
        "error": (said[-1] if lines and said else f"{type(error).__name__}: {error}")[:500],
        "cell": cell.source if cell else "",
        "processor": f"{platform.system()} on {platform.machine()}: {processor()}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }


def store(names):
    """Execute notebooks and write them back; without names, those whose text, code or library changed."""
    for path in [Path(name).resolve() for name in names] or sorted(CHAPTERS.glob("*.ipynb")):
        chapter = Chapter(path.stem, nbformat.read(path, 4))
        stamp = BUILD / "stored" / path.stem
        if not names and stamp.exists() and stamp.read_text() == _key(chapter):
            say(f"{path.stem}: unchanged")
            continue
        chapter.fingerprint  # noqa: B018  before it runs: a library that changes meanwhile is another one
        try:
            seconds = execute(chapter.notebook, path.parent, "still")
        except CellExecutionError as error:
            sys.exit(f"{path.stem}: FAILED\n{error}")
        normalise(chapter.notebook, seconds)
        temporary = path.with_suffix(".part")
        nbformat.write(chapter.notebook, temporary)
        temporary.replace(path)  # never a half-written notebook
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(_key(chapter))
        say(f"{path.stem}: {seconds:.0f} s")


def _key(chapter):
    source = "\0".join(f"{cell.cell_type}:{cell.source}" for cell in chapter.notebook.cells)
    return hashlib.sha256((source + chapter.fingerprint).encode()).hexdigest()


def normalise(notebook, seconds):
    """Leave in the file only what a reader or a test needs, so that a diff shows real changes."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    seen = {}
    for cell in notebook.cells:
        for key in ("execution", "collapsed", "jupyter", "trusted", "ExecuteTime"):
            cell.metadata.pop(key, None)
        # an id from the content: it stays when cells are added before it
        name = hashlib.sha256(TIME_LINE.sub("", cell.source).encode()).hexdigest()[:10]
        seen[name] = seen.get(name, 0) + 1
        cell.id = name if seen[name] == 1 else f"{name}-{seen[name]}"
        if cell.cell_type == "code":
            cell.outputs = _merged(cell.outputs)
            # cells that only hand numbers to the text are folded; each number on the page leads to its line
            if all(line.startswith("plots.say(") for line in cell.source.splitlines()):
                cell.metadata["tags"] = sorted({*cell.metadata.get("tags", []), "hide-input"})
                cell.metadata.setdefault("mystnb", {}).setdefault("code_prompt_show", "Numbers of the text")
    opening = notebook.cells[0]
    opening.source = TIME_LINE.sub(lambda _: time_line(notebook, seconds), opening.source)


def _merged(outputs):
    """Consecutive pieces of one stream as one, and no state of live widgets."""
    merged = []
    for output in outputs:
        for kind in [k for k in output.get("data", {}) if "jupyter.widget" in k]:
            del output["data"][kind]
        same = merged and output.output_type == "stream" and merged[-1].get("name") == output.get("name")
        if same and merged[-1].output_type == "stream":
            merged[-1]["text"] += output["text"]
        else:
            merged.append(output)
    return merged


def stated_seconds(notebook):
    stated = TIME_LINE.search(notebook.cells[0].source)
    return int(stated[2]) if stated else 0


def time_line(notebook, seconds):
    running = max(5, 5 * math.ceil(seconds / 5))
    return f"**Time:** about {reading_minutes(notebook)} minutes to read, {running} seconds to run."


if __name__ == "__main__":
    os.chdir(ROOT)
    if sys.argv[1] == "execute":
        execute_for_book()
    else:
        store(sys.argv[2:])
