"""`make report`: what the compiler says of a source whose facts are known, and of the tree itself.

Each build is in a folder of its own, by the build's Makefile with another SRC, so that neither the build
folder nor its flags are touched. A fact is looked up by the line that it stands on, found by its text.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import harness

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(TOP, "bench"))
from compiler import allocators, callgraph, places, records, unit  # noqa: E402  (found by the line before)

SCRIPTS_ONLY = True

MAIN = r"""
#include <stdlib.h>
#include <string.h>
#include <alloca.h>
#include "parts.h"

void *(*hook)(size_t size);

static int small(int x)
{
    return x + 1;
}

static inline __attribute__((always_inline)) int forced(int x)
{
    return x ^ 5;
}

static __attribute__((noinline)) int refused(int x)
{
    return x * 3;
}

int numbers(int x)
{
    int a = small(x);
    int b = forced(x);
    return a + b + refused(x);
}

void added(int *restrict to, const int *restrict from, int n)
{
    for (int i = 0; i < n; i++) /* vectorized */
        to[i] += from[i];
}

size_t searched(const char *s)
{
    size_t n = 0;
    while (s[n] != 0 && s[n] != 'x') /* not vectorized */
        n++;
    return n;
}

int grown(int n)
{
    char *p = alloca((size_t)n);
    filled(p, n);
    return p[0];
}

static char *middle(const char *s)
{
    return copied(s);
}

char *outer(const char *s)
{
    return middle(s);
}

void *hooked(size_t size)
{
    return hook(size);
}

static void *by_pointer(size_t size)
{
    return calloc(1, size);
}

int main(int argc, char **argv)
{
    hook = by_pointer;
    return outer(argv[0]) == NULL || hooked((size_t)argc) == NULL;
}
"""
PARTS = r"""
#include <stdlib.h>
#include <string.h>
#include "parts.h"

static __attribute__((noinline)) char *room_for(size_t n)
{
    return malloc(n + 1);
}

char *copied(const char *s)
{
    char *p = room_for(strlen(s));
    return p != NULL ? strcpy(p, s) : doubled(s);
}

void filled(char *p, int n)
{
    memset(p, 1, (size_t)n);
}
"""
# A header's function is compiled in each file that includes it, and is one function for the report.
PARTS_H = r"""
char *copied(const char *s);
void filled(char *p, int n);
static inline char *doubled(const char *s)
{
    return strdup(s);
}
"""
SOURCES = {"app/main.c": MAIN, "app/parts/parts.c": PARTS, "app/parts.h": PARTS_H}
LINE = re.compile(r"(\S+?):(\d+):(\d+): (.+)$")


def line_of(file, text):
    """The number of the one line of the test's source that holds text."""
    found = [n for n, line in enumerate(SOURCES[file].split("\n"), 1) if text in line]
    assert len(found) == 1, (file, text, found)
    return found[0]


def make(folder, source, *words, cc="gcc", cflags="-O3 -g -fstack-usage", **variables):
    """`make report` in folder; every flag of the build's own that bears on the code is set aside."""
    variables = dict({"SRC": source, "CC": cc, "CFLAGS": cflags, "CPPFLAGS": "", "SANITIZE_FLAGS": "",
                      "PYTHON": sys.executable}, **variables)
    return subprocess.run(["make", "-f", harness.built("Makefile"), "report", *words] +
                          ["%s=%s" % item for item in variables.items()], cwd=folder, env=harness.environment(),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=240, check=False)


def facts(folder):
    """{(file, line): [text]} of the report in folder."""
    told = {}
    with open(os.path.join(folder, "compiler.txt"), encoding="utf-8") as report:
        for line in report:
            fact = LINE.match(line)
            if fact:
                told.setdefault((fact[1], int(fact[2])), []).append(fact[4])
    return told


class Case(unittest.TestCase):
    def folder(self):
        path = tempfile.mkdtemp(prefix="report.")
        self.addCleanup(shutil.rmtree, path)
        return path

    def sources(self):
        """A source folder with the test's own sources, and bench/ of the tree."""
        top = self.folder()
        for name, text in SOURCES.items():
            os.makedirs(os.path.dirname(os.path.join(top, name)), exist_ok=True)
            with open(os.path.join(top, name), "w", encoding="utf-8") as file:
                file.write(text.replace('"parts.h"', '"app/parts.h"'))
        os.symlink(os.path.join(TOP, "bench"), os.path.join(top, "bench"))
        return top

    def build(self):
        """A build folder, with nothing but what configure would leave for the compiler."""
        top = self.folder()
        with open(os.path.join(top, "config.h"), "w", encoding="ascii"):
            pass
        return top

    def made(self, folder, source, **variables):
        done = make(folder, source, **variables)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def refuses(self, what, folder, source, **variables):
        """make fails with one line of the report's, which begins with what."""
        done = make(folder, source, **variables)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        said = [line for line in done.stderr.splitlines() if not line.startswith("make: ")]
        self.assertEqual(len(said), 1, done.stderr)
        self.assertTrue(said[0].startswith("report: " + what), said[0])
        return said[0]


@unittest.skipUnless(shutil.which("gcc"), "gcc is not there, and the report is made with nothing else")
@harness.not_sanitized("the report is the same, and the tests of the main build make it")
class Report(Case):
    """The first tests read one report of each level; those that change something make their own."""

    shared, levels = None, {}

    def setUp(self):
        self.source, self.out = self.sources(), self.build()

    @classmethod
    def tearDownClass(cls):
        if cls.shared:
            shutil.rmtree(cls.shared)

    def report(self, level):
        """(folder of the objects, facts, text) of the report of a level."""
        cls = type(self)
        if level not in self.levels:
            if not cls.shared:
                cls.shared = tempfile.mkdtemp(prefix="report.")
                shutil.copy(self.out + "/config.h", cls.shared)
                shutil.copytree(self.source, cls.shared + "/source", symlinks=True)
            self.made(cls.shared, cls.shared + "/source", LEVEL=level)
            with open(cls.shared + "/compiler.txt", encoding="utf-8") as report:
                self.levels[level] = (facts(cls.shared), report.read())
        return (cls.shared, *self.levels[level])

    def at(self, file, text, level):
        """What the report of a level says of the line that holds text."""
        return self.report(level)[1].get((file, line_of(file, text)), [])

    def test_a_small_function_is_told_as_inlined_at_levels_1_and_2(self):
        for level in (1, 2):
            told = self.at("app/main.c", "= small(x)", level)
            self.assertEqual(told, ["inlining call to small into numbers"])

    def test_without_inlining_only_what_the_source_demands_is_inlined(self):
        self.assertEqual(self.at("app/main.c", "= small(x)", 3), [])
        for level in (1, 3):
            self.assertEqual(self.at("app/main.c", "= forced(x)", level),
                             ["inlining call to forced into numbers: always_inline"])

    def test_a_noinline_function_is_refused_with_the_reason_from_level_2_on(self):
        self.assertEqual(self.at("app/main.c", "+ refused(x)", 1), [])
        self.assertEqual(self.at("app/main.c", "+ refused(x)", 2),
                         ["cannot inline refused into numbers: function not inlinable"])

    def test_a_function_of_another_file_is_refused_by_naming_the_file(self):
        self.assertIn("cannot inline copied into outer (in the body of middle): its body is in another file, "
                      "app/parts/parts.c", self.at("app/main.c", "return copied(s)", 2))

    def test_loops_are_told_at_level_2_with_the_reason_of_those_left(self):
        self.assertEqual(self.at("app/main.c", "/* vectorized */", 1), [])
        told = self.at("app/main.c", "/* vectorized */", 2)
        self.assertIn("loop vectorized using 16 byte vectors, in added", told)
        self.assertFalse([text for text in told if "not vectorized" in text], told)
        told = self.at("app/main.c", "/* not vectorized */", 2)
        self.assertEqual(told, ["loop not vectorized: number of iterations cannot be computed, in searched"])

    def test_a_loop_is_not_vectorized_when_the_flags_forbid_it(self):
        self.made(self.out, self.source, LEVEL=2, cflags="-O2 -g -fno-tree-vectorize")
        self.assertNotIn(("app/main.c", line_of("app/main.c", "/* vectorized */")), facts(self.out))

    def test_a_stack_that_grows_by_alloca_is_dynamic(self):
        self.assertRegex(self.at("app/main.c", "int grown(", 1)[0], r"^stack of grown: \d+ bytes \(dynamic\)$")
        self.assertIn("stack of grown grows by alloca", self.at("app/main.c", "alloca((", 2))

    def test_an_inlined_function_has_a_stack_of_its_own_at_level_3_only(self):
        self.assertFalse([t for t in self.at("app/main.c", "*middle(const", 1) if "stack of middle" in t])
        self.assertTrue([t for t in self.at("app/main.c", "*middle(const", 3) if "stack of middle" in t])

    def test_stacks_are_those_that_the_compiler_writes_by_another_flag(self):
        for level, objects in ((1, "obj-report"), (3, "obj-report-apart")):
            folder, of_level, _ = self.report(level)
            told = {tuple(re.match(r"stack of (\S+): (\d+) bytes \(([a-z, ]+)\)", text).groups())
                    for texts in of_level.values() for text in texts if re.match(r"stack of \S+: ", text)}
            expected = set()
            for name in ("main", "parts/parts"):
                with open("%s/%s/app/%s.su" % (folder, objects, name), encoding="utf-8") as usage:
                    for line in usage:
                        where, size, kind = line.rstrip("\n").split("\t")
                        expected.add((where.rsplit(":", 1)[1], size, kind.replace(",", ", ")))
            self.assertGreater(len(expected), 5)
            self.assertEqual(told, expected)

    def test_an_allocation_names_its_function_and_from_level_2_on_callers_of_callers(self):
        malloc = "malloc escapes to heap: in room_for, called by copied (app/parts/parts.c:%d)" % line_of(
            "app/parts/parts.c", "= room_for(")
        for level in (1, 2, 3):
            self.assertIn(malloc, self.at("app/parts/parts.c", "malloc(n + 1)", level))
        below = self.report(2)[2].split(malloc + "\n", 1)[1].split("\n")[:4]
        self.assertEqual(below, [
            "\tcalled by copied (app/parts/parts.c:%d)" % line_of("app/parts/parts.c", "= room_for("),
            "\t\tcalled by middle (app/main.c:%d)" % line_of("app/main.c", "return copied(s)"),
            "\t\t\tinlined into outer (app/main.c:%d)" % line_of("app/main.c", "return middle(s)"),
            "\t\t\t\tinlined into main (app/main.c:%d): where the program starts" % line_of(
                "app/main.c", "outer(argv")])

    def test_an_allocation_behind_a_pointer_says_so(self):
        self.assertIn("calloc escapes to heap: in by_pointer, no caller by name: called through a pointer",
                      self.at("app/main.c", "calloc(1, size)", 3))
        self.assertIn("indirect call in hooked: what it calls is not known here",
                      self.at("app/main.c", "return hook(size)", 3))

    def test_an_allocation_in_a_header_is_one_site(self):
        told = self.at("app/parts.h", "strdup(s)", 1)
        self.assertEqual(told, ["strdup escapes to heap: in doubled, called by copied (app/parts/parts.c:%d)" %
                                line_of("app/parts/parts.c", "doubled(s)")])

    def test_the_summary_counts_what_is_listed(self):
        text = self.report(2)[2]
        listed = [fact[4] for fact in map(LINE.match, text.split("# Summary")[0].splitlines()) if fact]
        heads = re.search(r"^file +(.*)$", text, re.MULTILINE)[1].replace("largest stack", "largest").split()
        total = dict(zip(heads, map(int, re.search(r"^total +(.*)$", text, re.MULTILINE)[1].split())))
        for head, begin in (("inlined", "inlining"), ("refused", "cannot inline"), ("not", "loop not vectorized"),
                            ("indirect", "indirect call")):
            self.assertEqual(total[head], len([t for t in listed if t.startswith(begin)]), head)
            self.assertGreater(total[head], 0, head)
        self.assertEqual(total["sites"], 3)
        self.assertEqual(total["functions"], 16)
        self.assertIn("     3 in all\n", text)

    def test_file_keeps_the_files_whose_name_holds_it_but_callers_of_all(self):
        self.made(self.out, self.source, LEVEL=2, FILE="parts.c")
        self.assertEqual({file for file, _ in facts(self.out)}, {"app/parts/parts.c"})
        with open(self.out + "/compiler.txt", encoding="utf-8") as report:
            self.assertIn("inlined into main (app/main.c:", report.read())

    def test_same_sources_give_same_bytes_from_any_folder(self):
        done = make(self.out, self.source, "-j4", LEVEL=2)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.out + "/compiler.txt", encoding="utf-8") as report:
            self.assertEqual(report.read(), self.report(2)[2])

    def test_only_a_changed_file_is_compiled_again(self):
        self.assertEqual(self.made(self.out, self.source, LEVEL=1).count("REPORT"), 2)
        self.assertEqual(self.made(self.out, self.source, LEVEL=2).count("REPORT"), 0)
        os.utime(self.source + "/app/parts/parts.c")
        again = self.made(self.out, self.source, LEVEL=1)
        self.assertIn("REPORT  app/parts/parts.c", again)
        self.assertEqual(again.count("REPORT"), 1)

    def test_a_mistake_is_one_clear_line_and_nothing_is_written(self):
        for level in ("4", "high"):
            self.refuses("LEVEL=%s: 1 (decisions), 2 " % level, self.out, self.source, LEVEL=level)
        self.refuses("CC=no-such-cc: no such compiler", self.out, self.source, cc="no-such-cc")
        self.assertFalse(os.path.exists(self.out + "/obj-report/app/main.o"))
        self.refuses("FILE=nothing.c: no source file", self.out, self.source, LEVEL=1, FILE="nothing.c")
        self.assertFalse(os.path.exists(self.out + "/compiler.txt"))

    def test_another_compiler_for_the_report_does_not_touch_the_flags_of_the_build(self):
        self.made(self.out, self.source, LEVEL=1)
        self.assertEqual([name for name in os.listdir(self.out) if "flags" in name], ["report-flags"])

    @unittest.skipUnless(shutil.which("clang"), "clang is not there to be refused")
    def test_clang_is_refused_before_it_compiles(self):
        self.assertIn("only GCC is supported", self.refuses("CC=clang is ", self.out, self.source, cc="clang"))
        self.assertFalse(os.path.exists(self.out + "/obj-report/app/main.o"))

    def test_a_broken_record_is_one_line_that_names_the_file(self):
        self.made(self.out, self.source, LEVEL=1)
        record = "obj-report/app/main.c.opt-record.json.gz"
        with open(os.path.join(self.out, record), "rb") as file:
            whole = file.read()
        for broken in (whole[:len(whole) // 2], b"no gzip at all"):
            with open(os.path.join(self.out, record), "wb") as file:
                file.write(broken)
            self.refuses(record + ": not a gzipped optimisation record", self.out, self.source, LEVEL=1)
        os.remove(os.path.join(self.out, record))
        self.refuses(record + ": ", self.out, self.source, LEVEL=1)


class Parts(unittest.TestCase):
    """The pure parts, on texts as GCC writes them."""

    FOLDERS = places.Folders("/source", "/build")

    def test_places_are_relative_within_the_source_folder_and_absolute_elsewhere(self):
        self.assertEqual(self.FOLDERS.place("/source/app/x.c:10:5"), ("app/x.c", 10, 5))
        self.assertEqual(self.FOLDERS.place("../source/app/x.c:10"), ("app/x.c", 10, 1))
        self.assertEqual(self.FOLDERS.shown("/sourced/x.c"), "/sourced/x.c")
        self.assertIsNone(self.FOLDERS.place("<built-in>"))

    def test_copies_of_a_function_bear_its_name(self):
        for name in ("f", "f.part.0", "f.constprop.0.isra.1", "f.cold", "f.isra"):
            self.assertEqual(places.source_name(name), "f")
        self.assertEqual(places.source_name("partial"), "partial")

    def test_allocators_are_told_from_what_only_sounds_like_them(self):
        for name in ("malloc", "__builtin_calloc", "__strdup", "__getdelim", "__asprintf_chk", "rt_alloc_atomic",
                     "rt_scope_alloc", "rt_pool_get", "rt__os_map_if_any", "mmap64", "GC_malloc_atomic", "mi_zalloc"):
            self.assertTrue(allocators.allocates(name), name)
        for name in ("free", "rt_allocator", "rt__os_mapped", "rt_scope_begin", "mallocs", "mi_free", "munmap"):
            self.assertFalse(allocators.allocates(name), name)

    def test_a_definition_is_found_by_the_name_of_the_function_not_of_its_type(self):
        text = ("/* /source/x.c:7:NF */ static void (*chosen (int n)) (char); /* (n) int n; */\n"
                "/* /source/x.h:3:NC */ extern int declared (int);\n"
                "/* /source/x.c:9:NF */ extern char *text_of (void (*f) (int)); /* (f) void (*f) (int); */\n")
        self.assertEqual(callgraph.parse_definitions(text, self.FOLDERS),
                         [("chosen", "x.c", 7, True), ("text_of", "x.c", 9, False)])

    def test_a_replacement_of_libcs_function_is_found_in_the_source(self):
        text = "int poll(int n);\n\nint other(void)\n{\n    return poll(1);\n}\n\nRT_API int poll(int n)\n{\n}\n"
        self.assertEqual(callgraph.find_definition(text, "poll", "x.c"), ("poll", "x.c", 8, False))
        self.assertIsNone(callgraph.find_definition(text, "ppoll", "x.c"))

    def test_calls_name_functions_as_sources_do(self):
        text = ('graph: { title: "/source/x.c"\n'
                'node: { title: "/source/x.c:f" label: "f\\n/source/x.c:3:5\\n48 bytes (dynamic,bounded)\\n'
                '1 dynamic objects\\n room /source/x.c:4:9" }\n'
                'edge: { sourcename: "/source/x.c:f" targetname: "memset" label: "/source/x.c:5:2" }\n'
                'node: { title: "memset" label: "__builtin_memset\\n<built-in>" shape : ellipse }\n'
                'edge: { sourcename: "/source/x.c:f" targetname: "__indirect_call" label: "/source/x.c:6:2" }\n}\n')
        frames, edges = callgraph.parse_calls(text, self.FOLDERS)
        self.assertEqual(frames, [("f", ("x.c", 3, 5), 48, "dynamic, bounded", [("room", ("x.c", 4, 9))])])
        self.assertEqual(edges, [("f", "memset", ("x.c", 5, 2)), ("f", "__indirect_call", ("x.c", 6, 2))])

    def test_what_is_no_record_is_refused(self):
        for data in ({}, [], [1, 2, 3], [{"generator": {}}, [], []], None):
            self.assertRaises(records.BadRecord, records.parse, data, self.FOLDERS)

    def test_a_missing_file_of_the_compilers_is_named(self):
        with self.assertRaisesRegex(unit.UnitError, "nowhere/x.ci"):
            unit.read(self.FOLDERS, "nowhere/x")


# What the tree's own sources name; calls in comments and texts, and declarations, do not count.
CALL = re.compile(r"(?<![\w.>])(malloc|calloc|realloc|strdup|strndup|asprintf|open_memstream|mmap|rt_alloc"
                  r"|rt_alloc_atomic|rt_realloc|rt_strdup|rt_scope_alloc|rt_scope_alloc_atomic|rt_scope_realloc"
                  r"|rt_scope_strdup|rt_pool_get|rt__os_map|rt__os_map_if_any)\(")
# Half of the tree, as the whole costs a minute of CPU: it holds most of the sites, and every kind.
PARTS_OF_TREE = ("app/config", "app/store", "app/web", "runtime/heap", "runtime/os")
# Compiled in sanitizer builds alone.
NOT_BUILT = ("runtime/heap/libc.c",)


def written_sites(file):
    """(file, line, allocator) of each call of an allocator that the source has by its text."""
    with open(os.path.join(TOP, file), encoding="utf-8") as source:
        text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), source.read(), flags=re.DOTALL)
    for number, line in enumerate(text.split("\n"), 1):
        line = re.sub(r'"(\\.|[^"\\])*"', '""', line.split("//")[0])
        if line[:1] in (" ", "\t"):  # a definition begins in the first column
            for name in CALL.findall(line):
                yield file, number, name


@unittest.skipUnless(shutil.which("gcc"), "gcc is not there, and the report is made with nothing else")
@harness.not_sanitized("its sources are compiled for another heap, and the flags are the build's")
@harness.not_tortured("nothing of the runtime runs")
class Tree(Case):
    def test_every_allocation_that_the_sources_name_is_a_site_and_callers_are_those_a_reader_finds(self):
        out = self.build()
        shutil.copy(harness.built("config.h"), out)
        files = ["app/main.c"] + ["%s/%s" % (part, name) for part in PARTS_OF_TREE
                                  for name in sorted(os.listdir(os.path.join(TOP, part))) if name.endswith(".c")]
        objects = " ".join("obj/%s.o" % file[:-2] for file in files)
        done = make(out, TOP, "-j2", cflags="-O2 -g", LEVEL=1, RUNTIME_OBJECTS=objects, APP_OBJECTS="")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        told = facts(out)
        written = [site for file in files if file not in NOT_BUILT for site in written_sites(file)]
        self.assertGreater(len(written), 50)
        missing = [site for site in written if not [
            text for text in told.get(site[:2], []) if text.startswith(site[2] + " escapes to heap: in ")]]
        self.assertEqual(missing, [])
        sites = [text for texts in told.values() for text in texts if " escapes to heap: in " in text]
        self.assertGreaterEqual(len(sites), len(written))
        known = [text for text in sites if text.startswith("malloc escapes to heap: in load_file, ")]
        self.assertEqual(len(known), 1, sites)
        self.assertRegex(known[0], r"called by config_load \(app/config/config\.c:\d+\)$")


if __name__ == "__main__":
    unittest.main()
