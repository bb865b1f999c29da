//! What must hold for what strangers send to the authorization server: forms, redirect URIs, registrations, requests.

use http::Uri;
use portcullis::{
    base::{
        limits::authorization_server::{CLIENT_NAME_CHARS_MAX, FORM_PARAMETERS_MAX, REDIRECT_URIS_MAX},
        names::Scope,
    },
    decide::authorization_server::{
        answered_paths::AnsweredPaths,
        client::{Client, ClientAuth, ClientOrigin, Grants},
        client_id_document::DocumentUrl,
        client_metadata::read_document,
        error::OAuthError,
        form::{Form, encode},
        own_origins::OwnOrigins,
        people::read_scope,
        private_scheme::check_scheme,
        redirect_scheme::RedirectSchemes,
        redirect_uri::RedirectUri,
        registration::{ApplicationType, ClientAuthMethod, RegistrationRequest, Terms},
        request::{AuthorizationRequest, ReturnTo},
        resources::{Protected, left, narrow},
        stored_value, userinfo,
    },
};
use serde_json::Value;

use super::{lines, verdicts::decoded};

/// A form that is taken says what a plain reader finds in it, no name twice, and reads the same once it is written again.
pub(crate) fn grant_form(input: &[u8]) -> bool {
    let form = match Form::read(input) {
        Ok(form) => form,
        Err(error) => {
            is_sayable(&error);
            return false;
        }
    };
    let plain = |text: &[u8]| {
        let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        String::from_utf8(decoded(&spaced)).expect("UTF-8")
    };
    let pieces: Vec<&[u8]> = input.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()).collect();
    assert!(pieces.len() <= FORM_PARAMETERS_MAX);
    let pairs: Vec<(String, String)> = pieces
        .iter()
        .map(|piece| {
            let end = piece.iter().position(|byte| *byte == b'=').unwrap_or(piece.len());
            (plain(&piece[..end]), plain(piece.get(end + 1..).unwrap_or_default()))
        })
        .collect();
    for (name, value) in &pairs {
        let is_control = |letter: char| letter.is_control() && letter != '\t';
        assert!(!name.is_empty() && !name.contains(is_control) && !value.contains(is_control));
        if name != "resource" {
            assert_eq!(pairs.iter().filter(|(other, _)| other == name).count(), 1);
            assert_eq!(form.get(name), Some(&**value).filter(|value| !value.is_empty()));
        }
        assert!(value.is_empty() || form.all(name).any(|one| one == value));
    }
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
    let written = encode(&pairs);
    assert!(written.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%=&".contains(&byte)));
    // What is written again may be longer than what was read.
    assert!(Form::read(written.as_bytes()).map_or(written.len() > input.len(), |again| again == form));
    true
}

/// A redirect URI that is taken leads where another parser says, too, and only its loopback port may change.
/// Input: a URI, a line feed, URIs that are asked for.
pub(crate) fn grant_redirect(input: &[u8]) -> bool {
    let mut texts = lines(input);
    let Some(text) = texts.next() else { return false };
    if let Ok(url) = DocumentUrl::parse(text, false) {
        assert!(text.starts_with("https://") && DocumentUrl::looks_like_one(text) && url.as_str() == text);
        agrees(text, &url.host());
    }
    let Ok(uri) = RedirectUri::parse(text) else { return false };
    assert!(uri.matches(text) && uri.as_str() == text);
    leads(&uri);
    let own = [text.replace("://", "://a@"), format!("{text}#"), text.to_ascii_uppercase(), format!("{text}/")];
    for asked in texts.map(str::to_owned).chain(own).filter(|asked| uri.matches(asked)) {
        let other = RedirectUri::parse(&asked).expect("a match is a redirect URI");
        leads(&other);
        assert_eq!(other.host(), uri.host());
        // A consent for one is a consent for the other.
        assert_eq!(other.consent_origin(), uri.consent_origin());
        assert_eq!(without_port(&other), without_port(&uri));
    }
    true
}

fn leads(uri: &RedirectUri) {
    assert!(uri.consent_origin().contains(&*uri.host()) && !uri.consent_origin().is_empty());
    let (text, answer) = (uri.as_str(), uri.with(&[("code", "c&d"), ("state", "s")]));
    assert!(answer.starts_with(text) && answer.ends_with("code=c%26d&state=s"));
    assert_eq!(answer.split(['?', '&']).filter(|part| part.starts_with("state=")).count(), 1, "{answer}");
    assert!(!text.contains(['#', '\\', ' ', '"', '<', '>']) && text.bytes().all(|byte| byte.is_ascii_graphic()));
    if let Some(after) = text.strip_prefix("http://") {
        let after = after.to_ascii_lowercase();
        assert!(["127.0.0.1", "[::1]", "localhost"].iter().any(|host| after.starts_with(host)) && uri.is_native());
    } else if !text.starts_with("https://") {
        let scheme = text.split(':').next().expect("a scheme");
        assert_eq!((uri.private_scheme(), &*uri.host()), (Some(scheme), scheme));
        assert_eq!(uri.is_claimable(), !scheme.contains('.'));
        assert!(uri.is_native() && check_scheme(scheme).is_ok() && RedirectSchemes::Any.accept(uri));
        let lower = scheme.to_ascii_lowercase();
        assert!(
            !["javascript", "data", "file", "vbscript", "ws", "intent"].contains(&&*lower) && !lower.starts_with("ms-")
        );
        return;
    }
    agrees(text, &uri.host());
    agrees(&answer, &uri.host());
}

fn agrees(text: &str, host: &str) {
    let parsed: Uri = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    assert!(!host.bytes().any(|byte| byte.is_ascii_uppercase()), "{text}");
    let theirs = parsed.host().map(|theirs| bare(theirs).to_ascii_lowercase());
    assert_eq!(theirs.as_deref(), Some(bare(host)), "{text}");
    assert!(!parsed.authority().is_some_and(|authority| authority.as_str().contains('@')), "{text}");
}

fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// The text with the port of a loopback host over `http` taken out.
fn without_port(uri: &RedirectUri) -> String {
    let text = uri.as_str();
    let Some((host, rest)) = text.strip_prefix("http://").and_then(|after| after.split_at_checked(uri.host().len()))
    else {
        return text.to_owned();
    };
    let rest = rest.strip_prefix(':').map_or(rest, |after| after.trim_start_matches(|c: char| c.is_ascii_digit()));
    format!("http://{host}{rest}")
}

/// What a client says of itself is taken as `serde_json` reads it, within bounds; a document only of its own URL.
pub(crate) fn grant_registration(input: &[u8]) -> bool {
    let url = DocumentUrl::parse("https://app.example/client.json", false).expect("a URL");
    let document = read_document(&url, input);
    if let Ok(client) = &document {
        let value: Value = serde_json::from_slice(input).expect("JSON");
        assert_eq!(value["client_id"].as_str(), Some(url.as_str()));
        assert!(client.name.is_some() && client.host().as_deref() == Some("app.example"));
        assert!(!matches!(client.auth, ClientAuth::Secret(_)) && !client.grants.credentials);
    }
    // With `client_credentials` there is a credential, and a redirect URI where there are users.
    let open = Terms { schemes: &RedirectSchemes::Any, may_act_alone: true, own: None };
    if let Ok(read) = RegistrationRequest::read(input, open) {
        assert_eq!(read.grants.code, !read.redirect_uris.is_empty());
        assert!(read.grants.code || read.grants.credentials);
        assert!(!read.grants.credentials || read.method != ClientAuthMethod::None);
        assert!(!read.grants.refresh || read.grants.code);
    }
    let own = OwnOrigins::new(
        ("gw.example", 443),
        &[],
        [],
        AnsweredPaths { single: vec!["/pub".into()], ..AnsweredPaths::default() },
    );
    let terms = Terms { schemes: &RedirectSchemes::Known, may_act_alone: false, own: Some(&own) };
    let read = match RegistrationRequest::read(input, terms) {
        Ok(read) => read,
        Err(error) => {
            is_sayable(&error);
            return document.is_ok();
        }
    };
    let value: Value = serde_json::from_slice(input.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(input)).expect("JSON");
    let theirs: Vec<&str> = match &value["redirect_uris"] {
        Value::String(only) => vec![only],
        several => several.as_array().expect("a list").iter().filter_map(Value::as_str).collect(),
    };
    assert!((1..=REDIRECT_URIS_MAX).contains(&theirs.len()));
    let is_kept = |uri: &str| read.redirect_uris.iter().any(|ours| ours.as_str() == uri);
    assert!(theirs.iter().all(|uri| is_kept(uri) == terms.read(uri).is_ok()));
    assert_eq!(read.left_out.is_some(), theirs.iter().any(|uri| !is_kept(uri)));
    assert!(!read.redirect_uris.is_empty());
    assert!(read.redirect_uris.iter().all(|ours| theirs.contains(&ours.as_str())));
    if let Some(name) = &read.name {
        assert!((1..=CLIENT_NAME_CHARS_MAX).contains(&name.chars().count()) && !name.contains(char::is_control));
    }
    if read.application_type == Some(ApplicationType::Web) {
        assert!(!read.redirect_uris.iter().any(RedirectUri::is_native));
    }
    assert!(read.grants.code && !read.grants.credentials);
    let client = read.into_client("dyn_x".into(), ClientAuth::None);
    let kept = serde_json::to_vec(&client).expect("JSON");
    assert_eq!(serde_json::from_slice::<Client>(&kept).expect("a client"), client);
    true
}

/// A request that is taken asks for what is ours, and its answers say once who speaks and what the state was.
pub(crate) fn grant_request(input: &[u8]) -> bool {
    let Ok(form) = Form::read(input) else { return false };
    let uris = ["https://app.example/cb?x=1", "http://127.0.0.1/cb"];
    let client = Client {
        id: "c".into(),
        name: None,
        origin: ClientOrigin::Configured,
        redirect_uris: uris.iter().map(|uri| RedirectUri::parse(uri).expect("a URI")).collect(),
        auth: ClientAuth::None,
        grants: Grants { code: true, refresh: true, credentials: false },
        scopes: None,
        introspects: Vec::new(),
        trusted: false,
        with_token: false,
    };
    let resources =
        [("https://gw.example/a", "a b"), ("https://gw.example", "c")].map(|(resource, scopes)| Protected {
            resource: resource.into(),
            name: resource.into(),
            scopes: read_scope(scopes).expect("scopes"),
            default_scopes: Vec::new(),
            is_root: false,
            passes_token: false,
        });
    let Ok(back) = ReturnTo::find(&client, &form) else { return false };
    let request = AuthorizationRequest::read(&client, back.clone(), &form, &resources);
    let answer = match &request {
        Ok(_) => back.with_code("code", "https://gw.example/oauth"),
        Err(error) => {
            is_sayable(error);
            back.with_error(error, "https://gw.example/oauth")
        }
    };
    let (address, query) = answer.split_once('?').expect("a query");
    assert!(address == "https://app.example/cb" || address.starts_with("http://127.0.0.1"));
    let answer = Form::read(query.as_bytes()).expect("an answer with one meaning");
    assert_eq!((answer.get("iss"), answer.get("state")), (Some("https://gw.example/oauth"), form.get("state")));
    assert_eq!((answer.get("code").is_some(), answer.get("error").is_some()), (request.is_ok(), request.is_err()));
    let Ok(request) = request else { return false };
    assert_eq!(form.get("code_challenge"), Some(request.challenge.as_str()));
    let named = |resource: &str| resources.iter().find(|one| *one.resource == *resource).expect("one of ours");
    assert!(!request.resources.is_empty());
    let left = left(&request.resources, &resources, &request.scopes, true);
    let of_left = |one: &&Protected| left.contains(&one.resource);
    let has_one = |one: &Protected| one.scopes.is_empty() || one.scopes.iter().any(|of| request.scopes.contains(of));
    assert!(resources.iter().filter(of_left).all(has_one), "{request:?}");
    assert!(left.iter().all(|one| request.resources.contains(one)), "{request:?}");
    let offered: Vec<_> = request.resources.iter().flat_map(|one| &named(one).scopes).collect();
    assert!(request.scopes.iter().all(|scope| offered.contains(&scope)));
    assert_eq!(read_scope(&Scope::join(&request.scopes)).as_ref(), Ok(&request.scopes));
    assert!(!(request.always_ask && request.never_ask));
    assert_eq!(narrow(&request.resources, &resources, &form).as_ref(), Ok(&request.resources));
    let kept = serde_json::to_vec(&request).expect("JSON");
    assert_eq!(serde_json::from_slice::<AuthorizationRequest>(&kept).expect("a request"), request);
    true
}

/// RFC 6749 §5.2: neither quotes nor backslashes, and ASCII alone.
fn is_sayable(error: &OAuthError) {
    let is_good = |byte: u8| matches!(byte, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~');
    assert!(!error.description.is_empty() && error.description.bytes().all(is_good), "{error:?}");
}

/// A stored value that has a seal is the join of its parts, and no other text.
pub(crate) fn stored_value(input: &[u8]) -> bool {
    let value = stored_value::split(input);
    match value.seal {
        None => {
            assert_eq!(value.plain, input);
            false
        }
        Some((key, tag)) => {
            assert!(value.plain.len() < input.len());
            assert_eq!(stored_value::join(&value.plain, key, &tag).as_deref(), Some(input));
            true
        }
    }
}

/// Only an answer about the subject is used, and no address is verified by another source. Input: a subject, a line feed, a body.
pub(crate) fn idp_userinfo(input: &[u8]) -> bool {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let Some(Ok(subject)) = parts.next().map(std::str::from_utf8) else { return false };
    let Ok(claims) = userinfo::read(parts.next().unwrap_or_default(), subject) else { return false };
    assert_eq!(claims.get("sub").and_then(Value::as_str), Some(subject));
    let token = serde_json::json!({"sub": subject, "email": "a@x", "email_verified": true});
    let vouchers = ["email_verified"];
    let both = userinfo::completed(token.as_object().cloned().unwrap_or_default(), claims.clone(), &vouchers);
    let said = claims.get("email_verified");
    let expected = match claims.get("email") {
        None => token.get("email_verified"),
        Some(email) if Some(email) == token.get("email") => said.or(token.get("email_verified")),
        Some(_) => said,
    };
    assert_eq!(both.get("email_verified"), expected);
    true
}
