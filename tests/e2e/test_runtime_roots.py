"""Nothing that is referenced dies: from where the collector finds references, scopes and pools."""
import unittest

import harness
import programs


class Roots(unittest.TestCase):
    OBJECTS = programs.sized(200, 50)
    ROUNDS = programs.sized(3, 1)

    def places(self, allocator):
        text = harness.run("tests/programs/roots", self.OBJECTS, self.ROUNDS, env={"CALLOCATOR": allocator},
                           timeout=120).stdout
        return dict(line.rsplit(": ", 1) for line in text.splitlines() if ": " in line)

    @harness.not_sanitized("the libc heap is not collected")
    def test_objects_known_to_stacks_static_data_managed_objects_scopes_pools_and_added_roots_live(self):
        # The program itself insists on all that cruntime.h promises; the list is here so that none goes missing.
        programs.ok(self, "roots", self.OBJECTS, self.ROUNDS, env={"CALLOCATOR": "boehm"})
        places = self.places("boehm")
        for place in ("stack", "static data", "interior pointers", "pointers to the last byte", "managed list",
                      "rt_add_roots", "scope", "scope that only malloc'd memory knows", "pool item",
                      "stack of an rt_thread_start thread", "stack of a pthread_create thread that allocated"):
            self.assertEqual(places.get(place), "kept", places)

    @harness.not_sanitized("the libc heap is not collected")
    def test_objects_known_to_mallocd_memory_alone_are_lost_so_a_lost_object_would_be_seen(self):
        self.assertEqual(self.places("boehm").get("malloc'd memory"), "lost")

    @harness.not_sanitized("the libc heap is not collected")
    def test_thread_variables_are_roots_in_every_thread(self):
        places = self.places("boehm")
        for place in ("__thread of an rt_thread_start thread", "__thread of a pthread_create thread that allocated",
                      "__thread of the main thread"):
            with self.subTest(place):
                self.assertEqual(places.get(place), "kept")

    def test_under_mimalloc_objects_live_until_they_are_freed(self):
        self.assertEqual(set(self.places("mimalloc").values()), {"kept"})


class Scopes(unittest.TestCase):
    def test_objects_that_only_h2os_memory_or_epolls_data_point_at_live_in_a_scope_until_they_are_sent(self):
        for allocator in programs.ALLOCATORS:
            with self.subTest(allocator):
                programs.ok(self, "h2o_scope", programs.sized(100, 10), env={"CALLOCATOR": allocator})


class Pools(unittest.TestCase):
    def test_a_pool_gives_items_back_from_its_victims_drops_them_over_two_cycles_and_shares_them_among_threads(self):
        for allocator in programs.ALLOCATORS:
            with self.subTest(allocator):
                programs.ok(self, "pool", programs.sized(100000, 2000), env={"CALLOCATOR": allocator})


class Blocked(unittest.TestCase):
    @harness.not_sanitized("the libc heap is not collected")
    def test_a_cycle_does_without_a_thread_that_waits_and_keeps_what_its_stack_knows(self):
        programs.ok(self, "block", env={"CALLOCATOR": "boehm"}, timeout=30)

    @harness.not_sanitized("the libc heap is not collected")
    def test_a_cycle_waits_for_a_thread_that_cannot_be_stopped_and_has_not_said_so(self):
        programs.ok(self, "block", "unblocked", env={"CALLOCATOR": "boehm"}, timeout=30)

    def test_waiting_is_a_plain_call_where_nothing_is_collected(self):
        programs.ok(self, "block", env={"CALLOCATOR": "mimalloc"} if not harness.SANITIZE else None, timeout=30)
