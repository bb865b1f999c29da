//! Which files of an ACME cache did this program leave, and which ones belong to others?

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use super::challenge::DIGEST_BYTES;

/// Where a challenge begins its name.
pub(super) const CHALLENGE: &str = "challenge-";
/// The end of the names of files that are being written.
pub(super) const SCRATCH: &str = ".new";
/// How a file of keys begins.
const PEM: &[u8] = b"-----BEGIN";
/// How a file of an account begins.
const JSON: &[u8] = b"{";
/// The longest name of a host.
const HOST_BYTES_MAX: usize = 253;

/// A file that lasts no longer than an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ShortLived {
    /// The digest of a challenge.
    Challenge,
    /// A challenge that is being written.
    UnfinishedChallenge,
    /// An account that is being written.
    Account,
    /// A certificate that is being written.
    Certificate,
    /// The file that shows whether the folder can be written.
    Probe,
}

/// Whether only this program can have made a file: the folder may be one of other programs too, so
/// that name, kind and content must all be its own.
pub(super) fn is_rest(path: &Path) -> bool {
    let kind = path.file_name().and_then(|name| name.to_str()).and_then(kind);
    let is_regular = || fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    kind.is_some_and(|kind| is_regular() && beginning(path).is_some_and(|bytes| has_content(kind, &bytes)))
}

/// What a file with this name is, if this program gives such names.
fn kind(name: &str) -> Option<ShortLived> {
    if let Some(host) = name.strip_prefix(CHALLENGE) {
        return is_host(host).then_some(ShortLived::Challenge);
    }
    let (whole, random) = name.strip_prefix('.')?.strip_suffix(SCRATCH)?.rsplit_once('.')?;
    if !is_id(random) {
        return None;
    }
    if whole == "probe" {
        return Some(ShortLived::Probe);
    }
    if let Some(host) = whole.strip_prefix(CHALLENGE) {
        return is_host(host).then_some(ShortLived::UnfinishedChallenge);
    }
    if let Some(id) = whole.strip_prefix("account-").and_then(|rest| rest.strip_suffix(".json")) {
        return is_id(id).then_some(ShortLived::Account);
    }
    let (host, id) = whole.strip_suffix(".pem")?.rsplit_once('-')?;
    (is_host(host) && is_id(id)).then_some(ShortLived::Certificate)
}

/// Whether a file, of which these are the first bytes, has what this program writes there.
fn has_content(kind: ShortLived, bytes: &[u8]) -> bool {
    let begins = |expected: &[u8]| bytes.starts_with(expected) || expected.starts_with(bytes);
    match kind {
        // A digest is no text: a checksum in hexadecimal digits may be as long.
        ShortLived::Challenge => bytes.len() == DIGEST_BYTES && !is_text(bytes),
        ShortLived::UnfinishedChallenge => bytes.is_empty() || (bytes.len() <= DIGEST_BYTES && !is_text(bytes)),
        ShortLived::Account => begins(JSON),
        ShortLived::Certificate => begins(PEM),
        ShortLived::Probe => bytes.is_empty(),
    }
}

/// The first bytes of a file, with one more than a digest has.
fn beginning(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(DIGEST_BYTES + 1);
    File::open(path).ok()?.take(DIGEST_BYTES as u64 + 1).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn is_text(bytes: &[u8]) -> bool {
    let is_control = |character: char| character.is_control() && !character.is_whitespace();
    std::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(is_control))
}

/// 64 bits in hexadecimal digits.
fn is_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a text has the form of a name that can be in a certificate.
fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    text.len() <= HOST_BYTES_MAX && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f44_attack_448_only_names_that_this_program_gives_are_those_of_rests() {
        let all = [
            ("challenge-a.example", Some(ShortLived::Challenge)),
            (".challenge-a.example.00112233445566ff.new", Some(ShortLived::UnfinishedChallenge)),
            (".account-0011223344556677.json.00112233445566ff.new", Some(ShortLived::Account)),
            (".xn--a-b.example-0011223344556677.pem.00112233445566ff.new", Some(ShortLived::Certificate)),
            (".probe.00112233445566ff.new", Some(ShortLived::Probe)),
            ("challenge-", None),
            ("challenge-Plan.md", None),
            ("challenge-a..example", None),
            ("challenge-a_b.example", None),
            (".bashrc.new", None),
            (".a.example.00112233445566ff.new", None),
            (".a.example-0011223344556677.pem.new", None),
            (".a.example-0011223344556677.pem.00112233445566ff.NEW", None),
            (".account-0011223344556677.json.00112233445566FF.new", None),
            (".account-1.json.00112233445566ff.new", None),
            ("a.example-0011223344556677.pem", None),
            ("account-0011223344556677.json", None),
            ("lock", None),
        ];
        for (name, expected) in all {
            assert_eq!(kind(name), expected, "{name}");
        }
    }

    #[test]
    fn f44_attack_448_what_others_wrote_is_no_content_of_a_rest() {
        let digest = [0xD3; DIGEST_BYTES];
        let all: [(ShortLived, &[u8], bool); 14] = [
            (ShortLived::Challenge, &digest, true),
            (ShortLived::Challenge, b"0123456789abcdef0123456789abcdef", false),
            (ShortLived::Challenge, b"# The plan of the challenge: run\n", false),
            (ShortLived::Challenge, &[0xD3; DIGEST_BYTES + 1], false),
            (ShortLived::Challenge, b"", false),
            (ShortLived::UnfinishedChallenge, b"", true),
            (ShortLived::UnfinishedChallenge, &[0xD3; 7], true),
            (ShortLived::UnfinishedChallenge, b"a text", false),
            (ShortLived::Account, b"{\n  \"id\"", true),
            (ShortLived::Account, b"id: 1", false),
            (ShortLived::Certificate, b"-----BEGIN PRIVATE KEY-----", true),
            (ShortLived::Certificate, b"---", true),
            (ShortLived::Certificate, b"# keys", false),
            (ShortLived::Probe, b"x", false),
        ];
        for (kind, bytes, expected) in all {
            assert_eq!(has_content(kind, bytes), expected, "{kind:?} {bytes:?}");
        }
    }
}
