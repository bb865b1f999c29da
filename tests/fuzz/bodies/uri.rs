//! What must hold for URIs: of resources, of message endpoints and redirects, and the query of a client's URL.

use http::uri::PathAndQuery;
use portcullis::{
    base::{
        shown::path_shown,
        shown_uri::{template_shown, uri_shown},
    },
    decide::{
        fields::query::{ClientQuery, QueryRule, appended},
        mcp::{
            answer::{
                message_endpoint::{self, Base},
                moved,
                server_origin::ServerOrigin,
            },
            request::target::Target,
        },
        policy::{
            evaluate::judge,
            pattern::Pattern,
            rule::{Access, Policy, Rule, Subject},
            uri::{self, reading::How},
        },
        token::caller::Attributes,
    },
};
use serde_json::Map;

use super::{parts, verdicts::decoded};

/// Readings of one URI.
const READINGS_MAX: usize = 400;

/// What log and audit line show of a URI has no value of its query, no fragment, and no user.
fn shows_no_value(text: &str) {
    assert!(!path_shown(text, 200).contains(|one: char| one.is_control()));
    let kept = uri_shown(text);
    for told in [kept.to_string(), kept.without_keys().to_string()] {
        let (before, after) = told.split_once(['?', '#']).unwrap_or((&told, ""));
        assert!(text.contains(['?', '#']) || before.contains('…') || before == text, "{told:?} of {text:?}");
        let query = after.strip_suffix("#…").unwrap_or(after);
        assert!(query.split('&').all(|one| one.is_empty() || one.ends_with('…')), "{told:?} of {text:?}");
        for word in user_words(text) {
            assert!(!told.contains(&word), "{word:?} in {told:?} of {text:?}");
        }
    }
    let template = template_shown(text).to_string();
    assert!(text.contains('{') || template == kept.to_string(), "{template:?} of {text:?}");
}

/// User and password in the WHATWG reading, if they are at one place of the text alone.
fn user_words(text: &str) -> Vec<String> {
    let read = uri::whatwg(text).unwrap_or_default();
    let authority = read.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    let is_once = |word: &&str| word.len() >= 4 && text.matches(word).count() == 1;
    user.split(':').filter(is_once).map(str::to_owned).collect()
}

/// The text as written and its WHATWG reading are among the readings, reading that again adds nothing, and where one
/// reading is denied the URI is refused. Input: a URI.
pub(crate) fn uri(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    if text.len() > 1_024 {
        return false;
    }
    shows_no_value(text);
    let readings = uri::readings(text);
    assert!(readings.first().is_some_and(|first| first.text == text && first.how == How::Written));
    assert!(readings.len() <= READINGS_MAX, "{} readings", readings.len());
    let all = uri::all_readings(text);
    if uri::is_plain(text) {
        assert!(uri::hazard::of(text).is_none(), "{text:?}");
        assert_eq!(all.len(), 1, "{all:#?}");
    }
    if let Some(read) = uri::whatwg(text) {
        let is_known = |read: &str| all.iter().any(|reading| reading.text == read);
        assert!(is_known(&read), "{read:?}");
        // A text that changes at each reading has no end; two are what servers do.
        if uri::whatwg(&read).as_ref() == Some(&read) {
            for again in uri::readings(&read) {
                assert!(is_known(&again.text), "{again:?} of {read:?}");
            }
        }
    }
    for reading in readings.iter().filter(|reading| !reading.text.contains(['*', '?'])) {
        let denied = Rule { deny: true, ..allow(&reading.text) };
        assert!(!permits(vec![denied, allow("*")], text), "{reading:?}");
    }
    let pattern = Pattern::new(text);
    assert!(pattern.is_everything() || !pattern.is_literal() || pattern.matches(text, false));
    uri::hazard::of(text).is_none()
}

fn allow(pattern: &str) -> Rule {
    Rule {
        subject: Subject::resources([pattern]),
        scopes: Vec::new(),
        any_scope: Vec::new(),
        claims: Vec::new(),
        deny: false,
        report_only: false,
        public: false,
    }
}

fn permits(rules: Vec<Rule>, uri: &str) -> bool {
    let policy = Policy { connect: Vec::new(), access: Access::Rules(rules), implies: Vec::new() };
    let nothing = Attributes { scopes: &[], claims: &Map::new() };
    judge(&policy, nothing, &Target::Resources(vec![uri.into()])).is_ok()
}

/// What passes has no name that the operator's URL has, and no token, decoded once or twice; it passes as it came, and
/// of a list only its names pass. Input: a request target, an empty line, a query.
pub(crate) fn query(input: &[u8]) -> bool {
    let (configured, query) = parts(input);
    let (Ok(configured), Ok(query)) = (PathAndQuery::try_from(configured), std::str::from_utf8(query)) else {
        return false;
    };
    let names = |query: &str| -> Vec<Vec<u8>> {
        let once = query.split(['&', ';']).map(|one| decoded(one.split('=').next().unwrap_or_default().as_bytes()));
        once.flat_map(|name| [decoded(&name), name]).map(|name| name.to_ascii_lowercase()).collect()
    };
    let pinned = names(configured.query().unwrap_or_default());
    let passes = |rule| ClientQuery::new(&rule, configured.as_str()).passed(Some(query));
    assert_eq!(passes(QueryRule::Drop), Ok(None));
    if let Ok(Some(kept)) = passes(QueryRule::Named(vec!["a".into()])) {
        let mut kept = kept.split(['&', ';']).map(|one| decoded(one.split('=').next().unwrap_or_default().as_bytes()));
        assert!(kept.all(|name| name == b"a"), "{query:?}");
    }
    let Ok(passed) = passes(QueryRule::Forward) else { return false };
    let Some(passed) = passed else { return query.is_empty() };
    assert_eq!(passed, query);
    // Blanks and question marks around a name, and what follows a NUL, do not count: nothing else is no name.
    let is_blank = |one: char| one.is_whitespace() || one.is_control() || matches!(one, '+' | '?');
    let is_name = |name: &Vec<u8>| {
        let name = String::from_utf8_lossy(name);
        !name.split('\0').next().unwrap_or_default().chars().all(is_blank)
    };
    let mut found = names(query).into_iter().filter(is_name);
    assert!(found.all(|name| name != b"access_token" && !pinned.contains(&name)), "{configured} {query:?}");
    // The path of an upstream begins with a slash.
    if let (true, Ok(whole)) = (configured.as_str().starts_with('/'), appended(&configured, &passed)) {
        assert!(whole.path() == configured.path() && whole.as_str().starts_with(configured.as_str()));
    }
    true
}

/// An endpoint that is taken is a path of the stream's own origin, and one that means itself there; a redirect that is
/// followed changes the slash at the end.
pub(crate) fn endpoint(input: &[u8]) -> bool {
    let names: Vec<_> = ServerOrigin::new(false, "up.example:8000").into_iter().collect();
    let base = Base { names: &names, path_and_query: "/a/sse?v=1" };
    assert!(moved::slash(base, input).is_ok_and(|path| path == "/a/sse/") == moved::slash(base, input).is_ok());
    assert!(moved::shown(input).is_ascii() || !input.is_ascii());
    let Ok(target) = message_endpoint::resolve(base, input) else { return false };
    assert!(
        message_endpoint::is_own(&target)
            && target.parse::<PathAndQuery>().is_ok_and(|parsed| parsed.as_str() == target)
    );
    let path = target.split('?').next().unwrap_or_default().to_ascii_lowercase().replace("%2e", ".");
    assert!(!path.split('/').any(|segment| matches!(segment, "." | "..")), "{target}");
    assert_eq!(message_endpoint::resolve(base, target.as_bytes()).as_ref(), Ok(&target));
    let reference = String::from_utf8_lossy(input).to_ascii_lowercase();
    let authority = reference.split_once("//").map(|(before, rest)| (before, rest.split(['/', '?', '#']).next()));
    if let Some(("" | "http:", authority)) = authority {
        assert_eq!(authority, Some("up.example:8000"), "{reference}");
    }
    true
}
