"""What `make check-guide` (tests/guide/run) lets pass and what it does not: the rules by themselves, and whole pages."""
import glob
import os
import re
import subprocess
import sys
import tempfile
import unittest

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
RUNNER = os.path.join(TOP, "tests", "guide", "run")
GUIDE = os.path.join(TOP, "docs", "guide.md")
sys.path.insert(0, os.path.dirname(RUNNER))
import page  # noqa: E402
import shape  # noqa: E402


class Lines(unittest.TestCase):
    def assert_fits(self, shown, *printed, exact=False):
        for line in printed:
            self.assertIsNone(shape.compare(shown, line, exact=exact), line)

    def assert_differs(self, shown, *printed, exact=False):
        for line in printed:
            self.assertIsNotNone(shape.compare(shown, line, exact=exact), line)

    def test_a_number_fits_any_number_and_nothing_else(self):
        self.assert_fits("gc 3 @2.325s", "gc 11 @0.001s")
        self.assert_fits("pc=0x55f7 code=1", "pc=0xABC0 code=22")
        self.assert_fits("1,024 bytes", "7 bytes")
        self.assert_differs("gc 3 done", "gc done", "gc three done", "gc 3 done twice", "gc  done")
        self.assert_differs("pc=0x55f7", "pc=55")

    def test_a_unit_fits_units_of_its_kind_alone(self):
        self.assert_fits("took 12ms", "took 1.2s", "took 900us", "took 0")
        self.assert_fits("heap 1.5MB", "heap 900kB", "heap 2GiB", "heap 12B")
        self.assert_fits("5.185µ", "5.1", "7.492Ki", "2n")
        self.assert_fits("18.80%", "3%", "0")
        self.assert_fits("0 0% 1.17s", "10ms 3.1% 900ms")
        self.assert_differs("took 12ms", "took 12MB", "took 12", "took ms", "took 12x")
        self.assert_differs("heap 1.5MB", "heap 1.5s", "heap 1.5")
        self.assert_differs("12 bytes", "12 kbytes", "bytes")

    def test_blanks_are_alike_but_not_their_absence(self):
        self.assert_fits("a  1   b", "   a 22 b  ", "a\t1\tb")
        self.assert_differs("a 1 b", "a1 b")

    def test_words_and_signs_fit_themselves_alone(self):
        self.assert_differs("100000 allocations (pool).", "100000 allocation (pool).", "100000 allocations (pool)x",
                            "100000 Allocations (pool).", "100000 allocations pool.")
        self.assert_differs("-90.07% (p=0.002)", "+90.07% (p=0.002)", "90.07% (p=0.002)")

    def test_an_ellipsis_fits_any_text(self):
        self.assert_fits("cpu: …", "cpu: AMD EPYC", "cpu:")
        self.assert_fits("…/crash.c:19 +0x0", "/a b/docs/crash.c:7 +0x1b", "/crash.c:7 +0x0")
        self.assert_differs("…/crash.c:19 +0x0", "/a/crash.c:7", "/a/trash.c:7 +0x0")

    def test_exact_numbers_must_be_the_same(self):
        self.assert_fits("6.00 mallocs, …", "6.00 mallocs, 3.00 frees", exact=True)
        self.assert_differs("6.00 mallocs", "6.01 mallocs", "6 mallocs", exact=True)

    def test_what_terminals_are_told_is_no_text(self):
        self.assert_fits("process 11 - q quits", "\x1b[?1049h\x1b[?25l\x1b[2J\x1b[Hprocess 7 - q quits\x1b[K\r\r")


class Texts(unittest.TestCase):
    def test_a_missing_line_is_a_difference(self):
        for printed in ("a\nc", "a\nb", "b\nc", ""):
            self.assertIsNotNone(shape.compare("a\nb\nc", printed), printed)

    def test_one_line_more_is_a_difference(self):
        for printed in ("a\nb\nc", "x\na\nb", "a\nx\nb"):
            self.assertIsNotNone(shape.compare("a\nb", printed), printed)

    def test_the_order_counts(self):
        self.assertIsNotNone(shape.compare("a\nb", "b\na"))
        self.assertIsNotNone(shape.compare("…\na\n…\nb\n…", "b\na"))

    def test_lines_left_out_may_be_any_but_what_stands_between_must_be_there(self):
        shown = "first\n…\nheap 1MB\ngoal 2MB\n…\nlast"
        self.assertIsNone(shape.compare(shown, "first\nheap 1MB\ngoal 2MB\nlast"))
        self.assertIsNone(shape.compare(shown, "first\nx\nheap 9MB\ny\nheap 1MB\ngoal 2MB\nlast\nz\nlast"))
        self.assertIsNotNone(shape.compare(shown, "first\nheap 1MB\nx\ngoal 2MB\nlast"))
        self.assertIsNotNone(shape.compare(shown, "first\nheap 1MB\ngoal 2MB\nlast\nx"))
        self.assertIsNotNone(shape.compare(shown, "x\nfirst\nheap 1MB\ngoal 2MB\nlast"))
        self.assertIsNotNone(shape.compare(shown, "first\nheap 1MB\nlast"))

    def test_a_line_is_not_used_twice(self):
        self.assertIsNotNone(shape.compare("…\na 1\n…\na 2", "a 1"))
        self.assertIsNotNone(shape.compare("a 1\na 2", "a 1", unordered=True))
        self.assertIsNone(shape.compare("… 1\na 2", "a 2\nb 1", unordered=True))

    def test_of_a_table_whose_rows_come_and_go_enough_must_be_there(self):
        shown, printed = "x 1\ny 2\nz 3", "z 7\nw 1\nx 9"
        self.assertIsNone(shape.compare(shown, printed, unordered=True, at_least=2))
        self.assertIsNotNone(shape.compare(shown, printed, unordered=True, at_least=3))
        self.assertIsNotNone(shape.compare(shown, printed, unordered=True))

    def test_a_difference_names_the_line(self):
        self.assertIn("'goal 2MB'", shape.compare("heap 1MB\ngoal 2MB", "heap 1MB\nlimit 2MB"))
        self.assertIn("'limit 2MB'", shape.compare("heap 1MB\ngoal 2MB", "heap 1MB\nlimit 2MB"))


class Pages(unittest.TestCase):
    def test_blocks_are_read_with_their_words_and_what_they_print(self):
        sections = page.parse("# T\n## One\n```c\nint x;\n```\n```sh needs=go,dot limit=60\na\nb\n```\ntext\n"
                              "```text atleast=2\nc 1\n```\n## Two\n## Three\n```sh status=2\nd\n```\n")
        self.assertEqual([section.title for section in sections], ["One", "Three"])
        block = sections[0].blocks[0]
        self.assertEqual((block.code, block.needs, block.limit_s, block.status, block.expected, block.at_least, block.line),
                         ("a\nb", ["go", "dot"], 60, 0, "c 1", 2, 6))
        self.assertEqual((sections[1].blocks[0].status, sections[1].blocks[0].expected), (2, None))

    def test_a_slip_of_the_pen_is_refused_with_its_line(self):
        for text in ("## A\n```sh neds=go\na\n```", "## A\n```sh limit=long\na\n```", "## A\n```sh\na",
                     "## A\n```text\na\n```", "## A\n```sh\na\n```\n```text\nb\n```\n```text\nc\n```",
                     "## A\n```sh\na\n```\n```text\n\n```", "## A\n```sh\na\n```\n```text atleast\nb\n```",
                     "## A\n```\na\n```"):
            with self.assertRaisesRegex(page.PageError, r"^line \d+: ", msg=text):
                page.parse(text)

    def test_the_guide_has_every_step_and_each_is_checked(self):
        with open(GUIDE, encoding="utf-8") as file:
            text = file.read()
        sections = page.parse(text)
        self.assertEqual([section.title for section in sections],
                         ["Before you begin", "The compiler's word", "Pools", "MemStats around a suspect", "Benchmarks",
                          "A quiet machine", "Comparing", "pprof: console, picture, web", "perf and flame graphs", "Trace",
                          "Flight recorder", "The agent", "hey, ab, wrk", "Core and crash dumps", "The variables"])
        for section in sections:
            for block in section.blocks:
                self.assertIsNotNone(block.expected, "line %d: nothing is said about its output" % block.line)
                self.assertTrue(set(block.expected.split()) - {"…"}, "line %d: any output would do" % block.line)

    def test_the_guide_shows_every_example_and_no_other(self):
        with open(GUIDE, encoding="utf-8") as file:
            shown = set(re.findall(r"\.\./docs/examples/(\w+\.c)", file.read()))
        there = {os.path.basename(path) for path in glob.glob(os.path.join(TOP, "docs", "examples", "*.c"))}
        self.assertEqual(shown, there)


@unittest.skipIf(harness.SANITIZE, "sanitizer build: the guide is for one without")
class Runs(unittest.TestCase):
    """Whole pages: what the runner says, and how it ends."""

    def run_page(self, text, *arguments):
        with tempfile.TemporaryDirectory(prefix="cruntime-page.") as folder:
            path = os.path.join(folder, "page.md")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            self.marker = os.path.join(folder, "marker")
            done = subprocess.run([sys.executable, "-B", RUNNER, *arguments, path], env=dict(
                harness.environment(), RT_BUILD=harness.BUILD, TMPDIR=folder), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
            self.assertEqual(os.listdir(folder), ["page.md"], "the run's own folder is left")
        return done.returncode, done.stdout

    def test_output_of_the_shape_shown_passes_and_a_variable_lives_in_the_next_block(self):
        status, said = self.run_page("## A\n```sh\nx=12; echo $x MB >&2\n```\n```text\n7 MB\n```\n```sh\necho $x\n```\n"
                                     "```text exact\n12\n```\n")
        self.assertEqual(status, 0, said)
        self.assertRegex(said, r"2 passed, 0 failed, 0 skipped\n$")

    def test_another_shape_fails_and_ends_the_section_but_not_the_page(self):
        status, said = self.run_page("## A\n```sh\necho 12 kB\n```\n```text\n7 apples\n```\n```sh\necho not run\n```\n"
                                     "## B\n```sh\necho run\n```\n")
        self.assertEqual(status, 1, said)
        self.assertRegex(said, r"FAIL .*page\.md:5 A: expected '7 apples', but there is '12 kB'")
        self.assertRegex(said, r"1 passed, 1 failed, 0 skipped\n$")

    def test_a_line_that_is_not_printed_fails(self):
        status, said = self.run_page("## A\n```sh\necho one\n```\n```text\none\ntwo\n```\n")
        self.assertEqual(status, 1, said)
        self.assertIn("expected 'two'", said)

    def test_a_command_that_fails_in_the_middle_fails(self):
        status, said = self.run_page("## A\n```sh\nfalse\necho on\n```\n")
        self.assertEqual(status, 1, said)
        self.assertIn("a command failed: false", said)

    def test_a_status_that_is_announced_must_come(self):
        status, said = self.run_page("## A\n```sh status=3\n(exit 3)\n```\n## B\n```sh status=3\ntrue\n```\n"
                                     "## C\n```sh\nexit 0\n```\n```text\nnothing comes\n```\n")
        self.assertEqual(status, 1, said)
        self.assertRegex(said, r"FAIL .* B: ended with status 0 instead of 3")
        self.assertRegex(said, r"1 passed, 2 failed, 0 skipped\n$")

    def test_a_block_that_does_not_end_is_ended(self):
        status, said = self.run_page("## A\n```sh limit=1\nsleep 600 & wait\n```\n")
        self.assertEqual(status, 1, said)
        self.assertIn("no end within 1 s", said)

    def test_a_process_left_running_fails_and_is_ended_by_its_pid(self):
        status, said = self.run_page("## A\n```sh\nsetsid sleep 600 & echo $! is it\n```\n", "--show")
        self.assertEqual(status, 1, said)
        left = re.search(r"it leaves running: sleep \((\d+)\)", said)
        self.assertIsNotNone(left, said)
        self.assertFalse(os.path.exists("/proc/%s/root" % left[1]), "it still runs")

    def test_a_tool_that_is_missing_is_said_and_skipped(self):
        status, said = self.run_page("## A\n```sh needs=no-such-tool\nno-such-tool\n```\n```sh\ntrue\n```\n")
        self.assertEqual(status, 0, said)
        self.assertRegex(said, r"skip .* A: no-such-tool is not installed")
        self.assertRegex(said, r"1 passed, 0 failed, 1 skipped\n$")

    def test_nothing_that_passed_is_a_failure(self):
        status, said = self.run_page("## A\n```sh needs=no-such-tool\ntrue\n```\n")
        self.assertEqual(status, 1, said)
        self.assertIn("proves nothing", said)

    def test_the_app_is_found_at_the_port_of_the_page(self):
        status, said = self.run_page(
            "## A\n```sh\n./app >app.log 2>&1 & app=$!\n"
            "until curl -sf localhost:8080/readyz >/dev/null; do sleep 0.05; done\n"
            "curl -s http://127.0.0.1:8080/healthz; echo\nkill $app; wait $app; tail -1 app.log\n```\n"
            "```text exact\n{\"status\":\"ok\"}\nlistening on http://127.0.0.1:8080\n```\n", "--show")
        self.assertEqual(status, 0, said)

    def test_a_page_with_a_slip_and_an_unknown_flag_are_refused_in_one_line(self):
        status, said = self.run_page("## A\n```sh fast\ntrue\n```\n")
        self.assertEqual((status, said.count("\n")), (1, 1), said)
        self.assertIn("line 2: unknown word 'fast'", said)
        status, said = self.run_page("## A\n```sh\ntrue\n```\n", "--loud")
        self.assertEqual((status, said.count("\n")), (1, 1), said)
        self.assertIn("unknown flag --loud", said)
