"""Exported files to data frames: the same columns, types and values from Parquet, CSV and JSON."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from bitsweep._columns import NUMBER, OPTIONAL_WHOLE, TEXT, WHOLE
from bitsweep._sources import BitsweepError

if TYPE_CHECKING:
    import pandas
    import polars

#: The libraries that can be asked for, in the order in which they are looked for.
LIBRARIES = ("pandas", "polars")


def choose(frame: Optional[str]) -> str:
    """The library asked for, or the first that is installed."""
    if frame is not None and frame not in LIBRARIES:
        raise BitsweepError(f"frame is {frame!r}: 'pandas' or 'polars'")
    for library in LIBRARIES if frame is None else (frame,):
        if _is_there(library):
            return library
    wanted = frame or LIBRARIES[0]
    raise BitsweepError(f"{' or '.join(LIBRARIES if frame is None else (frame,))} is not installed: pip install 'bitsweep[{wanted}]'")


def reads_parquet(library: str) -> bool:
    """Whether the library can read Parquet here."""
    return library == "polars" or _is_there("pyarrow")


def load(path: Path, library: str) -> Any:
    """The table in ``path``, whose ending says its form."""
    return _polars(path) if library == "polars" else _pandas(path)


def _is_there(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _pandas(path: Path) -> pandas.DataFrame:
    import pandas

    if path.suffix == ".parquet":
        if not reads_parquet("pandas"):
            raise BitsweepError(f"{path}: pandas needs pyarrow for Parquet: pip install 'bitsweep[pandas]'")
        table = pandas.read_parquet(path)
    elif path.suffix == ".json":
        table = pandas.DataFrame(_records(path))
    else:
        # As text first: what pandas takes for missing is a good id, and not all its versions read back every number exactly.
        table = pandas.read_csv(path, dtype=str, na_filter=False)
        for name in (*NUMBER, *OPTIONAL_WHOLE):
            if name in table.columns:
                table[name] = table[name].where(table[name] != "", "nan").astype("float64")
    kinds = {**{name: "int64" for name in WHOLE}, **{name: "Int64" for name in OPTIONAL_WHOLE}, **{name: "float64" for name in NUMBER}}
    return table.astype({name: kind for name, kind in kinds.items() if name in table.columns})


def _polars(path: Path) -> polars.DataFrame:
    import polars

    kinds: dict[str, Any] = {
        **{name: polars.String for name in TEXT},
        **{name: polars.Int64 for name in (*WHOLE, *OPTIONAL_WHOLE)},
        **{name: polars.Float64 for name in NUMBER},
    }
    if path.suffix == ".parquet":
        table = polars.read_parquet(path)
    elif path.suffix == ".json":
        records = _records(path)
        names = list(records[0]) if records else []
        table = polars.DataFrame(records, schema_overrides={name: kinds[name] for name in names if name in kinds})
    else:
        table = polars.read_csv(path, schema_overrides=kinds)
        # Text is never missing: where there is none, it is empty.
        table = table.with_columns(polars.col(name).fill_null("") for name in TEXT if name in table.columns)
    return table.cast({name: kind for name, kind in kinds.items() if name in table.columns})


def _records(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        records = json.load(file)
    if not isinstance(records, list):
        raise BitsweepError(f"{path}: not a table that bitsweep exported: a list of rows is expected")
    return records
