//! LaTeX.

use super::base::Table;

impl Table {
    /// A LaTeX `tabular` that needs no package, notes above it as comments; marked values are bold.
    pub fn to_latex(&self) -> String {
        let columns = self.shown();
        let line = |cells: Vec<String>| format!("{} \\\\\n", cells.join(" & "));
        let notes: String = self.notes.iter().map(|n| format!("% {n}\n")).collect();
        let alignment: String = columns.iter().map(|c| if c.left { 'l' } else { 'r' }).collect();
        let head = line(columns.iter().map(|c| escaped(&c.title)).collect());
        let cells = |row: usize| {
            let cell = |text: String, bold: bool| {
                if bold {
                    format!("\\textbf{{{}}}", escaped(&text))
                } else {
                    escaped(&text)
                }
            };
            columns.iter().map(|c| cell(c.text(row), self.is_bold(c, row))).collect()
        };
        let body: String = (0..self.len()).map(|row| line(cells(row))).collect();
        format!("{notes}\\begin{{tabular}}{{{alignment}}}\n\\hline\n{head}\\hline\n{body}\\hline\n\\end{{tabular}}\n")
    }
}

/// Text with the characters escaped that mean something in LaTeX, and with a true minus before numbers.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    if let (Some(number), Ok(_)) = (text.strip_prefix('-'), text.parse::<f64>()) {
        out.push_str("$-$");
        rest = number;
    }
    for c in rest.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', c]),
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '<' | '>' => out.extend(['$', c, '$']),
            // At the start of a row these would belong to the line break before it.
            '[' | '*' => out.extend(['{', c, '}']),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_latex_is_escaped() {
        assert_eq!(
            escaped("[a] *b \\ ~ ^ {c} -1"),
            "{[}a] {*}b \\textbackslash{} \\textasciitilde{} \\textasciicircum{} \\{c\\} -1"
        );
    }
}
