"""nDCG@10 on SciFact of product quantisation scored by the inner product with decoded vectors, by the cosine, and by L2: one start each,
with the reference vectors of all-MiniLM-L6-v2. Ties are averaged over. What this printed stands in docs/codecs.md.

    pip install faiss-cpu numpy safetensors && python vectors/tests/golden/decoded.py ../shared/data
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
queries = vectors["queries"][kept].astype(np.float64)
grades = [judged[query_ids[row]] for row in kept]
discount = 1 / np.log2(np.arange(10) + 2)


def ndcg(scores):
    """Mean nDCG@10 of `scores` (queries × documents), the expected value over the orders of ties."""
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
        total += dcg / (np.sort(gain)[::-1][:10] * discount).sum()
    return total / len(grades)


for description in [f"PQ{b}np" for b in [8, 16, 32, 64]] + [f"OPQ{b},PQ{b}np" for b in [8, 16, 32]]:  # OPQ: minutes
    index = faiss.index_factory(documents.shape[1], description, faiss.METRIC_INNER_PRODUCT)
    index.train(documents)
    decoded = index.sa_decode(index.sa_encode(documents)).astype(np.float64)
    lengths = np.linalg.norm(decoded, axis=1)
    products = queries @ decoded.T
    values = [ndcg(products), ndcg(products / lengths), ndcg(2 * products - lengths**2)]
    print(f"{description:<16} " + " ".join(f"{value:.4f}" for value in values), flush=True)
