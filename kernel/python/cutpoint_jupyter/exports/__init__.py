"""nbconvert's exports of notebooks with figures: no Inkscape, alternative text, nothing cut off in print."""

import os
import pathlib


def configure(config):
    """Adds to Jupyter's configuration what `jupyter nbconvert`, and JupyterLab's menu of exports, need.

    Every Jupyter program reads it, so nothing is imported that takes time: nbconvert finds classes by their names.
    """
    here = "cutpoint_jupyter.exports.preprocessors"
    # Lists, as traitlets doubles what `extend` adds each time that it reads the configuration.
    config.HTMLExporter.preprocessors = [f"{here}.HtmlOutputs", f"{here}.SystemBrowser"]
    config.LatexExporter.preprocessors = [f"{here}.LatexOutputs"]
    # It runs Inkscape for every SVG, also where a PNG lies beside it. `LatexOutputs` calls it where there is none.
    config.SVG2PDFPreprocessor.enabled = False
    # A folder `lab` in here comes before nbconvert's own, and extends it. The working folder is nbconvert's default.
    templates = pathlib.Path(__file__).parent / "templates"
    config.TemplateExporter.extra_template_basedirs = [os.getcwd(), str(templates)]
    # Chromium refuses to run as root inside its sandbox, as in most containers.
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        config.WebPDFExporter.disable_sandbox = True
