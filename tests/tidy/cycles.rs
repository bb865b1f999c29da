//! Fails on a cycle of source files: files that import each other, directly or through others.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use syn::{
    Attribute, File, Item, ItemMod, UseTree,
    visit::{self, Visit},
};

use crate::{files, is_test_code, module, shown};

type ModulePath = Vec<String>;

/// The modules that have a file of their own, with the name of the file.
type Modules = BTreeMap<ModulePath, String>;

/// Which file names which other, and by what.
type Imports = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Reads the paths of one file.
struct Reader<'a> {
    modules: &'a Modules,
    /// The module that the code being read is in: the file's own, or one that is written inside it.
    module: ModulePath,
    /// What the file's `use` items call things.
    names: BTreeMap<String, ModulePath>,
    found: Vec<ModulePath>,
}

impl Reader<'_> {
    /// A path from the crate's root; `None` where it leads out of the crate, or names something local.
    fn resolved(&self, path: &[String]) -> Option<ModulePath> {
        let (first, rest) = path.split_first()?;
        let mut whole = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.module.clone(),
            "super" => self.module.split_last()?.1.to_vec(),
            name => match self.names.get(name) {
                Some(path) => path.clone(),
                None => {
                    let child = [&self.module[..], &[name.to_owned()]].concat();
                    if !self.modules.contains_key(&child) {
                        return None;
                    }
                    child
                }
            },
        };
        for name in rest {
            if name == "super" {
                whole.pop()?;
            } else {
                whole.push(name.clone());
            }
        }
        Some(whole)
    }

    fn note(&mut self, path: &[String]) {
        if let Some(path) = self.resolved(path) {
            self.found.push(path);
        }
    }

    fn take_uses(&mut self, tree: &UseTree, before: &[String]) {
        match tree {
            UseTree::Path(path) => self.take_uses(&path.tree, &[before, &[path.ident.to_string()]].concat()),
            UseTree::Name(name) => self.take_use(before, &name.ident.to_string(), &name.ident.to_string()),
            UseTree::Rename(rename) => self.take_use(before, &rename.ident.to_string(), &rename.rename.to_string()),
            UseTree::Glob(_) => self.note(before),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.take_uses(tree, before)),
        }
    }

    fn take_use(&mut self, before: &[String], name: &str, called: &str) {
        let (path, called) = match name {
            "self" => (before.to_vec(), before.last().cloned().unwrap_or_default()),
            _ => ([before, &[name.to_owned()]].concat(), called.to_owned()),
        };
        if let Some(path) = self.resolved(&path) {
            self.names.insert(called, path.clone());
            self.found.push(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if let Some((_, items)) = &item.content {
            self.module.push(item.ident.to_string());
            items.iter().for_each(|item| self.visit_item(item));
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.take_uses(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if names.len() > 1 {
            self.note(&names);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        // What is written inside is no syntax tree: its paths are read off the text.
        let text = item.tokens.to_string().replace(" :: ", "::");
        for word in text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':') {
            let names: Vec<String> = word.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
            if names.len() > 1 {
                self.note(&names);
            }
        }
        visit::visit_macro(self, item);
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

/// The modules in which some code names something, with the names. `use` items come first: the rest needs their names.
fn named(modules: &Modules, module: &ModulePath, code: &File) -> Vec<ModulePath> {
    let mut reader = Reader { modules, module: module.clone(), names: BTreeMap::new(), found: Vec::new() };
    for item in &code.items {
        if let Item::Use(item) = item
            && !is_for_tests(&item.attrs)
        {
            reader.visit_item_use(item);
        }
    }
    reader.visit_file(code);
    reader.found
}

/// The imports of some code, read as the files of these modules.
fn imports<'a>(sources: impl IntoIterator<Item = (&'a ModulePath, &'a str, String)>) -> Imports {
    let sources: Vec<(&ModulePath, &str, String)> = sources.into_iter().collect();
    let modules: Modules = sources.iter().map(|(module, file, _)| ((*module).clone(), (*file).to_owned())).collect();
    let mut all = Imports::new();
    for (module, file, text) in &sources {
        let code = syn::parse_file(text).unwrap_or_else(|cause| panic!("{file}: {cause}"));
        for path in named(&modules, module, &code) {
            let Some(place) = (1..=path.len()).rev().find(|end| modules.contains_key(&path[..*end])) else { continue };
            let other = &modules[&path[..place]];
            if other != file {
                let names = all.entry((*file).to_owned()).or_default().entry(other.clone()).or_default();
                names.insert(path[place..].join("::"));
            }
        }
    }
    all
}

/// Every set of files of which each reaches each other.
fn cycles(imports: &Imports) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> = imports
        .keys()
        .map(|file| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![file]);
            while let Some(file) = next.pop() {
                for other in imports.get(file).into_iter().flat_map(BTreeMap::keys) {
                    if seen.insert(other) {
                        next.push(other);
                    }
                }
            }
            (file, seen)
        })
        .collect();
    let mut all: Vec<BTreeSet<String>> = Vec::new();
    for (file, seen) in reached.iter().filter(|(file, seen)| seen.contains(*file)) {
        if !all.iter().any(|cycle| cycle.contains(*file)) {
            let back = seen.iter().filter(|other| reached.get(**other).is_some_and(|seen| seen.contains(*file)));
            all.push(back.map(|other| (*other).clone()).collect());
        }
    }
    all
}

fn told(imports: &Imports, cycle: &BTreeSet<String>) -> String {
    let mut lines = vec![format!("a cycle of {} files:", cycle.len())];
    for file in cycle {
        for (other, names) in imports.get(file).into_iter().flatten().filter(|(other, _)| cycle.contains(*other)) {
            let names: Vec<&str> = names.iter().map(|name| if name.is_empty() { "the module" } else { name }).collect();
            lines.push(format!("  {file} uses of {other}: {}", names.join(", ")));
        }
    }
    lines.join("\n")
}

#[test]
fn no_files_import_each_other() {
    let paths: Vec<_> = files("src", "rs").into_iter().filter(|path| !is_test_code(path)).collect();
    let named: Vec<_> =
        paths.iter().map(|path| (module(path), shown(path), fs::read_to_string(path).unwrap())).collect();
    let imports = imports(named.iter().map(|(module, file, text)| (module, file.as_str(), text.clone())));
    let cycles = cycles(&imports);
    let told: Vec<String> = cycles.iter().map(|cycle| told(&imports, cycle)).collect();
    assert!(told.is_empty(), "{}", told.join("\n\n"));
}

#[test]
fn a_planted_cycle_is_found_however_it_is_written() {
    let module = |path: &str| path.split("::").map(str::to_owned).collect::<ModulePath>();
    let (one, two, three) = (module("one"), module("one::two"), module("three"));
    for (what, texts, is_cycle) in [
        ("nothing", ["mod two;", "", ""], false),
        ("downward only", ["mod two; use two::X;", "use crate::three::Y;", ""], false),
        ("a child and its parent", ["mod two; fn f() { two::g() }", "use super::Z;", ""], true),
        ("by a path alone", ["mod two;", "fn g() { crate::three::h() }", "fn h() { crate::one::two::g() }"], true),
        ("through a third", ["mod two; use crate::three;", "use super::Z;", "use crate::one::two::g;"], true),
        (
            "in a macro",
            ["mod two;", "fn g() { println!(\"{}\", crate::three::X) }", "use crate::one::two::g as h;"],
            true,
        ),
        (
            "by a name that was imported",
            ["mod two;", "use crate::three; fn g() { three::h() }", "use super::one::two;"],
            true,
        ),
        ("in tests only", ["mod two; use two::X;", "#[cfg(test)] mod tests { use crate::one::f; }", ""], false),
    ] {
        let modules = [&one, &two, &three].into_iter().zip(["one.rs", "one/two.rs", "three.rs"]).zip(texts);
        let imports = imports(modules.map(|((module, file), text)| (module, file, text.to_owned())));
        assert_eq!(!cycles(&imports).is_empty(), is_cycle, "{what}: {imports:?}");
    }
}
