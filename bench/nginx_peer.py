"""nginx as a peer of the app: a private one that answers with constants, for a with block.

It serves the very bytes that h2o_minimal sends (asked of it), from `return`: no file, no log, as many worker processes
as the others have event loops, keep-alive without end. Its configuration is made anew in a temporary folder, its port
is a free one of the loopback, and it is ended by the pid of its master: an nginx of the machine is never touched.
"""

import os
import shutil
import signal
import socket
import sys
import time
import urllib.request

sys.dont_write_bytecode = True
import interleave as il  # noqa: E402

MISSING = "%s: nginx is not installed: its rows are left out."
START_TRIES = 5  # somebody else may take the port that was free

CONFIG = """daemon off;
%(user)sworker_processes %(loops)d;
pid %(folder)s/nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 3600;
    client_body_temp_path %(folder)s/body;
    proxy_temp_path %(folder)s/proxy;
    fastcgi_temp_path %(folder)s/fastcgi;
    uwsgi_temp_path %(folder)s/uwsgi;
    scgi_temp_path %(folder)s/scgi;
    default_type "application/json; charset=utf-8";
    server {
        listen 127.0.0.1:%(port)d reuseport;
        location = /rooms { return 200 '%(rooms)s'; }
        location = /bookings { return 201 '%(booking)s'; }
    }
}
"""


def find():
    """The program, or None. Debian has it where only root's PATH looks."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/local/nginx/sbin")


def missing():
    """The note for the table when there is no nginx, else None."""
    return None if find() else MISSING % os.path.basename(sys.argv[0])


def constants(options, scratch):
    """What h2o_minimal answers to GET /rooms and POST /bookings."""
    with il.Server([il.program(options, "bench/h2o_minimal"), "1"], {}, scratch) as server:
        texts = []
        for path, body in (("/rooms", None), ("/bookings", b"{}")):
            with urllib.request.urlopen(server.url + path, body, timeout=10) as answer:
                texts.append(answer.read().decode("ascii"))
    return tuple(texts)


def config(folder, loops, port, rooms, booking):
    """The text of nginx.conf. In its quotes a backslash and a quote need a backslash; a dollar cannot be said."""
    if "$" in rooms + booking:
        raise il.BenchError("nginx cannot send a constant with a dollar sign")
    quoted = [text.replace("\\", "\\\\").replace("'", "\\'") for text in (rooms, booking)]
    # Started by root, nginx would give its workers to a user who may not exist, or not enter our folder.
    user = "user root root;\n" if os.geteuid() == 0 else ""
    return CONFIG % {"user": user, "loops": loops, "folder": folder, "port": port, "rooms": quoted[0],
                     "booking": quoted[1]}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Nginx(il.Server):
    """argv is [program, loops, rooms, booking]: the rest of the command is made when it is started."""

    def __enter__(self):
        program, loops, rooms, booking = self.argv
        path = os.path.join(self.folder, "nginx.conf")
        self.argv = [program, "-p", self.folder, "-e", "stderr", "-c", path]
        try:
            for attempt in range(START_TRIES):
                self.port = free_port()
                with open(path, "w", encoding="utf-8") as out:
                    out.write(config(self.folder, int(loops), self.port, rooms, booking))
                try:
                    return super().__enter__()
                except il.BenchError as error:
                    if attempt == START_TRIES - 1 or "Address already in use" not in str(error):
                        raise
        finally:
            self.argv = [program, loops, rooms, booking]
        raise il.BenchError("nginx found no port")

    def _wait_for_url(self, log_path):
        deadline = time.monotonic() + self.START_LIMIT_S
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                with open(log_path, encoding="utf-8", errors="replace") as log:
                    raise il.BenchError("nginx ended with status %d: %s" % (self.child.returncode, log.read().strip()))
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return "http://127.0.0.1:%d" % self.port
            except OSError:
                time.sleep(0.01)
        raise il.BenchError("nginx does not listen after %d s" % self.START_LIMIT_S)

    def workers(self):
        """Pids of the worker processes."""
        try:
            with open("/proc/%d/task/%d/children" % (self.child.pid, self.child.pid), encoding="ascii") as children:
                return [int(pid) for pid in children.read().split()]
        except OSError:
            return []

    def _stop(self):
        workers = self.workers()
        super()._stop()
        if self.child.returncode == -signal.SIGKILL:  # the master could not tell them
            for pid in workers:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def pids(self):
        return super().pids() + self.workers()
