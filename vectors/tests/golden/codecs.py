"""nDCG@10 on SciFact of codecs as Python's faiss and numpy have them, with the reference vectors of all-MiniLM-L6-v2.

    pip install faiss-cpu numpy safetensors && python vectors/tests/golden/codecs.py ../shared/data

Ties are averaged over. What this printed stands in vectors/tests/scifact.rs. Faiss: the factory strings, metric inner product;
ITQ by `faiss.ITQMatrix` after `faiss.PCAMatrix`, and as the paper has it in numpy (ten seeds each, with the mean of |z| over the rotated
vectors, which its rounds make greater). numpy: signs of centred vectors under orthonormal rotations,
principal directions, and at the median of each dimension; the asymmetric score of a Gaussian projection. Five seeds where
there are seeds: mean, least, greatest.
"""

import json
import sys

import faiss
import numpy as np
from safetensors.numpy import load_file

data = sys.argv[1]
vectors = load_file(f"{data}/embeddings/scifact.all-MiniLM-L6-v2.safetensors")
ids = [json.loads(line)["_id"] for line in open(f"{data}/scifact/corpus.jsonl")]
rows = {id: row for row, id in enumerate(ids)}
judged = {}
for line in list(open(f"{data}/scifact/qrels/test.tsv"))[1:]:
    query, document, grade = line.split()
    judged.setdefault(query, {})[rows[document]] = float(grade)
query_ids = [json.loads(line)["_id"] for line in open(f"{data}/scifact/queries.jsonl")]
kept = [row for row, id in enumerate(query_ids) if id in judged]
documents = np.ascontiguousarray(vectors["docs"])
queries = np.ascontiguousarray(vectors["queries"][kept])
grades = [judged[query_ids[row]] for row in kept]


def ndcg(scores):
    """Mean nDCG@10 of `scores` (queries × documents), the expected value over the orders of ties."""
    discount = 1 / np.log2(np.arange(10) + 2)
    total = 0.0
    for row, gains in zip(scores, grades):
        gain = np.zeros(len(row))
        for document, grade in gains.items():
            gain[document] = grade
        order = np.argsort(-row, kind="stable")
        dcg, first = 0.0, 0
        while first < 10:
            tied = order[first:][row[order[first:]] == row[order[first]]]
            ranks = np.arange(first, min(first + len(tied), 10))
            dcg += gain[tied].mean() * discount[ranks].sum()
            first += len(tied)
        ideal = np.sort(gain)[::-1][:10]
        total += dcg / (ideal * discount).sum()
    return total / len(grades)


def show(name, values):
    print(f"{name:<40} {np.mean(values):.4f}  {min(values):.4f} {max(values):.4f}", flush=True)


def by_faiss(description):
    index = faiss.index_factory(documents.shape[1], description, faiss.METRIC_INNER_PRODUCT)
    index.train(documents)
    index.add(documents)
    scores = np.full((len(queries), len(documents)), -np.inf, dtype=np.float32)
    found, at = index.search(queries, len(documents))
    np.put_along_axis(scores, at, found, axis=1)
    return ndcg(scores)


def by_decoded(description):
    """Scored by the inner product with decoded vectors, by the cosine, and by L2."""
    index = faiss.index_factory(documents.shape[1], description, faiss.METRIC_INNER_PRODUCT)
    index.train(documents)
    decoded = index.sa_decode(index.sa_encode(documents)).astype(np.float64)
    lengths = np.linalg.norm(decoded, axis=1)
    products = queries.astype(np.float64) @ decoded.T
    return ndcg(products), ndcg(products / lengths), ndcg(2 * products - lengths**2)


def hamming(code, queries_code):
    a, b = code.astype(np.float32), queries_code.astype(np.float32)
    return -(b @ (1 - a).T + (1 - b) @ a.T)


def signs(project):
    return hamming(project(documents) >= 0, project(queries) >= 0)


mean = documents.mean(axis=0)
dim = documents.shape[1]


def orthonormal(bits, seed):
    basis, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((dim, dim)))
    return ndcg(signs(lambda x: (x - mean) @ basis[:, :bits]))


def pca(bits):
    _, basis = np.linalg.eigh(np.cov((documents - mean).T))
    return ndcg(signs(lambda x: (x - mean) @ basis[:, ::-1][:, :bits]))


def itq(bits, seed):
    reduce = faiss.PCAMatrix(dim, bits)
    reduce.train(documents)
    rotate = faiss.ITQMatrix(bits)
    rotate.seed = seed
    rotate.train(reduce.apply(documents))
    return ndcg(signs(lambda x: rotate.apply(reduce.apply(x)))), np.abs(rotate.apply(reduce.apply(documents))).mean()


def itq_of_the_paper(bits, seed):
    """Gong and Lazebnik 2011, section 2.2: fifty rounds of B = sign(VR) and the SVD of VᵀB, from a random rotation."""
    _, basis = np.linalg.eigh(np.cov((documents - mean).T.astype(np.float64)))
    reduce = basis[:, ::-1][:, :bits]
    vectors = (documents - mean).astype(np.float64) @ reduce
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((bits, bits)))
    for _ in range(50):
        left, _, right = np.linalg.svd(vectors.T @ np.where(vectors @ rotation >= 0, 1.0, -1.0))
        rotation = left @ right
    return ndcg(signs(lambda x: (x - mean) @ reduce @ rotation)), np.abs(vectors @ rotation).mean()


def median(bits):
    threshold = np.median(documents[:, :bits], axis=0)
    return ndcg(signs(lambda x: x[:, :bits] - threshold))


def asymmetric(bits, seed):
    weights = np.random.default_rng(seed).standard_normal((dim, bits))
    return ndcg((queries @ weights) @ np.where(documents @ weights >= 0, 1, -1).T)


def int2():
    """The specification of vectors/src/int2.rs in numpy."""
    cuts = np.quantile(documents.astype(np.float64), [0.25, 0.5, 0.75], axis=0).astype(np.float32)
    codes = (documents[None] >= cuts[:, None]).sum(axis=0)
    decoded = np.zeros(documents.shape)
    for code in range(4):
        mask = codes == code
        means = (documents.astype(np.float64) * mask).sum(axis=0) / np.maximum(mask.sum(axis=0), 1)
        decoded += mask * means.astype(np.float32)
    return ndcg(queries.astype(np.float64) @ decoded.T)


show("int2", [int2()])
for description in ["SQ4", "RR384,RaBitQ", "PQ16x4fs", "PQ32x4fs", "PQ64x4fs"]:
    show(description, [by_faiss(description)])
for bits in [64, 128, 256]:
    show(f"orthonormal {bits}", [orthonormal(bits, seed) for seed in range(5)])
    show(f"pca {bits}", [pca(bits)])
    for name, of in [("itq of faiss", itq), ("itq of the paper", itq_of_the_paper)]:
        values, reached = zip(*[of(bits, seed) for seed in range(10)])
        show(f"{name} {bits}, mean |z| {np.mean(reached):.5f}", values)
    show(f"median {bits}", [median(bits)])
    show(f"asymmetric {bits}", [asymmetric(bits, seed) for seed in range(5)])
for description in [f"PQ{b}np" for b in [8, 16, 32, 64]] + [f"OPQ{b},PQ{b}np" for b in [8, 16, 32]]:  # minutes
    product, cosine, l2 = by_decoded(description)
    print(f"{description:<40} {product:.4f}, by the cosine {cosine:.4f}, by L2 {l2:.4f}", flush=True)
