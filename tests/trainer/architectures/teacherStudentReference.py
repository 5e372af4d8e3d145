"""Values of teacherStudent.test.ts, in float64 without any library: a student unit's gradients by central
differences of its loss, and the course of gradient descent on the full batch.

Run: python3 teacherStudentReference.py
"""
from math import cos, erf, sin, sqrt

samples, inputs, steps, rate = 7, 4, 5, 0.3

x = [[cos(1.3 * i + 0.7 * j) for j in range(inputs)] for i in range(samples)]
y = [sin(0.9 * i) for i in range(samples)]
weights = [0.4 * cos(1.7 * j + 1) for j in range(inputs)]
bias = 0.1

units = {"identity": lambda h: h, "relu": lambda h: max(0.0, h), "erf": lambda h: erf(h / sqrt(2))}


def loss(g, parameters):
    total = 0.0
    for xi, yi in zip(x, y):
        h = sum(w * value for w, value in zip(parameters, xi)) + parameters[inputs]
        total += 0.5 * (yi - g(h)) ** 2
    return total / samples


def gradient(g, parameters, step=1e-6):
    def moved(k, by):
        return [p + by * (k == j) for j, p in enumerate(parameters)]

    return [(loss(g, moved(k, step)) - loss(g, moved(k, -step))) / (2 * step) for k in range(inputs + 1)]


for name, g in units.items():
    parameters = weights + [bias]
    print(name, "gradient", gradient(g, parameters))
    losses = []
    for _ in range(steps):
        losses.append(loss(g, parameters))
        parameters = [p - rate * d for p, d in zip(parameters, gradient(g, parameters))]
    print(name, "losses", losses)
    print(name, "parameters", parameters)

print("erf", [erf(value) for value in (-3, -0.5, 0.1, 1, 2.5, 5)])
