"""Spearman and Pearson on STS-B (test) of codecs as numpy and Python's faiss have them, with the reference vectors of
all-MiniLM-L6-v2.

    pip install faiss-cpu numpy scipy safetensors && python jobs/tests/golden/stsb.py ../shared/data

Codecs are fitted on the sentences of the dev split (first all `a`, then all `b`, repeated ones too). A pair's score is the mean of
both directions: one vector as query, the other stored; each is the cosine of what the codec compares. What this printed stands in jobs/tests/it/stsb.rs.
"""

import pathlib
import sys

import faiss
import numpy as np
from safetensors.numpy import load_file
from scipy import stats

sys.path.append(str(pathlib.Path(__file__).parents[3] / "vectors/tests/golden"))
from binary import gaussian, key, keystream  # noqa: E402

data = sys.argv[1]
test = load_file(f"{data}/embeddings/stsb-test.all-MiniLM-L6-v2.safetensors")
dev = load_file(f"{data}/embeddings/stsb-dev.all-MiniLM-L6-v2.safetensors")
a, b, gold = test["a"], test["b"], test["score"].astype(np.float64)
fit = np.ascontiguousarray(np.concatenate([dev["a"], dev["b"]]))


def show(name, scores):
    print(f"{name:<32} {stats.spearmanr(scores, gold).statistic:.6f} {stats.pearsonr(scores, gold).statistic:.6f}")


def unit(x):
    x = x.astype(np.float64)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def by_faiss(description):
    """Both directions by the decoded vectors: score(q, d) = cosine of q and decode(encode(d))."""
    index = faiss.index_factory(a.shape[1], description, faiss.METRIC_INNER_PRODUCT)
    index.train(fit)
    decoded = lambda x: index.sa_decode(index.sa_encode(np.ascontiguousarray(x))).astype(np.float64)
    return 0.5 * (cosine(a, decoded(b)) + cosine(b, decoded(a)))


def int2():
    """The specification of vectors/src/int2.rs in numpy."""
    cuts = np.quantile(fit.astype(np.float64), [0.25, 0.5, 0.75], axis=0).astype(np.float32)
    code = lambda x: (x[None] >= cuts[:, None]).sum(axis=0)
    levels = np.stack([[fit[code(fit)[:, d] == c, d].astype(np.float64).mean() for d in range(dim)] for c in range(4)])
    decoded = lambda x: np.take_along_axis(levels.astype(np.float32), code(x), axis=0).astype(np.float64)
    return 0.5 * (cosine(a, decoded(b)) + cosine(b, decoded(a)))


def cosine(x, y):
    return (unit(x) * unit(y)).sum(1)


def signs(weights, thresholds):
    """Symmetric: minus the Hamming distance. Asymmetric: the projections, added with the signs of the code."""
    above = lambda x: unit(x) @ weights.T - thresholds
    code = lambda x: np.where(above(x) >= 0, 1.0, -1.0)
    symmetric = -(code(a) != code(b)).sum(1).astype(np.float64)
    asymmetric = 0.5 * (cosine(above(a), code(b)) + cosine(above(b), code(a)))
    return symmetric, asymmetric


dim = a.shape[1]
show("float32", cosine(a, b))
show("int2", int2())
for name, description in [("int8", "SQ8"), ("int4", "SQ4"), ("pq/8", "PQ8np"), ("pq/32", "PQ32np")]:
    show(name, by_faiss(description))
eye, mean = np.eye(dim), unit(fit).mean(0)
for bits in [64, 256]:
    stream = keystream(key(0, dim))
    drawn = np.array([[gaussian(next(stream)) for _ in range(dim)] for _ in range(bits)])
    symmetric, asymmetric = signs(drawn, np.zeros(bits))
    show(f"binary/{bits} seed 0", symmetric)
    show(f"binary/{bits}/none+gaussian/asymmetric seed 0", asymmetric)
    symmetric, asymmetric = signs(drawn, drawn @ mean)
    show(f"binary/{bits}/mean+gaussian seed 0", symmetric)
    symmetric, asymmetric = signs(eye[:bits], np.median(unit(fit), axis=0)[:bits])
    show(f"binary/{bits}/median+none", symmetric)
    show(f"binary/{bits}/median+none/asymmetric", asymmetric)
    values, vectors = np.linalg.eigh(np.cov(unit(fit).T, bias=True))
    directions = vectors[:, np.argsort(-values)[:bits]].T
    show(f"binary/{bits}/mean+pca", signs(directions, directions @ mean)[0])
