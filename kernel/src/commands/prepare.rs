//! The preparation: the crate cutpoint and all that it depends on, built once in the way in which evcxr will use it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{bail, Context, Result};

use crate::session::compile::Compiler;
use crate::session::insight;
use crate::toolchain::answers;
use crate::toolchain::recipe::Recipe;
use crate::workspace::home::{self as folders, Settings, Work};
use crate::workspace::lock::Lock;
use crate::workspace::std_source;

#[derive(clap::Args)]
pub struct Arguments {
    /// The folder of libtorch, with include/ and lib/ in it
    #[arg(long, env = "LIBTORCH")]
    libtorch: Option<PathBuf>,
    /// The standard library's source: a folder with core/ in it. By default the toolchain's own
    /// (`rustup component add rust-src`)
    #[arg(long, env = "RUST_SRC_PATH")]
    rust_src: Option<PathBuf>,
    /// Says nothing when there is nothing to do
    #[arg(long)]
    quiet: bool,
}

/// Builds the seed, unless it is there and up to date.
pub fn run(arguments: &Arguments) -> Result<()> {
    let home = folders::home()?;
    let old = Settings::read(&home).ok();
    let settings = find(arguments, old.as_ref())?;
    let _lock = Lock::exclusive(&home)?;
    // Another process may have built it while this one waited.
    let old = Settings::read(&home).ok();
    if old.as_ref() == Some(&settings) {
        if !arguments.quiet {
            println!("the kernel is prepared: {}", home.display());
        }
        return Ok(());
    }
    let start = Instant::now();
    println!("preparing the kernel in {}", home.display());
    // A kernel that starts meanwhile finds that what is there is no longer whole, and waits for this to end.
    match old {
        Some(old) => old.stale().write(&home)?,
        None => Settings::forget(&home),
    }
    build(&home, &settings)?;
    settings.write(&home)?;
    println!("prepared in {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// See [`Settings::recipe`].
const RECIPE: u32 = 10;

/// Whether the seed can be used as it is.
pub fn is_fresh(settings: &Settings) -> bool {
    settings.recipe == RECIPE
        && settings.stamp == folders::stamp(&settings.source)
        && version(&settings.rustc).is_ok_and(|v| v == settings.rustc_version)
}

fn find(arguments: &Arguments, old: Option<&Settings>) -> Result<Settings> {
    let source = folders::source();
    let libtorch = (arguments.libtorch.clone().or_else(|| old.map(|old| old.libtorch.clone())))
        .context("where is libtorch? Say `--libtorch DIR`, or set LIBTORCH")?;
    if !libtorch.join("include").is_dir() || !libtorch.join("lib").is_dir() {
        bail!("{}: expected libtorch, a folder with include/ and lib/ in it", libtorch.display());
    }
    let rustc = tool("rustc")?;
    let rust_src = arguments.rust_src.clone().or_else(|| old.and_then(|old| old.rust_src.clone()));
    check_rust_src(&rustc, rust_src.as_deref())?;
    Ok(Settings {
        stamp: folders::stamp(&source),
        recipe: RECIPE,
        rustc_version: version(&rustc)?,
        std_lib: PathBuf::from(output(Command::new(&rustc).args(["--print", "target-libdir"]))?),
        cargo: tool("cargo")?,
        source,
        libtorch: std::path::absolute(libtorch)?,
        rust_src,
        rustc,
    })
}

/// evcxr finds out the types of variables by rust-analyzer, which cannot do without the standard library's source.
fn check_rust_src(rustc: &Path, given: Option<&Path>) -> Result<()> {
    let folder = match given {
        Some(folder) => folder.to_owned(),
        None => PathBuf::from(output(Command::new(rustc).args(["--print", "sysroot"]))?)
            .join("lib/rustlib/src/rust/library"),
    };
    if !folder.join("core").is_dir() {
        bail!(
            "{}: the standard library's source is not there; get it with `rustup component add rust-src`, \
             or say where it is with `--rust-src DIR`",
            folder.display()
        );
    }
    Ok(())
}

/// The path of cargo or rustc itself: rustup's proxy costs a tenth of a second at every call.
fn tool(name: &str) -> Result<PathBuf> {
    if let Ok(path) = output(Command::new("rustup").args(["which", name])) {
        return Ok(PathBuf::from(path));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .with_context(|| format!("{name} is not on the path"))
}

fn version(rustc: &Path) -> Result<String> {
    output(Command::new(rustc).arg("-vV"))
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn build(home: &Path, settings: &Settings) -> Result<()> {
    std::fs::create_dir_all(home.join(".cargo"))?;
    // For cargo, the crate cutpoint is a dependency of the cells like any other. torch-sys only passes calls on to
    // libtorch: a compiler that thinks hard about it takes minutes and gains nothing.
    let profiles = "[profile.dev.package.\"*\"]\nopt-level = 3\n\n[profile.dev.package.torch-sys]\nopt-level = 1\n";
    std::fs::write(home.join(".cargo/config.toml"), profiles)?;
    let work = Work::seed(home)?;
    let lock = settings.source.join("Cargo.lock");
    std::fs::copy(&lock, work.evcxr().join("Cargo.lock"))
        .with_context(|| format!("{}: the versions to build", lock.display()))?;
    let _ = std::fs::remove_file(work.evcxr().join(".cutpoint-resolved"));
    let _ = std::fs::remove_dir_all(work.answers());
    std::fs::create_dir_all(work.answers())?;
    let _ = std::fs::remove_dir_all(work.std());
    std_source::copy(&settings.std_source(), &work.std())?;
    insight::set_environment(&work, settings);
    std::env::set_var(answers::KEEPS, "1");
    let (mut context, outputs) = insight::open(&work)?;
    let done = context.execute(&insight::prelude(settings));
    // To explain an error evcxr checks the cell without compiling it, which cargo prepares for separately.
    if done.is_ok() {
        let _ = context.check("let checked = 1;");
    }
    let mut said: Vec<String> = outputs.stdout.try_iter().chain(outputs.stderr.try_iter()).collect();
    drop(context);
    said.extend(outputs.stdout.try_iter().chain(outputs.stderr.try_iter()));
    if let Err(error) = done {
        let why = crate::session::diagnostics::strip(&error.to_string());
        bail!("the crate cutpoint cannot be loaded: {why}\n{}", said.join("\n"));
    }
    // The program that every kernel runs first.
    let folder = work.evcxr().join("cells");
    let _ = std::fs::remove_dir_all(&folder);
    let mut compiler = Compiler::new(&folder, &folder, Recipe::read(work.evcxr())?)?;
    compiler.bundle()?;
    compiler.ready(&Default::default())?;
    Ok(())
}
