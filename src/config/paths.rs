//! Reads `paths`: which paths beside the MCP endpoint pass through to a server.

use crate::{
    config::{
        keys::path::PATH_ACCESS,
        place::{Place, Written},
        reader::{Field, Fields},
        value,
    },
    decide::pass_through::{PathAccess, PathEntry, methods::PathMethods, pattern::PathPattern},
};

/// `paths`, each entry with the place of its pattern.
pub(super) fn paths(field: &Field<'_>) -> Vec<Written<PathEntry>> {
    let items = field.list("paths, each with `path`").unwrap_or_default();
    let read: Vec<Written<PathEntry>> =
        items.iter().filter_map(|item| item.section("servers.*.paths[]", entry)).collect();
    for (index, entry) in read.iter().enumerate() {
        order(field, entry, read.get(..index).unwrap_or_default());
    }
    read
}

fn entry(fields: &mut Fields<'_>) -> Option<Written<PathEntry>> {
    let path = fields.need("path", "a path such as /icon.png or /files/**");
    let access = value::word(fields, &PATH_ACCESS);
    let methods = fields.get("methods").map(|field| methods(&field));
    let path = path?;
    let pattern = match PathPattern::new(path.text("a path such as /icon.png or /files/**")?) {
        Ok(pattern) => pattern,
        Err(expected) => return path.wrong(expected),
    };
    let methods = methods.map_or(Some(PathMethods::READ), |methods| methods)?;
    Some(Written { value: PathEntry { pattern, access, methods }, place: path.place })
}

fn methods(field: &Field<'_>) -> Option<PathMethods> {
    const EXPECTED: &str = "a method in capitals: GET, HEAD, POST, PUT, PATCH or DELETE";
    if field.is_list() && field.full_list("methods").is_none() {
        return None;
    }
    let named = |item: &Field<'_>| item.scalar_text().and_then(PathMethods::named).or_else(|| item.wrong(EXPECTED));
    let all: Vec<Option<PathMethods>> = field.distinct("methods")?.iter().map(named).collect();
    all.into_iter().try_fold(PathMethods::NONE, |all, one| Some(all.and(one?)))
}

/// The first entry that matches decides. An exception from a public pattern would be open in any
/// spelling that the server takes for the same path, such as another letter case.
fn order(field: &Field<'_>, entry: &Written<PathEntry>, earlier: &[Written<PathEntry>]) {
    let PathEntry { pattern, access, methods } = &entry.value;
    let meets =
        |other: &&Written<PathEntry>| other.value.methods.meet(*methods) && other.value.pattern.overlaps(pattern, true);
    let at = |place: &Place| place.key.trim_end_matches(".path").to_owned();
    if *access == PathAccess::Public
        && let Some(other) = earlier.iter().filter(meets).find(|other| other.value.access == PathAccess::Authenticated)
    {
        let found = format!("{}, public, which overlaps {}, authenticated", pattern.as_str(), at(&other.place));
        let expected = "the public paths first, and no authenticated exception from them: servers take other spellings for \
                        the same path";
        field.reading.problem(&entry.place, &found, expected);
    }
    if *access == PathAccess::Authenticated
        && let Some(other) = earlier
            .iter()
            .filter(meets)
            .find(|other| other.value.access == PathAccess::Public && other.value.pattern.contains_all(pattern))
    {
        let found = format!("{}, which {} makes public", pattern.as_str(), at(&other.place));
        field.reading.problem(&entry.place, &found, "paths that no earlier public entry covers");
    }
}
