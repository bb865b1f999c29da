//! Cases of a request's end: what is counted, and which line is written.

use std::{
    io::{self, Write},
    net::Ipv4Addr,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::Value;

use super::*;
use crate::{
    base::{
        clock::Clock,
        names::{Scope, ServerName},
    },
    decide::refusal::TokenFault,
    observe::{audit::Audit, metrics::Metrics, overdue},
};

mod batch;

/// A clock that advances by a millisecond at each reading.
#[derive(Default)]
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> Now {
        let mono = Duration::from_millis(self.0.fetch_add(1, Ordering::Relaxed));
        Now { wall: Duration::from_secs(1_700_000_000) + mono, mono }
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs `story` on an open record, and returns its audit lines and metrics.
fn told(story: impl FnOnce(&mut Record, &Arc<ServerSeries>)) -> (Vec<Value>, String) {
    let metrics = Metrics::new();
    let lines = Lines::default();
    let audit = Audit::start(true, Box::new(lines.clone()), metrics.audit_dropped()).unwrap();
    let observe = Observe::new(Arc::clone(&metrics), audit, Arc::new(Ticking::default()));
    let series = metrics.series(&ServerName::from("weather"));
    let mut record = Record::open(&observe, observe.clock.now(), Ipv4Addr::LOCALHOST.into());
    assert!(metrics.encode().contains("portcullis_requests_in_flight 1\n"));
    story(&mut record, &series);
    drop(record);
    observe.audit.close(Duration::from_secs(30));
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let text_of_metrics = metrics.encode();
    assert!(text_of_metrics.contains("portcullis_requests_in_flight 0\n"));
    (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), text_of_metrics)
}

fn outcome(server: &str, outcome: &str, upstream: &str) -> String {
    format!("portcullis_requests_total{{server=\"{server}\",outcome=\"{outcome}\",upstream=\"{upstream}\"}} 1\n")
}

fn decided(outcome: &str, count: u64) -> String {
    format!("portcullis_decisions_total{{server=\"weather\",outcome=\"{outcome}\"}} {count}\n")
}

fn ended(end: &str) -> String {
    format!("portcullis_requests_ended_total{{server=\"weather\",ended=\"{end}\"}} 1\n")
}

/// An allowed call, up to its decision.
fn allow(record: &mut Record, series: &Arc<ServerSeries>) {
    record.server(series);
    record.asked(&Text::from("tools/call"), &Target::Tool(Text::from("add")));
    record.permitted(Some(2), None);
    record.decided();
}

/// Advances the clock by this many milliseconds.
fn wait(record: &Record, millis: u64) {
    for _ in 0..millis {
        record.observe.clock.now();
    }
}

#[test]
fn an_allowed_call_is_one_line_and_one_count() {
    let (lines, metrics) = told(|record, series| {
        record.server(series);
        record.asked(&Text::from("tools/call"), &Target::Tool(Text::from("add")));
        record.permitted(Some(2), Some(&Refusal::NoRule));
        record.decided();
        record.upstream_answered(StatusCode::OK);
        record.answered(StatusCode::OK);
        overdue::write_lines(&record.observe);
    });
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["event"], "decided");
    assert_eq!(lines[0]["ended"], "finished");
    assert_eq!(lines[0]["upstream"], "ok");
    assert_eq!(lines[0]["verdict"], "allowed");
    assert_eq!(lines[0]["target_kind"], "tool");
    assert_eq!(lines[0]["target"], "add");
    assert_eq!(lines[0]["rule"], 2);
    assert_eq!(lines[0]["reported"], "no_rule");
    assert_eq!(lines[0]["status"], 200);
    assert_eq!(lines[0]["duration_ms"], 2.0, "the clock was read by `tell`, too");
    assert!(lines[0].get("reason").is_none() && lines[0].get("streamed").is_none());
    assert!(metrics.contains(&outcome("weather", "allowed", "ok")));
    assert!(metrics.contains(&decided("allowed", 1)) && metrics.contains(&ended("finished")));
    assert!(metrics.contains("portcullis_reported_total{server=\"weather\",reason=\"no_rule\"} 1\n"));
}

#[test]
fn a57_a_refusal_for_scope_says_what_was_required_and_granted() {
    let (lines, metrics) = told(|record, series| {
        record.server(series);
        record.asked(&Text::from("tools/call"), &Target::Tool(Text::from("reset")));
        record.refused(&Refusal::Scope { needed: vec![Scope::from("admin")] });
        record.answered(StatusCode::FORBIDDEN);
    });
    assert_eq!(lines[0]["verdict"], "refused");
    assert_eq!(lines[0]["reason"], "insufficient_scope");
    assert_eq!(lines[0]["required_scopes"][0], "admin");
    assert_eq!(lines[0]["granted_scopes"].as_array().unwrap().len(), 0);
    assert!(metrics.contains(&outcome("weather", "insufficient_scope", "none")));
    assert!(metrics.contains(&decided("insufficient_scope", 1)));
}

/// The audit lines and metrics of a request.
struct Left {
    server: &'static str,
    outcome: &'static str,
    upstream: &'static str,
    /// Event, verdict, reason, status and end of its only line.
    line: Option<(&'static str, &'static str, Option<&'static str>, u16, &'static str)>,
}

#[test]
fn attack_185_endings_and_what_is_counted_and_written() {
    type Story = fn(&mut Record, &Arc<ServerSeries>);
    let left = |outcome, upstream, line| Left { server: "weather", outcome, upstream, line: Some(line) };
    let cases: [(&str, Story, Left); 13] = [
        (
            "a path that names no server",
            |record, _| {
                record.refused(&Refusal::NotFound);
                record.answered(StatusCode::NOT_FOUND);
            },
            Left {
                server: "",
                ..left("not_found", "none", ("decided", "refused", Some("not_found"), 404, "finished"))
            },
        ),
        (
            "a document is no decision",
            |record, series| {
                record.server(series);
                record.answered(StatusCode::OK);
            },
            Left { line: None, ..left("document", "none", ("", "", None, 0, "")) },
        ),
        (
            "the client left before a verdict",
            |record, series| record.server(series),
            left("client_gone", "none", ("ended", "unfinished", None, 499, "client_gone")),
        ),
        ("the client left after it", allow, left("allowed", "none", ("decided", "allowed", None, 499, "client_gone"))),
        (
            "the upstream was too slow",
            |record, series| {
                allow(record, series);
                record.failed(UpstreamOutcome::Timeout, "timeout", &"late");
                record.refused(&Refusal::UpstreamTimeout("did not answer in time"));
                record.answered(StatusCode::GATEWAY_TIMEOUT);
            },
            left("upstream_error", "timeout", ("decided", "allowed", Some("upstream_timeout"), 504, "upstream_failed")),
        ),
        (
            "the upstream was down, as the refusal alone says",
            |record, series| {
                allow(record, series);
                record.refused(&Refusal::UpstreamUnreachable("cannot be reached"));
                record.answered(StatusCode::BAD_GATEWAY);
            },
            left(
                "upstream_error",
                "unreachable",
                ("decided", "allowed", Some("upstream_unreachable"), 502, "upstream_failed"),
            ),
        ),
        (
            "the upstream answered with an error",
            |record, series| {
                allow(record, series);
                record.upstream_answered(StatusCode::INTERNAL_SERVER_ERROR);
                record.answered(StatusCode::INTERNAL_SERVER_ERROR);
                record.relays();
                record.ends(End::Finished);
            },
            left("upstream_error", "error_5xx", ("decided", "allowed", Some("upstream_error"), 500, "finished")),
        ),
        (
            "the upstream has no event stream, as MCP permits",
            |record, series| {
                allow(record, series);
                record.upstream_answered(StatusCode::METHOD_NOT_ALLOWED);
                record.upstream_is_right();
                record.answered(StatusCode::METHOD_NOT_ALLOWED);
            },
            left("allowed", "error_4xx", ("decided", "allowed", None, 405, "finished")),
        ),
        (
            "the upstream broke off",
            |record, series| {
                allow(record, series);
                record.upstream_answered(StatusCode::OK);
                record.answered(StatusCode::OK);
                record.relays();
                record.failed(UpstreamOutcome::BrokeOff, "broke_off", &"reset");
            },
            left("upstream_error", "broke_off", ("decided", "allowed", None, 200, "upstream_failed")),
        ),
        (
            "the client left in the middle of the answer",
            |record, series| {
                allow(record, series);
                record.upstream_answered(StatusCode::OK);
                record.answered(StatusCode::OK);
                record.relays();
            },
            left("allowed", "ok", ("decided", "allowed", None, 200, "client_gone")),
        ),
        (
            "refused after all, by us",
            |record, series| {
                allow(record, series);
                record.refused(&Refusal::Loop);
                record.answered(StatusCode::LOOP_DETECTED);
            },
            left("loop", "none", ("decided", "refused", Some("loop"), 508, "finished")),
        ),
        (
            "the client left in the middle of its body",
            |record, series| {
                record.server(series);
                record.refused(&Refusal::BodyAborted);
                record.answered(StatusCode::BAD_REQUEST);
            },
            left("client_gone", "none", ("ended", "unfinished", None, 499, "client_gone")),
        ),
        (
            "an expired token, and a client that did not wait for the answer",
            |record, series| {
                record.server(series);
                record.refused(&Refusal::Token(TokenFault::Expired));
            },
            left("token_expired", "none", ("decided", "refused", Some("token_expired"), 499, "client_gone")),
        ),
    ];
    for (given, story, left) in cases {
        let (lines, metrics) = told(story);
        let counted = outcome(left.server, left.outcome, left.upstream);
        assert!(metrics.contains(&counted), "{given}: {counted}\n{metrics}");
        assert!(lines.len() < 2, "{given}: {lines:?}");
        let written = lines.first().map(|line| {
            let text = |name: &str| line.get(name).and_then(Value::as_str);
            let status = line["status"].as_u64().unwrap();
            (text("event").unwrap(), text("verdict").unwrap(), text("reason"), status, text("ended").unwrap())
        });
        let wanted =
            left.line.map(|(event, verdict, reason, status, end)| (event, verdict, reason, status.into(), end));
        assert_eq!(written, wanted, "{given}");
    }
}

#[test]
fn attack_184_a_call_that_takes_long_is_told_before_it_ends() {
    let (lines, metrics) = told(|record, series| {
        allow(record, series);
        overdue::write_lines(&record.observe);
        wait(record, 600);
        overdue::write_lines(&record.observe);
        overdue::write_lines(&record.observe);
        let metrics = record.observe.metrics.encode();
        assert!(metrics.contains(&decided("allowed", 1)) && !metrics.contains("ended=\"finished\"} 1"), "{metrics}");
        record.upstream_answered(StatusCode::OK);
        record.answered(StatusCode::OK);
    });
    let [first, second] = lines.as_slice() else { panic!("two lines: {lines:?}") };
    assert_eq!(
        (&first["event"], &first["verdict"], &first["target"]),
        (&"decided".into(), &"allowed".into(), &"add".into())
    );
    assert!(first.get("ended").is_none() && first.get("status").is_none(), "{first}");
    assert_eq!(
        (&second["event"], &second["ended"], &second["status"]),
        (&"ended".into(), &"finished".into(), &200.into())
    );
    assert_eq!(first["request"], second["request"]);
    assert!(second.get("verdict").is_none() && second.get("method").is_none(), "{second}");
    assert!(second["time"].as_str() > first["time"].as_str());
    assert!(metrics.contains(&decided("allowed", 1)) && metrics.contains(&outcome("weather", "allowed", "ok")));
}

#[test]
fn attack_184_a_stream_is_told_at_its_head_timed_to_it_and_audited_to_its_end() {
    let (lines, metrics) = told(|record, series| {
        allow(record, series);
        record.upstream_answered(StatusCode::OK);
        record.streams(StatusCode::OK);
        record.relays();
        wait(record, 400);
        assert!(record.observe.metrics.encode().contains("portcullis_streams_open 1\n"));
        record.failed(UpstreamOutcome::BrokeOff, "broke_off", &"reset");
    });
    let [first, second] = lines.as_slice() else { panic!("two lines: {lines:?}") };
    assert_eq!((&first["event"], &first["status"], &first["streamed"]), (&"decided".into(), &200.into(), &true.into()));
    assert_eq!((&first["upstream"], first.get("ended")), (&"ok".into(), None));
    assert_eq!(
        (&second["event"], &second["status"], &second["streamed"]),
        (&"ended".into(), &200.into(), &true.into())
    );
    assert_eq!((&second["upstream"], &second["ended"]), (&"broke_off".into(), &"upstream_failed".into()));
    assert_eq!(second["duration_ms"], 402.0);
    assert!(metrics.contains("portcullis_streams_open 0\n"));
    assert!(metrics.contains("portcullis_request_duration_seconds_bucket{le=\"0.001\",server=\"weather\"} 1\n"));
    assert!(metrics.contains("portcullis_upstream_failures_total{server=\"weather\",what=\"broke_off\"} 1\n"));
    assert!(
        metrics.contains(&outcome("weather", "upstream_error", "broke_off"))
            && metrics.contains(&ended("upstream_failed"))
    );
}

#[test]
fn attack_184_every_end_has_its_reason() {
    type Ending = fn(&mut Record);
    let cases: [(Ending, &str); 6] = [
        (|_| (), "client_gone"),
        (|record| record.ends(End::Finished), "finished"),
        (|record| record.ends(End::PermitExpired), "permit_expired"),
        (|record| record.ends(End::ClientStalled), "client_stalled"),
        (
            |record| {
                record.ends(End::PermitExpired);
                record.ends(End::ClientStalled);
                record.observe.cut();
            },
            "permit_expired",
        ),
        (|record| record.observe.cut(), "drain"),
    ];
    for (end, reason) in cases {
        let (lines, metrics) = told(|record, series| {
            allow(record, series);
            record.upstream_answered(StatusCode::OK);
            record.streams(StatusCode::OK);
            record.relays();
            end(record);
        });
        assert_eq!(lines.last().unwrap()["ended"], reason);
        assert!(metrics.contains(&ended(reason)), "{reason}");
    }
}
