"""Go's side of a benchmark: the programs of bench/peers/go, built when a driver asks for them.

They are standard library alone, so building needs no network and is told to use none. Built programs go into the
build folder; what go itself keeps goes into the cache of whoever runs the benchmark. Where there is no go, a driver
leaves Go's rows out and says so: a comparison that is silently missing would be read as one that passed.
"""

import os
import pwd
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
import interleave as il  # noqa: E402

SOURCE = os.path.join(il.TOP, "bench", "peers", "go")
MISSING = "%s: go is not installed: its rows are left out (on Debian: golang-go)."
BUILD_LIMIT_S = 600  # the first time, the standard library is compiled as well


def missing():
    """The note for the table when there is no go, else None."""
    return None if shutil.which("go") else MISSING % os.path.basename(sys.argv[0])


def _go(arguments):
    # Said in full, as go finds neither where HOME is not set.
    home = pwd.getpwuid(os.getuid()).pw_dir
    caches = {"GOCACHE": os.environ.get("GOCACHE", os.path.join(home, ".cache", "go-build")),
              "GOPATH": os.environ.get("GOPATH", os.path.join(home, "go"))}
    env = il.clean_environment(GOFLAGS="-mod=mod", GOPROXY="off", GOTOOLCHAIN="local", GOTELEMETRY="off",
                               GOWORK="off", CGO_ENABLED="0", **caches)
    done = subprocess.run(["go"] + arguments, cwd=SOURCE, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=BUILD_LIMIT_S, check=False)
    if done.returncode != 0:
        raise il.BenchError("go %s: status %d: %s" % (" ".join(arguments), done.returncode, done.stdout.strip()))
    return done.stdout


def version():
    """`go1.26 linux/amd64`, for a note."""
    return " ".join(_go(["version"]).split()[2:])


def build(options, name):
    """The program of bench/peers/go/NAME (for json: its benchmarks), built into the build folder. Returns its path."""
    folder = os.path.join(options.build, "bench", "peers")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "go-" + name)
    is_test = any(file.endswith("_test.go") for file in os.listdir(os.path.join(SOURCE, name)))
    _go((["test", "-c"] if is_test else ["build"]) + ["-o", path, "./" + name])
    return path


LINE = re.compile(r"Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)")


def results(text):
    """The result lines of a benchmark program, Go's or ours: {name: {unit: value}}."""
    found = {}
    for line in text.splitlines():
        match = LINE.fullmatch(line.strip())
        if match:
            words = match.group(2).split()
            found[match.group(1)] = {unit: float(value) for value, unit in zip(words[::2], words[1::2])}
    return found
