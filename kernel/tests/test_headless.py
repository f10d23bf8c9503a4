"""Runs without a reader: nbconvert and nbclient, with their default time-outs. papermill has `test_papermill.py`."""

import json
import pathlib
import subprocess
import sys

import nbformat
import pytest
from conftest import SMALL, KERNEL
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def notebook(*cells):
    book = nbformat.v4.new_notebook()
    book.metadata["kernelspec"] = {"name": KERNEL, "display_name": "Rust (cutpoint)", "language": "rust"}
    book.cells += [nbformat.v4.new_code_cell(cell) for cell in cells]
    return book


def convert(folder, *cells):
    path = pathlib.Path(folder) / "book.ipynb"
    nbformat.write(notebook(*cells), path)
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook", "--inplace", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    return done, nbformat.read(path, as_version=4)


def test_nbconvert_shows_the_final_state_of_progress(tmp_path):
    done, book = convert(tmp_path, SMALL, "let report = Trainer::new(&mut model, &data, params.lr_pretrain, &params)?.train()?;")
    assert done.returncode == 0, done.stderr
    (output,) = [o for o in book.cells[1].outputs if o.output_type == "display_data"]
    assert "2/2 epochs" in output.data["text/plain"]


@pytest.mark.parametrize("cell, sign", [
    ('panic!("on purpose");', "on purpose"),
    ('let n: i32 = "x".parse::<i32>()?;', "invalid digit"),
    ("std::process::exit(1)", "code 1"),
])
def test_an_error_stops_nbconvert(tmp_path, cell, sign):
    done, _ = convert(tmp_path, "1 + 1", cell, "2 + 2")
    assert done.returncode != 0 and sign in done.stderr


def test_nbclient_stops_at_an_error(tmp_path):
    book = notebook("let a = 1;", "a.unwrap()", "a")
    with pytest.raises(CellExecutionError):
        NotebookClient(book, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert book.cells[1].outputs[0].output_type == "error"
    assert not book.cells[2].outputs


def test_the_kernelspec_is_installed_and_removed(tmp_path):
    where = subprocess.run([sys.executable, "-m", "jupyter", "kernelspec", "list", "--json"], capture_output=True, text=True)
    spec = json.loads(where.stdout)["kernelspecs"][KERNEL]
    assert spec["spec"]["display_name"] == "Rust (cutpoint)" and spec["spec"]["interrupt_mode"] == "message"
    program = spec["spec"]["argv"][0]
    folder = tmp_path / "share/jupyter/kernels/cutpoint"
    for command in ("install", "uninstall"):
        subprocess.run([program, command, "--prefix", str(tmp_path)], check=True)
        assert (folder / "logo-64x64.png").exists() == (command == "install")
    assert subprocess.run([program, "uninstall", "--prefix", str(tmp_path)], capture_output=True).returncode == 1
