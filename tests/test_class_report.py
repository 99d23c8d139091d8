"""What a class did, from the files its students saved: people are counted, and no file breaks the report."""

import json

import pytest

import class_report
from environment import Stop
from interestdecay_lib import checks

EXERCISE = checks.exercises("decay_formula")["decay_formula-1"]
TYPICAL = [mistake.why for mistake in EXERCISE.mistakes]


def saved(folder, name, answers=None, **parts):
    told = {"format": class_report.FORMAT, "answers": answers or {}, "quizzes": {}, "predictions": {}}
    told |= parts
    (folder / f"{name}.json").write_text(json.dumps(told), encoding="utf-8")


def tried(told, solved=False, tries=2):
    return {"decay_formula-1": {"tries": tries, "solved": solved, "told": told}}


def test_people_are_counted_and_typical_mistakes_marked(tmp_path, capsys):
    many = {TYPICAL[0]: 5, "Off by the factor 60: minutes and hours": 1}
    saved(tmp_path, "a", tried(many, solved=True, tries=7))
    saved(tmp_path, "b", tried({TYPICAL[0]: 1}, tries=1))
    (tmp_path / "late").mkdir()
    saved(tmp_path / "late", "c", tried({}, solved=True, tries=1))
    class_report.main(tmp_path)
    said = capsys.readouterr().out
    assert "3 files" in said
    assert "2 of 3 solved it, median of 1 tries" in said
    assert f"  2 ● {TYPICAL[0]}" in said
    assert "  1   Off by the factor 60" in said
    assert said.index(TYPICAL[0]) < said.index("Off by the factor")
    assert "Not read" not in said


def test_quick_questions_and_predictions(tmp_path, capsys):
    for name, first, guess in (("a", "right", 2), ("b", "wrong", 9.5), ("c", "right", 4)):
        saved(tmp_path, name, quizzes={"decay_formula": {"2": first}},
              predictions={"decay_formula": {"guess": guess, "truth": 3}})
    class_report.main(tmp_path)
    said = capsys.readouterr().out
    assert "Quick question 2: 2 of 3 chose right at first. The half-life is 7 days." in said
    assert "3 guessed 2 to 9.5, median 4; the chapter computes 3 steps" in said
    assert "Quick question 1" not in said


@pytest.mark.parametrize("answers", [
    [], 3, {"decay_formula-1": 3}, {"decay_formula-1": {"told": ["x"]}}, {"no_chapter-1": {"told": {"x": 1}}},
    {"decay_formula-1": {"tries": "many", "solved": "yes", "told": {"\x1b[2J": 1, "x" * 5000: 1, "": 1}}},
    {"decay_formula-1": {"tries": True, "told": None}},
])
def test_an_edited_file_changes_its_own_counts_at_most(tmp_path, capsys, answers):
    saved(tmp_path, "honest", tried({TYPICAL[0]: 1}))
    guesses = {"decay_formula": {"guess": "x", "truth": None}, "first_look": [1], "x": 2}
    saved(tmp_path, "edited", answers, quizzes={"decay_formula": {"2": ["right"]}}, predictions=guesses)
    saved(tmp_path, "empty", answers, quizzes=7, predictions=None)
    class_report.main(tmp_path)
    said = capsys.readouterr().out
    assert "3 files" in said and f"  1 ● {TYPICAL[0]}" in said
    assert "Quick question" not in said and "Prediction" not in said
    assert "\x1b" not in said and "xxxx" not in said
    assert "no_chapter" not in said


def test_what_is_no_file_of_progress_is_named(tmp_path, capsys):
    saved(tmp_path, "good", tried({}))
    (tmp_path / "other.json").write_text('{"format": "x"}')
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "large.json").write_text(" " * (class_report.LARGEST + 1))
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    class_report.main(tmp_path)
    said = capsys.readouterr().out
    assert said.count("\n  ") >= 5
    for name, why in (("other", "no file of this"), ("broken", "no JSON"), ("deep", "no JSON"),
                      ("large", "too large"), ("binary", "no JSON")):
        assert f"  {name}.json: {why}" in said
    assert "1 file." in said


def test_an_empty_folder_says_so(tmp_path):
    with pytest.raises(Stop, match="no file of progress"):
        class_report.main(tmp_path)
    with pytest.raises(Stop, match="no folder"):
        class_report.main(tmp_path / "none")
