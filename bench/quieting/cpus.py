"""CPUs: lists as the kernel writes them (0-3,8), and which ones a benchmark is to run on.

The choice falls on isolated CPUs, where nothing else is scheduled, or else on the last half of those allowed: the first
ones serve most interrupts. Pure but for what system reads.
"""

import os
import re

FOLDER = "/sys/devices/system/cpu"


def parse(text):
    """The set that a list means; a ValueError says what is wrong with it."""
    found = set()
    for part in filter(None, text.strip().split(",")):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        if not match or (match[2] and int(match[2]) < int(match[1])):
            raise ValueError("%r is not a list of CPUs like 0-3,8" % text)
        found.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return found


def shown(cpus):
    """A set as a list: {0, 1, 2, 8} is 0-2,8."""
    runs = []
    for cpu in sorted(cpus):
        if runs and runs[-1][1] == cpu - 1:
            runs[-1][1] = cpu
        else:
            runs.append([cpu, cpu])
    return ",".join(str(a) if a == b else "%d-%d" % (a, b) for a, b in runs)


def read_list(system, name):
    try:
        return parse(system.read("%s/%s" % (FOLDER, name)) or "")
    except ValueError:
        return set()


def usable(system):
    """Those that may be asked for: isolated ones are not in anybody's mask until then."""
    return set(os.sched_getaffinity(0)) | (read_list(system, "isolated") & set(range(os.cpu_count() or 1)))


def choose(allowed, isolated):
    """Where to run when nobody said."""
    if isolated & allowed:
        return isolated & allowed
    order = sorted(allowed)
    return set(order[(len(order) + 1) // 2:] or order)


def siblings_outside(system, chosen):
    """[(CPU, the other threads of its core that are not chosen)]: load there slows the benchmark."""
    pairs = []
    for cpu in sorted(chosen):
        siblings = read_list(system, "cpu%d/topology/thread_siblings_list" % cpu)
        if siblings - chosen - {cpu}:
            pairs.append((cpu, siblings - chosen - {cpu}))
    return pairs
