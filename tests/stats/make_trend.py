"""Writes what SciPy and NumPy say of trends over several studies, to compare `cutpoint::stats` with.

    python tests/stats/make_trend.py [PUBLISHED]     (needs SciPy 1.13 or later; written with 1.17.1)

PUBLISHED is the folder of the published results, ../shared/published unless it is given.

trend.json:
page: blocks x treatments; L, p-value and method of scipy.stats.page_trend_test.
stratified: blocks of two samples each; the p-values against a fall and two-sided, from every order of the second samples
of all blocks, counted one by one.
medians: the published best cuts by fraction of eight studies; L and p-value of SciPy's test for a fall, and the p-values of
the permutation test, by counting each study's orders and adding studies up.
layers: of the published clusterings of FashionMNIST, for every fraction and pair of layers, the statistic and the p-value of
scipy.stats.wilcoxon over the adjusted Rand indices of all repeats.
as_good: of the published files of FashionMNIST, for each of the fractions with enough repeats, setting and cut: whether it
cannot be told from the cut of the highest median of all three settings, by scipy.stats.wilcoxon after Holm's correction.
slopes: of published files, no accuracies, only what NumPy makes of them: name, setting, slope of the best cut per tenfold
data, and quantiles of 200,000 resampled slopes, at 0.025 and 0.975 and a little to each side of them.
"""
import collections
import fractions
import itertools
import json
import os
import random
import sys

import numpy as np
from scipy import stats

HERE = os.path.dirname(os.path.abspath(__file__))
PUBLISHED = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "../../../shared/published")
SHARES = [0.001, 0.01, 0.1, 0.5, 1.0]
random.seed(23)

page = []
for blocks, treatments in [(2, 3), (3, 4), (5, 5), (8, 5), (12, 4), (4, 8), (13, 4), (20, 3), (21, 3), (2, 9), (30, 5)]:
    for ties in [False, True]:
        row = lambda: [float(random.randint(0, 4)) for _ in range(treatments)] if ties else \
            [float(v + random.choice([0, 2])) + random.random() for v in range(treatments)]
        data = [row() for _ in range(blocks)]
        result = stats.page_trend_test(data)
        page.append([data, float(result.statistic), float(result.pvalue), result.method])


def products(x, y):
    """Of every order of y: the sum of products of ranks, and how many orders give it."""
    x, y = (2 * stats.rankdata(values).astype(float) for values in (x, y))
    return int(x @ y), collections.Counter(int(x @ np.array(order)) for order in itertools.permutations(y))


def p_values(observed, counts):
    total = sum(counts.values())
    low = fractions.Fraction(sum(n for value, n in counts.items() if value <= observed), total)
    high = fractions.Fraction(sum(n for value, n in counts.items() if value >= observed), total)
    return [float(low), float(min(1, 2 * min(low, high)))]


stratified = []
for lengths in [(3,), (4, 3), (4, 4), (3, 3, 3), (4, 4, 3), (5, 4)]:
    for spread in [2, 4, 1000]:
        blocks = [[[float(i) for i in range(n)], [float(random.randint(0, spread) - i) for i in range(n)]] for n in lengths]
        each = [[x, y, list(itertools.permutations(2 * stats.rankdata(y)))] for x, y in blocks]
        observed = sum(int(2 * stats.rankdata(x) @ (2 * stats.rankdata(y))) for x, y in blocks)
        counts = collections.Counter(
            sum(int(2 * stats.rankdata(x) @ np.array(order)) for (x, _, _), order in zip(each, orders))
            for orders in itertools.product(*(orders for _, _, orders in each)))
        stratified.append([blocks, *p_values(observed, counts)])

best = [[4, 4, 4, 3, 1], [5, 4, 4, 5, 3], [3, 4, 4, 3, 1], [4, 4, 4, 2, 1], [5, 5, 5, 2, 2], [5, 5, 4, 2, 3],
        [5, 5, 5, 3, 1], [5, 5, 2, 1, 1]]
falling = stats.page_trend_test([row[::-1] for row in best])
observed, counts = 0, collections.Counter({0: 1})
for row in best:
    own, orders = products(SHARES, row)
    observed += own
    counts = sum((collections.Counter({a + b: m * n for b, n in orders.items()}) for a, m in counts.items()),
                 collections.Counter())
medians = [best, float(falling.statistic), float(falling.pvalue), *p_values(observed, counts)]

slopes = []
rng = np.random.default_rng(5)
for name, setting in [("MNIST", "FR"), ("FashionMNIST", "FR"), ("FashionMNIST", "F"), ("FashionMNIST", "FT")]:
    with open(os.path.join(PUBLISHED, name, f"cuts_regular_classes_{setting}.json")) as file:
        rows = sorted(json.load(file)[1:], key=lambda r: r["repeat"])
    at = lambda share, cut: [r["test_acc"] for r in rows if r["sampled_percentage"] == share and r["sampled_cut_point"] == cut]
    cuts = sorted({r["sampled_cut_point"] for r in rows})
    samples = [np.array([at(share, cut) for cut in cuts]) for share in SHARES]
    # Of equal medians the highest cut.
    highest = lambda medians: len(cuts) - 1 - np.argmax(medians[::-1], axis=0)
    x = np.log10(SHARES)
    slope = lambda y: ((x - x.mean())[:, None] * np.atleast_2d(y.T).T).sum(axis=0) / ((x - x.mean()) ** 2).sum()
    found = np.array([cuts[highest(np.median(s, axis=1))] for s in samples], float)
    drawn = []
    for sample in samples:
        picks = rng.integers(sample.shape[1], size=(200_000, sample.shape[1]))
        medians_of = np.stack([np.median(one[picks], axis=1) for one in sample])
        drawn.append(np.array(cuts)[highest(medians_of)])
    quantiles = np.quantile(slope(np.array(drawn, float)), [0.015, 0.025, 0.035, 0.965, 0.975, 0.985])
    slopes.append([name, setting, float(slope(found)[0]), [float(q) for q in quantiles]])

with open(os.path.join(PUBLISHED, "FashionMNIST", "regular_classes_cluster.json")) as file:
    rows = sorted(json.load(file), key=lambda r: r["Repeat"])
layers = []
for share in sorted({r["Percentage"] for r in rows}):
    ari = lambda layer: [r["ARI"] for r in rows if r["Percentage"] == share and r["Layer"] == f"conv{layer}"]
    for a, b in itertools.combinations(range(6), 2):
        x, y = ari(a), ari(b)
        result = (0.0, 1.0) if x == y else stats.wilcoxon(x, y, zero_method="wilcox", correction=False, method="auto")
        layers.append([share, a, b, float(result[0]), float(result[1])])

# The settings' cuts beside the highest median of all of them, Holm-corrected; samples that are equal count once.
as_good = []
runs = collections.defaultdict(lambda: collections.defaultdict(list))
for setting in ["FR", "F", "FT"]:
    with open(os.path.join(PUBLISHED, "FashionMNIST", f"cuts_regular_classes_{setting}.json")) as file:
        for r in sorted(json.load(file)[1:], key=lambda r: r["repeat"]):
            if r["sampled_cut_point"] >= 0:
                runs[r["sampled_percentage"]][setting, r["sampled_cut_point"]].append(r["test_acc"])
for share in SHARES[:3]:
    samples = runs[share]
    best_of_all = samples[max(samples, key=lambda key: np.median(samples[key]))]
    others = {tuple(s) for s in samples.values()} - {tuple(best_of_all)}
    p_of = {s: float(stats.wilcoxon(best_of_all, s, zero_method="wilcox", method="auto")[1]) for s in others}
    corrected, least = {}, 0.0
    for i, s in enumerate(sorted(others, key=p_of.get)):
        least = corrected[s] = max(least, min(1.0, (len(others) - i) * p_of[s]))
    for (setting, cut), s in sorted(samples.items()):
        differences = np.array(best_of_all) - np.array(s)
        ranks = stats.rankdata(abs(differences)) * np.sign(differences)
        worse = tuple(s) in corrected and corrected[tuple(s)] < 0.05 and ranks.sum() > 0
        as_good.append([share, setting, cut, not bool(worse)])

with open(os.path.join(HERE, "trend.json"), "w") as file:
    json.dump({"layers": layers, "page": page, "stratified": stratified, "medians": medians, "slopes": slopes,
               "as_good": as_good}, file, separators=(",", ":"))
    file.write("\n")
print(len(page), len(stratified), medians[1:], *slopes, len(layers), sep="\n")
