"""Writes scores.json: features and what scikit-learn, SciPy and NumPy make of them, to compare `cutpoint::transfer` with.

    python tests/transfer/make.py          (written with scikit-learn 1.9.1, SciPy 1.17.1, NumPy 2.4.6)

Each case is 12 to 90 images of 4 to 30 features around two to five class means, some far apart and some mixed, some with
fewer images than features, one with a dead feature and one with features of another scale. H-score: Ledoit and Wolf's
covariance by scikit-learn in the formula of Ibrahim and others (2021). LogME: the evidence of You and others (2021) as
the density of a multivariate normal, maximised by SciPy over both precisions. TransRate: the formula of Huang and others (2022)
on features of mean variance 1. Classifiers: scikit-learn's, by leave-one-out, or in the folds that the crate makes.
LEEP: Nguyen and others (2020). CKA: Kornblith and others (2019), by Gram matrices of images.
"""
import json
import os
import warnings

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize
from sklearn.cluster import AgglomerativeClustering
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.preprocessing import StandardScaler


def h_score(f, y):
    shrunk = LedoitWolf().fit(f)
    means = np.array([f[y == c].mean(0) for c in y])
    between = np.cov(means, rowvar=False, bias=True)
    return float(np.trace(np.linalg.pinv(shrunk.covariance_) @ ((1 - shrunk.shrinkage_) * between)))


def log_me(f, y):
    n, total = len(f), 0.0
    gram, classes = f @ f.T, np.unique(y)
    for c in classes:
        target = (y == c).astype(float)

        def negative(logs):
            if max(np.abs(logs)) > 30:
                return np.inf
            root = np.linalg.cholesky(gram / np.exp(logs[0]) + np.eye(n) / np.exp(logs[1]))
            scaled = solve_triangular(root, target, lower=True)
            return 0.5 * (n * np.log(2 * np.pi) + scaled @ scaled) + np.log(np.diag(root)).sum()

        starts = [(0, 0), (2, 4), (-2, 2), (4, 1), (0, 5)]
        found = [minimize(negative, s, method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-12, "maxiter": 20000}) for s in starts]
        total += -min(r.fun for r in found) / n
    return total / len(classes)


def rate(z, distortion=1e-4):
    return 0.5 * np.linalg.slogdet(np.eye(z.shape[1]) + z.T @ z / (len(z) * distortion))[1]


def trans_rate(f, y):
    z = f - f.mean(0)
    z = z / np.sqrt(np.mean(z**2))
    return float(rate(z) - sum(np.mean(y == c) * rate(z[y == c]) for c in np.unique(y)))


def probe(f, y):
    counts = np.bincount(y)
    folds, seen, fold_of = min(5, counts[counts > 0].min()), {}, []
    for c in y:
        fold_of.append(seen.get(c, 0) % folds)
        seen[c] = seen.get(c, 0) + 1
    fold_of, right, log = np.array(fold_of), 0, 0.0
    for fold in range(folds):
        known, unknown = fold_of != fold, fold_of == fold
        scaler = StandardScaler().fit(f[known])
        # Of two classes scikit-learn has one vector of coefficients, not two: half the penalty.
        strength = 2.0 if len(np.unique(y)) == 2 else 1.0
        model = LogisticRegression(C=strength, tol=1e-12, max_iter=100000).fit(scaler.transform(f[known]), y[known])
        p = model.predict_proba(scaler.transform(f[unknown]))
        right += (model.predict(scaler.transform(f[unknown])) == y[unknown]).sum()
        log += sum(np.log(p[i, list(model.classes_).index(c)]) for i, c in enumerate(y[unknown]))
    return right / len(y), log / len(y)


def leep(p, y):
    joint = np.array([p[y == c].sum(0) for c in range(y.max() + 1)]) / len(y)
    given = joint / joint.sum(0)
    return float(np.mean([np.log(np.sum(given[c] * row)) for c, row in zip(y, p)]))


def cka(a, b):
    middle = np.eye(len(a)) - 1 / len(a)
    hsic = lambda x, y: np.trace(middle @ (x @ x.T) @ middle @ (y @ y.T))
    return float(hsic(a, b) / np.sqrt(hsic(a, a) * hsic(b, b)))


# Dead features are meant to be there.
warnings.filterwarnings("ignore", "self.within_class_std_dev_")
rng = np.random.default_rng(20)
cases = []
for n, d, k, spread in [(40, 5, 3, 0.3), (60, 12, 4, 1.0), (90, 8, 3, 2.0), (75, 6, 5, 1.5), (16, 30, 3, 0.8), (12, 20, 2, 0.5), (50, 4, 2, 1.0)]:
    y = np.concatenate([np.repeat(np.arange(k), 3), rng.integers(k, size=n - 3 * k)])
    rng.shuffle(y)
    f = rng.normal(size=(k, d))[y] + spread * rng.normal(size=(n, d)) + 0.5
    if d == 12:
        f[:, 3] = 0.25
    if d == 8:
        f *= np.geomspace(0.1, 50, d)
    f = np.round(f, 4)
    p = np.exp(rng.normal(size=(n, 4)) + 2.0 * np.eye(4)[y % 4])
    p = p / p.sum(1, keepdims=True)
    other = np.round(np.tanh(f @ rng.normal(size=(d, 7))), 4)
    clusters = AgglomerativeClustering(k, metric="cosine", linkage="average").fit_predict(f)
    accuracy, likelihood = probe(f, y)
    neighbours = lambda k: float(cross_val_score(KNeighborsClassifier(k, algorithm="brute"), f, y, cv=LeaveOneOut()).mean())
    cases.append({
        "features": f.tolist(), "labels": y.tolist(), "probabilities": p.tolist(), "other": other.tolist(),
        "h-score": h_score(f, y), "log-me": log_me(f, y), "trans-rate": trans_rate(f, y),
        "class-mean": float(cross_val_score(NearestCentroid(), f, y, cv=LeaveOneOut()).mean()),
        "neighbours": {str(k): neighbours(k) for k in (1, 3, 5)},
        "probe-accuracy": float(accuracy), "probe-likelihood": float(likelihood),
        "ari": adjusted_rand_score(y, clusters), "leep": leep(p, y), "cka": cka(f, other),
    })
    print(n, d, k, {name: value for name, value in cases[-1].items() if not isinstance(value, list)})
with open(os.path.join(os.path.dirname(__file__), "scores.json"), "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")
