"""`make robust`: does what a chapter claims of a trained network hold in other worlds?

A world has other seeds for every network, initial weights nudged by one part in a million, and another
instruction set (emulated: the libraries are told to use older instructions, which changes the last digits).
Every chapter that trains runs in each of them with its claims recorded (`claims.py`); the tests that train
too. A claim's *margin* is the mean of its slack over these worlds, in standard deviations. Worlds that differ
in nothing but the instruction set run *every* chapter and must reproduce its stored outputs.

What has run is kept in _build/robust and is not run again unless what it depends on changes (`fingerprint`),
so the command can be stopped at any time. The status page prints the result, `book/_data/robust.json`.
"""

import ast
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed

import nbformat
import numpy as np

import fingerprint
from chapter import names
from environment import BUILD, CHAPTERS, PYTHON, ROOT, clean, processor, say
from notebooks import FAILURES, clean_kernel

STORE = BUILD / "robust"
OUTPUT = ROOT / "book/_data/robust.json"
TOOLS = ROOT / "book/_tools"
SAFE = 3.0  # standard deviations that a claim of a trained network keeps from failing
SEEDS = 20

#: Older instructions than this machine's, for every library that chooses its code by processor.
INSTRUCTIONS = {
    "native": {},
    "haswell": {
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    },
    "avx": {
        "ONEDNN_MAX_CPU_ISA": "AVX",
        "OPENBLAS_CORETYPE": "Sandybridge",
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    },
    "sse4.1": {
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Prescott",
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    },
}
OTHERS = [name for name in INSTRUCTIONS if name != "native"]


def worlds(trains):
    """(number, instructions): number 0 keeps the seeds. Native and 0 is the stored run itself."""
    same_seeds = [(0, name) for name in INSTRUCTIONS]
    names = list(INSTRUCTIONS)
    return same_seeds + ([(k, names[k % len(names)]) for k in range(1, SEEDS + 1)] if trains else [])


def trains(notebook):
    """Whether a chapter runs networks at all: Keras by name, not a sentence about networks."""
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    words = re.findall(r"\w+", re.sub(r"'[^'\n]*'|\"[^\"\n]*\"", "", code))
    return bool({"networks", "keras"} & set(words))


# ------------------------------------------------------------------------------------------- one run


def run_chapter(path, number, instructions):
    """Execute a chapter in a world; what was claimed, said and shown there."""
    notebook = nbformat.read(path, 4)
    stored = {cell.id: cell for cell in notebook.cells}
    target = _file("chapters", path.stem, number, instructions).with_suffix(".part")
    enter = nbformat.v4.new_code_cell(f"import claims; claims.install({number})", id="world")
    leave = nbformat.v4.new_code_cell(f"claims.write({str(target)!r})", id="claims")
    executed = nbformat.from_dict({**notebook, "cells": [enter, *nbformat.read(path, 4).cells, leave]})
    world = {"PYTHONPATH": str(TOOLS), "INTERESTDECAY_FIGURES": "still", **INSTRUCTIONS[instructions]}
    clean_kernel(executed, path.parent, allow_errors=True).execute(env={**clean(), **world})
    found = json.loads(target.read_text(encoding="utf-8"))
    target.unlink()
    cells = [cell for cell in executed.cells if cell.cell_type == "code" and cell.id in stored]
    errors = [out for cell in cells for out in cell.outputs if out.output_type == "error"]
    found["errors"] = [f"{error.ename}: {error.evalue}"[:300] for error in errors]
    found["changed"] = [
        cell.id for cell in cells if is_strict(cell, number) and shown(cell) != shown(stored[cell.id])
    ]
    return found


def is_strict(cell, number=0):
    """nbval compares a cell unless it is marked; with other seeds only solutions must still be accepted."""
    tags = cell.metadata.get("tags", [])
    return "solution" in tags if number else "nbval-ignore-output" not in tags


def shown(cell):
    """The outputs of a cell without its pictures, as nbval compares them."""
    parts = []
    for out in cell.outputs:
        if out.output_type == "stream":
            if parts and parts[-1][0] == out.name:
                parts[-1] = (out.name, parts[-1][1] + out.text)
            else:
                parts.append((out.name, out.text))
        elif "data" in out:
            kept = {k: v for k, v in out.data.items() if not k.startswith("image/") and "widget" not in k}
            parts.append(("data", json.dumps(kept, sort_keys=True)))
    return parts


def run_tests(path, number, instructions):
    """Run one file of tests in a world, its claims recorded."""
    target = _file("tests", path.stem, number, instructions).with_suffix(".part")
    command = "-m pytest -q -x --assert=plain -p no:cacheprovider -p claims -o addopts= -m".split()
    world = {
        "PYTHONPATH": str(TOOLS),
        "PYTHONPYCACHEPREFIX": str(STORE / "pycache"),
        "INTERESTDECAY_WORLD": str(number),
        "INTERESTDECAY_CLAIMS": str(target),
        **INSTRUCTIONS[instructions],
    }
    nodes = [f"{path}::{name}" for name in training_functions(path)]
    command = [str(PYTHON), *command, "not page", "--maxfail=1000", *nodes]
    done = subprocess.run(command, cwd=ROOT, env=clean(**world), capture_output=True, text=True, check=False)
    if not target.exists():
        raise RuntimeError(f"{path.name} could not be run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    found = json.loads(target.read_text(encoding="utf-8"))
    target.unlink()
    found["errors"] = re.findall(r"^FAILED (.*)$", done.stdout, flags=re.M)
    found["changed"] = []
    return found


def _file(kind, name, number, instructions):
    return STORE / kind / name / f"{number:02d}-{instructions}.json"


# ---------------------------------------------------------------------------------------------- all runs


def waiting(only=()):
    """(kind, path, number, instructions) of every run that is not stored."""
    jobs = []
    for kind, paths in (("chapters", CHAPTERS.glob("*.ipynb")), ("tests", training_tests())):
        for path in sorted(paths):
            if only and path.stem not in only:
                continue
            _forget_if_changed(kind, path)
            with_networks = kind == "tests" or trains(nbformat.read(path, 4))
            todo = [(kind, path, *world) for world in worlds(with_networks)]
            jobs += [job for job in todo if not _file(kind, path.stem, *job[2:]).exists()]
    return sorted(jobs, key=lambda job: (job[2], job[3], job[0], job[1]))  # a whole world at a time


def training_tests():
    """Files of tests that train networks."""
    return [path for path in sorted((ROOT / "tests").glob("test_*.py")) if training_functions(path)]


def training_functions(path):
    """The tests of a file that train a network, and claim something that is no identity of what came out.

    They train themselves or through a function of the file; that equal seeds give equal weights is an
    identity.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    called = {
        function.name: {
            getattr(node.func, "attr", getattr(node.func, "id", "")) for node in ast.walk(function)
            if isinstance(node, ast.Call)
        }
        for function in functions
    }
    training = {"fit_network", "compare_optimizers"}
    for _ in called:  # a chain of helpers is no longer than the list of them
        training |= {name for name, calls in called.items() if calls & training}
    tests = [function for function in functions if function.name.startswith("test_")]
    return [test.name for test in tests if test.name in training and any(map(_bounds, ast.walk(test)))]


def _bounds(node):
    """Whether an assertion holds something below or near something."""
    if not isinstance(node, ast.Assert):
        return False
    parts = list(ast.walk(node.test))
    ordered = any(isinstance(part, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for part in parts)
    near = {"approx", "allclose", "isclose"}
    return ordered or any(getattr(part, "attr", getattr(part, "id", "")) in near for part in parts)


def _forget_if_changed(kind, path):
    # a text that changes moves no claim
    key = fingerprint.of_tests(path) if kind == "tests" else fingerprint.of_chapter(path.stem, path)
    stamp = STORE / kind / path.stem / "key"
    if not stamp.exists() or stamp.read_text() != key:
        for old in stamp.parent.glob("*.json"):
            old.unlink()
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(key)


def run_all(only=()):
    jobs = waiting(only)
    say(f"{len(jobs)} runs to do, two at a time; what is done is kept.")
    run = {"chapters": run_chapter, "tests": run_tests}
    with ThreadPoolExecutor(2) as pool:
        running = {pool.submit(run[kind], path, *world): (kind, path, *world) for kind, path, *world in jobs}
        for done, job in enumerate(as_completed(running), start=1):
            kind, path, number, instructions = running[job]
            try:
                found = job.result()
            except (*FAILURES, RuntimeError, OSError) as error:
                say(f"  {path.stem}, world {number} {instructions}: {error}")
                continue
            _file(kind, path.stem, number, instructions).write_text(json.dumps(found), encoding="utf-8")
            failed = [source for source, claim in found["claims"].items() if not claim["holds"]]
            trouble = [*failed, *found["errors"], *(f"cell {name} differs" for name in found["changed"])]
            say(f"  {done}/{len(jobs)}  {path.stem}, seeds {number}, {instructions}: {len(trouble)} trouble")
            for line in trouble:
                say(f"      {line[:160]}")


# ---------------------------------------------------------------------------------------------- the table


def inventory(kind, name):
    """Every claim and number of one chapter or test file that differs between worlds, and what failed."""
    files = sorted((STORE / kind / name).glob("*.json"))
    runs = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
    if not runs:
        return None
    claims, said = [], []
    for source in dict.fromkeys(source for run in runs.values() for source in run["claims"]):
        seen = {world: run["claims"][source] for world, run in runs.items() if source in run["claims"]}
        holds = sum(claim["holds"] for claim in seen.values())
        entry = {"claim": source, "holds": holds, "worlds": len(seen)}
        margins = _margins({world: claim["slack"] for world, claim in seen.items()})
        if margins or entry["holds"] < entry["worlds"]:
            claims.append(entry | {"comparisons": margins})
    for key in dict.fromkeys(key for run in runs.values() for key in run["said"]):
        pairs = [run["said"][key] for run in runs.values() if key in run["said"]]
        texts = [text for _, text in pairs]
        if len(set(texts)) > 1:
            numbers = np.array([value for value, _ in pairs if value is not None])
            entry = {"name": key, "texts": len(set(texts)), "worlds": len(texts)}
            if len(numbers) > 1:
                entry |= {"mean": float(f"{numbers.mean():.4g}"), "sd": float(f"{numbers.std(ddof=1):.2g}")}
            said.append(entry)
    trouble = {
        world: {key: run[key] for key in ("errors", "changed") if run[key]}
        for world, run in runs.items()
        if run["errors"] or run["changed"]
    }
    return {"worlds": len(runs), "claims": claims, "said": said, "trouble": trouble}


def _margins(slacks):
    """Of each comparison that differs between worlds: mean slack in standard deviations, the worst world."""
    rows = []
    for pair in dict.fromkeys(pair for slack in slacks.values() for pair in slack):
        by_world = {world: slack[pair] for world, slack in slacks.items() if pair in slack}
        values = np.array(list(by_world.values()))
        spread = values.std(ddof=1) if len(values) > 1 else 0.0
        if spread > 1e-9 * np.abs(values).mean():  # what only rounds differently is safe
            rows.append(
                {
                    "comparison": pair,
                    "margin": float(f"{values.mean() / spread:.3g}"),
                    "slack": float(f"{values.mean():.3g}"),
                    "spread": float(f"{spread:.3g}"),
                    "worst": min(by_world, key=by_world.get),
                }
            )
    return rows


def report():
    """Store the table; returns what does not hold with the margin that the book asks for.

    What was not run here keeps its entry, as long as its chapter or test is there.
    """
    stored = json.loads(OUTPUT.read_text(encoding="utf-8"))
    there = {"chapters": names(), "tests": [path.stem for path in training_tests()]}
    result = {"safe": SAFE}
    for kind, known in there.items():
        entries = {name: inventory(kind, name) or stored[kind].get(name) for name in sorted(known)}
        result[kind] = {name: found for name, found in entries.items() if found}
    for name, found in result["chapters"].items():
        if "processor" not in found:  # just run
            found["asserted"] = claims_of(nbformat.read(CHAPTERS / f"{name}.ipynb", 4))
    for found in [*result["chapters"].values(), *result["tests"].values()]:
        found.setdefault("processor", processor())
    OUTPUT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return weak(result)


def weak(result):
    """Lines for claims whose margin is under `SAFE`, that failed in a world, or cannot be measured."""
    lines = []
    for kind in ("chapters", "tests"):
        for name, found in result[kind].items():
            for claim in found["claims"]:
                worst = min(claim["comparisons"], key=lambda row: row["margin"], default=None)
                if claim["holds"] < claim["worlds"] or worst is None or worst["margin"] < SAFE:
                    margin = f"margin {worst['margin']} ({worst['comparison']})" if worst else "no margin"
                    holds = f"holds in {claim['holds']} of {claim['worlds']}"
                    lines.append(f"{name}: {margin}, {holds}: {claim['claim']}")
            lines += [f"{name}, world {world}: {what}" for world, what in found["trouble"].items()]
    return lines


def claims_of(notebook):
    """The sources of all assertions of a notebook, as `claims.Recorder` names them."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            lines = [line for line in cell.source.splitlines() if not line.lstrip().startswith(("%", "!"))]
            tree = ast.walk(ast.parse("\n".join(lines)))
            found += [ast.unparse(node.test) for node in tree if isinstance(node, ast.Assert)]
    return found


if __name__ == "__main__":
    os.chdir(ROOT)
    if "--report" not in sys.argv:
        run_all([name for name in sys.argv[1:] if not name.startswith("-")])
    lines = report()
    say("\n".join(["", *lines, "", f"{len(lines)} to look at; the table: {OUTPUT.relative_to(ROOT)}"]))
    sys.exit(bool(lines))
