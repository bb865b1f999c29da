//! What must hold for whatever bytes come: a function for each reader, shared by its fuzz target and the replay of its seeds.
//!
//! Each panics where a promise is broken, and else tells whether the input was accepted.

use std::path::Path;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use portcullis::{
    base::limits::{
        fetch::JWKS_KEYS_MAX,
        heads::HeadBounds,
        tokens::{TOKEN_BYTES, TOKEN_BYTES_MAX},
    },
    config::{
        demo_account::DemoAccount,
        explain,
        file::{self, Surroundings},
    },
    decide::{
        fields::framing::{
            Framing,
            blocks::Blocks,
            frames::{Cutoff, Frames},
        },
        mcp::{
            error::{self, about::About},
            request::{
                headers,
                message::MessageKind,
                parse,
                target::{self, Target},
            },
            version::Era,
        },
        resource_server::{early_clients, issuer_metadata},
        token::{jwk::KeySet, jwt::UnverifiedJwt, presented::Presented},
    },
};
use serde_json::Value;

#[path = "bodies/acme.rs"]
mod acme;
#[path = "bodies/answers.rs"]
mod answers;
#[path = "bodies/beside.rs"]
mod beside;
#[path = "bodies/credentials.rs"]
mod credentials;
#[path = "bodies/crossing.rs"]
mod crossing;
#[path = "bodies/decode.rs"]
mod decode;
#[path = "bodies/flags.rs"]
mod flags;
#[path = "bodies/foreign.rs"]
mod foreign;
#[path = "bodies/github.rs"]
mod github;
#[path = "bodies/grant.rs"]
mod grant;
#[path = "bodies/messages.rs"]
mod messages;
#[path = "bodies/proxied.rs"]
mod proxied;
#[path = "bodies/table.rs"]
mod table;
#[path = "bodies/uri.rs"]
mod uri;
#[path = "bodies/verdicts.rs"]
mod verdicts;
#[path = "bodies/watched.rs"]
mod watched;
pub(crate) use acme::acme;
pub(crate) use answers::{event_ids, list, sse, task_search};
pub(crate) use beside::beside;
pub(crate) use credentials::{credential_form, introspection_answer};
pub(crate) use crossing::hop;
pub(crate) use decode::decode;
pub(crate) use foreign::{answer_of, challenge_field, told_claims};
pub(crate) use github::github;
pub(crate) use grant::{grant_form, grant_redirect, grant_registration, grant_request, idp_userinfo, stored_value};
pub(crate) use messages::{batch, peek};
pub(crate) use proxied::{forwarded, proxy_header};
pub(crate) use table::TARGETS;
pub(crate) use uri::{endpoint, query, uri};
pub(crate) use verdicts::{origin, policy, route, session};
pub(crate) use watched::guard;

/// What comes before the first empty line, and what comes after it.
fn parts(input: &[u8]) -> (&[u8], &[u8]) {
    let at = input.windows(2).position(|two| two == b"\n\n").unwrap_or(input.len());
    (&input[..at], input.get(at + 2..).unwrap_or_default())
}

fn lines(input: &[u8]) -> impl Iterator<Item = &str> {
    input.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok())
}

/// `name: value` lines as the HTTP library hands them over: names in lower case, no blanks around values.
fn fields(input: &[u8]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n').take(100) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (HeaderName::from_bytes(&line[..colon]), line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    }
    map
}

/// The verdict over a connection's bytes does not depend on how they are cut, and what passes has heads with one reading.
pub(crate) fn framing(input: &[u8]) -> bool {
    let whole = watched(input, input.len());
    for len in [1, 2, 3, 7, input.first().map_or(1, |first| usize::from(*first) + 1)] {
        assert_eq!(watched(input, len), whole, "in pieces of {len}");
    }
    whole.is_ok()
}

fn watched(input: &[u8], len: usize) -> Result<(), &'static str> {
    let mut framing = Framing::new(HeadBounds::default());
    // What passes, and the beginning of a head that is kept until it is whole.
    let (mut passed, mut kept) = (Vec::new(), Vec::new());
    for piece in input.chunks(len.max(1)) {
        let watched = framing.watch(piece);
        let at = watched.unwrap_or_else(|halt| halt.at);
        assert!(at <= piece.len());
        if at > 0 {
            passed.append(&mut kept);
        }
        passed.extend_from_slice(&piece[..at]);
        kept.extend_from_slice(&piece[at..]);
        if let Err(halt) = watched {
            assert!(at < piece.len() && (halt.in_body || !framing_began(&passed)), "a head at fault passes in part");
            heads_are_plain(&passed);
            return Err(halt.what);
        }
    }
    assert!(!framing_began(&passed), "a head passes in part");
    heads_are_plain(&passed);
    Ok(())
}

/// Whether a head begins in these bytes and does not end.
fn framing_began(passed: &[u8]) -> bool {
    let mut framing = Framing::new(HeadBounds::default());
    framing.watch(passed).is_ok_and(|passes| passes < passed.len())
}

/// What may not pass of an HTTP/2 connection does not, however it is cut: it is spoilt, or the connection ended.
pub(crate) fn blocks(input: &[u8]) -> bool {
    let passes = |len: usize| {
        let (mut blocks, mut bytes) = (Blocks::new(HeadBounds::default()), input.to_vec());
        bytes.chunks_mut(len.max(1)).all(|piece| blocks.watch(piece).is_ok()) && bytes == input
    };
    let whole = passes(input.len());
    for len in [1, 2, 3, 7, input.first().map_or(1, |first| usize::from(*first) + 1)] {
        assert_eq!(passes(len), whole, "in pieces of {len}");
    }
    whole
}

/// What ends streams and connections is read off frames alike however they are cut, and by their definition (RFC 9113 §4.1).
pub(crate) fn frames(input: &[u8]) -> bool {
    let seen = |len: usize| {
        let (mut frames, mut all) = (Frames::new(), Vec::new());
        for piece in input.chunks(len.max(1)) {
            frames.watch(piece, |cutoff| all.push(cutoff));
        }
        all
    };
    let mut wanted = Vec::new();
    let mut rest = input;
    while let Some((head, after)) = rest.split_at_checked(9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let code =
            |at: usize| after.get(at..at + 4).map(|code| u32::from_be_bytes(code.try_into().expect("four bytes")));
        match head[3] {
            3 if length >= 4 => wanted.extend(code(0).map(Cutoff::Stream)),
            7 if length >= 8 => wanted.extend(code(4).map(Cutoff::Connection)),
            _ => {}
        }
        rest = after.get(length..).unwrap_or_default();
    }
    for len in [input.len(), 1, 2, 7, 13] {
        assert_eq!(seen(len), wanted, "in pieces of {len}");
    }
    !wanted.is_empty()
}

/// Reads heads as leniently as any parser, up to the first chunked body: a line ends at a line feed, whatever precedes it.
fn heads_are_plain(mut passed: &[u8]) {
    let (mut is_in_head, mut lengths, mut length, mut is_chunked) = (false, 0, 0, false);
    while let Some(at) = passed.iter().position(|byte| *byte == b'\n') {
        let line = passed[..at].strip_suffix(b"\r").expect("a bare line feed");
        passed = &passed[at + 1..];
        assert!(!line.iter().any(|byte| matches!(byte, b'\r' | 0)), "a bare carriage return, or NUL");
        if !is_in_head {
            is_in_head = !line.is_empty();
            continue;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            assert!(line.is_empty(), "a field without a colon");
            assert!(lengths <= 1, "two lengths");
            if is_chunked {
                return;
            }
            passed = passed.get(length..).unwrap_or_default();
            (is_in_head, lengths, length) = (false, 0, 0);
            continue;
        };
        let value = std::str::from_utf8(&line[colon + 1..]).unwrap_or_default().trim();
        match line[..colon].trim_ascii().to_ascii_lowercase().as_slice() {
            b"content-length" => {
                lengths += 1;
                length = usize::try_from(value.parse::<u64>().expect("a length")).unwrap_or(usize::MAX);
            }
            b"transfer-encoding" => {
                lengths += 1;
                is_chunked = true;
            }
            _ => {}
        }
    }
}

/// A modern request that passes says in its headers what its body says. Input: fields, an empty line, a body.
pub(crate) fn message_headers(input: &[u8]) -> bool {
    let (head, body) = parts(input);
    let map = fields(head);
    let _ = (headers::check_media(&map), headers::check_shape(&map), headers::era_without_body(&map));
    let Ok(message) = parse::read(&Bytes::copy_from_slice(body), 64) else { return false };
    let target = target::of(&message);
    let era = headers::agree(&map, &message);
    // What names its target, and what is modern, names it in an object.
    let open = |target: &Target| matches!(target, Target::Open | Target::TaskList);
    assert!(
        !message.params.bare
            || era != Ok(Era::Modern) && target.as_ref().is_ok_and(open)
            || target.is_err()
            || era.is_err()
    );
    if era == Ok(Era::Modern) && message.kind == MessageKind::Request {
        let one = |name: &str| {
            assert_eq!(map.get_all(name).iter().count(), 1, "{name}");
            map[name].as_bytes()
        };
        assert_eq!(one(headers::METHOD), message.method.as_bytes());
        let version = message.params.meta_version.as_ref().map(|text| text.as_bytes());
        assert_eq!(Some(one(headers::PROTOCOL_VERSION)), version);
        let name_len = message.params.name.as_ref().map_or(0, |name| name.len());
        assert!(message.method != "tools/call" || one(headers::NAME).len() >= name_len);
    }
    for refusal in [target.as_ref().err(), era.as_ref().err()].into_iter().flatten() {
        let about = About {
            refusal,
            id: message.id.as_ref(),
            method: Some(&message.method),
            target: target.as_ref().ok(),
            caller: None,
            required_scopes: &[],
            takes_keys_alone: false,
        };
        let body: Value = serde_json::from_slice(&error::body(&about)).expect("a body that is no JSON");
        assert_eq!(body.get("id").is_some(), message.id.is_some());
    }
    target.is_ok() && era.is_ok()
}

/// Nothing about a token's shape stops the reader, and what it takes is within its bounds.
pub(crate) fn jwt_read(input: &[u8]) -> bool {
    let Ok(token) = std::str::from_utf8(input) else { return false };
    let Ok(unverified) = UnverifiedJwt::read(token) else { return false };
    assert!(token.len() <= TOKEN_BYTES_MAX && token.split('.').count() == 3);
    let _ = (unverified.issuer(), unverified.key_id());
    true
}

/// A key set that is taken has usable keys, and no more than may be.
pub(crate) fn jwks_read(input: &[u8]) -> bool {
    let Ok(set) = KeySet::read(input) else { return false };
    assert!(!set.is_empty() && set.len() + set.skipped() <= JWKS_KEYS_MAX);
    true
}

/// A credential is found only where there is exactly one. Input: fields, an empty line, a query.
pub(crate) fn presented(input: &[u8]) -> bool {
    let (head, query) = parts(input);
    let (map, query) = (fields(head), std::str::from_utf8(query).ok());
    let Ok(presented) = Presented::find(&map, query, TOKEN_BYTES as u64) else { return false };
    let token = presented.token();
    assert!(map.get_all(header::AUTHORIZATION).iter().count() == 1 && !map.contains_key("dpop"));
    assert!(!token.is_empty() && token.len() <= TOKEN_BYTES && !token.contains([' ', ',']));
    let names = query.unwrap_or_default().split(['&', ';']).filter_map(|parameter| parameter.split('=').next());
    let mut names = names.map(|name| verdicts::decoded(name.as_bytes()));
    assert!(!names.any(|name| name.eq_ignore_ascii_case(b"access_token")));
    true
}

/// No text stops the reader of the configuration, and what it takes prints as a file that it takes again.
pub(crate) fn config(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    let around = Surroundings { folder: Path::new("/nonexistent"), lookup: &|_| None, demo: &DemoAccount::default() };
    let read = |text: &str| file::read_around(text, "gateway.yaml", &around);
    let Ok(loaded) = read(text) else { return false };
    let printed = explain::print(&loaded.settings);
    match read(&printed) {
        Ok(again) => assert_eq!(again.settings, loaded.settings, "{printed}"),
        Err(problems) => panic!("{problems}\n{printed}"),
    }
    true
}

/// Metadata is looked for at the issuer, and believed of it alone. Input: an issuer, a line feed, a document.
pub(crate) fn server_metadata(input: &[u8]) -> bool {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let Some(Ok(issuer)) = parts.next().map(std::str::from_utf8) else { return false };
    let places = issuer_metadata::places(issuer, issuer_metadata::AskedAs::ResourceServer);
    if let Ok(places) = &places {
        let host_end = issuer.match_indices('/').nth(2).map_or(issuer.len(), |(at, _)| at);
        let is_there = |place: &String| place.starts_with(&format!("{}/", &issuer[..host_end]));
        assert!((2..=3).contains(&places.len()) && places.iter().all(is_there), "{places:?}");
        assert!(places.iter().all(|place| place.contains("/.well-known/")));
    }
    let document = parts.next().unwrap_or_default();
    let Ok(metadata) = issuer_metadata::read(document, issuer) else { return false };
    assert_eq!(&*metadata.issuer, issuer);
    // What early clients get has the same issuer and endpoints.
    if let Some(readable) = early_clients::readable(document) {
        let read = issuer_metadata::read(&readable, issuer).expect("metadata");
        // A member that is there twice counts as absent here; readers of JSON take the last one.
        for (before, after) in [
            (metadata.token_endpoint, read.token_endpoint),
            (metadata.registration_endpoint, read.registration_endpoint),
        ] {
            assert!(before.is_none() || before == after, "{before:?} became {after:?}");
        }
        assert!(early_clients::readable(&readable).is_none());
    }
    places.is_ok()
}
