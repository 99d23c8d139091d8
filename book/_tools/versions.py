"""`make test-newest`, `make test-oldest`, `make spark`: what is run in an environment of its own.

newest   requirements.in resolved anew, as a reader who installs without the lock gets it: all tests that need
         no browser, and every notebook under nbval
oldest   the lowest versions that pyproject.toml promises: the library's tests and documented examples

spark    the expressions and the stream of the chapter `at_scale` on Spark, from a lock of its own

Each has an environment of its own in _build/versions, made anew when what was resolved changes; the book's
own environment stays as it is. Needs the network. Runs in the book's environment; `tasks.py` calls it.
"""

import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions

import imports
from environment import BUILD, CHAPTERS, ROOT, Stop, clean, follow, say, uv_settings

UV = [sys.executable, "-m", "uv"]


def newest():
    say("Resolving requirements.in anew ...")
    wanted = _resolved("newest", ["requirements.in"])
    lock, found = _versions((ROOT / "requirements.txt").read_text(encoding="utf-8")), _versions(wanted)
    changed = [f"  {name} {lock[name]} -> {found[name]}" for name in sorted(lock.keys() & found.keys())]
    changed = [line for line in changed if line.split()[1] != line.split()[3]]
    say("\n".join([f"{len(changed)} packages differ from the lock:", *changed]))
    python = _environment("newest", wanted)
    _run(
        "the tests without a browser",
        [str(python), *_pytest(), "-m", "not page", "tests", "interestdecay_lib"],
        "every notebook (nbval)",
        [str(python), *_pytest(), "--nbval", "--nbval-cell-timeout=600", str(CHAPTERS)],
    )


def oldest():
    """The floor of pyproject.toml, on the oldest Python it allows if this is one."""
    say("Resolving the lowest versions that pyproject.toml promises ...")
    promised = _resolved("oldest", ["pyproject.toml", "--all-extras", "--resolution", "lowest-direct"])
    floor = BUILD / "versions/oldest.txt"
    tests = BUILD / "versions/oracles.in"
    tests.write_text("\n".join(oracles(_versions(promised))), encoding="utf-8")
    wanted = _resolved("oldest-tests", [str(floor), str(tests)])
    say("  " + ", ".join(f"{name} {version}" for name, version in _declared(promised).items()))
    python = _environment("oldest", wanted)
    _run("the library", [str(python), *_pytest(), "-m", "not page", *library_tests(), "interestdecay_lib"])


def spark(*arguments):
    """What `at_scale` shows of Spark; it is built with the setuptools of the lock, which come first."""
    lock = (ROOT / "requirements-spark.txt").read_text(encoding="utf-8")
    sources = re.compile(r"^pyspark==.*\n(?:    .*\n)*", flags=re.MULTILINE)
    hashed = ["--require-hashes", "--no-build-isolation"]
    python = _environment("spark", lock, [sources.sub("", lock), lock], hashed)
    _run("Spark", [str(python), str(ROOT / "book/_measure/spark.py"), *arguments])


def library_tests():
    """The files of tests that import nothing of the book's tools."""
    tools, tests = ROOT / "book/_tools", ROOT / "tests"
    for path in sorted(tests.glob("test_*.py")):
        found, _ = imports.closure(path.read_text(encoding="utf-8"), [ROOT, tests, tools])
        if not any(module.is_relative_to(tools) for module in found.values()):
            yield str(path.relative_to(ROOT))


def oracles(promised):
    """What the library's tests need beside the promised packages: what they import, and whose files are read.

    As requirements.in asks for it; else any version that fits.
    """
    lines = (ROOT / "requirements.in").read_text(encoding="utf-8")
    found = re.findall(r"^(([A-Za-z0-9-]+)[^#\s;]*)", lines, flags=re.MULTILINE)
    asked = {_name(name): line for line, name in found}
    files = {name for name, line in asked.items() if "==" in line}
    code = "\n".join((ROOT / path).read_text(encoding="utf-8") for path in library_tests())
    _, imported = imports.closure(code, [ROOT, ROOT / "tests"])
    offered = packages_distributions()
    tops = {name.partition(".")[0] for name in imported} & offered.keys()
    needed = {_name(offered[top][0]) for top in tops} | files
    # not imported by name; onnx 1.19 needs a newer ml_dtypes than TensorFlow 2.16, and does not say so
    needed |= {"pytest-xdist", "tf2onnx", "onnx<1.19"}
    return sorted(asked.get(name, name) for name in needed - promised.keys() - {"tensorflow-cpu"})


def _name(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def _pytest():
    return ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile"]


def _run(*titled):
    failed = []
    for title, command in zip(titled[::2], titled[1::2], strict=True):
        say(f"\n== {title}")
        if subprocess.run(command, cwd=ROOT, env=clean(INTERESTDECAY_FIGURES="still")).returncode:
            failed.append(title)
    if failed:
        raise Stop(f"with these versions something is different: {' and '.join(failed)} (see above)")


def _resolved(name, sources):
    """The text of a list of exact versions for this Python and system."""
    target = BUILD / f"versions/{name}.txt"
    target.parent.mkdir(parents=True, exist_ok=True)
    options = ["-q", "--no-header", "--no-annotate", "--index-strategy", "unsafe-best-match"]
    command = [*UV, "pip", "compile", *options, "--python", sys.executable, *sources, "-o", str(target)]
    target.unlink(missing_ok=True)  # uv would keep to what stands there
    done = subprocess.run(command, cwd=ROOT, env=_settings(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Stop(f"these versions do not fit together:\n{done.stderr[-2000:]}")
    return target.read_text(encoding="utf-8")


def _environment(name, wanted, steps=None, more=()):
    """The Python of an environment with exactly these packages, installed in one step or several."""
    folder = BUILD / "versions" / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "installed.txt"
    if not (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
        say("Installing them into an environment of their own ...")
        follow([*UV, "venv", "--clear", "-q", "--python", sys.executable, str(folder)], "-", "no environment")
        listed = BUILD / f"versions/{name}.install"
        options = ["--python", str(python), "--no-deps", "--compile-bytecode"]
        options += ["--index-strategy", "unsafe-best-match"]
        install = [*UV, "pip", "install", "-q", *options]
        for step in steps or [wanted]:
            listed.write_text(step, encoding="utf-8")
            _install([*install, *more, "-r", str(listed)])
        _install([*install, "-e", str(ROOT)])
        stamp.write_text(wanted, encoding="utf-8")
    return python


def _install(command):
    if subprocess.run(command, cwd=ROOT, env=_settings(), check=False).returncode:
        raise Stop("the packages could not be installed (the network is needed)")


def _settings():
    told = [sys.executable, "-m", "pip", "config", "list"]
    text = subprocess.run(told, env=clean(), capture_output=True, text=True, check=False).stdout
    return clean(**uv_settings(text, os.environ))


def _versions(text):
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, flags=re.MULTILINE))


def _declared(text):
    """Of the resolved versions those that pyproject.toml names."""
    names = set(re.findall(r'"([A-Za-z0-9_-]+)[=>]=', (ROOT / "pyproject.toml").read_text(encoding="utf-8")))
    return {name: version for name, version in _versions(text).items() if name in names}


if __name__ == "__main__":
    os.chdir(ROOT)
    try:
        {"newest": newest, "oldest": oldest, "spark": spark}[sys.argv[1]](*sys.argv[2:])
    except Stop as stop:
        sys.exit(f"\nStopped: {stop}")
