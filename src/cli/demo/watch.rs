//! Prints each audit line of the gateway, and each event of the authorization server, as one line.

use serde_json::Value;

use crate::cli::terminal::print;

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
    if text("server").is_empty() {
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
            "" => format!("refused: {}", text("reason")),
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
        show(time, "", &format!("{event} {}", who.join(" ")), &outcome);
    } else if matches!(text("level"), "WARN" | "ERROR") && text("target") != "portcullis::app::descriptors" {
        // The limit on open files matters where thousands connect.
        show(time, "log", text("target"), message);
    }
}

fn show(time: &str, status: &str, what: &str, why: &str) {
    let clock = time.get(11..19).unwrap_or(time);
    print(&format!("{clock}  {status:>4}  {what:<44}  {why}"));
}
