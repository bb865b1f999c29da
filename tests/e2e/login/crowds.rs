//! A few must not lock everyone out: who is limited when one attacks, and who is not.

use std::{future::poll_fn, pin::Pin, task::Poll, time::Duration};

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{
    browser::Browser,
    client::{Client, call_tool},
    world::{LoginPlan, LoginWorld, PASSWORD},
};
use crate::e2e::world::{Ask, Plan, Reply};

fn behind_a_proxy(plan: Plan) -> Plan {
    plan.top("trusted_proxies: [127.0.0.1/32]")
}

/// One login, from the request to the answer to the password; the session is forgotten.
async fn log_in(login: &LoginWorld, browser: &mut Browser) -> Reply {
    let url = Client::desktop().request(login, "mcp:connect").url;
    let begun = browser.get(login, &url).await;
    if begun.status != 303 {
        return begun;
    }
    let page = browser.get(login, begun.header("location").unwrap()).await;
    let (account, password) = (browser.account.clone(), browser.password.clone());
    let answer = browser.submit(login, &page, &[("account", &account), ("password", &password)]).await;
    browser.cookies.retain(|(name, _)| name.contains("-known-"));
    answer
}

#[tokio::test]
async fn login_d1_attack_202_one_attacker_at_the_same_address_locks_no_user_out() {
    let login = LoginPlan::accounts().start().await;
    let mut ada = Browser::of("ada", PASSWORD);
    assert_eq!(log_in(&login, &mut ada).await.status, 303);
    let (mut refused, mut succeeded) = (0, 0);
    for round in 0..40 {
        // Guesses at the account itself, and at others.
        for name in ["ada".to_owned(), format!("somebody-{round}")] {
            refused += usize::from(log_in(&login, &mut Browser::of(&name, "wrong")).await.status == 429);
        }
        succeeded += usize::from(log_in(&login, &mut ada).await.status == 303);
    }
    assert!(refused >= 40, "{refused}");
    assert_eq!(succeeded, 40, "of 40 logins of a known browser");
    let other = log_in(&login, &mut Browser::of("ada", PASSWORD)).await;
    assert_eq!(other.status, 429, "any other browser at this address waits");
    login.close().await;
}

#[tokio::test]
async fn login_d1_attack_202_a_proxy_in_front_keeps_addresses_apart_and_replicas_know_a_browser() {
    let plan = LoginPlan::accounts().around(behind_a_proxy).redis().await.replicas(2);
    let login = plan.start().await;
    let from = |account: &str, from: &str, replica: usize| Browser {
        from: Some(from.to_owned()),
        replicas: vec![replica],
        ..Browser::of(account, PASSWORD)
    };
    let mut ada = from("ada", "203.0.113.1", 0);
    assert_eq!(log_in(&login, &mut ada).await.status, 303);
    for count in 0..40 {
        let mut attacker = Browser { password: "wrong".to_owned(), ..from("ada", "203.0.113.66", 1) };
        let status = log_in(&login, &mut attacker).await.status;
        assert_eq!(status, if count < 6 { 403 } else { 429 }, "{count}");
    }
    assert_eq!(log_in(&login, &mut from("bob", "203.0.113.66", 1)).await.status, 303, "another account");
    assert_eq!(log_in(&login, &mut from("ada", "203.0.113.2", 1)).await.status, 303, "another address");
    assert_eq!(log_in(&login, &mut from("ada", "203.0.113.66", 1)).await.status, 429);
    let mut same = Browser { from: Some("203.0.113.66".to_owned()), replicas: vec![1], ..ada };
    assert_eq!(log_in(&login, &mut same).await.status, 303, "known at the other replica, whatever its address");
    login.close().await;
}

#[tokio::test]
async fn login_d1_people_of_a_hosted_client_sign_in_from_its_few_addresses() {
    const PEOPLE: usize = 80;
    let login = LoginPlan::accounts().around(behind_a_proxy).start().await;
    let body = json!({
        "client_name": "Hosted", "redirect_uris": ["http://127.0.0.1:33418/callback"], "token_endpoint_auth_method": "none",
    });
    for person in 0..PEOPLE {
        let hosted = format!("198.51.100.{}", person % 4);
        let at_hosted = |ask: Ask| ask.with("X-Forwarded-For", &hosted);
        let reply = login.world.send(&at_hosted(Ask::post("/oauth/register", body.to_string()))).await;
        assert_eq!(reply.status, 201, "{person}: {reply:?}");
        let client = Client::with_id(reply.json()["client_id"].as_str().unwrap());
        let mut browser = Browser { from: Some(format!("203.0.113.{}", person % 250)), ..Browser::of("ada", PASSWORD) };
        let (code, verifier) = client.code(&login, &mut browser, "mcp:connect").await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &client.redirect),
            ("code_verifier", &verifier),
        ];
        let wrong = [("grant_type", "refresh_token"), ("refresh_token", "invented")];
        // Another user of the hosted client misbehaves at the same address.
        assert_eq!(login.world.send(&at_hosted(client.form("/oauth/token", &wrong))).await.status, 400);
        let reply = login.world.send(&at_hosted(client.form("/oauth/token", &form))).await;
        login.tokens(&reply);
    }
    login.close().await;
}

/// The worst of a hundred, in microseconds.
fn p99(mut all: Vec<Duration>) -> u128 {
    all.sort_unstable();
    all[all.len() * 99 / 100].as_micros()
}

async fn calls(login: &LoginWorld, access: &str, during: impl Future<Output = ()>) -> Vec<Duration> {
    let (mut times, mut during) = (Vec::new(), std::pin::pin!(during));
    loop {
        let began = Instant::now();
        let call = call_tool(login, 0, access, "safe");
        tokio::select! {
            reply = call => assert_eq!(reply.status, 200),
            () = &mut during => return times,
        }
        times.push(began.elapsed());
        sleep(Duration::from_millis(2)).await;
    }
}

/// The results of these futures, all under way at once, in the order in which they end.
async fn all_at_once<F: Future + Unpin>(mut futures: Vec<F>) -> Vec<F::Output> {
    let mut ended = Vec::new();
    poll_fn(|cx| {
        futures.retain_mut(|one| match Pin::new(one).poll(cx) {
            Poll::Ready(output) => {
                ended.push(output);
                false
            }
            Poll::Pending => true,
        });
        if futures.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    ended
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn login_d3_fifty_logins_at_once_do_not_hold_up_calls() {
    let login = LoginPlan::accounts().around(behind_a_proxy).start().await;
    let tokens = Client::desktop().sign_in(&login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await;
    let quiet = calls(&login, &tokens.access, sleep(Duration::from_secs(2))).await;
    let logins = async {
        let people: Vec<_> = (0..50)
            .map(|person| {
                let login = &login;
                Box::pin(async move {
                    let from = Some(format!("203.0.113.{person}"));
                    log_in(login, &mut Browser { from, ..Browser::of("ada", PASSWORD) }).await.status
                })
            })
            .collect();
        let statuses = all_at_once(people).await;
        assert!(statuses.iter().all(|status| *status == 303), "{statuses:?}");
    };
    let busy = calls(&login, &tokens.access, logins).await;
    let (before, during, many) = (p99(quiet), p99(busy.clone()), busy.len());
    // The figure says something only if nothing else runs: read it with `--nocapture` in a release
    // build. Here it counts that calls go on between the logins.
    println!("p99 of a call: {before} us, and {during} us during 50 logins at once ({many} calls)");
    assert!(many >= 20, "{many} calls");

    let (pid, mut threads) = (login.world.gateway.pid(), 0);
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
        let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap();
        if let Some((_, rest)) = stat.split_once("(password) ") {
            // The nineteenth field of proc_pid_stat(5).
            assert_eq!(rest.split(' ').nth(16), Some("10"), "{stat}");
            threads += 1;
        }
    }
    let cores = std::thread::available_parallelism().unwrap().get();
    assert!((1..=(cores - 1).max(1)).contains(&threads), "{threads} threads");
    login.close().await;
}

#[tokio::test]
async fn login_d1_attack_202_one_attacker_at_the_same_address_locks_no_user_of_the_idp_out() {
    let login = LoginPlan::idp().await.start().await;
    let client = Client::desktop();
    let mut ada = Browser::of("", "");
    client.sign_in(&login, &mut ada, "mcp:connect").await;
    ada.cookies.retain(|(name, _)| name.contains("-known-"));
    assert_eq!(ada.cookies.len(), 1, "the browser is remembered");
    let flood = client.request(&login, "mcp:connect").url;
    let until_refused = async || while Browser::of("", "").get(&login, &flood).await.status == 303 {};
    until_refused().await;
    for count in 0..20 {
        until_refused().await;
        let tokens = client.sign_in(&login, &mut ada, "mcp:connect").await;
        assert_eq!(tokens.claim("sub"), json!("ada"), "{count}");
        ada.cookies.retain(|(name, _)| name.contains("-known-"));
    }
    login.close().await;
}

#[tokio::test]
async fn login_d1_sixty_people_behind_one_address_sign_in_at_the_same_moment() {
    const PEOPLE: usize = 60;
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$kfFdDmif3TWi6ojW7tV2VA$MLCQ39KhZW7z4fWPQhHYFaMye8d9QPSKtv5ZeWpka/A";
    let accounts: String =
        (0..PEOPLE).map(|one| format!("  - {{name: person-{one}, groups: [staff], password: \"{hash}\"}}\n")).collect();
    let accounts = format!("accounts:\n{accounts}  - {{name: bob, password: \"{hash}\"}}\n");
    let login = LoginPlan::accounts().around(|plan| plan.file("accounts.yaml", &accounts)).start().await;
    // One of them has mistyped.
    assert_eq!(log_in(&login, &mut Browser::of("bob", "wrong")).await.status, 403);
    let mut pages = Vec::new();
    for person in 0..PEOPLE {
        let mut browser = Browser::of(&format!("person-{person}"), PASSWORD);
        let begun = browser.get(&login, &Client::desktop().request(&login, "mcp:connect").url).await;
        let page = browser.get(&login, begun.header("location").unwrap()).await;
        pages.push((browser, page));
    }
    let people: Vec<_> = pages
        .iter_mut()
        .map(|(browser, page)| {
            let (login, account) = (&login, browser.account.clone());
            Box::pin(async move {
                browser.submit(login, page, &[("account", &account), ("password", PASSWORD)]).await.status
            })
        })
        .collect();
    let statuses = all_at_once(people).await;
    assert!(statuses.iter().all(|status| *status == 303), "{statuses:?}");
    login.close().await;
}
