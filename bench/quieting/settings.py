"""What to change in the machine, as a list of (file, value it has, value it should have).

Clock: the governor performance, or a fixed share of the clock's range, so that speed does not follow the load. Turbo
off: it comes and goes with temperature. Deep idle states off: waking from them takes longer than what is measured. Only
files that exist are listed, each with its own value of before; writing is somebody else's job. The address space layout
stays random: one layout measured again and again is no better than any other.
"""

import os
import re
import struct

from quieting import cpus

# What may be written, and from a file of old values put back: nothing but what is listed here.
KNOWN = re.compile(cpus.FOLDER + r"/((cpufreq/policy\d+|cpu\d+/cpufreq)/scaling_(governor|min_freq|max_freq)"
                                 r"|intel_pstate/no_turbo|cpufreq/boost|cpu\d+/cpuidle/state\d+/disable)")
LATENCY_FILE = "/dev/cpu_dma_latency"
# Microseconds that waking may take. The first halt state needs 1 to 2, the next ones 10 and more; 0 would keep CPUs
# spinning, which takes turbo and execution units from their neighbours.
LATENCY_MOST_US = 3


class Setting:
    def __init__(self, name, old, new):
        self.name, self.old, self.new = name, old, new


class Plan:
    """settings in the order of writing, and notes on what cannot be set at all."""

    def __init__(self):
        self.settings, self.notes = [], []

    def add(self, system, name, new):
        old = system.read(name)
        if old is not None:
            self.settings.append(Setting(name, old, new))


def policies(system):
    """The folders of clock control."""
    return (system.names(cpus.FOLDER + "/cpufreq/policy[0-9]*")
            or system.names(cpus.FOLDER + "/cpu[0-9]*/cpufreq"))


def make_plan(system, governor, with_idle_states):
    """governor: a name, "80%" or "keep". with_idle_states: whether to disable them file by file."""
    plan = Plan()
    if governor != "keep":
        plan_clock(system, plan, governor)
    plan_turbo(system, plan)
    if with_idle_states:
        plan_idle(system, plan)
    return plan


def plan_clock(system, plan, governor):
    folders = policies(system)
    if not folders:
        plan.notes.append("clock not set: %s/cpufreq has no policy; the hardware, or a host, decides" % cpus.FOLDER)
    for folder in folders:
        if governor.endswith("%"):
            plan_frequency(system, plan, folder, float(governor[:-1]) / 100)
            continue
        choice = (system.read(folder + "/scaling_available_governors") or governor).split()
        if governor in choice:
            plan.add(system, folder + "/scaling_governor", governor)
        else:
            plan.notes.append("governor not set: %s/scaling_governor takes %s, not %s" % (
                folder, " ".join(choice), governor))


def plan_frequency(system, plan, folder, share):
    """Both limits to one value. The kernel refuses a minimum above the maximum, so whichever makes room goes first."""
    try:
        least, most = (int(system.read("%s/cpuinfo_%s_freq" % (folder, end)) or "") for end in ("min", "max"))
        low = int(system.read(folder + "/scaling_min_freq") or "")
    except ValueError:
        plan.notes.append("frequency not set: %s does not tell its limits" % folder)
        return
    wanted = int(least + share * (most - least))
    order = ("min", "max") if wanted < low else ("max", "min")
    for end in order:
        plan.add(system, "%s/scaling_%s_freq" % (folder, end), str(wanted))


def plan_turbo(system, plan):
    before = len(plan.settings)
    plan.add(system, cpus.FOLDER + "/intel_pstate/no_turbo", "1")
    plan.add(system, cpus.FOLDER + "/cpufreq/boost", "0")
    if len(plan.settings) == before:
        plan.notes.append("turbo not set: neither %s/intel_pstate/no_turbo nor %s/cpufreq/boost is there" % (
            cpus.FOLDER, cpus.FOLDER))


def plan_idle(system, plan):
    states = system.names(cpus.FOLDER + "/cpu[0-9]*/cpuidle/state[0-9]*")
    if not states:
        plan.notes.append("idle states not set: no %s/cpu*/cpuidle/state*" % cpus.FOLDER)
    for folder in states:
        latency = system.read(folder + "/latency") or ""
        if latency.isdigit() and int(latency) > LATENCY_MOST_US:
            plan.add(system, folder + "/disable", "1")


def request_latency(system):
    """Asks the kernel for short waking, for as long as the descriptor that is returned stays open: nothing to put back.
    An OSError says why not."""
    descriptor = os.open(system.path(LATENCY_FILE), os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, struct.pack("=i", LATENCY_MOST_US))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def apply(system, settings):
    """Writes each value. Returns [(name, reason)] of those that did not take it."""
    failures = []
    for setting in settings:
        if setting.old == setting.new:
            continue
        try:
            system.write(setting.name, setting.new)
        except OSError as error:
            failures.append((setting.name, error.strerror))
            continue
        # A clock's limits are rounded to what there is; anything else must be what was written.
        if not setting.name.endswith("_freq") and system.read(setting.name) != setting.new:
            failures.append((setting.name, "took %s, but reads %s" % (setting.new, system.read(setting.name))))
    return failures


def grouped(failures):
    """Failures as lines; files that differ by their numbers alone share one."""
    groups = {}
    for name, reason in failures:
        groups.setdefault((re.sub(r"\d+", "*", name), reason), []).append(name)
    lines = []
    for (_, reason), names in groups.items():
        more = " (and %d like it)" % (len(names) - 1) if len(names) > 1 else ""
        lines.append("%s%s: %s" % (names[0], more, reason))
    return lines
