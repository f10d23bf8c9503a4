//! Compiling a cell without asking cargo each time.
//!
//! cargo takes longer to find out that nothing but the cell has changed than a small cell takes to compile. When it
//! builds a cell, the stand-in for rustc notes the command; for as long as the dependencies stay the same, the next
//! cells are compiled with that command.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};

/// What the stand-in for rustc is called.
pub const NAME: &str = "rustc-of-cells";
/// A file beside the manifest.
const NOTE: &str = ".cutpoint-rustc";
/// A crate is missing, or was built in another way: cargo can mend that.
const STALE: [&str; 5] = ["E0460", "E0461", "E0462", "E0463", "E0514"];

/// How cargo had a cell compiled.
#[derive(Serialize, Deserialize)]
pub struct Note {
    manifest: String,
    settings: [Option<String>; 2],
    folder: String,
    arguments: Vec<String>,
    variables: BTreeMap<String, String>,
    #[serde(default)]
    version: String,
}

impl Note {
    /// The note of a folder in which cargo has built cells.
    ///
    /// # Errors
    /// When there is none.
    pub fn read(folder: &Path) -> Result<Note> {
        let path = folder.join(NOTE);
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!("{}: expected how cells are compiled; run `cutpoint-kernel prepare`", path.display())
        })?;
        serde_json::from_str(&text).with_context(|| format!("{}", path.display()))
    }

    /// The folder in which the command was run.
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// The compiler and its arguments.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// The variables that cargo set.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// The compiler's version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The dependencies that it was made for.
    pub fn manifest(&self) -> &str {
        &self.manifest
    }

    #[cfg(test)]
    pub fn for_tests(folder: &str, arguments: &[&str]) -> Note {
        Note {
            manifest: String::new(),
            settings: [None, None],
            folder: folder.to_owned(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            variables: BTreeMap::new(),
            version: "rustc 1.95.0".to_owned(),
        }
    }

    #[cfg(test)]
    pub fn write(&self, folder: &Path) -> Result<()> {
        Ok(std::fs::write(folder.join(NOTE), serde_json::to_string(self)?)?)
    }

    /// Whether a cell is still compiled in this way. With `:sccache` or `:allow_static_linking 0` another program stands
    /// before the compiler (`wrapped`), of which the note knows nothing.
    fn applies(&self, manifest: &str, settings: &[Option<String>; 2], wrapped: bool) -> bool {
        self.manifest == manifest && self.settings == *settings && !wrapped
    }
}

/// What evcxr's commands (`:linker`, `:toolchain`, ..) change beside the manifest: flags, and the compiler itself.
fn settings() -> [Option<String>; 2] {
    ["RUSTFLAGS", "RUSTC"].map(|name| std::env::var(name).ok())
}

/// Runs the compiler for cargo, and notes the command if it is that of a cell.
pub fn run(arguments: &[String]) -> ExitCode {
    let Some((compiler, rest)) = arguments.split_first() else { return ExitCode::FAILURE };
    let has = |name: &str, value: &str| rest.windows(2).any(|pair| pair[0] == name && pair[1] == value);
    if has("--crate-name", "ctx")
        && rest.iter().any(|argument| argument.starts_with("--emit=") && argument.contains("link"))
    {
        note(arguments);
    }
    let error = Command::new(compiler).args(rest).exec();
    eprintln!("cannot run {compiler}: {error}");
    ExitCode::FAILURE
}

fn note(arguments: &[String]) {
    let (Ok(manifest), Ok(folder)) = (std::fs::read_to_string("Cargo.toml"), std::env::current_dir()) else { return };
    let variables = std::env::vars().filter(|(name, _)| name.starts_with("CARGO_") && name != "CARGO_HOME").collect();
    let folder = folder.to_string_lossy().into_owned();
    let version = std::env::var(super::cargo::RUSTC_VERSION).unwrap_or_default();
    let note = Note { manifest, settings: settings(), folder, arguments: arguments.to_vec(), variables, version };
    // Without it the next cell asks cargo again.
    let _ = serde_json::to_string(&note).map(|text| std::fs::write(NOTE, text));
}

/// Compiles the cell in the present folder as the last one was compiled. None if that does not apply: the dependencies
/// or evcxr's settings are others, or something that cells are built from is missing.
pub fn compile(manifest: &str) -> Option<ExitCode> {
    let note: Note = serde_json::from_str(&std::fs::read_to_string(NOTE).ok()?).ok()?;
    if !note.applies(manifest, &settings(), std::env::var_os("RUSTC_WRAPPER").is_some()) {
        return None;
    }
    let here = std::env::current_dir().ok()?.to_string_lossy().into_owned();
    let moved = |text: &String| text.replace(&note.folder, &here);
    let arguments: Vec<String> = note.arguments.iter().map(moved).collect();
    let (compiler, arguments) = arguments.split_first()?;
    let library = Path::new(arguments.iter().skip_while(|a| *a != "--out-dir").nth(1)?).join("libctx.so");
    let mut command = Command::new(compiler);
    command.args(arguments).envs(note.variables.iter().map(|(name, value)| (name, moved(value))));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().ok()?;
    let lines: Vec<String> = BufReader::new(child.stderr.take()?).lines().map_while(Result::ok).collect();
    let status = child.wait().ok()?;
    let (messages, other): (Vec<Value>, Vec<String>) = sorted(lines);
    if messages.iter().any(|message| STALE.iter().any(|code| message["code"]["code"] == *code)) {
        return None;
    }
    for message in messages {
        println!("{}", json!({"reason": "compiler-message", "target": {"name": "ctx"}, "message": message}));
    }
    for line in other {
        eprintln!("{line}");
    }
    if !status.success() {
        return Some(ExitCode::FAILURE);
    }
    println!("{}", json!({"reason": "compiler-artifact", "target": {"name": "ctx"}, "filenames": [library]}));
    Some(ExitCode::SUCCESS)
}

/// The compiler's diagnostics, and what else it wrote.
fn sorted(lines: Vec<String>) -> (Vec<Value>, Vec<String>) {
    let (mut messages, mut other) = (vec![], vec![]);
    for line in lines {
        match serde_json::from_str::<Value>(&line) {
            Ok(value) if value["$message_type"] == "artifact" || value.get("artifact").is_some() => {}
            Ok(value) if value.is_object() => messages.push(value),
            _ => other.push(line),
        }
    }
    (messages, other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_applies_while_nothing_but_the_cell_has_changed() {
        let flags = |flags: &str| [Some(flags.to_owned()), Some("/bin/rustc".to_owned())];
        let note = Note {
            manifest: "a".into(),
            settings: flags("-Cprefer-dynamic"),
            folder: "/".into(),
            arguments: vec![],
            variables: BTreeMap::new(),
            version: String::new(),
        };
        assert!(note.applies("a", &flags("-Cprefer-dynamic"), false));
        assert!(!note.applies("b", &flags("-Cprefer-dynamic"), false));
        assert!(!note.applies("a", &flags("-Cprefer-dynamic -Clink-arg=-fuse-ld=lld"), false));
        assert!(!note.applies("a", &flags("-Cprefer-dynamic"), true));
    }

    #[test]
    fn diagnostics_are_told_from_artifacts_and_text() {
        let lines = [
            r#"{"$message_type":"artifact","artifact":"/a/libctx.so","emit":"link"}"#,
            r#"{"$message_type":"diagnostic","message":"no","code":{"code":"E0308"}}"#,
            "thread 'rustc' panicked",
        ];
        let (messages, other) = sorted(lines.map(str::to_owned).to_vec());
        assert_eq!((messages.len(), other.len()), (1, 1));
        assert_eq!(messages[0]["code"]["code"], "E0308");
    }
}
