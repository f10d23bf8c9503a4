//! What the integration tests share: the program, the images, the published results, and small helpers.
#![allow(dead_code, unused_imports, unused_macros)]

mod published;

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cutpoint::data::places::below;
use cutpoint::data::DatasetName;
pub use published::{published, published_texts};

/// The program under test, ready for arguments.
pub fn cutpoint() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutpoint"));
    command.env_remove("CUTPOINT_DATA").env_remove("CUTPOINT_MIRROR");
    // Tests that are started in the background are deaf to interrupts; the program, which keeps to that, is not to be.
    // SAFETY: a call that may be made between fork and exec, and that touches no memory.
    unsafe {
        command.pre_exec(|| match libc::signal(libc::SIGINT, libc::SIG_DFL) {
            libc::SIG_ERR => Err(std::io::Error::last_os_error()),
            _ => Ok(()),
        })
    };
    command
}

/// Ends a test where something that it needs cannot be had: `let data = need!(common::data(&[MNIST]));`
macro_rules! need {
    ($what:expr) => {
        match $what {
            Ok(it) => it,
            Err(reason) => {
                fn here() {}
                return common::skip(std::any::type_name_of_val(&here), &reason);
            }
        }
    };
}
pub(crate) use need;

/// Tells `scripts/test` that a test was skipped, which libtest has no way to say: a line in the file that
/// CUTPOINT_SKIPPED names. Where everything is expected to be at hand (CUTPOINT_TESTS_COMPLETE) it is a failure.
pub fn skip(here: &str, reason: &str) {
    let line = format!("{}: {reason}\n", here.trim_end_matches("::here"));
    assert!(std::env::var_os("CUTPOINT_TESTS_COMPLETE").is_none(), "skipped, although nothing may be: {line}");
    let written = match std::env::var_os("CUTPOINT_SKIPPED") {
        // One write: tests run side by side.
        Some(path) => {
            OpenOptions::new().create(true).append(true).open(path).and_then(|mut f| f.write_all(line.as_bytes()))
        }
        // Not `eprint`, which libtest keeps to itself.
        None => std::io::stderr().write_all(format!("skipped: {line}").as_bytes()),
    };
    written.unwrap();
}

/// The folder of real data sets, which has all of these: the one that CUTPOINT_DATA names, or what `scripts/test-data`
/// prepares.
pub fn data(names: &[DatasetName]) -> Result<PathBuf, String> {
    let folder = match std::env::var_os("CUTPOINT_DATA") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-data"),
    };
    for &name in names {
        let whole = below(&folder, name).is_some_and(|found| found.missing().is_none());
        if !whole {
            return Err(format!("expected {name} in {}, the folder of test data", folder.display()));
        }
    }
    Ok(folder)
}

/// The study's own files, which are not part of this project: CUTPOINT_PUBLISHED, or beside it. Their numbers are, see
/// [`published`].
pub fn published_files() -> Result<PathBuf, String> {
    let folder = std::env::var_os("CUTPOINT_PUBLISHED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/published"), PathBuf::from);
    if ["FashionMNIST", "MNIST"].iter().all(|set| folder.join(set).is_dir()) {
        return Ok(folder);
    }
    Err("the published files are not in CUTPOINT_PUBLISHED or ../shared/published".to_owned())
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs to the end and expects success.
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?} ended with {}: {}", output.status, stderr(&output));
    output
}

/// A result file's text without the times of its rows.
pub fn without_seconds(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let line = |l: &str| match l.find(",\"seconds\":") {
        Some(at) => {
            let rest = &l[at + 1..];
            let end = rest.find([',', '}']).unwrap();
            format!("{}{}", &l[..at], &rest[end..])
        }
        None => l.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}
