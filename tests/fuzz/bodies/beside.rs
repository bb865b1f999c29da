//! What must hold for paths beside the MCP endpoint, and for redirects to them.

use http::{Method, uri::PathAndQuery};
use portcullis::{
    base::percent::unescape,
    decide::pass_through::{
        PathAccess, PathEntry, PathTable, location::Redirect, methods::PathMethods, pattern::PathPattern,
    },
};

const READ: PathMethods = PathMethods::READ;

fn table() -> PathTable {
    let entry =
        |pattern: &str, access| PathEntry { pattern: PathPattern::new(pattern).unwrap(), access, methods: READ };
    let entries = [entry("/f/p/**", PathAccess::Public), entry("/f/**", PathAccess::Authenticated)];
    PathTable::new([&entries[..]])
}

/// However a server reads a path that passes, it is still a path of the same entry. A redirect leads to such a path or
/// nowhere. Input: a path, or `Location` after a `>`.
pub(crate) fn beside(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    if text.len() > 1_024 {
        return false;
    }
    let table = table();
    if let Some(to) = text.strip_prefix('>') {
        let from = PathAndQuery::from_static("/f/a");
        let Ok(place) = (Redirect { origin: "http://up:1", from: &from, to }).within(&table, 0) else { return false };
        let target = place.split('#').next().unwrap_or_default();
        return passes(&table, target).expect("a redirect to a path that does not pass");
    }
    passes(&table, text).unwrap_or(false)
}

/// Whether `text` passes; `None` if it is no path of the table.
fn passes(table: &PathTable, text: &str) -> Option<bool> {
    let target: PathAndQuery = text.parse().ok()?;
    let passed = table.find(target.path())?.passed(&target, &Method::GET).ok()?;
    assert_eq!(passed.target(), &target);
    let prefix = if passed.access() == PathAccess::Public { "/f/p/" } else { "/f/" };
    for read in servers(target.path()) {
        assert!(read.starts_with(prefix), "{text:?} is {read:?} to a server");
        // `/f/p/` itself is in neither entry.
        let is_public = read.strip_prefix("/f/p/").is_some_and(|rest| !rest.is_empty());
        assert!(prefix == "/f/p/" || !is_public, "{text:?} is public to a server: {read:?}");
    }
    Some(true)
}

/// The path as servers read it: decoded up to three times, then resolved in the ways of WHATWG, servlets and Windows.
fn servers(path: &str) -> Vec<String> {
    let mut read = vec![path.to_owned()];
    for _ in 0..3 {
        let last = read.last().cloned().unwrap_or_default();
        read.push(String::from_utf8_lossy(&unescape(&last).collect::<Vec<u8>>()).into_owned());
    }
    let resolved = |path: &str| {
        let mut kept: Vec<&str> = Vec::new();
        for segment in path.split(['/', '\\']).map(|segment| segment.split(';').next().unwrap_or_default()) {
            match segment.trim_end_matches([' ', '+']) {
                "" | "." => {}
                ".." => drop(kept.pop()),
                // Windows drops spaces; `c++` is an ordinary name.
                _ => kept.push(segment.trim_end_matches(' ')),
            }
        }
        // A slash at the end does not leave a folder.
        format!("/{}/", kept.join("/"))
    };
    let cut = |path: &str| path.split(['?', '#', '\0']).next().unwrap_or_default().to_owned();
    read.iter().flat_map(|path| [resolved(path), resolved(&cut(path))]).collect()
}
