//! The kernelspec: how Jupyter learns of the kernel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{bail, Context, Result};
use serde_json::json;

/// The kernelspec's name.
const NAME: &str = "cutpoint";

/// Drawn for this kernel: layers, a cut through them, and what comes after it.
const LOGO_SVG: &str = include_str!("../../logo/logo-svg.svg");
const LOGO_64: &[u8] = include_bytes!("../../logo/logo-64x64.png");
const LOGO_32: &[u8] = include_bytes!("../../logo/logo-32x32.png");

#[derive(clap::Args)]
pub struct Place {
    /// For this user (the default)
    #[arg(long, conflicts_with_all = ["prefix", "sys_prefix"])]
    user: bool,
    /// Below a folder, such as a virtual environment
    #[arg(long, value_name = "FOLDER", conflicts_with = "sys_prefix")]
    prefix: Option<PathBuf>,
    /// In the environment of the `python3` on the path
    #[arg(long)]
    sys_prefix: bool,
}

impl Place {
    fn folder(&self) -> Result<PathBuf> {
        let data = if let Some(prefix) = &self.prefix {
            std::path::absolute(prefix)?.join("share/jupyter")
        } else if self.sys_prefix {
            let python = Command::new("python3").args(["-c", "import sys; print(sys.prefix)"]).output();
            let python = python.context("--sys-prefix asks python3, which cannot be run")?;
            let prefix = String::from_utf8_lossy(&python.stdout).trim().to_owned();
            if !python.status.success() || prefix.is_empty() {
                bail!("python3 does not say where its environment is");
            }
            Path::new(&prefix).join("share/jupyter")
        } else if let Some(data) = std::env::var_os("JUPYTER_DATA_DIR") {
            PathBuf::from(data)
        } else {
            let own = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
            let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/share"));
            own.or(home).context("HOME is not set")?.join("jupyter")
        };
        Ok(data.join("kernels").join(NAME))
    }
}

/// Writes the kernelspec.
pub fn install(place: &Place) -> Result<()> {
    let folder = place.folder()?;
    let program = std::env::current_exe()?;
    let mut env = serde_json::Map::new();
    // A kernel that was told where its things are is told so again whenever Jupyter starts it.
    for name in ["CUTPOINT_KERNEL_HOME", "CUTPOINT_SOURCE"] {
        if let Some(value) = std::env::var_os(name) {
            let value = std::path::absolute(value)?;
            env.insert(name.to_owned(), value.to_string_lossy().into());
        }
    }
    let spec = json!({
        "argv": [program.to_string_lossy(), "run", "{connection_file}"],
        "display_name": "Rust (cutpoint)",
        "language": "rust",
        "interrupt_mode": "message",
        "env": env,
        "metadata": {"debugger": false},
    });
    fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
    let write = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, content).with_context(|| format!("{}", path.display()))
    };
    write("kernel.json", serde_json::to_string_pretty(&spec)?.as_bytes())?;
    write("logo-svg.svg", LOGO_SVG.as_bytes())?;
    write("logo-64x64.png", LOGO_64)?;
    write("logo-32x32.png", LOGO_32)?;
    println!("installed the kernel {NAME} in {}", folder.display());
    Ok(())
}

/// Removes the kernelspec.
pub fn uninstall(place: &Place) -> Result<()> {
    let folder = place.folder()?;
    if !folder.join("kernel.json").is_file() {
        bail!("{}: no kernel is installed there", folder.display());
    }
    fs::remove_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
    println!("removed {}", folder.display());
    Ok(())
}
