//! Floods of what costs an attacker nothing: begun logins, registrations, invented documents.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{
    browser::{Browser, Shown},
    client::{Client, call_tool},
    documents::DocumentHost,
    world::{LoginPlan, LoginWorld, PASSWORD},
};
use crate::e2e::world::{Ask, Plan, process::PATIENCE};

/// Addresses of the attacker, of as many /24.
const ADDRESSES: usize = 214;

fn behind_a_proxy(plan: Plan) -> Plan {
    plan.top("trusted_proxies: [127.0.0.1/32]")
}

fn address(of: usize) -> String {
    format!("203.0.{}.{}", of % 256, of / 256)
}

/// A user at an address of their own.
fn ada() -> Browser {
    Browser { from: Some("198.51.100.7".to_owned()), ..Browser::of("ada", PASSWORD) }
}

#[tokio::test]
async fn login_d2_attack_206_begun_logins_take_no_room_and_lock_no_user_out() {
    let plan = LoginPlan::accounts().around(behind_a_proxy).redis().await.replicas(2);
    let login = plan.start().await;
    let redis = login.redis.as_ref().unwrap();
    // The marker comes after the first signing keys, and each replica announces itself.
    let since = Instant::now();
    while redis.keys("portcullis:as:store:*").await.len() < 3 {
        assert!(since.elapsed() < PATIENCE, "no marker: {:?}", redis.keys("*").await);
        sleep(Duration::from_millis(50)).await;
    }
    let before = redis.keys("portcullis:as:*").await.len();
    let client = Client::desktop();
    let url = client.request(&login, "mcp:connect").url;
    let target = url.strip_prefix(&login.world.public).unwrap();
    let flood = async |start: usize| {
        for of in (start..ADDRESSES).step_by(4) {
            for _ in 0..10 {
                let ask = Ask::get(target).with("X-Forwarded-For", address(of));
                assert_eq!(login.send_to(of % 2, &ask).await.status, 303);
            }
        }
    };
    tokio::join!(flood(0), flood(1), flood(2), flood(3));
    let after = redis.keys("portcullis:as:*").await;
    assert_eq!(after.len(), before, "2,140 begun logins are nowhere: {after:?}");
    assert!(redis.keys("portcullis:as:flow:*").await.is_empty());

    // A login that begins at one replica continues at the other, and becomes one code.
    let mut browser = Browser { replicas: vec![0, 1], ..ada() };
    let request = client.request(&login, "mcp:connect");
    let begun = browser.get(&login, &request.url).await;
    let page = begun.header("location").unwrap().to_owned();
    let (code, verifier) = {
        let shown = browser.open(&login, &page).await;
        (shown.parameter("code").unwrap(), request.verifier)
    };
    let reply = client.exchange(&login, 1, &code, &verifier).await;
    let tokens = login.tokens(&reply);
    assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 200);
    assert_eq!(redis.keys("portcullis:as:flow:*").await.len(), 1, "that it has ended");
    for replica in [0, 1] {
        // Attack 203: the same browser, with the sealed flow.
        let mut again = Browser { replicas: vec![replica], ..browser.clone() };
        let shown = again.open(&login, &page).await;
        assert_eq!(shown.page().status, 400);
        assert!(shown.page().text().contains("This login is over"), "{}", shown.page().text());
    }
    // Attack 204: another browser, and one byte less.
    let mut other = ada();
    other.get(&login, &client.request(&login, "mcp:connect").url).await;
    assert_eq!(other.get(&login, &page).await.status, 403);
    assert_eq!(other.get(&login, page.strip_suffix(|_: char| true).unwrap()).await.status, 400);
    login.close().await;
}

/// A registration of almost the largest size.
fn large(count: usize) -> String {
    let uris: Vec<String> = (0..14).map(|n| format!("https://flood-{count}.example/{n}/{}", "x".repeat(960))).collect();
    json!({"client_name": "Flood", "redirect_uris": uris, "token_endpoint_auth_method": "none"}).to_string()
}

#[tokio::test]
async fn login_d2_attack_207_a_flood_of_registrations_pushes_out_no_other() {
    // 64 MiB of registrations and more.
    const EACH: usize = 30;
    for plan in [LoginPlan::accounts(), LoginPlan::accounts().redis().await] {
        let login = plan.around(behind_a_proxy).start().await;
        let used = Client::register(&login, json!({})).await;
        let tokens = used.sign_in(&login, &mut ada(), "mcp:connect").await;
        let fresh = Client::register(&login, json!({"client_name": "Fresh"})).await;
        let flood = async |start: usize| {
            for of in (start..160).step_by(4) {
                for count in 0..EACH {
                    let ask = Ask::post("/oauth/register", large(of * EACH + count));
                    let reply = login.send_to(0, &ask.with("X-Forwarded-For", address(of))).await;
                    assert_eq!(reply.status, 201, "{of} {count}: {reply:?}");
                }
            }
        };
        tokio::join!(flood(0), flood(1), flood(2), flood(3));
        if let Some(redis) = &login.redis {
            let stored = redis.keys("portcullis:as:client:*").await.len();
            assert!((4_000..160 * EACH).contains(&stored), "{stored}: bounded in Redis, too");
        }
        let tokens_of_fresh = fresh.sign_in(&login, &mut ada(), "mcp:connect").await;
        assert_eq!(call_tool(&login, 0, &tokens_of_fresh.access, "safe").await.status, 200);
        used.refreshed(&login, 0, tokens.refresh()).await;
        login.close().await;
    }
}

#[tokio::test]
async fn login_d2_attack_208_invented_documents_keep_no_client_of_their_host_out() {
    let host = DocumentHost::start(&["http://127.0.0.1:33418/callback"]).await;
    let login = host.plan().around(behind_a_proxy).start().await;
    let open = async |login: &LoginWorld, client: &Client, from: &str| {
        let mut browser = Browser { from: Some(from.to_owned()), ..Browser::of("ada", PASSWORD) };
        browser.open(login, &client.request(login, "mcp:connect").url).await
    };
    let before = host.requests();
    for count in 0..100 {
        let invented = Client::with_id(&host.id().replace("client.json", &format!("invented-{count}.json")));
        let shown = open(&login, &invented, "203.0.113.66").await;
        assert!(matches!(shown, Shown::Page(_)));
    }
    let caused = host.requests() - before;
    assert!((8..20).contains(&caused), "one address has a share: {caused}");
    // A client that no user of this server has used before.
    let shown = open(&login, &host.client("http://127.0.0.1:33418/callback"), "198.51.100.7").await;
    assert!(shown.parameter("code").is_some(), "{shown:?}");
    login.close().await;
}

#[tokio::test]
async fn login_d2_attack_208_invented_documents_from_one_ipv6_site_keep_no_client_of_their_host_out() {
    let host = DocumentHost::start(&["http://127.0.0.1:33418/callback"]).await;
    let login = host.plan().around(behind_a_proxy).start().await;
    let open = async |client: &Client, from: &str| {
        let mut browser = Browser { from: Some(from.to_owned()), ..Browser::of("ada", PASSWORD) };
        browser.open(&login, &client.request(&login, "mcp:connect").url).await
    };
    let before = host.requests();
    for count in 0..100 {
        let invented = Client::with_id(&host.id().replace("client.json", &format!("invented-{count}.json")));
        assert!(matches!(open(&invented, &format!("2001:db8:1:{count:x}::1")).await, Shown::Page(_)));
    }
    let caused = host.requests() - before;
    assert!((16..40).contains(&caused), "one site has a share: {caused}");
    let client = host.client("http://127.0.0.1:33418/callback");
    let shown = open(&client, "2001:db8:2::1").await;
    assert!(shown.parameter("code").is_some(), "{shown:?}");
    login.close().await;
}
