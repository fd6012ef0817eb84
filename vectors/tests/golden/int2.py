"""int2, version 1, written a second time from its specification (module docs of `int2`).

Standard library only; Python floats are IEEE binary64 and are never fused. `python3 int2.py > int2_v1.txt` made the golden
file, which never changes. Lines: what, rows, dimensions, and in hexadecimal the cut-offs and levels (binary32, big-endian), the
codes, and the scores of all documents for the first of them as the query.

Where numpy is there, `python3 int2.py check` compares cut-offs, codes and levels with `np.quantile`, `np.searchsorted` and masked
means.
"""

import struct
import sys


def f32(x):
    return struct.unpack(">f", struct.pack(">f", x))[0]


def hexed(numbers):
    return b"".join(struct.pack(">f", x) for x in numbers).hex()


def inputs(rows, dim):
    def value(r, d):
        whole = float((r * r * 7919 + d * d * 31 + r * d * 104729 + 17) % 2003) - 1001.0
        return f32(f32(whole / 512.0) / (1 + d))

    return [[value(r, d) for d in range(dim)] for r in range(rows)]


def cutoffs(values):
    v = sorted(values)
    out = []
    for k in (1, 2, 3):
        p = (len(v) - 1) * k
        i, t = p // 4, (p % 4) / 4
        low, high = v[i], v[min(i + 1, len(v) - 1)]
        out.append(f32(low + (high - low) * t))
    return out


def quarter(x, cut):
    return sum(x >= c for c in cut)


def levels(values, cut):
    out = []
    for code in range(4):
        own = [x for x in values if quarter(x, cut) == code]
        total = 0.0
        for x in own:
            total += x
        out.append(f32(total / len(own)) if own else cut[min(code, 2)])
    return out


def learn(documents):
    columns = [list(column) for column in zip(*documents)]
    cuts = [cutoffs(column) for column in columns]
    return cuts, [levels(column, cut) for column, cut in zip(columns, cuts)]


def encode(row, cuts):
    code = bytearray((len(row) + 3) // 4)
    for d, (x, cut) in enumerate(zip(row, cuts)):
        code[d // 4] |= quarter(x, cut) << (2 * (d % 4))
    return bytes(code)


def score(query, code, levels):
    total = 0.0
    for byte in range(len(code)):
        part = 0.0
        for d in range(4 * byte, min(4 * byte + 4, len(query))):
            part += query[d] * levels[d][code[byte] >> (2 * (d % 4)) & 3]
        total += part
    return f32(total)


SHAPES = [(1, 1), (2, 3), (5, 4), (7, 9), (64, 16), (101, 21)]


def check():
    import numpy as np

    for rows, dim in SHAPES:
        documents = np.array(inputs(rows, dim))
        cuts, levels = learn(documents.tolist())
        assert np.allclose(np.quantile(documents, [0.25, 0.5, 0.75], axis=0).T, cuts, rtol=1e-6, atol=1e-9)
        for d in range(dim):
            codes = np.searchsorted(np.array(cuts[d]), documents[:, d], side="right")
            assert [quarter(x, cuts[d]) for x in documents[:, d].tolist()] == codes.tolist()
            for code in set(codes.tolist()):
                assert np.isclose(documents[codes == code, d].mean(), levels[d][code], rtol=1e-6, atol=1e-9)
    print("numpy agrees")


if __name__ == "__main__":
    if "check" in sys.argv:
        check()
        sys.exit()
    for rows, dim in SHAPES:
        documents = inputs(rows, dim)
        cuts, level = learn(documents)
        codes = [encode(row, cuts) for row in documents]
        print("cutoffs", rows, dim, hexed(c for cut in cuts for c in cut))
        print("levels", rows, dim, hexed(x for own in level for x in own))
        print("codes", rows, dim, b"".join(codes).hex())
        print("scores", rows, dim, hexed(score(documents[0], code, level) for code in codes))
