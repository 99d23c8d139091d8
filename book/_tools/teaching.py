"""The computed part of the teaching guide: lesson plans, minutes, and what covers each objective.

`python book/_tools/teaching.py` writes it into `book/teaching_guide.md`; a test compares. What a teacher says
in a lesson stands in `book/teaching/lessons.yml`, the course's weeks and days in `book/teaching/course.yml`;
minutes, exercises and questions come from the chapters and quizzes.
"""

import math

import yaml

import blocks
import quiz
from chapter import Chapter, names
from environment import ROOT, Stop
from interestdecay_lib import checks
from reading_time import WORDS_PER_MINUTE

GUIDE = ROOT / "book/teaching_guide.md"
FOLDER = ROOT / "book/teaching"
MINUTES = {1: 5, 2: 10, 3: 20}  # planned for an exercise, by stars; for discussion 15
DISCUSSION, QUIZ, OPENING, CLOSING, DEMONSTRATION = 15, 5, 5, 5, 15
IN_CLASS = 35  # minutes of exercises at most in a lesson of 90; the others are left for home


def plans():
    """The lesson plan of every chapter."""
    return yaml.safe_load((FOLDER / "lessons.yml").read_text(encoding="utf-8"))


def course():
    """Weeks and days of the course; a plan that does not know the book's chapters is refused."""
    told = yaml.safe_load((FOLDER / "course.yml").read_text(encoding="utf-8"))
    placed = {name for week in told["weeks"] for name in week["chapters"]} | set(told["outside"])
    missing, unknown = set(names()) - placed, placed.union(*told["days"].values()) - set(names())
    if missing:
        raise Stop(f"course.yml: no week for {_listed(missing)}; add one, or name it under `outside`")
    if unknown:
        raise Stop(f"course.yml: {_listed(unknown)} is no chapter of _toc.yml")
    if len(told["weeks"]) > told["length"]:
        raise Stop(f"course.yml: {len(told['weeks'])} weeks of chapters in a course of {told['length']}")
    return told


def _listed(names):
    return ", ".join(sorted(names))


def minutes(words):
    return max(1, math.ceil(words / WORDS_PER_MINUTE))


def exercise_minutes(exercise):
    return DISCUSSION if exercise.cell is None and exercise.kind != "project" else MINUTES[exercise.stars]


def in_class(exercises):
    """The exercises of the lesson: in order, without ★★★, discussion and project, while there is time."""
    chosen = []
    for exercise in exercises:
        fits = _sum(chosen) + exercise_minutes(exercise) <= IN_CLASS
        if fits and exercise.stars < 3 and exercise.kind not in ("explain", "project"):
            chosen.append(exercise)
    return chosen


def lesson(chapter, plan):
    """One chapter: times, lesson plan, what covers each objective, misconceptions."""
    fault = faults(chapter, plan)
    if fault:
        raise Stop(f"lessons.yml, {chapter.name}: {fault}")
    exercises = chapter.exercises
    chosen, explained = in_class(exercises), [e for e in exercises if e.kind == "explain"]
    parts = [
        f"### {chapter.title}\n",
        f"{{ref}}`{chapter.label}` · {chapter.minutes} minutes to read · {chapter.seconds} seconds to run · "
        f"exercises {sum(map(exercise_minutes, exercises[:-1]))} minutes and a project\n",
        "| step | what | minutes |\n| --- | --- | ---: |",
        f"| opening question | {plan['opening'].strip()} | {OPENING} |",
        f"| quick questions | on the page, each student alone, then a show of hands | {QUIZ} |",
        f"| demonstration | {plan['demonstration'].strip()} | {DEMONSTRATION} |",
        f"| exercises | {_numbers(chosen)}: alone, `check`, then with a neighbour | {_sum(chosen)} |",
        f"| for discussion | {_numbers(explained)}, in pairs | {DISCUSSION} |",
        f"| closing | {plan['closing'].strip()} | {CLOSING} |\n",
        coverage(chapter, plan),
        "| belief | cured by |\n| --- | --- |",
        *(f"| {belief} | {_named(exercises[number - 1])} |" for belief, number in plan["cures"]),
    ]
    return "\n".join(parts) + "\n"


def faults(chapter, plan):
    """What lessons.yml says that the chapter does not bear out, or an empty text."""
    placed = [heading for listed in plan["sections"].values() for heading in listed] + plan["frame"]
    known = list(chapter.sections)
    if sorted(placed) != sorted(known):
        return f"sections {sorted(set(placed) ^ set(known)) or 'named twice'}"
    if set(plan["sections"]) != set(chapter.objectives):
        return f"objectives {sorted(plan['sections'])}, the chapter has {sorted(chapter.objectives)}"
    for _, number in plan["cures"]:
        if not 1 <= number <= len(chapter.exercises):
            return f"there is no exercise {number}"
    return ""


def coverage(chapter, plan):
    """The matrix: objective, sections, exercises, quick questions, tests."""
    words, checked = chapter.sections, checks.exercises(chapter.name)
    questions = quiz.load(chapter.name)
    rows = [
        "| objective | section (minutes to read) | exercises | quick questions | tests |",
        "| --- | --- | --- | --- | --- |",
    ]
    for number, text in chapter.objectives.items():
        practised = [exercise for exercise in chapter.exercises if number in exercise.objectives]
        asked = [str(k) for k, question in enumerate(questions, start=1) if question["objective"] == number]
        tested = [exercise.name for exercise in practised if exercise.name in checked]
        where = "; ".join(f"{heading} ({minutes(words[heading])})" for heading in plan["sections"][number])
        tests = " ".join(f"`{test}`" for test in tested) or "rubric"
        shown = "; ".join(map(_named, practised))
        rows.append(f"| {number}. {text} | {where} | {shown} | {', '.join(asked) or '–'} | {tests} |")
    return "\n".join(rows) + "\n"


def _named(exercise):
    return f"{exercise.name.rpartition('-')[2]} {exercise.heading} ({'★' * exercise.stars}, {exercise.kind})"


def _numbers(exercises):
    return ", ".join(exercise.name.rpartition("-")[2] for exercise in exercises)


def _sum(exercises):
    return sum(map(exercise_minutes, exercises))


def weeks():
    """The twelve-week plan: minutes to read before the lesson, in the lesson, and at home."""
    rows = [
        "| week | chapter | read before | in class | exercises left for home | besides |",
        "| ---: | --- | ---: | ---: | ---: | --- |",
    ]
    plan = course()
    for number, week in enumerate(plan["weeks"], start=1):
        chapters = [Chapter.read(name) for name in week["chapters"]]
        exercises = [exercise for chapter in chapters for exercise in chapter.exercises]
        chosen = in_class(exercises)
        lesson_minutes = OPENING + QUIZ + DEMONSTRATION + _sum(chosen) + DISCUSSION + CLOSING
        home = _sum([e for e in exercises if e not in chosen and e.kind not in ("explain", "project")])
        labels = ", ".join(f"{{ref}}`{chapter.label}`" for chapter in chapters)
        read, besides = sum(chapter.minutes for chapter in chapters), week.get("besides", "–")
        rows.append(f"| {number} | {labels} | {read} | {lesson_minutes} | {home} | {besides} |")
    for number in range(len(plan["weeks"]) + 1, plan["length"] + 1):
        what = plan["at_the_end"][-1 if number == plan["length"] else 0]
        rows.append(f"| {number} | {what} | – | 90 | – | – |")
    return "\n".join(rows) + "\n"


def days():
    """The two-day plan: blocks of one chapter, with the ★ exercises only."""
    parts = []
    for day, listed in course()["days"].items():
        rows = [
            f"**{day}**\n",
            "| chapter | guided tour | quick questions | ★ exercises | together |",
            "| --- | ---: | ---: | ---: | ---: |",
        ]
        total = 0
        for chapter in map(Chapter.read, listed):
            easy = [e for e in chapter.exercises if e.stars == 1 and e.cell is not None]
            practice = 2 * _sum(easy)
            block = chapter.minutes + QUIZ + practice
            total += block
            done = f"{practice} ({_numbers(easy)})"
            row = [f"{{ref}}`{chapter.label}`", chapter.minutes, QUIZ, done, block]
            rows.append(f"| {' | '.join(map(str, row))} |")
        rows.append(f"| all | | | | {total} |")
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def lessons():
    told = plans()
    missing = set(names()) - set(told)
    if missing:
        raise Stop(f"lessons.yml says nothing about {_listed(missing)}")
    return "\n".join(lesson(Chapter.read(name), told[name]) for name in names())


def page(text):
    """The guide with its computed blocks renewed."""
    return blocks.renew(text, {"weeks": weeks(), "days": days(), "lessons": lessons()})


if __name__ == "__main__":
    GUIDE.write_text(page(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")
