"""Prints the values that diagnostics.test.ts expects, by NumPy and SciPy: python3 reference.py"""

import numpy as np
from scipy.stats import kurtosis


def test_values(count, seed=1):
    """As testValues in tests/conformance/float64Reference.ts."""
    i = np.arange(count)
    values = 2 * np.sin(12.9898 * (i + 1) + 78.233 * seed) + 0.1 * np.cos(i * seed)
    return values.astype(np.float32).astype(np.float64)


# h of 4 images with 2x3 positions and 3 channels, cubed for heavier tails
np.set_printoptions(precision=9)
h = (test_values(72) ** 3).astype(np.float32).astype(np.float64).reshape(24, 3)
print("kurtosis", kurtosis(h, axis=0, fisher=True, bias=True))
r = np.corrcoef(h, rowvar=False)
print("correlations", r.ravel())
print("mean |r|", np.abs(r[~np.eye(3, dtype=bool)]).mean())

# The same 24 rows as 3 batches of 8
batches = h.reshape(3, 8, 3)
m, v = batches.mean(axis=1), batches.var(axis=1)
print("population mean", h.mean(axis=0))
print("population variance", h.var(axis=0))
sigma = h.std(axis=0)
print("noise of the mean", m.std(axis=0, ddof=1) / sigma)
print("noise of the deviation", np.sqrt(v).std(axis=0, ddof=1) / sigma)
print("distance of the mean", abs(np.array([0.5, -1, 0]) - h.mean(axis=0)) / sigma)
print("distance of the deviation", abs(np.sqrt(np.array([4, 1, 9])) / sigma - 1))

kernel = test_values(2 * 2 * 2 * 3, 5).reshape(8, 3)
norms = np.linalg.norm(kernel, axis=0)
print("channel norms", norms)
print("kernel norm", np.linalg.norm(kernel))
print("effective learning rates", 0.1 / norms**2)
