//! Reads `allowed_origins`: browser origins that may call, besides that of `public_url`.

use http::HeaderValue;

use crate::{
    base::{names::split_port, web_origin::is_web_origin},
    config::{reader::Field, tree::Meaning},
};

const EXPECTED: &str = "an origin as browsers send it: scheme://host[:port] in lower case, without a slash at the end";
const PATTERN: &str = "an origin, or a pattern such as http://localhost:* or chrome-extension://*";

/// `allowed_origins`.
pub(super) fn origins(field: &Field<'_>) -> Vec<HeaderValue> {
    field.distinct("origins").unwrap_or_default().iter().filter_map(origin).collect()
}

fn origin(field: &Field<'_>) -> Option<HeaderValue> {
    // Sandboxed frames and local files send `null`, which in YAML needs no quotes.
    let text = match (field.meaning(), field.scalar_text()) {
        (Some(Meaning::Nothing), Some("null")) => "null",
        _ => field.text(EXPECTED)?,
    };
    // SPEC A-61.
    if text == "*" {
        return field
            .wrong("each origin by name: with * every web page could send requests from its visitor's browser");
    }
    let is_good = match (text.strip_suffix(":*"), text.strip_suffix("://*")) {
        (Some(without_port), _) => is_web_origin(without_port) && !has_port(without_port),
        // Every web page has one of these schemes.
        (_, Some("http" | "https" | "ws" | "wss" | "ftp" | "file")) => {
            return field.wrong(
                "each web site by name: with this pattern every web page could call from its visitor's browser",
            );
        }
        (_, Some(scheme)) => is_web_origin(&format!("{scheme}://x")),
        (None, None) => text == "null" || is_web_origin(text),
    };
    if text == "null" {
        let expected = "the origin of your page: every web page can call as null, from a sandboxed frame";
        field.reading.warning(&field.place, "null", expected);
    }
    if !is_good {
        return field.wrong(if text.contains('*') { PATTERN } else { EXPECTED });
    }
    HeaderValue::from_str(text).ok().or_else(|| field.wrong(EXPECTED))
}

fn has_port(origin: &str) -> bool {
    let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
    split_port(authority).is_ok_and(|(_, port)| port.is_some())
}
