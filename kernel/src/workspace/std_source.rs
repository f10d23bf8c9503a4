//! A copy of the standard library's source that rust-analyzer reads in half the time.
//!
//! rust-analyzer expands the macros that define the numbers' methods, each with its documentation, for every type of
//! number, and reads the thousands of processor intrinsics. The copy has no intrinsics, no tests, and no documentation
//! inside macros; that of everything else stays, for the notebook's tooltips.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Folders that are left out.
const LEFT_OUT: [&str; 6] = ["stdarch", "tests", "benches", "examples", "coretests", "alloctests"];

/// Copies the folder of the standard library's source, with `core/` and so on in it.
///
/// # Errors
/// When a file cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("{}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("{}", from.display()))? {
        let (old, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        let (name, new) = (name.to_string_lossy().into_owned(), to.join(&name));
        if old.is_dir() {
            if !LEFT_OUT.contains(&name.as_str()) {
                copy(&old, &new)?;
            }
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&old).with_context(|| format!("{}", old.display()))?;
            fs::write(&new, short(&text)).with_context(|| format!("{}", new.display()))?;
        } else if ["Cargo.toml", "Cargo.lock"].contains(&name.as_str()) {
            fs::copy(&old, &new).with_context(|| format!("{}", new.display()))?;
        }
    }
    Ok(())
}

/// A source text without the documentation inside its macros, as rustfmt lays them out.
fn short(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // The indentation of the macro that a line is in, and whether an attribute of documentation goes on.
    let (mut within, mut goes_on) = (None, false);
    for line in text.lines() {
        let code = line.trim();
        let indentation = &line[..line.len() - line.trim_start().len()];
        match within {
            None if begins_macro(code) => within = Some(indentation),
            None => {}
            Some(outer) if outer == indentation && code.starts_with(['}', ')']) => within = None,
            Some(_) => {
                let begins = code.starts_with("#[doc") || code.starts_with("#![doc");
                if goes_on || begins {
                    goes_on = !code.ends_with(']');
                    continue;
                }
                if code.starts_with("///") || code.starts_with("//!") {
                    continue;
                }
            }
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// Whether a line begins the definition of a macro, or a use of one that goes on over several lines.
fn begins_macro(code: &str) -> bool {
    let open = code.ends_with(['{', '(']);
    let code = code.strip_prefix("pub ").or_else(|| code.strip_prefix("pub(crate) ")).unwrap_or(code);
    let name = code.split('!').next().unwrap_or_default();
    let used = code.len() > name.len() && !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    open && (code.starts_with("macro ") || used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_documentation_in_macros_goes() {
        let text = "/// Kept.\nfn a() {\n    //! Kept.\n}\nmacro_rules! int {\n    ($T:ty) => {\n        /// Gone.\n        \
                    #[doc = \"gone\"]\n        #[doc = concat!(\n            \"gone\",\n        )]\n        #[inline]\n        \
                    fn b() {}\n    };\n}\nint! {\n    /// Gone.\n    u8\n}\n/// Kept.\nfn c() {}\n";
        let short = short(text);
        assert!(!short.to_lowercase().contains("gone"), "{short}");
        assert_eq!(short.matches("Kept").count(), 3);
        assert!(short.contains("#[inline]\n        fn b() {}\n    };\n}\nint! {\n    u8\n}"), "{short}");
    }

    #[test]
    fn intrinsics_and_tests_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        for name in ["core/src/lib.rs", "core/Cargo.toml", "stdarch/src/lib.rs", "core/tests/a.rs", "core/README.md"] {
            fs::create_dir_all(from.join(name).parent().unwrap()).unwrap();
            fs::write(from.join(name), "// text\n").unwrap();
        }
        let to = folder.path().join("to");
        copy(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("core/src/lib.rs")).unwrap(), "// text\n");
        assert!(to.join("core/Cargo.toml").exists() && !to.join("core/README.md").exists());
        assert!(!to.join("stdarch").exists() && !to.join("core/tests").exists());
    }
}
