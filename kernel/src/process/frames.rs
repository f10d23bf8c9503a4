//! The lines of cells on a stack.

use std::ffi::{c_void, CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use addr2line::{demangle_auto, Loader};
use cutpoint_wire::{Calls, Place};

/// What the files of compiled cells are called.
pub const LIBRARY: &str = "libcell_";
/// No more lines than these are told.
const MOST: usize = 20;

/// A compiled cell's library, and where in it an address lies.
fn in_cell(address: *mut c_void) -> Option<(PathBuf, u64)> {
    // SAFETY: fills a structure of our own; the name in it lives as long as the library.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        if libc::dladdr(address, &mut info) == 0 || info.dli_fname.is_null() {
            return None;
        }
        let path = CStr::from_ptr(info.dli_fname);
        let is_cell = path.to_string_lossy().contains(LIBRARY);
        is_cell.then(|| (OsStr::from_bytes(path.to_bytes()).into(), (address as u64) - (info.dli_fbase as u64)))
    }
}

/// Whether a file is one of cells, and not of a crate that the cell is linked with.
fn is_cell(file: &str) -> bool {
    file.starts_with("cell ") || file.contains("/cell ")
}

/// Appends the lines of cells that an address stands for: more than one where functions were inlined.
fn push_lines(loader: &Loader, address: u64, found: &mut Calls) {
    let Ok(mut frames) = loader.find_frames(address) else { return };
    while let Ok(Some(frame)) = frames.next() {
        let Some((file, line)) = frame.location.and_then(|place| Some((place.file?, place.line?))) else { continue };
        if !is_cell(file) {
            continue;
        }
        let name = frame.function.and_then(|function| Some(function.demangle().ok()?.into_owned()));
        let name = name.or_else(|| Some(demangle_auto(loader.find_symbol(address)?.into(), None).into_owned()));
        let file = file.rsplit('/').next().unwrap_or_default().to_owned();
        let call = (name.unwrap_or_default(), Place { file, line: line as usize });
        if found.last() != Some(&call) {
            found.push(call);
        }
    }
}

/// Calls back with the lines of cells that led here, as [`cutpoint_wire::Host`] says.
pub unsafe extern "C" fn calls(take: extern "C" fn(*mut c_void, *const u8, usize), context: *mut c_void) {
    let mut found = Calls::new();
    // The library looked at last: a stack's frames often lie in the same one.
    let mut open: Option<(PathBuf, Loader)> = None;
    // Only frames of cells are looked up: reading the symbols of libtorch would take seconds. The crate `backtrace`
    // itself knows only the libraries that were loaded when it was first asked.
    backtrace::trace(|frame| {
        // The address is that of the next instruction, which may be in another line.
        if let Some((path, address)) = in_cell(frame.ip().cast::<u8>().wrapping_sub(1).cast()) {
            if open.as_ref().is_none_or(|(known, _)| *known != path) {
                open = Loader::new(&path).ok().map(|loader| (path, loader));
            }
            if let Some((_, loader)) = &open {
                push_lines(loader, address, &mut found);
            }
        }
        found.len() < MOST
    });
    if let Ok(json) = serde_json::to_vec(&found) {
        take(context, json.as_ptr(), json.len());
    }
}
