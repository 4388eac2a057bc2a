"""Reads results in Go's benchmark format, the text that `go test -bench` and our own benchmarks print.

Three kinds of lines count: `key: value` is configuration of all that follows in the same file, `BenchmarkName N value
unit …` is a result, `Unit name assume=exact` says how a unit's values are to be taken. All other lines are skipped: a
program may print what it likes between them. A Benchmark line that cannot be read is told, with its file and line, and
skipped; it never ends the reading.
"""

import re
import sys

from comparing import units

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
COUNT = re.compile(r"[+-]?\d+")
KEY_VALUE = re.compile(r"([^\s:]+):([ \t]+(.*))?")


class Result:
    """One Benchmark line: what measured it (label of the file, configuration), its name, and [(value, unit)]."""

    def __init__(self, label, config, name, values):
        self.label, self.config, self.name, self.values = label, config, name, values


class BadLine(Exception):
    """A Benchmark line that is none; the text says why."""


def benchmark_line(line):
    """The name and [(value, unit)] of a line that begins with Benchmark. None for a name alone, which -v prints."""
    rest = line[len("Benchmark"):]
    name = re.match(r"\S*", rest).group()
    if name == rest:
        return None
    words = rest[len(name):].split()
    if not words:
        raise BadLine("missing iteration count")
    if not COUNT.fullmatch(words[0]):
        raise BadLine("parsing iteration count: invalid syntax")
    if len(words) == 1:
        raise BadLine("missing measurements")
    values = []
    for number, unit in zip(words[1::2], words[2::2] + [None]):
        if not NUMBER.fullmatch(number):
            raise BadLine("parsing measurement: invalid syntax")
        if unit is None:
            raise BadLine("missing units")
        values.append(in_base_unit(float(number), unit))
    return name, values


def in_base_unit(value, unit):
    # A number that stays what it is keeps its unit. For 0 ns/op this looks odd, but benchstat does so, and such a
    # result would otherwise be in another table here than there.
    base_value, base_unit = units.tidy(value, unit)
    return (value, unit) if base_value == value else (base_value, base_unit)


def configuration_line(line):
    """(key, value) of a `key: value` line, else None. A key begins with a lower case letter and has no capitals."""
    found = KEY_VALUE.fullmatch(line)
    if not found or not found[1][0].islower() or any(letter.isupper() for letter in found[1]):
        return None
    return found[1], found[3] or ""


class Reader:
    """Collects the results of several files, in the order in which they stand there."""

    def __init__(self, complain=None):
        self.results = []
        self.exact_units = set()
        self.unit_facts = {}
        self.complain = complain or (lambda text: sys.stderr.write(text + "\n"))

    def read(self, text, label, path):
        """Takes in one file's text. label names its column; path is for complaints."""
        config = {}
        for number, line in enumerate(text.split("\n"), 1):
            line = line[:-1] if line.endswith("\r") else line
            try:
                self._line(line, label, config)
            except BadLine as error:
                self.complain("%s:%d: %s" % (path, number, error))

    def _line(self, line, label, config):
        if line.startswith("Benchmark"):
            found = benchmark_line(line)
            if found:
                self.results.append(Result(label, dict(config), *found))
            return
        if line.split()[:1] == ["Unit"] and line.startswith("U"):
            self._unit_line(line.split()[1:])
            return
        pair = configuration_line(line)
        if pair and pair[1]:
            config[pair[0]] = pair[1]
        elif pair:
            config.pop(pair[0], None)

    def _unit_line(self, words):
        if not words:
            raise BadLine("missing unit")
        unit = units.tidy(1, words[0])[1]
        for fact in words[1:]:
            key, equals, value = fact.partition("=")
            if not key or not equals:
                raise BadLine("expected key=value")
            known = self.unit_facts.setdefault((unit, key), value)
            if known != value:
                raise BadLine("metadata %s of unit %s already set to %s" % (key, words[0], known))
            if (key, value) == ("assume", "exact"):
                self.exact_units.add(unit)


def labels(arguments):
    """[(label, path)] of arguments `path` or `label=path`. A path given twice gets a number to tell its columns
    apart."""
    plain = [argument for argument in arguments if "=" not in argument]
    given, pairs = {}, []
    for argument in arguments:
        label, equals, path = argument.partition("=")
        if not equals:
            path = argument
            if plain.count(argument) > 1:
                label = "%s#%d" % (argument, given.setdefault(argument, 0))
                given[argument] += 1
        pairs.append((label, path))
    return pairs
