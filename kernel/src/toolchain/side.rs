//! Crates that cells add with `:dep`, built beside those of the notebook.
//!
//! cargo gives each crate one set of features for all that need it. A crate that asks for more features of something that
//! cutpoint needs as well would have cutpoint and tch built again, for minutes, and their values would be lost, as their
//! types are new ones. Such a crate is resolved and built in a package of its own, whose target folder all kernels
//! share. One whose types are cutpoint's own (an array, a tensor) must be built together with it all the same.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use serde::Deserialize;
use serde_json::Value;

/// Crates whose types cutpoint's own items show: who needs them needs the same ones.
const SHARED: [&str; 6] = ["cutpoint", "tch", "torch-sys", "ndarray", "linfa", "serde_json"];

/// A dependency as `:dep` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    pub name: String,
    /// What stands behind the equals sign in a manifest.
    pub wanted: String,
}

/// What a command `:dep` asks for; none for other commands, and for what evcxr understands in its own way (a path).
pub fn dependency(command: &str) -> Option<Dependency> {
    let rest = command.strip_prefix(":dep")?;
    let rest = rest.starts_with(char::is_whitespace).then(|| rest.trim())?;
    let (name, wanted) = match rest.split_once('=') {
        Some((name, wanted)) => (name.trim(), wanted.trim().to_owned()),
        None => (rest, "\"*\"".to_owned()),
    };
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    is_name.then(|| Dependency { name: name.to_owned(), wanted })
}

/// How a dependency is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// With the notebook's crates, which stay as they are.
    Together,
    /// In a package of its own.
    Apart,
    /// With the notebook's crates, which are built again.
    Again,
}

/// The part of cargo's plan of a build that matters here.
#[derive(Deserialize)]
struct Graph {
    units: Vec<Unit>,
    roots: Vec<usize>,
}

#[derive(Deserialize)]
struct Unit {
    pkg_id: String,
    target: Target,
    features: Vec<String>,
    mode: String,
    platform: Option<String>,
    dependencies: Vec<Edge>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Edge {
    index: usize,
    extern_crate_name: String,
}

impl Graph {
    /// The unit that the package itself names so.
    fn direct(&self, name: &str) -> Option<usize> {
        let root = self.units.get(*self.roots.first()?)?;
        let wanted = name.replace('-', "_");
        root.dependencies.iter().find(|edge| edge.extern_crate_name == wanted).map(|edge| edge.index)
    }

    /// All that decides whether a unit is built again, in one text.
    fn print(&self, unit: usize, known: &mut HashMap<usize, u64>) -> u64 {
        if let Some(print) = known.get(&unit) {
            return *print;
        }
        let Some(own) = self.units.get(unit) else { return 0 };
        let mut below: Vec<u64> = own.dependencies.iter().map(|edge| self.print(edge.index, known)).collect();
        below.sort_unstable();
        let text =
            format!("{} {} {:?} {} {:?} {below:?}", own.pkg_id, own.target.name, own.features, own.mode, own.platform);
        let print = crate::workspace::home::fnv(text.as_bytes());
        known.insert(unit, print);
        print
    }

    /// The names of the packages that a unit needs.
    fn needs(&self, unit: usize, found: &mut BTreeMap<usize, String>) {
        let Some(own) = self.units.get(unit) else { return };
        if found.insert(unit, package(&own.pkg_id)).is_none() {
            own.dependencies.iter().for_each(|edge| self.needs(edge.index, found));
        }
    }
}

/// The name in a package's identity: `registry+https://..#name@1.0.0`, or `path+file:///a/name#1.0.0`.
fn package(id: &str) -> String {
    let (place, version) = id.rsplit_once('#').unwrap_or(("", id));
    match version.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => place.rsplit('/').next().unwrap_or_default().to_owned(),
    }
}

/// What a build of crates apart has made.
#[derive(Clone, Debug, Default)]
pub struct Built {
    /// Each crate's name in Rust, its file, and whether it is a library that can be bundled (and no macros).
    pub crates: Vec<(String, PathBuf, bool)>,
    /// Where what they need lies.
    pub folders: Vec<PathBuf>,
}

/// The crates that are built apart.
pub struct Side {
    /// The package.
    folder: PathBuf,
    /// Where it is built, for all kernels.
    target: PathBuf,
    /// Where evcxr builds the notebook's crates.
    cells: PathBuf,
    log: PathBuf,
    platform: String,
    crates: BTreeMap<String, String>,
}

impl Side {
    /// A package below `folder`. `target` is where it is built; `cells` the folder of the notebook's crates; `log` a file
    /// for what a build does.
    pub fn new(folder: &Path, target: &Path, cells: &Path, log: &Path, platform: &str) -> Side {
        let can_write = std::fs::create_dir_all(target).is_ok()
            && tempfile_in(target).is_ok_and(|probe| std::fs::remove_file(probe).is_ok());
        let target = if can_write { target.to_owned() } else { folder.join("target") };
        Side {
            folder: folder.to_owned(),
            target,
            cells: cells.to_owned(),
            log: log.to_owned(),
            platform: platform.to_owned(),
            crates: BTreeMap::new(),
        }
    }

    /// How a dependency has to be built.
    ///
    /// # Errors
    /// When cargo does not find it, or cannot be asked.
    pub fn way(&self, wanted: &Dependency, is_stopped: &dyn Fn() -> bool) -> Result<Way> {
        let manifest = std::fs::read_to_string(self.cells.join("Cargo.toml")).context("the cells' Cargo.toml")?;
        let line = format!("{} = {}\n", wanted.name, wanted.wanted);
        let before = self.graph("before", &manifest, is_stopped)?;
        let after = self.graph("after", &format!("{}\n{line}", manifest.trim_end()), is_stopped)?;
        let print = |graph: &Graph| {
            graph.direct("cutpoint").map(|unit| graph.print(unit, &mut HashMap::new())).unwrap_or_default()
        };
        if print(&before) == print(&after) {
            return Ok(Way::Together);
        }
        let mut needs = BTreeMap::new();
        if let Some(unit) = after.direct(&wanted.name) {
            after.needs(unit, &mut needs);
        }
        let is_shared = needs.values().any(|name| SHARED.contains(&name.as_str()));
        Ok(if is_shared { Way::Again } else { Way::Apart })
    }

    /// cargo's plan for a package with this manifest.
    fn graph(&self, name: &str, manifest: &str, is_stopped: &dyn Fn() -> bool) -> Result<Graph> {
        let folder = self.folder.join(name);
        self.lay(&folder, manifest)?;
        let asked = ["build", "--unit-graph", "-Zunstable-options", "--target", &self.platform];
        // What is here need not be asked for elsewhere.
        let said = self.cargo(&folder, &[&["--offline"], &asked[..]].concat(), None, is_stopped);
        let said = match said {
            Ok(said) => said,
            Err(_) => self.cargo(&folder, &asked, None, is_stopped)?,
        };
        serde_json::from_str(&said).context("cargo's plan of the build")
    }

    /// Makes a package; its crates have the versions that the notebook's have.
    fn lay(&self, folder: &Path, manifest: &str) -> Result<()> {
        std::fs::create_dir_all(folder.join("src")).with_context(|| format!("{}", folder.display()))?;
        std::fs::write(folder.join("Cargo.toml"), manifest)?;
        std::fs::write(folder.join("src/lib.rs"), "")?;
        if !folder.join("Cargo.lock").exists() {
            std::fs::copy(self.cells.join("Cargo.lock"), folder.join("Cargo.lock")).context("the cells' Cargo.lock")?;
        }
        Ok(())
    }

    /// Builds one more crate apart, with all that were built so before.
    ///
    /// # Errors
    /// What cargo says.
    pub fn add(&mut self, wanted: &Dependency, is_stopped: &dyn Fn() -> bool) -> Result<Built> {
        let mut crates = self.crates.clone();
        crates.insert(wanted.name.clone(), wanted.wanted.clone());
        let lines: String = crates.iter().map(|(name, wanted)| format!("{name} = {wanted}\n")).collect();
        let manifest = format!(
            "[package]\nname = \"beside-cells\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[profile.dev]\n\
             opt-level = 0\ndebug = false\nrpath = true\n\n[dependencies]\n{lines}\n[workspace]\n"
        );
        let graph = self.graph("side", &manifest, is_stopped)?;
        let folder = self.folder.join("side");
        let asked = ["build", "--message-format=json", "--target", &self.platform];
        let said = self.cargo(&folder, &asked, Some(&self.log), is_stopped)?;
        let mut files: HashMap<(String, String), PathBuf> = HashMap::new();
        for message in said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            if message["reason"] != "compiler-artifact" {
                continue;
            }
            let names = message["filenames"].as_array().cloned().unwrap_or_default();
            let file =
                names.iter().filter_map(Value::as_str).find(|name| name.ends_with(".rlib") || name.ends_with(".so"));
            if let (Some(id), Some(target), Some(file)) =
                (message["package_id"].as_str(), message["target"]["name"].as_str(), file)
            {
                files.insert((id.to_owned(), target.to_owned()), file.into());
            }
        }
        let root = graph.roots.first().and_then(|root| graph.units.get(*root)).context("cargo's plan has no root")?;
        let mut built = Built::default();
        for edge in &root.dependencies {
            let Some(unit) = graph.units.get(edge.index) else { continue };
            let Some(file) = files.get(&(unit.pkg_id.clone(), unit.target.name.clone())) else { continue };
            let is_library = !unit.target.kind.iter().any(|kind| kind == "proc-macro");
            built.crates.push((edge.extern_crate_name.clone(), file.clone(), is_library));
        }
        ensure!(
            built.crates.iter().any(|(name, ..)| *name == wanted.name.replace('-', "_")),
            "cargo built no library of {}",
            wanted.name
        );
        built.folders = vec![self.target.join(&self.platform).join("debug/deps"), self.target.join("debug/deps")];
        self.crates = crates;
        Ok(built)
    }

    /// Runs cargo in a folder and gives what it printed.
    fn cargo(
        &self,
        folder: &Path,
        arguments: &[&str],
        log: Option<&Path>,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<String> {
        let real = std::env::var_os(super::cargo::REAL_CARGO).unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(&real);
        crate::session::insight::restore_environment(&mut command);
        command.current_dir(folder).args(arguments).env("CARGO_TARGET_DIR", &self.target);
        // As evcxr has the notebook's crates built. The plan of a build is not for stable cargo's eyes yet.
        command.env("RUSTFLAGS", "-Cprefer-dynamic").env("RUSTC_BOOTSTRAP", "1");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", real.display()))?;
        let (mut output, errors) = (child.stdout.take().context("no pipe")?, child.stderr.take().context("no pipe")?);
        let log = log.map(Path::to_owned);
        let teller = std::thread::spawn(move || {
            let mut said = String::new();
            let mut log = log.and_then(|log| std::fs::File::options().append(true).create(true).open(log).ok());
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                if let Some(log) = &mut log {
                    let _ = writeln!(log, "{line}");
                }
                said.push_str(&format!("{line}\n"));
            }
            said
        });
        let reader = std::thread::spawn(move || {
            let mut bytes = vec![];
            let _ = output.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if is_stopped() {
                let compilers = crate::process::processes::descendants(child.id());
                let _ = child.kill();
                compilers.into_iter().for_each(|process| crate::process::processes::signal(process, libc::SIGKILL));
                let _ = child.wait();
                bail!("stopped while crates were built; what was built is kept");
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let (said, errors) = (reader.join().unwrap_or_default(), teller.join().unwrap_or_default());
        if !status.success() {
            let errors: Vec<&str> = errors.lines().filter(|line| !line.trim_start().starts_with("Compiling")).collect();
            bail!("{}", errors.join("\n").trim());
        }
        Ok(said)
    }
}

/// A file that can be made in a folder.
fn tempfile_in(folder: &Path) -> std::io::Result<PathBuf> {
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    std::fs::write(&probe, "")?;
    Ok(probe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_from_commands() {
        let of = |command: &str| dependency(command).map(|found| (found.name, found.wanted));
        let pair = |name: &str, wanted: &str| Some((name.to_owned(), wanted.to_owned()));
        assert_eq!(of(":dep itoa = \"1\""), pair("itoa", "\"1\""));
        assert_eq!(of(":dep rand_chacha"), pair("rand_chacha", "\"*\""));
        assert_eq!(
            of(":dep tokio = { version = \"1\", features = [\"full\"] }"),
            pair("tokio", "{ version = \"1\", features = [\"full\"] }")
        );
        assert_eq!(of(":dep ../my crate"), None);
        assert_eq!(of(":deps"), None);
    }

    #[test]
    fn packages_are_known_by_their_identities() {
        assert_eq!(package("registry+https://a/b#ab_glyph@0.2.32"), "ab_glyph");
        assert_eq!(package("path+file:///sources/cutpoint#0.1.0"), "cutpoint");
    }

    #[test]
    fn a_build_is_another_one_when_features_below_it_are() {
        let graph = |features: &str| -> Graph {
            let text = format!(
                r#"{{"roots": [0], "units": [
                {{"pkg_id": "p#ctx@1", "target": {{"name": "ctx", "kind": ["lib"]}}, "features": [], "mode": "build",
                  "platform": null, "dependencies": [{{"index": 1, "extern_crate_name": "cutpoint"}}]}},
                {{"pkg_id": "p#cutpoint@1", "target": {{"name": "cutpoint", "kind": ["lib"]}}, "features": [],
                  "mode": "build", "platform": null, "dependencies": [{{"index": 2, "extern_crate_name": "syn"}}]}},
                {{"pkg_id": "p#syn@1", "target": {{"name": "syn", "kind": ["lib"]}}, "features": [{features}],
                  "mode": "build", "platform": null, "dependencies": []}}]}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let print = |graph: Graph| graph.print(graph.direct("cutpoint").unwrap(), &mut HashMap::new());
        assert_eq!(print(graph("")), print(graph("")));
        assert_ne!(print(graph("")), print(graph("\"full\"")));
        let mut needs = BTreeMap::new();
        graph("").needs(0, &mut needs);
        assert_eq!(needs.into_values().collect::<Vec<_>>(), ["ctx", "cutpoint", "syn"]);
    }
}
