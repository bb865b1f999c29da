//! What must hold for every row of the table.

use http::StatusCode;

use super::{
    row::{BearerError, By, ChallengeKind, Hint},
    testing::every_row,
};

#[test]
fn p08_c65_the_columns_of_each_row_agree() {
    for refusal in every_row() {
        let row = refusal.row();
        let status = row.status.as_u16();
        assert!(row.code < 0 || row.code / 100 == i32::from(status), "C-65: the code starts with the status: {row:?}");
        // RFC 9110 §15.5.6.
        assert_eq!(row.status == StatusCode::METHOD_NOT_ALLOWED, matches!(row.hint, Hint::Allow(_)), "{row:?}");
        let asks_to_wait = matches!(status, 429 | 503);
        assert_eq!(asks_to_wait, matches!(row.hint, Hint::RetryAfter(1..)), "{row:?}");
        // RFC 6750 §3.1 fixes the status of each `error`, and each 401 has a challenge.
        let challenged = match row.challenge {
            ChallengeKind::None => None,
            ChallengeKind::Error(BearerError::InvalidRequest, _) => Some(400),
            ChallengeKind::Bare | ChallengeKind::SignIn(_) | ChallengeKind::Error(BearerError::InvalidToken, _) => {
                Some(401)
            }
            ChallengeKind::Error(BearerError::InsufficientScope, _) | ChallengeKind::Scope(_) => Some(403),
        };
        assert!(challenged.map_or(status != 401, |expected| expected == status), "{row:?}");
        assert_eq!(matches!(row.by, By::Upstream(_)), row.reason.starts_with("upstream_"), "{row:?}");
    }
}

#[test]
fn p08_each_reason_is_one_word_and_tells_two_rows_apart() {
    let all = every_row();
    let mut reasons: Vec<&str> = all.iter().map(|refusal| refusal.row().reason).collect();
    assert!(reasons.iter().all(|reason| reason.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())));
    reasons.sort_unstable();
    let twice: Vec<&str> = reasons.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    assert_eq!(twice, ["body_broken", "forbidden"], "a client that left, and an address that does not count");
}
