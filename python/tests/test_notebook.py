"""The notebook runs, and is checked in as it runs: with its outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parent.parent / "examples" / "hero.ipynb"


def test_the_notebook_draws_its_figure(monkeypatch, tmp_path):
    pytest.importorskip("pandas")
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1)), "run from top to bottom"
    images = [output for cell in code for output in cell["outputs"] if "image/png" in output.get("data", {})]
    assert len(images) == 1
    monkeypatch.chdir(NOTEBOOK.parent)
    names: dict = {}
    for cell in code:
        exec(compile("".join(cell["source"]), str(NOTEBOOK), "exec"), names)
    table = names["points"]
    assert len(table) == 9 and (table["low"] <= table["value"]).all() and (table["value"] <= table["high"]).all()
    names["figure"].savefig(tmp_path / "hero.png")
    labels = {at: label.get_text() for at, label in zip(names["top"].get_xticks(), names["top"].get_xticklabels())}
    assert labels[1536] == "1×" and labels[8] == "192×", "the compression belongs to the bytes below it"
