"""Prints what an import of the real CIFAR-10 must give, without any code of NormLab.

Run: python3 cifar10-expected.py cifar-10-batches-bin
"""

import collections
import hashlib
import sys
from fractions import Fraction
from math import isqrt

RECORD, PLANE = 3073, 1024
folder = sys.argv[1]


def square_root(value):
    """Square root of a fraction, correct to far below a double's rounding."""
    scale = 10**40
    return Fraction(isqrt(value.numerator * scale * scale // value.denominator), scale)


def read(names):
    labels, planes, pixels = bytearray(), [bytearray(), bytearray(), bytearray()], bytearray()
    for name in names:
        data = open(f"{folder}/{name}", "rb").read()
        for start in range(0, len(data), RECORD):
            labels.append(data[start])
            image = bytearray(3 * PLANE)
            for channel in range(3):
                first = start + 1 + channel * PLANE
                plane = data[first : first + PLANE]
                planes[channel] += plane
                image[channel::3] = plane
            pixels += image
    return bytes(labels), planes, bytes(pixels)


def images(pixels):
    return [pixels[start : start + 3 * PLANE] for start in range(0, len(pixels), 3 * PLANE)]


seen = {}
for split, names in (
    ("training", [f"data_batch_{batch}.bin" for batch in range(1, 6)]),
    ("validation", ["test_batch.bin"]),
):
    labels, planes, pixels = read(names)
    print(split, "labels", hashlib.sha256(labels).hexdigest())
    print(split, "images", hashlib.sha256(pixels).hexdigest())
    print(split, "class counts", sorted(collections.Counter(labels).items()))
    print(split, "first pixels", list(pixels[:9]), "label", labels[0])
    seen[split] = images(pixels)
    print(split, "repeated", len(seen[split]) - len(set(seen[split])))
    if split == "training":
        for plane in planes:
            histogram = collections.Counter(plane)
            count = sum(histogram.values())
            mean = Fraction(sum(value * times for value, times in histogram.items()), count)
            square = Fraction(sum(value * value * times for value, times in histogram.items()), count)
            deviation = square_root(square - mean * mean)
            print("mean", repr(float(mean / 255)), "standard deviation", repr(float(deviation / 255)))
known = set(seen["training"])
print("validation images also in training", sum(image in known for image in seen["validation"]))
