"""What is read is what was written, in every form and with either library."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

import bitsweep
from bitsweep import BitsweepError

PACK = Path(__file__).parent / "data" / "quickstart"
LIBRARIES = ("pandas", "polars")

RESULTS = [
    "cell", "model", "dataset", "codec", "seed", "bytes_per_vector", "measure", "value", "queries", "value_min", "value_max",
    "value_trec_eval", "dim", "shared_bytes", "documents", "shared_bytes_per_vector", "rescore",
    "rescore_bytes_per_vector",
]  # fmt: skip
PER_QUERY = [
    "cell", "model", "dataset", "codec", "seed", "measure", "query", "value", "value_min", "value_max", "value_trec_eval",
    "rescore",
]  # fmt: skip
CODES = ["cell", "model", "dataset", "codec", "seed", "name", "value", "documents", "dims"]


def rows(table) -> list[dict]:
    """The rows of either library, with None for what is missing."""
    if type(table).__module__.startswith("polars"):
        return table.to_dicts()
    import pandas

    records = table.to_dict("records")
    return [{name: None if pandas.isna(value) else value for name, value in row.items()} for row in records]


def write_csv(table: list[dict], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: "" if value is None else value for name, value in row.items()} for row in table)


@pytest.fixture(params=LIBRARIES)
def library(request) -> str:
    pytest.importorskip(request.param)
    return request.param


def test_a_pack_is_read(library):
    sweep = bitsweep.read(PACK, frame=library)
    assert list(sweep.results.columns) == RESULTS
    assert list(sweep.per_query.columns) == PER_QUERY
    assert sweep.results is sweep.results, "read once"
    about = sweep.about
    assert about["name"] == "quickstart" and about["missing"] == 0
    assert repr(sweep) == f"<bitsweep.Sweep quickstart as {library}>"
    results = rows(sweep.results)
    assert len(results) == about["cells"] * len(about["measures"])
    assert {row["codec"] for row in results} >= {"float32", "int8", "pq/8", "binary/64"}
    for row in results:
        assert (row["seed"] is None) == (not row["codec"].startswith("binary/"))
        assert row["value_min"] <= row["value"] <= row["value_max"]
        assert (row["value_trec_eval"] is None) == row["measure"].startswith("Overlap")


def test_values_by_query_average_to_the_results(library):
    sweep = bitsweep.read(PACK, frame=library)
    values: dict[tuple, list[float]] = {}
    for row in rows(sweep.per_query):
        values.setdefault((row["cell"], row["measure"]), []).append(row["value"])
    results = rows(sweep.results)
    assert len(values) == len(results)
    for row in results:
        of_cell = values[row["cell"], row["measure"]]
        assert len(of_cell) == row["queries"]
        assert math.isclose(sum(of_cell) / len(of_cell), row["value"], abs_tol=1e-12)


def test_both_libraries_give_the_same():
    tables = []
    for name in LIBRARIES:
        pytest.importorskip(name)
        sweep = bitsweep.read(PACK, frame=name)
        tables.append((rows(sweep.results), rows(sweep.per_query)))
    assert tables[0] == tables[1]


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_every_form_gives_the_same(library, form, tmp_path):
    expected = rows(bitsweep.read(PACK, frame=library).results)
    path = tmp_path / f"results.{form}"
    if form == "parquet":
        shutil.copy(PACK / "results.parquet", path)
    elif form == "csv":
        shutil.copy(PACK / "results.csv", path)
    else:
        path.write_text(json.dumps(expected))
    for place in (path, tmp_path):
        sweep = bitsweep.read(place, frame=library)
        assert rows(sweep.results) == expected
        assert str(sweep.results["seed"].dtype) == "Int64"
        assert sweep.about == {}
    with pytest.raises(BitsweepError, match="results, not per_query"):
        bitsweep.read(path, frame=library).per_query
    with pytest.raises(BitsweepError, match="has no geometry: .*geometry: true"):
        bitsweep.read(tmp_path, frame=library).geometry


def test_ids_are_text_and_numbers_are_exact(library, tmp_path):
    value = 0.1 + 0.2
    row = dict.fromkeys(PER_QUERY, "NA") | {"seed": None, "value": value, "value_min": 5e-324, "value_max": 1 / 3}
    table = [{**row, "query": "007", "value_trec_eval": None}, {**row, "query": "", "value_trec_eval": 1.0}]
    write_csv(table, tmp_path / "per_query.csv")
    assert rows(bitsweep.read(tmp_path, frame=library).per_query) == table
    (tmp_path / "per_query.csv").unlink()
    (tmp_path / "per_query.json").write_text(json.dumps(table))
    assert rows(bitsweep.read(tmp_path, frame=library).per_query) == table


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
@pytest.mark.parametrize("lengths", [[None, 128], [None, None]])
def test_whole_vectors_have_no_length(library, form, lengths, tmp_path):
    row = dict.fromkeys(CODES, "x") | {"seed": 0, "value": 0.5, "documents": 7}
    table = [{**row, "dims": dims} for dims in lengths]
    path = tmp_path / f"codes.{form}"
    if form == "parquet":
        polars = pytest.importorskip("polars")
        polars.DataFrame(table, schema_overrides={"dims": polars.Int64}).write_parquet(path)
    elif form == "csv":
        write_csv(table, path)
    else:
        path.write_text(json.dumps(table))
    codes = bitsweep.read(path, frame=library).codes
    assert list(codes.columns) == CODES
    assert rows(codes) == table
    assert str(codes["dims"].dtype) == "Int64"


def test_a_changed_pack_is_refused(library, tmp_path):
    pack = tmp_path / "pack"
    shutil.copytree(PACK, pack)
    with (pack / "per_query.parquet").open("ab") as file:
        file.write(b"x")
    sweep = bitsweep.read(pack, frame=library)
    assert len(rows(sweep.results)) > 0, "what is whole is read"
    with pytest.raises(BitsweepError, match="is not what was packed"):
        sweep.per_query
    (pack / "pack.json").write_text('{"pack": 2}')
    (pack / "SHA256SUMS").unlink()
    with pytest.raises(BitsweepError, match="a pack of version 2"):
        bitsweep.read(pack, frame=library)


def test_what_is_nothing_is_said(tmp_path):
    pytest.importorskip("pandas")
    with pytest.raises(BitsweepError, match="no such pack"):
        bitsweep.read(tmp_path / "none")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(BitsweepError, match="not a table"):
        bitsweep.read(tmp_path / "notes.txt")
    with pytest.raises(BitsweepError, match="'pandas' or 'polars'"):
        bitsweep.read(PACK, frame="arrow")  # type: ignore[call-overload]
    with pytest.raises(BitsweepError, match="sweep= is for stores"):
        bitsweep.read(tmp_path, sweep="x")


@pytest.fixture
def program(tmp_path) -> Path:
    """A program that answers as bitsweep does, and notes what it is asked."""
    path = tmp_path / "bitsweep"
    path.write_text(
        f"#!{sys.executable}\n"
        "import os, shutil, sys\n"
        "arguments = sys.argv[1:]\n"
        "with open(os.path.join(os.path.dirname(__file__), 'asked'), 'a') as file: print(*arguments, file=file)\n"
        "if '--geometry' in arguments: sys.exit('bitsweep: there is no geometry')\n"
        "if arguments[0] == 'status': print('{\"name\": \"quickstart\"}')\n"
        "else:\n"
        "    out = arguments[arguments.index('--out') + 1]\n"
        "    table = 'per_query' if '--per-query' in arguments else 'results'\n"
        f"    shutil.copy(os.path.join({str(PACK)!r}, table + os.path.splitext(out)[1]), out)\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_stores_manifests_and_coordinators_are_asked(library, program, tmp_path, monkeypatch):
    store = tmp_path / "work" / ".bitsweep"
    store.mkdir(parents=True)
    (store / "format.json").write_text("{}")
    manifest = tmp_path / "sweep.yaml"
    manifest.write_text("sweep: x\n")
    expected = rows(bitsweep.read(PACK, frame=library).per_query)
    for place, options in [
        (store, f"--store {store}"),
        (store.parent, f"--store {store}"),
        (manifest, str(manifest)),
        ("s3://bucket/sweeps", "--store s3://bucket/sweeps"),
        ("http://127.0.0.1:8700", "--to http://127.0.0.1:8700"),
    ]:
        sweep = bitsweep.read(place, frame=library, program=os.fspath(program))
        asked = tmp_path / "asked"
        assert not asked.exists(), "nothing is asked before it is needed"
        assert rows(sweep.per_query) == expected
        assert sweep.about == {"name": "quickstart"}
        lines = asked.read_text().splitlines()
        assert lines[0].startswith(f"export {options} --per-query --out ") and lines[1] == f"status {options} --json"
        asked.unlink()
        with pytest.raises(BitsweepError, match="there is no geometry"):
            sweep.geometry
        asked.unlink()
    monkeypatch.setenv("BITSWEEP", os.fspath(program))
    assert len(rows(bitsweep.read(store, sweep="3f9a", frame=library).results)) > 0
    assert (tmp_path / "asked").read_text().startswith(f"export 3f9a --store {store} --out ")
    monkeypatch.setenv("BITSWEEP", "/nowhere/bitsweep")
    with pytest.raises(BitsweepError, match="is not found"):
        bitsweep.read(store, frame=library)
