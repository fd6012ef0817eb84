"""The entrance."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Optional, Union, overload

from bitsweep import _frames
from bitsweep._sources import BitsweepError, File, Folder, Program, Source
from bitsweep._sweep import Sweep

if TYPE_CHECKING:
    import pandas
    import polars

    Place = Union[str, os.PathLike[str]]


@overload
def read(
    source: Place, *, frame: Literal["polars"], sweep: Optional[str] = None, program: Optional[str] = None
) -> Sweep[polars.DataFrame]: ...
@overload
def read(
    source: Place, *, frame: Literal["pandas"], sweep: Optional[str] = None, program: Optional[str] = None
) -> Sweep[pandas.DataFrame]: ...
@overload
def read(
    source: Place, *, frame: None = None, sweep: Optional[str] = None, program: Optional[str] = None
) -> Sweep[Any]: ...


def read(
    source: Place,
    *,
    frame: Optional[str] = None,
    sweep: Optional[str] = None,
    program: Optional[str] = None,
) -> Sweep[Any]:
    """A finished sweep. Nothing is read before it is asked for.

    :param source: a pack (``bitsweep export --pack``); a folder of exported files, or one of them; a store, a manifest or the
        address of a coordinator, which are read through the program ``bitsweep``.
    :param frame: ``"pandas"`` or ``"polars"``. Default: pandas where it is installed, else polars.
    :param sweep: for a store or a coordinator: the sweep's name, or the first digits of its id. Default: the newest.
    :param program: for those: the program. Default: the variable ``BITSWEEP``, else ``bitsweep`` on ``PATH``.
    :raises BitsweepError: where that is none of these, or (later) where a table is not there.
    """
    library = _frames.choose(frame)
    return Sweep(_source(os.fspath(source), sweep, program), library)


def _source(place: str, sweep: Optional[str], program: Optional[str]) -> Source:
    named = [sweep] if sweep else []
    if place.startswith(("http://", "https://")):
        return Program([*named, "--to", place], program)
    if "://" in place:
        return Program([*named, "--store", place], program)
    path = Path(place)
    if (path / "pack.json").is_file() and not sweep:
        return Folder(path)
    for store in (path, path / ".bitsweep"):
        if (store / "format.json").is_file():
            return Program([*named, "--store", str(store)], program)
    if sweep:
        raise BitsweepError(f"{place}: sweep= is for stores and coordinators; this is neither")
    if path.is_dir():
        return Folder(path)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        return Program([place], program)
    if path.is_file():
        return File(path)
    raise BitsweepError(f"{place}: there is no such pack, file or store")
