"""What an executed chapter depends on, as one number: its code, its part of the library, its data, the lock.

Jupyter's cache knows a notebook's code only. A chapter is executed again when something changes that its
outputs can depend on, and only then, so a hint for one chapter's exercises leaves the other chapters alone:

code        of its cells, to the letter
modules     of the library that its code needs (`imports.closure`), without comments and docstrings, which
            no output shows (unless the code asks for them: `help`, `inspect.getsource`). Exercises are looked
            up by name (`checks.check`): its own count, and those that its code names.
data        stored numbers that it names, and every file of the library that is no module. The script and
            style of live figures are put into the pages when these are built: no output depends on them.
versions    the lock and Python's

Needs nothing but Python itself.
"""

import hashlib
import json
import re
import sys

import environment
import imports
from environment import digest

#: Stored numbers that chapters and pages show: folders and files.
DATA = ("book/_data",)
PAGES_ONLY = (".css", ".js")


def whole_book():
    """Changes with everything that the built pages hold."""
    names = ["book", "chapters", "_config.yml", "_toc.yml", "interestdecay_lib", "requirements.txt", *DATA]
    return digest([path for path in map(_in_book, names) if path.exists()], salt=_python())


def of_chapter(name, notebook):
    """Of a chapter's notebook: changes with what its outputs depend on."""
    return _of("\n\n".join(code_cells(notebook)), [_in_book("chapters")], name)


def of_tests(path):
    """Of a file of tests: with the helpers, tools and part of the library that it imports, and all exercises.

    What it reads beside that and the stored numbers is not seen.
    """
    beside = [file for file in (path.parent / "conftest.py",) if file.exists()]
    code = "\n".join(file.read_text(encoding="utf-8") for file in (path, *beside))
    return _of(code, [path.parent, _in_book("book/_tools")])


def code_cells(notebook):
    """The sources of the code cells of a notebook, or of its file, which is read without nbformat."""
    if hasattr(notebook, "read_text"):
        notebook = json.loads(notebook.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _in_book(name):
    return environment.ROOT / name


def _python():
    return "{}.{}".format(*sys.version_info[:2])


def _of(code, folders, chapter=None):
    modules, data = needed(code, folders, chapter)
    texts = [path.read_text(encoding="utf-8") for path in modules]
    if not any(imports.read(text).shows_sources for text in (code, *texts)):
        texts = map(imports.meaning, texts)
    total = hashlib.sha256("\0".join([_python(), code]).encode())
    for path, text in zip(modules, texts, strict=True):
        total.update(f"\0{path.relative_to(environment.ROOT)}\0{text}".encode())
    return digest([*data, _in_book("requirements.txt")], salt=total.hexdigest())[:32]


def needed(code, folders=(), chapter=None):
    """(modules, data): the paths of the book's own files that code run in the folders depends on.

    Without a chapter all exercises count.
    """

    def wanted(module):
        package, _, stem = module.rpartition(".")
        ours = chapter is None or stem == chapter or not package.endswith(".exercises")
        return ours or re.search(rf"\b{re.escape(stem)}-\d", code) is not None

    library = _in_book("interestdecay_lib")
    found, _ = imports.closure(code, [environment.ROOT, *folders], [library], wanted)
    sources = [code, *(path.read_text(encoding="utf-8") for path in found.values())]
    data = set().union(*(_named(imports.read(source).texts, folders) for source in sources))
    if "interestdecay_lib" in found:
        data |= {path for path in _files(library) if path.suffix not in (".py", ".pyc", *PAGES_ONLY)}
    return sorted(found.values()), sorted(data)


def _named(texts, folders):
    """The stored files that texts name: by a path from a folder, by name, or all by their folder's name."""
    stored = [path for path in map(_in_book, DATA) if path.exists()]
    by_name = {file.name: {file} for path in stored for file in _files(path)}
    by_name |= {path.name: set(_files(path)) for path in stored}
    found = set()
    for text in texts:
        found |= by_name.get(text.rstrip("/").rpartition("/")[2], set())
        if "." in text and len(text) < 200 and "\0" not in text:
            paths = [(folder / text).resolve() for folder in (environment.ROOT, *folders)]
            found |= {path for path in paths if path.is_relative_to(environment.ROOT) and path.is_file()}
    return found


def _files(path):
    return [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
