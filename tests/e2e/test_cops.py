"""cops from outside, against an agent that says what the test wants (fakeagent.py)."""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

import fakeagent
import harness

COMMANDS = ("process", "tree", "stack", "gc", "setgc", "memstats", "version", "stats", "pprof-heap", "pprof-cpu",
            "trace", "settings", "gctrace", "top")
ASKING = tuple(name for name in COMMANDS if name not in ("process", "tree"))
VERSION = re.compile(r"0\.\d+\.\d+")
DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs")

TEXTS = {
    0x1: b"thread 1 [running]:\nmain()\n\tmain.c:7 +0x2b\n",
    0x3: b"alloc: 4.38MB (4590944 bytes)\nlast-gc: -\nnum-gc: 3\ngc-pause-total: 2.325873ms\nenable-gc: true\n",
    0x4: b"cruntime 0.1.0\n",
    0x7: b"goroutines: 4\n",
}


def cops(*arguments, env=None, timeout=30):
    return harness.run("cops", *arguments, env=env, timeout=timeout, torture=False)


class Case(unittest.TestCase):
    def good(self, *arguments, **more):
        """What cops printed; it insists that all went well."""
        result = cops(*arguments, **more)
        self.assertEqual((result.returncode, result.stderr), (0, ""), arguments)
        return result.stdout

    def json(self, *arguments, **more):
        return json.loads(self.good(*arguments, "--json", **more))

    def bad(self, status, pattern, *arguments, **more):
        result = cops(*arguments, **more)
        self.assertRegex(result.stderr, r"\Acops: [^\n]+\n\Z", "exactly one line: %s" % (arguments,))
        self.assertRegex(result.stderr, pattern)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertEqual(result.stdout, "")


class Idle:
    """tests/programs/idle, or its like, until the block is left. Its folder is where agents' ports would stand."""

    def __init__(self, program="idle", *arguments, listener=None):
        self.folder = tempfile.TemporaryDirectory(prefix="cruntime-gops.")
        self.process = subprocess.Popen([os.path.join(harness.built("tests/programs"), program), *arguments],
                                        env=harness.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        pass_fds=[listener.fileno()] if listener else [], text=True)
        self.wait_until_ready()
        self.env = {"GOPS_CONFIG_DIR": self.folder.name}

    def wait_until_ready(self):
        line = self.process.stdout.readline()
        if line != "ready\n":
            raise AssertionError("not ready: %r" % line)

    @property
    def pid(self):
        return self.process.pid

    def write_port(self, text):
        fakeagent.write_port(self.folder.name, self.pid, text)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()
        self.folder.cleanup()


class List(Case):
    def row(self, idle):
        rows = [row for row in self.json(env=idle.env) if row["pid"] == idle.pid]
        return rows[0] if rows else None

    def check_line(self, program):
        with Idle(program) as idle:
            lines = self.good(env=idle.env).splitlines()
            line = next(line for line in lines if line.split()[0] == str(idle.pid))
            self.assertRegex(line, r"\A%d +%d +%s +%s +%s\Z" % (
                idle.pid, os.getpid(), program, VERSION.pattern, re.escape(harness.built("tests/programs/" + program))))
            # Columns: each line's version begins in the same place.
            self.assertEqual(len({re.search(r"[ *] (?=\S+ +/)", one).start() for one in lines}), 1, lines)

    def test_a_program_with_the_runtime_in_it_is_listed(self):
        self.check_line("idle")

    @harness.not_sanitized("there is no shared library")
    def test_a_program_that_has_mapped_the_library_is_listed(self):
        self.check_line("so_idle")

    def test_a_stripped_copy_is_listed_though_its_file_is_gone(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "stripped")
            subprocess.run(["strip", "-o", path, harness.built("tests/programs/idle")], check=True)
            with subprocess.Popen([path], env=harness.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True) as process:
                self.assertEqual(process.stdout.readline(), "ready\n")
                os.unlink(path)
                row = next(row for row in self.json() if row["pid"] == process.pid)
                process.stdin.close()
        self.assertRegex(row["version"], VERSION)
        self.assertEqual(row["path"], path)

    def test_other_programs_are_not_listed(self):
        with Idle() as idle:
            pids = [row["pid"] for row in self.json()]
            self.assertIn(idle.pid, pids)
            self.assertNotIn(os.getpid(), pids)

    def test_an_agent_is_marked_while_it_listens(self):
        with fakeagent.FakeAgent() as agent, Idle(listener=agent.socket) as idle:
            self.assertIsNone(self.row(idle)["agent"])
            idle.write_port("%d\n" % agent.port)
            self.assertEqual(self.row(idle)["agent"], agent.address)
            self.assertRegex(self.good(env=idle.env), r"(?m)^%d +\d+ +idle *\* " % idle.pid)
            self.assertRegex(self.good("tree", env=idle.env), r"(?m)── \[\*\]  %d \(idle\) \{" % idle.pid)

    def test_a_port_file_that_outlived_its_agent_marks_nothing(self):
        with fakeagent.FakeAgent() as agent, Idle() as idle:
            for text in (agent.port, "no port", "", "0", "70000"):
                idle.write_port(text)
                self.assertIsNone(self.row(idle)["agent"], text)

    def test_the_tree_shows_children_below_their_parents(self):
        child = harness.built("tests/programs/idle")
        with Idle("idle", child) as idle:
            idle.wait_until_ready()
            children = [row for row in self.json(env=idle.env) if row["ppid"] == idle.pid]
            self.assertEqual([row["path"] for row in children], [child])
            tree = self.json("tree", env=idle.env)
            self.assertRegex(self.good("tree", env=idle.env),
                             r"(?s)\A\.\.\.\n.*── %d\n.*── %d \(idle\) \{[^}]+\}\n[ │]+└── %d \(" % (
                                 os.getpid(), idle.pid, children[0]["pid"]))
        root = next(root for root in tree if root["pid"] == os.getpid())
        parent = next(one for one in root["children"] if one["pid"] == idle.pid)
        self.assertEqual([one["pid"] for one in parent["children"]], [children[0]["pid"]])

    @unittest.skipUnless(os.geteuid() == 0, "needs root: to be somebody who may not look at our processes")
    def test_processes_that_may_not_be_looked_at_are_left_out(self):
        with Idle() as idle, tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            copy = os.path.join(folder, "cops")
            subprocess.run(["cp", harness.built("cops"), copy], check=True)
            result = subprocess.run([copy, "--json"], env=harness.environment(), user=65534, group=65534,
                                    extra_groups=[], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                    check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertNotIn(idle.pid, [row["pid"] for row in json.loads(result.stdout)])


class Process(Case):
    def test_a_process_is_described_in_gops_words(self):
        with socket.create_server(("127.0.0.1", 0)) as server, Idle("idle", listener=server) as idle:
            text = self.good(idle.pid)
            what = dict(line.split(":\t", 1) for line in text.splitlines())
            self.assertEqual(list(what), ["parent PID", "threads", "memory usage", "cpu usage", "username", "cmd+args",
                                          "elapsed time", "local/remote"])
            self.assertEqual(what["parent PID"], str(os.getpid()))
            self.assertRegex(what["memory usage"], r"\A\d+\.\d{3}%\Z")
            self.assertRegex(what["cpu usage"], r"\A\d+\.\d{3}%\Z")
            self.assertEqual(what["cmd+args"], harness.built("tests/programs/idle"))
            self.assertRegex(what["elapsed time"], r"\A\d\d:\d\d\Z")
            self.assertEqual(what["local/remote"], "127.0.0.1:%d <-> 0.0.0.0:0 (LISTEN)" % server.getsockname()[1])
            self.assertEqual(self.good("process", idle.pid).split("cpu usage")[0], text.split("cpu usage")[0])
            threads = len(os.listdir("/proc/%d/task" % idle.pid))
            self.assertEqual(int(what["threads"]), threads)

    def test_a_duration_adds_the_use_of_cpu_meanwhile(self):
        burner = subprocess.Popen(["python3", "-c", "while True: pass"])
        try:
            self.assertRegex(self.good(burner.pid, "300ms"), r"(?m)^cpu usage \(300ms\):\t\d+\.\d{3}%$")
            what = self.json(burner.pid, "1")
            self.assertEqual(what["period_seconds"], 1)
            self.assertGreater(what["period_cpu_percent"], 5)
            self.assertLess(what["period_cpu_percent"], 150)
        finally:
            burner.kill()
            burner.wait()

    def test_what_a_process_calls_itself_cannot_drive_the_terminal(self):
        with Idle("idle", "/nonexistent", "\033]0;x\007", "a\u009b1m", "caf\u00e9") as idle:
            line = next(line for line in self.good(idle.pid).split("\n") if line.startswith("cmd+args"))
            self.assertTrue(line.endswith(" /nonexistent ?]0;x? a?1m caf\u00e9"), line)
            self.assertEqual(self.json(idle.pid)["cmdline"][2:], ["\033]0;x\007", "a\u009b1m", "caf\u00e9"])

    def test_json_tells_the_same(self):
        what = self.json(os.getpid())
        self.assertEqual((what["pid"], what["ppid"]), (os.getpid(), os.getppid()))
        with open("/proc/self/cmdline", "rb") as file:
            self.assertEqual(what["cmdline"], file.read().decode().split("\0")[:-1])
        self.assertGreater(what["memory_percent"], 0)
        self.assertNotIn("period_seconds", what)

    def test_a_process_that_is_not_there_is_an_error(self):
        self.bad(1, "no process has the PID 2147483647", 2147483647)
        self.bad(2, "99999999999: want a PID", 99999999999)
        self.bad(2, "want a duration", os.getpid(), "soon")


class Ask(Case):
    def test_text_commands_send_their_byte_and_print_what_comes(self):
        with fakeagent.FakeAgent(gops=TEXTS) as agent:
            for byte, command in ((0x1, "stack"), (0x3, "memstats"), (0x4, "version"), (0x7, "stats")):
                self.assertEqual(self.good(command, agent.address), TEXTS[byte].decode())
                self.assertEqual(agent.asked.pop(), bytes([byte]))

    def test_json_holds_their_figures(self):
        with fakeagent.FakeAgent(gops=TEXTS) as agent:
            self.assertEqual(self.json("stack", agent.address), {"stack": TEXTS[0x1].decode()})
            self.assertEqual(self.json("version", agent.address), {"version": "cruntime 0.1.0"})
            self.assertEqual(self.json("stats", agent.address), {"goroutines": 4})
            self.assertEqual(self.json("memstats", agent.address), {
                "alloc": 4590944, "last-gc": None, "num-gc": 3, "gc-pause-total": "2.325873ms", "enable-gc": True})

    def test_gc_waits_for_ok_and_says_nothing(self):
        with fakeagent.FakeAgent(gops={0x2: b"ok"}) as agent:
            self.assertEqual(self.good("gc", agent.address), "")
            self.assertEqual(self.json("gc", agent.address), {"gc": "ok"})
            agent.gops[0x2] = b"busy\n"
            self.bad(1, "gc: busy", "gc", agent.address)

    def test_setgc_sends_a_signed_varint(self):
        with fakeagent.FakeAgent(gops={0x10: b"New GC percent set to 50. Previous value was -1."}) as agent:
            for text, varint in (("50", b"\x64"), ("off", b"\x01"), ("-1", b"\x01"), ("200", b"\x90\x03")):
                self.assertEqual(self.good("setgc", agent.address, text),
                                 "New GC percent set to 50. Previous value was -1.")
                self.assertEqual(agent.asked[-1], b"\x10" + varint.ljust(10, b"\0"))
            self.assertEqual(self.json("setgc", agent.address, "50"), {"gc_percent": 50, "previous": -1})
            for text in ("", "x", "1.5", "--5", "99999999999"):
                self.bad(2, "want", "setgc", agent.address, "--", text)

    def test_a_pid_is_looked_up_where_agents_leave_their_ports(self):
        with fakeagent.FakeAgent(gops={0x4: b"v\n"}) as agent, Idle() as idle, tempfile.TemporaryDirectory() as home:
            self.bad(1, "process %d has no agent: no port of it in %s" % (idle.pid, idle.folder.name),
                     "version", idle.pid, env=idle.env)
            idle.write_port(agent.port)
            self.assertEqual(self.good("version", idle.pid, env=idle.env), "v\n")
            os.makedirs(os.path.join(home, ".config", "gops"))
            fakeagent.write_port(os.path.join(home, ".config", "gops"), idle.pid, agent.port)
            elsewhere = {"GOPS_CONFIG_DIR": "", "HOME": home}
            self.assertEqual(self.good("version", idle.pid, env=elsewhere), "v\n")
            elsewhere = {"GOPS_CONFIG_DIR": "", "XDG_CONFIG_HOME": os.path.join(home, ".config")}
            self.assertEqual(self.good("version", idle.pid, env=elsewhere), "v\n")

    def test_an_agent_is_asked_at_the_address_at_which_it_listens(self):
        with fakeagent.FakeAgent(gops={0x4: b"v\n"}, host="127.0.0.2") as agent, Idle(listener=agent.socket) as idle:
            idle.write_port(agent.port)
            self.assertEqual(self.good("version", idle.pid, env=idle.env), "v\n")
        with fakeagent.FakeAgent(gops={0x4: b"v\n"}, host="0.0.0.0") as agent, Idle(listener=agent.socket) as idle:
            idle.write_port(agent.port)
            self.assertEqual(self.good("version", idle.pid, env=idle.env), "v\n")

    def test_a_port_alone_is_one_of_this_machine(self):
        with fakeagent.FakeAgent(gops={0x4: b"v\n"}) as agent:
            self.assertEqual(self.good("version", ":%d" % agent.port), "v\n")
            self.assertEqual(self.good("version", "localhost:%d" % agent.port), "v\n")

    def test_a_long_answer_comes_whole(self):
        text = b"".join(b"thread %d [running]:\n" % i for i in range(200000))
        with fakeagent.FakeAgent(gops={0x1: text}) as agent:
            self.assertEqual(self.good("stack", agent.address), text.decode())

    def test_nobody_at_the_address_is_an_error_of_every_command(self):
        address = fakeagent.refused_address()
        for command in ASKING:
            self.bad(1, r"%s: cannot connect: Connection refused" % re.escape(address), command, address,
                     *(["50"] if command == "setgc" else []))

    def test_an_agent_that_says_nothing_is_an_error_of_every_command(self):
        with fakeagent.FakeAgent(pages={"/debug/" + name: lambda *_: (200, b"") for name in
                                        ("settings", "memstats", "metrics")}) as agent:
            agent.pages["/debug/gctrace"] = (500, b"")
            for command in ASKING:
                self.bad(1, re.escape(agent.address) if command != "settings" else "not JSON", command, agent.address,
                         *(["50"] if command == "setgc" else []))


class Save(Case):
    PROFILE, TRACE = b"\x1f\x8bprofile", b"go 1.22 trace\0\0\0trace"
    BYTES = {0x5: PROFILE, 0x6: PROFILE, 0x8: TRACE}
    KINDS = (("pprof-heap", 0x5, "go tool pprof"), ("pprof-cpu", 0x6, "go tool pprof"), ("trace", 0x8, "go tool trace"))

    def test_a_new_file_holds_what_came_and_the_command_that_shows_it_is_said(self):
        with fakeagent.FakeAgent(gops=self.BYTES) as agent, tempfile.TemporaryDirectory() as folder:
            for command, byte, tool in self.KINDS:
                lines = self.good(command, agent.address, env={"TMPDIR": folder}).splitlines()
                self.assertEqual(agent.asked.pop(), bytes([byte]))
                path = lines[0].rpartition(": ")[2]
                self.assertEqual(os.path.dirname(path), folder)
                self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
                with open(path, "rb") as file:
                    self.assertEqual(file.read(), self.BYTES[byte])
                self.assertEqual(lines[1].split(":", 1)[1].strip(), "%s %s" % (tool, path))

    def test_a_file_can_be_chosen(self):
        with fakeagent.FakeAgent(gops=self.BYTES) as agent, tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "it's here")
            text = self.good("pprof-heap", agent.address, "-o", path)
            with open(path, "rb") as file:
                self.assertEqual(file.read(), self.PROFILE)
            command = text.splitlines()[1].split(":", 1)[1].strip()
            shown = subprocess.run(["sh", "-c", "printf '%s\\n' " + command], stdout=subprocess.PIPE, text=True,
                                   check=True)
            self.assertEqual(shown.stdout.splitlines()[-1], path)
            self.assertEqual(self.json("trace", agent.address, "-o", path), {
                "file": path, "bytes": len(self.TRACE), "command": "go tool trace"})

    def test_standard_output_can_be_chosen(self):
        with fakeagent.FakeAgent(gops=self.BYTES) as agent:
            result = subprocess.run([harness.built("cops"), "trace", "-o-", agent.address], env=harness.environment(),
                                    stdout=subprocess.PIPE, check=True)
            self.assertEqual(result.stdout, self.TRACE)
            self.bad(2, "cannot both", "trace", "-o-", "--json", agent.address)

    def test_what_is_no_profile_is_the_agents_word_and_leaves_no_file(self):
        with fakeagent.FakeAgent(gops={0x6: b"a CPU profile is being taken\n"}) as agent, \
                tempfile.TemporaryDirectory() as folder:
            self.bad(1, "no CPU profile: a CPU profile is being taken", "pprof-cpu", agent.address,
                     env={"TMPDIR": folder})
            self.bad(1, "closed without", "trace", agent.address, "-o", os.path.join(folder, "x"))
            self.assertEqual(os.listdir(folder), [])
            agent.gops[0x6] = self.PROFILE
            self.bad(1, "cannot make .*No such file", "pprof-cpu", agent.address, "-o", os.path.join(folder, "no/file"))


class Settings(Case):
    KNOBS = [{"name": "CGC", "value": "100", "source": "default", "unit": "percent", "help": "x"},
             {"name": "CMEMLIMIT", "value": "off", "source": "environment", "unit": "bytes", "help": "y"},
             {"name": "CDEBUG", "value": "", "source": "default", "unit": "", "help": "z"}]

    def page(self, method, path, body):
        if method == "GET":
            return json.dumps(self.KNOBS).encode()
        if "nosuch" in body:
            return 400, b'{"code":"bad value","message":"nosuch: want gc_percent\\nor another"}'
        return b'{"gc_percent":{"old":100,"new":50},"memory_limit":{"old":"off","new":67108864}}'

    def test_every_knob_is_shown_with_its_value_and_source(self):
        with fakeagent.FakeAgent(pages={"/debug/settings": self.page}) as agent:
            self.assertEqual([line.split() for line in self.good("settings", agent.address).splitlines()], [
                ["CGC", "100", "default", "percent"], ["CMEMLIMIT", "off", "environment", "bytes"],
                ["CDEBUG", "-", "default"]])
            self.assertEqual(self.json("settings", agent.address), self.KNOBS)
            method, path, headers, body = agent.asked[-1]
            self.assertEqual((method, path, body), ("GET", "/debug/settings", ""))
            self.assertEqual(headers["host"], agent.address)

    def test_pairs_are_posted_as_one_form(self):
        with fakeagent.FakeAgent(pages={"/debug/settings": self.page}) as agent:
            self.assertEqual(self.good("settings", agent.address, "CGC=50", "memory_limit=64 MiB"),
                             "gc_percent: 100 -> 50\nmemory_limit: off -> 67108864\n")
            method, _, headers, body = agent.asked[-1]
            self.assertEqual((method, body), ("POST", "gc_percent=50&memory_limit=64%20MiB"))
            self.assertEqual(headers["content-type"], "application/x-www-form-urlencoded")
            self.assertEqual(self.json("settings", agent.address, "CGC=50")["gc_percent"], {"old": 100, "new": 50})

    def test_a_refusal_is_the_agents_sentence(self):
        with fakeagent.FakeAgent(pages={"/debug/settings": self.page}) as agent:
            self.bad(1, r"nosuch: want gc_percent\?or another", "settings", agent.address, "nosuch=1")
            self.bad(2, "want KEY=VALUE", "settings", agent.address, "CGC")
            agent.pages.clear()
            self.bad(1, "no such page", "settings", agent.address)

    def test_an_agent_that_speaks_no_http_is_told_from_ours(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            process = subprocess.Popen([harness.built("cops"), "settings", "127.0.0.1:%d" % server.getsockname()[1]],
                                       stderr=subprocess.PIPE, text=True, env=harness.environment())
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"unknown command\n")
            _, stderr = process.communicate(timeout=20)
        self.assertRegex(stderr, r"\Acops: [^\n]*not HTTP[^\n]*\n\Z")
        self.assertEqual(process.returncode, 1)


class Gctrace(Case):
    """A program that runs two cycles between any two questions."""

    def setUp(self):
        self.number, self.kept, self.step = 10, 4096, 2
        self.agent = fakeagent.FakeAgent(pages={"/debug/gctrace": self.page})
        self.addCleanup(self.agent.close)

    def page(self, method, path, body):
        n = int(re.search(r"n=(\d+)", path)[1])
        numbers = range(max(1, self.number - min(n, self.kept) + 1), self.number + 1)
        self.number += self.step
        if "format=json" in path:
            return json.dumps([{"number": i, "forced": False} for i in numbers]).encode()
        return "".join("gc %d @0.%03ds 1%%: ...\n" % (i, i) for i in numbers).encode()

    def test_each_new_cycle_is_one_line_and_none_comes_twice(self):
        lines = self.good("gctrace", self.agent.address, "-n5", "-d", "10ms").splitlines()
        self.assertEqual(lines, ["gc %d @0.%03ds 1%%: ..." % (i, i) for i in range(11, 16)])

    def test_with_json_each_is_an_object(self):
        text = self.good("gctrace", self.agent.address, "-n3", "-d", "10ms", "--json")
        self.assertEqual([json.loads(line)["number"] for line in text.splitlines()], [11, 12, 13])

    def test_a_burst_is_asked_for_again(self):
        self.step = 500
        lines = self.good("gctrace", self.agent.address, "-n600", "-d", "10ms").splitlines()
        self.assertEqual([int(line.split()[1]) for line in lines], list(range(11, 611)))

    def test_cycles_that_the_agent_has_not_kept_are_counted(self):
        self.step, self.kept = 500, 100
        result = cops("gctrace", self.agent.address, "-n100", "-d", "10ms")
        self.assertEqual(result.stdout.splitlines()[0].split()[1], "911")
        self.assertEqual(result.stderr, "cops: 900 cycles were too long ago\n")

    def test_it_goes_on_until_the_program_ends_or_ctrl_c_comes(self):
        with subprocess.Popen([harness.built("cops"), "gctrace", self.agent.address, "-d10ms"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, env=harness.environment()) as process:
            for i in range(11, 31):
                self.assertEqual(process.stdout.readline().split()[1], str(i))
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(20), -signal.SIGINT)
        with subprocess.Popen([harness.built("cops"), "gctrace", self.agent.address, "-d10ms"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, env=harness.environment()) as process:
            process.stdout.readline()
            self.agent.close()
            _, stderr = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 1)
        self.assertRegex(stderr, r"\Acops: [^\n]+\n\Z")


class Words(Case):
    def test_usage_errors_end_with_2_and_one_line(self):
        self.bad(2, "unknown command", "nosuch")
        self.bad(2, "unknown option", "--nosuch")
        self.bad(2, "want no arguments", "tree", "1")
        self.bad(2, "takes no --count", "stack", "-n1", "1")
        self.bad(2, "unknown command", "help", "nosuch")
        for command in ASKING:
            self.bad(2, "%s: want PID" % command, command)
            self.bad(2, "want a PID or HOST:PORT", command, "x", *(["50"] if command == "setgc" else []))

    def test_every_command_has_help_and_a_place_in_the_man_page(self):
        with open(os.path.join(DOCS, "cops.1"), encoding="utf-8") as file:
            page = file.read()
        every = self.good("--help")
        for command in COMMANDS:
            text = self.good(command, "--help")
            self.assertRegex(text, r"\Ausage: cops %s " % command)
            self.assertEqual(self.good("help", command), text)
            self.assertIn("cops %s" % command, every)
            self.assertRegex(page, r"(?m)^\.BI? (.*fB)?%s\b|^\.B %s$" % (command, command))

    def test_the_version_is_the_runtimes(self):
        self.assertRegex(self.good("--version"), r"\Acops %s\n\Z" % VERSION.pattern)
        self.assertRegex(self.json("--version")["version"], VERSION)

    def test_output_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            result = subprocess.run([harness.built("cops"), "--help"], stdout=full, stderr=subprocess.PIPE, text=True,
                                    check=False)
        self.assertEqual((result.returncode, result.stderr), (1, "cops: cannot write to standard output\n"))


class Completion(Case):
    def complete(self, *words, env=None):
        """What bash would offer for the last of the words."""
        script = """. '%s/cops.bash'; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cops
                    printf '%%s\\n' "${COMPREPLY[@]}" """ % DOCS
        result = subprocess.run(["bash", "-c", script, "bash", harness.built("cops"), *words],
                                env=harness.environment(env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                check=True, timeout=60)
        self.assertEqual(result.stderr, "")
        return result.stdout.split()

    def test_commands_options_and_keys_are_offered(self):
        self.assertEqual(self.complete("pp"), ["pprof-heap", "pprof-cpu"])
        self.assertTrue(set(COMMANDS) <= set(self.complete("")))
        self.assertTrue(set(COMMANDS) <= set(self.complete("help", "")))
        self.assertEqual(self.complete("top", "--c"), ["--count"])
        self.assertEqual(self.complete("stack", "--c"), [])
        self.assertEqual(self.complete("settings", "12", "CG"), ["CGC="])
        self.assertEqual(self.complete("setgc", "12", "o"), ["off"])

    def test_pids_are_those_that_can_be_asked(self):
        with fakeagent.FakeAgent() as agent, Idle(listener=agent.socket) as idle:
            pid = str(idle.pid)
            self.assertNotIn(pid, self.complete("stack", "", env=idle.env))
            self.assertIn(pid, self.complete("process", "", env=idle.env))
            idle.write_port(agent.port)
            self.assertIn(pid, self.complete("stack", "--json", "", env=idle.env))
            # A longer name moves the mark away from this one's.
            copy = os.path.join(idle.folder.name, "a-much-longer-name")
            shutil.copy(harness.built("tests/programs/idle"), copy)
            with Idle(copy):
                self.assertEqual(self.complete("stack", "", env=idle.env).count(pid), 1)


if __name__ == "__main__":
    unittest.main()
