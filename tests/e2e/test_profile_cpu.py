"""The CPU profile of a program that uses CPU time in known shares, read back as pprof reads it."""
import collections
import gzip
import os
import tempfile
import unittest

import harness
import programs

MS_PER_THREAD = 1234  # no whole number of the profile's periods of 10 ms
THREADS = 3


def varint(data, at):
    """The number that begins at data[at], and where the next thing begins."""
    value, shift = 0, 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def fields(message):
    """The (number, value) pairs of a protocol buffer: numbers, or bytes for what has a length."""
    at = 0
    while at < len(message):
        key, at = varint(message, at)
        value, at = varint(message, at)
        if key & 7 == 2:
            value, at = message[at:at + value], at + value
        elif key & 7 != 0:
            raise AssertionError("wire type %d" % (key & 7))
        yield key >> 3, value


def numbers(value):
    """A repeated number's part: packed, or a single one."""
    if not isinstance(value, bytes):
        return [value]
    found, at = [], 0
    while at < len(value):
        number, at = varint(value, at)
        found.append(number)
    return found


class Profile:
    """What this test asks of a profile.proto: for each sample its functions, labels and values."""

    def __init__(self, data):
        parts = collections.defaultdict(list)
        for number, value in fields(gzip.decompress(data)):
            parts[number].append(value)
        self.strings = [value.decode() for value in parts[6]]
        functions = {}
        for function in map(dict, map(fields, parts[5])):
            functions[function[1]] = self.strings[function.get(2, 0)]
        locations = {}
        for location in parts[4]:
            pairs = list(fields(location))
            lines = [dict(fields(value)) for number, value in pairs if number == 4]
            locations[dict(pairs)[1]] = [functions[line[1]] for line in lines]
        self.types = [tuple(self.strings[number] for number in dict(fields(value)).values()) for value in parts[1]]
        self.period = parts[12][0]
        self.samples = [self.sample(value, locations) for value in parts[2]]

    def sample(self, message, locations):
        names, values, labels = [], [], {}
        for number, value in fields(message):
            if number == 1:
                names += [name for location in numbers(value) for name in locations[location]]
            elif number == 2:
                values += numbers(value)
            elif number == 3:
                label = dict(fields(value))
                labels[self.strings[label[1]]] = self.strings[label.get(2, 0)]
        return names, values, labels


class CpuShares(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if harness.SANITIZE or harness.GCSTRESS:
            return
        with tempfile.TemporaryDirectory(prefix="cruntime-cpu.") as folder:
            path = os.path.join(folder, "cpu.pb.gz")
            programs.ok(cls("test_functions_have_their_shares"), "cpu_shares", path, MS_PER_THREAD)
            with open(path, "rb") as file:
                cls.profile = Profile(file.read())

    def cpu_ms(self, function=None, **labels):
        """CPU time of the samples with that function in their stack, and with these labels."""
        return sum(values[1] for names, values, has in self.profile.samples
                   if (function is None or function in names) and labels.items() <= has.items()) / 1e6

    @harness.not_sanitized("functions are slower by unlike factors")
    @harness.not_tortured("cycles take most of the time")
    def test_functions_have_their_shares(self):
        spent = {name: self.cpu_ms(name) for name in ("spend_sixty", "spend_thirty", "spend_ten")}
        for name, percent in (("spend_sixty", 60), ("spend_thirty", 30), ("spend_ten", 10)):
            self.assertAlmostEqual(100 * spent[name] / sum(spent.values()), percent, delta=3, msg=spent)

    @harness.not_sanitized("functions are slower by unlike factors")
    @harness.not_tortured("cycles take most of the time")
    def test_samples_add_up_to_the_cpu_time(self):
        spent = sum(map(self.cpu_ms, ("spend_sixty", "spend_thirty", "spend_ten")))
        self.assertAlmostEqual(spent, THREADS * MS_PER_THREAD, delta=0.05 * THREADS * MS_PER_THREAD)

    @harness.not_sanitized("functions are slower by unlike factors")
    @harness.not_tortured("cycles take most of the time")
    def test_every_thread_is_sampled_under_its_labels_and_its_name(self):
        for turn in ("0", "1", "2"):
            self.assertAlmostEqual(self.cpu_ms(turn=turn), MS_PER_THREAD, delta=0.1 * MS_PER_THREAD)
        self.assertEqual(self.cpu_ms(thread="shares-2"), self.cpu_ms(turn="2"))

    @harness.not_sanitized("there is no profile")
    @harness.not_tortured("there is no profile")
    def test_values_are_samples_and_nanoseconds_at_a_period_of_ten_milliseconds(self):
        self.assertEqual(self.profile.types, [("samples", "count"), ("cpu", "nanoseconds")])
        self.assertEqual(self.profile.period, 10000000)
        for _, values, _ in self.profile.samples:
            self.assertEqual(values[1], values[0] * 10000000)


if __name__ == "__main__":
    unittest.main()
