"""What a piece of Python needs, read from its source: modules, also imported inside functions, and texts.

A module imported by a computed name (`import_module(f"package.{name}")`) is seen as far as the name stands
there: everything below `package.` is taken. What a package imports in its own ``__getattr__`` counts once
somebody may ask for it: who takes a name from the package that is no module of it, or binds the package.
Needs nothing but Python itself.
"""

import ast
from dataclasses import dataclass
from functools import cache

DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
#: Who uses one of these may see comments or docstrings.
SHOWS_SOURCES = {"__doc__", "getdoc", "getsource", "help"}


@dataclass(frozen=True)
class Source:
    """What one module or the cells of a notebook say."""

    imports: frozenset  # (name, whether it is taken from a module, as in "from module import name")
    bound: frozenset  # names that stand for a whole module
    computed: frozenset  # the known first part of every name that is computed
    texts: frozenset  # constant texts of one line
    shows_sources: bool
    on_request: "Source | None" = None  # what the module's own __getattr__ imports


def python(code):
    """The tree of code; what a notebook's cells hold beside Python (`%matplotlib`, `!pip`) is left out."""
    try:
        return ast.parse(code)
    except SyntaxError:
        lines = ["" if line.lstrip().startswith(("%", "!")) else line for line in code.splitlines()]
        return ast.parse("\n".join(lines))


@cache
def read(code, package=""):
    """What code of a module in a package needs."""
    tree = python(code)
    asked = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "__getattr__"]
    tree.body = [node for node in tree.body if node not in asked]
    return _source(tree, package, _source(ast.Module(asked, []), package) if asked else None)


@cache
def meaning(code):
    """The code without comments, docstrings and layout: what it does depends on nothing else."""
    tree = python(code)
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def _source(tree, package, on_request=None):
    imports, bound, computed, texts, used = set(), set(), set(), set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports |= {(alias.name, False) for alias in node.names}
            bound |= {alias.name if alias.asname else alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(node.module or "", node.level, package)
            imports |= {(f"{module}.{alias.name}", True) for alias in node.names}
        elif isinstance(node, ast.Call) and _name(node.func) in ("import_module", "__import__"):
            known, whole = _known_part(node.args[0], package) if node.args else ("", False)
            if whole:
                imports.add((known, False))
                bound.add(known)
            else:
                computed.add(known)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
            texts.add(node.value)
        elif isinstance(node, ast.Name | ast.Attribute):
            used.add(_name(node))
    sets = map(frozenset, (imports, bound, computed, texts))
    return Source(*sets, bool(used & SHOWS_SOURCES), on_request)


def _name(node):
    return getattr(node, "attr", getattr(node, "id", ""))


def _absolute(module, level, package):
    if not level:
        return module
    parts = package.split(".")[: len(package.split(".")) - level + 1]
    return ".".join([*parts, *([module] if module else [])])


def _known_part(node, package):
    """(as much of a computed name as stands there, whether that is all of it)."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
        return (_absolute(text.lstrip("."), len(text) - len(text.lstrip(".")), package), True)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        first, whole = _known_part(node.left, package)
        second, rest = _known_part(node.right, "") if whole else ("", False)
        return first + second, whole and rest
    if not isinstance(node, ast.JoinedStr):
        return "", False
    known = ""
    for part in node.values:
        if isinstance(part, ast.Constant):
            known += part.value
        elif isinstance(part.value, ast.Name) and part.value.id in ("__name__", "__package__"):
            known += package
        else:
            break
    if known.startswith("."):
        return _absolute("", len(known) - len(known.lstrip(".")), package) + "." + known.lstrip("."), False
    return known, False


# --------------------------------------------------------------------------------------- the whole closure


def closure(code, roots, library=(), wanted=lambda module: True):
    """({name: path} of the modules below the roots that code needs, names of all others).

    `library` are the folders whose modules a computed name can mean, and `wanted` says which of them do.
    """
    walk = _Walk(roots)
    walk.waiting.append(read(code))
    while walk.waiting:
        source = walk.waiting.pop()
        walk.follow(source)
        for module in modules(library) if source.computed else ():
            if module.startswith(tuple(source.computed)) and wanted(module):
                walk.take(module)
    return walk.found, walk.others


class _Walk:
    def __init__(self, roots):
        self.roots, self.waiting = roots, []
        self.found, self.others = {}, set()
        self.on_request, self.asked = {}, set()

    def take(self, name):
        """Add a module with the packages around it, if it is ours; returns whether it is."""
        names = name.split(".")
        for module in (".".join(names[:k]) for k in range(1, len(names) + 1)):
            path = locate(module, self.roots)
            if path is None:
                return False
            if module not in self.found:
                self.found[module] = path
                package = module if path.name == "__init__.py" else module.rpartition(".")[0]
                source = read(path.read_text(encoding="utf-8"), package)
                self.waiting.append(source)
                self.on_request[module] = source.on_request
        return True

    def follow(self, source):
        """Add what a source imports, and what packages import when they are asked for a name."""
        for name, taken_from in source.imports:
            module = name.rpartition(".")[0]
            if self.take(name):
                self.asked |= {name} if taken_from else set()
            elif taken_from and self.take(module):
                self.asked.add(module)
            else:
                self.others |= {name, module} if taken_from else {name}
        self.asked |= source.bound
        for module in self.asked & self.on_request.keys():
            if self.on_request[module]:
                self.waiting.append(self.on_request[module])
                self.on_request[module] = None


def locate(module, roots):
    """The file of a module below one of the roots, or None."""
    for root in roots:
        stem = root.joinpath(*module.split("."))
        for path in (stem.with_name(stem.name + ".py"), stem / "__init__.py"):
            if path.is_file():
                return path
    return None


def modules(folders):
    """The names of all modules of packages."""
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
