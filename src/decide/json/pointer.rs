//! Finds a claim by its name, or by a JSON Pointer (RFC 6901) if the name starts with a slash.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The value of a claim. A `name` that starts with `/` is a pointer to a value inside claims, such
/// as `/realm_access/roles`; any other is the whole name of one claim, dots and all.
///
/// A part of a pointer names a member of an object, byte for byte, or an element of a list by its
/// number without leading zeros. `-` names no element (RFC 6901 §4). What is not there is `None`,
/// and so is all that is below a text or a number.
#[must_use]
pub fn find<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c Value> {
    let Some(pointer) = name.strip_prefix('/') else { return claims.get(name) };
    let mut parts = pointer.split('/');
    let first = claims.get(&*unescaped(parts.next()?))?;
    parts.try_fold(first, |value, part| match value {
        Value::Object(members) => members.get(&*unescaped(part)),
        Value::Array(elements) => elements.get(index(part)?),
        _ => None,
    })
}

/// The claim that `name` is, or is inside of.
#[must_use]
pub fn root(name: &str) -> Cow<'_, str> {
    match name.strip_prefix('/') {
        Some(pointer) => unescaped(pointer.split('/').next().unwrap_or_default()),
        None => Cow::Borrowed(name),
    }
}

/// Adds `value` where `name` would find it. Objects on the way are made; what is there already, and
/// is not an object, stays. Returns whether the value was added.
pub fn insert(claims: &mut Map<String, Value>, name: &str, value: Value) -> bool {
    let Some(pointer) = name.strip_prefix('/') else {
        return claims.insert(name.to_owned(), value).is_none();
    };
    let mut members = claims;
    let mut parts = pointer.split('/').map(unescaped).peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            let is_new = !members.contains_key(&*part);
            if is_new {
                members.insert(part.into_owned(), value);
            }
            return is_new;
        }
        let below = members.entry(part.into_owned()).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(below) = below else { return false };
        members = below;
    }
    false
}

/// What is wrong with a name that starts with `/`, if anything.
///
/// # Errors
/// What was expected.
pub fn check(name: &str) -> Result<(), &'static str> {
    let Some(pointer) = name.strip_prefix('/') else { return Ok(()) };
    if pointer.split('/').any(|part| part.split('~').skip(1).any(|after| !after.starts_with(['0', '1']))) {
        return Err("a JSON Pointer, in which `~` is written ~0, and a `/` inside a name ~1");
    }
    if pointer.split('/').any(str::is_empty) {
        return Err("a JSON Pointer without an empty part, such as /realm_access/roles");
    }
    Ok(())
}

/// The shortest spelling: a pointer to a whole claim is the name of that claim, so that what the
/// gateway knows of the name holds for both.
#[must_use]
pub fn canonical(name: &str) -> Cow<'_, str> {
    match name.strip_prefix('/') {
        Some(pointer) if !pointer.contains('/') => match unescaped(pointer) {
            whole if whole.starts_with('/') => Cow::Borrowed(name),
            whole => whole,
        },
        _ => Cow::Borrowed(name),
    }
}

/// The pointer that an operator probably meant who wrote the parts of a path with dots between
/// them; `None` if a claim may have this name.
#[must_use]
pub fn meant_by_dots(name: &str) -> Option<String> {
    let is_name = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
    let is_path = name.contains('.') && !name.contains(['/', ':']) && name.split('.').all(is_name);
    is_path.then(|| format!("/{}", name.replace('~', "~0").replace('.', "/")))
}

/// RFC 6901 §4: first `~1`, then `~0`, so that `~01` is `~1`.
fn unescaped(part: &str) -> Cow<'_, str> {
    match part.contains('~') {
        true => Cow::Owned(part.replace("~1", "/").replace("~0", "~")),
        false => Cow::Borrowed(part),
    }
}

fn index(part: &str) -> Option<usize> {
    let is_number = part.bytes().all(|b| b.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
    if is_number { part.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims() -> Map<String, Value> {
        let claims = json!({
            "sub": "ada", "realm_access": {"roles": ["admin", "user"], "": 1, "-": "dash", "01": "one", "a/b": "slash", "m~n": "tilde", "~1": "both"},
            "realm_access.roles": "dots", "/x": "slashed", "groups": ["a", ["b"], {"c": "d"}], "": {"": "empty"}, "é": {"ü": "letters"},
        });
        claims.as_object().unwrap().clone()
    }

    #[test]
    fn people_a4_a_pointer_finds_what_is_inside_and_a_name_finds_a_whole_claim() {
        for (name, found) in [
            ("sub", Some(json!("ada"))),
            ("/sub", Some(json!("ada"))),
            ("realm_access.roles", Some(json!("dots"))),
            ("/realm_access/roles", Some(json!(["admin", "user"]))),
            ("/realm_access/roles/0", Some(json!("admin"))),
            ("/realm_access/roles/1", Some(json!("user"))),
            ("/realm_access/-", Some(json!("dash"))),
            ("/realm_access/01", Some(json!("one"))),
            ("/realm_access/a~1b", Some(json!("slash"))),
            ("/realm_access/m~0n", Some(json!("tilde"))),
            ("/realm_access/~01", Some(json!("both"))),
            ("/~1x", Some(json!("slashed"))),
            ("/groups/2/c", Some(json!("d"))),
            ("/groups/1/0", Some(json!("b"))),
            ("/é/ü", Some(json!("letters"))),
            ("//", Some(json!("empty"))),
        ] {
            assert_eq!(find(&claims(), name), found.as_ref(), "{name}");
        }
    }

    #[test]
    fn people_a4_attack_242_odd_names_find_nothing() {
        for name in [
            "",
            "/",
            "realm_access/roles",
            "/Realm_access/roles",
            "/realm_access/Roles",
            "/realm_access/roles/",
            "/realm_access//roles",
            "/realm_access/roles/00",
            "/realm_access/roles/01",
            "/realm_access/roles/-",
            "/realm_access/roles/-1",
            "/realm_access/roles/+1",
            "/realm_access/roles/2",
            "/realm_access/roles/1e0",
            "/realm_access/roles/0x0",
            "/realm_access/roles/ 0",
            "/realm_access/roles/18446744073709551616",
            "/realm_access/roles/admin",
            "/realm_access/roles/0/0",
            "/sub/0",
            "/sub/a",
            "/realm_access/a/b",
            "/realm_access/m~n/x",
            "/x",
            "/groups/c",
            "/groups/*",
            "/*/roles",
            "/..",
            "/realm_access/../sub",
            "/realm_access/%72oles",
            "/realm_access/roles#",
            "#/realm_access/roles",
            "/realm_access\0/roles",
            "/e\u{301}/ü",
            "/٠",
        ] {
            // The empty name is a name: of the claim that is called so.
            let expected = (name.is_empty() || name == "/").then(|| json!({"": "empty"}));
            assert_eq!(find(&claims(), name), expected.as_ref(), "{name:?}");
        }
        let list = json!({"realm_access": [{"roles": ["admin"]}, ["roles"]]});
        assert_eq!(find(list.as_object().unwrap(), "/realm_access/roles"), None, "a list has no names");
    }

    #[test]
    fn people_a4_what_is_written_is_checked_and_has_one_spelling() {
        for (name, canonical_name, of) in [
            ("email", "email", "email"),
            ("/email", "email", "email"),
            ("/email/0", "/email/0", "email"),
            ("/e~0mail", "e~mail", "e~mail"),
            ("/~1x", "/~1x", "/x"),
            ("/a~1b", "a/b", "a/b"),
            ("https://example.com/roles", "https://example.com/roles", "https://example.com/roles"),
            ("/https:~1~1example.com~1roles/0", "/https:~1~1example.com~1roles/0", "https://example.com/roles"),
        ] {
            assert_eq!((&*canonical(name), &*root(name), check(name)), (canonical_name, of, Ok(())), "{name}");
        }
        for name in ["/", "//", "/a/", "/a//b", "/~", "/~2", "/a~", "/~01~/x", "/~~0"] {
            assert!(check(name).is_err(), "{name}");
        }
        for (name, meant) in [
            ("realm_access.roles", Some("/realm_access/roles")),
            ("resource_access.my-client.roles", Some("/resource_access/my-client/roles")),
            ("a~b.c", Some("/a~0b/c")),
            ("roles", None),
            ("https://example.com/roles", None),
            ("urn:example.com:roles", None),
            ("cognito:groups", None),
            ("/a.b/c", None),
            (".a", None),
            ("a..b", None),
            ("a. b", None),
        ] {
            assert_eq!(meant_by_dots(name).as_deref(), meant, "{name}");
        }
    }

    #[test]
    fn people_a4_a_value_is_added_where_it_is_found() {
        let mut made = Map::new();
        for (name, value, is_added) in [
            ("groups", json!(["a"]), true),
            ("/realm_access/roles", json!(["admin"]), true),
            ("/realm_access/a~1b", json!(1), true),
            ("/realm_access/roles", json!(["other"]), false),
            ("/realm_access/roles/0", json!("other"), false),
            ("/groups/0", json!("other"), false),
        ] {
            assert_eq!(insert(&mut made, name, value), is_added, "{name}");
        }
        let expected = json!({"groups": ["a"], "realm_access": {"roles": ["admin"], "a/b": 1}});
        assert_eq!(Value::Object(made.clone()), expected);
        assert_eq!(find(&made, "/realm_access/roles"), Some(&json!(["admin"])));
    }
}
