//! Keys that an issuer writes in another order each time.

use super::*;

#[tokio::test]
async fn people_a9_keys_in_another_order_are_the_same_keys() {
    let site = Site::plain().await;
    let private = with(&P256.jwk(), &json!({"kid": "private", "d": "AA"}));
    site.answer("/jwks", jwks(&[P256.jwk(), private.clone(), ED25519.jwk()]));
    let kept = Kept::at(&site);
    assert_eq!(kept.first().await.unwrap().generation, 1);
    for (attempt, keys) in [
        vec![ED25519.jwk(), private.clone(), P256.jwk()],
        vec![private, P256.jwk(), ED25519.jwk()],
        vec![P256.jwk(), ED25519.jwk()],
    ]
    .into_iter()
    .enumerate()
    {
        site.answer("/jwks", jwks(&keys));
        ring_timers(JWKS_AGE_DEFAULT).await;
        kept.attempts(attempt as u64 + 2).await;
        let published = kept.first().await.unwrap();
        assert_eq!((published.generation, published.set.len()), (1, 2));
        assert_eq!(published.set.skipped(), keys.len() - 2);
    }
    // Another key of the same name is another key.
    site.answer("/jwks", jwks(&[ED25519.jwk(), renamed(P256.kid)]));
    ring_timers(JWKS_AGE_DEFAULT).await;
    kept.attempts(5).await;
    assert_eq!(kept.first().await.unwrap().generation, 2);
}
