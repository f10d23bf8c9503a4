//! What the integration tests share: the program, the pictures, and small helpers.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program under test, ready for arguments.
pub fn cutpoint() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutpoint"));
    command.env_remove("CUTPOINT_DATA").env_remove("CUTPOINT_MIRROR");
    command
}

/// The folder of real data sets: CUTPOINT_DATA, or what `scripts/test-data` prepares.
pub fn data() -> PathBuf {
    let folder = match std::env::var_os("CUTPOINT_DATA") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-data"),
    };
    let needed = ["MNIST", "FashionMNIST", "cifar-10-batches-bin"];
    for set in needed {
        assert!(
            folder.join(set).exists(),
            "expected {} in {}, the folder of test data (run `make test`, or set CUTPOINT_DATA)",
            needed.join(", "),
            folder.display()
        );
    }
    folder
}

/// The published results and weights; they are beside the project, not in it.
pub fn published() -> PathBuf {
    let folder = std::env::var_os("CUTPOINT_PUBLISHED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/published"), PathBuf::from);
    assert!(
        folder.join("FashionMNIST").is_dir(),
        "expected the published results in {} (or where CUTPOINT_PUBLISHED says)",
        folder.display()
    );
    folder
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
