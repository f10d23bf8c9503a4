"""How long the kernel takes, as medians of five, and what it needs of memory and disk.

    python kernel/tests/times.py [REPEATS]

Where the stock evcxr_jupyter is on the path it is measured as well, with the same crate preloaded.
"""

import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))

from conftest import Kernel, descendants, home  # noqa: E402

FIRST = """let params = Params { depth: 3, num_channels: 8, device: Device::Cpu, ..Params::default() };
let model = CustomCnn::new(&params, 5, [1, 28, 28])?;"""
LATER = ["let a = 5;", "a + 1", "let v: Vec<f64> = (0..10).map(f64::from).collect();", "v.len()", "println!(\"{}\", v[3]);"]


def proportional_memory(pid):
    """Memory in MB, shared pages counted by their share."""
    with open(f"/proc/{pid}/smaps_rollup") as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


def disk(folder):
    """MB of a folder: all, and what it does not share with another by links."""
    whole = own = 0
    for path in pathlib.Path(folder).rglob("*"):
        if path.is_file() and not path.is_symlink():
            stat = path.stat()
            whole += stat.st_blocks * 512
            own += stat.st_blocks * 512 if stat.st_nlink == 1 else 0
    return whole / 1e6, own / 1e6


def measure(start, rounds, on_idle=None):
    rows = {name: [] for name in ("kernel_info", "first result of 1+1", "first Params and CustomCnn", "later cells")}
    for _ in range(rounds):
        begin = time.monotonic()
        kernel = start()
        rows["kernel_info"].append(time.monotonic() - begin)
        cell = kernel.run("1+1", timeout=600)
        assert cell.value == "2", cell.reply
        rows["first result of 1+1"].append(time.monotonic() - begin)
        cell = kernel.run(FIRST, timeout=600)
        assert cell.status == "ok", cell.error
        rows["first Params and CustomCnn"].append(cell.seconds)
        rows["later cells"].append(statistics.median(kernel.run(code).seconds for code in LATER))
        if on_idle:
            on_idle(kernel)
            on_idle = None
        kernel.close()
    for name, values in rows.items():
        print(f"  {name:28} median {statistics.median(values):6.2f} s   of {', '.join(f'{v:.2f}' for v in values)}")


def needs(kernel):
    processes = [kernel.pid, *descendants(kernel.pid)]
    print(f"  memory of an idle kernel     {sum(map(proportional_memory, processes)):6.0f} MB in {len(processes)} processes")
    for folder in (found for h in home() for found in (h / "kernels").glob(f"{kernel.pid}@*")):
        if folder.exists():
            whole, own = disk(folder)
            print(f"  its working folder           {own:6.0f} MB of its own, {whole - own:.0f} MB shared with the prepared one")


def stock(folder):
    """Starts the stock kernel in the same way, its working folder kept between starts."""
    source = pathlib.Path(__file__).resolve().parents[2]
    config = folder / "config"
    config.mkdir()
    (config / "init.evcxr").write_text(f':dep cutpoint = {{ path = "{source}" }}\n')
    (config / "prelude.rs").write_text("use cutpoint::prelude::*;\n")
    env = dict(os.environ, EVCXR_CONFIG_DIR=str(config), EVCXR_TMPDIR=str(folder / "work"), JUPYTER_PATH=str(folder))
    torch = os.path.join(os.environ["LIBTORCH"], "lib")
    env["LD_LIBRARY_PATH"] = ":".join(filter(None, [torch, os.environ.get("LD_LIBRARY_PATH")]))
    subprocess.run(["evcxr_jupyter", "--install"], env=env, check=True, capture_output=True)
    os.environ["JUPYTER_PATH"] = str(folder)
    return lambda: Kernel(name="rust", patience=900, env=env)


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(f"cutpoint-kernel (load of the machine {os.getloadavg()[0]:.1f})")
    measure(Kernel, rounds, needs)
    if shutil.which("evcxr_jupyter") and os.environ.get("LIBTORCH"):
        with tempfile.TemporaryDirectory() as folder:
            start = stock(pathlib.Path(folder))
            start().close()
            print("evcxr_jupyter, its working folder kept")
            measure(start, rounds)
    else:
        print("evcxr_jupyter is not on the path (or LIBTORCH is not set): not measured")
