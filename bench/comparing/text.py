"""Writes tables as benchstat does, character by character: people, and scripts, know that layout.

A file's column is made of six parts: the value, its range, footnotes, and in all columns but the first the change, the
test, footnotes. Each part is as wide as its widest text and the margin to its left; only the value's part grows when a
heading above needs more. Nothing is written here that tables did not compute.
"""

from comparing import units

DIGITS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
VALUE, RANGE, NOTES, DELTA, TEST, DELTA_NOTES = range(6)
BAR = " │ "
EDGE = " │"
PLUS_MINUS = " ± "
HEADING_GAP = "  "


def write(tables, out):
    """Writes all tables; before each, the configuration that is not that of the one before."""
    before = None
    for table in tables:
        if before is not None:
            out.write("\n")
        for place, (key, value) in enumerate(table.config):
            if before is None or before.config[place][1] != value:
                out.write("%s: %s\n" % (key, value))
        out.write(table_text(table))
        before = table


def table_text(table):
    grid, notes = Grid(len(table.columns)), Footnotes()
    heading_rows(grid, table)
    binary = units.counts_bytes(table.unit)
    for row in table.rows:
        body_row(grid, notes, table, row, binary)
    if len(table.rows) > 1:
        foot_row(grid, notes, table, binary)
    return grid.text() + notes.text()


def heading_rows(grid, table):
    line = grid.new_line()
    for number, label in enumerate(table.columns):
        line.heading(number, VALUE, len(grid.parts_of(number)), label, BAR, centred=True)
    line.edge()
    line = grid.new_line()
    for number in range(len(table.columns)):
        line.heading(number, VALUE, 3, table.unit, BAR, centred=True)
        if number > 0:
            line.heading(number, DELTA, 3, "vs base", HEADING_GAP, centred=False)
    line.edge()


def body_row(grid, notes, table, row, binary):
    line = grid.new_line()
    line.label(row)
    cells = [table.cells.get((row, column)) for column in table.columns]
    scale = units.common_scale([cell.summary.center for cell in cells if cell], binary)
    for number, cell in enumerate(cells):
        if not cell:
            continue
        line.cell(number, VALUE, scale.text(cell.summary.center), right=True)
        line.cell(number, RANGE, cell.summary.range_text(), PLUS_MINUS, right=True)
        line.cell(number, NOTES, notes.marks(cell.summary.warnings))
        if cell.comparison:
            change = cell.comparison.delta_text(cell.base.summary.center, cell.summary.center)
            line.cell(number, DELTA, change, right=True)
            line.cell(number, TEST, "(%s)" % cell.comparison.text())
            line.cell(number, DELTA_NOTES, notes.marks(cell.comparison.warnings))


def foot_row(grid, notes, table, binary):
    line = grid.new_line()
    line.label("geomean")
    for number, column in enumerate(table.columns):
        foot = table.feet[column]
        if foot.mean is not None:
            line.cell(number, VALUE, units.common_scale([foot.mean], binary).text(foot.mean), right=True)
        if number > 0 and foot.ratio is not None:
            line.cell(number, DELTA, "%+.2f%%" % ((foot.ratio - 1) * 100), right=True)
        elif number > 0:
            line.cell(number, DELTA, "?")
        line.cell(number, DELTA_NOTES if number > 0 else NOTES, notes.marks(foot.warnings))


class Footnotes:
    """Warnings below a table, each once, and their small numbers."""

    def __init__(self):
        self.numbers = {}

    def marks(self, warnings):
        return " ".join(small(self.numbers.setdefault(warning, len(self.numbers) + 1)) for warning in warnings)

    def text(self):
        return "".join("%s %s\n" % (small(number), warning) for warning, number in self.numbers.items())


def small(number):
    return str(number).translate(DIGITS)


class Grid:
    """Lines of cells. A part is (column, VALUE … DELTA_NOTES); LABEL and the right edge stand at its sides."""

    LABEL = (-1, 0)

    def __init__(self, columns):
        self.parts = [self.LABEL] + [part for number in range(columns) for part in self.parts_of(number)]
        self.right = (columns, 0)
        self.parts.append(self.right)
        self.lines = []

    @staticmethod
    def parts_of(number):
        return [(number, part) for part in range(3 if number == 0 else 6)]

    def new_line(self):
        self.lines.append(Line(self))
        return self.lines[-1]

    def text(self):
        margins = dict.fromkeys(self.parts, 0)
        for cell in self.cells():
            margins[cell.part] = max(margins[cell.part], len(cell.margin))
        starts = self.starts(self.widths(margins), margins)
        return "".join(line.text(starts, margins) + "\n" for line in self.lines)

    def cells(self):
        return [cell for line in self.lines for cell in line.cells]

    def widths(self, margins):
        widths = dict.fromkeys(self.parts, 0)
        for cell in sorted(self.cells(), key=lambda cell: cell.span):
            width = len(cell.content) + margins[cell.part]
            covered = [(cell.part[0], part) for part in range(cell.part[1], cell.part[1] + cell.span)]
            short = width - sum(widths[part] for part in covered)
            # "vs base" is over parts that do not grow: a table without any comparison lets it stick out.
            if short > 0 and (cell.span == 1 or cell.part[1] == VALUE):
                widths[cell.part] += short
        return widths

    def starts(self, widths, margins):
        """{part: where its margin begins}, with the end of the line as None."""
        starts, at = {}, 0
        for part in self.parts:
            starts[part] = at
            at += widths[part]
        starts[None] = at
        return starts

    def after(self, part, span):
        place = self.parts.index(part) + span
        return self.parts[place] if place < len(self.parts) else None


class Cell:
    def __init__(self, part, span, content, margin, align):
        self.part, self.span, self.content, self.margin, self.align = part, span, content, margin, align


class Line:
    """One line of a grid, filled from left to right."""

    def __init__(self, grid):
        self.grid, self.cells = grid, []

    def label(self, content):
        self.cells.append(Cell(Grid.LABEL, 1, content, "", "left"))

    def cell(self, number, part, content, margin=" ", right=False):
        if content:
            self.cells.append(Cell((number, part), 1, content, margin, "right" if right else "left"))

    def heading(self, number, part, span, content, margin, centred):
        self.cells.append(Cell((number, part), span, content, margin, "centre" if centred else "left"))

    def edge(self):
        self.cells.append(Cell(self.grid.right, 1, "", EDGE, "left"))

    def text(self, starts, margins):
        written, length = [], 0
        for cell in self.cells:
            # A heading that sticks out is answered by as many spaces as it is too long, which is what benchstat's
            # printing of a negative width comes to.
            gap = starts[cell.part] - length
            space = starts[self.grid.after(cell.part, cell.span)] - starts[cell.part] - margins[cell.part]
            content = aligned(cell.content, space, cell.align)
            written.append(" " * abs(gap) + cell.margin.rjust(margins[cell.part]) + content)
            length = starts[cell.part] + margins[cell.part] + len(content)
        return "".join(written)


def aligned(content, width, align):
    if align == "right":
        return content.rjust(width)
    if align == "centre":
        return " " * ((width - len(content)) // 2) + content
    return content
