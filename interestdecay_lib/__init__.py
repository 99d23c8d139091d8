"""The library behind the book *Fading Interest*.

One module an idea; import the ones you need::

    from interestdecay_lib import decay, interest

Importing the package itself loads nothing, so TensorFlow, Matplotlib and ipywidgets are paid for only by
those who use `networks`, `plots` or `widgets`.
"""

__version__ = "0.1.0"
