"""What the benchmark drivers share: interleaved runs, ratios, a table, and servers that are cleaned up.

Speed on a shared machine drifts by tens of percent within minutes, so no figure of one run is
compared with a figure of another time. The variants of a benchmark are run in turn, A B C A B C,
and each round gives one ratio between runs that are seconds apart; the result is the median of
these ratios, with their least and greatest beside it. A bound is held against the median.

The drivers (run-malloc, run-http, run-overhead, ...) measure and give rows; run-all calls each of them and prints the
rows in a table for each group. What was measured is kept in the build folder as well: bench/results/DRIVER.txt has the
values of every run for benchstat (results.py), DRIVER.json the rows for bench/plot. Python's standard library is all
they need.
"""

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import results  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# A caller's own settings must not bend a comparison: these prefixes are dropped from children's environment.
SETTINGS_PREFIXES = ("CGC", "CMEMLIMIT", "CMAXPROCS", "CTRACEBACK", "CDEBUG", "CALLOCATOR", "GC_", "MIMALLOC_",
                     "MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD", "GOGC", "GOMEMLIMIT", "GODEBUG", "GOMAXPROCS")


# Share of the CPUs that others may take before a run is marked as disturbed. Below it the control rows stay
# within a few percent; above, differences of the size looked for here drown.
OTHERS_MOST = 0.10


class BenchError(Exception):
    """A run that cannot be believed: a failed program, a wrong answer, a missing tool."""


def clean_environment(**settings):
    """The caller's environment without settings that change what is measured, plus the given ones."""
    dropped = SETTINGS_PREFIXES + ("CAGENT",)
    env = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    env.update(settings)
    env["LC_ALL"] = "C"
    return env


def run_program(argv, settings=None, timeout_s=600):
    """Runs a program to its end and returns its stdout; anything unusual is a BenchError."""
    done = subprocess.run(argv, env=clean_environment(**(settings or {})), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=timeout_s, check=False)
    # The dynamic linker only warns about a library that it cannot preload, and then runs glibc's malloc.
    if done.returncode != 0 or "cannot be preloaded" in done.stderr:
        raise BenchError("%s: status %d: %s" % (shown(argv, settings), done.returncode, done.stderr.strip()))
    return done.stdout


def fields(line):
    """`name a=1 b=x` as {"a": "1", "b": "x"}: the form in which the benchmark programs answer."""
    return dict(word.split("=", 1) for word in line.split() if "=" in word)


def shown(argv, settings=None):
    """A command as one would type it in the build folder, for the table."""
    words = ["%s=%s" % item for item in sorted((settings or {}).items())]
    found = re.search(r"/(bench/(?:peers/)?[^/]+)$", argv[0])
    return " ".join(words + [found.group(1) if found else argv[0]] + argv[1:])


def interleave(variants, rounds):
    """Calls each of variants ({name: function}) once a round. Returns {name: [value of each round]}."""
    progress = sys.stderr if sys.stderr.isatty() else None
    values = {name: [] for name in variants}
    for number in range(rounds):
        if progress:
            progress.write("\rround %d of %d " % (number + 1, rounds))
            progress.flush()
        for name, measure in variants.items():
            values[name].append(measure())
    if progress:
        progress.write("\r%*s\r" % (24, ""))
    return values


def ratios(values, name, base):
    """The ratio of two variants in each round."""
    return [a / b for a, b in zip(values[name], values[base])]


def row(what, samples, command, at_most=None, at_least=None, below=None):
    """One line of the table. samples are ratios; at most one of the bounds is given (none: for information)."""
    median = statistics.median(samples)
    bound, held = "", None
    if at_most is not None:
        bound, held = "<= %.2f" % at_most, median <= at_most
    elif at_least is not None:
        bound, held = ">= %.2f" % at_least, median >= at_least
    elif below is not None:
        bound, held = "< %.2f" % below, median < below
    return {"what": what, "median": median, "least": min(samples), "greatest": max(samples), "rounds": len(samples),
            "bound": bound, "held": held, "command": command}


def print_table(rows, out=sys.stdout):
    """Rows as a Markdown table, which is also readable on a terminal."""
    heads = ("what", "median ratio", "least .. greatest", "bound", "verdict", "command")
    lines = []
    for r in rows:
        verdict = {True: "pass", False: "FAIL", None: "-"}[r["held"]]
        lines.append((r["what"], "%.3f" % r["median"], "%.3f .. %.3f" % (r["least"], r["greatest"]),
                      r["bound"] or "-", verdict, "`%s`" % r["command"]))
    widths = [max(len(line[i]) for line in [heads] + lines) for i in range(len(heads))]
    for line in [heads, tuple("-" * w for w in widths)] + lines:
        out.write("| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths)) + " |\n")
    out.flush()


def default_build():
    """make tells the build folder by RT_BUILD; by hand it is build/ of the source tree."""
    return os.environ.get("RT_BUILD") or os.path.join(TOP, "build")


def arguments(description, rounds, seconds, extra=None):
    """Parses the options that all drivers have. Returns the namespace, with .build made absolute."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("-n", "--rounds", type=int, default=rounds, help="rounds (default %(default)s)")
    parser.add_argument("-t", "--seconds", type=float, default=seconds, help="seconds a run (default %(default)s)")
    parser.add_argument("-b", "--build", default=default_build(), help="build folder (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="print rows as JSON, for run-all")
    parser.add_argument("--results", metavar="FILE", help="where to keep the values of each run, for benchstat, and the"
                        " rows beside it as .json (default BUILD/bench/results/DRIVER.txt)")
    if extra:
        extra(parser)
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("rounds and seconds must be above zero")
    options.build = os.path.abspath(options.build)
    options.began = cpu_seconds()
    options.kept = []
    return options


def keep(options, group, values, *units):
    """Takes values of runs into what is kept. values: {case: [value of each round]}; with several units each value is a
    tuple. group is the first part of the names, and may go on with /key=value."""
    as_tuples = {case: [v if isinstance(v, tuple) else (v,) for v in runs] for case, runs in values.items()}
    options.kept.append((group, as_tuples, units))


def results_path(options):
    # A part of a driver, or another way of running it, must not take the place of the whole.
    tail = "-pinned" if getattr(options, "pin", False) else "-part" if getattr(options, "only", None) else ""
    name = os.path.basename(sys.argv[0]) + tail + ".txt"
    return os.path.abspath(options.results or os.path.join(options.build, "bench", "results", name))


def write_whole(path, content):
    """Writes a file that is never seen half written; the one before it stays, as NAME.old.EXT."""
    stem, ext = os.path.splitext(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as out:
        out.write(content)
    if os.path.exists(path):
        os.replace(path, stem + ".old" + ext)
    os.replace(path + ".new", path)


def keep_results(options, rows, notes):
    """Both files of a driver that has come to its end; one that has not leaves those of an earlier run alone."""
    path = results_path(options)
    driver = os.path.splitext(os.path.basename(path))[0]
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as info:
        cpu = results.cpu_model(info.read())
    if options.kept:
        write_whole(path, results.text("cruntime/bench/" + driver, os.uname().machine, cpu, options.kept))
    table = {"driver": driver, "cpu": cpu, "rows": rows, "notes": list(notes)}
    write_whole(os.path.splitext(path)[0] + ".json", json.dumps(table, indent=1) + "\n")


def cpu_seconds():
    """(time on the clock, CPU time that everybody took, CPU time that we and our ended children took).
    Interrupts are left out: nobody can be said to have taken them. Time stolen from the machine counts."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _, _, _, _, stolen = (int(n) for n in stat.readline().split()[1:9])
    own = os.times()
    return (time.monotonic(), (user + nice + system + stolen) / os.sysconf("SC_CLK_TCK"),
            own.user + own.system + own.children_user + own.children_system)


def others_share(began):
    """The share of the machine's CPUs that others took since began."""
    now = cpu_seconds()
    elapsed, everybody, own = (now[i] - began[i] for i in range(3))
    return max(0.0, (everybody - own) / (elapsed * os.cpu_count()))


def program(options, name):
    """The path of a program of the build folder."""
    path = os.path.join(options.build, name)
    if not os.access(path, os.X_OK):
        raise BenchError("%s is not built: run `make bench-build` (or give the build folder with -b)" % path)
    return path


def finish(options, rows, notes=()):
    """Prints rows, then ends: status 0 when every bound holds, 1 when one does not."""
    others = others_share(options.began)
    if others > OTHERS_MOST:
        notes = list(notes) + ["%s: others took %.0f %% of the CPUs during the run; do not trust these figures."
                               % (os.path.basename(sys.argv[0]), 100 * others)]
    keep_results(options, rows, notes)
    if options.json:
        json.dump({"rows": rows, "notes": list(notes)}, sys.stdout)
    else:
        print_table(rows)
        for note in notes:
            print(note)
    sys.exit(1 if any(r["held"] is False for r in rows) else 0)


def main_guard(main):
    """Runs main; an error that makes the run worthless is one line and status 2."""
    try:
        main()
    except (BenchError, OSError, subprocess.TimeoutExpired) as error:
        sys.stderr.write("%s: %s\n" % (os.path.basename(sys.argv[0]), error))
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


class Server:
    """A server child on a port that it picks itself, for a with block: always ended, by its own pid."""

    START_LIMIT_S = 20
    STOP_LIMIT_S = 10

    def __init__(self, argv, settings, folder, cpus=None):
        self.argv, self.settings, self.folder, self.cpus = argv, settings, folder, cpus
        self.child, self.url = None, None

    def __enter__(self):
        log_path = os.path.join(self.folder, "server.log")
        pin = (lambda: os.sched_setaffinity(0, self.cpus)) if self.cpus else None
        with open(log_path, "w", encoding="utf-8") as log:
            self.child = subprocess.Popen(self.argv, env=clean_environment(**self.settings), cwd=self.folder,
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=pin)
        try:
            self.url = self._wait_for_url(log_path)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *unused):
        self._stop()

    def _wait_for_url(self, log_path):
        deadline = time.monotonic() + self.START_LIMIT_S
        while time.monotonic() < deadline:
            with open(log_path, encoding="utf-8", errors="replace") as log:
                text = log.read()
            for line in text.splitlines():
                if "listening on http://" in line:
                    return "http://" + line.split("listening on http://", 1)[1].split()[0]
            if self.child.poll() is not None:
                raise BenchError("%s ended with status %d: %s" % (shown(self.argv, self.settings),
                                                                  self.child.returncode, text.strip()))
            time.sleep(0.01)
        raise BenchError("%s does not listen after %d s" % (shown(self.argv, self.settings), self.START_LIMIT_S))

    def _stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(self.STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def pids(self):
        """The processes whose work is the server's."""
        return [self.child.pid]

    def cpu_ns(self):
        """CPU time of all threads so far. The scheduler's own account: exact, where ticks are 10 ms."""
        total = 0
        for pid in self.pids():
            folder = "/proc/%d/task" % pid
            for task in os.listdir(folder):
                try:
                    with open("%s/%s/schedstat" % (folder, task), encoding="ascii") as f:
                        total += int(f.read().split()[0])
                except FileNotFoundError:
                    pass  # a thread that has just ended
        return total
