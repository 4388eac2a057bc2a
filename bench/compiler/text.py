"""Writes the report: a section for each file, lines in the layout of Go's -m, and a summary.

Pure: facts in, text out; the same facts give the same bytes.
"""

import collections

from compiler import facts

LARGEST = 10
LEVELS = {1: "decisions", 2: "decisions, reasons and callers", 3: "as level 2, compiled without inlining"}


def report(program, by_file, level, flags, part=""):
    """The report's text. part: only files whose name holds it are shown and counted."""
    functions = collections.Counter(d.file for d in program.functions())
    files = [file for file in sorted(set(by_file) | set(functions)) if part in file]
    only = " Only files with '%s' in their name." % part if part else ""
    lines = ["# What %s made of these sources with %s" % (compilers(program), flags or "no flags of the user's"),
             "# Level %d: %s.%s" % (level, LEVELS[level], only)]
    for file in files:
        lines += section(file, by_file.get(file, []), level)
    lines += summary(files, by_file, functions)
    return "\n".join(lines) + "\n"


def compilers(program):
    return " and ".join(sorted({unit.record.compiler for unit in program.units}))


def section(file, of_file, level):
    shown = [fact for fact in of_file if level > 1 or fact.kind in facts.LEVEL_1]
    if not shown:
        return []
    lines = ["", "# " + file]
    for fact in shown:
        lines.append("%s:%d:%d: %s" % (*fact.place, fact.text))
        lines += fact.below
    return lines


COLUMNS = (("inlined", facts.INLINED), ("refused", facts.REFUSED), ("vectorized", facts.LOOP),
           ("not", facts.NOT_LOOP), ("sites", facts.SITE), ("indirect", facts.INDIRECT_CALL))


def summary(files, by_file, functions):
    """Counts per file and in total, the largest stacks, and the sites by allocator."""
    rows, total = [], collections.Counter()
    shown = [fact for file in files for fact in by_file.get(file, [])]
    for file in files:
        counts = collections.Counter(fact.kind for fact in by_file.get(file, []))
        total.update(counts)
        rows.append(row(file, functions[file], counts, by_file.get(file, [])))
    rows.append(row("total", sum(functions[file] for file in files), total, shown))
    heads = ["file", "functions", *(name for name, _ in COLUMNS), "largest stack"]
    lines = ["", "# Summary"] + table([heads] + rows)
    lines += ["", "# Largest stacks"]
    stacks = sorted((fact for fact in shown if fact.kind == facts.STACK), key=lambda f: (-f.size, f))[:LARGEST]
    lines += ["%s:%d:%d: %s" % (*fact.place, fact.text) for fact in stacks]
    lines += ["", "# Allocation sites by allocator"]
    sites = collections.Counter(fact.name for fact in shown if fact.kind == facts.SITE)
    lines += ["%6d %s" % (n, name) for name, n in sorted(sites.items(), key=lambda pair: (-pair[1], pair[0]))]
    lines.append("%6d in all" % sum(sites.values()))
    return lines


def row(name, functions, counts, of_file):
    largest = max((fact.size for fact in of_file if fact.kind == facts.STACK), default=0)
    return [name, str(functions), *(str(counts[kind]) for _, kind in COLUMNS), str(largest)]


def table(rows):
    """Columns beside each other: the first to the left, numbers to the right."""
    widths = [max(len(cells[i]) for cells in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.rjust(w) if i else cell.ljust(w) for i, (cell, w) in enumerate(zip(cells, widths)))
            for cells in rows]
