"""Writes tables as JSON, for scripts: the figures of the text, unrounded, with null where the text has ∞, ? or
nothing."""

import json
import math


def write(tables, out):
    json.dump({"tables": [table_object(table) for table in tables]}, out, ensure_ascii=False, indent=1)
    out.write("\n")


def table_object(table):
    return {
        "config": {key: value for key, value in table.config if value},
        "unit": table.unit,
        "columns": table.columns,
        "rows": [{"name": row,
                  "cells": [cell_object(table.cells.get((row, column))) for column in table.columns]}
                 for row in table.rows],
        "geomean": [{"value": foot.mean, "ratio": foot.ratio, "warnings": foot.warnings}
                    for foot in (table.feet[column] for column in table.columns)],
    }


def cell_object(cell):
    if cell is None:
        return None
    result = {"n": len(cell.values), "center": cell.summary.center, "low": finite(cell.summary.low),
              "high": finite(cell.summary.high), "warnings": list(cell.summary.warnings)}
    if cell.comparison:
        old, new = cell.base.summary.center, cell.summary.center
        result.update(p=cell.comparison.p, differ=cell.comparison.differ, ratio=new / old if old else None)
        result["warnings"] += cell.comparison.warnings
    return result


def finite(x):
    return None if math.isinf(x) else x
