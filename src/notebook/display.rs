//! Rich output of a cell: a figure or a table in a form that a notebook's page can draw.
//!
//! evcxr calls the method `evcxr_display` of the value that ends a cell, if it has one. What such a method hands to
//! [`show`] replaces the value's `Debug` text. Under the cutpoint kernel anything can be shown at any place in a cell,
//! any number of times, and what was [`Shown`] can be replaced while the cell runs.

use std::io::Write;

use base64::Engine;
use cutpoint_wire::Event;
use serde_json::{json, Value};

use crate::runtime::host;
pub use crate::util::markup::escaped;

/// Shows one thing in several forms, (MIME type, content) each; the page draws the richest that it knows.
///
/// The cutpoint kernel shows it at once. Any other is given evcxr's rich blocks, which it shows when the cell ends,
/// the last one of each type. Only `evcxr_display` methods call this: outside a notebook nothing is printed behind a
/// caller's back.
pub fn show(forms: &[(&str, &str)]) {
    show_with(forms, &json!({}));
}

/// Shows an image in several forms, one of them a PNG file's bytes, which are drawn at `size` (width and height in
/// pixels) however fine they are. A page that draws no SVG, such as that of a notebook it does not trust, has the PNG.
/// `alt` says what there is to see, in the metadata of both, where exports look for it.
pub fn show_image(forms: &[(&str, &str)], png: &[u8], size: (u32, u32), alt: &str) {
    let encoded = base64::engine::general_purpose::STANDARD.encode(png);
    let forms: Vec<(&str, &str)> = forms.iter().copied().chain([("image/png", encoded.as_str())]).collect();
    let image = json!({"width": size.0, "height": size.1, "alt": alt});
    show_with(&forms, &json!({"image/png": image, "image/svg+xml": {"alt": alt}}));
}

fn show_with(forms: &[(&str, &str)], metadata: &Value) {
    if host::present() {
        let metadata = metadata.as_object().cloned().unwrap_or_default();
        return host::send(&Event::Display { data: host::bundle(forms), metadata, id: None, update: false });
    }
    let mut out = std::io::stdout().lock();
    for (mime, content) in forms {
        // A notebook that has gone away has no use for the output, and nowhere to hear of it.
        let _ = writeln!(out, "EVCXR_BEGIN_CONTENT {mime}\n{content}\nEVCXR_END_CONTENT");
    }
    let _ = out.flush();
}

/// Something on the page that can be replaced: a figure that grows, a line that counts.
///
/// Under the cutpoint kernel every [`update`](Shown::update) replaces what is there. Elsewhere the last state is shown
/// when the handle is dropped.
#[derive(Debug)]
pub struct Shown {
    id: String,
    waiting: Option<Vec<(String, String)>>,
}

impl Shown {
    /// Shows one thing in several forms, (MIME type, content) each. One of them should be `text/plain`.
    pub fn new(forms: &[(&str, &str)]) -> Self {
        let mut shown = Shown { id: host::fresh_id(), waiting: None };
        if host::present() {
            shown.send(forms, false);
        } else {
            shown.wait_with(forms);
        }
        shown
    }

    /// Replaces what is shown.
    pub fn update(&mut self, forms: &[(&str, &str)]) {
        if host::present() {
            self.send(forms, true);
        } else {
            self.wait_with(forms);
        }
    }

    fn send(&self, forms: &[(&str, &str)], update: bool) {
        host::display(forms, Some(&self.id), update);
    }

    fn wait_with(&mut self, forms: &[(&str, &str)]) {
        self.waiting = Some(forms.iter().map(|(mime, content)| ((*mime).to_owned(), (*content).to_owned())).collect());
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(forms) = self.waiting.take() {
            let forms: Vec<_> = forms.iter().map(|(mime, content)| (mime.as_str(), content.as_str())).collect();
            show(&forms);
        }
    }
}

/// Takes away what the running cell has shown so far: at once, or when the next output comes (`wait`), which does not
/// flicker. Under the cutpoint kernel only; elsewhere nothing happens.
pub fn clear(wait: bool) {
    if host::present() {
        host::send(&Event::Clear { wait });
    }
}
