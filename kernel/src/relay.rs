//! The process between evcxr and the runtime.
//!
//! evcxr tells what a cell prints from its own signals by whole lines on one pipe: a text without a newline, glued to
//! such a signal, would hang the cell. The relay reads the runtime's two outputs, finds the signals wherever they
//! stand, and passes everything else on as messages. It also holds the interrupt flag, a page that it shares with the
//! runtime, and reports how the runtime ended.

use std::io::Write;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::events::{Bundle, Event, Exit, MARKER};
use crate::process;

/// Set for the relay and for the runtime: evcxr's sign of a process that runs cells.
const EVCXR_CHILD: &str = "EVCXR_IS_RUNTIME";
/// Set for the runtime only. `cutpoint::notebook` knows the names of these variables.
const PRESENT: &str = "CUTPOINT_KERNEL";
const INTERRUPT: &str = "CUTPOINT_KERNEL_INTERRUPT";
const FLUSH: &str = "CUTPOINT_KERNEL_FLUSH";

/// How long the runtime may take to flush when asked to.
const FLUSH_WAIT: Duration = Duration::from_millis(500);
/// How much of standard error is kept for the reason of a crash.
const LAST_WORDS: usize = 4096;

/// Whether this process was started as a relay.
pub fn wanted() -> bool {
    std::env::var_os(EVCXR_CHILD).is_some() && std::env::var_os(PRESENT).is_none()
}

static FLAG: AtomicPtr<AtomicU32> = AtomicPtr::new(std::ptr::null_mut());

extern "C" fn on_signal(signal: libc::c_int) {
    let flag = FLAG.load(Ordering::SeqCst);
    if !flag.is_null() {
        // SAFETY: points to a page that is never unmapped; a store is all that happens here.
        unsafe { (*flag).store(u32::from(signal == libc::SIGINT), Ordering::SeqCst) };
    }
}

/// Runs the relay until the runtime ends.
pub fn run() -> ExitCode {
    process::die_with_parent();
    // The relay, the runtime and what a cell starts are one group, which ends together.
    // SAFETY: changes only this process.
    unsafe { libc::setpgid(0, 0) };
    match Relay::start() {
        Ok(mut relay) => relay.run(),
        Err(error) => {
            eprintln!("cannot start the process that runs cells: {error}");
            ExitCode::from(99)
        }
    }
}

/// A pipe or a file of our own, open in the runtime as well.
fn checked(result: libc::c_int) -> std::io::Result<libc::c_int> {
    if result < 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(result)
}

struct Relay {
    child: Child,
    stdout: Option<std::process::ChildStdout>,
    stderr: Option<std::process::ChildStderr>,
    flush_requests: RawFd,
    parser: Parser,
    errors: Utf8,
    last_words: String,
    /// Whether a cell has ended. While evcxr starts it waits until its own first cell's output has been taken, and
    /// nobody takes it yet.
    started: bool,
    out: Vec<u8>,
}

impl Relay {
    fn start() -> std::io::Result<Relay> {
        // SAFETY: plain system calls with checked results.
        let (flag, pipe) = unsafe {
            let flag = checked(libc::memfd_create(c"interrupt".as_ptr(), 0))?;
            checked(libc::ftruncate(flag, 4096))?;
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let page = libc::mmap(std::ptr::null_mut(), 4096, access, libc::MAP_SHARED, flag, 0);
            if page == libc::MAP_FAILED {
                return Err(std::io::Error::last_os_error());
            }
            FLAG.store(page.cast(), Ordering::SeqCst);
            for signal in [libc::SIGINT, libc::SIGUSR1] {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as usize;
                action.sa_flags = libc::SA_RESTART;
                checked(libc::sigaction(signal, &action, std::ptr::null_mut()))?;
            }
            let mut pipe = [0; 2];
            checked(libc::pipe(pipe.as_mut_ptr()))?;
            checked(libc::fcntl(pipe[1], libc::F_SETFD, libc::FD_CLOEXEC))?;
            (flag, pipe)
        };
        let mut command = Command::new(std::env::current_exe()?);
        command.args(std::env::args_os().skip(1)).env(PRESENT, "1");
        command.env(INTERRUPT, flag.to_string()).env(FLUSH, pipe[0].to_string());
        command.stdin(Stdio::inherit()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // SAFETY: only calls that are allowed between fork and exec.
        unsafe {
            command.pre_exec(|| {
                // The kernel's own interrupts go to the relay; those of a terminal must not end a cell.
                libc::signal(libc::SIGINT, libc::SIG_IGN);
                libc::signal(libc::SIGUSR1, libc::SIG_DFL);
                Ok(())
            });
        }
        let mut child = command.spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        for fd in [stdout.as_ref().map(AsRawFd::as_raw_fd), stderr.as_ref().map(AsRawFd::as_raw_fd)] {
            let fd = fd.unwrap_or(-1);
            // SAFETY: changes a flag of a pipe of our own.
            unsafe { checked(libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK))? };
        }
        Ok(Relay {
            child,
            stdout,
            stderr,
            flush_requests: pipe[1],
            parser: Parser::default(),
            errors: Utf8::default(),
            last_words: String::new(),
            started: false,
            out: Vec::new(),
        })
    }

    fn run(&mut self) -> ExitCode {
        loop {
            self.wait(-1);
            self.pump();
            if let Ok(Some(status)) = self.child.try_wait() {
                // What it printed last may have arrived after the look above.
                self.pump();
                self.parser.end(&mut self.out);
                let last_words = std::mem::take(&mut self.last_words);
                if status.code() == Some(99) {
                    // evcxr could not load a cell; while the kernel starts it looks for the reason here.
                    eprint!("{last_words}");
                }
                self.started = true;
                let exit = Exit { code: status.code(), signal: status.signal(), last_words };
                self.out.extend(Event::Exited(exit).line().bytes());
                self.send();
                let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
                return ExitCode::from(u8::try_from(code & 255).unwrap_or(1));
            }
        }
    }

    /// Waits for output, or for the end of the runtime.
    fn wait(&self, milliseconds: libc::c_int) {
        let fd = |fd: Option<RawFd>| libc::pollfd { fd: fd.unwrap_or(-1), events: libc::POLLIN, revents: 0 };
        let mut fds =
            [fd(self.stdout.as_ref().map(AsRawFd::as_raw_fd)), fd(self.stderr.as_ref().map(AsRawFd::as_raw_fd))];
        let nothing_open = self.stdout.is_none() && self.stderr.is_none();
        // An end without a last output shows in closed pipes; where something that the cell started holds them open,
        // it is seen within a fifth of a second.
        let milliseconds = match milliseconds {
            -1 if nothing_open => 10,
            -1 => 200,
            other => other,
        };
        // SAFETY: two valid pollfds; negative descriptors are left out.
        unsafe { libc::poll(fds.as_mut_ptr(), 2, milliseconds) };
    }

    /// Passes on all that is there.
    fn pump(&mut self) {
        let mut bytes = vec![0u8; 1 << 16];
        loop {
            let read = read_some(&mut self.stdout, &mut bytes);
            let errors = read_some_into(&mut self.stderr, &mut self.errors);
            if read == 0 && errors.is_empty() {
                break;
            }
            let signal = self.parser.feed(&bytes[..read], &mut self.out);
            if !errors.is_empty() {
                self.say_error(errors);
            }
            match signal {
                Some(Signal::Complete) => self.complete(),
                Some(Signal::Other(line)) => {
                    self.out.extend(line.bytes());
                    self.send();
                }
                None => self.send(),
            }
            // Signals can stand behind one another in one read.
            while let Some(signal) = self.parser.feed(&[], &mut self.out) {
                match signal {
                    Signal::Complete => self.complete(),
                    Signal::Other(line) => {
                        self.out.extend(line.bytes());
                        self.send();
                    }
                }
            }
            self.send();
        }
    }

    fn say_error(&mut self, text: String) {
        self.last_words.push_str(&text);
        let extra = self.last_words.len().saturating_sub(LAST_WORDS);
        let cut = (extra..self.last_words.len()).find(|at| self.last_words.is_char_boundary(*at)).unwrap_or(extra);
        self.last_words.drain(..cut);
        self.parser.flush(&mut self.out);
        self.out.extend(Event::Stream { name: "stderr".into(), text }.line().bytes());
    }

    /// A cell has ended: asks for output that is still held back, and only then tells evcxr.
    fn complete(&mut self) {
        if self.parser.flusher {
            self.parser.flushed = false;
            // SAFETY: writes one byte of our own.
            let asked = unsafe { libc::write(self.flush_requests, [1u8].as_ptr().cast(), 1) } == 1;
            let start = Instant::now();
            let mut bytes = vec![0u8; 1 << 16];
            while asked && !self.parser.flushed && start.elapsed() < FLUSH_WAIT {
                self.wait(20);
                let read = read_some(&mut self.stdout, &mut bytes);
                self.parser.feed(&bytes[..read], &mut self.out);
                if read == 0 && self.stdout.is_none() {
                    break;
                }
            }
        }
        let errors = read_some_into(&mut self.stderr, &mut self.errors);
        if !errors.is_empty() {
            self.say_error(errors);
        }
        self.parser.end(&mut self.out);
        if !self.started {
            self.out.clear();
            self.started = true;
        }
        on_signal(libc::SIGUSR1);
        self.out.extend(b"EVCXR_EXECUTION_COMPLETE\n");
        self.send();
    }

    fn send(&mut self) {
        if !self.started {
            let out = std::mem::take(&mut self.out);
            self.out
                .extend(out.split_inclusive(|b| *b == b'\n').filter(|l| !l.starts_with(MARKER.as_bytes())).flatten());
        }
        // A kernel that has gone away takes this process with it.
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(&self.out);
        let _ = out.flush();
        self.out.clear();
    }
}

/// Reads what is there; a pipe that was closed is dropped.
fn read_some(pipe: &mut Option<impl std::io::Read>, bytes: &mut [u8]) -> usize {
    let Some(open) = pipe else { return 0 };
    match open.read(bytes) {
        Ok(0) => {
            *pipe = None;
            0
        }
        Ok(read) => read,
        Err(_) => 0,
    }
}

fn read_some_into(pipe: &mut Option<impl std::io::Read>, text: &mut Utf8) -> String {
    let mut bytes = [0u8; 1 << 14];
    let read = read_some(pipe, &mut bytes);
    text.push(&bytes[..read])
}

/// Bytes that arrive in pieces, as text: a character that is cut in two waits for its rest.
#[derive(Default)]
struct Utf8(Vec<u8>);

impl Utf8 {
    fn push(&mut self, bytes: &[u8]) -> String {
        self.0.extend(bytes);
        let whole = match std::str::from_utf8(&self.0) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.0.len(),
        };
        let rest = self.0.split_off(whole);
        String::from_utf8_lossy(&std::mem::replace(&mut self.0, rest)).into_owned()
    }
}

/// What evcxr has to see of the runtime's output.
enum Signal {
    Complete,
    Other(String),
}

const BEGIN_BLOCK: &str = "EVCXR_BEGIN_CONTENT ";
const END_BLOCK: &str = "EVCXR_END_CONTENT";

/// Finds messages and evcxr's signals in the runtime's output, whether or not they stand at the start of a line.
#[derive(Default)]
struct Parser {
    /// Bytes that are not told apart yet.
    raw: Vec<u8>,
    text: Utf8,
    /// Printed text that has not been passed on.
    printed: String,
    /// The rich block that is open: its type and content so far.
    block: Option<(String, String)>,
    /// Blocks that ended: the value that ends the cell, unless something else follows.
    bundle: Bundle,
    flusher: bool,
    flushed: bool,
}

impl Parser {
    /// Takes in bytes, up to and with the next signal. More may be waiting: feed nothing to go on.
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Option<Signal> {
        self.raw.extend(bytes);
        let raw = std::mem::take(&mut self.raw);
        let mut at = 0;
        let mut signal = None;
        while signal.is_none() {
            let Some(end) = raw[at..].iter().position(|b| *b == b'\n') else { break };
            signal = self.line(&raw[at..at + end + 1], out);
            at += end + 1;
        }
        self.raw.extend(&raw[at..]);
        if signal.is_none() {
            self.unfinished();
        }
        self.flush(out);
        signal
    }

    /// Passes on an unfinished line as far as it cannot be the start of a signal.
    fn unfinished(&mut self) {
        if self.block.is_some() {
            return;
        }
        let keep = (0..self.raw.len()).find(|at| {
            let rest = &self.raw[*at..];
            let starts = |sign: &[u8]| rest.starts_with(sign) || sign.starts_with(rest);
            matches!(rest[0], 0x1e | b'E') && (starts(MARKER.as_bytes()) || starts(b"EVCXR_"))
        });
        let rest = self.raw.split_off(keep.unwrap_or(self.raw.len()));
        let text = std::mem::replace(&mut self.raw, rest);
        self.print(&text);
    }

    fn print(&mut self, bytes: &[u8]) {
        let text = self.text.push(bytes);
        self.printed.push_str(&text);
    }

    /// One whole line, its newline with it.
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Option<Signal> {
        if let Some((mime, content)) = &mut self.block {
            let text = String::from_utf8_lossy(line);
            let Some(last) = text.strip_suffix('\n').and_then(|l| l.strip_suffix(END_BLOCK)) else {
                content.push_str(&text);
                return None;
            };
            content.push_str(last);
            let content = content.strip_suffix('\n').unwrap_or(content).to_owned();
            let mime = std::mem::take(mime);
            self.block = None;
            if self.bundle.contains_key(&mime) {
                self.show_bundle(out);
            }
            self.bundle.insert(mime, content.into());
            return None;
        }
        let found = |sign: &[u8]| line.windows(sign.len()).position(|part| part == sign);
        if let Some(at) = found(MARKER.as_bytes()) {
            self.print(&line[..at]);
            match Event::parse(String::from_utf8_lossy(&line[at..]).trim_end()) {
                Some(Event::Flusher) => self.flusher = true,
                Some(Event::Flushed) => self.flushed = true,
                Some(event) => {
                    self.flush(out);
                    self.show_bundle(out);
                    out.extend(event.line().bytes());
                }
                None => self.print(&line[at..]),
            }
            return None;
        }
        let Some(at) = found(b"EVCXR_") else {
            self.print(line);
            return None;
        };
        let text = String::from_utf8_lossy(&line[at..]).into_owned();
        let signal = text.trim_end();
        if let Some(mime) = signal.strip_prefix(BEGIN_BLOCK) {
            self.print(&line[..at]);
            self.flush(out);
            self.block = Some((mime.to_owned(), String::new()));
            return None;
        }
        let event = match signal {
            "EVCXR_EXECUTION_COMPLETE" => None,
            "EVCXR_PANIC_NOTIFICATION" => Some(Event::Panicked),
            "EVCXR_ERROR_OCCURRED" => Some(Event::Failed),
            _ if signal.starts_with("EVCXR_INPUT_REQUEST") || signal.starts_with("EVCXR_VARIABLE_CHANGED_TYPE:") => {
                None
            }
            _ => {
                self.print(line);
                return None;
            }
        };
        self.print(&line[..at]);
        self.flush(out);
        if signal == "EVCXR_EXECUTION_COMPLETE" {
            return Some(Signal::Complete);
        }
        if let Some(event) = event {
            out.extend(event.line().bytes());
        }
        Some(Signal::Other(text))
    }

    /// Passes on what was printed.
    fn flush(&mut self, out: &mut Vec<u8>) {
        if !self.printed.is_empty() {
            self.show_bundle(out);
            let text = std::mem::take(&mut self.printed);
            out.extend(Event::Stream { name: "stdout".into(), text }.line().bytes());
        }
    }

    /// Passes on blocks that something else followed: figures in the middle of a cell.
    fn show_bundle(&mut self, out: &mut Vec<u8>) {
        if !self.bundle.is_empty() {
            let data = std::mem::take(&mut self.bundle);
            out.extend(Event::Display { data, metadata: Bundle::new(), id: None, update: false }.line().bytes());
        }
    }

    /// The cell, or the process, has ended: nothing is held back any more.
    fn end(&mut self, out: &mut Vec<u8>) {
        let raw = std::mem::take(&mut self.raw);
        self.print(&raw);
        let bundle = std::mem::take(&mut self.bundle);
        self.flush(out);
        if !bundle.is_empty() {
            out.extend(Event::Result { data: bundle }.line().bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the relay would pass on for these pieces of output: messages, and `!` before evcxr's lines.
    fn relayed(pieces: &[&[u8]]) -> Vec<String> {
        let (mut parser, mut out, mut lines) = (Parser::default(), Vec::new(), Vec::new());
        for piece in pieces {
            let mut signal = parser.feed(piece, &mut out);
            while let Some(found) = signal {
                if let Signal::Complete = found {
                    parser.end(&mut out);
                }
                lines.extend(String::from_utf8(std::mem::take(&mut out)).unwrap().lines().map(str::to_owned));
                lines.push(match found {
                    Signal::Complete => "!done".to_owned(),
                    Signal::Other(line) => format!("!{}", line.trim_end()),
                });
                signal = parser.feed(&[], &mut out);
            }
        }
        lines.extend(String::from_utf8(out).unwrap().lines().map(str::to_owned));
        lines.iter().map(|line| line.strip_prefix(MARKER).unwrap_or(line).to_owned()).collect()
    }

    #[test]
    fn a_signal_glued_to_an_unfinished_line_is_found() {
        let expected = [r#"{"stream":{"name":"stdout","text":"half"}}"#, "!done"];
        assert_eq!(relayed(&[b"halfEVCXR_EXECUTION_COMPLETE\n"]), expected);
        assert_eq!(relayed(&[b"half", b"EVCXR_EXECU", b"TION_COMPLETE\n"]), expected);
    }

    #[test]
    fn unfinished_lines_are_not_held_back_and_characters_are_not_cut() {
        assert_eq!(relayed(&[b"E"]), Vec::<String>::new());
        assert_eq!(relayed(&["50 €".as_bytes().split_at(4).0]), [r#"{"stream":{"name":"stdout","text":"50 "}}"#]);
        assert_eq!(
            relayed(&[b"Es ", b"EVCXR is fine\n"]),
            [
                r#"{"stream":{"name":"stdout","text":"Es "}}"#,
                r#"{"stream":{"name":"stdout","text":"EVCXR is fine\n"}}"#
            ]
        );
    }

    #[test]
    fn blocks_are_figures_in_order_and_the_last_one_is_the_result() {
        let block = "EVCXR_BEGIN_CONTENT text/plain\none\nmore\nEVCXR_END_CONTENT\n";
        let two = format!("{block}{block}EVCXR_EXECUTION_COMPLETE\n");
        let figure = |kind: &str, rest: &str| format!(r#"{{"{kind}":{{"data":{{"text/plain":"one\nmore"}}{rest}}}}}"#);
        assert_eq!(
            relayed(&[two.as_bytes()]),
            [figure("display", r#","id":null,"update":false"#), figure("result", ""), "!done".to_owned()]
        );
    }

    #[test]
    fn panics_and_failures_reach_both_sides() {
        let lines = relayed(&[b"EVCXR_ERROR_OCCURRED\nEVCXR_EXECUTION_COMPLETE\n"]);
        assert_eq!(lines, ["\"failed\"", "!EVCXR_ERROR_OCCURRED", "!done"]);
    }
}
