//! Rich output of a cell: a figure or a table in a form that a notebook's page can draw.
//!
//! evcxr calls the method `evcxr_display` of the value that ends a cell, if it has one. What such a method hands to
//! [`show`] replaces the value's `Debug` text.

use std::io::Write;

/// Shows one thing in several forms, (MIME type, content) each; the page draws the richest that it knows.
///
/// Written to standard output as evcxr's rich blocks. Only `evcxr_display` methods call this: outside a notebook
/// nothing is printed behind a caller's back.
pub fn show(forms: &[(&str, &str)]) {
    let mut out = std::io::stdout().lock();
    for (mime, content) in forms {
        // A notebook that has gone away has no use for the output, and nowhere to hear of it.
        let _ = writeln!(out, "EVCXR_BEGIN_CONTENT {mime}\n{content}\nEVCXR_END_CONTENT");
    }
    let _ = out.flush();
}

/// Text with the characters escaped that mean something in HTML and SVG.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_text_stays_text() {
        assert_eq!(escaped("a < b & \"c\">"), "a &lt; b &amp; &quot;c&quot;&gt;");
    }
}
