//! A modern request that passes says in its headers what its body says. Input: `name: value` lines, an empty line, a body.
#![no_main]

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use portcullis::decide::mcp::{
    error::{self, About},
    headers,
    peek::{self, Kind},
    target,
    version::Era,
};

fuzz_target!(|bytes: &[u8]| {
    let (head, body) = match bytes.windows(2).position(|two| two == b"\n\n") {
        Some(at) => (&bytes[..at], &bytes[at + 2..]),
        None => return,
    };
    let mut map = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(&line[colon + 1..]))
        {
            map.append(name, value);
        }
    }
    let _ = headers::check_media(&map);
    let _ = headers::check_shape(&map);
    let _ = headers::era_without_body(&map);
    let Ok(message) = peek::read(&Bytes::copy_from_slice(body), 64) else {
        return;
    };
    let target = target::of(&message);
    let era = headers::agree(&map, &message);
    if era == Ok(Era::Modern) && message.kind == Kind::Request {
        let one = |name: &str| {
            assert_eq!(map.get_all(name).iter().count(), 1, "{name}");
            map.get(name).map(|value| value.as_bytes().trim_ascii()).unwrap_or_default()
        };
        assert_eq!(one(headers::METHOD), message.method.as_bytes());
        assert_eq!(
            Some(one(headers::PROTOCOL_VERSION)),
            message.params.meta_version.as_ref().map(|text| text.as_bytes())
        );
        assert!(
            message.method != "tools/call"
                || one(headers::NAME).len() >= message.params.name.as_ref().map_or(0, |name| name.len())
        );
    }
    for refusal in [target.as_ref().err(), era.as_ref().err()].into_iter().flatten() {
        let about = About {
            refusal,
            id: message.id.as_ref(),
            method: Some(&message.method),
            target: target.as_ref().ok(),
            caller: None,
            required_scopes: &[],
        };
        let body: serde_json::Value = serde_json::from_slice(&error::body(&about)).expect("a body that is no JSON");
        assert_eq!(body.get("id").is_some(), message.id.is_some());
    }
});
