"""Reads what GCC left beside an object about its compilation: one unit of the program.

The only module that opens files; all it does with their text is done by records.py and callgraph.py.
A unit is a plain value, so that units are read by several processes.
"""

import collections
import gzip
import json
import os
import zlib

from compiler import callgraph, records
from compiler.places import is_ours, source_name

Unit = collections.namedtuple("Unit", "file record frames edges definitions")


class UnitError(Exception):
    """A file of the compiler's that is missing or not what it should be."""


def read(folders, stem):
    """The Unit of the object at stem (its path without .o), compiled with the flags of `make report`."""
    calls_text = read_text(stem + ".ci")
    own = source_of(calls_text, stem, folders)
    frames, edges = callgraph.parse_calls(calls_text, folders)
    definitions = callgraph.parse_definitions(read_text(stem + ".aux"), folders)
    definitions += replaced(folders, own, frames, definitions)
    return Unit(own, read_record(stem + ".c.opt-record.json.gz", folders), frames, edges, definitions)


def replaced(folders, own, frames, definitions):
    """The Definitions of the functions that the unit has in place of libc's, which GCC places in libc's headers."""
    known = {d.name for d in definitions if is_ours(d.file)}
    names = [source_name(frame.name) for frame in frames if frame.place and not is_ours(frame.place.file)]
    missing = [name for name in dict.fromkeys(names) if name not in known]
    if not missing or not is_ours(own):
        return []
    source = read_text(os.path.join(folders.source, own))
    found = [callgraph.find_definition(source, name, own) for name in missing]
    return [d for d in found if d]


def read_text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError as error:
        raise UnitError("%s: %s" % (path, error.strerror)) from None


def source_of(text, stem, folders):
    """The first line of a call graph names the source: `graph: { title: "…"`."""
    first = text.split("\n", 1)[0]
    if not first.startswith('graph: { title: "'):
        raise UnitError("%s.ci: not a call graph of GCC's: `graph: { title: ...` is expected in line 1" % stem)
    return folders.shown(first.split('"')[1])


def read_record(path, folders):
    try:
        with gzip.open(path, "rb") as file:
            return records.parse(json.loads(file.read()), folders)
    except FileNotFoundError as error:
        raise UnitError("%s: %s; GCC writes it with the flags of `make report`" % (path, error.strerror)) from None
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UnitError("%s: not a gzipped optimisation record (%s)" % (path, error)) from None
    except records.BadRecord as error:
        raise UnitError("%s: %s" % (path, error)) from None
