//! A cell taken apart: commands, definitions and statements, and where it can be stopped.

use std::collections::BTreeSet;
use std::ops::Range;

use ra_ap_syntax::ast::{self, HasModuleItem, HasName};
use ra_ap_syntax::{AstNode, Edition, SourceFile, SyntaxKind, SyntaxNode, SyntaxToken};

use super::source::Edit;

/// What stands around the statements of a cell so that they parse.
const BEFORE: &str = "async fn cell() {\n";
/// The call at which a cell can be stopped.
pub const POINT: &str = "::cutpoint::notebook::cell::point();";

/// A definition in a cell.
#[derive(Clone, Debug)]
pub struct Item {
    pub range: Range<usize>,
    pub kind: ItemKind,
    /// What is changed when it is compiled: points, and functions that were defined anew elsewhere.
    pub edits: Vec<Edit>,
}

/// What a definition defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// A name in the namespaces of types and values, or in one of them. Whether the layout of values may depend on it.
    Named { name: String, types: bool, values: bool, layout: bool },
    /// A macro.
    Macro(String),
    /// An import: each name and the text that imports it; `*` and `_` have none.
    Use(Vec<(Option<String>, String)>),
    /// `impl Trait for Type`: its head.
    TraitImpl { head: String },
    /// `impl Type`: its head, and what is in it.
    Impl { head: String, members: Vec<(String, Range<usize>)> },
    /// `extern { .. }`: the names in it.
    Extern(Vec<(String, Range<usize>)>),
    /// An attribute of the whole crate.
    Attribute,
    /// Something without a name, such as the call of a macro that defines.
    Other(String),
}

/// A variable that a statement declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    pub name: String,
    pub mutable: bool,
    pub range: Range<usize>,
}

/// A statement of a cell.
#[derive(Clone, Debug)]
pub struct Statement {
    pub range: Range<usize>,
    pub kind: StatementKind,
    pub edits: Vec<Edit>,
}

/// What a statement does, as far as variables are concerned.
#[derive(Clone, Debug)]
pub enum StatementKind {
    /// `let pattern: type = value else { .. };`
    Let { bindings: Vec<Binding>, kind: Option<String>, value: Option<Range<usize>>, otherwise: Option<Range<usize>> },
    /// `name = value;`
    Assign { name: String, value: Range<usize> },
    /// Anything else that ends where it ends.
    Other,
    /// The expression that ends the cell.
    Value,
}

/// A cell taken apart. Ranges are bytes of its text.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    pub items: Vec<Item>,
    pub statements: Vec<Statement>,
    /// Whether a statement waits for something asynchronous.
    pub is_async: bool,
    /// The words of its statements, whatever they mean: what is not among them is not used.
    pub words: BTreeSet<String>,
}

/// A cell in which commands (`:dep`, `!ls`) are blank, and the commands: each with its line, counted from 1.
pub fn without_commands(code: &str) -> (String, Vec<(usize, String)>) {
    let (mut rest, mut commands) = (String::new(), vec![]);
    let mut in_code = false;
    for (number, line) in (1..).zip(code.split_inclusive('\n')) {
        let text = line.trim();
        if !in_code && super::syntax::is_command(line) {
            commands.push((number, text.to_owned()));
            rest.extend(line.chars().filter(|c| *c == '\n'));
            // The same length, so that places stay.
            rest.insert_str(
                rest.len() - usize::from(line.ends_with('\n')),
                &" ".repeat(line.trim_end_matches('\n').len()),
            );
            continue;
        }
        in_code |= !text.is_empty() && !text.starts_with("//");
        rest.push_str(line);
    }
    (rest, commands)
}

/// Takes a cell apart. None when it does not parse: the compiler says better why.
pub fn parse(code: &str) -> Option<Parsed> {
    let parsed = SourceFile::parse(&format!("{BEFORE}{code}\n}}"), Edition::Edition2024);
    if !parsed.errors().is_empty() {
        return None;
    }
    let file = parsed.tree();
    let mut items = file.items();
    let (Some(ast::Item::Fn(function)), None) = (items.next(), items.next()) else { return None };
    let list = function.body()?.stmt_list()?;
    let mut cell = Parsed::default();
    let children: Vec<SyntaxNode> = list.syntax().children().collect();
    for (at, child) in children.iter().enumerate() {
        let is_last = at + 1 == children.len();
        if let Some(item) = item(child, code) {
            cell.items.push(item);
            continue;
        }
        let range = range_of(child);
        let mut edits = vec![];
        points(child, code, &mut edits);
        cell.is_async |= waits(child);
        let kind = statement_kind(child, is_last);
        words(child, &mut cell.words);
        edits.sort_by_key(|edit| (edit.at.start, edit.at.end));
        cell.statements.push(Statement { range, kind, edits });
    }
    Some(cell)
}

fn range_of(node: &SyntaxNode) -> Range<usize> {
    let range = node.text_range();
    usize::from(range.start()) - BEFORE.len()..usize::from(range.end()) - BEFORE.len()
}

fn range_of_token(token: &SyntaxToken) -> Range<usize> {
    let range = token.text_range();
    usize::from(range.start()) - BEFORE.len()..usize::from(range.end()) - BEFORE.len()
}

fn statement_kind(node: &SyntaxNode, is_last: bool) -> StatementKind {
    if let Some(statement) = ast::LetStmt::cast(node.clone()) {
        let mut bindings = vec![];
        if let Some(pattern) = statement.pat() {
            bindings_of(pattern.syntax(), &mut bindings);
        }
        let kind = statement.ty().map(|kind| kind.syntax().text().to_string());
        let value = statement.initializer().map(|value| range_of(value.syntax()));
        let otherwise = statement.let_else().and_then(|rest| rest.block_expr()).map(|block| range_of(block.syntax()));
        return StatementKind::Let { bindings, kind, value, otherwise };
    }
    let expression = match ast::ExprStmt::cast(node.clone()) {
        Some(statement) => statement.expr(),
        None => ast::Expr::cast(node.clone()),
    };
    if let Some(ast::Expr::BinExpr(assignment)) = expression {
        let is_plain = assignment.op_token().is_some_and(|token| token.kind() == SyntaxKind::EQ);
        let name = match assignment.lhs() {
            Some(ast::Expr::PathExpr(path)) => path.path().and_then(|path| path.as_single_name_ref()),
            _ => None,
        };
        if let (true, Some(name), Some(value)) = (is_plain, name, assignment.rhs()) {
            return StatementKind::Assign { name: name.text().to_string(), value: range_of(value.syntax()) };
        }
    }
    if is_last && ast::Expr::can_cast(node.kind()) {
        return StatementKind::Value;
    }
    StatementKind::Other
}

/// The variables of a pattern. A name that starts with a capital letter is a constant or a variant.
fn bindings_of(pattern: &SyntaxNode, out: &mut Vec<Binding>) {
    for part in pattern.descendants().filter_map(ast::IdentPat::cast) {
        let Some(name) = part.name() else { continue };
        let text = name.text().to_string();
        let is_constant = text.starts_with(char::is_uppercase)
            && part.mut_token().is_none()
            && part.ref_token().is_none()
            && part.pat().is_none()
            && pattern != part.syntax();
        if !is_constant {
            out.push(Binding { name: text, mutable: part.mut_token().is_some(), range: range_of(name.syntax()) });
        }
    }
}

/// Whether a node waits for something asynchronous by itself, not in a function or block of its own.
fn waits(node: &SyntaxNode) -> bool {
    if ast::AwaitExpr::can_cast(node.kind()) {
        return true;
    }
    let is_own = ast::Fn::can_cast(node.kind())
        || ast::ClosureExpr::can_cast(node.kind())
        || ast::BlockExpr::cast(node.clone()).is_some_and(|block| block.async_token().is_some());
    let in_macro = ast::TokenTree::can_cast(node.kind())
        && node.children_with_tokens().any(|part| part.as_token().is_some_and(|t| t.kind() == SyntaxKind::AWAIT_KW));
    in_macro || !is_own && node.children().any(|child| waits(&child))
}

/// All words of a node, in texts and comments as well: a format string may name a variable.
fn words(node: &SyntaxNode, out: &mut BTreeSet<String>) {
    let text = node.text().to_string();
    let parts = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    out.extend(parts.filter(|word| !word.is_empty()).map(str::to_owned));
}

/// How often a word stands in a text.
pub fn count_word(text: &str, word: &str) -> usize {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|part| *part == word).count()
}

/// Where a node can be stopped: at the head of each loop, function and closure, and before each statement in a block.
fn points(node: &SyntaxNode, text: &str, edits: &mut Vec<Edit>) {
    let kind = node.kind();
    if ast::Const::can_cast(kind)
        || ast::Static::can_cast(kind)
        || ast::ConstArg::can_cast(kind)
        || ast::Attr::can_cast(kind)
        || ast::TokenTree::can_cast(kind)
        || ast::Type::can_cast(kind)
        || ast::Variant::can_cast(kind)
    {
        return;
    }
    if let Some(function) = ast::Fn::cast(node.clone()) {
        if function.const_token().is_some() {
            return;
        }
    }
    if let Some(block) = ast::BlockExpr::cast(node.clone()) {
        if block.const_token().is_some() {
            return;
        }
        if let Some(list) = block.stmt_list() {
            for child in list.syntax().children() {
                let is_item = ast::Item::can_cast(child.kind()) && !ast::MacroCall::can_cast(child.kind());
                if !is_item && !ast::Attr::can_cast(child.kind()) {
                    edits.push(Edit::insert(start_of_code(&child), POINT));
                }
            }
            // An endless loop may have nothing in it.
            let is_body = node.parent().is_some_and(|parent| {
                ast::LoopExpr::can_cast(parent.kind())
                    || ast::WhileExpr::can_cast(parent.kind())
                    || ast::ForExpr::can_cast(parent.kind())
            });
            let is_empty = list.syntax().children().next().is_none();
            if let Some(brace) = list.l_curly_token().filter(|_| is_body && is_empty) {
                edits.push(Edit::insert(range_of_token(&brace).end, POINT));
            }
        }
    }
    // A place in a program is where an expression starts; the `?` of a chain over several lines is further down.
    if let Some(question) = ast::TryExpr::cast(node.clone()) {
        if let (Some(value), Some(mark)) = (question.expr(), question.question_mark_token()) {
            let (value, mark) = (range_of(value.syntax()), range_of_token(&mark));
            let line = |at: usize| text[..at].matches('\n').count() + 1;
            if line(value.start) != line(mark.start) {
                edits.push(Edit::insert(value.start, "::cutpoint::notebook::cell::at("));
                edits.push(Edit::close(value.end, format!(", {}, {})", line(value.start), line(mark.start))));
            }
        }
    }
    if let Some(closure) = ast::ClosureExpr::cast(node.clone()) {
        match closure.body() {
            Some(ast::Expr::BlockExpr(_)) | None => {}
            Some(body) if closure.ret_type().is_none() => {
                let range = range_of(body.syntax());
                edits.push(Edit::insert(range.start, format!("{{{POINT}")));
                node.children().for_each(|child| points(&child, text, edits));
                edits.push(Edit::close(range.end, "}"));
                return;
            }
            Some(_) => {}
        }
    }
    node.children().for_each(|child| points(&child, text, edits));
}

/// Where a statement's own text starts, behind comments that belong to it.
fn start_of_code(node: &SyntaxNode) -> usize {
    let first =
        node.children_with_tokens().find(|part| !matches!(part.kind(), SyntaxKind::WHITESPACE | SyntaxKind::COMMENT));
    first.map_or_else(|| range_of(node).start, |part| usize::from(part.text_range().start()) - BEFORE.len())
}

/// The definition that a node is, if it is one.
fn item(node: &SyntaxNode, code: &str) -> Option<Item> {
    let range = range_of(node);
    if ast::Attr::can_cast(node.kind()) {
        return Some(Item { range, kind: ItemKind::Attribute, edits: vec![] });
    }
    let name = |item: &dyn HasNameText| item.text().unwrap_or_default();
    let named = |name: String, types: bool, values: bool| {
        let layout = !ast::Fn::can_cast(node.kind());
        ItemKind::Named { name, types, values, layout }
    };
    let statement = ast::ExprStmt::cast(node.clone()).and_then(|statement| statement.expr());
    let expression = statement.map_or_else(|| node.clone(), |expression| expression.syntax().clone());
    let kind = if let Some(call) = ast::MacroExpr::cast(expression).and_then(|expr| expr.macro_call()) {
        // Macros that define things by themselves.
        let path = call.path()?.syntax().text().to_string();
        let defines = ["thread_local", "std::thread_local", "lazy_static", "lazy_static::lazy_static"];
        if !defines.contains(&path.as_str()) {
            return None;
        }
        ItemKind::Other(node.text().to_string().split_whitespace().take(8).collect::<Vec<_>>().join(" "))
    } else {
        match ast::Item::cast(node.clone())? {
            ast::Item::Fn(item) => named(name(&item), false, true),
            ast::Item::Const(item) if item.underscore_token().is_some() => ItemKind::Other(node.text().to_string()),
            ast::Item::Const(item) => named(name(&item), false, true),
            ast::Item::Static(item) => named(name(&item), false, true),
            ast::Item::Struct(item) => {
                let has_fields = matches!(item.field_list(), Some(ast::FieldList::RecordFieldList(_)));
                named(name(&item), true, !has_fields)
            }
            ast::Item::Enum(item) => named(name(&item), true, false),
            ast::Item::Union(item) => named(name(&item), true, false),
            ast::Item::Trait(item) => named(name(&item), true, false),
            ast::Item::TypeAlias(item) => named(name(&item), true, false),
            ast::Item::Module(item) => named(name(&item), true, false),
            ast::Item::ExternCrate(item) => named(item.name_ref()?.text().to_string(), true, false),
            ast::Item::MacroRules(item) => ItemKind::Macro(name(&item)),
            ast::Item::MacroDef(item) => ItemKind::Macro(name(&item)),
            ast::Item::MacroCall(_) => ItemKind::Other(node.text().to_string()),
            ast::Item::AsmExpr(_) => ItemKind::Other(node.text().to_string()),
            ast::Item::Use(item) => {
                let mut imports = vec![];
                imports_of(&item.use_tree()?, "", &mut imports);
                ItemKind::Use(imports)
            }
            ast::Item::ExternBlock(item) => ItemKind::Extern(
                (item.extern_item_list().iter().flat_map(|list| list.extern_items()))
                    .filter_map(|item| {
                        let name = item.syntax().children().find_map(ast::Name::cast)?;
                        Some((name.text().to_string(), range_of(item.syntax())))
                    })
                    .collect(),
            ),
            ast::Item::Impl(item) => {
                let list = item.assoc_item_list();
                let head_end = list.as_ref().map_or(node.text_range().end(), |list| list.syntax().text_range().start());
                let start = item.impl_token()?.text_range().start() - node.text_range().start();
                let text = node.text().to_string();
                let head = &text[usize::from(start)..usize::from(head_end - node.text_range().start())];
                let head = head.split_whitespace().collect::<Vec<_>>().join(" ");
                if item.trait_().is_some() {
                    ItemKind::TraitImpl { head }
                } else {
                    let members = (list.iter().flat_map(|list| list.assoc_items()))
                        .filter_map(|member| {
                            let name = member.syntax().children().find_map(ast::Name::cast)?;
                            Some((name.text().to_string(), range_of(member.syntax())))
                        })
                        .collect();
                    ItemKind::Impl { head, members }
                }
            }
        }
    };
    let mut edits = vec![];
    if !matches!(kind, ItemKind::Macro(_) | ItemKind::Use(_)) {
        points(node, code, &mut edits);
    }
    edits.sort_by_key(|edit| (edit.at.start, edit.at.end));
    Some(Item { range, kind, edits })
}

trait HasNameText {
    fn text(&self) -> Option<String>;
}

impl<T: HasName> HasNameText for T {
    fn text(&self) -> Option<String> {
        self.name().map(|name| name.text().to_string())
    }
}

/// The single imports of a tree: the name that each brings, and its path.
fn imports_of(tree: &ast::UseTree, before: &str, out: &mut Vec<(Option<String>, String)>) {
    let own = tree.path().map(|path| path.syntax().text().to_string()).unwrap_or_default();
    let path = match (before.is_empty(), own.is_empty()) {
        (_, true) => before.to_owned(),
        (true, false) => own.clone(),
        (false, false) => format!("{before}::{own}"),
    };
    if let Some(list) = tree.use_tree_list() {
        list.use_trees().for_each(|tree| imports_of(&tree, &path, out));
        return;
    }
    if tree.star_token().is_some() {
        out.push((None, format!("{path}::*")));
        return;
    }
    let path = path.strip_suffix("::self").map_or(path.clone(), str::to_owned);
    let last = path.rsplit("::").next().unwrap_or_default().to_owned();
    match tree.rename() {
        Some(rename) => {
            let name = rename.name().map(|name| name.text().to_string());
            let text = format!("{path} as {}", name.as_deref().unwrap_or("_"));
            out.push((name, text));
        }
        None => out.push((Some(last), path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(code: &str, edits: &[Edit], range: Range<usize>) -> String {
        let mut source = super::super::source::Source::default();
        super::super::source::push_edited(&mut source, 1, code, range, edits);
        source.text.replace(POINT, "@")
    }

    #[test]
    fn a_cell_is_definitions_and_statements() {
        let code =
            "use std::fs;\nlet a = 1;\nfn f() -> i32 { 2 }\nlet (mut b, Some(c)) = g() else { panic!() };\nb = 3;\nf()";
        let cell = parse(code).unwrap();
        assert_eq!(cell.items.len(), 2);
        let names = |at: usize| match &cell.statements[at].kind {
            StatementKind::Let { bindings, .. } => bindings.iter().map(|b| (b.name.as_str(), b.mutable)).collect(),
            _ => vec![],
        };
        assert_eq!(names(0), [("a", false)]);
        assert_eq!(names(1), [("b", true), ("c", false)]);
        assert!(matches!(&cell.statements[2].kind, StatementKind::Assign { .. }));
        assert!(matches!(cell.statements[3].kind, StatementKind::Value));
        assert!(cell.words.contains("g") && !cell.words.contains("fs"));
    }

    #[test]
    fn a_cell_can_be_stopped_in_loops_functions_and_closures() {
        let code = "for i in 0..3 { f(i); g() }\nloop {}\nx.map(|y| y + 1);";
        let cell = parse(code).unwrap();
        let text = |at: usize| edited(code, &cell.statements[at].edits, cell.statements[at].range.clone());
        assert_eq!(text(0), "for i in 0..3 { @f(i); @g() }");
        assert_eq!(text(1), "loop {@}");
        assert_eq!(text(2), "x.map(|y| {@y + 1});");
        let code = "let a = f()?\n    .g()?;";
        let cell = parse(code).unwrap();
        let text = edited(code, &cell.statements[0].edits, cell.statements[0].range.clone());
        assert_eq!(text, "let a = ::cutpoint::notebook::cell::at(f()?\n    .g(), 1, 2)?;");
        let code = "fn f() { /* why */ let a = 1; a }\nconst fn g() -> i32 { 1 }\nconst A: i32 = { 1 };";
        let cell = parse(code).unwrap();
        let text = |at: usize| edited(code, &cell.items[at].edits, cell.items[at].range.clone());
        assert_eq!(text(0), "fn f() { /* why */ @let a = 1; @a }");
        assert_eq!(text(1), "const fn g() -> i32 { 1 }");
        assert_eq!(text(2), "const A: i32 = { 1 };");
    }

    #[test]
    fn imports_are_taken_apart() {
        let cell = parse("use a::{b, c as d, e::{self, *}, f as _};").unwrap();
        let ItemKind::Use(imports) = &cell.items[0].kind else { panic!() };
        let found: Vec<_> = imports.iter().map(|(name, text)| (name.as_deref(), text.as_str())).collect();
        assert_eq!(
            found,
            [
                (Some("b"), "a::b"),
                (Some("d"), "a::c as d"),
                (Some("e"), "a::e"),
                (None, "a::e::*"),
                (None, "a::f as _")
            ]
        );
    }

    #[test]
    fn implementations_are_known_by_their_heads() {
        let cell = parse("impl<T>  Show for\n P<T> {}\nimpl P { fn a(&self) {} const B: i32 = 1; }").unwrap();
        assert_eq!(cell.items[0].kind, ItemKind::TraitImpl { head: "impl<T> Show for P<T>".into() });
        let ItemKind::Impl { head, members } = &cell.items[1].kind else { panic!() };
        assert_eq!((head.as_str(), members.len()), ("impl P", 2));
    }

    #[test]
    fn commands_come_first_and_leave_places_as_they_are() {
        let code = ":dep rand = \"0.8\"\n!ls\n// why\nlet a = 1;\n:dep no";
        let (rest, commands) = without_commands(code);
        assert_eq!(rest.len(), code.len());
        assert_eq!(commands, [(1, ":dep rand = \"0.8\"".to_owned()), (2, "!ls".to_owned())]);
        assert!(rest.ends_with("let a = 1;\n:dep no"));
    }

    #[test]
    fn half_written_cells_do_not_parse() {
        for code in ["let a =", "fn f() {", "let type = 5;", "}", "let a = 1\nlet b = 2;"] {
            assert!(parse(code).is_none(), "{code}");
        }
    }

    #[test]
    fn asynchronous_statements_are_known() {
        assert!(parse("let a = f().await;").unwrap().is_async);
        assert!(!parse("let a = async { f().await };").unwrap().is_async);
    }
}
