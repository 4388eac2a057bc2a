"""bench/quiet on a made-up machine: a folder with the files of /sys, /proc, /dev and /run/lock that it uses.

Nothing of the real machine is changed, and its lock is not taken. What is real are processes, signals, the lock and the
CPUs that a command is pinned to.
"""
import fcntl
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import unittest

import harness

BENCH = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "bench")
sys.path.insert(0, BENCH)
from quieting import cpus, load, settings, system  # noqa: E402

CPU = "/sys/devices/system/cpu"
GOVERNOR = CPU + "/cpufreq/policy0/scaling_governor"
BOOST = CPU + "/cpufreq/boost"
NO_TURBO = CPU + "/intel_pstate/no_turbo"
DEEP = CPU + "/cpu0/cpuidle/state2/disable"
LATENCY = "/dev/cpu_dma_latency"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
LOCK = "/run/lock/cruntime-quiet.lock"
LIMIT_S = 30
NOBODY = 65534

FILES = {
    GOVERNOR: "powersave", CPU + "/cpufreq/policy0/scaling_available_governors": "performance powersave",
    CPU + "/cpufreq/policy0/cpuinfo_min_freq": "800000", CPU + "/cpufreq/policy0/cpuinfo_max_freq": "2800000",
    CPU + "/cpufreq/policy0/scaling_min_freq": "800000", CPU + "/cpufreq/policy0/scaling_max_freq": "2800000",
    CPU + "/cpufreq/policy1/scaling_governor": "schedutil", BOOST: "1", NO_TURBO: "0",
    CPU + "/cpu0/cpuidle/state0/latency": "0", CPU + "/cpu0/cpuidle/state0/disable": "0",
    CPU + "/cpu0/cpuidle/state1/latency": "2", CPU + "/cpu0/cpuidle/state1/disable": "0",
    CPU + "/cpu0/cpuidle/state2/latency": "100", DEEP: "0", CPU + "/isolated": "",
    "/proc/loadavg": "0.01 0.02 0.03 1/100 999", "/proc/stat": "cpu  100 0 100 100000 0 0 0 0 0 0",
    "/proc/cpuinfo": "processor : 0\nflags : fpu vme", BOOT_ID: "this-boot",
}

# A command that notes each SIGINT and who sent it, in the file `got`, and ends with SIGUSR1. With `apart` it leaves the
# group of processes that the terminal sends Ctrl-C to.
NOTE_SIGNALS = """
import os, signal, sys

SCRIPTS_ONLY = True
if sys.argv[2:] == ["apart"]:
    os.setpgid(0, 0)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGUSR1})
with open(sys.argv[1] + "/got", "w", buffering=1) as notes:
    while True:
        got = signal.sigwaitinfo({signal.SIGINT, signal.SIGUSR1})
        if got.si_signo == signal.SIGUSR1:
            break
        notes.write("SIGINT from %s\\n" % ("somebody" if got.si_pid else "the terminal"))
"""


def look_text(user=0, idle=0, stolen=0):
    return "cpu %d 0 0 %d 0 0 0 %d 0 0" % (user, idle, stolen)


class MadeUpMachine(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="cruntime-quiet.")
        self.addCleanup(shutil.rmtree, self.root)
        os.chmod(self.root, 0o755)
        for name, text in FILES.items():
            self.put(name, text)
        os.makedirs(self.root + "/run/lock")
        os.chmod(self.root + "/run/lock", 0o1777)
        self.before = self.all_values()
        self.started = []
        self.addCleanup(self.end_all)

    def end_all(self):
        for process in self.started:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(LIMIT_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            process.stderr.close()
            process.stdout.close()

    def put(self, name, text):
        os.makedirs(os.path.dirname(self.root + name), exist_ok=True)
        with open(self.root + name, "w", encoding="ascii") as file:
            file.write(text)

    def get(self, name):
        with open(self.root + name, encoding="utf-8") as file:
            return file.read()

    def all_values(self):
        return {name: self.get(name) for name in FILES}

    def state_file(self, uid=None):
        return "/run/lock/cruntime-quiet.%d.state" % (os.geteuid() if uid is None else uid)

    def argv(self, *arguments):
        return [sys.executable, "-B", os.path.join(BENCH, "quiet"), "--root", self.root, *arguments]

    def quiet(self, *arguments, env=None):
        return subprocess.run(self.argv(*arguments), env=dict(os.environ, **(env or {})), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)

    def start(self, *arguments, **more):
        process = subprocess.Popen(self.argv(*arguments), stdin=more.pop("stdin", subprocess.DEVNULL),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
        self.started.append(process)
        return process

    def start_command(self, traps="", **more):
        """Starts a shell script under quiet that runs until there is a file `stop`. Returns when it has set its traps;
        its pid is then in the file `pid`."""
        script = 'cd "$0"; %s echo $$ >new; mv new pid; while [ ! -e stop ]; do sleep 0.02; done' % traps
        process = self.start("sh", "-c", script, self.root, **more)
        harness.eventually(lambda: os.path.exists(self.root + "/pid") or process.poll() is not None, "the command runs",
                           LIMIT_S)
        self.assertIsNone(process.poll(), "quiet ended early")
        return process

    def command_pid(self):
        return int(self.get("/pid"))

    def assert_put_back(self):
        self.assertEqual(self.all_values(), self.before)
        self.assertFalse(os.path.exists(self.root + self.state_file()), "the state file is still there")

    def eventually_put_back(self):
        harness.eventually(lambda: not os.path.exists(self.root + self.state_file()), "the state file goes", LIMIT_S)
        self.assert_put_back()


class Settings(MadeUpMachine):
    def test_everything_is_set_while_the_command_runs_and_put_back_after_it(self):
        done = self.quiet("cat", *(self.root + name for name in (GOVERNOR, BOOST, NO_TURBO, DEEP)))
        self.assertEqual((done.returncode, done.stdout), (0, "performance" + "0" + "1" + "1"))
        self.assert_put_back()

    def test_only_idle_states_that_take_long_to_leave_are_disabled(self):
        done = self.quiet("sh", "-c", 'cat "$0"/state?/disable', self.root + CPU + "/cpu0/cpuidle")
        self.assertEqual(done.stdout, "001")

    def test_where_the_kernel_takes_requests_idle_states_need_not_be_touched(self):
        self.put(LATENCY, "")
        done = self.quiet("cat", self.root + DEEP)
        self.assertEqual(done.stdout, "0")
        self.assertEqual(self.get(LATENCY).encode(), (3).to_bytes(4, sys.byteorder))

    def test_a_share_of_the_clock_sets_both_limits_and_puts_them_back(self):
        folder = self.root + CPU + "/cpufreq/policy0/"
        done = self.quiet("--governor", "50%", "cat", folder + "scaling_min_freq", folder + "scaling_max_freq",
                          folder + "scaling_governor")
        self.assertEqual(done.stdout, "1800000" + "1800000" + "powersave")
        self.assert_put_back()

    def test_the_minimum_is_never_above_the_maximum_on_the_way(self):
        machine = system.System(self.root)
        for low, high, share in ((800000, 1000000, "90%"), (2000000, 2800000, "10%"), (800000, 2800000, "50%")):
            self.put(CPU + "/cpufreq/policy0/scaling_min_freq", str(low))
            self.put(CPU + "/cpufreq/policy0/scaling_max_freq", str(high))
            steps = [s for s in settings.make_plan(machine, share, False).settings if s.name.endswith("_freq")]
            now = {"min": low, "max": high}
            for name, value in [(s.name, s.new) for s in steps] + [(s.name, s.old) for s in reversed(steps)]:
                now[name[-8:-5]] = int(value)
                self.assertLessEqual(now["min"], now["max"], (low, high, share))
            self.assertEqual(now, {"min": low, "max": high})

    def test_keep_leaves_the_governor_alone(self):
        self.assertEqual(self.quiet("--governor", "keep", "cat", self.root + GOVERNOR).stdout, "powersave")

    def test_what_a_machine_does_not_have_is_said_plainly_and_the_command_runs(self):
        shutil.rmtree(self.root + "/sys")
        done = self.quiet("echo", "ran")
        self.assertEqual((done.returncode, done.stdout), (0, "ran\n"))
        for text in ("quiet: clock not set: %s/cpufreq has no policy" % CPU, "quiet: turbo not set: neither",
                     "quiet: idle states not set", "quiet: not set: idle states: %s: No such file" % LATENCY):
            self.assertIn(text, done.stderr)

    def test_what_is_not_permitted_is_told_with_path_and_reason_and_the_rest_is_set(self):
        scripts = os.path.join(self.root, "bench")
        shutil.copytree(os.path.join(BENCH, "quieting"), os.path.join(scripts, "quieting"),
                        ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(os.path.join(BENCH, "quiet"), scripts)
        more = {}
        python = sys.executable
        if os.geteuid() == 0:
            more["user"] = NOBODY
            python = next((path for path in ("/usr/bin/python3", sys.executable) if os.access(path, os.X_OK)), python)
            for name in FILES:
                os.chown(self.root + name, NOBODY, -1)
            os.chown(self.root + GOVERNOR, 0, -1)
        os.chmod(self.root + GOVERNOR, 0o444)
        try:
            done = subprocess.run([python, "-B", scripts + "/quiet", "--root", self.root, "cat", self.root + GOVERNOR,
                                   self.root + BOOST], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False, cwd="/", **more)
        except PermissionError:
            self.skipTest("there is no python3 that a user without rights may run")
        self.assertEqual((done.returncode, done.stdout), (0, "powersave" + "0"), done.stderr)
        self.assertIn("quiet: not set: %s: Permission denied\n" % GOVERNOR, done.stderr)
        self.assertEqual(self.all_values(), self.before)

    def test_files_that_differ_by_their_numbers_share_one_line(self):
        lines = settings.grouped([("/cpu1/state2/disable", "no"), ("/cpu2/state2/disable", "no"), ("/x", "why")])
        self.assertEqual(lines, ["/cpu1/state2/disable (and 1 like it): no", "/x: why"])


class PuttingBack(MadeUpMachine):
    def test_after_the_command_was_killed(self):
        process = self.start_command()
        self.assertEqual(self.get(GOVERNOR), "performance")
        os.kill(self.command_pid(), signal.SIGKILL)
        self.assertEqual(process.wait(LIMIT_S), 128 + signal.SIGKILL)
        self.assert_put_back()

    def test_after_quiet_itself_was_killed_and_its_command_ends_too(self):
        process = self.start_command("trap 'echo ended >ended; exit' TERM;")
        process.kill()
        process.wait(LIMIT_S)
        self.eventually_put_back()
        harness.eventually(lambda: os.path.exists(self.root + "/ended"), "the command is sent SIGTERM", LIMIT_S)
        self.assertEqual(self.quiet("--wait", "10", "echo", "next").stdout, "next\n")

    def test_after_signals_that_end_the_command(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            process = self.start_command()
            process.send_signal(number)
            self.assertEqual(process.wait(LIMIT_S), 128 + number)
            self.assert_put_back()
            os.unlink(self.root + "/pid")

    def test_after_the_keeper_was_killed(self):
        process = self.start_command()
        os.kill(self.keeper_pid(process), signal.SIGKILL)
        self.put("/stop", "")
        self.assertEqual(process.wait(LIMIT_S), 0)
        self.assert_put_back()

    def keeper_pid(self, process):
        with open("/proc/%d/task/%d/children" % (process.pid, process.pid), encoding="ascii") as file:
            children = {int(pid) for pid in file.read().split()}
        (keeper,) = children - {self.command_pid()}
        return keeper

    def killed_with_its_keeper(self):
        process = self.start_command()
        keeper = self.keeper_pid(process)
        os.kill(keeper, signal.SIGKILL)
        process.kill()
        process.wait(LIMIT_S)
        harness.eventually(lambda: not os.path.exists("/proc/%d" % keeper), "the keeper is gone", LIMIT_S)
        self.assertEqual(self.get(GOVERNOR), "performance")

    def test_by_the_next_run_when_the_keeper_was_killed_as_well(self):
        self.killed_with_its_keeper()
        done = self.quiet("--governor", "keep", "cat", self.root + GOVERNOR)
        self.assertEqual(done.stdout, "powersave")
        self.assertIn("put back what a run that was killed left changed", done.stderr)
        self.assert_put_back()

    def test_nothing_of_an_earlier_boot(self):
        self.killed_with_its_keeper()
        self.put(BOOT_ID, "next-boot")
        self.put(GOVERNOR, "schedutil")
        done = self.quiet("--governor", "keep", "cat", self.root + GOVERNOR)
        self.assertEqual(done.stdout, "schedutil")
        self.assertIn("was of an earlier boot", done.stderr)
        self.assertFalse(os.path.exists(self.root + self.state_file()))

    def test_only_into_files_that_are_known(self):
        target = "/etc-passwd"
        self.put(target, "as it was")
        self.put(self.state_file(), json.dumps({"boot_id": "this-boot", "pid": 1, "settings": [
            [target, "bad", "x"], [CPU + "/../../../../etc-passwd", "bad", "x"], [GOVERNOR, "schedutil", "x"]]}))
        os.chmod(self.root + self.state_file(), 0o600)
        self.quiet("true")
        self.assertEqual((self.get(target), self.get(GOVERNOR)), ("as it was", "schedutil"))

    def test_nothing_from_a_file_that_others_could_have_written_and_then_nothing_is_set(self):
        self.put(self.state_file(), json.dumps({"boot_id": "this-boot", "pid": 1,
                                                "settings": [[GOVERNOR, "bad", "x"]]}))
        os.chmod(self.root + self.state_file(), 0o666)
        done = self.quiet("cat", self.root + GOVERNOR)
        self.assertEqual((done.returncode, done.stdout), (0, "powersave"))
        self.assertIn("is not a file of this user alone", done.stderr)
        self.assertIn("nothing set, because it could not be put back", done.stderr)

    def test_nothing_through_a_link_in_place_of_the_state_file(self):
        self.put("/victim", "as it was")
        os.symlink(self.root + "/victim", self.root + self.state_file())
        done = self.quiet("cat", self.root + GOVERNOR)
        self.assertEqual((done.stdout, self.get("/victim")), ("powersave", "as it was"))
        self.assertIn("nothing set", done.stderr)


class Locking(MadeUpMachine):
    def test_a_second_one_says_for_whom_it_waits_and_runs_when_the_first_has_ended(self):
        first = self.start_command()
        second = self.start("echo", "second")
        line = second.stderr.readline()
        self.assertRegex(line, r"quiet: waiting for pid %d: `sh -c .*`, since \d\d:\d\d:\d\d" % first.pid)
        self.put("/stop", "")
        self.assertEqual(second.stdout.read(), "second\n")
        self.assertEqual(second.wait(LIMIT_S), 0)
        self.assertEqual(first.wait(LIMIT_S), 0)

    def test_wait_ends_with_status_75_and_the_command_is_not_run(self):
        first = self.start_command()
        done = self.quiet("--wait", "0", "echo", "ran")
        self.assertEqual((done.returncode, done.stdout), (75, ""))
        self.assertIn("%s is held by pid %d: `sh -c" % (LOCK, first.pid), done.stderr)

    def test_one_within_another_does_not_wait(self):
        done = self.quiet(*self.argv("--wait", "0", "echo", "inner"))
        self.assertEqual((done.returncode, done.stdout), (0, "inner\n"), done.stderr)

    def test_no_link_is_followed_for_the_lock(self):
        self.put("/victim", "as it was")
        os.symlink(self.root + "/victim", self.root + LOCK)
        done = self.quiet("echo", "ran")
        self.assertEqual((done.returncode, done.stdout, self.get("/victim")), (75, "", "as it was"))
        self.assertIn("%s: a symbolic link, which is not followed" % LOCK, done.stderr)

    def test_the_lock_is_for_all_users_and_what_it_says_is_shown_without_control_characters(self):
        self.quiet("true")
        self.assertEqual(os.stat(self.root + LOCK).st_mode & 0o777, 0o666)
        self.put(LOCK, json.dumps({"pid": 5, "command": "evil \x1b[2J", "since": 0}))
        with open(self.root + LOCK, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            done = self.quiet("--wait", "0", "true")
        self.assertIn("pid 5: `evil ?[2J`", done.stderr)

    def test_a_folder_that_not_all_may_write_to_is_not_taken(self):
        os.chmod(self.root + "/run/lock", 0o755)
        os.makedirs(self.root + "/tmp")
        os.chmod(self.root + "/tmp", 0o1777)
        self.assertEqual(self.quiet("true").returncode, 0)
        self.assertEqual(os.listdir(self.root + "/tmp"), ["cruntime-quiet.lock"])


class Command(MadeUpMachine):
    def test_its_status_is_quiets(self):
        self.assertEqual(self.quiet("sh", "-c", "exit 7").returncode, 7)
        self.assertEqual(self.quiet("sh", "-c", "kill -SEGV $$").returncode, 128 + signal.SIGSEGV)

    def test_one_that_is_not_there_or_no_program_is_named_as_shells_do(self):
        done = self.quiet(self.root + "/no-such-program")
        self.assertEqual(done.returncode, 127)
        self.assertIn("quiet: %s/no-such-program: No such file or directory" % self.root, done.stderr)
        self.assertEqual(self.quiet(self.root + GOVERNOR).returncode, 126)
        self.assert_put_back()

    def test_signals_are_passed_on(self):
        process = self.start_command("trap 'exit 41' USR1; trap 'exit 42' TERM;")
        process.send_signal(signal.SIGUSR1)
        self.assertEqual(process.wait(LIMIT_S), 41)

    def start_on_terminal(self, *arguments):
        """Starts NOTE_SIGNALS in the foreground of a terminal of its own. Returns the process and the terminal's
        keys."""
        controller, terminal = pty.openpty()
        self.addCleanup(os.close, controller)

        def own_terminal():
            os.setsid()
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

        process = self.start(sys.executable, "-c", NOTE_SIGNALS, self.root, *arguments, stdin=terminal,
                             preexec_fn=own_terminal, pass_fds=(terminal,))
        os.close(terminal)
        harness.eventually(lambda: os.path.exists(self.root + "/got"), "the command runs", LIMIT_S)
        return process, controller

    def test_ctrl_c_reaches_it_from_the_terminal_and_everything_is_put_back(self):
        process, keys = self.start_on_terminal()
        os.write(keys, b"\x03")
        harness.eventually(lambda: self.get("/got"), "the command gets SIGINT", LIMIT_S)
        process.send_signal(signal.SIGUSR1)
        self.assertEqual(process.wait(LIMIT_S), 0)
        self.assertEqual(self.get("/got"), "SIGINT from the terminal\n")
        self.assert_put_back()

    def test_what_the_terminal_sends_is_not_passed_on_as_well(self):
        process, keys = self.start_on_terminal("apart")
        os.write(keys, b"\x03")
        harness.eventually(lambda: self.waits_for_nothing(process.pid), "quiet has taken SIGINT", LIMIT_S)
        process.send_signal(signal.SIGUSR1)
        self.assertEqual(process.wait(LIMIT_S), 0)
        self.assertEqual(self.get("/got"), "")

    @staticmethod
    def waits_for_nothing(pid):
        """Whether no SIGINT is pending. One that comes only after SIGUSR1 is not looked at, which is rare."""
        with open("/proc/%d/status" % pid, encoding="ascii") as status:
            pending = [line.split()[1] for line in status if line.startswith(("SigPnd", "ShdPnd"))]
        return not any(int(mask, 16) & 1 << signal.SIGINT - 1 for mask in pending)

    def test_it_is_pinned_to_the_isolated_cpus(self):
        cpu = min(os.sched_getaffinity(0))
        self.put(CPU + "/isolated", str(cpu))
        self.assertEqual(self.affinity(), {cpu})

    def test_it_is_pinned_to_the_cpus_asked_for_or_to_none(self):
        everywhere = set(os.sched_getaffinity(0))
        self.assertEqual(self.affinity("--cpus", cpus.shown({max(everywhere)})), {max(everywhere)})
        self.assertEqual(self.affinity("--no-pin"), everywhere)

    def affinity(self, *options):
        done = self.quiet(*options, sys.executable, "-c", "import os; print(*os.sched_getaffinity(0))")
        return {int(word) for word in done.stdout.split()}

    def test_arguments_are_its_own(self):
        self.assertEqual(self.quiet("--", "echo", "-count=10", "--wait", "x").stdout, "-count=10 --wait x\n")

    def test_bad_options_are_named_with_what_was_expected(self):
        for options, text in ((["--wait", "soon", "true"], "'soon' is not a number of seconds"),
                              (["--cpus", "3-1", "true"], "'3-1' is not a list of CPUs like 0-3,8"),
                              (["--governor", "120%", "true"], "'120%' is neither a governor's name"),
                              (["--no-pin", "--cpus", "0", "true"], "exclude each other"),
                              ([], "no command: expected CMD")):
            done = self.quiet(*options)
            self.assertEqual(done.returncode, 2, options)
            self.assertIn(text, done.stderr)
        self.assertEqual(self.quiet("--root", "/no/such/folder", "true").returncode, 2)


class Warnings(MadeUpMachine):
    def test_a_quiet_machine_is_passed_over_in_silence(self):
        done = self.quiet("--no-pin", "true")
        self.assertEqual([line for line in done.stderr.splitlines() if "priority" not in line], [])

    def test_load_battery_virtual_machine_container_and_quota_are_told(self):
        self.put("/proc/loadavg", "2.50 1.00 0.50 3/100 999")
        self.put("/sys/class/power_supply/BAT0/type", "Battery")
        self.put("/sys/class/power_supply/BAT0/status", "Discharging")
        self.put("/proc/cpuinfo", "flags : fpu hypervisor vme")
        self.put("/.dockerenv", "")
        self.put("/proc/self/cgroup", "0::/box")
        self.put("/sys/fs/cgroup/box/cpu.max", "150000 100000")
        told = self.quiet("--no-pin", "true").stderr
        for text in ("load average 2.50", "on battery (/sys/class/power_supply/BAT0)", "a virtual machine",
                     "a container", "may use 1.5 CPUs at most"):
            self.assertIn("quiet: ", told)
            self.assertIn(text, told)

    def test_a_core_shared_with_a_cpu_that_is_not_pinned_to_is_told(self):
        cpu = max(os.sched_getaffinity(0))
        self.put(CPU + "/cpu%d/topology/thread_siblings_list" % cpu, "%d,%d" % (cpu, cpu + 64))
        told = self.quiet("--cpus", str(cpu), "true").stderr
        self.assertIn("CPU %d shares its core with CPU %d" % (cpu, cpu + 64), told)

    def test_shares_are_what_passed_between_two_looks_less_our_own_part(self):
        before = (load.Look(look_text(), ticks=100), 1.0)
        after = (load.Look(look_text(user=400, idle=500, stolen=100), ticks=100), 2.0)
        others, stolen = load.shares(before, after)
        self.assertAlmostEqual(others, 0.3)
        self.assertAlmostEqual(stolen, 0.1)
        self.assertEqual(load.notes_of_shares(others, stolen, 0.05, "now"),
                         ["others took 30 % of the CPUs now", "the host took 10 % of the CPUs away now (steal)"])
        self.assertEqual(load.notes_of_shares(0.04, 0.0, 0.05, "now"), [])

    def test_the_last_half_of_the_cpus_is_chosen_when_none_is_isolated(self):
        for allowed, chosen in (({0}, {0}), ({0, 1}, {1}), ({0, 1, 2}, {2}), (set(range(8)), {4, 5, 6, 7})):
            self.assertEqual(cpus.choose(allowed, set()), chosen)
        self.assertEqual(cpus.choose(set(range(8)), {2, 3, 9}), {2, 3})

    def test_lists_of_cpus_are_read_and_written_as_the_kernel_does(self):
        self.assertEqual(cpus.parse("0-2,8"), {0, 1, 2, 8})
        self.assertEqual(cpus.shown({8, 0, 1, 2}), "0-2,8")
        for wrong in ("a", "1-", "3-1", "1;2"):
            self.assertRaises(ValueError, cpus.parse, wrong)
