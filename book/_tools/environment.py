"""Where the book lives and what runs it: the lock, the environment made from it, child processes, a browser.

Needs nothing but Python itself: it runs before anything is installed.
"""

import hashlib
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = ROOT / "chapters"
LIBRARY = ROOT / "interestdecay_lib"
BUILD = ROOT / "_build"
HTML = BUILD / "html"
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
INSTRUCTIONS = {"avx512f": "AVX-512", "avx2": "AVX2", "avx": "AVX"}  # flag of the processor: its name


class Stop(Exception):
    """Ends a command with one clear message."""


def digest(paths, salt=""):
    """SHA-256 over the names and contents of files, folders taken whole."""
    total = hashlib.sha256(salt.encode())
    for path in paths:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            if "__pycache__" in file.parts or ".ipynb_checkpoints" in file.parts:
                continue
            total.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()


def say(text):
    print(text, flush=True)


def minutes(since):
    seconds = time.monotonic() - since
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def clean(**variables):
    """The environment of a child process: nothing of the reader's own Python or Jupyter set-up."""
    dropped = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "JUPYTER_PATH", "MPLBACKEND", "KERAS_BACKEND")
    kept = {key: value for key, value in os.environ.items() if key not in dropped}
    own = {
        "IPYTHONDIR": str(BUILD / "ipython"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        # two processes share the cores; more threads for each small matrix product only wait for each other
        "OPENBLAS_NUM_THREADS": "1",
        # as for TensorFlow: handing operations from thread to thread costs a fifth of the time; and without
        # oneDNN there is one order of sums fewer
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_ENABLE_ONEDNN_OPTS": "0",
    }
    return {**kept, **own, **variables}


def run(command, failure, **variables):
    if subprocess.run(command, cwd=ROOT, env=clean(**variables)).returncode:
        raise Stop(failure)


def follow(command, counted, failure):
    """Run a command, show how far it is, and its last lines if it fails."""
    last, seen = [], 0
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=clean(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    for line in process.stdout:
        line = line.rstrip()
        if "is neither a file nor a directory" in line:  # local package folders that lack a package
            continue
        last = [*last[-14:], line]
        if line.startswith(counted):
            seen += 1
            if seen % 25 == 0:
                say(f"  {seen} packages found ...")
        elif line.startswith("Installing collected"):
            say("  all downloaded, unpacking ...")
    if process.wait():
        raise Stop("\n".join(last) + f"\n{failure}")


# ------------------------------------------------------------------------------------------- environment


def prepare():
    """Create or complete .venv from the hashed lock. Does nothing when it is up to date."""
    BUILD.mkdir(exist_ok=True)                       # IPython keeps its settings there, in every kernel
    stamp = VENV / "lock.sha256"
    wanted = digest([ROOT / "requirements.txt", ROOT / "pyproject.toml"], salt=str(ROOT))
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    started = time.monotonic()
    if not PYTHON.exists():
        say("Creating the environment .venv ...")
        # --clear: what an interrupted attempt left behind must not be mixed in
        run([sys.executable, "-m", "venv", "--clear", str(VENV)], "could not create .venv")
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    packages = sum(line[:1].isalnum() for line in lock.splitlines())
    say(f"Installing up to {packages} packages from the lock (about 2 GB on disk, a minute or two) ...")
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check"]
    if not install_with_uv(pip, lock):
        follow(
            [*pip, "install", "--no-deps", "--require-hashes", "-r", str(ROOT / "requirements.txt")],
            counted="Collecting ",
            failure="the packages could not be installed. Without a network? Set-up needs it once; after "
            "that nothing does. What was downloaded is kept: run the same command again",
        )
    run(
        [*pip, "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "-e", str(ROOT)],
        "the library could not be installed into .venv",
    )
    stamp.write_text(wanted)
    say(f"The environment is ready ({minutes(started)}).")


def install_with_uv(pip, lock):
    """The lock, same hashes, with uv: downloads and unpacks side by side. False where it cannot; then pip."""
    pinned = re.search(r"^uv==.*\n(?:    .*\n)*", lock, flags=re.MULTILINE)
    first = VENV / "uv.txt"
    first.write_text(pinned.group(), encoding="utf-8")
    quiet = {"cwd": ROOT, "capture_output": True, "text": True, "check": False}
    got = subprocess.run(
        [*pip, "install", "-q", "--no-deps", "--require-hashes", "-r", str(first)], env=clean(), **quiet
    )
    if got.returncode:
        return False
    told = subprocess.run([*pip, "config", "list"], env=clean(), **quiet).stdout
    options = ["--no-deps", "--require-hashes", "--compile-bytecode"]
    # several indexes are searched like pip does; the hashes say that the right file was found
    options += ["--index-strategy", "unsafe-best-match", "-r", str(ROOT / "requirements.txt")]
    uv = [str(PYTHON), "-m", "uv", "pip", "install", "--python", str(PYTHON), *options]
    done = subprocess.run(uv, env=clean(**uv_settings(told, os.environ)), **quiet)
    if done.returncode:
        last = " ".join(done.stderr.split())[-200:]
        say(f"  uv could not ({last}); pip takes over ...")
    return done.returncode == 0


def uv_settings(pip_config, given):
    """Where pip is told to look for packages, in uv's words; what uv itself is told (`given`) comes first."""
    told = dict(re.findall(r"^[^=\n]*?[.]([\w-]+)='(.*)'$", pip_config, flags=re.MULTILINE))
    told = {name: " ".join(value.replace("\\n", " ").split()) for name, value in told.items()}
    words = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_EXTRA_INDEX_URL",
        "find-links": "UV_FIND_LINKS",
        "cert": "SSL_CERT_FILE",
        "trusted-host": "UV_INSECURE_HOST",
        "proxy": "ALL_PROXY",
    }
    return {theirs: told[ours] for ours, theirs in words.items() if ours in told and theirs not in given}


# ------------------------------------------------------------------------------------------- the machine


def processor():
    """The processor's name and the newest of its instructions that change last digits, for reports."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    found = dict(re.findall(r"^(model name|flags)\s*: (.*)$", text, flags=re.MULTILINE))
    flags = set(found.get("flags", "").split())
    newest = next((name for flag, name in INSTRUCTIONS.items() if flag in flags), "neither AVX nor AVX2")
    return f"{found.get('model name', platform.machine())}, {newest}"


def installed(package):
    """The version of a package in this environment, for reports; the CPU build carries another name."""
    for name in (package, f"{package}-cpu"):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "not installed"


def browser():
    """Path of a Chromium or Chrome; on a Debian system run as root it is installed when missing."""
    found = find_browser()
    if found is None and shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        say("Installing Chromium for the page tests ...")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["apt-get", "update"], check=False, **quiet)
        command = ["apt-get", "install", "-y", "--no-install-recommends", "chromium", "fonts-noto-cjk"]
        subprocess.run(command, check=False, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, **quiet)
        found = find_browser()
    if found is None:
        raise Stop(
            "the page tests drive a browser and found none. Install Chromium or Google Chrome, or set "
            "BROWSER_PATH to its program. `make test-fast` does without"
        )
    return found


def find_browser():
    given = os.environ.get("BROWSER_PATH")
    if given:
        if not Path(given).exists():
            raise Stop(f"BROWSER_PATH is {given}, which does not exist")
        return given
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge"):
        if shutil.which(name):
            return shutil.which(name)
    usual = [
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "C:/Program Files/Google/Chrome/Application/chrome.exe",
        "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
    ]
    return next((path for path in usual if Path(path).exists()), None)
