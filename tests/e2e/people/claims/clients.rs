//! Tokens without `aud`, or with their client as `aud` (A2): which pass, and which never do.

use serde_json::{Value, json};

use super::{ask, shaped};
use crate::e2e::world::{Ask, Plan, Want, World, call, row};

const TWO: &str = r#"
  main:
    path: /mcp
    upstream: {url: "@UPSTREAM@/inner/mcp"}
    audiences: [AUDIENCES]
    access: authenticated
"#;

async fn world(keys: &str, audiences: &str) -> World {
    let issuers = format!("  house: {{issuer: \"@ISSUER@\", {keys}}}\n");
    Plan::standard().servers(&TWO.replace("AUDIENCES", audiences)).issuers(&issuers).start().await
}

/// One provider's tokens.
struct Shape {
    name: &'static str,
    /// Keys of its entry.
    keys: &'static str,
    audiences: &'static str,
    typ: Option<&'static str>,
    access: Value,
    /// The ID token of the same client.
    id: Value,
}

fn shapes() -> Vec<Shape> {
    let id = |client: &str| json!({"sub": "u-1", "aud": client, "azp": client, "auth_time": 1, "email": "a@b.example"});
    let shape = |name, keys, typ, access, client| Shape { name, keys, audiences: "", typ, access, id: id(client) };
    vec![
        shape(
            "Cognito",
            "profile: cognito, client_ids: [web]",
            None,
            json!({"sub": "u-1", "client_id": "web", "token_use": "access", "scope": "openid", "username": "ada",
                   "version": 2, "auth_time": 1, "origin_jti": "o", "event_id": "e"}),
            "web",
        ),
        shape(
            "Clerk",
            "client_ids: [web]",
            Some("at+jwt"),
            json!({"sub": "user_1", "client_id": "web", "scope": "openid email", "jti": "oat_1", "nbf": 1}),
            "web",
        ),
        shape(
            "WorkOS",
            "client_ids: [client_01]",
            Some("JWT"),
            json!({"sub": "user_1", "aud": "client_01", "client_id": "client_01", "sid": "session_1", "org_id": "org_1"}),
            "client_01",
        ),
        shape(
            "Descope",
            "client_ids: [web], required_claims: {dct: [tenant-1]}",
            Some("JWT"),
            json!({"sub": "U2", "aud": ["web"], "azp": "web", "client_id": "web", "scope": "openid", "drn": "DS",
                   "dct": "tenant-1", "amr": ["email"]}),
            "web",
        ),
        Shape {
            name: "Supabase",
            keys: "profile: generic",
            audiences: "authenticated",
            typ: Some("JWT"),
            access: json!({"sub": "u-1", "aud": "authenticated", "client_id": "web", "role": "authenticated",
                           "session_id": "s", "is_anonymous": false, "aal": "aal1"}),
            // The token of a session of a page, which belongs to no OAuth client.
            id: json!({"sub": "u-1", "aud": "authenticated", "role": "authenticated", "session_id": "s"}),
        },
        shape(
            "Ory",
            "client_ids: [web]",
            Some("JWT"),
            json!({"sub": "u-1", "aud": [], "client_id": "web", "scp": ["openid"], "ext": {}, "jti": "1"}),
            "web",
        ),
        shape(
            "Kinde",
            "client_ids: [web]",
            Some("JWT"),
            json!({"sub": "kp_1", "aud": [], "azp": "web", "scp": ["openid"], "org_code": "org_1", "permissions": ["p"]}),
            "web",
        ),
        shape(
            "without aud, by scope alone",
            "client_ids: [web]",
            Some("JWT"),
            json!({"sub": "u-1", "azp": "web", "scope": "openid"}),
            "web",
        ),
        shape(
            "Asgardeo",
            "profile: wso2, client_ids: any, required_claims: {org_id: [org-1]}",
            Some("at+jwt"),
            json!({"sub": "u-1", "aud": "dcr-client-7", "client_id": "dcr-client-7", "azp": "dcr-client-7",
                   "aut": "APPLICATION_USER", "scope": "openid", "org_id": "org-1", "org_name": "Acme"}),
            "dcr-client-7",
        ),
        shape(
            "WSO2 Identity Server, header without a type",
            "profile: wso2, client_ids: [web]",
            Some("JWT"),
            json!({"sub": "u-1", "aud": "web", "azp": "web", "aut": "APPLICATION", "scope": "openid"}),
            "web",
        ),
        shape(
            "Scalekit, for an application",
            "profile: scalekit, client_ids: [skc_1]",
            Some("JWT"),
            json!({"sub": "usr_1", "aud": ["skc_1"], "client_id": "skc_1", "oid": "org_1", "scopes": ["a"]}),
            "skc_1",
        ),
    ]
}

#[tokio::test]
async fn people_a2_b12_tokens_of_each_provider_pass_where_the_configuration_says_so() {
    for Shape { name, keys, audiences, typ, access, id } in shapes() {
        let world = world(keys, audiences).await;
        let with = |changes: Value| {
            let mut claims = access.clone();
            for (claim, value) in changes.as_object().unwrap() {
                claims[claim] = value.clone();
            }
            ask(&shaped(&world, typ, &claims))
        };
        let no = Want::Status(401);
        world
            .verdicts(vec![
                row(name, with(json!({})), Want::Passes),
                row(format!("{name}: for the resource"), with(json!({"aud": world.resource()})), Want::Passes),
                row(format!("{name}: for another resource"), with(json!({"aud": "https://other.example/mcp"})), no),
                row(format!("{name}: also with a hash"), with(json!({"at_hash": "h"})), no),
                row(format!("{name}: an ID token"), ask(&shaped(&world, Some("JWT"), &id)), no),
                row(format!("{name}: expired"), with(json!({"exp": 1_000_000_000})), no),
            ])
            .await;
        world.close().await;
    }
}

/// Without the line in the configuration none of them passes: it is never a default.
#[tokio::test]
async fn people_a2_b12_nothing_of_this_is_a_default() {
    for profile in ["generic", "auth0", "okta", "keycloak", "cognito", "scalekit", "wso2"] {
        let world = world(&format!("profile: {profile}"), "").await;
        let claims = json!({"sub": "u-1", "client_id": "web", "azp": "web", "token_use": "access", "aut": "APPLICATION",
                            "scope": "a", "scopes": ["a"]});
        let own = json!({"sub": "u-1", "client_id": "web", "aud": "web", "token_use": "access", "typ": "Bearer"});
        let no = Want::Status(401);
        world
            .verdicts(vec![
                row(format!("{profile}: without aud"), ask(&shaped(&world, Some("JWT"), &claims)), no),
                row(format!("{profile}: its own client"), ask(&shaped(&world, Some("JWT"), &own)), no),
            ])
            .await;
        world.close().await;
    }
}

#[tokio::test]
async fn people_a2_attack_231_attack_232_attack_233_which_tokens_a_list_of_clients_lets_in() {
    let world = world("client_ids: [web, \"https://app.example/client\"]", "").await;
    let good = json!({"sub": "u-1", "client_id": "web", "scope": "a"});
    let of = |changes: Value| {
        let mut claims = good.clone();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        ask(&shaped(&world, Some("JWT"), &claims))
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    let hinted = |aud: Value| json!({"sub": "u-1", "azp": "web", "aud": aud, "scp": ["openid"], "org_code": "o"});
    let casdoor = |kind: &str| {
        let claims = json!({"owner": "acme", "name": "ada", "sub": "u-1", "aud": ["web"], "azp": "web", "scope": "openid",
                            "tokenType": kind, "nonce": ""});
        shaped(&world, Some("JWT"), &claims)
    };
    let no = Want::Status(401);
    world
        .verdicts(vec![
            row("without aud", of(json!({})), Want::Passes),
            row("its client as aud", of(json!({"aud": "web"})), Want::Passes),
            row("its client as aud, in a list", of(json!({"aud": ["web", "web"]})), Want::Passes),
            row("a client that is a URL", of(json!({"client_id": "https://app.example/client"})), Want::Passes),
            row("231 another resource", of(json!({"aud": "https://other.example"})), no),
            row("231 another resource beside its client", of(json!({"aud": ["web", "https://other.example"]})), no),
            row("231 its client last", of(json!({"aud": ["https://other.example", "web"]})), no),
            row("231 another client of the list as aud", of(json!({"aud": "https://app.example/client"})), no),
            row("231 aud is null", of(json!({"aud": null})), no),
            row("231 aud is empty text", of(json!({"aud": ""})), no),
            row("231 aud is a map", of(json!({"aud": {}})), no),
            row("232 a client that is not listed", of(json!({"client_id": "evil"})), no),
            row("232 listed in azp alone", of(json!({"client_id": "evil", "azp": "web"})), no),
            row("232 another case", of(json!({"client_id": "WEB"})), no),
            row("232 a list of clients", of(json!({"client_id": ["web"]})), no),
            row("232 an empty client", of(json!({"client_id": ""})), no),
            row("232 no client", ask(&shaped(&world, Some("JWT"), &without("client_id"))), no),
            row("233 an ID token", of(json!({"aud": "web", "nonce": "n"})), no),
            row("233 an ID token with a hash", of(json!({"aud": "web", "at_hash": "h"})), no),
            row("233 of a code", of(json!({"aud": "web", "c_hash": "h"})), no),
            row(
                "233 an ID token without nonce and hash",
                ask(&shaped(&world, Some("JWT"), &json!({"sub": "u-1", "aud": "web", "azp": "web", "sid": "s"}))),
                no,
            ),
            row(
                "233 an ID token with scope",
                ask(&shaped(
                    &world,
                    Some("JWT"),
                    &json!({"sub": "u-1", "aud": "web", "azp": "web", "scope": "openid", "email": "a@b.example",
                            "auth_time": 1, "sid": "s"}),
                )),
                no,
            ),
            row("no aud, by a hint", ask(&shaped(&world, Some("JWT"), &hinted(json!([])))), Want::Passes),
            row("233 no aud, and no hint", ask(&shaped(&world, Some("JWT"), &json!({"sub": "u-1", "azp": "web"}))), no),
            row("233 a hint, its client as aud", ask(&shaped(&world, Some("JWT"), &hinted(json!("web")))), no),
            row(
                "232 a hint, another client",
                ask(&shaped(&world, Some("JWT"), &hinted(json!([]))).claim("azp", json!("x"))),
                no,
            ),
            row(
                "233 no aud, and it calls itself a refresh token",
                ask(&shaped(&world, Some("JWT"), &hinted(json!([]))).claim("token_type", json!("refresh"))),
                no,
            ),
            row(
                "233 no aud, with a nonce",
                ask(&shaped(&world, Some("JWT"), &hinted(json!([]))).claim("nonce", json!("n"))),
                no,
            ),
            row("233 a refresh token of Casdoor", ask(&casdoor("refresh-token").headless("kid")), no),
            row("an access token of Casdoor", ask(&casdoor("access-token").headless("kid")), Want::Passes),
            row("233 token_type is refresh", of(json!({"token_type": "refresh"})), no),
            row("233 a logout token", of(json!({"events": {}})), no),
            row("233 token_use is id", of(json!({"token_use": "id"})), no),
        ])
        .await;
    let reply = world.send(&of(json!({"client_id": "evil"}))).await;
    assert_eq!(reply.reason(), "token_client");
    assert!(!reply.text().contains("evil"), "{}", reply.text());
    let told = world
        .gateway
        .line(|line| line.contains("a token of this issuer was refused") && line.contains("token_client"))
        .await;
    assert!(told.contains("add its id to client_ids"), "{told}");
    world.close().await;
}

/// Where hints do not count, the advice names what helps.
#[tokio::test]
async fn people_a2_attack_233_advice_for_a_token_whose_client_is_its_audience() {
    let ask_of = |world: &World| {
        let claims = json!({"sub": "u-1", "aud": "web", "azp": "web", "scope": "openid", "uid": "x"});
        ask(&shaped(world, Some("JWT"), &claims))
    };
    let refusing = world("client_ids: [web]", "").await;
    let reply = refusing.send(&ask_of(&refusing)).await;
    assert_eq!((reply.status, reply.reason().as_str()), (401, "token_type"));
    let told = refusing.gateway.line(|line| line.contains("a token of this issuer was refused")).await;
    assert!(told.contains("aud is the client") && told.contains("write this aud under audiences"), "{told}");
    refusing.close().await;
    let following = world("client_ids: [web]", "web").await;
    following.verdicts(vec![row("as advised", ask_of(&following), Want::Passes)]).await;
    following.close().await;
}

#[tokio::test]
async fn people_a2_attack_234_any_client_needs_the_claim_of_the_organization() {
    let world = world("profile: wso2, client_ids: any, required_claims: {org_id: [org-1, org-2], tier: 1}", "").await;
    let of = |changes: Value| {
        let mut claims = json!({"sub": "u-1", "aud": "c", "client_id": "c", "aut": "APPLICATION_USER", "scope": "a",
                                "org_id": "org-1", "tier": 1});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        shaped(&world, Some("at+jwt"), &claims)
    };
    let no = Want::Status(401);
    world
        .verdicts(vec![
            row("of the organization", ask(&of(json!({}))), Want::Passes),
            row("of the other one", ask(&of(json!({"org_id": "org-2"}))), Want::Passes),
            row("in a list", ask(&of(json!({"org_id": ["org-9", "org-1"]}))), Want::Passes),
            row("any client", ask(&of(json!({"aud": "x", "client_id": "x"}))), Want::Passes),
            row("234 of a foreign organization", ask(&of(json!({"org_id": "org-3"}))), no),
            row("234 of none", ask(&of(json!({})).without("org_id")), no),
            row("234 null", ask(&of(json!({"org_id": null}))), no),
            row("234 another case", ask(&of(json!({"org_id": "ORG-1"}))), no),
            row("234 a map", ask(&of(json!({"org_id": {"org-1": true}}))), no),
            row("234 one claim of two", ask(&of(json!({"tier": "1"}))), no),
            row("234 also for the resource", ask(&of(json!({"org_id": "org-3", "aud": world.resource()}))), no),
            row("231 for another resource", ask(&of(json!({"aud": ["c", "https://other.example"]}))), no),
        ])
        .await;
    let reply = world.send(&ask(&of(json!({"org_id": "secret-org"})))).await;
    assert_eq!(reply.reason(), "token_required_claim");
    assert!(reply.challenge().contains("its org_id is absent or has another value"), "{}", reply.challenge());
    assert!(!reply.text().contains("secret-org") && !reply.text().contains("org-1"), "{}", reply.text());
    world.close().await;
}

/// `required_claims` is a condition of its own.
#[tokio::test]
async fn people_a2_required_claims_hold_for_every_token_of_the_issuer() {
    let world = world("required_claims: {email_verified: true}", "").await;
    let of = |verified: Value| {
        Ask::post("/mcp", call("safe")).token(&world.mint().claim("email_verified", verified).token())
    };
    world
        .verdicts(vec![
            row("true", of(json!(true)), Want::Passes),
            row("text", of(json!("true")), Want::Status(401)),
            row("false", of(json!(false)), Want::Status(401)),
            row("absent", Ask::post("/mcp", call("safe")).token(&world.token()), Want::Status(401)),
        ])
        .await;
    world.close().await;
}

#[tokio::test]
async fn people_a2_attack_234_what_would_open_it_to_anyone_stops_the_start() {
    for (keys, says) in [
        ("client_ids: any", "required_claims"),
        ("client_ids: any, required_claims: {client_id: [web]}", "required_claims"),
        ("profile: google, client_ids: [web]", "nothing tells its access tokens from ID tokens"),
        ("client_ids: [\"*\"]", "a client id"),
        ("client_ids: []", "a non-empty list of client ids"),
    ] {
        let issuers = format!("  house: {{issuer: \"@ISSUER@\", {keys}}}\n");
        let ended = Plan::standard().issuers(&issuers).try_start().await.err().unwrap();
        assert_eq!(ended.code, Some(2), "{keys}");
        assert!(
            ended.output.contains("authorization_servers.house.client_ids") && ended.output.contains(says),
            "{}",
            ended.output
        );
    }
    let issuers =
        "  house: {issuer: \"https://accounts.google.com\", client_ids: any, required_claims: {hd: [a.example]}}\n";
    let ended = Plan::standard().issuers(issuers).try_start().await.err().unwrap();
    assert!(ended.output.contains("anyone can have a client and an account"), "{}", ended.output);
}
