"""Draws the streams that random.test.ts expects, by Python integers and its own normal quantile."""

import hashlib
from statistics import NormalDist

MASK = 0xFFFFFFFF


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & MASK, (p0 >> 32) ^ c[3] ^ k[1], p0 & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


def words(seed, purpose):
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    w = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
    block = 0
    while True:
        yield from philox([block & MASK, block >> 32, w[2], w[3]], [w[0], w[1]])
        block += 1


def integer(stream, bound):
    limit = 2**32 - 2**32 % bound
    while (word := next(stream)) >= limit:
        pass
    return word % bound


stream = words(7, "order/0")
print("words", [next(stream) for _ in range(5)])
stream = words(7, "order/0")
order = list(range(10))
for last in range(9, 0, -1):
    other = integer(stream, last + 1)
    order[last], order[other] = order[other], order[last]
print("permutation", order)
stream = words(2**32 - 1, "u")
print("uniforms", [((next(stream) >> 5) * 2**26 + (next(stream) >> 6)) / 2**53 for _ in range(2)])
stream = words(0, "initial/conv1/kernel")
print("normals", [NormalDist().inv_cdf(((next(stream) >> 6) * 2**26 + (next(stream) >> 6) + 0.5) / 2**52) for _ in range(4)])
