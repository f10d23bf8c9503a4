//! Texts of values, on their way to the kernel.

use std::cell::RefCell;
use std::io::Write;

use crate::notebook::cell;
use crate::runtime::host;

thread_local! {
    /// Where this thread's texts go in a test.
    static CAPTURED: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Sends the text of a value to the kernel; elsewhere it is given evcxr's rich block.
pub(super) fn send(text: &str) {
    let captured = CAPTURED.with_borrow_mut(|captured| captured.as_mut().map(|texts| texts.push(text.to_owned())));
    if captured.is_some() {
        return;
    }
    if host::present() {
        return cell::text(text);
    }
    let mut out = std::io::stdout().lock();
    // A notebook that has gone away has no use for the output, and nowhere to hear of it.
    let _ = writeln!(out, "EVCXR_BEGIN_CONTENT text/plain\n{text}\nEVCXR_END_CONTENT");
    let _ = out.flush();
}

/// The texts that `show!` would send while `run` runs on this thread; for tests.
#[doc(hidden)]
pub fn capture(run: impl FnOnce()) -> Vec<String> {
    CAPTURED.set(Some(Vec::new()));
    run();
    CAPTURED.take().unwrap_or_default()
}
