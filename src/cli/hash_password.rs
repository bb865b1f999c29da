//! `portcullis hash-password`: makes the line of an accounts file out of a password that nobody sees.

use std::{
    io::{self, BufRead, IsTerminal, Read, Write},
    process::{Command, Stdio},
};

use zeroize::Zeroizing;

use crate::{
    authorization_server::person::accounts,
    base::limits::PASSWORD_BYTES_MAX,
    cli::terminal::{BAD_CONFIG, FAULT, complain, print},
};

/// Reads the password and prints its hash. It is never an argument: other users of the machine see those.
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

/// One line, without its end. More than a password can have is not read.
fn line(from: &mut impl BufRead) -> Result<Zeroizing<Vec<u8>>, String> {
    let bytes_max = PASSWORD_BYTES_MAX.saturating_add(2);
    // As large as it can become: growing would leave copies behind.
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

fn ask() -> Result<Zeroizing<Vec<u8>>, String> {
    let quiet = Quiet::begin()?;
    let first = quiet.ask("Password: ")?;
    let second = quiet.ask("The same again: ")?;
    match *first == *second {
        true => Ok(first),
        false => Err("the two are not the same".into()),
    }
}

/// A terminal that does not show what is typed, until this goes away.
struct Quiet {
    /// As `stty -g` says it.
    before: String,
}

impl Quiet {
    fn begin() -> Result<Self, String> {
        let before = stty(&["-g"])?;
        let quiet = Self { before: before.trim().to_owned() };
        // With Ctrl-C as the end of a line no signal ends us while nothing is shown.
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

/// A line of a terminal on which Ctrl-C ends a line.
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

/// The tool that sets terminals: what the system itself offers for it cannot be called without `unsafe`.
fn stty(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("stty").args(arguments).stdin(Stdio::inherit()).stderr(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        _ => Err("the terminal cannot be told to hide what is typed: give the password on standard input".into()),
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
