"""Reads what a finished bitsweep sweep leaves, as pandas or polars data frames.

    >>> import bitsweep
    >>> sweep = bitsweep.read("sweep-pack")          # doctest: +SKIP
    >>> sweep.results                                # doctest: +SKIP

See :func:`read`.
"""

from bitsweep._read import read
from bitsweep._sources import BitsweepError
from bitsweep._sweep import Sweep

__all__ = ["BitsweepError", "Sweep", "read"]
__version__ = "0.1.0"
