"""The page as the checker sees it: sections, and in them blocks of commands, each with the output that is expected.

Pure: text in, objects out. A mistake in the page is a PageError that names the line.
"""
import re

HEADING = re.compile(r"## +(.+?) *$")
FENCE = re.compile(r"```(\S*) *(.*?) *$")
SH_WORDS = {"needs", "limit", "status"}
TEXT_WORDS = {"exact", "unordered", "atleast"}


class PageError(Exception):
    """A mistake in the page, in one sentence that begins with its line."""


class Block:
    """A block of commands. expected is None when nothing is said about its output."""

    def __init__(self, line, code, options):
        self.line, self.code = line, code
        self.needs = [tool for tool in options.get("needs", "").split(",") if tool]
        self.limit_s = int(options.get("limit", "0"))  # 0: the usual one
        self.status = int(options.get("status", "0"))
        self.expected = None
        self.expected_line = None
        self.exact = self.unordered = False
        self.at_least = None

    def expect(self, line, text, options):
        self.expected, self.expected_line = text, line
        self.exact = "exact" in options
        self.unordered = "unordered" in options or "atleast" in options
        self.at_least = int(options["atleast"]) if "atleast" in options else None


class Section:
    def __init__(self, title, line):
        self.title, self.line = title, line
        self.blocks = []


def options_of(words, known, line):
    """`needs=go,hey limit=60` as a dict; what is not known is refused, so that a slip of the pen cannot hide a check."""
    options = {}
    for word in words.split():
        name, has_value, value = word.partition("=")
        if name not in known:
            raise PageError("line %d: unknown word %r after the fence; known are %s" % (line, name, ", ".join(sorted(known))))
        is_number = name in ("limit", "status", "atleast")
        if is_number and not value.isdigit() or name == "needs" and not value or name in ("exact", "unordered") and has_value:
            raise PageError("line %d: %r is not how %s is given" % (line, word, name))
        options[name] = value
    return options


def fences(text):
    """(kind, words, line, body) of each fenced block, and ("##", title, line, "") of each heading of a section."""
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        begin = number + 1
        heading = HEADING.match(lines[number])
        fence = FENCE.match(lines[number])
        if heading:
            yield "##", heading[1], begin, ""
        elif fence:
            end = number + 1
            while end < len(lines) and lines[end].rstrip() != "```":
                end += 1
            if end == len(lines):
                raise PageError("line %d: this block has no end" % begin)
            yield fence[1], fence[2], begin, "\n".join(lines[number + 1:end])
            number = end
        number += 1


def parse(text):
    """The sections of a page. Those without commands are left out."""
    sections = [Section("(before the first heading)", 1)]
    last = None
    for kind, words, line, body in fences(text):
        if kind == "##":
            sections.append(Section(words, line))
            last = None
        elif kind == "sh":
            last = Block(line, body, options_of(words, SH_WORDS, line))
            sections[-1].blocks.append(last)
        elif kind == "text":
            if last is None or last.expected is not None:
                raise PageError("line %d: this ```text block follows no block of commands" % line)
            if not body.strip():
                raise PageError("line %d: this ```text block expects nothing, which any output would meet" % line)
            last.expect(line, body, options_of(words, TEXT_WORDS, line))
        elif kind == "":
            raise PageError("line %d: a block must say what it is: ```sh, ```text, ```c, …" % line)
    return [section for section in sections if section.blocks]
