"""A report on a log of one's own: from a file to one page that says what it shows, and what it cannot.

``python -m interestdecay_lib.report log.csv`` reads the file (`reading`, with `columns` guessed), measures it
with the rooms of this library (`measuring`), chooses every sentence by the numbers and their intervals
(`sentences`), and writes one HTML page with the tables behind it (`page`, `writing`). Nothing is sent
anywhere.

>>> import tempfile, pathlib
>>> folder = pathlib.Path(tempfile.mkdtemp())
>>> _ = (folder / "visits.csv").write_text("user,date\\nann,2024-03-01\\nann,2024-03-09\\nbob,2024-03-02\\n")
>>> report = make_report(folder / "visits.csv", folder / "visits-report", today="2024-06-01")
>>> print(report.sentence("first-too-few").text)
By the time since the first event: too few repeats to fit a curve (of 1 user a return was seen within 8 \
days; 30 returning users are the least). That is a result: this log does not tell how fast anything fades.
>>> sorted(path.name for path in (folder / "visits-report").iterdir())
['report.html', 'tables']
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from interestdecay_lib.event_log import checked
from interestdecay_lib.report import page, sentences, writing
from interestdecay_lib.report.measuring import Measured, measure
from interestdecay_lib.report.page import Section, Table
from interestdecay_lib.report.reading import Reading, read
from interestdecay_lib.report.sentences import Sentence

__all__ = ["Report", "compose", "make_report"]

_SHOWN = 10  # users in the list on the page


@dataclass(frozen=True)
class Report:
    """What is on the page, and the tables behind it.

    Attributes
    ----------
    title, sections
        Of the page.
    tables
        By the name of their CSV file; the index is written, too.
    reading, measured
        What all of it rests on.
    """

    title: str
    sections: list[Section]
    tables: dict[str, pd.DataFrame]
    reading: Reading
    measured: Measured
    foot: list[str] = field(default_factory=list)

    @property
    def findings(self) -> list[Sentence]:
        """All sentences, in the order of the page."""
        return [block for section in self.sections for block in section.blocks if isinstance(block, Sentence)]

    def sentence(self, name: str) -> Sentence:
        """The sentence of that name; ``KeyError`` if this log does not lead to it."""
        for sentence in self.findings:
            if sentence.name == name:
                return sentence
        raise KeyError(
            f"no sentence {name!r} in this report; there are: "
            f"{', '.join(dict.fromkeys(each.name for each in self.findings))}"
        )

    def html(self) -> str:
        """The page."""
        seen = self.measured.seen
        of = (
            f"{self.reading.file}: {seen.events:,} events, {seen.users:,} users, observed until "
            f"{(seen.until - pd.Timedelta(days=1)).date()}"
        )
        return page.render(self.title, of, self.sections, self.foot)


def make_report(
    path: str | Path,
    out: str | Path | None = None,
    *,
    columns: Mapping[str, str | None] | None = None,
    cut: object = None,
    seed: int = 0,
    tell: Callable[[str], None] = lambda step: None,
    **options,
) -> Report:
    """Read a log, measure it and write the report.

    Parameters
    ----------
    path
        CSV, TSV, Parquet or Excel (needs openpyxl).
    out
        Folder for ``report.html`` and ``tables/*.csv``; ``None``: nothing is written.
    columns
        Columns by role: ``user``, ``time``, ``item``, ``type``, ``value``; the others are guessed, and the
        guess is printed.
    cut
        First day of the period on which forecasts are judged; default: a quarter of the log before its end,
        at most 13 weeks.
    seed
        Of all random numbers.
    tell
        Is called with the name of each step as it begins.
    options
        Of `reading.read`: ``only``, ``until``, ``today``, ``timezone``, ``time_format``, ``time_unit``,
        ``delimiter``, ``encoding``, ``sheet``.

    Returns
    -------
    Report

    Raises
    ------
    EventLogError
        If the file is no log of events; the message says what to do.
    OutputError
        If `out` holds something else than a report of ours. Nothing is written then.
    ValueError
        If the cut is no day within the log.
    """
    if out is not None:
        writing.check_place(out)
    tell("reading")
    reading = read(path, columns=columns, **options)
    day = None
    if cut is not None:
        found = checked(reading.log)
        day, first = found.date(cut, "cut"), pd.Timestamp(found.day.min())
        if not first < day < reading.until:
            raise ValueError(
                f"the cut {day.date()} must lie within the log, after {first.date()} and before "
                f"{reading.until.date()}"
            )
    report = compose(reading, measure(reading.log, reading.until, day, seed, tell))
    if out is not None:
        tell("writing")
        writing.write(out, report.html(), report.tables)
    return report


def compose(reading: Reading, measured: Measured) -> Report:
    """Choose the sentences, and put tables and pictures beside them."""
    seen, forecasts = measured.seen, measured.forecasts
    missed = _missed(forecasts.today)
    tables: dict[str, pd.DataFrame] = {}
    sections = [
        Section("The answer", sentences.summary(measured, missed)),
        Section("What was read", [*sentences.of_reading(reading), _rows(reading, tables)]),
        Section("First look", [*sentences.of_first_look(seen), *_first_look(measured, tables)]),
        Section("Two clocks", _clocks(measured, tables)),
        Section("Which curve", _curves(measured, tables)),
        Section("Gone, or just quiet", _leaving(measured, tables)),
        Section("Forecasts", _forecasts(measured, tables)),
        Section("Whom to look at first", _users(measured, missed, tables)),
        Section("What this log cannot say", sentences.of_limits(measured, reading), as_list=True),
    ]
    apostrophes = (
        "In the files under tables/, texts that begin with =, +, - or @ have an apostrophe before them: a "
        "spreadsheet would compute them. Take it off before you look such an id up in your log."
    )
    foot = [
        "Made on this computer; nothing was sent anywhere, and this page asks no other host for anything. "
        "It names "
        "users by the ids of the log: treat it as you treat the log.",
        "Definitions and methods: the book Fading Interest, chapters fitting_decay, will_they_return and "
        "evaluating_forecasts. Square brackets are 95 % intervals unless said otherwise.",
        *([apostrophes] if any(map(writing.changed, tables.values())) else []),
    ]
    return Report(
        f"How interest fades and returns in {reading.file}",
        [s for s in sections if s.blocks],
        tables,
        reading,
        measured,
        foot,
    )


def _rows(reading: Reading, tables: dict) -> Table:
    frame = pd.DataFrame(reading.rows, columns=["what", "rows"]).set_index("what")
    tables["rows.csv"] = frame
    return Table("What became of the rows.", frame.map(lambda count: f"{count:,}"), "rows.csv")


def _first_look(measured: Measured, tables: dict) -> list:
    seen = measured.seen
    tables["periods.csv"] = seen.periods
    blocks = [page.of_periods(seen)] if len(seen.periods) > 2 else []
    if seen.kinds is not None:
        kinds = seen.kinds.rename("events").rename_axis("kind").to_frame()
        tables["kinds.csv"] = kinds
        blocks.append(
            Table(
                "Kinds of events" + (", the 12 most frequent." if len(kinds) > 12 else "."),
                kinds.head(12).map(lambda count: f"{count:,}"),
                "kinds.csv",
            )
        )
    return blocks


def _clocks(measured: Measured, tables: dict) -> list:
    if measured.seen.one_instant:
        return []
    both = list(measured.clocks.values())
    blocks: list = [*(sentences.of_clock(clock) for clock in both), sentences.verdict(*both)]
    fitted = [clock for clock in both if clock.fit is not None]
    rows, counted = [], {}
    for clock in fitted:
        rows.append(
            {
                "clock": f"since the {clock.name} event",
                "definition": clock.definition,
                "unit": clock.unit,
                "half_life": clock.fit.half_life,
                "low": clock.low,
                "high": clock.high,
                "determined": clock.falls,
                "interval": clock.fit.method,
                "users": len(clock.counts),
                "returning_users": clock.returning,
                "events": clock.events,
                "periods": clock.periods,
            }
        )
        counted[clock.name] = pd.DataFrame(
            {
                "events": clock.counts.events.sum(axis=0, dtype=float),
                "exposure": clock.counts.exposure.sum(axis=0, dtype=float),
                "rate": clock.counts.raw_rate,
                "fitted": clock.fit.rate(clock.counts.age),
            },
            index=pd.Index(clock.counts.age, name=f"age_{clock.unit}"),
        )
        tables[f"since_{clock.name}.csv"] = counted[clock.name]
    if rows:
        frame = pd.DataFrame(rows).set_index("clock")
        tables["half_lives.csv"] = frame
        shown = pd.DataFrame(
            {
                "half-life": [
                    f"{sentences._number(c.fit.half_life)} {c.unit}" if c.falls else "not determined"
                    for c in fitted
                ],
                "95 % from": [sentences._number(c.low) for c in fitted],
                "to": [sentences._number(c.high) for c in fitted],
                "of what": [c.definition for c in fitted],
            },
            index=frame.index,
        )
        blocks.append(
            Table(
                "Half-lives of an exponential. A half-life means nothing without what it is the half-life "
                "of: each answers another question.",
                shown,
                "half_lives.csv",
            )
        )
    return blocks + [picture for clock in fitted if (picture := page.of_clock(clock)) is not None]


def _curves(measured: Measured, tables: dict) -> list:
    if measured.seen.one_instant:
        return []
    blocks: list = []
    for curves in measured.curves.values():
        blocks.append(sentences.of_curves(curves))
        if curves.table is None:
            continue
        file = f"curves_since_{curves.clock}.csv"
        tables[file] = curves.table
        shown = pd.DataFrame(
            {
                "gain": [page.fixed(v, 1) for v in curves.table["gain"]],
                "95 % from": [page.fixed(v, 1) for v in curves.table["low"]],
                "to": [page.fixed(v, 1) for v in curves.table["high"]],
            },
            index=pd.Index([sentences.CURVE_NAMES[name] for name in curves.table.index], name="curve"),
        )
        blocks.append(
            Table(
                f"Curves by the time since the {curves.clock} event: log likelihood of other users above "
                "the exponential's, in nats per 1,000 users.",
                shown,
                file,
            )
        )
    return blocks


def _leaving(measured: Measured, tables: dict) -> list:
    gone, forecasts = measured.gone, measured.forecasts
    blocks: list = [*sentences.of_leaving(gone), *sentences.of_silence(forecasts)]
    if forecasts.silence is not None:
        tables["silence.csv"] = forecasts.silence
        picture = page.of_silence(forecasts)
        blocks += [picture] if picture is not None else []
        shown = pd.DataFrame(
            {
                "users": [f"{n:,}" for n in forecasts.silence["users"]],
                "came back": [f"{100 * v:.1f} %" for v in forecasts.silence["share"]],
                "95 % from": [f"{100 * v:.1f} %" for v in forecasts.silence["low"]],
                "to": [f"{100 * v:.1f} %" for v in forecasts.silence["high"]],
            },
            index=forecasts.silence.index.rename("weeks of silence"),
        )
        blocks.append(
            Table(
                f"Who came back within {forecasts.horizon_days} days, by the silence before.",
                shown,
                "silence.csv",
            )
        )
    if gone.models is not None:
        tables["models.csv"] = gone.models
        shown = pd.DataFrame(
            {
                "log likelihood": [page.fixed(v, 1) for v in gone.models["log_likelihood"]],
                "still there": [f"{100 * v:.0f} %" for v in gone.models["alive"]],
                "will return": [f"{100 * v:.0f} %" for v in gone.models["returns"]],
            },
            index=gone.models.index,
        )
        blocks.append(
            Table(
                "Four models of users who leave for good, or never (NBD): what each says of the users "
                f"today, and of the next {forecasts.horizon_days} days.",
                shown,
                "models.csv",
            )
        )
    return blocks


def _forecasts(measured: Measured, tables: dict) -> list:
    forecasts = measured.forecasts
    blocks: list = list(sentences.of_forecasts(forecasts))
    if forecasts.scores is None:
        return blocks
    tables["scores.csv"] = forecasts.scores.join(forecasts.lead.add_prefix("minus_decayed_count_"))
    tables["calibration.csv"] = forecasts.calibration.rename_axis("group")
    rows = {}
    for name, row in forecasts.scores.iterrows():
        gain = "reference" if name == sentences.REFERENCE else format(forecasts.gain(name), "+.4f")
        rows[name] = [
            f"{row['log_loss']:.4f}",
            gain,
            f"{row['auc']:.3f} [{row['auc_low']:.3f}, {row['auc_high']:.3f}]",
        ]
    shown = pd.DataFrame.from_dict(
        rows,
        orient="index",
        columns=["log loss", f"gain on the decayed count [{100 * forecasts.level:.0f} %]", "AUC [95 %]"],
    ).rename_axis("model")
    blocks.append(
        Table(
            f"Forecasts of who comes back within {forecasts.horizon_days} days, judged on "
            f"{forecasts.users:,} users. Less log loss is better; an AUC of 0.5 is a coin.",
            shown,
            "scores.csv",
        )
    )
    picture = page.of_calibration(forecasts)
    return blocks + ([picture] if picture is not None else [])


def _missed(today: pd.DataFrame | None) -> pd.DataFrame | None:
    """Users of whom an active day was expected and who did not come, the most expected ones first."""
    if today is None:
        return None
    away = today[(today["came"] == 0) & (today["expected_before"] >= 1)]
    return away.sort_values("expected_before", ascending=False, kind="stable")


def _users(measured: Measured, missed: pd.DataFrame | None, tables: dict) -> list:
    forecasts = measured.forecasts
    blocks: list = list(sentences.of_users(forecasts, missed))
    if forecasts.today is None:
        return blocks
    tables["users.csv"] = forecasts.today

    def shown(part: pd.DataFrame) -> pd.DataFrame:
        part = part.head(_SHOWN)
        return pd.DataFrame(
            {
                "last event": [str(day) for day in part["last_event"]],
                "events": [f"{n:,}" for n in part["events"]],
                "days expected": [page.fixed(v, 1) for v in part["expected_before"]],
                "chance to return now": [f"{100 * v:.0f} %" for v in part["chance_of_return"]],
            },
            index=part.index.rename("user"),
        )

    if missed is not None and len(missed):
        blocks.append(
            Table(
                "Users who were expected and did not come, by the active days that were expected of "
                f"them in the {forecasts.horizon_days} days from {forecasts.cut.date()} on.",
                shown(missed),
                "users.csv",
            )
        )
    best = forecasts.today.sort_values("expected_days", ascending=False, kind="stable").head(_SHOWN)
    blocks.append(
        Table(
            f"Users of whom most is expected in the next {forecasts.horizon_days} days; what was expected "
            f"of them from {forecasts.cut.date()} on stands beside it.",
            shown(best),
            "users.csv",
        )
    )
    return blocks
