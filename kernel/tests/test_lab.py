"""The kernel in real JupyterLab in a browser: a live bar and a live curve during and after the run; a sweep that is
interrupted from the menu and goes on; displays that change often, a printing loop, a question, a compile error.

Screenshots are left in the folder that CUTPOINT_SCREENSHOTS names (target/screenshots).
"""

import nbformat
import pytest
from conftest import KERNEL, SMALL
from lab import browser, menu, open_notebook, screenshots, server
from playwright.sync_api import TimeoutError

CURVE = """
use cutpoint::notebook::progress::{Progress, Unit};
fn curve(points: &[f64]) -> String {
    let line: Vec<String> = points.iter().enumerate().map(|(i, y)| format!("{},{}", 10 * i, 100.0 - 100.0 * y)).collect();
    format!("<svg class='live-curve' data-points='{}' width='320' height='110'><polyline fill='none' stroke='#2f6fb3' \\
             stroke-width='2' points='{}'/></svg>", points.len(), line.join(" "))
}
let mut points = vec![0.0];
let mut shown = cutpoint::notebook::display::Shown::new(&[("text/html", &curve(&points)), ("text/plain", "a curve")]);
let bar = cutpoint::notebook::progress::default_sink();
bar.begin("curve", 30, Unit::Epochs);
for i in 0..30 {
    std::thread::sleep(std::time::Duration::from_millis(250));
    points.push(1.0 - 1.0 / (1.0 + i as f64 / 5.0));
    shown.update(&[("text/html", &curve(&points)), ("text/plain", "a curve")]);
    bar.advance(1);
    bar.note(&format!("point {i}"));
}
bar.end();
println!("finished");
"""
SWEEP = """
data.update_phase(Phase::Finetune);
let results = Sweep::new(&params, &model, &data)?
    .percentages(&[0.1])
    .cuts(1..=2)
    .repeats(Repeats::Fixed(40))
    .journal("runs.jsonl")
    .run()?;
results
"""


@pytest.fixture
def page_with(tmp_path):
    """A page of JupyterLab with a notebook of some cells."""
    with browser() as chromium:
        page = chromium.new_page(viewport={"width": 1200, "height": 1100})
        running = []

        def start(*cells, theme="light"):
            book = nbformat.v4.new_notebook()
            book.metadata["kernelspec"] = {"name": KERNEL, "display_name": "Rust (cutpoint)", "language": "rust"}
            book.cells = [nbformat.v4.new_code_cell(code.strip()) for code in cells]
            (tmp_path / "files").mkdir()
            nbformat.write(book, tmp_path / "files" / "live.ipynb")
            running.append(server(tmp_path / "files", tmp_path, theme))
            open_notebook(page, running[0].__enter__()("live.ipynb"))
            return page

        yield start
        for one in running:
            one.__exit__(None, None, None)


def wait_or_show(page, locator, seconds=120):
    try:
        locator.wait_for(timeout=1000 * seconds)
    except TimeoutError:
        page.screenshot(path=screenshots() / "failed.png")
        raise


def test_a_live_curve_and_bar(page_with):
    train = "let report = Trainer::new(&mut model, &data, params.lr_pretrain, &params)?.train()?;"
    page = page_with(SMALL, train, CURVE)
    menu(page, "Run", "Run All Cells")
    bars = page.locator(".cutpoint-progress")
    curve = page.locator(".live-curve")
    wait_or_show(page, curve)
    page.wait_for_function("+document.querySelector('.live-curve').dataset.points > 4", timeout=60_000)
    first = int(curve.get_attribute("data-points"))
    page.screenshot(path=screenshots() / "during.png")
    page.wait_for_function(f"+document.querySelector('.live-curve').dataset.points > {first + 4}", timeout=60_000)
    page.get_by_text("finished", exact=True).wait_for(timeout=60_000)
    page.wait_for_timeout(500)
    assert curve.count() == 1 and curve.get_attribute("data-points") == "31"
    assert bars.count() == 2
    assert "2/2 epochs" in bars.nth(0).inner_text() and "30/30 epochs" in bars.nth(1).inner_text()
    page.screenshot(path=screenshots() / "after.png")


def test_an_interrupted_sweep_goes_on(page_with, tmp_path):
    page = page_with(SMALL, SWEEP)
    menu(page, "Run", "Run All Cells")
    bar = page.locator(".cutpoint-progress")
    wait_or_show(page, bar)
    page.wait_for_timeout(4000)
    menu(page, "Kernel", "Interrupt Kernel")
    wait_or_show(page, page.locator(".jp-RenderedText", has_text="Interrupted").first, 10)
    page.screenshot(path=screenshots() / "interrupted.png")
    finished = len((tmp_path / "files" / "runs.jsonl").read_text().splitlines())
    assert 0 < finished < 80
    # The same cell again.
    page.locator(".jp-CodeCell").nth(1).locator(".jp-InputArea-editor").click()
    page.keyboard.press("Control+Enter")
    wait_or_show(page, page.locator(".jp-OutputArea", has_text="rows are done already").first, 30)
    assert f"{finished} of 80 rows are done already" in page.locator(".jp-OutputArea").nth(1).inner_text()
    wait_or_show(page, page.locator(".jp-OutputArea", has_text="repeats").last, 120)
    page.screenshot(path=screenshots() / "resumed.png")
    assert len((tmp_path / "files" / "runs.jsonl").read_text().splitlines()) == 80


UPDATES = """
let mut shown = cutpoint::notebook::display::Shown::new(&[("text/plain", "start")]);
for n in 0..20_000 { shown.update(&[("text/plain", &format!("update {n}"))]); }
"""


def test_twenty_thousand_updates_leave_one_output(page_with):
    page = page_with(UPDATES, 'println!("the next cell");')
    menu(page, "Run", "Run All Cells")
    wait_or_show(page, page.get_by_text("the next cell", exact=True))
    outputs = page.locator(".jp-CodeCell").nth(0).locator(".jp-OutputArea-output")
    assert outputs.count() == 1 and outputs.inner_text().strip() == "update 19999"
    page.screenshot(path=screenshots() / "updates.png")


@pytest.mark.parametrize("pause", ["std::thread::sleep(std::time::Duration::from_millis(1));", ""], ids=["paced", "unpaced"])
def test_an_interrupt_ends_a_printing_loop_and_keeps_its_variable(page_with, pause):
    page = page_with("let mut n = 0_u64;", f'loop {{ println!("line {{n}}"); n += 1; {pause} }}', 'format!("n is {}", n > 100)')
    page.set_default_timeout(120_000)
    menu(page, "Run", "Run All Cells")
    # Locators that look for text would read megabytes again and again.
    wait_or_show(page, page.locator(".jp-OutputArea-output").first)
    page.wait_for_timeout(2000 if pause else 8000)
    menu(page, "Kernel", "Interrupt Kernel")
    wait_or_show(page, page.locator("[data-mime-type='application/vnd.jupyter.stderr'], "
                                    "[data-mime-type='application/vnd.jupyter.error']").last, 60)
    page.locator(".jp-CodeCell").nth(2).locator(".jp-InputArea-editor").click()
    page.keyboard.press("Control+Enter")
    wait_or_show(page, page.get_by_text('n is true').first, 30)
    page.screenshot(path=screenshots() / "printing-loop.png")


def test_a_question_is_asked_and_answered(page_with):
    page = page_with('let mut name = String::new();\nprint!("your name: ");\n'
                     'std::io::stdin().read_line(&mut name)?;\nprintln!("hello {}", name.trim());')
    menu(page, "Run", "Run All Cells")
    question = page.locator("input.jp-Stdin-input")
    wait_or_show(page, question)
    assert "your name:" in page.locator(".jp-OutputArea").first.inner_text()
    page.screenshot(path=screenshots() / "question.png")
    question.fill("Ada")
    question.press("Enter")
    wait_or_show(page, page.get_by_text("hello Ada").first, 30)
    page.screenshot(path=screenshots() / "answer.png")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_compile_error_can_be_read(page_with, theme):
    page = page_with('let name = String::from("Ada");\nlet moved = name;',
                     'fn double(n: i64) -> i64 { 2 * n }\nlet count = vec![1_i64, 2];\ndouble(count.len())', theme=theme)
    menu(page, "Run", "Run All Cells")
    error = page.locator(".jp-RenderedText", has_text="mismatched types").first
    wait_or_show(page, error)
    text = error.inner_text()
    assert "cell 2, line 3" in text and "expected `i64`, found `usize`" in text
    page.screenshot(path=screenshots() / f"compile-error-{theme}.png")
