"""Writes committed.json: what scikit-learn finds in feature maps of the committed network, to compare ours with.

    python tests/clusters/make_committed.py REFERENCE DATA     (written with scikit-learn 1.9.1, PyTorch 2.11)

REFERENCE is tl_reference.py, DATA has FashionMNIST; the weights are FashionMNIST/regular_classes.safetensors of
pretrained_models. Each line is the share of the data, the repeat and the layer, then how many images of each class are
in each cluster of AgglomerativeClustering(metric="cosine", linkage="average"). Left out are those where features
changed by a millionth give other clusters: there the last bits of a processor decide.
"""
import importlib.util
import json
import os
import struct
import sys

import numpy as np
import torch
from sklearn.cluster import AgglomerativeClustering

HERE = os.path.dirname(os.path.abspath(__file__))
WEIGHTS = os.path.join(HERE, "../../pretrained_models/FashionMNIST/regular_classes.safetensors")
CLASSES = [5, 7, 9]


def weights():
    with open(WEIGHTS, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        stored = file.read()
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            assert entry["dtype"] == "F32"
            values = np.frombuffer(stored[slice(*entry["data_offsets"])], np.float32)
            tensors[name] = torch.from_numpy(values.copy()).reshape(entry["shape"])
    return tensors


def features(model, x):
    """Each convolution's outputs before the activation, averaged over space."""
    means = [[] for _ in model.blocks]
    with torch.no_grad():
        for part in x.split(500):
            for layer, block in zip(means, model.blocks):
                layer.append(block[0](part).mean((2, 3)))
                part = block(part)
    return [torch.cat(layer).double().numpy() for layer in means]


def counts(vectors, labels):
    """Images by cluster and class; clusters sorted, as their numbers mean nothing."""
    clusters = AgglomerativeClustering(n_clusters=3, metric="cosine", linkage="average").fit_predict(vectors)
    return sorted([int(((clusters == cluster) & (labels == c)).sum()) for c in range(3)] for cluster in range(3))


def main():
    spec = importlib.util.spec_from_file_location("reference", sys.argv[1])
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    torch.set_num_threads(1)
    x, y = reference.filter_classes(*reference.load(sys.argv[2], "FashionMNIST", True), CLASSES)
    train, _ = reference.split(len(y))
    model = reference.Cnn(6, 64, 3, 2, 7, tuple(x.shape[1:]))
    names = dict(zip(reference.published_names(model.state_dict()), model.state_dict()))
    model.load_state_dict({names[name]: tensor for name, tensor in weights().items()})
    of_layers = features(model, x[train])
    noise, lines, left_out = np.random.default_rng(0), [], 0
    for percentage, repeats in [(0.001, 25), (0.01, 25), (0.1, 20)]:
        for repeat in range(repeats):
            drawn = reference.reduce(y[train], percentage, repeat).numpy()
            for layer, vectors in enumerate(of_layers):
                vectors, labels = vectors[drawn], y[train].numpy()[drawn]
                there = (vectors != 0).any(1)
                vectors, labels = vectors[there], labels[there]
                found = counts(vectors, labels)
                changed = [vectors * (1 + 1e-6 * noise.standard_normal(vectors.shape)) for _ in range(3)]
                if all(counts(other, labels) == found for other in changed):
                    lines.append(json.dumps([percentage, repeat, f"conv{layer}", found], separators=(",", ":")))
                else:
                    left_out += 1
        print(percentage, len(lines), "lines,", left_out, "left out", flush=True)
    with open(os.path.join(HERE, "committed.json"), "w") as file:
        file.write("[\n" + ",\n".join(lines) + "\n]\n")


main()
