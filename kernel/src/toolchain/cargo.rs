//! The stand-ins for cargo, rustup and rustc that evcxr and rust-analyzer are given.
//!
//! evcxr runs cargo in its folder for a package without dependencies (at its start, and to look at a crate that `:dep`
//! names); cargo then throws all versions out of `Cargo.lock`, and the next build chooses them anew. The stand-in for
//! cargo gives the lock back after such a run. It keeps cargo from the network for as long as what a build needs is
//! there, and answers by itself what it knows ([`super::answers`], [`super::rustc`]). The stand-in for rustup answers
//! where the tools are, which rustup itself takes a tenth of a second for.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};

use serde_json::Value;

use super::answers::{self, Question};
use super::rustc;

/// The real cargo; set by the kernel.
pub const REAL_CARGO: &str = "CUTPOINT_REAL_CARGO";
/// The real compiler; set by the kernel.
pub const REAL_RUSTC: &str = "CUTPOINT_REAL_RUSTC";
/// The real CARGO_HOME, empty where it was not set; set by the kernel.
pub const REAL_CARGO_HOME: &str = "CUTPOINT_REAL_CARGO_HOME";
/// The version of the real compiler; set by the kernel.
pub const RUSTC_VERSION: &str = "CUTPOINT_RUSTC_VERSION";
/// The crates below cutpoint whose types its own items show.
const SEEN: [&str; 3] = ["tch", "ndarray", "serde_json"];
/// A file beside the manifest: the dependencies that were last resolved.
const RESOLVED: &str = ".cutpoint-resolved";

/// Does the work of cargo, rustup or rustc, if this program was called by their name.
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
        rustc::NAME => Some(rustc::run(&arguments[1..])),
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
    let has_cutpoint = of_cells && manifest.contains("\ncutpoint = ");
    let asks = |command: &str| arguments.iter().any(|argument| argument == command);
    // A check looks at the cell of the moment.
    let question = if asks("check") { None } else { Question::new(arguments, &manifest) };
    if let Some(code) = question.as_ref().and_then(Question::answered) {
        return code;
    }
    if asks("build") && has_cutpoint && !answers::keeps() {
        if let Some(code) = rustc::compile(&manifest) {
            return code;
        }
    }
    let done = if has_cutpoint {
        of_cutpoint(real, arguments, &manifest)
    } else if of_cells || manifest.contains("name = \"evcxr_dummy_validate_dep\"") {
        without_dependencies(real, arguments, of_cells)
    } else {
        // rust-analyzer's questions about other folders: what is not here is not worth a download.
        run(real, arguments, true)
    };
    let output = match done {
        Ok(output) => output,
        Err(error) => {
            eprintln!("cannot run {real}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut out = std::io::stdout().lock();
    if out.write_all(&output.stdout).and_then(|()| out.flush()).is_err() {
        return ExitCode::FAILURE;
    }
    // evcxr first compiles the prelude as if it had no `?`, which fails in every kernel; other failures may be mended.
    if let Some(question) = question.filter(|_| output.status.success() || asks("build") || asks("-Z")) {
        question.keep(&output);
    }
    exit_code(output.status.code().unwrap_or(1))
}

/// A number as the exit code of this process.
pub fn exit_code(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code & 255).unwrap_or(1))
}

/// Runs cargo for cells that use cutpoint.
fn of_cutpoint(real: &str, arguments: &[String], manifest: &str) -> std::io::Result<Output> {
    let mut output = run(real, arguments, resolves_offline(real, manifest))?;
    // rust-analyzer would read some two hundred crates below cutpoint, of most of which no cell sees a type.
    if output.status.success() && arguments.iter().any(|argument| argument == "metadata") {
        if let Some(short) = serde_json::from_slice(&output.stdout).ok().and_then(shortened) {
            output.stdout = format!("{short}\n").into_bytes();
        }
    }
    Ok(output)
}

/// Runs cargo for a package without dependencies, and gives it its lock back.
fn without_dependencies(real: &str, arguments: &[String], of_cells: bool) -> std::io::Result<Output> {
    let lock = std::fs::read("Cargo.lock").ok();
    let offline = of_cells || succeeds(real, &["--offline", "metadata", "--format-version=1"]);
    let output = run(real, arguments, offline);
    if let Some(lock) = lock {
        std::fs::write("Cargo.lock", lock)?;
    }
    output
}

/// The metadata with what is [`SEEN`] of cutpoint's dependencies, and all that any other dependency of the cells needs.
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
            let below = dependencies.get(direct).into_iter().flatten();
            kept.extend(below.filter(|id| names.get(*id).is_some_and(|name| SEEN.contains(name))));
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

fn run(real: &str, arguments: &[String], offline: bool) -> std::io::Result<Output> {
    let mut command = Command::new(real);
    command.args(offline.then_some("--offline")).args(arguments);
    let builds = arguments.iter().any(|argument| argument == "build");
    if builds && std::env::var_os("RUSTC_WRAPPER").is_none() {
        // So that it is noted how a cell is compiled.
        if let Some(name) = std::env::args_os().next() {
            command.env("RUSTC_WRAPPER", Path::new(&name).with_file_name(rustc::NAME));
        }
    }
    let output = answers::listen(&mut command, builds)?;
    std::io::stderr().write_all(&output.stderr)?;
    Ok(output)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_lies_deep_below_cutpoint_is_left_out_and_other_crates_stay_whole() {
        let below = |id: &str, below: &[&str]| {
            let deps: Vec<Value> = below.iter().map(|id| json!({"name": id, "pkg": id})).collect();
            json!({"id": id, "dependencies": below, "deps": deps})
        };
        let nodes = [
            below("ctx", &["cutpoint", "rand"]),
            below("cutpoint", &["tch", "image"]),
            below("image", &[]),
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
