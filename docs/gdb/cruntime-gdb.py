"""cruntime-gdb.py - the runtime's figures out of a core, or of a living process, without running any of its code.

    gdb ./app core -x docs/gdb/cruntime-gdb.py
    gdb -p PID -x docs/gdb/cruntime-gdb.py

    cruntime settings     each variable and key as it stood, with where the value came from
    cruntime memstats     MemStats' figures that are counted: allocations of both heaps, cycles, pauses
    cruntime gctrace [N]  the last N cycles (10), as CDEBUG=gctrace=1 prints them; they are always kept
    cruntime sites [N]    the N largest sites (10) of sampled allocations that are still in use
    cruntime threads      each thread: what it allocated, and where it stands in the program

Reads the runtime's variables by their names and types, so it needs what configure gives by default: -g, and a program
that was not stripped. Nothing here calls a function of the program: in a core there is nobody to run it. What is read
of a process that was stopped in the middle of an update may be off by that one update.
"""
import os
import time

import gdb

NAMES_AT_MOST = 12  # frames of a site: more tell less
FRAMES_AT_MOST = 40  # of a thread, on the way to a function of the program's


class Trouble(gdb.GdbError):
    """What the user should know, in one sentence; gdb prints it without a trace."""


# ---- the runtime's variables -----------------------------------------------------------------------------------

def has_runtime():
    try:
        return gdb.lookup_type("struct rt__thread") is not None
    except gdb.error:
        return False


def check():
    """Raises Trouble, which says what is missing, unless there are both types and memory."""
    if not has_runtime():
        raise Trouble("cruntime: no debug information of the runtime in %s: build it with -g (configure's default) and "
                      "do not strip it, or name the file that has it with symbol-file" %
                      (gdb.current_progspace().filename or "this session: no program was given"))
    if gdb.selected_inferior().pid == 0:
        raise Trouble("cruntime: there is no memory to look at: open a core (gdb PROGRAM CORE) or a process "
                      "(gdb -p PID)")


def variable(name, file=None):
    """A variable of the runtime's; file, if it is static: folders and all, as there are several heap.c."""
    text = "'%s'::%s" % (file, name) if file else name
    try:
        value = gdb.parse_and_eval(text)
        value.fetch_lazy()
        return value
    except gdb.error as error:
        raise Trouble("cruntime: cannot read %s: %s" % (text, error)) from None


def constant(name):
    return int(gdb.parse_and_eval(name))


def each(array):
    low, high = array.type.range()
    return [array[i] for i in range(low, high + 1)]


def text_of(pointer, otherwise=""):
    return pointer.string(errors="replace") if int(pointer) else otherwise


def records():
    """Each thread's record, living or not."""
    record = variable("rt__threads")
    while int(record):
        yield record.dereference()
        record = record["next"]


def count_of(argument, otherwise):
    try:
        count = int(argument or otherwise)
    except ValueError:
        count = 0
    if count < 1:
        raise Trouble("cruntime: want how many, a whole number of at least 1")
    return count


# ---- settings ----------------------------------------------------------------------------------------------------

def bytes_of(struct, offset, size):
    return bytes(gdb.selected_inferior().read_memory(int(struct.address) + offset, size))


def setting_text(knob, settings):
    """The value of a row of env__knobs as its variable would take it; None of a row without one."""
    offset, size, kind = int(knob["offset"]), int(knob["size"]), str(knob["type"])
    if kind == "KNOB_PAIRS":
        return None
    if kind in ("KNOB_PATH", "KNOB_ADDRESS"):
        return bytes_of(settings, offset, size).split(b"\0")[0].decode("utf-8", "replace")
    value = int.from_bytes(bytes_of(settings, offset, size), "little", signed=size > 1)
    if kind == "KNOB_WORD":
        word = knob["words"]
        while int(word["text"]):
            if int(word["value"]) == value:
                return text_of(word["text"])
            word += 1
        return ""
    return "off" if knob["off_ok"] and value == int(knob["off"]) else str(value)


def show_settings(_argument):
    settings = variable("now", "runtime/knobs.c")
    for i, knob in enumerate(each(variable("env__knobs"))):
        value = setting_text(knob, settings)
        if value is None:
            continue
        name = ("CDEBUG " if knob["is_debug_key"] else "") + text_of(knob["name"])
        source = str(settings["source"][i]).replace("ENV_", "").lower()
        print("%-28s %-20s %-12s %s" % (name, value or "-", source, text_of(knob["unit"])))


# ---- memstats ----------------------------------------------------------------------------------------------------

def class_bytes(number):
    """Of the blocks of a class, as runtime/heap/sizes.h reckons it: 8, 16, 32, 48, 64, then four to a doubling."""
    if number <= 5:
        return 8 if number == 1 else (number - 1) * 16
    four = number + 7
    return (4 + four % 4) << (four // 4 - 2) << 3


class Tally:
    """Sums of struct rt__tally: blocks by class, and bytes that do not follow from the classes."""

    def __init__(self):
        self.blocks = self.bytes = self.class_bytes = 0

    def add(self, tally):
        for number, n in enumerate(each(tally["n"])):
            self.blocks += int(n)
            self.class_bytes += int(n) * class_bytes(number) if number else 0
        self.bytes += int(tally["bytes"])
        return self


def tally_all(field):
    total = Tally()
    for record in records():
        total.add(record[field])
    return total.add(variable("late_record", "runtime/heap/thread.c")[field])


def backend_name():
    backend = variable("rt__backend")
    return text_of(backend["name"]) if int(backend) else "none yet"


def managed_freed():
    """What the managed heap's objects that are gone were: Boehm tells at each cycle, libc at each free."""
    if backend_name() == "boehm":
        return Tally().add(variable("freed", "runtime/heap/boehm.c"))
    return tally_all("managed_free")


def account():
    """Figures as runtime/heap/account.c has them. Of the process heap bytes follow from classes, of the managed heap
    they are added up."""
    allocs, frees = tally_all("process_alloc"), tally_all("process_free")
    managed, managed_frees = tally_all("managed_alloc"), managed_freed()
    total = allocs.class_bytes + allocs.bytes + managed.bytes
    freed = frees.class_bytes + frees.bytes + managed_frees.bytes
    mallocs, free_count = allocs.blocks + managed.blocks, frees.blocks + managed_frees.blocks
    return [("HeapAlloc", total - freed), ("TotalAlloc", total), ("Mallocs", mallocs), ("Frees", free_count),
            ("HeapObjects", mallocs - free_count), ("  ManagedAlloc", managed.bytes - managed_frees.bytes),
            ("  ManagedObjects", managed.blocks - managed_frees.blocks)]


def mapped():
    """The runtime's own memory, by what it is for."""
    by_use = variable("mapped_bytes", "runtime/os/pages.c")
    return [(name, int(by_use[constant(use)])) for name, use in (
        ("MCacheSys", "RT__OS_MCACHE"), ("BuckHashSys", "RT__OS_BUCKETS"), ("OtherSys", "RT__OS_OTHER"))]


def show_memstats(_argument):
    told = variable("told", "runtime/gc/control.c")
    figures = account() + mapped()
    for name, field in (("NumGC", "cycles"), ("NumForcedGC", "forced_cycles"), ("PauseTotalNs", "pause_total_ns"),
                        ("LastGC", "last_end_unix_ns")):
        figures.append((name, int(told[field])))
    print("managed heap: %s; threads: %d" % (backend_name(), sum(bool(record["in_use"]) for record in records())))
    for name, value in figures:
        print("%-18s %d" % (name, value))
    if int(told["last_end_unix_ns"]):
        print("the last cycle ended at %s UTC" % time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(
            int(told["last_end_unix_ns"]) // 10**9)))


# ---- gctrace -------------------------------------------------------------------------------------------------------

# In the order of list_short_fields in runtime/gc/ring.c.
SHORT_FIELDS = ("stop", "concurrent", "mark", "sweep", "stop_cpu", "assist_cpu", "background_cpu", "idle_cpu", "start",
                "end", "live", "goal", "stacks", "globals")
FLAG_FORCED, FLAG_TRIM, FLAG_BITS = 1, 2, 2


def milliseconds(ns):
    """Whole from 10 on, else two significant digits with at most three decimals; cut, not rounded."""
    if ns >= 10_000_000:
        return str(ns // 1_000_000)
    us, decimals = ns // 1000, 3
    if us == 0:
        return "0"
    while us >= 100:
        us, decimals = us // 10, decimals - 1
    return "%d.%0*d" % (us // 10**decimals, decimals, us % 10**decimals) if decimals else str(us)


def unpacked(record):
    lasts = [int(record["high"][i]) << 32 | int(record["low"][i]) for i in range(len(SHORT_FIELDS))]
    cycle = {name: value if value < (1 << 48) - 1 else (1 << 64) - 1 for name, value in zip(SHORT_FIELDS, lasts)}
    cycle.update(number=int(record["number"]), at=int(record["start_ns"]), procs=int(record["procs"]))
    cycle.update(permille=int(record["permille_and_flags"]) >> FLAG_BITS, flags=int(record["permille_and_flags"]))
    return cycle


def gctrace_line(c):
    """As rt_gctrace_format writes it: see there for what each figure is."""
    beside, marking = c["concurrent"] > 0, c["assist_cpu"] + c["background_cpu"]
    clock = [c["stop"], c["concurrent"], c["mark"]]
    assist, background = (c["assist_cpu"], c["background_cpu"]) if beside else (0, 0)
    cpu = [c["stop_cpu"], assist, background, c["idle_cpu"], c["mark"] * c["procs"] if beside else marking]
    ms = [milliseconds(ns) for ns in clock + cpu]
    mb = [c[name] >> 20 for name in ("start", "end", "live", "goal", "stacks", "globals")]
    line = "gc %d @%d.%03ds %d%%: " % (c["number"], c["at"] // 10**9, c["at"] // 10**6 % 1000, c["permille"] // 10)
    line += "%s+%s+%s ms clock, %s+%s/%s/%s+%s ms cpu, " % tuple(ms)
    line += "%d->%d->%d MB, %d MB goal, %d MB stacks, %d MB globals, %d P" % (*mb, c["procs"])
    line += " (forced)" if c["flags"] & FLAG_FORCED else ""
    return line + (" (trim)" if c["flags"] & FLAG_TRIM else "")


def show_gctrace(argument):
    count = count_of(argument, 10)
    steps, added = variable("steps", "runtime/gc/ring.c"), int(variable("added", "runtime/gc/ring.c"))
    record_type = gdb.lookup_type("struct record", gdb.lookup_global_symbol("rt__ring_add").symtab.static_block())
    slot_bytes = steps.type.target().target().sizeof
    step_slots = 64 * 1024 // slot_bytes
    ring_slots = step_slots * (steps.type.range()[1] + 1)
    if added == 0:
        print("no cycle yet")
    for index in range(max(added - min(count, ring_slots), 0), added):
        place = index % ring_slots
        slot = steps[place // step_slots][place % step_slots]
        if int(slot["sequence"]) != 2 * index + 2:
            print("gc: a cycle was being written")
            continue
        print(gctrace_line(unpacked(slot["words"].address.cast(record_type.pointer()).dereference())))


# ---- names of addresses ------------------------------------------------------------------------------------------

def runtime_folder():
    """Where the runtime's sources are, as the debug information has it."""
    return os.path.dirname(os.path.dirname(gdb.lookup_global_symbol("rt__ring_add").symtab.filename)) + "/"


def functions_at(pc):
    """The functions at an address, those inlined there first, as symbols; [] when there is no debug information."""
    functions = []
    try:
        block = gdb.block_for_pc(pc)
    except RuntimeError:
        block = None
    while block is not None and not block.is_static and not block.is_global:
        if block.function is not None:
            functions.append(block.function)
        block = block.superblock
    return functions


def plain_name(pc):
    """A function's name out of the symbol table, or the object that the address is in."""
    text = gdb.execute("info symbol %#x" % pc, to_string=True).strip()
    if text.startswith("No symbol"):
        return "%#x in %s" % (pc, os.path.basename(gdb.solib_name(pc) or "?"))
    return text.split(" in section ")[0].split(" + ")[0]


def describe(pc):
    """One line for an address: its functions, innermost first, and where the innermost one is."""
    functions = functions_at(pc)
    if not functions:
        return plain_name(pc)
    line = gdb.find_pc_line(pc)
    where = " at %s:%d" % (line.symtab.filename, line.line) if line.symtab else ""
    return " inlined in ".join(function.name for function in functions) + where


def is_runtimes(pc, folder):
    functions = functions_at(pc)
    return bool(functions) and all(function.symtab.filename.startswith(folder) for function in functions)


# ---- sites ---------------------------------------------------------------------------------------------------------

INUSE_OBJECTS, INUSE_BYTES = 2, 3  # of a bucket's values: see runtime/profile/heap.c


def labels_of(bucket):
    labels = bucket["labels"]
    if not int(labels):
        return ""
    pairs = [labels["pairs"][i] for i in range(int(labels["n"]))]
    return " {%s}" % ", ".join("%s: %s" % (text_of(pair["key"]), text_of(pair["value"])) for pair in pairs)


def buckets_in_use():
    """[(bytes, objects, bucket)], largest first."""
    found, bucket = [], variable("buckets", "runtime/profile/heap.c")["newest"]
    while int(bucket):
        values = bucket["values"]
        if float(values[INUSE_OBJECTS]) > 0.5:  # sums of weights: what is left of none is a little more, or less
            found.append((float(values[INUSE_BYTES]), float(values[INUSE_OBJECTS]), bucket))
        bucket = bucket["next"]
    return sorted(found, key=lambda site: -site[0])


def show_sites(argument):
    count, folder = count_of(argument, 10), runtime_folder()
    sites = buckets_in_use()
    if not sites:
        print("no sampled allocation is in use (CDEBUG=memprofilerate says how many are sampled)")
        return
    print("%d sites, some %.0f bytes in use" % (len(sites), sum(site[0] for site in sites)))
    for in_use, objects, bucket in sites[:count]:
        pcs = [int(bucket["pcs"][i]) for i in range(int(bucket["depth"]))]
        first = next((i for i, pc in enumerate(pcs) if not is_runtimes(pc, folder)), 0)
        print("\n%.0f bytes in %.0f objects%s" % (in_use, objects, labels_of(bucket)))
        for pc in pcs[first:first + NAMES_AT_MOST]:
            print("    " + describe(pc))


# ---- threads -------------------------------------------------------------------------------------------------------

def place_in_program(folder):
    """Of the selected thread: the function it is in, and the first one on its stack that is the program's own."""
    frame = gdb.newest_frame()
    top = frame.name() or plain_name(frame.pc())
    for _ in range(FRAMES_AT_MOST):
        if frame is None:
            break
        line = frame.find_sal()
        if line.symtab and not gdb.solib_name(frame.pc()) and not line.symtab.filename.startswith(folder):
            return top, "%s at %s:%d" % (frame.name(), line.symtab.filename, line.line)
        frame = frame.older()
    return top, None


def allocated(record):
    if record is None:
        return "unknown to the runtime"
    mallocs = Tally().add(record["process_alloc"]).blocks + Tally().add(record["managed_alloc"]).blocks
    return "%d allocations by record %d" % (mallocs, int(record["index"]))


def show_threads(_argument):
    folder = runtime_folder()
    by_tid = {int(record["tid"]): record for record in records() if record["in_use"]}
    selected = gdb.selected_thread()
    frame = gdb.selected_frame() if selected else None
    for thread in sorted(gdb.selected_inferior().threads(), key=lambda each_thread: each_thread.num):
        tid = thread.ptid[1]
        thread.switch()
        top, place = place_in_program(folder)
        name = " \"%s\"" % thread.name if thread.name else ""  # a core has none
        print("thread %d%s (gdb %d), %s: in %s%s" % (
            tid, name, thread.num, allocated(by_tid.get(tid)), top, ", by " + place if place else ""))
    if selected:
        selected.switch()
        frame.select()


# ---- commands ------------------------------------------------------------------------------------------------------

class Prefix(gdb.Command):
    """The runtime's figures: settings, memstats, gctrace [N], sites [N], threads."""

    def __init__(self):
        super().__init__("cruntime", gdb.COMMAND_DATA, prefix=True)

    def invoke(self, argument, from_tty):
        gdb.execute("help cruntime")


class Part(gdb.Command):
    def __init__(self, name, show, text):
        self.__doc__ = text
        self.show = show
        super().__init__("cruntime " + name, gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        check()
        self.show(argument.strip())


Prefix()
Part("settings", show_settings, "Each variable and key as it stands, with where its value came from.")
Part("memstats", show_memstats, "The figures of MemStats that are counted, of both heaps.")
Part("gctrace", show_gctrace, "The last N cycles (10), as gctrace prints them.")
Part("sites", show_sites, "The N largest sites (10) of sampled allocations still in use.")
Part("threads", show_threads, "What each thread allocated and where it stands in the program.")
