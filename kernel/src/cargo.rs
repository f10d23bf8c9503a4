//! The stand-ins for cargo and rustup that evcxr and rust-analyzer are given.
//!
//! evcxr runs cargo in its folder for a package without dependencies (at its start, and to look at a crate that `:dep`
//! names); cargo then throws all versions out of `Cargo.lock`, and the next build chooses them anew. The stand-in for
//! cargo gives the lock back after such a run. It also keeps cargo from the network for as long as what a build needs
//! is there. The stand-in for rustup answers where the tools are, which rustup itself takes a tenth of a second for.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use serde_json::{json, Value};

/// The real cargo; set by the kernel.
pub const REAL_CARGO: &str = "CUTPOINT_REAL_CARGO";
/// The real compiler; set by the kernel.
pub const REAL_RUSTC: &str = "CUTPOINT_REAL_RUSTC";
/// The real CARGO_HOME, empty where it was not set; set by the kernel.
pub const REAL_CARGO_HOME: &str = "CUTPOINT_REAL_CARGO_HOME";
/// A file beside the manifest: the dependencies that were last resolved.
const RESOLVED: &str = ".cutpoint-resolved";
/// A file beside the manifest: evcxr's first cell, built by the preparation.
pub const FIRST: &str = ".cutpoint-first.so";

/// Does the work of cargo or rustup, if this program was called by their name.
pub fn stand_in() -> Option<ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    let name = Path::new(arguments.first()?).file_name()?.to_str()?.to_owned();
    let real = std::env::var(REAL_CARGO).ok()?;
    // rust-analyzer looks for cargo there before all else; cargo itself must have its own.
    match std::env::var_os(REAL_CARGO_HOME).filter(|home| !home.is_empty()) {
        Some(home) => std::env::set_var("CARGO_HOME", home),
        None => std::env::remove_var("CARGO_HOME"),
    }
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
        let offline = resolves_offline(real, &manifest);
        if arguments.iter().any(|argument| argument == "metadata") {
            return metadata(real, arguments, offline);
        }
        return run(real, arguments, offline);
    }
    if of_cells || manifest.contains("name = \"evcxr_dummy_validate_dep\"") {
        let builds = of_cells && arguments.iter().any(|argument| argument == "build");
        if builds && answer_with_first() {
            return ExitCode::SUCCESS;
        }
        let lock = std::fs::read("Cargo.lock").ok();
        let offline = of_cells || succeeds(real, &["--offline", "metadata", "--format-version=1"]);
        let mut command = Command::new(real);
        command.args(offline.then_some("--offline")).args(arguments);
        let status = command.status();
        if let Some(lock) = lock {
            let _ = std::fs::write("Cargo.lock", lock);
        }
        if builds && status.as_ref().is_ok_and(|status| status.success()) {
            keep_first(arguments);
        }
        return match status {
            Ok(status) => ExitCode::from(u8::try_from(status.code().unwrap_or(1) & 255).unwrap_or(1)),
            Err(error) => cannot(real, &error),
        };
    }
    // rust-analyzer's questions about other folders: what is not here is not worth a download.
    run(real, arguments, true)
}

/// Keeps what a build without dependencies made. At its start evcxr always builds the same cell: only the preparation
/// has to wait for it.
fn keep_first(arguments: &[String]) {
    let target = arguments.iter().skip_while(|argument| *argument != "--target").nth(1).map_or("", String::as_str);
    // Without it the next kernel builds its first cell again.
    let _ = std::fs::copy(Path::new("target").join(target).join("debug/libctx.so"), FIRST);
}

/// Answers a build with what was kept.
fn answer_with_first() -> bool {
    let Ok(here) = std::env::current_dir() else { return false };
    let built = here.join("target/libctx.so");
    if !Path::new(FIRST).exists() || std::fs::copy(FIRST, &built).is_err() {
        return false;
    }
    // Once only: whatever else has no dependencies is another cell.
    let _ = std::fs::remove_file(FIRST);
    let artifact = json!({"reason": "compiler-artifact", "target": {"name": "ctx"}, "filenames": [built]});
    println!("{artifact}");
    true
}

/// Answers `cargo metadata` for cells without what lies deep below the crate cutpoint: rust-analyzer would read some
/// two hundred crates, of which no cell ever sees a type.
fn metadata(real: &str, arguments: &[String], offline: bool) -> ExitCode {
    let mut command = Command::new(real);
    command.args(offline.then_some("--offline")).args(arguments).stderr(Stdio::inherit());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return cannot(real, &error),
    };
    let mut out = std::io::stdout().lock();
    let short = serde_json::from_slice(&output.stdout).ok().and_then(shortened);
    let written = match short {
        Some(short) if output.status.success() => writeln!(out, "{short}"),
        _ => out.write_all(&output.stdout),
    };
    let code = if written.is_ok() { output.status.code().unwrap_or(1) } else { 1 };
    ExitCode::from(u8::try_from(code & 255).unwrap_or(1))
}

/// The metadata with cutpoint's own dependencies, and all that any other dependency of the cells needs.
fn shortened(mut metadata: Value) -> Option<Value> {
    let nodes = metadata["resolve"]["nodes"].as_array()?.clone();
    let names: HashMap<&str, &str> = (metadata["packages"].as_array()?.iter())
        .filter_map(|package| Some((package["id"].as_str()?, package["name"].as_str()?)))
        .collect();
    let dependencies: HashMap<&str, Vec<&str>> = (nodes.iter())
        .filter_map(|node| {
            let below = node["dependencies"].as_array()?.iter().filter_map(Value::as_str).collect();
            Some((node["id"].as_str()?, below))
        })
        .collect();
    let cells = dependencies.keys().copied().find(|id| names.get(id) == Some(&"ctx"))?;
    let mut kept = HashSet::from([cells]);
    let mut next: Vec<&str> = vec![];
    for direct in &dependencies[cells] {
        if names.get(direct) == Some(&"cutpoint") {
            kept.insert(direct);
            kept.extend(dependencies.get(direct).into_iter().flatten());
        } else {
            next.push(direct);
        }
    }
    let mut seen = HashSet::new();
    while let Some(id) = next.pop() {
        if seen.insert(id) {
            next.extend(dependencies.get(id).into_iter().flatten());
        }
    }
    kept.extend(seen);
    let kept: HashSet<String> = kept.into_iter().map(str::to_owned).collect();
    let is_kept = |id: &Value| id.as_str().is_some_and(|id| kept.contains(id));
    metadata["packages"].as_array_mut()?.retain(|package| is_kept(&package["id"]));
    let nodes = metadata["resolve"]["nodes"].as_array_mut()?;
    nodes.retain(|node| is_kept(&node["id"]));
    for node in nodes {
        node["dependencies"].as_array_mut()?.retain(is_kept);
        node["deps"].as_array_mut()?.retain(|dependency| is_kept(&dependency["pkg"]));
    }
    Some(metadata)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_deep_below_cutpoint_is_left_out_and_other_crates_stay_whole() {
        let below = |id: &str, below: &[&str]| {
            let deps: Vec<Value> = below.iter().map(|id| json!({"name": id, "pkg": id})).collect();
            json!({"id": id, "dependencies": below, "deps": deps})
        };
        let nodes = [
            below("ctx", &["cutpoint", "rand"]),
            below("cutpoint", &["tch"]),
            below("tch", &["zip"]),
            below("zip", &[]),
            below("rand", &["core"]),
            below("core", &["libc"]),
            below("libc", &[]),
        ];
        let packages: Vec<Value> = nodes.iter().map(|n| json!({"id": n["id"], "name": n["id"]})).collect();
        let short = shortened(json!({"packages": packages, "resolve": {"nodes": nodes}})).unwrap();
        let mut ids: Vec<_> = short["packages"].as_array().unwrap().iter().map(|p| p["id"].as_str().unwrap()).collect();
        ids.sort();
        assert_eq!(ids, ["core", "ctx", "cutpoint", "libc", "rand", "tch"]);
        let tch = short["resolve"]["nodes"].as_array().unwrap().iter().find(|n| n["id"] == "tch").unwrap();
        assert_eq!(tch["dependencies"], json!([]));
    }
}
