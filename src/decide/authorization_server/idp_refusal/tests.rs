//! What IdPs answer, and whom it is about.

use super::{IdpRefusal as R, *};

#[test]
fn e46_login_a5_a_refusal_is_about_the_session_the_gateway_or_the_moment() {
    for (idp, status, error, about) in [
        ("RFC 6749", 400, "invalid_grant", R::Session),
        ("some", 401, "invalid_grant", R::Session),
        ("Auth0", 403, "invalid_grant", R::Session),
        ("Entra ID", 400, "interaction_required", R::Session),
        ("Entra ID", 400, "login_required", R::Session),
        ("Entra ID", 400, "consent_required", R::Session),
        ("Entra ID", 401, "interaction_required", R::Session),
        ("Canaille, LemonLDAP::NG", 400, "invalid_request", R::Unclear),
        ("Auth0, a blocked user", 401, "unauthorized", R::Unclear),
        ("some", 403, "access_denied", R::Unclear),
        ("some", 400, "session_expired", R::Unclear),
        ("RFC 6749", 401, "invalid_client", R::Gateway),
        ("some", 400, "invalid_client", R::Gateway),
        ("some", 403, "invalid_client", R::Gateway),
        ("RFC 6749", 400, "unauthorized_client", R::Gateway),
        ("RFC 6749", 400, "unsupported_grant_type", R::Gateway),
        ("RFC 6749", 400, "invalid_scope", R::Gateway),
        ("some", 401, "", R::Gateway),
        ("a proxy", 403, "", R::Moment),
        ("a proxy", 404, "", R::Moment),
        ("a framework", 400, "Bad Request", R::Moment),
        ("a framework", 404, "not_found", R::Moment),
        ("some", 404, "invalid_grant", R::Session),
        ("some", 422, "invalid_grant", R::Session),
        ("some", 422, "session_expired", R::Moment),
        ("some", 400, "", R::Moment),
        ("some", 400, "temporarily_unavailable", R::Moment),
        ("some", 429, "slow_down", R::Moment),
        ("some", 429, "invalid_grant", R::Moment),
        ("some", 408, "", R::Moment),
        ("some", 500, "invalid_grant", R::Moment),
        ("some", 503, "invalid_client", R::Moment),
        ("some", 502, "", R::Moment),
        ("some", 302, "invalid_grant", R::Moment),
    ] {
        assert_eq!(classify(StatusCode::from_u16(status).unwrap(), error), about, "{idp}: {status} {error}");
    }
}

#[test]
fn e46_login_a5_only_a_4xx_ends_a_session_whatever_the_words() {
    for status in 100..1000 {
        let status = StatusCode::from_u16(status).unwrap();
        for error in ["", "invalid_grant", "invalid_client", "invalid_request", "x", "login_required"] {
            let about = classify(status, error);
            assert!(status.is_client_error() || about == R::Moment, "{status} {error}");
        }
    }
}

#[test]
fn e46_login_a5_the_same_unclear_refusal_for_every_user_is_about_the_gateway() {
    let secs = Duration::from_secs;
    let mut unclear = UnclearRefusals::default();
    let mut say = |user: &str, at: u64| unclear.refused("invalid_request", user, secs(at));
    // One user, however many sessions.
    assert!((0..9).all(|at| say("ada", at) == R::Session));
    assert_eq!(say("bob", 10), R::Session);
    assert_eq!(say("eve", 11), R::Gateway, "the third user");
    assert_eq!(say("ada", 12), R::Gateway, "and from then on everyone");
    assert_eq!(say("dan", 11 + 3599), R::Gateway);
    assert_eq!(say("dan", 11 + 3600), R::Session, "not for ever");
    assert_eq!(unclear.refused("access_denied", "dan", secs(20)), R::Session, "another answer");
    for user in ["ada", "bob", "eve"] {
        unclear.refused("access_denied", user, secs(21));
    }
    unclear.known();
    assert_eq!(unclear.refused("access_denied", "eve", secs(22)), R::Session, "the IdP grants something");
}
