//! How cells are compiled: the compiler's command as cargo last used it for the crates that cells depend on.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use super::bundle::Bundle;
use super::rustc::Note;
use super::side::Built;

/// A command of the compiler, without what is particular to one cell.
#[derive(Clone, Debug)]
pub struct Recipe {
    compiler: PathBuf,
    arguments: Vec<String>,
    variables: BTreeMap<String, String>,
    folder: PathBuf,
    /// Crates that were built beside those of the notebook.
    pub side: Built,
    /// The crates in one library, if they could be put into one.
    pub bundle: Option<Bundle>,
    /// The linker, called without the C compiler that would call it, and where libraries are.
    linker: Vec<String>,
    /// The flag by which places in messages stay those of the files, while programs know them by the cells' names.
    scope: Vec<String>,
}

/// What the compiler said.
pub struct Said {
    pub text: String,
    pub success: bool,
}

/// Arguments with a value of their own that every cell has its own of.
const OWN: [&str; 3] = ["--out-dir", "--emit", "-o"];
/// Options of `-C` that cells have their own of: they are compiled to run once, with lines for messages.
const OWN_CODEGEN: [&str; 8] =
    ["incremental", "metadata", "extra-filename", "debuginfo", "strip", "codegen-units", "opt-level", "embed-bitcode"];

impl Recipe {
    /// The recipe of a folder in which cargo has built cells.
    ///
    /// # Errors
    /// When it has not.
    pub fn read(folder: &Path) -> Result<Recipe> {
        let note = Note::read(folder)?;
        let here = folder.to_string_lossy().into_owned();
        let moved = |text: &String| text.replace(note.folder(), &here);
        let arguments: Vec<String> = note.arguments().iter().map(moved).collect();
        let (compiler, rest) = arguments.split_first().context("a command without a program")?;
        let mut kept = vec![];
        let mut rest = rest.iter().peekable();
        while let Some(argument) = rest.next() {
            if argument == "src/lib.rs" || argument.starts_with("--error-format") || argument.starts_with("--json") {
                continue;
            }
            if OWN.iter().any(|own| argument.starts_with(&format!("{own}="))) || argument == "--diagnostic-width" {
                continue;
            }
            if OWN.contains(&argument.as_str()) || argument == "--check-cfg" {
                rest.next();
                continue;
            }
            let codegen = match argument.strip_prefix("-C") {
                Some("") => rest.peek().map(|value| value.as_str()),
                other => other,
            };
            if codegen.is_some_and(|value| OWN_CODEGEN.iter().any(|own| value.split('=').next() == Some(own))) {
                if argument == "-C" {
                    rest.next();
                }
                continue;
            }
            kept.push(argument.clone());
        }
        // The job server is one of the cargo that made the note.
        let is_lasting = |name: &str| name != "CARGO_MAKEFLAGS";
        let lasting = note.variables().iter().filter(|(name, _)| is_lasting(name));
        let variables = lasting.map(|(name, value)| (name.clone(), moved(value))).collect();
        Ok(Recipe {
            compiler: compiler.into(),
            arguments: kept,
            variables,
            folder: folder.to_owned(),
            side: Built::default(),
            bundle: None,
            linker: linker(Path::new(compiler)),
            scope: scope(note.version()),
        })
    }

    /// The recipe after cargo has built something else, and the manifest that it was built by.
    ///
    /// # Errors
    /// When there is no note any more.
    pub fn again(&self) -> Result<(Recipe, String)> {
        let manifest = Note::read(&self.folder)?.manifest().to_owned();
        Ok((Recipe { side: self.side.clone(), ..Recipe::read(&self.folder)? }, manifest))
    }

    /// Compiles `folder/root` to a library. Messages are JSON, a line each.
    ///
    /// # Errors
    /// When the compiler cannot be run.
    pub fn compile(&self, folder: &Path, root: &str, library: &Path, is_stopped: &dyn Fn() -> bool) -> Result<Said> {
        let mut command = Command::new(&self.compiler);
        command.current_dir(&self.folder).envs(&self.variables).args(&self.arguments);
        command.arg(folder.join(root)).arg("-o").arg(library).args(["--emit=link", "--error-format=json"]);
        command.args(["-Copt-level=0", "-Cdebuginfo=line-tables-only", "-Cmetadata=cutpoint-cells"]);
        command.args(["-Ccodegen-units=1", "-Cembed-bitcode=no"]).args(&self.linker);
        // Types by their full paths, whatever their length: variables are declared by them in other cells.
        command.env("RUSTC_BOOTSTRAP", "1");
        command.args(["-Ztrim-diagnostic-paths=no", "-Zwrite-long-types-to-disk=no"]).args(&self.scope);
        for part in ["items", "run"] {
            command.arg(format!("--remap-path-prefix={}/=", folder.join(part).display()));
        }
        command.args(self.side_arguments());
        if let Some(Bundle { name, library, tch }) = &self.bundle {
            command.arg("--extern").arg(format!("{name}={}", library.display()));
            command.arg(format!("-Zpre-link-arg={}", tch.display()));
        }
        self.said(command, is_stopped)
    }

    /// The compiler's arguments, without what is particular to one cell.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// The names of the crates that cells depend on.
    pub fn crates(&self) -> Vec<&str> {
        let externs = self.arguments.windows(2).filter(|pair| pair[0] == "--extern").map(|pair| pair[1].as_str());
        let names = externs.filter_map(|pair| pair.split_once('=')).map(|(name, _)| name);
        let own = names.map(|name| name.rsplit(':').next().unwrap_or(name));
        let side = self.side.crates.iter().filter(|(.., is_library)| *is_library).map(|(name, ..)| name.as_str());
        own.chain(side).collect()
    }

    fn side_arguments(&self) -> Vec<String> {
        let crates = self.side.crates.iter().map(|(name, file, _)| format!("--extern={name}={}", file.display()));
        crates.chain(self.side.folders.iter().map(|folder| format!("-Ldependency={}", folder.display()))).collect()
    }

    /// The platform that cells are compiled for.
    pub fn platform(&self) -> Option<&str> {
        self.arguments.windows(2).find(|pair| pair[0] == "--target").map(|pair| pair[1].as_str())
    }

    /// The folders with libraries of C and C++ that cells are linked from.
    pub fn native_folders(&self) -> Vec<PathBuf> {
        let folders = self.arguments.windows(2).filter(|pair| pair[0] == "-L").map(|pair| pair[1].as_str());
        folders.filter_map(|folder| folder.strip_prefix("native=")).map(PathBuf::from).collect()
    }

    /// Compiles a bundle: see [`Bundle::make`].
    ///
    /// # Errors
    /// When the compiler cannot be run.
    pub fn compile_bundle(&self, source: &Path, name: &str, library: &Path, tch: &Path) -> Result<Said> {
        let mut command = Command::new(&self.compiler);
        command.current_dir(&self.folder).envs(&self.variables).env("RUSTC_BOOTSTRAP", "1");
        let mut before = "";
        for argument in &self.arguments {
            command.arg(match (before, argument.as_str()) {
                ("--crate-name", _) => name,
                ("--crate-type", _) => "dylib",
                (_, argument) => argument,
            });
            before = argument;
        }
        command.args(self.side_arguments());
        command.arg(source).arg("-o").arg(library).args(["--emit=link", "-Copt-level=0", "-Cembed-bitcode=no"]);
        command.arg(format!("-Cmetadata={name}")).arg(format!("-Zpre-link-arg={}", tch.display()));
        self.said(command, &|| false)
    }

    fn said(&self, mut command: Command, is_stopped: &dyn Fn() -> bool) -> Result<Said> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", self.compiler.display()))?;
        let mut pipe = child.stderr.take().context("no pipe")?;
        let reader = std::thread::spawn(move || {
            let mut bytes = vec![];
            // What could be read is what there is to say.
            let _ = pipe.read_to_end(&mut bytes);
            bytes
        });
        while !reader.is_finished() {
            if is_stopped() {
                let _ = child.kill();
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let bytes = reader.join().unwrap_or_default();
        let status = child.wait()?;
        Ok(Said { text: String::from_utf8_lossy(&bytes).into_owned(), success: status.success() })
    }
}

/// The toolchain's own linker, if it is there: the C compiler takes as long to call it as it takes to link.
fn linker(compiler: &Path) -> Vec<String> {
    let lld = compiler.ancestors().nth(2).map(|root| {
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        root.join("lib/rustlib").join(target).join("bin/gcc-ld/ld.lld")
    });
    let Some(lld) = lld.filter(|lld| lld.exists()) else { return vec![] };
    let asked = Command::new("cc").arg("-print-search-dirs").stdin(Stdio::null()).output();
    let Ok(said) = asked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()) else { return vec![] };
    let Some(folders) = said.lines().find_map(|line| line.strip_prefix("libraries: =")) else { return vec![] };
    let mut arguments = vec![format!("-Clinker={}", lld.display()), "-Clinker-flavor=ld".to_owned()];
    let folders = folders.split(':').filter_map(|folder| Path::new(folder).canonicalize().ok());
    arguments.extend(folders.map(|folder| format!("-Clink-arg=-L{}", folder.display())));
    arguments
}

/// The flag was stabilised in 1.95, under a name of its own.
fn scope(version: &str) -> Vec<String> {
    let minor = version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok()).unwrap_or(u32::MAX);
    match minor {
        ..95 => vec!["-Zremap-path-scope=macro,object".to_owned()],
        _ => vec!["--remap-path-scope=macro,object".to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_particular_to_a_cell_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = [
            "rustc",
            "--crate-name",
            "ctx",
            "--edition=2024",
            "src/lib.rs",
            "--error-format=json",
            "--json=diagnostic-rendered-ansi",
            "--crate-type",
            "cdylib",
            "--emit=dep-info,link",
            "-C",
            "opt-level=0",
            "-C",
            "metadata=abc",
            "--out-dir",
            "/old/target",
            "-C",
            "incremental=/old/i",
            "-L",
            "dependency=/old/deps",
            "--extern",
            "cutpoint=/old/deps/libcutpoint.rlib",
            "-Cprefer-dynamic",
            "--check-cfg",
            "cfg()",
        ];
        crate::toolchain::rustc::Note::for_tests("/old", &arguments).write(folder.path()).unwrap();
        let recipe = Recipe::read(folder.path()).unwrap();
        let here = folder.path().display();
        let expected: Vec<String> = [
            "--crate-name",
            "ctx",
            "--edition=2024",
            "--crate-type",
            "cdylib",
            "-L",
            &format!("dependency={here}/deps"),
            "--extern",
            &format!("cutpoint={here}/deps/libcutpoint.rlib"),
            "-Cprefer-dynamic",
        ]
        .map(str::to_owned)
        .to_vec();
        assert_eq!(recipe.arguments, expected);
    }

    #[test]
    fn the_flag_is_the_compilers() {
        assert_eq!(scope("rustc 1.91.0 (abc)"), ["-Zremap-path-scope=macro,object"]);
        assert_eq!(scope("rustc 1.95.0 (abc)"), ["--remap-path-scope=macro,object"]);
    }
}
