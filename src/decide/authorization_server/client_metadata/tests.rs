//! Which client metadata is accepted.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::read_document;
use crate::{
    base::{
        limits::authorization_server::{CLIENT_NAME_CHARS_MAX, REDIRECT_URIS_MAX, REGISTRATION_BYTES_MAX},
        names::Scope,
    },
    decide::authorization_server::{
        client::{Client, ClientAuth, ClientOrigin, Grants},
        client_id_document::DocumentUrl,
        error::Code,
        redirect_scheme::RedirectSchemes,
        registration::{ApplicationType, ClientAuthMethod, RegistrationRequest, Terms},
    },
};

mod alone;
mod odd;

const URL: &str = "https://app.example/client.json";
/// Without `client_credentials`.
const TERMS: Terms<'_> = Terms { schemes: &RedirectSchemes::Known, may_act_alone: false, own: None };
const CALLBACK: &str = "https://app.example/cb";

fn key_set() -> Value {
    // RFC 7515 appendix A.3.
    json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "k",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})
}

/// `base` with these members set; `null` removes a member.
fn with(mut base: Value, members: &Value) -> Vec<u8> {
    for (name, value) in members.as_object().unwrap() {
        match value {
            Value::Null => base.as_object_mut().unwrap().remove(name),
            value => base.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    base.to_string().into_bytes()
}

fn register(members: &Value) -> Result<RegistrationRequest, Code> {
    let json = with(json!({"redirect_uris": [CALLBACK]}), members);
    RegistrationRequest::read(&json, TERMS).map_err(|error| error.code)
}

fn document(members: &Value) -> Result<Client, Cow<'static, str>> {
    let base = json!({"client_id": URL, "client_name": "App", "redirect_uris": [CALLBACK]});
    read_document(&DocumentUrl::parse(URL, false).unwrap(), &with(base, members))
}

#[test]
fn e35_what_a_registration_leaves_out_is_filled_in() {
    let read = register(&json!({})).unwrap();
    assert_eq!((read.name, read.method, read.scopes), (None, ClientAuthMethod::SecretBasic, None));
    assert_eq!(read.grants, Grants { code: true, refresh: true, credentials: false });
    let excluded = register(&json!({"grant_types": ["authorization_code"]})).unwrap();
    assert_eq!(excluded.grants, Grants { code: true, refresh: false, credentials: false });
    assert_eq!(read.redirect_uris.iter().map(|uri| uri.as_str()).collect::<Vec<_>>(), [CALLBACK]);
}

#[test]
fn e35_what_it_says_is_kept_and_what_we_do_not_know_is_ignored() {
    let read = register(&json!({
        "client_name": "  My App ",
        "redirect_uris": [CALLBACK, "http://localhost:1/cb", CALLBACK],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token", "client_credentials", "implicit"],
        "response_types": ["code", "token"],
        "scope": "mcp:tools offline_access",
        "software_statement": "x.y.z", "logo_uri": "javascript:alert(1)", "contacts": 7, "jwks": "not looked at",
    }))
    .unwrap();
    assert_eq!(read.name.as_deref(), Some("My App"));
    assert_eq!(read.redirect_uris.len(), 2);
    assert_eq!(read.grants, Grants { code: true, refresh: true, credentials: false });
    assert_eq!(read.method, ClientAuthMethod::None);
    assert_eq!(read.scopes.as_deref().map(Scope::join).as_deref(), Some("mcp:tools offline_access"));
    let client = read.into_client("dyn_1".into(), ClientAuth::None);
    assert_eq!((client.origin, client.scopes.is_none(), client.host()), (ClientOrigin::Dynamic, true, None));
}

#[test]
fn attack_157_a_client_does_not_choose_its_id_or_secret() {
    let chosen = register(&json!({"client_id": "inspector", "client_secret": "hunter2"})).unwrap();
    assert_eq!(chosen, register(&json!({})).unwrap());
}

#[test]
fn e30_e35_attack_157_redirect_uris_are_checked_and_counted() {
    let many = |count: usize| (0..count).map(|n| format!("{CALLBACK}/{n}")).collect::<Vec<_>>();
    assert!(register(&json!({"redirect_uris": many(REDIRECT_URIS_MAX)})).is_ok());
    for uris in [
        Value::Null,
        json!([]),
        json!("javascript:alert(1)"),
        json!({"0": CALLBACK}),
        json!([CALLBACK, 7]),
        json!([CALLBACK, null]),
        json!([[CALLBACK]]),
        json!(["javascript:alert(1)"]),
        json!(["data:text/html,x", "javascript:alert(1)"]),
        json!(["myapp2:cb"]),
        json!(["http://evil/cb"]),
        json!(["https://x/cb#f"]),
        json!([""]),
        json!(many(REDIRECT_URIS_MAX + 1)),
    ] {
        assert_eq!(register(&json!({"redirect_uris": uris})), Err(Code::InvalidRedirectUri), "{uris}");
        assert!(document(&json!({"redirect_uris": uris})).is_err(), "{uris}");
    }
}

#[test]
fn e30_redirect_uris_that_cannot_be_used_are_left_out() {
    let uris = json!([
        "javascript:alert(1)",
        CALLBACK,
        "cursor://a/cb",
        "myapp://cb",
        "http://evil/cb",
        "https://x/cb#f",
        "com.example.app:/cb",
        "vscode://b/cb",
        CALLBACK,
    ]);
    let read = register(&json!({"redirect_uris": uris})).unwrap();
    let kept: Vec<&str> = read.redirect_uris.iter().map(|uri| uri.as_str()).collect();
    assert_eq!(kept, [CALLBACK, "cursor://a/cb", "com.example.app:/cb", "vscode://b/cb"]);
    assert!(read.left_out.is_some_and(|why| why.contains("never accepted")), "{:?}", read.left_out);
    assert_eq!(register(&json!({})).unwrap().left_out, None);
    // Of a document all are kept that some configuration accepts: it may change while it is kept.
    let client = document(&json!({"redirect_uris": uris})).unwrap();
    let kept: Vec<&str> = client.redirect_uris.iter().map(|uri| uri.as_str()).collect();
    assert_eq!(kept, [CALLBACK, "cursor://a/cb", "myapp://cb", "com.example.app:/cb", "vscode://b/cb"]);
}

#[test]
fn e36_b2_the_type_of_an_application_refuses_nothing() {
    use ApplicationType::{Native, Web};
    for (kind, uri, effective) in [
        (json!("web"), CALLBACK, Some(Web)),
        (json!("web"), "http://localhost:1/cb", Some(Native)),
        (json!("web"), "https://localhost/cb", Some(Native)),
        (json!("web"), "https://127.0.0.1/cb", Some(Native)),
        (json!("web"), "https://127.9.9.9/cb", Some(Native)),
        (json!("web"), "https://[::1]/cb", Some(Native)),
        (json!("web"), "com.example.app:/cb", Some(Native)),
        (json!("web"), "cursor://a/cb", Some(Native)),
        (json!("web"), "javascript:alert(1)", Some(Web)),
        (json!("native"), "http://localhost:1/cb", Some(Native)),
        (json!("native"), "com.example.app:/cb", Some(Native)),
        (json!("native"), CALLBACK, Some(Native)),
        (Value::Null, "http://localhost:1/cb", None),
        (Value::Null, CALLBACK, None),
        (json!("spa"), "http://localhost:1/cb", None),
        (json!("browser"), CALLBACK, None),
        (json!("Web"), CALLBACK, None),
        (json!(""), CALLBACK, None),
        (json!(["web"]), CALLBACK, None),
        (json!(1), CALLBACK, None),
    ] {
        let read = register(&json!({"application_type": kind, "redirect_uris": [CALLBACK, uri]})).unwrap();
        assert_eq!(read.application_type, effective, "{kind} {uri}");
        assert!(document(&json!({"application_type": kind, "redirect_uris": [CALLBACK, uri]})).is_ok());
    }
}

#[test]
fn attack_157_a_name_is_short_and_is_what_it_looks_like() {
    let longest = "é".repeat(CLIENT_NAME_CHARS_MAX);
    let (long, short) = (format!("{longest}é"), format!("{}…", "é".repeat(CLIENT_NAME_CHARS_MAX - 1)));
    for (given, kept) in [
        ("App", Some("App")),
        ("<script>alert(1)</script>", Some("<script>alert(1)</script>")),
        ("Bücher 書 🎉 عربى", Some("Bücher 書 🎉 عربى")),
        ("👨\u{200d}👩\u{200d}👧 App", Some("👨\u{200d}👩\u{200d}👧 App")),
        ("می\u{200c}روم", Some("می\u{200c}روم")),
        (&longest, Some(&*longest)),
        (&long, Some(&*short)),
        (" \t", None),
        ("", None),
        ("\u{3164}\u{200b}", None),
        ("a\nb", Some("a b")),
        ("a\0", Some("a")),
        ("a\u{1b}[2J", Some("a[2J")),
        ("\u{202e}ppA", Some("ppA")),
        ("\u{2066}a\u{200b}b\u{feff}", Some("ab")),
        ("Cla\u{200d}ude", Some("Claude")),
    ] {
        assert_eq!(register(&json!({"client_name": given})).unwrap().name.as_deref(), kept, "{given:?}");
    }
}

#[test]
fn e24_the_method_is_one_that_we_have() {
    let keys = key_set();
    for (members, wanted) in [
        (json!({"token_endpoint_auth_method": "none"}), Ok(ClientAuthMethod::None)),
        (json!({"token_endpoint_auth_method": "client_secret_basic"}), Ok(ClientAuthMethod::SecretBasic)),
        (json!({"token_endpoint_auth_method": "client_secret_post"}), Ok(ClientAuthMethod::SecretPost)),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": keys}),
            Ok(ClientAuthMethod::Keys(keys.to_string().into())),
        ),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://app.example/keys"}),
            Ok(ClientAuthMethod::KeysAt("https://app.example/keys".into())),
        ),
        (json!({"token_endpoint_auth_method": "private_key_jwt"}), Err(Code::InvalidClientMetadata)),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": keys, "jwks_uri": "https://app.example/keys"}),
            Err(Code::InvalidClientMetadata),
        ),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": []}}),
            Err(Code::InvalidClientMetadata),
        ),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}}),
            Err(Code::InvalidClientMetadata),
        ),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": keys.to_string()}),
            Err(Code::InvalidClientMetadata),
        ),
    ] {
        assert_eq!(register(&members).map(|read| read.method), wanted, "{members}");
    }
}

#[test]
fn attack_157_keys_are_not_asked_for_inside() {
    for url in [
        "http://app.example/keys",
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/keys",
        "https://[::ffff:169.254.169.254]/keys",
        "https://2130706433/keys",
        "https://localhost/keys",
        "http://localhost/keys",
        "https://u@app.example/keys",
        "file:///etc/passwd",
        "",
    ] {
        let members = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": url});
        assert_eq!(register(&members), Err(Code::InvalidClientMetadata), "{url}");
        assert!(document(&members).is_err(), "{url}");
    }
}

#[test]
fn e35_grants_and_scopes_have_their_types() {
    let many = vec!["authorization_code"; 17];
    for members in [
        json!({"grant_types": ["client_credentials"]}),
        json!({"grant_types": ["refresh_token"]}),
        json!({"grant_types": ["implicit"]}),
        json!({"grant_types": "implicit"}),
        json!({"grant_types": {"0": "authorization_code"}}),
        json!({"grant_types": ["authorization_code", 1]}),
        json!({"grant_types": many}),
        json!({"response_types": ["token"]}),
        json!({"response_types": "token"}),
    ] {
        assert_eq!(register(&members), Err(Code::InvalidClientMetadata), "{members}");
        assert!(document(&members).is_err(), "{members}");
    }
    let usual = register(&json!({})).unwrap();
    for members in [
        json!({"grant_types": []}),
        json!({"response_types": []}),
        json!({"scope": "a\tb"}),
        json!({"scope": "a\"b"}),
        json!({"scope": ["a"]}),
    ] {
        assert_eq!(register(&members).as_ref(), Ok(&usual), "{members}");
        assert!(document(&members).is_ok(), "{members}");
    }
    assert_eq!(register(&json!({"scope": ""})).unwrap().scopes, Some(Vec::new()), "some clients send it empty");
}

#[test]
fn b7_what_is_wrong_is_said_with_the_name_of_the_member() {
    for (members, said) in [
        (json!({"client_name": 7}), "client_name is not a string"),
        (json!({"grant_types": "authorization_code"}), "grant_types is not a list of at most 16 strings"),
        (json!({"redirect_uris": "x"}), "redirect_uris is not a list of 1 to 64 URLs"),
        (
            json!({"redirect_uris": ["http://evil.example/cb"]}),
            "redirect_uris has no usable URL: http:// is allowed only",
        ),
        (json!({"client_id": "https://app.example/other"}), "client_id is not the document's URL"),
        (json!({"client_name": null}), "client_name is missing"),
        (json!({"token_endpoint_auth_method": 1}), "token_endpoint_auth_method is not a string"),
    ] {
        let what = document(&members).unwrap_err();
        assert!(what.contains(said), "{members}: {what}");
    }
}

#[test]
fn b38_attack_157_only_strict_and_short_json_is_read() {
    let long = format!(r#"{{"redirect_uris":["{CALLBACK}"],"x":"{}"}}"#, "x".repeat(REGISTRATION_BYTES_MAX));
    let deep = format!(r#"{{"redirect_uris":["{CALLBACK}"],"x":{}{}}}"#, "[".repeat(17), "]".repeat(17));
    for bad in [
        "",
        "[]",
        "null",
        "client_name=App",
        "{",
        r#"{"redirect_uris":["https://app.example/cb"],"redirect_uris":["https://evil.example/cb"]}"#,
        r#"{"redirect_uris":["https://app.example/cb"],"redirect\u005furis":["https://evil.example/cb"]}"#,
        r#"{"redirect_uris":["https://app.example/cb"]}{}"#,
        &long,
        &deep,
    ] {
        let refused = RegistrationRequest::read(bad.as_bytes(), TERMS).unwrap_err();
        assert_eq!(refused.code, Code::InvalidClientMetadata, "{bad}");
    }
    let nulls = br#"{"redirect_uris":["https://app.example/cb"],"client_name":null,"scope":null,"jwks":null,"grant_types":null}"#;
    assert_eq!(RegistrationRequest::read(nulls, TERMS), Ok(register(&json!({})).unwrap()), "null is left out");
}

#[test]
fn e33_a_document_describes_the_client_at_its_url() {
    let client = document(&json!({"scope": "a", "grant_types": ["authorization_code", "refresh_token"]})).unwrap();
    assert_eq!(
        (&*client.id, client.name.as_deref(), client.host().as_deref()),
        (URL, Some("App"), Some("app.example"))
    );
    assert_eq!((client.origin, &client.auth, &client.scopes), (ClientOrigin::Document, &ClientAuth::None, &None));
    assert_eq!(client.grants, Grants { code: true, refresh: true, credentials: false });
    assert!(!client.is_native());
    assert!(document(&json!({"redirect_uris": ["http://localhost/cb", "com.example.app:/cb"]})).unwrap().is_native());
    let configured = Client { origin: ClientOrigin::Configured, ..client };
    assert_eq!(configured.host(), None, "a written id vouches for nothing");
}

#[test]
fn e33_e24_attack_158_a_document_that_is_not_its_own_is_refused() {
    for members in [
        json!({"client_id": null}),
        json!({"client_id": "https://app.example/other.json"}),
        json!({"client_id": "https://app.example:443/client.json"}),
        json!({"client_id": "https://app.example/client.json "}),
        json!({"client_id": "https://APP.example/client.json"}),
        json!({"client_id": [URL]}),
        json!({"client_name": null}),
        json!({"client_name": " "}),
        json!({"client_name": "\u{202e}\u{200b}"}),
        json!({"redirect_uris": null}),
        json!({"token_endpoint_auth_method": "client_secret_post"}),
        json!({"token_endpoint_auth_method": "client_secret_basic"}),
        json!({"token_endpoint_auth_method": "client_secret_jwt"}),
        json!({"client_secret": "hunter2"}),
        json!({"client_secret": ""}),
        json!({"client_secret_expires_at": 0}),
    ] {
        assert!(document(&members).is_err(), "{members}");
    }
    let url = DocumentUrl::parse(URL, false).unwrap();
    assert!(read_document(&url, b"<!doctype html><title>App</title>").is_err());
}

#[test]
fn e24_a_document_proves_itself_by_keys() {
    let keys = key_set();
    let with_keys = document(&json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": keys})).unwrap();
    assert_eq!(with_keys.auth, ClientAuth::Keys(keys.to_string().into()));
    let members = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://keys.example/k"});
    assert_eq!(document(&members).unwrap().auth, ClientAuth::KeysAt("https://keys.example/k".into()));
    // If a document on this machine is allowed, so are keys on this machine.
    let url = DocumentUrl::parse("http://127.0.0.1:4000/c", true).unwrap();
    let local = json!({"client_id": url.as_str(), "client_name": "App", "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://127.0.0.1:4000/k"});
    assert!(read_document(&url, local.to_string().as_bytes()).is_ok());
}
