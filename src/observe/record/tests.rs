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
    observe::{audit::Audit, metrics::Metrics},
};

/// A clock that goes on by a millisecond each time it is read.
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

/// Runs `story` on an open record, and tells the audit lines and the metrics that came of it.
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

fn outcome(server: &str, outcome: &str) -> String {
    format!("portcullis_requests_total{{server=\"{server}\",outcome=\"{outcome}\"}} 1\n")
}

#[test]
fn an_allowed_call_is_one_line_and_one_count() {
    let (lines, metrics) = told(|record, series| {
        record.server(series);
        record.asked(&Text::from("tools/call"), &Target::Tool(Text::from("add")));
        record.permitted(Some(2), Some(&Refusal::NoRule));
        record.answered(StatusCode::OK);
    });
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["verdict"], "allowed");
    assert_eq!(lines[0]["target_kind"], "tool");
    assert_eq!(lines[0]["target"], "add");
    assert_eq!(lines[0]["rule"], 2);
    assert_eq!(lines[0]["reported"], "no_rule");
    assert_eq!(lines[0]["status"], 200);
    assert_eq!(lines[0]["duration_ms"], 1.0);
    assert!(lines[0].get("reason").is_none() && lines[0].get("streamed").is_none());
    assert!(metrics.contains(&outcome("weather", "allowed")));
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
    assert!(metrics.contains(&outcome("weather", "insufficient_scope")));
}

#[test]
fn endings_and_what_is_counted_and_written() {
    /// Name, story, the server and the outcome counted, verdict and status of the line.
    type Case = (&'static str, Story, &'static str, &'static str, Option<(&'static str, u16)>);
    type Story = fn(&mut Record, &Arc<ServerSeries>);
    let cases: [Case; 6] = [
        (
            "a path that names no server",
            |record, _| {
                record.refused(&Refusal::NotFound);
                record.answered(StatusCode::NOT_FOUND);
            },
            "",
            "not_found",
            Some(("refused", 404)),
        ),
        (
            "a document is no decision",
            |record, series| {
                record.server(series);
                record.answered(StatusCode::OK);
            },
            "weather",
            "document",
            None,
        ),
        ("the client left before a verdict", |_, _| (), "", "client_gone", Some(("unfinished", 499))),
        (
            "the client left after it",
            |record, series| {
                record.server(series);
                record.permitted(None, None);
            },
            "weather",
            "client_gone",
            Some(("allowed", 499)),
        ),
        (
            "allowed, and then the upstream failed",
            |record, series| {
                record.server(series);
                record.permitted(Some(0), None);
                record.refused(&Refusal::UpstreamTimeout);
                record.answered(StatusCode::GATEWAY_TIMEOUT);
            },
            "weather",
            "upstream_timeout",
            Some(("refused", 504)),
        ),
        (
            "an expired token, and a client that did not wait for the answer",
            |record, series| {
                record.server(series);
                record.refused(&Refusal::Token(TokenFault::Expired));
            },
            "weather",
            "token_expired",
            Some(("refused", 499)),
        ),
    ];
    for (given, story, server, counted, written) in cases {
        let (lines, metrics) = told(story);
        assert!(metrics.contains(&outcome(server, counted)), "{given}\n{metrics}");
        let written_here: Option<(String, u64)> =
            lines.first().map(|line| (line["verdict"].as_str().unwrap().to_owned(), line["status"].as_u64().unwrap()));
        assert_eq!(written_here, written.map(|(verdict, status)| (verdict.to_owned(), status.into())), "{given}");
    }
}

#[test]
fn a_stream_is_timed_to_its_head_and_audited_to_its_end() {
    let (lines, metrics) = told(|record, series| {
        record.server(series);
        record.permitted(None, None);
        record.answered(StatusCode::OK);
        record.streams();
        record.broke_off();
        for _ in 0..400 {
            record.observe.clock.now();
        }
        assert!(record.observe.metrics.encode().contains("portcullis_streams_open 1\n"));
    });
    assert_eq!(lines[0]["streamed"], true);
    assert_eq!(lines[0]["broke_off"], true);
    assert_eq!(lines[0]["duration_ms"], 402.0);
    assert!(metrics.contains("portcullis_streams_open 0\n"));
    assert!(metrics.contains("portcullis_request_duration_seconds_bucket{le=\"0.001\",server=\"weather\"} 1\n"));
    assert!(metrics.contains("portcullis_upstream_failures_total{server=\"weather\",what=\"broke_off\"} 1\n"));
}
