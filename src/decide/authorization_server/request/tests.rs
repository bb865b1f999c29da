//! Authorization requests: errors on the gateway's page, errors by redirect, and good requests.

use super::{AuthorizationRequest, ReturnTo};
use crate::{
    base::{
        limits::authorization_server::{LOGIN_HINT_BYTES_MAX, STATE_BYTES_MAX},
        names::Scope,
    },
    decide::authorization_server::{
        client::{Client, ClientAuth, ClientOrigin, Grants},
        error::Code,
        form::{Form, encode},
        people::read_scope,
        redirect_uri::RedirectUri,
        resources::Protected,
    },
};

const CALLBACK: &str = "https://app.example/cb";
const ISSUER: &str = "https://gw.example/oauth";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn client(uris: &[&str]) -> Client {
    Client {
        id: "c".into(),
        name: None,
        origin: ClientOrigin::Configured,
        redirect_uris: uris.iter().map(|uri| RedirectUri::parse(uri).unwrap()).collect(),
        auth: ClientAuth::None,
        grants: Grants { code: true, refresh: true, credentials: false },
        scopes: None,
        introspects: Vec::new(),
        trusted: false,
        with_token: false,
    }
}

fn protected(resource: &str, scopes: &str, defaults: &str) -> Protected {
    let (scopes, default_scopes) = (read_scope(scopes).unwrap(), read_scope(defaults).unwrap());
    let (resource, name) = (resource.into(), "n".into());
    Protected { resource, name, scopes, default_scopes, is_root: false, passes_token: false }
}

fn form(pairs: &[(&str, &str)]) -> Form {
    Form::read(encode(pairs).as_bytes()).unwrap()
}

/// A good request with these parameters changed; an empty value removes a parameter.
fn changed(changes: &[(&str, &str)]) -> Form {
    let good = [
        ("client_id", "c"),
        ("response_type", "code"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let kept = good.iter().filter(|(name, _)| !changes.iter().any(|(other, _)| other == name));
    form(&kept.chain(changes).copied().collect::<Vec<_>>())
}

fn read_by(client: &Client, changes: &[(&str, &str)], resources: &[Protected]) -> Result<AuthorizationRequest, Code> {
    let form = changed(changes);
    let back = ReturnTo::find(client, &form).unwrap();
    AuthorizationRequest::read(client, back, &form, resources).map_err(|error| error.code)
}

fn read(changes: &[(&str, &str)]) -> Result<AuthorizationRequest, Code> {
    read_by(&client(&[CALLBACK]), changes, &[protected("https://gw.example/a", "a b", "a")])
}

#[test]
fn e10_attack_159_the_answer_goes_to_a_registered_address_or_nowhere() {
    let (one, two) = (client(&[CALLBACK]), client(&[CALLBACK, "http://127.0.0.1/cb"]));
    let none = client(&[]);
    for (client, asked, wanted) in [
        (&one, None, Some(CALLBACK)),
        (&one, Some(""), Some(CALLBACK)),
        (&one, Some(CALLBACK), Some(CALLBACK)),
        (&two, Some(CALLBACK), Some(CALLBACK)),
        (&two, Some("http://127.0.0.1:53123/cb"), Some("http://127.0.0.1:53123/cb")),
        (&two, None, None),
        (&two, Some("http://127.0.0.1:53123/cb2"), None),
        (&one, Some("http://127.0.0.1:53123/cb"), None),
        (&one, Some("https://app.example/cb/"), None),
        (&one, Some("https://app.example/cb?x=1"), None),
        (&one, Some("https://app.example/CB"), None),
        (&one, Some("https://app.example.evil/cb"), None),
        (&one, Some("https://evil/https://app.example/cb"), None),
        (&one, Some("https%3A%2F%2Fapp.example%2Fcb"), None),
        (&none, None, None),
        (&none, Some(CALLBACK), None),
    ] {
        let form = form(&asked.map(|uri| ("redirect_uri", uri)).into_iter().collect::<Vec<_>>());
        let found = ReturnTo::find(client, &form);
        assert_eq!(found.as_ref().ok().map(|back| back.uri.as_str()), wanted, "{asked:?}");
        assert!(found.is_ok() || found.is_err_and(|error| error.code == Code::InvalidRequest));
    }
}

#[test]
fn e13_state_comes_back_unchanged_with_the_issuer() {
    for state in ["xyz", "a b+c&code=evil", "é😀", "{\"a\":1}", "%41"] {
        let back = ReturnTo::find(&client(&[CALLBACK]), &form(&[("state", state)])).unwrap();
        let error = Code::AccessDenied.because("no");
        for (address, name, value) in
            [(back.with_code("C", ISSUER), "code", "C"), (back.with_error(&error, ISSUER), "error", "access_denied")]
        {
            let (uri, query) = address.split_once('?').unwrap();
            let answer = Form::read(query.as_bytes()).unwrap();
            assert_eq!(uri, CALLBACK);
            assert_eq!(
                (answer.get("state"), answer.get("iss"), answer.get(name)),
                (Some(state), Some(ISSUER), Some(value))
            );
        }
    }
    let without = ReturnTo::find(&client(&[CALLBACK]), &form(&[])).unwrap();
    assert_eq!(without.with_code("C", "https://i"), "https://app.example/cb?code=C&iss=https%3A%2F%2Fi");
}

#[test]
fn e13_state_is_bounded() {
    let find = |bytes| ReturnTo::find(&client(&[CALLBACK]), &form(&[("state", &"s".repeat(bytes))]));
    assert!(find(STATE_BYTES_MAX).is_ok());
    assert_eq!(find(STATE_BYTES_MAX + 1).unwrap_err().code, Code::InvalidRequest);
}

#[test]
fn e11_attack_160_what_is_not_a_code_with_pkce_is_told_by_a_redirect() {
    for (changes, code) in [
        (&[("response_type", "")][..], Code::InvalidRequest),
        (&[("response_type", "token")], Code::UnsupportedResponseType),
        (&[("response_type", "code id_token")], Code::UnsupportedResponseType),
        (&[("response_type", "Code")], Code::UnsupportedResponseType),
        (&[("code_challenge", "")], Code::InvalidRequest),
        (&[("code_challenge_method", "")], Code::InvalidRequest),
        (&[("code_challenge_method", "plain")], Code::InvalidRequest),
        (&[("response_mode", "fragment")], Code::InvalidRequest),
        (&[("response_mode", "form_post")], Code::InvalidRequest),
        (&[("request", "e30.e30.")], Code::RequestNotSupported),
        (&[("request_uri", "https://evil.example/r")], Code::RequestUriNotSupported),
    ] {
        assert_eq!(read(changes), Err(code), "{changes:?}");
    }
    assert!(read(&[("response_mode", "query"), ("unknown", "x"), ("nonce", "n")]).is_ok());
    let credentials =
        Client { grants: Grants { code: false, refresh: false, credentials: true }, ..client(&[CALLBACK]) };
    let resources = [protected("https://gw.example/a", "", "")];
    assert_eq!(read_by(&credentials, &[], &resources), Err(Code::UnauthorizedClient));
}

#[test]
fn e16_scopes_are_those_that_the_servers_name() {
    let resources = [
        protected("https://gw.example/a", "a b", "a"),
        protected("https://gw.example/b", "b c", "b a"),
        protected("https://gw.example/open", "", ""),
        protected("https://gw.example/off", "offline_access x", "x"),
        protected("https://gw.example/own", "openid x", "x"),
    ];
    let bound = Client { scopes: Some(vec![Scope::from("b")]), ..client(&[CALLBACK]) };
    let free = client(&[CALLBACK]);
    for (client, servers, scope, wanted) in [
        (&free, "a", "a b", Some("a b")),
        (&free, "a", "b a", Some("b a")),
        (&free, "a", "a b admin openid", Some("a b")),
        (&free, "a", "", Some("a")),
        (&free, "a", "c", None),
        (&free, "a", "admin", None),
        (&free, "a", " b  a ", Some("b a")),
        (&free, "a", "  ", Some("a")),
        (&free, "a", "a\tb", None),
        (&free, "a", "A", None),
        (&free, "a b", "c a", Some("c a")),
        (&free, "a b", "", Some("a b")),
        (&free, "open", "anything", Some("")),
        (&free, "open", "", Some("")),
        (&bound, "a", "a b", Some("b")),
        (&bound, "a", "a", None),
        (&bound, "a b", "", Some("b")),
        // Many clients add `offline_access`. It is ignored: their grant types decide about refresh
        // tokens.
        (&free, "a", "b offline_access", Some("b")),
        (&free, "a", "offline_access", Some("a")),
        // So are OpenID Connect's other scopes, but not those that no one knows.
        (&free, "a", "openid", Some("a")),
        (&free, "a b", "openid profile email offline_access", Some("a b")),
        (&free, "a", "openid b", Some("b")),
        (&free, "a", "openid admin", None),
        (&free, "a", "OpenID", None),
        (&bound, "a b", "openid", Some("b")),
        (&free, "own", "openid", Some("openid")),
        (&free, "off", "offline_access", Some("offline_access")),
    ] {
        let names = servers.split(' ').map(|name| format!("https://gw.example/{name}")).collect::<Vec<_>>();
        let mut changes: Vec<(&str, &str)> = names.iter().map(|name| ("resource", &**name)).collect();
        changes.push(("scope", scope));
        let found = read_by(client, &changes, &resources).map(|request| Scope::join(&request.scopes));
        assert_eq!(found, wanted.map(str::to_owned).ok_or(Code::InvalidScope), "{servers}: {scope}");
    }
}

#[test]
fn e29_login_b5_scopes_that_are_not_granted_are_remembered_as_far_as_they_are_short() {
    let resources = [protected("https://gw.example/a", "a b", "a")];
    let free = client(&[CALLBACK]);
    let named = |scope: &str| {
        Scope::join(
            &read_by(&free, &[("scope", scope), ("resource", "https://gw.example/a")], &resources).unwrap().named,
        )
    };
    assert_eq!(named(""), "");
    assert_eq!(named("a b"), "");
    assert_eq!(named("openid a profile offline_access"), "offline_access openid profile");
    let long = "x".repeat(600);
    assert_eq!(named(&format!("a {long} {long}y z offline_access")), format!("offline_access {long} z"));
}

#[test]
fn e17_prompt_and_login_hint_are_read_and_bounded() {
    for (prompt, wanted) in [
        ("", Some((false, false, false))),
        ("login", Some((true, true, false))),
        ("consent", Some((true, false, false))),
        ("select_account", Some((true, true, false))),
        ("login consent", Some((true, true, false))),
        ("create", Some((false, false, false))),
        ("none", Some((false, false, true))),
        ("none login", None),
        ("consent none", None),
        ("none ", None),
        (&"login ".repeat(20), None),
    ] {
        let found =
            read(&[("prompt", prompt)]).map(|request| (request.always_ask, request.signs_in_again, request.never_ask));
        assert_eq!(found, wanted.ok_or(Code::InvalidRequest), "{prompt}");
        if let Ok(request) = read(&[("prompt", prompt)]) {
            assert_eq!(&*request.idp_prompt, prompt.replace("consent", "").replace("create", "").trim(), "{prompt}");
        }
    }
    for (age, wanted) in [("0", Some(0)), ("3600", Some(3600)), ("-1", None), ("+1", None), ("1.5", None), ("x", None)]
    {
        let found = read(&[("max_age", age)]).map(|request| request.max_age);
        assert_eq!(found, wanted.map(Some).ok_or(Code::InvalidRequest), "{age}");
    }
    for (hint, good) in [
        ("ann@company.example".to_owned(), true),
        ("é".to_owned(), true),
        ("x".repeat(LOGIN_HINT_BYTES_MAX), true),
        ("x".repeat(LOGIN_HINT_BYTES_MAX + 1), false),
        ("a\tb".to_owned(), false),
    ] {
        let found = read(&[("login_hint", &hint)]).map(|request| request.login_hint);
        assert_eq!(found, if good { Ok(Some(hint.into())) } else { Err(Code::InvalidRequest) });
    }
}

#[test]
fn e21_whether_the_redirect_uri_was_named_is_remembered() {
    assert!(!read(&[]).unwrap().named_redirect);
    assert!(!read(&[("redirect_uri", "")]).unwrap().named_redirect);
    assert!(read(&[("redirect_uri", CALLBACK)]).unwrap().named_redirect);
    let request = read(&[("state", "s")]).unwrap();
    let kept = serde_json::to_string(&request).unwrap();
    assert_eq!(serde_json::from_str::<AuthorizationRequest>(&kept).unwrap(), request);
}
