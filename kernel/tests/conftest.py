"""What the kernel's tests share: kernels to talk to, and the messages of one cell."""

import dataclasses
import os
import pathlib
import re
import time

import pytest
from jupyter_client.manager import KernelManager

KERNEL = "cutpoint"
# A first cell waits for the kernel to get ready; the machine may be busy with other tests.
TIMEOUT = 120


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: builds crates; left out by -m 'not slow'")


@dataclasses.dataclass
class Cell:
    """What one cell published, and its reply."""

    messages: list
    reply: dict
    seconds: float

    @property
    def status(self):
        return self.reply["content"]["status"]

    def of(self, *kinds):
        return [m["content"] for m in self.messages if m["msg_type"] in kinds]

    @property
    def kinds(self):
        return [m["msg_type"] for m in self.messages if m["msg_type"] not in ("status", "execute_input")]

    def text(self, name="stdout"):
        return "".join(c["text"] for c in self.of("stream") if c["name"] == name)

    @property
    def value(self):
        return self.of("execute_result")[0]["data"]["text/plain"]

    @property
    def error(self):
        (error,) = self.of("error")
        return error


class Kernel:
    """A running kernel and a client of it."""

    def __init__(self, name=KERNEL, patience=30, **arguments):
        self.manager = KernelManager(kernel_name=name)
        self.manager.start_kernel(**arguments)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=patience)

    @property
    def pid(self):
        return self.manager.provisioner.pid

    def submit(self, code, **arguments):
        return self.client.execute(code, **arguments), time.monotonic()

    def collect(self, sent, timeout=TIMEOUT):
        ident, start = sent
        messages = []
        while True:
            message = self.client.get_iopub_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") != ident:
                continue
            messages.append(message)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
        seconds = time.monotonic() - start
        while True:
            reply = self.client.get_shell_msg(timeout=timeout)
            if reply["parent_header"].get("msg_id") == ident:
                return Cell(messages, reply, seconds)

    def run(self, code, timeout=TIMEOUT, **arguments):
        return self.collect(self.submit(code, **arguments), timeout)

    def wait_for(self, text, timeout=TIMEOUT):
        """Waits until a cell has printed or shown a text."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            message = self.client.get_iopub_msg(timeout=timeout)
            if text in str(message["content"]) and message["msg_type"] != "execute_input":
                return message
        raise TimeoutError(text)

    def interrupt(self):
        self.manager.interrupt_kernel()

    def close(self):
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=False)


@pytest.fixture(scope="module")
def kernel():
    kernel = Kernel()
    yield kernel
    kernel.close()


@pytest.fixture
def fresh_kernel():
    """A kernel that a test may destroy."""
    kernels = []

    def start(**arguments):
        kernels.append(Kernel(**arguments))
        return kernels[-1]

    yield start
    for kernel in kernels:
        kernel.close()


def plain(traceback):
    """A traceback as text, without colours."""
    return re.sub("\x1b\\[[0-9;]*m", "", "\n".join(traceback))


def descendants(pid):
    """The processes below one, by /proc."""
    found, waiting = [], [pid]
    while waiting:
        for task in pathlib.Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            children = [int(child) for child in task.read_text().split()]
            found += children
            waiting += children
    return found


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def home():
    """Where kernels keep their working folders."""
    named = os.environ.get("CUTPOINT_KERNEL_HOME")
    if named:
        return [pathlib.Path(named)]
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    return list((cache / "cutpoint-kernel").iterdir())


SMALL = """
let params = Params { depth: 3, num_channels: 8, num_train: 2, device: Device::Cpu, ..Params::default() };
let mut data = TransferLearningWrapper::new(&params, GLYPHS, GLYPHS, "data")?;
let mut model = CustomCnn::new(&params, data.output_dim(), data.input_shape())?;
"""
