//! What a source defines, and every path that it names.

use proc_macro2::{Literal, Spacing, TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};

/// The segments of a path, or of a module's place in the crate.
pub(crate) type Segments = Vec<String>;

/// What a source says, as far as the rules ask.
#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) items: Vec<Item>,
    pub(crate) names: Vec<Name>,
    /// Last segments of the traits that the source implements.
    pub(crate) implemented: Vec<String>,
}

/// An item that can be named from outside its file.
pub(crate) struct Item {
    /// The module that the item stands in, an inline one too.
    pub(crate) module: Segments,
    pub(crate) name: String,
    pub(crate) kind: ItemKind,
    /// Only compiled for tests.
    pub(crate) test: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum ItemKind {
    Module,
    Trait,
    Other,
}

/// A path, as the source writes it.
pub(crate) struct Name {
    pub(crate) line: usize,
    /// The module that the path stands in, an inline one too.
    pub(crate) module: Segments,
    pub(crate) path: Segments,
    pub(crate) role: Role,
    /// Only compiled for tests.
    pub(crate) test: bool,
}

/// What a path is there for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Role {
    /// Code, a type, a pattern, an attribute or a macro's argument uses what the path names.
    Use,
    /// A `use` gives what the path names another name, or its own.
    Import { alias: String, private: bool },
    /// A `use` ends with `*`; the path is what stands before it.
    Glob,
}

impl Contents {
    /// Reads the text of a file, which is the module.
    pub(crate) fn read(module: Segments, text: &str) -> syn::Result<Self> {
        let mut reader = Reader { module, test: false, contents: Self::default() };
        reader.visit_file(&syn::parse_file(text)?);
        Ok(reader.contents)
    }
}

struct Reader {
    module: Segments,
    /// Whether what is read now is compiled for tests only.
    test: bool,
    contents: Contents,
}

impl Reader {
    fn name(&mut self, line: usize, path: Segments, role: Role) {
        let module = self.module.clone();
        self.contents.names.push(Name { line, module, path, role, test: self.test });
    }

    /// The paths in a macro's or an attribute's arguments, which are not parsed as Rust.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Option<(usize, Segments)> = None;
        let (mut colons, mut joint) = (0, false);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    let line = ident.span().start().line;
                    match &mut path {
                        Some((_, segments)) if colons == 2 => segments.push(ident.to_string()),
                        _ => {
                            self.finish(path.replace((line, vec![ident.to_string()])));
                        }
                    }
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && (colons == 0 || joint) => {
                    colons += 1;
                    joint = punct.spacing() == Spacing::Joint;
                }
                other => {
                    self.finish(path.take());
                    colons = 0;
                    match other {
                        TokenTree::Group(group) => self.tokens(group.stream()),
                        TokenTree::Literal(literal) => self.constants(&literal),
                        _ => {}
                    }
                }
            }
        }
        self.finish(path);
    }

    /// The constants that a format string names in braces.
    fn constants(&mut self, literal: &Literal) {
        let (line, text) = (literal.span().start().line, literal.to_string());
        for behind in text.split('{').skip(1).filter(|text| text.starts_with(char::is_uppercase)) {
            let name = behind.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            self.name(line, vec![name], Role::Use);
        }
    }

    fn finish(&mut self, path: Option<(usize, Segments)>) {
        if let Some((line, path)) = path {
            self.name(line, path, Role::Use);
        }
    }

    fn import(&mut self, tree: &syn::UseTree, before: &[String], private: bool) {
        let with = |ident: &syn::Ident| {
            let mut path = before.to_vec();
            // `use x::{self}` names x.
            if before.is_empty() || ident != "self" {
                path.push(ident.to_string());
            }
            path
        };
        match tree {
            syn::UseTree::Path(path) => self.import(&path.tree, &with(&path.ident), private),
            syn::UseTree::Name(leaf) => {
                let path = with(&leaf.ident);
                let alias = path.last().cloned().unwrap_or_default();
                self.name(leaf.ident.span().start().line, path, Role::Import { alias, private });
            }
            syn::UseTree::Rename(leaf) => {
                let alias = leaf.rename.to_string();
                let path = with(&leaf.ident);
                self.name(leaf.ident.span().start().line, path, Role::Import { alias, private });
            }
            syn::UseTree::Glob(glob) => {
                self.name(glob.star_token.spans[0].start().line, before.to_vec(), Role::Glob);
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before, private);
                }
            }
        }
    }

    /// Visits a part that can carry `#[cfg(test)]`.
    ///
    /// Its attributes come first in it, and `visit_attribute` sets `test` for all that follows.
    fn part(&mut self, visit: impl FnOnce(&mut Self)) {
        let before = self.test;
        visit(self);
        self.test = before;
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        self.part(|reader| {
            visit::visit_item(reader, item);
            if let Some((name, kind)) = defined(item) {
                let (module, name) = (reader.module.clone(), name.to_string());
                reader.contents.items.push(Item { module, name, kind, test: reader.test });
            }
            if let syn::Item::Impl(syn::ItemImpl { trait_: Some((path, _)), .. }) = item {
                let last = path.segments.last().map(|segment| segment.ident.to_string());
                reader.contents.implemented.extend(last);
            }
        });
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        self.part(|reader| visit::visit_impl_item(reader, item));
    }

    fn visit_trait_item(&mut self, item: &'ast syn::TraitItem) {
        self.part(|reader| visit::visit_trait_item(reader, item));
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        self.part(|reader| visit::visit_field(reader, field));
    }

    fn visit_field_value(&mut self, field: &'ast syn::FieldValue) {
        self.part(|reader| visit::visit_field_value(reader, field));
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.part(|reader| visit::visit_variant(reader, variant));
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        self.part(|reader| visit::visit_arm(reader, arm));
    }

    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        self.part(|reader| visit::visit_stmt(reader, statement));
    }

    fn visit_expr(&mut self, expression: &'ast syn::Expr) {
        self.part(|reader| visit::visit_expr(reader, expression));
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        self.test |= attribute.path().is_ident("cfg")
            && attribute.parse_args().is_ok_and(|condition| needs_test(&condition));
        visit::visit_attribute(self, attribute);
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        visit::visit_macro(self, call);
        self.tokens(call.tokens.clone());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        // What begins with `::` is another crate's.
        if path.leading_colon.is_none() {
            let line = path.segments[0].ident.span().start().line;
            let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.name(line, segments, Role::Use);
        }
        visit::visit_path(self, path);
    }

    /// A constant in a pattern looks like a variable.
    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        let name = pattern.ident.to_string();
        if name.starts_with(char::is_uppercase) {
            self.name(pattern.ident.span().start().line, vec![name], Role::Use);
        }
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        item.attrs.iter().for_each(|attribute| self.visit_attribute(attribute));
        if item.leading_colon.is_none() {
            let private = matches!(item.vis, syn::Visibility::Inherited);
            self.import(&item.tree, &[], private);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        item.attrs.iter().for_each(|attribute| self.visit_attribute(attribute));
        self.module.push(item.ident.to_string());
        for item in item.content.iter().flat_map(|(_, items)| items) {
            self.visit_item(item);
        }
        self.module.pop();
    }
}

/// An item's name, and what kind of item it is.
fn defined(item: &syn::Item) -> Option<(&syn::Ident, ItemKind)> {
    use ItemKind::{Module, Other, Trait};
    Some(match item {
        syn::Item::Const(item) => (&item.ident, Other),
        syn::Item::Enum(item) => (&item.ident, Other),
        syn::Item::Fn(item) => (&item.sig.ident, Other),
        syn::Item::Macro(item) => (item.ident.as_ref()?, Other),
        syn::Item::Mod(item) => (&item.ident, Module),
        syn::Item::Static(item) => (&item.ident, Other),
        syn::Item::Struct(item) => (&item.ident, Other),
        syn::Item::Trait(item) => (&item.ident, Trait),
        syn::Item::Type(item) => (&item.ident, Other),
        syn::Item::Union(item) => (&item.ident, Other),
        _ => return None,
    })
}

/// Whether a condition of `cfg` holds in tests only.
fn needs_test(condition: &syn::Meta) -> bool {
    let syn::Meta::List(list) = condition else { return condition.path().is_ident("test") };
    let conditions = Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated;
    let Ok(inner) = list.parse_args_with(conditions) else { return false };
    match list.path.get_ident() {
        Some(all) if all == "all" => inner.iter().any(needs_test),
        Some(any) if any == "any" => inner.iter().all(needs_test),
        _ => false,
    }
}
