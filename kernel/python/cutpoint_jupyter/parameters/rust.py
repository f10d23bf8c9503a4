"""Reads the variables that a cell of Rust declares, as far as their types and defaults can be told from the text.

This is no compiler: literals, the usual constructors and arithmetic are understood, anything else is `Unknown`.
"""

import dataclasses
import re
import typing

from . import kinds
from .kinds import Unknown


@dataclasses.dataclass(frozen=True)
class Token:
    kind: str  # name, lifetime, number, text, char, bytes or mark
    text: str
    start: int
    end: int


_TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*)
  | (?P<raw>[bc]?r(?P<hashes>\#*)"(?s:.*?)"(?P=hashes))
  | (?P<text>"(?s:\\.|[^"\\])*")
  | (?P<bytes>[bc]"(?s:\\.|[^"\\])*"|b'(?:\\(?:x[0-9a-fA-F]{2}|.)|[^'\\])')
  | (?P<char>'(?:\\(?:u\{[0-9a-fA-F_]+\}|x[0-9a-fA-F]{2}|.)|[^'\\])')
  | (?P<lifetime>'[^\W\d]\w*)
  | (?P<number>0x[0-9a-fA-F_]+(?:[iu](?:8|16|32|64|128|size))?
      | 0[bo][0-7_]+(?:[iu](?:8|16|32|64|128|size))?
      | [0-9][0-9_]*(?:\.[0-9][0-9_]*|\.(?![.\w]))?(?:[eE][+-]?_*[0-9][0-9_]*)?(?:[iu](?:8|16|32|64|128|size)|f32|f64)?)
  | (?P<name>(?:r\#)?[^\W\d]\w*)
  | (?P<mark>::|->|=>|\.\.=?|.)
    """,
    re.VERBOSE,
)


def tokens(source):
    """The tokens of a source, without comments."""
    found, at = [], 0
    while at < len(source):
        if source.startswith("/*", at):
            at = _after_comment(source, at)
            continue
        match = _TOKEN.match(source, at)
        kind = match.lastgroup if match.lastgroup != "hashes" else "raw"
        if kind == "raw":
            kind = "text" if match["raw"].startswith("r") else "bytes"
        if kind != "space":
            found.append(Token(kind, match[0], at, match.end()))
        at = match.end()
    return found


def _after_comment(source, at):
    """Where a block comment ends; they nest."""
    depth = 0
    for mark in re.compile(r"/\*|\*/").finditer(source, at):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(source)


@dataclasses.dataclass(frozen=True)
class Declared:
    """A variable that a cell declares."""

    name: str
    kind: kinds.Kind
    annotation: typing.Optional[str]  # the type as it is written, if it is
    default: str  # the text of its value
    keyword: str  # let, let mut, const, static
    help: str  # the comment behind it, or above it


OPEN, CLOSE = "([{", ")]}"


def declared(source):
    """The variables and constants that a cell declares outside all braces, by name; the last of a name counts."""
    found = {}
    for statement in _statements(source):
        for variable in _declaration(source, statement):
            found[variable.name] = variable
    return found


def _statements(source):
    """The statements of a cell as lists of tokens, each without its semicolon."""
    depth, statement = 0, []
    skip_to = 0
    for token in tokens(source):
        if token.start < skip_to:
            continue
        if not statement and token.text in (":", "?", "%"):
            # A command of the kernel, such as `:dep`, takes its line.
            skip_to = (source.find("\n", token.start) + 1) or len(source)
            continue
        if depth == 0 and token.text == ";":
            yield statement
            statement = []
            continue
        statement.append(token)
        if token.kind == "mark" and token.text in OPEN:
            depth += 1
        elif token.kind == "mark" and token.text in CLOSE:
            depth = max(0, depth - 1)
            # An item or a block ends without a semicolon. A `let` goes on: `let x = if a { b } else { c };`.
            if depth == 0 and token.text == "}" and not _binds(statement):
                yield statement
                statement = []
            # So does what stands behind an attribute: `#[allow(unused)] let x = 3;`.
            elif depth == 0 and token.text == "]" and statement[0].text == "#":
                statement = []
    if statement:
        yield statement


def _binds(statement):
    """Whether a statement declares a variable or a constant, and no function."""
    words = [token.text for token in statement if token.text != "pub"] + ["", ""]
    return words[0] in ("let", "const", "static") and words[1] not in ("fn", "unsafe", "extern", "async")


def _declaration(source, statement):
    """The variables of one statement."""
    if not _binds(statement):
        return
    words = [token for token in statement if token.text != "pub"]
    pattern, annotation, value = _parts(words[1:])
    keyword = words[0].text
    kind = Parser(annotation, written=True).whole("type") if annotation else Parser(value).whole("expression")
    for name, mutable, place in _names(pattern):
        its = kind
        for index in place:
            its = its.items[index] if isinstance(its, kinds.Tuple) and index < len(its.items) else Unknown()
        yield Declared(
            name,
            its.settled(),
            _text(annotation) if annotation and not place else None,
            _text(value),
            f"{keyword} mut" if mutable else keyword,
            _help(source, statement),
        )


def _text(part):
    """Tokens in one line, without comments."""
    gaps = [" " if before.end < token.start else "" for before, token in zip(part, part[1:])]
    return "".join(gap + token.text for gap, token in zip(["", *gaps], part))


def _parts(words):
    """The pattern, the type and the value of what follows `let`."""
    parts, depth = [[], [], []], 0
    at = 0
    for token in words:
        if token.kind == "mark" and token.text in OPEN + "<":
            depth += 1
        elif token.kind == "mark" and token.text in CLOSE + ">":
            depth -= 1
        if at < 2 and depth == 0 and token.text == "=" and token.kind == "mark":
            at = 2
        elif at == 0 and depth == 0 and token.text == ":":
            at = 1
        else:
            parts[at].append(token)
    return parts


def _names(pattern, place=()):
    """The names of a pattern, whether they are `mut`, and their places in tuples."""
    mutable = bool(pattern) and pattern[0].text == "mut"
    rest = pattern[1:] if mutable else pattern
    if len(rest) == 1 and rest[0].kind == "name":
        if rest[0].text != "_":
            yield rest[0].text, mutable, place
    elif not mutable and len(rest) > 1 and rest[0].text == "(" and rest[-1].text == ")":
        for index, part in enumerate(_split(rest[1:-1])):
            yield from _names(part, (*place, index))


def _split(part):
    """The parts between commas that stand outside all brackets."""
    parts, depth = [[]], 0
    for token in part:
        depth += (token.text in OPEN) - (token.text in CLOSE) if token.kind == "mark" else 0
        if depth == 0 and token.text == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts if parts[-1] else parts[:-1]


def _help(source, statement):
    """The comment behind a statement, or the lines of comments right above it."""
    end = source.find(";", statement[-1].end)
    line_end = source.find("\n", end)
    behind = source[end + 1 : line_end if line_end >= 0 else len(source)].strip() if end >= 0 else ""
    if behind.startswith("//"):
        return behind.lstrip("/! ").strip()
    above = []
    for line in reversed(source[: statement[0].start].split("\n")[:-1]):
        if not line.strip().startswith("//"):
            break
        above.insert(0, line.strip().lstrip("/!").strip())
    return " ".join(above)


class NotUnderstood(Exception):
    """The text is more than this module reads."""


_SUFFIX = re.compile(r"(?:[iu](?:8|16|32|64|128|size)|f32|f64)$")
# What gives a number of the same type.
_SAME = {"abs", "pow", "powi", "powf", "sqrt", "min", "max", "clamp", "round", "floor", "ceil", "trunc", "exp", "ln",
         "log10", "log2", "clone", "to_owned", "wrapping_add", "saturating_sub"}  # fmt: skip
_CONSTRUCTORS = {"new", "from", "default", "with_capacity"}
_MARKS = set("+-*/%<>&|^=!")


class Parser:
    """A type, or an expression, from its tokens."""

    def __init__(self, part, written=False):
        self.tokens, self.at = part, 0
        self.unknown = Unknown(written)

    def whole(self, what):
        """The kind that all tokens together say, or `Unknown`."""
        try:
            kind = getattr(self, what)()
            return kind if self.at == len(self.tokens) else self.unknown
        except NotUnderstood:
            return self.unknown

    def peek(self, ahead=0):
        at = self.at + ahead
        return self.tokens[at] if at < len(self.tokens) else Token("end", "", 0, 0)

    def next(self):
        token = self.peek()
        if token.kind == "end":
            raise NotUnderstood
        self.at += 1
        return token

    def takes(self, *texts):
        """Goes past these marks or words, if they come next."""
        if all(self.peek(i).text == text and self.peek(i).kind in ("mark", "name") for i, text in enumerate(texts)):
            self.at += len(texts)
            return True
        return False

    def needs(self, *texts):
        if not self.takes(*texts):
            raise NotUnderstood

    def several(self, what, close):
        """Parts between commas, up to a closing mark."""
        found = []
        while not self.takes(close):
            found.append(what())
            if not self.takes(","):
                self.needs(close)
                break
        return found

    # Types

    def type(self):
        if self.takes("&"):
            if self.peek().kind == "lifetime":
                self.next()
            if self.peek().text == "mut":
                raise NotUnderstood
            return kinds.reference(self.type())
        if self.takes("("):
            return self.parenthesised(self.type)
        if self.takes("["):
            inner = self.type()
            if self.takes(";"):
                length = self.length()
                self.needs("]")
                return kinds.Array(inner, length)
            self.needs("]")
            return kinds.Slice(inner)
        self.takes("::")
        path, arguments = [self.name()], self.generics()
        while self.takes("::"):
            path.append(self.name())
            arguments = self.generics()
        return kinds.named(path, arguments) or self.unknown

    def name(self):
        token = self.next()
        if token.kind != "name" or token.text in ("dyn", "impl", "fn", "for", "unsafe", "extern"):
            raise NotUnderstood
        return token.text

    def generics(self):
        """The arguments of a type: `<..>` or `::<..>`."""
        if not self.takes("::", "<") and not self.takes("<"):
            return []
        return self.several(self.generic, ">")

    def generic(self):
        if self.peek().kind == "lifetime":
            self.next()
            return None
        return self.type()

    def length(self, close="]"):
        """The length of an array, or None where it is a name or a sum."""
        depth, part = 0, []
        while depth or self.peek().text != close:
            token = self.next()
            depth += (token.text in OPEN) - (token.text in CLOSE) if token.kind == "mark" else 0
            part.append(token)
        if len(part) == 1 and part[0].kind == "number":
            return _integer(part[0].text)
        return None

    def parenthesised(self, what):
        """A tuple, or what stands alone in brackets."""
        found = []
        while not self.takes(")"):
            found.append(what())
            if not self.takes(","):
                self.needs(")")
                return found[0] if len(found) == 1 else kinds.Tuple(tuple(found))
        return kinds.Tuple(tuple(found))

    # Expressions

    def expression(self):
        kind = self.unary()
        logical = False
        while self.peek().kind == "mark" and self.peek().text in _MARKS:
            marks = self.operator()
            other = self.unary()
            if marks in ("==", "!=", "<", ">", "<=", ">=", "&&", "||"):
                logical = True
            elif marks in ("+", "-", "*", "/", "%", "&", "|", "^"):
                kind = kind if logical or kind == kinds.STRING else kinds.joined(kind, other)
            elif marks not in ("<<", ">>"):
                raise NotUnderstood
        return kinds.BOOL if logical else kind

    def operator(self):
        """Marks that stand together; those before an operand, as in `a * -b`, stand apart by the formatter's rules."""
        marks = self.next()
        text = marks.text
        while self.peek().kind == "mark" and self.peek().text in _MARKS and self.peek().start == marks.end:
            marks = self.next()
            text += marks.text
        return text

    def unary(self):
        if self.takes("-") or self.takes("!"):
            return self.unary()
        if self.takes("&"):
            if self.peek().text == "mut":
                raise NotUnderstood
            return kinds.reference(self.unary())
        return self.postfix()

    def postfix(self):
        kind = self.primary()
        while True:
            if self.takes("?"):
                kind = kinds.inside(kind)
            elif self.takes("as"):
                kind = self.type()
            elif self.takes("."):
                kind = self.method(kind)
            else:
                return kind

    def method(self, kind):
        name = self.name()
        arguments = self.generics() if self.peek().text == "::" else []
        self.needs("(")
        given = self.several(self.expression, ")")
        if name in ("to_string",) or (name in ("to_owned", "into_owned") and kind == kinds.STR):
            return kinds.STRING
        if name in ("to_owned", "to_vec") and isinstance(kind, kinds.Reference):
            return kinds.List("Vec", kinds.items(kind))
        if name == "to_vec":
            return kinds.List("Vec", kinds.items(kind))
        if name in ("parse", "collect") and arguments and arguments[0]:
            # `?` and `unwrap` take the value out of a Result, which is no kind of its own here.
            return kinds.Result(arguments[0]) if name == "parse" else arguments[0]
        if name in ("unwrap", "expect", "unwrap_or", "unwrap_or_default", "unwrap_or_else"):
            return kinds.inside(kind)
        if name in ("len", "count"):
            return kinds.Integer("usize")
        if name in ("is_empty", "is_some", "is_none", "contains"):
            return kinds.BOOL
        if name in ("repeat", "to_lowercase", "to_uppercase") and kind in (kinds.STR, kinds.STRING):
            return kinds.STRING
        if name in _SAME:
            if isinstance(kind, kinds.Integer):
                return next((k for k in given if name in ("min", "max") and kind.name is None), kind)
            return kind
        raise NotUnderstood

    def primary(self):
        token = self.peek()
        if token.kind == "number":
            return _number(self.next().text)
        if token.kind == "text":
            self.next()
            return kinds.STR
        if token.kind == "char":
            self.next()
            return kinds.CHAR
        if token.kind == "bytes":
            if self.next().text.startswith("b'"):
                return kinds.Integer("u8")
            raise NotUnderstood
        if self.takes("("):
            return self.parenthesised(self.expression)
        if self.takes("["):
            return self.listed("]")
        if token.kind == "name" or token.text in ("<", "::"):
            return self.path()
        raise NotUnderstood

    def listed(self, close):
        """What stands between the brackets of an array or a `vec!`."""
        if self.takes(close):
            return kinds.Array(Unknown(), 0)
        found = [self.expression()]
        if self.takes(";"):
            length = self.length(close)
            self.needs(close)
            return kinds.Array(found[0], length)
        if self.takes(","):
            found += self.several(self.expression, close)
        else:
            self.needs(close)
        kind = found[0]
        for other in found[1:]:
            kind = kinds.joined(kind, other)
        return kinds.Array(kind, len(found))

    def path(self):
        """A name, a constructor, a constant, a macro."""
        self.takes("::")
        path, arguments, before = [self.name()], self.generics_of_path(), []
        while self.takes("::"):
            path.append(self.name())
            before, arguments = arguments or before, self.generics_of_path()
        last = path[-1]
        if self.takes("!"):
            return self.macro(last)
        if len(path) == 1 and last in ("true", "false"):
            return kinds.BOOL
        if last == "None" and path[-2:-1] in ([], ["Option"]):
            return kinds.Option((arguments or before or [None])[0] or Unknown())
        if last == "Some" and path[-2:-1] in ([], ["Option"]) and self.takes("("):
            (inner,) = self.several(self.expression, ")")
            return kinds.Option(inner)
        if len(path) > 1:
            return self.associated(path, before or arguments)
        raise NotUnderstood

    def generics_of_path(self):
        """Generic arguments in an expression need `::<`; a bare `<` compares."""
        return self.generics() if self.peek().text == "::" and self.peek(1).text == "<" else []

    def macro(self, name):
        close = {"[": "]", "(": ")", "{": "}"}.get(self.next().text)
        if name == "vec":
            return kinds.List("Vec", self.listed(close).inner)
        if name == "format":
            depth = 1
            while depth:
                token = self.next()
                depth += (token.text in OPEN) - (token.text in CLOSE) if token.kind == "mark" else 0
            return kinds.STRING
        raise NotUnderstood

    def associated(self, path, arguments):
        """`String::from("a")`, `f64::INFINITY`, `usize::MAX`, `Vec::<u8>::new()`."""
        *of, last = path
        if of[-1] == "consts" and of[-2:-1] in (["f32"], ["f64"]):
            return kinds.Float(of[-2])
        kind = kinds.named(of, arguments) or (kinds.Option(Unknown()) if of == ["Option"] else None)
        if of[-1] == "Path" and last == "new" and self.takes("("):
            self.several(self.expression, ")")
            return kinds.PATH
        if kind is None or isinstance(kind, kinds.Unsized):
            raise NotUnderstood
        if last.isupper() and isinstance(kind, (kinds.Integer, kinds.Float)):
            return kinds.Integer("u32") if last == "BITS" else kind
        if last not in _CONSTRUCTORS or not self.takes("("):
            raise NotUnderstood
        given = self.several(self.expression, ")")
        if given and last == "from" and isinstance(kind, (kinds.List, kinds.Map)):
            return kind.like(kinds.items(given[0]))
        return kind


def _number(text):
    suffix = _SUFFIX.search(text)
    if text.startswith("0x") and suffix and suffix[0].startswith("f"):
        suffix = None
    if suffix:
        return kinds.Float(suffix[0]) if suffix[0].startswith("f") else kinds.Integer(suffix[0])
    whole = text.startswith(("0x", "0b", "0o")) or not re.search(r"[.eE]", text)
    return kinds.Integer(None) if whole else kinds.Float(None)


def _integer(text):
    text = _SUFFIX.sub("", text).replace("_", "")
    try:
        return int(text, 0)
    except ValueError:
        return int(text, 10) if text.isdigit() else None
