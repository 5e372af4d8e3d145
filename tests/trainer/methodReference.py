"""Training steps of every method in float64, by JAX and its automatic gradients: independent of the product's code.

  python methodReference.py losses [NAME]   prints the losses that src/shared/domain/methodVerification.ts stores
  python methodReference.py fixtures DIR    writes reference runs of many shapes and settings for `lab parity DIR`

Every formula is written out here as the methods' papers have it. Needs Python 3.11 and jax 0.10 (pip install jax).
"""

import hashlib
import json
import math
import os
import struct
import sys
from statistics import NormalDist

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
EPSILON, RUNNING = 1e-5, 0.9
constant = jax.lax.stop_gradient


# The network: layers as run.json of a reference run lists them.

def moments(h, axes):
    mean = h.mean(axes, keepdims=True)
    return mean, ((h - mean) ** 2).mean(axes, keepdims=True)


def batch_axes(h):
    return tuple(range(h.ndim - 1))


def kernel_of(layer, p):
    if layer["weight"] == "weightNorm":
        v = p["direction"]
        return v / jnp.sqrt((v**2).sum(batch_axes(v)))
    if layer["weight"] == "standardized":
        w = p["kernel"]
        mean, variance = moments(w, batch_axes(w))
        return (w - mean) / jnp.sqrt(variance + EPSILON)
    return p["kernel"]


def linear(layer, x, w):
    if layer["type"] == "dense":
        return x @ w
    pad = "SAME" if layer["padding"] == "same" else "VALID"
    stride = (layer["stride"],) * 2
    return jax.lax.conv_general_dilated(x, w, stride, pad, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def grouped(h, groups):
    g = h.reshape(*h.shape[:-1], groups, h.shape[-1] // groups)
    axes = tuple(a for a in range(1, g.ndim) if a != g.ndim - 2)
    mean, variance = moments(g, axes)
    return ((g - mean) / jnp.sqrt(variance + EPSILON)).reshape(h.shape)


def running(s, mean, variance):
    new = {}
    if "runningMean" in s:
        new["runningMean"] = constant(RUNNING * s["runningMean"] + (1 - RUNNING) * mean.reshape(-1))
    if "runningVariance" in s:
        new["runningVariance"] = constant(RUNNING * s["runningVariance"] + (1 - RUNNING) * variance.reshape(-1))
    return new


def normalize(layer, h, p, s, mode, o):
    """What goes into the activation, and new statistics."""
    kind, axes = layer["normalizer"], batch_axes(h)
    train = mode == "train"
    affine = lambda z: p["gamma"] * z + p["beta"]
    by = lambda mean, variance: affine((h - mean) / jnp.sqrt(variance + EPSILON))
    if kind == "none":
        return h + p["bias"], {}
    if kind == "affine":
        return affine(h), {}
    if kind == "batchNorm":
        if not train:
            return by(s["runningMean"], s["runningVariance"]), {}
        return by(*moments(h, axes)), running(s, *moments(h, axes))
    if kind == "ghostBatchNorm":
        if not train:
            return by(s["runningMean"], s["runningVariance"]), {}
        ghosts = h.reshape(-1, o["ghostSize"], *h.shape[1:])
        mean, variance = moments(ghosts, tuple(range(1, ghosts.ndim - 1)))
        out = affine((ghosts - mean) / jnp.sqrt(variance + EPSILON)).reshape(h.shape)
        return out, running(s, mean.mean(0), variance.mean(0))
    if kind == "batchRenorm":
        if not train:
            return by(s["runningMean"], s["runningVariance"]), {}
        mean, variance = moments(h, axes)
        deviation = jnp.sqrt(s["runningVariance"] + EPSILON)
        r = jnp.clip(jnp.sqrt(variance + EPSILON) / deviation, 1 / o["rMax"], o["rMax"])
        d = jnp.clip((mean - s["runningMean"]) / deviation, -o["dMax"], o["dMax"])
        z = (h - mean) / jnp.sqrt(variance + EPSILON)
        return affine(z * constant(r) + constant(d)), running(s, mean, variance)
    if kind == "populationNorm":
        if not train or o["backward"] == "stopGradient":
            return by(s["populationMean"], s["populationVariance"]), {}
        mean, variance = moments(h, axes)
        # With the noise of one of both, that one is the batch's own.
        used = mean if o.get("mean") == "batch" else s["populationMean"]
        deviation = jnp.sqrt((variance if o.get("deviation") == "batch" else s["populationVariance"]) + EPSILON)
        r, d = jnp.sqrt(variance + EPSILON) / deviation, (mean - used) / deviation
        z = (h - mean) / jnp.sqrt(variance + EPSILON)
        return affine(z * constant(r) + constant(d)), {}
    if kind == "meanOnlyBatchNorm":
        t = p["gamma"] * h
        if not train:
            return t - s["runningMean"] + p["beta"], {}
        mean = t.mean(axes)
        return t - mean + p["beta"], running(s, mean, None)
    if kind == "varianceOnlyBatchNorm":
        variance = moments(h, axes)[1] if train else s["runningVariance"]
        return affine(h / jnp.sqrt(variance + EPSILON)), running(s, None, variance) if train else {}
    if kind == "layerNorm":
        return by(*moments(h, tuple(range(1, h.ndim)))), {}
    if kind == "instanceNorm":
        return by(*moments(h, (1, 2))), {}
    if kind == "groupNorm":
        return affine(grouped(h, o["groups"])), {}
    if kind == "switchableNorm":
        batch = moments(h, axes)
        own = [s["runningMean"], s["runningVariance"]] if not train else batch
        parts = ([moments(h, (1, 2))] if h.ndim == 4 else []) + [moments(h, tuple(range(1, h.ndim))), own]
        share = lambda w: jax.nn.softmax(w)
        mean = sum(w * part[0] for w, part in zip(share(p["meanWeights"]), parts))
        variance = sum(w * part[1] for w, part in zip(share(p["varianceWeights"]), parts))
        return by(mean, variance), running(s, *batch) if train else {}
    if kind == "filterResponseNorm":
        square = (h**2).mean((1, 2) if h.ndim == 4 else (1,), keepdims=True)
        return affine(h / jnp.sqrt(square + EPSILON)), {}
    raise ValueError(kind)


def passage(run, params, stats, x, mode):
    """Logits and new statistics; mode train, eval or population."""
    new = {}
    for layer in run["layers"]:
        if layer["type"] == "flatten":
            x = x.reshape(x.shape[0], -1)
        elif layer["type"] == "maxPool":
            window, stride = (1, layer["size"], layer["size"], 1), (1, layer["stride"], layer["stride"], 1)
            x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, stride, "VALID")
        else:
            name = layer["name"]
            pick = lambda all: {k.split("/")[1]: v for k, v in all.items() if k.split("/")[0] == name}
            p, s = pick(params), pick(stats)
            h = linear(layer, x, kernel_of(layer, p))
            if mode == "population" and layer["normalizer"] == "populationNorm":
                mean, variance = moments(h, batch_axes(h))
                s = {"populationMean": mean.reshape(-1), "populationVariance": variance.reshape(-1)}
                changed = dict(s)
                if run["penalty"]:
                    changed["zeta"] = zeta(run["penalty"], (h - mean) / jnp.sqrt(variance + EPSILON), p)
                x, _ = normalize(layer, h, p, s, "eval", run["normalizerOptions"])
            else:
                train = "train" if mode == "train" else "eval"
                x, changed = normalize(layer, h, p, s, train, run["normalizerOptions"])
            new.update({f"{name}/{k}": v for k, v in changed.items()})
            if layer["activation"] == "relu":
                x = jnp.maximum(x, 0)
            elif layer["activation"] == "thresholdedLinear":
                x = jnp.maximum(x, p["tau"])
    return x, new


def zeta(penalty, z, p):
    """Half of v_sigma mean(A'' z^2) + v_mu mean A'', by channel."""
    if penalty["type"] != "theorem1":
        return jnp.full(z.shape[-1], 0.0)
    axes, size = batch_axes(z), penalty["targetBatchSize"]
    curvature = 1 / (1 + jnp.exp(-(p["gamma"] * z + p["beta"])))
    if penalty["noise"] == "imageLevel":
        images = lambda v: v.mean(axes[1:]) if len(axes) > 1 else v
        v_mean = images(z).var(0) / size
        v_deviation = images(z**2).var(0) / (4 * size)
    else:
        kurtosis = (z**4).mean(axes) / ((z**2).mean(axes)) ** 2 - 3
        v_mean, v_deviation = 1 / size, (kurtosis + 2) / (4 * size)
    return 0.5 * (v_deviation * (curvature * z**2).mean(axes) + v_mean * curvature.mean(axes))


def penalty_of(run, params, stats):
    total = 0.0
    for layer in run["layers"]:
        name = layer.get("name")
        if not run["penalty"] or f"{name}/gamma" not in params:
            continue
        square = params[f"{name}/gamma"] ** 2
        if run["penalty"]["type"] == "constant":
            total += run["penalty"]["coefficient"] * square.sum()
        else:
            total += run["penalty"]["strength"] * (constant(stats[f"{name}/zeta"]) * square).sum()
    return total


def cross_entropy(logits, labels):
    return -jax.nn.log_softmax(logits)[jnp.arange(labels.shape[0]), labels].mean()


def compile_run(run):
    """The run's functions: gradient of a step, population pass, logits in evaluation."""
    def objective(params, stats, x, y, population):
        if population is not None:
            stats = {**stats, **jax.tree.map(constant, passage(run, params, stats, population, "population")[1])}
        logits, new = passage(run, params, stats, x, "train")
        loss, penalty = cross_entropy(logits, y), penalty_of(run, params, stats)
        return loss + penalty, (loss, penalty, {**stats, **new})

    return (jax.jit(jax.value_and_grad(objective, has_aux=True)),
            jax.jit(lambda params, stats, x: passage(run, params, stats, x, "population")[1]),
            jax.jit(lambda params, stats, x: passage(run, params, stats, x, "eval")[0]))


def train(run, compiled, params, stats, batches, population):
    """Runs the steps and returns everything a reference run keeps."""
    step_gradient, refresh, _ = compiled
    optimizer, velocity = run["optimizer"], {k: jnp.zeros_like(v) for k, v in params.items()}
    steps, norms, first = [], {}, None
    for t, (x, y) in enumerate(batches):
        rate = optimizer["learningRate"] * (1 - optimizer["decayPerStep"]) ** t
        (total, (loss, penalty, stats)), gradient = step_gradient(params, stats, x, y, population)
        first = first or gradient
        if t < 2:
            norms[str(t)] = {k: float(jnp.linalg.norm(g)) for k, g in sorted(gradient.items())}
        steps.append({"step": t, "learningRate": rate, "dataLoss": float(loss), "penalty": float(penalty),
                      "totalLoss": float(total)})
        velocity = {k: optimizer["momentum"] * velocity[k] + g for k, g in gradient.items()}
        params = {k: v - rate * velocity[k] for k, v in params.items()}
    if population is not None:
        stats = {**stats, **refresh(params, stats, population)}
    return params, stats, steps, norms, first


def shapes(run):
    """Shape of every parameter and statistic, and the fan-in of kernels."""
    parameters, statistics, fans = {}, {}, {}
    height, width, channels = (run["input"][k] for k in ("height", "width", "channels"))
    size = None
    for layer in run["layers"]:
        if layer["type"] == "maxPool":
            height, width = ((side - layer["size"]) // layer["stride"] + 1 for side in (height, width))
        elif layer["type"] == "flatten":
            size = height * width * channels
        else:
            name, out, kind = layer["name"], layer["channels"], layer["normalizer"]
            shape = (layer["kernelSize"],) * 2 + (channels, out) if layer["type"] == "conv" else (size, out)
            weight = "direction" if layer["weight"] == "weightNorm" else "kernel"
            parameters[f"{name}/{weight}"] = shape
            fans[f"{name}/{weight}"] = math.prod(shape[:-1])
            for p in ["bias"] if kind == "none" else ["gamma", "beta"]:
                parameters[f"{name}/{p}"] = (out,)
            if layer["activation"] == "thresholdedLinear":
                parameters[f"{name}/tau"] = (out,)
            if kind == "switchableNorm":
                parameters[f"{name}/meanWeights"] = parameters[f"{name}/varianceWeights"] = (
                    3 if layer["type"] == "conv" else 2,)
            if kind in ("batchNorm", "ghostBatchNorm", "batchRenorm", "switchableNorm", "meanOnlyBatchNorm"):
                statistics[f"{name}/runningMean"] = 0.0, out
            if kind in ("batchNorm", "ghostBatchNorm", "batchRenorm", "switchableNorm", "varianceOnlyBatchNorm"):
                statistics[f"{name}/runningVariance"] = 1.0, out
            if layer["type"] == "conv":
                if layer["padding"] == "valid":
                    height, width = height - layer["kernelSize"] + 1, width - layer["kernelSize"] + 1
                channels = out
            else:
                size = out
    return parameters, {k: jnp.full(n, v) for k, (v, n) in statistics.items()}, fans


# Reference runs of many shapes.

METHODS = {
    "none": ("plain", "none"), "batchNorm": ("plain", "batchNorm"), "ghostBatchNorm": ("plain", "ghostBatchNorm"),
    "batchRenorm": ("plain", "batchRenorm"), "populationNorm-batchBackward": ("plain", "populationNorm"),
    "populationNorm-stopGradient": ("plain", "populationNorm"),
    "populationNorm-gammaDecay": ("plain", "populationNorm"),
    "populationNorm-gammaDecay-paperM": ("plain", "populationNorm"),
    "weightNorm": ("weightNorm", "affine"), "weightNorm-gammaDecay": ("weightNorm", "affine"),
    "weightNorm-meanOnlyBatchNorm": ("weightNorm", "meanOnlyBatchNorm"),
    "weightNorm-varianceOnlyBatchNorm": ("weightNorm", "varianceOnlyBatchNorm"),
    "layerNorm": ("plain", "layerNorm"), "instanceNorm": ("plain", "instanceNorm"),
    "groupNorm": ("plain", "groupNorm"), "switchableNorm": ("plain", "switchableNorm"),
    "filterResponseNorm": ("plain", "filterResponseNorm"),
    "weightStandardization+groupNorm": ("standardized", "groupNorm"),
}

# height, width, channels; classes; batch; steps; evaluation; channels of conv layers; pools after; hidden dense;
# optimizer; which layers are normalized (of conv and hidden dense, by number)
SHAPES = [
    dict(input=(7, 10, 1), classes=3, batch=6, steps=5, evaluation=7, conv=[6, 4], pools=[0], dense=[12, 8],
         rate=0.03, momentum=0.5, decay=0.01, normalized="all"),
    dict(input=(5, 9, 4), classes=7, batch=12, steps=3, evaluation=50, conv=[4, 8, 8, 4, 8], pools=[1], dense=[],
         rate=0.02, momentum=0.0, decay=0.0, normalized="all"),
    dict(input=(9, 6, 2), classes=2, batch=8, steps=1, evaluation=5, conv=[12], pools=[], dense=[8],
         rate=0.1, momentum=0.9, decay=0.2, normalized=[0]),
    dict(input=(8, 8, 3), classes=12, batch=4, steps=6, evaluation=33, conv=[8, 4, 4], pools=[2], dense=[16, 12, 8],
         rate=0.01, momentum=0.99, decay=0.001, normalized=[1, 3, 5]),
]


def make_run(method, number):
    shape, (weight, normalizer) = SHAPES[number], METHODS[method]
    layers, count = [], len(shape["conv"]) + len(shape["dense"])
    chosen = range(count) if shape["normalized"] == "all" else shape["normalized"]

    def about(index, dense):
        if index not in chosen or method == "none":
            return {"weight": "plain", "normalizer": "none", "activation": "relu"}
        own = "layerNorm" if dense and normalizer == "instanceNorm" else normalizer
        unit = "thresholdedLinear" if own == "filterResponseNorm" else "relu"
        return {"weight": weight, "normalizer": own, "activation": unit}

    for index, channels in enumerate(shape["conv"]):
        layers.append({"name": f"conv{index + 1}", "type": "conv", "kernelSize": 3, "channels": channels, "stride": 1,
                       "padding": "same", **about(index, False)})
        if index in shape["pools"]:
            layers.append({"type": "maxPool", "size": 2, "stride": 2})
    layers.append({"type": "flatten"})
    for index, channels in enumerate(shape["dense"]):
        layers.append({"name": f"fc{index + 1}", "type": "dense", "channels": channels,
                       **about(len(shape["conv"]) + index, True)})
    layers.append({"name": f"fc{len(shape['dense']) + 1}", "type": "dense", "channels": shape["classes"],
                   "weight": "plain", "normalizer": "none", "activation": "none"})
    height, width, channels = shape["input"]
    options = {
        "ghostBatchNorm": {"ghostSize": [3, 6, 2, 4][number]}, "groupNorm": {"groups": [2, 4, 1, 2][number]},
        "weightStandardization+groupNorm": {"groups": [1, 2, 4, 4][number]},
        "batchRenorm": {"rMax": [1.2, 3.0, 1.0, 2.0][number], "dMax": [0.1, 5.0, 0.0, 1.5][number]},
        "switchableNorm": {"weightOrderConv": ["IN", "LN", "BN"], "weightOrderDense": ["LN", "BN"]},
        "populationNorm-stopGradient": {"backward": "stopGradient"},
    }.get(method, {"backward": "batchBackward"} if method.startswith("populationNorm") else {})
    penalty, population = None, None
    if "gammaDecay" in method:
        penalty = {"type": "theorem1", "curvature": "sigmoid", "noise": "paperM" if "paperM" in method else "imageLevel",
                   "targetBatchSize": [4, 64, 256, 2][number], "strength": [3.0, 0.25, 10.0, 1.0][number],
                   "stopGradientThroughZeta": True}
        if method.startswith("weightNorm"):
            penalty = {"type": "constant", "coefficient": [0.1, 0.001, 0.5, 0.03][number]}
    if method.startswith("populationNorm"):
        population = {"size": [11, 64, 3, 40][number], "refresh": "before every step and once after the last step",
                      "gradient": "none"}
    return {
        "formatVersion": 1, "method": method, "variant": f"{number}", "seed": number,
        "input": {"height": height, "width": width, "channels": channels}, "classes": shape["classes"],
        "batchSize": shape["batch"], "steps": shape["steps"], "layers": layers, "loss": "mean softmax cross-entropy",
        "optimizer": {"type": "sgd", "learningRate": shape["rate"], "momentum": shape["momentum"],
                      "decayPerStep": shape["decay"]},
        "epsilon": EPSILON, "runningMomentum": RUNNING, "normalizerOptions": options, "penalty": penalty,
        "population": population,
    }


def as_float32(values):
    return np.asarray(values).astype(np.float32).astype(np.float64)


# Floors; twenty times the error of float32 here, where that is more.
TOLERANCES = {"lossAbs": 2e-5, "penaltyRel": 1e-5, "gradNormRel": 5e-5, "step0GradientRel": 5e-5, "updateRel": 2e-4,
              "statisticsRel": 2e-5, "evalLogitsAbs": 2e-4, "evalLossAbs": 2e-5, "evalAccuracyAbs": 0.0}


def draw(run, shape, generator):
    parameters, statistics, fans = shapes(run)
    initial = {}
    for name, size in parameters.items():
        values = generator.standard_normal(size)
        kind = name.split("/")[1]
        if name in fans:
            values = values * math.sqrt(2 / fans[name])
        elif kind == "gamma":
            values = 1 + 0.3 * values
        else:
            values = 0.2 * values
        initial[name] = as_float32(values)
    pixels = lambda *counts: as_float32(generator.standard_normal((*counts, *(run["input"][k] for k in
                                                                               ("height", "width", "channels")))))
    labels = lambda *counts: generator.integers(0, run["classes"], counts).astype(np.int32)
    data = {"batch/x": pixels(run["steps"], run["batchSize"]), "batch/y": labels(run["steps"], run["batchSize"]),
            "eval/x": pixels(shape["evaluation"]), "eval/y": labels(shape["evaluation"])}
    if run["population"]:
        data["population/x"] = pixels(run["population"]["size"])
    return initial, statistics, data


def distance(left, right, initial):
    return max(float(np.linalg.norm(left[k] - right[k]) / (np.linalg.norm(right[k] - initial[k])
                                                           + 0.01 * np.linalg.norm(right[k]) + 1e-12)) for k in right)


def write_fixture(folder, method, number):
    run, shape = make_run(method, number), SHAPES[number]
    compiled = compile_run(run)
    for attempt in range(100):
        # Data are drawn again until rounding moves no unit over its threshold and no image over its class.
        generator = np.random.default_rng([number, attempt, *method.encode()])
        initial, statistics, data = draw(run, shape, generator)
        batches = list(zip(data["batch/x"], data["batch/y"]))
        population = data.get("population/x")
        final, stats, steps, norms, first = train(run, compiled, initial, statistics, batches, population)
        logits = np.asarray(compiled[2](final, stats, data["eval/x"]))
        top = np.sort(logits, 1)
        nudged = [train(run, compiled, {k: v * (1 + 4e-7 * generator.standard_normal(v.shape)) for k, v in initial.items()},
                        statistics, batches, population)[0] for _ in range(3)]
        if max(distance(other, final, initial) for other in nudged) < 5e-5 and (top[:, -1] - top[:, -2]).min() > 1e-3:
            break
    else:
        raise RuntimeError(f"{method} {number}: no data without flips")
    run["dataAttempt"] = attempt
    tolerances = dict(TOLERANCES)
    for seed in range(2):
        nudge = np.random.default_rng(seed)
        single = {k: (v * (1 + seed * 1e-7 * nudge.standard_normal(v.shape))).astype(np.float32)
                  for k, v in initial.items()}
        low = lambda v: None if v is None else v.astype(np.float32)
        found, kept, taken, lengths, start = train(
            run, compiled, single, {k: v.astype(np.float32) for k, v in statistics.items()},
            [(low(x), y) for x, y in batches], low(population))
        relative = lambda a, b: float(np.linalg.norm(np.asarray(a, np.float64) - b) / (np.linalg.norm(b) + 1e-3))
        rough = np.asarray(compiled[2](found, kept, low(data["eval/x"])), np.float64)
        errors = {
            "lossAbs": max(abs(a["dataLoss"] - b["dataLoss"]) for a, b in zip(taken, steps)),
            "penaltyRel": max(abs(a["penalty"] - b["penalty"]) / (b["penalty"] or 1) for a, b in zip(taken, steps)),
            "gradNormRel": max(abs(lengths[t][k] - norms[t][k]) / (norms[t][k] + 1e-3) for t in norms for k in norms[t]),
            "step0GradientRel": max(relative(start[k], first[k]) for k in first),
            "updateRel": distance({k: np.asarray(v, np.float64) for k, v in found.items()}, final, initial),
            "statisticsRel": max([relative(kept[k], stats[k]) for k in stats if "/zeta" not in k], default=0.0),
            "evalLogitsAbs": float(np.abs(rough - logits).max()),
            "evalLossAbs": abs(float(cross_entropy(jnp.asarray(rough), data["eval/y"])
                                     - cross_entropy(jnp.asarray(logits), data["eval/y"]))),
        }
        tolerances = {k: max(v, 20 * errors.get(k, 0.0)) for k, v in tolerances.items()}
    tensors = {**data, "expected/evalLogits": logits}
    tensors.update({f"initial/{k}": v for k, v in initial.items()})
    tensors.update({f"step0Gradient/{k}": v for k, v in first.items()})
    tensors.update({f"final/{k}": v for k, v in {**final, **stats}.items() if not k.endswith("/zeta")})
    expected = {
        "steps": steps, "gradientNorms": norms, "evalLoss": float(cross_entropy(jnp.asarray(logits), data["eval/y"])),
        "evalAccuracy": float((logits.argmax(1) == data["eval/y"]).mean()), "evalLogits": logits.tolist(),
        "tolerances": tolerances,
    }
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "run.json"), "w") as file:
        json.dump(run, file)
    with open(os.path.join(folder, "expected.json"), "w") as file:
        json.dump(expected, file)
    header, parts, offset = {}, [], 0
    for name, values in sorted(tensors.items()):
        values = np.asarray(values)
        whole = values.dtype.kind == "i"
        raw = values.astype("<i4" if whole else "<f4").tobytes()
        header[name] = {"dtype": "I32" if whole else "F32", "shape": list(values.shape),
                        "data_offsets": [offset, offset + len(raw)]}
        parts.append(raw)
        offset += len(raw)
    text = json.dumps(header).encode()
    with open(os.path.join(folder, "tensors.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))
    print(method, number, "attempt", attempt, flush=True)


# The losses that the product stores: the network of src/shared/domain/methodVerification.ts.

CASES = [
    ("none", "none", {}, None), ("batchNorm", "batchNorm", {}, None),
    ("populationNorm", "populationNorm-batchBackward", {"backward": "batchBackward"}, None),
    ("populationNorm, statistics constant", "populationNorm-stopGradient", {"backward": "stopGradient"}, None),
    ("populationNormGammaDecay", "populationNorm-gammaDecay", {"backward": "batchBackward"}, "imageLevel"),
    ("populationNormGammaDecay, the paper's noise", "populationNorm-gammaDecay", {"backward": "batchBackward"}, "paperM"),
    ("weightNorm", "weightNorm-gammaDecay", {}, "constant"),
    ("weightNormMeanOnlyBatchNorm", "weightNorm-meanOnlyBatchNorm", {}, None),
    ("weightNormVarianceOnlyBatchNorm", "weightNorm-varianceOnlyBatchNorm", {}, None),
    ("layerNorm", "layerNorm", {}, None), ("instanceNorm", "instanceNorm", {}, None),
    ("groupNorm", "groupNorm", {"groups": 2}, None), ("switchableNorm", "switchableNorm", {}, None),
    ("ghostBatchNorm", "ghostBatchNorm", {"ghostSize": 6}, None),
    ("batchRenorm", "batchRenorm", {"rMax": 1.5, "dMax": 0.5}, None),
    ("filterResponseNorm", "filterResponseNorm", {}, None),
    ("weightStandardization", "weightStandardization+groupNorm", {"groups": 2}, None),
    ("noiseSeparatedBatchNorm, noise of the mean", "populationNorm-batchBackward",
     {"backward": "batchBackward", "mean": "batch"}, None),
    ("noiseSeparatedBatchNorm, noise of the deviation", "populationNorm-batchBackward",
     {"backward": "batchBackward", "deviation": "batch"}, None),
]
SEED, MASK = 20190506, 0xFFFFFFFF


def words(purpose):
    """A stream of src/shared/random: Philox4x32-10 with a key from SHA-256."""
    digest = hashlib.sha256(f"{SEED}/{purpose}".encode()).digest()
    w = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
    block = 0
    while True:
        c, k = [block & MASK, block >> 32, w[2], w[3]], [w[0], w[1]]
        for _ in range(10):
            p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
            c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & MASK, (p0 >> 32) ^ c[3] ^ k[1], p0 & MASK]
            k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
        yield from c
        block += 1


def normals(purpose, shape, deviation=1.0):
    stream, quantile = words(purpose), NormalDist().inv_cdf
    draw = lambda: quantile(((next(stream) >> 6) * 2**26 + (next(stream) >> 6) + 0.5) / 2**52)
    return np.array([draw() * deviation for _ in range(math.prod(shape))]).reshape(shape)


def integers(purpose, count, bound):
    stream = words(purpose)
    return np.array([next(w for w in stream if w < 2**32 - 2**32 % bound) % bound for _ in range(count)], np.int32)


def stored_losses(method, options, penalty):
    weight, normalizer = METHODS[method]
    unit = "thresholdedLinear" if normalizer == "filterResponseNorm" else "relu"
    own = {"weight": weight, "normalizer": normalizer, "activation": unit}
    dense = {**own, "normalizer": "layerNorm"} if normalizer == "instanceNorm" else own
    run = {
        "input": {"height": 8, "width": 8, "channels": 2},
        "layers": [
            {"name": "conv1", "type": "conv", "kernelSize": 3, "channels": 4, "stride": 1, "padding": "same", **own},
            {"type": "maxPool", "size": 2, "stride": 2}, {"type": "flatten"},
            {"name": "fc1", "type": "dense", "channels": 8, **dense},
            {"name": "fc2", "type": "dense", "channels": 4, "weight": "plain", "normalizer": "none",
             "activation": "none"},
        ],
        "optimizer": {"learningRate": 0.05, "momentum": 0.9, "decayPerStep": 0.0}, "normalizerOptions": options,
        "penalty": None if penalty is None else {"type": "constant", "coefficient": 0.01} if penalty == "constant" else
        {"type": "theorem1", "noise": penalty, "targetBatchSize": 4, "strength": 1.0},
    }
    parameters, statistics, fans = shapes(run)
    initial = {}
    for name, shape in parameters.items():
        if name in fans:
            values = normals(f"initial/{name.split('/')[0]}/kernel", shape, math.sqrt(2 / fans[name]))
        elif name.endswith("/gamma"):
            values = 1 + 0.2 * normals(f"method/initial/{name}", shape)
        else:
            values = 0.3 * normals(f"method/initial/{name}", shape)
        initial[name] = as_float32(values)
    batches = [(as_float32(normals(f"method/images/{step}", (12, 8, 8, 2))), integers(f"method/labels/{step}", 12, 4))
               for step in range(4)]
    population = as_float32(normals("method/population", (20, 8, 8, 2))) if normalizer == "populationNorm" else None
    compiled = compile_run(run)
    final, stats, steps, _, _ = train(run, compiled, initial, statistics, batches, population)
    evaluation = cross_entropy(compiled[2](final, stats, batches[-1][0]), batches[-1][1])
    return [step["totalLoss"] for step in steps] + [float(evaluation)]


if __name__ == "__main__":
    if sys.argv[1:2] == ["losses"]:
        for name, method, options, penalty in CASES:
            if not sys.argv[2:] or name.startswith(sys.argv[2]):
                print(name, stored_losses(method, options, penalty), flush=True)
    elif sys.argv[1:2] == ["fixtures"]:
        for method in sys.argv[3:] or METHODS:
            for number in range(len(SHAPES)):
                if not os.path.exists(os.path.join(sys.argv[2], f"{method}-{number}", "tensors.safetensors")):
                    write_fixture(os.path.join(sys.argv[2], f"{method}-{number}"), method, number)
    else:
        sys.exit(__doc__)
