//! What cargo said during the preparation, said again to every kernel.
//!
//! A kernel that starts asks cargo and builds the same things each time: rust-analyzer's questions about the toolchain,
//! the standard library and the cells' dependencies, evcxr's first cell, and the prelude. The answers depend on what
//! was prepared and on nothing else, so the preparation keeps them and the stand-in for cargo repeats them.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cargo::exit_code;
use crate::workspace::home::fnv;

/// The folder of answers; set by the kernel.
pub const FOLDER: &str = "CUTPOINT_ANSWERS";
/// Set while the preparation runs: new answers are kept.
pub const KEEPS: &str = "CUTPOINT_KEEPS_ANSWERS";
/// A file to which builds write what they do; set by the kernel.
pub const LOG: &str = "CUTPOINT_BUILD_LOG";
/// The kernel's folder; set by the kernel.
pub const ROOT: &str = "CUTPOINT_WORK";

/// What cargo printed, with signs for the folders that each kernel has for itself.
#[derive(Serialize, Deserialize)]
struct Answer {
    code: i32,
    stdout: String,
    stderr: String,
    /// The library that a build made; a copy of it lies beside the answer.
    library: Option<String>,
}

/// What cargo is asked, and where its answer is kept.
pub struct Question {
    file: PathBuf,
    folders: [(String, &'static str); 2],
}

impl Question {
    /// The question that these arguments are in the present folder; none where no answers are kept.
    pub fn new(arguments: &[String], manifest: &str) -> Option<Question> {
        let folder = PathBuf::from(std::env::var_os(FOLDER)?);
        let cells = std::env::var("EVCXR_TMPDIR").ok()?;
        let folders = [(cells, "\u{1}cells"), (std::env::var(ROOT).ok()?, "\u{1}work")];
        let here = std::env::current_dir().ok()?;
        let mut texts = vec![here.to_string_lossy().into_owned()];
        let mut before = "";
        for argument in arguments {
            // rust-analyzer works on a copy, whose name is another one each time.
            if before != "--lockfile-path" {
                texts.push(argument.clone());
            }
            before = argument;
        }
        texts.push(manifest.to_owned());
        if arguments.iter().any(|argument| argument == "build") {
            texts.push(std::fs::read_to_string("src/lib.rs").ok()?);
        }
        let mut question = Question { file: PathBuf::new(), folders };
        question.file = folder.join(format!("{:016x}.json", fnv(question.generalised(&texts.join("\0")).as_bytes())));
        Some(question)
    }

    fn generalised(&self, text: &str) -> String {
        self.folders.iter().fold(text.to_owned(), |text, (folder, sign)| text.replace(folder, sign))
    }

    fn particular(&self, text: &str) -> String {
        self.folders.iter().fold(text.to_owned(), |text, (folder, sign)| text.replace(sign, folder))
    }

    fn library(&self) -> PathBuf {
        self.file.with_extension("so")
    }

    /// Gives the answer that was kept, if there is one.
    pub fn answered(&self) -> Option<ExitCode> {
        if keeps() {
            return None;
        }
        let answer: Answer = serde_json::from_str(&std::fs::read_to_string(&self.file).ok()?).ok()?;
        if let Some(library) = &answer.library {
            let path = self.particular(library);
            std::fs::create_dir_all(Path::new(&path).parent()?).ok()?;
            std::fs::copy(self.library(), path).ok()?;
        }
        print!("{}", self.particular(&answer.stdout));
        eprint!("{}", self.particular(&answer.stderr));
        Some(exit_code(answer.code))
    }

    /// Keeps an answer, if the preparation runs. Without it kernels ask cargo itself.
    pub fn keep(&self, output: &Output) {
        if !keeps() {
            return;
        }
        let stdout = String::from_utf8_lossy(&output.stdout);
        let library = libraries(&stdout).find(|path| path.ends_with("libctx.so"));
        if let Some(library) = &library {
            if std::fs::copy(library, self.library()).is_err() {
                return;
            }
        }
        let answer = Answer {
            code: output.status.code().unwrap_or(1),
            stdout: self.generalised(&stdout),
            stderr: self.generalised(&String::from_utf8_lossy(&output.stderr)),
            library: library.map(|library| self.generalised(&library)),
        };
        if let Ok(text) = serde_json::to_string(&answer) {
            let _ = std::fs::write(&self.file, text);
        }
    }
}

/// Whether the preparation runs.
pub fn keeps() -> bool {
    std::env::var_os(KEEPS).is_some()
}

/// The files that a build's messages name.
fn libraries(stdout: &str) -> impl Iterator<Item = String> + '_ {
    let messages = stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.filter(|message| message["reason"] == "compiler-artifact").flat_map(|message| {
        let names = message["filenames"].as_array().cloned().unwrap_or_default();
        names.into_iter().filter_map(|name| name.as_str().map(str::to_owned)).collect::<Vec<_>>()
    })
}

/// Runs a command and gives what it printed. Errors are shown as they come where a person waits for them.
pub fn listen(command: &mut Command, shows_progress: bool) -> std::io::Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let told = shows_progress.then(|| child.stderr.take()).flatten().map(|pipe| {
        std::thread::spawn(move || {
            let log = std::env::var_os(LOG).and_then(|path| File::options().append(true).create(true).open(path).ok());
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                eprintln!("{line}");
                if let Some(mut log) = log.as_ref() {
                    // A log that cannot be written costs a reader the progress, and nothing else.
                    let _ = writeln!(log, "{line}");
                }
            }
        })
    });
    let output = child.wait_with_output()?;
    if let Some(told) = told {
        let _ = told.join();
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_one_kernel_become_those_of_another() {
        let of = |cells: &str, work: &str| Question {
            file: PathBuf::new(),
            folders: [(cells.to_owned(), "\u{1}cells"), (work.to_owned(), "\u{1}work")],
        };
        let general = of("/h/seed", "/h/prepare").generalised("a /h/seed/target, /h/prepare/std");
        let particular = of("/h/kernels/7/ctx", "/h/kernels/7").particular(&general);
        assert_eq!(particular, "a /h/kernels/7/ctx/target, /h/kernels/7/std");
        // The folder of cells lies within the kernel's.
        assert_eq!(of("/h/7/ctx", "/h/7").generalised("/h/7/ctx/src /h/7/bin"), "\u{1}cells/src \u{1}work/bin");
    }

    #[test]
    fn the_library_of_a_build_is_found_among_its_messages() {
        let text = "Compiling\n{\"reason\":\"compiler-artifact\",\"filenames\":[\"/a/libctx.d\",\"/a/libctx.so\"]}\n{}";
        assert_eq!(libraries(text).find(|path| path.ends_with("libctx.so")).as_deref(), Some("/a/libctx.so"));
    }
}
