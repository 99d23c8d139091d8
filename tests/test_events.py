"""The door through which foreign data enters: what it accepts, and what it says when it does not."""

import csv
import datetime
import sys
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from interestdecay_lib import _textfile, datasets
from interestdecay_lib.events import EventLogError, read_events, validate_events

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def write(tmp_path):
    def write(content, name="log.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def frame(times, **columns):
    return pd.DataFrame({"user_id": [1] * len(times), "timestamp": times, **columns})


def failing(function, *args, **kwargs):
    with pytest.raises(EventLogError) as caught:
        function(*args, **kwargs)
    return str(caught.value), caught.value.rows


# -- what is right -------------------------------------------------------------------------------------------


def test_a_good_file_is_read_renamed_sorted_and_counted(write):
    path = write(
        "when,who,what,kind,paid,note\n2024-01-02,b,7,buy,3.5,x\n\n2024-01-03,a,8,view,0,y\n"
        '2024-01-01,a,7,view,0,"with, comma"\n'
    )
    log = read_events(path, user="who", timestamp="when", item="what", event_type="kind", value="paid")
    assert log.columns.tolist() == ["user_id", "timestamp", "item_id", "event_type", "value", "note"]
    assert log["user_id"].tolist() == ["a", "a", "b"]
    assert log["timestamp"].tolist() == list(pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-02"]))
    assert log["item_id"].tolist() == [7, 8, 7] and log["value"].tolist() == [0, 0, 3.5]
    assert log["note"].tolist() == ["with, comma", "y", "x"]
    report = log.attrs["report"]
    assert (report["rows_read"], report["rows_returned"], report["blank_lines"]) == (3, 3, 1)
    assert (report["users"], report["was_sorted"], report["duplicates_found"]) == (2, False, 0)
    assert report["other_columns"] == ["note"] and report["first"].startswith("2024-01-01")


def test_columns_that_bear_the_names_of_the_log_need_no_arguments(write):
    log = read_events(write("user_id,timestamp,value\n1,2024-01-01,2\n"))
    assert log.attrs["report"]["was_sorted"] is True
    assert log.values.tolist() == [[1, pd.Timestamp("2024-01-01"), 2.0]]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_found_or_given(write, delimiter):
    path = write(
        delimiter.join(["user_id", "timestamp", "value"])
        + "\n"
        + delimiter.join(["1", "2024-01-01", "2"])
        + "\n"
    )
    for given_delimiter in (None, delimiter):
        assert read_events(path, delimiter=given_delimiter)["value"].tolist() == [2]
    assert read_events(path).attrs["report"]["delimiter"] == delimiter


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_line_ends_and_encodings(write, ending, encoding):
    path = write(ending.join(["user_id,timestamp", "张三,2024-01-02", "é,2024-01-01", ""]).encode(encoding))
    log = read_events(path, encoding="utf-8" if encoding == "utf-8-sig" else encoding)
    assert log["user_id"].tolist() == ["é", "张三"]


def test_identifiers_keep_their_leading_zeros(write):
    assert read_events(write("user_id,timestamp\n007,2024-01-01\n7,2024-01-01\n"))["user_id"].tolist() == [
        "007",
        "7",
    ]
    assert read_events(write("user_id,timestamp\n70,2024-01-01\n7,2024-01-01\n"))["user_id"].tolist() == [
        7,
        70,
    ]


def test_a_missing_item_is_allowed_and_counted(write):
    log = read_events(write("user_id,timestamp,item_id\n1,2024-01-01,\n1,2024-01-02,5\n"))
    assert log["item_id"].isna().tolist() == [True, False]
    assert log.attrs["report"]["missing_item_id"] == 1


def test_validation_does_not_change_its_input():
    df = frame(["2024-01-02", "2024-01-01"])
    before = df.copy(deep=True)
    validate_events(df)
    pd.testing.assert_frame_equal(df, before)
    assert df.attrs == {}


def test_cdnow_same_day_rows():
    raw = datasets.load_cdnow(sample=True)
    message, rows = failing(validate_events, raw)
    assert len(rows) == 6919 - 6696 and message.startswith("223 rows")  # 6,696 customer-days are published
    merged = validate_events(raw, duplicates="merge", also_sum=["quantity"])
    assert len(merged) == 6696 and merged.attrs["report"]["merged"] == 223
    assert merged["value"].sum() == pytest.approx(244_091.94)  # and so are the dollars
    assert merged["quantity"].sum() == raw["quantity"].sum()
    assert len(validate_events(raw, duplicates="keep")) == 6919


# -- properties ----------------------------------------------------------------------------------------------

events = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.datetimes(pd.Timestamp("1990-01-01"), pd.Timestamp("2050-01-01")),
        st.sampled_from(["a", "b,c", 'd"e', "é"]),
        st.floats(-1e6, 1e6),
    ),
    min_size=1,
    max_size=30,
)


def as_frame(rows):
    return pd.DataFrame(rows, columns=["user_id", "timestamp", "item_id", "value"])


@FEW
@given(rows=events, seed=st.integers(0, 2**32 - 1))
def test_the_order_of_the_rows_does_not_matter(rows, seed):
    df = as_frame(rows)
    log = validate_events(df, duplicates="keep")
    shuffled = validate_events(df.sample(frac=1, random_state=seed), duplicates="keep")
    pd.testing.assert_frame_equal(log, shuffled)
    assert log.equals(log.sort_values(["user_id", "timestamp"], kind="stable", ignore_index=True))


@FEW
@given(rows=events)
def test_nothing_disappears_uncounted(rows):
    df = as_frame(rows)
    key = ["user_id", "timestamp", "item_id"]
    unique = len(df.drop_duplicates(key))
    for duplicates, counter in (("keep", None), ("merge", "merged"), ("drop", "dropped")):
        log = validate_events(df, duplicates=duplicates)
        report = log.attrs["report"]
        assert report["rows_read"] == len(df) and report["rows_returned"] == len(log)
        assert report["duplicates_found"] == len(df) - unique
        removed = {"merged": 0, "dropped": 0} | ({counter: len(df) - unique} if counter else {})
        assert {name: report[name] for name in removed} == removed
        assert len(log) == len(df) - sum(removed.values())
    merged = validate_events(df, duplicates="merge").set_index(key)["value"]
    expected = {}
    for user, time, item, value in rows:  # brute force
        expected[user, pd.Timestamp(time), item] = expected.get((user, pd.Timestamp(time), item), 0) + value
    assert len(merged) == len(expected)
    for at, value in expected.items():
        assert merged[at] == pytest.approx(value, abs=1e-6)
    first = validate_events(df, duplicates="drop").set_index(key)["value"]
    for user, time, item, value in reversed(rows):
        expected[user, pd.Timestamp(time), item] = value
    assert {at: first[at] for at in expected} == expected


@FEW
@given(rows=events)
def test_round_trip_through_a_file(rows, tmp_path):
    log = validate_events(as_frame(rows), duplicates="merge")
    log.to_csv(tmp_path / "log.csv", index=False)
    back = read_events(tmp_path / "log.csv")
    pd.testing.assert_frame_equal(log, back, check_dtype=False, check_exact=True)
    again = validate_events(back)
    pd.testing.assert_frame_equal(back, again)
    assert again.attrs["report"]["was_sorted"]


# -- columns -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "column, suggestion",
    [("customer_id", 'user="customer_id"'), ("User_ID", 'user="User_ID"'), ("usr_id", 'user="usr_id"')],
)
def test_a_missing_column_is_named_with_a_close_match(column, suggestion):
    message, rows = failing(validate_events, pd.DataFrame({column: [1], "timestamp": ["2024-01-01"]}))
    assert "no column 'user_id'" in message and f"there are: {column}, timestamp" in message
    assert suggestion in message and rows == []


def test_other_faults_of_the_columns():
    good = frame(["2024-01-01"])
    assert (
        "no column 'prise' for the value"
        in failing(validate_events, good.assign(price=1), value="prise")[0]
    )
    assert 'did you mean value="price"' in failing(validate_events, good.assign(price=1), value="prise")[0]
    twice = pd.concat([good, good[["user_id"]]], axis=1)
    assert "unique" in failing(validate_events, twice)[0]
    assert "user_id and item_id at once" in failing(validate_events, good, item="user_id")[0]
    assert "renamed to 'user_id'" in failing(validate_events, good.assign(who=2), user="who")[0]
    assert "no rows" in failing(validate_events, good.iloc[:0])[0]
    assert "expected a pandas DataFrame, got list" in failing(validate_events, [1, 2])[0]
    with pytest.raises(ValueError, match="duplicates must be"):
        validate_events(good, duplicates="ignore")


# -- users and values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "users", [[1, None, 2], ["a", "", "b"], ["a", "  ", "b"], ["a", None, "b"], [1.0, np.nan, 2.0]]
)
def test_a_missing_user(users):
    df = pd.DataFrame({"user_id": users, "timestamp": ["2024-01-01"] * 3})
    message, rows = failing(validate_events, df)
    assert "user_id is missing" in message and rows == [1]


def test_a_user_column_of_text_and_numbers():
    df = pd.DataFrame({"user_id": pd.Series([1, "1", 2], dtype=object), "timestamp": ["2024-01-01"] * 3})
    message, rows = failing(validate_events, df)
    assert "mixes text and numbers" in message and rows == [1]


@pytest.mark.parametrize(
    "values, problem",
    [
        ([1.0, np.nan, 2.0], "value is missing"),
        ([1.0, np.inf, 2.0], "infinite"),
        ([1.0, -np.inf, 2.0], "infinite"),
        (["1", "$5", "2"], r"not a number, for example '\$5'"),
        (["1", "1,000", "2"], "thousands"),
    ],
)
def test_a_bad_value(values, problem):
    days = ["2024-01-01", "2024-01-02", "2024-01-03"]
    with pytest.raises(EventLogError, match=problem) as caught:
        validate_events(frame(days, value=values))
    assert caught.value.rows == [1]


def test_line_numbers_are_those_of_an_editor(write):
    path = write('user_id,timestamp,value\n1,2024-01-01,"1"\n\n1,2024-01-02,x\n2,2024-01-03,\n')
    assert failing(read_events, path)[1] == [5]  # the missing value is found first
    path = write('user_id,timestamp,value\n1,2024-01-01,"1"\n\n1,2024-01-02,x\n')
    message, rows = failing(read_events, path)
    assert rows == [4] and "1 row (line 4)" in message


def test_line_numbers_below_a_field_of_several_lines(write):
    path = write('user_id,timestamp,note\n1,2024-01-01,"one\ntwo\nthree"\n1,2024-02-30,x\n')
    message, rows = failing(read_events, path)
    assert rows == [5] and "'2024-02-30'" in message


def test_a_long_list_of_rows_is_cut_in_the_message_only():
    message, rows = failing(validate_events, frame(["2024-01-01"] * 2000))
    assert message.startswith("1,999 rows (row 1, 2, 3, 4, 5, ...)") and rows == list(range(1, 2000))


# -- duplicates ----------------------------------------------------------------------------------------------


def test_duplicates_are_rows_that_agree_in_who_when_what_and_kind():
    df = frame(["2024-01-01"] * 3, item_id=[1, 1, 2], value=[5.0, 6.0, 7.0])
    message, rows = failing(validate_events, df)
    assert rows == [1] and "user_id, timestamp and item_id" in message and 'duplicates="keep"' in message
    assert validate_events(df, duplicates="merge")["value"].tolist() == [11, 7]
    assert validate_events(df, duplicates="drop")["value"].tolist() == [5, 7]
    assert validate_events(df, duplicates="keep")["value"].tolist() == [5, 6, 7]
    assert len(validate_events(df.assign(event_type=["view", "buy", "buy"]))) == 3


def test_merging_refuses_to_lose_a_column():
    df = frame(["2024-01-01"] * 2, value=[5.0, 6.0], quantity=[1, 2], seconds=[1, 2])
    message, rows = failing(validate_events, df, duplicates="merge")
    assert "differ in the column 'seconds'" in message and rows == [0, 1]
    merged = validate_events(df, duplicates="merge", also_sum=["seconds"])
    assert merged[["value", "quantity", "seconds"]].values.tolist() == [[11, 3, 3]]
    assert "not there" in failing(validate_events, df, also_sum=["secs"])[0]


# -- times ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "times",
    [
        ["2024-01-01", None],
        ["2024-01-01", ""],
        ["2024-01-01", " "],
        [pd.Timestamp("2024-01-01"), pd.NaT],
        [1.7e9, np.nan],
    ],
)
def test_a_missing_time(times):
    message, rows = failing(validate_events, frame(times))
    assert "timestamp is missing" in message and rows == [1]


@pytest.mark.parametrize("bad", ["yesterday", "2024-02-30", "2024-13-01", "31/03/2024", "2024-01-01 25:00"])
def test_an_unreadable_time(bad):
    message, rows = failing(validate_events, frame(["2024-01-01", bad, "2024-01-03"]))
    assert repr(bad) in message and rows == [1] and "time_format" in message


def test_a_stated_format_and_no_guessing_of_day_and_month():
    df = frame(["03/04/2024"])
    assert "never guessed" in failing(validate_events, df)[0]
    assert validate_events(df, time_format="%d/%m/%Y")["timestamp"][0] == pd.Timestamp("2024-04-03")
    assert validate_events(df, time_format="%m/%d/%Y")["timestamp"][0] == pd.Timestamp("2024-03-04")
    assert failing(validate_events, frame(["03/04/2024", "13/13/2024"]), time_format="%d/%m/%Y")[1] == [1]


def test_a_stated_format_with_an_offset():
    df = frame(["01.02.2024 10:00 +0100", "02.02.2024 10:00 +0100"])
    log = validate_events(df, time_format="%d.%m.%Y %H:%M %z")
    assert log["timestamp"].tolist() == [pd.Timestamp("2024-02-01 09:00"), pd.Timestamp("2024-02-02 09:00")]
    assert "bad directive" in failing(validate_events, df, time_format="%Q")[0]


def test_other_types_of_columns():
    days = ["2024-01-01", "2024-01-02"]
    for times in (
        pd.PeriodIndex(days, freq="D"),
        pd.Categorical(days),
        [pd.Timestamp(d).date() for d in days],
    ):
        assert validate_events(frame(times))["timestamp"].tolist() == [pd.Timestamp(d) for d in days]
    mixed = frame([days[0]] * 2, item_id=pd.Series([1, "a"], dtype=object))
    assert len(validate_events(mixed)) == 2
    assert "cannot read" in failing(validate_events, frame(pd.to_timedelta([1, 2], unit="D")))[0]


def test_offsets_are_converted_to_utc():
    log = validate_events(frame(["2024-01-01 12:00:00+08:00", "2024-01-02T12:00+08:00"]))
    assert log["timestamp"].tolist() == [pd.Timestamp("2024-01-01 04:00"), pd.Timestamp("2024-01-02 04:00")]
    aware = frame(pd.to_datetime(["2024-01-01 12:00"]).tz_localize("Asia/Shanghai"))
    assert validate_events(aware)["timestamp"][0] == pd.Timestamp("2024-01-01 04:00")
    assert "Asia/Shanghai" in validate_events(aware).attrs["report"]["times"]


def test_mixed_zones_need_a_choice():
    mixed = frame(["2024-01-01 12:00:00Z", "2024-01-02 12:00:00", "2024-01-03 12:00Z"])
    message, rows = failing(validate_events, mixed)
    assert "are mixed" in message and "timezone=" in message and rows == [1]
    log = validate_events(mixed, timezone="America/New_York")
    assert log["timestamp"].dt.hour.tolist() == [12, 17, 12]

    several = frame(["2024-01-01 12:00+01:00", "2024-07-01 12:00+02:00", "2024-01-03 12:00+01:00"])
    message, rows = failing(validate_events, several)
    assert "several offsets (+01:00, +02:00)" in message and rows == [1]
    assert validate_events(several, timezone="UTC")["timestamp"].dt.hour.tolist() == [11, 11, 10]
    objects = frame(
        pd.Series([pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-02 01:00", tz="UTC")], dtype=object)
    )
    assert "are mixed" in failing(validate_events, objects)[0]


def test_local_times_that_the_clock_change_makes_ambiguous():
    df = frame(["2024-10-27 01:30", "2024-10-27 02:30", "2024-03-31 02:30"])
    message, rows = failing(validate_events, df, timezone="Europe/Paris")
    assert rows == [1, 2] and "clock was changed" in message
    assert "unknown timezone" in failing(validate_events, df, timezone="Mars/Base")[0]
    mixed = frame(["2024-10-27 01:30Z", "2024-10-27 02:30", "2024-10-27 12:30"])
    assert failing(validate_events, mixed, timezone="Europe/Paris")[1] == [1]


SECONDS = pd.Timestamp("2024-03-01 12:34:56").value // 10**9


@pytest.mark.parametrize("unit, factor", [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
@pytest.mark.parametrize("kind", [int, str, float])
def test_numeric_times_need_their_unit(unit, factor, kind):
    df = frame([kind(SECONDS * factor), kind((SECONDS + 86_400) * factor)])
    message, _ = failing(validate_events, df)
    assert (
        "no unit" in message and f"time_unit='{unit}'" in message and "2024-03-01 to 2024-03-02" in message
    )
    log = validate_events(df, time_unit=unit)
    error = (log["timestamp"] - pd.to_datetime(["2024-03-01 12:34:56", "2024-03-02 12:34:56"])).abs().max()
    assert error <= pd.Timedelta("1us") if kind is float else error == pd.Timedelta(0)


@pytest.mark.parametrize("right", ["D", "s", "ms", "us", "ns"])
@pytest.mark.parametrize("wrong", ["D", "s", "ms", "us", "ns"])
def test_a_wrong_unit_is_an_error_that_names_the_right_one(right, wrong):
    per_second = {"D": 1 / 86_400, "s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
    df = frame([int(SECONDS * per_second[right]), int((SECONDS + 86_400) * per_second[right])])
    if right == wrong:
        assert validate_events(df, time_unit=wrong)["timestamp"].dt.year.tolist() == [2024, 2024]
    else:
        assert f"time_unit='{right}'" in failing(validate_events, df, time_unit=wrong)[0]


def test_other_faults_of_numeric_times():
    day = frame([19_797, 19_798])
    assert "time_unit='D'" in failing(validate_events, day)[0]
    assert validate_events(day, time_unit="D")["timestamp"][0] == pd.Timestamp("2024-03-15")
    compact = frame([20240331, 20240401])
    assert 'time_format="%Y%m%d"' in failing(validate_events, compact)[0]
    assert validate_events(compact, time_format="%Y%m%d")["timestamp"][1] == pd.Timestamp("2024-04-01")
    assert failing(validate_events, frame([1.7e9, -5.0]), time_unit="s")[1] == [1]
    assert failing(validate_events, frame([1.7e9, np.inf]), time_unit="s")[1] == [1]
    assert "mixed" in failing(validate_events, frame(["1700000000", "2024-01-01", "2024-01-02"]))[0]
    assert "for numbers" in failing(validate_events, frame(["2024-01-01"]), time_unit="s")[0]
    assert "UTC" in failing(validate_events, frame([SECONDS]), time_unit="s", timezone="Asia/Tokyo")[0]
    assert "True and False" in failing(validate_events, frame([True, False]))[0]
    with pytest.raises(ValueError, match="time_unit must be one of"):
        validate_events(day, time_unit="weeks")
    simulated = frame([0, 3, 10])  # days since a start: legal if one says so
    assert validate_events(simulated, time_unit="D")["timestamp"].iloc[-1] == pd.Timestamp("1970-01-11")


def test_fractions_of_a_second_and_nanoseconds_survive():
    log = validate_events(frame([SECONDS + 0.25]), time_unit="s")
    assert log["timestamp"][0] == pd.Timestamp("2024-03-01 12:34:56.25")
    exact = pd.Timestamp("2024-03-01 12:34:56.123456789")
    assert validate_events(frame([exact.value]), time_unit="ns")["timestamp"][0] == exact


# -- files ---------------------------------------------------------------------------------------------------


def test_files_that_are_not_there(tmp_path, write):
    write("user_id,timestamp\n1,2024-01-01\n", "visits.csv")
    assert "did you mean visits.csv" in failing(read_events, tmp_path / "visit.csv")[0]
    assert "is a directory" in failing(read_events, tmp_path)[0]
    assert "there is no file" in failing(read_events, tmp_path / "no" / "such.csv")[0]


def test_files_with_nothing_in_them(write):
    assert "empty (0 bytes)" in failing(read_events, write(""))[0]
    assert "nothing but blank lines" in failing(read_events, write("\n\n"))[0]
    message, _ = failing(read_events, write("user_id,timestamp\n"))
    assert "header (user_id, timestamp) and no rows" in message


def test_wrong_encoding_says_where_and_what_to_try(write):
    head = "user_id,timestamp\n" + "1,2024-01-01\n" * 100_000  # beyond the first piece of the scan
    message, rows = failing(read_events, write(head.encode() + "张三,2024-01-02\n".encode("gb18030")))
    assert f"byte offset {len(head):,} (line 100002)" in message and rows == [100_002]
    assert 'encoding="gb18030"' in message and "byte 0xd5" in message
    assert (
        'encoding="cp1252"'
        in failing(read_events, write("user_id,timestamp\né,2024-01-02\n".encode("cp1252")))[0]
    )
    assert 'encoding="utf-16"' in failing(read_events, write("user_id\n".encode("utf-16")))[0]
    assert "unknown encoding 'utf-9'" in failing(read_events, write("a\n"), encoding="utf-9")[0]
    cut = "user_id,timestamp\né".encode()[:-1]  # ends in the middle of a character
    assert f"byte offset {len(cut) - 1}" in failing(read_events, write(cut))[0]


@pytest.mark.parametrize(
    "content, words",
    [
        (b"user_id,timestamp\n1,2024\x00-01-01\n", "binary file"),
        (b"PK\x03\x04rest", "Excel"),
        (b"\x1f\x8b\x08rest", "gzip"),
        (b"PAR1rest", "Parquet"),
        (b"\x89PNG\r\n", "PNG"),
        ("user_id,timestamp\n".encode("utf-16-le"), "binary file"),
    ],
)
def test_binary_files(write, content, words):
    assert words in failing(read_events, write(content))[0]


def test_the_position_of_a_zero_byte(write):
    assert "byte 6 is zero" in failing(read_events, write(b"user_i\x00d"))[0]
    late = b"user_id,timestamp\n" + b"1,2024-01-01\n" * 100_000
    assert f"byte {len(late):,} is zero" in failing(read_events, write(late + b"\x00"))[0]


def test_a_line_or_field_without_end(write):
    path = write("user_id,timestamp\n1,2024-01-01\n" + "x" * 5_000_000)
    message, rows = failing(read_events, path)
    assert rows == [3] and "longer than max_line_length=1,000,000" in message
    assert "longer than max_line" in failing(read_events, path, max_line_length=3_000_000)[0]
    assert "1 fields" in failing(read_events, path, max_line_length=6_000_000)[0]
    quoted = write('user_id,timestamp\n1,"2024-01-01\n' + "1,2024-01-01\n" * 200)
    message, rows = failing(read_events, quoted, max_line_length=1_000)
    assert rows == [2] and "field is longer than 1,000" in message
    message, rows = failing(read_events, quoted)
    assert rows == [2] and "never closed" in message
    assert "more than max_bytes=100" in failing(read_events, quoted, max_bytes=100)[0]


def test_the_scan_keeps_memory_bounded(tmp_path):
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.write(b"user_id,timestamp\n1,")
        for _ in range(64):
            file.write(b"x" * (1 << 20))  # one field of 64 MiB
    tracemalloc.start()
    failing(read_events, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 2**20


def test_the_field_limit_of_the_csv_module_is_restored(write):
    default = csv.field_size_limit(123_456)
    read_events(write("user_id,timestamp\n1,2024-01-01\n"))
    failing(read_events, write('user_id,timestamp\n1,"2024\n'))
    assert csv.field_size_limit(default) == 123_456


def test_rows_of_the_wrong_width_and_stray_quotes(write):
    message, rows = failing(read_events, write("user_id,timestamp\n1,2024-01-01\n1,2024-01-02,x\n1\n"))
    assert rows == [3, 4] and "3 fields instead of the header's 2" in message
    message, rows = failing(read_events, write('user_id,timestamp\n1,2024-01-01\n"a"b,2024-01-02\n'))
    assert rows == [3]
    assert "delimiter must be one character" in failing(read_events, write("a,b\n"), delimiter="::")[0]


# -- the two readers of a file -------------------------------------------------------------------------------

DAYS = st.dates(datetime.date(1678, 1, 1), datetime.date(2261, 12, 31)).map(str)
CLOCKS = st.tuples(DAYS, st.times(), st.sampled_from("T "))
TIMES = {
    "day": DAYS,
    "clock": CLOCKS.map(lambda t: f"{t[0]}T{t[1].replace(microsecond=0)}"),
    "either": CLOCKS.map(lambda t: f"{t[0]}{t[2]}{t[1]}"),
    "Z": CLOCKS.map(lambda t: f"{t[0]} {t[1]:%H:%M}Z"),
    "offset": CLOCKS.map(lambda t: f"{t[0]}T{t[1]}-0330"),
    "epoch": st.integers(160_000_000, 1_700_000_000).map(str),
    "faulty": st.one_of(
        DAYS,
        st.sampled_from(["2024-02-30", "2024-01-01T24:00:00", "9999-12-31", "", "20240101"]),
        st.just("2024-01-01T10:00+25:00"),
    ),
}
IDS = {
    "plain": st.integers(-5, 30).map(str),
    "long": st.integers(2**53, 10**18 - 1).map(str),
    "blank": st.sampled_from(["1", "22", "", "NA", " "]),
    "zeros": st.sampled_from(["007", "7", "-0", "0"]),
    "text": st.sampled_from(["ann", "é", "张三", "a b", "x" * 30, "c,d", 'd"e', "l1\nl2", '"q"', "|", ";"]),
}
NUMBERS = {
    "floats": st.floats(allow_nan=False, allow_infinity=False).map(repr),
    "prices": st.decimals(-(10**6), 10**6, places=2).map(str),
    "odd": st.sampled_from(["-0", ".5", "5.", "+2", "1e3", "00.5", "0.30000000000000004", f"{2**53 + 1}"]),
    "faulty": st.sampled_from(["1.5", "x", "", "1,5", "inf", "1e400", "1_0", " 7", "$5"]),
}


@st.composite
def files(draw):
    """The bytes of a file that holds a log, or nearly; and arguments to read it with."""
    columns = {
        "user_id": IDS[draw(st.sampled_from([*IDS]))],
        "timestamp": TIMES[draw(st.sampled_from([*TIMES]))],
        "item_id": IDS[draw(st.sampled_from([*IDS]))],
        "value": NUMBERS[draw(st.sampled_from([*NUMBERS]))],
        "note": IDS["text"],
    }
    names = draw(st.permutations(["user_id", "timestamp", *draw(st.sets(st.sampled_from([*columns][2:])))]))
    delimiter, end = draw(st.sampled_from([",", ";", "\t", "|"])), draw(st.sampled_from(["\n", "\r\n"]))
    quoted = draw(st.booleans())

    def field(text):
        if not quoted and not any(letter in text for letter in f'{delimiter}"\n'):
            return text
        return '"' + text.replace('"', '""') + '"'

    lines = [delimiter.join(map(field, names))]
    for _ in range(draw(st.integers(1, 9))):
        lines.append(delimiter.join(field(draw(columns[name])) for name in names))
        lines += draw(st.sampled_from([[]] * 12 + [[""], ["x"], ['"a"b' + delimiter]]))
    text = end.join(lines) + draw(st.sampled_from(["", end, end * 2]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "gb18030", "utf-16"]))
    mark = draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) if encoding == "utf-8" else b""
    wishes = {
        "encoding": encoding,
        "duplicates": draw(st.sampled_from(["error", "keep", "merge", "drop"])),
        "missing_users": draw(st.sampled_from(["error", "drop"])),
        "timezone": draw(st.sampled_from([None, None, "UTC", "Asia/Tokyo"])),
        "time_unit": draw(st.sampled_from([None, None, "s"])),
    }
    return mark + text.encode(encoding, errors="replace"), wishes


def outcome(path, wishes):
    try:
        return read_events(path, **wishes)
    except EventLogError as error:
        return str(error), error.rows


@pytest.mark.parametrize("blank", [5, 100, 5_000_000])
def test_blank_lines_at_the_end_may_fill_a_block(blank, write):
    path = write("user_id,timestamp\nann,2024-01-01\n" + "\n" * blank)
    with pytest.MonkeyPatch.context() as patch:
        if blank < 1000:
            patch.setattr(_textfile, "_BLOCK", 64)
        log = read_events(path)
    assert log["user_id"].tolist() == ["ann"] and log["timestamp"].tolist() == [pd.Timestamp("2024-01-01")]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=files(), block=st.sampled_from([64, 200, 1 << 21]))
def test_both_readers_make_the_same_log_or_say_the_same(file, block, write):
    content, wishes = file
    path = write(content)

    def unusual(*args):
        raise _textfile._Unusual

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_textfile, "_BLOCK", block)
        quick = outcome(path, wishes)
        patch.setattr(_textfile, "_quick", unusual)
        slow = outcome(path, wishes)
    if isinstance(slow, tuple) or isinstance(quick, tuple):
        assert quick == slow
        return
    assert quick.attrs == slow.attrs
    pd.testing.assert_frame_equal(quick, slow, check_exact=True)
    for name in slow:
        assert list(map(type, quick[name])) == list(map(type, slow[name]))


@pytest.fixture
def no_slow_reader(monkeypatch):
    def refuse(*args):
        raise AssertionError("the file was read field by field")

    monkeypatch.setattr(_textfile, "_scan", refuse)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
def test_ordinary_files_are_read_in_blocks(write, no_slow_reader, monkeypatch, end, encoding):
    monkeypatch.setattr(_textfile, "_BLOCK", 220)
    lines = ["user_id;timestamp;item_id;value;note", "", "7;2024-03-02T10:00:00;a;0.30000000000000004;é"]
    lines += ['"7";2024-03-02 10:00:00.5;"b;""c""";-2;"张三"', f"8;2024-03-02;;{'1' * 20};" + "z" * 40, ""]
    log = read_events(write(end.join(lines).encode(encoding)), encoding=encoding)
    assert log["user_id"].tolist() == [7, 7, 8] and log["value"].tolist() == [0.1 + 0.2, -2, float("1" * 20)]
    assert log["item_id"].tolist()[:2] == ["a", 'b;"c"'] and log["item_id"].isna()[2]
    assert log["note"].tolist() == ["é", "张三", "z" * 40] and log.attrs["report"]["blank_lines"] == 1
    assert log["timestamp"].tolist() == list(
        pd.to_datetime(["2024-03-02T10:00:00", "2024-03-02T10:00:00.5", "2024-03-02"], format="ISO8601")
    )


def test_a_fault_of_the_content_is_found_without_the_slow_reader(write, no_slow_reader):
    path = write('user_id,timestamp,note\n1,2024-01-01,"one\ntwo"\n\n2,2024-01-01,x\n2,2024-01-01,x\n')
    assert failing(read_events, path)[1] == [6]
    path = write("user_id,timestamp,value\n1,2024-01-01,1\n2,2024-01-01,x\n")
    message, rows = failing(read_events, path)
    assert rows == [3] and "not a number, for example 'x'" in message


@FEW
@given(
    numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20),
    form=st.sampled_from(["{!r}", "{:.2f}", "{:.0f}", "{:.9f}", "{:e}"]),
)
def test_numbers_are_those_of_python(numbers, form, write):
    texts = [form.format(number) for number in numbers]
    rows = [f"{k},2024-01-01,{text}" for k, text in enumerate(texts)]
    log = read_events(write("\n".join(["user_id,timestamp,value", *rows])))
    assert [repr(value) for value in log["value"]] == [repr(float(text)) for text in texts]


@FEW
@given(
    times=st.lists(
        st.datetimes(datetime.datetime(1678, 1, 1), datetime.datetime(2261, 12, 31)), min_size=1, max_size=20
    ),
    precision=st.sampled_from(["seconds", "milliseconds", "microseconds", "minutes"]),
)
def test_times_are_those_of_python(times, precision, write):
    hour = [datetime.datetime(1970, 1, 1, hour) for hour in (0, 1)]
    assume(not all(hour[0] <= time < hour[1] for time in times))  # refused: numbers without their unit
    texts = [time.isoformat(timespec=precision) for time in times]
    rows = [f"{k},{text}" for k, text in enumerate(texts)]
    log = read_events(write("\n".join(["user_id,timestamp", *rows])))
    expected = [datetime.datetime.fromisoformat(text) for text in texts]
    assert [time.to_pydatetime() for time in log["timestamp"]] == expected


def test_no_object_is_made_for_a_cell(write):
    count = 100_000
    rows = (f"u{k % 100},2024-01-01T00:00:{k % 60:02},{k},{k / 8}" for k in range(count))
    path = write("\n".join(["user_id,timestamp,item_id,value", *rows]))
    tracemalloc.start()
    read_events(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300 * count  # field by field: 1,000 a row


# -- order ---------------------------------------------------------------------------------------------------


def test_a_log_sorted_by_time_but_not_by_user_is_not_sorted():
    days = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"])
    df = pd.DataFrame({"user_id": [2, 1, 2], "timestamp": days})
    log = validate_events(df)
    assert log["user_id"].tolist() == [1, 2, 2] and log.attrs["report"]["was_sorted"] is False
    assert validate_events(log).attrs["report"]["was_sorted"] is True
    assert validate_events(log.iloc[[0, 2, 1]]).attrs["report"]["was_sorted"] is False


@FEW
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.integers(0, 2),
            st.sampled_from(["x", "y", None]),
            st.sampled_from(["buy", "see"]),
            st.integers(0, 2),
        ),
        min_size=1,
        max_size=12,
    ),
    coded=st.booleans(),
)
def test_order_and_duplicates_as_pandas_finds_them(rows, coded):
    df = pd.DataFrame(rows, columns=["user_id", "timestamp", "item_id", "event_type", "value"])
    df["timestamp"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(df["timestamp"], unit="D")
    order = ["user_id", "timestamp", "item_id", "event_type", "value"]
    given_frame = df.astype({"user_id": "category", "item_id": "category"}) if coded else df
    kept = validate_events(given_frame, duplicates="keep")
    assert kept.attrs["report"]["duplicates_found"] == df.duplicated(order[:4]).sum()
    expected = df.sort_values(order, kind="stable", ignore_index=True)
    assert kept.astype(object).where(kept.notna(), None).values.tolist() == expected.astype(object).where(
        expected.notna(), None).values.tolist()  # fmt: skip
    merged = validate_events(given_frame, duplicates="merge")
    sums = df.groupby(order[:4], dropna=False)["value"].sum().reset_index()
    assert merged["value"].tolist() == sums.sort_values(order, ignore_index=True)["value"].tolist()


def test_columns_of_lists_are_compared_or_refused():
    df = frame(["2024-01-01"] * 2, tags=[[1, 2], [1, 2]], value=[1, 2])
    assert validate_events(df, duplicates="merge")[["tags", "value"]].values.tolist() == [[[1, 2], 3.0]]
    arrays = df.assign(tags=[np.arange(2), np.arange(2)])
    assert len(validate_events(arrays, duplicates="merge")) == 1
    differ = df.assign(tags=[[1, 2], [2, 1]])
    assert "differ in the column 'tags'" in failing(validate_events, differ, duplicates="merge")[0]
    for name in ("user_id", "item_id", "event_type"):
        message, rows = failing(validate_events, df.assign(**{name: [[1], [2]]}))
        assert f"the {name} is a list" in message and rows == [0, 1]
    assert "give numbers" in failing(validate_events, df.assign(value=pd.to_timedelta([1, 2], unit="D")))[0]


# -- rows of nobody ------------------------------------------------------------------------------------------


def test_rows_of_nobody_are_dropped_on_request_and_counted(write):
    head = "user_id,timestamp,item_id\n"
    path = write(head + f",x,1\n7,2024-01-02,{2**53 + 1}\n NA,2024-01-01,2\n8,2024-01-01,\n")
    assert failing(read_events, path)[1] == [2, 4]
    log = read_events(path, missing_users="drop")
    assert log["user_id"].tolist() == [7, 8] and log["user_id"].dtype == np.int64
    assert log["item_id"][0] == 2**53 + 1 and log["item_id"].isna().tolist() == [False, True]
    report = log.attrs["report"]
    assert (report["missing_users_dropped"], report["rows_read"], report["rows_returned"]) == (2, 4, 2)
    late = write("user_id,timestamp\n,2024-01-01\n1,x\n")
    assert failing(read_events, late, missing_users="drop")[1] == [3]
    df = pd.DataFrame({"user_id": [None, " ", "b"], "timestamp": ["2024-01-01"] * 3})
    assert validate_events(df, missing_users="drop").attrs["report"]["missing_users_dropped"] == 2
    assert validate_events(df[2:]).attrs["report"]["missing_users_dropped"] == 0
    assert "missing in all rows" in failing(validate_events, df[:2], missing_users="drop")[0]
    with pytest.raises(ValueError, match="missing_users must be"):
        validate_events(df, missing_users="keep")


# -- tables of other kinds -----------------------------------------------------------------------------------

PLAIN = pd.DataFrame(
    {
        "user_id": [2, 1, 1],
        "timestamp": pd.to_datetime(["2024-01-05 10:00", "2024-01-09 00:30", "2024-01-03 23:30"]),
        "item_id": ["b", "a", None],
        "value": [1.5, 2.0, 3.0],
        "clicks": [1, 2, 3],
        "paid": [True, False, True],
    }
)
LONG = PLAIN.assign(item_id=pd.array([2**53 + 1, 2**53 + 2, None], dtype="Int64"))


def same_log(table, plain=PLAIN, read=validate_events):
    log = read(table)
    pd.testing.assert_frame_equal(log, validate_events(plain))


@pytest.mark.parametrize("plain", [PLAIN, LONG], ids=["texts", "long numbers"])
def test_nullable_and_categorical_columns_make_the_same_log(plain):
    same_log(plain.convert_dtypes(), plain)
    same_log(plain.astype(dict.fromkeys(plain.columns, "category")), plain)
    same_log(plain.astype({"user_id": object, "item_id": object}), plain)
    same_log(plain.set_index("user_id"), plain)
    same_log(plain.set_index(["timestamp", "user_id"]), plain)


@pytest.mark.parametrize("plain", [PLAIN, LONG], ids=["texts", "long numbers"])
def test_arrow_makes_the_same_log(plain, tmp_path):
    pa = pytest.importorskip("pyarrow")
    table = pa.Table.from_pandas(plain)
    same_log(table, plain)
    same_log(table.to_batches()[0], plain)
    same_log(table.to_pandas(types_mapper=pd.ArrowDtype), plain)
    coded = table.set_column(2, "item_id", table["item_id"].dictionary_encode())
    same_log(coded.to_pandas(types_mapper=pd.ArrowDtype), plain)
    plain.to_parquet(tmp_path / "log.parquet")
    same_log(tmp_path / "log.parquet", plain, read_events)


def as_polars(pl, plain):
    rows = plain.astype(object).where(plain.notna(), None)
    rows["timestamp"] = [time.to_pydatetime() for time in plain["timestamp"]]
    return pl.DataFrame([pl.Series(name, rows[name].tolist(), strict=False) for name in rows])


@pytest.mark.parametrize("plain", [PLAIN, LONG], ids=["texts", "long numbers"])
def test_polars_makes_the_same_log(plain, tmp_path):
    pl = pytest.importorskip("polars")
    table = as_polars(pl, plain)
    same_log(table, plain)
    same_log(table.lazy(), plain)
    table.write_parquet(tmp_path / "log.parquet")
    same_log(tmp_path / "log.parquet", plain, read_events)

    class Stream:  # of some other library
        def __arrow_c_stream__(self, requested_schema=None):
            return table.__arrow_c_stream__(requested_schema)

    same_log(Stream(), plain)


def test_polars_categories_dates_and_zones():
    pl = pytest.importorskip("polars")
    table = as_polars(pl, PLAIN)
    same_log(table.with_columns(pl.col("item_id").cast(pl.Categorical)))
    days = PLAIN.assign(timestamp=PLAIN["timestamp"].dt.normalize())
    same_log(table.with_columns(pl.col("timestamp").cast(pl.Date)), days)
    tokyo = PLAIN.assign(timestamp=PLAIN["timestamp"].dt.tz_localize("Asia/Tokyo"))
    same_log(table.with_columns(pl.col("timestamp").dt.replace_time_zone("Asia/Tokyo")), tokyo)


def test_parquet_without_a_reader_and_without_sense(tmp_path, monkeypatch):
    path = tmp_path / "log.parquet"
    path.write_bytes(b"PAR1 and nothing else")
    assert "there is no file" in failing(read_events, tmp_path / "no.parquet")[0]
    assert "more than max_bytes=3" in failing(read_events, path, max_bytes=3)[0]
    events = sys.modules[read_events.__module__]
    if any(map(events.find_spec, ("pyarrow", "fastparquet", "polars"))):
        assert "cannot be read as a Parquet file" in failing(read_events, path)[0]
    monkeypatch.setattr(events, "find_spec", lambda name: None)
    assert "install pyarrow (or fastparquet, or polars)" in failing(read_events, path)[0]


# -- whose days ----------------------------------------------------------------------------------------------

NIGHT = frame(["2024-03-02 01:30", "2024-03-02 10:30"])
UTC_TIMES = list(pd.to_datetime(["2024-03-01 16:30", "2024-03-02 01:30"]))


def in_zone(zone):
    return NIGHT.assign(timestamp=pd.to_datetime(NIGHT["timestamp"]).dt.tz_localize(zone))


@pytest.mark.parametrize(
    ("table", "wishes", "zone"),
    [
        (NIGHT, {"timezone": "Asia/Tokyo"}, "Asia/Tokyo"),
        (NIGHT.assign(timestamp=NIGHT["timestamp"] + "+09:00"), {}, "+09:00"),
        (NIGHT.assign(timestamp=NIGHT["timestamp"] + "+0900"), {}, "+09:00"),
        (NIGHT.assign(timestamp=NIGHT["timestamp"] + "+0900"), {"timezone": "Asia/Seoul"}, "Asia/Seoul"),
        (NIGHT.assign(timestamp=NIGHT["timestamp"] + "+09:00"), {"timezone": "UTC"}, None),
        (in_zone("Asia/Tokyo"), {}, "Asia/Tokyo"),
        (in_zone(datetime.timezone(datetime.timedelta(hours=9))), {}, "+09:00"),
        (frame(["2024-03-01 16:30Z", "2024-03-02 01:30Z"]), {}, None),
        (frame(["2024-03-01 16:30Z", "2024-03-02 01:30Z"]), {"timezone": "Asia/Tokyo"}, "Asia/Tokyo"),
        (frame(UTC_TIMES), {}, None),
        (frame(UTC_TIMES), {"timezone": "UTC"}, None),
    ],
)
def test_a_log_says_whose_days_are_counted(table, wishes, zone, tmp_path):
    table.to_csv(tmp_path / "log.csv", index=False)
    logs = [validate_events(table, **wishes)]
    if not isinstance(table["timestamp"].dtype, pd.DatetimeTZDtype):  # a file has no zones but offsets
        logs.append(read_events(tmp_path / "log.csv", **wishes))
    for log in logs:
        assert log["timestamp"].tolist() == UTC_TIMES
        assert ("timezone" in log) == (zone is not None)
        assert log.attrs["report"]["timezone"] == (zone or "UTC")
        if zone:
            assert log["timezone"].dtype == pd.CategoricalDtype([zone])
            local = log["timestamp"].dt.tz_localize("UTC").dt.tz_convert(log["timezone"].cat.categories[0])
            assert local.dt.strftime("%Y-%m-%d %H:%M").tolist() == NIGHT["timestamp"].tolist()
        pd.testing.assert_frame_equal(validate_events(log), log)
        log.to_csv(tmp_path / "again.csv", index=False)
        pd.testing.assert_frame_equal(read_events(tmp_path / "again.csv"), log)


@pytest.mark.parametrize("convert", [list, pd.to_datetime])
def test_dates_have_no_zone(convert):
    days = convert(["2024-03-01", "2024-03-02"])
    log = validate_events(frame(days), timezone="Asia/Tokyo")
    assert "timezone" not in log and log["timestamp"].tolist() == list(pd.to_datetime(days))
    assert "unknown timezone" in failing(validate_events, frame(days), timezone="Mars/Base")[0]


def test_logs_of_two_zones_are_not_one():
    tokyo, paris = (validate_events(NIGHT, timezone=zone) for zone in ("Asia/Tokyo", "Europe/Paris"))
    utc = validate_events(NIGHT)
    for other, words in ((paris, "'Asia/Tokyo' and 'Europe/Paris'"), (utc, "no zone (UTC)")):
        message, _ = failing(validate_events, pd.concat([tokyo, other]))
        assert words in message and "logs of several zones" in message and "drop or rename it" in message
    both = pd.concat([tokyo, tokyo.assign(user_id=2)])
    assert validate_events(both)["timezone"].unique().tolist() == ["Asia/Tokyo"]


def test_a_foreign_column_timezone():
    for values in (["summer", "winter"], "Mars/Base", 9, [None, None]):
        assert "drop or rename it" in failing(validate_events, NIGHT.assign(timezone=values))[0]
    zoned = NIGHT.assign(timezone="Asia/Tokyo")
    assert validate_events(zoned)["timestamp"].tolist() == list(pd.to_datetime(NIGHT["timestamp"]))
    assert "also said to be of" in failing(validate_events, zoned, timezone="Asia/Tokyo")[0]
    offset = zoned.assign(timestamp=NIGHT["timestamp"] + "+09:00")
    assert "also said to be of +09:00" in failing(validate_events, offset)[0]
    assert "timezone" not in validate_events(NIGHT.assign(timezone="UTC"))
