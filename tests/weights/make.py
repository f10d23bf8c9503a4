"""Writes files of weights in the forms that torch.save has had since PyTorch 1.0, and expected.json: the numbers in each,
as PyTorch 2.11 reads them, or what is said of a file that is refused. Run it in this folder to make them anew."""

import argparse
import collections
import json
import pathlib
import pickle
import types
import zipfile

import torch

# The old container holds the source of every class in a pickled model, and the path of its file. Here both are of a
# model's own file, and short.
torch.serialization.get_source_lines_and_file = lambda of: ([f"class {of.__name__}:\n", "    ...\n"], 1, "net.py")

torch.manual_seed(0)
OLD = {"_use_new_zipfile_serialization": False}


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv0 = torch.nn.Conv2d(1, 2, 3)
        self.norm = torch.nn.BatchNorm2d(2)
        self.register_buffer("whole", torch.tensor([1, -2, 3], dtype=torch.int32))
        self.register_buffer("short", torch.tensor([-5], dtype=torch.int16))
        self.register_buffer("byte", torch.tensor([250, 7], dtype=torch.uint8))
        self.register_buffer("truth", torch.tensor([True, False]))

    def forward(self, x):
        return self.norm(self.conv0(x))


net = Net()
state = net.state_dict()
plain = collections.OrderedDict((k, v) for k, v in state.items() if v.is_floating_point())
table = torch.randn(5, 6)
shared = {
    "all": table, "part": table[1:3, 2:5], "turned": table.t(), "steps": table[::2, ::3], "one": table.view(-1)[7],
    "spread": torch.ones(1).expand(3, 4), "none": torch.empty(0, 3), "last": torch.randn(1, 2, 2, 2).to(memory_format=torch.channels_last),
}
optimizer = torch.optim.Adam(net.parameters())
full = {
    "epoch": 3, "args": argparse.Namespace(lr=0.1, names=["a", None, True]), "state_dict": plain,
    "optimizer": optimizer.state_dict(), "large": 1 << 80, "size": torch.Size([1, 2]), "best": torch.tensor(0.5),
    "device": torch.device("cpu"), "kind": torch.float16, "set": {1, 2}, "bytes": b"x",
}
FILES = {
    "new": (state, {}), "old": (state, OLD), "keep-vars": (net.state_dict(keep_vars=True), {}), "dictionary": (dict(plain), {}),
    "shared": (shared, {}), "shared-old": (shared, OLD),
    "full": (full, {}), "full-old": (full, OLD), "nested": ({"checkpoint": {"model": plain}}, {}),
    "model": ({"model": plain}, {}), "model_state_dict": ({"epoch": 1, "model_state_dict": plain}, {}),
    "parallel": ({"module." + k: v for k, v in plain.items()}, {}),
    "parallel-old": ({"state_dict": {"module." + k: v for k, v in plain.items()}}, OLD),
    "whole": (net, {}), "whole-old": (net, OLD), "whole-model": ({"model": net}, {}),
    "complex": ({"a": torch.ones(2, dtype=torch.complex64)}, {}), "tensor": (table, {}), "list": ([table], {}),
}
for name in ("half", "bfloat16", "double"):
    FILES[name] = ({k: getattr(v, name)() for k, v in plain.items()}, {})
    FILES[name + "-old"] = (FILES[name][0], OLD)
for protocol in (1, 3, 4, 5):
    FILES[f"protocol{protocol}"] = (plain, {"pickle_protocol": protocol})
    FILES[f"protocol{protocol}-old"] = (plain, {"pickle_protocol": protocol, **OLD})
REFUSED = {
    "whole": "torch.save(model.state_dict()", "whole-old": "torch.save(model.state_dict()",
    "whole-model": "under model", "complex": "ComplexFloat", "tensor": "a tensor, not a dictionary", "list": "a list, not",
}

expected = {}


def expect(name, tensors):
    tensors = {k.removeprefix("module."): v for k, v in tensors.items() if isinstance(v, torch.Tensor)}
    expected[name] = {k: [list(v.shape), v.double().flatten().tolist()] for k, v in tensors.items()}


for name, (value, options) in FILES.items():
    torch.save(value, name + ".pth", **options)
    if name in REFUSED:
        expected[name] = REFUSED[name]
        continue
    read = torch.load(name + ".pth", weights_only=False)
    for key in ("checkpoint", "state_dict", "model", "model_state_dict"):
        read = read[key] if key in read else read
    expect(name, read)



class Python2(pickle.Pickler):
    """Writes an ordered dictionary as Python 2 did: the class, called with a list of pairs."""

    dispatch_table = {collections.OrderedDict: lambda d: (collections.OrderedDict, ([[k, v] for k, v in d.items()],))}


python2 = types.SimpleNamespace(**{**vars(pickle), "Pickler": Python2, "__name__": "python2"})
torch.save(plain, "python2-old.pth", pickle_module=python2, **OLD)
expect("python2-old", torch.load("python2-old.pth"))

torch.serialization.set_crc32_options(False)
torch.save(plain, "unchecked.pth")
torch.serialization.set_crc32_options(True)
expect("unchecked", plain)


class Held(torch.nn.Module):
    """Some of a network's tensors, and no code beside them."""

    def __init__(self, tensors):
        super().__init__()
        for name in dict.fromkeys(name.split(".")[0] for name in tensors if "." in name):
            below = {key.removeprefix(name + "."): value for key, value in tensors.items() if key.startswith(name + ".")}
            self.add_module(name, Held(below))
        for name, value in tensors.items():
            if "." not in name:
                self.register_buffer(name, value)

    def forward(self, x):
        return x


# A script's file has the source that it was made of, with paths, in entries for debugging.
torch.jit.script(Held(state)).save("with-source.pth")
with zipfile.ZipFile("with-source.pth") as source, zipfile.ZipFile("script.pth", "w", zipfile.ZIP_STORED) as target:
    for name in source.namelist():
        if not name.endswith(".debug_pkl"):
            target.writestr(name.replace("with-source/", "script/", 1), source.read(name))
pathlib.Path("with-source.pth").unlink()
expect("script", state)
source = zipfile.ZipFile("new.pth")
with zipfile.ZipFile("deflated.pth", "w", zipfile.ZIP_DEFLATED) as target:
    for name in source.namelist():
        target.writestr(name, source.read(name))
expect("deflated", state)
sizes = [v.element_size() for v in state.values()]
with zipfile.ZipFile("big.pth", "w", zipfile.ZIP_STORED) as target:
    for name in source.namelist():
        blob = source.read(name)
        if "/data/" in name:
            size = sizes[int(name.rsplit("/", 1)[1])]
            blob = b"".join(blob[i : i + size][::-1] for i in range(0, len(blob), size))
        target.writestr(name, b"big" if name.endswith("/byteorder") else blob)
expect("big", state)
json.dump(expected, open("expected.json", "w"), indent=0)
