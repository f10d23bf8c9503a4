//! The line to the kernel. The process in which the cells of a cutpoint kernel run exports a table of functions
//! ([`cutpoint_wire::Host`]); elsewhere there is none, and nothing is sent.

use std::io::Write;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::sync::OnceLock;

use cutpoint_wire::{Calls, Event, Host, Panic, Place, HOST, VERSION};

use super::torch;

/// The table, of whatever version: a version that this crate does not know is only good for being told so.
fn any_host() -> Option<&'static Host> {
    static FOUND: OnceLock<Option<usize>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        // SAFETY: looks for a symbol by name in what is loaded.
        let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, HOST.as_ptr()) };
        if symbol.is_null() {
            return None;
        }
        // SAFETY: the contract says what stands behind this name in all versions.
        let host = unsafe { std::mem::transmute::<*mut libc::c_void, extern "C" fn() -> *const Host>(symbol) };
        let table = host();
        (!table.is_null()).then_some(table as usize)
    });
    // SAFETY: the table is a static of the program, which outlives all cells.
    found.map(|table| unsafe { &*(table as *const Host) })
}

fn host() -> Option<&'static Host> {
    any_host().filter(|host| host.version == VERSION)
}

/// Whether this process runs the cells of a cutpoint kernel.
pub fn present() -> bool {
    host().is_some()
}

/// Sends one message. A kernel that has gone away has no use for it.
pub(crate) fn send(event: &Event) {
    if let (Some(host), Ok(json)) = (host(), serde_json::to_vec(event)) {
        // SAFETY: the bytes live until the call returns.
        unsafe { (host.send)(json.as_ptr(), json.len()) };
    }
}

/// Whether the calling thread's cell was asked to stop. Costs a load of memory while nobody asks.
pub(crate) fn stopping() -> bool {
    static NONE: AtomicU32 = AtomicU32::new(0);
    static FLAG: AtomicPtr<AtomicU32> = AtomicPtr::new(std::ptr::null_mut());
    let mut flag = FLAG.load(Ordering::Relaxed).cast_const();
    if flag.is_null() {
        flag = host().map_or(std::ptr::from_ref(&NONE), |host| host.flag);
        FLAG.store(flag.cast_mut(), Ordering::Relaxed);
    }
    // SAFETY: a static of this copy or of the program; neither goes away while cells run.
    if unsafe { (*flag).load(Ordering::Relaxed) } == 0 {
        return false;
    }
    // SAFETY: takes and returns plain values.
    host().is_some_and(|host| unsafe { (host.stopping)() })
}

/// A request to stop has been answered.
pub(crate) fn answered() {
    if let Some(host) = host() {
        // SAFETY: takes and returns nothing.
        unsafe { (host.answered)() };
    }
}

/// Whether the calling thread is the one that runs cells; outside a kernel every thread may do what that one may.
pub(crate) fn is_cell() -> bool {
    // SAFETY: takes and returns plain values.
    host().is_none_or(|host| unsafe { (host.is_cell)() })
}

/// A name that no other figure of this process has, whichever cell's copy of this crate asks.
pub(crate) fn fresh_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let place = std::ptr::from_ref(&COUNT) as usize;
    format!("cutpoint-{:x}-{place:x}-{}", now.as_nanos(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Makes the process that runs cells ready; the kernel calls it before the first cell. Elsewhere it does nothing.
///
/// A panic is reported as a message instead of a text on standard error, and the kernel learns how output that Rust
/// still holds back is flushed.
///
/// # Errors
/// A text, when crate and kernel do not know each other's version.
pub fn prepare() -> Result<(), String> {
    let Some(host) = any_host() else { return Ok(()) };
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
