//! Access tokens that live up to a day, and what ends them at every replica before that.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::{
    browser::Browser,
    claims::checked,
    client::{Client, Tokens, call_tool},
    world::{LoginPlan, LoginWorld, PASSWORD},
};
use crate::e2e::world::{
    Ask, Live, Step,
    server::{chunk, polite, sse_head},
};

/// Within this time every replica follows.
const BOUND: Duration = Duration::from_secs(5);

/// Two replicas on one Redis, whose access tokens live a day.
async fn a_day() -> LoginWorld {
    let login = LoginPlan::accounts()
        .key("access_token_ttl", "24h")
        .key(
            "clients",
            "[{id: desktop, redirect_uris: [\"http://127.0.0.1:33418/callback\"]}, {id: laptop, redirect_uris: [\"http://127.0.0.1:33418/callback\"]}]",
        )
        .key("registration", "{dynamic: open, refused_clients: [dyn_no_one]}")
        .redis()
        .await
        .replicas(2)
        .start()
        .await;
    login.world.upstream.answer_with(|seen| match seen.method.as_str() {
        "GET" => vec![sse_head(&[]), chunk("data: one\n\n"), Step::Hang],
        _ => polite(seen),
    });
    login
}

async fn signed_in(login: &LoginWorld, client: &Client, account: &str) -> Tokens {
    let tokens = client.sign_in(login, &mut Browser::of(account, PASSWORD), "mcp:connect").await;
    assert_eq!(tokens.claim("exp").as_u64().unwrap() - tokens.claim("iat").as_u64().unwrap(), 24 * 3600);
    tokens
}

/// Opens a stream at each replica.
async fn streams(login: &LoginWorld, access: &str) -> Vec<Live> {
    let mut streams = Vec::new();
    for replica in [0, 1] {
        let mut live = login.world.connect_to(login.process(replica).listening_address()).await;
        let ask = Ask::get("/mcp").set("Accept", "text/event-stream").token(access);
        live.write(&ask.bytes(&login.world.authority)).await;
        live.head(false).await;
        assert_eq!(live.reply().status, 200);
        live.until("one").await;
        streams.push(live);
    }
    streams
}

/// Asserts that from now on, within the bound, streams end and every replica refuses calls.
async fn ends(login: &LoginWorld, access: &str, streams: Vec<Live>, what: &str) {
    let start = Instant::now();
    for live in streams {
        let left = BOUND.saturating_sub(start.elapsed());
        assert!(timeout(left, live.rest()).await.is_ok(), "{what}: a stream goes on");
    }
    for replica in [0, 1] {
        loop {
            let reply = call_tool(login, replica, access, "safe").await;
            if reply.status == 401 {
                assert_eq!(reply.reason(), "token_revoked");
                break;
            }
            assert!(start.elapsed() < BOUND, "{what}: replica {replica} still answers {}", reply.status);
            sleep(Duration::from_millis(50)).await;
        }
    }
    println!("{what}: {} ms", start.elapsed().as_millis());
}

/// Writes a file that all replicas read.
fn write(login: &LoginWorld, name: &str, change: impl FnOnce(String) -> String) {
    let path = login.world.folder.path().join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, change(text)).unwrap();
}

#[tokio::test]
async fn login_b1_attack_223_a_revocation_ends_a_token_of_a_day_on_every_replica_and_after_a_restart() {
    let mut login = a_day().await;
    let client = Client::register(&login, json!({})).await;
    let tokens = signed_in(&login, &client, "ada").await;
    let open = streams(&login, &tokens.access).await;
    assert_eq!(client.revoke(&login, 1, tokens.refresh()).await.status, 200);
    ends(&login, &tokens.access, open, "the refresh token is revoked").await;

    let alone = signed_in(&login, &client, "ada").await;
    let open = streams(&login, &alone.access).await;
    assert_eq!(client.revoke(&login, 0, &alone.access).await.status, 200);
    ends(&login, &alone.access, open, "the access token is revoked").await;
    let next = client.refreshed(&login, 1, alone.refresh()).await;
    assert_eq!(call_tool(&login, 0, &next.access, "safe").await.status, 200);

    login.restart(0, "KILL").await;
    login.until_readyz(0, "it is ready", |ready| ready.status == 200).await;
    for access in [&tokens.access, &alone.access] {
        ends(&login, access, Vec::new(), "after a restart").await;
    }
    login.close().await;
}

#[tokio::test]
async fn login_b1_attack_223_a_removed_account_or_client_ends_its_tokens_on_every_replica() {
    let login = a_day().await;
    let (registered, laptop) = (Client::register(&login, json!({})).await, Client::with_id("laptop"));
    let bob = signed_in(&login, &registered, "bob").await;
    let ada = signed_in(&login, &registered, "ada").await;
    let of_laptop = signed_in(&login, &laptop, "ada").await;
    let of_desktop = signed_in(&login, &Client::desktop(), "ada").await;

    let open = streams(&login, &bob.access).await;
    write(&login, "accounts.yaml", |text| {
        text.lines().filter(|line| !line.contains("bob")).collect::<Vec<_>>().join("\n")
    });
    ends(&login, &bob.access, open, "the account is removed").await;
    assert_eq!(registered.refresh(&login, 0, bob.refresh()).await.json()["error"], "invalid_grant");
    for replica in [0, 1] {
        assert_eq!(call_tool(&login, replica, &ada.access, "safe").await.status, 200);
    }

    let open = streams(&login, &of_laptop.access).await;
    for replica in [0, 1] {
        login.edit(replica, |text| text.replace("id: laptop", "id: other"));
    }
    ends(&login, &of_laptop.access, open, "the client is removed").await;

    let open = streams(&login, &ada.access).await;
    for replica in [0, 1] {
        login.edit(replica, |text| text.replace("dyn_no_one", &registered.id));
    }
    ends(&login, &ada.access, open, "the client is refused").await;
    for replica in [0, 1] {
        assert_eq!(call_tool(&login, replica, &of_desktop.access, "safe").await.status, 200);
    }
    login.close().await;
}

#[tokio::test]
async fn login_b1_attack_316_a_removed_account_loses_its_tokens_although_the_reload_is_refused() {
    let login = a_day().await;
    let client = Client::register(&login, json!({})).await;
    let (bob, ada) = (signed_in(&login, &client, "bob").await, signed_in(&login, &client, "ada").await);
    // A mistake elsewhere, which stays.
    for replica in [0, 1] {
        login.edit(replica, |text| format!("{text}nonsense: 1\n"));
    }
    let open = streams(&login, &bob.access).await;
    let before = std::fs::read_to_string(login.world.folder.path().join("accounts.yaml")).unwrap();
    write(&login, "accounts.yaml", |text| {
        text.lines().filter(|line| !line.contains("bob")).collect::<Vec<_>>().join("\n")
    });
    ends(&login, &bob.access, open, "the account is removed").await;
    for replica in [0, 1] {
        login.process(replica).line(|line| line.contains("are withdrawn although") && line.contains("bob")).await;
        assert_eq!(call_tool(&login, replica, &ada.access, "safe").await.status, 200);
        // Its login does not end in the store before a reload succeeds.
        let reply = client.refresh(&login, replica, bob.refresh()).await;
        assert_eq!((reply.status, &reply.json()["error"]), (503, &json!("temporarily_unavailable")), "{reply:?}");
    }
    // When all is mended, the account has its logins again.
    write(&login, "accounts.yaml", |_| before);
    for replica in [0, 1] {
        login.edit(replica, |text| text.replace("nonsense: 1\n", ""));
        login.until_readyz(replica, "the reload", |ready| !ready.text().contains("reload failed")).await;
        assert_eq!(call_tool(&login, replica, &bob.access, "safe").await.status, 200);
    }
    client.refreshed(&login, 0, bob.refresh()).await;
    login.close().await;
}

#[tokio::test]
async fn login_p11_attack_316_a_file_of_accounts_that_is_away_for_a_moment_ends_no_login() {
    let login = a_day().await;
    let client = Client::register(&login, json!({})).await;
    let ada = signed_in(&login, &client, "ada").await;
    let file = login.world.folder.path().join("accounts.yaml");
    let aside = file.with_extension("aside");
    std::fs::rename(&file, &aside).unwrap();
    for replica in [0, 1] {
        let is_told = |text: String| text.contains("accounts.yaml cannot be read") && text.contains("put it back");
        login.until_readyz(replica, "a note", |ready| is_told(ready.text())).await;
        assert_eq!(call_tool(&login, replica, &ada.access, "safe").await.status, 200);
    }
    let next = client.refreshed(&login, 0, ada.refresh()).await;
    std::fs::rename(&aside, &file).unwrap();
    for replica in [0, 1] {
        login.until_readyz(replica, "the reload", |ready| !ready.text().contains("reload failed")).await;
        assert_eq!(call_tool(&login, replica, &next.access, "safe").await.status, 200);
    }
    client.refreshed(&login, 1, next.refresh()).await;
    login.close().await;
}

#[tokio::test]
async fn login_b1_a_token_lives_an_hour_by_default_and_at_most_a_day() {
    let login = LoginPlan::accounts().start().await;
    let tokens = Client::desktop().sign_in(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await;
    assert_eq!(tokens.claim("exp").as_u64().unwrap() - tokens.claim("iat").as_u64().unwrap(), 3600);
    assert!(!checked(&login).await.contains("access_token_ttl"));
    login.close().await;
    let refused = LoginPlan::accounts().key("access_token_ttl", "25h").refused_start().await;
    assert!(refused.output.contains("from 1m to 24h"), "{}", refused.output);
}

#[tokio::test]
async fn login_b1_a_user_disabled_at_the_idp_is_noticed_at_the_next_refresh_and_check_says_so() {
    let login = LoginPlan::idp().await.key("access_token_ttl", "2h").start().await;
    let said = checked(&login).await;
    assert!(said.contains("access_token_ttl: found \"2h\"; expected at most 1h: a user who is disabled"), "{said}");
    let client = Client::desktop();
    let tokens = client.sign_in(&login, &mut Browser::of("", ""), "mcp:connect").await;
    login.idp.as_ref().unwrap().with(|idp| idp.end_sessions());
    assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 200);
    assert_eq!(client.refresh(&login, 0, tokens.refresh()).await.json()["error"], "invalid_grant");
    ends_here(&login, &tokens.access).await;
    login.close().await;
}

/// With the refresh the access tokens of the login end as well.
async fn ends_here(login: &LoginWorld, access: &str) {
    let reply = call_tool(login, 0, access, "safe").await;
    assert_eq!((reply.status, reply.reason().as_str()), (401, "token_revoked"));
}

#[tokio::test]
async fn e16_a_code_gives_what_grants_give_when_it_is_redeemed() {
    let login = LoginPlan::accounts().start().await;
    let client = Client::desktop();
    let (code, verifier) = client.code(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect mcp:danger").await;
    login.edit(0, |text| text.replace("scopes: [\"mcp:*\"]", "scopes: [\"mcp:connect\"]"));
    login.until_reloaded(0, 1).await;
    let tokens = login.tokens(&client.exchange(&login, 0, &code, &verifier).await);
    assert_eq!(tokens.scope, "mcp:connect");
    assert_eq!(call_tool(&login, 0, &tokens.access, "danger").await.status, 403);
    client.refreshed(&login, 0, tokens.refresh()).await;
    login.close().await;
}
