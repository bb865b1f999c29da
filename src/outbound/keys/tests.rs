//! One issuer's keys, also in outages: how often it is asked, and what requests get.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{task::JoinSet, time};

use super::*;
use crate::{
    base::{
        clock::testing::HandClock,
        limits::fetch::{JWKS_AGE_DEFAULT, JWKS_BYTES_MAX, JWKS_STALE_MAX, KEY_WAITERS_PER_PEER_MAX},
    },
    decide::{
        refusal::TokenFault,
        token::{
            jwt::AwaitedKey,
            rules::AcceptedClients,
            testing::{self, ED25519, FOREIGN_KEY, P256, rules, with},
        },
    },
    outbound::fetch::testing::{ScriptedAnswer, Site, fetch_trusting, ring_timers},
};

mod file;
mod order;

const FLOOR: Duration = Duration::from_secs(30);
const PEER: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
const UNKNOWN: Refusal = Refusal::Token(TokenFault::UnknownKey);

/// Keys whose refresh loop runs until the value is dropped.
struct Kept {
    keys: Arc<IssuerKeys>,
    clock: Arc<HandClock>,
    _loop: JoinSet<()>,
}

impl Kept {
    fn new(source: KeySource) -> Self {
        let clock = HandClock::at(testing::now());
        let settings = IssuerSettings {
            rules: rules(),
            keys: source,
            refetch_floor: FLOOR,
            introspection: None,
            reach: crate::outbound::reach::IssuerReach::default(),
            asked_as: crate::decide::resource_server::issuer_metadata::AskedAs::ResourceServer,
        };
        let keys = IssuerKeys::new(settings, &fetch_trusting(&[]), clock.clone());
        let mut owner = JoinSet::new();
        owner.spawn(Arc::clone(&keys).keep_fresh());
        Self { keys, clock, _loop: owner }
    }

    fn at(site: &Site) -> Self {
        Self::new(KeySource::Url(site.url("/jwks").into()))
    }

    async fn first(&self) -> Result<Arc<Published>, Refusal> {
        self.keys.current_or_first(self.clock.now()).await
    }

    /// The result for a token whose key is not in the generation `seen`.
    async fn ask(&self, kid: &str, mut seen: u64) -> Result<u64, Refusal> {
        let mut newer = self.keys.newer(PEER, AwaitedKey::Unknown);
        loop {
            let published = newer.than(seen).await.map_err(|why| match why {
                newer::NoNewerKeys::Certain => UNKNOWN,
                newer::NoNewerKeys::Unavailable(refusal) => refusal,
            })?;
            seen = published.generation;
            if published.set.knows(kid) {
                return Ok(seen);
            }
        }
    }

    fn now_has(&self, kid: &str) -> bool {
        self.keys.current(self.clock.now()).is_some_and(|published| published.set.knows(kid))
    }

    async fn attempts(&self, at_least: u64) {
        self.keys.progress.subscribe().wait_for(|progress| progress.attempts >= at_least).await.unwrap();
    }
}

fn jwks(keys: &[Value]) -> ScriptedAnswer {
    ScriptedAnswer::json(json!({ "keys": keys }).to_string())
}

fn renamed(kid: &str) -> Value {
    with(&FOREIGN_KEY.jwk(), &json!({ "kid": kid }))
}

fn is_503<T>(result: &Result<T, Refusal>) -> bool {
    matches!(result, Err(Refusal::KeysUnavailable { retry_after_secs: 1..=31 }))
}

#[tokio::test]
async fn b42_all_who_wait_for_the_first_keys_share_one_fetch() {
    let site = Site::plain().await;
    site.answer("/jwks", jwks(&[P256.jwk(), json!({"kty": "oct", "k": "c2VjcmV0"})]));
    let kept = Arc::new(Kept::at(&site));
    let mut waiting = JoinSet::new();
    for _ in 0..100 {
        let kept = Arc::clone(&kept);
        waiting.spawn(async move { kept.first().await.map(|published| published.set.len()) });
    }
    // Attack 92: the symmetric key is skipped.
    assert!(waiting.join_all().await.iter().all(|keys| *keys == Ok(1)));
    assert_eq!(site.hits("/jwks"), 1);
    let status = kept.keys.status();
    assert_eq!(
        (status.state, status.keys, status.skipped, status.fetches_ok, status.fetches_failed),
        (KeyState::Usable, 1, 1, 1, 0)
    );
    assert_eq!(kept.keys.current(kept.clock.now()).unwrap().fetched, kept.clock.now());
}

#[tokio::test]
async fn b43_attack_075_a_thousand_random_kids_at_once_cause_one_fetch_and_more_get_503_when_it_may_be_repeated() {
    let site = Site::plain().await;
    site.answer("/jwks", jwks(&[P256.jwk()]));
    let kept = Arc::new(Kept::at(&site));
    let seen = kept.first().await.unwrap().generation;
    for round in 0..3 {
        let mut requests = JoinSet::new();
        for request in 0..10_000 {
            let kept = Arc::clone(&kept);
            requests.spawn(async move { kept.ask(&format!("random-{round}-{}", request % 1_000), seen).await });
        }
        let answers = requests.join_all().await;
        let proved = answers.iter().filter(|answer| **answer == Err(UNKNOWN)).count();
        assert_eq!(proved, KEY_WAITERS_PER_PEER_MAX, "round {round}: all who may wait are told");
        assert_eq!(answers.iter().filter(|answer| is_503(answer)).count(), 10_000 - proved, "round {round}");
        assert_eq!(site.hits("/jwks"), 2 + round, "round {round}");
        kept.clock.turn(FLOOR / 6);
    }
}

#[tokio::test]
async fn b43_attack_181_a_kid_that_was_tried_before_its_key_was_published_is_found_after() {
    let site = Site::plain().await;
    site.answer("/jwks", jwks(&[P256.jwk()]));
    let kept = Kept::at(&site);
    let seen = kept.first().await.unwrap().generation;
    assert_eq!(kept.ask("new", seen).await, Err(UNKNOWN));
    site.answer("/jwks", jwks(&[P256.jwk(), renamed("new")]));
    kept.clock.turn(FLOOR / 6);
    assert_eq!(kept.ask("new", seen).await, Ok(seen + 1));
    assert_eq!(site.hits("/jwks"), 3);
}

#[tokio::test]
async fn attack_181_a_token_waits_for_the_next_fetch_and_is_told_when_none_comes_in_time() {
    let site = Site::plain().await;
    site.answer("/jwks", jwks(&[P256.jwk()]));
    let kept = Kept::at(&site);
    let seen = kept.first().await.unwrap().generation;
    assert_eq!(kept.ask("invented", seen).await, Err(UNKNOWN));
    site.answer("/jwks", jwks(&[P256.jwk(), renamed("new")]));
    // 4.9 s of the 5 s until the next fetch have passed.
    kept.clock.turn(FLOOR / 6 - Duration::from_millis(100));
    assert_eq!(kept.ask("new", seen).await, Ok(seen + 1));

    // One peer's share: five in one floor.
    for _ in 0..3 {
        kept.clock.turn(FLOOR / 6);
        assert_eq!(kept.ask("invented", seen + 1).await, Err(UNKNOWN));
    }
    let told = kept.ask("invented", seen + 1).await;
    assert_eq!(told, Err(Refusal::KeysUnavailable { retry_after_secs: 11 }), "30 s after the first one");
    assert_eq!(site.hits("/jwks"), 6);
    kept.clock.turn(Duration::from_secs(11));
    assert_eq!(kept.ask("invented", seen + 1).await, Err(UNKNOWN));
}

#[tokio::test]
async fn attack_181_a_fetch_that_began_before_the_token_came_proves_nothing_against_it() {
    let site = Site::plain().await;
    site.answer("/jwks", jwks(&[P256.jwk()]));
    let kept = Kept::at(&site);
    let seen = kept.first().await.unwrap().generation;
    let gate = site.hold("/jwks");
    let arriving = async {
        gate.reached().await;
        // The current answer does not have the key that is published now.
        site.answer("/jwks", jwks(&[P256.jwk(), renamed("new")]));
        kept.clock.turn(FLOOR);
        let opening = async { gate.open() };
        tokio::join!(kept.ask("new", seen), opening).0
    };
    let (earlier, new) = tokio::join!(kept.ask("earlier", seen), arriving);
    assert_eq!(earlier, Err(UNKNOWN));
    assert_eq!(new, Ok(seen + 1));
}

#[tokio::test]
async fn attack_089_a_rotated_key_is_found_by_all_who_need_it_with_one_fetch() {
    let site = Site::plain().await;
    site.answer("/jwks", jwks(&[P256.jwk()]));
    let kept = Arc::new(Kept::at(&site));
    let seen = kept.first().await.unwrap().generation;
    site.answer("/jwks", jwks(&[P256.jwk(), renamed("new")]));
    let mut requests = JoinSet::new();
    for _ in 0..100 {
        let kept = Arc::clone(&kept);
        requests.spawn(async move { kept.ask("new", seen).await });
    }
    assert!(requests.join_all().await.iter().all(|answer| *answer == Ok(seen + 1)));
    assert!(kept.now_has("new"));
    assert_eq!(site.hits("/jwks"), 2);
}

#[tokio::test]
async fn b44_a_removed_key_goes_at_the_scheduled_refresh_and_an_unchanged_set_keeps_its_generation() {
    let site = Site::plain().await;
    site.answer("/jwks", jwks(&[P256.jwk(), ED25519.jwk()]));
    let kept = Kept::at(&site);
    assert_eq!(kept.first().await.unwrap().generation, 1);
    kept.clock.turn(Duration::from_secs(7));
    ring_timers(JWKS_AGE_DEFAULT).await;
    kept.attempts(2).await;
    let published = kept.first().await.unwrap();
    assert_eq!((published.generation, published.fetched), (1, kept.clock.now()));

    site.answer("/jwks", jwks(&[ED25519.jwk()]));
    ring_timers(JWKS_AGE_DEFAULT).await;
    kept.attempts(3).await;
    assert_eq!(kept.first().await.unwrap().generation, 2);
    assert!(!kept.now_has(P256.kid) && kept.now_has(ED25519.kid));
}

#[tokio::test]
async fn b44_while_the_issuer_is_down_its_keys_stay_and_unknown_kids_get_503() {
    let site = Site::plain().await;
    site.answer("/jwks", jwks(&[P256.jwk()]));
    let kept = Kept::at(&site);
    let seen = kept.first().await.unwrap().generation;
    site.stop().await;
    for kid in ["a", "a"] {
        assert!(is_503(&kept.ask(kid, seen).await), "{kid}");
    }
    assert!(kept.now_has(P256.kid));
    assert!(
        kept.keys.status().state == KeyState::Usable && kept.keys.status().last_error.unwrap().starts_with("refused")
    );

    // Keys that were not confirmed for a day are not used.
    kept.clock.turn(JWKS_STALE_MAX - Duration::from_secs(1));
    assert!(kept.first().await.is_ok());
    kept.clock.turn(Duration::from_secs(1));
    assert!(is_503(&kept.first().await));
    assert_eq!(kept.keys.generation(kept.clock.now()), None);
    assert_eq!(kept.keys.status().state, KeyState::TooOld);
}

#[tokio::test]
async fn a39_without_keys_it_is_503_and_they_come_when_the_issuer_does() {
    let site = Site::plain().await;
    let kept = Kept::at(&site);
    assert!(is_503(&kept.first().await));
    assert_eq!(kept.keys.status().last_error.unwrap(), format!("status: {}: 404 Not Found", site.url("/jwks")));
    // No request hurries the next attempt.
    time::pause();
    let hits = site.hits("/jwks");
    for _ in 0..100 {
        assert!(is_503(&kept.first().await));
    }
    assert_eq!(site.hits("/jwks"), hits);

    site.answer("/jwks", jwks(&[P256.jwk()]));
    time::advance(Duration::from_secs(1)).await;
    time::resume();
    kept.attempts(2).await;
    assert!(kept.now_has(P256.kid));
    assert_eq!(kept.keys.status().last_error, None);
}

#[tokio::test]
async fn b44_a_broken_document_changes_nothing_and_an_empty_one_withdraws_the_keys() {
    let site = Site::plain().await;
    site.answer("/jwks", jwks(&[P256.jwk()]));
    let kept = Kept::at(&site);
    let seen = kept.first().await.unwrap().generation;
    let huge = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(JWKS_BYTES_MAX));
    const MALFORMED: &str = "it is not a JSON object with one list `keys`";
    for (broken, why) in
        [("{\"keys\":[", MALFORMED), ("[]", MALFORMED), ("{\"keys\":{}}", MALFORMED), (&*huge, "too_large")]
    {
        site.answer("/jwks", ScriptedAnswer::json(broken));
        kept.clock.turn(FLOOR);
        assert!(is_503(&kept.ask("new", seen).await), "{why}");
        assert!(kept.keys.status().last_error.unwrap().contains(why), "{why}");
        assert!(kept.now_has(P256.kid), "{why}");
    }

    // A stolen key that its issuer has withdrawn must not be served from memory, nor come back
    // under its old generation.
    site.answer("/jwks", jwks(&[json!({"kty": "oct", "k": "c2VjcmV0"})]));
    kept.clock.turn(FLOOR);
    assert!(is_503(&kept.ask("new", seen).await));
    assert!(!kept.now_has(P256.kid));
    assert_eq!(kept.keys.status().state, KeyState::Withdrawn);
    site.answer("/jwks", jwks(&[P256.jwk()]));
    kept.clock.turn(FLOOR);
    assert!(kept.ask(P256.kid, seen).await.unwrap() > seen);
}

#[tokio::test]
async fn p11_b44_changed_settings_keep_the_keys_of_the_same_place_and_no_others() {
    let site = Site::plain().await;
    site.answer("/jwks", jwks(&[P256.jwk()]));
    let kept = Kept::at(&site);
    kept.first().await.unwrap();
    let fetch = fetch_trusting(&[]);
    let after = |change: fn(&mut IssuerSettings)| {
        let mut settings = kept.keys.settings().clone();
        change(&mut settings);
        IssuerKeys::after(settings, &[Arc::clone(&kept.keys)], &fetch, kept.clock.clone())
    };
    type Change = fn(&mut IssuerSettings);
    let changes: [(&str, Change, bool); 6] = [
        ("clients", |settings| settings.rules.clients = AcceptedClients::Any, true),
        ("another spelling", |settings| settings.rules.issuers.push("https://b.example".into()), true),
        ("another name", |settings| settings.rules.name = "renamed".into(), true),
        ("another issuer", |settings| settings.rules.issuers = vec!["https://b.example".into()], false),
        ("another place", |settings| settings.keys = KeySource::Discover, false),
        ("another way", |settings| settings.reach.allow_http = true, false),
    ];
    for (what, change, keeps) in changes {
        let next = after(change);
        assert_ne!(next.id(), kept.keys.id(), "{what}: remembered tokens are judged anew");
        assert_eq!((next.current(kept.clock.now()).is_some(), next.has_keys_of(&kept.keys)), (keeps, keeps), "{what}");
    }
    kept.clock.turn(JWKS_STALE_MAX);
    assert_eq!(after(|_| ()).status().state, KeyState::Missing, "keys that are too old are not passed on");
}

#[tokio::test]
async fn b41_keys_are_found_through_the_metadata_even_when_it_comes_late() {
    let site = Site::plain().await;
    site.answer("/jwks", jwks(&[P256.jwk()]));
    let issuer = site.url("/realms/main");
    let clock = HandClock::at(testing::now());
    let mut rules = rules();
    rules.issuers = vec![issuer.as_str().into()];
    let settings = IssuerSettings {
        rules,
        keys: KeySource::Discover,
        refetch_floor: FLOOR,
        introspection: None,
        reach: crate::outbound::reach::IssuerReach::default(),
        asked_as: crate::decide::resource_server::issuer_metadata::AskedAs::ResourceServer,
    };
    let keys = IssuerKeys::new(settings, &fetch_trusting(&[]), clock.clone());
    let mut owner = JoinSet::new();
    owner.spawn(Arc::clone(&keys).keep_fresh());
    assert!(is_503(&keys.current_or_first(clock.now()).await));
    assert_eq!(site.hits("/jwks"), 0);

    let metadata = json!({"issuer": issuer, "jwks_uri": site.url("/jwks")}).to_string();
    site.answer("/.well-known/oauth-authorization-server/realms/main", ScriptedAnswer::json(&metadata));
    let mut progress = keys.progress.subscribe();
    ring_timers(Duration::from_secs(1)).await;
    progress.wait_for(|progress| progress.fault.is_none() && progress.attempts > 0).await.unwrap();
    assert!(keys.current(clock.now()).unwrap().set.knows(P256.kid));
    assert_eq!(keys.discovery().document().await.unwrap(), metadata);
}
