"""Makes recipes.json: what PyTorch's optimizers, schedules, clipping and smoothed labels give.

    python make.py

Two parameters go down (p x - y) x for 30 epochs of ten steps, with x and y drawn anew for each step from one generator.
Gradients are set by hand, number by number, so that no order of a sum can differ between processors.
"""
import json
from pathlib import Path

import torch
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, OneCycleLR, SequentialLR, StepLR

EPOCHS, STEPS, RATE = 30, 10, 0.05
CASES = [
    {"optimizer": "sgd"},
    {"optimizer": "sgd:0.9", "weight_decay": 0.001},
    {"optimizer": "nesterov:0.9", "weight_decay": 0.01},
    {"optimizer": "adam"},
    {"optimizer": "adam", "weight_decay": 0.01},
    {"optimizer": "adamw", "weight_decay": 0.05},
    {"optimizer": "adamw", "weight_decay": 0.05, "schedule": "cosine"},
    {"optimizer": "adamw", "schedule": "cosine", "warm_up": 5},
    {"optimizer": "sgd:0.9", "schedule": "step:7:0.3"},
    {"optimizer": "sgd", "schedule": "step:7:0.3", "warm_up": 4},
    {"optimizer": "adam", "warm_up": 6},
    {"optimizer": "sgd:0.9", "schedule": "one-cycle"},
    {"optimizer": "adam", "schedule": "one-cycle", "block_decay": 0.8},
    {"optimizer": "sgd:0.9", "clip": 0.5, "block_decay": 0.5},
]


def optimizer(case, groups):
    name, _, momentum = case["optimizer"].partition(":")
    decay = case.get("weight_decay", 0)
    if name == "adam":
        return Adam(groups, lr=RATE, weight_decay=decay)
    if name == "adamw":
        return AdamW(groups, lr=RATE, weight_decay=decay)
    return SGD(groups, lr=RATE, momentum=float(momentum or 0), nesterov=name == "nesterov", weight_decay=decay)


def scheduler(case, it):
    name, *numbers = case.get("schedule", "constant").split(":")
    warm_up = case.get("warm_up", 0)
    if name == "one-cycle":
        return OneCycleLR(it, [g["lr"] for g in it.param_groups], total_steps=EPOCHS * STEPS)
    main = None
    if name == "step":
        main = StepLR(it, int(numbers[0]), float(numbers[1]))
    if name == "cosine":
        main = CosineAnnealingLR(it, EPOCHS - warm_up)
    if not warm_up:
        return main
    first = LinearLR(it, 1 / 3, total_iters=warm_up)
    return SequentialLR(it, [first, main], [warm_up]) if main else first


def run(case):
    generator = torch.Generator().manual_seed(5)
    draw = lambda n: torch.empty(n).uniform_(-1, 1, generator=generator)
    parameters = [draw(37).requires_grad_(), draw(11).requires_grad_()]
    decay = case.get("block_decay", 1.0)
    it = optimizer(case, [{"params": [parameters[0]], "lr": RATE * decay}, {"params": [parameters[1]], "lr": RATE}])
    rates = scheduler(case, it)
    seen = []
    for _ in range(EPOCHS):
        for _ in range(STEPS):
            with torch.no_grad():
                for p in parameters:
                    x, y = draw(p.numel()), draw(p.numel())
                    p.grad = (p * x - y) * x
            if "clip" in case:
                torch.nn.utils.clip_grad_norm_(parameters, case["clip"])
            it.step()
            if case.get("schedule") == "one-cycle":
                rates.step()
        seen.append(it.param_groups[0]["lr"])
        if rates and case.get("schedule") != "one-cycle":
            rates.step()
    return {**case, "rates": seen, "parameters": [p.tolist() for p in parameters]}


def smoothed():
    generator = torch.Generator().manual_seed(9)
    logits = torch.empty(6, 5).uniform_(-3, 3, generator=generator).requires_grad_()
    loss = torch.nn.CrossEntropyLoss(label_smoothing=0.1)(logits, torch.arange(6) % 5)
    loss.backward()
    return {"loss": loss.item(), "gradients": logits.grad.flatten().tolist()}


torch.set_num_threads(1)
cases = [run(case) for case in CASES]
text = json.dumps({"cases": cases, "smoothed": smoothed()}, separators=(",", ":"))
(Path(__file__).parent / "recipes.json").write_text(text.replace('{"optimizer"', '\n{"optimizer"') + "\n")
