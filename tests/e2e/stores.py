"""The databases that the end-to-end tests run on: SQLite, and a PostgreSQL server of their own.

    store = Postgres()          # or Sqlite()
    App("--dsn", store.dsn)
    store.sql("SELECT count(*) FROM rooms")       # as another process would; rows are tuples of texts
    store.close()

Each store is a fresh database. The PostgreSQL server is started at the first Postgres() of a test
process, in a private folder, on a free loopback port, and serves all its databases.

A server must not outlive the tests, however those end: tests/run kills a whole process group with
SIGKILL, and PostgreSQL's processes leave their group. So each server is the child of a guard (this
file, run as a program), which sits in a session of its own and reads commands from a pipe. When the
pipe ends, because the test process closed it or died, the guard stops the server and removes its
folder. Nothing else may inherit the writing end.
"""
import glob
import json
import os
import pwd
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

USER = "coworking"
PASSWORD = "p@ss/word%1"  # needs escaping in a URL, on purpose
SERVER_USER = "postgres"  # whom the server runs as when the tests run as root, which it refuses
START_S, STOP_S = 60, 20


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# ---- the guard ------------------------------------------------------------------------------------

def family(pid):
    """The process and its children: backends are children of the postmaster."""
    pids = [pid]
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        if int(text.rsplit(")", 1)[1].split()[1]) == pid:
            pids.append(int(path.split("/")[2]))
    return pids


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def as_server_user():
    """Arguments for subprocess that make root become whom PostgreSQL accepts."""
    return {"user": SERVER_USER, "group": SERVER_USER, "extra_groups": []} if os.geteuid() == 0 else {}


class Guard:
    """Starts, stops, kills and hangs one server, as it is told line by line on stdin: a word, and behind
    "start" the command as JSON. The folder is there before the server and goes with the guard."""

    def __init__(self, folder):
        self.folder, self.process = folder, None

    def start(self, command):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(json.loads(command), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, **as_server_user())

    def stop(self):
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, at once
            if self.process is None or self.process.poll() is not None:
                return
            self.resume()
            self.process.send_signal(number)
            try:
                self.process.wait(STOP_S / 2)
            except subprocess.TimeoutExpired:
                continue

    def runs(self):
        return "yes" if self.process is not None and self.process.poll() is None else "no"

    def kill(self):
        """As when the machine dies: everything at once, nothing is told to anybody."""
        self.hang()
        send(family(self.process.pid), signal.SIGKILL)
        self.process.wait()

    def hang(self):
        self.process.send_signal(signal.SIGSTOP)  # first: it forks
        send(family(self.process.pid), signal.SIGSTOP)

    def resume(self):
        send(family(self.process.pid), signal.SIGCONT)

    def run(self):
        for line in sys.stdin:
            word, _, rest = line.strip().partition(" ")
            act = {"start": self.start, "stop": self.stop, "kill": self.kill, "hang": self.hang,
                   "resume": self.resume, "runs": self.runs}[word]
            answer = act(rest) if rest else act()
            print("done" if answer is None else answer, flush=True)
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


# ---- a PostgreSQL server --------------------------------------------------------------------------

def postgres_programs():
    """The folder of initdb and postgres, or None."""
    debian = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4].split(".")[0]))
    for folder in ["/usr/lib/postgresql/15/bin"] + os.environ.get("PATH", "").split(os.pathsep) + debian[::-1]:
        if os.path.exists(os.path.join(folder, "initdb")) and os.path.exists(os.path.join(folder, "postgres")):
            return folder
    return None


def postgres_missing():
    """Why there can be no PostgreSQL here; "" when there can."""
    if postgres_programs() is None:
        return "PostgreSQL's server programs (initdb, postgres) are not installed"
    if os.geteuid() == 0:
        try:
            pwd.getpwnam(SERVER_USER)
        except KeyError:
            return "running as root, and there is no user %s that PostgreSQL could run as" % SERVER_USER
    return ""


class Server:
    """A PostgreSQL server in a private folder, running when the constructor returns."""

    def __init__(self, standby_of=None, settings=()):
        self.programs = postgres_programs()
        self.folder = tempfile.mkdtemp(prefix="cruntime-pg.")
        self.data = os.path.join(self.folder, "data")
        self.guard = subprocess.Popen([sys.executable, "-B", os.path.abspath(__file__), self.folder], cwd="/",
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
                                      start_new_session=True)
        try:
            if os.geteuid() == 0:
                shutil.chown(self.folder, SERVER_USER, SERVER_USER)
            if standby_of is None:
                self._init()
            else:
                self._copy(standby_of)
            self._first_start(settings)
        except BaseException:
            self.close()
            raise

    def _tool(self, name, *arguments, check=True, **more):
        result = subprocess.run([os.path.join(self.programs, name), *arguments], cwd=self.folder, timeout=START_S,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env={"PGPASSWORD": PASSWORD, "LC_ALL": "C", "PATH": os.environ.get("PATH", "")},
                                check=False, **more)
        if check and result.returncode != 0:
            raise AssertionError("%s ended with status %d:\n%s" % (name, result.returncode, result.stderr[-2000:]))
        return result

    def _init(self):
        secret = os.path.join(self.folder, "password")
        with open(secret, "w", encoding="utf-8") as file:
            file.write(PASSWORD)
        os.chmod(secret, 0o644)  # in a folder that only the server's user enters
        self._tool("initdb", "-D", self.data, "-U", USER, "--pwfile", secret, "-A", "scram-sha-256", "--no-sync",
                   "--locale=C", "-E", "UTF8", **as_server_user())

    def _copy(self, primary):
        self._tool("pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "--no-sync", "-d",
                   "host=127.0.0.1 port=%d user=%s application_name=standby" % (primary.port, USER), **as_server_user())

    def _first_start(self, settings):
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder, "shared_buffers": "32MB",
                    "max_connections": "100", "log_min_messages": "warning", **dict(settings)}
        for attempt in range(5):
            self.port = free_port()
            self.command = [os.path.join(self.programs, "postgres"), "-D", self.data, "-p", str(self.port)]
            for name, value in settings.items():
                self.command += ["-c", "%s=%s" % (name, value)]
            try:
                self.start()
                return
            except AssertionError:
                # Somebody else took the port meanwhile.
                if attempt == 4 or "could not bind" not in self.log():
                    raise

    def tell(self, what):
        """start COMMAND, stop, kill, hang or resume: returns when it is done. runs: "yes" or "no"."""
        self.guard.stdin.write(what + "\n")
        self.guard.stdin.flush()
        answer = self.guard.stdout.readline().strip()
        if not answer:
            raise AssertionError("the guard of a PostgreSQL server died at %r; the server's log:\n%s" % (
                what, self.log()))
        return answer

    def start(self):
        """Starts the server (again) and waits until it answers."""
        self.tell("start " + json.dumps(self.command))
        deadline = time.monotonic() + START_S
        while self._tool("psql", *self._psql("postgres"), "-c", "SELECT 1", check=False).returncode != 0:
            if time.monotonic() > deadline or self.tell("runs") == "no":
                raise AssertionError("PostgreSQL does not start; its log:\n" + self.log())
            time.sleep(0.05)

    def stop(self):
        self.tell("stop")

    def log(self):
        try:
            with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
                return file.read()[-4000:]
        except OSError:
            return "(none)"

    def promote(self):
        """Makes a standby the primary; returns when it takes writes."""
        self._tool("pg_ctl", "promote", "-D", self.data, "-w", "-s", **as_server_user())

    def _psql(self, database):
        return ["-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port),
                "-U", USER, "-d", database]

    def sql(self, *statements, database="postgres"):
        arguments = [word for statement in statements for word in ("-c", statement)]
        output = self._tool("psql", *self._psql(database), *arguments).stdout
        return [tuple(line.split("\t")) for line in output.splitlines()]

    def dump(self, database):
        """All that the database holds, as text."""
        return self._tool("pg_dump", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, database).stdout

    def address(self):
        return "127.0.0.1:%d" % self.port

    def dsn(self, database):
        return "postgres://%s:%s@%s/%s" % (USER, urllib.parse.quote(PASSWORD, safe=""), self.address(), database)

    def close(self):
        self.guard.stdin.close()
        self.guard.wait(3 * STOP_S)
        self.guard.stdout.close()


# ---- stores ---------------------------------------------------------------------------------------

class Sqlite:
    """A database file in a folder of its own."""
    name = "sqlite"

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="cruntime-sqlite.")
        self.dsn = os.path.join(self.folder, "coworking.db")

    @staticmethod
    def missing():
        return ""

    def sql(self, *statements):
        db = sqlite3.connect(self.dsn, timeout=10)
        try:
            with db:
                for statement in statements:
                    rows = db.execute(statement).fetchall()
            return [tuple("" if value is None else str(value) for value in row) for row in rows]
        finally:
            db.close()

    def dump(self):
        db = sqlite3.connect(self.dsn, timeout=10)
        try:
            return "\n".join(db.iterdump())
        finally:
            db.close()

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgres:
    """A database on the server of this test process."""
    name = "postgres"
    server = None
    made = 0

    def __init__(self):
        if Postgres.server is None:
            Postgres.server = Server()
            # The guard would do it as well, but then its end is not waited for.
            unittest.addModuleCleanup(Postgres.stop_server)
        Postgres.made += 1
        self.database = "coworking_%d" % Postgres.made
        self.server.sql("CREATE DATABASE %s" % self.database)
        self.dsn = self.server.dsn(self.database)

    @classmethod
    def stop_server(cls):
        if cls.server is not None:
            cls.server.close()
            cls.server = None

    @staticmethod
    def missing():
        return postgres_missing()

    def sql(self, *statements):
        return self.server.sql(*statements, database=self.database)

    def dump(self):
        return self.server.dump(self.database)

    def close(self):
        self.server.sql("DROP DATABASE %s WITH (FORCE)" % self.database)


STORES = (Sqlite, Postgres)

if __name__ == "__main__":
    Guard(sys.argv[1]).run()
