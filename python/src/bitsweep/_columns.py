"""The columns of the tables that bitsweep writes, by what they hold. Those that are not here are taken as they come."""

from __future__ import annotations

#: Text, also where it looks like a number: a query may be called "007" or "NA".
TEXT = ("cell", "model", "dataset", "codec", "measure", "query", "name", "rescore", "kernels", "cpu", "version")
#: Whole numbers that are always there.
WHOLE = ("bytes_per_vector", "queries", "dim", "shared_bytes", "documents", "depth", "repeats", "threads")
#: Whole numbers that may be missing: codecs without randomness have no seed, most cells no second stage, whole vectors no length that
#: they are truncated to.
OPTIONAL_WHOLE = ("seed", "rescore_bytes_per_vector", "dims")
#: Floating-point numbers; some may be missing.
NUMBER = ("value", "value_min", "value_max", "value_trec_eval", "shared_bytes_per_vector")
