//! Writes one audit line, JSON or `key=value`. No value can break out of its field.

use std::{
    fmt::{self, Display, Write},
    net::IpAddr,
    time::Duration,
};

use crate::{base::date::Civil, observe::request_id::RequestId};

/// The initial capacity, enough for most lines.
const LINE_BYTES: usize = 768;

/// A line that is being written.
pub(super) struct Line {
    text: String,
    json: bool,
}

impl Line {
    pub(super) fn begin(json: bool) -> Self {
        let mut text = String::with_capacity(LINE_BYTES);
        if json {
            text.push('{');
        }
        Self { text, json }
    }

    pub(super) fn end(mut self) -> String {
        self.text.push_str(if self.json { "}\n" } else { "\n" });
        self.text
    }

    /// Text from outside, shortened to `bytes_max`.
    pub(super) fn text(&mut self, key: &str, value: &str, bytes_max: usize) {
        self.key(key);
        self.quoted(value, bytes_max);
    }

    /// As [`Self::text`], of text that is made while it is written.
    pub(super) fn shown(&mut self, key: &str, value: &impl Display, bytes_max: usize) {
        self.key(key);
        self.text.push('"');
        let mut quoted = Quoted { line: self, bytes_left: bytes_max };
        // It fails once there is no room.
        let end = if write!(quoted, "{value}").is_ok() { "\"" } else { "…\"" };
        self.text.push_str(end);
    }

    /// A fixed word of the format, which needs no escape.
    pub(super) fn word(&mut self, key: &str, value: &'static str) {
        self.key(key);
        let bare = !self.json || value == "true";
        self.bare(value, bare);
    }

    pub(super) fn address(&mut self, key: &str, address: IpAddr) {
        self.key(key);
        self.quote();
        match address {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                for (octet, after) in [(a, "."), (b, "."), (c, "."), (d, "")] {
                    self.digits(octet.into(), 1);
                    self.text.push_str(after);
                }
            }
            // Writing to a String cannot fail, here and below.
            IpAddr::V6(address) => drop(write!(self.text, "{address}")),
        }
        self.quote();
    }

    pub(super) fn request(&mut self, key: &str, request: RequestId) {
        self.key(key);
        self.quote();
        request.write_to(&mut self.text);
        self.quote();
    }

    pub(super) fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        self.digits(value, 1);
    }

    pub(super) fn millis(&mut self, key: &str, value: Duration) {
        self.key(key);
        let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        self.digits(micros / 1000, 1);
        self.text.push('.');
        self.digits(micros % 1000, 3);
    }

    /// Written by hand, like numbers: the library's formatter costs more than the rest of the line.
    pub(super) fn time(&mut self, key: &str, wall: Duration) {
        self.key(key);
        let Civil { year, month, day } = Civil::of_day(wall.as_secs() / 86_400);
        let (secs, millis) = (wall.as_secs() % 86_400, wall.subsec_millis());
        let (hour, minute, second) = (secs / 3600, secs / 60 % 60, secs % 60);
        self.quote();
        for (value, width, after) in [
            (year, 4, "-"),
            (month, 2, "-"),
            (day, 2, "T"),
            (hour, 2, ":"),
            (minute, 2, ":"),
            (second, 2, "."),
            (u64::from(millis), 3, "Z"),
        ] {
            self.digits(value, width);
            self.text.push_str(after);
        }
        self.quote();
    }

    pub(super) fn list<'a>(&mut self, key: &str, values: impl Iterator<Item = &'a str>, bytes_max: usize) {
        self.key(key);
        if self.json {
            self.text.push('[');
            for (index, value) in values.enumerate() {
                if index > 0 {
                    self.text.push(',');
                }
                self.quoted(value, bytes_max);
            }
            self.text.push(']');
        } else {
            // Scope tokens have neither spaces nor quotes (RFC 6749 §3.3).
            let joined = values.collect::<Vec<_>>().join(" ");
            self.quoted(&joined, usize::MAX);
        }
    }

    /// A number, padded with zeros to `width` digits.
    fn digits(&mut self, value: u64, width: usize) {
        let (mut buffer, mut left, mut used) = ([b'0'; 20], value, 0);
        for digit in buffer.iter_mut().rev() {
            if left == 0 && used >= width {
                break;
            }
            *digit = b'0' + u8::try_from(left % 10).unwrap_or_default();
            left /= 10;
            used += 1;
        }
        let digits = buffer.get(buffer.len() - used..).and_then(|digits| str::from_utf8(digits).ok());
        self.text.push_str(digits.unwrap_or_default());
    }

    /// A quote around text that needs no escape.
    fn quote(&mut self) {
        if self.json {
            self.text.push('"');
        }
    }

    fn key(&mut self, key: &str) {
        if self.json {
            if self.text.len() > 1 {
                self.text.push(',');
            }
            self.text.push('"');
            self.text.push_str(key);
            self.text.push_str("\":");
        } else {
            if !self.text.is_empty() {
                self.text.push(' ');
            }
            self.text.push_str(key);
            self.text.push('=');
        }
    }

    fn bare(&mut self, value: &str, bare: bool) {
        if !bare {
            self.text.push('"');
        }
        self.text.push_str(value);
        if !bare {
            self.text.push('"');
        }
    }

    fn quoted(&mut self, value: &str, bytes_max: usize) {
        let (kept, was_cut) = cut(value, bytes_max);
        self.text.push('"');
        if kept.bytes().all(|byte| matches!(byte, 0x20..=0x7E) && byte != b'"' && byte != b'\\') {
            self.text.push_str(kept);
        } else {
            for character in kept.chars() {
                self.escaped(character);
            }
        }
        self.text.push_str(if was_cut { "…\"" } else { "\"" });
    }

    /// Escapes more than JSON requires: characters that move a terminal's cursor, end a line for
    /// some readers, or change the direction of writing.
    fn escaped(&mut self, character: char) {
        match character {
            '"' => self.text.push_str("\\\""),
            '\\' => self.text.push_str("\\\\"),
            c if c.is_control()
                || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}') =>
            {
                // All of these are in the Basic Multilingual Plane: one UTF-16 unit is enough.
                let _ = write!(self.text, "\\u{:04x}", u32::from(c));
            }
            c => self.text.push(c),
        }
    }
}

/// The inside of a quoted text that is written in pieces.
struct Quoted<'a> {
    line: &'a mut Line,
    bytes_left: usize,
}

impl Write for Quoted<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let (kept, was_cut) = cut(piece, self.bytes_left);
        kept.chars().for_each(|character| self.line.escaped(character));
        self.bytes_left -= kept.len();
        if was_cut { Err(fmt::Error) } else { Ok(()) }
    }
}

/// The longest start of `value` that has at most `bytes_max` bytes.
fn cut(value: &str, bytes_max: usize) -> (&str, bool) {
    if value.len() <= bytes_max {
        return (value, false);
    }
    (value.split_at_checked(value.floor_char_boundary(bytes_max)).map_or("", |(kept, _)| kept), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_rfc3339() {
        let mut line = Line::begin(false);
        line.time("time", Duration::from_millis(1_700_000_000_007));
        assert_eq!(line.end(), "time=2023-11-14T22:13:20.007Z\n");
    }

    #[test]
    fn numbers_and_addresses_are_as_the_library_writes_them() {
        let written = |write: &dyn Fn(&mut Line)| {
            let mut line = Line::begin(false);
            write(&mut line);
            line.end()
        };
        for number in [0, 1, 9, 10, 99, 100, 12_345, u64::MAX] {
            assert_eq!(written(&|line| line.number("k", number)), format!("k={number}\n"));
            let micros = number.min(1 << 53);
            let wanted = format!("k={}.{:03}\n", micros / 1000, micros % 1000);
            assert_eq!(written(&|line| line.millis("k", Duration::from_micros(micros))), wanted);
        }
        for address in ["0.0.0.0", "10.0.0.1", "255.255.255.255", "::1", "2001:db8::7", "::ffff:10.0.0.1"] {
            assert_eq!(written(&|line| line.address("k", address.parse().unwrap())), format!("k={address}\n"));
        }
        let mut line = Line::begin(true);
        line.address("k", "10.0.0.1".parse().unwrap());
        assert_eq!(line.end(), "{\"k\":\"10.0.0.1\"}\n");
    }

    #[test]
    fn what_is_cut_is_cut_between_characters_and_marked() {
        for (value, max, kept) in
            [("abc", 3, "\"abc\""), ("abcd", 3, "\"abc…\""), ("aä", 2, "\"a…\""), ("ä", 0, "\"…\"")]
        {
            let mut line = Line::begin(false);
            line.text("k", value, max);
            assert_eq!(line.end(), format!("k={kept}\n"));
        }
    }

    #[test]
    fn what_is_made_while_it_is_written_is_cut_and_escaped_alike() {
        for (value, max) in [("abc", 3), ("abcd", 3), ("aä", 2), ("ä", 0), ("\",\"x\u{202e}\n", 100), ("", 0)] {
            let written = |write: &dyn Fn(&mut Line)| {
                let mut line = Line::begin(true);
                write(&mut line);
                line.end()
            };
            let whole = written(&|line| line.text("k", value, max));
            assert_eq!(written(&|line| line.shown("k", &value, max)), whole);
            let pieces = value.chars().map(String::from).collect::<Vec<_>>();
            let piecewise = fmt::from_fn(|out| pieces.iter().try_for_each(|piece| out.write_str(piece)));
            assert_eq!(written(&|line| line.shown("k", &piecewise, max)), whole);
        }
    }

    #[test]
    fn attack_log_injection_stays_inside_its_quotes() {
        for (value, written) in [
            ("a\nb", "\"a\\u000ab\""),
            ("\u{1b}[2J", "\"\\u001b[2J\""),
            ("\",\"verdict\":\"allowed", "\"\\\",\\\"verdict\\\":\\\"allowed\""),
            ("\\", "\"\\\\\""),
            ("\u{7f}\u{85}\u{2028}\u{202e}", "\"\\u007f\\u0085\\u2028\\u202e\""),
            ("Grüße 🦀", "\"Grüße 🦀\""),
        ] {
            for json in [true, false] {
                let mut line = Line::begin(json);
                line.text("k", value, 100);
                let line = line.end();
                assert_eq!(line.lines().count(), 1);
                if json {
                    assert_eq!(line, format!("{{\"k\":{written}}}\n"));
                    let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
                    assert_eq!(parsed["k"], value);
                } else {
                    assert_eq!(line, format!("k={written}\n"));
                }
            }
        }
    }
}
