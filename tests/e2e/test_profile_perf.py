"""perf and the CPU profile, looking at the same load at the same time, see the same functions."""
import collections
import os
import re
import shutil
import subprocess
import tempfile
import threading
import unittest

import pprof
from harness import SANITIZE, App
from programs import TORTURED, Loaded

ALONE = True  # shares of CPU are compared
PERF = shutil.which("perf")
SECONDS = 6


def perf(*arguments, **more):
    return subprocess.run([PERF, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, errors="replace", timeout=120, check=False, **more)


def perf_works():
    with tempfile.TemporaryDirectory(prefix="cruntime-perf.") as folder:
        return perf("record", "-e", "cpu-clock", "-g", "-o", os.path.join(folder, "p"), "true").returncode == 0


def first_user_addresses(script, mappings):
    """The innermost address outside of the kernel of each sample: where a signal would find the thread. perf has it
    as an offset in a file; the profile knows where the file is mapped."""
    for sample in script.split("\n\n"):
        for line in sample.splitlines():
            found = re.match(r"\s+([0-9a-f]+) \((/.*)\)$", line)
            if not found:
                continue
            offset = int(found[1], 16)
            for mapping in mappings:
                if mapping["file"] == found[2] and 0 <= offset - mapping[4] < mapping[3] - mapping[2]:
                    yield mapping[2] + offset - mapping[4]
            break


class Names:
    """Names of addresses, as the app itself has them: both profiles are read with the same eyes."""

    def __init__(self, app, addresses):
        body = "+".join("%#x" % address for address in sorted(addresses))
        answer = app.post("/debug/pprof/symbol", body, timeout=60)
        self.of = dict(line.split(" ", 1) for line in answer.text.splitlines() if line.startswith("0x"))

    def shares(self, counts):
        """{function: share in percent} from {address: samples}."""
        by_name = collections.Counter()
        for address, samples in counts.items():
            by_name[self.of.get("%#x" % address, "?")] += samples
        total = sum(by_name.values())
        return {name: 100 * samples / total for name, samples in by_name.items()}


@unittest.skipIf(SANITIZE or TORTURED, "the profile would be of the sanitizer or of the collector")
@unittest.skipUnless(PERF, "perf is not installed")
class Perf(unittest.TestCase):
    def test_perf_has_the_same_five_functions_on_top(self):
        if not perf_works():
            self.skipTest("perf may not record here")
        with App() as app, tempfile.TemporaryDirectory(prefix="cruntime-perf.") as folder:
            data = os.path.join(folder, "perf.data")
            with Loaded(app):
                ours = []
                fetching = threading.Thread(target=lambda: ours.append(
                    app.get("/debug/pprof/profile?seconds=%d" % SECONDS, timeout=60)))
                fetching.start()
                recorded = perf("record", "-q", "-F", "499", "-g", "-e", "cpu-clock", "-o", data, "-p", str(app.pid),
                                "--", "sleep", str(SECONDS))
                fetching.join()
            self.assertEqual(recorded.returncode, 0, recorded.stderr)
            profile = pprof.parse(ours[0].body)
            mine = collections.Counter()
            for sample in profile.samples:
                mine[sample.addresses[0]] += sample.values[0]
            script = perf("script", "-i", data, "-F", "ip,dso").stdout
            theirs = collections.Counter(first_user_addresses(script, profile.mappings))
            names = Names(app, {*theirs, *mine})
            by_perf, by_us = names.shares(theirs), names.shares(mine)
        self.assertGreater(sum(theirs.values()), 300, recorded.stderr)
        self.assertGreater(sum(mine.values()), 60)
        said = "perf: %s\nours: %s" % tuple(sorted(((round(v, 1), k) for k, v in s.items()), reverse=True)[:10]
                                            for s in (by_perf, by_us))
        # Functions of the same share change places from run to run: on top is what belongs to the first
        # five, or is within the error of both. sqrt(p(1-p)/n) of our some 200 samples is 2 points at 10 %; p is not known,
        # so the larger of the two shares stands for it.
        for one, other in ((by_perf, by_us), (by_us, by_perf)):
            for name in sorted(one, key=one.get, reverse=True)[:5]:
                share = max(one[name], other.get(name, 0))
                error = 4 * (share * (100 - share) / sum(mine.values())) ** 0.5
                self.assertLessEqual(abs(one[name] - other.get(name, 0)), error + 2, "%s\n%s" % (name, said))


if __name__ == "__main__":
    unittest.main()
