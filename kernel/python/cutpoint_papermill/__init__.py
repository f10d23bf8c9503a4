"""papermill parameters for notebooks in Rust.

papermill writes a cell of parameters in the notebook's language, and does not know Rust. It imports the engines that
installed packages offer; this package offers one, which is papermill's own, and registers a translator meanwhile.
"""

import math
import re

from papermill.engines import NBClientEngine
from papermill.models import Parameter
from papermill.translators import Translator, papermill_translators


class RustTranslator(Translator):
    """Python values as Rust expressions.

    bool, int, float and str are themselves. A list is a vec![] of the common type of its items, a dictionary a
    BTreeMap with String keys; where items differ in type, each is a String in JSON. None is None::<String>.
    """

    @classmethod
    def declare(cls, name, value):
        """A variable with its type and value."""
        return f"let {name}: {cls.type_of(value)} = {cls.translate(value)};"

    @classmethod
    def type_of(cls, value):
        """The Rust type of a value."""
        if isinstance(value, bool):
            return "bool"
        if isinstance(value, int):
            return cls._integer(value)
        if isinstance(value, float):
            return "f64"
        if value is None:
            return "Option<String>"
        if isinstance(value, dict):
            return f"std::collections::BTreeMap<String, {cls._common(list(value.values()))}>"
        if isinstance(value, (list, tuple, set)):
            return f"Vec<{cls._common(list(value))}>"
        return "String"

    @staticmethod
    def _integer(value):
        for name, low, high in (("i64", -(2**63), 2**63), ("u64", 0, 2**64), ("i128", -(2**127), 2**127)):
            if low <= value < high:
                return name
        raise ValueError(f"{value} is too large for Rust's integers")

    @classmethod
    def _common(cls, values):
        """The type that all items have, or String."""
        some = [value for value in values if value is not None]
        types = {cls.type_of(value) for value in some}
        if types == {"i64", "f64"}:
            types = {"f64"}
        inner = types.pop() if len(types) == 1 else "String"
        return f"Option<{inner}>" if len(some) < len(values) and inner != "Option<String>" else inner

    @classmethod
    def _item(cls, value, kind):
        """A value where the type is given from outside."""
        if kind.startswith("Option<"):
            if value is None:
                return "None"
            return f"Some({cls._item(value, kind[7:-1])})"
        if kind == "f64":
            return cls.translate_float(float(value))
        if kind == "String" and not isinstance(value, str):
            import json

            return cls.translate_str(json.dumps(value))
        return cls.translate(value)

    @classmethod
    def translate_none(cls, val):
        return "None::<String>"

    @classmethod
    def translate_bool(cls, val):
        return "true" if val else "false"

    @classmethod
    def translate_int(cls, val):
        return f"{val}{cls._integer(val)}"

    @classmethod
    def translate_float(cls, val):
        if math.isnan(val):
            return "f64::NAN"
        if math.isinf(val):
            return "f64::INFINITY" if val > 0 else "f64::NEG_INFINITY"
        return f"{val!r}f64"

    @classmethod
    def translate_str(cls, val):
        text = "".join(cls._character(c) for c in str(val))
        return f'String::from("{text}")'

    @staticmethod
    def _character(c):
        special = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
        return special.get(c) or (f"\\u{{{ord(c):x}}}" if ord(c) < 32 or ord(c) == 127 else c)

    @classmethod
    def translate_raw_str(cls, val):
        return cls.translate_str(val)

    @classmethod
    def translate_escaped_str(cls, val):
        return cls.translate_str(val)

    @classmethod
    def translate_list(cls, val):
        values = list(val)
        kind = cls._common(values)
        items = ", ".join(cls._item(value, kind) for value in values)
        return f"Vec::<{kind}>::from([{items}])"

    translate_tuple = translate_list
    translate_set = translate_list

    @classmethod
    def translate_dict(cls, val):
        kind = cls._common(list(val.values()))
        items = (f"({cls.translate_str(key)}, {cls._item(value, kind)})" for key, value in val.items())
        return f"std::collections::BTreeMap::<String, {kind}>::from([{', '.join(items)}])"

    @classmethod
    def comment(cls, cmt_str):
        return f"// {cmt_str}".rstrip()

    @classmethod
    def codify(cls, parameters, comment="Parameters"):
        lines = [cls.comment(comment)]
        lines += [cls.declare(name, value) for name, value in parameters.items()]
        return "\n".join(lines) + "\n"

    # `let name: Type = value; // what it is`
    PARAMETER = re.compile(r"^\s*let\s+(?:mut\s+)?(\w+)\s*(?::\s*([^=]+?))?\s*=\s*(.+?);\s*(?://\s*(.*))?$")

    @classmethod
    def inspect(cls, parameters_cell):
        """The parameters that a cell declares, for `papermill --help-notebook` and its check of names."""
        found = map(cls.PARAMETER.match, parameters_cell["source"].splitlines())
        return [
            Parameter(name=m[1], inferred_type_name=m[2] or "None", default=m[3], help=m[4] or "") for m in found if m
        ]


class RustEngine(NBClientEngine):
    """papermill's own engine under another name; asking for it is not needed."""


papermill_translators.register("cutpoint", RustTranslator)
papermill_translators.register("rust", RustTranslator)
