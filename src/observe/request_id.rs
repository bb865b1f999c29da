//! The id of a request, in all its log and audit lines.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

/// Hexadecimal digits of a process: 48 bits.
const PROCESS_DIGITS: usize = 12;

/// The id of a request: the random name of its process, and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId {
    process: [u8; PROCESS_DIGITS],
    number: u64,
}

impl RequestId {
    pub(super) fn number(self) -> u64 {
        self.number
    }

    /// Writes the id without a formatter, because every line has an id.
    pub(super) fn write_to(self, text: &mut String) {
        text.push_str(str::from_utf8(&self.process).unwrap_or_default());
        text.push('-');
        let mut shift = u64::BITS.saturating_sub(self.number.leading_zeros()).div_ceil(4).max(1) * 4;
        while shift > 0 {
            shift -= 4;
            text.push(hex_digit(self.number >> shift));
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write_to(&mut text);
        out.write_str(&text)
    }
}

/// The last hexadecimal digit of `value`.
fn hex_digit(value: u64) -> char {
    u32::try_from(value & 15).ok().and_then(|digit| char::from_digit(digit, 16)).unwrap_or('0')
}

/// Gives each request of a process its id.
pub(super) struct RequestIds {
    process: [u8; PROCESS_DIGITS],
    next: AtomicU64,
}

impl RequestIds {
    /// Ids with a random name for this process. The name is not a secret.
    pub(super) fn new() -> Self {
        let mut random = RandomState::new().hash_one("request");
        let process = [(); PROCESS_DIGITS].map(|()| {
            random = random.rotate_left(4);
            u8::try_from(hex_digit(random)).unwrap_or(b'0')
        });
        Self { process, next: AtomicU64::new(1) }
    }

    pub(super) fn next(&self) -> RequestId {
        RequestId { process: self.process, number: self.next.fetch_add(1, Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_in_a_process_and_between_processes() {
        let (one, other) = (RequestIds::new(), RequestIds::new());
        let ids = [one.next(), one.next(), other.next()].map(|id| id.to_string());
        assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2], "{ids:?}");
        assert!(ids.iter().all(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')), "{ids:?}");
    }

    #[test]
    fn an_id_is_its_process_and_its_number_in_hexadecimal() {
        for number in [0, 1, 9, 10, 15, 16, 255, 256, 0xdead_beef, u64::MAX] {
            let id = RequestId { process: *b"0123456789ab", number };
            assert_eq!(id.to_string(), format!("0123456789ab-{number:x}"));
        }
    }
}
