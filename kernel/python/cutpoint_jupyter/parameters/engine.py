"""A translator and an engine for papermill: parameters take the types of the defaults that they replace."""

import contextvars
import json

from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillException
from papermill.log import logger
from papermill.models import Parameter
from papermill.translators import Translator, papermill_translators
from papermill.utils import find_first_tagged_cell_index

from . import kinds, rust

KEYWORDS = set(
    "as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move mut "
    "pub ref return self Self static struct super trait true type unsafe use where while "
    "abstract become box do final gen macro override priv try typeof unsized virtual yield".split()
)

# The variables that the notebook at hand declares, from the engine to the translator.
_declared = contextvars.ContextVar("declared", default=None)


class ParameterError(PapermillException, ValueError):
    """Parameters that do not fit; the message names each, what was expected and what was found."""


class RustTranslator(Translator):
    """Python's values as Rust.

    A parameter has the type of the variable that it replaces, and is refused where it does not fit. Where the notebook
    declares none, bool, int, float and str are themselves, a list is a Vec of what its items have in common, a
    dictionary a BTreeMap with String keys; where items differ in type, each is a String in JSON.
    """

    @classmethod
    def translate(cls, val):
        return kinds.natural(val).value(val, "value")

    @classmethod
    def comment(cls, cmt_str):
        return f"// {cmt_str}".rstrip()

    @classmethod
    def codify(cls, parameters, comment="Parameters"):
        declared = _declared.get() or {}
        _declared.set(None)
        lines, refused = [cls.comment(comment)], []
        for name, value in parameters.items():
            try:
                lines.append(cls.declare(name, value, declared.get(name)))
            except kinds.Refused as error:
                refused.append(f"{error}{_default_of(declared.get(name))}")
        if refused:
            raise ParameterError("\n".join(refused))
        return "\n".join(lines) + "\n"

    @classmethod
    def declare(cls, name, value, replaced=None):
        """A variable with its type and value; `replaced` is the declaration that it takes the place of."""
        _check_name(name)
        if replaced is None:
            kind = kinds.natural(value)
            return f"let {name}: {kind.rust()} = {kind.value(value, name)};"
        if isinstance(replaced.kind, kinds.Unknown) and not replaced.annotation:
            logger.warning(
                f"The type of {name} cannot be told from its default `{replaced.default}`; it becomes "
                f"{kinds.natural(value).rust()}. Write its type in the cell of parameters: `let {name}: TYPE = ..`"
            )
        if not replaced.keyword.startswith("let") and not replaced.kind.constant:
            raise kinds.Refused(name, f"`let`, as a {replaced.kind.rust()} is no constant", f"`{replaced.keyword}`")
        kind = replaced.kind.filled([value])
        return f"{replaced.keyword} {name}: {replaced.annotation or kind.rust()} = {kind.value(value, name)};"

    @classmethod
    def inspect(cls, parameters_cell):
        """The parameters that a cell declares, for `papermill --help-notebook` and its check of names."""
        return [
            Parameter(name=d.name, inferred_type_name=d.annotation or _named(d.kind), default=d.default, help=d.help)
            for d in rust.declared(parameters_cell["source"]).values()
        ]


def _named(kind):
    """papermill's name for a type that is not known is "None"."""
    return "None" if isinstance(kind, kinds.Unknown) else kind.rust()


def _default_of(replaced):
    """Says where a type comes from that the cell does not write."""
    return f"; the default is `{replaced.default}`" if replaced and replaced.default and not replaced.annotation else ""


def _check_name(name):
    expected = "a name for a variable of Rust"
    if not isinstance(name, str) or not name.isidentifier() or name == "_":
        raise kinds.Refused(json.dumps(name), expected, "no identifier")
    if name in KEYWORDS:
        raise kinds.Refused(name, expected, "a keyword")


class RustEngine(NBClientEngine):
    """papermill's own engine, which also tells the translator what the cell of parameters declares.

    papermill gives the translator the parameters and nothing else. But just before, it asks the engine for the
    notebook's language, and shows it the notebook: the only place where both can be seen before any cell runs, also by
    `--prepare-only` and `papermill.parameterize.parameterize_notebook`.
    """

    @classmethod
    def nb_language(cls, nb, language=None):
        language = super().nb_language(nb, language)
        index = find_first_tagged_cell_index(nb, "parameters") if language.lower() == "rust" else -1
        _declared.set(rust.declared(nb.cells[index].source) if index >= 0 else None)
        return language


# By the name of the kernel, and of the language as this kernel and evcxr's write it.
for name in ("cutpoint", "rust", "Rust"):
    papermill_translators.register(name, RustTranslator)
# This engine is papermill's in all else, for any language, so it can be the one that runs unless another is asked for.
for name in (None, "nbclient"):
    if papermill_engines.get_engine(name) is NBClientEngine:
        papermill_engines.register(name, RustEngine)
