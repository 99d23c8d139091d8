"""The coverage page answers every row of the articles' inventory, and each answer leads somewhere."""

import re
from collections import Counter

import pytest

import audit
import covered
from chapters import ROOT

ROWS = covered.features()
TARGETS = audit.headings()
PAGE = covered.PAGE.read_text(encoding="utf-8")
PART_III = {"reactivation", "recommending", "cold_start", "pretraining", "explaining", "privacy",
            "your_own_data", "at_scale"}  # fmt: skip


def test_the_page_is_what_the_tool_makes():
    assert covered.renewed() == PAGE, "run book/_tools/covered.py"


def test_no_row_is_missing():
    """As many as the inventory of the articles has, each with its box and its kind of answer."""
    by_article = Counter(row["article"] for row in ROWS)
    assert by_article == {"A": 81, "B": 44, "C": 79, "D": 52, "E": 73}
    box = r"^:::\{container\} entry article-(\S) answer-(\S+)\n\*\*(\S+)\*\*"
    boxes = re.findall(box, PAGE, re.MULTILINE)
    assert boxes == [(row["article"].lower(), row["answer"], row["id"]) for row in ROWS]
    assert len({row["id"] for row in ROWS}) == 329


def test_the_counts_are_those_of_the_boxes():
    said = Counter(re.findall(r"^:::\{container\} entry article-\S answer-(\S+)", PAGE, re.MULTILINE))
    told = re.findall(r"\d+", PAGE.split("<!-- summary:end -->")[0])
    kinds = ["shown", "partly", "planned", "not-built"]
    assert list(map(int, told)) == [len(ROWS), *(said[kind] for kind in kinds)]
    assert sum(said.values()) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_an_answer_is_whole(row):
    """Shown with a section that exists, partly with what is missing, else a reason or a chapter to come."""
    places = row.get("see", [])
    places = [places] if isinstance(places, str) else places
    assert set(places) <= TARGETS.keys()
    assert row["answer"] not in ("shown", "partly") or places
    if row["answer"] == "partly":
        assert row["missing"] and ("planned" in row) != ("because" in row)
    if "planned" in row:
        assert row["planned"] in PART_III and not (ROOT / f"chapters/{row['planned']}.ipynb").exists()
    assert row["asks"] and ("because" not in row or len(row["because"].split()) > 5)
