"""Results of several files brought together: a table for each unit and configuration, a row for each benchmark, a
column for each file, and in each cell the summary of its values and their comparison with the first column's.

Order is that of the files, except that tables of several configurations are sorted by them. Pure: from parse's results
to plain objects, which text and asjson write.
"""

from comparing import benchmath

DIFFERENT_SETS = "benchmark set differs from baseline; geomeans may not be comparable"
NO_MEAN = "summaries must be >0 to compute geomean"
NO_RATIO = "ratios must be >0 to compute geomean"


class Settings:
    """What can be chosen: the level of the comparison, that of the interval, and configuration keys to disregard."""

    def __init__(self, alpha=0.05, confidence=0.95, ignore=(), exact_units=()):
        self.alpha, self.confidence = alpha, confidence
        self.ignore, self.exact_units = frozenset(ignore), frozenset(exact_units)


class Cell:
    """One benchmark in one file: summary always, comparison where the first column has the benchmark too."""

    def __init__(self, values):
        self.values = sorted(values)
        self.summary = None
        self.base = None
        self.comparison = None


class Column:
    """The foot of a column: mean and ratio are None where there is none."""

    def __init__(self):
        self.mean, self.ratio, self.warnings = None, None, []


class Table:
    """config: [(key, value)], also of keys that only other tables have (value ""). cells: {(row, column): Cell}."""

    def __init__(self, config, unit, rows, columns, cells):
        self.config, self.unit = config, unit
        self.rows, self.columns, self.cells = rows, columns, cells
        self.feet = {}


def build(results, settings):
    """The Tables of these results."""
    keys = first_seen(key for result in results for key in result.config if key not in settings.ignore)
    units = first_seen(unit for result in results for _, unit in result.values)
    names = first_seen(result.name for result in results)
    labels = first_seen(result.label for result in results)
    samples = {}
    for result in results:
        config = tuple(result.config.get(key, "") for key in keys)
        for value, unit in result.values:
            cells = samples.setdefault((config, units[unit], unit), {})
            cells.setdefault((result.name, result.label), []).append(value)
    tables = []
    for config, _, unit in sorted(samples):
        cells = {place: Cell(values) for place, values in samples[config, units[unit], unit].items()}
        rows = sorted({row for row, _ in cells}, key=names.get)
        columns = sorted({column for _, column in cells}, key=labels.get)
        table = Table(list(zip(keys, config)), unit, rows, columns, cells)
        fill(table, settings)
        tables.append(table)
    return tables


def first_seen(things):
    """{thing: its place in the order of first appearance}."""
    order = {}
    for thing in things:
        order.setdefault(thing, len(order))
    return order


def fill(table, settings):
    """Computes summaries, comparisons and feet."""
    exact = table.unit in settings.exact_units
    for (row, column), cell in table.cells.items():
        cell.summary = (benchmath.summary_exact(cell.values) if exact
                        else benchmath.summary(cell.values, settings.confidence))
        if column != table.columns[0]:
            cell.base = table.cells.get((row, table.columns[0]))
        if cell.base:
            cell.comparison = (benchmath.compare_exact(cell.base.values, cell.values) if exact
                               else benchmath.compare(cell.base.values, cell.values, settings.alpha))
    for column in table.columns:
        table.feet[column] = foot(table, column)


def foot(table, column):
    """The geometric mean of a column's medians, and of their ratios to the first column: of ratios, not the ratio of
    means, which would compare different benchmarks where one side lacks some."""
    cells = [table.cells[row, column] for row in table.rows if (row, column) in table.cells]
    paired = [cell for cell in cells if cell.base]
    result = Column()
    based = column != table.columns[0]
    if based and len(paired) != sum(1 for row in table.rows if (row, table.columns[0]) in table.cells):
        result.warnings.append(DIFFERENT_SETS)
    result.mean = benchmath.geometric_mean([cell.summary.center for cell in cells])
    if result.mean is None:
        result.warnings.append(NO_MEAN)
    if based:
        centers = [(cell.summary.center, cell.base.summary.center) for cell in paired]
        # From 0 to 0 is no change; from 0 to something is no ratio at all, and then there is no mean of them.
        if all(old != 0 or new == 0 for new, old in centers):
            result.ratio = benchmath.geometric_mean([1.0 if new == old else new / old for new, old in centers])
            if result.ratio is None:
                result.warnings.append(NO_RATIO)
    return result
