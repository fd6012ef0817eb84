"""A finished sweep."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from bitsweep import _frames
from bitsweep._sources import Source

#: ``pandas.DataFrame`` or ``polars.DataFrame``.
Frame = TypeVar("Frame")


class Sweep(Generic[Frame]):
    """The tables of one sweep. Each is read when it is first asked for, and kept; do not change it."""

    def __init__(self, source: Source, library: str) -> None:
        self._source = source
        self._library = library
        self._tables: dict[str, Any] = {}

    @property
    def results(self) -> Frame:
        """One row for each cell and measure.

        Columns: ``cell``, ``model``, ``dataset``, ``codec``, ``seed``, ``bytes_per_vector``, ``measure``, ``value`` (expected
        over the orders of tied documents), ``queries``, ``value_min``, ``value_max``, ``value_trec_eval``, ``dim``,
        ``shared_bytes``, ``documents``, ``shared_bytes_per_vector``, ``rescore`` (the second stage, or ``none``),
        ``rescore_bytes_per_vector``.
        """
        return self._table("results")

    @property
    def per_query(self) -> Frame:
        """One row for each cell, measure and query.

        Columns: ``cell``, ``model``, ``dataset``, ``codec``, ``seed``, ``measure``, ``query``, ``value``, ``value_min``,
        ``value_max``, ``value_trec_eval``, ``rescore``. Their means over the queries are the values of :attr:`results`.
        """
        return self._table("per_query")

    @property
    def geometry(self) -> Frame:
        """One row for each model, dataset and value, where the manifest says ``geometry: true``.

        Columns: ``cell``, ``model``, ``dataset``, ``name``, ``value``, ``documents``.
        """
        return self._table("geometry")

    @property
    def codes(self) -> Frame:
        """One row for each binary codec, seed and value of what its codes are like, where the manifest says ``codes: true``.

        Columns: ``cell``, ``model``, ``dataset``, ``codec``, ``seed``, ``name``, ``value``, ``documents``, ``dims``.
        """
        return self._table("codes")

    @property
    def speed(self) -> Frame:
        """One row for each timed cell and value, where the manifest says ``speed:``. Times of the machine that ``cpu`` names.

        Columns: ``cell``, ``model``, ``dataset``, ``codec``, ``seed``, ``name``, ``value``, ``documents``, ``dim``,
        ``bytes_per_vector``, ``queries``, ``depth``, ``repeats``, ``threads``, ``kernels``, ``cpu``, ``version``.
        """
        return self._table("speed")

    @property
    def about(self) -> dict[str, Any]:
        """Of a pack its ``pack.json``, of a store what ``bitsweep status --json`` says; empty for exported files."""
        return self._source.about()

    def _table(self, name: str) -> Frame:
        if name not in self._tables:
            path = self._source.find(name, parquet=_frames.reads_parquet(self._library))
            self._tables[name] = _frames.load(path, self._library)
        table: Frame = self._tables[name]
        return table

    def __repr__(self) -> str:
        about = self.about
        name = f" {about['name']}" if "name" in about else ""
        return f"<bitsweep.Sweep{name} as {self._library}>"
