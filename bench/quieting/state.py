"""The values of before, in a file, from before the first one is changed until all are back.

Whoever finds such a file while he has the lock knows that its owner died without putting things back, and does it.
Values of an earlier boot are dropped: none of them outlives a boot. The folder may be writable to all, so a file counts
only if it is one's own, and can name only what settings knows: else root could be made to write anything anywhere.
"""

import json
import os
import stat

from quieting import settings

BOOT_ID = "/proc/sys/kernel/random/boot_id"


class StateError(Exception):
    """The file cannot be used; the text says why."""


def file_name(folder):
    return "%s/cruntime-quiet.%d.state" % (folder, os.geteuid())


def save(system, name, plan):
    """Makes the file. Its presence must not be taken for another's by mistake, so it must not exist yet."""
    text = json.dumps({"boot_id": system.read(BOOT_ID), "pid": os.getpid(),
                       "settings": [[s.name, s.old, s.new] for s in plan]})
    try:
        descriptor = os.open(system.path(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
                             0o600)
    except OSError as error:
        raise StateError("%s: %s" % (name, error.strerror)) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def load(system, name):
    """(boot id, [Setting]) of the file, None when there is none. A StateError for one that is not ours."""
    try:
        descriptor = os.open(system.path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError("%s: %s" % (name, error.strerror)) from None
    with os.fdopen(descriptor, encoding="utf-8") as file:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
            raise StateError("%s is not a file of this user alone" % name)
        text = file.read()
    try:
        content = json.loads(text)
        entries = [settings.Setting(*map(str, entry)) for entry in content["settings"]]
        return content["boot_id"], [entry for entry in entries if settings.KNOWN.fullmatch(entry.name)]
    except (ValueError, KeyError, TypeError):
        # Cut short: its writer died before it changed anything.
        return None, []


def put_back(system, name):
    """Restores what the file names, last change first, and removes it. Returns [(file, reason)] of what failed; the
    file then stays, for the next one to try."""
    content = load(system, name)
    if content is None:
        return []
    failures = []
    for setting in reversed(content[1]):
        now = system.read(setting.name)
        if now is None or now == setting.old:
            continue
        try:
            system.write(setting.name, setting.old)
        except OSError as error:
            # What could not be changed in the first place cannot be changed back, and need not be.
            if now == setting.new:
                failures.append((setting.name, error.strerror))
    if not failures:
        os.unlink(system.path(name))
    return failures


def recover(system, folder):
    """Deals with what runs that died left in the folder. Returns lines to tell."""
    lines = []
    own = file_name(folder)
    for name in system.names(folder + "/cruntime-quiet.*.state"):
        if name != own:
            lines.append("%s: left by another user, who may not have put everything back" % name)
    try:
        content = load(system, own)
    except StateError as error:
        return lines + [str(error)]
    if content is None:
        return lines
    if content[0] != system.read(BOOT_ID):
        os.unlink(system.path(own))
        return lines + ["%s was of an earlier boot (or cut short): dropped" % own]
    failures = put_back(system, own)
    lines += ["not put back: " + line for line in settings.grouped(failures)]
    if not failures:
        lines.append("put back what a run that was killed left changed (%s)" % own)
    return lines
