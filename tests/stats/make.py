"""Writes what SciPy and NumPy say, to compare `cutpoint::stats` with.

    python tests/stats/make.py [PUBLISHED]     (needs SciPy 1.13 or later; written with 1.17.1)

PUBLISHED is the folder of the published results, ../shared/published unless it is given.

wilcoxon.json: accuracies k/N for several N: few distinct values (ties and zeros), many, none; 1 to 60 pairs; shifted
both ways. Each case is the counts of both samples, N, SciPy's statistic and its p-value.
published_rule.json: the same, of SciPy 1.7's decisions over plain differences of accuracies: SciPy's ranks of them, and
what was exact then and what the normal approximation was.
describe.json: samples and their mean, standard deviation, minimum, quartiles, median, maximum (NumPy), and the ends of
SciPy's percentile bootstrap interval of the median at a level, from RESAMPLES resamples.
student.json: t, degrees of freedom, the two-sided p-value and the distribution function.
spearman.json: two samples, then of spearmanr rho, the p-value against a fall, and the two-sided one; then both p-values
of permutation_test, or null where there are too many points to try all orders.
published.json: of the published FashionMNIST files, no accuracies, only what SciPy makes of them: for FR against F and FT
at every percentage and cut the statistic and the p-value; for each setting the best cuts by median, rho and p-values
over them from all orders, and rho and p-values over the best cut of every repeat.
"""
import json
import os
import random
import warnings

from scipy.stats import wilcoxon

warnings.simplefilter("ignore")
random.seed(7)
cases = []
for pairs in range(1, 61):
    for pictures, spread, shift in [(20, 3, 0), (3000, 40, 10), (3000, 40, -15), (18000, 4000, 900), (1000, 6, -1)]:
        middle = pictures // 2
        draw = lambda extra: [min(pictures, max(0, middle + extra + random.randint(-spread, spread))) for _ in range(pairs)]
        x, y = draw(shift), draw(0)
        if x == y:
            continue
        # Whole numbers, so that ties are ties.
        result = wilcoxon(x, y, zero_method="wilcox", correction=False, method="auto")
        cases.append([x, y, pictures, result.statistic, result.pvalue])
with open(os.path.join(os.path.dirname(__file__), "wilcoxon.json"), "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")
print(len(cases), "cases")

import itertools
import math
import sys

import numpy as np
from scipy import stats

HERE = os.path.dirname(os.path.abspath(__file__))
RESAMPLES = 200_000


def write(name, rows):
    with open(os.path.join(HERE, name), "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]\n")
    print(len(rows), name)


def resampled(sample, level):
    interval = stats.bootstrap((sample,), np.median, n_resamples=RESAMPLES, confidence_level=level, method="percentile",
                               vectorized=True, batch=20_000, rng=np.random.default_rng(len(sample))).confidence_interval
    return [float(interval.low), float(interval.high)]


random.seed(11)
rows = []
for n in [2, 3, 4, 5, 6, 7, 10, 15, 20, 24, 25, 40, 41]:
    for level, digits in [(0.95, 4), (0.8, 2)]:
        sample = [round(min(1.0, max(0.0, random.gauss(0.85, 0.05))), digits) for _ in range(n)]
        numbers = [np.mean(sample), np.std(sample, ddof=1), *np.percentile(sample, [0, 25, 50, 75, 100])]
        rows.append([sample, [float(v) for v in numbers], level, *resampled(sample, level)])
write("describe.json", rows)

rows = []
for freedom in [1, 2, 3, 4, 5, 7, 10, 23, 24, 50, 78, 99, 200, 998]:
    for t in [0.001, 0.1, 0.5, 0.9, 1.0, 1.5, 2.0, 2.5, 4.0, 8.0, 20.0, 50.0]:
        for signed in [t, -t]:
            rows.append([signed, freedom, float(2 * stats.t.sf(abs(signed), freedom)), float(stats.t.cdf(signed, freedom))])
write("student.json", rows)


def all_orders(x, y):
    statistic = lambda x: stats.spearmanr(x, y).statistic
    p = lambda alternative: stats.permutation_test((x,), statistic, permutation_type="pairings", n_resamples=math.inf,
                                                   alternative=alternative).pvalue
    return [float(p("less")), float(p("two-sided"))]


def by_t(x, y):
    return [float(stats.spearmanr(x, y).statistic), float(stats.spearmanr(x, y, alternative="less").pvalue),
            float(stats.spearmanr(x, y).pvalue)]


rows = []
for n in [3, 4, 5, 6, 7, 12, 30, 80, 200]:
    for spread, slope in [(2, -0.5), (6, 0.3), (6, -0.7), (1000, -40), (1000, 0)]:
        x = [random.choice([0.001, 0.01, 0.1, 0.5, 1.0]) if n > 7 else float(i) for i in range(n)]
        y = [float(round(slope * x[i] * 3 + random.uniform(0, spread))) for i in range(n)]
        if len(set(x)) == 1 or len(set(y)) == 1:
            continue
        orders = all_orders(x, y) if n <= 6 or (n == 7 and spread == 6) else [None, None]
        rows.append([x, y, *by_t(x, y), *orders])
write("spearman.json", rows)

published = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "../../../shared/published")


def accuracies(setting):
    with open(os.path.join(published, "FashionMNIST", f"cuts_regular_classes_{setting}.json")) as file:
        rows = sorted(json.load(file)[1:], key=lambda r: r["repeat"])
    key = lambda r: (float(r["sampled_percentage"]), r["sampled_cut_point"])
    return {k: [r["test_acc"] for r in group] for k, group in itertools.groupby(sorted(rows, key=key), key)}


def whole(sample):
    # 18,000 pictures of the three target classes: whole numbers, so that ties are ties.
    return [round(18_000 * accuracy) for accuracy in sample]


experiments = {setting: accuracies(setting) for setting in ["FR", "F", "FT"]}
comparisons, trends = [], []
for other in ["F", "FT"]:
    for (percentage, cut), sample in experiments["FR"].items():
        x, y = whole(sample), whole(experiments[other][percentage, cut])
        if x == y:
            result = (0.0, 1.0)
        else:
            result = wilcoxon(x, y, zero_method="wilcox", correction=False, method="auto")
        comparisons.append([other, percentage, cut, float(result[0]), float(result[1])])
for setting, groups in experiments.items():
    shares, cuts = sorted({p for p, _ in groups}), sorted({c for _, c in groups})
    highest = lambda value: max(cuts, key=lambda cut: (value(cut), cut))
    best = [highest(lambda cut: np.median(whole(groups[p, cut]))) for p in shares]
    points = [(p, highest(lambda cut: whole(groups[p, cut])[i])) for p in shares for i in range(len(groups[p, 0]))]
    trends.append([setting, best, by_t(shares, best)[0], all_orders(shares, best), len(points), by_t(*zip(*points))])
with open(os.path.join(HERE, "published.json"), "w") as file:
    lines = lambda rows: "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]"
    file.write('{"comparisons":' + lines(comparisons) + ',\n"trends":' + lines(trends) + "}\n")
print(trends)


def published_rule(x, y):
    """Statistic and p-value by the decisions of SciPy 1.7: zeros dropped, exact up to 25 pairs without zeros."""
    differences = np.asarray(x) - np.asarray(y)
    kept = differences[differences != 0]
    if not len(kept):
        return 0.0, 1.0
    ranks = stats.rankdata(abs(kept))
    plus, minus = float(ranks[kept > 0].sum()), float(ranks[kept < 0].sum())
    statistic, n = min(plus, minus), len(kept)
    if len(differences) <= 25 and n == len(differences):
        # How many of all signs of the ranks 1..n have each sum.
        counts = np.array([1])
        for rank in range(1, n + 1):
            counts = np.concatenate([counts, np.zeros(rank, int)]) + np.concatenate([np.zeros(rank, int), counts])
        whole = int(plus)
        return statistic, float(min(1.0, 2 * min(counts[:whole + 1].sum(), counts[whole:].sum()) / counts.sum()))
    ties = np.unique(ranks, return_counts=True)[1]
    variance = (n * (n + 1) * (2 * n + 1) - 0.5 * float((ties**3 - ties).sum())) / 24
    return statistic, float(2 * stats.norm.sf(abs(statistic - n * (n + 1) / 4) / math.sqrt(variance)))


random.seed(17)
rows = []
for pairs in range(2, 41):
    for images, spread, shift in [(3000, 12, 2), (18000, 40, -5), (60000, 9, 0)]:
        middle = images * 4 // 5
        x, y = ([middle + extra + random.randint(-spread, spread) for _ in range(pairs)] for extra in [shift, 0])
        accuracies_of = lambda counts: [count / images for count in counts]
        rows.append([x, y, images, *published_rule(accuracies_of(x), accuracies_of(y))])
write("published_rule.json", rows)
