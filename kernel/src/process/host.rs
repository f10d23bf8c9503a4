//! The kernel's side of the process that runs cells.

use std::io::BufReader;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};

use anyhow::{Context, Result};
use cutpoint_wire::{read_frame, write_request, Frame, Notice, Request, SOCKET, VERSION};

use super::processes;

/// How the runtime's process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    /// The end of what it printed to standard error.
    pub last_words: String,
}

impl Exit {
    /// The reason, in words.
    pub fn reason(&self) -> String {
        let memory = ["memory allocation of", "bad_alloc", "can't allocate memory", "not enough memory"];
        let out_of_memory = memory.iter().any(|sign| self.last_words.contains(sign));
        let overflow = self.last_words.contains("has overflowed its stack");
        match (self.signal, self.code) {
            (Some(libc::SIGABRT), _) if out_of_memory => "it ran out of memory (SIGABRT)".to_owned(),
            (Some(libc::SIGABRT | libc::SIGSEGV), _) if overflow => "a stack overflow: endless recursion?".to_owned(),
            (Some(libc::SIGABRT), _) => "it aborted (SIGABRT)".to_owned(),
            (Some(libc::SIGSEGV), _) => "a segmentation fault, or a stack overflow (SIGSEGV)".to_owned(),
            (Some(libc::SIGBUS), _) => "a bus error (SIGBUS)".to_owned(),
            (Some(libc::SIGILL), _) => "an illegal instruction (SIGILL)".to_owned(),
            (Some(libc::SIGFPE), _) => "an arithmetic error (SIGFPE)".to_owned(),
            (Some(libc::SIGKILL), _) => "it was killed (SIGKILL), perhaps because memory ran out".to_owned(),
            (Some(signal), _) => format!("signal {signal}"),
            (None, code) => format!("it exited with code {}", code.unwrap_or_default()),
        }
    }
}

/// What comes from the runtime.
#[derive(Debug)]
pub enum Heard {
    Frame(Frame),
    Exited(Exit),
}

/// A runtime.
pub struct Process {
    id: u32,
    requests: Mutex<UnixStream>,
}

impl Process {
    /// Starts a runtime by a command of this program. `hear` is called with all that comes from it, in order, on a
    /// thread of its own, and last with its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(mut command: Command, mut hear: impl FnMut(Heard) + Send + 'static) -> Result<Process> {
        let (ours, theirs) = UnixStream::pair().context("a socket")?;
        let number = theirs.as_raw_fd();
        command.env(SOCKET, number.to_string()).env("CUTPOINT_PARENT", std::process::id().to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        // SAFETY: only calls that are allowed between fork and exec.
        unsafe {
            command.pre_exec(move || {
                // The kernel ignores interrupts of its terminal; what cells start shall have them as ever.
                libc::signal(libc::SIGINT, libc::SIG_DFL);
                match libc::fcntl(number, libc::F_SETFD, 0) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
        let child = command.spawn().context("the process that runs cells")?;
        drop(theirs);
        let id = child.id();
        let input = ours.try_clone()?;
        std::thread::Builder::new().name("runtime".to_owned()).spawn(move || listen(child, input, &mut hear))?;
        Ok(Process { id, requests: Mutex::new(ours) })
    }

    /// Asks the runtime for something. One that is gone is heard of otherwise.
    pub fn request(&self, request: &Request) {
        let mut requests: MutexGuard<'_, UnixStream> =
            self.requests.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let _ = write_request(&mut *requests, request);
    }

    /// Ends the process, and all that its cells have started.
    pub fn kill(&self) {
        for process in processes::descendants(self.id) {
            processes::signal(process, libc::SIGKILL);
        }
        processes::kill_group(self.id);
    }
}

/// How much of standard error is kept for the reason of a crash.
const LAST_WORDS: usize = 1 << 16;

fn listen(mut child: Child, input: UnixStream, hear: &mut impl FnMut(Heard)) {
    let mut input = BufReader::with_capacity(1 << 18, input);
    let mut last_words: Vec<u8> = vec![];
    loop {
        match read_frame(&mut input) {
            Ok(Some(Frame::Notice(Notice::Ready(version)))) if version != VERSION => {
                eprintln!("the runtime speaks version {version} of the contract, expected {VERSION}");
                break;
            }
            Ok(Some(frame)) => {
                if let Frame::Output { is_error: true, bytes, .. } = &frame {
                    last_words.extend(bytes);
                    last_words.drain(..last_words.len().saturating_sub(LAST_WORDS));
                }
                hear(Heard::Frame(frame));
            }
            Ok(None) => break,
            Err(error) => {
                eprintln!("from the runtime: {error}");
                break;
            }
        }
    }
    // A socket that says nothing any more belongs to a process that has ended, or that is of no use.
    processes::kill_group(child.id());
    let status = child.wait();
    let last_words = String::from_utf8_lossy(&last_words).into_owned();
    let (code, signal) = status.map_or((None, None), |status| (status.code(), status.signal()));
    hear(Heard::Exited(Exit { code, signal, last_words }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_name_memory_where_the_last_words_do() {
        let exit = |signal, words: &str| Exit { code: None, signal: Some(signal), last_words: words.into() }.reason();
        assert!(exit(libc::SIGABRT, "memory allocation of 8 bytes failed").contains("out of memory"));
        assert!(exit(libc::SIGABRT, "").contains("aborted"));
        assert!(exit(libc::SIGABRT, "thread 'main' has overflowed its stack").contains("stack overflow"));
        assert_eq!(Exit { code: Some(3), signal: None, last_words: String::new() }.reason(), "it exited with code 3");
    }

    #[test]
    fn the_end_of_a_process_is_heard_of() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let mut command = Command::new("sh");
        command.args(["-c", "exit 7"]);
        let _process = Process::start(command, move |heard| sender.send(heard).unwrap()).unwrap();
        let Heard::Exited(exit) = receiver.recv_timeout(std::time::Duration::from_secs(10)).unwrap() else { panic!() };
        assert_eq!(exit.code, Some(7));
    }
}
