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
        shared.enter(check, line).unwrap();
        answers.push(answered);
    }
    let order: Vec<Box<str>> = (0..12).filter_map(|_| shared.next()).map(|check| check.hash).collect();
    let wanted = ["known", "known", "known", "other", "known", "known", "known", "other", "other", "other", "other"];
    assert_eq!(order.iter().take(11).map(|name| &**name).collect::<Vec<_>>(), wanted);
}

#[test]
fn login_d3_lines_are_bounded_apart_and_who_left_takes_no_place() {
    let shared = Shared::default();
    let mut answers = Vec::new();
    for _ in 0..PASSWORDS_WAITING_MAX {
        let (check, answered) = check("a");
        shared.enter(check, PasswordLine::Other).unwrap();
        answers.push(answered);
    }
    assert_eq!(shared.enter(check("b").0, PasswordLine::Other), Err(LineFull));
    let (known, _waits) = check("c");
    shared.enter(known, PasswordLine::Known).unwrap();
    answers.pop();
    let (next, _waits) = check("d");
    shared.enter(next, PasswordLine::Other).unwrap();
}

#[tokio::test]
async fn login_d3_as_many_threads_as_cores_check_and_all_end_with_their_owner() {
    let threads = PasswordThreads::default();
    let shared = Arc::clone(&threads.0);
    let hash = hash_password(b"correct horse").unwrap();
    let (right, wrong) = (Secret::new(b"correct horse".to_vec()), Secret::new(b"wrong".to_vec()));
    let ask = |password, line| threads.check(&hash, password, line);
    let both = tokio::join!(
        ask(&right, PasswordLine::Known),
        ask(&wrong, PasswordLine::Known),
        ask(&right, PasswordLine::Other),
        ask(&wrong, PasswordLine::Other),
        threads.check("no hash", &right, PasswordLine::Other),
    );
    assert_eq!(both, (Ok(true), Ok(false), Ok(true), Ok(false), Ok(false)));
    let most = thread::available_parallelism().unwrap().get().min(PASSWORD_THREADS_MAX);
    assert!((1..=most).contains(&shared.lock().threads));
    drop(threads);
    while shared.lock().threads > 0 {
        tokio::task::yield_now().await;
    }
}
