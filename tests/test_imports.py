"""What the core costs: no TensorFlow, no Matplotlib, no widgets, well under a second."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from interestdecay_lib.datasets import load_cdnow

CORE = ["decay", "events", "event_log", "datasets", "interest", "counts", "fitting", "customer_base", "tasks",
        "windows", "forecasts", "lstm", "gru", "ranking"]
HEAVY = ["tensorflow", "keras", "matplotlib", "ipywidgets", "anywidget", "sklearn", "lifetimes", "IPython",
         "tqdm"]


def _import(statement):
    """Which heavy modules a statement loads in a fresh interpreter, and the seconds it takes."""
    code = (
        "import time; begun = time.perf_counter()\n"
        f"{statement}\n"
        "seconds = time.perf_counter() - begun\n"
        "import json, sys\n"
        f"print(json.dumps([seconds, [m for m in {HEAVY!r} if m in sys.modules], len(sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_the_package_itself_loads_nothing():
    before = _import("pass")
    after = _import("import interestdecay_lib")
    assert after[1] == []
    assert after[2] - before[2] < 10


@pytest.mark.parametrize("module", CORE)
def test_a_core_module_loads_nothing_heavy(module):
    assert _import(f"import interestdecay_lib.{module}")[1] == []


def test_the_heavy_list_would_be_noticed():
    assert _import("import matplotlib")[1] == ["matplotlib"]


def test_the_core_adds_little_to_its_three_libraries():
    core = "; ".join(f"import interestdecay_lib.{module}" for module in CORE)
    base = "import numpy, pandas, scipy.optimize, scipy.special, scipy.linalg.blas, importlib.util, hashlib"
    assert _import(f"{base}; {core}")[2] - _import(base)[2] < 60


def test_a_module_is_there_when_it_is_named():
    code = "import interestdecay_lib as lib; assert 'decay' in dir(lib); print(lib.decay.Exponential(7)(7))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "0.5\n"
    code = "import interestdecay_lib as lib; lib.sequence"
    assert "has no attribute 'sequence'" in subprocess.run([sys.executable, "-c", code], capture_output=True,
                                                           text=True).stderr


def test_every_module_is_listed():
    import interestdecay_lib

    folder = Path(interestdecay_lib.__file__).parent
    modules = {path.stem for path in folder.glob("[a-z]*.py")} - {"sequences"}       # the old place of three
    modules |= {path.parent.name for path in folder.glob("[a-z]*/__init__.py")} - {"exercises"}
    assert modules == set(interestdecay_lib.__all__)


@pytest.mark.parametrize("old", ["sequences.as_of", "sequences.purchase_task", "sequences.purchase_features",
                                 "evaluation.DecayedCount", "evaluation.stack", "fitting.rate_since_first"])
def test_a_name_that_moved_is_found_for_one_version(old):
    module, name = old.split(".")
    with pytest.warns(DeprecationWarning, match=f"{old} is now interestdecay_lib"):
        function = getattr(importlib.import_module(f"interestdecay_lib.{module}"), name)
        if old in ("sequences.purchase_task", "sequences.purchase_features"):       # with what they had
            function(load_cdnow(sample=True), "1997-10-01")


@pytest.mark.parametrize("old", [
    "tasks.PurchaseTask", "tasks.purchase_task", "tasks.purchase_features", "sequences.PurchaseTask",
    "networks.purchase_network", "networks.purchase_arrays", "networks.PURCHASE_LOSSES",
])
def test_a_name_that_said_purchase_is_found_for_one_version(old):
    module, name = old.split(".")
    new = name.replace("PURCHASE", "HEAD").replace("Purchase", "Event").replace("purchase", "event")
    new = new.replace("event", "weekly") if module == "networks" else new
    with pytest.warns(DeprecationWarning, match=f"{new}$"):
        found = getattr(importlib.import_module(f"interestdecay_lib.{module}"), name)
    at = "tasks" if module == "sequences" else module
    assert found is getattr(importlib.import_module(f"interestdecay_lib.{at}"), new)
    with pytest.raises(AttributeError, match="no attribute 'purchase'"):
        _ = importlib.import_module(f"interestdecay_lib.{at}").purchase


def test_the_outcomes_of_a_task_are_found_under_their_old_names():
    from interestdecay_lib.tasks import event_task

    task = event_task(load_cdnow(sample=True), "1997-10-01", 13, 39)
    for old, new in (("bought", "returned"), ("purchases", "counts")):
        with pytest.warns(DeprecationWarning, match=f"EventTask.{old} is now EventTask.{new}"):
            assert getattr(task, old) is getattr(task, new)


def test_a_processor_without_avx_gets_one_sentence():
    code = (
        "import numpy as np\n"
        "core = np._core if hasattr(np, '_core') else np.core\n"
        "core._multiarray_umath.__cpu_features__['AVX'] = False\n"
        "import platform\n"
        "platform.machine = lambda: 'x86_64'\n"
        "import interestdecay_lib.networks\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: TensorFlow needs a processor with AVX") and done.returncode == 1
    assert "that trains no network works without" in last
