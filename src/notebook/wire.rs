//! What a cell tells the kernel beyond what it shows: that the crate is there, and how it panicked.

use std::io::Write;

use cutpoint_wire::{Calls, Event, Panic, Place, VERSION};

use crate::error::torch;
use crate::runtime::host::{self, host, is_cell, send};

/// Makes the process that runs cells ready; the kernel calls it before the first cell. Elsewhere it does nothing.
///
/// A panic is reported as a message instead of a text on standard error, and the kernel learns how output that Rust
/// still holds back is flushed.
///
/// # Errors
/// A text, when crate and kernel do not know each other's version.
pub fn prepare() -> Result<(), String> {
    let Some(host) = host::any() else { return Ok(()) };
    if host.version != VERSION {
        return Err(format!(
            "the crate cutpoint speaks version {VERSION} of the kernel's contract, the kernel version {}: run \
             `cutpoint-kernel prepare` of the kernel that belongs to the crate",
            host.version
        ));
    }
    send(&Event::Version(VERSION));
    std::panic::set_hook(Box::new(report_panic));
    // SAFETY: the function is in a library that is never unloaded.
    unsafe { (host.flush_with)(flush) };
    Ok(())
}

extern "C" fn flush() {
    // What cannot be written now will not be written later.
    let _ = std::io::stdout().lock().flush();
}

fn report_panic(info: &std::panic::PanicHookInfo<'_>) {
    let message = (info.payload().downcast_ref::<&str>().map(|s| (*s).to_owned()))
        .or_else(|| info.payload().downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is no text".to_owned());
    let place = info.location().map(place);
    let thread = std::thread::current().name().map(str::to_owned);
    let message = torch::sentence(&message);
    send(&Event::Panic(Panic { message, place, main: is_cell(), thread, calls: calls() }));
    panicked(Some(unwinds));
}

/// The calling thread panicked, or, without a function, its panic has ended the cell.
pub(crate) fn panicked(unwinds: Option<extern "C" fn() -> bool>) {
    if let Some(host) = host() {
        // SAFETY: the function is in a library that is never unloaded.
        unsafe { (host.panicked)(unwinds) };
    }
}

extern "C" fn unwinds() -> bool {
    std::thread::panicking()
}

/// A place in a source file, as messages have it.
pub(crate) fn place(location: &std::panic::Location<'_>) -> Place {
    Place { file: location.file().to_owned(), line: location.line() as usize }
}

/// The lines of cells that led to the caller, innermost first.
fn calls() -> Calls {
    extern "C" fn take(calls: *mut libc::c_void, json: *const u8, length: usize) {
        // SAFETY: the pointer that was given below, and bytes that live as long as this call.
        unsafe {
            let json = std::slice::from_raw_parts(json, length);
            *calls.cast::<Calls>() = serde_json::from_slice(json).unwrap_or_default();
        }
    }
    let mut calls = Calls::new();
    if let Some(host) = host() {
        // SAFETY: `take` is called back before this returns, with the pointer to `calls`.
        unsafe { (host.calls)(take, std::ptr::from_mut(&mut calls).cast()) };
    }
    calls
}

/// `print!` for cells: what it prints is seen at once, with or without a newline.
///
/// The kernel says `use cutpoint::notebook::print;` for every cell.
#[macro_export]
#[doc(hidden)]
macro_rules! notebook_print {
    ($($arg:tt)*) => {{
        ::std::print!($($arg)*);
        ::std::io::Write::flush(&mut ::std::io::stdout()).unwrap_or_default();
    }};
}

/// `dbg!` for cells: names the cell and its line.
///
/// The kernel says `use cutpoint::notebook::dbg;` for every cell.
#[macro_export]
#[doc(hidden)]
macro_rules! notebook_dbg {
    () => { ::std::eprintln!("[{}, line {}]", ::core::file!(), ::core::line!()) };
    ($value:expr $(,)?) => {
        match $value {
            value => {
                ::std::eprintln!(
                    "[{}, line {}] {} = {:#?}",
                    ::core::file!(),
                    ::core::line!(),
                    ::core::stringify!($value),
                    &value
                );
                value
            }
        }
    };
    ($($value:expr),+ $(,)?) => { ($($crate::notebook_dbg!($value)),+,) };
}
