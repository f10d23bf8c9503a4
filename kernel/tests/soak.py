"""Two thousand cells in one kernel: memory, time, lost replies, and the variables by a model.

    python kernel/tests/soak.py [cells] [seed]

Cells of all kinds take turns: values that change, definitions that are run again, text, figures and updates, threads
that print later, questions, child processes; every tenth fails and every fortieth is interrupted. Prints a table, and
ends with code 1 when memory grows by more than what the cells keep, a reply is lost, or a variable is not as it must be.
"""

import argparse
import pathlib
import queue
import random
import statistics
import sys
import time

from conftest import descendants
from table import Session, text_of

# Cells before memory is looked at for the first time.
WARM = 100
# What the kernel may grow by, in MiB, after that.
KERNEL = 150
# What the process of the cells may grow by for each cell: its library stays loaded, as values and threads may use it.
PER_CELL = 0.25
# How much slower the last cells may be than the first ones.
SLOWER = 1.5


def memory(pid):
    """Resident memory of a process in MiB: all of it, and what is its own and not of a file."""
    fields = {}
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in ("VmRSS", "RssAnon"):
                fields[name] = int(rest.split()[0]) / 1024
    except OSError:
        pass
    return fields.get("VmRSS", 0.0), fields.get("RssAnon", 0.0)


def runtime(session):
    """The process that runs cells."""
    for pid in descendants(session.pid):
        try:
            if "libcell_" in pathlib.Path(f"/proc/{pid}/maps").read_text():
                return pid
        except OSError:
            pass
    return None


class Soak:
    """The cells, and what must be there after them."""

    def __init__(self, session, seed):
        self.session = session
        self.rng = random.Random(seed)
        self.total = 0
        self.list = []
        self.text = ""
        self.factor = 1
        self.version = 0
        self.late = {}  # the messages' parents, and what their threads print
        self.wrong = []
        self.kinds = {}

    def begin(self):
        self.ok("let mut total = 0i64; let mut list: Vec<i64> = vec![]; let mut text = String::new();")
        self.ok("fn scaled(x: i64) -> i64 { x * 1 }")
        self.ok("#[derive(Debug, Clone)]\nstruct Probe { n: i64 }\nimpl Probe { fn twice(&self) -> i64 { self.n * 2 } }")
        self.ok("let probe = Probe { n: 0 };")

    def send(self, code, **arguments):
        self.session.heard = [m for m in self.session.heard if m["parent_header"].get("msg_id") in self.late]
        return self.session.send(code, **arguments)

    def ok(self, code, **expected):
        """Runs a cell that must succeed."""
        return self.judged(code, self.session.end(self.send(code)), **expected)

    def judged(self, code, cell, error=None, out=None, value=None):
        found = cell.of("error")
        if error is None and cell.status != "ok":
            self.wrong.append(f"{code}\n{text_of(found[0]) if found else cell.status}")
        elif error is not None and (not found or error != found[0]["ename"]):
            self.wrong.append(f"{code}\nexpected {error}, found {text_of(found[0]) if found else cell.status}")
        if out is not None and cell.text() != out:
            self.wrong.append(f"{code}\nexpected the output {out!r}, found {cell.text()!r}")
        if value is not None and [c["data"]["text/plain"] for c in cell.of("execute_result")] != [value]:
            self.wrong.append(f"{code}\nexpected the value {value}, found {cell.kinds}")
        return cell

    def step(self, n):
        kinds = [self.adds, self.pushes, self.writes, self.defines, self.retypes, self.prints, self.shows, self.updates,
                 self.threads, self.asks, self.child, self.value, self.panics, self.fails, self.does_not_compile,
                 self.torch]
        if n % 40 == 7:
            kind = self.interrupted
        elif n % 10 == 3:
            kind = self.rng.choice([self.panics, self.fails, self.does_not_compile])
        else:
            kind = self.rng.choice(kinds)
        self.kinds[kind.__name__] = self.kinds.get(kind.__name__, 0) + 1
        kind(n)

    # Cells.

    def adds(self, n):
        self.total += n
        self.ok(f"total += {n};")

    def pushes(self, n):
        self.list = [*self.list[-50:], n]
        self.ok(f"if list.len() > 50 {{ list.drain(..list.len() - 50); }}\nlist.push({n});")

    def writes(self, n):
        self.text = f"text {n}"
        self.ok(f'text = format!("text {{}}", {n});')

    def defines(self, n):
        self.factor = n % 7 + 1
        self.ok(f"fn scaled(x: i64) -> i64 {{ x * {self.factor} }}\nscaled(3)", value=str(3 * self.factor))

    def retypes(self, n):
        """The impl is another one, and now and then the type."""
        field = ", extra: u8" if n % 3 == 0 else ""
        filled = ", extra: 1" if field else ""
        self.ok(f"#[derive(Debug, Clone)]\nstruct Probe {{ n: i64{field} }}\n"
                f"impl Probe {{ fn twice(&self) -> i64 {{ self.n * 2 + {n} }} }}\n"
                f"let probe = Probe {{ n: {n}{filled} }};\nprobe.twice()", value=str(3 * n))

    def prints(self, n):
        self.ok(f'for i in 0..200 {{ println!("line {{i}} of cell {n}"); }}',
                out="".join(f"line {i} of cell {n}\n" for i in range(200)))

    def shows(self, n):
        cell = self.ok(f'cutpoint::notebook::display::show(&[("text/html", &"<p>{n}</p>".repeat(1000)), ("text/plain", "{n}")]);')
        if [c["data"]["text/plain"] for c in cell.of("display_data")] != [str(n)]:
            self.wrong.append(f"the figure of cell {n} is not there: {cell.kinds}")

    def updates(self, n):
        cell = self.ok('let mut shown = Shown::new(&[("text/plain", "start")]);\n'
                       'for n in 0..500 { shown.update(&[("text/plain", &n.to_string())]); }')
        last = cell.of("display_data", "update_display_data")[-1:]
        if [c["data"]["text/plain"] for c in last] != ["499"]:
            self.wrong.append(f"the last update of cell {n} is not there: {last}")

    def threads(self, n):
        sent = self.send(f'std::thread::spawn(|| {{ std::thread::sleep(std::time::Duration::from_millis(200)); '
                         f'println!("late {n}"); }});')
        self.judged(f"thread {n}", self.session.end(sent))
        self.late[sent[0]] = f"late {n}\n"

    def asks(self, n):
        code = "let mut line = String::new();\nstd::io::stdin().read_line(&mut line)?;\nprintln!(\"<{}>\", line.trim());"
        cell = self.session.end(self.send(code, asks=True), [f"answer {n}"])
        self.judged(code, cell, out=f"<answer {n}>\n")

    def child(self, n):
        self.ok(f'std::process::Command::new("echo").arg("child {n}").status()?;', out=f"child {n}\n")

    def value(self, n):
        self.ok("list.len() as i64 + total", value=str(len(self.list) + self.total))

    def torch(self, n):
        self.ok(f"let t = tch::Tensor::full([64, 64], {n}i64, (tch::Kind::Int64, tch::Device::Cpu));\n"
                "i64::try_from(t.max())?", value=str(n))

    def panics(self, n):
        self.total += 1
        code = f'total += 1;\nlet total = {{ let none: Option<i64> = None; none.expect("cell {n}") }};'
        self.judged(code, self.session.end(self.send(code)), error="Panic")

    def fails(self, n):
        self.text = f"before {n}"
        code = f'text = "before {n}".to_owned();\nlist = "x".parse::<i64>().map(|n| vec![n])?;\ntext.clear();'
        self.judged(code, self.session.end(self.send(code)), error="ParseIntError")

    def does_not_compile(self, n):
        code = self.rng.choice(["total += 1; let n: i32 = \"text\";", "drop(list); no_such_thing();", "let a = (1;", "let fn = 5;"])
        self.judged(code, self.session.end(self.send(code)), error="CompileError")

    def interrupted(self, n):
        self.total += 5
        how = self.rng.choice(["loop {}", "std::thread::sleep(std::time::Duration::from_secs(60));",
                               'loop { println!("."); std::thread::sleep(std::time::Duration::from_millis(1)); }',
                               'std::process::Command::new("sleep").arg("60").status()?;'])
        code = f'total += 5;\nprintln!("at work");\n{how}\ntotal = 0;'
        sent = self.send(code)
        self.session.wait(sent, "at work")
        self.session.interrupt()
        cell = self.judged(code, self.session.end(sent), error="Interrupted")
        if cell.of("error") and "All variables are kept." not in text_of(cell.error):
            self.wrong.append(f"{code}\n{text_of(cell.error)}")

    def check(self):
        """The variables, as one cell reads them; and what threads have printed."""
        self.ok('println!("{total} {list:?} {text:?} {}", scaled(1));',
                out=f'{self.total} {self.list} "{self.text}" {self.factor}\n')
        for ident, wanted in list(self.late.items()):
            printed = "".join(m["content"]["text"] for m in self.session.of(ident) if m["msg_type"] == "stream")
            if printed == wanted:
                del self.late[ident]

    def end(self):
        end = time.monotonic() + 10
        while self.late and time.monotonic() < end:
            self.session.hear()
            self.check()
        self.wrong += [f"{wanted!r} of a thread did not come" for wanted in self.late.values()]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("cells", nargs="?", type=int, default=2000)
    arguments.add_argument("seed", nargs="?", type=int, default=1)
    arguments = arguments.parse_args()
    session = Session()
    soak = Soak(session, arguments.seed)
    seconds, rows, lost = [], [], 0
    try:
        soak.begin()
        for n in range(arguments.cells):
            start = time.monotonic()
            try:
                soak.step(n)
            except (TimeoutError, queue.Empty, AssertionError) as error:
                lost += 1
                soak.wrong.append(f"cell {n}: {error!r}")
                if lost > 3:
                    break
            seconds.append(time.monotonic() - start)
            if n % 50 == 49:
                soak.check()
            if n + 1 in (WARM, arguments.cells) or (n + 1) % max(1, arguments.cells // 8) == 0:
                rows.append((n + 1, *memory(session.pid), *memory(runtime(session))))
        soak.end()
    finally:
        pid = runtime(session)
        libraries = pathlib.Path(f"/proc/{pid}/maps").read_text().count("libcell_") if pid else 0
        session.close()
    return report(arguments.cells, soak, seconds, rows, lost, libraries)


def report(cells, soak, seconds, rows, lost, libraries):
    """Prints the table; the code to end with."""
    print(f"{'cells':>6}  {'kernel MiB':>18}  {'process MiB':>18}   resident and, of that, its own")
    for count, kernel, kernel_own, process, process_own in rows:
        print(f"{count:6}  {kernel:9.0f} {kernel_own:8.0f}  {process:9.0f} {process_own:8.0f}")
    first, last = statistics.median(seconds[:100]), statistics.median(seconds[-100:])
    print(f"seconds a cell (median): first hundred {first:.2f}, last hundred {last:.2f}")
    print(f"lost replies: {lost}; differences: {len(soak.wrong) - lost}; mapped parts of libraries: {libraries}")
    print("kinds: " + ", ".join(f"{kind} {count}" for kind, count in sorted(soak.kinds.items())))
    wrong = list(soak.wrong)
    warm = [row for row in rows if row[0] >= WARM]
    if len(warm) > 1:
        count = warm[-1][0] - warm[0][0]
        grown, process = warm[-1][1] - warm[0][1], warm[-1][3] - warm[0][3]
        print(f"growth over {count} cells: kernel {grown:.0f} MiB, process {process:.0f} MiB, {1024 * process / count:.0f} KiB a cell")
        if grown > KERNEL:
            wrong.append(f"the kernel has grown by {grown:.0f} MiB, expected at most {KERNEL}")
        if process > PER_CELL * count:
            wrong.append(f"the process has grown by {process:.0f} MiB, expected at most {PER_CELL * count:.0f}")
    if last > SLOWER * first + 0.1:
        wrong.append(f"the last cells took {last:.2f} s, the first {first:.2f}")
    for one in wrong[:20]:
        print(f"\nWRONG: {one}")
    if len(wrong) > 20:
        print(f"\nand {len(wrong) - 20} more")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
