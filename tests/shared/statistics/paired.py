"""Prints the values that pairedDifference.test.ts and holm.test.ts expect: SciPy 1.17, and Holm by its definition."""

import math

import numpy as np
from scipy import stats

samples = {
    "clear": [0.21, 0.18, 0.35, 0.27, 0.30],
    "negative": [-0.012, -0.009, -0.02, -0.001, -0.016],
    "unclear": [0.05, -0.04, 0.09, 0.02, -0.01],
    "three": [1.5, 2.5, 2.0],
    "two": [0.004, 0.001],
}


def needed(values, confidence, distance):
    """Smallest n above the present one with t(n - 1) s / sqrt(n) below the distance."""
    s = np.std(values, ddof=1)
    return next(
        (n for n in range(len(values) + 1, 1001)
         if stats.t.ppf((1 + confidence) / 2, n - 1) * s / math.sqrt(n) < distance),
        None,
    )


for name, values in samples.items():
    test = stats.ttest_1samp(values, 0)
    interval = test.confidence_interval(0.95)
    mean, s = np.mean(values), np.std(values, ddof=1)
    print(name, [f"{x:.12g}" for x in (mean, s, interval.low, interval.high, test.pvalue, mean / s)],
          needed(values, 0.95, abs(mean)))

for name, margin in (("negative", 0.05), ("negative", 0.01), ("unclear", 0.05), ("two", 0.01), ("clear", 0.1)):
    values = samples[name]
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    inside = max(stats.ttest_1samp(values, -margin, alternative="greater").pvalue,
                 stats.ttest_1samp(values, margin, alternative="less").pvalue)
    beyond = min(stats.ttest_1samp(values, margin, alternative="greater").pvalue,
                 stats.ttest_1samp(values, -margin, alternative="less").pvalue)
    print("equal", name, margin, [f"{x:.12g}" for x in (low, high, inside, beyond)],
          needed(values, 0.9, abs(margin - abs(np.mean(values)))))

print("tails", [[t, df, f"{stats.t.sf(t, df):.12g}"] for t, df in
                ((0, 4), (1, 1), (2.776445105, 4), (-2.132, 4), (12, 4), (0.1, 9), (40, 2), (3, 999))])


def holm(p):
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, np.maximum.accumulate((len(p) - np.arange(len(p))) * np.asarray(p)[order]))
    return adjusted


print("holm", holm([0.01, 0.04, 0.03, 0.005]), holm([0.6, 0.3, 0.4]))
