"""The statistics of a comparison: medians with their interval, and whether two samples differ.

Nothing is assumed of how measurements are spread; benchmarks are far from any bell curve. So the middle is the median,
its interval lies between two order statistics, and two samples are compared by ranks (Mann and Whitney 1947), with the
exact distribution of the ranks' sum where that can be had. The choices (left of two equal intervals, when a normal
curve is good enough) are benchstat's: the point of this module is to come to the same verdict. Two things are not taken
over. Where two intervals are equally good, benchstat means to take the left one, but for some sizes, 24 is one, its
rounding errors choose. And of samples of different sizes with ties, whose distribution is lopsided, it always takes the
lower tail, and may say p=0 of one value against six. Here it is the left interval, and the tail that was measured. Pure
functions.
"""

import functools
import math
import statistics

# Up to these sizes the exact distribution is computed; beyond them it is a normal curve for all purposes.
INTERVAL_EXACT_MOST = 30
RANKS_EXACT_MOST = 50
RANKS_EXACT_MOST_WITH_TIES = 25
# Where to give up looking for a number of samples that would do.
SAMPLES_LOOKED_AT = 50

SAME = "all samples are equal"


def quantile_median(ordered):
    """The median of a sorted list, by Hyndman and Fan's eighth definition. For the median all definitions agree but for
    the last bit; benchstat uses this one, and whether two medians are equal is shown."""
    place = 1 / 3 + 0.5 * (len(ordered) + 1 / 3)
    share, whole = math.modf(place)
    k = int(whole)
    if k <= 0:
        return ordered[0]
    if k >= len(ordered):
        return ordered[-1]
    return ordered[k - 1] + share * (ordered[k] - ordered[k - 1])


@functools.lru_cache(maxsize=None)
def interval_orders(n, confidence):
    """(l, r): between the l-th and the r-th smallest of n values lies the true median with at least this confidence. l
    is 0 and r is n + 1 where no value is small or great enough."""
    if confidence >= 1:
        return 0, n + 1
    if n > INTERVAL_EXACT_MOST:
        return interval_orders_normal(n, confidence)
    # How many values are below the median is a toss of n coins. From the middle outwards, until it is enough.
    wanted = confidence * 2 ** n
    left = math.ceil((n + 1) / 2 - 1)
    right = left + 1
    total = math.comb(n, left)
    while total < wanted and (left > 0 or right <= n):
        below = math.comb(n, left - 1) if left > 0 else 0
        above = math.comb(n, right) if right <= n else 0
        if below >= above:
            left, total = left - 1, total + below
        else:
            right, total = right + 1, total + above
    return max(left, 0), min(right, n + 1)


def interval_orders_normal(n, confidence):
    coins = statistics.NormalDist(n / 2, math.sqrt(n) / 2)
    low = coins.inv_cdf((1 - confidence) / 2)
    high = 2 * coins.mean - low
    left = math.floor(math.floor(low - 0.5) + 0.5) + 1
    right = math.floor(math.ceil(high - 0.5) + 0.5) + 1

    def covered(l, r):
        return coins.cdf(r - 0.5) - coins.cdf(l - 0.5)

    if confidence <= covered(left, right - 1) < covered(left, right):
        right -= 1
    return max(left, 0), min(right, n + 1)


@functools.lru_cache(maxsize=None)
def samples_for_interval(confidence):
    """The least number of samples whose median has an interval at all, in words: `>= 6`."""
    for n in range(2, SAMPLES_LOOKED_AT + 1):
        low, high = interval_orders(n, confidence)
        if low > 0 and high <= n:
            return ">= %d" % n
    return "> %d" % SAMPLES_LOOKED_AT


class Summary:
    """The middle of a sample, the ends of its interval (infinite where there is none), and warnings."""

    def __init__(self, center, low, high, warnings=()):
        self.center, self.low, self.high, self.warnings = center, low, high, list(warnings)

    def range_text(self):
        """The interval as a percentage of the middle, the wider side of the two."""
        if math.isinf(self.low) or math.isinf(self.high):
            return "∞"
        if not sign(self.low) == sign(self.center) == sign(self.high):
            return "?"
        if self.center == 0:
            return "0%"
        return "%.0f%%" % (100 * max(self.high / self.center - 1, 1 - self.low / self.center))


def sign(x):
    return (x > 0) - (x < 0)


def summary(ordered, confidence):
    """The Summary of a sorted sample, with nothing assumed of it."""
    low, high = interval_orders(len(ordered), confidence)
    at = {0: -math.inf, len(ordered) + 1: math.inf}
    ends = [at.get(order, ordered[min(max(order, 1), len(ordered)) - 1]) for order in (low, high)]
    warnings = []
    if math.isinf(ends[0]) or math.isinf(ends[1]):
        warnings.append("need %s samples for confidence interval at level %s" % (
            samples_for_interval(confidence), number(confidence)))
    return Summary(quantile_median(ordered), ends[0], ends[1], warnings)


def summary_exact(ordered):
    """The Summary of a sample whose values ought to be all the same: the one seen most often."""
    counts = [(ordered.count(value), -place, value) for place, value in enumerate(ordered)]
    count, _, mode = max(counts)
    warnings = []
    if count != len(ordered):
        warnings.append("exact distribution expected, but values range from %s to %s" % (
            number(ordered[0]), number(ordered[-1])))
    return Summary(mode, ordered[0], ordered[-1], warnings)


def number(x):
    """The shortest text that is x, as Go's %v has it."""
    text = repr(float(x))
    if 1e16 <= abs(x) < 1e21:
        text = "%d" % x
    return text[:-2] if text.endswith(".0") else text


class Comparison:
    """p: how often samples that do not differ look as different as these. 0 stands for exact values."""

    def __init__(self, p, n1, n2, alpha, warnings=()):
        self.p, self.n1, self.n2, self.alpha, self.warnings = p, n1, n2, alpha, list(warnings)

    @property
    def differ(self):
        return self.p <= self.alpha

    def text(self):
        sizes = "n=%d" % self.n1 if self.n1 == self.n2 else "n=%d+%d" % (self.n1, self.n2)
        return sizes if self.p == 0 else "p=%.3f %s" % (self.p, sizes)

    def delta_text(self, old, new):
        if not self.differ:
            return "~"
        if old == new:
            return "0.00%"
        if old == 0:
            return "?"
        return "%+.2f%%" % ((new / old - 1) * 100)


def compare(old, new, alpha):
    """The Comparison of two samples by Mann and Whitney's test, two-sided."""
    p = mann_whitney(old, new)
    if p is None:
        return Comparison(1.0, len(old), len(new), alpha, [SAME])
    warnings = []
    if p > alpha:
        least = samples_for_comparison(alpha)
        if len(old) < least[1] and len(new) < least[1]:
            warnings.append("need %s %d samples to detect a difference at alpha level %s" % (*least, number(alpha)))
    return Comparison(p, len(old), len(new), alpha, warnings)


def compare_exact(old, new):
    return Comparison(0.0, len(old), len(new), 0.0)


@functools.lru_cache(maxsize=None)
def samples_for_comparison(alpha):
    """How many samples a side can differ at this level at all: (">=", 4), or (">", the most looked at)."""
    most = 10
    for n in range(1, most):
        if 2 / math.comb(2 * n, n) <= alpha:
            return ">=", n
    return ">", most


def mann_whitney(old, new):
    """p of the two-sided test, or None when all values are the same, which no test can say anything about."""
    groups = rank_groups(old, new)
    if len(groups) == 1:
        return None
    ties = [ours + theirs for ours, theirs in groups]
    exact_most = RANKS_EXACT_MOST_WITH_TIES if max(ties) > 1 else RANKS_EXACT_MOST
    if max(len(old), len(new)) <= exact_most:
        return p_exact(twice_u(groups), len(old), len(new), ties)
    return p_normal(twice_u(groups) / 2, len(old), len(new), ties)


def rank_groups(old, new):
    """[how many of old, how many of new] for each distinct value, from the least on."""
    counts = {}
    for place, sample in enumerate((old, new)):
        for value in sample:
            counts.setdefault(value, [0, 0])[place] += 1
    return [counts[value] for value in sorted(counts)]


def twice_u(groups):
    """2U: two for each pair of an old and a new value of which the old is greater, one for each pair of equals."""
    total, new_below = 0, 0
    for ours, theirs in groups:
        total += ours * (2 * new_below + theirs)
        new_below += theirs
    return total


def p_exact(doubled, n1, n2, ties):
    """p from the number of ways to deal the ranks out to the two samples. ties are the sizes of groups of equal
    ranks."""
    all_ways = math.comb(n1 + n2, n1)
    if doubled == n1 * n2:
        return 1.0
    if doubled < n1 * n2:
        ways = ways_at_most(doubled, n1, ties)
    else:
        # The upper tail is the lower tail of the sample turned upside down.
        ways = ways_at_most(2 * n1 * n2 - doubled, n1, ties[::-1])
    return min(1.0, 2 * ways / all_ways)


def ways_at_most(most, n1, ties):
    """In how many ways n1 of the ranks can be drawn so that 2U is at most `most`.

    Group after group of equal ranks, ways[a] holds the counts of having drawn a ranks so far, one for each 2U. They are
    the digits of one long integer, each wide enough for the greatest count: to add to 2U is then a shift, to add counts
    is an addition, and both go by machine words (Kronecker's substitution)."""
    width = (math.comb(sum(ties), n1).bit_length() + 7) // 8
    keep = (1 << 8 * width * (most + 1)) - 1
    ways, seen = [1] + [0] * n1, 0
    for size in ties:
        after = [0] * (n1 + 1)
        for drawn, counts in enumerate(ways):
            for more in range(min(size, n1 - drawn) + 1 if counts else 0):
                # Each rank drawn is above all lower ones that were not, and level with the rest of its own group.
                added = more * (2 * (seen - drawn) + size - more)
                if added <= most:
                    after[drawn + more] += math.comb(size, more) * counts << 8 * width * added & keep
        ways, seen = after, seen + size
    digits = ways[n1].to_bytes(width * (most + 1), "little")
    return sum(int.from_bytes(digits[at:at + width], "little") for at in range(0, len(digits), width))


def p_normal(u, n1, n2, ties):
    """p from the normal curve that large samples approach, corrected for ties and for U going in steps."""
    n = n1 + n2
    tied = sum(t ** 3 - t for t in ties)
    deviation = math.sqrt(n1 * n2 * ((n + 1) - tied / (n * (n - 1))) / 12)
    away = u - n1 * n2 / 2
    z = (away - sign(away) * 0.5) / deviation
    lower = math.erfc(-z / math.sqrt(2)) / 2
    return 2 * min(lower, 1 - lower)


def geometric_mean(values):
    """None when there is none: no values, or one that is not above 0."""
    if not values or min(values) <= 0:
        return None
    mean = 0.0
    for count, value in enumerate(values, 1):
        mean += (math.log(value) - mean) / count
    return math.exp(mean)
