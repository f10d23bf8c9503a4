"""Writes tensors.json: how PyTorch prints tensors, to compare what `cutpoint::notebook::show!` shows for one with.

    python tests/notebook/make.py          (written with PyTorch 2.11)

Each case has a kind (as tch names it), a shape, its numbers, and PyTorch's text. Numbers are a list, or the parameters
of `draw`, which the test has too; those of a complex tensor are real and imaginary parts in turn. They are made as
64-bit numbers and then converted to the kind.
"""
import json
import math
import os

import torch
from torch._tensor_str import _tensor_str

KINDS = {
    "Uint8": torch.uint8, "Int8": torch.int8, "Int16": torch.int16, "Int": torch.int32, "Int64": torch.int64,
    "Half": torch.float16, "BFloat16": torch.bfloat16, "Float": torch.float32, "Double": torch.float64,
    "Float8e5m2": torch.float8_e5m2, "Float8e4m3fn": torch.float8_e4m3fn, "Bool": torch.bool,
    "ComplexFloat": torch.complex64, "ComplexDouble": torch.complex128,
}
WHOLE = {"Uint8", "Int8", "Int16", "Int", "Int64", "Bool"}
INF, NAN = math.inf, math.nan


def draw(count, seed, low, high, powers=(1.0,)):
    """Numbers from [low, high), each times one of some powers of ten."""
    state, numbers = seed, []

    def unit():
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 11) * 2.0**-53

    for _ in range(count):
        number = low + (high - low) * unit()
        numbers.append(number * powers[int(unit() * len(powers))])
    return numbers


def random(seed, low=-1.0, high=1.0, powers=(1.0,)):
    return {"seed": seed, "low": low, "high": high, "powers": list(powers)}


CASES = [
    # One number.
    ("Float", [], [3.14159274]), ("Float", [], [2.0]), ("Double", [], [1e-7]), ("Double", [], [NAN]),
    ("Int64", [], [-7]),
    ("Bool", [], [1]), ("Float", [], [-INF]), ("Float", [], [123456789.0]), ("Half", [], [0.1]),
    ("Double", [], [-0.0]),
    # None.
    ("Float", [0], []), ("Int64", [0], []), ("Float", [2, 0], []), ("Bool", [0, 3, 4], []),
    # Whole numbers.
    ("Int64", [1], [0]), ("Int64", [5], [1, -20, 300, -4000, 50000]), ("Int64", [2], [-(2**63), 2**63 - 1]),
    ("Uint8", [3, 4], random(1, 0, 256)), ("Int8", [2, 3], random(2, -128, 128)),
    ("Int16", [40], random(3, -30000, 30000)),
    ("Int", [2, 3, 4], random(4, -100, 100)), ("Int64", [1000], random(5, 0, 1e6)),
    ("Int64", [1001], random(6, 0, 1e6)),
    ("Int64", [7, 300], random(7, -1000, 1000)), ("Int64", [100], random(8, 0, 10)),
    # Booleans.
    ("Bool", [3], [1, 0, 1]), ("Bool", [2], [0, 0]), ("Bool", [5, 30], random(9, 0, 2)),
    ("Bool", [50, 50], random(10, 0, 2)),
    # Floating point, whole.
    ("Float", [2, 2], [1, 2, 3, 4]), ("Float", [3], [0, 0, 0]), ("Float", [3], [-0.0, 0.0, 1.0]),
    ("Float", [3], [1.0, 1000.0, 1001.0]), ("Float", [2], [1.0, 1e8]), ("Float", [2], [2e8, 3e8]),
    ("Double", [4], [1, NAN, INF, -INF]), ("Float", [2], [NAN, INF]), ("Float", [4], [-5, 100, NAN, 0]),
    # Floating point, with a fraction.
    ("Float", [2, 3], random(11)), ("Double", [3, 3], random(12, -100, 100)),
    ("Double", [4], [0.03125, 0.09375, 0.00015, 0.15625]),
    ("Double", [3], [0.03125, 0.09375, 0.15625]),
    ("Float", [4], [0.5, NAN, INF, -INF]), ("Float", [2], [1e-4, 0.05]), ("Double", [2], [1e-4, 0.05]),
    ("Double", [2], [0.99e-4, 0.05]), ("Float", [3], [0.1, 0.2, 100.0]), ("Double", [2], [0.1, 100.0]),
    ("Double", [2], [0.1, 100.00001]), ("Double", [2], [99999.99995, 100.5]), ("Float", [25], random(13, -10, 10)),
    # Numbers far apart.
    ("Float", [4, 3], random(14, powers=[1e-3, 1.0, 1e3])), ("Double", [12], random(15, powers=[1e-200, 1.0, 1e200])),
    ("Double", [3], [1e-10, NAN, -INF]), ("Float", [3], [1e-45, 1.0, -3.4e38]), ("Double", [2], [100005.0, 1.0]),
    ("Double", [3], [100005.0, 100015.0, 0.0]), ("Double", [2], [9.99995e-5, 1.0]),
    ("Float", [5, 20], random(16, powers=[1e-5, 1e5])),
    # More dimensions, wide and long ones, and those of which only the edges are shown.
    ("Float", [2, 3, 4], random(17)), ("Float", [2, 2, 2, 3], random(18)),
    ("Float", [3, 40], random(19, -1000, 1000)),
    ("Float", [1, 1, 1], [7.5]), ("Float", [1000], random(20)), ("Float", [2000], random(21)),
    ("Float", [100, 100], random(22)),
    ("Float", [6, 200], random(23)), ("Float", [7, 200], random(24)), ("Float", [300, 4], random(25)),
    ("Float", [10, 10, 11], random(26)), ("Float", [8, 3, 8, 8], random(27)),
    ("Double", [30, 40], random(28, powers=[1e-6, 1.0, 1e6])),
    ("Float", [2, 7, 2, 50], random(29, -5, 5)), ("Float", [1001, 1], random(30)), ("Float", [1, 1001], random(31)),
    # Whole at the edges, though not between them.
    ("Float", [1200], [1.0, 2.0, 3.0] + [0.5] * 1194 + [4.0, 5.0, 6.0]),
    # Other precisions.
    ("Half", [2, 3], random(32, -10, 10)), ("Half", [3], [65504.0, 1.0, 6e-8]),
    ("BFloat16", [2, 3], random(33, -10, 10)),
    ("BFloat16", [4], [1e30, -2.5, NAN, 0]), ("Half", [1500], random(34)), ("Float8e5m2", [4], [0.1, 2, -3, 1000]),
    ("Float8e4m3fn", [4], [0.1, 2, -3, 100]),
    # Complex numbers.
    ("ComplexFloat", [3], [1, 2, -3, -4, 0, 0.5]), ("ComplexDouble", [2, 2], random(35, -10, 10)),
    ("ComplexFloat", [], [1.5, -2.0]),
    ("ComplexFloat", [40], random(36)), ("ComplexDouble", [1100], random(37, powers=[1e-4, 1e4])),
    ("ComplexFloat", [2], [NAN, INF, 1, -INF]),
]


def plain(number):
    """JSON has no words for numbers that are not finite."""
    return number if math.isfinite(number) else str(number)


torch.set_grad_enabled(False)
written = []
for kind, shape, numbers in CASES:
    parts = 2 if kind.startswith("Complex") else 1
    count = parts * math.prod(shape)
    values = draw(count, **numbers) if isinstance(numbers, dict) else numbers
    if kind in WHOLE:
        tensor = torch.tensor([math.floor(v) for v in values], dtype=torch.int64).reshape(shape).to(KINDS[kind])
    elif parts == 2:
        tensor = torch.view_as_complex(torch.tensor(values, dtype=torch.float64).reshape(*shape, 2)).to(KINDS[kind])
    else:
        tensor = torch.tensor(values, dtype=torch.float64).reshape(shape).to(KINDS[kind])
    text = f"tensor({_tensor_str(tensor, len('tensor('))})"
    # The private function is what `print` uses, but for what follows the numbers.
    assert str(tensor).startswith(text[:-1])
    if isinstance(numbers, list):
        numbers = [plain(number) for number in numbers]
    written.append({"kind": kind, "shape": shape, "numbers": numbers, "text": text})
with open(os.path.join(os.path.dirname(__file__), "tensors.json"), "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(case) for case in written) + "\n]\n")
print(len(written), "cases")
