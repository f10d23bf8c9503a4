//! The crates that cells depend on, as one shared library.
//!
//! A cell that is linked with two hundred static libraries takes longer to link than to compile, and each cell has a
//! copy of all statics: a crate that keeps its state there (tokio, a logger, a pool of threads) falls apart. One library
//! with all of them serves all cells.
//!
//! tch's own C++ functions, which torch-sys brings along as a static library, become a library of their own: Rust would
//! hide them in ours, and cells call them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{bail, Context, Result};

use super::recipe::Recipe;

/// All crates of a recipe in one library.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The crate that holds them.
    pub name: String,
    pub library: PathBuf,
    /// tch's C++ functions.
    pub tch: PathBuf,
}

/// The folder of bundles below that of cells.
pub const FOLDER: &str = "lib";
const TCH: &str = "libcutpoint_tch.so";

impl Bundle {
    /// The bundle of a folder, if it was made.
    pub fn find(folder: &Path, generation: usize) -> Option<Bundle> {
        let name = name(generation);
        let (library, tch) = (folder.join(format!("lib{name}.so")), folder.join(TCH));
        (library.exists() && tch.exists()).then_some(Bundle { name, library, tch })
    }

    /// Makes a bundle of a recipe's crates.
    ///
    /// # Errors
    /// When a compiler cannot be run, or does not compile it.
    pub fn make(recipe: &Recipe, folder: &Path, generation: usize) -> Result<Bundle> {
        std::fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
        let tch = folder.join(TCH);
        if !tch.exists() {
            make_tch(recipe, &tch)?;
        }
        let name = name(generation);
        let mut text = String::from("#![allow(unused)]\n");
        for name in recipe.crates() {
            text.push_str(&format!("pub extern crate {name};\n"));
        }
        let source = folder.join(format!("{name}.rs"));
        std::fs::write(&source, text).with_context(|| format!("{}", source.display()))?;
        let library = folder.join(format!("lib{name}.so"));
        let said = recipe.compile_bundle(&source, &name, &library, &tch)?;
        if !said.success {
            bail!("the crates of cells do not go into one library:\n{}", said.text.trim());
        }
        Ok(Bundle { name, library, tch })
    }
}

fn name(generation: usize) -> String {
    format!("cutpoint_cells_{generation}")
}

fn make_tch(recipe: &Recipe, to: &Path) -> Result<()> {
    let folders = recipe.native_folders();
    let archive = folders.iter().map(|folder| folder.join("libtch.a")).find(|path| path.exists());
    let archive = archive.context("libtch.a is in none of the folders that cells are linked from")?;
    let torch = folders.iter().find(|folder| folder.join("libtorch.so").exists()).context("libtorch.so is nowhere")?;
    let output = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()))
        .arg("-shared")
        .arg("-o")
        .arg(to)
        .arg(format!("-Wl,-soname,{TCH}"))
        .arg("-Wl,--whole-archive")
        .arg(&archive)
        .arg("-Wl,--no-whole-archive")
        .arg("-L")
        .arg(torch)
        .args(["-ltorch_cpu", "-ltorch", "-lc10", "-lstdc++"])
        .output()
        .context("cannot run cc")?;
    if !output.status.success() {
        bail!("{}: {}", to.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
