"""One benchmark at a time on a machine: a lock that all users share, and that tells who has it.

The lock is flock's, so it ends with its holder's last descriptor, however he dies. The file stands in the first folder
that everybody may write to and nobody may remove others' files from: the same one for all users. In such a folder
anybody can put a file, or a link, of that name; so no link is followed, and what the file says of its holder is only
shown.
"""

import errno
import fcntl
import json
import os
import stat
import time

FOLDERS = ("/run/lock", "/var/lock", "/tmp")
NAME = "cruntime-quiet.lock"
LOOK_EVERY_S = 0.1
TEXT_MOST = 200
BYTES_MOST = 4096


class LockError(Exception):
    """The lock cannot be had; the text says why."""


def folder(system):
    for name in FOLDERS:
        try:
            mode = os.stat(system.path(name)).st_mode
        except OSError:
            continue
        if stat.S_ISDIR(mode) and mode & stat.S_ISVTX and mode & 0o002:
            return name
    raise LockError("none of %s is a folder that all users may write to (mode 1777)" % ", ".join(FOLDERS))


class Lock:
    def __init__(self, system, where):
        self.name = "%s/%s" % (where, NAME)
        self.descriptor, self.writable = self._open(system.path(self.name))

    def _open(self, path):
        """(descriptor, whether it may be written to). Creates the file if need be, for all users."""
        flags = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        for mode, more in ((os.O_RDWR, 0), (os.O_RDONLY, 0), (os.O_RDWR, os.O_CREAT | os.O_EXCL), (os.O_RDWR, 0)):
            try:
                descriptor = os.open(path, mode | more | flags, 0o666)
            except OSError as error:
                # Not there yet, or not to be written, or made by another just now: the next way opens it.
                if error.errno in (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EEXIST):
                    reason = error.strerror
                    continue
                what = "a symbolic link, which is not followed" if error.errno == errno.ELOOP else error.strerror
                raise LockError("%s: %s" % (self.name, what)) from None
            if more:
                os.fchmod(descriptor, 0o666)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise LockError("%s is not a regular file" % self.name)
            return descriptor, mode == os.O_RDWR
        raise LockError("%s: %s" % (self.name, reason))

    def try_it(self):
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False

    def take(self, command, wait_s, say):
        """Waits up to wait_s seconds (None: for ever), and tells for whom. Then it is ours, and says so."""
        deadline = None if wait_s is None else time.monotonic() + wait_s
        told = None
        while not self.try_it():
            holder = self.holder()
            if deadline is not None and time.monotonic() >= deadline:
                raise LockError("%s is held by %s" % (self.name, shown(holder)))
            if told != (holder or {}).get("pid", 0):
                told = (holder or {}).get("pid", 0)
                say("waiting for %s" % shown(holder))
            time.sleep(LOOK_EVERY_S)
        if self.writable:
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, json.dumps({"pid": os.getpid(), "command": " ".join(command)[:TEXT_MOST],
                                                   "since": int(time.time())}).encode(), 0)

    def holder(self):
        """What the file says: {"pid", "command", "since"}, or None."""
        try:
            told = json.loads(os.pread(self.descriptor, BYTES_MOST, 0))
            return {"pid": int(told["pid"]), "since": int(told["since"]), "command": str(told["command"])}
        except (ValueError, KeyError, TypeError, OSError):
            return None


def shown(holder):
    if holder is None:
        return "somebody who does not say who it is"
    command = "".join(letter if letter.isprintable() else "?" for letter in holder["command"][:TEXT_MOST])
    try:
        since = time.strftime("%H:%M:%S", time.localtime(holder["since"]))
    except (OverflowError, ValueError, OSError):
        since = "?"
    return "pid %d: `%s`, since %s" % (holder["pid"], command, since)
