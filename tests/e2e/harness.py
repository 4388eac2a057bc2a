"""Starts the app as a user would, in a folder and an environment of its own, and talks to it.

Everything that waits has a deadline and says, when it passes, what did not happen and what the
program had printed by then. A program is ended by its process id, never by its name.

    with App(env={"CGC": "200"}) as app:
        self.assertEqual(app.get("/rooms").status, 200)

leaving the block sends SIGTERM and insists on exit status 0.
"""
import atexit
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

BUILD = os.path.abspath(os.environ.get("RT_BUILD", "build"))
SANITIZE = [name for name in os.environ.get("RT_SANITIZE", "").split(",") if name]
GCSTRESS = os.environ.get("RT_TEST_GCSTRESS", "")
# Where programs that a test starts put the ports of their agents: not with those of the user.
AGENTS = tempfile.mkdtemp(prefix="cruntime-agents.")
atexit.register(shutil.rmtree, AGENTS, ignore_errors=True)
START_S = 20 if not (SANITIZE or GCSTRESS) else 120
STOP_S = 20 if not (SANITIZE or GCSTRESS) else 120


def built(name):
    """Path of something in the build folder."""
    return os.path.join(BUILD, name)


def not_sanitized(reason):
    """Decorator: the test means nothing in a sanitizer build, for the given reason."""
    return unittest.skipIf(SANITIZE, "sanitizer build (%s): %s" % (",".join(SANITIZE), reason))


def not_tortured(reason):
    """Decorator: the test means nothing with a cycle at every allocation, for the given reason."""
    return unittest.skipIf(GCSTRESS, "gcstress=%s: %s" % (GCSTRESS, reason))


def environment(extra=None):
    """A clean environment with the given variables. Under `make torture` CDEBUG also stresses."""
    keep = ("PATH", "LANG", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")
    env = {name: os.environ[name] for name in keep if name in os.environ}
    env["GOPS_CONFIG_DIR"] = AGENTS
    env.update(extra or {})
    if GCSTRESS and "gcstress" not in env.get("CDEBUG", ""):
        env["CDEBUG"] = ",".join(filter(None, [env.get("CDEBUG", ""), "gcstress=" + GCSTRESS]))
    return env


def eventually(question, what, within_s=10.0, pause_s=0.02):
    """Asks until the answer is true and returns it; fails with `what` when the time has passed."""
    deadline = time.monotonic() + within_s
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError("did not happen within %g s: %s" % (within_s, what))
        time.sleep(pause_s)


def run(name, *arguments, env=None, cwd=None, timeout=10, torture=True):
    """Runs a program of the build folder to its end; the result has returncode, stdout, stderr, seconds."""
    surroundings = environment(env)
    if not torture:
        surroundings = dict(surroundings, CDEBUG=(env or {}).get("CDEBUG", ""))
    with contextlib.ExitStack() as stack:
        folder = cwd or stack.enter_context(tempfile.TemporaryDirectory(prefix="cruntime-run."))
        begin = time.monotonic()
        result = subprocess.run([built(name), *map(str, arguments)], cwd=folder, env=surroundings, timeout=timeout,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, errors="replace", check=False)
        result.seconds = time.monotonic() - begin
        return result


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")


class App:
    """A running app. port 0 lets it choose; `folder` is where it stands and where its database is."""

    def __init__(self, *arguments, env=None, listen="127.0.0.1:0", program="app", folder=None):
        self.own_folder = None if folder else tempfile.mkdtemp(prefix="cruntime-app.")
        self.folder = folder or self.own_folder
        self.lines = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen([built(program), "--listen", listen, *map(str, arguments)], cwd=self.folder,
                                        env=environment(env), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True, errors="replace")
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        try:
            found = self.wait_for_line(r"listening on http://([^ :]+|\[[^]]*\]):(\d+)", START_S)
        except BaseException:
            self.kill()
            raise
        self.host, self.port = found[1].strip("[]"), int(found[2])

    def _read(self):
        for line in self.process.stderr:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.lines.append(None)
            self.changed.notify_all()

    @property
    def pid(self):
        return self.process.pid

    @property
    def url(self):
        return "http://%s:%d" % (self.host, self.port)

    @property
    def stderr(self):
        """All lines of stderr so far."""
        with self.changed:
            return [line for line in self.lines if line is not None]

    def wait_for_line(self, pattern, within_s=10.0):
        """The match of the first line of stderr that holds the pattern, past or future."""
        deadline = time.monotonic() + within_s
        seen = 0
        with self.changed:
            while True:
                for line in self.lines[seen:]:
                    if line is None:
                        raise AssertionError("the app ended (status %s) without a line like %r; it printed:\n%s" % (
                            self.process.wait(), pattern, "\n".join(self.lines[:-1])))
                    found = re.search(pattern, line)
                    if found:
                        return found
                seen = len(self.lines)
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError("no line like %r within %g s; the app printed:\n%s" % (
                        pattern, within_s, "\n".join(line for line in self.lines if line is not None)))
                self.changed.wait(left)

    def request(self, method, path, body=None, headers=None, timeout=30):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return Response(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, body=body, **more)

    def stop(self, by=signal.SIGTERM, within_s=STOP_S):
        """Ends the app and returns its exit status (negative: the signal that killed it)."""
        if self.process.poll() is None:
            self.process.send_signal(by)
        try:
            status = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            printed = "\n".join(self.stderr)
            self.kill()
            raise AssertionError("still running %g s after %s; it printed:\n%s" % (within_s, by, printed)) from None
        self._release()
        return status

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._release()

    def _release(self):
        self.reader.join()
        self.process.stderr.close()
        if self.own_folder:
            shutil.rmtree(self.own_folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self.kill()
            return
        status = self.stop()
        if status != 0:
            raise AssertionError("the app ended with status %d; it printed:\n%s" % (status, "\n".join(self.stderr)))
