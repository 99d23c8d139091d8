"""Every `assert` of a notebook or a test as a number: how far is it from failing?

`Recorder` rewrites each claim so that both sides of every comparison in it are seen: its slack is
``larger side - smaller side``, negative when the comparison fails. A rewritten claim never raises; all of a
run's claims are collected in `COLLECTED`. `robust.py` runs chapters and tests with it in many worlds.

`enter` puts a process into a world: other seeds for every network, and initial weights that differ by one
part in a million, as if another processor had rounded differently.
"""

import ast
import collections
import json
import os
from pathlib import Path

import numpy as np

COLLECTED = {}  # source of a claim -> {"holds": bool, "slack": {comparison: number}}, the worst of this run
SAID = {}  # name of a glued number -> [value, text]
PERTURBATION = 1e-6


class Recorder(ast.NodeTransformer):
    """Turn ``assert test`` into ``_claim(source, test)`` with every comparison that it rests on recorded."""

    def visit_Assert(self, node):
        source = ast.unparse(node.test)
        call = ast.Call(
            ast.Name("_claim", ast.Load()), [ast.Constant(source), _rewritten(node.test, source, "all")], []
        )
        return ast.fix_missing_locations(ast.copy_location(ast.Expr(call), node))


def _rewritten(node, source, over):
    """The expression `node` with its comparisons recorded; `over` says how an array's elements combine."""
    if isinstance(node, ast.Compare):
        sides = ast.List([node.left, *node.comparators], ast.Load())
        ends = zip(sides.elts, node.ops, sides.elts[1:], strict=False)
        pairs = [ast.unparse(ast.Compare(left, [op], [right])) for left, op, right in ends]
        named = [
            ast.Tuple([ast.Constant(type(op).__name__), ast.Constant(pair)], ast.Load())
            for op, pair in zip(node.ops, pairs, strict=True)
        ]
        arguments = [ast.Constant(source), ast.Constant(over), sides, ast.List(named, ast.Load())]
        return ast.Call(ast.Name("_compare", ast.Load()), arguments, [])
    if isinstance(node, ast.BoolOp):
        if isinstance(node.op, ast.And):  # every part is looked at, also after one that fails
            parts = [_rewritten(part, source, over) for part in node.values]
            return ast.Call(ast.Name("_all", ast.Load()), [ast.List(parts, ast.Load())], [])
        return node
    if isinstance(node, ast.Call):
        function = node.func
        if isinstance(function, ast.Name) and function.id == "all" and len(node.args) == 1:
            inside = node.args[0]
            if isinstance(inside, ast.GeneratorExp | ast.ListComp):
                inside.elt = _rewritten(inside.elt, source, "all")
                node.args[0] = ast.ListComp(inside.elt, inside.generators)
        elif isinstance(function, ast.Attribute) and function.attr in ("all", "any"):
            function.value = _rewritten(function.value, source, function.attr)
    return node


def _all(parts):
    return all(bool(np.all(part)) for part in parts)


def _compare(source, over, sides, operators):
    """The value of the comparison; its slack goes to `COLLECTED`."""
    result = None
    for (operator, pair), left, right in zip(operators, sides[:-1], sides[1:], strict=True):
        one = _RESULT[operator](left, right)
        result = one if result is None else result & one
        slack = _slack(operator, left, right, over)
        if slack is not None:
            known = COLLECTED.setdefault(source, {"holds": True, "slack": {}})["slack"]
            known[pair] = min(slack, known.get(pair, slack))
    return result


_RESULT = {
    "Lt": lambda a, b: a < b,
    "LtE": lambda a, b: a <= b,
    "Gt": lambda a, b: a > b,
    "GtE": lambda a, b: a >= b,
    "Eq": lambda a, b: a == b,
    "NotEq": lambda a, b: a != b,
    "In": lambda a, b: a in b,
    "NotIn": lambda a, b: a not in b,
    "Is": lambda a, b: a is b,
    "IsNot": lambda a, b: a is not b,
}


def _slack(operator, left, right, over):
    if operator not in ("Lt", "LtE", "Gt", "GtE"):
        return None
    smaller, larger = (left, right) if operator.startswith("L") else (right, left)
    try:
        difference = np.asarray(larger - smaller, dtype=float)
    except (TypeError, ValueError):  # dates, shapes, texts: they hold or not
        return None
    if difference.size == 0 or np.isnan(difference).any():
        return None
    return float(difference.max() if over == "any" else difference.min())


def _claim(source, test):
    entry = COLLECTED.setdefault(source, {"holds": True, "slack": {}})
    entry["holds"] = entry["holds"] and bool(np.all(test))


NAMES = {"_claim": _claim, "_compare": _compare, "_all": _all}


# ------------------------------------------------------------------------------------------------- worlds


def enter(number):
    """Shift every seed of Keras' initialisers, masks and batches by `number`, and nudge initial weights.

    Number 0 leaves everything as it is.
    """
    if not number:
        return
    from interestdecay_lib import networks

    keras, tf = networks.keras, networks.tf
    shift = 1000 * number

    def shifted(seed):
        return seed + shift if isinstance(seed, int) and not isinstance(seed, bool) else seed

    def with_other_seed(kind):
        original = kind.__init__

        def __init__(self, seed=None, **rest):
            original(self, seed=shifted(seed), **rest)

        kind.__init__ = __init__

    drawn = keras.initializers.GlorotUniform.__mro__
    with_other_seed(next(kind for kind in drawn if kind.__name__ == "RandomInitializer"))
    with_other_seed(keras.random.SeedGenerator)

    shuffle = tf.random.experimental.stateless_shuffle
    tf.random.experimental.stateless_shuffle = lambda value, seed: shuffle(value, [seed[0] + shift, seed[1]])

    keras.Model.fit = _nudged(keras.Model.fit, number)
    networks.compare_optimizers = _given_back(_nudged(networks.compare_optimizers, number))


def _nudged(train, number):
    """`train`, beginning at weights that are moved by one part in a million."""

    def trained(model, *rest, **options):
        if model.built:
            for position, weight in enumerate(model.trainable_variables):
                values = weight.numpy()
                noise = np.random.default_rng([number, position])  # two equal models stay equal
                weight.assign(values * (1 + PERTURBATION * noise.standard_normal(values.shape)))
        return train(model, *rest, **options)

    return trained


def _given_back(train):
    """`train`, after which the model has the weights with which it came."""

    def trained(model, *rest, **options):
        before = [weight.numpy() for weight in model.trainable_variables]
        result = train(model, *rest, **options)
        for weight, value in zip(model.trainable_variables, before, strict=True):
            weight.assign(value)
        return result

    return trained


# ------------------------------------------------------------------------------------- inside a notebook


def install(number):
    """In a kernel: record every claim and every number that goes to the text, in the world `number`."""
    from IPython import get_ipython

    from interestdecay_lib import plots

    enter(number)
    shell = get_ipython()
    shell.user_ns.update(NAMES)
    shell.ast_transformers.append(Recorder())
    say = plots.say

    def said(name, value, fmt=""):
        try:
            number = float(getattr(value, "estimate", value))
        except (TypeError, ValueError):
            number = None
        SAID[name] = [number, format(value, fmt)]
        say(name, value, fmt)

    plots.say = said


def write(path):
    """Store what this process collected."""
    Path(path).write_text(json.dumps({"claims": COLLECTED, "said": SAID}), encoding="utf-8")


# --------------------------------------------------------------------------------------- inside the tests


def pytest_configure(config):
    """As a pytest plug-in (``-p claims --assert=plain``): the same for the modules of the tests."""
    import builtins
    import importlib.machinery

    enter(int(os.environ["INTERESTDECAY_WORLD"]))
    for name, function in NAMES.items():
        setattr(builtins, name, function)
    loader = importlib.machinery.SourceFileLoader
    compiled = loader.source_to_code

    def source_to_code(self, data, path, **options):
        if Path(path).name.startswith("test_"):
            tree = ast.parse(data)
            data = ast.fix_missing_locations(_InTests(Path(path).stem).visit(tree))
        return compiled(self, data, path, **options)

    loader.source_to_code = source_to_code


def pytest_sessionfinish(session):
    write(os.environ["INTERESTDECAY_CLAIMS"])


class _InTests(Recorder):
    """Claims of tests are named by file and function, for the same words stand in many of them."""

    def __init__(self, file):
        self.where = collections.deque([file])

    def visit_FunctionDef(self, node):
        self.where.append(node.name)
        self.generic_visit(node)
        self.where.pop()
        return node

    def visit_Assert(self, node):
        prefix = "::".join(self.where) + ": "
        source = prefix + ast.unparse(node.test)
        rewritten = _rewritten(node.test, source, "all")
        call = ast.Call(ast.Name("_claim", ast.Load()), [ast.Constant(source), rewritten], [])
        return ast.fix_missing_locations(ast.copy_location(ast.Expr(call), node))
