//! From what the runtime sends to what clients see: streams in batches, figures, and what ended a cell.
//!
//! Outputs wait in a queue for some thirty milliseconds. What is replaced meanwhile is never sent: a page is not redrawn
//! more often than a reader can see, and no client's limit is reached.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use cutpoint_wire::{Bundle, Event, Failed, Panic};
use jupyter_protocol::media::Media;
use jupyter_protocol::messaging::{
    ClearOutput, DisplayData, ExecuteResult, JupyterMessage, Stdio, StreamContent, Transient, UpdateDisplayData,
};
use jupyter_protocol::ExecutionCount;

use super::blocks::{Blocks, Found};
use super::publish::Publisher;

/// How long outputs are gathered.
const BATCH: Duration = Duration::from_millis(40);
/// And longer the more text there is, as a page draws all of a cell's text anew for each piece, a megabyte in up to a
/// second: so much text for each such time.
const TEXT_PER_BATCH: usize = 1 << 13;
const LONGEST_BATCH: Duration = Duration::from_secs(5);
/// But no more text than this, or than what comes in the time.
const BATCH_BYTES: usize = 1 << 17;
/// And no more messages.
const BATCH_MESSAGES: usize = 64;
/// Clients drop what comes at more than a thousand messages a second. A cell that shows more waits.
const PER_SECOND: usize = 600;
/// A page that gets more text than this for long, in bytes a second, does not react any more: neither to a reader who
/// wants to interrupt the cell. A cell that prints more waits.
const TEXT_PER_SECOND: f64 = 2048.0 * 1024.0;
/// So much comes at once.
const TEXT_AT_ONCE: f64 = 4096.0 * 1024.0;
/// Threads of so many runs can still print.
const RUNS: u64 = 2000;

/// What a cell did, beside printing.
#[derive(Debug, Default)]
pub struct Report {
    /// The last panic of the thread that runs cells.
    pub panic: Option<Panic>,
    /// The error that ended it.
    pub failed: Option<Failed>,
}

/// What a panic that ended nothing says.
type Tell = Box<dyn Fn(&Panic) -> String + Send + Sync>;

struct Run {
    parent: Option<JupyterMessage>,
    count: usize,
    report: Report,
    blocks: Blocks,
    text: [Utf8; 2],
    /// Whether its cell has come to its end: what it prints now comes from its threads.
    ended: bool,
}

enum Queued {
    Text { run: u64, is_error: bool, text: String },
    Display { run: u64, data: Bundle, metadata: Bundle, id: Option<String>, update: bool },
    Result { run: u64, data: Bundle },
    Clear { run: u64, wait: bool },
}

impl Queued {
    fn run(&self) -> u64 {
        match self {
            Queued::Text { run, .. }
            | Queued::Display { run, .. }
            | Queued::Result { run, .. }
            | Queued::Clear { run, .. } => *run,
        }
    }
}

struct State {
    runs: HashMap<u64, Run>,
    queue: Vec<Queued>,
    since: Instant,
    /// When messages were sent.
    sent: VecDeque<Instant>,
    text: Allowance,
    /// How much text the cell has printed.
    printed: usize,
    /// When more text is wanted.
    resume: Instant,
}

impl State {
    fn batch(&self) -> Duration {
        let batches = u32::try_from(1 + self.printed / TEXT_PER_BATCH).unwrap_or(u32::MAX);
        BATCH.saturating_mul(batches).min(LONGEST_BATCH)
    }
}

/// How many bytes of text may be sent now.
struct Allowance {
    bytes: f64,
    since: Instant,
}

impl Allowance {
    /// Takes from it; how long to wait for what is missing.
    fn take(&mut self, bytes: usize, now: Instant) -> Duration {
        let grown = (now - self.since).as_secs_f64() * TEXT_PER_SECOND;
        self.bytes = (self.bytes + grown).min(TEXT_AT_ONCE) - bytes as f64;
        self.since = now;
        Duration::from_secs_f64((-self.bytes / TEXT_PER_SECOND).max(0.0))
    }
}

/// The outputs of all cells.
pub struct Output {
    state: Mutex<State>,
    came: Condvar,
    publisher: Publisher,
    tell: Tell,
    hurry: AtomicBool,
}

impl Output {
    /// Starts the thread that publishes outputs as they come. `tell` puts panics that end nothing into words.
    pub fn start(publisher: Publisher, tell: impl Fn(&Panic) -> String + Send + Sync + 'static) -> Arc<Output> {
        let now = Instant::now();
        let text = Allowance { bytes: TEXT_AT_ONCE, since: now };
        let (runs, sent) = (HashMap::new(), VecDeque::new());
        let state = State { runs, queue: vec![], since: now, sent, text, printed: 0, resume: now };
        let output = Arc::new(Output {
            state: Mutex::new(state),
            came: Condvar::new(),
            publisher,
            tell: Box::new(tell),
            hurry: AtomicBool::new(false),
        });
        let own = Arc::clone(&output);
        std::thread::spawn(move || own.watch());
        output
    }

    /// Outputs of this run belong to this request.
    pub fn begin(&self, run: u64, parent: Option<&JupyterMessage>, count: usize) {
        self.hurry.store(false, Ordering::SeqCst);
        let mut state = self.state();
        state.printed = 0;
        state.runs.retain(|known, _| known + RUNS > run);
        let run_state = Run {
            parent: parent.cloned(),
            count,
            report: Report::default(),
            blocks: Blocks::default(),
            text: [Utf8::default(), Utf8::default()],
            ended: false,
        };
        state.runs.insert(run, run_state);
    }

    /// What still comes of the cell is wanted at once: it was asked to stop.
    pub fn hurry(&self) {
        self.hurry.store(true, Ordering::SeqCst);
    }

    /// Takes in what a run printed.
    pub fn printed(&self, run: u64, is_error: bool, bytes: &[u8]) {
        // The runtime waits meanwhile: its socket is not read. A cell that shall stop is not held up.
        let resume = self.state().resume;
        while Instant::now() < resume && !self.hurry.load(Ordering::SeqCst) {
            std::thread::sleep(BATCH.min(resume.saturating_duration_since(Instant::now())));
        }
        let mut state = self.state();
        let Some(own) = state.runs.get_mut(&run) else { return };
        let text = own.text[usize::from(is_error)].push(bytes);
        if is_error {
            let found = own.blocks.feed("");
            self.found(&mut state, run, found);
            self.text(&mut state, run, true, text);
        } else {
            let found = own.blocks.feed(&text);
            let at_end = if own.ended { Some(own.blocks.end()) } else { None };
            self.found(&mut state, run, found);
            if let Some((found, last)) = at_end {
                self.found(&mut state, run, found);
                self.found(&mut state, run, last.map(Found::Block).into_iter().collect());
            }
        }
        self.settle(&mut state);
    }

    /// Takes in what the crate told in a run.
    pub fn event(&self, run: u64, event: Event) {
        let mut state = self.state();
        let Some(own) = state.runs.get_mut(&run) else { return };
        match event {
            Event::Panic(panic) if panic.main && !own.ended => {
                if let Some(before) = own.report.panic.replace(panic) {
                    // It was caught by the cell itself.
                    let text = (self.tell)(&before);
                    self.text(&mut state, run, true, text);
                }
            }
            Event::Panic(panic) => {
                let text = (self.tell)(&panic);
                self.text(&mut state, run, true, text);
            }
            Event::Caught => {
                if let Some(panic) = own.report.panic.take() {
                    let text = (self.tell)(&panic);
                    self.text(&mut state, run, true, text);
                }
            }
            Event::Failed(failed) => own.report.failed = Some(failed),
            Event::Display { data, metadata, id, update } => self.display(&mut state, run, data, metadata, id, update),
            Event::Result { data } => state.queue.push(Queued::Result { run, data }),
            Event::Clear { wait } => {
                // What nobody has seen yet need not be seen.
                state.queue.retain(|queued| queued.run() != run);
                state.queue.push(Queued::Clear { run, wait });
            }
            Event::Version(_) => {}
        }
        self.settle(&mut state);
    }

    /// Publishes all that is there, and says what the cell did. `panicked` says whether a panic ended it.
    pub fn finish(&self, run: u64, panicked: bool) -> Report {
        let mut state = self.state();
        let Some(own) = state.runs.get_mut(&run) else { return Report::default() };
        own.ended = true;
        let mut report = std::mem::take(&mut own.report);
        let (found, last) = own.blocks.end();
        self.found(&mut state, run, found);
        if !panicked {
            if let Some(panic) = report.panic.take() {
                let text = (self.tell)(&panic);
                self.text(&mut state, run, true, text);
            }
        }
        if let Some(data) = last {
            state.queue.push(Queued::Result { run, data });
        }
        self.flush(&mut state);
        report
    }

    /// Prints something of the kernel's own to standard error.
    pub fn say(&self, run: u64, text: &str) {
        let mut state = self.state();
        self.text(&mut state, run, true, text.to_owned());
        self.flush(&mut state);
    }

    /// Shows something of the kernel's own.
    pub fn show(&self, run: u64, data: Bundle, id: Option<String>, update: bool) {
        let mut state = self.state();
        self.display(&mut state, run, data, Bundle::new(), id, update);
        self.settle(&mut state);
    }

    /// Publishes a value that ends a cell and that the kernel knows.
    pub fn value(&self, run: u64, data: Bundle) {
        let mut state = self.state();
        state.queue.push(Queued::Result { run, data });
        self.flush(&mut state);
    }

    /// The request of a run, and the prompt of the question that it asks. All that was printed before is published.
    pub fn question(&self, run: u64) -> (Option<JupyterMessage>, String, bool) {
        let mut state = self.state();
        let Some(own) = state.runs.get_mut(&run) else { return (None, String::new(), false) };
        let (prompt, is_secret) = own.blocks.prompt().unwrap_or_default();
        let parent = own.parent.clone();
        self.flush(&mut state);
        (parent, prompt, is_secret)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn watch(&self) {
        let mut state = self.state();
        loop {
            let wait = if state.queue.is_empty() { Duration::from_millis(500) } else { BATCH };
            state = self.came.wait_timeout(state, wait).map_or_else(|p| p.into_inner().0, |(state, _)| state);
            let overdue: Vec<(u64, Vec<Found>)> =
                state.runs.iter_mut().map(|(run, own)| (*run, own.blocks.overdue())).collect();
            for (run, found) in overdue.into_iter().filter(|(_, found)| !found.is_empty()) {
                self.found(&mut state, run, found);
            }
            if !state.queue.is_empty() && state.since.elapsed() >= state.batch() {
                self.flush(&mut state);
            }
        }
    }

    fn found(&self, state: &mut State, run: u64, found: Vec<Found>) {
        for found in found {
            match found {
                Found::Text(text) => self.text(state, run, false, text),
                Found::Block(data) => self.display(state, run, data, Bundle::new(), None, false),
            }
        }
    }

    fn text(&self, state: &mut State, run: u64, is_error: bool, text: String) {
        if text.is_empty() {
            return;
        }
        self.touch(state);
        match state.queue.last_mut() {
            Some(Queued::Text { run: last, is_error: kind, text: before }) if *last == run && *kind == is_error => {
                before.push_str(&text);
            }
            _ => state.queue.push(Queued::Text { run, is_error, text }),
        }
    }

    fn display(&self, state: &mut State, run: u64, data: Bundle, metadata: Bundle, id: Option<String>, update: bool) {
        self.touch(state);
        if update {
            for queued in state.queue.iter_mut().rev() {
                if let Queued::Display { data: old, metadata: old_metadata, id: known, .. } = queued {
                    if *known == id {
                        (*old, *old_metadata) = (data, metadata);
                        return;
                    }
                }
            }
        }
        state.queue.push(Queued::Display { run, data, metadata, id, update });
    }

    /// The time from which on outputs wait.
    fn touch(&self, state: &mut State) {
        if state.queue.is_empty() {
            state.since = Instant::now();
        }
    }

    /// Publishes what has waited for long enough, or is too much to wait.
    fn settle(&self, state: &mut State) {
        let bytes: usize = state
            .queue
            .iter()
            .map(|queued| match queued {
                Queued::Text { text, .. } => text.len(),
                _ => 0,
            })
            .sum();
        let most = BATCH_BYTES.max((TEXT_PER_SECOND * state.batch().as_secs_f64()) as usize);
        if bytes > most || state.queue.len() > BATCH_MESSAGES || state.since.elapsed() >= state.batch() {
            self.flush(state);
        } else {
            self.came.notify_one();
        }
    }

    fn flush(&self, state: &mut State) {
        for queued in std::mem::take(&mut state.queue) {
            let Some(run) = state.runs.get(&queued.run()) else { continue };
            let (parent, count) = (run.parent.as_ref(), run.count);
            if let Queued::Text { text, .. } = &queued {
                let now = Instant::now();
                state.printed += text.len();
                state.resume = now + state.text.take(text.len(), now);
            }
            match queued {
                Queued::Text { is_error, text, .. } => {
                    let name = if is_error { Stdio::Stderr } else { Stdio::Stdout };
                    self.publisher.publish(StreamContent { name, text }, parent);
                }
                Queued::Display { data, metadata, id, update, .. } => {
                    let (data, transient) = (media(&data), Transient { display_id: id });
                    if update {
                        self.publisher.publish(UpdateDisplayData { data, metadata, transient }, parent);
                    } else {
                        let transient = Some(transient);
                        self.publisher.publish(DisplayData { data, metadata, transient }, parent);
                    }
                }
                Queued::Clear { wait, .. } => self.publisher.publish(ClearOutput { wait }, parent),
                Queued::Result { data, .. } => {
                    if data.len() == 1 && data.get("text/plain").is_some_and(|text| text == "()") {
                        continue;
                    }
                    let result = ExecuteResult {
                        execution_count: ExecutionCount::new(count),
                        data: media(&data),
                        metadata: serde_json::Map::new(),
                        // The protocol wants an object, empty or not.
                        transient: Some(Transient::default()),
                    };
                    self.publisher.publish(result, parent);
                }
            }
            let now = Instant::now();
            state.sent.push_back(now);
            if state.sent.len() > PER_SECOND {
                let first = state.sent.pop_front().unwrap_or(now);
                // The runtime waits meanwhile: its socket is not read.
                std::thread::sleep(Duration::from_secs(1).saturating_sub(now - first));
            }
        }
        state.since = Instant::now();
    }
}

/// Bytes that arrive in pieces, as text: a character that is cut in two waits for its rest.
#[derive(Default)]
struct Utf8(Vec<u8>);

impl Utf8 {
    fn push(&mut self, bytes: &[u8]) -> String {
        self.0.extend(bytes);
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.0) {
                Ok(all) => {
                    text.push_str(all);
                    self.0.clear();
                    return text;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    text.push_str(&String::from_utf8_lossy(&self.0[..valid]));
                    match error.error_len() {
                        None => {
                            self.0.drain(..valid);
                            return text;
                        }
                        Some(length) => {
                            text.push('\u{fffd}');
                            self.0.drain(..valid + length);
                        }
                    }
                }
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_sent_at_a_rate_that_a_page_can_bear() {
        let start = Instant::now();
        let mut allowance = Allowance { bytes: TEXT_AT_ONCE, since: start };
        assert_eq!(allowance.take(4 << 20, start), Duration::ZERO);
        assert_eq!(allowance.take(1 << 20, start), Duration::from_millis(500));
        assert_eq!(allowance.take(1 << 20, start + Duration::from_millis(500)), Duration::from_millis(500));
        assert_eq!(allowance.take(4 << 20, start + Duration::from_secs(60)), Duration::ZERO);
    }

    #[test]
    fn characters_that_are_cut_wait_for_their_rest() {
        let mut text = Utf8::default();
        let (first, rest) = "50 €".as_bytes().split_at(4);
        assert_eq!((text.push(first), text.push(rest)), ("50 ".to_owned(), "€".to_owned()));
        assert_eq!(text.push(b"a\xffb"), "a\u{fffd}b");
    }

    #[test]
    fn only_the_last_of_many_updates_is_sent_and_all_text_is() {
        let (publisher, mut published) = Publisher::new();
        let output = Output::start(publisher, |panic| panic.message.clone());
        output.begin(1, None, 1);
        let data = |n: usize| Bundle::from_iter([("text/plain".to_owned(), n.to_string().into())]);
        let event =
            |n: usize| Event::Display { data: data(n), metadata: Bundle::new(), id: Some("a".into()), update: n > 0 };
        for n in 0..20_000 {
            output.event(1, event(n));
            if n % 100 == 0 {
                output.printed(1, false, b".");
            }
        }
        output.finish(1, false);
        let (mut last, mut count, mut dots) = (String::new(), 0, 0);
        while let Ok(message) = published.try_recv() {
            count += 1;
            let content = serde_json::to_value(&message.content).unwrap();
            dots += content["text"].as_str().map_or(0, str::len);
            if let Some(text) = content["data"]["text/plain"].as_str() {
                last = text.to_owned();
            }
        }
        assert_eq!((last.as_str(), dots), ("19999", 200));
        assert!(count < 2000, "{count} messages");
    }
}
