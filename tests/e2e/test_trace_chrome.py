"""The app's traces as Perfetto and chrome://tracing read them: valid by a strict reader, and true."""
import collections
import json
import os
import shutil
import tempfile
import threading
import unittest

import chrometrace
from harness import App, eventually
from programs import load, sized


class TracesForPerfetto(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cruntime-chrome.")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def test_a_trace_of_requests_is_valid_and_has_a_task_for_each(self):
        requests = sized(3000, 300)
        with App() as app:
            got, expected = {}, app.get("/rooms").body
            taker = threading.Thread(target=lambda: got.update(
                answer=app.get("/debug/pprof/trace?seconds=%g&format=chrome" % sized(5, 15), timeout=120)))
            taker.start()
            eventually(lambda: "rt-trace" in [name for name in names(app)], "the trace's thread")
            done = load(app, "/rooms", requests, expected=expected)
            taker.join()
        self.assertEqual((done.answers, done.wrong), (requests, []))
        self.assertEqual(got["answer"].status, 200, got["answer"].text[:300])
        trace = chrometrace.Trace(json.loads(got["answer"].body))
        self.assertEqual(trace.other["lost_events"], 0)
        tasks = collections.Counter(task.name for task in trace.tasks.values())
        self.assertEqual(tasks["GET /rooms"], requests)
        slices = collections.Counter(one.name for one in trace.slices)
        for region in ("route", "database", "JSON", "write"):
            self.assertGreaterEqual(slices[region], requests, region)
        self.assertTrue(any(name.startswith("blocked: network") for name in slices), slices)
        self.assertTrue({"heap allocated", "heap goal"} <= set(trace.counters), trace.counters.keys())


def names(app):
    for tid in os.listdir("/proc/%d/task" % app.pid):
        try:
            with open("/proc/%d/task/%s/comm" % (app.pid, tid), encoding="utf-8") as comm:
                yield comm.read().strip()
        except OSError:
            pass  # it has ended


if __name__ == "__main__":
    unittest.main()
