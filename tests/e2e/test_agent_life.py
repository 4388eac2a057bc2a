"""When there is an agent and when there is none: CAGENT, the port's file, fork, the end of the program, the app."""
import contextlib
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
import unittest

import harness
from agents import (BINARY, CPU, EADDRINUSE, EALREADY, EINVAL, EPERM, MEMSTATS, VERSION, Program, ask, port_in,
                    read_all, sent, threads_of)
from harness import App, eventually

NOBODY = 65534


def is_refused(port, host="127.0.0.1"):
    with socket.socket() as client:
        return client.connect_ex((host, port)) != 0


def listeners(pid):
    """ADDRESS:PORT in hex of each TCP socket on which the process listens."""
    inodes = {re.sub(r"\D", "", name) for name in Program.fds(None, pid).values() if name.startswith("socket:")}
    found = []
    for table in ("tcp", "tcp6"):
        with open("/proc/%d/net/%s" % (pid, table), encoding="ascii") as file:
            rows = [line.split() for line in file.read().splitlines()[1:]]
        found += [row[1] for row in rows if row[3] == "0A" and row[9] in inodes]
    return found


def dead_pid():
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


@contextlib.contextmanager
def killed(child):
    """The child of a program, which dies when the block is left: it has the program's standard error open."""
    try:
        yield child
    finally:
        os.kill(child, signal.SIGKILL)


class PortFile(unittest.TestCase):
    def test_it_holds_the_port_is_for_its_user_alone_and_goes_at_exit(self):
        with tempfile.TemporaryDirectory(prefix="cruntime-life.") as base:
            folder = os.path.join(base, "some", "gops")
            program = Program("umask 0", "start", folder=folder)
            with open(program.path, "rb") as file:
                text = file.read()
            self.assertRegex(text, rb"\A[1-9]\d{0,4}\Z")
            self.assertEqual(listeners(program.pid), ["0100007F:%04X" % int(text)])
            self.assertEqual(stat.S_IMODE(os.stat(program.path).st_mode), 0o600)
            self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700)
            self.assertEqual(os.listdir(folder), [str(program.pid)])
            self.assertEqual(program.end(), 0)
            self.assertEqual(os.listdir(folder), [])
            self.assertEqual(program.stderr, [])

    def test_it_is_where_gops_looks(self):
        with tempfile.TemporaryDirectory(prefix="cruntime-life.") as base:
            for env, below in (({"XDG_CONFIG_HOME": base}, "gops"), ({"HOME": base}, ".config/gops"),
                               ({"XDG_CONFIG_HOME": base, "HOME": "/nowhere"}, "gops")):
                with Program("start", env=env, config=False, folder=os.path.join(base, below)) as program:
                    self.assertTrue(program.ask(VERSION).startswith(b"cruntime "))
            with Program("start - " + base + "/told", folder=base + "/told") as program:
                self.assertTrue(program.ask(VERSION).startswith(b"cruntime "))

    def test_a_folder_that_cannot_be_written_is_one_line_and_the_agent_is_there(self):
        cases = (({"GOPS_CONFIG_DIR": "/proc/nowhere"}, "no file in /proc/nowhere: "),
                 ({}, "no HOME, XDG_CONFIG_HOME or GOPS_CONFIG_DIR is set"))
        for env, why in cases:
            program = Program(env=env, config=False)
            self.assertEqual(program.number("start"), 0)
            port = int(listeners(program.pid)[0].split(":")[1], 16)
            self.assertTrue(ask(port, VERSION).startswith(b"cruntime "))
            self.assertEqual(program.end(), 0)
            self.assertEqual(len(program.stderr), 1, program.stderr)
            begin = "agent: gops and cops find the agent by its port alone, %d: %s" % (port, why)
            self.assertTrue(program.stderr[0].startswith(begin), program.stderr)

    def test_a_program_that_was_killed_leaves_it_and_the_next_one_takes_it_away(self):
        with tempfile.TemporaryDirectory(prefix="cruntime-life.") as folder:
            for command, status in (("_exit", 3), (None, -signal.SIGKILL)):
                program = Program("start", folder=folder)
                if command:
                    program.process.stdin.write(command + "\n")
                    program.process.stdin.flush()
                else:
                    program.process.kill()
                self.assertEqual(program.wait(), status)
                self.assertIsNotNone(port_in(folder, program.pid))
            others = (str(os.getpid()), "notes", "0")
            for name in (*others, str(dead_pid())):
                with open(os.path.join(folder, name), "w", encoding="ascii") as file:
                    file.write("1")
            with Program("start", folder=folder) as program:
                self.assertEqual(sorted(os.listdir(folder)), sorted([*others, str(program.pid)]))

    def test_it_is_removed_from_wherever_the_program_has_gone(self):
        with tempfile.TemporaryDirectory(prefix="cruntime-life.") as base:
            os.mkdir(os.path.join(base, "gops"))
            program = Program(env={"GOPS_CONFIG_DIR": "../" + os.path.basename(base) + "/gops"}, folder=base + "/gops")
            self.assertEqual(program.number("start"), 0)
            self.assertIsNotNone(program.port)
            self.assertEqual(program.number("chdir /"), 0)
            path = program.path
            self.assertEqual(program.end(), 0)
            self.assertFalse(os.path.exists(path))


class Calls(unittest.TestCase):
    def test_it_is_started_once_and_may_be_started_again_after_a_stop(self):
        with Program() as program:
            self.assertIsNone(port_in(program.folder, program.pid))
            before = program.fds(), program.threads()
            for _ in range(3):
                self.assertEqual(program.number("start"), 0)
                port = program.port
                self.assertEqual(program.number("start"), EALREADY)
                self.assertTrue(ask(port, VERSION).startswith(b"cruntime "))
                self.assertEqual(program.tell("stop"), "stopped")
                self.assertIsNone(port_in(program.folder, program.pid))
                self.assertTrue(is_refused(port))
                eventually(lambda: (program.fds(), program.threads()) == before, "the threads have ended")
            self.assertEqual(program.tell("stop"), "stopped")

    def test_a_stop_ends_answers_that_are_under_way(self):
        with Program("start") as program:
            port = program.port
            with sent(port, CPU) as profile, sent(port, b"") as silent, sent(port, b"GET /") as half:
                eventually(lambda: program.answering() == 3, "three are answered")
                begin = time.monotonic()
                self.assertEqual(program.tell("stop"), "stopped")
                self.assertLess(time.monotonic() - begin, 25)
                for client in (profile, silent, half):
                    try:
                        read_all(client)
                    except ConnectionResetError:
                        pass
            eventually(lambda: program.answering() == 0, "they have ended")
            self.assertEqual(program.number("start"), 0)
            self.assertTrue(program.ask(VERSION).startswith(b"cruntime "))

    def test_addresses_that_cannot_be_had_are_errors(self):
        with Program() as program, socket.create_server(("127.0.0.1", 0)) as other:
            taken = other.getsockname()[1]
            self.assertEqual(program.number("start 127.0.0.1:%d" % taken), EADDRINUSE)
            self.assertEqual(program.number("start 127.0.0.1"), EINVAL)
            self.assertEqual(program.number("start example.org:80"), EINVAL)
            self.assertEqual(program.number("start :0"), EINVAL)
            self.assertEqual(program.number("start 0.0.0.0:0"), EPERM)
            self.assertEqual(program.number("start [::]:0"), EPERM)
            self.assertEqual(listeners(program.pid), [])
            self.assertIsNone(port_in(program.folder, program.pid))
            self.assertEqual(program.number("start localhost:0"), 0)

    def test_it_listens_beyond_loopback_when_told(self):
        with Program() as program:
            self.assertEqual(program.number("start-remote 0.0.0.0:0"), 0)
            self.assertEqual(listeners(program.pid), ["00000000:%04X" % program.port])
            self.assertTrue(program.ask(VERSION).startswith(b"cruntime "))

    def test_ipv6_and_a_port_of_ones_own(self):
        try:
            with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
                port = other.getsockname()[1]
        except OSError:
            self.skipTest("there is no IPv6 here")
        with Program() as program:
            self.assertEqual(program.number("start [::1]:%d" % port), 0)
            self.assertEqual(program.port, port)
            with socket.create_connection(("::1", port), timeout=60) as client:
                client.sendall(bytes([VERSION]))
                self.assertTrue(read_all(client).startswith(b"cruntime "))
            self.assertTrue(is_refused(port))

    def test_a_port_may_be_taken_again_at_once(self):
        with Program("start") as program:
            port = program.port
            ask(port, MEMSTATS)
            self.assertEqual(program.tell("stop"), "stopped")
            self.assertEqual(program.number("start 127.0.0.1:%d" % port), 0)
            self.assertEqual(program.port, port)


class Variable(unittest.TestCase):
    def test_off_is_none_whatever_the_program_asks_for(self):
        with Program(env={"CAGENT": "off"}) as program:
            self.assertEqual(program.number("start"), 0)
            self.assertEqual(program.number("start 127.0.0.1:0"), 0)
            self.assertEqual(program.number("start-remote 0.0.0.0:0"), 0)
            self.assertEqual(listeners(program.pid), [])
            self.assertFalse(os.path.exists(program.folder))
            self.assertNotIn("rt-agent", program.threads())

    def test_with_an_address_it_is_there_before_the_program_asks(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
        with Program(env={"CAGENT": "127.0.0.1:%d" % port}) as program:
            self.assertEqual(program.port, port)
            self.assertTrue(program.ask(VERSION).startswith(b"cruntime "))
            self.assertEqual(program.number("start 127.0.0.1:0"), 0)
            self.assertEqual(program.port, port)
            self.assertEqual(program.number("start"), EALREADY)
            self.assertEqual(program.tell("stop"), "stopped")
            self.assertTrue(is_refused(port))

    def test_one_that_cannot_be_had_is_one_line_and_the_program_runs(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            address = "127.0.0.1:%d" % other.getsockname()[1]
            program = Program(env={"CAGENT": address})
            self.assertEqual(program.number("start"), EADDRINUSE)
            self.assertEqual(program.end(), 0)
            self.assertEqual(program.stderr,
                             ["agent: CAGENT=%s: there is no agent: Address already in use\n" % address])

    def test_beyond_loopback_needs_agentremote(self):
        with Program(env={"CAGENT": "0.0.0.0:0", "CDEBUG": "agentremote=1"}) as program:
            self.assertEqual(listeners(program.pid), ["00000000:%04X" % program.port])
        with Program(env={"CDEBUG": "agentremote=1"}) as program:  # of CAGENT alone
            self.assertEqual(program.number("start 0.0.0.0:0"), EPERM)


class Fork(unittest.TestCase):
    def test_a_child_is_not_the_agent(self):
        with Program("start") as program:
            with sent(program.port, CPU) as profile:
                eventually(lambda: program.answering() == 1, "a profile is taken")
                with killed(program.number("fork")) as child:
                    # Its pid is told by the parent: it may still be on its way out of fork.
                    eventually(lambda: not [name for name in program.fds(child).values() if name.startswith("socket:")],
                               "the child has closed what is the parent's")
                    self.assertEqual(listeners(child), [])
                    self.assertGreater(len(listeners(program.pid)), 0)
                    profile.shutdown(socket.SHUT_WR)
                    self.assertGreater(len(read_all(profile)), 0)  # to the end, which the child does not keep open
            self.assertEqual(program.number("fork-exit"), 7)
            self.assertTrue(program.ask(VERSION).startswith(b"cruntime "))
            path, port = program.path, program.port
        self.assertFalse(os.path.exists(path))
        self.assertTrue(is_refused(port))

    def test_a_child_may_have_one_of_its_own(self):
        with Program("start") as program:
            child, result = map(int, program.tell("fork-start").split())
            with killed(child):
                self.assertEqual(result, 0)
                port = port_in(program.folder, child)
                self.assertNotIn(port, (None, program.port))
                for one in (port, program.port):
                    self.assertTrue(ask(one, VERSION).startswith(b"cruntime "))


@unittest.skipUnless(os.geteuid() == 0, "only root can make a set-user-id program of somebody else's")
@harness.not_sanitized("a sanitizer's runtime does not start in such a program")
class SetUid(unittest.TestCase):
    def test_nothing_is_opened_and_nothing_written(self):
        with tempfile.TemporaryDirectory(prefix="cruntime-suid.") as base:
            os.chmod(base, 0o755)
            copy = shutil.copy(harness.built("tests/programs/agent"), base)
            os.chown(copy, NOBODY, NOBODY)
            os.chmod(copy, 0o4755)
            folder = os.path.join(base, "gops")
            os.mkdir(folder)
            os.chmod(folder, 0o777)
            with Program(env={"CAGENT": "127.0.0.1:0", "CDEBUG": "nonsense"}, folder=folder, program=copy) as program:
                with open("/proc/%d/status" % program.pid, encoding="ascii") as file:
                    uids = re.search(r"^Uid:\t(\d+)\t(\d+)", file.read(), re.M)
                if uids[2] != str(NOBODY):
                    self.skipTest("this file system takes no set-user-id programs")
                self.assertEqual(program.number("start"), EPERM)
                self.assertEqual(program.number("start-remote 0.0.0.0:0"), EPERM)
                self.assertEqual([name for name in program.fds().values() if name.startswith("socket:")], [])
                self.assertEqual(os.listdir(folder), [])


class Exit(unittest.TestCase):
    def test_a_profile_under_way_does_not_hold_up_the_programs_end(self):
        program = Program("start")
        path = program.path
        with sent(program.port, CPU) as profile, sent(program.port, BINARY):
            eventually(lambda: program.answering() >= 1, "a profile is taken")
            begin = time.monotonic()
            self.assertEqual(program.end(), 0)
            self.assertLess(time.monotonic() - begin, 15)  # of thirty seconds
            try:
                read_all(profile)
            except ConnectionResetError:
                pass
        self.assertFalse(os.path.exists(path))
        self.assertEqual(program.stderr, [])


class TheApp(unittest.TestCase):
    def test_it_has_an_agent_once_it_serves_and_none_when_it_has_ended(self):
        with tempfile.TemporaryDirectory(prefix="cruntime-life.") as folder:
            with App(env={"GOPS_CONFIG_DIR": folder}) as app:
                port = port_in(folder, app.pid)
                self.assertTrue(ask(port, VERSION).startswith(b"cruntime "))
                self.assertIn(b'"name":"CAGENT","value":"","source":"default"',
                              ask(port, b"GET /debug/settings HTTP/1.0\r\n\r\n"))
            self.assertEqual(os.listdir(folder), [])
            self.assertTrue(is_refused(port))

    def test_off_is_off(self):
        with tempfile.TemporaryDirectory(prefix="cruntime-life.") as folder:
            with App(env={"GOPS_CONFIG_DIR": folder, "CAGENT": "off"}) as app:
                self.assertEqual(os.listdir(folder), [])
                rows = {row["name"]: (row["value"], row["source"]) for row in app.get("/debug/settings").json()}
                self.assertEqual(rows["CAGENT"], ("off", "environment"))

    def test_without_it_the_app_serves_as_well_and_says_so_once(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            with App(env={"CAGENT": "127.0.0.1:%d" % other.getsockname()[1]}) as app:
                self.assertEqual(app.get("/healthz").status, 200)
                self.assertEqual(len([line for line in app.stderr if "agent" in line]), 1, app.stderr)

    def test_a_stop_waits_for_no_answer_of_the_agent(self):
        with tempfile.TemporaryDirectory(prefix="cruntime-life.") as folder:
            with App(env={"GOPS_CONFIG_DIR": folder}) as app:
                port = port_in(folder, app.pid)
                with sent(port, CPU):
                    eventually(lambda: "rt-profiler" in threads_of(app.pid), "a profile is taken")
                    begin = time.monotonic()
                    self.assertEqual(app.stop(), 0)
                    self.assertLess(time.monotonic() - begin, 15)


if __name__ == "__main__":
    unittest.main()
