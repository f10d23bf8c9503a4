"""Figures, tables and lists in LaTeX."""

from bs4 import BeautifulSoup
from nbconvert.filters import escape_latex

# Sizes of type of nbconvert's template, from the largest, in points.
SIZES = {"small": 10, "footnotesize": 9, "scriptsize": 8, "tiny": 6}
# The width of the text in points, a little less for safety; between columns; an average character of a size.
TEXT, GAP, CHARACTER = 460, 8, 0.52


def figure(file, width, alt):
    """An image at the size that it has on a page of 96 pixels an inch, smaller where that does not fit."""
    size = f"width={0.75 * float(width):.0f}bp," if width else ""
    image = f"\\adjustimage{{{size}max size={{\\linewidth}}{{0.85\\textheight}}}}{{{file}}}"
    # This package's template writes alternative texts into the PDF; another one leaves them out.
    without = "\\providecommand{\\withalternative}[2]{#2}\n"
    image = f"{without}\\withalternative{{{escape_latex(alt)}}}{{{image}}}" if alt else image
    return f"\\begin{{center}}\n{image}\n\\end{{center}}\n"


def from_html(source):
    """A table or a list that is all of an output, or None for anything else."""
    soup = BeautifulSoup(source, "html.parser")
    parts = [part for part in soup.contents if str(part).strip()]
    if len(parts) != 1:
        return None
    if parts[0].name == "table":
        return table(parts[0])
    if parts[0].name == "ul":
        return "\\begin{itemize}\n" + "".join(f"\\item {text(item)}\n" for item in parts[0].find_all("li")) + "\\end{itemize}\n"
    return None


def text(element):
    """The text of an element; bold stays bold."""
    written = escape_latex(element.get_text().strip()).replace("[", "{[}").replace("]", "{]}")
    return f"\\textbf{{{written}}}" if element.find("strong") and written else written


def row_of(cells):
    return " & ".join(map(text, cells)) + r" \\"


def table(element):
    """A table of one row a line, in the largest type in which its rows fit; a long one goes on on the next page."""
    head = element.select("thead tr")
    body = [row for row in element.find_all("tr") if not row.find_parent("thead")]
    rows = [row.find_all(["th", "td"]) for row in head + body]
    count = max(map(len, rows), default=0)
    if not count or element.find(attrs={"colspan": True}) or element.find(attrs={"rowspan": True}):
        return None
    longest = [max((len(row[i].get_text()) for row in rows if i < len(row)), default=1) for i in range(count)]
    room = TEXT - count * GAP
    size = next((name for name, points in SIZES.items() if sum(longest) * points * CHARACTER <= room), "tiny")
    points = SIZES[size]
    columns = ["l" if "text-align:left" in cell.get("style", "").replace(" ", "") else "r" for cell in rows[0]]
    columns += ["r"] * (count - len(columns))
    over = sum(longest) * points * CHARACTER - room
    if over > 0:
        # Even the smallest type is too wide: the widest column breaks its lines.
        widest = longest.index(max(longest))
        width = max(40, longest[widest] * points * CHARACTER - over)
        columns[widest] = f">{{\\raggedright\\arraybackslash}}p{{{width:.0f}pt}}"
    caption = element.find("caption")
    notes = [note for note in caption.get_text("\n").split("\n") if note.strip()] if caption else []
    written = "".join(f"{escape_latex(note.strip())}\\par\n" for note in notes)
    # What stands above the table goes to the next page with it where no more than some rows would fit.
    together = "\\par\\vskip 0pt plus 6\\baselineskip\\penalty-200\\vskip 0pt plus -6\\baselineskip\n"
    top = "\n".join(map(row_of, rows[: len(head)]))
    return (
        f"\\begingroup\\{size}\\setlength{{\\tabcolsep}}{{{GAP / 2:.0f}pt}}\\setlength{{\\LTpre}}{{2pt}}\n{together}{written}"
        f"\\begin{{longtable}}[l]{{@{{}}{''.join(columns)}@{{}}}}\n\\toprule\n{top}\n"
        + ("\\midrule\n\\endhead\n" if head else "")
        + "\n".join(map(row_of, rows[len(head) :]))
        + "\n\\bottomrule\n\\end{longtable}\n\\endgroup\n"
    )
