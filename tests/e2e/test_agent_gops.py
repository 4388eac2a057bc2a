"""The agent in the real tool: gops, as a user types it. Skipped, and said so, where there is none to be had.

It is looked for in the PATH, then among the user's own Go programs; else it is built into a folder of the test's, from
the module cache or the network, which is tried once.
"""
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
import unittest

import harness
from agents import Program, port_in
from harness import App

GO = shutil.which("go")
TOOL = "github.com/google/gops"
VERSIONS = ("v0.3.28", "latest")
BUILD_S = 200


def user_home():
    return pwd.getpwuid(os.getuid()).pw_dir


def go_environment(folder):
    """The caches are those of whoever runs the tests, so that this is built once a machine."""
    home = user_home()
    return dict(os.environ, HOME=home, GOBIN=folder, GOFLAGS=os.environ.get("GOFLAGS", ""), GOTOOLCHAIN="local",
                GOTELEMETRY="off")


def find_gops(folder):
    """(path, None), or (None, why not)."""
    found = shutil.which("gops") or shutil.which(os.path.join(user_home(), "go", "bin", "gops"))
    if found:
        return found, None
    if not GO:
        return None, "gops is not installed, nor is go, to build it"
    why = ""
    end = time.monotonic() + BUILD_S
    for version in VERSIONS:
        try:
            done = subprocess.run([GO, "install", "%s@%s" % (TOOL, version)], env=go_environment(folder), cwd=folder,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  timeout=max(1, end - time.monotonic()), check=False)
        except subprocess.TimeoutExpired:
            return None, "gops is not installed, and go install did not come to an end"
        if done.returncode == 0:
            return os.path.join(folder, "gops"), None
        why = done.stdout.strip().splitlines()[-1:]
    return None, "gops is not installed, and go install fails: %s" % why


@unittest.skipIf(harness.SANITIZE or harness.GCSTRESS, "gops is none of ours: what it is sent is tested elsewhere")
class Gops(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = tempfile.mkdtemp(prefix="cruntime-gops.")
        cls.addClassCleanup(shutil.rmtree, cls.base, ignore_errors=True)
        cls.gops, why = find_gops(cls.base)
        if why:
            raise unittest.SkipTest(why)
        cls.folder = os.path.join(cls.base, "config")
        cls.app = App(env={"GOPS_CONFIG_DIR": cls.folder})
        cls.addClassCleanup(cls.app.stop)

    def tool(self, *arguments, path=None, timeout=120):
        """What gops prints. The PATH has no go, so that it keeps its profiles rather than opening pprof."""
        env = {"PATH": path or self.base, "HOME": self.base, "TMPDIR": self.base, "GOPS_CONFIG_DIR": self.folder}
        done = subprocess.run([self.gops, *map(str, arguments)], env=env, cwd=self.base, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout, check=False)
        self.assertEqual(done.returncode, 0, "gops %s: %s%s" % (arguments, done.stdout, done.stderr))
        return done.stdout

    def test_it_finds_the_agent_by_the_pid_and_by_the_address(self):
        address = "127.0.0.1:%d" % port_in(self.folder, self.app.pid)
        for target in (self.app.pid, address):
            self.assertTrue(self.tool("version", target).startswith("cruntime "))

    def test_stack(self):
        text = self.tool("stack", self.app.pid)
        self.assertRegex(text, r"(?m)^thread %d \[[^\]]+\]:$" % self.app.pid)
        self.assertIn("server_run(...)\n", text)

    def test_gc_memstats_and_stats(self):
        def cycles():
            return int(re.search(r"^num-forced-gc: (\d+)$", self.tool("memstats", self.app.pid), re.M)[1])

        before = cycles()
        self.tool("gc", self.app.pid)
        self.assertEqual(cycles(), before + 1)
        self.assertRegex(self.tool("stats", self.app.pid),
                         r"\Agoroutines: \d+\nOS threads: \d+\nGOMAXPROCS: \d+\nnum CPU: \d+\n\Z")

    def test_setgc(self):
        self.assertEqual(self.tool("setgc", self.app.pid, 10), "New GC percent set to 10. Previous value was 100.\n")
        self.assertEqual(self.tool("setgc", self.app.pid, 100), "New GC percent set to 100. Previous value was 10.\n")

    def test_setgc_off(self):
        try:
            said = self.tool("setgc", self.app.pid, "off")
        except AssertionError as error:
            if "ParseInt" in str(error):
                self.skipTest("this gops is an old one, which takes numbers only")
            raise
        self.assertEqual(said, "New GC percent set to -1. Previous value was 100.\n")
        self.assertEqual(self.tool("setgc", self.app.pid, 100), "New GC percent set to 100. Previous value was -1.\n")

    def saved(self, text):
        return re.search(r"saved to: (\S+)", text)[1]

    @unittest.skipUnless(GO, "go is not installed: the profile cannot be read by its tool")
    def test_a_heap_profile_is_read_by_gos_pprof(self):
        path = self.saved(self.tool("pprof-heap", self.app.pid))
        os.chmod(path, 0o600)  # gops writes it with no rights at all
        done = subprocess.run([GO, "tool", "pprof", "-top", "-sample_index=alloc_space", path],
                              env=go_environment(self.base), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=240, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Type: alloc_space", done.stdout)

    @unittest.skipUnless(GO, "go is not installed: the trace cannot be read by its tool")
    def test_a_trace_is_read_by_gos_tool(self):
        path = self.saved(self.tool("trace", self.app.pid))
        os.chmod(path, 0o600)
        done = subprocess.run([GO, "tool", "trace", "-d=parsed", path], env=go_environment(self.base),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=240, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("StateTransition", done.stdout)

    def test_a_program_that_does_not_serve_is_asked_as_well(self):
        with Program("start", folder=self.folder) as program:
            self.assertTrue(self.tool("version", program.pid).startswith("cruntime "))
            self.assertIn("\nmain(...)\n", self.tool("stack", program.pid))


if __name__ == "__main__":
    unittest.main()
