"""Writes wilcoxon.json: paired samples and what SciPy says of them, to compare `cutpoint::stats::wilcoxon` with.

    python tests/stats/make.py          (needs SciPy 1.13 or later; written with 1.17.1)

Samples are accuracies k/N for several N: few distinct values (ties and zeros), many, none; 1 to 60 pairs; shifted both
ways. Each case is the counts of both samples, N, SciPy's statistic and its p-value.
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
