"""What Jupyter's own suite does not test: live output, interrupts, crashes, signatures, several kernels."""

import http.server
import os
import signal
import statistics
import subprocess
import sys
import threading
import time

import pytest
from conftest import SMALL, alive, descendants, home, plain


def test_the_crate_is_loaded_and_other_cells_follow(kernel):
    cell = kernel.run("let p = Params::default(); p.depth")
    assert (cell.status, cell.value) == ("ok", "6")


def test_streams_arrive_in_order_and_while_the_cell_runs(kernel):
    code = 'for i in 0..3 { println!("out {i}"); eprintln!("err {i}"); }\nstd::thread::sleep(std::time::Duration::from_secs(3));'
    sent = kernel.submit(code)
    kernel.wait_for("out 2")
    assert time.monotonic() - sent[1] < 100
    cell = kernel.collect(sent)
    assert cell.status == "ok"
    cell = kernel.run(code.replace("from_secs(3)", "from_millis(1)"))
    assert [c["text"] for c in cell.of("stream")] == [t for i in range(3) for t in (f"out {i}\n", f"err {i}\n")]


def test_an_unfinished_line_arrives_and_does_not_hang_the_cell(kernel):
    sent = kernel.submit('print!("half a line"); std::thread::sleep(std::time::Duration::from_secs(2));')
    start = time.monotonic()
    kernel.wait_for("half a line")
    cell = kernel.collect(sent)
    assert cell.status == "ok"
    assert time.monotonic() - start >= 1
    cell = kernel.run('unsafe extern "C" { fn puts(s: *const i8) -> i32; fn printf(s: *const i8, ...) -> i32; }\n'
                      'unsafe { puts(c"c line".as_ptr()); printf(c"c half".as_ptr()); }')
    assert (cell.status, cell.text()) == ("ok", "c line\nc half")


def test_ten_megabytes_of_output(kernel):
    cell = kernel.run('let line = "x".repeat(99);\nfor _ in 0..100_000 { println!("{line}"); }')
    assert cell.status == "ok"
    assert len(cell.text()) == 10_000_000
    assert len(cell.of("stream")) < 1000


def test_several_figures_in_the_order_shown(kernel):
    show = 'cutpoint::notebook::display::show(&[("text/html", "{0}"), ("text/plain", "{0}")]);'
    code = "\n".join(show.replace("{0}", str(i)) + f' println!("after {i}");' for i in range(3))
    cell = kernel.run(code)
    assert cell.kinds == ["display_data", "stream"] * 3
    assert [c["data"]["text/html"] for c in cell.of("display_data")] == ["0", "1", "2"]


def test_what_is_shown_can_be_updated(kernel):
    cell = kernel.run("""
let mut shown = cutpoint::notebook::display::Shown::new(&[("text/plain", "one")]);
shown.update(&[("text/plain", "two")]);
shown.update(&[("text/plain", "three")]);
drop(shown);""")
    # What is replaced at once need not be sent; the last state is.
    assert cell.kinds[0] == "display_data"
    shown = cell.of("display_data", "update_display_data")
    assert len({c["transient"]["display_id"] for c in shown}) == 1
    assert shown[-1]["data"]["text/plain"] == "three"


def test_what_is_updated_slowly_is_seen_each_time(kernel):
    cell = kernel.run("""
let mut shown = cutpoint::notebook::display::Shown::new(&[("text/plain", "one")]);
for text in ["two", "three"] {
    std::thread::sleep(std::time::Duration::from_millis(200));
    shown.update(&[("text/plain", text)]);
}""")
    assert cell.kinds == ["display_data", "update_display_data", "update_display_data"]
    assert [c["data"]["text/plain"] for c in cell.of("display_data", "update_display_data")] == ["one", "two", "three"]


def test_twenty_thousand_updates_are_few_messages_and_the_last_is_seen(kernel):
    cell = kernel.run("""
let mut shown = cutpoint::notebook::display::Shown::new(&[("text/plain", "0")]);
for n in 0..20_000 { shown.update(&[("text/plain", &format!("{n}"))]); }""")
    updates = cell.of("display_data", "update_display_data")
    assert updates[-1]["data"]["text/plain"] == "19999"
    assert len(updates) < 40 * (cell.seconds + 1)


def test_progress_is_one_bar_with_text(kernel):
    assert kernel.run(SMALL).status == "ok"
    cell = kernel.run("let report = Trainer::new(&mut model, &data, params.lr_pretrain, &params)?.train()?;")
    assert cell.status == "ok", cell.error
    bars = [c for c in cell.of("display_data") if "training" in c["data"]["text/plain"]]
    assert len(bars) == 1
    last = [c for c in cell.of("update_display_data") if c["transient"] == bars[0]["transient"]][-1]["data"]
    assert "2/2 epochs" in last["text/plain"] and "2/2 epochs" in last["text/html"]


def interrupted(kernel, code, sign="display_id"):
    """Interrupts a cell soon after it has shown a sign of being at work: within a second it ends, variables are kept."""
    sent = kernel.submit(code)
    kernel.wait_for(sign)
    time.sleep(1)
    start = time.monotonic()
    kernel.interrupt()
    cell = kernel.collect(sent)
    seconds = time.monotonic() - start
    assert (cell.status, cell.error["ename"]) == ("error", "Interrupted"), cell.error
    assert "All variables are kept" in "\n".join(cell.error["traceback"])
    assert seconds < 1.5, f"{seconds:.1f} s"
    return cell


def test_an_interrupt_keeps_variables(kernel):
    assert kernel.run(SMALL).status == "ok"
    assert kernel.run("let kept = vec![1, 2, 3];").status == "ok"
    assert kernel.run("let long = Params { num_train: 1_000_000, early_stop_patience: None, ..params.clone() };").status == "ok"
    interrupted(kernel, "let report = Trainer::new(&mut model, &data, params.lr_pretrain, &long)?.train()?;", "1000000 epochs")
    assert kernel.run("kept.len()").value == "3"
    # The request does not linger.
    assert kernel.run("let two = Trainer::new(&mut model, &data, params.lr_pretrain, &params)?.train()?;").status == "ok"


def test_an_interrupt_keeps_finished_runs(kernel):
    assert kernel.run(SMALL).status == "ok"
    kernel.run("data.update_phase(Phase::Finetune);")
    cell = interrupted(
        kernel,
        "let found = Sweep::new(&params, &model, &data)?.percentages(&[0.01, 0.5, 1.0]).cuts(-1..=3)"
        ".repeats(Repeats::Fixed(2000)).run()?;",
    )
    assert "finished and kept" in cell.error["evalue"]
    assert kernel.run("params.depth").value == "3"


def test_an_interrupted_sweep_without_a_journal_goes_on_when_its_cell_is_run_again(kernel):
    assert kernel.run(SMALL).status == "ok"
    kernel.run("data.update_phase(Phase::Finetune);")
    sweep = ("let found = Sweep::new(&params, &model, &data)?.percentages(&[0.01]).cuts(-1..=3)"
             ".repeats(Repeats::Fixed(2000)).run()?;")
    for _ in range(10):
        cell = interrupted(kernel, sweep)
        if not cell.error["evalue"].startswith("interrupted: 0 of"):
            break
    interrupted(kernel, sweep, sign="rows are done already")


def test_an_interrupt_stops_a_clustering(kernel):
    assert kernel.run(SMALL).status == "ok"
    kernel.run("data.update_phase(Phase::Finetune);")
    interrupted(
        kernel,
        "let found = ClusterSweep::new(&model, &data.target).percentages(&[1.0]).repeats(Repeats::Fixed(500))"
        ".algorithms(&[Algorithm::Average, Algorithm::KMeans]).run()?;",
    )
    assert kernel.run("params.depth").value == "3"


class Slow(http.server.BaseHTTPRequestHandler):
    """A mirror that needs a quarter of an hour for each file."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "10000000")
        self.end_headers()
        try:
            for _ in range(10_000):
                self.wfile.write(b"x" * 1000)
                time.sleep(0.1)
        except OSError:
            pass  # the reader has gone

    def log_message(self, *_):
        pass


def test_an_interrupt_stops_a_download(fresh_kernel, tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env = {name: value for name, value in os.environ.items() if name != "CUTPOINT_DATA"}
    kernel = fresh_kernel(env=env | {"CUTPOINT_MIRROR": f"http://127.0.0.1:{server.server_port}"}, cwd=str(tmp_path))
    assert kernel.run("let kept = 7;").status == "ok"
    interrupted(kernel, 'let data = TransferLearningWrapper::new(&Params::default(), MNIST, MNIST, "data")?;')
    assert kernel.run("kept").value == "7"
    server.shutdown()


# A computation without a call of the cell's own in it: nothing of it can be stopped.
DEAF = 'println!("computing");\nlet most = std::iter::repeat(1u64).map(std::hint::black_box).max();'


def test_a_deaf_computation_is_ended_by_a_second_interrupt(kernel):
    kernel.run("let gone = 1;")
    sent = kernel.submit(DEAF)
    kernel.wait_for("computing")
    kernel.interrupt()
    time.sleep(0.5)
    kernel.interrupt()
    cell = kernel.collect(sent)
    assert cell.error["ename"] == "Interrupted"
    assert "variables are gone" in "\n".join(cell.error["traceback"])
    assert kernel.run("gone").error["ename"] == "CompileError"
    assert kernel.run("Params::default().depth").value == "6"


def test_a_deaf_computation_is_ended_after_that_was_said(kernel):
    sent = kernel.submit(DEAF)
    kernel.wait_for("computing")
    start = time.monotonic()
    kernel.interrupt()
    cell = kernel.collect(sent)
    assert cell.error["ename"] == "Interrupted"
    assert "another interrupt ends it at once" in cell.text("stderr")
    assert time.monotonic() - start < 8
    assert kernel.run("1 + 1").value == "2"


@pytest.mark.parametrize("code, reason", [
    ("std::process::exit(7)", "code 7"),
    ("std::process::abort()", "SIGABRT"),
    ("unsafe { std::ptr::null_mut::<i32>().write_volatile(1) }", "SIGSEGV"),
    ("let layout = std::alloc::Layout::new::<u8>(); std::alloc::handle_alloc_error(layout)", "out of memory"),
])
def test_the_end_of_the_process_is_an_error_with_its_reason(kernel, code, reason):
    cell = kernel.run(code)
    assert cell.status == "error" and reason in cell.error["evalue"], cell.error
    assert kernel.run("2 + 2").value == "4"


def test_a_stack_overflow_is_named(kernel):
    cell = kernel.run("fn deeper(n: u64) -> u64 { std::hint::black_box(deeper(n + 1)) + 1 }\ndeeper(0)")
    assert "stack overflow" in cell.error["evalue"], cell.error


def test_a_killed_child_is_an_error(kernel):
    sent = kernel.submit('println!("waiting"); std::thread::sleep(std::time::Duration::from_secs(60));')
    kernel.wait_for("waiting")
    os.kill(descendants(kernel.pid)[-1], signal.SIGKILL)
    cell = kernel.collect(sent)
    assert "SIGKILL" in cell.error["evalue"]
    assert kernel.run("2 + 3").value == "5"


def test_a_killed_kernel_takes_its_child_along(fresh_kernel):
    kernel = fresh_kernel()
    sent = kernel.submit('println!("waiting"); loop { std::hint::black_box(()); }')
    kernel.wait_for("waiting")
    # The process of the cells, and evcxr's, which comes when its crates are known.
    end = time.monotonic() + 60
    while time.monotonic() < end and len(descendants(kernel.pid)) < 2:
        time.sleep(0.1)
    children = descendants(kernel.pid)
    assert len(children) >= 2
    os.kill(kernel.pid, signal.SIGKILL)
    end = time.monotonic() + 2
    while time.monotonic() < end and any(map(alive, children)):
        time.sleep(0.05)
    assert not any(map(alive, children))


def test_a_kernel_ends_with_the_program_that_started_it():
    program = "from conftest import Kernel; import time; print(Kernel().pid, flush=True); time.sleep(600)"
    starter = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True,
                               cwd=os.path.dirname(__file__))
    pid = int(starter.stdout.readline())
    assert alive(pid)
    starter.kill()
    starter.wait()
    end = time.monotonic() + 5
    while time.monotonic() < end and alive(pid):
        time.sleep(0.1)
    assert not alive(pid)


@pytest.mark.parametrize("code, ename, text, line", [
    ('let a = 1;\nlet b = undefined + a;', "CompileError", "undefined", "line 2"),
    ('let none: Option<i32> = None;\nnone.expect("not there");', "Panic", "not there", "line 2"),
    ('let n = "x";\nlet m: i32 = n.parse::<i32>()?;', "ParseIntError", "invalid digit", "line 2"),
    ('let bad: i32 = "text";', "CompileError", "mismatched", "line 1"),
])
def test_errors_are_one_output_that_points_into_the_cell(kernel, code, ename, text, line):
    cell = kernel.run(code)
    assert cell.status == "error"
    assert cell.kinds == ["error"]
    for place in (cell.error, cell.reply["content"]):
        assert place["ename"] == ename and text in place["evalue"]
        count = cell.reply["content"]["execution_count"]
        assert f"cell {count}, {line}" in plain(place["traceback"])


def test_cells_behind_an_error_are_aborted(kernel):
    sent = [kernel.submit(code) for code in ("std::thread::sleep(std::time::Duration::from_secs(1)); panic!();", "1", "2")]
    cells = [kernel.collect(one) for one in sent]
    assert [cell.status for cell in cells] == ["error", "aborted", "aborted"]
    assert kernel.run("3").status == "ok"
    sent = [kernel.submit(code, stop_on_error=False) for code in ('panic!("on purpose");', "4")]
    assert [kernel.collect(one).status for one in sent] == ["error", "ok"]


def test_a_panic_that_is_caught_is_no_error(kernel):
    cell = kernel.run('let caught = std::panic::catch_unwind(|| panic!("caught")).is_err(); caught')
    assert (cell.status, cell.value) == ("ok", "true")
    assert "caught" in cell.text("stderr")


def test_completion_answers_while_a_cell_runs(kernel):
    kernel.run("let some_long_name = 1;")
    sent = kernel.submit('println!("busy"); std::thread::sleep(std::time::Duration::from_secs(4));')
    kernel.wait_for("busy")
    start = time.monotonic()
    reply = kernel.client.complete("some_lo", reply=True, timeout=3)
    assert "some_long_name" in reply["content"]["matches"]
    assert time.monotonic() - start < 1
    kernel.client.kernel_info(reply=True, timeout=3)
    assert kernel.collect(sent).status == "ok"


def test_inspection_shows_the_crates_documentation(kernel):
    reply = kernel.client.inspect("CustomCnn::new", 5, reply=True, timeout=60)["content"]
    assert reply["found"] and "CustomCnn" in reply["data"]["text/plain"]


def test_wrongly_signed_and_unsigned_messages_are_refused(kernel):
    session = kernel.client.session
    key = session.key
    count = int(kernel.run("1").reply["content"]["execution_count"])
    for wrong in (b"another key", b""):
        session.key = wrong
        try:
            kernel.client.execute("2")
        finally:
            session.key = key
    time.sleep(0.5)
    assert int(kernel.run("3").reply["content"]["execution_count"]) == count + 1


def test_comm_messages_are_tolerated(kernel):
    message = kernel.client.session.msg("comm_open", {"comm_id": "a", "target_name": "none", "data": {}})
    kernel.client.shell_channel.send(message)
    assert kernel.client.comm_info(reply=True, timeout=5)["content"]["comms"] == {}
    assert kernel.run("1").status == "ok"


def test_it_listens_on_the_address_it_was_given_only(kernel):
    inodes = set()
    for process in [kernel.pid, *descendants(kernel.pid)]:
        for link in os.scandir(f"/proc/{process}/fd"):
            target = os.readlink(link.path)
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    rows = []
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}") as lines:
            rows += [line.split() for line in list(lines)[1:]]
    listening = [row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes]
    assert len(listening) == 5 and set(listening) == {"0100007F"}


def test_input_is_asked_for(kernel):
    sent = kernel.submit(':dep evcxr_input = "1"\nlet name = evcxr_input::get_string("Name? ");\nname', allow_stdin=True)
    question = kernel.client.get_stdin_msg(timeout=120)
    assert question["content"]["prompt"] == "Name? "
    kernel.client.input("Ada")
    cell = kernel.collect(sent)
    assert cell.status == "ok" and "Ada" in cell.value


def test_two_kernels_at_once_and_their_folders(fresh_kernel):
    one, two = fresh_kernel(), fresh_kernel()
    sent = [kernel.submit(f"let mine = {n}; mine") for n, kernel in enumerate((one, two))]
    assert [kernel.collect(s).value for s, kernel in zip(sent, (one, two))] == ["0", "1"]
    assert [kernel.run("mine").value for kernel in (one, two)] == ["0", "1"]
    folders = [[folder for h in home() for folder in (h / "kernels").glob(f"{kernel.pid}@*")]
               for kernel in (one, two)]
    assert all(len(found) == 1 for found in folders)
    children = descendants(one.pid)
    one.close()
    two.close()
    assert not any(found[0].exists() for found in folders)
    assert not any(map(alive, children))


def test_two_hundred_cells_in_a_row(fresh_kernel):
    kernel = fresh_kernel()
    kernel.run("let mut sum = 0;")
    seconds = []
    for n in range(200):
        cell = kernel.run(f"sum += {n};")
        assert cell.status == "ok"
        seconds.append(cell.seconds)
    assert kernel.run("sum").value == str(sum(range(200)))
    print(f"median {statistics.median(seconds):.2f} s; last ten {statistics.median(seconds[-10:]):.2f} s")


def test_values_that_end_cells(kernel):
    assert kernel.run("vec![1, 2]").value == "[1, 2]"
    assert kernel.run('"a\\n"').value == '"a\\n"'
    assert kernel.run("()").kinds == []
    assert kernel.run("struct Plain;").status == "ok"
    cell = kernel.run("Plain")
    assert cell.error["ename"] == "CompileError" and "Debug" in cell.error["evalue"], cell.error
    cell = kernel.run("Params::default().num_channels; CustomCnn::new(&Params::default(), 5, [1, 28, 28])?")
    figure, table = (shown["data"] for shown in cell.of("display_data"))
    assert {"image/svg+xml", "image/png"} < set(figure)
    assert "weights, 188165 of them trained" in table["text/plain"]


def test_the_format_of_values_can_be_changed(fresh_kernel):
    kernel = fresh_kernel()
    assert kernel.run("(1, 2)").value == "(1, 2)"
    assert kernel.run(":fmt {:#?}").status == "ok"
    assert kernel.run("(1, 2)").value == "(\n    1,\n    2,\n)"


def test_dependencies_are_kept_while_other_crates_are_added(fresh_kernel):
    """A crate that is added goes by cargo; the cells after it go without again."""
    kernel = fresh_kernel()
    assert kernel.run("let depth = Params::default().depth;").status == "ok"
    cell = kernel.run(":dep itoa = \"1\"\nitoa::Buffer::new().format(depth).to_owned()", timeout=300)
    assert cell.status == "ok", cell.error
    assert cell.value == '"6"'
    first = kernel.run("depth + 1")
    assert first.value == "7"


def test_cargo_builds_nothing_for_the_prelude_and_for_cells(fresh_kernel):
    kernel = fresh_kernel()
    assert kernel.run("Params::default().depth + 1").value == "7"
    (folder,) = [folder for h in home() for folder in (h / "kernels").glob(f"{kernel.pid}@*")]
    # The links to what is prepared are made while cells run already.
    target = folder / "ctx" / "target"
    kernel.client.complete("Para", reply=True, timeout=60)
    assert list((folder / "cells" / "src").rglob("cell 1"))
    assert list(target.rglob(".fingerprint/cutpoint-*")) and not list(target.rglob(".fingerprint/ctx-*"))


def test_arrays_and_tensors_are_kept_between_cells(kernel):
    assert kernel.run("let rows = ndarray::Array2::<f64>::ones((2, 3));").status == "ok"
    assert kernel.run("let tensor = tch::Tensor::from_slice(&[1i64, 2, 4]);").status == "ok"
    assert kernel.run("let value = serde_json::json!([1]);").status == "ok"
    assert kernel.run("(rows.sum(), i64::try_from(tensor.sum(tch::Kind::Int64))?, value)").value == "(6.0, 7, Array [Number(1)])"


def test_a_failing_question_mark_in_a_cell_with_other_letters(kernel):
    cell = kernel.run('let größe = "50 €";\nstd::fs::File::open("/nicht/da/é")?;')
    assert (cell.status, cell.error["ename"]) == ("error", "Error"), cell.error
    assert "line 2" in plain(cell.error["traceback"])
    assert kernel.run("1 + 1").value == "2"
