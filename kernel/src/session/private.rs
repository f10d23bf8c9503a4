//! Names in crates that cells cannot use: rust-analyzer takes all crates for the reader's own, and offers them.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use ra_ap_syntax::ast::{self, HasName, HasVisibility, VisibilityKind};
use ra_ap_syntax::{AstNode, Edition, SourceFile};

/// A name, and whether it is one of a field.
type Member = (String, bool);

/// Fields and methods that are private in some crates.
#[derive(Default)]
pub struct Private {
    private: HashSet<Member>,
    public: HashSet<Member>,
    /// The private members of each type, by its name without path.
    of_types: HashMap<String, HashSet<Member>>,
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
                let of = field.syntax().ancestors().find_map(ast::Struct::cast).and_then(|of| of.name());
                self.add(field.name(), &field, true, of.map(|name| name.text().to_string()));
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
                    self.public.extend(function.name().map(|name| (name.text().to_string(), false)));
                } else {
                    let of = function.syntax().ancestors().find_map(ast::Impl::cast).and_then(|of| of.self_ty());
                    self.add(function.name(), &function, false, of.map(|kind| base(&kind.syntax().text().to_string())));
                }
            }
        }
    }

    fn add(&mut self, name: Option<ast::Name>, item: &impl HasVisibility, is_field: bool, of: Option<String>) {
        let Some(name) = name.map(|name| (name.text().to_string(), is_field)) else { return };
        let is_public = item.visibility().is_some_and(|visibility| matches!(visibility.kind(), VisibilityKind::Pub));
        if is_public {
            self.public.insert(name)
        } else {
            if let Some(of) = of {
                self.of_types.entry(of).or_default().insert(name.clone());
            }
            self.private.insert(name)
        };
    }

    /// Whether a field or method of this name can be of no use to a cell: it is private in the type that it belongs to,
    /// or, where that is not known, wherever it occurs.
    pub fn hides(&self, name: &str, is_field: bool, of: Option<&str>) -> bool {
        let member = (name.split(['(', '<', ' ']).next().unwrap_or(name).to_owned(), is_field);
        match of.and_then(|of| self.of_types.get(&base(of))) {
            Some(private) => private.contains(&member),
            None => self.private.contains(&member) && !self.public.contains(&member),
        }
    }
}

/// A type's name without its path and its arguments.
fn base(kind: &str) -> String {
    let kind = kind.trim_start_matches(['&', ' ']).split('<').next().unwrap_or_default();
    kind.rsplit("::").next().unwrap_or_default().trim().to_owned()
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
        let hidden = |is_field, of| -> Vec<&str> {
            ["a", "b", "c", "f", "g", "h", "unknown"].into_iter().filter(|n| names.hides(n, is_field, of)).collect()
        };
        assert_eq!(hidden(true, None), ["b", "c"]);
        assert_eq!(hidden(false, None), ["g"]);
        assert_eq!(hidden(true, Some("x::A<i32>")), ["b", "c"]);
        assert_eq!(hidden(true, Some("B")), ["a"]);
        assert!(names.hides("g()", false, None));
    }
}
