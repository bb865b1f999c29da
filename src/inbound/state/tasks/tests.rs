//! Which caller owns a task, for how long, and what happens to too many tasks (SPEC C-87…C-92).

use serde_json::json;

use super::*;

fn at(secs: u64) -> Now {
    Now { wall: Duration::from_secs(1_000_000 + secs), mono: Duration::from_secs(secs) }
}

fn caller_named(subject: &str) -> Caller {
    Caller::for_tests(subject, &[], json!({}))
}

fn task(id: &str, ttl_secs: Option<u64>) -> Task {
    Task { id: id.to_owned(), ttl: ttl_secs.map(Duration::from_secs) }
}

/// The tasks of one server.
struct Case {
    tasks: Tasks,
    server: ServerName,
}

impl Case {
    fn new() -> Self {
        Self { tasks: Tasks::default(), server: ServerName::from("s") }
    }

    fn bounded(each: usize, all: usize) -> Self {
        Self { tasks: Tasks::bounded(PerCallerBounds { each, all }), ..Self::new() }
    }

    fn make(&self, subject: &str, tool: &str, id: &str, ttl_secs: Option<u64>, now: u64) {
        self.tasks.remember(&self.server, &caller_named(subject), &tool.into(), &task(id, ttl_secs), at(now));
    }

    fn whose(&self, subject: &str, id: &str, now: u64) -> TaskOwner {
        self.tasks.owner_of(&self.server, &caller_named(subject), id, at(now))
    }
}

fn own(tool: &str) -> TaskOwner {
    TaskOwner::Own(tool.into())
}

#[test]
fn c87_attack_136_a_task_is_its_makers_alone() {
    let case = Case::new();
    case.make("alice", "danger", "t", None, 0);
    assert_eq!(case.whose("alice", "t", 0), own("danger"));
    assert_eq!(case.whose("bob", "t", 0), TaskOwner::Other);
    for almost in ["T", "t ", "", "t\0"] {
        assert_eq!(case.whose("alice", almost, 0), TaskOwner::Unknown, "{almost:?}");
    }
    let elsewhere = ServerName::from("o");
    assert!(
        case.tasks.tool_of(&elsewhere, &caller_named("alice"), "t", at(0)).is_none(),
        "another server's ids are its own"
    );
    assert!(case.tasks.tool_of(&case.server, &caller_named("alice"), "t", at(0)).is_some());
    assert!(case.tasks.tool_of(&case.server, &caller_named("bob"), "t", at(0)).is_none());
}

#[test]
fn c87_a_task_is_forgotten_when_its_time_is_over() {
    let age = TASK_AGE_MAX.as_secs();
    for (ttl, until) in [(Some(60), 60), (None, age), (Some(age * 9), age), (Some(u64::MAX), age)] {
        let case = Case::new();
        case.make("alice", "safe", "t", ttl, 100);
        assert_eq!(case.whose("alice", "t", 100 + until - 1), own("safe"), "{ttl:?}");
        assert_eq!(case.whose("bob", "t", 100 + until - 1), TaskOwner::Other, "{ttl:?}");
        assert_eq!(case.whose("alice", "t", 100 + until), TaskOwner::Unknown, "{ttl:?}");
        assert_eq!(case.whose("bob", "t", 100 + until), TaskOwner::Unknown, "{ttl:?}");
    }
    let case = Case::new();
    case.make("alice", "safe", "t", Some(0), 0);
    assert_eq!(case.whose("alice", "t", 0), TaskOwner::Unknown);
}

#[test]
fn c88_a_task_id_that_two_calls_claim_has_no_owner() {
    let case = Case::new();
    case.make("alice", "safe", "t", Some(60), 0);
    case.make("alice", "safe", "t", Some(90), 10);
    assert_eq!(case.whose("alice", "t", 99), own("safe"), "the same call once more");
    case.make("bob", "safe", "t", Some(10), 20);
    for (subject, now) in [("alice", 20), ("bob", 20), ("alice", 99), ("bob", 99)] {
        assert_eq!(case.whose(subject, "t", now), TaskOwner::Other, "{subject} {now}");
    }
    case.make("bob", "safe", "t", Some(10), 100);
    assert_eq!(case.whose("bob", "t", 100), own("safe"), "the first is forgotten");
    case.make("bob", "danger", "t", Some(10), 100);
    assert_eq!(case.whose("bob", "t", 100), TaskOwner::Other, "two tools of one caller");
}

#[test]
fn c92_ten_thousand_tasks_of_one_caller_push_out_no_others() {
    let case = Case::new();
    case.make("bob", "safe", "bobs", None, 0);
    for number in 0..10_000 {
        case.make("alice", "safe", &format!("t{number}"), None, 1);
    }
    assert_eq!(case.whose("bob", "bobs", 1), own("safe"));
    assert_eq!(case.whose("alice", "t9999", 1), own("safe"));
    assert_eq!(case.whose("alice", "t8976", 1), own("safe"), "the last {TASKS_PER_CALLER_MAX}");
    assert_eq!(case.whose("alice", "t8975", 1), TaskOwner::Unknown, "her own oldest are gone");
    assert_eq!(case.tasks.lock().made.len(), TASKS_PER_CALLER_MAX + 1);
}

#[test]
fn c92_when_the_store_is_full_the_caller_with_most_tasks_loses() {
    let case = Case::bounded(8, 4);
    for (subject, id) in [("bob", "b1"), ("alice", "a1"), ("alice", "a2"), ("alice", "a3"), ("carol", "c1")] {
        case.make(subject, "safe", id, None, 0);
    }
    assert_eq!(case.whose("alice", "a1", 0), TaskOwner::Unknown);
    for (subject, id) in [("bob", "b1"), ("alice", "a2"), ("alice", "a3"), ("carol", "c1")] {
        assert_eq!(case.whose(subject, id, 0), own("safe"), "{id}");
    }
}

#[test]
fn attack_154_a_caller_with_too_many_tasks_waits_until_some_have_ended() {
    let case = Case::new();
    let check = |subject: &str, now: u64| case.tasks.check(&case.server, &caller_named(subject), at(now));
    for number in 0..TASKS_PER_CALLER_MAX {
        assert_eq!(check("alice", 0), Ok(()));
        case.make("alice", "safe", &format!("t{number}"), Some(if number == 0 { 10 } else { 20 }), 0);
    }
    assert_eq!(check("alice", 9), Err(Refusal::TooManyTasks));
    assert_eq!(check("bob", 9), Ok(()));
    assert_eq!(case.tasks.check(&ServerName::from("o"), &caller_named("alice"), at(9)), Ok(()));
    assert_eq!(check("alice", 10), Ok(()), "one has expired");
    case.make("alice", "safe", "more", Some(90), 10);
    assert_eq!(check("alice", 10), Err(Refusal::TooManyTasks));
}

#[test]
fn c92_what_has_expired_does_not_stay() {
    let case = Case::new();
    for number in 0..SWEPT_FROM {
        case.make(&format!("caller{number}"), "safe", &format!("t{number}"), Some(10), 0);
    }
    case.make("alice", "safe", "t", None, 10);
    assert_eq!(case.tasks.lock().made.len(), 1);
    assert_eq!(case.whose("alice", "t", 10), own("safe"));
}
