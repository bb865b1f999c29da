//! Cases of the audit line: its fields, its bounds, its writer.

use std::{
    net::Ipv4Addr,
    sync::mpsc::{Receiver, Sender, channel},
};

use serde_json::{Value, json};

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

fn decision() -> Decision<'static> {
    Decision {
        wall: Duration::from_millis(1_700_000_000_007),
        server: "weather",
        peer: Ipv4Addr::new(10, 0, 0, 1).into(),
        who: None,
        method: None,
        target: None,
        verdict: Verdict::Unfinished,
        rule: None,
        reported: None,
        scopes: None,
        status: 499,
        duration: Duration::from_micros(1_234),
        streamed: false,
        broke_off: false,
    }
}

fn parsed(decision: &Decision<'_>) -> Value {
    serde_json::from_str(&render(decision, true)).unwrap()
}

#[test]
fn d57_a_line_has_these_fields_and_no_others() {
    assert_eq!(
        parsed(&decision()),
        json!({"audit": 1, "time": "2023-11-14T22:13:20.007Z", "server": "weather", "peer": "10.0.0.1",
               "verdict": "unfinished", "status": 499, "duration_ms": 1.234})
    );
    let (needed, granted) = ([Scope::from("a"), Scope::from("b")], [Scope::from("c")]);
    let full = Decision {
        who: Some(Who { issuer: "https://idp", principal: "0c0c", token: Some("1d1d"), client: Some("inspector") }),
        method: Some("resources/read"),
        target: Some(("resource", Some("file:///a"), 3)),
        verdict: Verdict::Refused("insufficient_scope"),
        rule: Some(4),
        reported: Some("no_rule"),
        scopes: Some((&needed, &granted)),
        status: 403,
        streamed: true,
        broke_off: true,
        ..decision()
    };
    assert_eq!(
        parsed(&full),
        json!({"audit": 1, "time": "2023-11-14T22:13:20.007Z", "server": "weather", "peer": "10.0.0.1",
               "issuer": "https://idp", "principal": "0c0c", "token": "1d1d", "client": "inspector",
               "method": "resources/read", "target_kind": "resource", "target": "file:///a", "targets": 3,
               "verdict": "refused", "reason": "insufficient_scope", "rule": 4, "reported": "no_rule",
               "required_scopes": ["a", "b"], "granted_scopes": ["c"],
               "status": 403, "duration_ms": 1.234, "streamed": true, "broke_off": true})
    );
    assert_eq!(
        render(&full, false),
        "audit=1 time=2023-11-14T22:13:20.007Z server=\"weather\" peer=10.0.0.1 issuer=\"https://idp\" \
         principal=\"0c0c\" token=\"1d1d\" client=\"inspector\" method=\"resources/read\" target_kind=resource \
         target=\"file:///a\" targets=3 verdict=refused reason=insufficient_scope rule=4 reported=no_rule \
         required_scopes=\"a b\" granted_scopes=\"c\" status=403 duration_ms=1.234 streamed=true broke_off=true\n"
    );
}

#[test]
fn attack_a_long_name_is_cut() {
    let long = "x".repeat(5_000);
    let line = render(&Decision { target: Some(("tool", Some(&long), 1)), method: Some(&long), ..decision() }, true);
    let line: Value = serde_json::from_str(&line).unwrap();
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
    for _ in 0..10 {
        audit.write(&decision());
    }
    audit.close(PATIENCE);
    audit.write(&decision());
    audit.close(PATIENCE);
    let text: String = told.iter().collect();
    assert_eq!(text.lines().count(), 10);
    assert!(text.lines().all(|line| line == render(&decision(), true).trim_end()));
    assert_eq!(dropped.get(), 1);
}

/// A reader that takes nothing until it is told to.
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
    audit.write(&decision());
    has_entered.recv_timeout(PATIENCE).unwrap();
    for _ in 0..AUDIT_LINES_MAX + 5 {
        audit.write(&decision());
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
    audit.write(&decision());
    audit.write(&decision());
    audit.close(PATIENCE);
    assert_eq!(dropped.get(), 2);
}
