//! Names as people write them.

use crate::error::{Error, Result};

/// Letters and digits only, in lower case: how names are compared (`Fashion-MNIST`, `fashion_mnist`).
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// Refuses what is no plain name of a folder: letters, digits, `-` and `_`, and at least one of them. `parameter` is what
/// the name is known as to the user.
///
/// # Errors
/// [`Error::Parameter`].
pub(crate) fn check_name(parameter: &'static str, name: &str) -> Result<()> {
    if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_') {
        return Ok(());
    }
    Err(Error::parameter(parameter, "a name of letters, digits, - and _", format!("`{name}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_hyphens_and_dots_make_no_difference() {
        assert_eq!(plain("Fashion-MNIST"), plain("fashion_mnist"));
        assert_ne!(plain("resnet18"), plain("resnet34"));
    }

    #[test]
    fn what_would_lead_out_of_a_folder_is_no_name() {
        for name in ["signs", "Größe_2", "a-b"] {
            check_name("name", name).unwrap();
        }
        for name in ["", "..", "a/b", "a b", "a.json"] {
            let error = check_name("name", name).unwrap_err().to_string();
            assert!(error.ends_with(&format!("- and _, found `{name}`")), "{error}");
        }
    }
}
