"""The binary instrument, version 1, written a second time from its specification (module docs of `binary`).

Standard library only; Python floats are IEEE binary64 and are never fused. `python3 binary.py > binary_v1.txt` made the
golden file. The instrument is frozen: the file never changes. Lines, all codes and hashes in hexadecimal:
`gaussians seed dim count hash`: SHA-256 of the first numbers of a stream as binary64 little-endian;
`code dim bits seed row code`: the code of one row of `inputs(6, dim)`.
"""

import hashlib
import math
import struct


def key(seed, dim):
    return hashlib.sha256(b"bitsweep binary 1" + struct.pack("<II", seed, dim)).digest()


def keystream(key):
    """ChaCha20 as Bernstein published it: u64 little-endian numbers."""
    state = list(struct.unpack("<4I", b"expand 32-byte k")) + list(struct.unpack("<8I", key))
    block = 0
    while True:
        start = state + [block & 0xFFFFFFFF, block >> 32, 0, 0]
        x = start[:]

        def quarter(a, b, c, d):
            for p, q, r, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                x[p] = (x[p] + x[q]) & 0xFFFFFFFF
                t = x[r] ^ x[p]
                x[r] = ((t << turn) | (t >> (32 - turn))) & 0xFFFFFFFF

        for _ in range(10):
            for i in range(4):
                quarter(i, i + 4, i + 8, i + 12)
            for i in range(4):
                quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
        words = [(a + b) & 0xFFFFFFFF for a, b in zip(x, start)]
        for low, high in zip(words[::2], words[1::2]):
            yield low | high << 32
        block += 1


A = [2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457, 13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608]
B = [5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867, 5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0]
C = [7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258, 3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734]
D = [1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459, 0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0]
E = [2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093, 0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772]
F = [2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4, 0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0]


def horner(coefficients, x):
    total = coefficients[0]
    for c in coefficients[1:]:
        total = total * x + c
    return total


def ln(t):
    m, e = math.frexp(t)  # m in [1/2, 1)
    m, e = 2.0 * m, e - 1
    if m > 1.4142135623730951:
        m, e = 0.5 * m, e + 1
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    p = horner([1.0 / k for k in range(23, 1, -2)], z)
    hi, lo = float.fromhex("0x1.62e42feep-1"), float.fromhex("0x1.a39ef35793c76p-33")
    return e * hi + (2.0 * s + (2.0 * s * (z * p) + e * lo))


def gaussian(w):
    u = ((w >> 12) + 0.5) / 2.0**52
    q = u - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        return q * horner(A, r) / horner(B, r)
    r = math.sqrt(-ln(u if q < 0.0 else 1.0 - u))
    z = horner(C, r - 1.6) / horner(D, r - 1.6) if r <= 5.0 else horner(E, r - 5.0) / horner(F, r - 5.0)
    return -z if q < 0.0 else z


def encode(rows, bits, seed):
    dim = len(rows[0])
    stream = keystream(key(seed, dim))
    projection = [[gaussian(next(stream)) for _ in range(dim)] for _ in range(bits)]
    for row in rows:
        squares = 0.0
        for x in row:
            squares += x * x
        norm = math.sqrt(squares)
        y = [x / norm if norm > 0.0 else 0.0 for x in row]
        code = bytearray(bits // 8)
        for i, weights in enumerate(projection):
            dot = 0.0
            for a, b in zip(y, weights):
                dot += a * b
            code[i // 8] |= (dot >= 0.0) << (i % 8)
        yield bytes(code)


def inputs(rows, dim):
    """Multiples of 1/512, exact in float32; the last row is 0."""
    for r in range(rows - 1):
        yield [((r * 7919 + d * d * 31 + d * 104729 + 17) % 2003 - 1001) / 512.0 for d in range(dim)]
    yield [0.0] * dim


if __name__ == "__main__":
    for seed, dim in [(0, 384), (1, 384), (4294967295, 1)]:
        stream = keystream(key(seed, dim))
        numbers = b"".join(struct.pack("<d", gaussian(next(stream))) for _ in range(20000))
        print("gaussians", seed, dim, 20000, hashlib.sha256(numbers).hexdigest())
    for dim, bits, seed in [(1, 8, 0), (3, 64, 0), (3, 64, 1), (16, 72, 4294967295), (384, 512, 0), (384, 256, 7), (768, 64, 2), (1024, 64, 0)]:
        for row, code in enumerate(encode(list(inputs(6, dim)), bits, seed)):
            print("code", dim, bits, seed, row, code.hex())
