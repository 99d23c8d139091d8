"""The same mistakes outside the articles: tools that many use. Each number is computed when the page is made.

`audit.py` writes what `entries` says into the source audit; `tests/test_elsewhere.py` computes it anew.
"""

import math

import duckdb
import numpy as np
import pandas as pd

from interestdecay_lib import customer_base, datasets

ISSUE = "https://github.com/{}/{}/{}"
#: Days of one event a day, and the half-life in days, of the window that overflows.
DAYS, HALF_LIFE = 3650, 1.0
NAIVE = """
    SELECT day, sum(pow(2, day / {h}::DOUBLE)) OVER (ORDER BY day) / pow(2, day / {h}::DOUBLE) AS interest
    FROM range({days}) events(day)
"""


def time_constant(half_life):
    """What ClickHouse's `x` must be for a half-life.

    >>> round(time_constant(7.0), 3)
    10.099
    """
    return half_life / math.log(2)


def one_time_buyer(weeks=38.86, ahead=39.0):
    """P(alive) and P(return) of a CDNOW customer with one purchase, by the published BG/NBD.

    >>> alive, back = one_time_buyer()
    >>> alive, back < 0.2
    (1.0, True)
    """
    model = customer_base.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
    alive = model.probability_alive(0, 0.0, weeks)
    return float(alive), float(model.probability_return(ahead, 0, 0.0, weeks))


def ties(dtype):
    """The share of MovieLens-100K's consecutive ratings of one user with equal times, held as a number type.

    >>> ties("int64") < ties("float32")
    True
    """
    log = datasets.load_movielens()
    seconds = ((log["timestamp"] - pd.Timestamp(0)) // pd.Timedelta("1s")).to_numpy(dtype)
    same_user = np.diff(log["user_id"].to_numpy()) == 0
    return float((np.diff(seconds) == 0)[same_user].mean())


def overflow():
    """How many rows of a window of forward decay are no numbers, and the first of them; no error is raised.

    >>> overflow()
    (2627, 1023)
    """
    rows = duckdb.sql(NAIVE.format(h=HALF_LIFE, days=DAYS)).fetchnumpy()
    lost = ~np.isfinite(rows["interest"])
    return int(lost.sum()), int(rows["day"][lost].min())


def entries():
    """Markdown: one paragraph a mistake."""
    alive, back = one_time_buyer()
    exact, coarse = ties("int64"), ties("float32")
    lost, first = overflow()
    threads = ", ".join(
        f"[#{number}]({ISSUE.format('CamDavidsonPilon/lifetimes', 'issues', number)})"
        for number in (165, 212, 239)
    )
    clickhouse = ISSUE.format("ClickHouse/ClickHouse", "pull", 80601)
    lru = ISSUE.format("yueqirex/LRURec", "issues", 1)
    recbole = ISSUE.format("RUCAIBox/RecBole", "issues", 2204)
    return f"""\
**A time constant called a half-life.** ClickHouse's manual called the `x` of `exponentialTimeDecayedSum` a
half-life until [a reader computed two rows]({clickhouse}).
At age `x` an event keeps {math.exp(-1):.3f}, not one half: a half-life of 7 days needs
`x` = {time_constant(7.0):.1f} days. Two other pages of the manual still say it
({{ref}}`half-life in eight tools <tool-clickhouse>`).

**“P(alive) is 1.”** Users of `lifetimes` report it as a fault again and again
({threads}).
It is none of the code: in BG/NBD a customer can leave only after a repeat purchase, so for who bought once
P(alive) is {alive:.0f}, whatever the silence. Wrong is the reading. With the published parameters, after
38.86 silent weeks such a customer returns within 39 weeks with probability {back:.2f}
({{ref}}`chapter-will-they-return` asks for that, and has a model without the flaw).

**Ties sorted into a pattern.** Of MovieLens' consecutive ratings by one user {exact:.0%} carry the same
second. Sorted by item among equals, [as one recommender did]({lru}), they form a
sequence that nobody watched, and that a model learns. Seconds since 1970 in 32 bits have steps of 64, so that
[another library]({recbole}) makes it {coarse:.0%}.

**A window that overflows.** Forward decay in plain SQL, `sum(2^(t/h)) OVER (ORDER BY t) / 2^(t/h)`, is right
for {first:,} half-lives. For one event a day over ten years and a half-life of one day DuckDB gives
{lost:,} of {DAYS:,} rows that are no numbers, and no error. {{ref}}`chapter-events-to-interest` has the
arithmetic that holds for any span.
"""
