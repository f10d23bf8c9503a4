"""papermill's parameters: they take the types of the defaults that they replace, or are refused before any cell runs."""

import json
import math
import subprocess
import sys

import nbformat
import papermill
import pytest
from conftest import KERNEL
from cutpoint_jupyter.parameters.engine import KEYWORDS, ParameterError, RustEngine, RustTranslator
from papermill.parameterize import parameterize_notebook


def notebook(*cells, parameters=None, language="rust"):
    book = nbformat.v4.new_notebook()
    book.metadata["kernelspec"] = {"name": KERNEL, "display_name": "Rust (cutpoint)", "language": language}
    book.metadata["papermill"] = {}
    if parameters is not None:
        book.cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    book.cells += [nbformat.v4.new_code_cell(cell, metadata={"tags": []}) for cell in cells]
    return book


def injected(cell, **parameters):
    """What papermill writes behind a cell of parameters, without its heading."""
    book = parameterize_notebook(notebook(parameters=cell), parameters)
    (written,) = [c for c in book.cells if "injected-parameters" in c.metadata.get("tags", [])]
    return written.source.split("\n", 1)[1].rstrip("\n")


def refused(cell, **parameters):
    with pytest.raises(ParameterError) as error:
        injected(cell, **parameters)
    return str(error.value)


MAP = "std::collections::BTreeMap"

# A default, a value, and what is injected.
TAKEN = [
    ("let x: usize = 3;", 5, "let x: usize = 5;"),
    ("let x = 3usize;", 5, "let x: usize = 5;"),
    ("let x = 3;", 5, "let x: i32 = 5;"),
    ("let x = -3;", -5, "let x: i32 = -5;"),
    ("let x = 0xff_u64;", 2**64 - 1, f"let x: u64 = {2**64 - 1};"),
    ("let x: i32 = 3;", -(2**31), "let x: i32 = -2147483648;"),
    ("let x: u8 = 3;", 255, "let x: u8 = 255;"),
    ("let x: u8 = 3;", 7.0, "let x: u8 = 7;"),
    ("let x = b'a';", 7, "let x: u8 = 7;"),
    ("let x = 2 * 1_000u64;", 7, "let x: u64 = 7;"),
    ("let x = 3 as u16;", 7, "let x: u16 = 7;"),
    ("let x = usize::MAX;", 7, "let x: usize = 7;"),
    ('let x = "3".parse::<u32>()?;', 7, "let x: u32 = 7;"),
    ("let x = 1e-3;", 3, "let x: f64 = 3.0;"),
    ("let x = 1.;", 1e-7, "let x: f64 = 1e-07;"),
    ("let x: f32 = 0.5;", 0.25, "let x: f32 = 0.25;"),
    ("let x = 0.5_f32;", math.inf, "let x: f32 = f32::INFINITY;"),
    ("let x = f64::INFINITY;", -math.inf, "let x: f64 = f64::NEG_INFINITY;"),
    ("let x = std::f64::consts::PI;", math.nan, "let x: f64 = f64::NAN;"),
    ("let x = 0.1f32.sqrt();", 2, "let x: f32 = 2.0;"),
    ("let x = false;", True, "let x: bool = true;"),
    ("let x = 1 < 2;", False, "let x: bool = false;"),
    ("let x = 'a';", "é", "let x: char = 'é';"),
    ("let x = '\\'';", "'", "let x: char = '\\'';"),
    ('let x = "cpu";', 'say "hi"\n', 'let x: &str = "say \\"hi\\"\\n";'),
    ('let x: &\'static str = r#"a"b"#;', "\u202e", 'let x: &\'static str = "\\u{202e}";'),
    ('let x = String::from("a");', "b", 'let x: String = String::from("b");'),
    ('let x = "a".to_string();', "b", 'let x: String = String::from("b");'),
    ('let x = "a".to_owned();', "b", 'let x: String = String::from("b");'),
    ('let x = format!("{}", 1);', "b", 'let x: String = String::from("b");'),
    ('let x: std::path::PathBuf = "a".into();', "b", 'let x: std::path::PathBuf = std::path::PathBuf::from("b");'),
    ('let x = PathBuf::from("a");', "b", 'let x: std::path::PathBuf = std::path::PathBuf::from("b");'),
    ('let x = std::path::Path::new("a");', "b", 'let x: &std::path::Path = std::path::Path::new("b");'),
    ("let x = vec![1, 2];", [3], "let x: Vec<i32> = vec![3];"),
    ("let x = vec![1, 2u8];", [], "let x: Vec<u8> = vec![];"),
    ("let x = vec![0.5; 3];", [1, 2], "let x: Vec<f64> = vec![1.0, 2.0];"),
    ('let x = vec!["a"];', ["b"], 'let x: Vec<&str> = vec!["b"];'),
    ("let x = Vec::<u8>::new();", [1], "let x: Vec<u8> = vec![1];"),
    ("let x: Vec<Vec<f32>> = vec![];", [[1], []], "let x: Vec<Vec<f32>> = vec![vec![1.0], vec![]];"),
    ("let x = [0.5f32; 2];", [1, 2], "let x: [f32; 2] = [1.0, 2.0];"),
    ("let x: [usize; 2] = [1, 2];", [3, 4], "let x: [usize; 2] = [3, 4];"),
    ("let x: &[usize] = &[1, 2];", [3], "let x: &[usize] = &[3];"),
    ("let x = &[1, 2];", [3, 4], "let x: &[i32; 2] = &[3, 4];"),
    ("let x = Some(3);", None, "let x: Option<i32> = None;"),
    ("let x: Option<f64> = None;", 3, "let x: Option<f64> = Some(3.0);"),
    ("let x = None::<u8>;", 3, "let x: Option<u8> = Some(3);"),
    ("let x = Option::<u8>::None;", 3, "let x: Option<u8> = Some(3);"),
    ("let x = vec![None, Some(1)];", [None, 2], "let x: Vec<Option<i32>> = vec![None, Some(2)];"),
    ('let x = (1u8, "a");', [2, "b"], 'let x: (u8, &str) = (2, "b");'),
    ("let x = (1,);", [2], "let x: (i32,) = (2,);"),
    (
        "let x: HashMap<String, f64> = HashMap::new();",
        {"a": 1},
        'let x: HashMap<String, f64> = std::collections::HashMap::from([(String::from("a"), 1.0)]);',
    ),
    ('let x = BTreeMap::from([("a", 1)]);', {"b": 2}, f'let x: {MAP}<&str, i32> = {MAP}::from([("b", 2)]);'),
    (f"let x: {MAP}<u8, f32> = {MAP}::new();", {"7": 1}, f"let x: {MAP}<u8, f32> = {MAP}::from([(7, 1.0)]);"),
    (
        "let x = std::collections::HashSet::from([1u8]);",
        [2],
        "let x: std::collections::HashSet<u8> = std::collections::HashSet::from([2]);",
    ),
    ("let mut x = 3u8;", 5, "let mut x: u8 = 5;"),
    ("let x: usize;", 5, "let x: usize = 5;"),
    ("let (x, y): (u8, f32) = (1, 2.0);", 5, "let x: u8 = 5;"),
    ("let (y, mut x) = (1, 2.0);", 5, "let mut x: f64 = 5.0;"),
    ("const x: usize = 3;", 5, "const x: usize = 5;"),
]


@pytest.mark.parametrize("cell, value, expected", TAKEN)
def test_a_value_takes_the_type_of_its_default(cell, value, expected):
    assert injected(cell, x=value) == expected


def test_rustc_gives_the_default_and_the_value_the_same_type(tmp_path):
    kind = "std::any::type_name_of_val(&x)"
    pairs = [(cell, expected) for cell, _, expected in TAKEN if "=" in cell]
    checks = [f"assert_eq!({{ {cell} {kind} }}, {{ {expected} {kind} }});" for cell, expected in pairs]
    checks += [f"{{ {RustTranslator.declare('x', value)} }}" for value in VALUES.values()]
    body = "\n".join(checks)
    source, program = tmp_path / "main.rs", tmp_path / "main"
    source.write_text(
        "use std::{collections::*, path::PathBuf};\n"
        f"fn main() -> Result<(), Box<dyn std::error::Error>> {{\n{body}\nOk(())\n}}\n"
    )
    command = ["rustc", "--edition", "2021", "-A", "warnings", "-o", program, source]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


# A default, a value, and what the message says of it.
NOT_TAKEN = [
    ("let x = 3usize;", -1, "expected usize (0 to 2^64 - 1), found -1"),
    ("let x: u8 = 3;", 300, "expected u8 (0 to 255), found 300"),
    ("let x = 3;", 2**31, "expected i32 (-2147483648 to 2147483647), found 2147483648; the default is `3`"),
    ("let x: i64 = 3;", 2**63, "expected i64 (-2^63 to 2^63 - 1), found 9223372036854775808"),
    ("let x: i32 = 3;", 2.5, "found 2.5"),
    ("let x: i32 = 3;", math.nan, "found nan"),
    ("let x: i32 = 3;", True, "found True"),
    ("let x: i32 = 3;", "3", 'found "3"'),
    ("let x: i32 = 3;", None, "found None"),
    ("let x: i32 = 3;", [3], "found a list of 1"),
    ("let x = 1e-3;", "fast", 'expected f64, found "fast"'),
    ("let x = 1e-3;", True, "expected f64, found True"),
    ("let x = 1e-3;", 10**400, "which is too large"),
    ("let x: f32 = 1e-3;", 1e39, "expected f32, found 1e+39, which is too large"),
    ("let x = true;", 1, "expected bool, found 1"),
    ("let x = true;", "false", "papermill's command line knows True and False"),
    ("let x = 'a';", "ab", 'expected char, a text of one character, found "ab"'),
    ('let x = "cpu";', 3, "expected &str, found 3 (papermill's option -r passes values as text)"),
    ('let x = "cpu";', None, "expected &str, found None"),
    ('let x = "cpu".to_string();', ["a"], "expected String, found a list of 1"),
    ('let x = "cpu";', "\ud800", "expected &str"),
    ("let x = [1, 2];", [1], "expected [i32; 2], found a list of 1"),
    ("let x = &[1, 2];", [1], "expected [i32; 2], found a list of 1"),
    ("let x = vec![1u8];", 1, "expected Vec<u8>, found 1"),
    ("let x = vec![1u8];", {"a": 1}, "expected Vec<u8>, found a dictionary"),
    ("let x = (1, 2);", [1, 2, 3], "expected (i32, i32), a list of 2, found a list of 3"),
    ("let x = Some(3u8);", -1, "expected u8 (0 to 255), found -1"),
    (f"let x: {MAP}<String, u8> = {MAP}::new();", [1], f"expected {MAP}<String, u8>, found a list of 1"),
    ("static x: String = String::new();", "a", "expected `let`, as a String is no constant, found `static`"),
]


@pytest.mark.parametrize("cell, value, message", NOT_TAKEN)
def test_what_does_not_fit_is_refused_by_name(cell, value, message):
    said = refused(cell, x=value)
    assert said.startswith("parameter x: expected ") and message in said


def test_a_refusal_says_where_in_a_list_or_dictionary():
    assert refused("let x = vec![vec![1u8]];", x=[[1], [2, 300]]).startswith("parameter x[1][1]: ")
    assert refused(f"let x: {MAP}<String, u8> = {MAP}::new();", x={"a": -1}).startswith('parameter x["a"]: ')
    assert refused(f"let x: {MAP}<u8, u8> = {MAP}::new();", x={"a": 1}).startswith('parameter x, key "a": ')
    assert refused("let x = (1, true);", x=[1, 2]).startswith("parameter x[1]: expected bool")


def test_every_refused_parameter_is_named():
    said = refused("let a = 1u8; let b = 2.0; let c = 3;", a=-1, b="x", c=4, type=5)
    assert [line.split(":")[0] for line in said.splitlines()] == ["parameter a", "parameter b", "parameter type"]


@pytest.mark.parametrize("name", ["type", "fn", "match", "async", "yield", "try", "gen", "self", "Self", "crate"])
def test_a_keyword_is_no_name(name):
    assert name in KEYWORDS
    assert refused("", **{name: 1}) == f"parameter {name}: expected a name for a variable of Rust, found a keyword"


@pytest.mark.parametrize("name", ["_", "a b", "1a", "a-b", "", "r#type", "a;b"])
def test_what_is_no_identifier_is_no_name(name):
    assert refused("", **{name: 1}) == f"parameter {json.dumps(name)}: expected a name for a variable of Rust, found no identifier"


def test_declarations_are_found_wherever_they_stand():
    cell = """
    :dep serde = "1" // let line = 1;
    use std::collections::HashMap;
    /* let old = 1; /* nested */ */ let a = 1u8; let b = "; let c = 1;"; // of both
    #[allow(unused)] let d: Vec<
        (u8, f32), // pairs
    > = vec![
        (1, 2.0),
    ];
    if true { let inner = 1; } else { let inner = 2; }
    fn f() -> usize { let inner = 1; inner }
    const fn g() -> usize { 3 } const N: usize = 2;
    struct S { field: u8 } let e = S { field: 1 }; let g = f();
    let h = if true { 1 } else { 2 }; let i: u16 = if true { 1 } else { 2 };
    let Some(j) = Some(1) else { panic!() };
    let a = 1i8;
    let k = 'x'
    """
    found = {p.name: p.inferred_type_name for p in RustTranslator.inspect({"source": cell})}
    assert found == {
        "a": "i8", "b": "&str", "d": "Vec< (u8, f32), >", "N": "usize", "e": "None", "g": "None", "h": "None", "i": "u16", "k": "char",
    }  # fmt: skip
    assert injected(cell, d=[[1, 2]]) == "let d: Vec< (u8, f32), > = vec![(1, 2.0)];"


def test_the_help_of_a_parameter_is_the_comment_beside_it():
    cell = """// Which sizes:
// the profile.
let profile = "cpu";

let mut depth: Vec<i64> = vec![1, 2]; // of the network
// Another.

let x = f(1);"""
    found = [(p.name, p.inferred_type_name, p.default, p.help) for p in RustTranslator.inspect({"source": cell})]
    assert found == [
        ("profile", "&str", '"cpu"', "Which sizes: the profile."),
        ("depth", "Vec<i64>", "vec![1, 2]", "of the network"),
        ("x", "None", "f(1)", ""),
    ]


def test_a_type_that_only_the_compiler_knows_is_kept():
    assert injected("let x: Depth = 3;", x=5) == "let x: Depth = 5;"
    assert injected("let x: Name = a();", x="b") == 'let x: Name = "b".into();'
    assert injected("let x: Vec<Depth> = vec![];", x=[5]) == "let x: Vec<Depth> = vec![5];"


def test_a_default_of_unknown_type_gets_a_natural_value_and_a_warning(caplog):
    assert injected("let x = f(1);", x=5) == "let x: i64 = 5;"
    assert "type of x cannot be told from its default `f(1)`; it becomes i64" in caplog.text
    assert injected("let x = Vec::new();", x=[1, 2.5]) == "let x: Vec<f64> = vec![1.0, 2.5];"


def test_the_types_of_one_notebook_are_not_those_of_the_next():
    assert injected("let x = 3u8;", x=5) == "let x: u8 = 5;"
    book = parameterize_notebook(notebook("1"), {"x": 5})
    assert book.cells[0].source.endswith("let x: i64 = 5;\n")
    with pytest.raises(ParameterError):
        injected("let x = 3u8;", x=-1)
    assert "let x: i64 = 5;" in parameterize_notebook(notebook("1"), {"x": 5}).cells[0].source


def test_other_languages_are_left_alone():
    book = notebook(parameters="x = 3", language="python")
    book.metadata.kernelspec.name = "python3"
    assert parameterize_notebook(book, {"x": 5}).cells[1].source == "# Parameters\nx = 5\n"


@pytest.mark.parametrize("first", ["papermill", "cutpoint_jupyter.parameters", "cutpoint_jupyter.parameters.engine"])
def test_the_engine_is_registered_whatever_is_imported_first(first):
    code = f"import {first}; from papermill.engines import papermill_engines as e; print(e.get_engine(None).__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == f"{RustEngine.__name__}\n", done.stderr


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


def test_a_value_that_replaces_nothing_has_a_type_of_its_own():
    assert {name: RustTranslator.declare(name, value).split(": ", 1)[1] for name, value in VALUES.items()} == {
        "flag": "bool = true;",
        "count": "i64 = -3;",
        "big": "u64 = 9223372036854775808;",
        "rate": "f64 = 0.001;",
        "name": 'String = String::from("say \\"hi\\" \\\\ é\\n");',
        "classes": "Vec<i64> = vec![0, 1, 2];",
        "mixed": "Vec<f64> = vec![1.0, 2.5];",
        "nothing": "Option<String> = None;",
        "table": f'{MAP}<String, f64> = {MAP}::from([(String::from("a"), 1.5), (String::from("b"), 2.0)]);',
        "nested": "Vec<Vec<i64>> = vec![vec![1], vec![2, 3]];",
        "empty": "Vec<String> = vec![];",
    }
    assert RustTranslator.declare("x", [1, "a"]) == 'let x: Vec<String> = vec![String::from("1"), String::from("a")];'
    assert RustTranslator.declare("x", [1, None]) == "let x: Vec<Option<i64>> = vec![Some(1), None];"
    assert RustTranslator.declare("x", [[1], [2.5]]) == "let x: Vec<Vec<f64>> = vec![vec![1.0], vec![2.5]];"
    assert RustTranslator.translate(math.inf) == "f64::INFINITY"


# From here on the kernel runs.


def execute(tmp_path, book, **parameters):
    nbformat.write(book, tmp_path / "in.ipynb")
    options = {"parameters": parameters, "progress_bar": False}
    return papermill.execute_notebook(tmp_path / "in.ipynb", tmp_path / "out.ipynb", **options)


def printed(cell):
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def test_papermill_passes_parameters_of_every_kind(tmp_path):
    lines = [f'println!("{name} {{:?}}", {name});' for name in VALUES]
    book = execute(tmp_path, notebook("\n".join(lines), parameters="let flag = false;"), **VALUES)
    assert dict(line.split(" ", 1) for line in printed(book.cells[-1]).splitlines()) == {
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


def test_a_cell_uses_a_parameter_as_it_used_the_default(tmp_path):
    parameters = """let n: usize = 3;
let rate = 1e-3; let profile = "cpu";
let classes = vec![0u8]; let mut seed = 1u64; let limit: Option<f64> = None;
const DEPTH: usize = 2; let scale = [0.5f32; 2]; let (low, high) = (1u8, "x");
let table: std::collections::HashMap<String, f64> = Default::default();"""
    use = """let room: Vec<u8> = Vec::with_capacity(n);
let borrowed: &str = profile;
let first: u8 = classes[0];
let layers = [0u8; DEPTH];
let factors: [f32; 2] = scale;
let bound: (u8, &str) = (low, high);
seed += 1;
println!("{} {} {borrowed} {first} {seed} {limit:?}", room.capacity() >= n, rate * 2.0);
println!("{} {factors:?} {bound:?} {}", layers.len(), table["a"]);"""
    book = notebook(use, parameters=parameters)
    given = {"n": 5, "rate": 1, "profile": "smoke", "classes": [7, 8], "seed": 41, "limit": 2}
    given |= {"DEPTH": 4, "scale": [1, 2], "low": 9, "high": "y", "table": {"a": 1.5}}
    said = printed(execute(tmp_path, book, **given).cells[-1])
    assert said == 'true 2 smoke 7 42 Some(2.0)\n4 [1.0, 2.0] (9, "y") 1.5\n'


def test_a_refused_parameter_runs_no_cell(tmp_path):
    sign = tmp_path / "ran"
    book = notebook(f'std::fs::write({json.dumps(str(sign))}, "")?;', parameters="let n: usize = 3;")
    with pytest.raises(ParameterError, match="parameter n: expected usize"):
        execute(tmp_path, book, n=-1)
    assert not sign.exists() and not (tmp_path / "out.ipynb").exists()


def test_papermill_stops_at_an_error(tmp_path):
    with pytest.raises(papermill.PapermillExecutionError):
        execute(tmp_path, notebook('panic!("on purpose");'))
