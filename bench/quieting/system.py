"""The machine's files: /sys, /proc, /dev and /run, or a copy of them under another root, which tests make.

Names are always the real ones (/sys/devices/…); the root goes before them only when a file is opened. Nothing here
creates a file.
"""

import glob
import os
import re


def by_numbers(name):
    """Sorts cpu10 after cpu9."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


class System:
    def __init__(self, root=""):
        self.root = root.rstrip("/")

    def path(self, name):
        return self.root + name

    def read(self, name):
        """The stripped text of a file, or None where there is none, or none that may be read."""
        try:
            with open(self.path(name), encoding="utf-8", errors="replace") as file:
                return file.read().strip()
        except OSError:
            return None

    def write(self, name, text):
        """Into a file that exists, and is no link that somebody put there; an OSError says why not."""
        descriptor = os.open(self.path(name), os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)

    def exists(self, name):
        return os.path.exists(self.path(name))

    def names(self, pattern):
        """Names that match a shell pattern, in the order of their numbers."""
        found = glob.glob(glob.escape(self.root) + pattern)
        return sorted((path[len(self.root):] for path in found), key=by_numbers)
