"""The reader of Chrome's traces that other tests rely on (chrometrace.py): what it refuses, and that it takes all that
the writer makes of made-up threads."""
import copy
import json
import os
import unittest

import chrometrace
import harness
import programs


def event(phase, ts, tid=7, **more):
    return {"ph": phase, "pid": 1, "tid": tid, "ts": ts, **more}


def named(phase, ts, name, tid=7, cat="c", **more):
    return event(phase, ts, tid, name=name, cat=cat, **more)


def metadata(what, tid=7, **args):
    return {"ph": "M", "pid": 1, "tid": tid, "name": what, "args": args}


NAMES = [metadata("process_name", name="program"), metadata("thread_name", name="one"),
         metadata("thread_name", tid=8, name="other"), metadata("thread_sort_index", sort_index=3)]

GOOD = [named("B", 1, "outer"), named("X", 2, "inner", dur=0.5), named("B", 2.5, "second"), event("E", 3),
        event("E", 4, name="outer"), named("b", 1, "task", id="0x7"), named("n", 2, "note", id="0x7"),
        named("e", 9, "task", id="0x7", tid=8), named("i", 1, "mark", s="t"), named("C", 1, "heap", args={"bytes": 5}),
        named("s", 1, "flow", id="1"), named("t", 2, "flow", id="1"), named("f", 3, "flow", id="1", tid=8)]


class Validator(unittest.TestCase):
    def document(self, events, names=None):
        return json.dumps({"displayTimeUnit": "ns", "traceEvents": (NAMES if names is None else names) + events})

    def takes(self, *events):
        return chrometrace.parse(self.document(list(events)))

    def refuses(self, what, *events, names=None):
        with self.assertRaises(chrometrace.Malformed) as raised:
            chrometrace.parse(self.document(list(events), names))
        self.assertIn(what, str(raised.exception))

    def refuses_text(self, text):
        with self.assertRaises(chrometrace.Malformed):
            chrometrace.parse(text)

    def test_a_good_trace_is_taken_apart(self):
        trace = self.takes(*GOOD)
        self.assertEqual([(s.name, s.begin_ns, s.end_ns) for s in sorted(trace.slices, key=lambda s: s.begin_ns)],
                         [("outer", 1000, 4000), ("inner", 2000, 2500), ("second", 2500, 3000)])
        self.assertEqual(trace.tasks["0x7"][2:5], ("task", 1000, 9000))
        self.assertEqual(trace.counters["heap"], [(1000, {"bytes": 5})])
        self.assertEqual([mark.name for mark in trace.marks], ["mark", "note"])
        self.assertEqual((trace.flows, trace.threads[(1, 8)], trace.sort[(1, 7)]), (1, "other", 3))

    def test_what_is_no_json_is_refused(self):
        self.refuses_text("{")
        self.refuses_text(b'{"traceEvents":[],"otherData":{"x":"\xff"}}')
        self.refuses_text('{"traceEvents":[],"traceEvents":[]}')
        self.refuses_text('{"traceEvents":[],"otherData":{"x":NaN}}')
        self.refuses_text('{"traceEvents":[]} trailing')

    def test_what_is_no_object_with_events_is_refused(self):
        for text in ("[]", "{}", '{"traceEvents":{}}', '{"traceEvents":[1]}', '{"traceEvents":[],"otherData":1}',
                     '{"traceEvents":[],"displayTimeUnit":"us"}'):
            self.refuses_text(text)

    def test_an_event_without_what_its_phase_needs_is_refused(self):
        for index, good in enumerate(GOOD):
            for key in good:
                if (good["ph"], key) == ("E", "name"):
                    continue
                bad = copy.deepcopy(GOOD)
                del bad[index][key]
                with self.subTest(good=good, without=key):
                    self.assertRaises(chrometrace.Malformed, chrometrace.parse, self.document(bad))

    def test_unknown_phases_fields_scopes_and_metadata_are_refused(self):
        self.refuses("unknown phase", named("Z", 1, "x"))
        self.refuses("unknown phase", named("", 1, "x"))
        self.refuses("unknown phase", named("BE", 1, "x"))
        self.refuses("fields", named("i", 1, "x", s="t", sf=1))
        self.refuses("scope", named("i", 1, "x", s="q"))
        self.refuses("metadata", metadata("thread_colour", name="red"))
        self.refuses("without its value", metadata("thread_sort_index", sort_index="3"))

    def test_times_and_numbers_that_are_none_are_refused(self):
        self.refuses("ts", named("i", -1, "x", s="t"))
        self.refuses("ts", named("i", "1", "x", s="t"))
        self.refuses("ts", named("i", True, "x", s="t"))
        self.refuses("dur", named("X", 1, "x", dur=-1))
        self.refuses("numbers", named("C", 1, "x", args={"bytes": "5"}))
        self.refuses("tid", event("E", 1, tid="7"))
        self.refuses("the id", named("n", 1, "x", id=7))

    def test_slices_that_do_not_lie_within_each_other_are_refused(self):
        self.refuses("has no E", named("B", 1, "x"))
        self.refuses("without a B", event("E", 1))
        self.refuses("without a B", named("B", 1, "x"), event("E", 2, tid=8))
        self.refuses("another name", named("B", 1, "x"), event("E", 2, name="y"))
        self.refuses("back in time", named("B", 2, "x"), event("E", 1))
        self.refuses("ends after the one", named("X", 1, "x", dur=2), named("X", 2, "y", dur=2))
        self.refuses("ends after the slice", named("B", 1, "x"), named("X", 2, "y", dur=5), event("E", 3))
        self.refuses("after the X", named("X", 1, "x", dur=2), named("B", 2, "y"), event("E", 4))
        self.takes(named("X", 1, "x", dur=2), named("X", 2, "y", dur=1), named("X", 3, "z", dur=0),
                   named("X", 2, "y", dur=9, tid=8))

    def test_tasks_that_do_not_begin_and_end_once_are_refused(self):
        self.refuses("without an e", named("b", 1, "x", id="1"))
        self.refuses("without a b", named("e", 1, "x", id="1"))
        self.refuses("without a b", named("b", 1, "x", id="1"), named("e", 2, "x", id="1", cat="d"))
        self.refuses("without a b", named("b", 2, "x", id="1"), named("e", 1, "x", id="1"))
        self.refuses("second b", named("b", 1, "x", id="1"), named("b", 2, "x", id="1"))
        self.refuses("second b", *(named(ph, ts, "x", id="1") for ts, ph in enumerate("bebe")))
        self.refuses("another name", named("b", 1, "x", id="1"), named("e", 2, "y", id="1"))

    def test_flows_that_do_not_match_are_refused(self):
        self.refuses("no end", named("s", 1, "x", id="1"))
        self.refuses("never began", named("f", 1, "x", id="1"))
        self.refuses("never began", named("s", 1, "x", id="1"), named("t", 2, "x", id="2"))
        self.refuses("second s", named("s", 1, "x", id="1"), named("s", 1, "x", id="1"))

    def test_threads_and_processes_without_a_name_are_refused(self):
        self.refuses("thread has no name", named("i", 1, "x", tid=9, s="t"))
        self.refuses("process has no name", named("i", 1, "x", s="t"), names=NAMES[1:])


class Writer(unittest.TestCase):
    """tests/unit/trace/chrome_writer writes made-up traces, too."""

    def written(self, *arguments):
        path = os.path.abspath("trace.json")
        result = harness.run("tests/unit/trace/chrome_writer", path, *arguments, timeout=120)
        self.assertEqual(result.returncode, 0, result.stderr)
        return chrometrace.load(path)

    def test_a_trace_with_every_kind_of_moment_is_valid(self):
        trace = self.written()
        self.assertEqual(trace.other["lost_events"], 12)
        self.assertIs(trace.other["is_whole"], False)
        names = {piece.name for piece in trace.slices}
        self.assertLessEqual({"parse", "GC", "stop-the-world", "runnable", "blocked: network", "blocked: file"}, names)
        self.assertEqual(trace.tasks["0x8"].args["parent"], "0x7")
        self.assertEqual([mark.args["message"] for mark in trace.marked("status")], ["200 OK"])
        self.assertEqual(trace.counters["heap goal"][0][1], {"bytes": 4 << 20})
        self.assertEqual(len(trace.named("GC")), 2)
        self.assertIn("collector (cycles)", trace.threads.values())

    def test_long_traces_of_threads_that_come_and_go_are_valid(self):
        for seed in range(1, 5):
            with self.subTest(seed=seed):
                trace = self.written(str(seed), str(programs.sized(50000, 10000)))
                self.assertGreater(len(trace.slices), 1000)
                self.assertGreater(len(trace.tasks), 50)
                self.assertIs(trace.other["is_whole"], True)


if __name__ == "__main__":
    unittest.main()
