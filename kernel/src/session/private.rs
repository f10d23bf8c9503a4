//! Names in crates that cells cannot use: rust-analyzer takes all crates for the reader's own, and offers them.

use std::collections::HashSet;
use std::path::Path;

use ra_ap_syntax::ast::{self, HasName, HasVisibility, VisibilityKind};
use ra_ap_syntax::{AstNode, Edition, SourceFile};

/// Fields and methods that are private wherever they occur in some crates.
#[derive(Default)]
pub struct Private {
    private: HashSet<String>,
    public: HashSet<String>,
}

impl Private {
    /// Learns the names in a folder of source files. What cannot be read is passed over.
    pub fn learn(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                self.learn(&path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                if let Ok(text) = std::fs::read_to_string(&path) {
                    self.learn_text(&text);
                }
            }
        }
    }

    fn learn_text(&mut self, text: &str) {
        let file = SourceFile::parse(text, Edition::Edition2021).tree();
        for node in file.syntax().descendants() {
            if let Some(field) = ast::RecordField::cast(node.clone()) {
                self.add(field.name(), &field);
            } else if let Some(function) = ast::Fn::cast(node) {
                // Functions of traits are as visible as their trait.
                let of_trait = function.syntax().ancestors().find_map(|above| {
                    let is_trait = ast::Trait::can_cast(above.kind());
                    let is_impl = ast::Impl::cast(above).map(|of| of.trait_().is_some());
                    if is_trait {
                        Some(true)
                    } else {
                        is_impl
                    }
                });
                if of_trait == Some(true) {
                    self.public.extend(function.name().map(|name| name.text().to_string()));
                } else {
                    self.add(function.name(), &function);
                }
            }
        }
    }

    fn add(&mut self, name: Option<ast::Name>, item: &impl HasVisibility) {
        let Some(name) = name.map(|name| name.text().to_string()) else { return };
        let is_public = item.visibility().is_some_and(|visibility| matches!(visibility.kind(), VisibilityKind::Pub));
        if is_public {
            self.public.insert(name)
        } else {
            self.private.insert(name)
        };
    }

    /// Whether a field or method of this name can be of no use to a cell.
    pub fn hides(&self, name: &str) -> bool {
        let name = name.split(['(', '<', ' ']).next().unwrap_or(name);
        self.private.contains(name) && !self.public.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_private_everywhere_is_hidden() {
        let mut names = Private::default();
        names.learn_text(
            "pub struct A { pub a: i32, b: i32, pub(crate) c: i32 }\nimpl A { pub fn f() {} fn g() {} }\n\
             pub trait T { fn h(&self); }\nimpl T for A { fn h(&self) {} }\nstruct B { a: i32 }",
        );
        let hidden: Vec<&str> =
            ["a", "b", "c", "f", "g", "h", "unknown"].into_iter().filter(|n| names.hides(n)).collect();
        assert_eq!(hidden, ["b", "c", "g"]);
        assert!(names.hides("g()"));
    }
}
