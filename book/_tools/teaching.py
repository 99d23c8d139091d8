"""The computed part of the teaching guide: lesson plans, minutes, and what covers each objective.

`python book/_tools/teaching.py` writes it into `book/teaching_guide.md`; a test compares. What a teacher says
in a lesson stands in `teaching.yml`; minutes, exercises and questions come from the chapters and quizzes.
"""

import math
import re

import yaml

import editions
import quiz
from interestdecay_lib import checks
from reading_time import WORDS_PER_LINE, WORDS_PER_MINUTE
from tasks import ROOT, Stop

GUIDE = ROOT / "book/teaching_guide.md"
PLANS = ROOT / "book/_tools/teaching.yml"
BLOCK = re.compile(r"(<!-- computed:begin (\w+) -->\n).*?(<!-- computed:end -->)", re.DOTALL)
MINUTES = {1: 5, 2: 10, 3: 20}  # planned for an exercise, by stars; for discussion 15
DISCUSSION, QUIZ, OPENING, CLOSING, DEMONSTRATION = 15, 5, 5, 5, 15
IN_CLASS = 35  # minutes of exercises at most in a lesson of 90; the others are left for home
END = "Three sentences to remember"
#: Weeks of the course: chapters, and what is set besides.
WEEKS = [
    (["first_look"], "the project's log is chosen"),
    (["decay_formula"], ""),
    (["events_to_interest"], ""),
    (["fitting_decay"], ""),
    (["will_they_return"], "first page of the project: the log, the question"),
    (["lstm_by_hand"], ""),
    (["logs_to_sequences"], ""),
    (["training_keras"], "notebook run before the lesson"),
    (["evaluating_forecasts"], "project: baseline and protocol, in writing"),
    (["time_aware_networks"], "notebook run before the lesson"),
]
LAST_WEEKS = [
    "Work on the projects, with the open exercises of all chapters as a menu",
    "Projects presented, ten minutes each",
]
DAYS = {
    "Day 1, a half-life for a log": ["first_look", "decay_formula", "events_to_interest", "fitting_decay"],
    "Day 2, do I need a network?": ["logs_to_sequences", "lstm_by_hand", "evaluating_forecasts"],
}


def plans():
    return yaml.safe_load(PLANS.read_text(encoding="utf-8"))


def title(notebook):
    return re.search(r"^# (.*)$", notebook.cells[0].source, re.MULTILINE).group(1)


def objectives(notebook):
    """The chapter's objectives by number, as plain text."""
    opening = notebook.cells[0].source
    listed = re.search(r"\*\*After this chapter you can\*\*\n+((?:\d+\..*\n?(?:   .*\n?)*)+)", opening)
    found = re.findall(r"^(\d+)\. (.*(?:\n   .*)*)", listed.group(1), re.MULTILINE)
    return {int(number): " ".join(text.replace("**", "").split()).rstrip(",;.") for number, text in found}


def sections(notebook):
    """Words to read, by second-level heading, up to the closing sections."""
    words, heading = {}, None
    for cell in notebook.cells[1:]:
        if cell.cell_type == "code":
            if heading:
                words[heading] += WORDS_PER_LINE * len(cell.source.splitlines())
            continue
        for part in re.split(r"^(?=## )", cell.source, flags=re.MULTILINE):
            found = re.match(r"## (.*)", part)
            if found:
                heading = found.group(1)
                if heading == END:
                    return words
                words[heading] = 0
            if heading:
                words[heading] += len(part.split())
    raise Stop(f"a chapter has no section {END!r}")


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


def measured(notebook):
    """Minutes to read and seconds to run, as the chapter states them."""
    line = re.search(
        r"^\*\*Time:\*\* about (\d+) minutes to read, (\d+) seconds to run", notebook.cells[0].source, re.M
    )
    return int(line.group(1)), int(line.group(2))


def lesson(name, plan):
    """One chapter: times, lesson plan, what covers each objective, misconceptions."""
    notebook = editions.read(name)
    exercises = list(editions.exercises(notebook).values())
    fault = faults(name, plan, notebook, exercises)
    if fault:
        raise Stop(f"teaching.yml, {name}: {fault}")
    reading, running = measured(notebook)
    chosen, explained = in_class(exercises), [e for e in exercises if e.kind == "explain"]
    label = f"chapter-{name.replace('_', '-')}"
    parts = [
        f"### {title(notebook)}\n",
        f"{{ref}}`{label}` · {reading} minutes to read · {running} seconds to run · exercises "
        f"{sum(map(exercise_minutes, exercises[:-1]))} minutes and a project\n",
        "| step | what | minutes |\n| --- | --- | ---: |",
        f"| opening question | {plan['opening'].strip()} | {OPENING} |",
        f"| quick questions | on the page, each student alone, then a show of hands | {QUIZ} |",
        f"| demonstration | {plan['demonstration'].strip()} | {DEMONSTRATION} |",
        f"| exercises | {_numbers(chosen)}: alone, `check`, then with a neighbour | {_sum(chosen)} |",
        f"| for discussion | {_numbers(explained)}, in pairs | {DISCUSSION} |",
        f"| closing | {plan['closing'].strip()} | {CLOSING} |\n",
        coverage(name, plan, notebook, exercises),
        "| belief | cured by |\n| --- | --- |",
        *(f"| {belief} | {_named(exercises[number - 1])} |" for belief, number in plan["cures"]),
    ]
    return "\n".join(parts) + "\n"


def faults(name, plan, notebook, exercises):
    """What teaching.yml says that the chapter does not bear out, or an empty text."""
    placed = [heading for listed in plan["sections"].values() for heading in listed] + plan["frame"]
    known = list(sections(notebook))
    if sorted(placed) != sorted(known):
        return f"sections {sorted(set(placed) ^ set(known)) or 'named twice'}"
    if set(plan["sections"]) != set(objectives(notebook)):
        return f"objectives {sorted(plan['sections'])}, the chapter has {sorted(objectives(notebook))}"
    for _, number in plan["cures"]:
        if not 1 <= number <= len(exercises):
            return f"there is no exercise {number}"
    return ""


def coverage(name, plan, notebook, exercises):
    """The matrix: objective, sections, exercises, quick questions, tests."""
    words = sections(notebook)
    questions = quiz.load(name)
    rows = [
        "| objective | section (minutes to read) | exercises | quick questions | tests |",
        "| --- | --- | --- | --- | --- |",
    ]
    for number, text in objectives(notebook).items():
        practised = [exercise for exercise in exercises if number in exercise.objectives]
        asked = [str(k) for k, question in enumerate(questions, start=1) if question["objective"] == number]
        tested = [exercise.name for exercise in practised if exercise.name in checks.exercises(name)]
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
    plan = [(names, besides) for names, besides in WEEKS if set(names) <= set(editions.names())]
    for week, (names, besides) in enumerate(plan, start=1):
        books = [editions.read(name) for name in names]
        exercises = [exercise for book in books for exercise in editions.exercises(book).values()]
        chosen = in_class(exercises)
        lesson_minutes = OPENING + QUIZ + DEMONSTRATION + _sum(chosen) + DISCUSSION + CLOSING
        home = _sum([e for e in exercises if e not in chosen and e.kind not in ("explain", "project")])
        chapters = ", ".join(f"{{ref}}`chapter-{name.replace('_', '-')}`" for name in names)
        read = sum(measured(book)[0] for book in books)
        rows.append(f"| {week} | {chapters} | {read} | {lesson_minutes} | {home} | {besides or '–'} |")
    rest = 12 - len(plan)
    free = [LAST_WEEKS[0]] * (rest - 1) + [LAST_WEEKS[1]]
    for week, what in enumerate(free, start=len(plan) + 1):
        rows.append(f"| {week} | {what} | – | 90 | – | – |")
    return "\n".join(rows) + "\n"


def days():
    """The two-day plan: blocks of one chapter, with the ★ exercises only."""
    parts = []
    for day, names in DAYS.items():
        rows = [
            f"**{day}**\n",
            "| chapter | guided tour | quick questions | ★ exercises | together |",
            "| --- | ---: | ---: | ---: | ---: |",
        ]
        total = 0
        for name in names:
            if name not in editions.names():
                continue
            book = editions.read(name)
            easy = [e for e in editions.exercises(book).values() if e.stars == 1 and e.cell is not None]
            block = measured(book)[0] + QUIZ + _sum(easy) * 2
            total += block
            label = f"{{ref}}`chapter-{name.replace('_', '-')}`"
            rows.append(
                f"| {label} | {measured(book)[0]} | {QUIZ} | {2 * _sum(easy)} ({_numbers(easy)}) | {block} |"
            )
        rows.append(f"| all | | | | {total} |")
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def lessons():
    told = plans()
    missing = [name for name in editions.names() if name not in told]
    if missing:
        raise Stop(f"teaching.yml says nothing about {', '.join(missing)}")
    return "\n".join(lesson(name, told[name]) for name in editions.names())


def page(text):
    """The guide with its computed blocks renewed."""
    made = {"weeks": weeks, "days": days, "lessons": lessons}
    return BLOCK.sub(lambda match: match[1] + "\n" + made[match[2]]() + "\n" + match[3], text)


if __name__ == "__main__":
    GUIDE.write_text(page(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")
