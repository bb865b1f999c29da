//! `login.oidc`: how the provider is reached, what is sent to it, and what is refused.

use jsonwebtoken::Algorithm;

use super::{ACCOUNTS, HASH, WHOLE, folder, with};
use crate::{
    authorization_server::settings::{Login, OidcSettings},
    config::{explain, file::Loaded},
    outbound::{dial::Peer, keys::KeySource},
};

const ISSUER: &str = "issuer: \"https://login.example.com/realms/main/\"";

/// The file with other keys of `login.oidc` beside those that it has.
fn more(keys: &str) -> String {
    WHOLE.replace("offline_access]}", &format!("offline_access], {keys}}}"))
}

fn read(text: &str) -> Result<(Loaded, OidcSettings), String> {
    let folder = folder(ACCOUNTS);
    let made = rcgen::generate_simple_self_signed(vec!["idp.corp".to_owned()]).unwrap();
    std::fs::write(folder.path().join("ca.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.path().join("junk.pem"), HASH).unwrap();
    let loaded = with(text, folder.path()).map_err(|problems| problems.to_string())?;
    let printed = explain::print(&loaded.settings);
    let again = with(&printed, folder.path()).unwrap_or_else(|problems| panic!("{problems}\n{printed}"));
    let Login::Oidc(oidc) = loaded.settings.embedded[1].login.clone() else { panic!("oidc") };
    assert_eq!(again.settings.embedded[1].login, Login::Oidc(oidc.clone()), "explain prints what was read");
    Ok((loaded, *oidc))
}

fn refused(text: &str) -> String {
    read(text).map(|(_, oidc)| oidc).expect_err(text)
}

#[test]
fn c2_the_keys_of_an_issuer_are_those_of_login_oidc_too() {
    let (_, oidc) = read(WHOLE).unwrap();
    assert_eq!((oidc.reach, oidc.jwks), (Default::default(), KeySource::Discover));
    let keys = "ca: ca.pem, jwks: {url: \"https://keys.example.com/jwks\"}, reach_at: \"http://keycloak:8080/\", allow_http: true";
    let (loaded, oidc) = read(&more(keys)).unwrap();
    let peer = |host: &str, port, tls| Peer { host: host.into(), port, tls };
    let at = oidc.reach.at.unwrap();
    assert_eq!((at.public, at.peer), (peer("login.example.com", 443, true), peer("keycloak", 8080, false)));
    assert_eq!((oidc.reach.ca.unwrap().certificates.len(), oidc.reach.allow_http), (1, true));
    assert_eq!(oidc.jwks, KeySource::Url("https://keys.example.com/jwks".into()));
    assert!(loaded.settings.files.iter().any(|file| file.ends_with("ca.pem")), "read again when it changes");
    let warnings: String = loaded.warnings.iter().map(ToString::to_string).collect();
    assert!(warnings.contains("login.oidc.allow_http: found true; expected false"), "{warnings}");
}

#[test]
fn c2_an_http_issuer_needs_allow_http_and_the_message_names_a_key_that_exists() {
    let http = WHOLE.replace(ISSUER, "issuer: \"http://keycloak:8080/realms/main\"");
    let said = refused(&http);
    assert!(said.contains("or needs `allow_http: true` (dangerous)"), "{said}");
    let allowed = http.replace("client_id: portcullis", "client_id: portcullis, allow_http: true");
    assert_eq!(read(&allowed).unwrap().1.issuer.as_str(), "http://keycloak:8080/realms/main");
}

#[test]
fn c2_a_place_that_cannot_be_meant_is_refused() {
    for (keys, expected) in [
        (
            "reach_at: \"http://keycloak:8080\"",
            "reach_at: found \"http://keycloak:8080\"; expected an https:// URL; http:// needs `allow_http: true`",
        ),
        ("reach_at: \"http://127.0.0.1:8080\"", "http:// needs `allow_http: true`"),
        ("reach_at: \"https://keycloak:8443/realms/main\"", "without a path"),
        ("reach_at: \"https://keycloak:8443?x\"", "without a path"),
        ("reach_at: keycloak:8443", "a URL that begins with https:// or http://"),
        ("reach_at: \"https://a:b@keycloak\"", "a URL without user name and password"),
        ("ca: absent.pem", "login.oidc.ca: found"),
        ("ca: junk.pem", "a PEM file that holds certificates"),
        ("jwks: {url: \"http://keycloak/jwks\"}", "jwks.url: found \"http://keycloak/jwks\"; expected an https:// URL"),
        ("jwks: {file: absent.json}", "jwks.file: found"),
        ("jwks: {}", "exactly one of discover, url, file"),
    ] {
        let said = refused(&more(keys));
        assert!(said.contains(expected), "{keys}: {said}");
    }
}

#[test]
fn c2_a_plain_issuer_has_the_same_keys() {
    let text = WHOLE.replace(
        "issuer: https://partner.example.net",
        "issuer: https://partner.example.net\n    reach_at: https://10.0.0.7\n    ca: ca.pem",
    );
    let (loaded, _) = read(&text).unwrap();
    let reach = &loaded.settings.authorization_servers[2].reach;
    let at = reach.at.as_ref().unwrap();
    assert_eq!((&*at.public.host, at.url().as_str()), ("partner.example.net", "https://10.0.0.7:443"));
    assert!(reach.ca.is_some() && !reach.allow_http);
}

#[test]
fn c1_a_profile_gives_defaults_and_what_is_written_wins() {
    let sent = |oidc: &OidcSettings| -> Vec<String> {
        oidc.authorize_parameters.iter().map(|(name, value)| format!("{name}={value}")).collect()
    };
    let bare = WHOLE.replace(", scopes: [profile, offline_access]}", ", profile: PROFILE}");
    let (_, google) = read(&bare.replace("PROFILE", "google")).unwrap();
    assert_eq!(
        (google.profile.name, sent(&google)),
        ("google", vec!["access_type=offline".to_owned(), "prompt=consent".to_owned()])
    );
    assert_eq!(google.scopes.len(), 3);
    let (_, entra) = read(&bare.replace("PROFILE", "entra")).unwrap();
    assert!(!entra.trust_email && entra.scopes.iter().any(|scope| scope.as_str() == "offline_access"));
    let written = "google, authorize_parameters: {prompt: select_account, hd: corp.example}, trust_email: true";
    let (loaded, google) = read(&bare.replace("PROFILE", written)).unwrap();
    assert_eq!(sent(&google), ["prompt=select_account", "hd=corp.example", "access_type=offline"]);
    assert!(loaded.warnings.iter().any(|warning| warning.to_string().contains("trust_email")));
    let (_, lemonldap) = read(&more("profile: lemonldap")).unwrap();
    assert_eq!(sent(&lemonldap), ["prompt=consent"]);
    let (_, generic) = read(WHOLE).unwrap();
    assert_eq!((generic.profile.name, sent(&generic)), ("generic", Vec::new()));
}

#[test]
fn c1_what_would_break_a_sign_in_is_refused() {
    for (keys, expected) in [
        (
            "profile: gogle",
            "a provider: generic, google, entra, okta, auth0, keycloak, cognito, scalekit, wso2, lemonldap, canaille; did you mean \"google\"?",
        ),
        ("profile: google", "scopes[1]: found offline_access; expected no offline_access: this provider refuses it"),
        ("profile: cognito", "this provider refuses it; `profile: cognito` asks"),
        (
            "authorize_parameters: {state: x}",
            "authorize_parameters.state: found \"state\" with the value \"x\"; expected a parameter that the gateway does not set itself",
        ),
        ("authorize_parameters: {Code_Challenge: x}", "a parameter that the gateway does not set itself"),
        ("authorize_parameters: {prompt: none}", "a prompt other than none"),
        ("authorize_parameters: {max_age: 60}", "the value of a parameter (quote it)"),
        ("authorize_parameters: {\"a b\": x}", "the name of a parameter such as access_type"),
        ("authorize_parameters: [a]", "a map of texts by parameter"),
    ] {
        let said = refused(&more(keys));
        assert!(said.contains(expected), "{keys}: {said}");
    }
    let google = WHOLE.replace(ISSUER, "issuer: \"https://accounts.google.com\"");
    let (loaded, _) = read(&google).unwrap();
    let warnings: String = loaded.warnings.iter().map(ToString::to_string).collect();
    assert!(warnings.contains("`profile: google` asks for refresh tokens in its way"), "{warnings}");
}

#[test]
fn c7_asymmetric_algorithms_alone_can_be_allowed() {
    let (_, oidc) = read(&more("algorithms: [RS512, ES384]")).unwrap();
    assert_eq!(oidc.algorithms, [Algorithm::RS512, Algorithm::ES384]);
    assert_eq!(read(WHOLE).unwrap().1.algorithms.len(), 4);
    for algorithms in ["[HS256]", "[none]", "[]"] {
        let said = refused(&more(&format!("algorithms: {algorithms}")));
        assert!(
            said.contains("login.oidc.algorithms") && said.contains("asymmetric algorithm"),
            "{algorithms}: {said}"
        );
    }
}
