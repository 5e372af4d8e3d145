"""Values of resnet18.test.ts: loss and gradients of a narrow ResNet-18 in float64, with NumPy alone.

Batch normalization with statistics of the batch behind every convolution, mean cross-entropy; gradients by
central differences, which are good to nine digits here. Run: python3 resnet18Reference.py
"""
import numpy as np

BATCH, SIDE, CLASSES, EPSILON = 4, 8, 3, 1e-5
WIDTHS = [4, 8, 16, 32]  # 64, 128, 256, 512 times a sixteenth

parameters = {}


def values(name, shape, first, scale):
    """first + scale·cos(1.7·i + k), k the number of parameters before it."""
    k = len(parameters)
    count = int(np.prod(shape))
    parameters[name] = (first + scale * np.cos(1.7 * np.arange(count) + k)).reshape(shape)


def make_convolution(name, size, channels_in, channels):
    values(f'{name}/kernel', (size, size, channels_in, channels), 0, np.sqrt(4 / (size * size * channels_in)))
    values(f'{name}/gamma', (channels,), 1, 0.3)
    values(f'{name}/beta', (channels,), 0, 0.2)


blocks = []
make_convolution('conv1', 3, 3, WIDTHS[0])
channels = WIDTHS[0]
for stage, width in enumerate(WIDTHS):
    for block in range(2):
        name = f'stage{stage + 1}-block{block + 1}'
        stride = 2 if stage > 0 and block == 0 else 1
        make_convolution(f'{name}-conv1', 3, channels, width)
        make_convolution(f'{name}-conv2', 3, width, width)
        if stride == 2:
            make_convolution(f'{name}-shortcut', 1, channels, width)
        blocks.append((name, stride))
        channels = width
values('fc1/kernel', (channels, CLASSES), 0, np.sqrt(4 / channels))
values('fc1/bias', (CLASSES,), 0, 0.2)


def convolve(x, kernel, stride):
    """'same' padding: as much as the last window needs, the odd pixel at the end."""
    size = kernel.shape[0]
    side = x.shape[1]
    out = -(-side // stride)
    total = max((out - 1) * stride + size - side, 0)
    before = total // 2
    x = np.pad(x, ((0, 0), (before, total - before), (before, total - before), (0, 0)))
    y = np.zeros((x.shape[0], out, out, kernel.shape[3]))
    for i in range(size):
        for j in range(size):
            window = x[:, i : i + (out - 1) * stride + 1 : stride, j : j + (out - 1) * stride + 1 : stride]
            y += window @ kernel[i, j]
    return y


def layer(x, name, stride=1):
    h = convolve(x, parameters[f'{name}/kernel'], stride)
    mean, variance = h.mean((0, 1, 2)), h.var((0, 1, 2))
    z = (h - mean) / np.sqrt(variance + EPSILON)
    return parameters[f'{name}/gamma'] * z + parameters[f'{name}/beta']


def relu(x):
    return np.maximum(x, 0)


images = np.sin(0.9 * np.arange(BATCH * SIDE * SIDE * 3) ** 1.1).reshape(BATCH, SIDE, SIDE, 3)
labels = np.array([0, 2, 1, 2])


def forward():
    x = relu(layer(images, 'conv1'))
    for name, stride in blocks:
        y = layer(relu(layer(x, f'{name}-conv1', stride)), f'{name}-conv2')
        shortcut = layer(x, f'{name}-shortcut', stride) if f'{name}-shortcut/kernel' in parameters else x
        x = relu(shortcut + y)
    logits = x.mean((1, 2)) @ parameters['fc1/kernel'] + parameters['fc1/bias']
    shifted = logits - logits.max(1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return -logs[np.arange(BATCH), labels].mean()


def derivative(name, index):
    flat = parameters[name].reshape(-1)
    original, step = flat[index], 1e-6
    flat[index] = original + step
    above = forward()
    flat[index] = original - step
    below = forward()
    flat[index] = original
    return (above - below) / (2 * step)


print('loss', forward())
for name, index in [
    ('conv1/kernel', 5), ('conv1/gamma', 1), ('stage1-block1-conv1/kernel', 17), ('stage1-block2-conv2/beta', 3),
    ('stage2-block1-conv1/kernel', 40), ('stage2-block1-shortcut/kernel', 9), ('stage2-block1-shortcut/gamma', 2),
    ('stage3-block1-conv2/kernel', 1000), ('stage3-block2-conv1/gamma', 7), ('stage4-block1-shortcut/beta', 11),
    ('stage4-block2-conv2/kernel', 4321), ('fc1/kernel', 50), ('fc1/bias', 1),
]:
    print(f"['{name}', {index}, {derivative(name, index)!r}],".replace('np.float64(', '').replace(')', ''))
print('parameters', sum(p.size for p in parameters.values()))


def count(widths, classes):
    """Kernels and classifier by the layers' sizes, γ and β of every convolution."""
    total, before = 9 * 3 * widths[0] + 2 * widths[0], widths[0]
    for width in widths:
        total += 9 * before * width + 3 * 9 * width * width + 4 * 2 * width
        total += before * width + 2 * width if width != before else 0
        before = width
    return total + before * classes + classes


print('parameters by formula', count(WIDTHS, CLASSES), 'at full width with 10 classes', count([64, 128, 256, 512], 10))
