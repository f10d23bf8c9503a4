//! What a reader sees while crates are built: what is compiled, how much is done, and how long it took last time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cutpoint_wire::Bundle;

use crate::protocol::output::Output;

/// Between two looks at what a build has done.
const LOOK: Duration = Duration::from_millis(300);

/// A build that goes on, shown in a cell.
pub struct Build {
    stop: Arc<AtomicBool>,
    watcher: Option<JoinHandle<usize>>,
    started: Instant,
    what: String,
    times: PathBuf,
}

impl Build {
    /// Shows a build in a cell from the moment it compiles something. `log` is where it writes what it does, `times` a
    /// file with how long builds took.
    pub fn begin(output: &Arc<Output>, run: u64, what: &str, log: &Path, times: &Path) -> Build {
        // A log that cannot be emptied shows lines of a former build.
        let _ = std::fs::write(log, "");
        let stop = Arc::new(AtomicBool::new(false));
        let (output, stopped, log) = (Arc::clone(output), Arc::clone(&stop), log.to_owned());
        let (what, before) = (what.to_owned(), read(times).get(what).copied());
        let task = what.clone();
        let watcher = std::thread::spawn(move || watch(&output, run, &task, before, &log, &stopped));
        Build { stop, watcher: Some(watcher), started: Instant::now(), what, times: times.to_owned() }
    }

    /// The build has ended; whether it succeeded.
    pub fn end(mut self, succeeded: bool) {
        self.stop.store(true, Ordering::SeqCst);
        let compiled = self.watcher.take().and_then(|watcher| watcher.join().ok()).unwrap_or(0);
        if succeeded && compiled > 0 {
            let mut times = read(&self.times);
            times.insert(self.what.clone(), self.started.elapsed().as_secs_f64());
            // Without it the next build is not foretold.
            let _ = serde_json::to_string_pretty(&times).map(|text| std::fs::write(&self.times, text));
        }
    }
}

impl Drop for Build {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

/// Whether a crate is the one that stands for the cells.
fn is_cells(name: &str) -> bool {
    name.starts_with("ctx ") || name.starts_with("beside-cells ")
}

fn read(times: &Path) -> BTreeMap<String, f64> {
    let text = std::fs::read_to_string(times).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Shows what the log says, until it is told to stop. Returns how many crates were compiled.
fn watch(output: &Output, run: u64, what: &str, before: Option<f64>, log: &Path, stop: &AtomicBool) -> usize {
    let id = format!("cutpoint-build-{run}-{what}");
    let (start, mut shown, mut last) = (Instant::now(), false, String::new());
    loop {
        let stopped = stop.load(Ordering::SeqCst);
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let compiled: Vec<&str> = text
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("Compiling "))
            .filter(|name| !is_cells(name))
            .collect();
        let doing = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        let is_known =
            ["Finished", "Compiling ctx ", "Compiling beside-cells "].iter().any(|start| doing.starts_with(start));
        if !doing.is_empty() && !(compiled.is_empty() && is_known) {
            let seconds = start.elapsed().as_secs();
            let mut line = format!(
                "{what}: {} crates compiled in {seconds} s",
                compiled.len().saturating_sub(usize::from(!stopped))
            );
            if !stopped {
                line.push_str(&format!(", {}", doing.to_lowercase()));
                if let Some(before) = before {
                    line.push_str(&format!(" (last time it took {before:.0} s)"));
                }
            }
            if line != last {
                let data = Bundle::from_iter([("text/plain".to_owned(), line.clone().into())]);
                output.show(run, data, Some(id.clone()), shown);
                (shown, last) = (true, line);
            }
        }
        if stopped {
            return compiled.len();
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::publish::Publisher;

    #[test]
    fn a_build_is_shown_and_its_time_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (log, times) = (folder.path().join("log"), folder.path().join("times.json"));
        let (publisher, mut published) = Publisher::new();
        let output = Output::start(publisher, |_| String::new());
        output.begin(1, None, 1);
        let build = Build::begin(&output, 1, ":dep a", &log, &times);
        std::fs::write(&log, "   Compiling a v1.0.0\n   Compiling b v2.0.0\n").unwrap();
        std::thread::sleep(LOOK * 2);
        build.end(true);
        output.finish(1, false);
        let mut texts = vec![];
        while let Ok(message) = published.try_recv() {
            let content = serde_json::to_value(&message.content).unwrap();
            texts.extend(content["data"]["text/plain"].as_str().map(str::to_owned));
        }
        assert!(texts.iter().any(|text| text.contains("compiling b v2.0.0")), "{texts:?}");
        assert!(texts.last().unwrap().contains("2 crates compiled"), "{texts:?}");
        assert!(read(&times).contains_key(":dep a"));
    }
}
