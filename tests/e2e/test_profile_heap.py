"""The heap profile is true: twenty known call sites, at several rates, on every heap."""
import math
import os
import re
import tempfile
import unittest

import harness
import pprof
import programs

# All intervals of one run hold together with this probability; each alone with much more.
CONFIDENCE = 0.999
RATE = 524288


def binomial_interval(n, p, tail):
    """Least and greatest count of n trials with probability p each that tails of that size leave, exactly."""
    def log_pmf(k):
        return (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) +
                k * math.log(p) + (n - k) * math.log1p(-p))

    mean, deviation = n * p, math.sqrt(n * p * (1 - p))
    low = max(0, int(mean - 12 * deviation - 12))
    high = min(n, int(mean + 12 * deviation + 12))
    below, least = 0.0, low
    for k in range(low, high + 1):
        below += math.exp(log_pmf(k))
        if below > tail:
            least = k
            break
    above, greatest = 0.0, high
    for k in range(high, low - 1, -1):
        above += math.exp(log_pmf(k))
        if above > tail:
            greatest = k
            break
    return least, greatest


class Sites:
    """One run of alloc_sites: what the program counted, and its profile."""

    def __init__(self, test, kind, heap, rate, megabytes):
        with tempfile.TemporaryDirectory(prefix="cruntime-sites.") as folder:
            file = os.path.join(folder, "heap.pb.gz")
            env = {"CDEBUG": "memprofilerate=%d" % rate}
            if heap:
                env["CALLOCATOR"] = heap
            result = harness.run("tests/programs/alloc_sites", kind, file, megabytes, env=env, timeout=250)
            test.assertEqual(result.returncode, 0, result.stderr)
            with open(file, "rb") as data:
                self.profile = pprof.parse(data.read())
        self.rows = {}
        for line in result.stdout.splitlines():
            name, *pairs = line.split()
            self.rows[name] = {key: int(value) for key, value in (pair.split("=") for pair in pairs)}
        test.assertEqual(len(self.rows), 20)

    def __call__(self, type_name, site):
        return self.profile.sum(type_name, site)


def variants():
    if harness.SANITIZE:
        return (("managed", None),)  # malloc is the sanitizer's there
    return (("malloc", None), ("managed", "boehm"), ("managed", "mimalloc"))


class HeapProfile(unittest.TestCase):
    def test_at_the_default_rate_each_site_is_within_its_statistical_bound(self):
        for kind, heap in variants():
            with self.subTest(kind=kind, heap=heap):
                self.each_site_is_within_its_bound(kind, heap)

    def each_site_is_within_its_bound(self, kind, heap):
        sites = Sites(self, kind, heap, RATE, programs.sized(1024, 64))
        tail = (1 - CONFIDENCE) / 2 / (2 * len(sites.rows))
        for name, row in sites.rows.items():
            p = -math.expm1(-row["size"] / RATE)
            for count, objects, space, known_bytes in (
                    (row["allocs"], "alloc_objects", "alloc_space", row["alloc_bytes"]),
                    (row["live"], "inuse_objects", "inuse_space", row["live_bytes"])):
                least, greatest = binomial_interval(count, p, tail)
                slack = self.conservative_slack(heap, objects)
                found = sites(objects, name)
                self.assertGreaterEqual(found, math.floor(least / p) - 1, (name, objects, row))
                self.assertLessEqual(found, math.ceil((greatest + slack) / p) + 1, (name, objects, row))
                # Bytes follow from objects, as all of a site's have one size; but libgc gives one request
                # now this class, now the next.
                expected = found * known_bytes / count
                self.assertAlmostEqual(sites(space, name), expected,
                                       delta=expected * (0.01 if heap == "boehm" else 1e-4) + row["size"] + 1)

    # A conservative collector may keep an object that is dead, for a stale word on a stack.
    @staticmethod
    def conservative_slack(heap, objects):
        return 2 if heap == "boehm" and objects == "inuse_objects" else 0

    def test_at_rate_1_each_site_is_exact(self):
        for kind, heap in variants():
            with self.subTest(kind=kind, heap=heap):
                sites = Sites(self, kind, heap, 1, programs.sized(1024, 32))
                for name, row in sites.rows.items():
                    self.assertEqual(sites("alloc_objects", name), row["allocs"], name)
                    self.assertEqual(sites("alloc_space", name), row["alloc_bytes"], name)
                    more = sites("inuse_objects", name) - row["live"]
                    self.assertIn(more, range(self.conservative_slack(heap, "inuse_objects") + 1), name)
                    if more == 0:
                        self.assertEqual(sites("inuse_space", name), row["live_bytes"], name)

    def test_at_rate_0_nothing_is_sampled(self):
        kind, heap = variants()[0]
        sites = Sites(self, kind, heap, 0, 8)
        self.assertEqual(sites.profile.samples, [])
        self.assertEqual(sites.profile.period, 0)

    def test_a_profile_says_what_it_is(self):
        kind, heap = variants()[0]
        profile = Sites(self, kind, heap, 4096, 8).profile
        self.assertEqual(profile.types, [("alloc_objects", "count"), ("alloc_space", "bytes"),
                                         ("inuse_objects", "count"), ("inuse_space", "bytes")])
        self.assertEqual((profile.period_type, profile.period), (("space", "bytes"), 4096))
        self.assertEqual(profile.default_type, "inuse_space")
        self.assertEqual(profile.comments, [])
        self.assertTrue(profile.mappings[0]["file"].endswith("/alloc_sites"), profile.mappings[0])
        self.assertRegex(profile.mappings[0]["build_id"], "^[0-9a-f]{40}$")

    def test_a_stack_begins_with_who_asked_for_memory_and_ends_with_main(self):
        kind, heap = variants()[0]
        profile = Sites(self, kind, heap, 4096, 16).profile
        seen = [sample for sample in profile.samples if any(re.match("site_", line.name) for line in sample.stack)]
        self.assertGreater(len(seen), 10)
        for sample in seen:
            names = [line.name for line in sample.stack]
            self.assertRegex(names[0], "^(site_|by_way)", names)
            self.assertIn("main", names)
            line = next(line for line in sample.stack if line.name.startswith("site_"))
            self.assertTrue(line.file.endswith("tests/programs/alloc_sites.c"), line.file)
            self.assertGreater(line.line, 0)


class HeapDump(unittest.TestCase):
    def limit(self, folder, **more):
        # Sampled often: at the default rate a heap of some megabytes may well hold no sample at all.
        env = {"CDEBUG": "memprofilerate=4096,heapdumpdir=" + folder, "CMEMLIMIT": "4000000"}
        with tempfile.TemporaryDirectory(prefix="cruntime-dump.") as scratch:
            return harness.run("tests/programs/alloc_sites", "managed", os.path.join(scratch, "p"), 64,
                               env=env, timeout=120, **more)

    def test_a_limit_that_is_passed_leaves_one_heap_profile_in_the_folder(self):
        with tempfile.TemporaryDirectory(prefix="cruntime-dump.") as folder:
            result = self.limit(folder)
            self.assertEqual(result.returncode, 0, result.stderr)
            files = os.listdir(folder)
            self.assertEqual(len(files), 1, files)
            self.assertRegex(files[0], r"^alloc_sites\.\d+\.heap\.pb\.gz$")
            self.assertEqual(result.stderr.count("heap profile: " + folder), 1, result.stderr)
            with open(os.path.join(folder, files[0]), "rb") as data:
                profile = pprof.parse(data.read())
            self.assertGreater(profile.sum("inuse_space"), 100_000)

    def test_a_folder_that_is_not_there_is_refused_at_start(self):
        result = self.limit("/nonexistent/folder", torture=False)
        self.assertEqual(result.returncode, 2)
        self.assertRegex(result.stderr, r"\Aalloc_sites: CDEBUG=heapdumpdir=/nonexistent/folder: want a folder that "
                                        r"files can be made in: No such file or directory\n\Z")


if __name__ == "__main__":
    unittest.main()
