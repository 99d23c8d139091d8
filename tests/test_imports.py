"""What the core costs: no TensorFlow, no Matplotlib, no widgets, well under a second."""

import json
import subprocess
import sys

import pytest

CORE = ["decay", "interest", "events", "datasets", "sequences", "fitting", "customer_base", "lstm"]
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
    assert after[2] - before[2] < 5


@pytest.mark.parametrize("module", CORE)
def test_a_core_module_loads_nothing_heavy(module):
    assert _import(f"import interestdecay_lib.{module}")[1] == []


def test_the_heavy_list_would_be_noticed():
    assert _import("import matplotlib")[1] == ["matplotlib"]


def test_the_core_adds_little_to_its_three_libraries():
    core = "; ".join(f"import interestdecay_lib.{module}" for module in CORE)
    base = "import numpy, pandas, scipy.optimize, scipy.special, scipy.linalg.blas"
    seconds = min(_import(f"{base}\nbegun = time.perf_counter()\n{core}")[0] for _ in range(2))
    assert seconds < 0.5


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
