"""Writes sklearn.json: vectors and what scikit-learn and SciPy make of them, to compare `cutpoint::cluster` with.

    python tests/clusters/make.py          (written with scikit-learn 1.9.1, SciPy 1.17.1)

Each case is 40 to 90 vectors of 5 to 12 channels around three or four directions, some far apart and some mixed, with
their classes; then scikit-learn's labels for each linkage, scores of the average one, silhouettes, and the two principal
components.
"""
import json
import os

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.cluster import AgglomerativeClustering
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score
from sklearn.metrics.cluster import pair_confusion_matrix

rng = np.random.default_rng(11)
cases = []
for size, channels, classes, spread in [(40, 5, 3, 0.2), (60, 12, 4, 0.6), (90, 8, 3, 1.0), (75, 6, 4, 1.6), (50, 20, 3, 0.9)]:
    middles = rng.normal(size=(classes, channels))
    labels = rng.integers(classes, size=size)
    vectors = np.round(middles[labels] + spread * rng.normal(size=(size, channels)), 4)
    case = {"vectors": vectors.tolist(), "classes": labels.tolist(), "linkages": {}}
    for name, metric in [("average", "cosine"), ("complete", "cosine"), ("single", "cosine"), ("ward", "euclidean")]:
        found = AgglomerativeClustering(n_clusters=classes, metric=metric, linkage=name).fit_predict(vectors)
        case["linkages"][name] = found.tolist()
    case["linkages"]["weighted"] = fcluster(linkage(vectors, "weighted", "cosine"), classes, "maxclust").tolist()
    clusters = np.array(case["linkages"]["average"])
    (_, mixed), (split, both) = pair_confusion_matrix(labels, clusters)
    case["scores"] = {
        "ari": adjusted_rand_score(labels, clusters),
        "nmi": normalized_mutual_info_score(labels, clusters),
        "precision": both / (both + mixed),
        "recall": both / (both + split),
        "silhouette": silhouette_score(vectors, clusters, metric="cosine"),
    }
    pca = PCA(2, svd_solver="full").fit(vectors)
    case["pca"] = pca.transform(vectors).tolist()
    case["explained"] = pca.explained_variance_ratio_.tolist()
    cases.append(case)
with open(os.path.join(os.path.dirname(__file__), "sklearn.json"), "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")
print(len(cases), "cases")
