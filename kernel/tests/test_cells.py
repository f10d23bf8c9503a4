"""The table of cells (see `table.py`), and what does not fit into it."""

import json
import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import time

import pytest
import table
from conftest import SMALL, alive, descendants
from table import Session, joined, text_of

CELLS = table.read()
ROOT = pathlib.Path(__file__).resolve().parents[2]


class Shared:
    """One kernel for many entries; another one when it is of no use any more."""

    def __init__(self):
        self.session = None
        self.file = None

    def __call__(self, file):
        if self.session is None:
            self.session = Session()
        elif file != self.file:
            self.session.run(":clear")
        self.file = file
        return self.session

    def drop(self):
        if self.session is not None:
            self.session.close()
        self.session = None


@pytest.fixture(scope="module")
def shared():
    shared = Shared()
    yield shared
    shared.drop()


@pytest.fixture
def session(shared):
    """The shared kernel, for a test that is no entry of the table."""
    try:
        session = shared("none")
        session.heard = []
        yield session
    except (TimeoutError, queue.Empty):
        shared.drop()
        raise


@pytest.fixture
def fresh():
    sessions = []

    def start(**arguments):
        sessions.append(Session(**arguments))
        return sessions[-1]

    yield start
    for session in sessions:
        session.close()


def parameters(entries):
    return [pytest.param(entry, id=entry.id, marks=[pytest.mark.slow] if entry.expected.get("slow") else [])
            for entry in entries]


@pytest.mark.parametrize("entry", parameters(CELLS))
def test_a_cell(shared, entry):
    session = shared(entry.file)
    try:
        wrong = table.run(session, entry)
        if wrong or entry.expected.get("clear"):
            session.run(":clear")
    except (TimeoutError, queue.Empty, AssertionError):
        shared.drop()
        raise
    if wrong:
        pytest.fail("\n\n".join(wrong), pytrace=False)


@pytest.mark.parametrize("entry", parameters(entry for entry in CELLS if entry.expected.get("fresh")))
def test_a_cell_in_a_fresh_kernel(fresh, entry):
    wrong = table.run(fresh(), entry)
    if wrong:
        pytest.fail("\n\n".join(wrong), pytrace=False)


@pytest.mark.parametrize("entry", parameters(table.read("completion")))
def test_completion(shared, entry):
    session, expected = shared(entry.file), entry.expected
    for code in expected.get("before", []):
        assert session.run(code).status == "ok"
    code, cursor = expected["code"].replace("‸", ""), expected["code"].index("‸")
    end = time.monotonic() + 60
    while True:
        content = session.client.complete(code, cursor, reply=True, timeout=60)["content"]
        kinds = [c["type"] for c in content["metadata"].get("_jupyter_types_experimental", [])]
        # rust-analyzer reads the crate while cells run already.
        if set(kinds) - {"name"} or not expected.get("has") or time.monotonic() > end:
            break
        time.sleep(0.5)
    names = [re.split(r"\W", match)[0] for match in content["matches"]]
    for name in expected.get("has", []):
        assert any(found.startswith(name) for found in names), f"{name} is not among {names}"
    for name in expected.get("lacks", []):
        assert name not in names, f"{name} is among {names}"
    assert not [name for name in names if "cutpoint_" in name or name.startswith(("__", "evcxr"))], names
    assert code[:content["cursor_start"]] == code[:cursor][:content["cursor_start"]]
    if expected.get("methods_first"):
        is_field = [kind in ("field", "property", "instance") for kind in kinds]
        assert is_field == sorted(is_field), list(zip(names, kinds))


def test_the_table_is_large_enough():
    assert len(CELLS) >= 150
    assert len({entry.id for entry in CELLS}) == len(CELLS)


# What cells print.


def test_five_megabytes_in_a_rich_block(session):
    cell = session.run('let long = "x".repeat(5_000_000);\n'
                       'println!("EVCXR_BEGIN_CONTENT text/html\\n<p>{long}</p>\\nEVCXR_END_CONTENT\\nafter");')
    assert cell.status == "ok" and cell.text() == "after\n"
    (shown,) = cell.of("display_data")
    assert len(shown["data"]["text/html"]) == 5_000_007


def test_many_megabytes_in_a_block_that_is_never_closed(session):
    cell = session.run('println!("EVCXR_BEGIN_CONTENT text/html");\nlet line = "y".repeat(999);\n'
                       "for _ in 0..20_000 { println!(\"{line}\"); }")
    assert cell.status == "ok" and len(cell.text()) == 20_000_000 + len("EVCXR_BEGIN_CONTENT text/html\n")
    assert session.run("1 + 1").value == "2"


def test_text_arrives_while_a_block_is_open(session):
    """Nobody waits for the end of a block for ever."""
    sent = session.send('println!("EVCXR_BEGIN_CONTENT text/html\\nopen");\nprintln!("a line");\n'
                        "std::thread::sleep(std::time::Duration::from_secs(30));")
    session.wait(sent, "a line", timeout=20)
    session.interrupt()
    assert session.end(sent).error["ename"] == "Interrupted"


def test_threads_of_several_cells_print_under_their_own(session):
    """Ten cells whose threads all print at the same time, while others run."""
    idents = []
    for n in range(10):
        sent = session.send(f"""std::thread::spawn(|| {{
    for round in 0..5 {{
        std::thread::sleep(std::time::Duration::from_millis(300));
        println!("thread {n} round {{round}}");
    }}
}});
println!("cell {n}");""")
        assert session.end(sent).status == "ok"
        idents.append(sent[0])
    end = time.monotonic() + 20

    def printed(ident):
        return "".join(m["content"]["text"] for m in session.of(ident) if m["msg_type"] == "stream")

    while time.monotonic() < end and not all("round 4" in printed(ident) for ident in idents):
        session.hear()
    for n, ident in enumerate(idents):
        lines = [f"thread {n} round {round}" for round in range(5)]
        assert sorted(printed(ident).splitlines()) == sorted([f"cell {n}", *lines])


def test_a_thread_that_panics_after_its_cell_is_told_there(session):
    sent = session.send('let n = 1;\nstd::thread::spawn(|| { std::thread::sleep(std::time::Duration::from_millis(700));\n'
                        'panic!("too late") });')
    cell = session.end(sent)
    assert cell.status == "ok"
    count = cell.reply["content"]["execution_count"]
    assert session.run("std::thread::sleep(std::time::Duration::from_millis(1500));").kinds == []
    said = "".join(m["content"]["text"] for m in session.of(sent[0]) if m["msg_type"] == "stream")
    assert "too late" in said and f"cell {count}, line 3" in said


def test_lines_of_a_child_arrive_while_it_runs(session):
    sent = session.send("""std::process::Command::new("sh").args(["-c", "echo one; sleep 30"]).status()?;""")
    session.wait(sent, "one", timeout=20)
    session.interrupt()
    assert session.end(sent).error["ename"] == "Interrupted"


def test_a_kernel_of_children_leaves_none_behind(fresh):
    session = fresh()
    session.run('let child = std::process::Command::new("sleep").arg("300").spawn()?;')
    sleeping = [pid for pid in descendants(session.pid)
                if b"sleep\x00300" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert sleeping
    session.close()
    end = time.monotonic() + 5
    while time.monotonic() < end and any(map(alive, sleeping)):
        time.sleep(0.1)
    assert not any(map(alive, sleeping))


# Interrupts.


def test_children_of_an_interrupted_cell_are_ended(session):
    sent = session.send("""println!("at work");
std::process::Command::new("sh").args(["-c", "sleep 301 & sleep 302; wait"]).status()?;""")
    session.wait(sent, "at work")
    time.sleep(0.5)
    session.interrupt()
    assert session.end(sent).error["ename"] == "Interrupted"
    end = time.monotonic() + 3

    def sleepers():
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if path.read_bytes() in (b"sleep\x00301\x00", b"sleep\x00302\x00"):
                    found.append(path)
            except OSError:
                pass
        return found

    while time.monotonic() < end and sleepers():
        time.sleep(0.1)
    assert not sleepers()


def test_a_child_of_an_earlier_cell_survives_an_interrupt(session):
    session.run('let mut server = std::process::Command::new("sleep").arg("303").spawn()?;')
    time.sleep(1.1)  # When a process began is known by the tick.
    sent = session.send('println!("at work");\nstd::thread::sleep(std::time::Duration::from_secs(60));')
    session.wait(sent, "at work")
    session.interrupt()
    assert session.end(sent).error["ename"] == "Interrupted"
    assert session.run("server.try_wait()?.is_none()").value == "true"
    assert session.run("server.kill()?; server.wait()?;").status == "ok"


def test_an_interrupt_while_a_cell_is_compiled(session):
    session.run("let kept = vec![1]; let mut count = 0;")
    ended = 0
    for wait in (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3):
        sent = session.send(f"let made = {wait}; count += 1; std::thread::sleep(std::time::Duration::from_secs(60));")
        while not session.of(sent[0]):
            session.hear(0.01)
        time.sleep(wait)
        start = time.monotonic()
        session.interrupt()
        cell = session.end(sent)
        assert cell.error["ename"] == "Interrupted", text_of(cell.error)
        assert "All variables are kept." in text_of(cell.error)
        assert time.monotonic() - start < 1.5 + table.slack()
        ended += 1
    assert session.run("kept").value == "[1]"
    assert 0 <= int(session.run("count").value) <= ended


def test_an_interrupt_of_nothing_is_of_no_account(session):
    session.run("let calm = 5;")
    for _ in range(3):
        session.interrupt()
    time.sleep(1)  # The request has a channel of its own.
    assert session.run("calm + 1").value == "6"
    assert session.run("std::thread::sleep(std::time::Duration::from_millis(300)); calm").value == "5"


def test_many_interrupts_in_a_row(session):
    """Each ends its cell, and none the process."""
    session.run("let mut rounds = vec![0];")
    for n in range(1, 11):
        sent = session.send(f'rounds.push({n});\nprintln!("at work");\nloop {{ std::thread::yield_now(); }}')
        session.wait(sent, "at work")
        session.interrupt()
        assert session.end(sent).error["ename"] == "Interrupted"
    assert session.run("rounds").value == str(list(range(11)))


def test_cells_behind_an_interrupted_one_are_aborted(session):
    first = session.send('println!("at work"); std::thread::sleep(std::time::Duration::from_secs(60));')
    others = [session.send(f"let behind = {n};") for n in range(3)]
    session.wait(first, "at work")
    session.interrupt()
    assert session.end(first).error["ename"] == "Interrupted"
    assert [session.end(other).status for other in others] == ["aborted"] * 3
    assert session.value_of("behind") is None


def test_a_thread_that_was_left_behind_changes_nothing_later(session):
    """The thread goes on after its lock came free: what it does is of no account."""
    session.run("use std::sync::{Arc, Mutex};\nlet gate = Arc::new(Mutex::new(()));\nlet other = Arc::clone(&gate);")
    session.run("let opener = Arc::clone(&gate);\n"
                "std::thread::spawn(move || { let _held = opener.lock(); "
                "std::thread::sleep(std::time::Duration::from_secs(6)); });")
    session.run("let mut level = 1;")
    sent = session.send('println!("at work");\nlet held = other.lock().unwrap();\ndrop(held);\nprintln!("woken");\nlevel = 99;')
    session.wait(sent, "at work")
    time.sleep(0.3)
    session.interrupt()
    cell = session.end(sent)
    assert cell.error["ename"] == "Interrupted" and "`other`" in text_of(cell.error)
    assert session.run("let level = 2;").status == "ok"
    time.sleep(7)
    assert session.run("level").value == "2"
    assert "woken" not in cell.text()
    # It was given back, in whatever state.
    assert session.run("matches!(gate.try_lock(), Err(std::sync::TryLockError::WouldBlock))").value == "false"


# Displays.


UPDATES = """
let mut shown = Shown::new(&[("text/plain", "start")]);
for n in 0..20_000 {
    shown.update(&[("text/plain", &n.to_string())]);
}
"""


def test_twenty_thousand_updates_are_few_messages_and_the_last_is_there(session):
    cell = session.run(UPDATES)
    updates = cell.of("update_display_data")
    assert updates[-1]["data"]["text/plain"] == "19999"
    assert len(updates) <= 40 * cell.seconds + 20, f"{len(updates)} messages in {cell.seconds:.1f} s"
    numbers = [int(update["data"]["text/plain"]) for update in updates if update["data"]["text/plain"] != "start"]
    assert numbers == sorted(numbers)


def test_updates_of_several_displays_and_lines_among_them(session):
    cell = session.run("""
let mut all: Vec<Shown> = (0..5).map(|n| Shown::new(&[("text/plain", &format!("{n}: start"))])).collect();
for n in 0..5_000 {
    for (at, shown) in all.iter_mut().enumerate() {
        shown.update(&[("text/plain", &format!("{at}: {n}"))]);
    }
    if n % 1000 == 0 { println!("line {n}"); }
}
""")
    assert cell.text() == "".join(f"line {n}\n" for n in range(0, 5000, 1000))
    last = {}
    for content in cell.of("display_data", "update_display_data"):
        last[content["transient"]["display_id"]] = content["data"]["text/plain"]
    assert sorted(last.values()) == [f"{at}: 4999" for at in range(5)]
    assert len(cell.of("update_display_data")) <= 5 * (40 * cell.seconds + 20)


def test_updates_of_a_failing_cell_end_with_the_last(session):
    cell = session.run(UPDATES.replace("shown.update", 'if n == 15_000 { panic!("at {n}") }\n    shown.update'))
    assert cell.error["ename"] == "Panic"
    assert cell.of("update_display_data")[-1]["data"]["text/plain"] == "14999"


def test_slow_updates_all_arrive_in_time(session):
    sent = session.send("""
let mut shown = Shown::new(&[("text/plain", "start")]);
for n in 0..4 {
    std::thread::sleep(std::time::Duration::from_millis(500));
    shown.update(&[("text/plain", &format!("step {n}"))]);
}
std::thread::sleep(std::time::Duration::from_secs(30));
""")
    session.wait(sent, "step 3", timeout=30)
    session.interrupt()
    cell = session.end(sent)
    texts = [c["data"]["text/plain"] for c in cell.of("update_display_data")]
    assert texts == [f"step {n}" for n in range(4)]


# Values and errors.


def test_a_cell_that_is_not_counted_has_a_place_too(session):
    session.run("1")
    cell = session.run('let a = 1;\npanic!("silent")', store_history=False)
    assert "line 2" in text_of(cell.error) and cell.error["evalue"] == "silent"
    silent = session.run("let b = 5;", silent=True)
    assert silent.status == "ok"
    assert session.run("b").value == "5"


def test_errors_have_colours_that_can_be_read_on_white_and_on_black(session):
    text = "\n".join(session.run('let n: i32 = "text";').error["traceback"])
    colours = set(re.findall("\x1b\\[([0-9;]*)m", text))
    assert colours and not any(code in (part.split(";")) for part in colours for code in ("30", "33", "37", "93", "97"))


def test_a_long_error_is_not_endless(session):
    code = "\n".join(f"let n{n}: i32 = \"{n}\";" for n in range(200))
    cell = session.run(code)
    assert cell.error["ename"] == "CompileError"
    assert len(text_of(cell.error)) < 30_000 and "more" in text_of(cell.error)


def test_many_variables_and_a_long_cell(session):
    cell = session.run("\n".join(f"let v{n} = {n};" for n in range(300)))
    assert cell.status == "ok", text_of(cell.error)
    cell = session.run(" + ".join(f"v{n}" for n in range(300)))
    assert cell.value == str(sum(range(300)))


def test_ename_and_evalue_of_a_reply_are_those_of_the_output(session):
    for code in ('panic!("x")', "let = 5;", '"x".parse::<i32>()?;', "std::process::abort();"):
        cell = session.run(code)
        reply = cell.reply["content"]
        assert (reply["ename"], reply["evalue"], reply["traceback"]) == tuple(
            cell.error[key] for key in ("ename", "evalue", "traceback"))


# The frames of C++ are there for who asks.


def test_the_frames_of_libtorch_are_behind_a_variable(fresh):
    session = fresh(env=os.environ | {"TORCH_SHOW_CPP_STACKTRACES": "1", "CUTPOINT_TORCH_FRAMES": "1"})
    cell = session.run("tch::Tensor::zeros([2], (tch::Kind::Float, tch::Device::Cpu)).view([3])")
    assert cell.error["ename"] == "Panic" and "shape '[3]' is invalid" in cell.error["evalue"]


# Where it lives.


def test_a_working_folder_with_spaces_and_other_letters(fresh, tmp_path):
    folder = tmp_path / "two words, größer 'quoted' 🦀"
    folder.mkdir()
    session = fresh(cwd=str(folder))
    assert session.run("std::env::current_dir()?.file_name().unwrap().to_owned()").value == f'"{folder.name}"'
    assert session.run('std::fs::write("made", "here")?;').status == "ok"
    assert (folder / "made").read_text() == "here"
    cell = session.run('panic!("x")')
    assert "cell 3, line 1" in text_of(cell.error)


def test_a_working_folder_that_is_removed(fresh, tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    session = fresh(cwd=str(folder))
    assert session.run("1").value == "1"
    folder.rmdir()
    assert session.run("let a = 1; a + 1").value == "2"


def test_without_a_home(fresh):
    home = table_home()
    env = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    session = fresh(env=env | {"CUTPOINT_KERNEL_HOME": str(home)})
    assert session.run("let a = 1; a + 1").value == "2"


def table_home():
    """The prepared folder."""
    from conftest import home
    for folder in home():
        settings = folder / "settings.json"
        if settings.exists() and pathlib.Path(json.loads(settings.read_text())["source"]).resolve() == ROOT:
            return folder
    raise AssertionError("nothing is prepared")


@pytest.mark.parametrize("error", ["ENOLCK", "EBADF"])
def test_a_file_system_without_locks(fresh, tmp_path, error):
    """NFS answers so, without its lock service and to strict rules."""
    source, library = tmp_path / "locks.c", tmp_path / "locks.so"
    source.write_text("#include <errno.h>\n#include <fcntl.h>\n#include <sys/file.h>\n"
                      f"int flock(int fd, int how) {{ (void)fd; (void)how; errno = {error}; return -1; }}\n")
    subprocess.run([shutil.which("cc") or "c++", "-shared", "-fPIC", "-o", library, source], check=True)
    session = fresh(env=os.environ | {"LD_PRELOAD": str(library)})
    assert session.run("let a = 1; a + 1").value == "2"
    assert session.run("a").value == "1"


def test_a_temporary_folder_that_is_not_there(fresh, tmp_path):
    session = fresh(env=os.environ | {"TMPDIR": str(tmp_path / "not there")})
    assert session.run("let a = 1; a + 1").value == "2"
    assert session.run("let b: i32 = \"\";").error["ename"] == "CompileError"


def test_many_short_cells_sent_at_once(fresh):
    session = fresh()
    sent = [session.send(f"let q{n} = {n};") for n in range(40)]
    assert [session.end(one).status for one in sent] == ["ok"] * 40
    assert session.run(" + ".join(f"q{n}" for n in range(40))).value == str(sum(range(40)))


def test_the_process_of_the_cells_killed_from_outside_while_idle(fresh):
    session = fresh()
    session.run("let gone = 1; fn stays() -> i32 { 7 }")
    runtimes = [pid for pid in descendants(session.pid) if runtime(pid)]
    assert len(runtimes) == 1, runtimes
    os.kill(runtimes[0], signal.SIGKILL)
    time.sleep(0.5)
    cell = session.run("stays()")
    if cell.status == "error":
        assert "gone" in text_of(cell.error)
        cell = session.run("stays()")
    assert cell.value == "7"
    assert session.value_of("gone") is None


def runtime(pid):
    """Whether a process is the one that runs cells."""
    try:
        maps = pathlib.Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return False
    return "libcell_" in maps


def test_streams_of_neighbours_are_joined(session):
    cell = session.run("for n in 0..1000 { println!(\"{n}\"); }")
    assert joined(cell) == [["stdout", "".join(f"{n}\n" for n in range(1000))]]
    assert len(cell.of("stream")) < 50
