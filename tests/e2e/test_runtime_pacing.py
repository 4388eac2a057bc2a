"""The pacer on a steady load under Boehm: cycles start at their goals, and as often as CGC says."""
import unittest

import harness
import programs

PERCENTS = (20, 50, 100, 200, 400)
LIVE_MIB = 20  # well above the least goal of 4 MiB x CGC/100
VOLUME_MIB = 1600  # some 20 cycles at CGC=400
CYCLES = 50


@harness.not_sanitized("the libc heap is not collected")
@harness.not_tortured("the pacer does not decide when cycles run")
class Pacing(unittest.TestCase):
    def run_loads(self, threads):
        """CGC -> (the cycles of the measured part, the whole)."""
        loads = {}
        for percent in PERCENTS:
            lines = programs.json_lines(programs.ok(self, "steady", threads, LIVE_MIB, VOLUME_MIB, CYCLES,
                                                    env={"CGC": str(percent), "CALLOCATOR": "boehm"}))
            loads[percent] = (lines[:-1], lines[-1])
        return loads

    def check_loads(self, threads):
        loads = self.run_loads(threads)
        for percent, (cycles, whole) in loads.items():
            with self.subTest("goal", CGC=percent):
                self.assertGreaterEqual(len(cycles), CYCLES)
                for cycle in cycles:
                    self.assertFalse(cycle["forced"], cycle)
                    # README's and the bound; measured well below 1 %.
                    self.assertLessEqual(abs(cycle["start"] / cycle["goal"] - 1), 0.02, cycle)
                    self.assertLessEqual(cycle["live"], cycle["start"], cycle)
            with self.subTest("goal = live + (live + stacks + globals) x CGC/100", CGC=percent):
                for before, cycle in zip(cycles, cycles[1:]):
                    marked = before["live"] + before["stacks"] + before["globals"]
                    wanted = before["live"] + marked * percent / 100
                    self.assertLessEqual(abs(cycle["goal"] / wanted - 1), 0.005, (before, cycle))
        # Cycles in a fixed volume x CGC: the same for all when the number falls as 1/CGC.
        products = {percent: whole["cycles_in_volume"] * percent * (VOLUME_MIB << 20) / whole["volume_at_count"]
                    for percent, (_, whole) in loads.items()}
        middle = sorted(products.values())[len(products) // 2]
        for percent, product in products.items():
            with self.subTest("number of cycles", CGC=percent):
                self.assertLessEqual(abs(product / middle - 1), 0.10, products)

    def test_every_cycle_of_one_thread_starts_within_2_percent_of_its_goal_and_they_fall_as_CGC_rises(self):
        self.check_loads(1)

    def test_every_cycle_of_two_threads_starts_within_2_percent_of_its_goal_and_they_fall_as_CGC_rises(self):
        self.check_loads(2)

    def test_with_CGC_off_and_no_limit_no_cycle_ever_runs(self):
        for allocator in programs.ALLOCATORS:
            for threads in (1, 2):
                with self.subTest(allocator, threads=threads):
                    whole = programs.json_lines(programs.ok(self, "steady", threads, LIVE_MIB, 300, 0,
                                                            env={"CGC": "off", "CALLOCATOR": allocator}))[-1]
                    self.assertEqual(whole["num_gc"], 0, whole)

    def test_a_small_heap_is_not_collected_before_4_MiB_times_CGC_percent(self):
        for percent in (50, 100, 200):
            with self.subTest(CGC=percent):
                cycles = programs.json_lines(programs.ok(self, "steady", 1, 0, 40, 3,
                                                         env={"CGC": str(percent), "CALLOCATOR": "boehm"}))[:-1]
                for cycle in cycles:
                    self.assertEqual(cycle["goal"], (4 << 20) * percent // 100, cycle)
