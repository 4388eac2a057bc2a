"""What the statistics say of memory is what the kernel says, and freed memory goes back."""
import unittest

import harness
import programs


@harness.not_sanitized("the sanitizer holds on to freed memory, and the process heap is not counted")
@harness.not_tortured("96,000 objects with a cycle at each take an hour")
class Memory(unittest.TestCase):
    def test_sys_less_released_follows_the_resident_set_and_rt_free_os_memory_gives_48_MiB_back_under_boehm(self):
        programs.ok(self, "rss", 48, env={"CALLOCATOR": "boehm"})

    def test_sys_less_released_follows_the_resident_set_and_rt_free_os_memory_gives_48_MiB_back_under_mimalloc(self):
        programs.ok(self, "rss", 48, env={"CALLOCATOR": "mimalloc"})
