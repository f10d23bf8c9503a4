"""Writes cases.json: runs of the reference program in PyTorch, to compare `cutpoint finetune` with.

    OMP_NUM_THREADS=1 python tests/parity/make.py REFERENCE DATA

PyTorch's last digits are those of the processor's instruction set: cases.json was written with AVX-512 (AMD EPYC), and
where PyTorch uses AVX2, cases_avx2.json is written instead (AMD EPYC without AVX-512).

REFERENCE is tl_reference.py; DATA has MNIST, FashionMNIST and CIFAR-10 (official layout). Each case is kept as its
command-line arguments and what the reference printed: accuracies, epochs, and the first losses. One thread, as the
number of threads changes the order of sums.
"""
import json
import os
import subprocess
import sys

import torch

FASHION = ("--source FashionMNIST --target FashionMNIST --pretrain-classes 0,1,2,3,4,6,8 --finetune-classes 5,7,9")
RANDOM = ("--source FashionMNIST --target FashionMNIST --pretrain-classes 0,1,2,4,6,7,9 --finetune-classes 3,5,8")
CIFAR = "--source CIFAR10 --target CIFAR10 --pretrain-classes 0,1,8,9 --finetune-classes 2,3,4,5,6,7"
REVERSE = "--source CIFAR10 --target CIFAR10 --pretrain-classes 2,3,4,5,6,7 --finetune-classes 0,1,8,9"
MNIST = "--source MNIST --target MNIST --pretrain-classes 0,1,2,3,4 --finetune-classes 5,6,7,8,9"
ACROSS = "--source MNIST --target FashionMNIST --pretrain-classes 0,1,2 --finetune-classes 1,8"

FILES = {"AVX512": "cases.json", "AVX2": "cases_avx2.json"}

CASES = [
    f"{FASHION} --setting FR --cut -1 --percentage 0.001 --repeat 0 --epochs 3",
    f"{FASHION} --setting FR --cut 0 --percentage 0.01 --repeat 1 --epochs 2 --batch-size 64",
    f"{FASHION} --setting FR --cut 1 --percentage 0.01 --repeat 2 --epochs 2",
    f"{FASHION} --setting FR --cut 2 --percentage 0.05 --repeat 3 --epochs 1 --batch-size 64",
    f"{FASHION} --setting FR --cut 3 --percentage 0.01 --repeat 4 --epochs 4 --batch-size 64",
    f"{FASHION} --setting FR --cut 4 --percentage 0.05 --repeat 5 --epochs 3",
    f"{FASHION} --setting FR --cut 5 --percentage 0.001 --repeat 6 --epochs 9 --patience 2",
    f"{FASHION} --setting FR --cut 6 --percentage 0.05 --repeat 7 --epochs 4 --batch-size 64",
    f"{FASHION} --setting F --cut 0 --percentage 0.01 --repeat 8 --epochs 2",
    f"{FASHION} --setting F --cut 2 --percentage 0.001 --repeat 9 --epochs 3 --batch-size 64",
    f"{FASHION} --setting F --cut 5 --percentage 0.05 --repeat 10 --epochs 2",
    f"{FASHION} --setting R --cut 3 --percentage 0.01 --repeat 11 --epochs 2 --batch-size 64",
    f"{FASHION} --setting R --cut 6 --percentage 0.001 --repeat 12 --epochs 3",
    f"{RANDOM} --setting none --cut 2 --percentage 0.01 --repeat 13 --epochs 2",
    f"{RANDOM} --setting FT --cut 0 --percentage 0.05 --repeat 14 --epochs 6 --batch-size 64",
    f"{RANDOM} --setting FT --cut 1 --percentage 0.01 --repeat 15 --epochs 3",
    f"{RANDOM} --setting FT --cut 3 --percentage 0.001 --repeat 16 --epochs 3 --batch-size 64",
    f"{MNIST} --setting FT --cut 6 --percentage 0.01 --repeat 17 --epochs 2",
    f"{MNIST} --setting R --cut 1 --percentage 0.001 --repeat 18 --epochs 2",
    f"{MNIST} --setting none --cut 6 --percentage 0.001 --repeat 19 --epochs 2 --batch-size 12",
    f"{MNIST} --setting FR --cut 4 --percentage 0.01 --repeat 20 --epochs 2 --test-split train",
    f"{MNIST} --setting FR --cut 3 --percentage 0.0025 --repeat 21 --epochs 3 --batch-size 64",
    f"{CIFAR} --setting FR --cut 2 --percentage 0.01 --repeat 22 --epochs 2 --batch-size 64",
    f"{CIFAR} --setting FT --cut 4 --percentage 0.001 --repeat 23 --epochs 2 --batch-size 64",
    f"{CIFAR} --setting F --cut 3 --percentage 0.01 --repeat 24 --epochs 1",
    f"{REVERSE} --setting FR --cut -1 --percentage 0.001 --repeat 25 --epochs 2",
    f"{REVERSE} --setting R --cut 4 --percentage 0.01 --repeat 26 --epochs 1 --batch-size 64",
    f"{REVERSE} --setting none --cut 1 --percentage 0.001 --repeat 27 --epochs 2 --batch-size 64",
    f"{ACROSS} --setting FR --cut 2 --percentage 0.01 --repeat 28 --epochs 3 --patience 0 --lr 0.003",
    f"{FASHION} --setting FR --cut 2 --percentage 0.01 --repeat 29 --epochs 2 --depth 4 --channels 32 --kernel 5"
    " --pool-every 1 --batch-size 64",
    f"{ACROSS} --setting FR --cut 1 --percentage 0.001 --repeat 30 --epochs 2 --depth 2 --channels 16 --batch-size 64"
    " --pretrain-epochs 1",
]


def main():
    reference, data = sys.argv[1:]
    assert os.environ.get("OMP_NUM_THREADS") == "1", "run this with OMP_NUM_THREADS=1"
    cases = []
    for i, arguments in enumerate(CASES):
        command = [sys.executable, reference, "--data", data, "--trace", *arguments.split()]
        row = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        losses = [loss for epoch in row["trace"] for loss in epoch["loss"]][:8]
        kept = {k: row[k] for k in ("train_acc", "test_acc", "epochs")}
        cases.append({"arguments": arguments, **kept, "losses": losses})
        print(i + 1, "of", len(CASES), file=sys.stderr)
    with open(os.path.join(os.path.dirname(__file__), FILES[torch.backends.cpu.get_cpu_capability()]), "w") as file:
        file.write("[\n " + ",\n ".join(map(json.dumps, cases)) + "\n]\n")


main()
