//! The line to the kernel. Under `cutpoint-kernel` a message is one line of JSON behind a marker on standard output;
//! the kernel takes such lines out of what a cell prints. Elsewhere there is no such line, and nothing is sent.

use std::io::Write;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;

use serde_json::{json, Value};

/// What stands before a message; the kernel knows the same text.
const MARKER: &str = "\u{1e}cutpoint ";
/// Set by the kernel for the process that runs cells.
const PRESENT: &str = "CUTPOINT_KERNEL";
/// The number of a file descriptor on which the kernel asks for output that is still held back.
const FLUSH: &str = "CUTPOINT_KERNEL_FLUSH";

/// Whether this process runs the cells of a cutpoint kernel.
pub fn present() -> bool {
    static PRESENCE: OnceLock<bool> = OnceLock::new();
    *PRESENCE.get_or_init(|| std::env::var_os(PRESENT).is_some())
}

/// A file descriptor that the kernel named in an environment variable.
pub(crate) fn inherited(variable: &str) -> Option<RawFd> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Sends one message. A kernel that has gone away has no use for it.
pub(crate) fn send(message: &Value) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{MARKER}{message}");
    let _ = out.flush();
}

/// A name that no other figure of this process has, whichever cell's copy of this crate asks.
pub(crate) fn fresh_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let place = std::ptr::from_ref(&COUNT) as usize;
    format!("cutpoint-{:x}-{place:x}-{}", now.as_nanos(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Sends text for standard error in line with what was printed to standard output; used by
/// [`eprintln`](crate::notebook::eprintln).
#[doc(hidden)]
pub fn stderr(text: std::fmt::Arguments<'_>) {
    if present() {
        send(&json!({"stream": {"name": "stderr", "text": text.to_string()}}));
    } else {
        std::eprint!("{text}");
    }
}

/// Sends the text of an error; used by [`eprintln`](crate::notebook::eprintln) where evcxr reports a `?` that failed.
#[doc(hidden)]
pub fn error<E: std::fmt::Display + ?Sized>(error: &E) {
    if present() {
        send(&json!({"error_text": {"type": std::any::type_name::<E>(), "text": error.to_string()}}));
    } else {
        std::eprintln!("{error}");
    }
}

/// Makes the process that runs cells ready; the kernel calls it before the first cell. Elsewhere it does nothing.
///
/// A panic is reported as a message instead of a text on standard error; unfinished lines are flushed ten times a
/// second, and whenever the kernel asks; a crash ends the process with the signal that caused it.
pub fn prepare() {
    if !present() {
        return;
    }
    std::panic::set_hook(Box::new(report_panic));
    for signal in [libc::SIGSEGV, libc::SIGILL, libc::SIGBUS] {
        // SAFETY: restores the default action of a signal; no handler of ours is involved.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    if let Some(requests) = inherited(FLUSH) {
        let started = std::thread::Builder::new().name("flush".to_owned()).spawn(move || flush_on(requests));
        if started.is_ok() {
            send(&json!("flusher"));
        }
    }
}

fn report_panic(info: &std::panic::PanicHookInfo<'_>) {
    let message = (info.payload().downcast_ref::<&str>().map(|s| (*s).to_owned()))
        .or_else(|| info.payload().downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is no text".to_owned());
    // SAFETY: both calls only return numbers.
    let main = unsafe { libc::gettid() == libc::getpid() };
    let place = info.location().map(|l| json!({"file": l.file(), "line": l.line(), "column": l.column()}));
    let trace = std::backtrace::Backtrace::force_capture().to_string();
    let thread = std::thread::current().name().map(str::to_owned);
    send(&json!({"panic": {"message": message, "place": place, "main": main, "thread": thread, "trace": trace}}));
}

/// Flushes Rust's and C's standard output at every request and ten times a second.
fn flush_on(requests: RawFd) {
    loop {
        let mut poll = libc::pollfd { fd: requests, events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid pollfd.
        let ready = unsafe { libc::poll(&mut poll, 1, 100) };
        let mut answer = false;
        if ready > 0 {
            let mut byte = 0u8;
            // SAFETY: one byte of our own.
            let got = unsafe { libc::read(requests, std::ptr::from_mut(&mut byte).cast(), 1) };
            if got == 0 {
                return;
            }
            answer = got == 1;
        }
        // SAFETY: a null stream means all of C's output streams.
        unsafe { libc::fflush(std::ptr::null_mut()) };
        if answer {
            send(&json!("flushed"));
        } else {
            let _ = std::io::stdout().lock().flush();
        }
    }
}

/// `eprintln!` for cells: under the kernel its lines stand in order among those of `println!`.
///
/// A cell that says `use cutpoint::notebook::eprintln;` has it; the kernel says so for every cell.
#[macro_export]
#[doc(hidden)]
macro_rules! notebook_eprintln {
    () => { $crate::notebook::wire::stderr(::std::format_args!("\n")) };
    // The form in which evcxr prints the error of a `?` that failed; the kernel tells whether it was one.
    ("{}", $error:ident) => { $crate::notebook::wire::error(&$error) };
    ($($arg:tt)*) => {{
        $crate::notebook::wire::stderr(::std::format_args!("{}\n", ::std::format_args!($($arg)*)));
    }};
}

/// `eprint!` for cells, as `eprintln!`.
#[macro_export]
#[doc(hidden)]
macro_rules! notebook_eprint {
    ($($arg:tt)*) => {{
        $crate::notebook::wire::stderr(::std::format_args!($($arg)*));
    }};
}
