//! `portcullis hash-password`: hashes a password, typed without echo, for an accounts file.

use std::{
    io::{self, BufRead, IsTerminal, Read, Write},
    process::{Command, Stdio},
};

use zeroize::Zeroizing;

use crate::{
    authorization_server::person::accounts,
    base::limits::authorization_server::PASSWORD_BYTES_MAX,
    cli::terminal::{BAD_CONFIG, FAULT, complain, print},
};

/// Reads the password and prints its hash. The password is never an argument: other users of the
/// machine can read those.
pub(super) fn hash_password() -> u8 {
    let stdin = io::stdin();
    let password = if stdin.is_terminal() { ask() } else { line(&mut stdin.lock()) };
    let password = match password {
        Ok(password) => password,
        Err(cause) => {
            complain(&cause);
            return FAULT;
        }
    };
    match accounts::hash_password(&password) {
        Ok(hash) => {
            print(&hash);
            0
        }
        Err(cause) => {
            complain(&cause);
            BAD_CONFIG
        }
    }
}

/// One line, without its line break. At most two bytes more than the longest password are read.
fn line(from: &mut impl BufRead) -> Result<Zeroizing<Vec<u8>>, String> {
    let bytes_max = PASSWORD_BYTES_MAX.saturating_add(2);
    // Allocated at its full size: a buffer that grows leaves copies of the password in memory.
    let mut line = Zeroizing::new(Vec::with_capacity(bytes_max));
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    from.take(limit).read_until(b'\n', &mut line).map_err(|cause| format!("standard input: {cause}"))?;
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    Ok(line)
}

/// The two answers are not the same.
pub(super) const DIFFERENT: &str = "the passwords differ";

/// Asks twice for a password, without echo.
pub(super) fn ask() -> Result<Zeroizing<Vec<u8>>, String> {
    let quiet = Quiet::begin()?;
    let first = quiet.ask("Password: ")?;
    let second = quiet.ask("Repeat the password: ")?;
    match *first == *second {
        true => Ok(first),
        false => Err(DIFFERENT.into()),
    }
}

/// Hides what is typed on the terminal until it is dropped.
struct Quiet {
    /// The terminal's settings before, as `stty -g` prints them.
    before: String,
}

impl Quiet {
    fn begin() -> Result<Self, String> {
        let before = stty(&["-g"])?;
        let quiet = Self { before: before.trim().to_owned() };
        // Ctrl-C ends the line instead of the process: otherwise the terminal would stay silent.
        stty(&["-echo", "-isig", "eol", "^C"])?;
        Ok(quiet)
    }

    fn ask(&self, question: &str) -> Result<Zeroizing<Vec<u8>>, String> {
        let mut shown = io::stderr().lock();
        let _ = write!(shown, "{question}").and_then(|()| shown.flush());
        let answer = interruptible(&mut io::stdin().lock());
        let _ = writeln!(shown);
        answer
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = stty(&[&self.before]);
    }
}

/// One line of the terminal. Ctrl-C, which ends a line here, is an error.
fn interruptible(from: &mut impl BufRead) -> Result<Zeroizing<Vec<u8>>, String> {
    const CTRL_C: u8 = 3;
    let bytes_max = PASSWORD_BYTES_MAX.saturating_add(1);
    let mut line = Zeroizing::new(Vec::with_capacity(bytes_max));
    for byte in from.bytes().take(bytes_max) {
        match byte.map_err(|cause| format!("the terminal: {cause}"))? {
            CTRL_C => return Err("interrupted".into()),
            b'\n' => return Ok(line),
            byte => line.push(byte),
        }
    }
    match line.is_empty() {
        true => Err("interrupted".into()),
        false => Ok(line),
    }
}

/// Sets the terminal with `stty`: the system call would need `unsafe`.
fn stty(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("stty").args(arguments).stdin(Stdio::inherit()).stderr(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        _ => Err("the terminal cannot hide what is typed (stty failed): `portcullis hash-password < FILE` takes the password from a file".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_read_without_its_end() {
        let long = [b'x'; 2 * PASSWORD_BYTES_MAX];
        for (given, read) in [
            (&b"correct horse"[..], &b"correct horse"[..]),
            (b"correct horse\n", b"correct horse"),
            (b"correct horse\r\n", b"correct horse"),
            (b" two spaces \n", b" two spaces "),
            (b"first\nsecond\n", b"first"),
            (b"\n", b""),
            (b"", b""),
            (&long, &long[..PASSWORD_BYTES_MAX + 2]),
        ] {
            assert_eq!(*line(&mut &*given).unwrap(), read);
        }
    }

    #[test]
    fn ctrl_c_and_an_end_without_a_line_give_no_password() {
        assert_eq!(*interruptible(&mut &b"correct horse\n"[..]).unwrap(), b"correct horse");
        assert!(interruptible(&mut &b"corr\x03"[..]).is_err());
        assert!(interruptible(&mut &b""[..]).is_err());
    }
}
