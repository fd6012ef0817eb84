"""Makes geometry.json: the geometry of three sets of vectors as other people's programs have it.

    pip install numpy scipy safetensors scikit-dimension==0.5.0 IsoScore==1.0 scikit-learn tqdm pybind11
    pip download scikit-hubness==0.21.2 --no-deps && unzip scikit_hubness-*.whl -d hubness
    python vectors/tests/golden/geometry.py ../shared/data hubness >vectors/tests/golden/geometry.json

Intrinsic dimensions: scikit-dimension (TwoNN, MLE with 20 neighbours, lPCA's participation ratio). Hubness: the formulas of
scikit-hubness over occurrences counted by scikit-learn: its own search is too old for today's scikit-learn, so what it imports
for that is left empty. IsoScore: the authors' package; of torch it uses a few functions of linear algebra, which numpy plays
here. The rest: numpy and scipy.
"""

import json
import sys
import types

import numpy as np

data, hubness = sys.argv[1:3]
np.int, np.float = int, float
torch = types.ModuleType("torch")
torch.nn = types.SimpleNamespace(Module=object)
torch.tensor, torch.cov, torch.sqrt, torch.ones = np.asarray, np.cov, np.sqrt, np.ones
torch.linalg = types.SimpleNamespace(svdvals=lambda x: np.linalg.svd(x, compute_uv=False), vector_norm=np.linalg.norm)
sys.modules["torch"] = torch
sys.path.insert(0, hubness)

from IsoScore.IsoScore import IsoScore

# Others look whether it is there.
del sys.modules["torch"]

from safetensors.numpy import load_file
from scipy import stats
from skdim.id import MLE, TwoNN, lPCA
from sklearn.neighbors import NearestNeighbors

for name in ["scipy.sparse.base", "skhubness.neighbors"]:
    sys.modules[name] = types.ModuleType(name)
sys.modules["scipy.sparse.base"].issparse = None
sys.modules["skhubness.neighbors"].NearestNeighbors = None
package = types.ModuleType("skhubness")
package.__path__ = [f"{hubness}/skhubness"]
sys.modules["skhubness"] = package
from skhubness.analysis.estimation import Hubness


def unit(x):
    x = x.astype(np.float64)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def hubs(documents, queries):
    near = NearestNeighbors(n_neighbors=10, algorithm="brute").fit(documents).kneighbors(queries, return_distance=False)
    counts = np.bincount(near.ravel(), minlength=len(documents))
    return {
        "skewness": stats.skew(counts),
        "gini": Hubness._calc_gini_index(counts),
        "robin_hood": Hubness._calc_robinhood_index(counts),
        "antihubs": Hubness._calc_antihub_occurrence(counts)[1],
        "hubs": Hubness._calc_hub_occurrence(10, counts, len(near), 2)[1],
    }


def geometry(documents, queries):
    x, q = unit(documents), unit(queries)
    _, first = np.unique(x, axis=0, return_index=True)
    distinct = x[np.sort(first)]
    pairs = (x @ x.T)[np.triu_indices(len(x), 1)]
    paired = x[np.arange(min(4096, len(x))) * len(x) // min(4096, len(x))]
    pairs_of = (paired @ paired.T)[np.triu_indices(len(paired), 1)]
    eigenvalues = np.linalg.eigvalsh(np.cov(x.T))
    means, variances = x.mean(axis=0), x.var(axis=0)
    return {
        "documents": len(x),
        "duplicates": len(x) - len(distinct),
        "queries": len(q),
        "mean_cosine": pairs.mean(),
        "cosine_quantiles": np.quantile(pairs_of, [0.05, 0.25, 0.5, 0.75, 0.95]).tolist(),
        "top_eigenvalue_share": eigenvalues[-1] / eigenvalues.sum(),
        "participation_ratio": lPCA(ver="participation_ratio").fit(x).dimension_,
        "isoscore": float(IsoScore(x)),
        "two_nn": TwoNN().fit(distinct).dimension_,
        "mle": MLE().fit(distinct, n_neighbors=20, comb="mle").dimension_,
        "hubness": hubs(distinct, None),
        "query_hubness": hubs(distinct, q),
        "outlier_means": int((np.abs(means - means.mean()) > 6 * means.std()).sum()),
        "greatest_kurtosis": stats.kurtosis(x, axis=0).max(),
        "variance_ratio": variances.max() / np.median(variances),
        "heterogeneity": variances.std() / variances.mean(),
    }


def formula(rows, dim, salt):
    """Numbers that are exact in float32, of falling variance, about a mean; with three copies."""
    r, d = np.meshgrid(np.arange(rows), np.arange(dim), indexing="ij")
    mixed = (r * 7919 + d * 104_729 + d * d * 31 + r * r * 13 * (d + 1) + salt) % 2003
    x = (mixed.astype(np.float64) - 1001) / 1024 / 2.0 ** (d // 4) + (d == 5) * 2.0
    x[[7, 50, 51]] = x[3]
    return x.astype(np.float32)


found = {"formula": geometry(formula(400, 12, 17), formula(60, 12, 5))}
for name, documents, queries in [("scifact", "docs", "queries"), ("cranfield", "docs", "queries")]:
    tensors = load_file(f"{data}/embeddings/{name}.all-MiniLM-L6-v2.safetensors")
    found[name] = geometry(tensors[documents], tensors[queries])
print(json.dumps(found, indent=1, default=float))
