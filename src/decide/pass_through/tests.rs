//! Which paths pass, and where redirects lead.

use super::{location::Redirect, *};

fn entry(pattern: &str, access: PathAccess, methods: PathMethods) -> PathEntry {
    PathEntry { pattern: PathPattern::new(pattern).unwrap(), access, methods }
}

fn table() -> PathTable {
    let post = PathMethods::named("POST").unwrap();
    PathTable::new([
        &[
            entry("/files/public/**", PathAccess::Public, PathMethods::READ),
            entry("/files/**", PathAccess::Authenticated, PathMethods::READ),
            entry("/files/**", PathAccess::Authenticated, post),
        ][..],
        &[entry("/other/*.png", PathAccess::Public, PathMethods::READ)],
    ])
}

fn passed(method: &Method, target: &str) -> Option<Result<(usize, PathAccess), Refusal>> {
    let (table, target) = (table(), target.parse::<PathAndQuery>().unwrap());
    let found = table.find(target.path())?;
    Some(found.passed(&target, method).map(|passed| {
        assert_eq!(passed.target(), &target, "as the client sent it");
        (found.server, passed.access())
    }))
}

#[test]
fn people_b4_the_first_entry_that_matches_decides() {
    use PathAccess::{Authenticated, Public};
    for (method, target, expected) in [
        (Method::GET, "/files/public/a?x=1&y", Some(Ok((0, Public)))),
        (Method::HEAD, "/files/public/a", Some(Ok((0, Public)))),
        (Method::POST, "/files/public/a", Some(Ok((0, Authenticated)))),
        (Method::GET, "/files/a%20b", Some(Ok((0, Authenticated)))),
        (Method::GET, "/files/Public/a", Some(Ok((0, Authenticated)))),
        (Method::PUT, "/files/a", Some(Err(Refusal::Method("GET, HEAD, POST, OPTIONS")))),
        (Method::GET, "/other/a.png", Some(Ok((1, Public)))),
        (Method::GET, "/other/a.txt", None),
        (Method::GET, "/mcp", None),
    ] {
        assert_eq!(passed(&method, target), expected, "{method} {target}");
    }
}

#[test]
fn people_b4_attack_263_no_escape_changes_the_entry_that_decides() {
    for target in ["/files/publi%63/../a", "/files/%70ublic/a", "/files/public%2f..%2fa", "/other/a%2f..%2fb.png"] {
        let refused = passed(&Method::GET, target);
        assert!(matches!(refused, Some(Err(Refusal::UnsafePath(_)))), "{target}: {refused:?}");
    }
    assert_eq!(passed(&Method::GET, "/f%69les/a"), None, "the path as it came matches nothing");
}

#[test]
fn people_b4_a_token_in_the_query_does_not_pass() {
    use crate::decide::refusal::PresentationFault;
    for query in ["access_token=x", "a=1&Access_Token=x", "access%5ftoken=x", "a;access_token=x"] {
        let refused = passed(&Method::GET, &format!("/files/public/a?{query}"));
        assert_eq!(refused, Some(Err(Refusal::Presentation(PresentationFault::InQuery))), "{query}");
    }
}

#[test]
fn people_b4_attack_264_a_redirect_leads_to_a_permitted_path_or_nowhere() {
    let from: PathAndQuery = "/files/a?x=1".parse().unwrap();
    let within = |to: &str| Redirect { origin: "http://up:8000", from: &from, to }.within(&table(), 0);
    for (to, expected) in [
        ("/files/b", "/files/b"),
        ("http://up:8000/files/b/?y=2#z", "/files/b/?y=2#z"),
        ("HTTP://UP:8000/files/b", "/files/b"),
        ("b", "/files/b"),
        ("?y=2", "/files/a?y=2"),
        ("../files/b", "/files/b"),
        ("public/b", "/files/public/b"),
    ] {
        assert_eq!(within(to).as_deref(), Ok(expected), "{to}");
    }
    for (to, told) in [
        ("https://up:8000/files/b", "https://up:8000/files/b"),
        ("http://up/files/b", "http://up/files/b"),
        ("http://evil.example/files/b?secret=1", "http://evil.example/files/b"),
        ("//evil.example/files/b", "http://evil.example/files/b"),
        ("\\\\evil.example/files/b", "http://evil.example/files/b"),
        ("http://u:p@up:8000/files/b", "http://up:8000/files/b"),
        ("/mcp", "http://up:8000/mcp"),
        ("/other/a.png", "http://up:8000/other/a.png"),
        ("/files/../mcp", "http://up:8000/mcp"),
        ("/files/a%2fb", "http://up:8000/files/a%2fb"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("http://[", "a URL that cannot be read"),
    ] {
        assert_eq!(within(to), Err(told.to_owned()), "{to}");
    }
}
