"""Known answers for the statistics, by SciPy and statsmodels.

    pip install scipy statsmodels && python statistics.py > statistics.json
"""

import json

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

rng = np.random.default_rng(20261121)


def pairs(queries):
    """Values like those of nDCG: many at 0 and 1, the second side a little worse."""
    a = np.clip(rng.normal(0.6, 0.45, queries), 0, 1)
    b = np.clip(a - 0.04 + rng.normal(0, 0.18, queries), 0, 1)
    return a, b


out = {"paired": [], "mcnemar": [], "holm": []}
for queries in [8, 12, 50, 300]:
    a, b = pairs(queries)
    mean = lambda d, axis=-1: np.mean(d, axis=axis)
    # Sign flips of differences: all of them where there are few.
    test = stats.permutation_test((a, b), lambda x, y, axis=-1: np.mean(x - y, axis=axis), permutation_type="samples",
                                  n_resamples=200_000, alternative="two-sided", rng=1)
    interval = stats.bootstrap((a - b,), mean, n_resamples=50_000, confidence_level=0.95, method="percentile", rng=2)
    d = a - b
    out["paired"].append({
        "a": a.tolist(), "b": b.tolist(), "p": float(test.pvalue),
        "low": float(interval.confidence_interval.low), "high": float(interval.confidence_interval.high),
        "standardised": float(d.mean() / d.std(ddof=1)),
    })
for x, y in [(0, 0), (5, 5), (0, 5), (2, 10), (10, 25), (120, 180), (50_400, 49_600)]:
    p = stats.binomtest(min(x, y), x + y, 0.5).pvalue if x + y else 1.0
    out["mcnemar"].append({"only_first": x, "only_second": y, "p": float(p)})
for ps in [[0.01, 0.04, 0.03, 0.005, 0.5], [0.6, 0.9], [0.02, 0.02, 0.02], rng.uniform(0, 0.1, 12).tolist()]:
    out["holm"].append({"p": ps, "adjusted": multipletests(ps, method="holm")[1].tolist()})
print(json.dumps(out, indent=1))
