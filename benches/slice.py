"""One slice of the study with the `cutpoint` program and with a reference program in PyTorch, in one call.

    python benches/slice.py REFERENCE CUTPOINT

FashionMNIST, source classes 0-4, 6, 8, target classes 5, 7, 9; FR at 1% of the data, cuts -1 to 6, two repeats, ten
epochs, no early stopping, from the source network's initial weights. Prints the times, their ratio, peak memory, and
whether the rows agree. Both have all cores: the reference program as PyTorch uses them by itself.
"""
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

PRETRAIN, FINETUNE = "0,1,2,3,4,6,8", "5,7,9"
CUTS, REPEATS, EPOCHS, PERCENTAGE = range(-1, 7), range(2), 10, "0.01"


def data_folder():
    for folder in (os.environ.get("CUTPOINT_DATA"), "data", "../shared/data"):
        if folder and os.path.isdir(os.path.join(folder, "FashionMNIST")):
            return folder
    sys.exit("bench: expected FashionMNIST below CUTPOINT_DATA, data or ../shared/data, found none of them")


def reference_row(reference, data, cut, repeat):
    command = [sys.executable, reference, "--data", data, "--source", "FashionMNIST", "--target", "FashionMNIST",
               "--pretrain-classes", PRETRAIN, "--finetune-classes", FINETUNE, "--percentage", PERCENTAGE,
               "--cut", str(cut), "--repeat", str(repeat), "--epochs", str(EPOCHS), "--patience", "0",
               "--batch-size", "4096"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def own_rows(program, data, out):
    command = [program, "sweep", "FashionMNIST", "--data", data, "--percentages", PERCENTAGE,
               "--cuts", f"{CUTS[0]}..{CUTS[-1]}", "--repeats", str(len(REPEATS)), "--epochs", str(EPOCHS),
               "--patience", "0", "--pretrain-epochs", "0", "--out", out]
    run = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if run.returncode:
        sys.exit(f"bench: {' '.join(command)} failed: {run.stderr}")
    rows = []
    for name in ("baselines_regular_classes.json", "cuts_regular_classes_FR.json"):
        with open(os.path.join(out, "results", "FashionMNIST", name)) as file:
            rows += json.load(file)[1:]
    return rows


def main():
    if len(sys.argv) != 3 or not os.path.isfile(sys.argv[1]):
        sys.exit("bench: expected the reference program, tl_reference.py: make bench REFERENCE=<file>")
    reference, program = sys.argv[1:]
    data = data_folder()
    with tempfile.TemporaryDirectory() as out:
        start = time.monotonic()
        ours = own_rows(program, data, out)
        our_time = time.monotonic() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"cutpoint: {our_time:.1f} s for {len(ours)} rows, peak memory {peak:.0f} MiB", flush=True)
    start, theirs = time.monotonic(), []
    for cut in CUTS:
        for repeat in REPEATS:
            theirs.append(reference_row(reference, data, cut, repeat))
            print(f"\rreference: {len(theirs)} of {len(CUTS) * len(REPEATS)} rows", end="", file=sys.stderr, flush=True)
    their_time = time.monotonic() - start
    training = sum(row["seconds"] for row in theirs)
    print(file=sys.stderr)
    print(f"reference: {their_time:.1f} s, of which {training:.1f} s training and measuring")
    key = lambda row: (row["sampled_cut_point"], row["repeat"])
    theirs = {key(row): row for row in theirs}
    equal = sum(all(row[k] == theirs[key(row)][k] for k in ("train_acc", "test_acc")) for row in ours)
    print(f"rows equal to the last digit: {equal} of {len(ours)}"
          " (the reference splits sums between threads, which changes last digits)")
    print(f"ratio: {their_time / our_time:.1f} (without the reference's start-up and loading:"
          f" {training / our_time:.1f})")


main()
