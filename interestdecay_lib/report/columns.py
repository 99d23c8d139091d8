"""Which column is what: guessed from names (English and Chinese) and contents, and never silently.

A column is taken for a role if it is the only one that its name and its contents allow. Two that could be it
are an error that names both, where the role is needed, and no guess where it is not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from interestdecay_lib.events import EventLogError

#: Names by role, without blanks, signs and capitals; the first one of a role settles it.
NAMES = {
    "user": "userid user uid customerid customer custid clientid client memberid member visitorid visitor "
            "accountid account buyerid buyer shopperid householdid household deviceid playerid player "
            "studentid student learnerid learner subscriberid subscriber personid reviewerid "
            "用户id 用户 用户编号 用户名 客户id 客户 客户编号 客户号 顾客id 顾客 顾客编号 会员id "
            "会员 会员编号 会员号 买家id 买家 学员id 学员 学号 账号 账户 玩家id 玩家",
    "time": "timestamp time datetime date ts eventtime eventdate createdat created createtime occurredat "
            "orderdate ordertime purchasedate purchasetime invoicedate transactiondate transactiontime "
            "visittime visitdate visitedat clicktime viewtime playtime playedat logtime loggedat day when "
            "时间戳 时间 日期 日期时间 事件时间 下单时间 下单日期 订单时间 订单日期 购买时间 "
            "购买日期 交易时间 交易日期 支付时间 付款时间 访问时间 访问日期 点击时间 浏览时间 "
            "观看时间 播放时间 学习时间 登录时间 创建时间 发生时间",
    "item": "itemid item productid product sku articleid article stockcode isbn movieid songid song trackid "
            "track videoid video contentid courseid course pageid page url "
            "商品id 商品 商品编号 产品id 产品 产品编号 物品id 物品 视频id 视频 "
            "歌曲id 歌曲 课程id 课程 文章id 页面",
    "type": "eventtype event action behavior behaviour behaviortype behaviourtype eventname activity type "
            "事件类型 事件 行为类型 行为 动作 操作 类型",
    "value": "value amount revenue price sales total spend payment "
             "金额 价格 销售额 支付金额 实付金额 付款金额 订单金额 交易金额 消费金额 总价",
}  # fmt: skip
NAMES = {role: names.split() for role, names in NAMES.items()}
_OPTIONS = {role: f"--{role}" for role in NAMES}
#: What a role is called.
WORDS = {"user": "user", "time": "time", "item": "item", "type": "kind of event", "value": "value"}

_ISO = re.compile(r"\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}(?::?\d{2}){0,2}(?:[.,]\d+)?\s*(?:Z|UTC|[+-]\d.*)?)?")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_DATES = (
    "%Y/%m/%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%Y.%m.%d",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y年%m月%d日",
    "%d %b %Y",
    "%b %d, %Y",
)
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_FIRST, _LAST = 157_766_400, 4_133_980_800  # 1975 and 2101, in seconds since 1970


@dataclass(frozen=True)
class Times:
    """How the texts or numbers of a time column are read: what `events.read_events` is to be told."""

    time_format: str | None = None
    time_unit: str | None = None
    doubt: str = ""  # why it cannot be said


@dataclass(frozen=True)
class Choice:
    """The column of each role (or ``None``), which of them were guessed, and what is to be told of it."""

    columns: dict[str, str | None]
    guessed: tuple[str, ...] = ()
    times: Times = Times()
    notes: tuple[str, ...] = field(default=())


def guess(sample: pd.DataFrame, given: Mapping[str, str | None], times: Times = Times()) -> Choice:
    """The roles of the columns of a table, from its first rows.

    Parameters
    ----------
    sample
        The first rows; a file's as texts.
    given
        Columns that were named, by role (``user``, ``time``, ``item``, ``type``, ``value``).
    times
        What was said of the form of the times.

    Returns
    -------
    Choice

    Raises
    ------
    EventLogError
        A named column is not there; no column, or several, could be the user or the time; or the day and the
        month of the times cannot be told apart.

    Examples
    --------
    >>> rows = pd.DataFrame({"会员编号": ["7", "7", "8"], "下单时间": ["2024/3/31", "2024/4/1", "2024/4/1"]})
    >>> found = guess(rows, {})
    >>> found.columns["user"], found.columns["time"], found.times.time_format
    ('会员编号', '下单时间', '%Y/%m/%d')
    """
    names = [str(name) for name in sample.columns]
    chosen: dict[str, str | None] = {}
    guessed, notes = [], []
    for role, name in given.items():
        if name is not None and name not in sample.columns:
            raise EventLogError(
                f"there is no column {name!r} ({_OPTIONS[role]}); there are: {_listed(names)}"
            )
        if name is not None:
            chosen[role] = name
    for role in NAMES:
        if role in chosen:
            continue
        left = [name for name in sample.columns if name not in chosen.values()]
        candidates = _candidates(sample[left], role)
        if role == "time" and not candidates:
            candidates = [name for name in left if _is_date(sample[name])]
        if len(candidates) == 1:
            chosen[role] = candidates[0]
            guessed.append(role)
        elif role in ("user", "time"):
            raise EventLogError(_undecided(role, candidates, names))
        else:
            chosen[role] = None
            if candidates:
                notes.append(
                    f"{_listed(candidates)} could all be the {WORDS[role]}, so none was taken; to use "
                    f"one, give {_OPTIONS[role]}"
                )
    if times == Times():
        times = read_times(sample[chosen["time"]])
        if times.doubt:
            raise EventLogError(f"the times in {chosen['time']!r}: {times.doubt}")
    return Choice({role: chosen[role] for role in NAMES}, tuple(guessed), times, tuple(notes))


def _candidates(table: pd.DataFrame, role: str) -> list[str]:
    """Columns whose name and contents allow a role; the role's own name alone, if one bears it."""
    known = NAMES[role]
    named = [name for name in table.columns if _bare(name) in known]
    if role == "time":
        named = [name for name in named if _is_time(table[name])]
    if role == "value":
        named = [name for name in named if _is_number(table[name])]
    own = [name for name in named if _bare(name) == known[0]]
    if own:
        return own[:1]
    if role == "user" and len(named) > 1 and len(table) >= 20:  # another name in every row: of the event
        repeating = [name for name in named if table[name].nunique() < len(table)]
        named = repeating or named
    return named


def _undecided(role: str, candidates: list[str], names: list[str]) -> str:
    if candidates:
        return (
            f"{_listed(candidates)} could all be the {WORDS[role]}: say which one it is, for example "
            f"{_OPTIONS[role]} {_shell(candidates[0])}"
        )
    what = (
        "no column is called like a user (user_id, customer, 用户, ...)"
        if role == "user"
        else "no column is called like a time and holds times (timestamp, date, 时间, ...)"
    )
    return (
        f"{what}; there are: {_listed(names)}; say which one it is, for example {_OPTIONS[role]} "
        f"{_shell(names[0])}"
    )


def read_times(column: pd.Series) -> Times:
    """In which form the times of a column stand.

    >>> read_times(pd.Series(["31/03/2024 18:05", "01/04/2024 09:00"]))
    Times(time_format='%d/%m/%Y %H:%M', time_unit=None, doubt='')
    >>> read_times(pd.Series(["03/04/2024"])).doubt[:38]
    'whether the day or the month comes fir'
    >>> read_times(pd.Series([1711908300, 1711908301])).time_unit
    's'
    """
    if not _is_texts(column) and not pd.api.types.is_numeric_dtype(column.dtype):
        return Times()
    texts = _filled(column)
    if not len(texts):
        return Times(doubt="they are all missing")
    if texts.map(lambda text: _ISO.fullmatch(text) is not None).all():
        return Times()
    if texts.map(lambda text: _NUMBER.fullmatch(text) is not None).all():
        return _of_numbers(texts)
    fitting = [
        date + clock
        for date in _DATES
        for clock in _CLOCKS
        if pd.to_datetime(texts, format=date + clock, errors="coerce").notna().all()
    ]
    if len(fitting) == 1:
        return Times(time_format=fitting[0])
    if fitting:
        return Times(
            doubt=f"whether the day or the month comes first cannot be told from {texts.iloc[0]!r} "
            f"and its like: give --time-format {_shell(fitting[0])} or "
            f"{_shell(fitting[1])}"
        )
    odd = next((text for text in texts if not _ISO.fullmatch(text)), texts.iloc[0])
    return Times(
        doubt=f"{odd!r} is in no form that is known here: write 2024-03-31 18:05:00, or give "
        '--time-format, such as "%d/%m/%Y"'
    )


def _of_numbers(texts: pd.Series) -> Times:
    numbers = texts.astype(float)
    if texts.str.fullmatch(r"\d{8}(?:\.0)?").all():
        compact = pd.to_datetime(texts.str[:8], format="%Y%m%d", errors="coerce")
        if compact.notna().all() and compact.dt.year.between(1970, 2100).all():
            return Times(time_format="%Y%m%d")
    units = [
        unit for unit, per_second in _UNITS.items() if (numbers / per_second).between(_FIRST, _LAST).all()
    ]
    if len(units) == 1:
        return Times(time_unit=units[0])
    return Times(
        doubt=f"numbers from {numbers.min():g} to {numbers.max():g} have no unit: give --time-unit "
        "(s, ms, us, ns or D, since 1970-01-01 UTC)"
    )


def _is_time(column: pd.Series) -> bool:
    """Whether it may hold times: also those whose form is in doubt, of which the user is to be told."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return True
    if pd.api.types.is_bool_dtype(column.dtype):
        return False
    texts = _filled(column)
    digits = texts.str.match(r"\d") & ~texts.str.fullmatch(r"\d{1,2}:\d{2}(?::\d{2})?.*|\d{1,3}(?:\.\d+)?")
    return bool(len(texts)) and bool(digits.mean() > 0.5 or not read_times(column).doubt)


def _is_date(column: pd.Series) -> bool:
    """Whether it holds times for certain, whatever it is called: plain numbers may count anything."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return True
    if not _is_texts(column):
        return False
    texts = _filled(column)
    numeric = texts.map(lambda text: _NUMBER.fullmatch(text) is not None)
    return bool(len(texts)) and not numeric.any() and not read_times(column).doubt


def _is_number(column: pd.Series) -> bool:
    texts = _filled(column)
    return bool(len(texts)) and bool(pd.to_numeric(texts, errors="coerce").notna().all())


def _is_texts(column: pd.Series) -> bool:
    return column.dtype == object or isinstance(column.dtype, pd.StringDtype)


def _filled(column: pd.Series) -> pd.Series:
    texts = column.dropna().map(str).str.strip()
    return texts[~texts.isin(["", "NA", "N/A", "NaN", "nan", "NULL", "null", "None"])].drop_duplicates()


def _bare(name: object) -> str:
    """A column's name without what people write differently: capitals, blanks, signs, full-width letters."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", str(name)).casefold())


def _listed(names: list[str]) -> str:
    names = [repr(name) for name in names[:12]] + (["..."] if len(names) > 12 else [])
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _shell(text: str) -> str:
    return f'"{text}"' if re.search(r"\W", text) else text
