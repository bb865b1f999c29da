//! Rows A1 and A11: keys that seal the store are rotated and lost; stored values are tampered with.

use serde_json::Value;

use super::{
    browser::Browser,
    client::{Client, Tokens, call_tool},
    world::{LoginPlan, LoginWorld, PASSWORD},
};

/// A signed-in user of the IdP: the family in the store holds a sealed session of the IdP.
async fn signed_in(login: &LoginWorld) -> Tokens {
    Client::desktop().sign_in(login, &mut Browser::of("ada", PASSWORD), "mcp:connect").await
}

/// Waits until a replica's store needs no key but the first.
async fn until_free(login: &LoginWorld, replica: usize) {
    let ready = login
        .until_readyz(replica, "only the first key is needed", |ready| {
            ready.status == 200 && !ready.text().contains("still needs")
        })
        .await;
    assert!(!ready.text().contains("is needed"), "{}", ready.text());
    let metrics = login.admin(replica, "/metrics").await.text();
    let needed = metrics.lines().filter(|line| line.starts_with("portcullis_store_key_needed{"));
    assert_eq!(needed.filter(|line| line.ends_with(" 1")).count(), 1, "{metrics}");
}

async fn works(login: &LoginWorld, replica: usize, tokens: &Tokens, old: &[&Tokens]) -> Tokens {
    for known in old.iter().chain([&tokens]) {
        let reply = call_tool(login, replica, &known.access, "safe").await;
        assert_eq!(reply.status, 200, "{reply:?}\n{}", login.process(replica).tail());
    }
    Client::desktop().refreshed(login, replica, tokens.refresh()).await
}

#[tokio::test]
async fn login_a1_the_rotation_of_the_readme_keeps_every_login_on_the_file_store() {
    let mut login = LoginPlan::idp().await.file().start().await;
    let (first, mut tokens) = (signed_in(&login).await, signed_in(&login).await);
    // This one is not refreshed between the steps: nothing but the upkeep seals it again.
    let resting = signed_in(&login).await;
    for seals in [&["A", "B"][..], &["B", "A"], &["B"]] {
        login.edit_seals(0, seals);
        login.restart(0, "TERM").await;
        until_free(&login, 0).await;
        tokens = works(&login, 0, &tokens, &[&first, &resting]).await;
    }
    works(&login, 0, &resting, &[]).await;
    login.close().await;
}

#[tokio::test]
async fn login_a1_check_says_which_keys_a_file_still_needs() {
    let mut login = LoginPlan::idp().await.file().start().await;
    signed_in(&login).await;
    let (code, told, _) = login.check(0).await;
    assert!(code == Some(0) && told.contains("as.db: a running gateway has it open"), "{told}");

    login.stop(0, "TERM").await;
    let (code, told, _) = login.check(0).await;
    let first = told.lines().find(|line| line.contains("session_keys[0] is key")).expect(&told);
    assert!(
        code == Some(0) && first.contains("it seals the signing keys and ") && first.ends_with(" entries"),
        "{told}"
    );
    let of_a = first.split(' ').nth(4).unwrap().trim_end_matches(':').to_owned();

    // B is first, and nothing is sealed with it yet.
    login.edit_seals(0, &["B", "A"]);
    let (code, told, complained) = login.check(0).await;
    assert_eq!((code, complained.as_str()), (Some(0), ""));
    assert!(told.contains("it will seal the store"), "{told}");
    let needed = format!("session_keys[1] is key {of_a}: it still seals the signing keys and ");
    assert!(told.contains(&needed), "{told}");

    // Without A, what it sealed would be lost.
    login.edit_seals(0, &["B"]);
    let (code, _, complained) = login.check(0).await;
    assert_eq!(code, Some(0));
    let lost = format!(" entries are sealed with key {of_a}, which is not in session_keys: they are lost");
    assert!(
        complained.contains(&lost) && complained.contains("none of session_keys opens the signing keys"),
        "{complained}"
    );

    login.edit_seals(0, &["B", "A"]);
    login.resume(0).await;
    until_free(&login, 0).await;
    login.stop(0, "TERM").await;
    let (_, told, complained) = login.check(0).await;
    let free = format!("session_keys[1] is key {of_a}: the store no longer needs it");
    assert!(told.contains(&free) && complained.is_empty(), "{told}{complained}");
    login.edit_seals(0, &["B"]);
    let (_, told, complained) = login.check(0).await;
    assert!(told.contains("it seals the signing keys and ") && complained.is_empty(), "{told}{complained}");
    login.resume(0).await;
    login.close().await;
}

#[tokio::test]
async fn login_a1_every_kind_of_value_outlives_the_rotation() {
    let mut login = LoginPlan::accounts().file().start().await;
    let mut client = Client::register(&login, serde_json::json!({"redirect_uris": ["https://app.example/back"]})).await;
    client.redirect = "https://app.example/back".to_owned();
    let mut browser = Browser::of("ada", PASSWORD);
    let tokens = client.sign_in(&login, &mut browser, "mcp:connect").await;
    for seals in [&["A", "B"][..], &["B", "A"], &["B"]] {
        login.edit_seals(0, seals);
        login.restart(0, "KILL").await;
        until_free(&login, 0).await;
    }
    // The browser is still signed in, and the consent is remembered: no page is shown.
    browser.visited.clear();
    client.sign_in(&login, &mut browser, "mcp:connect").await;
    assert_eq!(browser.visited, ["/oauth/authorize"]);
    client.refreshed(&login, 0, tokens.refresh()).await;
    login.close().await;
}

#[tokio::test]
async fn login_a1_the_rotation_goes_replica_by_replica_on_redis() {
    let mut login = LoginPlan::idp().await.redis().await.replicas(2).start().await;
    let (first, mut tokens) = (signed_in(&login).await, signed_in(&login).await);
    let resting = signed_in(&login).await;
    for seals in [&["A", "B"][..], &["B", "A"], &["B"]] {
        for replica in [0, 1] {
            login.edit_seals(replica, seals);
            login.restart(replica, "TERM").await;
            login.until_readyz(replica, "it is ready", |ready| ready.status == 200).await;
            for at in [0, 1] {
                tokens = works(&login, at, &tokens, &[&first]).await;
            }
        }
        // Only when all replicas have the new list is a key free.
        for replica in [0, 1] {
            until_free(&login, replica).await;
        }
    }
    works(&login, 1, &resting, &[]).await;
    login.close().await;
}

#[tokio::test]
async fn login_a1_a_lost_key_costs_what_it_sealed_and_no_more() {
    let mut login = LoginPlan::accounts().file().start().await;
    let tokens = signed_in(&login).await;
    login.edit_seals(0, &["C"]);
    login.restart(0, "TERM").await;
    login.process(0).line(|line| line.contains("they were replaced")).await;
    login.until_readyz(0, "it has keys", |ready| ready.status == 200).await;
    let keys = login.world.send(&crate::e2e::world::Ask::get("/oauth/jwks")).await.json();
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(1));
    assert_eq!(call_tool(&login, 0, &tokens.access, "safe").await.status, 401);
    let reply = Client::desktop().refresh(&login, 0, tokens.refresh()).await;
    assert_eq!((reply.status, reply.json()["error"].as_str()), (400, Some("invalid_grant")));
    let metrics = login.admin(0, "/metrics").await.text();
    assert!(metrics.contains("portcullis_signing_keys_replaced_total{issuer=\"own\"} 1"), "{metrics}");
    let tokens = signed_in(&login).await;
    works(&login, 0, &tokens, &[]).await;
    // The key is found again: so are the signing keys that it sealed.
    login.edit_seals(0, &["A"]);
    login.restart(0, "TERM").await;
    login.process(0).line(|line| line.contains("they were replaced")).await;
    login.until_readyz(0, "it has keys", |ready| ready.status == 200).await;
    login.close().await;
}

#[tokio::test]
async fn login_a1_a_replica_with_a_wrong_key_replaces_nothing_while_another_has_the_right_one() {
    let mut login = LoginPlan::accounts().redis().await.replicas(2).start().await;
    let tokens = signed_in(&login).await;
    login.edit_seals(1, &["C"]);
    login.restart(1, "TERM").await;
    login.until_readyz(1, "it says why", |ready| ready.text().contains("another replica opens them")).await;
    let keys = login.admin(1, "/metrics").await.text();
    assert!(keys.contains("portcullis_signing_keys_replaced_total{issuer=\"own\"} 0"), "{keys}");
    // A refresh there is not answered with the end of the login.
    assert_eq!(Client::desktop().refresh(&login, 1, tokens.refresh()).await.status, 503);
    let tokens = works(&login, 0, &tokens, &[]).await;
    login.edit_seals(1, &["A"]);
    login.restart(1, "TERM").await;
    login.until_readyz(1, "it is ready", |ready| ready.status == 200).await;
    works(&login, 1, &tokens, &[]).await;
    login.close().await;
}

#[tokio::test]
async fn login_a1_replicas_whose_keys_changed_in_too_few_steps_say_so() {
    let mut login = LoginPlan::accounts().redis().await.replicas(2).start().await;
    // The list of the second step, without the first.
    login.edit_seals(1, &["B", "A"]);
    login.restart(1, "TERM").await;
    for (replica, words) in
        [(0, "another replica seals with key "), (1, "another replica does not have session_keys[0]")]
    {
        login.until_readyz(replica, words, |ready| ready.status == 200 && ready.text().contains(words)).await;
        login.process(replica).line(|line| line.contains("ERROR") && line.contains(words)).await;
    }
    login.edit_seals(0, &["A", "B"]);
    login.restart(0, "TERM").await;
    for replica in [0, 1] {
        login.until_readyz(replica, "it is over", |ready| !ready.text().contains("another replica")).await;
    }
    let tokens = signed_in(&login).await;
    works(&login, 1, &tokens, &[]).await;
    login.close().await;
}

/// Names and values of the families in Redis.
async fn families(login: &LoginWorld) -> Vec<(String, Vec<u8>)> {
    let redis = login.redis.as_ref().unwrap();
    let mut found = Vec::new();
    for key in redis.keys("portcullis:as:family:*").await {
        let value = redis.get(&key).await.unwrap();
        found.push((key, value));
    }
    found
}

#[tokio::test]
async fn login_a11_a_family_in_the_place_of_another_is_refused_on_every_replica() {
    let login = LoginPlan::accounts().redis().await.replicas(2).start().await;
    let client = Client::desktop();
    let bobs = client.sign_in(&login, &mut Browser::of("bob", PASSWORD), "mcp:connect").await;
    let bobs_family = families(&login).await.remove(0);
    let adas = signed_in(&login).await;
    let adas_family = families(&login).await.into_iter().find(|(name, _)| *name != bobs_family.0).unwrap();
    let redis = login.redis.as_ref().unwrap();

    // Bob has write access to Redis, and makes his family one of Ada's, with his own token.
    let mut forged: Value = serde_json::from_slice(&adas_family.1).unwrap();
    let own: Value = serde_json::from_slice(&bobs_family.1).unwrap();
    forged["current"] = own["current"].clone();
    let mut unsealed = forged.clone();
    unsealed.as_object_mut().unwrap().remove("sealed");
    for value in [forged.to_string(), unsealed.to_string()] {
        redis.ask(&[b"SET", bobs_family.0.as_bytes(), value.as_bytes(), b"KEEPTTL"]).await;
        for replica in [0, 1] {
            let reply = client.refresh(&login, replica, bobs.refresh()).await;
            assert_eq!((reply.status, reply.json()["error"].as_str()), (400, Some("invalid_grant")), "{value}");
        }
    }
    login.process(0).line(|line| line.contains("a stored value is refused") && line.contains("family")).await;
    let metrics = login.admin(0, "/metrics").await.text();
    let refused =
        metrics.lines().find_map(|line| line.strip_prefix("portcullis_store_values_refused_total{issuer=\"own\"} "));
    assert!(refused.unwrap().parse::<u64>().unwrap() >= 2, "{metrics}");

    // A whole copy under another name is no better; where it belongs it is believed.
    redis.ask(&[b"SET", bobs_family.0.as_bytes(), &adas_family.1, b"KEEPTTL"]).await;
    client.refreshed(&login, 0, adas.refresh()).await;
    assert_eq!(client.refresh(&login, 1, bobs.refresh()).await.status, 400);
    login.close().await;
}
