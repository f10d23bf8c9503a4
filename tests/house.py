#!/usr/bin/env python3
"""Fails where the house is not in order: a circle between files, a room that reaches upwards.

    tests/house.py [FOLDER]     FOLDER is a source tree such as src/, which it is unless given

Reads `use` lines, paths and `impl` headers, not comments, strings or what is compiled for tests only. A path counts for
the file that defines what it names, so that a re-export is no detour. Three rules:

- no circle between files: A imports from B, and B, by whatever way, from A;
- a file imports only from its own room and from rooms below it, in the order of ROOMS;
- no `impl` block of a type in a room above the type's own, except of a trait that is that room's own.

And no string of the library names a flag of the command line.
"""
import pathlib
import re
import sys

# From the ground up. A room is a file or a folder of src/; names that it had before stand in one row with it.
ROOMS = [
    ["error"],
    ["rng"],
    ["util"],
    ["config"],
    ["runtime"],
    ["notebook"],
    ["results"],
    ["data"],
    ["model"],
    ["train"],
    ["study"],
    ["sweep"],
    ["cluster"],
    ["transfer"],
    ["table"],
    ["stats"],
    ["plot"],
    ["experiment"],
    ["prelude"],
    ["lib"],
]
RANK = {name: rank for rank, names in enumerate(ROOMS) for name in names}
ITEM = re.compile(r"\b(?:struct|enum|union|trait|fn|const|static|type|mod|macro_rules!)\s+(?:mut\s+)?(\w+)")


def without_comments_and_strings(text):
    """The code alone; and its string literals, with the line of each."""
    token = re.compile(
        r"//[^\n]*|/\*(?:[^*]|\*(?!/))*\*/|b?r(#*)\".*?\"\1|b?\"(?:\\.|[^\"\\])*\"|'(?:\\.[^']*|[^'\\])'", re.DOTALL)
    strings = []

    def blank(match):
        found = match.group()
        if not found.startswith(("//", "/*", "'")):
            strings.append((text.count("\n", 0, match.start()) + 1, found))
        return re.sub(r"[^\n]", " ", found)

    return token.sub(blank, text), strings


def block_end(code, start):
    """Where the block ends whose first brace is at `start` or after it."""
    depth = 0
    for place in range(code.index("{", start), len(code)):
        depth += {"{": 1, "}": -1}.get(code[place], 0)
        if depth == 0:
            return place + 1
    return len(code)


def without_tests(code):
    """The code without what is compiled for tests only."""
    while (match := re.search(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?(\w+)[^;{]*([;{])", code)):
        end = match.end() if match.group(2) == ";" else block_end(code, match.start())
        code = code[:match.start()] + re.sub(r"[^\n]", " ", code[match.start():end]) + code[end:]
    return code


def leaves(tree):
    """The paths of a `use` tree, with the name that each has here: `a::{b, c as d}` is (a::b, b), (a::c, d)."""
    tree = tree.strip()
    if "{" not in tree:
        path, _, name = (part.strip() for part in tree.partition(" as "))
        return [(path, name or path.split("::")[-1])]
    head, rest = tree.split("{", 1)
    rest = rest[:rest.rindex("}")]
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(rest + ","):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append(rest[start:place])
            start = place + 1
    found = []
    for part in filter(str.strip, parts):
        for path, name in leaves(part):
            if path == "self":
                path = head.rstrip(": ")
                name = path.split("::")[-1] if name == "self" else name
                found.append((path, name))
            else:
                found.append((head.strip() + path, name))
    return found


class File:
    def __init__(self, path, root):
        self.path = path.relative_to(root)
        parts = list(self.path.with_suffix("").parts)
        self.is_mod = parts[-1] in ("mod", "lib")
        self.module = tuple(parts[:-1] if parts[-1] in ("mod", "lib", "main") else parts)
        self.room = parts[0]
        text = path.read_text()
        code, self.strings = without_comments_and_strings(text)
        self.test_lines = set()
        self.code = without_tests(code)
        for number, (before, after) in enumerate(zip(code.split("\n"), self.code.split("\n")), 1):
            if before != after:
                self.test_lines.add(number)
        self.uses, self.exports = [], {}
        use = re.compile(r"\b(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);")
        self.body = use.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), self.code)
        for public, tree in use.findall(self.code):
            for path, name in leaves(re.sub(r"\s+", " ", tree)):
                path = path.replace(" ", "")
                self.uses.append((path, name, bool(public)))
                if public:
                    self.exports.setdefault(name, []).append(path)
        self.items = {m.group(1) for m in ITEM.finditer(self.body)}


class House:
    def __init__(self, root):
        paths = [p for p in sorted(root.rglob("*.rs")) if "bin" not in p.relative_to(root).parts]
        self.files = {}
        for path in paths:
            file = File(path, root)
            self.files[file.module] = file

    def absolute(self, file, path):
        """A path from the crate's root, or None where it is another crate's."""
        parts = [part.split("<")[0] for part in path.lstrip(":").split("::") if part.split("<")[0]]
        if not parts:
            return None
        if parts[0] == "crate":
            return tuple(parts[1:])
        here = list(file.module)
        if parts[0] == "self":
            return tuple(here + parts[1:])
        if parts[0] == "super":
            while parts and parts[0] == "super":
                here, parts = here[:-1], parts[1:]
            return tuple(here + parts)
        # `use child::Item` in the file that has `mod child`.
        if tuple(here + parts[:1]) in self.files:
            return tuple(here + parts)
        return None

    def definition(self, path, seen=()):
        """The file that defines what an absolute path names."""
        if path is None or path in seen:
            return None
        for length in range(len(path), -1, -1):
            file = self.files.get(path[:length])
            if file is None:
                continue
            rest = path[length:]
            if not rest or rest[0] == "*" or rest[0] in file.items and rest[0] not in file.exports:
                return file
            for target in file.exports.get(rest[0], []):
                found = self.definition(self.absolute(file, target), (*seen, path))
                if found:
                    return found
            if not length:
                # A macro, which stands at the crate's root wherever it is made.
                return None
            for target in file.exports.get("*", []):
                module = self.absolute(file, target.removesuffix("::*"))
                found = module and self.definition((*module, rest[0]), (*seen, path))
                if found and rest[0] in found.items:
                    return found
            return file
        return None

    def imports(self, file):
        """Files that a file imports from, and what by."""
        found = {}

        def note(path):
            target = self.definition(self.absolute(file, path))
            if target is not None and target is not file:
                found.setdefault(target.module, path)

        for path, name, public in file.uses:
            # What is passed on, and not used here, is no import.
            if not public or name != "*" and re.search(rf"\b{name}\b", file.body):
                note(path)
        for match in re.finditer(r"\b(?:crate|super|self)(?:::\w+)+", file.body):
            note(match.group())
        return found

    def circles(self, edges):
        """Sets of files each of which imports, by some way, from every other (Tarjan)."""
        index, low, stack, on, found = {}, {}, [], set(), []

        def visit(node):
            index[node] = low[node] = len(index)
            stack.append(node)
            on.add(node)
            for target in edges[node]:
                if target not in index:
                    visit(target)
                    low[node] = min(low[node], low[target])
                elif target in on:
                    low[node] = min(low[node], index[target])
            if low[node] == index[node]:
                part = []
                while not part or part[-1] != node:
                    part.append(stack.pop())
                    on.discard(part[-1])
                if len(part) > 1:
                    found.append(sorted(part))

        for node in edges:
            if node not in index:
                visit(node)
        return found

    def local(self, file, name):
        """The file that defines a type or trait that another names so."""
        first = name.split("::")[0]
        if first in ("crate", "super", "self"):
            return self.definition(self.absolute(file, name))
        if first in file.items:
            return file
        for path, own, _ in file.uses:
            if own == first:
                return self.definition(self.absolute(file, path))
        return None

    def findings(self):
        sys.setrecursionlimit(10_000)
        edges = {module: self.imports(file) for module, file in self.files.items()}
        for circle in self.circles(edges):
            names = ", ".join(str(self.files[module].path) for module in circle)
            yield f"circle: {names}"
            for module in circle:
                for target, path in sorted(edges[module].items()):
                    if target in circle:
                        yield f"    {self.files[module].path} imports {path}"
        for module, file in sorted(self.files.items()):
            rank = RANK.get(file.room)
            if rank is None:
                yield f"no room: {file.path} is in none of ROOMS"
                continue
            for target, path in sorted(edges[module].items()):
                if RANK.get(self.files[target].room, -1) > rank:
                    yield f"upwards: {file.path} imports {path} of {self.files[target].path}"
            for match in re.finditer(r"^[ \t]*(?:unsafe\s+)?impl\b\s*(?:<(?:[^<>]|<[^<>]*>)*>)?\s*([^{;]+?)\s*(?:where\b[^{]*)?\{",
                                     file.body, re.MULTILINE):
                head = re.sub(r"\s+", " ", match.group(1))
                trait, _, name = head.rpartition(" for ")
                plain = lambda text: re.sub(r"<.*", "", text.removeprefix("&").removeprefix("mut ").strip())
                owner = self.local(file, plain(name))
                if owner is None or RANK.get(owner.room, rank) >= rank:
                    continue
                source = self.local(file, plain(trait)) if trait else None
                if source is None or RANK.get(source.room, rank) < rank:
                    yield f"impl: {file.path} has `impl {head}`, whose type is of {owner.path}"
            for line, string in file.strings:
                if line not in file.test_lines and re.search(r"(?<![-\w])--[a-z]", string) and "<!--" not in string:
                    yield f"flag: {file.path}:{line} names a flag of the command line: {string}"


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / "src"
    findings = list(House(root).findings())
    print(*findings, sep="\n", end="\n" if findings else "")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
