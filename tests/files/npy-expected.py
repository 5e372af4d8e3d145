"""Prints the NPY files that npz.test.ts expects, as NumPy writes them, and reads an NPZ file: python3 npy-expected.py [FILE]"""

import io
import sys
import zlib

import numpy as np

for array in [
    np.array([[1, 2, -3.5], [4, 0, 0.1]], dtype="<f4"),
    np.array([7, -1], dtype="<i4"),
]:
    file = io.BytesIO()
    np.save(file, array)
    print(file.getvalue().hex(), zlib.crc32(file.getvalue()))

if len(sys.argv) > 1:
    with np.load(sys.argv[1]) as arrays:
        for name in arrays.files:
            print(name, arrays[name].dtype, arrays[name].shape, arrays[name].ravel()[:4])
