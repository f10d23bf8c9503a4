//! The runtime: the process that loads cells and runs them.
//!
//! Its main thread reads requests from the kernel; cells run in a thread of their own, so that one that waits for ever
//! can be left behind. What its threads print, and what programs that they start print, goes to the kernel in the order
//! in which it was written, with the number of the run that it belongs to.

use std::cell::Cell;
use std::ffi::{c_void, CString};
use std::io::{BufRead, BufReader};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use cutpoint_wire::{write_event, write_notice, write_output, Event, Host, Notice, Outcome, Request, SOCKET, VERSION};

use super::processes;
use super::threads::{self, RUN};

/// How long a cell may take to answer a request to stop before it is looked at.
const ANSWER_WITHIN: Duration = Duration::from_millis(700);
/// How long after a call of the crate has answered the rest of the cell may take.
const END_WITHIN: Duration = Duration::from_secs(3);
/// How long programs that a cell started may take to end when they are asked to.
const CHILDREN_WITHIN: Duration = Duration::from_millis(300);
/// As on a main thread of many systems, but more: cells are compiled without optimisation.
const STACK: usize = 64 << 20;
/// How often output that is held back by Rust or C is flushed.
const FLUSH_EVERY: Duration = Duration::from_millis(100);

/// Whether this process is a runtime, ready to take output.
static ACTIVE: AtomicBool = AtomicBool::new(false);
static SINK: OnceLock<Mutex<Sink>> = OnceLock::new();
/// The run that goes on, or went on last.
static CURRENT: AtomicU64 = AtomicU64::new(0);
/// Whether it goes on.
static RUNNING: AtomicBool = AtomicBool::new(false);
/// The run that was asked to stop.
static STOPPED: AtomicU64 = AtomicU64::new(0);
/// Not zero while one is, or while a thread that was left behind is still there.
static FLAG: AtomicU32 = AtomicU32::new(0);
/// Whether a call of the crate has answered the request.
static ANSWERED: AtomicBool = AtomicBool::new(false);
/// The thread that runs cells.
static CELLS: AtomicI32 = AtomicI32::new(0);
/// How many threads were left behind.
static LEFT: AtomicU32 = AtomicU32::new(0);
static FLUSH: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
static INPUT: Mutex<Input> = Mutex::new(Input { lines: vec![], at: 0, asked: false, ended: false });
static INPUT_CAME: Condvar = Condvar::new();

thread_local! {
    /// Says whether the thread still unwinds, after a panic of the thread that runs cells.
    static UNWINDS: Cell<Option<extern "C" fn() -> bool>> = const { Cell::new(None) };
}

/// Whether this process was started as a runtime.
pub fn wanted() -> bool {
    std::env::var_os(SOCKET).is_some()
}

/// Takes what is written in this process while it is a runtime. True when the bytes were taken.
pub fn take_output(fd: RawFd, bytes: &[u8]) -> bool {
    if !ACTIVE.load(Ordering::Relaxed) {
        return false;
    }
    let Some(sink) = SINK.get() else { return false };
    let mut sink = locked(sink);
    if !sink.is_ours(fd) {
        return false;
    }
    let run = run_of_thread();
    sink.drain();
    sink.tell_caught(run);
    sink.output(run, fd == 2, bytes);
    true
}

/// The run that the calling thread belongs to.
fn run_of_thread() -> u64 {
    match RUN.get() {
        0 => CURRENT.load(Ordering::SeqCst),
        run => run,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Where everything goes that the kernel shall see.
struct Sink {
    socket: UnixStream,
    process: u32,
    /// The pipes that programs started by cells write into.
    pipes: Vec<Pipe>,
    /// The pipes that descriptors 1 and 2 are now.
    own: [libc::ino_t; 2],
}

struct Pipe {
    run: u64,
    is_error: bool,
    read: OwnedFd,
}

fn inode(fd: RawFd) -> libc::ino_t {
    // SAFETY: fills a plain structure.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        if libc::fstat(fd, &mut stat) != 0 {
            return 0;
        }
        stat.st_ino
    }
}

impl Sink {
    /// Whether a descriptor is still what this process made it: a cell can put a file in its place, and a forked
    /// process has no business on the socket.
    fn is_ours(&self, fd: RawFd) -> bool {
        self.process == std::process::id() && self.own[usize::from(fd == 2)] == inode(fd)
    }

    fn output(&mut self, run: u64, is_error: bool, bytes: &[u8]) {
        // A kernel that has gone away takes this process with it.
        let _ = write_output(&mut self.socket, run, is_error, bytes);
    }

    /// Tells, if it is so, that the last panic of the calling thread was caught.
    fn tell_caught(&mut self, run: u64) {
        if UNWINDS.get().is_some_and(|unwinds| !unwinds()) {
            UNWINDS.set(None);
            if let Ok(json) = serde_json::to_vec(&Event::Caught) {
                let _ = write_event(&mut self.socket, run, &json);
            }
        }
    }

    fn notice(&mut self, notice: &Notice) {
        let _ = write_notice(&mut self.socket, notice);
    }

    /// New pipes for the programs that a run starts.
    fn open_pipes(&mut self, run: u64) -> std::io::Result<()> {
        for fd in [1, 2] {
            let mut ends = [0; 2];
            // SAFETY: plain system calls on descriptors of our own.
            unsafe {
                if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
                let (read, write) = (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]));
                libc::fcntl(read.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK);
                if libc::dup2(write.as_raw_fd(), fd) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
                self.own[usize::from(fd == 2)] = inode(fd);
                self.pipes.push(Pipe { run, is_error: fd == 2, read });
            }
        }
        Ok(())
    }

    /// Passes on what programs have written; pipes that nobody can write into any more are closed.
    fn drain(&mut self) {
        let mut bytes = [0u8; 1 << 16];
        let mut at = 0;
        while at < self.pipes.len() {
            let Pipe { run, is_error, read } = &self.pipes[at];
            // SAFETY: reads into a buffer of our own.
            let got = unsafe { libc::read(read.as_raw_fd(), bytes.as_mut_ptr().cast(), bytes.len()) };
            match usize::try_from(got) {
                Ok(0) => drop(self.pipes.remove(at)),
                Ok(got) => {
                    let (run, is_error) = (*run, *is_error);
                    self.output(run, is_error, &bytes[..got]);
                }
                Err(_) => at += 1,
            }
        }
    }
}

/// Waits for what programs write, and flushes what Rust and C hold back.
fn watch_outputs() {
    loop {
        let mut polls: Vec<libc::pollfd> = match SINK.get() {
            Some(sink) => (locked(sink).pipes.iter())
                .map(|pipe| libc::pollfd { fd: pipe.read.as_raw_fd(), events: libc::POLLIN, revents: 0 })
                .collect(),
            None => vec![],
        };
        let count = polls.len() as libc::nfds_t;
        // SAFETY: valid pollfds; a descriptor that was closed meanwhile is reported as such.
        let ready = unsafe { libc::poll(polls.as_mut_ptr(), count, FLUSH_EVERY.as_millis() as libc::c_int) };
        if ready > 0 {
            if let Some(sink) = SINK.get() {
                locked(sink).drain();
            }
        } else if RUNNING.load(Ordering::SeqCst) {
            flush();
        }
    }
}

/// Flushes Rust's standard output, which the first cell has said how to do.
fn flush() {
    let flush = FLUSH.load(Ordering::SeqCst);
    if !flush.is_null() {
        // SAFETY: the function that the crate has given, in a library that stays.
        let flush = unsafe { std::mem::transmute::<*mut c_void, extern "C" fn()>(flush) };
        flush();
    }
}

// What the crate is given.

struct Table(Host);
// SAFETY: the table never changes, and its pointer is to an atomic.
unsafe impl Sync for Table {}
static TABLE: Table = Table(Host {
    version: VERSION,
    send,
    stopping: is_stopping,
    flag: &raw const FLAG,
    answered,
    flush_with,
    calls: super::frames::calls,
    is_cell,
    panicked,
});

/// What the crate looks for by name.
#[unsafe(no_mangle)]
pub extern "C" fn cutpoint_wire_host() -> *const Host {
    if ACTIVE.load(Ordering::SeqCst) {
        &raw const TABLE.0
    } else {
        std::ptr::null()
    }
}

unsafe extern "C" fn send(json: *const u8, length: usize) {
    // What was printed before comes before.
    flush();
    let Some(sink) = SINK.get() else { return };
    // SAFETY: the contract.
    let json = unsafe { std::slice::from_raw_parts(json, length) };
    let mut sink = locked(sink);
    sink.drain();
    sink.tell_caught(run_of_thread());
    let _ = write_event(&mut sink.socket, run_of_thread(), json);
}

/// Whether the calling thread shall stop: its run was asked to, or it was left behind.
pub fn stopping() -> bool {
    if FLAG.load(Ordering::Relaxed) == 0 {
        return false;
    }
    threads::is_left_behind() || RUN.get() != 0 && RUN.get() == STOPPED.load(Ordering::SeqCst)
}

extern "C" fn is_stopping() -> bool {
    stopping()
}

extern "C" fn answered() {
    if RUN.get() == STOPPED.load(Ordering::SeqCst) && STOPPED.swap(0, Ordering::SeqCst) != 0 {
        ANSWERED.store(true, Ordering::SeqCst);
        lower_flag();
    }
}

extern "C" fn flush_with(flush: extern "C" fn()) {
    FLUSH.store(flush as *mut c_void, Ordering::SeqCst);
}

extern "C" fn panicked(unwinds: Option<extern "C" fn() -> bool>) {
    if is_cell() {
        UNWINDS.set(unwinds);
    }
}

extern "C" fn is_cell() -> bool {
    threads::id() == CELLS.load(Ordering::SeqCst)
}

/// Nobody is asked to stop any more, but for those that were left behind.
fn lower_flag() {
    FLAG.store(LEFT.load(Ordering::SeqCst), Ordering::SeqCst);
}

// Standard input.

struct Input {
    lines: Vec<u8>,
    at: usize,
    asked: bool,
    ended: bool,
}

/// Reads standard input for a cell: a line that the kernel asks the reader for. Zero at the end of the input.
pub fn take_input(buffer: &mut [u8]) -> Option<usize> {
    if !ACTIVE.load(Ordering::Relaxed) {
        return None;
    }
    flush();
    let mut input = locked(&INPUT);
    loop {
        if input.at < input.lines.len() {
            let count = buffer.len().min(input.lines.len() - input.at);
            buffer[..count].copy_from_slice(&input.lines[input.at..input.at + count]);
            input.at += count;
            return Some(count);
        }
        if std::mem::take(&mut input.ended) || stopping() {
            input.asked = false;
            return Some(0);
        }
        if !input.asked {
            input.asked = true;
            if let Some(sink) = SINK.get() {
                locked(sink).notice(&Notice::WantsInput { run: run_of_thread() });
            }
        }
        let waited = INPUT_CAME.wait_timeout(input, Duration::from_millis(100));
        input = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(input, _)| input);
    }
}

fn give_input(line: Option<String>) {
    let mut input = locked(&INPUT);
    input.asked = false;
    match line {
        Some(line) => (input.lines, input.at) = (format!("{line}\n").into_bytes(), 0),
        None => input.ended = true,
    }
    INPUT_CAME.notify_all();
}

// Cells.

/// Runs the runtime until the kernel closes the socket.
pub fn run() -> ExitCode {
    processes::die_with_parent();
    // The runtime and what a cell starts are one group, which ends together; interrupts of a terminal are not for it.
    // SAFETY: changes only this process.
    unsafe { libc::setpgid(0, 0) };
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cutpoint-kernel: the process that runs cells: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> std::io::Result<()> {
    let number = std::env::var(SOCKET).ok().and_then(|number| number.parse::<RawFd>().ok());
    let number = number.ok_or_else(|| std::io::Error::other(format!("{SOCKET} names no descriptor")))?;
    // SAFETY: the kernel opened it for this process alone.
    let socket = unsafe { UnixStream::from_raw_fd(number) };
    // SAFETY: changes a flag of a descriptor of our own: programs that cells start do not inherit it.
    unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    // SAFETY: no other thread runs yet.
    unsafe { std::env::remove_var(SOCKET) };
    let requests = BufReader::new(socket.try_clone()?);
    let mut sink = Sink { socket, process: std::process::id(), pipes: vec![], own: [0; 2] };
    sink.open_pipes(0)?;
    sink.notice(&Notice::Ready(VERSION));
    let _ = SINK.set(Mutex::new(sink));
    super::stdio::redirect();
    ACTIVE.store(true, Ordering::SeqCst);
    std::thread::Builder::new().name("outputs".to_owned()).spawn(watch_outputs)?;
    let mut cells = Cells::start(std::ptr::null_mut())?;
    for line in requests.lines() {
        let request: Request = serde_json::from_str(&line?)?;
        // A thread that was left behind takes no requests.
        if let Some(fresh) = locked(&REPLACED).take() {
            cells = fresh;
        }
        match request {
            Request::Interrupt => interrupt(&cells)?,
            Request::Input(line) => give_input(line),
            Request::Run { .. } | Request::Shell { .. } => {
                if cells.jobs.send(request).is_err() {
                    return Err(std::io::Error::other("the thread that runs cells is gone"));
                }
            }
        }
    }
    // SAFETY: ends the process without running what libraries of cells have registered for its end.
    unsafe { libc::_exit(0) }
}

/// The cells' thread after one was left behind, for the main thread to take.
static REPLACED: Mutex<Option<Cells>> = Mutex::new(None);

/// The thread that runs cells.
#[derive(Clone)]
struct Cells {
    jobs: Sender<Request>,
    store: Arc<AtomicPtr<c_void>>,
}

impl Cells {
    fn start(store: *mut c_void) -> std::io::Result<Cells> {
        let (jobs, queue) = channel();
        let store = Arc::new(AtomicPtr::new(store));
        let cells = Cells { jobs, store: Arc::clone(&store) };
        std::thread::Builder::new().name("main".to_owned()).stack_size(STACK).spawn(move || work(&queue, &store))?;
        Ok(cells)
    }
}

fn work(queue: &Receiver<Request>, store: &AtomicPtr<c_void>) {
    CELLS.store(threads::id(), Ordering::SeqCst);
    while let Ok(request) = queue.recv() {
        let run = match &request {
            Request::Run { run, .. } | Request::Shell { run, .. } => *run,
            _ => continue,
        };
        begin(run);
        let (outcome, at) = match request {
            Request::Run { library, function, .. } => load_and_run(&library, &function, store),
            Request::Shell { command, .. } => shell(&command),
            _ => continue,
        };
        if threads::is_left_behind() {
            // The kernel was told already; nobody waits for this thread.
            LEFT.fetch_sub(1, Ordering::SeqCst);
            lower_flag();
            return;
        }
        flush();
        // SAFETY: a null stream means all of C's output streams.
        unsafe { libc::fflush(std::ptr::null_mut()) };
        end(run, outcome, at);
    }
}

fn begin(run: u64) {
    RUN.set(run);
    threads::note(run);
    let mut input = locked(&INPUT);
    (input.lines, input.at, input.asked, input.ended) = (vec![], 0, false, false);
    drop(input);
    if let Some(sink) = SINK.get() {
        let mut sink = locked(sink);
        sink.drain();
        CURRENT.store(run, Ordering::SeqCst);
        // Without new pipes programs write into the last run's.
        let _ = sink.open_pipes(run);
    }
    STOPPED.store(0, Ordering::SeqCst);
    ANSWERED.store(false, Ordering::SeqCst);
    lower_flag();
    RUNNING.store(true, Ordering::SeqCst);
}

fn end(run: u64, outcome: Outcome, at: i64) {
    RUNNING.store(false, Ordering::SeqCst);
    STOPPED.store(0, Ordering::SeqCst);
    lower_flag();
    if let Some(sink) = SINK.get() {
        let mut sink = locked(sink);
        sink.drain();
        sink.notice(&Notice::Ended { run, outcome, at });
    }
}

fn last_load_error() -> String {
    // SAFETY: the text is copied at once.
    unsafe {
        let text = libc::dlerror();
        if text.is_null() {
            return "no reason given".to_owned();
        }
        std::ffi::CStr::from_ptr(text).to_string_lossy().into_owned()
    }
}

fn load_and_run(library: &str, function: &str, store: &AtomicPtr<c_void>) -> (Outcome, i64) {
    let names = CString::new(library).and_then(|library| Ok((library, CString::new(function)?)));
    let Ok((library, function)) = names else { return (Outcome::NotLoaded("a name with a zero in it".into()), 0) };
    // SAFETY: the kernel compiled this library for this process. It is never unloaded: values and threads may use it.
    let function = unsafe {
        let handle = libc::dlopen(library.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
        if handle.is_null() {
            return (Outcome::NotLoaded(last_load_error()), 0);
        }
        libc::dlsym(handle, function.as_ptr())
    };
    if function.is_null() {
        return (Outcome::NotLoaded(last_load_error()), 0);
    }
    type Cell = unsafe extern "C" fn(*mut *mut c_void) -> i64;
    let mut slot = store.load(Ordering::SeqCst);
    // SAFETY: the kernel's code has this signature.
    let code = unsafe { std::mem::transmute::<*mut c_void, Cell>(function)(&mut slot) };
    store.store(slot, Ordering::SeqCst);
    let outcome = match code.rem_euclid(4) {
        0 => Outcome::Done,
        1 => Outcome::Failed,
        2 => Outcome::Panicked,
        _ => Outcome::Stopped,
    };
    (outcome, code.div_euclid(4))
}

fn shell(command: &str) -> (Outcome, i64) {
    let status = Command::new("sh").args(["-c", command]).stdin(Stdio::null()).status();
    if stopping() {
        return (Outcome::Stopped, 0);
    }
    match status {
        Ok(status) => (Outcome::Done, status.code().or(status.signal().map(|s| 128 + s)).unwrap_or(1).into()),
        Err(error) => (Outcome::NotLoaded(format!("sh: {error}")), 0),
    }
}

/// Asks what runs to stop.
fn interrupt(cells: &Cells) -> std::io::Result<()> {
    if !RUNNING.load(Ordering::SeqCst) {
        return Ok(());
    }
    let run = CURRENT.load(Ordering::SeqCst);
    STOPPED.store(run, Ordering::SeqCst);
    FLAG.store(LEFT.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
    INPUT_CAME.notify_all();
    let own = cells.clone();
    std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || look_after(run, &own))?;
    Ok(())
}

/// Sees to it that a run that was asked to stop does, if it can be done without ending the process.
fn look_after(run: u64, cells: &Cells) {
    let start = Instant::now();
    let goes_on = || RUNNING.load(Ordering::SeqCst) && CURRENT.load(Ordering::SeqCst) == run;
    // Programs that this run has started and waits for.
    let children = processes::children_since(threads::began(run));
    children.iter().for_each(|child| processes::signal(*child, libc::SIGTERM));
    let mut killed = false;
    let mut told = false;
    while goes_on() {
        std::thread::sleep(Duration::from_millis(20));
        if !killed && start.elapsed() > CHILDREN_WITHIN {
            killed = true;
            children.iter().filter(|child| processes::is_alive(**child)).for_each(|child| {
                processes::signal(*child, libc::SIGKILL);
            });
        }
        let limit = if ANSWERED.load(Ordering::SeqCst) { END_WITHIN } else { ANSWER_WITHIN };
        if start.elapsed() < limit {
            continue;
        }
        if threads::is_busy(run) {
            if !std::mem::replace(&mut told, true) {
                if let Some(sink) = SINK.get() {
                    locked(sink).notice(&Notice::StillBusy { run });
                }
            }
            continue;
        }
        if goes_on() {
            leave_behind(run, cells);
        }
        return;
    }
}

/// Leaves the cells' thread where it is, and starts another one.
fn leave_behind(run: u64, cells: &Cells) {
    threads::leave_behind(CELLS.load(Ordering::SeqCst));
    LEFT.fetch_add(1, Ordering::SeqCst);
    let store = cells.store.load(Ordering::SeqCst);
    match Cells::start(store) {
        Ok(fresh) => {
            *locked(&REPLACED) = Some(fresh);
            end(run, Outcome::LeftBehind, -1);
        }
        // The kernel will end this process when it has waited long enough.
        Err(error) => eprintln!("cannot start another thread for cells: {error}"),
    }
}
