"""Exports of the committed notebooks by plain `jupyter nbconvert`: no Inkscape, alternative texts, nothing cut off."""

import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.request

import lab
import nbformat
import pytest
from bs4 import BeautifulSoup
from cutpoint_jupyter.exports import configure, latex
from nbconvert.exporters import HTMLExporter, LatexExporter
from traitlets.config import Config

NOTEBOOKS = pathlib.Path(__file__).resolve().parents[2] / "notebooks"
PATHS = sorted(path for path in NOTEBOOKS.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
# Two folders have notebooks of one name.
NAMES = {str(path.relative_to(NOTEBOOKS).with_suffix("")).replace("/", "-"): path for path in PATHS}
# LaTeX takes ten seconds and more for each, so it gets the largest of every kind, or all with CUTPOINT_EXPORTS=all.
IN_LATEX = {
    "quickstart",
    "own_data",
    "FashionMNIST-FashionMNIST_random_classes_FR",
    "FashionMNIST-FashionMNIST_regular_classes_cluster",
    "FashionMNIST-cluster_visualization",
    "FashionMNIST-visualizations",
}
if os.environ.get("CUTPOINT_EXPORTS") == "all":
    IN_LATEX = set(NAMES)


def missing(*programs):
    return [program for program in programs if not shutil.which(program)]


needs_tex = pytest.mark.skipif(
    bool(missing("xelatex", "pandoc")),
    reason="PDF by LaTeX needs xelatex and pandoc (Debian: texlive-xetex texlive-fonts-recommended texlive-plain-generic pandoc)",
)
needs_pandoc = pytest.mark.skipif(bool(missing("pandoc")), reason="LaTeX needs pandoc (Debian: pandoc)")
needs_browser = pytest.mark.skipif(
    len(missing("chromium", "chromium-browser", "google-chrome")) == 3, reason="needs Chromium (Debian: chromium)"
)
needs_poppler = pytest.mark.skipif(
    bool(missing("pdftotext", "pdfinfo")), reason="looking into PDFs needs pdftotext and pdfinfo (Debian: poppler-utils)"
)


def images(path):
    """The alternative texts of a notebook's images, as its outputs have them."""
    outputs = [output for cell in nbformat.read(path, as_version=4).cells for output in cell.get("outputs", [])]
    return [o.metadata["image/png"]["alt"] for o in outputs if "image/png" in o.get("data", {})]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A function that exports notebooks to a format, once, and gives the folder and what was said."""
    folder = tmp_path_factory.mktemp("exports")
    for name, path in NAMES.items():
        shutil.copy(path, folder / f"{name}.ipynb")
    # An Inkscape that tells on whoever starts it, before one that may be there.
    programs = tmp_path_factory.mktemp("programs")
    inkscape = programs / "inkscape"
    inkscape.write_text(f'#!/bin/sh\necho "$@" >> {programs / "started"}\nexit 1\n')
    inkscape.chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    done = {}

    def export(form, names=frozenset(NAMES)):
        if form not in done:
            out = tmp_path_factory.mktemp(form)
            command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", form, "--output-dir", out]
            books = [folder / f"{name}.ipynb" for name in sorted(names)]
            result = subprocess.run([*command, *books], env=environment, capture_output=True, text=True, timeout=1500)
            assert result.returncode == 0, result.stderr[-4000:]
            assert not (programs / "started").exists(), (programs / "started").read_text()
            done[form] = out, result.stderr
        return done[form]

    return export


def test_every_image_of_a_page_has_its_alternative_text_and_a_width_that_follows_the_page(exported):
    out, said = exported("html")
    assert "Alternative text is missing" not in said
    for name, path in NAMES.items():
        page = BeautifulSoup((out / f"{name}.html").read_text(), "html.parser")
        found = page.select(".jp-OutputArea-output img")
        assert [image["alt"] for image in found] == images(path), name
        assert all("max-width:100%" in image["style"] for image in found), name
        assert not [svg for svg in page.select(".jp-OutputArea-output svg") if not svg.get("aria-label")], name


WIDER = """() => {
  const room = document.documentElement.clientWidth;
  const wide = document.documentElement.scrollWidth > room ? ['the page'] : [];
  for (const image of document.querySelectorAll('.jp-OutputArea-output img')) {
    if (!image.complete || image.naturalWidth < 20) wide.push(`no image: ${image.alt}`);
    if (image.getBoundingClientRect().right > room) wide.push(image.alt);
  }
  return wide;
}"""

# What sticks out of the paper, or would be hidden by a box that scrolls on a screen.
CUT = """() => {
  const cut = [], room = document.documentElement.clientWidth;
  for (const box of document.querySelectorAll('.jp-InputArea-editor, .jp-InputArea-editor pre, .jp-OutputArea-output, ' +
       '.jp-OutputArea-output pre, .jp-OutputArea-output table, .jp-MarkdownOutput')) {
    const edge = box.getBoundingClientRect().left + box.scrollWidth;
    if (edge > room + 1 || (getComputedStyle(box).overflowX !== 'visible' && box.scrollWidth > box.clientWidth + 1))
      cut.push(`${box.className || box.tagName}, ${edge} of ${room}: ${box.innerText.slice(0, 60)}`);
  }
  return cut;
}"""


@needs_browser
@pytest.mark.parametrize("width", [800, 400])
def test_no_page_is_wider_than_the_window(exported, width):
    out, _ = exported("html")
    with lab.browser() as chromium:
        page = chromium.new_page(viewport={"width": width, "height": 1000})
        wide = {}
        for name in NAMES:
            page.goto(f"file://{out / name}.html", wait_until="load")
            wide[name] = page.evaluate(WIDER)
    assert not {name: found for name, found in wide.items() if found}


@needs_browser
def test_nothing_is_cut_off_in_print(exported):
    out, _ = exported("html")
    with lab.browser() as chromium:
        # Letter at 96 pixels an inch, less the margins of half an inch.
        page = chromium.new_page(viewport={"width": 720, "height": 960})
        page.emulate_media(media="print")
        cut = {}
        for name in NAMES:
            page.goto(f"file://{out / name}.html", wait_until="load")
            cut[name] = page.evaluate(CUT)
    assert not {name: found for name, found in cut.items() if found}


@needs_pandoc
def test_latex_has_each_image_once_as_png_with_its_alternative_text(exported):
    out, _ = exported("latex")
    for name, path in NAMES.items():
        source = (out / f"{name}.tex").read_text()
        files = re.findall(r"\\withalternative\{[^\n]+\}\{\\adjustimage\{width=\d+bp,max size=[^\n]*\}\{(.+?)\}\}", source)
        assert len(files) == len(images(path)), name
        assert all(file.endswith(".png") and (out / file).is_file() for file in files), name
    assert not list(out.rglob("*.svg"))


def words_outside(file, margin):
    """Words of a PDF that are nearer to the right edge than its margin."""
    layout = subprocess.run(["pdftotext", "-bbox", file, "-"], capture_output=True, text=True, check=True).stdout
    outside = []
    for page in re.findall(r"<page.*?</page>", layout, re.S):
        width = float(re.search(r'width="([\d.]+)"', page)[1])
        words = re.findall(r'xMin="([-\d.]+)".*?xMax="([\d.]+)".*?>(.*?)</word>', page)
        outside += [html.unescape(word) for left, right, word in words if float(right) > width - margin or float(left) < 20]
    return outside


@needs_tex
@needs_poppler
def test_a_pdf_by_latex_has_every_image_and_no_word_in_its_margin(exported):
    assert IN_LATEX <= set(NAMES)
    out, _ = exported("pdf", IN_LATEX)
    for name, path in ((name, NAMES[name]) for name in sorted(IN_LATEX)):
        # Margins are an inch; a little more than a line may stick out.
        assert not words_outside(out / f"{name}.pdf", 60), name
        listed = subprocess.run(["pdfimages", "-list", out / f"{name}.pdf"], capture_output=True, text=True).stdout
        # One line for each, and one for its mask where it has one, below two lines of headings.
        drawn = [line for line in listed.splitlines()[2:] if line.split()[2] == "image"]
        assert len(drawn) == len(images(path)), name


@needs_browser
@needs_poppler
def test_a_pdf_by_the_browser_is_tagged_and_has_no_word_in_its_margin(exported):
    out, _ = exported("webpdf")
    for name, path in NAMES.items():
        file = out / f"{name}.pdf"
        assert not words_outside(file, 30), name
        said = subprocess.run(["pdfinfo", file], capture_output=True, text=True).stdout
        assert re.search(r"Tagged:\s+yes", said), name
        data = file.read_bytes()
        assert len(re.findall(rb"/S /Figure", data)) >= len(images(path)), name
        assert data.count(b"/Alt ") >= len(images(path)), name


def test_jupyterlab_exports_as_the_command_does(tmp_path):
    notebook = NAMES["quickstart"]
    shutil.copy(notebook, tmp_path / "quickstart.ipynb")
    settings = tmp_path / "settings"
    settings.mkdir()
    with lab.server(tmp_path, settings) as address:
        url = address("quickstart.ipynb").replace("/lab/tree/", "/nbconvert/html/")
        page = BeautifulSoup(urllib.request.urlopen(url, timeout=120).read(), "html.parser")
    assert [image["alt"] for image in page.select(".jp-OutputArea-output img")] == images(notebook)


# From here on without the command: single outputs.

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>'


def config():
    made = Config()
    configure(made)
    return made


def book(data, **metadata):
    output = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
    cell = nbformat.v4.new_code_cell("1", outputs=[output])
    return nbformat.v4.new_notebook(cells=[cell], metadata={"language_info": {"name": "rust"}})


def to_html(notebook, **options):
    written, _ = HTMLExporter(config=config(), **options).from_notebook_node(notebook, {"config_dir": ""})
    return BeautifulSoup(written, "html.parser")


def to_latex(notebook):
    resources = {"unique_key": "book", "output_files_dir": "files", "metadata": {"name": "book"}}
    return LatexExporter(config=config()).from_notebook_node(notebook, resources)


def test_alternative_text_is_the_metadatas_or_the_title_of_a_figure():
    figure = {"image/png": PNG, "text/plain": 'Figure "a \\"b\\" < c", 10 x 20 pixels'}
    (image,) = to_html(book(figure)).select("img")
    assert image["alt"] == 'a \\"b\\" < c'
    (image,) = to_html(book(figure, **{"image/png": {"alt": "given", "width": 300}})).select("img")
    assert (image["alt"], image["width"]) == ("given", "300")
    (image,) = to_html(book({"image/svg+xml": SVG, "image/png": PNG}, **{"image/svg+xml": {"alt": "of the svg"}})).select("img")
    assert image["alt"] == "of the svg" and image["src"].startswith("data:image/svg+xml;base64,")


def test_what_pages_can_draw_better_and_what_they_do_not_trust_is_left_alone():
    page = to_html(book({"text/html": "<b>mine</b>", "image/png": PNG}))
    assert page.select_one("b").text == "mine" and not page.select("img")
    (image,) = to_html(book({"image/png": PNG, "text/plain": 'Figure "a", 1 x 1 pixels'}), sanitize_html=True).select("img")
    assert image["src"].startswith("data:image/png")


@needs_pandoc
def test_an_svg_alone_needs_inkscape_and_is_left_out_without_it(monkeypatch, tmp_path):
    pandoc = tmp_path / "pandoc"
    pandoc.symlink_to(shutil.which("pandoc"))
    monkeypatch.setenv("PATH", str(tmp_path))
    source, resources = to_latex(book({"image/svg+xml": SVG, "text/plain": "a drawing"}))
    assert "a drawing" in source and "adjustimage{" not in source.split(r"\begin{document}")[1]
    assert resources["outputs"] == {}
    inkscape = tmp_path / "inkscape"
    script = f"#!{sys.executable}\nimport re, sys\nif '--version' in sys.argv: print('Inkscape 1.2')\n"
    script += "for a in sys.argv:\n    m = re.match('--export-filename=(.*)', a)\n    if m: open(m[1], 'w').write('PDF')\n"
    inkscape.write_text(script)
    inkscape.chmod(0o755)
    source, resources = to_latex(book({"image/svg+xml": SVG, "text/plain": "a drawing"}))
    assert resources["outputs"] == {"files/book_0_0.pdf": b"PDF"} and "{files/book_0_0.pdf}" in source


TABLE = (
    '<table><caption>of 5% &amp; more<br>second</caption><thead><tr><th style="text-align:left">a_b</th><th>n</th></tr></thead>'
    '<tbody><tr><td style="text-align:left"><strong>x</strong></td><td>[1]</td></tr></tbody></table>'
)


def test_tables_and_lists_become_latex():
    written = latex.from_html(TABLE)
    for part in ("of 5\\% \\& more\\par", "second\\par", "{@{}lr@{}}", "a\\_b & n \\\\", "\\textbf{x} & {[}1{]} \\\\", "\\small"):
        assert part in written, (part, written)
    assert latex.from_html("<ul><li>5%</li></ul>") == "\\begin{itemize}\n\\item 5\\%\n\\end{itemize}\n"
    for other in ("<div>a</div>", "<p>a</p><table></table>", "text", "<table></table>", '<table><tr><td colspan="2">a</td></tr></table>'):
        assert latex.from_html(other) is None, other


def test_wide_tables_get_smaller_type_and_then_break_lines():
    def row(*lengths):
        return latex.from_html(f"<table><tr>{''.join(f'<td>{chr(120) * n}</td>' for n in lengths)}</tr></table>")

    sizes = [re.search(r"\\(small|footnotesize|scriptsize|tiny)", row(*lengths))[1] for lengths in ((20, 20), (48, 40), (60, 40), (80, 50))]
    assert sizes == ["small", "footnotesize", "scriptsize", "tiny"]
    assert "p{" not in row(80, 50) and re.search(r"r>\{\\raggedright\\arraybackslash\}p\{\d+pt\}", row(20, 300))


def test_other_formats_stay_as_they_are():
    from nbconvert.exporters import MarkdownExporter, NotebookExporter

    data = {"image/svg+xml": SVG, "image/png": PNG, "text/plain": "a"}
    written, _ = NotebookExporter(config=config()).from_notebook_node(book(data))
    assert json.loads(written)["cells"][0]["outputs"][0]["data"].keys() == data.keys()
    written, _ = MarkdownExporter(config=config()).from_notebook_node(book(data), {"output_files_dir": "files"})
    assert "![svg]" in written
