import hashlib

import pandas as pd
import pytest

from interestdecay_lib import datasets


@pytest.mark.parametrize(
    ("sample", "rows", "users", "cds", "dollars", "customer_days"),
    [(False, 69_659, 23_570, 167_881, 2_500_315.63, 67_591), (True, 6_919, 2_357, 16_479, 244_091.94, 6_696)],
)
def test_cdnow_has_the_published_size(sample, rows, users, cds, dollars, customer_days):
    log = datasets.load_cdnow(sample=sample)
    assert len(log) == rows
    assert log["user_id"].nunique() == users
    assert log["quantity"].sum() == cds
    assert log["value"].sum() == pytest.approx(dollars, abs=0.005)
    assert len(log[["user_id", "timestamp"]].drop_duplicates()) == customer_days
    assert log["timestamp"].min() == pd.Timestamp("1997-01-01")
    assert log["timestamp"].max() == pd.Timestamp("1998-06-30")


def test_the_sample_is_part_of_the_master():
    master, sample = datasets.load_cdnow(), datasets.load_cdnow(sample=True)
    shared = master[master["user_id"].isin(sample["user_id"])].reset_index(drop=True)
    columns = ["user_id", "timestamp", "quantity", "value"]
    pd.testing.assert_frame_equal(
        shared.sort_values(columns, ignore_index=True), sample.sort_values(columns, ignore_index=True)
    )


def test_the_log_is_sorted_by_user_and_time():
    log = datasets.load_cdnow()
    assert log[["user_id", "timestamp"]].equals(
        log[["user_id", "timestamp"]].sort_values(["user_id", "timestamp"], kind="stable", ignore_index=True)
    )


def test_a_damaged_file_is_named(tmp_path, monkeypatch):
    (tmp_path / "datasets").mkdir()
    file = tmp_path / "datasets" / "CDNOW_master.txt"
    file.write_bytes(b"00001 19970101 1 11.77\n")
    monkeypatch.setattr(datasets, "_packaged_file", lambda *names: file)
    with pytest.raises(datasets.DatasetError, match=r"CDNOW_master.txt is damaged .*--force-reinstall"):
        datasets.load_cdnow()


def test_one_changed_byte_is_seen(tmp_path, monkeypatch):
    original = datasets._packaged_file("lifetimes", "lifetimes==0.11.3", "datasets/CDNOW_sample.txt")
    content = bytearray(original.read_bytes())
    content[-3] ^= 1
    file = tmp_path / "CDNOW_sample.txt"
    file.write_bytes(content)
    assert hashlib.sha256(content).hexdigest() != datasets._SHA256["CDNOW_sample.txt"]
    monkeypatch.setattr(datasets, "_packaged_file", lambda *names: file)
    with pytest.raises(datasets.DatasetError, match="damaged"):
        datasets.load_cdnow(sample=True)


def test_a_missing_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "_packaged_file", lambda *names: tmp_path / "CDNOW_sample.txt")
    with pytest.raises(datasets.DatasetError, match=r"cannot read the data file .*No such file"):
        datasets.load_cdnow(sample=True)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(datasets.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(datasets.DatasetError, match=r"pip install lifetimes==0\.11\.3"):
        datasets.load_cdnow()
