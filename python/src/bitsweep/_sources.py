"""Where tables lie: in a pack, among exported files, or with the program ``bitsweep``, which exports them."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Optional, Protocol

#: What the files of each table may be called: as in a pack, and as ``bitsweep run`` calls them.
STEMS = {
    "results": ("results", "table"),
    "per_query": ("per_query",),
    "geometry": ("geometry",),
    "codes": ("codes",),
    "speed": ("speed",),
}
#: Endings, the best first.
ENDINGS = (".parquet", ".csv", ".json")
#: Version of the packs that this package reads.
PACK_VERSION = 1


class BitsweepError(Exception):
    """What cannot be read, and what to do about it."""


class Source(Protocol):
    """Where the tables of one sweep lie."""

    def find(self, table: str, *, parquet: bool) -> Path:
        """The file of a table, as Parquet only where that can be read. Raises :class:`BitsweepError` where there is none."""

    def about(self) -> dict[str, Any]:
        """What is known of the sweep."""


class Folder:
    """A pack, or a folder with exported files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sums = _sums(folder / "SHA256SUMS")
        version = self.about().get("pack", PACK_VERSION)
        if version != PACK_VERSION:
            raise BitsweepError(f"{folder}: a pack of version {version}; this package reads version {PACK_VERSION}")

    def find(self, table: str, *, parquet: bool) -> Path:
        there = [self._folder / (stem + ending) for stem in STEMS[table] for ending in ENDINGS]
        there = [path for path in there if path.is_file()]
        for path in there:
            if parquet or path.suffix != ".parquet":
                self._check(path)
                return path
        if there:
            return there[0]
        said = {"geometry": "geometry: true", "codes": "codes: true", "speed": "speed: {}"}
        hint = f"; the manifest must say `{said[table]}`" if table in said else ""
        raise BitsweepError(f"{self._folder} has no {table}: one of {STEMS[table][0]}{{{','.join(ENDINGS)}}} is expected{hint}")

    def about(self) -> dict[str, Any]:
        path = self._folder / "pack.json"
        if not path.is_file():
            return {}
        self._check(path)
        about = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(about, dict):
            raise BitsweepError(f"{path}: not the description of a pack")
        return about

    def _check(self, path: Path) -> None:
        """A file of a pack must be the one that was packed."""
        if self._sums is None:
            return
        name = path.relative_to(self._folder).as_posix()
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if self._sums.get(name) != found:
            expected = self._sums.get(name, "none")
            raise BitsweepError(f"{path} is not what was packed: its SHA-256 is {found}, SHA256SUMS says {expected}")


def _sums(path: Path) -> Optional[dict[str, str]]:
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


class File:
    """One exported file: its columns say of which table."""

    def __init__(self, path: Path) -> None:
        if path.suffix not in ENDINGS:
            raise BitsweepError(f"{path}: not a table that bitsweep exports: {', '.join(ENDINGS)}")
        self._path = path

    def find(self, table: str, *, parquet: bool) -> Path:
        found = self._table(parquet)
        if found == table:
            return self._path
        raise BitsweepError(f"{self._path} holds {found}, not {table}")

    def about(self) -> dict[str, Any]:
        return {}

    def _table(self, parquet: bool) -> str:
        names = self._names(parquet)
        if {"cell", "value"} <= names:
            if "query" in names:
                return "per_query"
            if "measure" in names:
                return "results"
            if "repeats" in names:
                return "speed"
            return "codes" if "codec" in names else "geometry"
        raise BitsweepError(f"{self._path}: not a table that bitsweep exported: it has no columns cell and value")

    def _names(self, parquet: bool) -> set[str]:
        if self._path.suffix == ".csv":
            with self._path.open(encoding="utf-8", newline="") as file:
                return set(next(csv.reader(file), []))
        if self._path.suffix == ".json":
            rows = json.loads(self._path.read_text(encoding="utf-8"))
            return set(rows[0]) if rows else set()
        if not parquet:
            raise BitsweepError(f"{self._path}: pandas needs pyarrow for Parquet: pip install 'bitsweep[pandas]'")
        try:
            import pyarrow.parquet

            return set(pyarrow.parquet.read_schema(self._path).names)
        except ImportError:
            import polars

            return set(polars.read_parquet_schema(self._path))


class Program:
    """A store, a manifest or a coordinator, asked through the program ``bitsweep``."""

    #: The options that choose a table.
    OPTIONS = {"results": [], "per_query": ["--per-query"], "geometry": ["--geometry"], "codes": ["--codes"], "speed": ["--speed"]}

    def __init__(self, place: list[str], program: Optional[str]) -> None:
        self._place = place
        self._program = program or os.environ.get("BITSWEEP", "bitsweep")
        if shutil.which(self._program) is None:
            raise BitsweepError(
                f"the program {self._program} is not found: put it on PATH, name it with program= or in BITSWEEP, or read a pack"
            )
        self._folder = tempfile.TemporaryDirectory(prefix="bitsweep-")

    def find(self, table: str, *, parquet: bool) -> Path:
        path = Path(self._folder.name) / (table + (".parquet" if parquet else ".csv"))
        if not path.exists():
            self._run(["export", *self._place, *self.OPTIONS[table], "--out", str(path)])
        return path

    def about(self) -> dict[str, Any]:
        status = json.loads(self._run(["status", *self._place, "--json"]))
        return status if isinstance(status, dict) else {}

    def _run(self, arguments: list[str]) -> str:
        done = subprocess.run([self._program, *arguments], capture_output=True, text=True, encoding="utf-8", check=False)
        if done.returncode != 0:
            raise BitsweepError(done.stderr.strip() or f"{self._program} ended with {done.returncode}")
        return done.stdout
