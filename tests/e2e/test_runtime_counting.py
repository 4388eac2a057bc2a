"""The account: what is allocated is counted, exactly, whoever allocates it and wherever it is freed."""
import unittest

import harness
import programs

OWN_MALLOC = "malloc is the sanitizer's there, and the process heap is not counted"


class Counting(unittest.TestCase):
    OPERATIONS = programs.sized(1000000, 6000)
    SNAPSHOTS = programs.sized(10000, 200)

    @harness.not_sanitized(OWN_MALLOC)
    def test_a_million_mallocs_in_4_threads_are_counted_exactly_beside_a_boehm_heap(self):
        programs.ok(self, "counting", self.OPERATIONS, self.SNAPSHOTS, env={"CALLOCATOR": "boehm"})

    @harness.not_sanitized(OWN_MALLOC)
    def test_a_million_mallocs_in_4_threads_are_counted_exactly_beside_a_mimalloc_heap(self):
        programs.ok(self, "counting", self.OPERATIONS, self.SNAPSHOTS, env={"CALLOCATOR": "mimalloc"})

    @harness.not_sanitized(OWN_MALLOC)
    def test_counts_are_as_exact_where_mimallocs_page_headers_cannot_be_read(self):
        programs.ok(self, "fallback_counting", programs.sized(200000, 6000), programs.sized(2000, 200))

    @harness.not_sanitized(OWN_MALLOC)
    def test_counts_stay_exact_while_a_limit_makes_the_threads_give_memory_back(self):
        programs.ok(self, "counting", programs.sized(200000, 6000), programs.sized(2000, 200),
                    env={"CALLOCATOR": "mimalloc", "CMEMLIMIT": "8MiB"})

    @harness.not_sanitized(OWN_MALLOC)
    def test_every_snapshot_keeps_the_identities_where_hardly_a_block_lives_for_a_microsecond(self):
        for allocator in programs.ALLOCATORS:
            with self.subTest(allocator):
                programs.ok(self, "snapshots", self.SNAPSHOTS, env={"CALLOCATOR": allocator})

    def test_managed_allocations_are_counted_exactly_and_what_a_boehm_cycle_leaves_is_what_lives(self):
        programs.ok(self, "counting_managed", self.OPERATIONS, self.SNAPSHOTS, env={"CALLOCATOR": "boehm"})

    def test_managed_allocations_and_frees_are_counted_exactly_under_mimalloc(self):
        programs.ok(self, "counting_managed", self.OPERATIONS, self.SNAPSHOTS, env={"CALLOCATOR": "mimalloc"})

    @harness.not_sanitized(OWN_MALLOC)
    def test_mallocs_inside_h2o_sqlite_yajl_openssl_and_libc_are_counted(self):
        for allocator in programs.ALLOCATORS:
            with self.subTest(allocator):
                programs.ok(self, "h2o_interpose", env={"CALLOCATOR": allocator})

    @harness.not_sanitized("a sanitizer build makes no shared library")
    def test_the_shared_library_takes_the_mallocs_of_the_process_too(self):
        for allocator in programs.ALLOCATORS:
            with self.subTest(allocator):
                programs.ok(self, "so_capture", env={"CALLOCATOR": allocator})
