//! The lines of cells on a stack.

use std::ffi::{c_void, CStr};

use cutpoint_wire::{Calls, Place};

/// What the files of compiled cells are called.
pub const LIBRARY: &str = "libcell_";
/// No more lines than these are told.
const MOST: usize = 20;

/// Whether an address lies in a compiled cell.
fn in_cell(address: *mut c_void) -> bool {
    // SAFETY: fills a structure of our own; the name in it lives as long as the library.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        if libc::dladdr(address, &mut info) == 0 || info.dli_fname.is_null() {
            return false;
        }
        CStr::from_ptr(info.dli_fname).to_string_lossy().contains(LIBRARY)
    }
}

/// Whether a file is one of cells, and not of a crate that the cell is linked with.
fn is_cell(file: &str) -> bool {
    file.starts_with("cell ") || file.contains("/cell ")
}

/// Calls back with the lines of cells that led here, as [`cutpoint_wire::Host`] says.
pub unsafe extern "C" fn calls(take: extern "C" fn(*mut c_void, *const u8, usize), context: *mut c_void) {
    let mut found = Calls::new();
    // Libraries that came since the last time are not known yet.
    backtrace::clear_symbol_cache();
    // Only frames of cells are looked up: reading the symbols of libtorch would take seconds.
    backtrace::trace(|frame| {
        if in_cell(frame.ip()) {
            backtrace::resolve_frame(frame, |symbol| {
                let (Some(file), Some(line)) = (symbol.filename(), symbol.lineno()) else { return };
                let file = file.to_string_lossy();
                if !is_cell(&file) {
                    return;
                }
                let name = symbol.name().map(|name| format!("{name:#}")).unwrap_or_default();
                let file = file.rsplit('/').next().unwrap_or_default().to_owned();
                let call = (name, Place { file, line: line as usize });
                if found.last() != Some(&call) {
                    found.push(call);
                }
            });
        }
        found.len() < MOST
    });
    if let Ok(json) = serde_json::to_vec(&found) {
        take(context, json.as_ptr(), json.len());
    }
}
