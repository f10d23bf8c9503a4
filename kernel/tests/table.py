"""Runs the table of cells in `cells/`: reads the entries, runs them in a kernel, and says what is not as expected.

Each file of the table holds entries of one kind:

    [[cell]]
    name = "a panic in a function of an earlier cell points there"
    before = ["fn half(n: i32) -> i32 {\\n    12 / n\\n}"]
    run = '''
    let a = half(3);
    let b = half(a - 4);
    '''
    error = "Panic"
    says = "attempt to divide by zero"
    at = "cell {cell-1}, line 2"
    called = ["cell {cell}, line 2: let b = half(a - 4);"]
    after = { a = "4" }
    gone = ["b"]

`{cell}` is the number of the cell that `run` became, `{cell-1}` that of the one before it.

What comes before
    before      cells that run first. One that may not fail is a text; others are tables with `run` and what is expected.

What is expected of the cell
    error       the error's name; without it the cell must succeed
    says        texts that the error's value holds
    at          the place that the traceback shows first
    called      lines that the traceback shows below "called from:"
    traceback   texts in the traceback
    never       texts that are not in the traceback and not in the error's value; the kernel's own names never are
    errors      how many errors of the compiler the traceback shows
    most        the length of the error's value, at most
    value       the value shown, as text; `value_has` for parts of it, `value_most` for its length
    stdout, stderr      what was printed, exactly; `stdout_has` and `stderr_has` for parts of it
    terminal    both streams as a terminal would show them; `terminal_like` is a regular expression
    streams     pairs of a stream and its text, in order, neighbours joined
    shown       the contents of what is displayed, in order: each of these must be in it
    kinds       the kinds of the messages, in order
    page        texts in the page that the cell opens
    inputs      answers to the questions that the cell asks, all of which must be asked. Without this nothing can be asked
    asks        the questions' prompts
    late        `of` counts cells of the entry from 0: what that cell's threads print after its end is found as `stdout` or
                `stderr` under that cell and no other

Interrupts
    interrupt   the text after which the cell is interrupted; "?" for a question of the cell
    twice       whether it is interrupted again half a second later
    within      the seconds that its end may take

What is left
    after       the variables that must be there, with the texts of their values
    gone        the names that must not be there
    named       variables that may be gone if the error says so

How it is run
    fresh       it also runs in a kernel of its own
    clear       the session is cleared after it
    slow        it builds a crate
"""

import dataclasses
import os
import pathlib
import queue
import re
import time
import tomllib

from conftest import TIMEOUT, Cell, Kernel

FOLDER = pathlib.Path(__file__).parent / "cells"

# What a person must never read in an error: names of code that the kernel has written.
NEVER = [
    "evcxr_variable_store", "evcxr_display", "cutpoint_cell_", "cutpoint_run_", "__cutpoint", "__ended", "__trouble",
    "__value", "__runtime", "notebook::cell", "notebook_show", "CellError", "::point()", "Ok(())})();", " src/lib.rs",
    "dropping_references", "libcell_",
]
PLACE = re.compile(r"-->\s+(\S.*)")
# A line of an excerpt: an arrow and a number.
EXCERPT = re.compile(r"-->\s+\d+ \|")
HEADING = re.compile(r"error(\[E\d+\])?:")
NOT_THERE = re.compile(r"cannot find (value|function)|use of moved value|moved")


@dataclasses.dataclass
class Entry:
    """An entry of the table."""

    file: str
    expected: dict

    @property
    def id(self):
        return f"{self.file}: {self.expected['name']}"


def read(kind="cell"):
    """All entries of a kind, file by file."""
    entries = []
    for path in sorted(FOLDER.glob("*.toml")):
        for expected in tomllib.loads(path.read_text())[kind] if f"[[{kind}]]" in path.read_text() else []:
            entries.append(Entry(path.stem, expected))
    return entries


def plain(text):
    """A text without colours."""
    return re.sub("\x1b\\[[0-9;]*m", "", text)


def slack():
    """How much longer things take on a machine that does other work, in seconds."""
    return 0.25 * max(0.0, os.getloadavg()[0] / (os.cpu_count() or 1) - 1)


class Session(Kernel):
    """A kernel whose messages are all kept, whichever cell they belong to."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.heard = []
        self.asked = []

    def hear(self, seconds=0.2):
        """Takes in what comes within a while; returns whether something came."""
        try:
            self.heard.append(self.client.get_iopub_msg(timeout=seconds))
            return True
        except queue.Empty:
            return False

    def of(self, ident):
        return [message for message in self.heard if message["parent_header"].get("msg_id") == ident]

    def send(self, code, asks=False, **arguments):
        return self.submit(code, allow_stdin=asks, **arguments)

    def wait(self, sent, sign, timeout=TIMEOUT):
        """Waits until a cell has printed or shown a text, or, for "?", asked a question."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            self.hear()
            if sign == "?" and self.client.stdin_channel.msg_ready():
                self.asked.append(self.client.get_stdin_msg()["content"]["prompt"])
                return
            for message in self.of(sent[0]):
                if sign in str(message["content"]) and message["msg_type"] not in ("execute_input", "status"):
                    return
                if message["msg_type"] == "error":
                    raise AssertionError(f"the cell failed before {sign!r}: {message['content']['evalue']}")
        raise TimeoutError(f"{sign!r} does not come")

    def end(self, sent, inputs=(), timeout=TIMEOUT):
        """Waits for the end of a cell, and answers its questions."""
        ident, start = sent
        inputs = list(inputs)
        quiet = time.monotonic()
        while True:
            if self.hear():
                quiet = time.monotonic()
            messages = self.of(ident)
            if any(m["msg_type"] == "status" and m["content"]["execution_state"] == "idle" for m in messages):
                break
            if inputs and self.client.stdin_channel.msg_ready():
                self.asked.append(self.client.get_stdin_msg()["content"]["prompt"])
                self.client.input(inputs.pop(0))
            if time.monotonic() - quiet > timeout:
                raise TimeoutError(f"no end after {timeout} s without a word")
        seconds = time.monotonic() - start
        while True:
            reply = self.client.get_shell_msg(timeout=timeout)
            if reply["parent_header"].get("msg_id") == ident:
                break
        cell = Cell(messages, reply, seconds)
        cell.left = inputs
        return cell

    def run(self, code, timeout=TIMEOUT, inputs=None, **arguments):
        return self.end(self.send(code, asks=inputs is not None, **arguments), inputs or (), timeout)

    def value_of(self, name):
        """A variable's value as text; none when it is not there."""
        cell = self.run(name)
        if cell.status == "ok":
            results = cell.of("execute_result", "display_data")
            return plain(results[0]["data"]["text/plain"]) if results else "()"
        if not NOT_THERE.search(cell.error["evalue"]):
            raise AssertionError(f"`{name}`: {text_of(cell.error)}")
        return None


    def values_of(self, names):
        """The values of several variables, read by one cell; empty when it fails."""
        cell = self.run("\n".join(f'println!("{{:?}}", {name});' for name in names))
        return dict(zip(names, cell.text().splitlines())) if cell.status == "ok" else {}


def text_of(error):
    return plain("\n".join(error["traceback"]))


def listed(value):
    return value if isinstance(value, list) else [value]


def run(session, entry):
    """Runs an entry; returns what is not as expected, in words."""
    expected = entry.expected
    idents = []
    for step in expected.get("before", []):
        step = {"run": step} if isinstance(step, str) else step
        wrong = cell_of(session, step, idents)
        if wrong:
            return [f"before, {step['run']!r}: {one}" for one in wrong]
    wrong = cell_of(session, expected, idents)
    if "late" in expected:
        wrong += late(session, expected["late"], idents)
    return wrong + left(session, expected)


def cell_of(session, expected, idents):
    """Runs one cell and compares."""
    session.asked = []
    session.heard = [] if not idents else session.heard
    inputs = expected.get("inputs")
    sent = session.send(expected["run"].removesuffix("\n"), asks=inputs is not None or expected.get("interrupt") == "?")
    idents.append(sent[0])
    wrong = []
    if "interrupt" in expected:
        session.wait(sent, expected["interrupt"])
        time.sleep(0.3)
        start = time.monotonic()
        session.interrupt()
        if expected.get("twice"):
            time.sleep(0.5)
            session.interrupt()
        cell = session.end(sent)
        seconds, limit = time.monotonic() - start, expected.get("within", 1.5) + slack()
        if seconds > limit:
            wrong.append(f"it took {seconds:.1f} s to end, expected {limit:.1f}")
    else:
        cell = session.end(sent, inputs or (), timeout=expected.get("patience", TIMEOUT))
    count = cell.reply["content"]["execution_count"]

    def filled(text):
        return re.sub(r"\{cell(-\d+)?\}", lambda found: str(count + int(found[1] or 0)), text)

    def expect(what, is_right):
        if not is_right:
            wrong.append(what)

    def has(what, text, parts):
        for part in map(filled, listed(parts)):
            expect(f"{what} lacks {part!r}:\n{text}", part in text)

    errors = cell.of("error")
    if "error" in expected:
        expect(f"expected an error {expected['error']}, found {describe(cell)}", cell.status == "error")
        expect(f"expected one error, found {len(errors)}", len(errors) == 1)
        if cell.status == "error" and errors:
            wrong += error_of(expected, errors[0], cell, filled)
            if "found `}`" in errors[0]["evalue"] and "}" not in expected["run"]:
                wrong.append(f"the error speaks of a bracket that nobody wrote: {errors[0]['evalue']}")
    else:
        expect(f"expected success, found {describe(cell)}", cell.status == "ok" and not errors)
        if errors:
            wrong += foreign(errors[0])
    for name in ("stdout", "stderr"):
        text = cell.text(name)
        if name in expected:
            wanted = filled(expected[name])
            expect(f"expected {name} {wanted!r}, found {text!r}", text == wanted)
        has(name, text, expected.get(f"{name}_has", []))
    terminal = "".join(c["text"] for c in cell.of("stream"))
    if "terminal" in expected:
        wanted = filled(expected["terminal"])
        expect(f"expected on a terminal {wanted!r}, found {terminal!r}", terminal == wanted)
    if "terminal_like" in expected:
        pattern = filled(expected["terminal_like"])
        expect(f"expected on a terminal {pattern!r}, found {terminal!r}", re.fullmatch(pattern, terminal, re.DOTALL))
    if "streams" in expected:
        found = joined(cell)
        expect(f"expected streams {expected['streams']}, found {found}", found == expected["streams"])
    if "kinds" in expected:
        expect(f"expected messages {expected['kinds']}, found {cell.kinds}", cell.kinds == expected["kinds"])
    results = [plain(c["data"].get("text/plain", "")) for c in cell.of("execute_result")]
    value = results[0] if results else None
    if "value" in expected:
        wanted = filled(expected["value"])
        expect(f"expected the value {wanted!r}, found {value!r}, {describe(cell)}", value == wanted)
    has("the value", value or "", expected.get("value_has", []))
    if "value_most" in expected:
        expect(f"the value has {len(value or '')} characters", 0 < len(value or "") <= expected["value_most"])
    if "shown" in expected:
        found = [c["data"] for c in cell.of("display_data", "execute_result")]
        fits = len(found) == len(expected["shown"]) and all(
            {mime: data.get(mime) for mime in wanted} == wanted for wanted, data in zip(expected["shown"], found))
        expect(f"expected to be shown {expected['shown']}, found {str(found)[:2000]}", fits)
    if "page" in expected:
        pages = [p["data"]["text/plain"] for p in cell.reply["content"].get("payload", []) if p["source"] == "page"]
        expect(f"expected a page, found {pages}", len(pages) == 1)
        has("the page", plain(pages[0]) if pages else "", expected["page"])
    if inputs is not None:
        expect(f"these answers were not asked for: {cell.left}", not cell.left)
    if "asks" in expected:
        expect(f"expected the questions {expected['asks']}, found {session.asked}", session.asked == expected["asks"])
    return wrong


def describe(cell):
    """What a cell did, for messages."""
    error = cell.of("error")
    printed = f"; it printed {''.join(c['text'] for c in cell.of('stream'))[:2000]!r}" if cell.of("stream") else ""
    return (f"an error:\n{text_of(error[0])}" if error else cell.status) + printed


def joined(cell):
    """The streams of a cell, neighbours of one name joined."""
    streams = []
    for content in cell.of("stream"):
        if streams and streams[-1][0] == content["name"]:
            streams[-1][1] += content["text"]
        else:
            streams.append([content["name"], content["text"]])
    return streams


def foreign(error, more=()):
    """Names of the kernel's own in an error."""
    text = error["evalue"] + "\n" + text_of(error)
    return [f"the error holds {name!r}:\n{text}" for name in [*NEVER, *more] if name in text]


def places(text):
    return [found[1] for line in text.splitlines()
            if (found := PLACE.search(line)) and not EXCERPT.search(line)]


def error_of(expected, error, cell, filled):
    """Compares an error."""
    wrong = []
    text = text_of(error)
    found = f"{error['ename']}: {error['evalue']}\n{text}"
    reply = cell.reply["content"]
    if (reply.get("ename"), reply.get("evalue")) != (error["ename"], error["evalue"]):
        wrong.append(f"the reply says {reply.get('ename')}: {reply.get('evalue')}, the output {found}")
    if error["ename"] != expected["error"]:
        wrong.append(f"expected {expected['error']}, found {found}")
    for part in map(filled, listed(expected.get("says", []))):
        if part not in error["evalue"]:
            wrong.append(f"expected the error to say {part!r}, found {found}")
    if "most" in expected and len(error["evalue"]) > expected["most"]:
        wrong.append(f"the error's value has {len(error['evalue'])} characters: {error['evalue']}")
    if "at" in expected:
        wanted, first = filled(expected["at"]), (places(text) or ["nowhere"])[0]
        if not re.match(re.escape(wanted) + r"(?!\d)", first):
            wrong.append(f"expected the error at {wanted}, found it at {first}:\n{found}")
    if "called" in expected:
        below = [line.strip() for line in text.partition("called from:")[2].splitlines()]
        for wanted in map(filled, listed(expected["called"])):
            if wanted not in below:
                wrong.append(f"expected the call {wanted!r}:\n{found}")
    for part in map(filled, listed(expected.get("traceback", []))):
        if part not in text:
            wrong.append(f"the traceback lacks {part!r}:\n{found}")
    if "errors" in expected:
        count = sum(bool(HEADING.match(line)) for line in text.splitlines())
        if count != expected["errors"]:
            wrong.append(f"expected {expected['errors']} errors, found {count}:\n{found}")
    for name in expected.get("named", []):
        session_name = f"`{name}`"
        if session_name not in text:
            expected.setdefault("_must_be_there", []).append(name)
    return wrong + foreign(error, [filled(part) for part in listed(expected.get("never", []))])


def late(session, expected, idents):
    """What threads printed after the end of their cell."""
    wrong = []
    for name in ("stdout", "stderr"):
        if name not in expected:
            continue
        wanted = expected[name]
        end = time.monotonic() + 10

        def printed(ident):
            return "".join(m["content"]["text"] for m in session.of(ident)
                           if m["msg_type"] == "stream" and m["content"]["name"] == name)

        while time.monotonic() < end and wanted not in printed(idents[expected["of"]]):
            session.hear()
        for at, ident in enumerate(idents):
            if (wanted in printed(ident)) != (at == expected["of"]):
                wrong.append(f"cell {at} of the entry has printed {printed(ident)!r}, expected {wanted!r} in cell "
                             f"{expected['of']}")
    return wrong


def left(session, expected):
    """Compares the variables that are left."""
    wrong = []
    after = expected.get("after", {})
    if len(after) < 2 or session.values_of(after) != after:
        for name, value in after.items():
            found = session.value_of(name)
            if found != value:
                wrong.append(f"expected `{name}` to be {value}, found {found}")
    for name in expected.get("gone", []):
        found = session.value_of(name)
        if found is not None:
            wrong.append(f"expected `{name}` to be gone, found {found}")
    for name in expected.pop("_must_be_there", []):
        if session.value_of(name) is None:
            wrong.append(f"`{name}` is gone, and the error does not say so")
    return wrong
