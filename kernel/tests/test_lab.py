"""The kernel in real JupyterLab in a browser: a live bar and a live curve during and after the run; a sweep that is
interrupted from the menu and goes on.

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

        def start(*cells):
            book = nbformat.v4.new_notebook()
            book.metadata["kernelspec"] = {"name": KERNEL, "display_name": "Rust (cutpoint)", "language": "rust"}
            book.cells = [nbformat.v4.new_code_cell(code.strip()) for code in cells]
            (tmp_path / "files").mkdir()
            nbformat.write(book, tmp_path / "files" / "live.ipynb")
            running.append(server(tmp_path / "files", tmp_path))
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
