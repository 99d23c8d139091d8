"""nbval with replayed outputs: it must judge as it does with a kernel of its own."""

import subprocess
import sys

import nbformat
import pytest

import replay
import tasks

V4 = nbformat.v4


def _notebook(*cells):
    """A notebook of (source, output) with the outputs stored."""
    made = [V4.new_code_cell(source, execution_count=1, outputs=[output]) for source, output in cells]
    return V4.new_notebook(cells=made, metadata={"kernelspec": {"name": "python3", "display_name": "P"}})


def _stream(text):
    return V4.new_output("stream", name="stdout", text=text)


def _data(**data):
    return V4.new_output("display_data", data={key.replace("_", "/"): value for key, value in data.items()})


def _error():
    return V4.new_output("error", ename="AssertionError", evalue="no", traceback=["no"])


STORED = _notebook(("print(1)", _stream("1\n")), ("figure", _data(text_plain="Explorer", image_png="AAAA")))


def _nbval(folder, stored, executed):
    """How nbval ends on a stored notebook when `executed` is what the last build computed."""
    nbformat.write(stored, folder / "stored.ipynb")
    nbformat.write(executed, folder / "executed.ipynb")
    code = (
        "import executed, nbformat, pytest, sys\n"
        f"executed.outputs = lambda chapter: nbformat.read({str(folder / 'executed.ipynb')!r}, 4)\n"
        "options = ['-q', '-p', 'no:cacheprovider', '-p', 'replay', '--nbval', '-c', '/dev/null']\n"
        f"sys.exit(pytest.main([*options, '--rootdir', {str(folder)!r}, 'stored.ipynb']))\n"
    )
    env = tasks.clean(PYTHONPATH=str(tasks.ROOT / "book/_tools"))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_same_outputs_pass_and_frames_made_for_the_page_are_left_out(tmp_path):
    live = _data(text_plain="Explorer", image_png="BBBB", text_html="<fading-explorer>…</fading-explorer>")
    code, told = _nbval(tmp_path, STORED, _notebook(("print(1)", _stream("1\n")), ("figure", live)))
    assert code == 0 and "2 passed" in told, told


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (_stream("2\n"), "Cell outputs differ"),
        (_error(), "Cell execution caused an exception"),
        (_data(text_plain="1"), "Missing output fields"),
    ],
)
def test_another_output_fails(tmp_path, output, message):
    executed = _notebook(("print(1)", output), ("figure", STORED.cells[1].outputs[0]))
    code, told = _nbval(tmp_path, STORED, executed)
    assert code == 1 and message in told and "1 failed, 1 passed" in told, told


def test_other_cells_than_those_executed_are_refused():
    kernel = replay.Replayed(STORED)
    with pytest.raises(RuntimeError, match="run `make book`"):
        kernel.execute_cell_input("print(2)")
