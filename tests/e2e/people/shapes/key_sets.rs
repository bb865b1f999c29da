//! Key sets as issuers serve them: odd labels, odd members, odd neighbours, one redirect (A9).

use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};

use crate::e2e::world::{
    Ask, Plan, World, call,
    issuer::{JWKS_PATH, METADATA_PATHS, house_key_set},
    key::{Alg, OTHER},
    server,
};

const ISSUERS: &str = "  house: {issuer: \"@ISSUER@\", token_types: [at+jwt, JWT], refetch_floor: 1s}\n";
const JSON: &str = "application/json";

async fn ready() -> World {
    let world = Plan::standard().issuers(ISSUERS).start().await;
    world.until_ready().await;
    world
}

/// Asks until the new key is known.
async fn eventually(world: &World, token: &str, status: u16, case: &str) {
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        let reply = world.send(&Ask::post("/mcp", call("safe")).token(token)).await;
        if reply.status == status {
            return;
        }
        assert!(Instant::now() < deadline, "{case}: {reply:?}\n{}", world.gateway.tail());
        sleep(Duration::from_millis(50)).await;
    }
}

/// Serves one document as the key set, and other paths with other answers.
fn serve(world: &World, kind: &'static str, document: String, moved: Option<String>) {
    world.issuer.server().answer_with(move |seen| match (seen.target.as_str(), &moved) {
        (JWKS_PATH, Some(to)) => server::full(302, &[("Location", to)], ""),
        (JWKS_PATH | "/keys/", _) => server::full(200, &[("Content-Type", kind)], &document),
        _ => server::json(404, "{}"),
    });
}

fn key(kid: &str) -> Value {
    OTHER.jwk(Alg::Es256, kid)
}

fn token(world: &World, kid: &str) -> String {
    world.mint().by(&OTHER).head("kid", json!(kid)).claim("jti", json!(kid)).token()
}

#[tokio::test]
async fn people_a9_key_sets_with_one_meaning_verify() {
    let world = ready().await;
    let set = |kid: &str| json!({ "keys": [key(kid)] }).to_string();
    let padded = |kid: &str| {
        let mut key = key(kid);
        for name in ["x", "y"] {
            key[name] = json!(format!("{}=", key[name].as_str().unwrap()));
        }
        json!({ "keys": [key] }).to_string()
    };
    let twice = |kid: &str| set(kid).replace("\"kty\":", "\"kty\":\"EC\",\"kty\":");
    let issuer = world.issuer.url();
    for (case, kind, document, moved) in [
        ("octets", "application/octet-stream", set("octets"), None),
        ("store", "binary/octet-stream", set("store"), None),
        ("bom", JSON, format!("\u{feff}{}", set("bom")), None),
        ("padded", JSON, padded("padded"), None),
        ("twice", JSON, twice("twice"), None),
        ("bare", JSON, key("bare").to_string(), None),
        ("moved", JSON, set("moved"), Some("/keys/".to_owned())),
        ("moved-whole", "application/octet-stream", set("moved-whole"), Some(format!("{issuer}/keys/"))),
    ] {
        serve(&world, kind, document, moved);
        eventually(&world, &token(&world, case), 200, case).await;
    }
    // One key without a name: the name in the token says nothing.
    let mut nameless = key("");
    nameless.as_object_mut().unwrap().remove("kid");
    serve(&world, JSON, json!({ "keys": [nameless] }).to_string(), None);
    eventually(&world, &token(&world, "any-name"), 200, "nameless").await;
    eventually(&world, &world.mint().by(&OTHER).headless("kid").token(), 200, "nameless, and no name asked for").await;
    world.close().await;
}

#[tokio::test]
async fn people_a9_metadata_may_be_unlabelled_moved_and_begin_with_a_mark_too() {
    let world = Plan::standard().start().await;
    let issuer = world.issuer.url();
    let asked = server::Upstream::start(None).await;
    let url = asked.url();
    let document = json!({
        "issuer": url, "jwks_uri": format!("{url}/keys"), "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "code_challenge_methods_supported": ["S256"],
    });
    let (text, keys) = (document.to_string(), json!({ "keys": [key("k")] }).to_string());
    asked.answer_with(move |seen| match seen.target.as_str() {
        path if path == METADATA_PATHS[0] => server::full(301, &[("Location", "/here.json")], ""),
        "/here.json" => server::full(200, &[("Content-Type", "application/octet-stream")], format!("\u{feff}{text}")),
        "/keys" => server::json(200, &keys),
        _ => server::json(404, "{}"),
    });
    let plan = Plan::standard().issuers(&format!("  house: {{issuer: \"{url}\", token_types: [at+jwt, JWT]}}\n"));
    let other = plan.start().await;
    let token = other.mint().by(&OTHER).head("kid", json!("k")).claim("iss", json!(url)).token();
    eventually(&other, &token, 200, "metadata").await;
    let mirrored = other.send(&Ask::get(METADATA_PATHS[0])).await;
    assert_eq!((mirrored.status, mirrored.json()), (200, document), "the mirror has no byte order mark");
    other.close().await;
    world.close().await;
}

#[tokio::test]
async fn people_a9_attack_240_one_odd_key_disables_no_other_and_the_log_names_it_and_the_reason() {
    let world = ready().await;
    let good = key("good").to_string();
    let odd = OTHER.jwk(Alg::Rs256, "torn").to_string().replace("\"kty\":", "\"kty\":\"EC\",\"kty\":");
    let mut private = OTHER.jwk(Alg::EdDsa, "published");
    private["d"] = json!("AQAB");
    let mut encrypts = OTHER.jwk(Alg::Rs256, "enc");
    encrypts["use"] = json!("enc");
    let deep = format!("{{\"kid\":{}{}}}", "[".repeat(500), "]".repeat(500));
    serve(&world, JSON, format!("{{\"keys\":[{odd},{private},{encrypts},{deep},7,{good}]}}"), None);
    eventually(&world, &token(&world, "good"), 200, "its neighbour").await;
    for words in [
        &["\\\"torn\\\" (keys[0])", "its member \\\"kty\\\" has two values"][..],
        &["\\\"published\\\" (keys[1])", "it is a private or symmetric key, which must never be published"],
        &["\\\"enc\\\" (keys[2])", "its `use` is not \\\"sig\\\"", "INFO"],
        &["keys[3]", "its JSON cannot be read"],
        &["keys[4]", "it is not an object"],
    ] {
        let is_it = |line: &str| words.iter().all(|word| line.contains(word) || line.contains(&word.replace('\\', "")));
        world.gateway.line(|line| is_it(line) && line.contains("house")).await;
    }
    // What the odd keys sign is not accepted: each reader of the torn key may take another meaning.
    for (kid, alg) in [("torn", Alg::Rs256), ("published", Alg::EdDsa), ("enc", Alg::Rs256)] {
        let token = world.mint().by(&OTHER).alg(alg).head("kid", json!(kid)).token();
        eventually(&world, &token, 401, kid).await;
    }
    // Two lists with other keys have no meaning. The last good keys stay.
    let evil = key("evil");
    serve(&world, JSON, format!("{{\"keys\":[{evil}],\"keys\":[{good}]}}"), None);
    eventually(&world, &token(&world, "evil"), 503, "two lists").await;
    world.gateway.line(|line| line.contains("it is not a JSON object with one list `keys`")).await;
    eventually(&world, &token(&world, "good"), 200, "the last good keys").await;
    // Keys that may not be used any more stop, and the log says why.
    serve(&world, JSON, json!({ "keys": [private] }).to_string(), None);
    eventually(&world, &token(&world, "good"), 503, "withdrawn").await;
    world.gateway.line(|line| line.contains("no key that can verify a token") && line.contains("published")).await;
    world.close().await;
}

#[tokio::test]
async fn people_a9_attack_241_a_redirect_of_the_keys_to_elsewhere_or_in_a_loop_is_not_followed() {
    let trap = server::Upstream::start(None).await;
    let world = ready().await;
    let (issuer, elsewhere) = (world.issuer.url(), trap.url());
    let set = json!({ "keys": [key("moved")] }).to_string();
    trap.answer_with({
        let set = set.clone();
        move |_| server::json(200, &set)
    });
    let host = elsewhere.trim_start_matches("http://").to_owned();
    for target in [
        format!("{elsewhere}/keys?secret=1"),
        format!("//{host}/keys"),
        format!("/\\{host}/keys"),
        format!("{issuer}@{host}/keys"),
        issuer.replace("127.0.0.1", "localhost") + "/keys/",
        JWKS_PATH.to_owned(),
    ] {
        serve(&world, JSON, set.clone(), Some(target.clone()));
        eventually(&world, &token(&world, "moved"), 503, &target).await;
    }
    assert_eq!(trap.count(), 0, "the redirect was followed");
    let line = world.gateway.line(|line| line.contains(&host)).await;
    assert!(line.contains("redirects are followed only to the same scheme, host and port"), "{line}");
    assert!(!line.contains("secret=1"), "{line}");
    world.close().await;
}

#[tokio::test]
async fn people_a9_attack_305_a_key_that_was_replaced_under_its_kid_is_found_at_once() {
    let world = Plan::standard().issuers("  house: {issuer: \"@ISSUER@\"}\n").start().await;
    world.until_ready().await;
    let before = world.issuer.key_fetches();
    // Until the issuer publishes the new key, its token is refused, once that is certain.
    let kid =
        house_key_set()["keys"].as_array().unwrap().iter().find(|key| key["crv"] == "P-256").unwrap()["kid"].clone();
    let new = world.mint().by(&OTHER).head("kid", kid.clone()).token();
    let ask = |token: &str| Ask::post("/mcp", call("safe")).token(token);
    let early = world.send(&ask(&new)).await;
    assert_eq!((early.status, early.reason().as_str()), (401, "token_signature"));
    assert_eq!(world.issuer.key_fetches() - before, 1);
    let line = world.gateway.line(|line| line.contains("but another key signed it")).await;
    assert!(line.contains(kid.as_str().unwrap()) && line.contains("INFO"), "{line}");
    // Forged tokens cause no fetch without end, and each is refused at once.
    for _ in 0..50 {
        assert_eq!(world.send(&ask(&new)).await.status, 401);
    }
    assert_eq!(world.issuer.key_fetches() - before, 1);
    world.close().await;
}

#[tokio::test]
async fn people_a9_a_replaced_key_works_with_its_first_token() {
    let world = ready().await;
    assert_eq!(world.send(&Ask::post("/mcp", call("safe")).token(&world.token())).await.status, 200);
    let kid =
        house_key_set()["keys"].as_array().unwrap().iter().find(|key| key["crv"] == "P-256").unwrap()["kid"].clone();
    world.issuer.publish(json!({"keys": [OTHER.jwk(Alg::Es256, kid.as_str().unwrap())]}));
    let fetches = world.issuer.key_fetches();
    let new = world.mint().by(&OTHER).head("kid", kid).token();
    assert_eq!(world.send(&Ask::post("/mcp", call("safe")).token(&new)).await.status, 200);
    // The replaced key is gone.
    let old = world.send(&Ask::post("/mcp", call("safe")).token(&world.token())).await;
    assert_eq!((old.status, old.reason().as_str()), (401, "token_signature"));
    assert!(world.issuer.key_fetches() - fetches <= 2);
    world.close().await;
}

#[tokio::test]
async fn people_a9_attack_306_odd_members_of_the_metadata_stop_no_token() {
    let issuer = server::Upstream::start(None).await;
    let keys = house_key_set().to_string();
    let document = format!(
        "{{\"issuer\":\"{0}\",\"jwks_uri\":\"{0}{JWKS_PATH}\",\"authorization_response_iss_parameter_supported\":null,\
         \"token_endpoint_auth_methods_supported\":\"none\",\"registration_endpoint\":7,\"token_endpoint\":[],\
         \"code_challenge_methods_supported\":\"S256\"}}",
        issuer.url()
    );
    let sent = document.clone();
    issuer.answer_with(move |seen| match seen.target.as_str() {
        JWKS_PATH => server::json(200, &keys),
        path if path == METADATA_PATHS[0] => server::json(200, &sent),
        _ => server::json(404, "{}"),
    });
    let world = Plan::standard().issuers(&format!("  house: {{issuer: \"{}\"}}\n", issuer.url())).start().await;
    world.until_ready().await;
    let token = world.mint().claim("iss", json!(issuer.url())).token();
    assert_eq!(world.send(&Ask::post("/mcp", call("safe")).token(&token)).await.status, 200);
    let line = world.gateway.line(|line| line.contains("members that cannot be understood")).await;
    assert!(line.contains("token_endpoint, registration_endpoint"), "{line}");
    assert_eq!(world.send(&Ask::get("/.well-known/oauth-authorization-server")).await.text(), document);
    world.close().await;
}
