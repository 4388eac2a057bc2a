"""A program with an agent (tests/programs/agent.c), and a client of gops' protocol that owes nothing to ours."""
import os
import select
import socket
import subprocess
import tempfile
import threading

import harness
from harness import eventually

STACK, GC, MEMSTATS, VERSION, HEAP, CPU, STATS, TRACE, BINARY, SET_GC = 1, 2, 3, 4, 5, 6, 7, 8, 9, 16
PATIENCE_S = 120
EPERM, EBUSY, EADDRINUSE, EINVAL, EALREADY = -1, -16, -98, -22, -114


def varint(n):
    """As binary.PutVarint of Go writes it."""
    u = ((n << 1) ^ (n >> 63)) & ((1 << 64) - 1)
    out = bytearray()
    while u >= 0x80:
        out.append(u & 0x7f | 0x80)
        u >>= 7
    out.append(u)
    return bytes(out)


def read_all(client):
    """All that comes until the connection is closed; a reset is an error."""
    pieces = []
    while True:
        piece = client.recv(1 << 16)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


def connect(port, host="127.0.0.1"):
    return socket.create_connection((host, port), timeout=PATIENCE_S)


def sent(port, request):
    """A connection on which the request has been sent and nothing read."""
    client = connect(port)
    client.sendall(bytes([request]) if isinstance(request, int) else request)
    return client


def ask(port, request):
    """What gops would get: sends, and reads until the connection is closed."""
    with sent(port, request) as client:
        return read_all(client)


def has_answer(client, within_s=0.0):
    return bool(select.select([client], [], [], within_s)[0])


def port_in(folder, pid):
    """The port that the file says, or None: there is no file."""
    try:
        with open(os.path.join(folder, str(pid)), encoding="ascii") as file:
            return int(file.read())
    except FileNotFoundError:
        return None


def threads_of(pid):
    """The names of its threads, sorted."""
    names = []
    for tid in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/comm" % (pid, tid), encoding="utf-8") as file:
                names.append(file.read().strip())
        except (FileNotFoundError, ProcessLookupError):
            pass
    return sorted(names)


class Program:
    """tests/programs/agent. Leaving the block closes its input and insists on status 0."""

    def __init__(self, *commands, env=None, folder=None, program=None, wrapper=(), config=True):
        self.own = tempfile.TemporaryDirectory(prefix="cruntime-agent.")
        self.folder = folder or os.path.join(self.own.name, "gops")
        surroundings = harness.environment(env)
        surroundings.pop("GOPS_CONFIG_DIR")
        if config:
            surroundings["GOPS_CONFIG_DIR"] = self.folder
        surroundings.update({name: value for name, value in (env or {}).items()})
        self.process = subprocess.Popen([*wrapper, program or harness.built("tests/programs/agent")], cwd=self.own.name,
                                        env=surroundings, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, errors="replace")
        self.stderr = []
        self.reader = threading.Thread(target=lambda: self.stderr.extend(self.process.stderr), daemon=True)
        self.reader.start()
        try:
            self._line("its start")
            for command in commands:
                self.number(command)
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self):
        return self.process.pid

    @property
    def path(self):
        return os.path.join(self.folder, str(self.pid))

    @property
    def port(self):
        port = port_in(self.folder, self.pid)
        if port is None:
            raise AssertionError("there is no %s; stderr: %s" % (self.path, self.stderr))
        return port

    def _line(self, after):
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("the program ended (status %s) after %s; stderr: %s" % (
                self.process.wait(), after, self.stderr))
        return line.strip()

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._line(command)

    def number(self, command):
        return int(self.tell(command))

    def ask(self, request):
        return ask(self.port, request)

    def fds(self, pid=None):
        """What the descriptors are of."""
        folder = "/proc/%d/fd" % (pid or self.pid)
        names = {}
        for fd in os.listdir(folder):
            try:
                names[int(fd)] = os.readlink(os.path.join(folder, fd))
            except FileNotFoundError:
                pass
        return names

    def threads(self):
        return threads_of(self.pid)

    def answering(self):
        """How many threads answer somebody. A new one has the name of the one that accepts for a moment."""
        names = self.threads()
        return names.count("rt-answer") + max(0, names.count("rt-agent") - 1)

    def wait_idle(self):
        """All who came before have been taken from the kernel's queue, in their order, and answered."""
        eventually(lambda: self.ask(VERSION).startswith(b"cruntime "), "the agent answers", 60)
        eventually(lambda: self.answering() == 0, "all answers are given", 60)

    def end(self, within_s=harness.STOP_S):
        """Closes its input; the status."""
        self.process.stdin.close()
        return self.wait(within_s)

    def wait(self, within_s=harness.STOP_S):
        try:
            status = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("still running after %g s; stderr: %s" % (within_s, self.stderr)) from None
        self._release()
        return status

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._release()

    def _release(self):
        self.reader.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        self.own.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None or self.process.poll() is not None:
            self.kill()
            return
        status = self.end()
        if status != 0:
            raise AssertionError("the program ended with status %d; stderr: %s" % (status, self.stderr))
