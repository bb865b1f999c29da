//! Reloads that change an issuer's entry: which streams end, and what an outage does to its keys (A2, A3, A7).

use std::fs;

use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep, timeout};

use super::{ask, shaped};
use crate::e2e::world::{
    Ask, Plan, Step, World,
    issuer::{JWKS_PATH, METADATA_PATHS, house_key_set},
    key::Alg,
    server,
    token::Mint,
};

const SERVER: &str = r#"
  main:
    path: /mcp
    upstream: {url: "@UPSTREAM@/inner/mcp"}
    scopes: ["mcp:connect"]
    access: authenticated
"#;

async fn world(keys: &str) -> World {
    let plan = Plan::standard().servers(SERVER).file("keys.json", &house_key_set().to_string());
    let world = plan.issuers(&format!("  house: {{issuer: \"@ISSUER@\"{keys}}}\n")).start().await;
    world.upstream.answer_with(|seen| match seen.method.as_str() {
        "GET" => vec![server::sse_head(&[]), server::chunk("data: one\n\n"), Step::Hang],
        _ => server::polite(seen),
    });
    world
}

/// Replaces the keys of the issuer's entry, and waits until they are in force.
async fn rewrite(world: &World, from: &str, to: &str) {
    const RELOADS: &str = "portcullis_config_reloads_total";
    let before = world.metric(RELOADS).await.unwrap_or_default();
    let yaml = fs::read_to_string(world.config_path()).unwrap();
    let entry = |keys: &str| format!("{{issuer: \"{}\"{keys}}}", world.issuer.url());
    assert!(yaml.contains(&entry(from)), "{yaml}");
    let to = to.replace("@FOLDER@", world.folder.path().to_str().unwrap());
    fs::write(world.config_path(), yaml.replace(&entry(from), &entry(&to))).unwrap();
    world.gateway.signal("HUP");
    let deadline = Instant::now() + Duration::from_secs(12);
    while world.metric(RELOADS).await.unwrap_or_default() <= before {
        assert!(Instant::now() < deadline, "never read again\n{}", world.gateway.tail());
        sleep(Duration::from_millis(30)).await;
    }
}

/// A change of the entry, a token that it refuses, and one that it goes on taking.
struct Edit {
    what: &'static str,
    before: &'static str,
    after: &'static str,
    refused: fn(&World) -> Mint,
    kept: Option<fn(&World) -> Mint>,
}

/// A token for the resource with these changes.
fn with(world: &World, changes: &Value) -> Mint {
    changes.as_object().unwrap().iter().fold(world.mint(), |token, (name, value)| token.claim(name, value.clone()))
}

/// A token without `aud` of this client.
fn of_client(world: &World, client: &str) -> Mint {
    shaped(world, Some("at+jwt"), &json!({"sub": "ada", "client_id": client, "scope": "mcp:connect"}))
}

fn edits() -> Vec<Edit> {
    let standard: fn(&World) -> Mint = |world| world.mint();
    vec![
        Edit {
            what: "its client is removed",
            before: ", client_ids: [web, app]",
            after: ", client_ids: [app]",
            refused: |world| of_client(world, "web"),
            kept: Some(|world| of_client(world, "app")),
        },
        Edit {
            what: "client_ids is removed",
            before: ", client_ids: [web]",
            after: "",
            refused: |world| of_client(world, "web"),
            kept: Some(standard),
        },
        Edit {
            what: "a claim is required",
            before: "",
            after: ", required_claims: {org: [acme]}",
            refused: standard,
            kept: Some(|world| with(world, &json!({"org": "acme"}))),
        },
        Edit {
            what: "another value is required",
            before: ", required_claims: {org: [acme, old]}",
            after: ", required_claims: {org: [acme]}",
            refused: |world| with(world, &json!({"org": "old"})),
            kept: Some(|world| with(world, &json!({"org": "acme"}))),
        },
        Edit {
            what: "another type",
            before: ", token_types: [at+jwt, JWT]",
            after: ", token_types: [at+jwt]",
            refused: |world| world.mint().head("typ", json!("JWT")),
            kept: Some(standard),
        },
        Edit {
            what: "another algorithm",
            before: ", algorithms: [ES256, RS256]",
            after: ", algorithms: [ES256]",
            refused: |world| world.mint().alg(Alg::Rs256),
            kept: Some(standard),
        },
        Edit {
            what: "its spelling of the issuer is removed",
            before: ", accepted_issuers: [\"https://old.example\"]",
            after: "",
            refused: |world| with(world, &json!({"iss": "https://old.example"})),
            kept: Some(standard),
        },
        Edit {
            what: "another claim names the caller",
            before: ", subject_claims: [uid, sub]",
            after: ", subject_claims: [sub]",
            refused: |world| with(world, &json!({"uid": "u-1"})),
            kept: Some(standard),
        },
        Edit {
            what: "its scopes count no more",
            before: ", scope_claims: [scope, roles]",
            after: ", scope_claims: [scope]",
            refused: |world| with(world, &json!({"scope": "other", "roles": ["mcp:connect"]})),
            kept: Some(standard),
        },
        Edit {
            what: "its keys come from elsewhere",
            before: "",
            after: ", jwks: {file: \"@FOLDER@/keys.json\"}",
            refused: standard,
            kept: None,
        },
        Edit {
            what: "what has nothing to do with it",
            before: ", clock_skew: 30s",
            after: ", clock_skew: 31s, refetch_floor: 31s, subject_claims: [sub, uid], required_claims: {sub: [alice]}",
            refused: |world| with(world, &json!({"sub": "bob"})),
            kept: Some(standard),
        },
    ]
}

#[tokio::test]
async fn people_a2_p7_attack_295_a_stream_ends_when_its_client_is_removed_or_its_token_refused_otherwise() {
    for Edit { what, before, after, refused, kept } in edits() {
        let world = world(before).await;
        let stream = |token: &Mint| Ask::get("/mcp").token(&token.token()).with("Accept", "text/event-stream");
        let (refused, kept) = (refused(&world), kept.map(|make| make(&world)));
        let mut ending = world.open(&stream(&refused)).await;
        ending.until("one").await;
        let mut staying = match &kept {
            Some(kept) => Some(world.open(&stream(kept)).await),
            None => None,
        };
        if let Some(staying) = &mut staying {
            staying.until("one").await;
        }
        rewrite(&world, before, after).await;
        let ended = ending.rest().await;
        assert_eq!(ended.text(), "data: one\n\n", "{what}");
        if let (Some(staying), Some(kept)) = (&mut staying, &kept) {
            let still = timeout(Duration::from_millis(300), staying.piece()).await;
            assert!(still.is_err(), "{what}: a stream ended whose token is still taken: {still:?}");
            assert_eq!(world.send(&ask(kept)).await.status, 200, "{what}");
            // By another claim it is the token of another caller, whose streams are others.
            let again = world.send(&ask(&refused)).await.status;
            assert_eq!(again == 200, what == "another claim names the caller", "{what}: {again}");
        } else {
            assert_eq!(world.send(&ask(&refused)).await.status, 200, "{what}: the new keys verify it");
        }
        drop(staying);
        world.close().await;
    }
}

/// While the issuer is down, an edit that does not concern its keys and metadata loses neither.
#[tokio::test]
async fn people_a2_b44_p11_an_edit_of_an_entry_while_its_issuer_is_down_loses_no_keys() {
    let failures: [fn() -> Vec<Step>; 2] = [|| server::json(500, "{}"), || vec![Step::Hang]];
    for failure in failures {
        let world = world(", client_ids: [web]").await;
        assert_eq!(world.send(&ask(&of_client(&world, "web"))).await.status, 200);
        let mirror = Ask::get(METADATA_PATHS[0]);
        assert_eq!(world.send(&mirror).await.status, 200);
        let fetched = world.issuer.key_fetches();
        world.issuer.server().answer_with(move |_| failure());
        rewrite(&world, ", client_ids: [web]", ", client_ids: [web, other]").await;
        for client in ["web", "other", "web"] {
            let reply = world.send(&ask(&of_client(&world, client))).await;
            assert_eq!(reply.status, 200, "{client}: {reply:?}\n{}", world.gateway.tail());
        }
        assert_eq!(world.send(&mirror).await.status, 200, "the metadata as well");
        let ready = world.admin("/readyz").await;
        assert_eq!((ready.status, ready.json()["servers"]["main"].clone()), (200, json!(true)), "{ready:?}");
        assert_eq!(world.send(&ask(&of_client(&world, "evil"))).await.status, 401, "by the new settings");

        // They are asked for again all the same, and what the issuer then says counts.
        let deadline = Instant::now() + Duration::from_secs(12);
        while world.issuer.server().count_of(JWKS_PATH) <= fetched {
            assert!(Instant::now() < deadline, "never asked again\n{}", world.gateway.tail());
            sleep(Duration::from_millis(30)).await;
        }
        // Keys from another place are other keys.
        let to = ", client_ids: [web, other], allow_http: true";
        rewrite(&world, ", client_ids: [web, other]", to).await;
        assert_eq!(world.send(&ask(&of_client(&world, "web"))).await.status, 503);
        world.issuer.answer_politely();
        world.close().await;
    }
}
