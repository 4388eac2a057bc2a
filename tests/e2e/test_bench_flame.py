"""bench/flame: stacks of perf script, or folded ones, as a picture and as text."""
import os
import subprocess
import sys
import unittest
import xml.etree.ElementTree as xml

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SVG = "{http://www.w3.org/2000/svg}"
# As perf 6.1 prints it: a head, frames from the inside out, an empty line.
PERF = """loop 1 26289 27015.870578:    5025125 cpu-clock:ppp: 
\tffffffff816d92c8 select_estimate_accuracy+0x28 ([kernel.kallsyms])
\t          108f36 epoll_wait+0x56 (/usr/lib/x86_64-linux-gnu/libc.so.6)
\t           1d6cd [unknown] (/usr/lib/x86_64-linux-gnu/libh2o-evloop.so.0.13.5)
\t           2f0a1 loop_run+0x1b (/home/me/build/app)

loop 1 26289/26290 [001] 27015.883909:    5025125 cpu-clock:ppp: 
\t           a74f1 operator new(unsigned long)+0x1 (/usr/lib/libx.so)
\t           2f0a1 loop_run+0x1b (/home/me/build/app)

app 26289 27015.890000:    5025125 cpu-clock:ppp: 
"""
FOLDED = "a;b 6\na;c<d>&e 3\na 1\nf;g 90\n"


def flame(text, *arguments):
    return subprocess.run([sys.executable, "-B", os.path.join(TOP, "bench", "flame"), *arguments], input=text, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)


class Flame(unittest.TestCase):
    def test_stacks_of_perf_are_folded_from_the_outside_in(self):
        done = flame(PERF, "--folded")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.splitlines(), [
            "app 1",
            "loop 1;loop_run;[libh2o-evloop.so.0.13.5];epoll_wait;select_estimate_accuracy 1",
            "loop 1;loop_run;operator new(unsigned long) 1"])

    def test_folded_stacks_come_out_as_they_went_in_most_first(self):
        self.assertEqual(flame(FOLDED, "--folded").stdout, "f;g 90\na;b 6\na;c<d>&e 3\na 1\n")

    def test_a_box_is_as_wide_as_its_share_and_stands_within_its_caller(self):
        boxes = {}
        for group in xml.fromstring(flame(FOLDED, "--title", "x < y").stdout).iter(SVG + "g"):
            rect = group.find(SVG + "rect")
            boxes[group.find(SVG + "title").text] = tuple(float(rect.get(name)) for name in ("x", "y", "width"))
        self.assertEqual(set(boxes), {"a: 10 samples, 10.0 %", "b: 6 samples, 6.0 %", "c<d>&e: 3 samples, 3.0 %",
                                      "f: 90 samples, 90.0 %", "g: 90 samples, 90.0 %"})
        a, b, c = (boxes[name] for name in ("a: 10 samples, 10.0 %", "b: 6 samples, 6.0 %", "c<d>&e: 3 samples, 3.0 %"))
        self.assertEqual((a[2], b[2], c[2]), (118, 70.8, 35.4))
        self.assertEqual((b[0], c[0]), (a[0], round(a[0] + 70.8, 1)))
        self.assertLess(b[1], a[1])

    def test_the_same_input_gives_the_same_bytes(self):
        self.assertEqual(flame(PERF).stdout, flame(PERF).stdout)

    def test_what_is_no_profile_is_named_by_its_line(self):
        done = flame("a;b 6\nhello there\n")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("line 2 is neither perf script's nor a folded stack: 'hello there'", done.stderr)
        self.assertIn("there is no sample in it", flame("").stderr)
