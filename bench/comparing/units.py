"""Units of measurements: into base units, and numbers with a prefix, as benchstat shows them.

A unit is words with `/`, `*` and `-` between them; what follows a `/` is in the denominator. Bytes count by 1024,
everything else by 1000. Nothing here looks at more than the unit's name and the numbers.
"""

import re

SPLIT = re.compile(r"([*/]|-|\s)")
# Words of a numerator that are multiples of a base unit.
BASE_UNITS = {"ns": ("sec", -9), "MB": ("B", 6)}
BYTES = {"B", "MB", "bytes"}

DECIMAL = [(10.0 ** exponent, exponent, prefix) for exponent, prefix in
           zip(range(12, -10, -3), ("T", "G", "M", "k", "", "m", "µ", "n"))]
BINARY = [(2.0 ** exponent, exponent, prefix) for exponent, prefix in
          zip(range(40, -1, -10), ("Ti", "Gi", "Mi", "Ki", ""))]
# Digits after the point, and the number from which on it is those: 9.9995 with three would be written 10.000.
STEPS = ((1, "99.995"), (2, "9.9995"), (3, "0.99995"))
DECIMALS_MOST = 10


def words(unit):
    """The words of a unit with their separators: [text, whether it is a word of the denominator or a separator]."""
    denominator = False
    for part in SPLIT.split(unit):
        if part == "*":
            denominator = False
        elif part == "/":
            denominator = True
        yield part, denominator or not part or SPLIT.fullmatch(part) is not None


def tidy(value, unit):
    """The value in base units: (5, "ns/op") is (5e-9, "sec/op")."""
    exponent, parts = 0, []
    for part, fixed in words(unit):
        if not fixed and part in BASE_UNITS:
            part, power = BASE_UNITS[part]
            exponent += power
        parts.append(part)
    # Dividing by 1e9 and multiplying by 1e-9 differ in the last bit; benchstat multiplies.
    return value * float("1e%d" % exponent), "".join(parts)


def counts_bytes(unit):
    """Whether prefixes of this unit are powers of 1024."""
    return any(part in BYTES for part, fixed in words(unit) if not fixed)


class Scale:
    """How the numbers of one row are written: digits after the point, and a prefix with what it stands for."""

    def __init__(self, digits, factor, prefix):
        self.digits, self.factor, self.prefix = digits, factor, prefix

    def text(self, value):
        return "%.*f%s" % (self.digits, value / self.factor, self.prefix)


def common_scale(values, binary):
    """The scale in which each of values has at least four digits: that of the smallest one that is not 0."""
    least = min((abs(value) for value in values if value != 0), default=0)
    if least == 0:
        return Scale(3, 1, "")
    for factor, exponent, prefix in BINARY if binary else DECIMAL:
        for digits, step in STEPS:
            # The text with its exponent is the very number that would be written so; a product can be a bit off.
            if least >= (float(step) * factor if binary else float("%se%d" % (step, exponent))):
                return Scale(digits, factor, prefix)
    # Smaller than the smallest prefix: more digits instead.
    digits = 3
    while digits < DECIMALS_MOST and least / factor < float("9.9995e%d" % (2 - digits)):
        digits += 1
    return Scale(digits, factor, prefix)
