//! Media types: the essence of a `Content-Type` value, without its parameters (RFC 9110 §8.3.1).

/// JSON (RFC 8259).
pub const JSON: &str = "application/json";
/// A form, as in HTML and OAuth.
pub const FORM: &str = "application/x-www-form-urlencoded";
/// An event stream (WHATWG HTML §9.2).
pub const EVENT_STREAM: &str = "text/event-stream";

/// `type/subtype` of the value, as written.
#[must_use]
pub fn essence(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

/// Whether the value has this type, with any parameters.
#[must_use]
pub fn is(value: &[u8], essence_wanted: &str) -> bool {
    essence(value).eq_ignore_ascii_case(essence_wanted.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_compared_whole_and_without_its_parameters() {
        for value in ["text/event-stream", "Text/Event-Stream ; charset=utf-8", " text/event-stream;x"] {
            assert!(is(value.as_bytes(), EVENT_STREAM), "{value}");
        }
        for value in ["", "text/event-streams", "text", "text/event-stream, text/html", ";text/event-stream"] {
            assert!(!is(value.as_bytes(), EVENT_STREAM), "{value}");
        }
    }
}
