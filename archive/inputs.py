"""Inputs: every picture of a source, once, in order, with its size and its time of change where they are known."""

import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from glob import glob
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from fsspec.utils import glob_translate
from pyarrow import csv, parquet
from pyarrow.fs import FileInfo, FileType

from archive.places import Place, is_text, place_of
from edge.errors import UsageError, visible
from edge.files import IMAGE_SUFFIXES, find_images, is_left_out

log = logging.getLogger(__name__)

COLUMNS = pa.schema([("address", pa.string()), ("size", pa.int64()), ("modified", pa.string())])
"""`size` is in bytes, `modified` a time or an ETag, as the listing gives it; null where it gives none."""
PATTERN = re.compile(r"[*?[]")
LISTS = (".parquet", ".csv")


def inputs_of(source: str, column: str) -> pa.Table:
    """Return what a source holds, with `COLUMNS`, sorted by address.

    `source` is a folder, a pattern, or a list, .parquet or .csv, whose `column` has addresses; its columns `size`
    and `modified` are taken where it has them. Raises `UsageError` for what is none of these, or holds no picture.
    """
    place = place_of(source)
    if (mark := PATTERN.search(source)) and not place.exists():
        if place.local:
            found = _local(sorted(glob(place.path, recursive=True)))  # noqa: PTH207 - a pattern with its folder in it
        else:
            folder = place_of(source[: source.rindex("/", 0, mark.start())])
            matched = re.compile(glob_translate(place.path)).match
            found = _stored(source, (one for one in folder.files(recursive=True) if matched(one.path)))
    else:
        kind = place.info().type
        if kind == FileType.NotFound:
            raise UsageError(f"{source}: no such folder or list: check the address")
        if kind == FileType.Directory:
            found = _folder(source, place)
        elif place.path.endswith(LISTS):
            found = _list(source, place, column)
        else:
            raise UsageError(f"{source}: is a file: give a folder, a pattern, or a list that ends in .parquet or .csv")
    if not len(found):
        raise UsageError(f"{source}: holds no picture: check the address")
    return _once(found.sort_by("address"))


def _once(table: pa.Table) -> pa.Table:
    """Return sorted inputs without those that are named again; a message says how many."""
    addresses = table["address"].combine_chunks()
    again = pc.equal(addresses.slice(1), addresses.slice(0, len(addresses) - 1))
    if count := pc.sum(again).as_py():
        log.warning("%d addresses are named more than once: each is answered once", count)
        return table.filter(pa.concat_arrays([pa.array([True]), pc.invert(again)]))
    return table


def _folder(source: str, place: Place) -> pa.Table:
    if place.local:
        if not os.access(place.path, os.R_OK | os.X_OK):
            raise UsageError(f"{source}: may not be read: check its permissions")
        return _local(map(str, find_images(Path(place.path))))
    left_out: Counter[str] = Counter()
    found = _stored(source, _pictures(place, left_out))
    if left_out:
        log.info("%s: left out: %s", source, ", ".join(f"{count} x {what}" for what, count in sorted(left_out.items())))
    return found


def _stored(source: str, files: Iterable[FileInfo]) -> pa.Table:
    """Return files of the object storage that a source is in."""
    scheme, kept = source.partition("://")[0], list(files)
    return pa.table(
        {
            "address": [f"{scheme}://{one.path}" for one in kept],
            "size": [one.size for one in kept],
            "modified": [None if one.mtime_ns is None else str(one.mtime_ns) for one in kept],
        },
        COLUMNS,
    )


def _pictures(place: Place, left_out: Counter[str]) -> Iterator[FileInfo]:
    """Yield the pictures below a folder of object storage; what is none is counted by its reason."""
    begin = len(place.path.rstrip("/")) + 1
    for one in place.files(recursive=True):
        if any(map(is_left_out, one.path[begin:].split("/"))):
            left_out["hidden, or of a system"] += 1
        elif Path(one.path).suffix.lower() in IMAGE_SUFFIXES:
            yield one
        else:
            left_out[Path(one.path).suffix.lower() or "no suffix"] += 1


def _local(paths: Iterator[str] | list[str]) -> pa.Table:
    """Return local files; one that is not there any more has no size: to open it says why."""
    addresses, sizes, times = [], [], []
    for path in paths:
        if not is_text(path):
            log.warning("%s: is left out, its name is no UTF-8: rename it", visible(path))
            continue
        try:
            found = Path(path).stat()
        except OSError:
            found = None
        addresses.append(str(Path(path).absolute()))
        sizes.append(found and found.st_size)
        times.append(found and str(found.st_mtime_ns))
    return pa.table([pa.array(addresses), pa.array(sizes, pa.int64()), pa.array(times, pa.string())], schema=COLUMNS)


def _list(source: str, place: Place, column: str) -> pa.Table:
    with place.system.open_input_file(place.path) as file:
        try:
            table = parquet.read_table(file) if place.path.endswith(".parquet") else csv.read_csv(file)
        except pa.ArrowException as error:
            reason = " ".join(str(error).split())
            raise UsageError(f"{source}: cannot be read as a list ({reason}): write it again") from error
    if column not in table.column_names:
        raise UsageError(f"{source}: has no column {column!r}, it has {', '.join(table.column_names)}: give --column")
    try:
        addresses = table[column].drop_null().cast(pa.string())
        if len(addresses) == len(table) and {"size", "modified"} <= set(table.column_names):
            return pa.table([addresses, *(table[name] for name in COLUMNS.names[1:])], COLUMNS.names).cast(COLUMNS)
    except pa.ArrowException as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{source}: its addresses, sizes or times are none ({reason}): write it again") from error
    if pc.any(pc.match_substring(addresses, "://")).as_py():  # to ask for each would take longer than to answer it
        none = pa.nulls(len(addresses))
        return pa.table([addresses, none.cast(pa.int64()), none.cast(pa.string())], schema=COLUMNS)
    return _local(addresses.to_pylist())
