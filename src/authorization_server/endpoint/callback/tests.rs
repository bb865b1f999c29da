//! The callback, against a scripted IdP. tests/login uses a real IdP.

use std::sync::Arc;

use http::header;
use serde_json::{Value, json};

use crate::{
    authorization_server::{
        browser::{
            cookie::Cookie,
            departure,
            flow::{self, Flow},
        },
        settings::{Login, OidcSettings},
        store::kind::EntryKind,
        testing::{Browser, ECHO, ISSUER, Reply, START_SECS, Shown, VERIFIER, World, company_idp, exchange},
    },
    base::{digest::sha256, secret::Secret},
    decide::{
        authorization_server::{
            form::Form,
            people::GrantRule,
            pkce::Challenge,
            redirect_uri::RedirectUri,
            request::{AuthorizationRequest, ReturnTo},
        },
        policy::glob::Glob,
        routing::IssuerEndpoint,
        token::testing::{FOREIGN_KEY, P256, RSA, with},
    },
    outbound::fetch::testing::{ScriptedAnswer, Site},
};

mod known;
mod renewal;
mod sign_in_first;

const BROWSER: &str = "0123456789012345678901234567890123456789abc";
const ANOTHER: &str = "0123456789012345678901234567890123456789xyz";
const US: &str = "gateway";

/// An IdP, the embedded server, and one request.
struct Scene {
    idp: Site,
    world: World,
    flow: Flow,
}

/// The request with which the browser was sent to the IdP.
struct Departed {
    location: String,
    query: Form,
}

impl Scene {
    async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// A scene with other members of the IdP's metadata.
    async fn with(metadata: Value) -> Self {
        let idp = Site::plain().await;
        let issuer = idp.url("");
        let document = with(
            &json!({
                "issuer": issuer, "jwks_uri": idp.url("/jwks"),
                "authorization_endpoint": idp.url("/auth"), "token_endpoint": idp.url("/token"),
            }),
            &metadata,
        );
        idp.answer("/.well-known/oauth-authorization-server", ScriptedAnswer::json(document.to_string()));
        idp.answer("/jwks", ScriptedAnswer::json(json!({"keys": [P256.jwk(), RSA.jwk()]}).to_string()));
        let world = World::with(|settings| {
            settings.login = Login::Oidc(Box::new(OidcSettings {
                scopes: vec!["profile".into(), "offline_access".into()],
                ..company_idp(&issuer, US, b"50% of a secret")
            }));
            settings.grants = vec![GrantRule {
                accounts: Vec::new(),
                groups: Vec::new(),
                claims: vec![("department".into(), vec!["eng".into()])],
                trusts_email: false,
                clients: Vec::new(),
                registered: None,
                scopes: vec![Glob::new("a")],
            }];
        })
        .await;
        let state = Arc::clone(&world.embedded.state);
        tokio::spawn(async move { state.bridge.as_ref().unwrap().keep_fresh().await });
        let request = AuthorizationRequest {
            client: "app".into(),
            back: ReturnTo { uri: RedirectUri::parse("https://app.example/back").unwrap(), state: Some("s-1".into()) },
            named_redirect: true,
            challenge: Challenge::of(VERIFIER),
            resources: vec![ECHO.into()],
            scopes: vec!["a".into(), "b".into()],
            named: Vec::new(),
            login_hint: Some("ada@corp.example".into()),
            always_ask: false,
            signs_in_again: false,
            never_ask: false,
            idp_prompt: "".into(),
            max_age: None,
        };
        let client = world.embedded.settings.clients[0].clone();
        let now = crate::base::clock::Clock::now(&*world.clock);
        let flow = Flow::new(request, client, sha256(BROWSER.as_bytes()), None, now);
        Self { idp, world, flow }
    }

    /// The browser with this cookie.
    fn browser(&self, value: &str) -> Browser {
        let cookie = Cookie::Browser.set(&self.world.embedded, value, 600);
        let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
        Browser { cookies: vec![(name.into(), value.into())] }
    }

    async fn depart(&self) -> Departed {
        let id = flow::new_id().unwrap();
        let location = departure::depart(&self.world.embedded, &id, &self.flow, None).await.unwrap();
        Departed::to(location)
    }

    /// The claims of a valid ID token.
    fn claims(&self, departed: &Departed) -> Value {
        json!({
            "iss": self.idp.url(""), "sub": "u-1", "aud": US, "iat": START_SECS, "exp": START_SECS + 300,
            "nonce": departed.query.get("nonce").unwrap(), "preferred_username": "ada", "department": "eng",
        })
    }

    /// The IdP grants a token with these claims.
    fn grant(&self, claims: &Value) {
        let token = P256.token("ES256", &json!({"typ": "JWT"}), claims);
        self.grants(&json!({"id_token": token, "refresh_token": "theirs-1", "access_token": "theirs-0"}));
    }

    /// The IdP answers with these members, and with an access token.
    fn grants(&self, answer: &Value) {
        let answer = with(&json!({"access_token": "theirs-0"}), answer);
        self.idp.answer("/token", ScriptedAnswer::json(answer.to_string()));
    }

    async fn callback(&self, query: &str, browser: &mut Browser) -> Shown {
        browser.get(&self.world, IssuerEndpoint::Callback, &format!("/oauth/callback?{query}")).await
    }

    fn figures(&self) -> crate::authorization_server::person::bridge::health::IdpFigures {
        self.world.embedded.state.bridge.as_ref().unwrap().figures()
    }

    /// The browser returns with a code; its user allows what the consent page asks.
    async fn back(&self, departed: &Departed) -> Shown {
        let mut browser = self.browser(BROWSER);
        let shown = self.arrive(departed, &mut browser).await;
        match location(&shown).starts_with(&format!("{ISSUER}/consent?")) {
            true => browser.answer(&self.world, &shown.flow(), "allow").await,
            false => shown,
        }
    }

    /// The browser returns with a code.
    async fn arrive(&self, departed: &Departed, browser: &mut Browser) -> Shown {
        let state = departed.query.get("state").unwrap();
        self.callback(&format!("code=c-1&state={state}"), browser).await
    }
}

impl Departed {
    fn to(location: String) -> Self {
        let query = Form::read(location.split_once('?').unwrap().1.as_bytes()).unwrap();
        Self { location, query }
    }
}

/// Where the browser goes on by itself, if it does.
fn location(shown: &Shown) -> &str {
    let leads = [header::LOCATION.as_str(), "refresh"].iter().any(|name| shown.headers.contains_key(*name));
    if leads { shown.location() } else { "" }
}

#[tokio::test]
async fn e40_d56_a_login_at_the_idp_becomes_a_code_and_a_token_of_ours() {
    let scene = Scene::new().await;
    let departed = scene.depart().await;
    assert!(departed.location.starts_with(&scene.idp.url("/auth?")));
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", US),
        ("redirect_uri", &format!("{ISSUER}/callback")),
        ("scope", "openid profile offline_access"),
        ("code_challenge_method", "S256"),
        ("login_hint", "ada@corp.example"),
    ] {
        assert_eq!(departed.query.get(name), Some(value), "{name}");
    }
    scene.grant(&scene.claims(&departed));
    let reply = scene.back(&departed).await;
    assert_eq!(reply.status, 303);
    let query = Form::read(location(&reply).strip_prefix("https://app.example/back?").unwrap().as_bytes()).unwrap();
    assert_eq!((query.get("state"), query.get("iss")), (Some("s-1"), Some(ISSUER)));
    let asked = scene.idp.posted().pop().unwrap();
    assert!(asked.contains("authorization: Basic Z2F0ZXdheTo1MCUyNSUyMG9mJTIwYSUyMHNlY3JldA=="), "{asked}");
    let verifier = asked.split_once("code_verifier=").unwrap().1.split('&').next().unwrap();
    assert_eq!(Some(Challenge::of(verifier).as_str()), departed.query.get("code_challenge"));

    let issued = scene.world.post(IssuerEndpoint::Token, &exchange(query.get("code").unwrap())).await;
    assert_eq!(issued.status, 200, "{}", issued.json);
    assert_eq!(issued.text("scope"), "a", "no rule grants b");
    assert!(!issued.json.to_string().contains("theirs"));
    let caller = scene.world.caller(issued.text("access_token")).unwrap();
    assert_eq!((caller.subject(), caller.issuer().as_str()), ("u-1", ISSUER));

    // E-41: each refresh asks the IdP, with its last refresh token.
    scene.grants(&json!({"refresh_token": "theirs-2"}));
    let refreshed = scene.world.refresh(issued.text("refresh_token")).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.json);
    assert!(scene.idp.posted().pop().unwrap().ends_with("grant_type=refresh_token&refresh_token=theirs-1"));
    scene.idp.answer("/token", ScriptedAnswer::raw("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"));
    let away = scene.world.refresh(refreshed.text("refresh_token")).await;
    assert_eq!(away.refusal(), (503, "temporarily_unavailable"));
    let refusal = json!({"error": "invalid_grant"}).to_string();
    let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n";
    scene
        .idp
        .answer("/token", ScriptedAnswer::raw(format!("{head}Content-Length: {}\r\n\r\n{refusal}", refusal.len())));
    let ended = scene.world.refresh(refreshed.text("refresh_token")).await;
    assert_eq!(ended.refusal(), (400, "invalid_grant"));
    assert!(scene.idp.posted().pop().unwrap().ends_with("refresh_token=theirs-2"));
    assert!(scene.world.caller(refreshed.text("access_token")).is_none(), "its access tokens end with it");
}

#[tokio::test]
async fn e43_an_id_token_that_cannot_be_believed_gives_no_code() {
    // A nonce is of one sign-in. Any other mistake is for the operator.
    let changes = [
        (json!({"nonce": "another"}), 400),
        (json!({"nonce": null}), 400),
        (json!({"aud": "another"}), 503),
        (json!({"aud": [US, "another"]}), 503),
        (json!({"azp": "another"}), 503),
        (json!({"iss": "https://another.example"}), 503),
        (json!({"exp": START_SECS - 31}), 503),
        (json!({"sub": ""}), 503),
    ];
    for (change, status) in changes {
        let scene = Scene::new().await;
        let departed = scene.depart().await;
        scene.grant(&with(&scene.claims(&departed), &change));
        let reply = scene.back(&departed).await;
        assert_eq!((reply.status.as_u16(), location(&reply)), (status, ""), "{change}");
        let trouble = scene.world.embedded.state.trouble().unwrap_or_default();
        assert_eq!(trouble.contains("an ID token that is not valid"), status == 503, "{change}: {trouble}");
        let figures = scene.figures();
        assert_eq!((figures.granted, figures.refused), (0, 1), "{change}");
    }
    // An algorithm that is not allowed is for the operator: another sign-in does not help.
    for (name, status, answer) in [
        ("alg none", 503, json!({"id_token": "eyJhbGciOiJub25lIn0.e30."})),
        ("no ID token", 503, json!({"access_token": "x"})),
    ] {
        let scene = Scene::new().await;
        let departed = scene.depart().await;
        scene.grants(&answer);
        let reply = scene.back(&departed).await;
        assert_eq!((reply.status.as_u16(), location(&reply)), (status, ""), "{name}");
    }
    let scene = Scene::new().await;
    let departed = scene.depart().await;
    let token = FOREIGN_KEY.token("RS256", &json!({"typ": "JWT"}), &scene.claims(&departed));
    scene.grants(&json!({"id_token": token}));
    assert_eq!(scene.back(&departed).await.status, 503, "another key");
}

#[tokio::test]
async fn d04_d05_attack_163_attack_205_the_callback_is_the_browsers_that_departed_and_comes_once() {
    let scene = Scene::new().await;
    let departed = scene.depart().await;
    scene.grant(&scene.claims(&departed));
    let state = departed.query.get("state").unwrap();
    for (query, browser, status) in [
        ("code=c-1".to_owned(), BROWSER, 400),
        ("code=c-1&state=".to_owned(), BROWSER, 400),
        ("code=c-1&state=x.y".to_owned(), BROWSER, 400),
        (format!("code=c-1&state={state}.other"), BROWSER, 400),
        (format!("code=c-1&state={}", state.get(1..).unwrap()), BROWSER, 400),
        (format!("code=c-1&state={state}&state={state}"), BROWSER, 400),
        (format!("code=c-1&state={state}"), ANOTHER, 403),
    ] {
        let shown = scene.callback(&query, &mut scene.browser(browser)).await;
        assert_eq!((shown.status.as_u16(), location(&shown)), (status, ""), "{query}");
    }
    assert!(scene.idp.posted().is_empty(), "the IdP was not asked");
    assert!(location(&scene.back(&departed).await).contains("code="), "its own browser is not hindered");
    assert_eq!(scene.back(&departed).await.status, 400, "a second time");
    assert_eq!(scene.idp.posted().len(), 1);
}

#[tokio::test]
async fn d01_d03_login_c5_no_code_comes_before_consent_to_this_client() {
    let scene = Scene::new().await;
    let mut browser = Browser::default();
    for (count, client) in ["app", "other"].into_iter().enumerate() {
        // The same browser, which the IdP may know: each client is asked about.
        let start = browser.authorize(&scene.world, client, "https://app.example/back", "a b", &[]).await;
        assert!(start.location().starts_with(&scene.idp.url("/auth?")), "{start:?}");
        let stored = scene.world.embedded.state.store.everything(EntryKind::Flow);
        assert_eq!(stored.len(), count, "before the sign-in nothing is stored");
        let departed = Departed::to(start.location().to_owned());
        scene.grant(&scene.claims(&departed));
        let shown = scene.arrive(&departed, &mut browser).await;
        assert!(shown.location().starts_with(&format!("{ISSUER}/consent?flow=")), "{shown:?}");
        let page = browser.get(&scene.world, IssuerEndpoint::Consent, shown.location()).await;
        let (can, cannot) = page.text.split_once("Your account cannot give it").unwrap();
        assert!(can.contains("<code>a</code>") && !can.contains("<code>b</code>"), "{can}");
        assert!(cannot.contains("<code>b</code>") && !cannot.contains("<code>a</code>"), "{cannot}");
        assert!(page.text.contains("Signed in as <bdi>ada</bdi> at <bdi>127.0.0.1"), "{}", page.text);
        assert!(scene.world.embedded.state.store.everything(EntryKind::Code).is_empty());
        // Another browser that knows the cookie of the flow, but did not come back from the IdP.
        let mut planted = browser.clone();
        planted.cookies.retain(|(name, _)| !name.contains("-flow-"));
        assert_eq!(planted.get(&scene.world, IssuerEndpoint::Consent, shown.location()).await.status, 403);
        let code = browser.answer(&scene.world, &shown.flow(), "allow").await;
        assert!(code.parameter("code").is_some(), "{code:?}");
        assert!(!browser.cookies.iter().any(|(name, _)| name.contains("-flow-")));
        scene.world.embedded.state.store.delete(EntryKind::Code, &name_of(&code)).await.unwrap();
    }
    let departed = Departed::to(browser.begin(&scene.world, "a b").await.location().to_owned());
    scene.grant(&scene.claims(&departed));
    let shown = scene.arrive(&departed, &mut browser).await;
    let denied = browser.answer(&scene.world, &shown.flow(), "deny").await;
    assert_eq!(denied.parameter("error").as_deref(), Some("access_denied"));
}

fn name_of(shown: &Shown) -> String {
    crate::base::digest::sha256_base64url(&shown.parameter("code").unwrap())
}

#[tokio::test]
async fn d56_attack_164_an_answer_in_another_issuers_name_is_refused() {
    for (metadata, iss, is_taken) in [
        (json!({}), None, true),
        (json!({}), Some("own"), true),
        (json!({}), Some("https://evil.example"), false),
        (json!({"authorization_response_iss_parameter_supported": true}), Some("own"), true),
        (json!({"authorization_response_iss_parameter_supported": true}), None, false),
    ] {
        let scene = Scene::with(metadata.clone()).await;
        let departed = scene.depart().await;
        scene.grant(&scene.claims(&departed));
        let own = scene.idp.url("");
        let iss = iss.map(|iss| if iss == "own" { &own } else { iss });
        let iss = iss.map_or_else(String::new, |iss| {
            format!("&{}", crate::decide::authorization_server::form::encode(&[("iss", iss)]))
        });
        let state = departed.query.get("state").unwrap();
        let reply = scene.callback(&format!("code=c-1&state={state}{iss}"), &mut scene.browser(BROWSER)).await;
        assert_eq!(location(&reply).contains("/consent?"), is_taken, "{metadata} {iss}");
        assert_eq!(scene.idp.posted().len(), usize::from(is_taken), "{metadata} {iss}");
    }
}

#[tokio::test]
async fn attack_165_the_error_description_of_the_idp_is_not_passed_on() {
    let scene = Scene::new().await;
    let departed = scene.depart().await;
    let state = departed.query.get("state").unwrap();
    let query = format!("error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E&state={state}");
    let reply = scene.callback(&query, &mut scene.browser(BROWSER)).await;
    assert!(!reply.text.contains("alert"), "{}", reply.text);
    let back = location(&reply);
    assert!(back.starts_with("https://app.example/back?error=access_denied"), "{back}");
    assert!(!back.contains("alert") && back.contains("state=s-1"), "{back}");
}

#[tokio::test]
async fn e45_claims_become_scopes_by_configuration_alone() {
    for (change, status) in [
        (json!({"department": ["ops", "eng"]}), 303),
        (json!({"department": "ops"}), 403),
        (json!({"department": null, "groups": ["admins"], "scope": "a b"}), 403),
    ] {
        let scene = Scene::new().await;
        let departed = scene.depart().await;
        scene.grant(&with(&scene.claims(&departed), &change));
        let shown = scene.back(&departed).await;
        assert_eq!((shown.status.as_u16(), location(&shown).contains("code=")), (status, status == 303), "{change}");
    }
}
