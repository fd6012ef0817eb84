"""Known answers for the correlations, by SciPy.

    pip install numpy scipy && python correlation.py > correlation.json

Scores with no ties, with a few, with many (as Hamming distances have), on one side and on both.
"""

import json

import numpy as np
from scipy import stats

rng = np.random.default_rng(20261122)
out = []
for pairs in [2, 3, 7, 60, 400]:
    for distinct_scores, distinct_gold in [(None, None), (None, 6), (12, None), (9, 16), (2, 2)]:
        gold = rng.normal(2.5, 1.5, pairs)
        scores = 0.7 * gold + rng.normal(0, 1.0, pairs)
        cut = lambda x, many: x if many is None else np.round((x - x.min()) / np.ptp(x) * (many - 1))
        scores, gold = cut(scores, distinct_scores), cut(gold, distinct_gold)
        out.append({
            "scores": scores.tolist(), "gold": gold.tolist(),
            "spearman": float(stats.spearmanr(scores, gold).statistic),
            "pearson": float(stats.pearsonr(scores, gold).statistic),
        })
print(json.dumps(out))
