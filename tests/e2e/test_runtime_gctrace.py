"""gctrace: real lines of the app under load, parsed by Go's format, by the README's, and against the other figures."""
import os
import re
import unittest

import harness
import programs

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "README.md")
KINDS = {"boehm": "", "mimalloc": " (trim)"}


def trace_lines(app):
    return [line for line in app.stderr if re.match(r"gc \d", line)]


class GcTrace(unittest.TestCase):
    REQUESTS = programs.sized(20000, 300)

    def traced(self, allocator, **env):
        """The lines of an app under load, then of two forced cycles; and the answers to questions asked then."""
        variables = {"CDEBUG": "gctrace=1", "CGC": "20", "CALLOCATOR": allocator}
        variables.update(env)
        with harness.App(env=variables) as app:
            done = programs.load(app, "/rooms", self.REQUESTS)
            self.assertEqual(done.wrong, [])
            for _ in range(2):
                self.assertEqual(app.post("/debug/gc").status, 200)
            # The line is written before the call is answered, but another thread reads it here.
            harness.eventually(lambda: sum(" (forced)" in line for line in trace_lines(app)) >= 2, "two forced lines")
            stats, page = app.get("/debug/memstats").json(), app.get("/debug/gctrace").text.splitlines()
            newest = int(programs.GCTRACE.fullmatch(page[-1])["number"])
            harness.eventually(lambda: len(trace_lines(app)) >= max(newest, stats["NumGC"]), "a line a cycle")
            return trace_lines(app), stats, page

    def check_lines(self, allocator):
        lines, stats, page = self.traced(allocator)
        found = [programs.GCTRACE.fullmatch(line) for line in lines]
        self.assertEqual([line for line, match in zip(lines, found) if not match], [], "lines not in Go's format")
        self.assertGreaterEqual(len(found), 3, "too few cycles for a load")
        for line, match, before in zip(lines, found, [None] + found):
            with self.subTest(line):
                self.assertEqual(int(match["number"]), int(before["number"]) + 1 if before else 1)
                self.assertGreaterEqual(float(match["at"]), float(before["at"]) if before else 0)
                self.assertGreaterEqual(int(match["start"]), int(match["end"]) if allocator == "boehm" else 0)
                self.assertGreaterEqual(int(match["end"]), int(match["live"]))
                self.assertEqual(match["idle"], "0")
                self.assertEqual(match["trim"] or "", KINDS[allocator])
                if allocator == "mimalloc":
                    self.assertEqual((match["concurrent"], match["assist"], match["background"]), ("0", "0", "0"))
        forced = sum(bool(match["forced"]) for match in found)
        self.assertEqual(forced, stats["NumForcedGC"])
        return found, lines, stats, page

    @harness.not_sanitized("the libc heap is not collected")
    def test_every_line_under_boehm_has_gos_format_and_numbers_that_agree(self):
        found, _, stats, _ = self.check_lines("boehm")
        # Rounded to two digits at worst: 5 % either way, and half a microsecond a term.
        pause_ms = sum(float(match["stop"]) + float(match["mark"]) for match in found[:stats["NumGC"]])
        told_ms = stats["PauseTotalNs"] / 1e6
        self.assertLessEqual(abs(pause_ms - told_ms), told_ms * 0.05 + 0.001 * len(found), "first + third = the pause")

    @harness.not_sanitized("the libc heap is not collected")
    def test_every_line_under_mimalloc_has_gos_format_and_says_trim(self):
        self.check_lines("mimalloc")

    @harness.not_sanitized("the libc heap is not collected")
    def test_the_page_keeps_the_same_lines(self):
        lines, stats, page = self.traced("boehm")
        self.assertGreaterEqual(len(page), min(stats["NumGC"], 4096))
        self.assertLessEqual(len(page), 4096)
        first = int(programs.GCTRACE.fullmatch(page[0])["number"]) - 1
        self.assertEqual([line for line, told in zip(page, lines[first:]) if line != told], [])

    @harness.not_sanitized("the libc heap is not collected")
    def test_the_page_has_the_lines_when_gctrace_is_off_and_stderr_has_none(self):
        with harness.App(env={"CALLOCATOR": "boehm"}) as app:
            app.post("/debug/gc")
            self.assertEqual(trace_lines(app), [])
            kept = [programs.GCTRACE.fullmatch(line) for line in app.get("/debug/gctrace").text.splitlines()]
            self.assertEqual(sum(bool(match and match["forced"]) for match in kept), 1, kept)

    def test_CMAXPROCS_is_the_P_of_the_line(self):
        lines, _, _ = self.traced("boehm", CMAXPROCS="1")
        for line in lines:
            self.assertRegex(line, r" MB globals, 1 P( \(|$)")


class ReadmeSection(unittest.TestCase):
    """README.md's section on gctrace holds a template (`gc # @#s ...`) and an example; both must be true."""

    def setUp(self):
        with open(README, encoding="utf-8") as file:
            blocks = re.findall(r"^```\w*\n(.*?)^```", file.read(), re.MULTILINE | re.DOTALL)
        lines = [line.strip() for block in blocks for line in block.splitlines()]
        self.templates = [line for line in lines if line.startswith("gc #")]
        self.examples = [line for line in lines if re.match(r"gc \d", line)]
        with open(README, encoding="utf-8") as file:
            self.text = file.read()

    def template_as_pattern(self):
        self.assertEqual(len(self.templates), 1, "README.md has no fenced line that begins with `gc #`, or several")
        number = r"(\\d+(?:\\.\\d+)?)"
        return re.compile(re.sub(re.escape(re.escape("#")), number, re.escape(self.templates[0])) +
                          r"(?: \(forced\))?(?: \(trim\))?")

    @harness.not_sanitized("the libc heap is not collected")
    def test_real_lines_of_both_heaps_match_the_template_of_the_readme(self):
        pattern = self.template_as_pattern()
        for allocator in programs.ALLOCATORS:
            with self.subTest(allocator), harness.App(env={"CDEBUG": "gctrace=1", "CALLOCATOR": allocator}) as app:
                programs.load(app, "/rooms", 200)
                app.post("/debug/gc")
                line = app.wait_for_line(r"^gc \d.*").string
                self.assertIsNotNone(pattern.fullmatch(line), "%s\nagainst %s" % (line, self.templates[0]))

    def test_the_example_of_the_readme_has_the_format_it_explains(self):
        self.assertNotEqual(self.examples, [], "README.md shows no example of a gctrace line")
        for line in self.examples:
            self.assertIsNotNone(programs.GCTRACE.fullmatch(line), line)
            self.assertIsNotNone(self.template_as_pattern().fullmatch(line), line)

    def test_the_readme_explains_every_field_of_the_template(self):
        self.template_as_pattern()
        section = self.text[self.text.index(self.templates[0]) + len(self.templates[0]):]
        section = section.split("\n## ")[0]
        # `gc # @#s #%: …` is three fields, what follows the colon is separated by commas.
        head, rest = self.templates[0].split(": ", 1)
        fields = ["gc #", *head.split(" ")[2:], *rest.split(", "), "(forced)", "(trim)"]
        self.assertEqual(len(fields), 12, fields)
        for field in fields:
            with self.subTest(field):
                self.assertIn("`%s`" % field, section)
