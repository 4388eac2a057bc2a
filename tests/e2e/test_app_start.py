"""Flags, the configuration file, and what the app says when it cannot start."""
import os
import socket
import sqlite3
import subprocess
import tempfile
import unittest

from harness import App, built, environment, eventually, run
from stores import PASSWORD, USER, Postgres, free_port


# Said by every start without a configured secret, whatever comes of it.
NO_SECRET = "no secret_key configured: a random one is used, tokens die with this process"


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="cruntime-start.")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return self.path(name)

    def refused(self, status, says, *arguments):
        result = run("app", *arguments, cwd=self.folder, timeout=60)
        self.assertEqual(result.returncode, status, result.stderr)
        lines = [line for line in result.stderr.splitlines() if line != NO_SECRET]
        self.assertEqual(len(lines), 1, result.stderr)
        self.assertTrue(lines[0].startswith("app: "), lines[0])
        for part in [says] if isinstance(says, str) else says:
            self.assertIn(part, lines[0])


class Flags(Folder):
    def test_help_and_versions_are_printed_and_nothing_is_started(self):
        for flag, part in (("--help", "--listen HOST:PORT"), ("--help-env", "CMEMLIMIT"),
                           ("--version", "coworkingapp 0.1.0")):
            with self.subTest(flag):
                result = run("app", flag, cwd=self.folder)
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                self.assertIn(part, result.stdout)
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_malformed_command_line_ends_with_2_and_one_line(self):
        for arguments, says in (
                (["--nosuch"], ["unknown flag --nosuch", "--listen"]),
                (["-x"], "unknown flag -x"),
                (["serve"], 'unexpected argument "serve"'),
                (["--listen"], "--listen: want an address"),
                (["--listen="], "--listen: want an address"),
                (["--listen", "--reseed"], "--listen: want an address"),
                (["--dsn"], "--dsn: want"),
                (["--config"], "--config: want"),
                (["--reseed=yes"], "--reseed takes no value"),
                (["--listen", "8080"], ["--listen 8080: want HOST:PORT"]),
                (["--listen", "127.0.0.1:99999"], ["127.0.0.1:99999", "want HOST:PORT"]),
                (["--listen", "a\nb"], ["want HOST:PORT"])):
            with self.subTest(" ".join(arguments)):
                self.refused(2, says, *arguments)
        self.assertEqual(os.listdir(self.folder), [])


class Failures(Folder):
    def test_a_port_in_use_is_named_and_the_database_is_not_touched(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            address = "127.0.0.1:%d" % other.getsockname()[1]
            self.refused(1, [address, "Address already in use"], "--listen", address)
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_port_of_another_app_is_in_use_too(self):
        with App() as app:
            address = "127.0.0.1:%d" % app.port
            self.refused(1, [address, "Address already in use"], "--listen", address)

    def test_a_host_that_is_not_of_this_machine_is_named(self):
        self.refused(1, ["192.0.2.1:0", "Cannot assign"], "--listen", "192.0.2.1:0")

    def start(self, dsn):
        return ["--listen", "127.0.0.1:0", "--dsn", dsn]

    def test_a_database_that_cannot_be_written_is_named(self):
        self.refused(1, ["/nonexistent/x.db", "unable to open"], *self.start("/nonexistent/x.db"))
        self.refused(1, [self.folder, "unable to open"], *self.start(self.folder))
        if os.geteuid() != 0:
            path = self.write("readonly.db", b"")
            os.chmod(path, 0o444)
            self.refused(1, [path, "cannot be written"], *self.start(path))

    def test_a_corrupt_database_is_named_and_left_as_it_is(self):
        path = self.write("x.db", b"this is not a database\n" * 500)
        self.refused(1, [path, "not a database"], *self.start(path))
        with open(path, "rb") as file:
            self.assertEqual(file.read(), b"this is not a database\n" * 500)

    def test_a_damaged_page_is_found_at_start(self):
        path = self.path("y.db")
        with App("--dsn", path):
            pass
        with open(path, "r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * 4096)
        self.refused(1, path, *self.start(path))

    def test_a_database_of_another_program_is_refused(self):
        path = self.path("other.db")
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE t(x)")
        db.close()
        self.refused(1, [path, "some other program"], *self.start(path))

    def test_a_postgresql_server_that_cannot_be_reached_is_named_and_its_password_is_not(self):
        address = "127.0.0.1:%d" % free_port()
        for dsn in ("postgres://u:hush-hush@%s/db" % address,
                    "postgresql://u:hush-hush@%s/db?connect_timeout=2" % address,
                    "host=127.0.0.1 port=%s user=u password=hush-hush dbname=db" % address.split(":")[1]):
            with self.subTest(dsn):
                result = run("app", *self.start(dsn), cwd=self.folder, timeout=60)
                self.assertNotIn("hush", result.stdout + result.stderr)
                self.refused(1, ["127.0.0.1", "refused"], *self.start(dsn))
        for dsn in ("host=127.0.0.1 password=hush-hush nosuch=x", "host='hush-hush"):
            with self.subTest(dsn):
                result = run("app", *self.start(dsn), cwd=self.folder, timeout=60)
                self.assertNotIn("hush", result.stdout + result.stderr)
                self.refused(1, "want", *self.start(dsn))
        self.assertEqual(os.listdir(self.folder), [])


class PostgresDsn(Folder):
    def test_a_server_is_found_by_every_form_of_dsn(self):
        if Postgres.missing():
            self.skipTest(Postgres.missing())
        store = Postgres()
        self.addCleanup(store.close)
        words = "port=%d user=%s password='%s' dbname=%s" % (store.server.port, USER, PASSWORD, store.database)
        for dsn in (store.dsn, store.dsn.replace("postgres://", "postgresql://"), "host=127.0.0.1 " + words,
                    "host=%s %s" % (store.server.folder, words), "host=localhost hostaddr=127.0.0.1 " + words,
                    # The first server is not there; the second one is.
                    store.dsn.replace("@", "@127.0.0.1:%d," % free_port()) + "?target_session_attrs=read-write"):
            with self.subTest(dsn):
                with App("--dsn", dsn, folder=self.folder) as app:
                    self.assertEqual(len(app.get("/rooms").body), 547)
                    self.assertEqual(app.get("/readyz").status, 200)
                    self.assertNotIn(PASSWORD, "\n".join(app.stderr))
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_wrong_password_and_a_missing_database_are_named(self):
        if Postgres.missing():
            self.skipTest(Postgres.missing())
        store = Postgres()
        self.addCleanup(store.close)
        start = ["--listen", "127.0.0.1:0", "--dsn"]
        self.refused(1, "password authentication failed", *start, store.dsn.replace(":p%40", ":q%40"))
        self.refused(1, ["nosuch", "does not exist"], *start, store.dsn.replace(store.database, "nosuch"))


class Configuration(Folder):
    def test_a_bad_file_ends_with_1_and_one_line(self):
        for name, content, says in (
                ("a", "not json", "not JSON: line 1"),
                ("b", "", "not JSON"),
                ("c", "{\"dsn\": \"x\",\n \"listen\": }", "not JSON: line 2"),
                ("d", "[]", "want a JSON object"),
                ("e", '{"dsn": 5}', '"dsn" must be a string'),
                ("f", '{"listen": ["x"]}', '"listen" must be a string'),
                ("g", '{"port": 80}', ['unknown key "port"', "dsn, listen, allowed_origins"]),
                ("h", '{"dsn":"a","dsn":"b"}', "given twice"),
                ("i", '{"allowed_origins":"a\\nb"}', '"allowed_origins"'),
                ("j", b"\xff\xfe\x00", "not JSON"),
                ("k", '{"listen":"nowhere"}', ['"listen"', "nowhere", "want HOST:PORT"]),
                ("l", " " * 70000, "larger than"),
                ("m", '{"secret_key":"too short"}', ['"secret_key"', "32 bytes", "9"]),
                ("n", '{"secret_key":"0123456789abcdef0123456789abcdefX"}', ['"secret_key"', "32 bytes", "33"]),
                ("o", '{"overbooking":"yes"}', ['"overbooking"', "true or false"]),
                ("p", '{"overbooking":1}', ['"overbooking"', "true or false"]),
                ("q", '{"static":false}', '"static" must be a string'),
                ("r", '{"access_log":""}', '"access_log"')):
            with self.subTest(content[:40]):
                path = self.write(name + ".json", content)
                self.refused(1, [path] + ([says] if isinstance(says, str) else says), "--config", path)
        self.refused(1, "/nonexistent.json: No such file", "--config", "/nonexistent.json")
        self.refused(1, [self.folder, "directory"], "--config", self.folder)

    def test_the_file_is_obeyed_and_flags_win(self):
        path = self.write("app.json", '{"dsn":"sqlite:from_file.db","listen":"127.0.0.1:0",'
                                      '"allowed_origins":"https://example.org"}')
        with App("--config", path, folder=self.folder) as app:
            answer = app.get("/rooms")
            self.assertEqual(answer.headers.get_all("Access-Control-Allow-Origin"), ["https://example.org"])
            self.assertEqual(app.get("/nowhere").headers["Access-Control-Allow-Origin"], "https://example.org")
        self.assertIn("from_file.db", os.listdir(self.folder))
        with App("--config", path, "--dsn=from_flag.db", folder=self.folder):
            pass
        self.assertIn("from_flag.db", os.listdir(self.folder))
        self.assertNotIn("coworking.db", os.listdir(self.folder))

    def test_the_address_of_the_file_is_listened_on(self):
        path = self.write("app.json", '{"listen":"127.0.0.1:0"}')
        with open(self.path("err"), "wb") as err:
            process = subprocess.Popen([built("app"), "--config", path], cwd=self.folder, env=environment(),
                                       stdout=subprocess.DEVNULL, stderr=err)
        try:
            eventually(lambda: "listening on http://127.0.0.1:" in self.read("err"), "the app listens", 60)
        finally:
            process.terminate()
            self.assertEqual(process.wait(60), 0)
        self.assertNotIn(":8080", self.read("err"))

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()


class Messages(Folder):
    def test_memstats_are_printed_before_and_after_the_migration(self):
        process = subprocess.Popen([built("app"), "--listen", "127.0.0.1:0"], cwd=self.folder, env=environment(),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(process.stderr.readline(), NO_SECRET + "\n")
        line = process.stderr.readline()
        process.terminate()
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, err)
        self.assertRegex(line, r"^listening on http://127\.0\.0\.1:[1-9][0-9]*\n$")
        block = r"Alloc = \d+ MB\nTotalAlloc = \d+ MB\nSys = \d+ MB\nNumGC = \d+\n"
        self.assertRegex(out, "^" + block + block + "$")
        self.assertEqual(err, "")


if __name__ == "__main__":
    unittest.main()
