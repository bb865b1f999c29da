//! What the RFCs of OAuth and HTTP ask of an authorization server's endpoints, by the real binary.

use serde_json::json;

use super::{
    browser::{Browser, Shown},
    claims::checked,
    client::{Client, Tokens},
    world::{LoginPlan, LoginWorld, PASSWORD},
};
use crate::e2e::world::{Ask, Reply};

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$kfFdDmif3TWi6ojW7tV2VA$MLCQ39KhZW7z4fWPQhHYFaMye8d9QPSKtv5ZeWpka/A";

#[tokio::test]
async fn login_a13_refusals_metadata_and_head_have_the_forms_of_their_rfcs() {
    let login = LoginPlan::accounts().start().await;
    let long = "x".repeat(100 * 1024);
    for path in ["/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/register"] {
        let ask = Ask::post(path, long.clone()).with("Content-Type", "application/x-www-form-urlencoded");
        let reply = login.send_to(0, &ask).await;
        assert_eq!((reply.status, reply.json()["error"].as_str()), (413, Some("invalid_request")), "{path}");
        assert!(reply.json().get("jsonrpc").is_none(), "{path}: {}", reply.text());
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{path}");
    }
    let ask = Ask::post("/oauth/login", long).with("Content-Type", "application/x-www-form-urlencoded");
    let page = login.send_to(0, &ask).await;
    assert_eq!((page.status, page.header("content-type")), (413, Some("text/html; charset=utf-8")));
    assert_eq!(page.header("strict-transport-security"), None, "over plain HTTP");

    let metadata = async |path: &str| login.send_to(0, &Ask::get(path)).await.json();
    for path in ["/.well-known/openid-configuration/oauth", "/oauth/.well-known/openid-configuration"] {
        let all = metadata(path).await;
        assert_eq!(all["subject_types_supported"], json!(["public"]), "{path}");
        assert_eq!(all["id_token_signing_alg_values_supported"], json!(["ES256"]), "{path}");
    }
    let all = metadata("/.well-known/oauth-authorization-server/oauth").await;
    assert!(all.get("subject_types_supported").is_none(), "{all}");

    let request = Client::desktop().request(&login, "mcp:connect").url;
    let target = request.strip_prefix(&login.world.public).unwrap().to_owned();
    let head = login.send_to(0, &Ask::new("HEAD", &target)).await;
    assert_eq!((head.status, head.header("set-cookie"), head.header("location")), (200, None, None));
    let unknown = login.send_to(0, &Ask::new("HEAD", &target.replace("desktop", "unknown"))).await;
    assert_eq!((unknown.status, unknown.header("location")), (400, None));
    assert_eq!(login.send_to(0, &Ask::new("HEAD", "/oauth/callback?code=x&state=y")).await.status, 200);
    assert_eq!(login.send_to(0, &Ask::new("HEAD", "/oauth/token")).await.status, 405);
    login.close().await;
}

#[tokio::test]
async fn login_a13_a_name_is_one_however_it_is_typed_and_no_two_look_alike() {
    let accounts = |names: &[&str]| {
        let accounts: Vec<_> = names.iter().map(|name| json!({"name": name, "password": HASH})).collect();
        json!({"accounts": accounts}).to_string()
    };
    let plan = LoginPlan::accounts().around(|plan| plan.file("accounts.yaml", &accounts(&["jos\u{e9}", "bob"])));
    let login = plan.key("grants", "[{scopes: [\"mcp:*\"]}]").start().await;
    for typed in ["jos\u{e9}", "jose\u{301}"] {
        let tokens = Client::desktop().sign_in(&login, &mut Browser::of(typed, PASSWORD), "mcp:connect").await;
        assert_eq!(tokens.claim("sub"), "jos\u{e9}");
    }
    let file = login.config(0).with_file_name("accounts.yaml");
    for (other, refused) in [("Bob", true), ("b\u{43e}b", true), ("bo\u{200b}b", true), ("bobby", false)] {
        std::fs::write(&file, accounts(&["jos\u{e9}", "bob", other])).unwrap();
        let said = checked(&login).await;
        assert_eq!(said.contains("which looks like \"bob\""), refused, "{other:?}: {said}");
        assert_eq!(said.contains(": ok, "), !refused, "{other:?}: {said}");
    }
    std::fs::write(&file, accounts(&["jos\u{e9}", "bob"])).unwrap();
    login.close().await;
}

#[tokio::test]
async fn login_a13_over_plain_http_the_owner_of_a_planted_cookie_answers_for_no_user() {
    let login = LoginPlan::accounts().start().await;
    // The attacker begins, and plants the cookie of the flow in the browser of the user.
    let mut attacker = Browser::of("", "");
    let request = Client::desktop().request(&login, "mcp:connect").url;
    let page = attacker.get(&login, &request).await.header("location").unwrap().to_owned();
    let mut user = Browser { cookies: attacker.cookies.clone(), ..Browser::of("ada", PASSWORD) };
    let form = user.get(&login, &page).await;
    let signed_in = user.submit(&login, &form, &[("account", "ada"), ("password", PASSWORD)]).await;
    let consent = signed_in.header("location").unwrap().to_owned();
    assert!(consent.contains("/oauth/consent?flow="), "{consent}");
    let theirs = attacker.get(&login, &consent).await;
    assert!(theirs.header("location").is_some_and(|to| to.contains("/oauth/login")), "{theirs:?}");
    // Not with the form of the user's own page, either.
    let form = user.get(&login, &consent).await;
    let forced = attacker.submit(&login, &form, &[("decision", "allow")]).await;
    assert_eq!((forced.status, forced.header("location")), (403, None));
    let allowed = user.submit(&login, &form, &[("decision", "allow")]).await;
    assert!(allowed.header("location").is_some_and(|to| to.contains("code=")), "the user goes on");
    login.close().await;
}

#[tokio::test]
async fn login_a13_a_token_is_introspected_by_its_client_and_by_the_clients_of_its_servers() {
    let clients = "[{id: desktop, redirect_uris: [\"http://127.0.0.1:33418/callback\"]}, \
        {id: main-server, secret: env:SECRET_1, introspects: [main]}, {id: nosy, secret: env:SECRET_2}]";
    let plan = LoginPlan::accounts()
        .key("clients", clients)
        .around(|plan| plan.environment("SECRET_1", &"1".repeat(40)).environment("SECRET_2", &"2".repeat(40)));
    let login = plan.start().await;
    let tokens = Client::desktop().sign_in(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await;
    let active = async |id: &str, secret: &str, tokens: &Tokens| {
        let client = Client { secret: Some(secret.repeat(40)), ..Client::with_id(id) };
        let reply = client.post(&login, 0, "/oauth/introspect", &[("token", &tokens.access)]).await;
        assert_eq!(reply.status, 200, "{id}: {reply:?}");
        reply.json()["active"].as_bool().unwrap()
    };
    assert!(active("main-server", "1", &tokens).await);
    assert!(!active("nosy", "2", &tokens).await);
    login.close().await;
}

#[tokio::test]
async fn login_a13_no_answer_says_which_client_ids_exist() {
    let clients = "[{id: known, secret: env:SECRET_1, redirect_uris: [\"https://app.example/cb\"]}]";
    let plan = LoginPlan::accounts().key("clients", clients);
    let login = plan.around(|plan| plan.environment("SECRET_1", &"1".repeat(40))).start().await;
    let ask = async |login: &LoginWorld, id: &str, secret: Option<&str>| -> Reply {
        let client = Client { secret: secret.map(str::to_owned), ..Client::with_id(id) };
        client.post(login, 0, "/oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", "x")]).await
    };
    for secret in [Some("wrong"), None] {
        let (known, unknown) = (ask(&login, "known", secret).await, ask(&login, "unknown", secret).await);
        assert_eq!((known.status, known.text()), (401, unknown.text()), "{secret:?}");
        assert_eq!((unknown.status, known.header("www-authenticate")), (401, unknown.header("www-authenticate")));
    }
    // Nor does the count of attempts.
    let mut slowed = Vec::new();
    for id in ["known", "unknown-too"] {
        let mut count = 0;
        while count < 40 && ask(&login, id, Some("wrong")).await.status == 401 {
            count += 1;
        }
        slowed.push(count);
    }
    assert!(slowed.iter().all(|count| *count < 40), "both are slowed down: {slowed:?}");
    let shown = Browser::of("", "").open(&login, &Client::with_id("unknown").request(&login, "mcp:connect").url).await;
    assert!(matches!(shown, Shown::Page(_)), "a person sees what is wrong");
    login.close().await;
}
