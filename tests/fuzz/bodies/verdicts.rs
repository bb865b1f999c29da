//! What must hold for verdicts about paths, pages and rules, each compared with a plainer way to the same answer.

use std::{sync::LazyLock, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use portcullis::{
    base::{
        clock::Now,
        names::{Scope, ServerName},
        secret::Secret,
        web_origin::is_web_origin,
    },
    decide::{
        fields::{
            cors::{self, CorsKind},
            origin::Sites,
        },
        mcp::{
            request::target::Target,
            session_seal::{Sealed, SealedFor, SessionKeys},
        },
        policy::{
            evaluate::{deciding_rule, judge},
            explain::explain,
            glob::Glob,
            rule::{Access, Policy, Rule, Subject},
            uri,
        },
        refusal::Refusal,
        routing::{Ending, Route, RouteEntry, Routes},
        token::{
            caller::{Attributes, Caller},
            jwk::KeySet,
            jwt::UnverifiedJwt,
            rules::TokenRules,
        },
    },
};
use serde_json::Map;

use super::{fields, lines, parts};

/// The caller of a token that was signed once, and is verified as of that time: only verification
/// makes a caller. The private key was not kept.
static CALLER: LazyLock<Caller> = LazyLock::new(|| {
    let keys = concat!(
        r#"{"keys":[{"kty":"EC","crv":"P-256","#,
        r#""x":"YhjI5p831k7A8wxml1CkLYyi5CqwKnZOLvpSClPM3OY","#,
        r#""y":"zznWCM-rRKGnmzU3aDRgswesdPQH80ymPdXMXKPlptM"}]}"#,
    );
    let token = concat!(
        "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.",
        "eyJpc3MiOiJoeXBvdGhldGljYWwiLCJzdWIiOiJoeXBvdGhldGljYWwiLCJhdWQiOiJodHRwczovL2d3",
        "LmV4YW1wbGUvbWNwIiwiaWF0IjoxODAwMDAwMDAwLCJleHAiOjE4MDAwMDAzMDB9.",
        "LxX8HdFD3-DWpHpBi9IZFJu_H1DQk0NOgTXuRgYL_dfHCQlcPyAZRjFwpAx3SI8EdMY4CcGpmvXRCISFthAC6A",
    );
    let rules = TokenRules::embedded("embedded".into(), "hypothetical".into(), Duration::ZERO);
    let keys = KeySet::read(keys.as_bytes()).expect("a key set");
    let now = Now { wall: Duration::from_secs(1_800_000_000), mono: Duration::ZERO };
    let unverified = UnverifiedJwt::read(token).expect("a token");
    unverified.verify(&rules, &keys, now).expect("its signature and times are valid")
});

/// What opens is what was sealed, for this caller, server and kind alone; and whatever is sealed opens.
/// Input: what a client sends as its session.
pub(crate) fn session(input: &[u8]) -> bool {
    let Ok(given) = std::str::from_utf8(input) else { return false };
    let keys = SessionKeys::new(&[Secret::new(vec![7; 32])]);
    let caller = &*CALLER;
    let (server, other) = (ServerName::from("s"), ServerName::from("o"));
    let bound = SealedFor { kind: Sealed::Session, server: &server, caller };
    let sealed = keys.seal(bound, given).expect("there is a key");
    assert_eq!(keys.open(bound, &sealed), Some(given));
    for stranger in [SealedFor { kind: Sealed::Endpoint, ..bound }, SealedFor { server: &other, ..bound }] {
        assert_eq!(keys.open(stranger, &sealed), None);
        assert_eq!(keys.open(stranger, given), None);
    }
    let Some(text) = keys.open(bound, given) else { return false };
    assert_eq!(keys.seal(bound, text).as_deref(), Some(given), "one spelling opens");
    true
}

/// A path is found where it stands byte for byte in the list, or with a slash more or less at a server's end, and nowhere else.
/// Input: configured paths line by line (a `!` before one that owns the root, a `~` before one of 2024-11-05), an empty line,
/// requested paths.
pub(crate) fn route(input: &[u8]) -> bool {
    let (configured, requested) = parts(input);
    let entries: Vec<RouteEntry<'_>> = lines(configured).take(16).map(entry).collect();
    let Ok(routes) = Routes::new(&entries, &[]) else { return false };
    let documents = |path: &str, (server, entry): (usize, &RouteEntry<'_>)| {
        let inserted = if entry.path == "/" { "" } else { entry.path };
        let without = entry.path.trim_end_matches('/');
        let other = match entry.path {
            "/" => String::new(),
            spelled if spelled == without => format!("{spelled}/"),
            _ => without.to_owned(),
        };
        let is_alone = entries.iter().filter(|entry| !entry.legacy).count() == 1;
        let owns_root = !entry.legacy && (entry.root || is_alone);
        let is_at =
            |document| path.strip_prefix(document).is_some_and(|rest| rest == inserted || owns_root && rest.is_empty());
        let is_otherwise = |document| !other.is_empty() && path.strip_prefix(document) == Some(&*other);
        let resource = "/.well-known/oauth-protected-resource";
        if path == entry.path {
            return Some(Route::Server(server, Ending::Configured));
        } else if is_otherwise("") {
            return Some(Route::Server(server, Ending::Other));
        } else if entry.legacy && path.strip_suffix("/messages") == Some(without) {
            return Some(Route::Messages(server));
        } else if is_at(resource) {
            return Some(Route::ResourceMetadata(server, Ending::Configured));
        } else if is_otherwise(resource) {
            return Some(Route::ResourceMetadata(server, Ending::Other));
        }
        let issuers = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
        let is_issuers =
            issuers.into_iter().any(|one| is_at(one) || is_otherwise(one) || path.strip_suffix(one) == Some(without));
        is_issuers.then_some(Route::IssuerMetadata(server))
    };
    let near = entries.iter().flat_map(|entry| {
        let path = entry.path;
        [
            path.to_owned(),
            format!("{path}/"),
            format!("{path}//"),
            format!("/{path}"),
            path.to_ascii_uppercase(),
            format!("{path};a"),
        ]
    });
    let mut found_any = false;
    for path in lines(requested).map(str::to_owned).chain(near) {
        let wanted = entries.iter().enumerate().find_map(|entry| documents(&path, entry));
        assert_eq!(routes.find(&path), wanted.unwrap_or(Route::NotFound), "{path:?}");
        found_any |= wanted.is_some();
    }
    found_any
}

fn entry(line: &str) -> RouteEntry<'_> {
    match (line.strip_prefix('!'), line.strip_prefix('~')) {
        (Some(path), _) => RouteEntry { path, root: true, legacy: false },
        (_, Some(path)) => RouteEntry { path, root: false, legacy: true },
        _ => RouteEntry { path: line, root: false, legacy: false },
    }
}

/// Only our own name and listed pages are taken, and a preflight allows nothing to anybody else.
/// Input: the public URL and allowed origins line by line, an empty line, a `Host`, and fields.
pub(crate) fn origin(input: &[u8]) -> bool {
    let (configured, request) = parts(input);
    let configured: Vec<&str> = lines(configured).take(16).collect();
    let Some((public_url, allowed)) = configured.split_first() else { return false };
    let Ok(sites) = Sites::new(public_url, allowed) else { return false };
    let host_end = request.iter().position(|byte| *byte == b'\n').unwrap_or(request.len());
    let host = std::str::from_utf8(&request[..host_end]).unwrap_or_default();
    let own = plain_site(public_url.split(['?', '#']).next().unwrap_or_default());
    let is_loopback = |host: &str| matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let is_ours = sites.host_is_ours(host);
    if is_ours {
        let asked = plain_site(&format!("{}://{host}", own.0));
        assert!(asked == own || is_loopback(&asked.1) && is_loopback(&own.1), "{host:?} of {public_url:?}");
    }
    let map = fields(request.get(host_end + 1..).unwrap_or_default());
    // A line that a refusal proposes is one that allows the page.
    let came = map.get(header::ORIGIN).and_then(|came| came.to_str().ok()).unwrap_or_default();
    if is_web_origin(came) {
        let page: HeaderMap = map.get(header::ORIGIN).map(|came| (header::ORIGIN, came.clone())).into_iter().collect();
        let allowed = Sites::new(public_url, &[came]).map(|sites| sites.origin_verdict(&page));
        assert!(matches!(&allowed, Ok(Ok(Some(page))) if page == came), "{came:?}: {allowed:?}");
    }
    let verdict = sites.origin_verdict(&map);
    let page = verdict.clone().ok().flatten();
    let mut origins = map.get_all(header::ORIGIN).iter();
    match (origins.next(), &page) {
        (None, _) => assert_eq!(verdict, Ok(None)),
        (Some(came), Some(page)) => {
            assert!(page == came && origins.next().is_none());
            let site = plain_site(page.to_str().expect("text"));
            let fits = |allowed: &&str| match (allowed.strip_suffix("://*"), allowed.strip_suffix(":*")) {
                (Some(scheme), _) => scheme.eq_ignore_ascii_case(&site.0) && !site.0.starts_with("http"),
                (_, Some(host)) => {
                    let host = plain_site(host);
                    (&host.0, &host.1) == (&site.0, &site.1)
                }
                _ => plain_site(allowed) == site,
            };
            assert!(site == own || allowed.iter().any(fits), "{page:?}");
        }
        (Some(_), None) => {
            assert!(matches!(verdict, Err(Refusal::ForeignOrigin(_) | Refusal::NullOrigin)), "{verdict:?}");
        }
    }
    for (kind, wanted) in [(CorsKind::Mcp, page.as_ref()), (CorsKind::Discovery, Some(&HeaderValue::from_static("*")))]
    {
        let (mut preflight, mut answer) = (HeaderMap::new(), HeaderMap::new());
        cors::preflight(&map, page.as_ref(), kind, &mut preflight);
        cors::expose(page.as_ref(), kind, &mut answer);
        assert_eq!(answer.get(header::ACCESS_CONTROL_ALLOW_ORIGIN), wanted);
        let told = preflight.get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        assert!(told.is_none() || told == wanted);
        assert!(told.is_some() || preflight.keys().all(|name| name == header::VARY));
        for headers in [&preflight, &answer] {
            assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
            assert!(!headers.contains_key("access-control-allow-private-network"));
        }
        let names = preflight.get(header::ACCESS_CONTROL_ALLOW_HEADERS).map(|names| names.to_str().expect("text"));
        for name in names.into_iter().flat_map(|names| names.split(", ")) {
            assert!(HeaderName::from_bytes(name.as_bytes()).is_ok_and(|read| read == name) && name != "*");
            assert!(!matches!(name, "cookie" | "host" | "origin"));
        }
    }
    is_ours && verdict.is_ok()
}

/// Scheme, host and port as the `Origin` of a page would name them; what has another shape names itself.
fn plain_site(url: &str) -> (String, String, Option<u16>) {
    let url = url.to_ascii_lowercase();
    let Some((scheme, rest)) = url.split_once("://") else { return (url, String::new(), None) };
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()),
        _ => (authority, None),
    };
    let usual = match scheme {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    };
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let address = address.and_then(|address| address.parse::<std::net::Ipv6Addr>().ok());
    let host = address.map_or_else(|| host.to_owned(), |address| format!("[{address}]"));
    (scheme.to_owned(), host, port.or(usual))
}

/// What is decided is what is explained, more scope never takes a right away, and the scope asked for suffices.
/// Input: lines of a policy (see [`read_policy`]), an empty line, names or URIs line by line.
pub(crate) fn policy(input: &[u8]) -> bool {
    let (written, asked) = parts(input);
    let (policy, granted) = read_policy(written);
    let asked: Vec<&str> = lines(asked).take(8).collect();
    let mut targets = vec![Target::Open, Target::Resources(asked.iter().map(|uri| (*uri).into()).collect())];
    for text in &asked {
        has_no_dots(text);
        globs_agree(&policy, text);
        targets.extend([Target::Tool, Target::Prompt, Target::Template, Target::Method].map(|of| of((*text).into())));
        targets.push(Target::Resources(vec![(*text).into()]));
    }
    let claims = Map::new();
    let judged = |scopes: &[Scope], target| {
        judge(&policy, Attributes { scopes, claims: &claims }, target).map(|ruling| ruling.rule)
    };
    let all = [policy.scopes(), granted.clone()].concat();
    let mut permitted_any = false;
    for target in &targets {
        let verdict = judged(&granted, target);
        let asks = Attributes { scopes: &granted, claims: &claims };
        assert_eq!(explain(&policy, asks, target).verdict, verdict, "{target:?}");
        let with_all = judged(&all, target);
        match &verdict {
            Ok(rule) => {
                assert_eq!(*rule, deciding_rule(&policy, target), "{target:?}");
                assert_eq!(with_all, verdict, "{target:?}");
                permitted_any |= *target != Target::Open;
            }
            Err(Refusal::Scope { needed }) => {
                assert!(!needed.is_empty() && needed.iter().all(|scope| policy.scopes().contains(scope)), "{target:?}");
                let stepped_up = [needed.clone(), granted.clone()].concat();
                assert!(judged(&stepped_up, target).is_ok(), "{needed:?} for {target:?}");
                assert!(with_all.is_ok(), "{target:?}");
            }
            // What no scope can mend is not mended by all of them.
            Err(_) => assert_eq!(with_all, verdict, "{target:?}"),
        }
    }
    permitted_any
}

/// `has s…`, `connect s…`, `implies s pattern…`, `open`, or `tools|prompts|resources|methods pattern,… word…`, where a
/// word is `deny`, `report`, `claim=value`, `?s` for one of several scopes, or a scope.
fn read_policy(written: &[u8]) -> (Policy, Vec<Scope>) {
    let (mut connect, mut implies, mut granted, mut rules) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut is_open = false;
    for line in lines(written).take(32) {
        let mut words = line.split(' ').filter(|word| !word.is_empty()).take(16);
        let Some(first) = words.next() else { continue };
        let subject = match first {
            "has" => {
                granted.extend(words.map(Scope::from));
                continue;
            }
            "connect" => {
                connect.extend(words.map(Scope::from));
                continue;
            }
            "implies" => {
                implies.extend(words.next().map(|scope| (Scope::from(scope), words.map(Glob::new).collect())));
                continue;
            }
            "open" => {
                is_open = true;
                continue;
            }
            "tools" => Subject::Tools as fn(Vec<Glob>) -> Subject,
            "prompts" => Subject::Prompts,
            "resources" => |globs: Vec<Glob>| Subject::resources(globs.iter().map(Glob::as_str)),
            "methods" => Subject::Methods,
            _ => continue,
        };
        let patterns = words.next().unwrap_or_default().split(',').take(16).map(Glob::new).collect();
        let mut rule = Rule {
            subject: subject(patterns),
            scopes: Vec::new(),
            any_scope: Vec::new(),
            claims: Vec::new(),
            deny: false,
            report_only: false,
            public: false,
        };
        for word in words {
            match (word, word.strip_prefix('?'), word.split_once('=')) {
                ("deny", ..) => rule.deny = true,
                ("report", ..) => rule.report_only = true,
                (_, Some(scope), _) => rule.any_scope.push(scope.into()),
                (.., Some((claim, value))) => rule.claims.push((claim.into(), vec![value.into()])),
                _ => rule.scopes.push(word.into()),
            }
        }
        rules.push(rule);
    }
    let access = if is_open { Access::Authenticated } else { Access::Rules(rules) };
    (Policy { connect, access, implies }, granted)
}

/// A URI without hazards has no dot segment and no control character, decoded once or twice.
fn has_no_dots(text: &str) {
    if uri::hazard::of(text).is_some() {
        return;
    }
    let (_, rest) = text.split_once(':').expect("a scheme");
    let mut rest = rest.as_bytes().to_vec();
    for _ in 0..3 {
        assert!(!rest.iter().any(|byte| byte.is_ascii_control()), "{text:?}");
        for segment in rest.split(|byte| matches!(byte, b'/' | b'\\')) {
            let name = segment.split(|byte| matches!(byte, b';' | b'?' | b'#')).next();
            assert!(!matches!(name, Some(b"." | b"..")), "{text:?}");
        }
        rest = decoded(&rest);
    }
}

/// `text` with its percent escapes undone; what is none stays.
pub(super) fn decoded(mut text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut all = Vec::new();
    while let Some((first, after)) = text.split_first() {
        let pair = after.split_first_chunk().filter(|_| *first == b'%');
        let byte = pair.and_then(|([high, low], _)| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok());
        text = if byte.is_some() { &after[2..] } else { after };
        all.push(byte.unwrap_or(*first));
    }
    all
}

/// Each pattern judges `text` as the textbook's table does.
fn globs_agree(policy: &Policy, text: &str) {
    let Access::Rules(rules) = &policy.access else { return };
    for rule in rules {
        let patterns = rule.subject.patterns();
        for pattern in patterns.iter().filter(|pattern| pattern.len() * text.len() <= 1 << 16) {
            let pattern = &Glob::new(pattern);
            let matches = pattern.matches(text);
            assert_eq!(matches, table(pattern.as_str(), text), "{pattern:?} and {text:?}");
            assert!(matches || !pattern.is_everything());
            assert!(!matches || text.starts_with(pattern.literal_prefix()));
            assert!(!pattern.is_literal() || matches == (pattern.as_str() == text));
        }
    }
}

fn table(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // Whether the pattern so far matches the first so many characters.
    let mut row: Vec<bool> = (0..=text.len()).map(|taken| taken == 0).collect();
    for wanted in pattern.chars() {
        if wanted == '*' {
            (1..row.len()).for_each(|taken| row[taken] |= row[taken - 1]);
        } else {
            (1..row.len())
                .rev()
                .for_each(|taken| row[taken] = row[taken - 1] && (wanted == '?' || wanted == text[taken - 1]));
            row[0] = false;
        }
    }
    row.last() == Some(&true)
}
