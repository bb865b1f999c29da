//! In which order checks are made, how many wait, and on how many threads.

use super::*;
use crate::authorization_server::person::accounts::hash_password;

fn check(name: &str) -> (Check, oneshot::Receiver<bool>) {
    let (answer, answered) = oneshot::channel();
    (Check { hash: name.into(), password: Secret::new(Vec::new()), answer }, answered)
}

#[test]
fn login_d3_attack_202_known_browsers_go_first_and_others_are_not_forgotten() {
    let shared = Shared::default();
    let mut answers = Vec::new();
    for (name, line) in (0..6).flat_map(|_| [("other", PasswordLine::Other), ("known", PasswordLine::Known)]) {
        let (check, answered) = check(name);
        shared.enter(check, line, 256).unwrap();
        answers.push(answered);
    }
    let order: Vec<Box<str>> =
        (0..12).filter_map(|_| shared.next(&mut CheckMemory::default())).map(|check| check.hash).collect();
    let wanted = ["known", "known", "known", "other", "known", "known", "known", "other", "other", "other", "other"];
    assert_eq!(order.iter().take(11).map(|name| &**name).collect::<Vec<_>>(), wanted);
}

#[test]
fn login_d3_lines_are_bounded_apart_and_who_left_takes_no_place() {
    let shared = Shared::default();
    let mut answers = Vec::new();
    for _ in 0..PASSWORDS_WAITING_MAX {
        let (check, answered) = check("a");
        shared.enter(check, PasswordLine::Other, 10_000).unwrap();
        answers.push(answered);
    }
    assert_eq!(shared.enter(check("b").0, PasswordLine::Other, 10_000), Err(LineFull));
    let (known, _waits) = check("c");
    shared.enter(known, PasswordLine::Known, 10_000).unwrap();
    answers.pop();
    let (next, _waits) = check("d");
    shared.enter(next, PasswordLine::Other, 10_000).unwrap();
}

#[test]
fn login_d3_checks_that_wait_leave_places_to_other_requests() {
    for (places, of_one, of_both) in [(1, 1, 1), (2, 1, 2), (16, 8, 12), (256, 128, 192), (1_000, 256, 512)] {
        let (shared, mut waiting) = (Shared::default(), Vec::new());
        let mut fill = |line| {
            while let (check, answered) = check("a")
                && shared.enter(check, line, places) == Ok(())
            {
                waiting.push(answered);
            }
            waiting.len()
        };
        assert_eq!((fill(PasswordLine::Other), fill(PasswordLine::Known)), (of_one, of_both), "{places}");
    }
}

#[tokio::test]
async fn login_d3_one_core_is_left_to_calls_and_all_threads_end_with_their_owner() {
    let threads = PasswordThreads::default();
    let shared = Arc::clone(&threads.0);
    let hash = hash_password(b"correct horse").unwrap();
    let (right, wrong) = (Secret::new(b"correct horse".to_vec()), Secret::new(b"wrong".to_vec()));
    let ask = |password, line| threads.check(&hash, password, line, 256);
    let both = tokio::join!(
        ask(&right, PasswordLine::Known),
        ask(&wrong, PasswordLine::Known),
        ask(&right, PasswordLine::Other),
        ask(&wrong, PasswordLine::Other),
        threads.check("no hash", &right, PasswordLine::Other, 256),
    );
    assert_eq!(both, (Ok(true), Ok(false), Ok(true), Ok(false), Ok(false)));
    let most = threads_max(thread::available_parallelism().unwrap().get());
    assert!((1..=most).contains(&shared.lock().threads));
    assert_eq!([0, 1, 2, 3, 4, 64].map(threads_max), [1, 1, 1, 2, 3, PASSWORD_THREADS_MAX]);
    drop(threads);
    while shared.lock().threads > 0 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn login_d3_memory_is_used_again_for_hashes_of_every_cost_and_says_the_same_as_the_library() {
    use argon2::{PasswordHasher, PasswordVerifier};

    let mut memory = CheckMemory::default();
    for (algorithm, m, t, p) in [
        (Algorithm::Argon2id, 64, 2, 1),
        (Algorithm::Argon2id, 8, 1, 1),
        (Algorithm::Argon2id, 256, 3, 4),
        (Algorithm::Argon2i, 64, 1, 2),
    ] {
        let maker = Argon2::new(algorithm, Version::V0x13, Params::new(m, t, p, None).unwrap());
        let hash: PasswordHash = maker.hash_password_with_salt(b"correct horse", b"sixteen bytes or").unwrap();
        let hash = hash.to_string();
        for password in [&b"correct horse"[..], b"correct hors", b""] {
            let library = Argon2::default().verify_password(password, &PasswordHash::new(&hash).unwrap()).is_ok();
            assert_eq!(matches(&hash, password, &mut memory), library, "{hash}");
        }
    }
    for broken in ["", "$argon2id$v=19$m=64,t=2,p=1", "$argon2x$v=19$m=64,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g"] {
        assert!(!matches(broken, b"correct horse", &mut memory), "{broken}");
    }
}
