"""Known answers for the conventions of other tools, by the tools themselves.

    pip install pytrec-eval-terrier ranx scikit-learn pandas packaging tqdm && pip install --no-deps beir mteb
    python -P conventions.py KNOWN_ANSWERS PASSAGE DOCUMENT > conventions.json

(-P: a statistics.py stands beside it.)

KNOWN_ANSWERS is the folder with cranfield.ties.run and cranfield.qrels.trec. PASSAGE and DOCUMENT are the official
ms_marco_eval.py of the GitHub repositories microsoft/MSMARCO-Passage-Ranking and microsoft/MSMARCO-Document-Ranking. Of
MTEB only the file that evaluates is loaded, so that nothing else of it (PyTorch …) must be there.

What has no cut-off is asked of BEIR and MTEB at 1000, their greatest k. trec_eval is pytrec_eval, with `-c` (a query that the
run lacks counts 0) and `-M 1000` (the best 1000 of each list in its own order) done here.
"""

import importlib.metadata
import importlib.util
import json
import sys
import types
from pathlib import Path

import pytrec_eval
from beir.retrieval.evaluation import EvaluateRetrieval
from ranx import Qrels, Run, evaluate

KS = [1, 3, 5, 10, 100, 1000]


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_mteb():
    folder = Path(importlib.util.find_spec("mteb").submodule_search_locations[0])
    stub = types.ModuleType("mteb.types")
    stub.RetrievalEvaluationResult = lambda **fields: types.SimpleNamespace(**fields)
    package = types.ModuleType("mteb")
    package.__path__ = [str(folder)]
    sys.modules.update({"mteb": package, "mteb.types": stub})
    return load("mteb_retrieval_metrics", folder / "_evaluators/retrieval_metrics.py")


MTEB = load_mteb()
PASSAGE, DOCUMENT = (load(f"ms_marco_{at}", path) for at, path in enumerate(sys.argv[2:4]))

# Ours: pytrec_eval's name, those of BEIR and MTEB, ranx's.
MEASURES = {
    "nDCG@5": ("ndcg_cut_5", "NDCG@5", "NDCG@5", "ndcg@5"),
    "nDCG@10": ("ndcg_cut_10", "NDCG@10", "NDCG@10", "ndcg@10"),
    "Recall@10": ("recall_10", "Recall@10", "Recall@10", "recall@10"),
    "Recall@100": ("recall_100", "Recall@100", "Recall@100", "recall@100"),
    "P@10": ("P_10", "P@10", "P@10", "precision@10"),
    "MAP@10": ("map_cut_10", "MAP@10", "MAP@10", "map@10"),
    "MAP": ("map", "MAP@1000", "MAP@1000", "map"),
    "MRR@10": (None, "MRR@10", "MRR@10", "mrr@10"),
    "MRR@100": (None, "MRR@100", "MRR@100", "mrr@100"),
    "MRR": ("recip_rank", "MRR@1000", "MRR@1000", "mrr"),
    "Success@5": ("success_5", "Accuracy@5", "HitRate@5", "hit_rate@5"),
    "R-precision": ("Rprec", None, None, "r-precision"),
    "bpref": ("bpref", None, None, None),
}


def as_run(lines):
    """query → document → score, in the order of the lines."""
    run = {}
    for query, document, _, score in lines:
        run.setdefault(query, {})[document] = score
    return run


def by_trec_eval(lines, qrels):
    run = as_run(lines)
    for query, scores in run.items():
        best = sorted(scores.items(), key=lambda item: (item[1], item[0]), reverse=True)[:1000]
        run[query] = dict(best)
    names = {"ndcg_cut.5,10", "recall.10,100", "P.10", "map_cut.10", "map", "recip_rank", "success.5", "Rprec", "bpref"}
    values = pytrec_eval.RelevanceEvaluator(qrels, names).evaluate(run)
    # recip_rank has no cut-off: it is that of the run cut at k.
    for k in [10, 100]:
        cut = {query: dict(list(scores.items())[:k]) for query, scores in run.items()}
        for query, of in pytrec_eval.RelevanceEvaluator(qrels, {"recip_rank"}).evaluate(cut).items():
            values[query][f"MRR@{k}"] = of["recip_rank"]
    found = {}
    for measure, (name, *_) in MEASURES.items():
        each = {query: values.get(query, {}).get(name or measure, 0.0) for query in qrels}
        found[measure] = {"mean": sum(each.values()) / len(qrels), "queries": each}
    return found


def by_beir(lines, qrels):
    run = as_run(lines)
    means = {}
    for some in EvaluateRetrieval.evaluate(qrels, run, KS):
        means.update(some)
    for metric in ["mrr", "top_k_accuracy"]:
        means.update(EvaluateRetrieval.evaluate_custom(qrels, run, KS, metric))
    return {measure: {"mean": means[name]} for measure, (_, name, _, _) in MEASURES.items() if name}


def by_mteb(lines, qrels):
    result = MTEB.calculate_retrieval_scores(as_run(lines), qrels, KS)
    means = {}
    for some in [result.ndcg, result.map, result.recall, result.precision, result.mrr, result.hit_rate]:
        means.update(some)
    return {measure: {"mean": float(means[name])} for measure, (_, _, name, _) in MEASURES.items() if name}


def by_ms_marco(lines, qrels):
    reference = {query: list(judged) for query, judged in qrels.items()}
    # As the scripts read a file: passages into the place that the rank names, documents sorted by it. Ids may be text here.
    passages, documents = {}, {}
    for query, document, rank, _ in lines:
        if rank <= 1000:
            passages.setdefault(query, [0] * 1000)[rank - 1] = document
        if rank <= 100:
            documents.setdefault(query, []).append((document, rank))
    documents = {query: sorted(of, key=lambda item: (item[1], item[0])) for query, of in documents.items()}
    return {
        "MRR@10": {"mean": PASSAGE.compute_metrics(reference, passages)["MRR @10"]},
        "MRR@100": {"mean": DOCUMENT.compute_metrics(reference, documents, set())["MRR @100"]},
    }


def by_ranx(lines, qrels, names):
    run = Run.from_dict(as_run(lines))
    metrics = list(names.values())
    means = evaluate(Qrels(qrels), run, metrics, make_comparable=True)
    means = means if isinstance(means, dict) else {metrics[0]: means}
    each = {name: {query: float(value) for query, value in run.scores[name].items()} for name in metrics}
    return {measure: {"mean": float(means[name]), "queries": each[name]} for measure, name in names.items()}


def expected(lines, qrels):
    return {
        "trec_eval": by_trec_eval(lines, qrels),
        "BEIR": by_beir(lines, qrels),
        "MTEB": by_mteb(lines, qrels),
        "MS MARCO": by_ms_marco(lines, qrels),
        "ranx": by_ranx(lines, qrels, {measure: of[3] for measure, of in MEASURES.items() if of[3]}),
        "ranx burges": by_ranx(lines, qrels, {"nDCG@5": "ndcg_burges@5", "nDCG@10": "ndcg_burges@10"}),
    }


def synthetic():
    """Ties, grades 0 to 3, documents that nobody judged, one that has the query's id, one that the run lacks, a query that
    the run lacks, one without a relevant document, a list longer than 1000, ranks and lines in other orders than the scores."""
    state = 20261122

    def draw(below):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % below

    def shuffled(items):
        items = list(items)
        for at in range(len(items) - 1, 0, -1):
            other = draw(at + 1)
            items[at], items[other] = items[other], items[at]
        return items

    lines, qrels = [], {}
    for query, length, levels in [("q1", 12, 3), ("q2", 60, 4), ("d7", 60, 5), ("q4", 200, 3), ("q5", 40, 1), ("q6", 1100, 12)]:
        documents = shuffled(f"d{at}" for at in range(length))
        ranks = shuffled(range(1, length + 1))
        # The last of the long list is relevant, and nothing before rank 1000 is.
        last = f"d{length - 1}"
        long = length > 1000
        for document, rank in zip(documents, ranks):
            score = -1 if long and document == last else draw(levels)
            lines.append((query, document, rank, float(score)))
        qrels[query] = {last: 2} if long else {document: draw(4) for document in documents if draw(4) == 0}
    qrels["d7"]["d7"] = 3
    qrels["q2"]["gone"] = 2
    qrels["q5"] = {"d3": 0, "d9": 0}
    qrels["missing"] = {"d1": 1, "d2": 3}
    return lines, qrels


def from_files(folder, run, qrels):
    lines, judged = [], {}
    for line in (folder / run).read_text().splitlines():
        query, _, document, rank, score, _ = line.split()
        lines.append((query, document, int(rank), float(score)))
    for line in (folder / qrels).read_text().splitlines():
        query, _, document, grade = line.split()
        judged.setdefault(query, {})[document] = int(grade)
    return lines, judged


def main():
    lines, qrels = synthetic()
    names = ["pytrec_eval-terrier", "beir", "mteb", "ranx", "numba", "numpy"]
    cases = [{
        "name": "synthetic",
        "lines": [f"{query} {document} {rank} {score:g}" for query, document, rank, score in lines],
        "qrels": qrels,
        "expected": expected(lines, qrels),
    }]
    files = {"run": "cranfield.ties.run", "qrels": "cranfield.qrels.trec"}
    found = expected(*from_files(Path(sys.argv[1]), *files.values()))
    # The averages alone: 225 queries of 13 measures fill pages.
    found = {tool: {measure: {"mean": of["mean"]} for measure, of in all.items()} for tool, all in found.items()}
    cases.append({"name": "cranfield.ties", **files, "expected": found})
    versions = {name: importlib.metadata.version(name) for name in names}
    json.dump({"versions": versions, "cases": cases}, sys.stdout, indent=0)
    print()


main()
