//! Which redirect URIs may be registered, and which requested URIs match.

use super::RedirectUri;
use crate::{
    base::limits::authorization_server::REDIRECT_URI_BYTES_MAX,
    decide::authorization_server::redirect_scheme::RedirectSchemes,
};

fn uri(text: &str) -> RedirectUri {
    RedirectUri::parse(text).unwrap_or_else(|what| panic!("{text}: {what}"))
}

#[test]
fn e30_https_loopback_and_private_schemes_are_taken() {
    for (text, host, is_native) in [
        ("https://app.example/cb", "app.example", false),
        ("https://app.example", "app.example", false),
        ("https://app.example:8443/cb?x=1", "app.example", false),
        ("https://app.example?x=1", "app.example", false),
        ("https://app.example/a&b=c/cb", "app.example", false),
        ("https://App.EXAMPLE:8443/Cb", "app.example", false),
        ("http://LOCALHOST:1/cb", "localhost", true),
        ("https://A.LocalHost/cb", "a.localhost", true),
        ("https://10.0.0.1/cb", "10.0.0.1", false),
        ("https://localhost/cb", "localhost", true),
        ("https://127.0.0.9/cb", "127.0.0.9", true),
        ("https://[::ffff:127.0.0.1]/cb", "[::ffff:127.0.0.1]", true),
        ("https://a.localhost/cb", "a.localhost", true),
        ("http://127.0.0.1/cb", "127.0.0.1", true),
        ("http://127.0.0.1:3333/cb", "127.0.0.1", true),
        ("http://[::1]:1/cb", "[::1]", true),
        ("http://localhost:65535", "localhost", true),
        ("com.example.app:/cb", "com.example.app", true),
        ("com.example.app://oauth/cb?x=a@b", "com.example.app", true),
        ("cursor://anysphere.cursor-mcp/oauth/callback", "cursor", true),
        ("cursor://elsewhere/cb", "cursor", true),
        ("vscode://vscode.github-authentication/did-authenticate", "vscode", true),
        ("com.example-2.app+x:/", "com.example-2.app+x", true),
    ] {
        let uri = uri(text);
        assert_eq!((uri.as_str(), &*uri.host()), (text, host));
        assert_eq!(uri.is_native(), is_native, "{text}");
        assert!(uri.matches(text));
    }
}

#[test]
fn e30_attack_157_all_others_are_refused() {
    let long = format!("https://app.example/{}", "a".repeat(REDIRECT_URI_BYTES_MAX));
    for bad in [
        "",
        "/cb",
        "//app.example/cb",
        "app.example/cb",
        "http://evil/cb",
        "https://app.example/cb?x=y?state=z",
        "com.example.app:/cb?x?",
        "http://app.example/cb",
        "http://127.0.0.2/cb",
        "http://127.1/cb",
        "http://2130706433/cb",
        "http://0x7f.0.0.1/cb",
        "http://0177.0.0.1/cb",
        "http://127.0.0.1./cb",
        "http://127.0.0.01/cb",
        "http://localhost./cb",
        "http://localhost.evil/cb",
        "http://[::1%25lo]/cb",
        "http://[0:0:0:0:0:0:0:1]/cb",
        "http://[::ffff:127.0.0.1]/cb",
        "http://[::1/cb",
        "http://::1/cb",
        "http://[::1]evil/cb",
        "http://127.0.0.1@evil.example/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "http://evil.example\\@127.0.0.1/cb",
        "http://127.0.0.1\\.evil.example/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:00080/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:80:80/cb",
        "http://127.0.0.1:٣/cb",
        "http://0.0.0.0/cb",
        "HTTPS://app.example/cb",
        "http://LOCALHOST.evil/cb",
        "https://[0:0:0:0:0:0:0:ABCD]/cb",
        "http://0X7F.1/cb",
        "https:/app.example/cb",
        "https:app.example/cb",
        "https:\\\\app.example\\cb",
        "https:///cb",
        "https://",
        "https://?x",
        "https://app.example/cb#f",
        "https://app.example/cb#",
        "https://user@app.example/cb",
        "https://user:pass@app.example/cb",
        "https://app.example%40evil.example/cb",
        "https://app.example%2fevil/cb",
        "https://app.example/cb%00",
        "https://app.example/cb%0d%0aSet-Cookie:x=y",
        "https://app.example/a/../cb",
        "https://app.example/a/%2e%2E/cb",
        "https://app.example/./cb",
        "https://app.example/a%2Fcb",
        "https://app.example/a%5Ccb",
        "https://app.example/a\\cb",
        "https://app.example/cb%",
        "https://app.example/cb%a",
        "https://app.example/cb%gg",
        "https://app.example/c b",
        "https://app.example/cb\t",
        "https://app.example/cb\n",
        " https://app.example/cb",
        "https://app.example/cb\0",
        "https://app.example/\u{202e}bc",
        "https://app.example/{x}",
        "https://app.example/<script>",
        "https://app.example/\"",
        "https://app.example/[x]",
        "https://app.example/*|x",
        "https://*.example/cb",
        "https://app..example/cb",
        "https://app.example./cb",
        "https://app.example:443x/cb",
        "https://bücher.example/cb",
        "https://app.example/cb?code=mine",
        "https://app.example/cb?x=1&state=mine",
        "https://app.example/cb?st%61te=mine",
        "https://app.example/cb?iss=https://evil.example",
        "https://app.example/cb?error",
        "https://app.example/cb?x=1;state=mine",
        "https://app.example/cb&state=mine",
        "https://app.example/cb&x&st%61te=mine?y=1",
        "com.app:/cb&code=mine",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "javascript://app.example/%0aalert(1)",
        "java\tscript:alert(1)",
        "data:text/html,x",
        "data:text/html;base64,eA==",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://app.example/x",
        "about:blank",
        "view-source:https://app.example",
        "ftp://app.example/cb",
        "ws://app.example/cb",
        "mailto:a@b.example",
        "urn:ietf:wg:oauth:2.0:oob",
        "myapp:cb",
        "cursor:cb",
        "Cursor://anysphere.cursor-mcp/oauth/callback",
        "intent://x#Intent;end",
        "com.Example.app:/cb",
        ".app:/cb",
        "com.:/cb",
        "com..app:/cb",
        "1com.app:/cb",
        "com.app",
        "com.app:cb",
        "com.app:",
        "com.app:?x=1",
        "com.app:/cb#f",
        "com.app:/../cb",
        "com.app://u@h/cb",
        "com.app:/c\\b",
        "com.app:/cb?state=mine",
        "com_app.x:/cb",
        ":/cb",
        &long,
    ] {
        assert!(RedirectUri::parse(bad).is_err(), "{bad:?}");
        assert!(serde_json::from_value::<RedirectUri>(serde_json::json!(bad)).is_err(), "from the store: {bad:?}");
    }
}

#[test]
fn e30_a_scheme_that_is_not_known_needs_the_operators_word() {
    for text in ["myapp:/cb", "myapp://cb"] {
        assert!(RedirectSchemes::Known.read(text).is_err(), "{text}");
        assert!(RedirectSchemes::Any.accept(&uri(text)));
        // A stored client keeps it: what is accepted is decided at each use.
        assert_eq!(serde_json::from_value::<RedirectUri>(serde_json::json!(text)).unwrap(), uri(text));
    }
}

#[test]
fn e30_any_program_may_claim_a_scheme_without_a_dot() {
    for (text, is_claimable) in [
        ("cursor://anysphere.cursor-mcp/oauth/callback", true),
        ("myapp:/cb", true),
        ("com.example.app:/cb", false),
        ("http://127.0.0.1/cb", false),
        ("https://app.example/cb", false),
    ] {
        assert_eq!(uri(text).is_claimable(), is_claimable, "{text}");
    }
}

#[test]
fn e31_d06_attack_159_only_the_port_of_a_loopback_host_may_differ() {
    for (registered, asked, good) in [
        ("http://127.0.0.1/cb", "http://127.0.0.1:53123/cb", true),
        ("http://127.0.0.1:8080/cb", "http://127.0.0.1:53123/cb", true),
        ("http://127.0.0.1:8080/cb", "http://127.0.0.1/cb", true),
        ("http://[::1]/cb", "http://[::1]:53123/cb", true),
        ("http://localhost:1/cb", "http://localhost:53123/cb", true),
        ("http://localhost:1/cb?x=1", "http://localhost:2/cb?x=1", true),
        ("http://localhost", "http://localhost:2", true),
        ("http://127.0.0.1/cb", "http://127.0.0.1:53123/cb2", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:53123/CB", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:53123/cb/", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:53123/cb?x=1", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:53123/%63b", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:53123/cb#f", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:0/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:99999/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1@evil.example/cb", false),
        ("http://127.0.0.1/cb", "http://u@127.0.0.1:1/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1\\@evil.example/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.2/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1./cb", false),
        ("http://127.0.0.1/cb", "http://localhost/cb", false),
        ("http://127.0.0.1/cb", "http://[::1]/cb", false),
        ("http://127.0.0.1/cb", "https://127.0.0.1/cb", false),
        ("http://127.0.0.1/cb", "HTTP://127.0.0.1/cb", false),
        ("http://localhost/cb", "http://localhost.evil/cb", false),
        ("http://localhost/cb", "http://LOCALHOST:1/cb", false),
        ("http://LOCALHOST/cb", "http://LOCALHOST:1/cb", true),
        ("http://LOCALHOST/cb", "http://localhost:1/cb", false),
        ("https://App.example/cb", "https://App.example/cb", true),
        ("https://App.example/cb", "https://app.example/cb", false),
        ("http://localhost/cb", "http://127.0.0.1/cb", false),
        ("http://localhost", "http://localhost:2/", false),
        ("https://127.0.0.1/cb", "https://127.0.0.1:1/cb", false),
        ("https://localhost/cb", "https://localhost:1/cb", false),
        ("https://app.example/cb", "https://app.example/cb", true),
        ("https://app.example/cb", "https://app.example:443/cb", false),
        ("https://app.example/cb", "https://app.example:444/cb", false),
        ("https://app.example/cb", "https://app.example/cb/", false),
        ("https://app.example/cb", "https://app.example/cb?", false),
        ("https://app.example/cb", "https://app.example/cb?x=1", false),
        ("https://app.example/cb", "https://app.example/cb/../evil", false),
        ("https://app.example/cb", "https://app.example/c", false),
        ("https://app.example/cb", "https://app.example/%63b", false),
        ("https://app.example/cb", "https://app.example.evil/cb", false),
        ("https://app.example/cb", "https://app.example@evil/cb", false),
        ("https://app.example/cb", "https://App.example/cb", false),
        ("https://app.example/cb", "http://app.example/cb", false),
        ("https://app.example/cb", " https://app.example/cb", false),
        ("https://app.example/cb", "https://app.example/cb\n", false),
        ("https://app.example/cb", "", false),
        ("com.example.app:/cb", "com.example.app:/cb", true),
        ("com.example.app:/cb", "com.example.app://cb", false),
        ("com.example.app://h:1/cb", "com.example.app://h:2/cb", false),
        ("com.example.app:/cb", "com.example.app2:/cb", false),
        ("cursor://a/cb", "cursor://a/cb", true),
        ("cursor://a/cb", "cursor://a/cb/", false),
        ("cursor://a/cb", "cursor://a/cb?x=1", false),
        ("cursor://a/cb", "cursor://b/cb", false),
        ("cursor://a/cb", "cursor://a:1/cb", false),
        ("cursor://a/cb", "Cursor://a/cb", false),
        ("cursor://a/cb", "cursor://A/cb", false),
        ("cursor://a/cb", "cursor:/a/cb", false),
        ("cursor://a/cb", "vscode://a/cb", false),
    ] {
        assert_eq!(uri(registered).matches(asked), good, "{registered} {asked}");
    }
}

#[test]
fn e13_an_answer_is_added_to_what_is_there() {
    for (text, answer) in [
        ("https://app.example/cb", "https://app.example/cb?code=a%26b"),
        ("https://app.example", "https://app.example?code=a%26b"),
        ("https://app.example/cb?x=1", "https://app.example/cb?x=1&code=a%26b"),
        ("https://app.example/cb?", "https://app.example/cb?code=a%26b"),
        ("https://app.example/cb?x=1&", "https://app.example/cb?x=1&code=a%26b"),
        ("com.example.app:/cb", "com.example.app:/cb?code=a%26b"),
    ] {
        assert_eq!(uri(text).with(&[("code", "a&b")]), answer);
        assert_eq!(uri(text).with(&[]), text);
    }
}

#[test]
fn d03_a_consent_is_for_an_origin() {
    for (uri, origin) in [
        ("https://app.example/cb?x=1", "https://app.example"),
        ("https://app.example:443/cb", "https://app.example"),
        ("https://App.Example:443/cb", "https://app.example"),
        ("http://LOCALHOST:1/cb", "http://localhost"),
        ("https://app.example:8443/cb", "https://app.example:8443"),
        ("https://app.example", "https://app.example"),
        ("http://127.0.0.1:4711/cb", "http://127.0.0.1"),
        ("http://127.0.0.1/other", "http://127.0.0.1"),
        ("http://localhost:1/cb", "http://localhost"),
        ("http://[::1]:9/cb", "http://[::1]"),
        ("https://localhost:8443/cb", "https://localhost"),
        ("com.example.app:/cb", "com.example.app:"),
        ("com.example.app://host/cb", "com.example.app:"),
    ] {
        assert_eq!(&*RedirectUri::parse(uri).unwrap().consent_origin(), origin, "{uri}");
    }
}

#[test]
fn a_redirect_uri_is_kept_as_its_text() {
    let kept = serde_json::to_string(&uri("http://localhost:1/cb")).unwrap();
    assert_eq!(kept, r#""http://localhost:1/cb""#);
    assert_eq!(serde_json::from_str::<RedirectUri>(&kept).unwrap(), uri("http://localhost:1/cb"));
}
