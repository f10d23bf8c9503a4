"""Clusters a file of float64 vectors as the published study did, with scikit-learn; prints time, memory and labels.

    python benches/clustering.py FILE CLUSTERS CHANNELS
"""
import json
import resource
import sys
import time

import numpy as np
from sklearn.cluster import AgglomerativeClustering

path, clusters, channels = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
vectors = np.fromfile(path, dtype="<f8").reshape(-1, channels)
start = time.perf_counter()
labels = AgglomerativeClustering(n_clusters=clusters, metric="cosine", linkage="average").fit_predict(vectors)
seconds = time.perf_counter() - start
mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps({"seconds": seconds, "mib": mib, "labels": labels.tolist()}))
