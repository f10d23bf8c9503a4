"""Writes pytorch.pth: a small network's weights as PyTorch saves those of a network on a GPU.

    python tests/weights/make.py          (written with PyTorch 2.11)

Two convolutions of two channels and a linear layer of three classes. The numbers of each tensor count up in quarters;
fc.weight is stored transposed, and both biases of the convolutions lie in one storage, as views of it.
"""
import collections
import os

import torch


def quarters(*shape):
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float32).div(4).reshape(shape)


biases = torch.cat([torch.full((3,), -1.0), quarters(2), quarters(2)])
state = collections.OrderedDict([
    ("conv0.weight", quarters(2, 1, 3, 3)),
    ("conv0.bias", biases[3:5]),
    ("conv1.weight", quarters(2, 2, 3, 3)),
    ("conv1.bias", biases[5:7]),
    ("fc.weight", quarters(3, 8).t().contiguous().t()),
    ("fc.bias", quarters(3)),
])
# What a file says of the device; the numbers are stored in the same way.
torch.serialization.location_tag = lambda storage: "cuda:0"
torch.save(state, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pytorch.pth"))
