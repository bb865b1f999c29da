//! Tokens that are remembered or verified, while keys appear, disappear and are unavailable.

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::*;
use crate::{
    base::{
        clock::{Clock, testing::HandClock},
        limits::{fetch::JWKS_STALE_MAX, tokens::TOKEN_BYTES},
    },
    decide::token::testing::{self, ED25519, FOREIGN_KEY, ISSUER, P256, TestKey, claims, rules, with},
    outbound::{
        fetch::testing::{ScriptedAnswer, Site, fetch_trusting},
        keys::{IssuerSettings, KeySource, LocalKeys},
    },
};

const ISSUER_B: &str = "https://login.example/realms/other";
const FLOOR: Duration = Duration::from_secs(30);
const PEER: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
const UNKNOWN: Refusal = Refusal::Token(TokenFault::UnknownKey);

/// A gateway's verifier with two issuers, A and B, whose keys are on one site.
struct World {
    site: Site,
    clock: Arc<HandClock>,
    verifier: Verifier,
    a: Arc<IssuerKeys>,
    b: Arc<IssuerKeys>,
    owner: JoinSet<()>,
}

impl World {
    /// A has the key P-256, B has Ed25519.
    async fn new() -> Self {
        let site = Site::plain().await;
        publish(&site, "/a", &[P256.jwk()]);
        publish(&site, "/b", &[ED25519.jwk()]);
        let clock = HandClock::at(testing::now());
        let mut owner = JoinSet::new();
        let a = issuer(&site, &clock, &mut owner, ISSUER, "/a");
        let b = issuer(&site, &clock, &mut owner, ISSUER_B, "/b");
        for issuer in [&a, &b] {
            issuer.current_or_first(clock.now()).await.unwrap();
        }
        Self { site, clock, verifier: Verifier::new(), a, b, owner }
    }

    async fn verify(&self, token: &str) -> Result<Arc<Caller>, Refusal> {
        self.verify_among(token, &[Arc::clone(&self.a), Arc::clone(&self.b)]).await
    }

    async fn verify_among(&self, token: &str, issuers: &[Arc<IssuerKeys>]) -> Result<Arc<Caller>, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
        self.verifier
            .verify(
                Presented::find(&headers, None, TOKEN_BYTES as u64).unwrap(),
                Trusted { issuers, known: &[] },
                PEER,
                self.clock.now(),
            )
            .await
    }
}

fn issuer(site: &Site, clock: &Arc<HandClock>, owner: &mut JoinSet<()>, name: &str, path: &str) -> Arc<IssuerKeys> {
    let mut rules = rules();
    rules.issuers = vec![name.into()];
    let keys = KeySource::Url(site.url(path).into());
    let settings = IssuerSettings {
        rules,
        keys,
        refetch_floor: FLOOR,
        introspection: None,
        reach: crate::outbound::reach::IssuerReach::default(),
        asked_as: crate::decide::resource_server::issuer_metadata::AskedAs::ResourceServer,
    };
    let keys = IssuerKeys::new(settings, &fetch_trusting(&[]), clock.clone());
    owner.spawn(Arc::clone(&keys).keep_fresh());
    keys
}

fn publish(site: &Site, path: &str, keys: &[Value]) {
    site.answer(path, ScriptedAnswer::json(json!({ "keys": keys }).to_string()));
}

fn token(key: &TestKey, header: &Value, changes: &Value) -> String {
    let algorithm = if std::ptr::eq(key, &raw const *ED25519) { "EdDSA" } else { "ES256" };
    key.token(algorithm, header, &with(&claims(), changes))
}

fn good() -> String {
    token(&P256, &json!({}), &json!({}))
}

fn of_b() -> String {
    token(&ED25519, &json!({}), &json!({"iss": ISSUER_B}))
}

#[tokio::test]
async fn b73_a_proved_token_is_remembered_until_it_expires() {
    let world = World::new().await;
    let token = good();
    let first = world.verify(&token).await.unwrap();
    assert_eq!((first.issuer().as_str(), first.subject()), (ISSUER, "ada"));
    assert!(Arc::ptr_eq(&first, &world.verify(&token).await.unwrap()));
    // For every server with this issuer, and for no other.
    assert!(Arc::ptr_eq(&first, &world.verify_among(&token, &[Arc::clone(&world.a)]).await.unwrap()));
    let elsewhere = world.verify_among(&token, &[Arc::clone(&world.b)]).await;
    assert_eq!(elsewhere.err(), Some(Refusal::Token(TokenFault::Issuer)));

    let left = first.expires() + world.a.rules().clock_skew - world.clock.now().wall;
    world.clock.turn(left - Duration::from_secs(1));
    assert!(Arc::ptr_eq(&first, &world.verify(&token).await.unwrap()));
    world.clock.turn(Duration::from_secs(1));
    assert_eq!(world.verify(&token).await.err(), Some(Refusal::Token(TokenFault::Expired)));
}

#[tokio::test]
async fn b73_one_byte_more_or_less_is_another_token() {
    let world = World::new().await;
    let token = good();
    world.verify(&token).await.unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (first, rest) = signature.split_at_checked(1).unwrap();
    let turned = if first == "A" { "B" } else { "A" };
    let shorter: String = token.chars().take(token.len() - 4).collect();
    for broken in [format!("{signed}.{turned}{rest}"), shorter] {
        assert!(matches!(world.verify(&broken).await, Err(Refusal::Token(_))));
    }
}

#[tokio::test]
async fn e27_a_token_that_was_revoked_inside_is_refused_from_memory_and_fresh() {
    let clock = HandClock::at(testing::now());
    let local = Arc::new(LocalKeys::default());
    let mut rules = rules();
    rules.issuers = vec![ISSUER.into()];
    let settings = IssuerSettings {
        rules,
        keys: KeySource::Embedded,
        refetch_floor: FLOOR,
        introspection: None,
        reach: crate::outbound::reach::IssuerReach::default(),
        asked_as: crate::decide::resource_server::issuer_metadata::AskedAs::ResourceServer,
    };
    let keys = IssuerKeys::embedded(settings, Arc::clone(&local), &fetch_trusting(&[]), clock.clone());
    let mut owner = JoinSet::new();
    owner.spawn(Arc::clone(&keys).keep_fresh());
    local.publish(json!({"keys": [P256.jwk()]}).to_string().into());
    // A published key is in force at once.
    while keys.current(clock.now()).is_none() {
        tokio::task::yield_now().await;
    }
    let issuers = [keys];
    let verify = async |verifier: &Verifier, jti: Value| {
        let token = token(&P256, &json!({}), &json!({"jti": jti}));
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
        verifier
            .verify(
                Presented::find(&headers, None, TOKEN_BYTES as u64).unwrap(),
                Trusted { issuers: &issuers, known: &[] },
                PEER,
                clock.now(),
            )
            .await
            .map(drop)
    };
    let revoked = Err(Refusal::Token(TokenFault::Revoked));
    let knowing = Verifier::new();
    for jti in ["family.one", "family.two", "single"] {
        assert_eq!(verify(&knowing, json!(jti)).await, Ok(()), "{jti}");
    }
    local.revoke(&["family".into(), "single".into()]);
    for jti in ["family.one", "family.two", "single"] {
        assert_eq!(verify(&knowing, json!(jti)).await, revoked, "{jti} from memory");
        assert_eq!(verify(&Verifier::new(), json!(jti)).await, revoked, "{jti} fresh");
    }
    assert_eq!(verify(&knowing, json!("another.one")).await, Ok(()));
    assert_eq!(
        verify(&knowing, Value::Null).await.err(),
        revoked.err(),
        "a token that cannot be revoked is not from the embedded server"
    );
}

#[tokio::test]
async fn attack_091_a_clock_set_back_brings_no_remembered_token_to_life() {
    let world = World::new().await;
    let token = good();
    let caller = world.verify(&token).await.unwrap();
    let begun = world.clock.now().wall;
    world.clock.turn(caller.expires() - begun + world.a.rules().clock_skew);
    world.clock.set_wall(begun);
    assert_eq!(world.verify(&token).await.err(), Some(Refusal::Token(TokenFault::Expired)));
    // A clock that is set forward does not keep it valid either.
    let other = self::token(&P256, &json!({}), &json!({"jti": "2"}));
    world.verify(&other).await.unwrap();
    world.clock.set_wall(begun + Duration::from_secs(3600));
    assert_eq!(world.verify(&other).await.err(), Some(Refusal::Token(TokenFault::Expired)));
}

#[tokio::test]
async fn b73_a_reload_that_changes_an_issuer_forgets_what_the_old_one_proved() {
    let mut world = World::new().await;
    let token = good();
    let before = world.verify(&token).await.unwrap();
    world.a = issuer(&world.site, &world.clock, &mut world.owner, ISSUER, "/a");
    let after = world.verify(&token).await.unwrap();
    assert!(!Arc::ptr_eq(&before, &after));
    assert_eq!(before, after);
}

#[tokio::test]
async fn attack_078_an_iss_that_is_nearly_ours_is_refused_and_dials_no_host() {
    let world = World::new().await;
    let hits = world.site.all_hits();
    for iss in [
        format!("{ISSUER}/"),
        ISSUER.replace("login", "LOGIN"),
        ISSUER.replace("https", "http"),
        ISSUER.replace('o', "\u{43e}"),
        ISSUER.replace("main", "mai"),
        world.site.url("/evil"),
        String::new(),
    ] {
        let token = token(&P256, &json!({}), &json!({ "iss": iss }));
        assert_eq!(world.verify(&token).await.err(), Some(Refusal::Token(TokenFault::Issuer)), "{iss}");
    }
    assert_eq!(world.site.all_hits(), hits);
}

#[tokio::test]
async fn attack_079_a_key_of_one_issuer_proves_nothing_for_another() {
    let world = World::new().await;
    assert!(world.verify(&good()).await.is_ok() && world.verify(&of_b()).await.is_ok());
    let claims_a = token(&ED25519, &json!({}), &json!({}));
    assert_eq!(world.verify(&claims_a).await.err(), Some(UNKNOWN));
    let with_kid_of_a = token(&ED25519, &json!({"kid": P256.kid}), &json!({}));
    assert!(matches!(world.verify(&with_kid_of_a).await, Err(Refusal::Token(_))));
}

#[tokio::test]
async fn attack_089_a_rotated_key_is_found_and_a_removed_one_stops_even_for_remembered_tokens() {
    let world = World::new().await;
    let old = good();
    world.verify(&old).await.unwrap();
    publish(&world.site, "/a", &[FOREIGN_KEY.jwk()]);
    assert!(world.verify(&old).await.is_ok());
    let new = token(&FOREIGN_KEY, &json!({}), &json!({}));
    assert!(world.verify(&new).await.is_ok());
    assert_eq!(world.site.hits("/a"), 2);
    world.clock.turn(FLOOR);
    assert_eq!(world.verify(&old).await.err(), Some(UNKNOWN));
    // Tokens of the other issuer are not affected.
    assert!(world.verify(&of_b()).await.is_ok());
    assert_eq!(world.site.hits("/b"), 1);
}

/// A token that names the key of A, and that another key has signed.
fn by_another() -> String {
    token(&FOREIGN_KEY, &json!({"kid": P256.kid}), &json!({}))
}

#[tokio::test]
async fn attack_305_a_key_that_was_replaced_under_its_name_is_found_by_all_at_once_with_one_fetch() {
    let world = Arc::new(World::new().await);
    let old = good();
    assert!(world.verify(&old).await.is_ok());
    publish(&world.site, "/a", &[with(&FOREIGN_KEY.jwk(), &json!({"kid": P256.kid}))]);
    let mut requests = JoinSet::new();
    for number in 0..100 {
        let world = Arc::clone(&world);
        let token = token(&FOREIGN_KEY, &json!({"kid": P256.kid}), &json!({"jti": number.to_string()}));
        requests.spawn(async move { world.verify(&token).await.is_ok() });
    }
    assert!(requests.join_all().await.into_iter().all(|is_good| is_good));
    assert_eq!(world.site.hits("/a"), 2);
    // What the old key has signed is refused without another fetch.
    assert_eq!(world.verify(&old).await.err(), Some(Refusal::Token(TokenFault::Signature)));
    assert_eq!(world.site.hits("/a"), 2);

    // Also by a key of another kind.
    publish(&world.site, "/a", &[with(&ED25519.jwk(), &json!({"kid": P256.kid}))]);
    world.clock.turn(FLOOR);
    assert!(world.verify(&token(&ED25519, &json!({"kid": P256.kid}), &json!({}))).await.is_ok());
}

#[tokio::test]
async fn attack_305_tokens_that_another_key_signed_cause_few_fetches_and_never_wait_for_a_later_one() {
    let world = World::new().await;
    const FORGED: Refusal = Refusal::Token(TokenFault::Signature);
    for sixth in 0..12 {
        for _ in 0..10 {
            assert_eq!(world.verify(&by_another()).await.err(), Some(FORGED.clone()));
        }
        assert!(world.site.hits("/a") <= 1 + sixth + 1, "in the sixth {sixth}");
        world.clock.turn(FLOOR / 6);
    }
    assert!(world.site.hits("/a") <= 11, "five in each floor by one peer: {}", world.site.hits("/a"));
    assert!(world.verify(&good()).await.is_ok());
}

#[tokio::test]
async fn attack_305_while_the_issuer_is_down_nothing_proves_such_a_token_wrong() {
    let world = World::new().await;
    world.site.stop().await;
    for _ in 0..2 {
        assert!(matches!(world.verify(&by_another()).await, Err(Refusal::KeysUnavailable { .. })));
    }
    assert!(world.verify(&good()).await.is_ok());
}

#[tokio::test]
async fn b44_with_the_issuer_stopped_known_tokens_keep_working_and_unknown_kids_get_503() {
    let world = World::new().await;
    let known = good();
    world.verify(&known).await.unwrap();
    world.site.stop().await;
    for kid in ["x", "x"] {
        let token = token(&P256, &json!({ "kid": kid }), &json!({}));
        assert!(matches!(world.verify(&token).await, Err(Refusal::KeysUnavailable { .. })), "{kid}");
    }
    // Remembered tokens, and new tokens of a known key.
    assert!(world.verify(&known).await.is_ok());
    assert!(world.verify(&token(&P256, &json!({}), &json!({"jti": "2", "exp": 1_900_000_000}))).await.is_ok());

    // Until the issuer has not confirmed that key for a day, not even for a remembered token.
    let long = token(&P256, &json!({}), &json!({"exp": 1_900_000_000}));
    world.verify(&long).await.unwrap();
    world.clock.turn(JWKS_STALE_MAX);
    assert!(matches!(world.verify(&long).await, Err(Refusal::KeysUnavailable { .. })));
}

#[tokio::test]
async fn b43_attack_075_tokens_with_random_kids_cause_one_fetch_together() {
    let world = Arc::new(World::new().await);
    let mut requests = JoinSet::new();
    for kid in 0..1_000 {
        let world = Arc::clone(&world);
        let token = token(&ED25519, &json!({"kid": format!("random-{kid}")}), &json!({}));
        requests.spawn(async move { world.verify(&token).await.err() });
    }
    assert!(requests.join_all().await.iter().all(|refusal| *refusal == Some(UNKNOWN)));
    assert_eq!((world.site.hits("/a"), world.site.hits("/b")), (2, 1));
    assert!(world.verify(&good()).await.is_ok());
}

#[tokio::test]
async fn attack_181_a_token_is_tried_with_every_key_set_until_one_is_younger_than_it() {
    let world = World::new().await;
    // The issuer changes its keys twice: the fetch for another token brings the first change, which
    // does not have this key yet.
    publish(&world.site, "/a", &[P256.jwk(), ED25519.jwk()]);
    let gate = world.site.hold("/a");
    let other = token(&FOREIGN_KEY, &json!({"kid": "other"}), &json!({}));
    let rotated = token(&FOREIGN_KEY, &json!({}), &json!({}));
    let asking = world.verify(&other);
    let arriving = async {
        gate.reached().await;
        world.clock.turn(FLOOR);
        let arriving = world.verify(&rotated);
        let publishing = async {
            publish(&world.site, "/a", &[P256.jwk(), FOREIGN_KEY.jwk()]);
            gate.open();
        };
        tokio::join!(arriving, publishing).0
    };
    let (other, rotated) = tokio::join!(asking, arriving);
    assert_eq!(other.err(), Some(UNKNOWN));
    assert!(rotated.is_ok(), "{rotated:?}");
    assert_eq!(world.site.hits("/a"), 3);
}

#[test]
fn p9_the_bound_on_bytes_bounds_the_number_of_remembered_tokens() {
    assert_eq!(TOKENS_REMEMBERED_BYTES_MAX / REMEMBERED_BYTES_MIN, TOKENS_REMEMBERED_MAX);
    // Room for a caller with the fields of an ordinary token before its claims are counted.
    assert!(REMEMBERED_BYTES_MIN as usize >= size_of::<Remembered>() + size_of::<Caller>() + size_of::<Fingerprint>());
}
