"""Where values lie on an axis, and which of them get a mark. Pure."""

import math


class Linear:
    """From low to high on pixels begin to end, which may run backwards (heights do)."""

    def __init__(self, low, high, begin, end):
        self.low, self.high, self.begin, self.end = low, high, begin, end

    def __call__(self, value):
        return self.begin + (value - self.low) / (self.high - self.low) * (self.end - self.begin)

    def ticks(self):
        step = nice_step(self.high - self.low)
        first = math.ceil(self.low / step - 1e-9)
        return [step * i for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


class Log(Linear):
    """The same for values whose ratios count: equal factors are equally far apart. Marks at 1, 2, 5, 10, ..., on a
    short axis at even steps."""

    def __call__(self, value):
        return self.begin + math.log(value / self.low) / math.log(self.high / self.low) * (self.end - self.begin)

    def ticks(self):
        if self.high / self.low < 5:
            return super().ticks()
        # Over several powers of ten the words of all three would run into each other.
        multiples, found = (1, 2, 5) if self.high / self.low < 200 else (1,), []
        for power in range(math.floor(math.log10(self.low)) - 1, math.ceil(math.log10(self.high)) + 1):
            found += [m * 10.0 ** power for m in multiples]
        return [value for value in found if self.low * 0.999999 <= value <= self.high * 1.000001]


def nice_step(span, most=6):
    """The least of 1, 2, 5, 10, ... with at most so many steps in the span."""
    power = 10.0 ** math.floor(math.log10(span / most))
    return next(power * m for m in (1, 2, 5, 10, 20) if span / (power * m) <= most)


def from_zero(greatest, begin, end):
    """A linear axis from 0 that ends at a mark at or above the greatest value."""
    if greatest <= 0:
        greatest = 1.0
    step = nice_step(greatest)
    return Linear(0, step * math.ceil(greatest / step - 1e-9), begin, end)


def label(value):
    """A mark in as few digits as it needs."""
    text = ("%.6f" % value).rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def percentile_label(nines):
    """0 → 0 %, 1 → 90 %, 2 → 99 %, 3 → 99.9 % ..."""
    return "%s %%" % ("0" if nines == 0 else "90" if nines == 1 else "99" if nines == 2 else "99." + "9" * (nines - 2))
