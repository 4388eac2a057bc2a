"""The instruments of run-overhead that must be worked while a server is loaded: with blocks around a measured run.

Each is entered with a server (interleave.Server) that is warm, begins its work before the load, ends it after, and
insists that it took place: a profile that came back empty, a poll that nobody answered or a trace of the collector
without a line makes the run worthless, as it would show an instrument that costs nothing. What comes is thrown away.
"""

import os
import socket
import sys
import threading
import time
import urllib.request

sys.dont_write_bytecode = True
import interleave as il  # noqa: E402

MARGIN_S = 0.5        # a profile or trace begins so much before the load
POLL_PAUSE_S = 0.1
MEMSTATS = b"\x03"    # gops' request; an agent answers it with text and closes the connection
LIMIT_S = 300         # for an answer; a trace of a busy server is long


class Fetched:
    """A profile or trace taken over HTTP for the length of the block, and a little longer."""

    def __init__(self, server, path, seconds, bytes_least):
        self.url = server.url + path % (seconds + 2)
        self.bytes_least, self.bytes, self.error = bytes_least, 0, None
        self.thread = threading.Thread(target=self._fetch)

    def _fetch(self):
        try:
            with urllib.request.urlopen(self.url, timeout=LIMIT_S) as answer:
                while True:
                    piece = answer.read(1 << 20)
                    if not piece:
                        break
                    self.bytes += len(piece)
        except OSError as error:
            self.error = error

    def __enter__(self):
        self.thread.start()
        time.sleep(MARGIN_S)
        return self

    def __exit__(self, *unused):
        self.thread.join()
        if self.error or self.bytes < self.bytes_least:
            raise il.BenchError("%s: %s" % (self.url, self.error or "%d bytes" % self.bytes))


class Polled:
    """Memory statistics asked of the server's agent ten times a second, as a dashboard would."""

    def __init__(self, server, folder):
        with open(os.path.join(folder, str(server.child.pid)), encoding="ascii") as file:
            self.port = int(file.read())
        self.stopping, self.answers, self.error = threading.Event(), 0, None
        self.thread = threading.Thread(target=self._poll)

    def _ask(self):
        with socket.create_connection(("127.0.0.1", self.port), LIMIT_S) as agent:
            agent.sendall(MEMSTATS)
            text = b""
            while True:
                piece = agent.recv(1 << 16)
                if not piece:
                    return text
                text += piece

    def _poll(self):
        try:
            while not self.stopping.wait(POLL_PAUSE_S):
                if b"alloc" not in self._ask():
                    raise OSError("the agent's answer to memstats is none")
                self.answers += 1
        except OSError as error:
            self.error = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.stopping.set()
        self.thread.join()
        if self.error or not self.answers:
            raise il.BenchError("polling memstats: %s" % (self.error or "no answer"))


class Logged:
    """What the server writes to its log, which must begin so: lines of gctrace=1."""

    def __init__(self, server, beginning):
        self.path, self.beginning = os.path.join(server.folder, "server.log"), beginning

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        with open(self.path, encoding="utf-8", errors="replace") as log:
            if not any(line.startswith(self.beginning) for line in log):
                raise il.BenchError("%s: no line begins with %r" % (self.path, self.beginning))
