//! Media types: the essence of a `Content-Type` value, without its parameters (RFC 9110 §8.3.1).

/// JSON (RFC 8259).
pub const JSON: &str = "application/json";
/// A form, as in HTML and OAuth.
pub const FORM: &str = "application/x-www-form-urlencoded";
/// An event stream (WHATWG HTML §9.2).
pub const EVENT_STREAM: &str = "text/event-stream";

/// Text in UTF-8.
pub const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// The type of a file with this extension, in lower case.
#[must_use]
pub fn of_extension(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "json" | "map" => JSON,
        "txt" => PLAIN_TEXT,
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "md" => "text/markdown; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "xml" => "application/xml",
        "yaml" | "yml" => "application/yaml",
        "pdf" => "application/pdf",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => return None,
    })
}

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
