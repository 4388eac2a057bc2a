"""The mutex, block and threadcreate profiles of whole programs: what libraries lock, wait for and start is in them."""
import collections
import re
import unittest

import harness
import programs

Row = collections.namedtuple("Row", "delay count functions")


def profiles(text):
    """What the programs print: {name: [Row, ...]}, from the text that Go's pprof writes as well."""
    found = {}
    for part in re.split(r"^== ?", text, flags=re.MULTILINE)[1:]:
        name, _, body = part.partition("\n")
        rows = []
        for line in body.splitlines():
            figures = re.match(r"(\d+)(?: (\d+))? @", line)
            frame = re.match(r"#\t0x[0-9a-f]+\t(\S+?)\+0x[0-9a-f]+\t", line)
            if figures and figures[2]:
                rows.append(Row(int(figures[1]), int(figures[2]), []))
            elif figures:
                rows.append(Row(0, int(figures[1]), []))
            elif frame and rows:
                rows[-1].functions.append(frame[1])
        found[name] = rows
    return found


def with_function(rows, name):
    return [row for row in rows if name in row.functions]


class Libraries(unittest.TestCase):
    QUERIES, SLEEP_NS = 5, 50e6

    @classmethod
    def setUpClass(cls):
        cls.by_allocator = {}

    def profiles(self, allocator):
        if allocator not in self.by_allocator:
            output = programs.ok(self, "h2o_locks", env={"CALLOCATOR": allocator})
            self.by_allocator[allocator] = profiles(output)
        return self.by_allocator[allocator]

    def allocators(self):
        return ("libc",) if harness.SANITIZE else programs.ALLOCATORS

    def test_a_wait_inside_sqlite_is_charged_to_the_query_that_held_the_connection(self):
        for allocator in self.allocators():
            with self.subTest(allocator):
                rows = self.profiles(allocator)["mutex"]
                held = with_function(rows, "hold_connection")
                self.assertTrue(any(row.functions[0].startswith("sqlite3_") for row in held), held)
                self.assertGreaterEqual(sum(row.delay for row in held), 0.5 * self.QUERIES * self.SLEEP_NS)
                self.assertEqual(with_function(rows, "want_connection"), [])

    def test_the_same_wait_is_charged_to_the_query_that_waited(self):
        for allocator in self.allocators():
            with self.subTest(allocator):
                rows = self.profiles(allocator)["block"]
                waited = with_function(rows, "want_connection")
                self.assertTrue(all(row.functions[0].startswith("sqlite3_") for row in waited), waited)
                self.assertGreaterEqual(sum(row.count for row in waited), self.QUERIES)
                self.assertGreaterEqual(sum(row.delay for row in waited), 0.5 * self.QUERIES * self.SLEEP_NS)
                self.assertEqual(with_function(rows, "hold_connection"), [])

    def test_a_thread_that_h2o_makes_is_counted_under_the_call_that_led_to_it(self):
        for allocator in self.allocators():
            with self.subTest(allocator):
                rows = self.profiles(allocator)["threadcreate"]
                made = with_function(rows, "look_up_in_h2o")
                self.assertEqual([row.count for row in made], [1])
                self.assertIn("h2o_hostinfo_getaddr", made[0].functions)
                self.assertEqual([row.count for row in with_function(rows, "contend_in_sqlite")], [self.QUERIES])

    @harness.not_sanitized("the collector and its threads are not part of it")
    def test_threads_of_the_collectors_are_counted_from_before_main(self):
        rows = self.profiles("boehm")["threadcreate"]
        self.assertTrue(with_function(rows, "boehm_start"), rows)


class SharedLibrary(unittest.TestCase):
    @harness.not_sanitized("a sanitizer build makes no shared library")
    def test_the_shared_library_profiles_the_locks_of_the_process_too(self):
        for allocator in programs.ALLOCATORS:
            with self.subTest(allocator):
                found = profiles(programs.ok(self, "so_locks", env={"CALLOCATOR": allocator}))
                held = with_function(found["mutex"], "let_go")
                waited = with_function(found["block"], "want")
                self.assertEqual([(row.count, row.functions[0]) for row in held], [(1, "let_go")])
                self.assertEqual([(row.count, row.functions[0]) for row in waited], [(1, "want")])
                self.assertGreater(held[0].delay, 1e6)
                self.assertGreaterEqual(waited[0].delay, held[0].delay)
