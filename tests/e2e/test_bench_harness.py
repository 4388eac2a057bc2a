"""The benchmark harness (rt_bench.h): its text line by line, exact allocations, flags, profiles, and real tools."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import gotrace
import harness
import pprof
from harness import SANITIZE, not_sanitized, run
from programs import ALLOCATORS

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SAMPLE = "tests/programs/bench_sample"
NUMBER = r"\d+(?:\.\d+)?"
# Written from Go's documentation of the format, not from our code.
RESULT = re.compile(r"(?P<name>Benchmark\S+) *\t *(?P<n>\d+)(?P<columns>(?:\t *(?:%s) \S+)+)" % NUMBER)
COLUMN = re.compile(r"\t *(%s) (\S+)" % NUMBER)


def sample(*flags, env=None, timeout=60, cwd=None):
    """Cycles at each allocation are not what is looked at here."""
    return run(SAMPLE, *flags, env=env, timeout=timeout, cwd=cwd, torture=False)


class Result:
    def __init__(self, match):
        self.name, self.n = match["name"], int(match["n"])
        self.units = [unit for _, unit in COLUMN.findall(match["columns"])]
        self.values = {unit: float(value) for value, unit in COLUMN.findall(match["columns"])}


def results(text):
    """Of each line that begins with Benchmark; one that is no result is an error."""
    found = []
    for line in text.splitlines():
        if line.startswith("Benchmark"):
            match = RESULT.fullmatch(line)
            if not match:
                raise AssertionError("not a result: %r" % line)
            found.append(Result(match))
    return found


class Text(unittest.TestCase):
    def test_a_run_is_head_results_pass_and_ok(self):
        done = sample("-bench=^BenchmarkNothing$", "-benchtime=100x", "-cpu=2")
        lines = done.stdout.split("\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "")
        self.assertEqual(lines[0], "goos: linux")
        self.assertRegex(lines[1], r"\Agoarch: \w+\Z")
        self.assertEqual(lines[2], "pkg: example/sample")
        rest = lines[3:]
        with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
            if re.search(r"^model name\s*: \S", cpuinfo.read(), re.MULTILINE):
                self.assertRegex(rest.pop(0), r"\Acpu: \S")
        self.assertRegex(rest[0], r"\Aheap: (boehm|mimalloc|libc)\Z")
        self.assertRegex(rest[1], r"\ABenchmarkNothing-2 {3}\t {5}100\t *[\d.]+ ns/op\Z")
        self.assertEqual(rest[2], "PASS")
        self.assertRegex(rest[3], r"\Aok  \texample/sample\t\d+\.\d{3}s\Z")
        self.assertEqual(rest[4:], [""])

    def test_the_head_is_printed_once_and_only_before_a_result(self):
        done = sample("-bench=Nothing|Bytes", "-benchtime=10x", "-count=2")
        self.assertEqual(done.stdout.count("goos: "), 1)
        self.assertNotIn("goos: ", sample("-bench=^$").stdout)

    def test_each_processor_count_and_repetition_has_its_line_in_order(self):
        done = sample("-bench=Nothing", "-benchtime=10x", "-count=2", "-cpu=1,2")
        self.assertEqual([r.name for r in results(done.stdout)],
                         ["BenchmarkNothing"] * 2 + ["BenchmarkNothing-2"] * 2)

    def test_benchtime_counts_are_kept_to_and_times_are_reached(self):
        self.assertEqual([r.n for r in results(sample("-bench=Nothing|LoopOne", "-benchtime=123x").stdout)], [123, 123])
        for r in results(sample("-bench=MallocTwo|LoopOne", "-benchtime=20ms").stdout):
            # N times what one took is the time; a little is lost where ns/op is rounded.
            self.assertGreater(r.n * r.values["ns/op"], 19.5e6, r.name)

    def test_columns_are_in_the_order_of_go(self):
        one, = results(sample("-bench=Metrics", "-benchtime=10x", "-benchmem").stdout)
        self.assertEqual(one.units, ["ns/op", "a-rows", "z-hits/op", "B/op", "allocs/op"])
        self.assertEqual(one.values, {"ns/op": 12.5, "a-rows": 1234567, "z-hits/op": 0.25, "B/op": 77, "allocs/op": 0})
        one, = results(sample("-bench=Bytes", "-benchtime=1000x", "-benchmem").stdout)
        self.assertEqual(one.units, ["ns/op", "MB/s", "B/op", "allocs/op"])

    def test_bandwidth_is_bytes_by_time(self):
        one, = results(sample("-bench=Bytes", "-benchtime=100000x").stdout)
        self.assertAlmostEqual(one.values["MB/s"] * one.values["ns/op"] / 1024 / 1000, 1, delta=0.01)

    def test_sub_benchmarks_have_clean_names_of_their_own(self):
        done = sample("-bench=Sub", "-benchtime=10x", "-cpu=1")
        self.assertEqual([r.name for r in results(done.stdout)],
                         ["BenchmarkSub/size=16", "BenchmarkSub/size=64", "BenchmarkSub/two_words",
                          "BenchmarkSub/two_words#01"])

    def test_patterns_choose_by_level_and_skip_leaves_out(self):
        def names(*flags):
            return [r.name for r in results(sample("-benchtime=10x", "-cpu=1", *flags).stdout)]
        self.assertEqual(names("-bench=Sub/size"), ["BenchmarkSub/size=16", "BenchmarkSub/size=64"])
        self.assertEqual(names("-bench=/64$"), ["BenchmarkSub/size=64"])
        self.assertEqual(names("-bench=Sub/16|^BenchmarkBytes$"), ["BenchmarkBytes", "BenchmarkSub/size=16"])
        self.assertEqual(names("-bench=Sub", "-skip=/(16|two)"), ["BenchmarkSub/size=64"])
        self.assertEqual(names("-test.bench", "Sub/size=1", "-run=anything"), ["BenchmarkSub/size=16"])

    def test_logs_follow_their_result_with_file_and_line(self):
        done = sample("-bench=Log", "-benchtime=1x", "-cpu=1")
        self.assertRegex(done.stdout, r"\nBenchmarkLog +\t.*ns/op\n--- BENCH: BenchmarkLog\n"
                                      r"    bench_sample\.c:\d+: N was more than 0\n        and more\nPASS\n")

    def test_verbose_names_what_begins_and_what_is_skipped(self):
        self.assertNotIn("SKIP", sample("-bench=Skip", "-benchtime=1x").stdout)
        done = sample("-bench=Skip|Nothing", "-benchtime=1x", "-v", "-cpu=1")
        self.assertRegex(done.stdout, r"heap: \w+\nBenchmarkNothing\nBenchmarkNothing +\t.*\nBenchmarkSkip\n"
                                      r"--- SKIP: BenchmarkSkip\n    bench_sample\.c:\d+: not on a Monday\nPASS\n")

    def test_list_prints_names_and_runs_nothing(self):
        done = sample("-list=^BenchmarkS", "-bench=.")
        self.assertEqual(done.stdout, "BenchmarkSub\nBenchmarkSkip\nBenchmarkSlow\n")

    def test_without_bench_nothing_runs_and_a_line_says_so(self):
        done = sample()
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"\APASS\nok  \texample/sample\t")
        self.assertRegex(done.stderr, r"\Atesting: warning: .*-bench=\.")

    def test_json_is_an_object_a_result_and_nothing_else(self):
        done = sample("-bench=MallocTwo|Skip|Bad/fatal", "-benchtime=10x", "-json", "-cpu=2")
        self.assertEqual(done.returncode, 1)
        objects = {o["name"]: o for o in map(json.loads, done.stdout.splitlines())}
        self.assertEqual(list(objects), ["BenchmarkMallocTwo-2", "BenchmarkSkip-2", "BenchmarkBad/fatal-2",
                                         "BenchmarkBad-2"])
        first = objects["BenchmarkMallocTwo-2"]
        self.assertEqual((first["goos"], first["pkg"], first["procs"], first["n"]), ("linux", "example/sample", 2, 10))
        self.assertEqual(list(first["metrics"]), ["ns/op", "B/op", "allocs/op"])
        self.assertIn("not on a Monday", objects["BenchmarkSkip-2"]["log"])
        self.assertIs(objects["BenchmarkSkip-2"]["skipped"], True)
        self.assertIs(objects["BenchmarkBad/fatal-2"]["failed"], True)


class Allocations(unittest.TestCase):
    """Whatever N is, what a turn allocates is exact: the harness itself allocates nothing meanwhile."""

    EXACT = {"MallocTwo": (320, 2), "LoopOne": (128, 1), "TimerStopped": (32, 1), "TimerReset": (0, 0),
             "Parallel": (64, 1), "Nothing": (0, 0), "Sub/size=16": (16, 1), "Sub/size=64": (64, 1)}

    @not_sanitized("malloc is not counted there")
    def test_allocations_a_turn_are_exact_on_both_heaps(self):
        pattern = "-bench=^Benchmark(%s)$" % "|".join(sorted({name.split("/")[0] for name in self.EXACT}))
        for heap in ALLOCATORS:
            for turns in ("1x", "1000x"):
                done = sample(pattern, "-skip=/two", "-benchmem", "-benchtime=" + turns, "-cpu=1",
                              env={"CALLOCATOR": heap})
                found = {r.name: (r.values["B/op"], r.values["allocs/op"]) for r in results(done.stdout)}
                want = {"Benchmark" + name: exact for name, exact in self.EXACT.items()}
                self.assertEqual(found, want, "%s %s" % (heap, turns))

    def test_managed_objects_count_as_malloc_does(self):
        for heap in ALLOCATORS:
            for turns in ("1x", "1000x"):
                one, = results(sample("-bench=ManagedThree", "-benchmem", "-benchtime=" + turns,
                                      env={"CALLOCATOR": heap}).stdout)
                self.assertEqual(one.values["allocs/op"], 3, heap)
                self.assertEqual(one.values["B/op"], one.values["usable-B/op"], heap)
                self.assertGreaterEqual(one.values["B/op"], 3 * 64, heap)

    def test_threads_share_n_whatever_their_number(self):
        done = sample("-bench=Parallel", "-benchtime=1234x", "-cpu=1,2,4")  # fails itself when turns were lost
        self.assertEqual([r.n for r in results(done.stdout)], [1234] * 3)

    def test_what_a_loop_ran_is_n_afterwards(self):
        one, = results(sample("-bench=LoopOne", "-benchtime=10ms").stdout)
        self.assertEqual(one.values["turns"], one.n)


class Failures(unittest.TestCase):
    def test_failures_are_named_with_why_and_end_with_status_1(self):
        done = sample("-bench=Bad", "-benchtime=10x", "-cpu=1")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"--- FAIL: BenchmarkBad/fatal\n    bench_sample\.c:\d+: broken at 7\n")
        self.assertRegex(done.stdout, r"BenchmarkBad/later +\t--- FAIL: BenchmarkBad/later\n"
                                      r"    bench_sample\.c:\d+: wrong from the second on\n")
        self.assertRegex(done.stdout, r"--- FAIL: BenchmarkBad/loop\n.*rt_bench_loop\(\) was false")
        self.assertRegex(done.stdout, r"--- FAIL: BenchmarkBad/parallel\n.*rt_bench_next\(\) was false")
        self.assertRegex(done.stdout, r"--- FAIL: BenchmarkBad\nFAIL\nexit status 1\nFAIL\texample/sample\t[\d.]+s\n\Z")

    def test_others_run_after_a_failure_unless_failfast(self):
        flags = ("-bench=Bad/(fatal|loop)", "-benchtime=10x")
        self.assertIn("BenchmarkBad/loop", sample(*flags).stdout)
        self.assertNotIn("BenchmarkBad/loop", sample(*flags, "-failfast").stdout)

    def test_what_is_wrong_on_the_command_line_is_one_line_and_status_2(self):
        for flags, says in ((["-nope"], "-nope"), (["-bench"], "-bench has no value"), (["-bench=a("], "-bench"),
                            (["-bench=\\d"], "\\d"), (["-skip=["], "-skip"), (["-list=*("], "-list"),
                            (["-benchtime=0"], "-benchtime"), (["-count=0"], "-count"), (["-cpu=a"], "-cpu"),
                            (["-timeout=1"], "-timeout"), (["Pool"], '"Pool"'),
                            (["-bench=.", "-cpuprofile=no/such/file"], "no/such/file"),
                            (["-bench=.", "-trace=x", "-outputdir=no/such"], "no/such/x")):
            done = sample(*flags)
            self.assertEqual((done.returncode, done.stdout), (2, ""), flags)
            self.assertRegex(done.stderr, r"\Abench_sample: [^\n]+\n\Z", flags)
            self.assertIn(says, done.stderr)

    def test_a_run_past_its_timeout_panics_with_the_name_and_all_threads(self):
        done = sample("-bench=Slow", "-benchtime=1000x", "-timeout=200ms")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr, r"\Apanic: test timed out after 0\.2s\n\trunning tests:\n\t\tBenchmarkSlow \(\d+s\)\n")
        self.assertEqual(len(re.findall(r"^thread \d+ \[", done.stderr, re.MULTILINE)), 2, done.stderr)

    def test_a_run_within_its_timeout_does_not(self):
        self.assertEqual(sample("-bench=Nothing", "-benchtime=10x", "-timeout=10m").returncode, 0)


class Profiles(unittest.TestCase):
    FILES = {"cpuprofile": "cpu", "memprofile": "alloc_space", "blockprofile": "delay", "mutexprofile": "delay"}

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="cruntime-bench.")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        flags = ["-%s=%s.out" % (name, name) for name in (*cls.FILES, "trace")]
        cls.done = sample("-bench=MallocTwo|Parallel", "-benchtime=300ms", "-memprofilerate=1024", "-cpu=2",
                          "-outputdir=" + cls.folder, *flags)

    def path(self, name):
        return os.path.join(self.folder, name + ".out")

    def test_every_profile_asked_for_is_there_and_reads(self):
        self.assertEqual((self.done.returncode, self.done.stderr), (0, ""))
        for name, want in self.FILES.items():
            with open(self.path(name), "rb") as file:
                self.assertIn(want, [kind for kind, _ in pprof.parse(file.read()).types], name)

    @not_sanitized("its malloc is not ours")
    def test_the_profile_of_allocations_names_the_benchmark(self):
        with open(self.path("memprofile"), "rb") as file:
            self.assertGreater(pprof.parse(file.read()).sum("alloc_space", "rt_benchmark_MallocTwo"), 0)

    def test_the_trace_has_gos_header(self):
        with open(self.path("trace"), "rb") as file:
            self.assertRegex(file.read(16), rb"\Ago 1\.\d\d trace\0\0\0\Z")

    @gotrace.needs_go
    def test_go_reads_profiles_and_trace(self):
        self.assertGreater(gotrace.parse(self.path("trace")).events, 0)
        for name in self.FILES:
            done = subprocess.run([gotrace.GO, "tool", "pprof", "-raw", self.path(name)], cwd=self.folder, text=True,
                                  env=gotrace.go_environment(self.folder), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, r"Samples:\n", name)


def find_benchstat():
    places = [os.environ.get("GOBIN"), os.path.expanduser("~/go/bin")]
    path = os.pathsep.join(filter(None, [os.environ.get("PATH"), *places]))
    return shutil.which("benchstat", path=path)


class Benchstat(unittest.TestCase):
    @not_sanitized("malloc is not counted there")
    def test_benchstat_compares_two_runs_without_a_warning(self):
        benchstat = find_benchstat()
        if not benchstat:
            self.skipTest("benchstat is not installed: go install golang.org/x/perf/cmd/benchstat@latest")
        with tempfile.TemporaryDirectory(prefix="cruntime-bench.") as folder:
            for name in ("old", "new"):
                # None that allocates nothing: of noughts benchstat has no geometric mean, which it notes, as of Go's.
                done = sample("-bench=MallocTwo|Sub|LoopOne", "-benchtime=2000x", "-count=6", "-benchmem")
                with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
                    out.write(done.stdout)
            done = subprocess.run([benchstat, "old", "new"], cwd=folder, text=True, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("pkg: example/sample", done.stdout)
        self.assertIn("n=6", done.stdout)
        for name in ("MallocTwo", "LoopOne", "Sub/size=16", "Sub/two_words#01"):
            self.assertRegex(done.stdout, r"\n%s\S* +[\d.]+" % re.escape(name))
        # Exact counts are equal, which benchstat notes below them; that is all it has to say.
        notes = set(re.findall(r"^[\u00b9\u00b2\u00b3\u2074-\u2079]+ (.*)$", done.stdout, re.MULTILINE))
        self.assertLessEqual(notes, {"all samples are equal"})


class FromOutside(unittest.TestCase):
    @unittest.skipIf(SANITIZE, "a sanitizer build has no shared library")
    def test_the_program_of_the_documentation_builds_and_runs(self):
        with open(os.path.join(SOURCE, "docs", "benchmarks.md"), encoding="utf-8") as page:
            program = re.search(r"^## Benchmarks of your own$.*?^```c\n(.*?)^```$", page.read(),
                                re.MULTILINE | re.DOTALL).group(1)
        with tempfile.TemporaryDirectory(prefix="cruntime-bench.") as folder:
            with open(os.path.join(folder, "copy.c"), "w", encoding="utf-8") as out:
                out.write(program)
            for compiler, language in (("cc", "c"), ("c++", "c++")):
                if not shutil.which(compiler):
                    continue
                built = subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-x", language, "copy.c", "-x",
                                        "none", "-o", "copy", "-I" + os.path.join(SOURCE, "bench/harness"),
                                        "-L" + harness.BUILD, "-lcrbench", "-lcruntime", "-lpthread",
                                        "-Wl,-rpath," + harness.BUILD], cwd=folder, text=True,
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
                self.assertEqual(built.returncode, 0, built.stdout)
                done = subprocess.run(["./copy", "-bench=.", "-benchmem", "-benchtime=100x"], cwd=folder, text=True,
                                      env=harness.environment({"CDEBUG": ""}), stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
                one, = results(done.stdout)
                self.assertEqual((one.n, one.values["allocs/op"]), (100, 1), done.stdout)


class Suite(unittest.TestCase):
    """The runtime's own benchmarks run, each once, on both heaps; what they measure is bench/suite's business."""

    def test_each_benchmark_of_the_suite_runs(self):
        listed = run("bench/suite", "-list=.", torture=False).stdout.split()
        self.assertIn("BenchmarkBinaryTrees", listed)
        for heap in ALLOCATORS if not SANITIZE else ("libc",):
            done = run("bench/suite", "-bench=.", "-benchtime=1x", "-cpu=2", env={"CALLOCATOR": heap}, timeout=120,
                       torture=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
            self.assertIn("\nheap: %s\n" % heap, done.stdout)
            ran = {re.match(r"\w+", r.name)[0] for r in results(done.stdout)}
            self.assertEqual(ran, set(listed))

    @not_sanitized("it has one heap")
    def test_make_bench_keeps_the_text_of_both_heaps_and_the_run_before(self):
        script = os.path.join(SOURCE, "bench", "suite", "run")
        with tempfile.TemporaryDirectory(prefix="cruntime-bench.") as folder:
            os.mkdir(os.path.join(folder, "bench"))
            os.symlink(harness.built("bench/suite"), os.path.join(folder, "bench", "suite"))
            kept = os.path.join(folder, "bench", "results", "suite")
            for bench, status in (("PacerGoal", 0), ("Scope", 0), ("(", 2)):
                done = subprocess.run([script, "-b", folder, "--count=2", "--bench=" + bench, "--benchtime=10x"],
                                      env=harness.environment({"CDEBUG": "", "CALLOCATOR": "nonsense"}), text=True,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      timeout=60, check=False)
                self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn("nothing is kept", done.stderr)
            with open(kept + ".txt", encoding="utf-8") as text:
                newest = text.read()
            self.assertEqual(re.findall(r"^heap: (\w+)$", newest, re.MULTILINE), ["boehm", "mimalloc"] * 2)
            self.assertEqual(len(results(newest)), 3 * 2 * 2)
            with open(kept + ".old.txt", encoding="utf-8") as text:
                self.assertIn("BenchmarkPacerGoal", text.read())
