"""The statistics of bench/compare, against values that are known: from tables, from counting by hand, and by brute
force."""
import itertools
import os
import random
import sys
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "bench"))
from comparing import benchmath, parse, units  # noqa: E402

SCRIPTS_ONLY = True


def p_by_counting(old, new):
    """Two-sided p by dealing all values out to the samples in every way: twice the share of deals whose U is as far
    out."""
    def u(first, second):
        return sum((a > b) + (a == b) / 2 for a in first for b in second)

    everything, measured, middle = old + new, u(old, new), len(old) * len(new) / 2
    as_far, deals = 0, 0
    for places in itertools.combinations(range(len(everything)), len(old)):
        first = [everything[i] for i in places]
        second = [value for i, value in enumerate(everything) if i not in places]
        dealt = u(first, second)
        as_far += dealt <= measured if measured < middle else dealt >= measured
        deals += 1
    return 1.0 if measured == middle else min(1.0, 2 * as_far / deals)


class Median(unittest.TestCase):
    def test_the_median_is_the_middle_value_or_the_mean_of_two(self):
        for values, median in (([3], 3), ([1, 2], 1.5), ([1, 5, 9], 5), ([1, 2, 4, 8], 3), (list(range(101)), 50)):
            self.assertAlmostEqual(benchmath.quantile_median(values), median, places=12)

    def test_the_interval_lies_between_the_order_statistics_that_sign_test_tables_name(self):
        known = {6: (1, 6), 7: (1, 7), 8: (1, 7), 9: (2, 8), 10: (2, 9), 12: (3, 10), 20: (6, 15), 30: (10, 21)}
        for n, orders in known.items():
            self.assertEqual(benchmath.interval_orders(n, 0.95), orders, n)

    def test_five_samples_have_no_interval_and_the_warning_says_how_many_do(self):
        summary = benchmath.summary([1.0, 2.0, 3.0, 4.0, 5.0], 0.95)
        self.assertEqual(summary.range_text(), "∞")
        self.assertEqual(summary.warnings, ["need >= 6 samples for confidence interval at level 0.95"])
        self.assertEqual(benchmath.summary([1.0] * 6, 0.95).warnings, [])

    def test_the_interval_of_many_samples_holds_what_it_promises_and_no_value_more(self):
        for n in (31, 50, 99, 200):
            low, high = benchmath.interval_orders(n, 0.95)
            coins = [benchmath.math.comb(n, k) for k in range(n + 1)]
            self.assertAlmostEqual(sum(coins[low:high]) / 2 ** n, 0.96, delta=0.015)

    def test_the_range_is_the_wider_side_in_percent_of_the_median(self):
        self.assertEqual(benchmath.Summary(100.0, 90.0, 130.0).range_text(), "30%")
        self.assertEqual(benchmath.Summary(100.0, 60.0, 130.0).range_text(), "40%")
        self.assertEqual(benchmath.Summary(0.0, 0.0, 0.0).range_text(), "0%")
        self.assertEqual(benchmath.Summary(0.0, 0.0, 3.0).range_text(), "?")

    def test_exact_values_that_vary_are_told_with_the_range(self):
        summary = benchmath.summary_exact([1.0, 2.0, 2.0, 3.5])
        self.assertEqual(summary.center, 2)
        self.assertEqual(summary.warnings, ["exact distribution expected, but values range from 1 to 3.5"])


class Ranks(unittest.TestCase):
    def test_p_is_that_of_the_tables_of_mann_and_whitney(self):
        # One-sided probabilities of U at most this, for samples of 3 and of 5 (Mann and Whitney 1947, table I).
        for n1, n2, u, one_sided in ((3, 3, 0, 0.05), (3, 3, 2, 0.2), (3, 3, 4, 0.5), (2, 5, 1, 0.095238),
                                     (5, 5, 0, 0.003968), (5, 5, 5, 0.075397), (4, 5, 3, 0.055556)):
            ways = benchmath.ways_at_most(2 * u, n1, [1] * (n1 + n2))
            self.assertAlmostEqual(ways / benchmath.math.comb(n1 + n2, n1), one_sided, places=6)

    def test_the_distribution_with_ties_is_that_of_klotz(self):
        # Klotz 1966, table 1: samples of 5 and 5, ranks tied (1, 1, 2, 1, 1, 2, 1, 1); U + 25 / 2 against its
        # probability.
        for shifted, probability in ((12.5, 0.003968), (13.5, 0.007937), (15.0, 0.023810), (16.5, 0.047619),
                                     (17.5, 0.071429), (18.0, 0.087302), (19.0, 0.134921), (19.5, 0.138889)):
            ways = benchmath.ways_at_most(int(2 * shifted - 25), 5, [1, 1, 2, 1, 1, 2, 1, 1])
            self.assertAlmostEqual(ways / 252, probability, places=6)

    def test_p_is_what_dealing_the_values_out_in_all_ways_gives(self):
        dice = random.Random(7)
        for _ in range(60):
            sides = dice.choice((3, 6, 1000))
            old, new = ([dice.randrange(sides) for _ in range(dice.randint(1, 5))] for _ in range(2))
            p = benchmath.mann_whitney(old, new)
            if len(set(old + new)) == 1:
                self.assertIsNone(p)
            else:
                self.assertAlmostEqual(p, p_by_counting(old, new), places=12, msg=(old, new))

    def test_samples_in_the_other_order_have_the_same_p(self):
        dice = random.Random(11)
        for _ in range(40):
            old = [dice.randrange(4) for _ in range(dice.randint(2, 12))]
            new = [dice.randrange(5) for _ in range(dice.randint(2, 12))]
            self.assertEqual(benchmath.mann_whitney(old, new), benchmath.mann_whitney(new, old), (old, new))

    def test_the_normal_curve_takes_over_where_it_agrees_with_the_exact_distribution(self):
        dice = random.Random(3)
        old, new = [dice.gauss(100, 5) for _ in range(50)], [dice.gauss(102, 5) for _ in range(50)]
        groups = benchmath.rank_groups(old, new)
        u = benchmath.twice_u(groups)
        self.assertAlmostEqual(benchmath.p_exact(u, 50, 50, [1] * 100), benchmath.p_normal(u / 2, 50, 50, [1] * 100),
                               delta=0.002)

    def test_equal_values_are_not_told_apart_and_a_warning_says_why(self):
        comparison = benchmath.compare([5.0] * 10, [5.0] * 10, 0.05)
        self.assertFalse(comparison.differ)
        self.assertEqual((comparison.text(), comparison.warnings), ("p=1.000 n=10", ["all samples are equal"]))

    def test_three_samples_a_side_can_never_differ_and_four_can(self):
        self.assertEqual(benchmath.compare([1, 2, 3], [7, 8, 9], 0.05).warnings,
                         ["need >= 4 samples to detect a difference at alpha level 0.05"])
        self.assertTrue(benchmath.compare([1, 2, 3, 4], [6, 7, 8, 9], 0.05).differ)
        self.assertEqual(benchmath.compare([1, 2, 3, 4], [1.5, 2.5, 3.5, 4.5], 0.05).warnings, [])

    def test_of_samples_that_do_not_differ_one_in_twenty_is_told_apart_at_most(self):
        dice = random.Random(5)
        told = sum(benchmath.compare([dice.gauss(1, 0.1) for _ in range(10)], [dice.gauss(1, 0.1) for _ in range(10)],
                                     0.05).differ for _ in range(2000))
        # 4.3 % is the share that U's steps allow for ten a side; 3 sigma of 2000 tries are 1.4 %.
        self.assertLess(abs(told / 2000 - 0.043), 0.014)


class Means(unittest.TestCase):
    def test_the_geometric_mean_needs_values_above_0(self):
        self.assertAlmostEqual(benchmath.geometric_mean([1.0, 10.0, 100.0]), 10.0, places=12)
        for values in ([], [1.0, 0.0], [2.0, -1.0]):
            self.assertIsNone(benchmath.geometric_mean(values))

    def test_a_change_is_shown_only_when_the_samples_differ(self):
        differ, same = benchmath.Comparison(0.01, 9, 9, 0.05), benchmath.Comparison(0.06, 9, 8, 0.05)
        self.assertEqual(differ.delta_text(100, 85), "-15.00%")
        self.assertEqual(differ.delta_text(0, 85), "?")
        self.assertEqual(differ.delta_text(85, 85), "0.00%")
        self.assertEqual(same.delta_text(100, 85), "~")
        self.assertEqual(same.text(), "p=0.060 n=9+8")


class Units(unittest.TestCase):
    def test_units_are_brought_to_base_units(self):
        for unit, base, factor in (("ns/op", "sec/op", 1e-9), ("MB/s", "B/s", 1e6), ("p99-ns", "p99-sec", 1e-9),
                                   ("op/ns", "op/ns", 1), ("MB*MB/s", "B*B/s", 1e12), ("allocs/op", "allocs/op", 1)):
            self.assertEqual(units.tidy(1, unit), (factor, base))

    def test_only_bytes_above_the_fraction_line_count_by_1024(self):
        self.assertTrue(all(map(units.counts_bytes, ("B/op", "B/s", "disk-B/sec", "bytes/op"))))
        self.assertFalse(any(map(units.counts_bytes, ("sec/op", "sec/B", "allocs/op", "sec/disk-B"))))

    def test_numbers_have_four_digits_and_round_up_into_the_next_prefix(self):
        for value, binary, text in ((9999.5, False, "10.00k"), (9999.4, False, "9.999k"), (999.95, False, "1.000k"),
                                    (99.995, False, "100.0"), (1.2345e-7, False, "123.5n"),
                                    (1.5e-12, False, "0.001500n"),
                                    (1023 * 1024, True, "1023.0Ki"), (1024 * 1024, True, "1.000Mi"),
                                    (0, False, "0.000")):
            self.assertEqual(units.common_scale([value], binary).text(value), text)

    def test_a_row_is_scaled_by_its_smallest_value(self):
        scale = units.common_scale([0, 2e-6, 3e-3], False)
        self.assertEqual([scale.text(value) for value in (0, 2e-6, 3e-3)], ["0.000µ", "2.000µ", "3000.000µ"])


class Lines(unittest.TestCase):
    def read(self, text):
        complaints = []
        reader = parse.Reader(complaints.append)
        reader.read(text, "label", "some.txt")
        return reader, complaints

    def test_configuration_holds_from_its_line_on_and_an_empty_value_ends_it(self):
        reader, _ = self.read("goos: linux\nBenchmarkA 1 5 ns/op\npkg: x\ngoos:\nBenchmarkB 1 5 ns/op\n")
        self.assertEqual([result.config for result in reader.results], [{"goos": "linux"}, {"pkg": "x"}])

    def test_what_is_not_a_result_is_skipped_without_a_word(self):
        reader, complaints = self.read("PASS\nok  \tpkg\t1.2s\nBenchmarkA\nhello: World\n=== RUN\nCapital: x\n")
        self.assertEqual((reader.results, complaints), ([], []))

    def test_a_broken_result_is_told_with_its_line_and_the_others_are_read(self):
        reader, complaints = self.read("BenchmarkA 1 5 ns/op\nBenchmarkB x 5 ns/op\nBenchmarkC 1\nBenchmarkD 1 5\n"
                                       "BenchmarkE 1 1_0 ns/op\nBenchmarkF 1 5 ns/op 7 B/op\r\n")
        self.assertEqual([result.name for result in reader.results], ["A", "F"])
        self.assertEqual(reader.results[1].values, [(5e-9, "sec/op"), (7, "B/op")])
        self.assertEqual(complaints, ["some.txt:2: parsing iteration count: invalid syntax",
                                      "some.txt:3: missing measurements", "some.txt:4: missing units",
                                      "some.txt:5: parsing measurement: invalid syntax"])

    def test_a_unit_line_makes_values_exact(self):
        reader, complaints = self.read("Unit allocs/op assume=exact better=lower\nUnit allocs/op assume=nothing\n")
        self.assertEqual(reader.exact_units, {"allocs/op"})
        self.assertEqual(complaints, ["some.txt:2: metadata assume of unit allocs/op already set to exact"])

    def test_labels_name_columns_and_a_path_given_twice_is_numbered(self):
        self.assertEqual(parse.labels(["a", "b=c", "a"]), [("a#0", "a"), ("b", "c"), ("a#1", "a")])
