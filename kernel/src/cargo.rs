//! The stand-ins for cargo and rustup that evcxr and rust-analyzer are given.
//!
//! evcxr runs cargo in its folder for a package without dependencies (at its start, and to look at a crate that `:dep`
//! names); cargo then throws all versions out of `Cargo.lock`, and the next build chooses them anew. The stand-in for
//! cargo gives the lock back after such a run. It also keeps cargo from the network for as long as what a build needs
//! is there. The stand-in for rustup answers where the tools are, which rustup itself takes a tenth of a second for.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// The real cargo; set by the kernel.
pub const REAL_CARGO: &str = "CUTPOINT_REAL_CARGO";
/// The real compiler; set by the kernel.
pub const REAL_RUSTC: &str = "CUTPOINT_REAL_RUSTC";
/// A file beside the manifest: the dependencies that were last resolved.
const RESOLVED: &str = ".cutpoint-resolved";

/// Does the work of cargo or rustup, if this program was called by their name.
pub fn stand_in() -> Option<ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    let name = Path::new(arguments.first()?).file_name()?.to_str()?.to_owned();
    let real = std::env::var(REAL_CARGO).ok()?;
    match name.as_str() {
        "cargo" => Some(cargo(&real, &arguments[1..])),
        "rustup" => Some(rustup(&arguments[1..])),
        _ => None,
    }
}

fn rustup(arguments: &[String]) -> ExitCode {
    let tool = match arguments {
        [command, tool] if command == "which" => tool.as_str(),
        _ => return ExitCode::FAILURE,
    };
    let path = match tool {
        "cargo" => std::env::args().next().map(|own| Path::new(&own).with_file_name("cargo")),
        "rustc" => std::env::var_os(REAL_RUSTC).map(Into::into),
        _ => None,
    };
    // Called by name only, it does not know its own folder; evcxr then looks along PATH.
    match path.filter(|path| path.is_absolute()) {
        Some(path) => {
            println!("{}", path.display());
            ExitCode::SUCCESS
        }
        None => ExitCode::FAILURE,
    }
}

fn cargo(real: &str, arguments: &[String]) -> ExitCode {
    let manifest = std::fs::read_to_string("Cargo.toml").unwrap_or_default();
    let of_cells = manifest.contains("name = \"ctx\"");
    if of_cells && manifest.contains("\ncutpoint = ") {
        return run(real, arguments, resolves_offline(real, &manifest));
    }
    if of_cells || manifest.contains("name = \"evcxr_dummy_validate_dep\"") {
        let lock = std::fs::read("Cargo.lock").ok();
        let offline = of_cells || succeeds(real, &["--offline", "metadata", "--format-version=1"]);
        let mut command = Command::new(real);
        command.args(offline.then_some("--offline")).args(arguments);
        let status = command.status();
        if let Some(lock) = lock {
            let _ = std::fs::write("Cargo.lock", lock);
        }
        return match status {
            Ok(status) => ExitCode::from(u8::try_from(status.code().unwrap_or(1) & 255).unwrap_or(1)),
            Err(error) => cannot(real, &error),
        };
    }
    // rust-analyzer's questions about other folders: what is not here is not worth a download.
    run(real, arguments, true)
}

/// Whether the dependencies of cells can be had without the network. The answer for a manifest is kept; the first
/// build that has to use the network makes the next ones offline.
fn resolves_offline(real: &str, manifest: &str) -> bool {
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap_or_default().trim().to_owned();
    if std::fs::read_to_string(RESOLVED).is_ok_and(|known| known == dependencies) {
        return true;
    }
    let offline = succeeds(real, &["--offline", "metadata", "--format-version=1"]);
    if offline || succeeds(real, &["fetch", "--quiet"]) {
        let _ = std::fs::write(RESOLVED, dependencies);
        return true;
    }
    // Without `--offline` cargo says itself what it could not get.
    false
}

fn succeeds(real: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(real);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn run(real: &str, arguments: &[String], offline: bool) -> ExitCode {
    let mut command = Command::new(real);
    command.args(offline.then_some("--offline")).args(arguments);
    cannot(real, &command.exec())
}

fn cannot(real: &str, error: &std::io::Error) -> ExitCode {
    eprintln!("cannot run {real}: {error}");
    ExitCode::FAILURE
}
