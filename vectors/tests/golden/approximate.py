"""Graphs and inverted lists on SciFact as Python's faiss has them, with the reference vectors of all-MiniLM-L6-v2.

    pip install faiss-cpu numpy safetensors && python vectors/tests/golden/approximate.py ../shared/data

Prints nDCG@10 and the share of the exact first ten found, for codecs by their names in the results table; one thread, metric
inner product, `efSearch` results asked of a graph. And how many layers above the lowest the documents of graphs stand in:
`proto/src/codec/levels.rs` draws them. What this printed stands in there and in vectors/tests/scifact.rs.
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
dim = documents.shape[1]
faiss.omp_set_num_threads(1)


def ndcg(found):
    """Mean nDCG@10; what is not there counts nothing."""
    discount = 1 / np.log2(np.arange(10) + 2)
    total = 0.0
    for row, gains in zip(found, grades):
        gain = np.array([gains.get(int(document), 0.0) for document in row[:10]])
        ideal = np.sort(list(gains.values()))[::-1][:10]
        total += (gain * discount[: len(gain)]).sum() / (ideal * discount[: len(ideal)]).sum()
    return total / len(grades)


exact = (queries @ documents.T).argsort(axis=1, kind="stable")[:, ::-1][:, :10]


def show(name, found):
    recall = np.mean([len(set(row[:10]) & set(best)) / 10 for row, best in zip(found, exact)])
    print(f"{name:<20} nDCG@10 {ndcg(found):.5f}  Overlap@10 {recall:.5f}", flush=True)


def layers(index):
    return int((faiss.vector_to_array(index.hnsw.levels) - 1).sum())


show("float32", exact)
for m, construction in [(8, 20), (16, 40), (32, 40)]:
    index = faiss.index_factory(dim, f"HNSW{m},Flat", faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = construction
    index.add(documents)
    for search in [1, 4, 10, 16, 64]:
        index.hnsw.efSearch = search
        _, found = index.search(queries, search)
        show(f"hnsw/{m}/{construction}/{search}", found)
for lists, size in [(64, 32), (64, 8), (128, 32)]:
    index = faiss.index_factory(dim, f"IVF{lists},PQ{size}np", faiss.METRIC_INNER_PRODUCT)
    index.train(documents)
    index.add(documents)
    for probed in [1, 8, 64]:
        index.nprobe = probed
        _, found = index.search(queries, 10)
        show(f"ivfpq/{lists}/{size}/{probed}", found)
for m, count in [(4, 5183), (16, 5183), (32, 5183), (32, 100_000), (64, 5183)]:
    index = faiss.IndexHNSWFlat(1, m)
    index.hnsw.prepare_level_tab(count)
    print("layers", m, count, layers(index), flush=True)
