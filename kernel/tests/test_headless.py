"""Runs without a reader: nbconvert, nbclient and papermill, with their default time-outs."""

import json
import pathlib
import subprocess
import sys

import nbformat
import papermill
import pytest
from conftest import SMALL, KERNEL
from cutpoint_papermill import RustTranslator
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def notebook(*cells, parameters=None):
    book = nbformat.v4.new_notebook()
    book.metadata["kernelspec"] = {"name": KERNEL, "display_name": "Rust (cutpoint)", "language": "rust"}
    if parameters:
        book.cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
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


VALUES = {
    "flag": True,
    "count": -3,
    "big": 2**63,
    "rate": 1e-3,
    "name": 'say "hi" \\ é\n',
    "classes": [0, 1, 2],
    "mixed": [1, 2.5],
    "nothing": None,
    "table": {"a": 1.5, "b": 2.0},
    "nested": [[1], [2, 3]],
    "empty": [],
}


def test_papermill_passes_parameters_of_every_kind(tmp_path):
    lines = [f'println!("{name} {{:?}}", {name});' for name in VALUES]
    nbformat.write(notebook("\n".join(lines), parameters="let flag = false;"), tmp_path / "in.ipynb")
    book = papermill.execute_notebook(tmp_path / "in.ipynb", tmp_path / "out.ipynb", parameters=VALUES, progress_bar=False)
    printed = dict(line.split(" ", 1) for line in book.cells[-1].outputs[0].text.splitlines())
    assert printed == {
        "flag": "true",
        "count": "-3",
        "big": str(2**63),
        "rate": "0.001",
        "name": '"say \\"hi\\" \\\\ é\\n"',
        "classes": "[0, 1, 2]",
        "mixed": "[1.0, 2.5]",
        "nothing": "None",
        "table": '{"a": 1.5, "b": 2.0}',
        "nested": "[[1], [2, 3]]",
        "empty": "[]",
    }


def test_papermill_stops_at_an_error(tmp_path):
    nbformat.write(notebook('panic!("on purpose");'), tmp_path / "in.ipynb")
    with pytest.raises(papermill.PapermillExecutionError):
        papermill.execute_notebook(tmp_path / "in.ipynb", tmp_path / "out.ipynb", progress_bar=False)


def test_values_become_rust():
    assert RustTranslator.translate(float("inf")) == "f64::INFINITY"
    assert RustTranslator.declare("x", [1, "a"]) == (
        'let x: Vec<String> = Vec::<String>::from([String::from("1"), String::from("a")]);'
    )
    assert RustTranslator.declare("x", [1, None]) == "let x: Vec<Option<i64>> = Vec::<Option<i64>>::from([Some(1i64), None]);"
    assert RustTranslator.translate("a\x01") == 'String::from("a\\u{1}")'


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


def test_papermill_knows_the_parameters_of_a_cell():
    cell = {"source": '// Size.\nlet profile = "cpu";\nlet mut depth: Vec<i64> = vec![1, 2]; // of the network\nlet x = f(1);'}
    found = [(p.name, p.inferred_type_name, p.default, p.help) for p in RustTranslator.inspect(cell)]
    assert found == [
        ("profile", "None", '"cpu"', ""),
        ("depth", "Vec<i64>", "vec![1, 2]", "of the network"),
        ("x", "None", "f(1)", ""),
    ]
