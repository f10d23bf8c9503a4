"""What nbconvert does to outputs before its templates write them."""

import html
import os
import re
import shutil
import tempfile
from binascii import a2b_base64
from concurrent.futures import ThreadPoolExecutor

from nbconvert.exporters.webpdf import WebPDFExporter
from nbconvert.filters import get_metadata, text_base64
from nbconvert.preprocessors import Preprocessor, SVG2PDFPreprocessor

from . import latex

SVG, PNG, JPEG = IMAGES = ("image/svg+xml", "image/png", "image/jpeg")
FIGURE = re.compile(r'Figure "(.*)", \d+ x \d+ pixels')


def alternative_text(output, mime):
    """What an image shows, for those who do not see it: from its metadata, or what a figure says of itself."""
    given = get_metadata(output, "alt", mime)
    if given:
        return given
    figure = FIGURE.fullmatch(output.data.get("text/plain", "").strip())
    return figure[1] if figure else None


def outputs_with_data(cell):
    return [output for output in cell.get("outputs", []) if output.get("data")]


class HtmlOutputs(Preprocessor):
    """Writes images as HTML with alternative text and a width that follows the page; nbconvert's templates do not."""

    def preprocess_cell(self, cell, resources, cell_index):
        # An export that trusts no HTML would drop ours.
        if getattr(self.parent, "sanitize_html", False):
            return cell, resources
        for output in outputs_with_data(cell):
            mime = next((mime for mime in IMAGES if mime in output.data), None)
            # The text of an image is no better form; anything else that pages can draw is.
            if mime and not set(output.data) - {*IMAGES, "text/plain"}:
                output.data["text/html"] = self.image(output, mime)
        return cell, resources

    @staticmethod
    def image(output, mime):
        file = output.metadata.get("filenames", {}).get(mime)
        data = text_base64(output.data[mime]) if mime == SVG else output.data[mime].replace("\n", "")
        attributes = {
            "src": file.replace(os.sep, "/") if file else f"data:{mime};base64,{data}",
            "alt": alternative_text(output, mime),
            "width": get_metadata(output, "width", mime),
            "style": "max-width:100%;height:auto",
        }
        written = (f'{name}="{html.escape(str(value))}"' for name, value in attributes.items() if value is not None)
        return f"<img {' '.join(written)}>"


class LatexOutputs(Preprocessor):
    """Takes the PNG where an SVG lies beside it, at the figure's size; writes tables and lists as LaTeX."""

    def preprocess_cell(self, cell, resources, cell_index):
        for output in outputs_with_data(cell):
            self.without_svg(output, resources)
            mime = next((m for m in ("application/pdf", PNG, JPEG) if m in output.data), None)
            if "text/latex" in output.data:
                continue
            if mime and mime in output.metadata.get("filenames", {}):
                file = output.metadata["filenames"][mime].replace(os.sep, "/")
                width = get_metadata(output, "width", mime)
                output.data["text/latex"] = latex.figure(file, width, alternative_text(output, mime))
            elif "text/html" in output.data and not mime:
                written = latex.from_html(output.data["text/html"])
                if written:
                    output.data["text/latex"] = written
        return cell, resources

    def without_svg(self, output, resources):
        """Leaves an output without SVG, which LaTeX cannot draw; makes a PDF of it where nothing else is there."""
        svg = output.data.pop(SVG, None)
        if svg is None:
            return
        # nbconvert has prepared the files of all images by now.
        file = output.metadata.get("filenames", {}).pop(SVG, None)
        files = resources.get("outputs") or {}
        files.pop(file, None)
        if any(mime in output.data for mime in ("application/pdf", PNG, JPEG)):
            return
        if file is None or not shutil.which("inkscape"):
            self.log.warning("An image that is SVG only is left out: Inkscape is needed to make a PDF of it.")
            return
        output.data["application/pdf"] = SVG2PDFPreprocessor(parent=self.parent).convert_figure(SVG, svg)
        file = os.path.splitext(file)[0] + ".pdf"
        output.metadata["filenames"]["application/pdf"] = file
        files[file] = a2b_base64(output.data["application/pdf"])


class SystemBrowser(Preprocessor):
    """Has webpdf use the system's Chromium where Playwright has not installed its own.

    nbconvert has no option for the browser's path, and no other place to say it: exporters come by name from entry
    points, of which ours could not be sure to be first. The exporter is at hand here, as the parent.
    """

    def preprocess(self, nb, resources):
        if isinstance(self.parent, WebPDFExporter):
            self.parent.run_playwright = self.print_to_pdf
        return nb, resources

    def print_to_pdf(self, page_text):
        """The page as a PDF, with alternative texts and an outline, which nbconvert's own leaves out."""
        # Playwright refuses to run in a thread that has an event loop, as JupyterLab's may have.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(self._print, page_text).result()

    def _print(self, page_text):
        from playwright.sync_api import sync_playwright

        exporter = self.parent
        arguments = [*exporter.browser_args, *(["--no-sandbox"] if exporter.disable_sandbox else [])]
        with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
            file = os.path.join(folder, "notebook.html")
            with open(file, "w", encoding="utf-8") as out:
                out.write(page_text)
            browser = self.browser(playwright, arguments)
            page = browser.new_page()
            page.emulate_media(media="print")
            page.goto(f"file://{file}", wait_until="networkidle")
            page.wait_for_timeout(exporter.page_render_timeout)
            size = {}
            if not exporter.paginate:
                box = page.evaluate("(b => [b.width, b.height])(document.body.getBoundingClientRect())")
                # One pixel more, so that rounding makes no second page; 200 inches are the most that readers show.
                size = dict(zip(("width", "height"), (f"{min(int(side) + 2, 200 * 96)}px" for side in box)))
            made = page.pdf(print_background=True, tagged=True, outline=True, **size)
            browser.close()
        return made

    def browser(self, playwright, arguments):
        from playwright.sync_api import Error

        try:
            return playwright.chromium.launch(args=arguments)
        except Error as error:
            names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
            found = next(filter(None, map(shutil.which, names)), None)
            if not found:
                raise RuntimeError(
                    "webpdf needs Chromium: none on the path, and none that Playwright has installed. "
                    "Install your system's `chromium`, or run `playwright install chromium`."
                ) from error
            self.log.info("Printing with %s", found)
            return playwright.chromium.launch(executable_path=found, args=arguments)
