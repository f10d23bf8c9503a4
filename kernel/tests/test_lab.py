"""The kernel in real JupyterLab in a browser: a live bar and a live curve, seen during and after the run.

Screenshots are left in the folder that CUTPOINT_SCREENSHOTS names (target/screenshots).
"""

import os
import pathlib
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from conftest import KERNEL, SMALL
from playwright.sync_api import TimeoutError, sync_playwright

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


@pytest.fixture
def lab(tmp_path):
    """A server of JupyterLab with one notebook; its address."""
    book = nbformat.v4.new_notebook()
    book.metadata["kernelspec"] = {"name": KERNEL, "display_name": "Rust (cutpoint)", "language": "rust"}
    train = "let report = Trainer::new(&mut model, &data, params.lr_pretrain, &params)?.train()?;"
    book.cells = [nbformat.v4.new_code_cell(code) for code in (SMALL.strip(), train, CURVE.strip())]
    nbformat.write(book, tmp_path / "live.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}",
               f"--IdentityProvider.token={token}", "--allow-root", "--LabApp.news_url=None",
               "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    log = open(tmp_path / "lab.log", "w")
    server = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT)
    base = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{base}/api/status?token={token}", timeout=1)
            break
        except OSError:
            assert server.poll() is None, (tmp_path / "lab.log").read_text()
            time.sleep(0.2)
    yield f"{base}/lab/tree/live.ipynb?token={token}"
    server.terminate()
    server.wait(30)


def test_a_live_curve_and_bar_in_jupyterlab(lab, tmp_path):
    browser_path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert browser_path, "no browser: install chromium"
    folder = pathlib.Path(os.environ.get("CUTPOINT_SCREENSHOTS", "target/screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=flags)
        page = browser.new_page(viewport={"width": 1200, "height": 1100})
        page.goto(lab)
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=120_000)
        page.wait_for_timeout(2000)
        page.keyboard.press("Escape")
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        bars = page.locator(".cutpoint-progress")
        curve = page.locator(".live-curve")
        try:
            curve.wait_for(timeout=120_000)
        except TimeoutError:
            page.screenshot(path=folder / "failed.png")
            raise
        page.wait_for_function("+document.querySelector('.live-curve').dataset.points > 4", timeout=60_000)
        first = int(curve.get_attribute("data-points"))
        page.screenshot(path=folder / "during.png")
        page.wait_for_function(f"+document.querySelector('.live-curve').dataset.points > {first + 4}", timeout=60_000)
        page.get_by_text("finished", exact=True).wait_for(timeout=60_000)
        page.wait_for_timeout(500)
        assert curve.count() == 1 and curve.get_attribute("data-points") == "31"
        assert bars.count() == 2
        assert "2/2 epochs" in bars.nth(0).inner_text() and "30/30 epochs" in bars.nth(1).inner_text()
        page.screenshot(path=folder / "after.png")
        browser.close()
