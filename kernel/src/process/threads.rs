//! The runtime's threads: which run each of them belongs to. A thread belongs to the run of the thread that started it.

use std::cell::Cell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

thread_local! {
    /// The run that this thread belongs to; 0 for the runtime's own.
    pub static RUN: Cell<u64> = const { Cell::new(0) };
}

struct Known {
    /// The run of each thread that a cell has started.
    runs: Option<HashMap<i32, u64>>,
    /// When each run of the last ones began, in ticks since the machine's start, as /proc has it.
    began: Option<HashMap<u64, u64>>,
    left_behind: Vec<i32>,
}

static KNOWN: Mutex<Known> = Mutex::new(Known { runs: None, began: None, left_behind: Vec::new() });

fn known() -> MutexGuard<'static, Known> {
    KNOWN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The number of the calling thread.
pub fn id() -> i32 {
    // SAFETY: only returns a number.
    unsafe { libc::gettid() }
}

/// Notes that the calling thread now runs this run.
pub fn note(run: u64) {
    let mut known = known();
    known.runs.get_or_insert_default().insert(id(), run);
    let began = known.began.get_or_insert_default();
    began.retain(|other, _| other + 100 > run);
    began.insert(run, super::processes::ticks());
}

/// When a run began, in the ticks of /proc.
pub fn began(run: u64) -> u64 {
    known().began.as_ref().and_then(|began| began.get(&run)).copied().unwrap_or(0)
}

/// Leaves a thread behind: whatever it does from now on is of no interest.
pub fn leave_behind(thread: i32) {
    known().left_behind.push(thread);
}

/// Whether the calling thread was left behind.
pub fn is_left_behind() -> bool {
    known().left_behind.contains(&id())
}

/// Whether a thread of a run computes, and does not only wait.
pub fn is_busy(run: u64) -> bool {
    let threads: Vec<i32> = {
        let mut known = known();
        let runs = known.runs.get_or_insert_default();
        runs.retain(|thread, _| std::path::Path::new(&format!("/proc/self/task/{thread}")).exists());
        runs.iter().filter(|(_, of)| **of == run).map(|(thread, _)| *thread).collect()
    };
    // One look can meet a thread between two waits, or a wait between two computations.
    let mut seen = 0;
    for _ in 0..10 {
        if threads.iter().any(|thread| state(*thread) == Some('R')) {
            seen += 1;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    seen >= 5
}

fn state(thread: i32) -> Option<char> {
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).ok()?;
    text.rsplit_once(") ")?.1.chars().next()
}

type Start = extern "C-unwind" fn(*mut c_void) -> *mut c_void;
type Create =
    unsafe extern "C" fn(*mut libc::pthread_t, *const libc::pthread_attr_t, Start, *mut c_void) -> libc::c_int;

struct Begun {
    start: Start,
    argument: *mut c_void,
    run: u64,
}

extern "C-unwind" fn begin(begun: *mut c_void) -> *mut c_void {
    // SAFETY: made below for this thread.
    let Begun { start, argument, run } = *unsafe { Box::from_raw(begun.cast::<Begun>()) };
    RUN.set(run);
    known().runs.get_or_insert_default().insert(id(), run);
    start(argument)
}

/// Starts a thread as the C library does. Threads of cells are known by their run.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    start: Start,
    argument: *mut c_void,
) -> libc::c_int {
    static REAL: AtomicUsize = AtomicUsize::new(0);
    let mut real = REAL.load(Ordering::Relaxed);
    if real == 0 {
        // SAFETY: looks for the symbol that this one stands before.
        real = unsafe { libc::dlsym(libc::RTLD_NEXT, c"pthread_create".as_ptr()) } as usize;
        if real == 0 {
            return libc::EAGAIN;
        }
        REAL.store(real, Ordering::Relaxed);
    }
    // SAFETY: the C library's function of this name.
    let real = unsafe { std::mem::transmute::<usize, Create>(real) };
    let run = RUN.get();
    if run == 0 {
        // SAFETY: the caller's promise.
        return unsafe { real(thread, attributes, start, argument) };
    }
    let begun = Box::into_raw(Box::new(Begun { start, argument, run }));
    // SAFETY: the caller's promise, and a value that `begin` takes.
    let result = unsafe { real(thread, attributes, begin, begun.cast()) };
    if result != 0 {
        // SAFETY: no thread has taken it.
        drop(unsafe { Box::from_raw(begun) });
    }
    result
}
