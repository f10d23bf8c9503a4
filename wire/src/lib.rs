//! The contract between what a notebook's cell runs and the kernel.
//!
//! A cell runs in a process of its own, the runtime. Three sides meet here: the **crate** `cutpoint`, of which every
//! cell holds a copy; the **runtime**, the program that loads cells; and the **kernel**, which started the runtime.
//! Crate and runtime share a process: the runtime exports one C function ([`HOST`]) that hands out a table of functions
//! ([`Host`]). Runtime and kernel share a socket, on which [`Frame`]s travel. Nothing of this goes by standard output or
//! input, so that nothing that a cell prints or reads can be mistaken for it.

use std::io::{Read, Write};
use std::sync::atomic::AtomicU32;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The version of this contract: counted up when anything in this package changes its meaning. Both sides refuse
/// another one.
pub const VERSION: u32 = 2;

/// The C function that the runtime exports: `extern "C" fn() -> *const Host`.
pub const HOST: &std::ffi::CStr = c"cutpoint_wire_host";

/// Set for the runtime: the number of the descriptor on which it finds its end of the socket.
pub const SOCKET: &str = "CUTPOINT_RUNTIME_SOCKET";

/// Contents by MIME type.
pub type Bundle = Map<String, Value>;

/// What the runtime offers to the copies of the crate in its process. The version comes first in every version.
#[repr(C)]
pub struct Host {
    /// [`VERSION`] of the runtime.
    pub version: u32,
    /// Sends an [`Event`] as JSON: its bytes and their number.
    pub send: unsafe extern "C" fn(*const u8, usize),
    /// Whether the calling thread belongs to a cell that was asked to stop.
    pub stopping: unsafe extern "C" fn() -> bool,
    /// Not zero while a cell has been asked to stop: a cheap look before `stopping`.
    pub flag: *const AtomicU32,
    /// The request to stop has been answered.
    pub answered: unsafe extern "C" fn(),
    /// Says how output that Rust's standard library still holds back is flushed.
    pub flush_with: unsafe extern "C" fn(extern "C" fn()),
    /// Calls back with the frames of the calling thread that lie in cells, innermost first: [`Frame`]s of a panic as
    /// JSON ([`Calls`]), bytes and their number, and the pointer that was given.
    pub calls: unsafe extern "C" fn(extern "C" fn(*mut std::ffi::c_void, *const u8, usize), *mut std::ffi::c_void),
    /// Whether the calling thread is the one that runs cells.
    pub is_cell: unsafe extern "C" fn() -> bool,
    /// The calling thread panicked: a function that says whether the thread that calls it still unwinds. None: the
    /// panic has ended the cell.
    pub panicked: unsafe extern "C" fn(Option<extern "C" fn() -> bool>),
}

/// What the crate tells.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Something to draw; with an `id` it can be replaced, by the next one that says `update`.
    Display {
        /// Contents by MIME type.
        data: Bundle,
        /// How to draw it, by MIME type: an image's width and height.
        #[serde(default, skip_serializing_if = "Bundle::is_empty")]
        metadata: Bundle,
        /// Its name, under which it can be replaced.
        #[serde(default)]
        id: Option<String>,
        /// Whether it replaces what was shown under its name.
        #[serde(default)]
        update: bool,
    },
    /// The value that ended the cell.
    Result {
        /// Contents by MIME type.
        data: Bundle,
    },
    /// Takes away what the cell has shown.
    Clear {
        /// Only when the next output comes.
        wait: bool,
    },
    /// A thread panicked.
    Panic(Panic),
    /// The cell has caught the last panic of the thread that runs cells; the runtime tells this before what comes next.
    Caught,
    /// An error that ended a cell's statement.
    Failed(Failed),
    /// The crate's version of this contract, told by its first call.
    Version(u32),
}

/// A place in a source file. In a cell the file is called `cell 4`.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the compiler names it.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
}

/// A panic as its hook saw it.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub struct Panic {
    /// What was said.
    pub message: String,
    /// Where it arose.
    pub place: Option<Place>,
    /// Whether the thread was the one that runs cells.
    pub main: bool,
    /// The thread's name.
    pub thread: Option<String>,
    /// The lines of cells that led there, innermost first.
    pub calls: Calls,
}

/// An error that a `?` met, or that a cell ended in.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it says.
    pub text: String,
    /// Where it was met.
    pub place: Option<Place>,
}

/// The lines of cells on a stack, innermost first: the function and its place.
pub type Calls = Vec<(String, Place)>;

/// How a cell ended.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It ran to its end.
    Done,
    /// An error ended it.
    Failed,
    /// A panic ended it.
    Panicked,
    /// It was asked to stop, and did.
    Stopped,
    /// It was asked to stop and waits for something that never comes: its thread was left behind.
    LeftBehind,
    /// It could not be loaded: the reason.
    NotLoaded(String),
}

/// From the kernel to the runtime.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Load a library and run a function of it.
    Run {
        /// The number of the run, which names the outputs that belong to it.
        run: u64,
        /// The library's file.
        library: String,
        /// The function's name.
        function: String,
    },
    /// Run a command in a shell.
    Shell {
        /// The number of the run.
        run: u64,
        /// The command.
        command: String,
    },
    /// Stop what runs.
    Interrupt,
    /// A line that was asked for; none at the end of the input.
    Input(Option<String>),
}

/// From the runtime to the kernel.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// Text of a run: printed by its threads or by programs that it started.
    Output {
        /// The run.
        run: u64,
        /// Whether it went to standard error.
        is_error: bool,
        /// The bytes as they were written.
        bytes: Vec<u8>,
    },
    /// What the crate told in a run.
    Event(u64, Event),
    /// A message of the runtime's own.
    Notice(Notice),
}

/// A message of the runtime's own.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The runtime is there: its [`VERSION`].
    Ready(u32),
    /// A run has ended; everything that it has written was sent before.
    Ended {
        /// The run.
        run: u64,
        /// How.
        outcome: Outcome,
        /// The number of the statement in which it ended; of a shell command its exit code.
        at: i64,
    },
    /// A run wants a line of standard input.
    WantsInput {
        /// The run.
        run: u64,
    },
    /// A run was asked to stop and goes on computing.
    StillBusy {
        /// The run.
        run: u64,
    },
}

const OUTPUT: u8 = 0;
const ERRORS: u8 = 1;
const EVENT: u8 = 2;
const NOTICE: u8 = 3;

/// The head of a frame: what it is, the run it belongs to, and how many bytes follow.
fn head(kind: u8, run: u64, length: usize) -> std::io::Result<[u8; 13]> {
    let length = u32::try_from(length).map_err(|_| std::io::Error::other("a message of more than 4 GiB"))?;
    let mut head = [0; 13];
    head[0] = kind;
    head[1..9].copy_from_slice(&run.to_le_bytes());
    head[9..].copy_from_slice(&length.to_le_bytes());
    Ok(head)
}

/// Writes text of a run.
///
/// # Errors
/// Those of the writer.
pub fn write_output(out: &mut impl Write, run: u64, is_error: bool, bytes: &[u8]) -> std::io::Result<()> {
    out.write_all(&head(if is_error { ERRORS } else { OUTPUT }, run, bytes.len())?)?;
    out.write_all(bytes)
}

/// Writes an event of a run, which is JSON already.
///
/// # Errors
/// Those of the writer.
pub fn write_event(out: &mut impl Write, run: u64, json: &[u8]) -> std::io::Result<()> {
    out.write_all(&head(EVENT, run, json.len())?)?;
    out.write_all(json)
}

/// Writes a message of the runtime's own.
///
/// # Errors
/// Those of the writer.
pub fn write_notice(out: &mut impl Write, notice: &Notice) -> std::io::Result<()> {
    let json = serde_json::to_vec(notice)?;
    out.write_all(&head(NOTICE, 0, json.len())?)?;
    out.write_all(&json)
}

/// Reads the next frame; none at the end.
///
/// # Errors
/// Those of the reader, and what is no frame.
pub fn read_frame(input: &mut impl Read) -> std::io::Result<Option<Frame>> {
    let mut head = [0; 13];
    match input.read_exact(&mut head) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let run = u64::from_le_bytes(head[1..9].try_into().unwrap_or_default());
    let length = u32::from_le_bytes(head[9..].try_into().unwrap_or_default());
    // The length is only a claim so far: memory is taken as bytes arrive.
    let mut bytes = Vec::with_capacity((length as usize).min(1 << 16));
    if input.take(length.into()).read_to_end(&mut bytes)? < length as usize {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(match head[0] {
        kind @ (OUTPUT | ERRORS) => Frame::Output { run, is_error: kind == ERRORS, bytes },
        EVENT => Frame::Event(run, serde_json::from_slice(&bytes)?),
        NOTICE => Frame::Notice(serde_json::from_slice(&bytes)?),
        other => return Err(std::io::Error::other(format!("a frame of the unknown kind {other}"))),
    }))
}

/// Writes a request as a line.
///
/// # Errors
/// Those of the writer.
pub fn write_request(out: &mut impl Write, request: &Request) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    out.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_the_socket() {
        let mut bytes = vec![];
        write_output(&mut bytes, 7, true, b"a\xff\n").unwrap();
        let event = Event::Clear { wait: true };
        write_event(&mut bytes, 8, &serde_json::to_vec(&event).unwrap()).unwrap();
        let notice = Notice::Ended { run: 8, outcome: Outcome::NotLoaded("why".into()), at: 3 };
        write_notice(&mut bytes, &notice).unwrap();
        let mut input = bytes.as_slice();
        let output = Frame::Output { run: 7, is_error: true, bytes: b"a\xff\n".to_vec() };
        assert_eq!(read_frame(&mut input).unwrap(), Some(output));
        assert_eq!(read_frame(&mut input).unwrap(), Some(Frame::Event(8, event)));
        assert_eq!(read_frame(&mut input).unwrap(), Some(Frame::Notice(notice)));
        assert_eq!(read_frame(&mut input).unwrap(), None);
        assert!(read_frame(&mut [9u8; 13].as_slice()).is_err());
    }

    #[test]
    fn requests_are_lines() {
        let mut line = vec![];
        let request = Request::Input(Some("a\nb".into()));
        write_request(&mut line, &request).unwrap();
        assert_eq!(line.iter().filter(|b| **b == b'\n').count(), 1);
        assert_eq!(serde_json::from_slice::<Request>(&line).unwrap(), request);
    }
}
