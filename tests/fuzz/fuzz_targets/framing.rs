//! The verdict over a connection's bytes does not depend on how they are cut, and what passes has no bare line ends in a head.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::decide::framing::Framing;

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, bytes) = input;
    let whole = Framing::new().watch(bytes).map_err(|violation| {
        assert!(violation.at < bytes.len());
        violation.what
    });
    for len in [1, usize::from(cut) + 1] {
        assert_eq!(in_pieces(bytes, len), whole);
    }
    if whole.is_ok() {
        first_head_is_plain(bytes);
    }
});

fn in_pieces(bytes: &[u8], len: usize) -> Result<(), &'static str> {
    let mut framing = Framing::new();
    for piece in bytes.chunks(len) {
        framing.watch(piece).map_err(|violation| {
            assert!(violation.at < piece.len());
            violation.what
        })?;
    }
    Ok(())
}

fn first_head_is_plain(bytes: &[u8]) {
    let head = bytes.trim_ascii_start();
    let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else {
        return;
    };
    let lines: Vec<&[u8]> = head[..end].split(|byte| *byte == b'\n').collect();
    let mut framed = 0;
    for (at, line) in lines.iter().enumerate() {
        let line = if at + 1 == lines.len() { line } else { line.strip_suffix(b"\r").expect("a bare line feed") };
        assert!(!line.contains(&b'\r') && !line.contains(&0), "a bare carriage return, or NUL");
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default().to_ascii_lowercase();
        framed += usize::from(name == b"content-length" || name == b"transfer-encoding");
    }
    assert!(framed <= 1, "two lengths");
}
