"""Places in the sources, and how they are shown: relative to the source folder, whatever the build folder.

Pure: a path is worked on as text, and the same sources give the same report whatever folder they are
built in. A path outside the source folder (libc's headers, say) stays absolute, which
is how the rest of the report tells our code from others'.
"""

import collections
import os
import re

Place = collections.namedtuple("Place", "file line column")

# What GCC appends to the name of a copy that it made of a function: split off, specialised, or renamed.
COPY = re.compile(r"(\.(?:part|isra|constprop|cold|localalias|lto_priv)(?:\.\d+)*)+$")


class Folders:
    """Turns paths as the compiler wrote them, relative to the build folder, into paths as the report has them."""

    def __init__(self, source, build):
        self.build = os.path.abspath(build)
        self.source = os.path.normpath(os.path.join(self.build, source))
        self.known = {}

    def shown(self, path):
        if path not in self.known:
            full = os.path.normpath(os.path.join(self.build, path))
            inside = full.startswith(self.source.rstrip("/") + "/")
            self.known[path] = os.path.relpath(full, self.source) if inside else full
        return self.known[path]

    def place(self, text):
        """`file:line:column` or `file:line` as a Place; None when it is no such thing."""
        found = re.match(r"(.+?):(\d+)(?::(\d+))?$", text)
        return Place(self.shown(found[1]), int(found[2]), int(found[3] or 1)) if found else None


def is_ours(file):
    """Whether a file as shown lies in the source folder."""
    return not os.path.isabs(file)


def source_name(name):
    """A function's name in the source: without what the compiler appends to the names of its copies."""
    return COPY.sub("", name)
