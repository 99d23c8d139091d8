"""One network of the book on a phone's runtime, in 16 bits, and on two devices: what changes.

    python book/_measure/elsewhere_and_smaller.py

Writes book/_data/elsewhere.json, which the chapter `at_scale` shows. Each part is a process of its own:
logical devices and the precision have to be chosen before TensorFlow starts. A minute in all.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "book/_data/elsewhere.json"
CUSTOMERS, STEPS = 2048, 40


def customers():
    from interestdecay_lib import networks, tasks
    from interestdecay_lib.datasets import load_cdnow

    task = tasks.event_task(load_cdnow(), "1997-10-01", 13, 39)
    weekly = networks.weekly_arrays(task)[0].astype("float32")[:CUSTOMERS]
    return weekly, task.returned[:CUSTOMERS].astype("float32")


def trained():
    from interestdecay_lib import networks

    weights = np.load(ROOT / "book/_data/weekly_lstm.npz")["joint"][0]
    return networks.set_flat_weights(networks.weekly_network(39, 3, units=16), weights)


# --- a phone's runtime ---


def litert() -> dict:
    """TensorFlow Lite (LiteRT), with the variables frozen and without."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    model, (weekly, _) = trained(), customers()
    right = np.ravel(model(weekly, training=False)["returned"])
    one = tf.function(lambda weekly: model(weekly, training=False)["returned"])
    traced = one.get_concrete_function(tf.TensorSpec((1, 39, 3), tf.float32))

    def convert(function, **source):
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], **source)
        return converter.convert()

    def ask(flat, row):
        runtime = tf.lite.Interpreter(model_content=flat)
        runtime.allocate_tensors()
        runtime.set_tensor(runtime.get_input_details()[0]["index"], row)
        runtime.invoke()
        return np.ravel(runtime.get_tensor(runtime.get_output_details()[0]["index"]))

    frozen = convert(convert_variables_to_constants_v2(traced, lower_control_flow=False))
    apart = max(float(np.abs(ask(frozen, weekly[i:i + 1]) - right[i]).max()) for i in range(20))
    try:
        answer = ask(convert(traced, trackable_obj=model), weekly[:1])
        unfrozen = "nan" if np.isnan(answer).any() else float(np.abs(answer - right[0]).max())
    except (RuntimeError, ValueError) as error:
        unfrozen = type(error).__name__
    return {"bytes": len(frozen), "apart": apart, "unfrozen": unfrozen}


# --- 16 bits ---


def precision(policy: str) -> dict:
    """Forty steps of training, and their time, in one number format."""
    import keras

    weekly, bought = customers()
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    inputs = keras.Input((39, 3))
    state = keras.layers.LSTM(16)(keras.layers.Normalization(mean=0.0, variance=1.0)(inputs))
    chance = keras.layers.Dense(1, activation="sigmoid", dtype="float32")(state)
    model = keras.Model(inputs, chance)
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    model.train_on_batch(weekly[:256], bought[:256])                 # compiles
    begun, losses = time.process_time(), []
    for step in range(STEPS):
        rows = np.arange(256) + 256 * (step % (CUSTOMERS // 256))
        losses.append(float(model.train_on_batch(weekly[rows], bought[rows])))
    return {"seconds": time.process_time() - begun, "loss": float(np.mean(losses[-8:])),
            "compute": model.layers[-2].compute_dtype, "weights": model.layers[-2].variable_dtype}


# --- two devices ---


def devices(count: int) -> dict:
    """Four epochs, each batch shared by this many logical devices of one processor."""
    import keras
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    weekly, bought = customers()
    strategy = tf.distribute.MirroredStrategy([f"CPU:{n}" for n in range(count)])
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = keras.Sequential([keras.Input((39, 3)), keras.layers.LSTM(16),
                                  keras.layers.Dense(1, activation="sigmoid")])
        model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy")
    data = tf.data.Dataset.from_tensor_slices((weekly, bought[:, None])).batch(256)
    model.fit(data, epochs=1, verbose=0)
    begun = time.process_time()
    model.fit(data, epochs=3, verbose=0)
    seconds = time.process_time() - begun
    return {"seconds": seconds, "replicas": strategy.num_replicas_in_sync,
            "weights": np.concatenate([np.ravel(w) for w in model.get_weights()]).tolist()}


PARTS = {
    "litert": litert,
    "float32": lambda: precision("float32"),
    "mixed_float16": lambda: precision("mixed_float16"),
    "one": lambda: devices(1),
    "two": lambda: devices(2),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    asked = parser.parse_args()
    if asked.part:
        warnings.simplefilter("ignore")
        print("\n" + json.dumps(PARTS[asked.part]()))
        return
    found = {}
    for part in PARTS:
        done = subprocess.run([sys.executable, __file__, "--part", part], check=True, text=True,
                              capture_output=True)
        found[part] = json.loads(done.stdout.splitlines()[-1])
        print(part, "measured", flush=True)
    replicas = found["two"]["replicas"]
    one, two = (np.array(found.pop(name)["weights"]) for name in ("one", "two"))
    found["devices"] = {"replicas": replicas, "apart": float(np.abs(one - two).max()),
                        "moved": float(np.abs(one).max())}
    asked.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
