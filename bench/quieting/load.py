"""What else goes on in the machine: load, stolen time, a battery, virtual machines and containers.

It only looks, and says what would make figures doubtful, in plain words. The shares come from two looks at /proc/stat:
the time that CPUs spent at work less what the command itself took is what others took.
"""

import os
import time

from quieting import cpus

WINDOW_S = 0.3
OTHERS_MOST = 0.05  # share of the CPUs; about what a desktop does at rest
OTHERS_MOST_IN_RUN = 0.10  # the benchmark drivers' own limit (interleave.py)
STOLEN_MOST = 0.01
LOAD_MOST = 0.5
CONTAINER_SIGNS = ("/.dockerenv", "/run/.containerenv", "/run/systemd/container")


class Look:
    """One line of /proc/stat, in seconds: busy (stolen time not counted), stolen, and all there is."""

    def __init__(self, text, ticks=os.sysconf("SC_CLK_TCK")):
        # user nice system idle iowait irq softirq steal; guests are in user. Interrupts are nobody's.
        fields = [int(word) / ticks for word in text.split()[1:9]]
        user, nice, system, idle, iowait, irq, softirq, stolen = fields + [0.0] * (8 - len(fields))
        self.busy, self.stolen = user + nice + system, stolen
        self.all = self.busy + idle + iowait + irq + softirq + stolen


def look(system):
    """A Look and our own CPU time by now, with ended children; None where there is no /proc/stat."""
    text = (system.read("/proc/stat") or "").split("\n")[0]
    own = os.times()
    if not text.startswith("cpu ") or len(text.split()) < 5:
        return None
    return Look(text), own.user + own.system + own.children_user + own.children_system


def shares(before, after):
    """(share of the CPUs that others took, share that was stolen) between two looks; zeros when no time passed."""
    (a, own_before), (b, own_after) = before, after
    passed = b.all - a.all
    if passed <= 0:
        return 0.0, 0.0
    others = (b.busy - a.busy) - (own_after - own_before)
    return max(0.0, others / passed), max(0.0, (b.stolen - a.stolen) / passed)


def notes_of_shares(others, stolen, others_most, when):
    lines = []
    if others > others_most:
        lines.append("others took %.0f %% of the CPUs %s" % (100 * others, when))
    if stolen > STOLEN_MOST:
        lines.append("the host took %.0f %% of the CPUs away %s (steal)" % (100 * stolen, when))
    return lines


def present_load(system):
    """Lines about now."""
    lines = []
    average = (system.read("/proc/loadavg") or "").split()
    if average and float(average[0]) > LOAD_MOST:
        lines.append("load average %s: others were at work within the last minute" % average[0])
    before = look(system)
    # Figures under another root are a picture that does not move: there is nothing to wait for.
    if before and not system.root:
        time.sleep(WINDOW_S)
        lines += notes_of_shares(*shares(before, look(system) or before), OTHERS_MOST, "just now")
    return lines


def surroundings(system):
    """Lines about what the machine is."""
    lines = []
    for folder in system.names("/sys/class/power_supply/*"):
        if (system.read(folder + "/type"), system.read(folder + "/status")) == ("Battery", "Discharging"):
            lines.append("on battery (%s): the clock may be held down" % folder)
    flags = [line for line in (system.read("/proc/cpuinfo") or "").split("\n") if line.startswith("flags")]
    if flags and "hypervisor" in flags[0].split():
        lines.append("a virtual machine: what its host does is not seen here")
    if any(system.exists(sign) for sign in CONTAINER_SIGNS):
        lines.append("a container: other containers share its CPUs, and are kept out by no lock of this one")
    quota = cpu_quota(system)
    if quota is not None:
        lines.append("the control group may use %.2g CPUs at most, and is stopped when it does more" % quota)
    return lines


def cpu_quota(system):
    """CPUs that the control group may use, or None when it is not limited."""
    for line in (system.read("/proc/self/cgroup") or "").split("\n"):
        if line.startswith("0::"):
            limit = (system.read("/sys/fs/cgroup%s/cpu.max" % line[3:].rstrip("/")) or "").split()
            if len(limit) == 2 and limit[0].isdigit() and limit[1].isdigit():
                return int(limit[0]) / int(limit[1])
    return None


def neighbours(system, chosen):
    text = "CPU %d shares its core with CPU %s, which is not pinned to: load there slows it"
    return [text % (cpu, cpus.shown(others))
            for cpu, others in cpus.siblings_outside(system, chosen)]
