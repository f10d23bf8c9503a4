//! Folders: the home with what `prepare` built, and the working folder that each kernel seeds from it.
//!
//! ```text
//! HOME/                     below the user's cache, one for each copy of the source
//!   settings.json           where libtorch and the tools are, and the state of the source that was built
//!   .cargo/config.toml      how dependencies are compiled, for the folders below
//!   seed/                   evcxr's folder after the preparation
//!   answers/                what cargo said during the preparation
//!   std/                    the standard library's source, shortened
//!   kernels/PID@MACHINE/ctx/   evcxr's folder of a running kernel: large files are links to the seed's
//!   kernels/PID@MACHINE/bin/   the stand-ins for cargo, rustup and rustc
//! ```

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::lock::Lock;
use crate::process::processes;

/// Where the crate cutpoint's source is: CUTPOINT_SOURCE, or where this program was built.
pub fn source() -> PathBuf {
    std::env::var_os("CUTPOINT_SOURCE")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), PathBuf::from)
        .canonicalize()
        .unwrap_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
}

/// The home: CUTPOINT_KERNEL_HOME, or a folder in the user's cache.
///
/// # Errors
/// When CUTPOINT_KERNEL_HOME is no path.
pub fn home() -> Result<PathBuf> {
    if let Some(home) = std::env::var_os("CUTPOINT_KERNEL_HOME").filter(|home| !home.is_empty()) {
        return std::path::absolute(&home)
            .with_context(|| format!("CUTPOINT_KERNEL_HOME={}: expected a folder", home.display()));
    }
    let name = format!("{:016x}", fnv(source().to_string_lossy().as_bytes()));
    Ok(cache().join(name))
}

/// The user's cache for kernels. A user without a home folder has one among the temporary files.
fn cache() -> PathBuf {
    let is_set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let caches = is_set("XDG_CACHE_HOME").or_else(|| is_set("HOME").map(|home| home.join(".cache")));
    let can_be_used = |cache: &PathBuf| fs::create_dir_all(cache.join("cutpoint-kernel")).is_ok();
    match caches.filter(can_be_used) {
        Some(cache) => cache.join("cutpoint-kernel"),
        // SAFETY: only returns a number.
        None => std::env::temp_dir().join(format!("cutpoint-kernel-{}", unsafe { libc::getuid() })),
    }
}

/// Where this user's kernels work: in the home, unless that is another's and cannot be written.
fn kernels(home: &Path) -> PathBuf {
    let own = home.join("kernels");
    let probe = own.join(format!(".{}", std::process::id()));
    match fs::create_dir_all(&probe) {
        Ok(()) => {
            let _ = fs::remove_dir(&probe);
            own
        }
        Err(_) => cache().join("kernels"),
    }
}

/// A short hash (FNV-1a): names folders and tells whether files changed.
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// What a preparation found and built.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub source: PathBuf,
    pub libtorch: PathBuf,
    /// The standard library's source, which rust-analyzer reads; none where the toolchain has it in its place.
    pub rust_src: Option<PathBuf>,
    pub cargo: PathBuf,
    pub rustc: PathBuf,
    /// Where the compiled standard library is, which cells are linked with.
    #[serde(default)]
    pub std_lib: PathBuf,
    /// The compiler's version, which decides whether what was built can be used.
    pub rustc_version: String,
    /// The state of the source that was built.
    pub stamp: u64,
    /// How it was built; counted up whenever the preparation does something else.
    #[serde(default)]
    pub recipe: u32,
}

impl Settings {
    fn path(home: &Path) -> PathBuf {
        home.join("settings.json")
    }

    /// The settings of the last preparation.
    ///
    /// # Errors
    /// When there was none.
    pub fn read(home: &Path) -> Result<Settings> {
        let path = Settings::path(home);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("{}: nothing is prepared yet; run `cutpoint-kernel prepare`", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{}", path.display()))
    }

    /// Keeps the settings.
    pub fn write(&self, home: &Path) -> Result<()> {
        let path = Settings::path(home);
        let new = path.with_extension("new");
        fs::write(&new, serde_json::to_string_pretty(self)?).with_context(|| format!("{}", new.display()))?;
        fs::rename(&new, &path).with_context(|| format!("{}", path.display()))
    }

    /// The same settings of a seed that has to be built again.
    pub fn stale(self) -> Settings {
        Settings { stamp: 0, recipe: 0, ..self }
    }

    /// Where the standard library's source is.
    pub fn std_source(&self) -> PathBuf {
        // The toolchain's own lies beside the compiled library.
        self.rust_src.clone().unwrap_or_else(|| self.std_lib.join("../../src/rust/library"))
    }

    /// Forgets them: what was built is no longer whole.
    pub fn forget(home: &Path) {
        let _ = fs::remove_file(Settings::path(home));
    }
}

/// The state of the crate's source: names, sizes and times of its files, and the versions of what it depends on.
pub fn stamp(source: &Path) -> u64 {
    let mut entries = vec![];
    let mut next =
        vec![source.join("src"), source.join("Cargo.toml"), source.join("Cargo.lock"), source.join("build.rs")];
    while let Some(path) = next.pop() {
        if path.is_dir() {
            // Programs are no part of the library.
            if path != source.join("src/bin") {
                next.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
            }
        } else if let Ok(meta) = path.metadata() {
            entries.push(format!("{} {} {:?}", path.display(), meta.len(), meta.modified().ok()));
        }
    }
    entries.sort();
    fnv(entries.join("\n").as_bytes())
}

/// A folder for one evcxr: the seed's own, or a kernel's copy, which is removed when this is dropped.
pub struct Work {
    root: PathBuf,
    evcxr: PathBuf,
    home: PathBuf,
}

impl Work {
    /// The seed itself, for the preparation.
    pub fn seed(home: &Path) -> Result<Work> {
        let work = Work { root: home.join("prepare"), evcxr: Work::seed_of(home), home: home.to_owned() };
        work.furnish()?;
        Ok(work)
    }

    /// Where the preparation leaves what it builds.
    pub fn seed_of(home: &Path) -> PathBuf {
        home.join("seed")
    }

    /// The name of this process's folder; nothing is made yet.
    pub fn of_this_kernel(home: &Path) -> Work {
        let root = kernels(home).join(format!("{}@{}", std::process::id(), host()));
        Work { evcxr: root.join("ctx"), root, home: home.to_owned() }
    }

    /// Removes what a former process of this number left behind.
    pub fn clear(&self) {
        let _ = fs::remove_dir_all(&self.root);
    }

    /// Makes the folder, a copy of the seed. Folders that killed kernels left behind are removed.
    pub fn fill(&self, home: &Path) -> Result<()> {
        let _lock = Lock::shared(home)?;
        sweep(self.root.parent().unwrap_or(home));
        self.furnish()?;
        copy(&Work::seed_of(home), &self.evcxr).with_context(|| format!("copying to {}", self.evcxr.display()))
    }

    fn furnish(&self) -> Result<()> {
        for folder in [self.bin(), self.config(), self.evcxr.clone(), self.root.join("no-std/core")] {
            fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
        }
        let program = std::env::current_exe()?;
        for name in ["cargo", "rustup", crate::toolchain::rustc::NAME] {
            let link = self.bin().join(name);
            let _ = fs::remove_file(&link);
            std::os::unix::fs::symlink(&program, &link).with_context(|| format!("{}", link.display()))?;
        }
        self.link_std(&self.root.join("no-std"))?;
        // cargo reads how crates are compiled from the folders above; this one may lie elsewhere than the home.
        let config = Path::new(".cargo/config.toml");
        if self.home.join(config).exists() && !self.root.starts_with(&self.home) {
            fs::create_dir_all(self.root.join(".cargo"))?;
            fs::copy(self.home.join(config), self.root.join(config))?;
        }
        // Cells are compiled to run once: compiling fast matters, and the arithmetic is in the dependencies.
        fs::write(self.config().join("evcxr.toml"), "[evcxr]\nopt_level = \"0\"\n")?;
        Ok(())
    }

    /// The kernel's folder, with all others in it.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where rust-analyzer looks for the standard library's source; there is none before [`Work::show_std`].
    pub fn std_link(&self) -> PathBuf {
        self.root.join("std")
    }

    /// Lets rust-analyzer find the standard library's source. evcxr runs it on a cell without dependencies at its start,
    /// for which reading all of the standard library takes long and serves nothing.
    ///
    /// # Errors
    /// When the link cannot be made.
    pub fn show_std(&self) -> Result<()> {
        self.link_std(&self.std())
    }

    fn link_std(&self, source: &Path) -> Result<()> {
        let link = self.std_link();
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(source, &link).with_context(|| format!("{}", link.display()))
    }

    /// Where the stand-ins for cargo, rustup and rustc are.
    pub fn bin(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// A folder with evcxr's configuration file.
    pub fn config(&self) -> PathBuf {
        self.root.join("config")
    }

    /// Where builds write what they do.
    pub fn build_log(&self) -> PathBuf {
        self.root.join("build.log")
    }

    /// Where the answers of cargo are kept, for all kernels.
    pub fn answers(&self) -> PathBuf {
        self.home.join("answers")
    }

    /// The standard library's source as rust-analyzer is given it, for all kernels.
    pub fn std(&self) -> PathBuf {
        self.home.join("std")
    }

    /// evcxr's folder.
    pub fn evcxr(&self) -> &Path {
        &self.evcxr
    }

    /// Removes the folder.
    pub fn remove(&self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The name of this machine: several may share a home folder, and know nothing of each other's processes.
fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}

/// Removes the folders of this machine's kernels that are gone.
fn sweep(kernels: &Path) {
    let host = host();
    for entry in fs::read_dir(kernels).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // A number alone is how folders were called before machines were told apart.
        let (id, of) = name.split_once('@').unwrap_or((&name, &host));
        let process = id.parse::<u32>().ok().filter(|_| of == host);
        if process.is_some_and(|process| !processes::is_alive(process)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Files that nothing writes to again can be shared with the seed: those of crates from the registry. The crate
/// cutpoint itself may be rebuilt; cargo writes to its own locks and notes; torch-sys looks for libtorch again where
/// that moves.
fn can_be_shared(path: &Path) -> bool {
    let mut names = path.iter().map(|name| name.to_string_lossy()).skip_while(|name| name != "target").skip(1);
    let rebuilt = |name: &str| {
        ["cutpoint", "ctx", "torch-sys", "torch_sys"].iter().any(|part| name.contains(part)) || name.starts_with('.')
    };
    let last = path.file_name().unwrap_or_default().to_string_lossy();
    if last.starts_with(crate::process::frames::LIBRARY) || last.starts_with("libcutpoint_cells_") {
        return true;
    }
    let mut any = false;
    let written_again = names.any(|name| {
        any = true;
        rebuilt(&name) && name != ".fingerprint"
    });
    (any && !written_again && last != "CACHEDIR.TAG") || (last.ends_with(".rlib") && last.contains("torch_sys"))
}

/// Copies a folder with the times of its files, by which cargo knows what is fresh.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (old, new) = (entry.path(), to.join(entry.file_name()));
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            // What cells left is of no use in another folder.
            if name != "incremental" && name != "examples" && !name.starts_with("ctx-") {
                copy(&old, &new)?;
            }
        } else if name.starts_with("libcode_")
            || name.starts_with("libctx")
            || name.starts_with("ctx-")
            || name.ends_with(".d")
        {
            continue;
        } else if !(can_be_shared(&old)
            && (fs::hard_link(&old, &new).is_ok() || std::os::unix::fs::symlink(&old, &new).is_ok()))
        {
            fs::copy(&old, &new)?;
            File::options().write(true).open(&new)?.set_modified(entry.metadata()?.modified()?)?;
        }
    }
    Ok(())
}

/// Removes the home, unless a kernel runs in it.
pub fn clean() -> Result<()> {
    let home = home()?;
    if !home.exists() {
        println!("nothing to remove: {} is not there", home.display());
        return Ok(());
    }
    sweep(&home.join("kernels"));
    if let Some(Ok(kernel)) = fs::read_dir(home.join("kernels")).ok().and_then(|mut kernels| kernels.next()) {
        let path = kernel.path();
        anyhow::bail!(
            "{}: the kernel PID@MACHINE is running; shut it down first, or remove its folder",
            path.display()
        );
    }
    fs::remove_dir_all(&home).with_context(|| format!("{}", home.display()))?;
    println!("removed {}", home.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_times_shares_large_files_and_leaves_cells_behind() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a/target"), folder.path().join("b/target"));
        fs::create_dir_all(from.join("deps/incremental")).unwrap();
        for name in ["libbig.rlib", "libcutpoint.rlib", ".lock", "libcode_1.so"] {
            fs::write(from.join("deps").join(name), name).unwrap();
        }
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        File::options().write(true).open(from.join("deps/.lock")).unwrap().set_modified(old).unwrap();
        copy(&from, &to).unwrap();
        let inode = |path: PathBuf| path.metadata().unwrap().ino();
        assert_eq!(inode(from.join("deps/libbig.rlib")), inode(to.join("deps/libbig.rlib")));
        assert_ne!(inode(from.join("deps/libcutpoint.rlib")), inode(to.join("deps/libcutpoint.rlib")));
        assert_eq!(to.join("deps/.lock").metadata().unwrap().modified().unwrap(), old);
        assert!(!to.join("deps/libcode_1.so").exists() && !to.join("deps/incremental").exists());
    }

    #[test]
    fn a_stamp_changes_with_the_source() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        fs::write(folder.path().join("src/lib.rs"), "a").unwrap();
        let before = stamp(folder.path());
        assert_eq!(stamp(folder.path()), before);
        fs::write(folder.path().join("src/lib.rs"), "ab").unwrap();
        assert_ne!(stamp(folder.path()), before);
    }
}
