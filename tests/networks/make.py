"""Makes networks.json: what torchvision's networks give, and one training step's gradients.

    python make.py [--save FOLDER | --lite FILE]

Needs torch 2.11 and torchvision 0.26, and `efficientnet-lite-pytorch` from PyPI for the Lite networks. Weights are drawn
name by name, in the names' order, from one generator, so that the test can draw them too. Dropout is off. With --save,
networks with torchvision's own random weights are written to FOLDER with what they give, for the test that looks there.
With --lite, lite0.json is made instead: what EfficientNet-Lite0 gives with the ImageNet weights of FILE.
"""
import json
import sys
from pathlib import Path

import torch
import torchvision
from efficientnet_lite_pytorch import EfficientNet

SIDE, CLASSES, IMAGES = 64, 10, 4
NAMES = ["vgg11", "vgg11_bn", "vgg16", "vgg16_bn", "resnet18", "resnet34", "resnet50", "mobilenet_v2",
         "efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"]


def network(name):
    if name.startswith("efficientnet_lite"):
        model = EfficientNet.from_name(name.replace("_", "-"), num_classes=CLASSES, image_size=SIDE, drop_connect_rate=0)
    else:
        model = getattr(torchvision.models, name)(num_classes=CLASSES)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


def fill(model, generator):
    state = model.state_dict()
    for name in sorted(state):
        tensor = state[name]
        if name.endswith("num_batches_tracked"):
            tensor.zero_()
        elif tensor.dim() >= 2:
            bound = (6 / tensor[0].numel()) ** 0.5
            tensor.uniform_(-bound, bound, generator=generator)
        elif name.endswith("running_var") or name.endswith("weight"):
            tensor.uniform_(0.5, 1.5, generator=generator)
        else:
            tensor.uniform_(-0.1, 0.1, generator=generator)


def seen(gradient, generator):
    """Its norm, and the sum of its elements, each times a random number, three times: a gradient with other elements, or
    with the same ones in other places, has other sums."""
    matrix = gradient.reshape(len(gradient), -1)
    sums = []
    for _ in range(3):
        left, right = (torch.empty(n).uniform_(-1, 1, generator=generator).double() for n in matrix.shape)
        sums.append((left @ matrix @ right).item())
    return [gradient.norm().item(), *sums]


def given(model, images):
    """Logits, and the loss, gradients and statistics of one training step."""
    model.eval()
    with torch.no_grad():
        logits = model(images)
    model.train()
    loss = torch.nn.functional.cross_entropy(model(images), torch.arange(IMAGES))
    loss.backward()
    generator = torch.Generator().manual_seed(2)
    gradients = {n: seen(p.grad.double(), generator) for n, p in sorted(model.named_parameters())}
    statistics = {n: b.double().mean().item() for n, b in model.named_buffers()}
    return {"logits": logits.tolist(), "loss": loss.item(), "gradients": gradients, "statistics": statistics}


def lite(file):
    model = EfficientNet.from_name("efficientnet-lite0", image_size=96)
    model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    model.eval()
    images = torch.empty(2, 3, 96, 96).uniform_(-2, 2, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits = model(images)
    out = {"logits": logits[:, :20].tolist(), "largest": logits.max(1).indices.tolist(),
           "sums": logits.double().sum(1).tolist()}
    (Path(__file__).parent / "lite0.json").write_text(json.dumps(out) + "\n")


def main():
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["--lite"]:
        return lite(sys.argv[2])
    folder = Path(sys.argv[2]) if sys.argv[1:2] == ["--save"] else None
    out = {}
    for name in NAMES:
        torch.manual_seed(0)
        model = network(name)
        generator = torch.Generator().manual_seed(1)
        images = torch.empty(IMAGES, 3, SIDE, SIDE).uniform_(-2, 2, generator=generator)
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            torch.save(model.state_dict(), folder / f"{name}.pth")
        else:
            fill(model, generator)
        out[name] = given(model, images)
    path = folder or Path(__file__).parent
    (path / "networks.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")


main()
