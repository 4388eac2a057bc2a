"""A bash session that runs blocks of commands one after another, as somebody at a terminal would.

Variables, functions and background processes of a block are there in the next one. Each block has a time limit. What a
session leaves running is ended by process id, for which this process adopts orphans (PR_SET_CHILD_SUBREAPER): whatever
descends from it is its own, also a daemon. Never looks for a process by its name.
"""
import ctypes
import os
import select
import signal
import subprocess
import time

PR_SET_CHILD_SUBREAPER = 36
GRACE_S = 5.0


def adopt_orphans():
    """From here on, processes whose parents end before them become children of this one."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def parents():
    """{pid: (parent, name, is a zombie)} of all processes."""
    table = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, encoding="utf-8", errors="replace") as file:
                    text = file.read()
            except OSError:
                continue  # it has ended meanwhile
            command = text[text.index("(") + 1:text.rindex(")")]
            state, parent = text[text.rindex(")") + 2:].split()[:2]
            table[int(name)] = (int(parent), command, state == "Z")
    return table


def one_look(of, but):
    table, found, new = parents(), [], [of]
    while new:
        new = [pid for pid, (parent, _, _) in table.items() if parent in new]
        found += new
    return [(pid, table[pid][1]) for pid in found if not table[pid][2] and pid != but]


def descendants(of, but=None):
    """(pid, name) of the living descendants of a process, except one. A look takes time: of a process that begins
    another and ends meanwhile (setsid) it may see neither, but the next look sees what was begun."""
    return one_look(of, but) or one_look(of, but)


def end_descendants():
    """Ends and reaps whatever descends from this process: asked first, killed when it has not heard."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid, _ in descendants(os.getpid()):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + GRACE_S
        while descendants(os.getpid()) and time.monotonic() < deadline:
            reap()
            time.sleep(0.02)
        reap()


def reap():
    """Takes note of children that have ended, so that they are gone."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


class Result:
    """status: of the last command. failed: the first command with another status than 0, or None. in_time: False when
    the limit passed and everything was ended."""

    def __init__(self, status, failed, in_time, output):
        self.status, self.failed, self.in_time, self.output = status, failed, in_time, output


class Session:
    """Use as a context; on leaving it everything that it began is ended."""

    def __init__(self, folder, scratch, environment):
        self.scratch = scratch
        self.count = 0
        self.read_end, write_end = os.pipe()
        self.log = open(os.path.join(scratch, "session.log"), "ab")
        # By channel 9 the runner is told how commands ended.
        self.bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile"], cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=self.log,
            stderr=self.log, start_new_session=True, pass_fds=[write_end])
        os.close(write_end)
        self.pending = b""
        # monitor: job control as at a terminal; without it bash makes background processes deaf to SIGQUIT and SIGINT.
        # errtrace: also for commands of a sourced file and of functions. `exec` moves the pipe to a number that is known.
        self._say("exec 9>&%d %d>&-; set -o monitor -o errtrace; "
                  "trap 'printf \"failed %%s\\0\" \"$BASH_COMMAND\" >&9' ERR\n" % (write_end, write_end))

    def _say(self, text):
        self.bash.stdin.write(text.encode())
        self.bash.stdin.flush()

    def run(self, code, limit_s):
        """Runs a block and returns its Result."""
        self.count += 1
        script = os.path.join(self.scratch, "block-%d.sh" % self.count)
        output = os.path.join(self.scratch, "block-%d.out" % self.count)
        with open(script, "w", encoding="utf-8") as file:
            file.write(code + "\n")
        self._say("{ . '%s'; } </dev/null >>'%s' 2>&1; printf 'done %%s\\0' $? >&9\n" % (script, output))
        status, failed, in_time = self._wait(time.monotonic() + limit_s)
        with open(output, "rb") as file:
            return Result(status, failed, in_time, file.read().decode("utf-8", "replace"))

    def _wait(self, deadline):
        """(status, first failed command, whether in time); what bash itself ended with when it ended."""
        failed = None
        while True:
            while b"\0" in self.pending:
                word, self.pending = self.pending.split(b"\0", 1)
                kind, _, value = word.decode("utf-8", "replace").partition(" ")
                if kind == "done":
                    return int(value), failed, True
                failed = failed or value
            new = os.read(self.read_end, 65536) if select.select([self.read_end], [], [], 0.1)[0] else b""
            self.pending += new
            # Its end may leave the pipe open, in what it began, or not.
            if not new and self.bash.poll() is not None:
                return self.bash.returncode, failed or "the shell itself ended", True
            if time.monotonic() > deadline:
                end_descendants()
                return -1, failed, False

    def left(self):
        """(pid, name) of what runs beside the shell: a section ends what it starts. Some take a moment to end."""
        deadline = time.monotonic() + GRACE_S
        while True:
            reap_orphans(self.bash.pid)
            there = descendants(os.getpid(), but=self.bash.pid)
            if not there or time.monotonic() > deadline:
                return there
            time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        try:
            self.bash.stdin.close()
        except BrokenPipeError:
            pass
        end_descendants()
        self.bash.returncode = self.bash.returncode if self.bash.returncode is not None else 0
        os.close(self.read_end)
        self.log.close()


def reap_orphans(but):
    """Reaps adopted children that have ended, without taking bash's own end from Popen."""
    for pid, (parent, _, is_zombie) in parents().items():
        if parent == os.getpid() and is_zombie and pid != but:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass
