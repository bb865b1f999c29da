//! Cases of the audit line: its fields, its bounds, its writer.

use std::{
    net::Ipv4Addr,
    sync::mpsc::{Receiver, Sender, channel},
};

use serde_json::{Value, json};

use super::*;
use crate::observe::request_id::RequestIds;

const PATIENCE: Duration = Duration::from_secs(30);

fn decision() -> Decision<'static> {
    Decision {
        who: None,
        index: None,
        method: None,
        target: None,
        verdict: Verdict::Allowed,
        claim: None,
        found: "",
        expected: "",
        rule: None,
        reported: None,
        scopes: None,
        denied_as: None,
        ungranted: &[],
    }
}

fn entry() -> AuditEntry<'static> {
    AuditEntry {
        event: AuditEvent::Ended,
        wall: Duration::from_millis(1_700_000_000_007),
        request: RequestIds::new().next(),
        server: "weather",
        peer: Ipv4Addr::new(10, 0, 0, 1).into(),
        decision: None,
        failure: None,
        status: None,
        streamed: false,
        upstream_status: None,
        upstream: UpstreamOutcome::None,
        end: Some((End::ClientGone, Duration::from_micros(1_234))),
    }
}

fn parsed(entry: &AuditEntry<'_>) -> Value {
    serde_json::from_str(&render(entry, true)).unwrap()
}

#[test]
fn d57_attack_184_a_line_has_these_fields_and_no_others() {
    let ended = AuditEntry { status: Some(499), ..entry() };
    let id = ended.request.to_string();
    assert_eq!(
        parsed(&ended),
        json!({"audit": 2, "event": "ended", "time": "2023-11-14T22:13:20.007Z", "request": id, "server": "weather",
               "peer": "10.0.0.1", "status": 499, "ended": "client_gone", "duration_ms": 1.234})
    );
    let failed = AuditEntry {
        event: AuditEvent::Decided,
        decision: Some(decision()),
        failure: Some("upstream_timeout"),
        status: Some(504),
        upstream: UpstreamOutcome::Timeout,
        end: None,
        ..ended
    };
    assert_eq!(
        parsed(&failed),
        json!({"audit": 2, "event": "decided", "time": "2023-11-14T22:13:20.007Z", "request": id, "server": "weather",
               "peer": "10.0.0.1", "verdict": "allowed", "reason": "upstream_timeout", "status": 504, "upstream": "timeout"})
    );
    let ungranted = [Scope::from("d")];
    let (needed, granted) = ([Scope::from("a"), Scope::from("b")], [Scope::from("c")]);
    let full = AuditEntry {
        event: AuditEvent::Decided,
        decision: Some(Decision {
            who: Some(Who { issuer: "https://idp", principal: "0c0c", token: Some("1d1d"), client: Some("inspector") }),
            index: Some((1, 3)),
            method: Some("resources/read"),
            target: Some(("resource", Some("file:///a"))),
            verdict: Verdict::Refused("insufficient_scope"),
            claim: Some("org_id"),
            found: "f",
            expected: "x",
            rule: Some(4),
            reported: Some("no_rule"),
            scopes: Some((&needed, &granted)),
            denied_as: Some("challenge"),
            ungranted: &ungranted,
        }),
        status: Some(403),
        streamed: true,
        upstream_status: Some(200),
        upstream: UpstreamOutcome::BrokeOff,
        end: Some((End::UpstreamFailed, Duration::from_micros(1_234))),
        ..entry()
    };
    let id = full.request.to_string();
    assert_eq!(
        parsed(&full),
        json!({"audit": 2, "event": "decided", "time": "2023-11-14T22:13:20.007Z", "request": id, "server": "weather",
               "peer": "10.0.0.1", "issuer": "https://idp", "principal": "0c0c", "token": "1d1d", "client": "inspector",
               "index": 1, "method": "resources/read", "target_kind": "resource", "target": "file:///a", "targets": 3,
               "verdict": "refused", "reason": "insufficient_scope", "claim": "org_id", "found": "f", "expected": "x", "rule": 4, "reported": "no_rule",
               "required_scopes": ["a", "b"], "granted_scopes": ["c"], "denied_as": "challenge",
               "ungranted_scopes": ["d"], "status": 403, "streamed": true,
               "upstream": "broke_off", "upstream_status": 200, "ended": "upstream_failed", "duration_ms": 1.234})
    );
    assert_eq!(
        render(&full, false),
        format!(
            "audit=2 event=decided time=2023-11-14T22:13:20.007Z request={id} server=\"weather\" peer=10.0.0.1 \
             issuer=\"https://idp\" principal=\"0c0c\" token=\"1d1d\" client=\"inspector\" index=1 \
             method=\"resources/read\" target_kind=resource target=\"file:///a\" targets=3 verdict=refused \
             reason=insufficient_scope claim=\"org_id\" found=\"f\" expected=\"x\" rule=4 reported=no_rule required_scopes=\"a b\" granted_scopes=\"c\" \
             denied_as=challenge ungranted_scopes=\"d\" status=403 \
             streamed=true upstream=broke_off upstream_status=200 ended=upstream_failed duration_ms=1.234\n"
        )
    );
}

#[test]
fn attack_a_long_name_is_cut() {
    let long = "x".repeat(5_000);
    let decision = Decision { target: Some(("tool", Some(&long))), method: Some(&long), ..decision() };
    let line = parsed(&AuditEntry { decision: Some(decision), ..entry() });
    assert_eq!(line["target"].as_str().unwrap().trim_end_matches('…').len(), TARGET_BYTES_MAX);
    assert_eq!(line["method"].as_str().unwrap().trim_end_matches('…').len(), TEXT_BYTES_MAX);
    assert!(line.get("targets").is_none());
}

struct Told(Sender<String>);

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(String::from_utf8(bytes.to_vec()).unwrap()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn closing_writes_what_waits_and_drops_what_comes_later() {
    let (tell, told) = channel();
    let dropped = Counter::default();
    let audit = Audit::start(true, Box::new(Told(tell)), dropped.clone()).unwrap();
    let entry = entry();
    for _ in 0..10 {
        audit.write(&entry);
    }
    audit.close(PATIENCE);
    audit.write(&entry);
    audit.close(PATIENCE);
    let text: String = told.iter().collect();
    assert_eq!(text.lines().count(), 10);
    assert!(text.lines().all(|line| line == render(&entry, true).trim_end()));
    assert_eq!(dropped.get(), 1);
}

/// A reader that reads nothing until it is released.
struct Stuck {
    entered: Sender<()>,
    go: Receiver<()>,
}

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.entered.send(()).map_err(io::Error::other)?;
        self.go.recv_timeout(PATIENCE).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_does_not_read_costs_lines_and_not_requests() {
    let ((entered, has_entered), (go, may_go)) = (channel(), channel());
    let dropped = Counter::default();
    let audit = Audit::start(true, Box::new(Stuck { entered, go: may_go }), dropped.clone()).unwrap();
    audit.write(&entry());
    has_entered.recv_timeout(PATIENCE).unwrap();
    for _ in 0..AUDIT_LINES_MAX + 5 {
        audit.write(&entry());
    }
    assert_eq!(dropped.get(), 5);
    for _ in 0..2 {
        go.send(()).unwrap();
    }
    audit.close(PATIENCE);
    assert_eq!(dropped.get(), 5);
}

#[test]
fn a_closed_pipe_is_counted() {
    let (tell, told) = channel();
    drop(told);
    let dropped = Counter::default();
    let audit = Audit::start(true, Box::new(Told(tell)), dropped.clone()).unwrap();
    audit.write(&entry());
    audit.write(&entry());
    audit.close(PATIENCE);
    assert_eq!(dropped.get(), 2);
}
