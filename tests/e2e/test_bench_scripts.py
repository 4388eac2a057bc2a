"""What the benchmark scripts make of what was measured: percentiles of hey's CSV, plots, and text for benchstat.

Input is made here, so what must come out is known. Positions in plots are checked against the marks that are drawn in
them, as a reader would, not against the code that drew them.
"""
import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

from harness import not_sanitized

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCH = os.path.join(TOP, "bench")
sys.path.insert(0, BENCH)
sys.dont_write_bytecode = True
import results  # noqa: E402

SCRIPTS_ONLY = True

HEAD = "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset"
SVG = "{http://www.w3.org/2000/svg}"


def line(ms, code=200):
    return "%.4f,0.0000,0.0000,0.0000,0.0000,0.0000,%d,0.0000" % (ms / 1000, code)


def a_thousand():
    """1, 2, ... 1000 ms in any order: each percentile is known."""
    lines = [line(ms) for ms in range(1, 1001)]
    random.Random(7).shuffle(lines)
    return "\n".join([HEAD] + lines) + "\n"


def bench(name, *arguments, stdin=""):
    return subprocess.run([os.path.join(BENCH, name), *arguments], input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60, check=False)


@not_sanitized("no program of the build is run")
class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cruntime-scripts.")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as out:
            out.write(text)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def good(self, name, *arguments, **more):
        done = bench(name, *arguments, **more)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def bad(self, what, name, *arguments, **more):
        """The script ends with one line on stderr that says what."""
        done = bench(name, *arguments, **more)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, what)
        return done


class Svg:
    """A drawing, as one who looks at it finds it."""

    def __init__(self, text):
        self.text = text
        self.root = ElementTree.fromstring(text)

    def words(self):
        return [(e.text, float(e.get("x")), float(e.get("y"))) for e in self.root.iter(SVG + "text")]

    def place(self, text):
        """(x, y) of words that stand there once."""
        found = [(x, y) for words, x, y in self.words() if words == text]
        if len(found) != 1:
            raise AssertionError("%r stands there %d times" % (text, len(found)))
        return found[0]

    def all(self, tag, kind):
        return [e for e in self.root.iter(SVG + tag) if kind in (e.get("class") or "").split()]

    def points(self, kind):
        (path,) = self.all("polyline", kind)
        return [tuple(float(n) for n in pair.split(",")) for pair in path.get("points").split()]


def scale(low, low_px, high, high_px, by=lambda value: value):
    """Where a value lies between two marks."""
    return lambda value: low_px + (by(value) - by(low)) / (by(high) - by(low)) * (high_px - low_px)


class HeyPercentiles(Case):
    def rows(self, text):
        """{first word: other words} of the lines of a table."""
        return {words[0]: words[1:] for words in (row.split() for row in text.splitlines()) if words}

    def test_percentiles_of_a_known_distribution_are_its_values(self):
        rows = self.rows(self.good("hey-percentiles", self.file("app.csv", a_thousand())))
        want = {"count": "1000", "mean": "500.500", "p50": "500.000", "p75": "750.000", "p90": "900.000",
                "p95": "950.000", "p99": "990.000", "p99.9": "999.000", "max": "1000.000"}
        self.assertEqual({name: rows[name] for name in want}, {name: [value] for name, value in want.items()})

    def test_a_percentile_beyond_which_there_is_nothing_is_not_made_up(self):
        self.assertEqual(self.rows(self.good("hey-percentiles", stdin=a_thousand()))["p99.99"], ["-"])

    def test_stdin_is_read_when_no_file_is_named(self):
        self.assertEqual(self.rows(self.good("hey-percentiles", stdin=a_thousand()))["p90"], ["900.000"])

    def test_several_files_stand_beside_each_other_under_their_labels(self):
        a, b = self.file("a.csv", a_thousand()), self.file("b.csv", HEAD + "\n" + line(2) + "\n" + line(4) + "\n")
        text = self.good("hey-percentiles", "before=" + a, b)
        self.assertEqual(text.splitlines()[0].split(), ["before", "b"])
        self.assertEqual(self.rows(text)["count"], ["1000", "2"])
        self.assertEqual(self.rows(text)["p50"], ["500.000", "2.000"])

    def test_answers_other_than_2xx_are_counted_and_said(self):
        text = "\n".join([HEAD, line(1), line(2, 404), line(3, 404), line(4, 503), line(5, 201)])
        self.assertIn("3 of 5 answers were not 2xx (404: 2, 503: 1)", self.good("hey-percentiles", stdin=text))

    def test_answers_that_are_all_2xx_need_no_words(self):
        self.assertNotIn("2xx", self.good("hey-percentiles", stdin=HEAD + "\n" + line(1, 204)))

    def test_a_bad_line_is_named_with_its_number_and_nothing_is_written(self):
        for bad, what in (("soon,0,0,0,0,0,200,0", r"response-time is 'soon': expected seconds"),
                          ("-0.1,0,0,0,0,0,200,0", r"'-0.1': expected seconds"),
                          ("nan,0,0,0,0,0,200,0", r"'nan': expected seconds"),
                          ("0.1,0,0,0,0,0,OK,0", r"status-code is 'OK': expected a number"),
                          ("0.1,0,0,0,0,0,0200,0", r"status-code is '0200'"),
                          ("0.1,200", r"2 fields: expected 8")):
            with self.subTest(bad=bad):
                path = self.file("app.csv", "\n".join([HEAD, line(1), bad, line(2)]))
                self.bad(r"^hey-percentiles: \S*app\.csv:3: .*" + what, "hey-percentiles", "--svg",
                         self.path("out.svg"), path)
                self.assertFalse(os.path.exists(self.path("out.svg")))

    def test_input_that_is_no_csv_of_hey_is_told_apart(self):
        self.bad("stdin:1: .*expected columns response-time and status-code", "hey-percentiles", stdin="a,b\n1,2\n")
        self.bad("stdin: empty: expected", "hey-percentiles", stdin="")
        self.bad("stdin: no requests", "hey-percentiles", stdin=HEAD + "\n")
        self.bad("No such file", "hey-percentiles", self.path("none.csv"))

    def test_the_text_form_of_hdrhistogram_has_its_columns_and_its_end(self):
        self.good("hey-percentiles", "--hgrm", self.path("out"), self.file("app.csv", a_thousand()))
        lines = self.read("out").splitlines()
        self.assertEqual(lines[0].split(), ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"])
        rows = [[float(word) for word in row.split()] for row in lines[2:] if not row.startswith("#")]
        for value, fraction, count, *inverse in rows:
            self.assertEqual(value, max(1, math.ceil(round(1000 * fraction, 6))))
            self.assertEqual(count, value)
            self.assertEqual([round(1 / (1 - fraction), 2)] if inverse else [], inverse)
        self.assertEqual([row[1] for row in rows], sorted(row[1] for row in rows))
        self.assertEqual(rows[-1], [1000, 1, 1000])
        self.assertRegex(lines[-2], r"#\[Mean    = +500\.500, StdDeviation   = +288\.675\]")
        self.assertRegex(lines[-1], r"#\[Max     = +1000\.000, Total count    = +1000\]")

    def test_the_text_form_takes_one_input(self):
        path = self.file("a.csv", a_thousand())
        self.bad("--hgrm: 2 inputs; expected one", "hey-percentiles", "--hgrm", "-", path, path)

    def test_the_curve_goes_through_known_percentiles(self):
        self.good("hey-percentiles", "--svg", self.path("out.svg"), self.file("app.csv", a_thousand()))
        drawing = Svg(self.read("out.svg"))
        marks = [drawing.place(text)[0] for text in ("0 %", "90 %", "99 %", "99.9 %")]
        for left, right in zip(marks, marks[1:]):
            self.assertAlmostEqual(right - left, marks[1] - marks[0], delta=0.05)
        # The words of a mark stand a little below its line, all by the same distance.
        y = scale(0, drawing.place("0")[1], 1000, drawing.place("1000")[1])
        down = drawing.place("0")[1] - drawing.points("s0")[0][1] - (y(0) - y(1))
        curve = drawing.points("s0")
        for mark, ms in zip(marks[:1] + marks[3:], (1, 999)):
            (height,) = {py for px, py in curve if abs(px - mark) < 0.05}
            self.assertAlmostEqual(height + down, y(ms), delta=0.1)
        # Between two points the curve is straight; near 90 % they are near each other.
        before = max(point for point in curve if point[0] <= marks[1] + 0.01)
        self.assertAlmostEqual(before[1] + down, y(900), delta=(y(0) - y(30)))

    def test_a_plot_has_a_curve_and_a_name_for_each_file_and_the_same_bytes_each_time(self):
        a, b = self.file("a.csv", a_thousand()), self.file("b.csv", HEAD + "\n" + line(2) + "\n" + line(4) + "\n")
        for name in ("1.svg", "2.svg"):
            self.good("hey-percentiles", "--svg", self.path(name), "x<y&z=" + a, b)
        self.assertEqual(self.read("1.svg"), self.read("2.svg"))
        drawing = Svg(self.read("1.svg"))
        self.assertEqual([len(drawing.all("polyline", kind)) for kind in ("s0", "s1", "s2")], [1, 1, 0])
        self.assertTrue(drawing.place("x<y&z") and drawing.place("b"))


def a_row(what, median, least, greatest, bound="", held=None):
    return {"what": what, "median": median, "least": least, "greatest": greatest, "rounds": 5, "bound": bound,
            "held": held, "command": "true"}


class Plot(Case):
    ROWS = [a_row("time: ours / theirs", 0.5, 0.2, 1.0), a_row("time: held / theirs", 1.2, 1.0, 2.0, "<= 1.30", True),
            a_row("time: missed / theirs", 2.0, 1.0, 5.0, "<= 1.30", False), a_row("cycles of none", 0.0, 0.0, 0.0)]

    def table(self, name, rows):
        return self.file(name, json.dumps({"driver": "run-x", "cpu": "A CPU", "rows": rows, "notes": []}))

    def plot(self, *names):
        return self.good("plot", "-r", self.folder, "-o", self.path("plots"), *names)

    def drawing(self, name):
        return Svg(self.read(os.path.join("plots", name + ".svg")))

    def x(self, drawing):
        return scale(0.2, drawing.place("0.2")[0], 5, drawing.place("5")[0], math.log)

    def test_dots_lines_and_bounds_lie_where_their_ratios_do(self):
        self.table("run-x.json", self.ROWS)
        self.plot()
        drawing = self.drawing("x")
        x = self.x(drawing)
        dots = [float(dot.get("cx")) for dot in drawing.all("circle", "f0")]
        ranges = [(float(one.get("x1")), float(one.get("x2"))) for one in drawing.all("line", "range")]
        for row, dot, (left, right) in zip(self.ROWS[:3], dots, ranges):
            for got, want in ((dot, row["median"]), (left, row["least"]), (right, row["greatest"])):
                self.assertAlmostEqual(got, x(want), delta=0.05)
        self.assertEqual(len(dots), 4)
        self.assertLessEqual(dots[3], x(0.2))  # 0 has no place on the axis: it lies at its end
        for kind in ("bound", "missed"):
            (bar,) = drawing.all("line", kind)
            self.assertAlmostEqual(float(bar.get("x1")), x(1.3), delta=0.05)
        (one,) = drawing.all("line", "one")
        self.assertAlmostEqual(float(one.get("x1")), x(1), delta=0.05)

    def test_rows_of_a_group_stand_under_its_name(self):
        self.table("run-x.json", self.ROWS)
        self.plot()
        drawing = self.drawing("x")
        heights = [drawing.place(words.strip())[1] for words in ("time",)] + [
            y for words, _, y in drawing.words() if words.strip() in ("ours / theirs", "missed / theirs")]
        self.assertEqual(heights, sorted(heights))
        self.assertEqual(len(heights), 3)
        self.assertEqual(len([1 for words, _, _ in drawing.words() if words.strip() == "cycles of none"]), 1)

    def test_the_same_results_give_the_same_bytes_for_light_and_dark(self):
        self.table("run-x.json", self.ROWS)
        self.plot()
        first = self.read("plots/x.svg")
        self.plot()
        self.assertEqual(self.read("plots/x.svg"), first)
        self.assertIn("prefers-color-scheme: dark", first)
        self.assertTrue(Svg(first).all("rect", "ground"))

    def test_every_class_that_is_drawn_has_a_colour(self):
        self.table("run-x.json", self.ROWS)
        self.file("run-trees.txt", self.trees())
        self.file("latency-app.csv", a_thousand())
        self.plot()
        for name in ("x", "trees-by-cgc", "latency-curves"):
            drawing = self.drawing(name)
            used = {kind for e in drawing.root.iter() for kind in (e.get("class") or "").split()}
            style = drawing.root.find(SVG + "style").text
            self.assertEqual({kind for kind in used if "." + kind + " " not in style}, set(), name)

    @staticmethod
    def trees():
        cases = {"CGC=50": (3.0, 40), "CGC=100": (2.0, 20), "CGC=200": (1.5, 10), "CGC=400": (1.0, 5),
                 "CGC=off": (0.5, 0), "mimalloc": (0.25, 0)}
        kept = {name: [(seconds + shift, float(cycles), seconds / 100, 1e6 * cycles) for shift in (-0.1, 0.0, 0.1)]
                for name, (seconds, cycles) in cases.items()}
        return results.text("pkg", "x86_64", "A CPU", [("BinaryTrees/depth=16", kept, (
            "sec/op", "cycles/op", "pause-sec/op", "sys-bytes"))])

    def test_trees_have_a_panel_for_cycles_whose_dots_lie_where_their_counts_do(self):
        self.file("run-trees.txt", self.trees())
        self.assertEqual(self.plot().split(), [self.path("plots/trees-by-cgc.svg")])
        drawing = self.drawing("trees-by-cgc")
        top, left = drawing.place("cycles")[1], drawing.place("cycles")[0]
        # Marks of the first panel: left of its edge, between its head and the words below.
        marks = {float(words): y for words, x, y in drawing.words()
                 if re.fullmatch(r"[0-9.]+", words) and x < left and top < y < top + 190}
        y = scale(0, marks[0], 40, marks[40])
        dots = [(float(d.get("cx")), float(d.get("cy"))) for d in drawing.all("circle", "f0")]
        panel = [cy for cx, cy in sorted(dots) if left < cx < left + 250 and top < cy < top + 190]
        self.assertEqual(len(panel), 5)
        for got, cycles in zip(panel, (40, 20, 10, 5, 0)):
            self.assertAlmostEqual(got, y(cycles) - 4, delta=0.1)

    def test_curves_of_kept_csvs_are_drawn_together(self):
        self.file("latency-app_(boehm).csv", a_thousand())
        self.file("latency-nginx.csv", a_thousand())
        self.file("latency-nginx.old.csv", "rubbish")
        self.plot()
        drawing = self.drawing("latency-curves")
        self.assertTrue(drawing.place("app (boehm)") and drawing.place("nginx"))
        self.assertEqual(len(list(drawing.root.iter(SVG + "polyline"))), 2)

    def test_parts_and_earlier_runs_are_left_alone(self):
        for name in ("run-x.json", "run-x-part.json", "run-x.old.json"):
            self.table(name, self.ROWS)
        self.assertEqual(self.plot().split(), [self.path("plots/x.svg")])

    def test_names_choose_and_a_wrong_one_is_told_with_those_there_are(self):
        self.table("run-x.json", self.ROWS)
        self.table("run-y.json", self.ROWS)
        self.assertEqual(self.plot("y").split(), [self.path("plots/y.svg")])
        self.bad("plot: z: no results for it in .*; there are: x, y", "plot", "-r", self.folder, "z")

    def test_what_cannot_be_drawn_is_told(self):
        self.bad("no such folder", "plot", "-r", self.path("none"))
        self.bad("no results", "plot", "-r", self.folder)
        self.file("run-x.json", "{}")
        self.bad("run-x.json: not what a driver keeps", "plot", "-r", self.folder, "-o", self.path("plots"))
        self.file("run-x.json", '{"rows": [{"what": 1}]}')
        self.bad("run-x.json: not what a driver keeps", "plot", "-r", self.folder, "-o", self.path("plots"))
        os.unlink(self.path("run-x.json"))
        self.file("run-trees.txt", "BenchmarkOther 1 1 ns/op\n")
        self.bad("no line begins with BenchmarkBinaryTrees/", "plot", "-r", self.folder, "-o", self.path("plots"))


class Results(Case):
    KEPT = [("Malloc/threads=2", {"raw mimalloc": [(1.5,), (2.25,)], "glibc": [(123456.789,), (4.0,)]}, ("ns/op",)),
            ("GetRooms", {"app/8": [(1000.0, 5.0)] * 2, "nginx-8": [(2000.0, None)] * 2}, ("req/s", "cpu-ns/op"))]

    def test_what_is_written_is_read_back(self):
        text = results.text("a/package", "x86_64", "A CPU @ 2 GHz", self.KEPT)
        self.assertEqual(results.parse(text), {
            "Malloc/threads=2/case=raw_mimalloc": {"ns/op": [1.5, 2.25]},
            "Malloc/threads=2/case=glibc": {"ns/op": [123456.789, 4.0]},
            "GetRooms/case=app|8": {"req/s": [1000.0, 1000.0], "cpu-ns/op": [5.0, 5.0]},
            "GetRooms/case=nginx_8": {"req/s": [2000.0, 2000.0]}})

    def test_the_head_is_that_of_go_and_rounds_stay_in_order(self):
        lines = results.text("a/package", "x86_64", "A CPU @ 2 GHz", self.KEPT).splitlines()
        self.assertEqual(lines[:4], ["goos: linux", "goarch: amd64", "pkg: a/package", "cpu: A CPU @ 2 GHz"])
        self.assertEqual([row.split()[0] for row in lines if "Malloc" in row],
                         ["BenchmarkMalloc/threads=2/case=raw_mimalloc", "BenchmarkMalloc/threads=2/case=glibc"] * 2)

    def test_lines_that_are_no_results_are_skipped(self):
        self.assertEqual(results.parse("PASS\nBenchmark\nBenchmarkX\nBenchmarkX 1\nBenchmarkY 1 2 ns/op\n"),
                         {"Y": {"ns/op": [2.0]}})

    def test_the_processor_is_named_as_the_kernel_does(self):
        self.assertEqual(results.cpu_model("processor\t: 0\nmodel name\t: A CPU  @ 2\nmodel name\t: B\n"), "A CPU  @ 2")
        self.assertEqual(results.cpu_model("processor\t: 0\n"), "")

    def test_benchstat_reads_it_without_a_word_on_stderr(self):
        tool = shutil.which("benchstat") or shutil.which("benchstat", path=os.path.expanduser("~/go/bin"))
        if tool is None:
            self.skipTest("benchstat is not installed")
        rounds = {name: [(first + n,) for n in range(6)] for name, first in (("a", 1.0), ("b", 9.0))}
        kept = [("Malloc/threads=2", rounds, ("ns/op",)),
                ("GetRooms", {"a": [(n + 1.0, 2.0) for n in range(6)]}, ("req/s", "cpu-ns/op"))]
        path = self.file("a.txt", results.text("a/package", "x86_64", "A CPU", kept))
        done = subprocess.run([tool, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30,
                              check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for word in ("Malloc/threads=2/case=a", "sec/op", "req/s", "GetRooms/case=a"):
            self.assertIn(word, done.stdout)


class Drivers(Case):
    def test_a_group_that_there_is_not_is_told_with_those_there_are(self):
        self.bad("'htpp' is no group: expected peers, http, overhead", "run-all", "htpp")

    def test_an_instrument_that_there_is_not_is_told_with_those_there_are(self):
        self.bad("--only fligth: no such instrument; there are: counting; .*flight recorder", "run-overhead", "--only",
                 "fligth")


if __name__ == "__main__":
    unittest.main()
