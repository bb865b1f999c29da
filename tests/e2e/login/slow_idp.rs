//! An IdP that rotates and detects reuse, and is slow: it never sees one refresh token twice.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep;

use super::{
    browser::Browser,
    client::{Client, Tokens},
    world::{LoginPlan, LoginWorld},
};

async fn signed_in(login: &LoginWorld) -> (Client, Tokens) {
    let client = Client::desktop();
    let tokens = client.sign_in(login, &mut Browser::of("", ""), "mcp:connect").await;
    (client, tokens)
}

fn slow(login: &LoginWorld, delay: Duration) {
    login.idp.as_ref().unwrap().with(|idp| idp.delay = delay);
}

/// The refreshes that the IdP saw, how often one of its tokens came again, and its living sessions.
fn seen(login: &LoginWorld) -> (usize, usize, usize) {
    login.idp.as_ref().unwrap().with(|idp| {
        let refreshes = idp.token_requests.iter().filter(|form| form["grant_type"] == "refresh_token").count();
        (refreshes, idp.reuses, idp.sessions())
    })
}

/// Begins a refresh at a replica, and disconnects when the IdP has been asked.
async fn disconnected(login: &LoginWorld, client: &Client, replica: usize, tokens: &Tokens) {
    let before = seen(login).0;
    let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh())];
    let mut live = login.world.connect_to(login.process(replica).listening_address()).await;
    live.write(&client.form("/oauth/token", &form).bytes(&login.world.authority)).await;
    let began = Instant::now();
    while seen(login).0 == before {
        assert!(began.elapsed() < Duration::from_secs(10), "the IdP was not asked\n{}", login.process(replica).tail());
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn login_a4_a_client_that_disconnects_and_one_that_asks_twice_cost_no_session() {
    let login = LoginPlan::idp().await.redis().await.replicas(2).start().await;
    let (client, mut tokens) = signed_in(&login).await;
    slow(&login, Duration::from_millis(700));
    for round in 1..4 {
        disconnected(&login, &client, round % 2, &tokens).await;
        let (one, two, three) = tokio::join!(
            client.refresh(&login, 0, tokens.refresh()),
            client.refresh(&login, 1, tokens.refresh()),
            client.refresh(&login, 1, tokens.refresh()),
        );
        let [one, two, three] = [one, two, three].map(|reply| login.tokens(&reply));
        assert_eq!((&one.refresh, &one.refresh), (&two.refresh, &three.refresh));
        assert_eq!(seen(&login), (round, 0, 1));
        tokens = one;
    }
    login.close().await;
}

#[tokio::test]
async fn login_a4_two_simultaneous_refreshes_ask_once_also_in_one_process() {
    for plan in [LoginPlan::idp().await, LoginPlan::idp().await.file()] {
        let login = plan.start().await;
        let (client, tokens) = signed_in(&login).await;
        slow(&login, Duration::from_millis(300));
        let (one, two) =
            tokio::join!(client.refresh(&login, 0, tokens.refresh()), client.refresh(&login, 0, tokens.refresh()));
        assert_eq!(login.tokens(&one).refresh, login.tokens(&two).refresh);
        assert_eq!(seen(&login), (1, 0, 1));
        login.close().await;
    }
}

#[tokio::test]
async fn login_a4_a_restart_waits_for_the_idp_and_stores_its_token() {
    let mut login = LoginPlan::idp().await.file().start().await;
    let (client, tokens) = signed_in(&login).await;
    slow(&login, Duration::from_secs(2));
    disconnected(&login, &client, 0, &tokens).await;
    login.restart(0, "TERM").await;
    login.until_readyz(0, "it is ready", |ready| ready.status == 200).await;
    slow(&login, Duration::ZERO);
    client.refreshed(&login, 0, tokens.refresh()).await;
    let (_, reuses, sessions) = seen(&login);
    assert_eq!((reuses, sessions), (0, 1));
    login.close().await;
}

#[tokio::test]
async fn login_a4_a_store_that_is_away_when_the_idp_answers_loses_nothing() {
    let login = LoginPlan::idp().await.redis().await.replicas(2).start().await;
    let (client, tokens) = signed_in(&login).await;
    slow(&login, Duration::from_millis(800));
    disconnected(&login, &client, 0, &tokens).await;
    // The answer comes when Redis goes on.
    let (_, away) = tokio::join!(login.redis.as_ref().unwrap().ask(&[b"CLIENT", b"PAUSE", b"5000", b"ALL"]), async {
        sleep(Duration::from_secs(1)).await;
        client.refresh(&login, 1, tokens.refresh()).await
    });
    assert_eq!((away.status, &away.json()["error"]), (503, &json!("temporarily_unavailable")));
    // After a failure a replica leaves Redis alone for a moment.
    sleep(Duration::from_millis(1_500)).await;
    client.refreshed(&login, 1, tokens.refresh()).await;
    let (_, reuses, sessions) = seen(&login);
    assert_eq!((reuses, sessions), (0, 1));
    login.close().await;
}

#[tokio::test]
async fn login_a4_a_replica_that_dies_in_the_middle_leaves_its_turn_to_another() {
    let mut login = LoginPlan::idp().await.redis().await.replicas(2).start().await;
    login.idp.as_ref().unwrap().with(|idp| idp.rotates = false);
    let (client, tokens) = signed_in(&login).await;
    slow(&login, Duration::from_secs(2));
    disconnected(&login, &client, 0, &tokens).await;
    login.restart(0, "KILL").await;
    slow(&login, Duration::ZERO);
    let began = Instant::now();
    client.refreshed(&login, 1, tokens.refresh()).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(login.redis.as_ref().unwrap().keys("portcullis:as:lease:*").await.is_empty());
    login.close().await;
}
