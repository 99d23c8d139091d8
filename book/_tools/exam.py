"""Examination papers from the bank: `make exam SEED=3 CHAPTERS=decay_formula,lstm_by_hand MINUTES=60`.

Writes two papers of the same questions with different numbers, A and B, and a key, as HTML for printing, into
_build/exam. The same seed gives the same papers.
"""

import argparse
import random
import sys
from html import escape
from pathlib import Path

import yaml

from chapter import Chapter, names
from environment import BUILD, ROOT, Stop, say
from exam_bank import QUESTIONS

FOLDER = BUILD / "exam"
COURSE = ROOT / "book/teaching/course.yml"
STYLE = """@page { size: A4; margin: 18mm }
body { font: 11pt/1.4 serif; max-width: 174mm; margin: auto }
.question { break-inside: avoid; margin: 6mm 0 } .answer { height: 30mm; border-bottom: 1px solid #777 }
.name { margin: 6mm 0 } table { border-collapse: collapse } td, th { text-align: left; padding: 0 4mm 0 0 }"""


def number(value):
    """A number as a person writes it: four significant digits, whole numbers whole.

    >>> number(6.93147), number(5760), number(12896.0), number(0.04321)
    ('6.931', '5760', '12896', '0.04321')
    """
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.4g}"


def same(value, key, tolerance):
    """Whether an answer counts as the key."""
    return abs(value - key) <= tolerance * abs(key) + 1e-9


def chosen_chapters(chapters="", weeks=""):
    """The chapters of a list, or of weeks such as 1-4 or 2,5; all without either."""
    if chapters and weeks:
        raise Stop("give CHAPTERS or WEEKS, not both")
    if weeks:
        course = yaml.safe_load(COURSE.read_text(encoding="utf-8"))["weeks"]
        wanted = [week for part in weeks.split(",") for week in _weeks(part, len(course))]
        return [name for week in dict.fromkeys(wanted) for name in course[week - 1]["chapters"]]
    known = names()
    asked = [name.strip() for name in chapters.split(",")] if chapters else known
    for name in asked:
        if name not in known:
            raise Stop(f'there is no chapter "{name}". Chapters: {", ".join(known)}')
    return list(dict.fromkeys(asked))


def _weeks(part, length):
    first, dash, last = part.strip().partition("-")
    ends = [first, last if dash else first]
    if not all(end.isascii() and end.isdigit() and 1 <= int(end) <= length for end in ends):
        raise Stop(f'WEEKS={part}: weeks are numbers from 1 to {length}, as in WEEKS=1-4 or WEEKS=2,5')
    if int(ends[0]) > int(ends[1]):
        raise Stop(f"WEEKS={part}: the first week comes after the last")
    return range(int(ends[0]), int(ends[1]) + 1)


def chosen_questions(seed, chapters, minutes):
    """Names of questions that fill the minutes; a chapter's second one only after all firsts."""
    rng = random.Random(seed)
    pool = {name: q for name, q in QUESTIONS.items() if q.chapter in chapters}
    there = sum(q.minutes for q in pool.values())
    if there < minutes:
        raise Stop(f"the questions of these chapters fill {there} minutes, not {minutes}: name more chapters")
    order = rng.sample(sorted(pool), len(pool))
    seen = []
    rank = {
        name: sum(pool[other].chapter == pool[name].chapter for other in order[:k])
        for k, name in enumerate(order)
    }
    left = minutes
    for name in sorted(order, key=rank.get):
        if pool[name].minutes <= left:
            seen.append(name)
            left -= pool[name].minutes
    if not seen:
        least = min(q.minutes for q in pool.values())
        raise Stop(f"the shortest question of these chapters takes {least} minutes, more than {minutes}")
    return [name for name in QUESTIONS if name in seen]


def variants(name, seed):
    """Parameters of a question for paper A and paper B, whose keys differ beyond the tolerance."""
    question = QUESTIONS[name]
    drawn = question.variants()
    random.Random(f"{seed} {name}").shuffle(drawn)
    first = drawn[0]
    key = question.key(**first)
    second = next(v for v in drawn[1:] if not same(question.key(**v), key, 2 * question.tolerance))
    return {"A": first, "B": second}


def paper(seed, asked, letter):
    """One paper as HTML, without a single answer."""
    total = sum(QUESTIONS[name].points for name in asked)
    minutes = sum(QUESTIONS[name].minutes for name in asked)
    parts = [f"<h1>Fading Interest: examination, paper {letter}</h1>",
             f"<p>{minutes} minutes, {total} points. Seed {seed}. Three significant digits are enough; whole "
             "numbers are asked for exactly. Show your way.</p>",
             '<p class="name">Name: ____________________________________</p>']
    for k, name in enumerate(asked, start=1):
        question = QUESTIONS[name]
        text = question.text.format(**variants(name, seed)[letter])
        unit = f" <em>Answer in {escape(question.unit)}.</em>" if question.unit else ""
        asks = f"<p><b>{k}.</b> {escape(text)}{unit} ({question.points} points)</p>"
        parts.append(f'<div class="question">{asks}<div class="answer"></div></div>')
    return _page(f"Examination, paper {letter}", parts)


def key(seed, asked):
    """The key of both papers: way, value, what counts as right, and what typical wrong numbers show."""
    parts = [f"<h1>Key, seed {seed}</h1>", "<p>For teachers. Every number is computed from the bank.</p>"]
    objectives = {name: Chapter.read(name).objectives for name in {QUESTIONS[q].chapter for q in asked}}
    for k, name in enumerate(asked, start=1):
        q = QUESTIONS[name]
        tests = escape(objectives[q.chapter][q.objective])
        right = f"within {q.tolerance:.0%}" if q.tolerance else "the exact number"
        parts.append(f'<div class="question"><h2>{k}. {name} ({q.points} points, {q.minutes} minutes)</h2>'
                     f"<p>{q.chapter}, objective {q.objective}: {tests}. Right: {right}.</p><table>")
        for letter, drawn in variants(name, seed).items():
            value = f"{number(q.key(**drawn))} {q.unit}".strip()
            way = escape(q.how.format(**drawn))
            parts.append(f"<tr><th>{letter}</th><td>{way} = <b>{escape(value)}</b></td></tr>")
            parts += [f"<tr><td></td><td>{number(wrong(**drawn))}: {escape(shows)}</td></tr>"
                      for wrong, shows in q.mistakes]
        parts.append("</table></div>")
    return _page("Key", parts)


def _page(title, parts):
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            f"<style>{STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n")


def write(seed, chapters="", weeks="", minutes=60, folder=FOLDER):
    """Write paper_A.html, paper_B.html and key.html; returns the names of the questions."""
    if minutes < 1:
        raise Stop(f"MINUTES={minutes}: a paper takes at least one minute")
    asked = chosen_questions(seed, chosen_chapters(chapters, weeks), minutes)
    folder.mkdir(parents=True, exist_ok=True)
    for letter in "AB":
        (folder / f"paper_{letter}.html").write_text(paper(seed, asked, letter), encoding="utf-8")
    (folder / "key.html").write_text(key(seed, asked), encoding="utf-8")
    return asked


def _whole(name, text):
    try:
        return int(text)
    except ValueError:
        raise Stop(f"{name}={text}: a whole number is needed") from None


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Two papers and a key from the bank of questions.")
    for name, usual in [("seed", "1"), ("chapters", ""), ("weeks", ""), ("minutes", "60")]:
        parser.add_argument(f"--{name}", default=usual)
    parser.add_argument("--out", type=Path, default=FOLDER)
    given = parser.parse_args(arguments)
    seed, minutes = _whole("SEED", given.seed), _whole("MINUTES", given.minutes)
    asked = write(seed, given.chapters, given.weeks, minutes, given.out)
    total = sum(QUESTIONS[name].minutes for name in asked)
    say(f"{len(asked)} questions, {total} minutes: papers A and B and their key are in {given.out}")


if __name__ == "__main__":
    try:
        main()
    except Stop as stop:
        sys.exit(f"\nStopped: {stop}")
