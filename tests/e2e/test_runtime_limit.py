"""CMEMLIMIT: held where the live heap fits, and where it cannot the collector takes half of the CPU at most."""
import unittest

import harness
import programs

ALONE = True  # shares of the CPU are measured

MIB = 1 << 20
APP_LIMIT = 5000000


@harness.not_sanitized("the process heap is the sanitizer's and counts nothing")
@harness.not_tortured("cycles come at every allocation, not for the limit's sake")
class Limit(unittest.TestCase):
    WARM_MS, RUN_MS, EVERY_MS = 1000, 3000, 100

    def measure(self, live_mib, process_mib, limit, warm_ms=None, **env):
        text = programs.ok(self, "limit", live_mib, process_mib, warm_ms or self.WARM_MS, self.RUN_MS, self.EVERY_MS,
                           env=dict(env, CMEMLIMIT=limit))
        measured = programs.json_lines(text)[-1]
        self.assertTrue(measured["built"], measured)
        self.assertGreaterEqual(measured["samples"], self.RUN_MS / self.EVERY_MS / 2, measured)
        return measured

    def check_held(self, measured):
        # Every snapshot, those taken while the live heap was still growing as well.
        self.assertLessEqual(max(measured["held_max"], measured["held_max_warm"]), measured["limit"], measured)
        self.assertGreater(measured["replaced"], 100000, measured)

    def test_where_the_live_heap_fits_what_counts_stays_under_the_limit_in_every_snapshot_under_boehm(self):
        measured = self.measure(20, 0, "64MiB", CGC="off", CALLOCATOR="boehm")
        self.check_held(measured)
        self.assertGreater(measured["cycles"], 3, measured)  # or nothing was at stake

    def test_where_the_live_heap_fits_what_counts_stays_under_the_limit_in_every_snapshot_under_mimalloc(self):
        self.check_held(self.measure(20, 0, "64MiB", CGC="off", CALLOCATOR="mimalloc"))

    def test_process_heap_bytes_count_toward_the_limit_too(self):
        measured = self.measure(10, 20, "64MiB", CGC="off", CALLOCATOR="boehm")
        self.check_held(measured)
        self.assertGreater(measured["held_max"], 30 * MIB, measured)

    def test_the_limit_is_held_with_the_default_CGC_as_well(self):
        for allocator in programs.ALLOCATORS:
            with self.subTest(allocator):
                self.check_held(self.measure(20, 0, "48MiB", CALLOCATOR=allocator))

    def check_limiter(self, **env):
        # The limiter's bucket holds a second of collector time: it is full before the measured part begins.
        measured = self.measure(40, 0, "10MiB", warm_ms=2500, **env)
        self.assertGreater(measured["held_max"], measured["limit"], "the live heap was to be larger than the limit")
        # 50 % and one cycle (some 30 ms of 3 s) at either end of the measured part.
        self.assertLessEqual(measured["pause_share"], 0.53, measured)
        self.assertLessEqual(measured["cpu_share"], 0.53, measured)
        self.assertGreaterEqual(measured["cpu_share"], 0, "no /cpu/classes/gc/total:cpu-seconds")
        self.assertGreater(measured["replaced"], 50000, measured)

    def test_where_the_live_heap_cannot_fit_the_collector_takes_half_of_the_time_at_most_under_boehm(self):
        self.check_limiter(CALLOCATOR="boehm", CGC="off")

    def test_where_the_live_heap_cannot_fit_the_collector_takes_half_of_the_time_at_most_under_mimalloc(self):
        self.check_limiter(CALLOCATOR="mimalloc", CGC="off")

    def replaced(self, limit):
        """Objects that the program got on with in a second and a half; the better of two runs."""
        runs = [programs.json_lines(programs.ok(self, "limit", 40, 0, 1500, 1500, 100, env={
            "CALLOCATOR": "mimalloc", "CGC": "off", "CMEMLIMIT": limit}))[-1]["replaced"] for _ in range(2)]
        return max(runs)

    def test_a_limit_that_cannot_be_met_leaves_the_program_half_of_its_speed_under_mimalloc(self):
        # Measured from outside: what giving back costs in page faults and looks is in no figure of ours.
        # Half, less a fifth for the machine. (Under Boehm lazy sweeping, which Go's limiter leaves out
        # as well, comes on top of the half: there pauses and CPU are held, above.)
        free, limited = self.replaced("off"), self.replaced("10MiB")
        self.assertGreaterEqual(limited, 0.4 * free, "%d of %d" % (limited, free))


@harness.not_sanitized("the process heap is the sanitizer's and counts nothing")
@harness.not_tortured("test_runtime_stress loads the app")
class AppUnderLimit(unittest.TestCase):
    """CMEMLIMIT=5000000 ./app under 200,000 requests from 50 connections."""

    def check_app(self, allocator):
        with harness.App(env={"CMEMLIMIT": str(APP_LIMIT), "CALLOCATOR": allocator}) as app:
            pid = app.pid
            with programs.Sampler(app) as sampler:
                answers, report = programs.hey(app, "/rooms", 200000, 50)
            self.assertEqual(answers, 200000, report)
            self.assertNotIn("Error distribution", report)
            self.assertIsNone(app.process.poll(), "the app ended")
            self.assertEqual(app.pid, pid)
            self.assertGreater(len(sampler.samples), 10)
            held = [sample["/cruntime/held:bytes"] for sample in sampler.samples]
            live = [sample["/memory/classes/heap/objects:bytes"] for sample in sampler.samples]
            last = sampler.samples[-1]
            told = "%d samples: held %d..%d bytes, objects %d..%d, %d cycles, limiter refused %d" % (
                len(held), min(held), max(held), min(live), max(live), last["/gc/cycles/total:gc-cycles"],
                last["/cruntime/limiter/refusals:events"])
            self.assertLessEqual(max(held), APP_LIMIT, told)
            share = last["/cpu/classes/gc/total:cpu-seconds"] / last["/cpu/classes/total:cpu-seconds"]
            self.assertLessEqual(share, 0.5, told)

    def test_the_app_answers_200000_requests_under_5_MB_with_boehm(self):
        self.check_app("boehm")

    def test_the_app_answers_200000_requests_under_5_MB_with_mimalloc(self):
        self.check_app("mimalloc")
