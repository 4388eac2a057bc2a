"""Nothing dies young: the programs and the app with a cycle at every, or every Nth, managed allocation."""
import unittest

import harness
import programs

SMALL = [  # every program that keeps managed objects, at a size that ends in seconds with a cycle at each
    ("counting", 20000, 200), ("counting_managed", 6000, 200), ("roots", 50, 1), ("pool", 2000), ("h2o_scope", 10),
    ("h2o_interpose",), ("so_capture",), ("steady", 2, 1, 2, 20), ("limit", 1, 1, 300, 300, 100),
]


class GcStress(unittest.TestCase):
    def check_programs(self, n):
        for name, *arguments in SMALL:
            for allocator in programs.ALLOCATORS:
                with self.subTest(name, allocator=allocator):
                    programs.ok(self, name, *arguments, env={"CALLOCATOR": allocator, "CDEBUG": "gcstress=%d" % n})

    @harness.not_sanitized("the libc heap is not collected")
    def test_every_program_keeps_its_claims_with_a_cycle_at_each_managed_allocation(self):
        self.check_programs(1)

    @harness.not_sanitized("the libc heap is not collected")
    def test_every_program_keeps_its_claims_with_a_cycle_at_each_7th_managed_allocation(self):
        self.check_programs(7)

    def check_app(self, n, requests, allocator="boehm"):
        with harness.App(env={"CALLOCATOR": allocator}) as calm:
            bodies = {path: calm.get(path).body for path in self.paths(calm)}
        self.assertEqual(len(bodies["/rooms"]), 547)
        with harness.App(env={"CALLOCATOR": allocator, "CDEBUG": "gcstress=%d" % n}) as app:
            cycles = programs.metrics(app)["/gc/cycles/total:gc-cycles"]
            for path, body in bodies.items():
                done = programs.load(app, path, requests // len(bodies), expected=body)
                self.assertEqual(done.wrong, [], path)
                self.assertEqual(done.answers, requests // len(bodies))
            cycles = programs.metrics(app)["/gc/cycles/total:gc-cycles"] - cycles
            # Each answer makes several managed objects; or the torture was none.
            self.assertGreaterEqual(cycles, requests / n)

    def paths(self, app):
        """The list, each room, and its photos: all that there is to read."""
        ids = [room["id"] for room in app.get("/rooms").json()]
        return ["/rooms", "/rooms?day_to_book=2030-01-01", *("/rooms/" + i for i in ids),
                *("/rooms/%s/photos" % i for i in ids)]

    @harness.not_sanitized("the libc heap is not collected")
    def test_2000_requests_lose_nothing_with_a_cycle_at_each_managed_allocation(self):
        self.check_app(1, 2000)

    @harness.not_sanitized("the libc heap is not collected")
    @harness.not_tortured("this is the torture")
    def test_20000_requests_lose_nothing_with_a_cycle_at_each_100th_managed_allocation(self):
        self.check_app(100, 20000)

    def test_2000_requests_lose_nothing_while_mimalloc_gives_back_at_each_allocation(self):
        # In a sanitizer build this is the libc heap: it sees what is used after a scope freed it.
        self.check_app(1, 2000, "mimalloc")
