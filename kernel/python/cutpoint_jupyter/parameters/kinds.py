"""Types of Rust that a parameter can have, and Python's values as expressions of them."""

import dataclasses
import json
import math
import typing


class Refused(Exception):
    """A value that does not fit its type."""

    def __init__(self, where, expected, found):
        super().__init__(f"parameter {where}: expected {expected}, found {found}")
        self.where, self.expected, self.found = where, expected, found


class Kind:
    """A type; the simplest ones are their own description."""

    constant = True  # whether a value can stand in a `const`

    def rust(self):
        """The type as Rust writes it."""
        raise NotImplementedError

    def value(self, value, where):
        """A value as an expression, or `Refused`."""
        raise NotImplementedError

    def expected(self):
        return self.rust()

    def settled(self):
        """The same, with the types that Rust gives literals without a suffix."""
        return self

    def filled(self, values):
        """The same, with what is unknown taken from the values that it will have."""
        return self

    def refuse(self, value, where, hint=""):
        raise Refused(where, self.expected(), shown(value) + hint)


def shown(value):
    """A value as a message names it."""
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "a dictionary"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_SPECIAL = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escaped(text, quote):
    """Text between quotes of Rust. What is not printable is escaped: rustc refuses marks that reverse the text."""
    parts = []
    for c in text:
        plain = c == " " or c.isprintable()
        parts.append("\\" + c if c == quote else _SPECIAL.get(c) or (c if plain else f"\\u{{{ord(c):x}}}"))
    return "".join(parts)


def _is_text(value):
    """Half a surrogate pair is no text in Rust."""
    return isinstance(value, str) and not any("\ud800" <= c <= "\udfff" for c in value)


def _as_text(value):
    """What helps on the command line, where papermill makes numbers and more of what looks like them."""
    scalar = value is None or isinstance(value, (bool, int, float))
    return " (papermill's option -r passes values as text)" if scalar else ""


@dataclasses.dataclass(frozen=True)
class Integer(Kind):
    name: typing.Optional[str]  # None: a literal without a suffix

    def limits(self):
        bits = {"size": 64}.get(self.name[1:]) or int(self.name[1:])
        return (0, 2**bits) if self.name[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1))

    def rust(self):
        return self.name

    def expected(self):
        low, high = self.limits()
        if high <= 2**32:
            return f"{self.name} ({low} to {high - 1})"
        power = f"2^{high.bit_length() - 1}"
        return f"{self.name} ({f'-{power}' if low else '0'} to {power} - 1)"

    def value(self, value, where):
        if not _is_number(value) or (isinstance(value, float) and not value.is_integer()):
            self.refuse(value, where)
        low, high = self.limits()
        if not low <= value < high:
            self.refuse(value, where)
        return str(int(value))

    def settled(self):
        return self if self.name else Integer("i32")


@dataclasses.dataclass(frozen=True)
class Float(Kind):
    name: typing.Optional[str]

    def rust(self):
        return self.name

    def value(self, value, where):
        if not _is_number(value):
            self.refuse(value, where)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        # The largest f32, and half a step more, which is rounded to it.
        too_large = self.name == "f32" and math.isfinite(number) and abs(number) >= 2.0**128 - 2.0**103
        if too_large or (math.isinf(number) and isinstance(value, int)):
            self.refuse(value, where, ", which is too large")
        if math.isnan(number):
            return f"{self.name}::NAN"
        if math.isinf(number):
            return f"{self.name}::INFINITY" if number > 0 else f"{self.name}::NEG_INFINITY"
        return repr(number)

    def settled(self):
        return self if self.name else Float("f64")


@dataclasses.dataclass(frozen=True)
class Bool(Kind):
    def rust(self):
        return "bool"

    def value(self, value, where):
        if not isinstance(value, bool):
            hint = " (papermill's command line knows True and False)" if value in ("true", "false") else ""
            self.refuse(value, where, hint)
        return "true" if value else "false"


@dataclasses.dataclass(frozen=True)
class Char(Kind):
    def rust(self):
        return "char"

    def expected(self):
        return "char, a text of one character"

    def value(self, value, where):
        if _is_text(value) and len(value) == 1:
            return f"'{_escaped(value, chr(39))}'"
        self.refuse(value, where, _as_text(value))


@dataclasses.dataclass(frozen=True)
class Text(Kind):
    """Text, or a path, borrowed for ever or owned."""

    name: str
    pattern: str

    @property
    def constant(self):
        return self.name == "&str"

    def rust(self):
        return self.name

    def value(self, value, where):
        if not _is_text(value):
            self.refuse(value, where, _as_text(value))
        return self.pattern.format(f'"{_escaped(value, chr(34))}"')


@dataclasses.dataclass(frozen=True)
class Json(Text):
    """Text that holds values of different types."""

    def value(self, value, where):
        return super().value(value if isinstance(value, str) else json.dumps(value), where)


BOOL, CHAR = Bool(), Char()
STR = Text("&str", "{}")
STRING = Text("String", "String::from({})")
PATH = Text("&std::path::Path", "std::path::Path::new({})")
PATH_BUF = Text("std::path::PathBuf", "std::path::PathBuf::from({})")
JSON = Json("String", "String::from({})")


@dataclasses.dataclass(frozen=True)
class Unsized(Kind):
    """What stands behind a reference only: `str`, `Path`."""

    name: str


@dataclasses.dataclass(frozen=True)
class Unknown(Kind):
    """A type that this package does not know."""

    written: bool = False  # whether the cell names it, so that the compiler knows it

    def rust(self):
        return "_"

    def value(self, value, where):
        """What the compiler can fit to a type that the cell names."""
        if isinstance(value, str):
            return STR.value(value, where) + ".into()"
        if isinstance(value, (list, tuple)):
            return f"vec![{_listed(self, value, where)}]"
        if isinstance(value, dict):
            return f"[{_pairs(self, self, value, where)}].into_iter().collect()"
        return "None" if value is None else natural(value).value(value, where)

    def filled(self, values):
        return self if self.written else common(values)


def _listed(kind, values, where):
    return ", ".join(kind.value(value, f"{where}[{index}]") for index, value in enumerate(values))


def _pairs(key_kind, kind, values, where):
    def key(given):
        # JSON has texts only as keys.
        number = isinstance(key_kind, Integer) and isinstance(given, str) and given.lstrip("-").isdecimal()
        return key_kind.value(int(given) if number else given, f"{where}, key {shown(given)}")

    return ", ".join(f"({key(k)}, {kind.value(v, f'{where}[{shown(k)}]')})" for k, v in values.items())


@dataclasses.dataclass(frozen=True)
class Option(Kind):
    inner: Kind

    @property
    def constant(self):
        return self.inner.constant

    def rust(self):
        return f"Option<{self.inner.rust()}>"

    def value(self, value, where):
        return "None" if value is None else f"Some({self.inner.value(value, where)})"

    def settled(self):
        return Option(self.inner.settled())

    def filled(self, values):
        return Option(self.inner.filled([value for value in values if value is not None]))


@dataclasses.dataclass(frozen=True)
class Result(Kind):
    """What `parse` gives; `?` or `unwrap` takes the value out."""

    inner: Kind


_LISTS = {"Vec": "Vec", **{name: f"std::collections::{name}" for name in ("VecDeque", "HashSet", "BTreeSet")}}
_MAPS = {name: f"std::collections::{name}" for name in ("HashMap", "BTreeMap")}


@dataclasses.dataclass(frozen=True)
class List(Kind):
    """A collection that grows."""

    name: str
    inner: Kind
    constant = False

    def rust(self):
        return f"{_LISTS[self.name]}<{self.inner.rust()}>"

    def value(self, value, where):
        if not isinstance(value, (list, tuple)):
            self.refuse(value, where)
        items = _listed(self.inner, value, where)
        return f"vec![{items}]" if self.name == "Vec" else f"{_LISTS[self.name]}::from([{items}])"

    def settled(self):
        return List(self.name, self.inner.settled())

    def filled(self, values):
        return List(self.name, self.inner.filled(_flat(values)))

    def like(self, inner):
        """The same of items of another kind, where its own does not say which."""
        return List(self.name, joined(self.inner, inner))


def _flat(values):
    return [item for value in values if isinstance(value, (list, tuple)) for item in value]


@dataclasses.dataclass(frozen=True)
class Array(Kind):
    """A list of a length that is part of its type, unless that is a name (`None`)."""

    inner: Kind
    length: typing.Optional[int]

    @property
    def constant(self):
        return self.inner.constant

    def rust(self):
        return f"[{self.inner.rust()}; {'_' if self.length is None else self.length}]"

    def value(self, value, where):
        if not isinstance(value, (list, tuple)) or self.length not in (None, len(value)):
            self.refuse(value, where)
        return f"[{_listed(self.inner, value, where)}]"

    def settled(self):
        return Array(self.inner.settled(), self.length)

    def filled(self, values):
        return Array(self.inner.filled(_flat(values)), self.length)


@dataclasses.dataclass(frozen=True)
class Slice(Array):
    """A list of any length behind a reference."""

    length: None = None

    def rust(self):
        return f"[{self.inner.rust()}]"

    def settled(self):
        return Slice(self.inner.settled())

    def filled(self, values):
        return Slice(self.inner.filled(_flat(values)))


@dataclasses.dataclass(frozen=True)
class Reference(Kind):
    inner: Kind

    @property
    def constant(self):
        return self.inner.constant

    def rust(self):
        return f"&{self.inner.rust()}"

    def value(self, value, where):
        if isinstance(self.inner, Array) and not isinstance(value, (list, tuple)):
            self.refuse(value, where)
        return f"&{self.inner.value(value, where)}"

    def settled(self):
        return Reference(self.inner.settled())

    def filled(self, values):
        return Reference(self.inner.filled(values))


@dataclasses.dataclass(frozen=True)
class Map(Kind):
    name: str
    key: Kind
    inner: Kind
    constant = False

    def rust(self):
        return f"{_MAPS[self.name]}<{self.key.rust()}, {self.inner.rust()}>"

    def value(self, value, where):
        if not isinstance(value, dict):
            self.refuse(value, where)
        return f"{_MAPS[self.name]}::from([{_pairs(self.key, self.inner, value, where)}])"

    def settled(self):
        return Map(self.name, self.key.settled(), self.inner.settled())

    def filled(self, values):
        maps = [value for value in values if isinstance(value, dict)]
        keys = self.key.filled([key for value in maps for key in value])
        return Map(self.name, keys, self.inner.filled([item for value in maps for item in value.values()]))

    def like(self, pair):
        if isinstance(pair, Tuple) and len(pair.items) == 2:
            return Map(self.name, joined(self.key, pair.items[0]), joined(self.inner, pair.items[1]))
        return self


@dataclasses.dataclass(frozen=True)
class Tuple(Kind):
    items: typing.Tuple[Kind, ...]

    @property
    def constant(self):
        return all(kind.constant for kind in self.items)

    def rust(self):
        items = ", ".join(kind.rust() for kind in self.items)
        return f"({items},)" if len(self.items) == 1 else f"({items})"

    def expected(self):
        return f"{self.rust()}, a list of {len(self.items)}"

    def value(self, value, where):
        if not isinstance(value, (list, tuple)) or len(value) != len(self.items):
            self.refuse(value, where)
        parts = [kind.value(item, f"{where}[{index}]") for index, (kind, item) in enumerate(zip(self.items, value))]
        return f"({', '.join(parts)},)" if len(parts) == 1 else f"({', '.join(parts)})"

    def settled(self):
        return Tuple(tuple(kind.settled() for kind in self.items))

    def filled(self, values):
        rows = [value for value in values if isinstance(value, (list, tuple)) and len(value) == len(self.items)]
        return Tuple(tuple(kind.filled([row[index] for row in rows]) for index, kind in enumerate(self.items)))


_INTEGERS = {f"{sign}{bits}" for sign in "iu" for bits in (8, 16, 32, 64, 128, "size")}
_SIMPLE = {"bool": BOOL, "char": CHAR, "String": STRING, "PathBuf": PATH_BUF, "f32": Float("f32"), "f64": Float("f64"),
           "str": Unsized("str"), "Path": Unsized("Path")}  # fmt: skip


def named(path, arguments):
    """The type that a path names, or None. Names of the standard library count wherever they come from: a bare one is
    taken to be imported."""
    *modules, name = path
    arguments = [kind for kind in arguments if kind is not None]
    if modules and modules[0] not in ("std", "core", "alloc", "collections", "path", "primitive"):
        return None
    if name in _INTEGERS and not arguments:
        return Integer(name)
    if name in _SIMPLE and not arguments:
        return _SIMPLE[name]
    if name == "Option" and len(arguments) == 1:
        return Option(arguments[0])
    if name in _LISTS and len(arguments) <= 1:
        return List(name, arguments[0] if arguments else Unknown())
    if name in _MAPS and len(arguments) in (0, 2):
        return Map(name, *(arguments or (Unknown(), Unknown())))
    return None


def reference(kind):
    """What a reference to a value of a kind is."""
    if isinstance(kind, Unsized):
        return {"str": STR, "Path": PATH}[kind.name]
    return Reference(kind)


def items(kind):
    """The kind of what a list holds."""
    if isinstance(kind, Reference):
        kind = kind.inner
    return kind.inner if isinstance(kind, (Array, List)) else Unknown()


def inside(kind):
    """What `?` and `unwrap` take out."""
    return kind.inner if isinstance(kind, (Option, Result)) else Unknown()


def joined(one, other):
    """The kind of two values that have one type."""
    if one == other or isinstance(other, Unknown):
        return one
    if isinstance(one, Unknown):
        return other
    if type(one) is type(other):
        if isinstance(one, (Integer, Float)) and None in (one.name, other.name):
            return one if one.name else other
        if isinstance(one, Option):
            return Option(joined(one.inner, other.inner))
        if isinstance(one, List) and one.name == other.name:
            return List(one.name, joined(one.inner, other.inner))
        if isinstance(one, Array) and one.length == other.length:
            return Array(joined(one.inner, other.inner), one.length)
        if isinstance(one, Tuple) and len(one.items) == len(other.items):
            return Tuple(tuple(map(joined, one.items, other.items)))
    return Unknown()


def natural(value):
    """The kind of a value that replaces nothing: i64 or what is large enough, f64, String, Vec, BTreeMap."""
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return _integer_for([value])
    if isinstance(value, float):
        return Float("f64")
    if value is None:
        return Option(STRING)
    if isinstance(value, dict):
        return Map("BTreeMap", STRING if all(isinstance(k, str) for k in value) else JSON, common(list(value.values())))
    if isinstance(value, (list, tuple)):
        return List("Vec", common(list(value)))
    return STRING


def _integer_for(values):
    """The first type of integers that holds all values; none does beyond the last."""
    for name in ("i64", "u64", "i128", "u128"):
        low, high = Integer(name).limits()
        if all(low <= value < high for value in values):
            break
    return Integer(name)


def common(values):
    """The kind that all values have: floats where some are, JSON in a String where they differ."""
    some = [value for value in values if value is not None]
    if not some:
        return natural(None) if values else STRING
    if all(map(_is_number, some)):
        kind = Float("f64") if any(isinstance(value, float) for value in some) else _integer_for(some)
    elif all(isinstance(value, (list, tuple)) for value in some):
        kind = List("Vec", common(_flat(some)))
    elif all(isinstance(value, dict) for value in some):
        keys = STRING if all(isinstance(key, str) for value in some for key in value) else JSON
        kind = Map("BTreeMap", keys, common([item for value in some for item in value.values()]))
    else:
        kinds = {natural(value) for value in some}
        kind = kinds.pop() if len(kinds) == 1 else JSON
    return kind if len(some) == len(values) else Option(kind)
