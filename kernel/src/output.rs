//! From what the relay says to what clients see: streams in batches, figures, and what ended a cell.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Select};
use evcxr::EvalContextOutputs;
use jupyter_protocol::media::Media;
use jupyter_protocol::messaging::{
    ClearOutput, DisplayData, ExecuteResult, JupyterMessage, Stdio, StreamContent, Transient, UpdateDisplayData,
};
use jupyter_protocol::ExecutionCount;

use crate::events::{Bundle, Event, Exit, Panic};
use crate::publish::Publisher;

/// Text is gathered for this long: every stream message becomes an output of its own in nbclient.
const BATCH: Duration = Duration::from_millis(50);
/// But no more of it than this.
const BATCH_BYTES: usize = 1 << 18;

/// What a cell did, beside printing.
#[derive(Debug, Default)]
pub struct Report {
    /// The last panic of the thread that runs cells.
    pub panic: Option<Panic>,
    /// Whether it ended the cell.
    pub panicked: bool,
    /// The last error that a `?` converted: its type and text.
    pub error: Option<(String, String)>,
    /// Whether it ended the cell.
    pub failed: bool,
    /// The runtime's end.
    pub exit: Option<Exit>,
}

struct State {
    parent: Option<JupyterMessage>,
    count: usize,
    text: String,
    is_error: bool,
    since: Instant,
    report: Report,
}

/// The outputs of all cells, one after another.
pub struct Output {
    state: Mutex<State>,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    publisher: Publisher,
}

impl Output {
    /// Starts the thread that publishes outputs as they come.
    pub fn start(outputs: EvalContextOutputs, publisher: Publisher) -> Arc<Output> {
        let state = State {
            parent: None,
            count: 0,
            text: String::new(),
            is_error: false,
            since: Instant::now(),
            report: Report::default(),
        };
        let output =
            Arc::new(Output { state: Mutex::new(state), stdout: outputs.stdout, stderr: outputs.stderr, publisher });
        let own = Arc::clone(&output);
        std::thread::spawn(move || own.watch());
        output
    }

    /// Outputs from now on belong to this request.
    pub fn begin(&self, parent: &JupyterMessage, count: usize) {
        let mut state = self.state();
        self.drain(&mut state);
        self.flush(&mut state);
        (state.parent, state.count, state.report) = (Some(parent.clone()), count, Report::default());
    }

    /// Publishes all that is there, and says what the cell did.
    pub fn finish(&self) -> Report {
        let mut state = self.state();
        self.drain(&mut state);
        let mut report = std::mem::take(&mut state.report);
        if !report.panicked {
            if let Some(panic) = report.panic.take() {
                self.print(&mut state, &told(&panic), true);
            }
        }
        if !report.failed {
            if let Some((_, text)) = report.error.take() {
                self.print(&mut state, &format!("{text}\n"), true);
            }
        }
        self.flush(&mut state);
        report
    }

    /// Prints something of the kernel's own to standard error.
    pub fn say(&self, text: &str) {
        let mut state = self.state();
        self.print(&mut state, text, true);
        self.flush(&mut state);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn watch(&self) {
        let mut due: Option<Instant> = None;
        loop {
            let mut select = Select::new();
            select.recv(&self.stdout);
            select.recv(&self.stderr);
            let wait = due.map_or(Duration::from_secs(3600), |due| due.saturating_duration_since(Instant::now()));
            let ready = select.ready_timeout(wait);
            let mut state = self.state();
            let open = self.drain(&mut state);
            if ready.is_ok() && !open {
                self.flush(&mut state);
                return;
            }
            if state.text.is_empty() {
                due = None;
            } else if state.since.elapsed() >= BATCH {
                self.flush(&mut state);
                due = None;
            } else {
                due = Some(state.since + BATCH);
            }
        }
    }

    /// Takes in all that is there; false when both ends are closed and nothing will ever come again.
    fn drain(&self, state: &mut State) -> bool {
        use crossbeam_channel::TryRecvError::Disconnected;
        loop {
            let line = self.stdout.try_recv();
            let error = self.stderr.try_recv();
            let open = !(matches!(line, Err(Disconnected)) && matches!(error, Err(Disconnected)));
            let more = line.is_ok() || error.is_ok();
            if let Ok(line) = line {
                match Event::parse(&line) {
                    Some(event) => self.handle(state, event),
                    None => self.print(state, &format!("{line}\n"), false),
                }
            }
            if let Ok(line) = error {
                self.print(state, &format!("{line}\n"), true);
            }
            if !more {
                return open;
            }
        }
    }

    fn handle(&self, state: &mut State, event: Event) {
        if !state.report.failed && !matches!(event, Event::Failed) {
            if let Some((_, text)) = state.report.error.take() {
                // It was only printed.
                self.print(state, &format!("{text}\n"), true);
            }
        }
        match event {
            Event::Stream { name, text } => self.print(state, &text, name == "stderr"),
            Event::Display { data, metadata, id, update } => {
                self.flush(state);
                let (data, transient) = (media(&data), Transient { display_id: id });
                let parent = state.parent.as_ref();
                if update {
                    self.publisher.publish(UpdateDisplayData { data, metadata, transient }, parent);
                } else {
                    let transient = Some(transient);
                    self.publisher.publish(DisplayData { data, metadata, transient }, parent);
                }
            }
            Event::Result { data } => self.result(state, &data),
            Event::Clear { wait } => {
                self.flush(state);
                self.publisher.publish(ClearOutput { wait }, state.parent.as_ref());
            }
            Event::Panic(panic) if panic.main => {
                if let Some(before) = state.report.panic.replace(panic) {
                    // It was caught by the cell itself.
                    self.print(state, &told(&before), true);
                }
            }
            Event::Panic(panic) => self.print(state, &told(&panic), true),
            Event::Panicked => state.report.panicked = true,
            Event::ErrorText { kind, text } => state.report.error = Some((kind, text)),
            Event::Failed => state.report.failed = true,
            Event::Exited(exit) => state.report.exit = Some(exit),
            // For the relay.
            Event::Flusher | Event::Flushed => {}
        }
    }

    /// Publishes the value that ended a cell.
    pub fn value(&self, data: &Bundle) {
        let mut state = self.state();
        self.result(&mut state, data);
    }

    fn result(&self, state: &mut State, data: &Bundle) {
        self.flush(state);
        if data.len() == 1 && data.get("text/plain").is_some_and(|text| text == "()") {
            // A cell that ends in `println!(..)` has a value, but nobody wants to see it.
            return;
        }
        let result = ExecuteResult {
            execution_count: ExecutionCount::new(state.count),
            data: media(data),
            metadata: serde_json::Map::new(),
            // The protocol wants an object, empty or not.
            transient: Some(Transient::default()),
        };
        self.publisher.publish(result, state.parent.as_ref());
    }

    fn print(&self, state: &mut State, text: &str, is_error: bool) {
        if state.is_error != is_error || state.text.len() + text.len() > BATCH_BYTES {
            self.flush(state);
        }
        if state.text.is_empty() {
            (state.since, state.is_error) = (Instant::now(), is_error);
        }
        state.text.push_str(text);
    }

    fn flush(&self, state: &mut State) {
        if state.text.is_empty() {
            return;
        }
        let name = if state.is_error { Stdio::Stderr } else { Stdio::Stdout };
        let text = std::mem::take(&mut state.text);
        self.publisher.publish(StreamContent { name, text }, state.parent.as_ref());
    }
}

/// A panic that did not end the cell, as a text.
fn told(panic: &Panic) -> String {
    let place = panic.place.as_ref().map(|p| format!(" at {}:{}", p.file, p.line)).unwrap_or_default();
    let thread = panic.thread.as_deref().unwrap_or(if panic.main { "main" } else { "unnamed" });
    format!("thread '{thread}' panicked{place}:\n{}\n", panic.message)
}

/// Contents as the protocol has them: JSON types as values, everything else as text.
pub fn media(data: &Bundle) -> Media {
    let mut data = data.clone();
    for (mime, content) in &mut data {
        if mime.ends_with("json") {
            if let Some(value) = content.as_str().and_then(|text| serde_json::from_str(text).ok()) {
                *content = value;
            }
        }
    }
    serde_json::from_value(data.into()).unwrap_or_default()
}
