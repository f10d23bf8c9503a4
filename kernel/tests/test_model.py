"""Random scripts against a model: whatever a cell does, and wherever it fails, the variables are as the model says.

    CUTPOINT_SCRIPTS=1000 pytest kernel/tests/test_model.py      as many scripts
    CUTPOINT_SEED=7                                              another first seed
    CUTPOINT_WITHOUT=closure,borrow                              without statements of these kinds, to look for others
    python kernel/tests/test_model.py 123                        prints and runs the script of seed 123

A script is a list of cells. A cell has definitions, statements, perhaps a value at its end, and perhaps a statement that
fails, that is interrupted, or that does not compile. The model knows nothing of how the kernel works: a statement that
came to its end has done what it says, the one that failed and those behind it have not. A variable that a statement
behind the failure would have moved may be gone as well, if the error says so.

For a difference the script is shrunk: cells and statements are dropped as long as it stays different.
"""

import copy
import dataclasses
import os
import queue
import random
import re
import sys
import time

import pytest
from table import NEVER, Session, text_of

SCRIPTS = int(os.environ.get("CUTPOINT_SCRIPTS", "6"))
SEED = int(os.environ.get("CUTPOINT_SEED", "1"))
NAMES = ["a", "b", "c", "d", "v", "w", "s", "t"]
STRUCTS = ["Alpha", "Beta"]
FUNCTIONS = ["f0", "f1", "f2"]
WITHOUT = set(os.environ.get("CUTPOINT_WITHOUT", "").split(","))
# Seconds for making a script that shows a difference smaller.
SHRINK = float(os.environ.get("CUTPOINT_SHRINK", "120"))
SLEEP = "std::thread::sleep(std::time::Duration::from_secs(60));"


class Invalid(Exception):
    """The script makes no sense: it uses what is not there."""


@dataclasses.dataclass
class State:
    """What the model knows: variables with type and value, and definitions."""

    variables: dict = dataclasses.field(default_factory=dict)  # name: (type, value)
    structs: dict = dataclasses.field(default_factory=dict)  # name: fields, each with a type
    functions: dict = dataclasses.field(default_factory=dict)  # name: (factor, term, other function)
    methods: dict = dataclasses.field(default_factory=dict)  # struct: (factor, term)
    makers: dict = dataclasses.field(default_factory=dict)  # struct: the fields that it fills

    def call(self, name, x, depth=0):
        factor, term, other = self.functions[name]
        if other:
            if other not in self.functions or depth > 5:
                raise Invalid(other)
            x = self.call(other, x, depth + 1)
        return (factor * x + term) % 9973

    def score(self, value):
        factor, term = self.methods[value["struct"]]
        return (factor * value["a"] + term) % 9973


# Types: "i64", "String", "Vec<i64>", the structs, and "Vec<" a struct ">".


def literal(state, kind, rng):
    """A random value of a type, and the text that makes it."""
    if kind == "i64":
        number = rng.randrange(100)
        return number, f"{number}i64"
    if kind == "String":
        text = "".join(rng.choices("abcxyz", k=rng.randrange(1, 5)))
        return text, f'String::from("{text}")'
    if kind.startswith("Vec<"):
        parts = [literal(state, kind[4:-1], rng) for _ in range(rng.randrange(1, 4))]
        return [value for value, _ in parts], f"vec![{', '.join(text for _, text in parts)}]"
    if kind not in state.structs:
        raise Invalid(kind)
    value, texts = {"struct": kind}, []
    for field, of in state.structs[kind]:
        value[field], text = literal(state, of, rng)
        texts.append(f"{field}: {text}")
    return value, f"{kind} {{ {', '.join(texts)} }}"


def shown(value):
    """A value as Rust's Debug shows it."""
    if isinstance(value, dict):
        fields = ", ".join(f"{name}: {shown(of)}" for name, of in value.items() if name != "struct")
        return f"{value['struct']} {{ {fields} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def fits(state, kind, value):
    """Whether a value is still one of a type of this name: a struct may have other fields by now."""
    if isinstance(value, list):
        return all(fits(state, kind[4:-1], part) for part in value)
    if isinstance(value, dict):
        return tuple(name for name in value if name != "struct") == tuple(n for n, _ in state.structs.get(kind, ())) and all(
            fits(state, of, value[field]) for field, of in state.structs[kind])
    return isinstance(value, {"i64": int, "String": str}.get(kind, ()))


def copied(kind):
    return kind == "i64"


def struct_text(name, fields):
    return (f"#[derive(Debug, Clone)]\nstruct {name} {{ {', '.join(f'{f}: {kind}' for f, kind in fields)} }}")


# Definitions: (kind, name, ..).


def define(state, definition, gone, dropped):
    """Takes in a definition, before the statements of its cell. Notes the variables and makers that go with the old."""
    kind, name, *rest = definition
    if kind == "struct":
        (fields,) = rest
        old = state.structs.get(name)
        state.structs[name] = fields
        if old is not None and old != fields:
            for variable, (of, _) in list(state.variables.items()):
                if name in re.findall(r"\w+", of):
                    gone.append(variable)
                    del state.variables[variable]
            dropped.append(name)
    elif kind == "fn":
        state.functions[name] = tuple(rest)
    elif kind == "impl":
        state.methods[name] = tuple(rest)
    elif kind == "maker":
        state.makers[name] = tuple(rest[0])


def definition_text(definition):
    kind, name, *rest = definition
    if kind == "struct":
        return struct_text(name, rest[0])
    if kind == "fn":
        factor, term, other = rest
        x = f"{other}(x)" if other else "x"
        return f"fn {name}(x: i64) -> i64 {{\n    ({factor} * {x} + {term}) % 9973\n}}"
    if kind == "impl":
        factor, term = rest
        return (f"impl {name} {{\n    fn score(&self) -> i64 {{ ({factor} * self.a + {term}) % 9973 }}\n"
                f"    fn name(&self) -> String {{ \"{name.lower()}\".to_string() }}\n}}")
    fields = ", ".join(f"{field}: {'x' if field == 'a' else 'Default::default()'}" for field, _ in rest[0])
    return f"fn make_{name.lower()}(x: i64) -> {name} {{ {name} {{ {fields} }} }}"


def check_definitions(state):
    """Whether all that is defined compiles."""
    for name, (_, _, other) in state.functions.items():
        seen = {name}
        while other:
            if other not in state.functions or other in seen:
                raise Invalid(other)
            seen.add(other)
            other = state.functions[other][2]
    for name in [*state.methods, *state.makers]:
        if name not in state.structs:
            raise Invalid(name)


# Statements. Each is (kind, ..); `text_and_types` checks it and says what it is in Rust, `execute` does it in the model.


def need(types, name, *kinds):
    kind = types.get(name)
    if kind is None or kinds and not any(kind == k or k == "struct" and kind in STRUCTS for k in kinds):
        raise Invalid(name)
    return kind


def text_and_types(state, types, statement):
    """The text of a statement. Changes `types` as the compiler sees it; returns the variables that it moves."""
    kind, *args = statement
    moved = []

    def move(name):
        if not copied(types[name]):
            moved.append(name)
            del types[name]

    if kind in ("let", "typed", "assign", "again"):
        value, text = args[2:]
        if not fits(state, args[1], value):
            raise Invalid(args[1])
    if kind == "let":
        name, of, value, text = args
        types[name] = of
        return f"let mut {name} = {text};", moved
    if kind == "typed":
        name, of, value, text = args
        types[name] = of
        return f"let mut {name}: {of} = {text};", moved
    if kind == "pair":
        (one, first, text1), (two, second, text2) = args
        types[one], types[two] = "i64", "String"
        return f"let (mut {one}, mut {two}) = ({text1}, {text2});", moved
    if kind == "clone":
        name, other = args
        of = need(types, other)
        types[name] = of
        return f"let mut {name} = {other}.clone();", moved
    if kind == "move":
        name, other = args
        of = need(types, other)
        move(other)
        types[name] = of
        return f"let mut {name} = {other};", [m for m in moved if m != name]
    if kind == "call":
        name, function, argument = args
        need(types, argument, "i64")
        if function not in state.functions:
            raise Invalid(function)
        types[name] = "i64"
        return f"let mut {name} = {function}({argument});", moved
    if kind == "method":
        name, value = args
        if need(types, value, "struct") not in state.methods:
            raise Invalid(value)
        types[name] = "i64"
        return f"let mut {name} = {value}.score();", moved
    if kind == "make":
        name, struct, number = args
        if struct not in state.makers or state.makers[struct] != tuple(state.structs.get(struct, ())):
            raise Invalid(struct)
        types[name] = struct
        return f"let mut {name} = make_{struct.lower()}({number});", moved
    if kind == "length":
        name, other = args
        need(types, other, "String", "Vec<i64>")
        types[name] = "i64"
        return f"let mut {name} = {other}.len() as i64;", moved
    if kind == "assign":
        name, of, value, text = args
        need(types, name, of)
        return f"{name} = {text};", moved
    if kind == "again":
        name, of, value, text = args
        need(types, name, of)
        move(name)
        types[name] = of
        return f"drop({name});\n{name} = {text};", []
    if kind == "add":
        name, number = args
        need(types, name, "i64")
        return f"{name} += {number};", moved
    if kind == "push":
        name, number = args
        need(types, name, "Vec<i64>")
        return f"{name}.push({number});", moved
    if kind == "pushes":
        name, number = args
        need(types, name, "Vec<i64>")
        return f"for k in 0..{number} {{\n    {name}.push(k * 2);\n}}", moved
    if kind == "text":
        name, text = args
        need(types, name, "String")
        return f'{name}.push_str("{text}");', moved
    if kind == "field":
        name, number = args
        need(types, name, "struct")
        return f"{name}.a += {number};", moved
    if kind == "drop":
        (name,) = args
        need(types, name)
        move(name)
        return f"drop({name});", moved
    if kind == "consume":
        (name,) = args
        need(types, name, "Vec<i64>")
        move(name)
        return f'for item in {name} {{\n    println!("item {{item}}");\n}}', moved
    if kind == "perhaps":
        name, condition = args
        need(types, name)
        move(name)
        return f"if {condition} {{ drop({name}); }}", moved
    if kind == "print":
        (name,) = args
        need(types, name)
        return f'println!("{name} = {{:?}}", {name});', moved
    if kind == "inline":
        (name,) = args
        need(types, name)
        return f'println!("{{{name}:?}}");', moved
    if kind == "borrow":
        (name,) = args
        need(types, name, "String", "Vec<i64>")
        return f'let borrowed = &{name};\nprintln!("{{}}", borrowed.len());', moved
    if kind == "borrow_mut":
        name, number = args
        need(types, name, "Vec<i64>")
        return f"let changed = &mut {name};\nchanged.push({number});", moved
    if kind == "closure":
        name, number = args
        need(types, name, "i64")
        return f'let adder = |k: i64| k + {name};\nprintln!("{{}}", adder({number}));', moved
    if kind == "block":
        name, number = args
        return f'{{\n    let {name} = {number};\n    println!("inner {{}}", {name});\n}}', moved
    raise AssertionError(kind)


def execute(state, statement, out):
    """Does a statement in the model."""
    kind, *args = statement
    variables = state.variables
    if kind in ("let", "typed", "again", "assign"):
        name, of, value, _ = args
        variables[name] = (of, copy.deepcopy(value))
    elif kind == "pair":
        (one, first, _), (two, second, _) = args
        variables[one], variables[two] = ("i64", first), ("String", second)
    elif kind == "clone":
        variables[args[0]] = copy.deepcopy(variables[args[1]])
    elif kind == "move":
        name, other = args
        of, value = variables[other]
        if not copied(of):
            del variables[other]
        variables[name] = (of, copy.deepcopy(value))
    elif kind == "call":
        variables[args[0]] = ("i64", state.call(args[1], variables[args[2]][1]))
    elif kind == "method":
        variables[args[0]] = ("i64", state.score(variables[args[1]][1]))
    elif kind == "make":
        name, struct, number = args
        value = {"struct": struct}
        for field, of in state.structs[struct]:
            value[field] = number if field == "a" else {"i64": 0, "String": ""}.get(of, [])
        variables[name] = (struct, value)
    elif kind == "length":
        variables[args[0]] = ("i64", len(variables[args[1]][1]))
    elif kind == "add":
        variables[args[0]] = ("i64", variables[args[0]][1] + args[1])
    elif kind in ("push", "borrow_mut"):
        variables[args[0]][1].append(args[1])
    elif kind == "pushes":
        variables[args[0]][1].extend(2 * k for k in range(args[1]))
    elif kind == "text":
        of, value = variables[args[0]]
        variables[args[0]] = (of, value + args[1])
    elif kind == "field":
        variables[args[0]][1]["a"] += args[1]
    elif kind in ("drop", "perhaps"):
        if not copied(variables[args[0]][0]):
            del variables[args[0]]
    elif kind == "consume":
        for item in variables.pop(args[0])[1]:
            out.append(f"item {item}\n")
    elif kind == "print":
        out.append(f"{args[0]} = {shown(variables[args[0]][1])}\n")
    elif kind == "inline":
        out.append(f"{shown(variables[args[0]][1])}\n")
    elif kind == "borrow":
        out.append(f"{len(variables[args[0]][1])}\n")
    elif kind == "closure":
        out.append(f"{variables[args[0]][1] + args[1]}\n")
    elif kind == "block":
        out.append(f"inner {args[1]}\n")
    else:
        raise AssertionError(kind)


# What makes a statement fail, as an expression of type i64: text, error, value.
FAILURES = [
    ('"x1".parse::<i64>()?', "ParseIntError", "invalid digit found in string"),
    ('"".parse::<i64>()?', "ParseIntError", "cannot parse integer from empty string"),
    ('Err::<i64, String>("no such luck".into())?', "String", "no such luck"),
    ('panic!("on purpose")', "Panic", "on purpose"),
    ("vec![1i64, 2][std::hint::black_box(5)]", "Panic", "the len is 2 but the index is 5"),
    ("1i64 / std::hint::black_box(0)", "Panic", "attempt to divide by zero"),
    ("None::<i64>.unwrap()", "Panic", "called `Option::unwrap()` on a `None` value"),
    ('std::str::from_utf8(&[255u8])?.len() as i64', "Utf8Error", "invalid utf-8"),
    (f'{{ println!("at work"); {SLEEP} 1i64 }}', "Interrupted", ""),
]
# What does not compile: text, and a part of what is said.
MISTAKES = [
    ("let q: i64 = not_there + 1;", "cannot find value `not_there`"),
    ('let q: i64 = "text";', "mismatched types"),
    ("let q = 5i64.nope();", "no method named `nope`"),
    ("let m = String::from(\"m\"); drop(m); m.len();", "borrow of moved value: `m`"),
    ("let q = std::nothing::at_all();", "nothing"),
    ("let q: Vec<i64> = Vec::new(1);", "this function takes 0 arguments"),
    ("let = 5;", "expected pattern"),
    ("let type = 5;", "keyword `type`"),
    ("let q = (1, 2;", ""),
    ("let q = vec![1, 2\n", "unclosed delimiter"),
    ("let fixed = 1; fixed = 2;", "cannot assign twice to immutable variable `fixed`"),
    ("unknown_macro!();", "cannot find macro `unknown_macro`"),
]


@dataclasses.dataclass
class Cell:
    definitions: list
    statements: list
    # Before which statement the failure stands, which it is, and its form: a statement, or the value of a variable.
    failure: tuple = None
    mistake: tuple = None
    value: tuple = None


@dataclasses.dataclass
class Expected:
    """What a cell must do."""

    code: str
    error: str = None
    says: str = ""
    stdout: str = ""
    value: str = None
    gone: set = None  # moved before the failure
    maybe: set = None  # moved behind it
    redefined: list = None
    dropped: list = None
    state: State = None


def predict(before, cell):
    """What a cell does in the model: its text, and the state after it."""
    state = copy.deepcopy(before)
    redefined, dropped, out = [], [], []
    for definition in cell.definitions:
        define(state, definition, redefined, dropped)
    dropped = [name for name in dropped if name in state.makers and state.makers[name] != tuple(state.structs[name])]
    for name in dropped:
        if any(kind not in ("struct", "fn", "impl") and of == name for kind, of, *_ in cell.definitions):
            raise Invalid("a maker of a type that the same cell changes")
        del state.makers[name]
    check_definitions(state)
    start = copy.deepcopy(state)
    types = {name: of for name, (of, _) in state.variables.items()}
    made = set()
    lines = [definition_text(definition) for definition in cell.definitions]
    gone, maybe, failed = set(), set(), None
    for at, statement in enumerate([*cell.statements, None]):
        if cell.failure and cell.failure[0] == at:
            _, index, form = cell.failure
            text, error, says = FAILURES[index]
            if form is None:
                lines.append(f"{text};")
            elif form[0] == "let":
                lines.append(f"let mut {form[1]}: i64 = {text};")
                types[form[1]] = "i64"
            else:
                need(types, form[1], "i64")
                lines.append(f"{form[1]} = {text};")
            failed = (error, says, {name for name in state.variables})
            if error == "Interrupted":
                out.append("at work\n")
        if cell.mistake and cell.mistake[0] == at:
            lines.append(MISTAKES[cell.mistake[1]][0])
        if statement is None:
            break
        names = set(types)
        text, moved = text_and_types(state, types, statement)
        lines.append(text)
        if failed is None:
            execute(state, statement, out)
            made |= set(types) - names | {a for a in statement[1:2] if isinstance(a, str) and statement[0] in MAKES}
            if statement[0] == "pair":
                made |= {statement[1][0], statement[2][0]}
            gone |= {name for name in moved}
        else:
            # What is moved and given a new value behind the failure is taken by the same closure.
            if statement[0] == "again" and not copied(types[statement[1]]):
                moved = [*moved, statement[1]]
            if any(name in made for name in moved):
                raise Invalid("a later move of what this cell made")
            maybe |= {name for name in moved if name in failed[2]}
    value = None
    if cell.value is not None:
        kind, name, *rest = cell.value
        if kind == "variable":
            need(types, name)
            lines.append(name)
            value = None if failed else shown(state.variables[name][1])
        elif kind == "call":
            if name not in state.functions:
                raise Invalid(name)
            lines.append(f"{name}({rest[0]})")
            value = None if failed else str(state.call(name, rest[0]))
    code = "\n".join(lines)
    if cell.mistake:
        return Expected(code, "CompileError", MISTAKES[cell.mistake[1]][1], state=before)
    there_before = set(before.variables) & set(start.variables)
    # Moved, and not made again.
    gone = {name for name in gone if name not in state.variables and name in there_before}
    expected = Expected(code, stdout="".join(out), value=value, redefined=redefined, dropped=dropped, state=state)
    if failed:
        expected.error, expected.says = failed[0], failed[1]
        expected.gone = gone
        expected.maybe = {name for name in maybe if name in state.variables}
    return expected


MAKES = {"let", "typed", "clone", "move", "call", "method", "make", "length"}


# Scripts.


def script(seed):
    """A random script: 6 to 14 cells that make sense one after the other."""
    rng = random.Random(seed)
    state, cells = State(), []
    for _ in range(rng.randrange(6, 15)):
        for _ in range(50):
            cell = random_cell(state, rng)
            try:
                after = predict(state, cell).state
            except Invalid:
                continue
            cells.append(cell)
            state = after
            break
    return cells


def random_cell(state, rng):
    after = copy.deepcopy(state)
    definitions = []
    if rng.random() < 0.4:
        for _ in range(rng.randrange(1, 4)):
            definition = random_definition(after, rng)
            if definition and (definition[0], definition[1]) not in [(d[0], d[1]) for d in definitions]:
                define(after, definition, [], [])
                definitions.append(definition)
    # Types as they are after each statement, so that most statements make sense.
    types = {name: of for name, (of, _) in after.variables.items()}
    statements = []
    for _ in range(rng.randrange(0 if definitions else 1, 6)):
        for _ in range(20):
            statement = random_statement(after, types, rng)
            attempt = dict(types)
            try:
                text_and_types(after, attempt, statement)
                if statement[0] in WITHOUT:
                    continue
            except Invalid:
                continue
            types = attempt
            statements.append(statement)
            break
    cell = Cell(definitions, statements)
    kind = rng.random()
    if kind < 0.3:
        form = rng.choice([None, None, ("let", rng.choice(NAMES)), ("assign", rng.choice(NAMES))])
        index = rng.randrange(len(FAILURES))
        if FAILURES[index][1] == "Interrupted" and rng.random() < 0.5:
            index = rng.randrange(len(FAILURES) - 1)
        cell.failure = (rng.randrange(len(statements) + 1), index, form)
    elif kind < 0.4:
        cell.mistake = (rng.randrange(len(statements) + 1), rng.randrange(len(MISTAKES)))
    elif kind < 0.55 and types:
        cell.value = ("variable", rng.choice(sorted(types)))
    elif kind < 0.65 and after.functions:
        cell.value = ("call", rng.choice(sorted(after.functions)), rng.randrange(50))
    return cell


def random_definition(state, rng):
    kind = rng.choice(["struct", "struct", "fn", "fn", "impl", "maker"])
    if kind == "struct":
        name = rng.choice(STRUCTS)
        fields = (("a", "i64"),)
        if rng.random() < 0.5:
            fields += (("b", rng.choice(["i64", "String"])),)
        if rng.random() < 0.3:
            fields += (("c", "Vec<i64>"),)
        if name in state.structs and rng.random() < 0.4:
            fields = state.structs[name]
        return ("struct", name, fields)
    if kind == "fn":
        name = rng.choice(FUNCTIONS)
        if name in state.functions and rng.random() < 0.3:
            return ("fn", name, *state.functions[name])
        other = rng.choice([None, None, *[f for f in state.functions if f < name]])
        return ("fn", name, rng.randrange(1, 9), rng.randrange(50), other)
    if not state.structs:
        return None
    name = rng.choice(sorted(state.structs))
    if kind == "impl":
        if name in state.methods and rng.random() < 0.3:
            return ("impl", name, *state.methods[name])
        return ("impl", name, rng.randrange(1, 9), rng.randrange(50))
    return ("maker", name, state.structs[name])


def random_statement(state, types, rng):
    kinds = ["i64", "String", "Vec<i64>", *state.structs, *[f"Vec<{name}>" for name in state.structs]]
    name = rng.choice(NAMES)
    other = rng.choice(sorted(types)) if types else name
    kind = rng.choice([
        "let", "let", "let", "let", "typed", "pair", "clone", "move", "move", "call", "method", "make", "length", "assign",
        "assign", "again", "add", "push", "push", "pushes", "text", "field", "drop", "consume", "perhaps", "print", "print",
        "inline", "borrow", "borrow_mut", "closure", "block"])
    wanted = {"call": ["i64"], "method": STRUCTS, "length": ["String", "Vec<i64>"], "add": ["i64"], "push": ["Vec<i64>"],
              "pushes": ["Vec<i64>"], "text": ["String"], "field": STRUCTS, "consume": ["Vec<i64>"],
              "borrow": ["String", "Vec<i64>"], "borrow_mut": ["Vec<i64>"], "closure": ["i64"]}.get(kind)
    fitting = sorted(name for name, of in types.items() if wanted and of in wanted)
    other = rng.choice(fitting) if fitting else other
    if kind in ("let", "typed"):
        of = rng.choice(kinds)
        return (kind, name, of, *literal(state, of, rng))
    if kind == "pair":
        one, two = rng.sample(NAMES, 2)
        return (kind, (one, *literal(state, "i64", rng)), (two, *literal(state, "String", rng)))
    if kind in ("clone", "move", "length"):
        return (kind, name, other)
    if kind == "call":
        return (kind, name, rng.choice(FUNCTIONS), other)
    if kind == "method":
        return (kind, name, other)
    if kind == "make":
        return (kind, name, rng.choice(STRUCTS), rng.randrange(50))
    if kind in ("assign", "again"):
        of = types.get(other, "i64")
        return (kind, other, of, *literal(state, of, rng))
    if kind in ("add", "push", "field", "borrow_mut", "closure"):
        return (kind, other, rng.randrange(1, 50))
    if kind == "pushes":
        return (kind, other, rng.randrange(1, 4))
    if kind == "text":
        return (kind, other, rng.choice(["x", "yz"]))
    if kind == "perhaps":
        return (kind, other, rng.choice(["true", "2 > 3"]))
    if kind == "block":
        return (kind, name, rng.randrange(50))
    return (kind, other)


# Running.


def run(session, cells):
    """Runs a script; returns the first difference to the model, or none. The session is cleared before."""
    session.heard = []
    session.run(":clear")
    state = State()
    for number, cell in enumerate(cells, 1):
        try:
            expected = predict(state, cell)
        except Invalid:
            # It uses a variable that an earlier cell would have moved behind its failure, and that has gone by that.
            continue
        wrong = run_cell(session, expected)
        if wrong:
            return f"cell {number} of the script:\n{indented(expected.code)}\n{wrong}"
        state = expected.state
    return compare(session, state)


def run_cell(session, expected):
    session.heard = []
    sent = session.send(expected.code)
    if expected.error == "Interrupted":
        session.wait(sent, "at work")
        time.sleep(0.1)
        session.interrupt()
    cell = session.end(sent)
    error = cell.of("error")
    found = f"found {error[0]['ename']}: {error[0]['evalue']}\n{text_of(error[0])}" if error else "found no error"
    stdout, stderr = cell.text(), cell.text("stderr")
    if expected.error is None:
        if cell.status != "ok":
            return f"expected success, {found}"
        values = [result["data"]["text/plain"] for result in cell.of("execute_result")]
        if values != ([expected.value] if expected.value is not None else []):
            return f"expected the value {expected.value}, found {values}"
    else:
        if not error or error[0]["ename"] != expected.error or expected.says not in error[0]["evalue"]:
            return f"expected {expected.error}: {expected.says}, {found}"
        text = error[0]["evalue"] + text_of(error[0])
        if own := [name for name in NEVER if name in text]:
            return f"the error shows {own}: {found}"
        if expected.error != "CompileError":
            lines = [line for line in text_of(error[0]).splitlines() if line.startswith("Gone:")]
            gone = set(re.findall(r"`([^`]+)`", lines[0])) if lines else set()
            if not expected.gone <= gone <= expected.gone | expected.maybe:
                return f"expected gone: {sorted(expected.gone)} and perhaps {sorted(expected.maybe)}, {found}"
            if expected.error == "Interrupted" and not gone and "All variables are kept." not in text:
                return f"not said that all variables are kept: {found}"
            for name in gone & expected.maybe:
                del expected.state.variables[name]
    if stdout != expected.stdout:
        return f"expected the output {expected.stdout!r}, found {stdout!r}, {found}"
    if expected.redefined or expected.dropped:
        names = [*expected.redefined, *[f"make_{name.lower()}" for name in expected.dropped]]
        if missing := [name for name in names if f"`{name}`" not in stderr]:
            return f"not said on standard error that these are gone: {missing}, found {stderr!r}"
    elif stderr:
        return f"expected nothing on standard error, found {stderr!r}"
    return None


def compare(session, state):
    """Reads everything back."""
    expected, code = [], []
    for name, (_, value) in sorted(state.variables.items()):
        code.append(f'println!("{name}: {{:?}}", {name});')
        expected.append(f"{name}: {shown(value)}")
    for name in sorted(state.functions):
        code.append(f'println!("{name}: {{}}", {name}(7));')
        expected.append(f"{name}: {state.call(name, 7)}")
    for name in sorted(state.methods):
        code.append(f"println!(\"{name}: {{}}\", {literal(state, name, random.Random(0))[1]}.score());")
        expected.append(f"{name}: {state.score(literal(state, name, random.Random(0))[0])}")
    if code:
        cell = session.run("\n".join(code))
        if cell.status != "ok":
            return f"everything cannot be read back:\n{text_of(cell.error)}"
        found = cell.text().splitlines()
        if found != expected:
            return "\n".join(f"at the end expected {e}, found {f}" for e, f in zip(expected, found) if e != f)
    cell = session.run(":vars")
    listed = cell.of("execute_result")
    names = set(re.findall(r"^(\w+):", listed[0]["data"]["text/plain"], re.M)) if listed else set()
    if names != set(state.variables):
        return f"at the end expected the variables {sorted(state.variables)}, found {sorted(names)}"
    absent = [name for name in NAMES if name not in state.variables]
    if absent:
        cell = session.run(f"({', '.join('&' + name for name in absent)},);")
        if cell.status == "ok":
            return f"at the end {absent} must not be there"
        text = text_of(cell.error)
        if there := [name for name in absent if f"`{name}`" not in text]:
            return f"at the end {there} must not be there:\n{text}"
    return None


def indented(code):
    return "\n".join(f"    {line}" for line in code.splitlines())


def listing(cells):
    """A script as a person reads it."""
    state, parts = State(), []
    for number, cell in enumerate(cells, 1):
        try:
            expected = predict(state, cell)
        except Invalid:
            continue
        parts.append(f"  [{number}] {expected.error or ''}\n{indented(expected.code)}")
        state = expected.state
    return "\n".join(parts)


def smaller(cells):
    """The scripts with one thing less in a cell."""
    for at, cell in enumerate(cells):
        for part in ("definitions", "statements"):
            for index in range(len(getattr(cell, part))):
                less = copy.deepcopy(cell)
                del getattr(less, part)[index]
                for mark in ("failure", "mistake"):
                    stands = getattr(less, mark)
                    if part == "statements" and stands and stands[0] > index:
                        setattr(less, mark, (stands[0] - 1, *stands[1:]))
                yield cells[:at] + [less] + cells[at + 1:]
        for mark in ("failure", "mistake", "value"):
            if getattr(cell, mark) is not None:
                less = copy.deepcopy(cell)
                setattr(less, mark, None)
                yield cells[:at] + [less] + cells[at + 1:]


def makes_sense(cells):
    state = State()
    try:
        for cell in cells:
            state = predict(state, cell).state
    except (Invalid, KeyError):
        return False
    return True


def shrunk(kernels, cells, wrong):
    """A smaller script that is different too: parts are dropped, large ones first."""
    end = time.monotonic() + SHRINK
    if found := re.match(r"cell (\d+) of the script", wrong):
        cells = cells[:int(found[1])]

    def fails(less):
        return makes_sense(less) and run(kernels(), less)

    size = len(cells) // 2
    while size >= 1 and len(cells) > 1:
        at = 0
        while at < len(cells) and time.monotonic() < end:
            less = cells[:at] + cells[at + size:]
            if less and fails(less):
                cells = less
            else:
                at += size
        size //= 2
    again = True
    while again and time.monotonic() < end:
        again = False
        for less in smaller(cells):
            if time.monotonic() < end and fails(less):
                cells, again = less, True
                break
    return cells


class Kernels:
    """A kernel for many scripts; another one when it does not answer any more."""

    def __init__(self):
        self.session = None
        self.scripts = 0

    def __call__(self):
        self.scripts += 1
        # A process keeps the libraries of all its cells.
        if self.session is None or self.scripts % 100 == 0:
            self.close()
            self.session = Session()
        return self.session

    def close(self):
        if self.session is not None:
            self.session.close()
        self.session = None


@pytest.fixture(scope="module")
def kernels():
    kernels = Kernels()
    yield kernels
    kernels.close()


def try_script(kernels, seed):
    """Runs the script of a seed; returns the difference, with the smallest script that shows it."""
    cells = script(seed)
    try:
        wrong = run(kernels(), cells)
    except (TimeoutError, queue.Empty, AssertionError) as error:
        kernels.close()
        return f"seed {seed}: {error!r}\n{listing(cells)}"
    if wrong is None:
        return None
    try:
        small = shrunk(kernels, cells, wrong)
        wrong = run(kernels(), small) or f"not again; at first {wrong}"
    except (TimeoutError, queue.Empty, AssertionError) as error:
        kernels.close()
        return f"seed {seed}: {wrong}\nwhile it was shrunk: {error!r}\n{listing(cells)}"
    return f"seed {seed}: {wrong}\nthe script:\n{listing(small)}"


@pytest.mark.parametrize("seed", range(SEED, SEED + SCRIPTS))
def test_a_random_script(kernels, seed):
    wrong = try_script(kernels, seed)
    if wrong:
        pytest.fail(wrong, pytrace=False)


def test_scripts_are_of_many_kinds():
    """The generator itself: all statements, failures and mistakes come up."""
    statements, failures, mistakes, definitions = set(), set(), set(), set()
    for seed in range(300):
        for cell in script(seed):
            statements |= {statement[0] for statement in cell.statements}
            definitions |= {definition[0] for definition in cell.definitions}
            failures |= {cell.failure[1]} if cell.failure else set()
            mistakes |= {cell.mistake[1]} if cell.mistake else set()
    assert len(statements) == 25, sorted(statements)
    assert definitions == {"struct", "fn", "impl", "maker"}
    assert failures == set(range(len(FAILURES))) and mistakes == set(range(len(MISTAKES)))


if __name__ == "__main__":
    kernels = Kernels()
    for seed in map(int, sys.argv[1:]):
        print(listing(script(seed)))
        print(try_script(kernels, seed) or f"seed {seed}: no difference")
    kernels.close()
