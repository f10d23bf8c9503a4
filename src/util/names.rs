//! Names as people write them.

/// Letters and digits only, in lower case: how names are compared (`Fashion-MNIST`, `fashion_mnist`).
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    #[test]
    fn case_hyphens_and_dots_make_no_difference() {
        assert_eq!(super::plain("Fashion-MNIST"), super::plain("fashion_mnist"));
        assert_ne!(super::plain("resnet18"), super::plain("resnet34"));
    }
}
