//! Uploads to the embedded server that never end: they keep no client out.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    browser::Browser,
    client::{Client, call_tool},
    world::{LoginPlan, LoginWorld, PASSWORD},
};
use crate::e2e::world::{Ask, Live};

/// Places of clients without a token: an address has half of them.
const PLACES: usize = 16;

/// A form that begins.
async fn slow(login: &LoginWorld, from: &str) -> Live {
    let form = Ask::new("POST", "/oauth/token")
        .with("Content-Type", "application/x-www-form-urlencoded")
        .with("Content-Length", "60000")
        .with("X-Forwarded-For", from);
    let mut live = login.world.connect().await;
    live.write(&form.bytes(&login.world.authority)).await;
    live.write(b"grant_type=").await;
    live
}

#[tokio::test]
async fn login_d2_attack_173_slow_uploads_end_no_sign_in_and_no_refresh() {
    let limits = format!("limits: {{requests: {}}}", 4 * PLACES);
    let plan = LoginPlan::accounts().around(|plan| plan.top("trusted_proxies: [127.0.0.1/32]").top(&limits));
    let login = plan.start().await;
    let client = Client::desktop();
    let mut ada = Browser { from: Some("198.51.100.7".to_owned()), ..Browser::of("ada", PASSWORD) };
    let mut tokens = client.sign_in(&login, &mut ada, "mcp:connect").await;
    // From two networks of one IPv6 site, and from two other addresses.
    let mut attackers = Vec::new();
    for round in 0..3 {
        for from in ["2001:db8:1:1::1", "2001:db8:1:2::1", "203.0.113.1", "203.0.113.2"] {
            for _ in 0..PLACES / 2 {
                attackers.push(slow(&login, from).await);
            }
            for _ in 0..4 {
                let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh())];
                let ask = client.form("/oauth/token", &form).with("X-Forwarded-For", "198.51.100.7");
                tokens = login.tokens(&login.world.send(&ask).await);
            }
            for path in ["/oauth/jwks", "/.well-known/oauth-authorization-server/oauth"] {
                assert_eq!(login.world.send(&Ask::get(path)).await.status, 200, "{round} {from} {path}");
            }
        }
        ada.cookies.clear();
        tokens = client.sign_in(&login, &mut ada, "mcp:connect").await;
        assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 200);
    }
    assert!(login.world.metric("portcullis_uploads_ended_for_room_total").await.unwrap() >= 12.0);

    // A client at the address of an attacker gets in as well: an upload that is older than a form
    // needs gives way.
    let from = "203.0.113.2";
    for _ in 0..PLACES / 2 {
        attackers.push(slow(&login, from).await);
    }
    loop {
        let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh())];
        let reply = login.world.send(&client.form("/oauth/token", &form).with("X-Forwarded-For", from)).await;
        if reply.status == 200 {
            login.tokens(&reply);
            break;
        }
        assert_eq!(reply.status, 503, "{reply:?}");
        sleep(Duration::from_millis(100)).await;
    }
    drop(attackers);
    login.close().await;
}

#[tokio::test]
async fn login_d2_attack_173_an_upload_must_end_soon() {
    let login = LoginPlan::accounts().start().await;
    let mut live = slow(&login, "").await;
    // More often than its idle timeout, and for less than its total timeout at an MCP server.
    let trickle = async {
        for _ in 0..30 {
            sleep(Duration::from_secs(1)).await;
            live.write(b"a").await;
        }
    };
    tokio::select! {
        () = trickle => {},
        reply = until_refused(&login) => assert!(reply, "counted"),
    }
    assert_eq!(live.head(false).await, 408);
    login.close().await;
}

/// Waits until an upload was refused because it took too long.
async fn until_refused(login: &LoginWorld) -> bool {
    loop {
        let metrics = login.admin(0, "/metrics").await.text();
        if metrics.lines().any(|line| line.contains("outcome=\"body_timeout\"")) {
            return true;
        }
        sleep(Duration::from_millis(200)).await;
    }
}
