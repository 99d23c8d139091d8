"""The teaching guide: its computed part is up to date, complete and agrees with the chapters."""

import re

import pytest
import yaml

import tasks
import teaching
from chapters import NAMES, chapter, markdown, objectives
from interestdecay_lib import checks

each_chapter = pytest.mark.parametrize("name", NAMES)
TEXT = teaching.GUIDE.read_text(encoding="utf-8")


def test_the_guide_shows_what_is_computed():
    assert teaching.page(TEXT) == TEXT, "run book/_tools/teaching.py"
    assert re.findall(r"<!-- (\w+):begin -->", TEXT) == ["weeks", "days", "lessons"]


def test_every_chapter_has_a_plan():
    assert set(teaching.plans()) >= set(NAMES)


@each_chapter
def test_the_matrix_covers_every_objective(name):
    rows = teaching.coverage(chapter(name), teaching.plans()[name])
    rows = [row.split(" | ") for row in rows.splitlines()[2:]]
    assert [row[0].removeprefix("| ").partition(".")[0] for row in rows] == objectives(name)
    for _, sections, practised, _, tested in rows:
        assert re.search(r"\(\d+\)", sections) and "★" in practised
        for test in re.findall(r"`([\w-]+)`", tested):
            assert test in checks.exercises(name)
    named = {test for row in rows for test in re.findall(r"`([\w-]+)`", row[4])}
    assert named == set(checks.exercises(name)), "every exercise that is checked serves an objective"


@each_chapter
def test_minutes_of_the_sections_add_up_to_the_chapter(name):
    """Sections are read in about the time that the opening states, which also holds exercises and closing."""
    parts = sum(teaching.minutes(words) for words in chapter(name).sections.values())
    assert 0.5 * chapter(name).minutes <= parts <= 1.2 * chapter(name).minutes


@each_chapter
def test_a_lesson_fits_into_ninety_minutes(name):
    chosen = teaching.in_class(chapter(name).exercises)
    assert 15 <= sum(map(teaching.exercise_minutes, chosen)) <= teaching.IN_CLASS
    rows = re.findall(
        r"\| (\d+) \|$", teaching.lesson(chapter(name), teaching.plans()[name]).split("| objective")[0], re.M
    )
    assert len(rows) == 6 and 60 <= sum(map(int, rows)) <= 90


@each_chapter
def test_three_misconceptions_at_least(name):
    assert len(teaching.plans()[name]["cures"]) >= 3
    assert len({number for _, number in teaching.plans()[name]["cures"]}) >= 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda plan: plan["sections"][1].append("No such section"), "sections .*No such section"),
        (lambda plan: plan["frame"].pop(), "sections"),
        (lambda plan: plan["sections"].pop(1), "sections"),
        (lambda plan: plan["sections"].update({9: []}), "objectives"),
        (lambda plan: plan["cures"].append(["A belief.", 99]), "there is no exercise 99"),
    ],
)
def test_a_plan_that_disagrees_with_its_chapter_is_refused(change, message):
    plan = teaching.plans()["decay_formula"]
    change(plan)
    with pytest.raises(tasks.Stop, match=f"lessons.yml, decay_formula: {message}"):
        teaching.lesson(chapter("decay_formula"), plan)


def test_twelve_weeks():
    rows = [row for row in teaching.weeks().splitlines()[2:] if row]
    assert [int(row.split("|")[1]) for row in rows] == list(range(1, 13))
    outside = set(teaching.course()["outside"])
    said = re.search(r"stand outside the twelve weeks.*?\n\n", TEXT, re.S)[0]
    for held, names in ((str(rows), set(NAMES) - outside), (said, outside)):
        assert {chapter(name).label for name in names} == set(re.findall(r"chapter-[\w-]+", held))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda told: told["weeks"].pop(0), "no week for first_look; add one, or name it under `outside`"),
        (lambda told: told["outside"].append("my_chapter"), "my_chapter is no chapter of _toc.yml"),
        (lambda told: told["days"].update({"Day 3": ["my_chapter"]}), "my_chapter is no chapter"),
        (lambda told: told.update(length=9), "12 weeks of chapters in a course of 9"),
    ],
)
def test_a_course_that_does_not_know_the_chapters_is_refused(tmp_path, monkeypatch, change, message):
    told = teaching.course()
    change(told)
    (tmp_path / "course.yml").write_text(yaml.safe_dump(told), encoding="utf-8")
    monkeypatch.setattr(teaching, "FOLDER", tmp_path)
    with pytest.raises(tasks.Stop, match=message):
        teaching.course()


def test_weeks_without_a_chapter_are_for_the_projects(tmp_path, monkeypatch):
    told = teaching.course()
    told["outside"] += [name for week in told["weeks"][2:] for name in week["chapters"]]
    told["weeks"] = told["weeks"][:2]
    (tmp_path / "course.yml").write_text(yaml.safe_dump(told), encoding="utf-8")
    monkeypatch.setattr(teaching, "FOLDER", tmp_path)
    rows = teaching.weeks().splitlines()[2:]
    first, last = told["at_the_end"]
    assert [first in row for row in rows] == [False] * 2 + [True] * 9 + [False] and last in rows[-1]


def test_two_days_of_at_most_seven_hours():
    totals = [int(n) for n in re.findall(r"\| all \|.* (\d+) \|", teaching.days())]
    assert len(totals) == 2 and all(120 <= total <= 420 for total in totals)


def test_the_guide_gives_no_solution_away():
    for name in NAMES:
        for exercise in chapter(name).exercises:
            lines = [line.strip() for line in exercise.solution_code.splitlines() if len(line.strip()) > 20]
            assert [line for line in lines if line in TEXT] == []
    assert "solution-start" in markdown(NAMES[0]) and "solution-start" not in TEXT
