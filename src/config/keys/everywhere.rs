//! All keys of the file by the path of their map: where a word is a key.

use std::sync::LazyLock;

use crate::config::keys::{
    self,
    row::{KeySection, ValueShape},
};

/// Every key of the file, after the path of its map, such as `servers.*.upstream`; the top level
/// has an empty path.
pub(in crate::config) fn everywhere() -> impl Iterator<Item = (&'static str, &'static str)> {
    EVERYWHERE.iter().map(|(path, key): &'static (Box<str>, &'static str)| (&**path, *key))
}

/// The keys of the map at `path`; none if the operator chooses them.
pub(in crate::config) fn of(path: &str) -> impl Iterator<Item = &'static str> {
    everywhere().filter(move |(of, _)| *of == path).map(|(_, key)| key)
}

/// The key of the map at `path` that such a map usually has.
pub(in crate::config) fn main_key(path: &str) -> Option<&'static str> {
    of(path).find(|key| matches!(*key, "issuer" | "address" | "url" | "path" | "file")).or_else(|| of(path).next())
}

/// Whether `word` is a key anywhere.
pub(in crate::config) fn is_key(word: &str) -> bool {
    everywhere().any(|(_, key)| key == word)
}

static EVERYWHERE: LazyLock<Vec<(Box<str>, &'static str)>> = LazyLock::new(|| {
    let mut all = Vec::new();
    collect(&keys::file(), "", &mut all);
    all
});

fn collect(section: &KeySection, path: &str, all: &mut Vec<(Box<str>, &'static str)>) {
    for key in &section.keys {
        all.push((path.into(), key.name));
        let below = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
        inside(&key.shape, &below, all);
    }
}

fn inside(shape: &ValueShape, path: &str, all: &mut Vec<(Box<str>, &'static str)>) {
    match shape {
        ValueShape::Section(section) => collect(section, path, all),
        ValueShape::ByName(section) | ValueShape::ByPath(section) => collect(section, &format!("{path}.*"), all),
        ValueShape::List(list) => inside(&list.of, &format!("{path}[]"), all),
        ValueShape::WordsOr(_, of) | ValueShape::OffOr(of) => inside(of, path, all),
        _ => {}
    }
}

/// The path of `key`, if it is a key elsewhere than in the map `section` at `here`: in a map of
/// that map, or else in a map around it, or else in the only map that has it.
pub(in crate::config) fn elsewhere(key: &str, section: &str, here: &str) -> Option<String> {
    let paths: Vec<&str> = everywhere().filter(|(_, name)| *name == key).map(|(path, _)| path).collect();
    let rest = |long: &'static str, short: &str| {
        let rest = long.strip_prefix(short).filter(|rest| !rest.is_empty())?;
        if short.is_empty() { Some(rest) } else { rest.strip_prefix('.') }
    };
    let below = || paths.iter().find(|path| rest(path, section).is_some_and(|rest| !rest.contains(['.', '['])));
    let around = || paths.iter().rev().find(|path| section.strip_prefix(**path).is_some_and(|rest| !rest.is_empty()));
    let path = match paths.as_slice() {
        [path] => path,
        _ => below().or_else(around)?,
    };
    let (mut words, mut is_same) = (Vec::new(), true);
    let (mut names, mut sections) = (here.split('.'), section.split('.'));
    for word in path.split('.').filter(|word| !word.is_empty()) {
        is_same = is_same && sections.next() == Some(word);
        match names.next().filter(|_| is_same) {
            Some(name) => words.push(name.to_owned()),
            None => words.push(word.replace('*', "NAME").replace("[]", "[0]")),
        }
    }
    words.push(key.to_owned());
    Some(words.join("."))
}
