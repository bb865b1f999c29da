//! Prints each audit line of the gateway, each event of sign-ins and each refusal, as one line.

use serde_json::Value;

use crate::{base::shown::shown, cli::terminal::print};

/// Longest line that is shown.
const LINE_CHARS_MAX: usize = 1024;
/// The lines of the log about refusals of the gateway.
const REFUSALS: &str = "portcullis::observe::refusals";

/// One audit line of the gateway.
pub(super) fn decision(line: &str) {
    let Ok(line) = serde_json::from_str::<Value>(line) else {
        // The addresses that were bound.
        return;
    };
    let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
    let words = |name: &str| {
        let all = line.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
    };
    let status = line.get("status").and_then(Value::as_u64).map(|status| status.to_string()).unwrap_or_default();
    if text("server").is_empty() && text("verdict") != "refused" {
        return;
    }
    if text("event") == "ended" && text("verdict").is_empty() {
        // The decision has its own line.
        show(text("time"), &status, "(end of the answer)", text("ended"));
        return;
    }
    let what = match (text("method"), text("target")) {
        ("", _) => "(no message)".to_owned(),
        (method, "") => method.to_owned(),
        (method, target) => format!("{method} {target}"),
    };
    let why = match text("verdict") {
        "allowed" => match words("required_scopes").as_str() {
            "" => "allowed".to_owned(),
            scopes => format!("allowed by {scopes}"),
        },
        "refused" => match words("required_scopes").as_str() {
            "" => format!("refused: {}{}", text("reason"), compared(": ", text("found"), text("expected"))),
            scopes => format!("refused: {}, needs {scopes}, has {}", text("reason"), words("granted_scopes")),
        },
        verdict => verdict.to_owned(),
    };
    show(text("time"), &status, &what, &why);
}

/// One line of the gateway's log.
pub(super) fn event(line: &str) {
    let Ok(line) = serde_json::from_str::<Value>(line) else {
        print(line);
        return;
    };
    let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
    let (time, message) = (text("timestamp"), text("message"));
    if text("target") == "portcullis::authorization_server" && text("event").is_empty() && text("level") == "INFO" {
        // The gateway tells about itself, such as that the store of the demo is new.
    } else if text("target") == "portcullis::authorization_server" {
        let (event, outcome, subject) = (text("event"), text("outcome"), text("subject"));
        // The first characters of a digest are enough to tell users apart.
        let who = [text("client"), subject.get(..8).unwrap_or(subject)];
        let who = who.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        let is_said = message.is_empty() || message == format!("{event}: {outcome}");
        let outcome = if is_said { outcome.to_owned() } else { format!("{outcome}: {message}") };
        show(time, "", &format!("{event} {}", who.join(" ")), &format!("{outcome}{}", told(&line)));
    } else if text("target") == REFUSALS {
        show(time, "why", text("reason"), &format!("{message}{}", told(&line)));
    } else if matches!(text("level"), "WARN" | "ERROR") && text("target") != "portcullis::app::descriptors" {
        // The limit on open files matters where thousands connect.
        show(time, "log", text("target"), &format!("{message}{}", told(&line)));
    }
}

/// What a line of the log says beside its message: what came, what was expected, what to do.
fn told(line: &Value) -> String {
    let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut told = compared(": ", text("found"), text("expected"));
    if !text("advice").is_empty() {
        told.push_str(&format!("; {}", text("advice")));
    }
    told
}

fn compared(before: &str, found: &str, expected: &str) -> String {
    match (found, expected) {
        ("", "") => String::new(),
        (found, "") => format!("{before}found {found}"),
        ("", expected) => format!("{before}expected {expected}"),
        (found, expected) => format!("{before}found {found}, expected {expected}"),
    }
}

fn show(time: &str, status: &str, what: &str, why: &str) {
    print(&line_of(time, status, what, why));
}

/// One line. What a client wrote cannot make two of it, nor be obeyed by the terminal (attack 417).
fn line_of(time: &str, status: &str, what: &str, why: &str) -> String {
    let clock = time.get(11..19).unwrap_or(time);
    shown(&format!("{clock}  {status:>4}  {what:<44}  {why}"), LINE_CHARS_MAX).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn first_9_a_refusal_is_shown_with_what_came_what_was_expected_and_what_to_do() {
        for (line, expected) in [
            (json!({"found": "/xx", "expected": "/mcp", "advice": "do"}), ": found /xx, expected /mcp; do"),
            (json!({"found": "https://evil.example", "advice": "do"}), ": found https://evil.example; do"),
            (json!({"expected": "/mcp"}), ": expected /mcp"),
            (json!({"message": "m"}), ""),
        ] {
            assert_eq!(told(&line), expected);
        }
    }

    #[test]
    fn attack_417_a_line_of_the_demo_is_one_line_without_control_characters() {
        let line = line_of("2026-01-01T10:00:00Z", "403", "tools/call a\u{1b}[2J\nallowed", "\u{202e}x");
        assert_eq!(
            line.split_whitespace().collect::<Vec<_>>(),
            ["10:00:00", "403", "tools/call", "a\\u{1b}[2J\\u{a}allowed", "\\u{202e}x"]
        );
    }
}
