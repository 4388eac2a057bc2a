"""The raw values of a benchmark driver as text that benchstat and bench/compare read, and back.

A driver compares runs that are seconds apart and prints ratios. The values behind the ratios are kept as well, a line
for each run in the order of rounds:

    BenchmarkMalloc/threads=1/case=glibc 1 25.31 ns/op

With six or more rounds two such files, of two days, machines or versions, can be compared by anybody's tools. What
stands in a file here is what was measured: nothing is averaged, sorted or left out. Pure text: no files, no clock.
"""

import re

HIGHER_IS_BETTER = ("req/s", "bookings/s")
LINE = re.compile(r"Benchmark(\S+)\s+\d+\s+(\S.*)")


def benchmark_name(group, case):
    """The name in Go's form. What benchstat would read as something else is changed as little as possible: spaces end a
    name, slashes begin a part of it, and -8 at its end would be a number of CPUs."""
    name = "%s/case=%s" % (group, re.sub(r"\s+", "_", case.strip().replace("/", "|")))
    return re.sub(r"-(\d+)$", r"_\1", name)


def cpu_model(cpuinfo):
    """What /proc/cpuinfo calls the first processor; "" when it does not say."""
    found = re.search(r"^model name\s*:\s*(.*\S)", cpuinfo, re.MULTILINE)
    return found.group(1) if found else ""


def number(value):
    """Nine digits: more than any clock here tells, and a count stays a count."""
    return "%.9g" % value


def text(pkg, machine, cpu, kept):
    """The whole file. kept: [(group, {case: [(value of each unit) of each round]}, units)]; what a case
    cannot tell is None, and left out."""
    goarch = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386"}.get(machine, machine)
    lines = ["goos: linux", "goarch: " + goarch, "pkg: " + pkg] + (["cpu: " + cpu] if cpu else [])
    used = {unit for _, _, units in kept for unit in units}
    lines += ["Unit %s better=higher" % unit for unit in HIGHER_IS_BETTER if unit in used]
    for group, values, units in kept:
        for round_values in zip(*values.values()):
            for case, value in zip(values, round_values):
                measured = ["%s %s" % (number(v), unit) for v, unit in zip(value, units) if v is not None]
                lines.append("Benchmark%s 1 %s" % (benchmark_name(group, case), " ".join(measured)))
    return "\n".join(lines) + "\n"


def parse(content):
    """{name without Benchmark: {unit: [values in order]}}; lines that are no results are skipped, as benchstat does."""
    found = {}
    for line in content.splitlines():
        match = LINE.fullmatch(line.strip())
        if not match:
            continue
        words = match.group(2).split()
        units = found.setdefault(match.group(1), {})
        for value, unit in zip(words[::2], words[1::2]):
            try:
                units.setdefault(unit, []).append(float(value))
            except ValueError:
                break
    return found
