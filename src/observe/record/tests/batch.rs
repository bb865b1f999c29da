//! Cases of a request with several targets: each is logged and counted.

use serde_json::{Value, json};

use super::*;
use crate::decide::policy::{
    evaluate::{Permit, evaluate},
    rule::{Access, Policy},
};

/// A permit of a server that allows everything to those who may connect.
fn anything() -> Permit {
    let policy = Policy { connect: Vec::new(), access: Access::Authenticated, implies: Vec::new() };
    evaluate(&policy, &Caller::for_tests("ann", &[], json!({})), &Target::Open).unwrap()
}

fn batch() -> Vec<(Text, Target)> {
    let call = |name: &str| (Text::from("tools/call"), Target::Tool(Text::from(name)));
    vec![call("add"), call("reset"), (Text::from("ping"), Target::Open)]
}

/// The verdict about one target: the fourth rule forbids `reset`.
fn rules(target: &Target) -> Judged {
    match target {
        Target::Tool(name) if **name == *"reset" => (Some(4), Err(Refusal::Forbidden { rule: 4 })),
        _ => (None, Ok(anything())),
    }
}

#[test]
fn attack_186_each_member_of_a_batch_has_a_line_and_counts() {
    let (lines, metrics) = told(|record, series| {
        record.server(series);
        record.asked_together(batch());
        record.judge_each(|_| (Some(0), Ok(anything())));
        record.permitted(Some(0), None);
        record.decided();
        record.upstream_answered(StatusCode::OK);
        record.answered(StatusCode::OK);
    });
    assert_eq!(lines.len(), 4, "{lines:?}");
    for (index, (method, kind, target)) in
        [("tools/call", "tool", Some("add")), ("tools/call", "tool", Some("reset")), ("ping", "open", None)]
            .iter()
            .enumerate()
    {
        let line = &lines[index];
        assert_eq!((&line["event"], &line["verdict"]), (&"decided".into(), &"allowed".into()), "{line}");
        assert_eq!((&line["index"], &line["targets"]), (&index.into(), &3.into()), "{line}");
        assert_eq!((&line["method"], &line["target_kind"]), (&(*method).into(), &(*kind).into()), "{line}");
        assert_eq!(line.get("target").and_then(Value::as_str), *target, "{line}");
        assert!(line.get("ended").is_none(), "{line}");
        assert_eq!(line["request"], lines[3]["request"]);
    }
    assert_eq!((&lines[3]["event"], &lines[3]["ended"]), (&"ended".into(), &"finished".into()));
    assert!(
        metrics.contains(&decided("allowed", 3)) && metrics.contains(&outcome("weather", "allowed", "ok")),
        "{metrics}"
    );
}

#[test]
fn people_a5_a_member_of_a_batch_names_the_claim_that_it_is_refused_for() {
    let (lines, _) = told(|record, series| {
        record.server(series);
        record.asked_together(batch());
        record.judge_each(|target| match rules(target) {
            (rule, Err(_)) => (rule, Err(Refusal::EmailUnverified { rule: 4 })),
            permitted => permitted,
        });
        record.refused(&Refusal::EmailUnverified { rule: 4 });
        record.answered(StatusCode::FORBIDDEN);
    });
    let claims: Vec<_> = lines.iter().map(|line| line.get("claim").and_then(Value::as_str)).collect();
    assert_eq!(claims[..3], [None, Some("email_verified"), None]);
    assert_eq!((&lines[1]["reason"], &lines[1]["rule"]), (&"forbidden".into(), &4.into()));
}

#[test]
fn attack_186_a_refused_batch_tells_which_member_was_refused_by_which_rule() {
    let (lines, metrics) = told(|record, series| {
        record.server(series);
        record.asked_together(batch());
        record.judge_each(rules);
        record.refused(&Refusal::Forbidden { rule: 4 });
        record.answered(StatusCode::FORBIDDEN);
    });
    let reasons: Vec<_> =
        lines.iter().map(|line| (line["verdict"].clone(), line["reason"].clone(), line["rule"].clone())).collect();
    let refused = |reason: &str, rule: Value| (Value::from("refused"), Value::from(reason), rule);
    let (batch, none) = ("batch_refused", Value::Null);
    assert_eq!(reasons[..3], [refused(batch, none.clone()), refused("forbidden", 4.into()), refused(batch, none)]);
    assert_eq!((&lines[3]["event"], &lines[3]["status"]), (&"ended".into(), &403.into()));
    assert_eq!(lines[1].get("claim"), None);
    assert!(metrics.contains(&decided("batch_refused", 2)) && metrics.contains(&decided("forbidden", 1)));
    assert!(metrics.contains(&outcome("weather", "forbidden", "none")));
}

#[test]
fn attack_186_all_that_a_subscription_names_is_told() {
    let (lines, _) = told(|record, series| {
        record.server(series);
        let uris = vec![Text::from("file:///a"), Text::from("file:///b")];
        record.asked(&Text::from("subscriptions/listen"), &Target::Resources(uris));
        record.permitted(Some(1), None);
        record.decided();
        record.upstream_answered(StatusCode::OK);
        record.streams(StatusCode::OK);
    });
    let told: Vec<_> =
        lines.iter().map(|line| (line["event"].as_str(), line["target"].as_str(), line["rule"].as_u64())).collect();
    let decided = |uri| (Some("decided"), Some(uri), Some(1));
    assert_eq!(told, [decided("file:///a"), decided("file:///b"), (Some("ended"), None, None)]);
}
