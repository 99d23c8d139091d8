"""Which mistakes a class makes: `make class FOLDER=...` reads what students saved on the page of progress.

People are counted, not tries. A sentence that an answer box says of a typical mistake of the exercise is
marked with ●; the others are what it says of units, signs and digits. Anybody can edit such a file, so it is
for teaching and not for marks.
"""

import json
import statistics
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import predict
import quiz
from chapter import Chapter, names
from environment import Stop, say
from interestdecay_lib import checks

FORMAT = "fading-interest-progress-1"
LARGEST = 2_000_000  # bytes
LONGEST = 400  # characters of a sentence


class Unreadable(Exception):
    """What is wrong with a file."""


def read(path):
    """The parts of a saved file, each a dictionary; `Unreadable` says what is wrong with another file."""
    if path.stat().st_size > LARGEST:
        raise Unreadable("too large for a file of progress")
    try:
        told = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"no JSON ({str(error)[:80]})") from None
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise Unreadable(f"no file of this book's page of progress (its format would be {FORMAT})")
    return {part: _dict(told.get(part)) for part in ("answers", "quizzes", "predictions")}


def _dict(value):
    return value if isinstance(value, dict) else {}


def _number(value):
    known = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12
    return float(value) if known else None


@dataclass
class Tally:
    """A class in one exercise: how many tried and solved it, and how many were told each sentence."""

    tried: int = 0
    solved: int = 0
    tries: list = field(default_factory=list)
    told: Counter = field(default_factory=Counter)

    def add(self, one):
        self.tried += 1
        self.solved += one.get("solved") is True
        self.tries.append(_number(one.get("tries")) or 1)
        # a set: somebody who made a mistake five times is one person
        told = {text for text in _dict(one.get("told")) if text.isprintable() and 0 < len(text) <= LONGEST}
        self.told.update(told)


def exercises(files):
    """{exercise: its tally} of those that somebody tried, in the order of the book."""
    known = [name for chapter in names() for name in checks.exercises(chapter)]
    tallies = {name: Tally() for name in known}
    for told in files:
        for name, one in told["answers"].items():
            if name in tallies and isinstance(one, dict):
                tallies[name].add(one)
    return {name: tally for name, tally in tallies.items() if tally.tried}


def report(files):
    """The lines of the report."""
    count = f"{len(files)} {'file' if len(files) == 1 else 'files'}"
    lines = [f"{count}. Numbers are people; ● is a typical mistake."]
    tallies = exercises(files)
    for chapter in names():
        read_chapter = Chapter.read(chapter)
        mine = {name: tally for name, tally in tallies.items() if name.rpartition("-")[0] == chapter}
        found = [*_of_exercises(read_chapter, mine), *_of_quiz(chapter, files), *_of_guesses(chapter, files)]
        if found:
            lines += ["", f"{read_chapter.title} ({chapter})", *found]
    return lines


def _of_exercises(chapter, tallies):
    headings = {exercise.name: exercise.heading for exercise in chapter.exercises}
    judged = checks.exercises(chapter.name)
    for name, tally in tallies.items():
        tries = f"median of {statistics.median(tally.tries):g} tries"
        yield f"  {name}, {headings.get(name, '')}: {tally.solved} of {tally.tried} solved it, {tries}"
        typical = {mistake.why for mistake in judged[name].mistakes}
        for sentence, people in sorted(tally.told.items(), key=lambda one: (-one[1], one[0])):
            yield f"    {people:3d} {'●' if sentence in typical else ' '} {sentence}"


def _of_quiz(chapter, files):
    for number, question in enumerate(quiz.load(chapter), start=1):
        first = [_dict(told["quizzes"].get(chapter)).get(str(number)) for told in files]
        right = first.count("right")
        answered = right + first.count("wrong")
        if answered:
            text = " ".join(question["question"].split())
            text = text if len(text) <= 70 else f"{text[:67]}..."
            yield f"  Quick question {number}: {right} of {answered} chose right at first. {text}"


def _of_guesses(chapter, files):
    made = [_dict(told["predictions"].get(chapter)) for told in files]
    guesses = sorted(value for one in made if (value := _number(one.get("guess"))) is not None)
    truths = [value for one in made if (value := _number(one.get("truth"))) is not None]
    if guesses and truths and chapter in predict.load():
        unit = predict.load()[chapter]["unit"]
        middle, truth = statistics.median(guesses), f"{statistics.median(truths):g} {unit}".rstrip()
        spread = f"{guesses[0]:g} to {guesses[-1]:g}, median {middle:g}"
        yield f"  Prediction: {len(guesses)} guessed {spread}; the chapter computes {truth}"


def main(folder):
    """Read every .json below a folder and print the report."""
    folder = Path(folder)
    if not folder.is_dir():
        raise Stop(f"there is no folder {folder}: make class FOLDER=path/to/the/files")
    files, refused = [], []
    for path in sorted(folder.rglob("*.json")):
        try:
            files.append(read(path))
        except (Unreadable, OSError) as error:
            refused.append(f"{path.name}: {error}")
    if not files:
        raise Stop(f"no file of progress is in {folder}" + "".join(f"\n  {one}" for one in refused))
    say("\n".join(report(files)))
    if refused:
        say("\nNot read:\n" + "\n".join(f"  {one}" for one in refused))


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "")
    except Stop as stop:
        sys.exit(f"\nStopped: {stop}")
