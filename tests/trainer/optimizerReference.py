"""Values of optimizer.test.ts and of the schedules in documents.test.ts, in float64 without any library.

Run: python3 optimizerReference.py
"""
from math import cos, pi, sqrt

weights = [1.0, -2.0, 0.5]
gradients = [[2.0, 1.0, -0.25], [-1.0, 0.5, 0.0], [0.5, -3.0, 1e-3], [4.0, 0.125, -1e-3]]
rates = [0.1, 0.05, 0.2, 0.1]


def sgd(momentum, decay):
    w, v = list(weights), [0.0] * 3
    for lr, g in zip(rates, gradients):
        for i in range(3):
            v[i] = momentum * v[i] + (g[i] + decay * w[i])
            w[i] = w[i] - lr * v[i]
    return w, v


def adam(beta1, beta2, epsilon, decay):
    w, m, s = list(weights), [0.0] * 3, [0.0] * 3
    for t, (lr, g) in enumerate(zip(rates, gradients), start=1):
        for i in range(3):
            w[i] *= 1 - lr * decay
            m[i] = beta1 * m[i] + (1 - beta1) * g[i]
            s[i] = beta2 * s[i] + (1 - beta2) * g[i] ** 2
            w[i] -= lr * (m[i] / (1 - beta1**t)) / (sqrt(s[i] / (1 - beta2**t)) + epsilon)
    return w, m, s


print('sgd momentum 0.9', sgd(0.9, 0))
print('sgd momentum 0', sgd(0, 0))
print('sgd momentum 0.5, decay 0.1', sgd(0.5, 0.1))
print('adam', adam(0.9, 0.999, 1e-8, 0))
print('adam 0.5 0.75, epsilon 0.1, decay 0.2', adam(0.5, 0.75, 0.1, 0.2))


def warm_up(step, steps):
    return min(1, (step + 1) / steps)


# 10 steps an epoch, 40 in all, rate 0.8.
print('drops after epochs 1 and 2.5 by 0.1, warm-up of half an epoch:')
print([0.8 * 0.1 ** sum(step >= 10 * e for e in (1, 2.5)) * warm_up(step, 5) for step in (0, 2, 4, 9, 10, 24, 25, 39)])
print('cosine to 0.1, warm-up of 4 steps:')
print([0.8 * (0.1 + 0.9 * (1 + cos(pi * step / 40)) / 2) * warm_up(step, 4) for step in (0, 3, 10, 20, 39)])
