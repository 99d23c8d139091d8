"""The benchmarks' harness on made-up records: what is a ratio, when nobody is faster, what is kept."""

import itertools
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import speed

sys.path.append(str(Path(__file__).parents[1] / "book/_measure"))
import race as racing
import ratios
import run

TABLES = {"sums": {"title": "Sums", "column": "events", "ratio": "ratio_to_book", "transposed": False,
                   "shown": True}}


def record(process, book, theirs, module="interest", fingerprint="now", **more):
    """A process in which a round of this book's function took `book` ms and one of the opponent `theirs`."""
    methods = {
        "this book": {"parallel": False, "ms": book, "cpu_ms": book},
        "theirs": {"parallel": True, "max_relative_error": 1e-15 * (process + 1), "ms": theirs,
                   "cpu_ms": [2 * ms for ms in theirs], **more},
    }
    case = {"table": "sums", "facts": {"events": 1000}, "missing": {}, "methods": methods}
    return {"module": module, "process": process, "fingerprint": fingerprint, "cases": [case],
            "started": "2026-01-01", "load_average_before": 0.1, "others_share": 0.01 * process,
            "seconds": 30.0, "cores": 2, "versions": {"numpy": "9.9"}}


# --- ratios ---


def test_a_process_compares_within_its_rounds_and_the_median_process_counts():
    # the first process was slowed down tenfold in its second round, the opponent alone in its third: still 3
    records = [record(0, [1, 10, 1], [3, 30, 99]), record(1, [1], [2]), record(2, [2], [10]),
               record(3, [1], [4]), record(4, [5], [5])]
    book, theirs = ratios.aggregate(records, TABLES)["sums"]
    assert book["ratio_to_book"] == 1 and book["range"] == [1, 1]
    assert theirs["ratio_to_book"] == 3                 # of 3, 2, 5, 4, 1
    assert theirs["range"] == [1, 5]
    assert theirs["cpu_ratio"] == 6 and theirs["cpu_range"] == [2, 10]
    assert theirs["ms"] == 5 and theirs["cpu_ms"] == 10                     # of 30, 2, 10, 4, 5
    assert theirs["max_relative_error"] == 5 * 1e-15    # the worst
    assert theirs["processes"] == 5 and theirs["events"] == 1000


def test_an_opponent_that_some_processes_lack_tells_in_how_many_it_was_measured():
    lacking = record(1, [1], [2])
    del lacking["cases"][0]["methods"]["theirs"]
    lacking["cases"][0]["missing"] = {"theirs": "No module named 'theirs'"}
    records = [record(0, [1], [2]), lacking]
    assert [row["processes"] for row in ratios.aggregate(records, TABLES)["sums"]] == [2, 1]
    assert ratios.missing(records) == {"theirs": "No module named 'theirs'"}


# --- the page ---


def stored(*pairs, **more):
    records = [record(k, [1.0], [ratio], **more) for k, ratio in enumerate(pairs)]
    return run.assemble(records, TABLES)


@pytest.mark.parametrize(
    ("processes", "said"),
    [
        ((2.0, 3.0, 1.5, 2.5, 31.0), "2.50 (1.50–31) |"),
        ((0.6, 0.9, 1.4, 1.5, 0.8), "0.90 (0.60–1.50): no difference |"),
        ((1.004, 2, 2, 2, 2), "2.00 (1.00–2.00): no difference |"),         # as printed
        ((0.2, 0.3, 0.4, 0.98, 0.99), "0.40 (0.20–0.99) |"),
        ((1200.0, 1500.0, 1300.0, 1400.0, 1100.0), "1,300 (1,100–1,500) |"),
    ],
)
def test_where_the_range_contains_1_nobody_is_faster(processes, said):
    results = stored(*processes)
    results["sums"][1]["parallel"] = False
    assert f"| theirs | {said}" in speed.measured(results)
    decided = "no difference" not in speed.measured(results).split("| Sums")[1]
    assert decided == ("no difference" not in said)


def test_waiting_and_processor_time_are_judged_apart():
    page = speed.measured(stored(0.7, 0.8, 0.6, 0.7, 0.7))                 # with twice the CPU time
    assert "| theirs | 0.70 (0.60–0.80)<br>CPU 1.40 (1.20–1.60) |" in page


def test_a_ratio_of_fewer_than_five_processes_is_not_printed():
    assert speed.measured(stored(2.0, 2.0, 2.0, 2.0)) == speed.NOT_YET
    results = stored(2, 2, 2, 2, 2)
    results["sums"].append({**results["sums"][1], "method": "late", "processes": 4})
    assert "| late | too few processes |" in speed.measured(results)


def test_wrong_results_are_not_shown_and_missing_opponents_are_named():
    results = stored(2, 2, 2, 2, 2)
    assert "Not measured" not in speed.measured(results)
    results["missing"] = {"ClickHouse, GROUP BY": "No module named 'chdb'"}
    results["sums"][1]["result"] = "wrong"
    page = speed.measured(results)
    assert "because not installed: ClickHouse, GROUP BY." in page and "| theirs |" not in page


def test_many_cases_stand_one_below_the_other():
    results = stored(2, 2, 2, 2, 2)
    results["sums"] += [{**row, "shape": "text"} for row in results["sums"]]
    results["sums"] = [{"shape": "unsorted", **row} for row in results["sums"]]
    results["tables"] = {"sums": {**TABLES["sums"], "column": "shape", "transposed": True}}
    lines = speed.measured(results).splitlines()
    assert "| Sums (1,000 events each; 1 is this book) | theirs |" in lines
    assert [line.split(" | ")[0] for line in lines[-2:]] == ["| unsorted", "| text"]


def test_the_stored_file_says_how_busy_the_machine_was():
    report = stored(2, 2, 2, 2, 2)
    assert report["others_share"] == {"median": 0.02, "largest": 0.04}
    assert [row["load_average_before"] for row in report["processes"]] == [0.1] * 5
    assert "other programs took 2% of the processors' time (median of the processes; at most 4%)" in (
        speed.measured(report)
    )


# --- going on where it stopped ---


def test_only_lines_of_the_present_state_count(tmp_path):
    file = tmp_path / "ratios.jsonl"
    lines = [record(1, [1], [2]), record(0, [1], [3]), record(0, [1], [9]),
             record(2, [1], [1], fingerprint="old"), record(7, [1], [1]), record(0, [1], [1], module="gone")]
    file.write_text("\n".join(json.dumps(line) for line in lines) + '\n{"module": "inter', encoding="utf-8")
    found = run.current(run.read(file), {"interest": "now", "windows": "now"}, processes=5)
    assert {name: [line["process"] for line in part] for name, part in found.items()} == {
        "interest": [0, 1], "windows": []}
    assert found["interest"][0]["cases"][0]["methods"]["theirs"]["ms"] == [3]
    assert run.read(tmp_path / "none.jsonl") == []


def test_an_interrupted_race_goes_on_with_what_is_missing(tmp_path, monkeypatch):
    options = types.SimpleNamespace(records=tmp_path / "build/ratios.jsonl", processes=2, scale=1.0)
    wanted = {"lstm": "now", "windows": "now"}
    started = []

    def start(command, show):
        name, process = command[command.index("--worker") + 1], int(command[command.index("--process") + 1])
        if len(started) == 2 and not going_on:
            raise KeyboardInterrupt
        started.append((name, process))
        return record(process, [1], [2], name)

    monkeypatch.setattr(run, "start", start)
    going_on = False
    with pytest.raises(KeyboardInterrupt):
        run.measure(list(wanted), wanted, options)
    going_on = True
    run.measure(list(wanted), wanted, options)
    assert started == [("lstm", 0), ("windows", 0), ("lstm", 1), ("windows", 1)]       # in turn, none twice
    assert len(run.read(options.records)) == 4
    run.measure(list(wanted), wanted, options)
    assert len(started) == 4


def test_a_failed_process_ends_the_run_and_names_its_module(tmp_path, monkeypatch):
    options = types.SimpleNamespace(records=tmp_path / "ratios.jsonl", processes=1, scale=1.0)
    monkeypatch.setattr(run, "start", lambda *_: None)
    with pytest.raises(SystemExit, match=r"bench_lstm\.py failed"):
        run.measure(["lstm"], {"lstm": "now"}, options)
    assert not options.records.exists()


def test_a_process_tells_where_it_is_and_what_it_found():
    shown = []
    code = f"""
import os
print("a word of a library")
print({run.AT!r}, "sums 100", flush=True)
print({run.RECORD!r} + '{{"threads": "' + os.environ["POLARS_MAX_THREADS"] + '"}}')
"""
    found = run.start([sys.executable, "-c", code], shown.append)
    assert found == {"threads": str(racing.THREADS)} and shown == ["sums 100"]
    assert run.start([sys.executable, "-c", code + "raise SystemExit(3)"], shown.append) is None


def test_what_may_change_a_ratio_changes_the_fingerprint(monkeypatch):
    before = run.fingerprint("windows", 1.0)
    assert run.fingerprint("windows", 1.0) == before != run.fingerprint("windows", 0.5)
    monkeypatch.setattr(run, "versions", lambda needs: {"numpy": "0.0"})
    assert run.fingerprint("windows", 1.0) != before


@pytest.mark.parametrize("more", [["--processes", "4"], ["--scale", "0.01"]])
def test_the_books_file_is_not_overwritten_by_a_small_run(monkeypatch, capsys, more):
    monkeypatch.setattr(sys, "argv", ["run.py", *more])
    with pytest.raises(SystemExit):
        run.main()
    assert "give another --output" in capsys.readouterr().err


# --- one process ---


def _case(methods, right=1.0, timed=True):
    def compare(name, got):
        assert got == right, name
        return {"error": abs(got - right)}

    return racing.Case("sums", {"events": 1}, methods, compare, timed)


def _way(name, log, value=1.0):
    def call():
        log.append(name)
        if isinstance(value, Exception):
            raise value
        return value

    return racing.Method(lambda: call)


def test_all_are_compared_first_and_then_take_turns():
    log = []
    found = racing.race(_case({name: _way(name, log) for name in "abc"}), turn=1, rounds=3, least=0.0)
    assert "".join(log) == "abc" + "bca" + "cab" + "abc"
    assert [len(entry["ms"]) for entry in found["methods"].values()] == [3, 3, 3]
    assert found["methods"]["a"]["error"] == 0


def test_a_long_case_has_one_round_and_a_short_call_is_repeated_within_it(monkeypatch):
    ticks = itertools.count()                           # a clock that says one second more each time
    monkeypatch.setattr(racing, "perf_counter", lambda: float(next(ticks)))
    monkeypatch.setattr(racing, "process_time", lambda: 10.0 * next(ticks))
    log = []
    found = racing.race(_case({"a": _way("a", log)}), rounds=5, seconds=0.0, least=4.0)["methods"]["a"]
    assert len(log) == 1 + 3                            # the comparison, and three calls to fill four seconds
    assert found["ms"] == [4000 / 3] and found["cpu_ms"] == [pytest.approx(40_000 / 3)]


def test_a_different_result_ends_the_race_before_anything_is_timed():
    log = []
    with pytest.raises(AssertionError, match="b"):
        racing.race(_case({"a": _way("a", log), "b": _way("b", log, 2.0)}))
    assert log == ["a", "b"]


def test_an_opponent_that_is_not_installed_is_missing_and_the_books_function_must_be_there():
    def prepare():
        import a_package_that_nobody_has  # noqa: F401

    absent, log = racing.Method(prepare), []
    found = racing.race(_case({"a": _way("a", log), "b": absent}), rounds=1, least=0.0)
    assert list(found["methods"]) == ["a"] and "a_package_that" in found["missing"]["b"]
    with pytest.raises(ImportError):
        racing.race(_case({"b": absent, "a": _way("a", log)}))


def test_a_comparison_without_times_records_a_refusal():
    methods = {"a": _way("a", []), "b": _way("b", [], OverflowError())}
    found = racing.race(_case(methods, timed=False))["methods"]
    assert found["b"]["refuses"] == "OverflowError" and "ms" not in found["a"]
    row = ratios.aggregate([{"cases": [racing.race(_case(methods, timed=False))]}], TABLES)["sums"][1]
    assert row == {"events": 1, "method": "b", "parallel": False, "refuses": "OverflowError", "processes": 1}
    with pytest.raises(OverflowError):
        racing.race(_case(methods))


# --- the modules ---


def test_modules_are_found_by_their_names(tmp_path, monkeypatch, capsys):
    files = {"counter", "customer_base", "events", "interest", "layers", "lstm", "windows"}
    assert files <= set(run.discover())
    (tmp_path / "bench_of_old_form.py").write_text("def run(time_it): return []\n")
    (tmp_path / "bench_of_this_form.py").write_text("TABLES, NEEDS, cases = {}, [], iter\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert list(run.discover(tmp_path)) == ["of_this_form"]
    assert "bench_of_old_form.py takes no part: it has no TABLES, NEEDS, cases" in capsys.readouterr().out


def _small(name, scale):
    return [racing.race(case, rounds=1, least=0.0) for case in run.discover()[name].cases(scale)]


@pytest.mark.parametrize("name", ["counter", "customer_base", "events", "interest", "windows"])
def test_every_opponent_has_our_result_on_a_small_log(name):
    module = run.discover()[name]
    found = _small(name, 2e-3)
    assert {case["table"] for case in found} == set(module.TABLES)
    assert all(all("ClickHouse" in method for method in case["missing"]) for case in found)
    columns = [(case["table"], case["facts"][module.TABLES[case["table"]].column]) for case in found]
    assert len(columns) == len(set(columns))            # no case hides another


def test_a_record_has_what_the_stored_file_tells(capsys):
    found = run.work("windows", 3, 1e-3)
    assert found["process"] == 3 and 0 <= found["others_share"] <= 1
    assert capsys.readouterr().out.startswith(run.AT + " windows 10\n")
    report = run.assemble([{**found, "process": process} for process in range(5)],
                          {"windows": vars(run.discover()["windows"].TABLES["windows"])})
    page = speed.measured(json.loads(json.dumps(report)))
    assert "| Windows inside each user's events | 10 | 20 | 1,000 |" in page and "too few" not in page


def test_one_module_measured_anew_leaves_the_rows_and_dates_of_the_others():
    tables = TABLES | {"other.sums": {"ratio": "ratio_to_book"}}

    def of(module, table, ratio):
        made = record(0, [1], [ratio])
        made["cases"][0]["table"] = table
        return made | {"module": module, "started": str(ratio)}

    before = run.assemble([of("first", "sums", 2), of("second", "other.sums", 3)], tables)
    after = run.assemble([of("second", "other.sums", 5)], tables, before)
    assert after["sums"] == before["sums"] and after["sums"][1]["ratio_to_book"] == 2
    assert after["other"]["sums"][1]["ratio_to_book"] == 5
    dates = [(row["module"], row["started"]) for row in after["processes"]]
    assert dates == [("first", "2"), ("second", "5")]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["layers", "lstm"])
def test_every_way_through_a_layer_gives_the_same(name):
    assert {case["table"] for case in _small(name, 0.02)} == set(run.discover()[name].TABLES)


def test_a_spoilt_sum_does_not_pass_for_equal():
    case = next(iter(run.discover()["interest"].cases(2e-3)))
    name = "DuckDB, window"
    right = case.methods[name].result(case.methods[name].prepare()())
    assert case.compare(name, right)["share_wrong"] == 0
    with pytest.raises(AssertionError, match="DuckDB, window"):
        case.compare(name, np.where(np.arange(len(right))[:, None] == 50, right * (1 + 1e-8), right))


@pytest.mark.parametrize("method", ["this book: read_events", "DuckDB, read_csv and ORDER BY"])
@pytest.mark.parametrize("column", ["user_id", "timestamp", "item_id", "value"])
def test_a_table_with_two_cells_swapped_does_not_pass_for_equal(method, column):
    for case in run.discover()["events"].cases(5e-3):
        table = case.methods[method].prepare()()
        case.compare(method, table)
        swapped = table[column].to_numpy().copy()
        swapped[[0, -1]] = swapped[[-1, 0]]
        with pytest.raises(AssertionError, match=method):
            case.compare(method, table.assign(**{column: swapped}))


def test_a_fit_that_stops_early_does_not_pass_for_a_fit():
    case = next(iter(run.discover()["customer_base"].cases(1e-3)))
    fitted = case.methods["this book: fit"].prepare()()
    assert case.compare("lifetimes: fit", fitted) == {"nats_apart": 0}
    near = type(fitted)(**{**fitted.parameters, "a": 1.03 * fitted.parameters["a"]})
    with pytest.raises(AssertionError, match="the likelihoods differ"):
        case.compare("lifetimes: fit", near)
    far = type(fitted)(**{**fitted.parameters, "r": 2 * fitted.parameters["r"]})
    with pytest.raises(AssertionError, match="the truth is likelier"):
        case.compare("lifetimes: fit", far)


def test_a_counter_that_loses_an_event_does_not_pass():
    case = next(iter(run.discover()["counter"].cases(1e-3)))
    for name, method in case.methods.items():
        counter = method.prepare()()
        case.compare(name, method.result(counter))
        counter.value -= 1e-3
        with pytest.raises(AssertionError, match=name):
            case.compare(name, method.result(counter))


def test_every_way_to_read_a_file_tells_its_time_and_memory_alone(tmp_path, capsys):
    module = run.discover()["events"]
    module.write(tmp_path / "events.csv", 50, module.LINES["text ids"])
    for name in module.METHODS:
        module.read_once(name, str(tmp_path / "events.csv"))
        assert float(capsys.readouterr().out.split()[-2]) > 0.01        # GiB: of this process
