#!/usr/bin/env python3
"""Writes the tables of this folder from the published files of the study.

    python published/make.py PUBLISHED

PUBLISHED has MNIST/ and FashionMNIST/ with the study's JSON files, test tables and ranks. Accuracies become whole
numbers of images; a file that cannot be recovered from its table to the last digit is refused.
"""
import csv
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
EXPERIMENTS = [("FashionMNIST", s) for s in ("baseline", "FR", "F", "FT")] + [("MNIST", s) for s in ("baseline", "FR")]
TEST_IMAGES = {"FashionMNIST": 18_000, "MNIST": 29_404}  # the training files' images of the target classes
TRAIN_IMAGES = {
    "FashionMNIST": {0.001: 15, 0.01: 162, 0.1: 1620, 0.5: 8100, 1.0: 16_196},
    "MNIST": {0.001: 25, 0.01: 260, 0.1: 2645, 0.5: 13_230, 1.0: 26_038},
}


def name(setting):
    return "baselines_regular_classes" if setting == "baseline" else f"cuts_regular_classes_{setting}"


def correct(rows, key, images):
    counts = [round(row[key] * images) for row in rows]
    assert [count / images for count in counts] == [row[key] for row in rows], f"{key} is no share of {images} images"
    return " ".join(map(str, counts))


def accuracies(rows, images, train_images):
    """A line a percentage and cut, with the counts of repeat 0, 1, 2, .. in it."""
    groups = {}
    for row in rows:
        groups.setdefault((row["sampled_percentage"], row["sampled_cut_point"]), []).append(row)
    assert [row for group in groups.values() for row in group] == rows, "rows are not in the order of their groups"
    for (percentage, cut), group in groups.items():
        assert [(row["repeat"], row["lr"]) for row in group] == [(i, 0.001) for i in range(len(group))]
        train = train_images[percentage]
        # As text: the files have 1 in one place and 1.0 in another.
        yield (json.dumps(percentage), cut, train, correct(group, "train_acc", train), images,
               correct(group, "test_acc", images))


def write(file, header, rows):
    with open(HERE / file, "w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerows([header.split(","), *rows])


def main():
    published = pathlib.Path(sys.argv[1])
    parameters, runs, ranks, tests = {}, [], [], []
    for data_set, setting in EXPERIMENTS:
        first, *rows = json.loads((published / data_set / f"{name(setting)}.json").read_text())
        parameters[f"{data_set} {setting}"] = first
        of_groups = accuracies(rows, TEST_IMAGES[data_set], TRAIN_IMAGES[data_set])
        runs += [(data_set, setting, *row) for row in of_groups]
        for question, table in (("ranks", ranks), ("wilcoxon", tests)):
            path = published / data_set / f"{question}_regular_classes_{setting}.csv"
            if path.exists():
                table += [(data_set, setting, *line.split(",")) for line in path.read_text().splitlines()[1:]]
    write("accuracies.csv", "data_set,setting,percentage,cut,train_images,train_correct,test_images,test_correct", runs)
    write("ranks.csv", "data_set,setting,percentage,cut,mean_test_acc,rank", ranks)
    write("wilcoxon.csv", "data_set,setting,percentage,cut_1,cut_2,statistic,p_value", tests)
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in parameters.items()]
    (HERE / "parameters.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    rows = json.loads((published / "FashionMNIST" / "regular_classes_cluster.json").read_text())
    assert {(row["Dataset"], row["Split"]) for row in rows} == {("Finetune", "Train")}
    keys = ["Percentage", "Repeat", "Layer", "Precision", "Recall", "Accuracy", "ARI"]
    text = lambda value: value if isinstance(value, str) else json.dumps(value)
    write("clusterings.csv", ",".join(keys).lower(), [[text(row[key]) for key in keys] for row in rows])


main()
