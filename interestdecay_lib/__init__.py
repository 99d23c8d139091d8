"""The library behind the book *Fading Interest*.

One module an idea; import the ones you need::

    from interestdecay_lib import decay, interest

Importing the package itself loads nothing, so TensorFlow, Matplotlib and ipywidgets are paid for only by
those who use `networks`, `plots` or `widgets`; a module is loaded when it is first named.
"""

from importlib import import_module as _import_module

__version__ = "0.1.0"
__all__ = [  # from what everybody needs to what few do
    "baselines",
    "campaigns",
    "checks",
    "cold_start",
    "counter",
    "counts",
    "customer_base",
    "datasets",
    "decay",
    "evaluation",
    "event_log",
    "event_networks",
    "events",
    "explaining",
    "fitting",
    "forecasts",
    "gru",
    "interest",
    "lstm",
    "networks",
    "plots",
    "pretraining",
    "privacy",
    "ranking",
    "recommending",
    "report",
    "scale",
    "tasks",
    "text_encoder",
    "time_aware",
    "time_neighbours",
    "uplift",
    "vectors",
    "widgets",
    "windows",
]


def __getattr__(name: str) -> object:
    if name in __all__:
        return _import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
