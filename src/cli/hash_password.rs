//! `hash-password`: what goes into the file of accounts for a password that is typed or piped in.

use std::{
    io::{self, BufRead, IsTerminal, Read, Write},
    process::{Command, Stdio},
};

use crate::{
    base::limits::PASSWORD_BYTES_MAX,
    cli::{BAD_CONFIG, FAULT, complain, print},
    issuer::accounts,
};

/// Reads a password from standard input and prints its hash: a line that is piped, or one that is typed twice.
pub(super) fn hash_password() -> u8 {
    let stdin = io::stdin();
    let is_typed = stdin.is_terminal();
    let read = if is_typed { typed(&mut stdin.lock()) } else { line(&mut stdin.lock()) };
    let password = match read {
        Ok(Some(password)) => password,
        Ok(None) => {
            complain("the two were not the same");
            return BAD_CONFIG;
        }
        Err(cause) => {
            complain(&format!("standard input: {cause}"));
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

/// Twice, because nobody sees what they type; nothing where the two differ.
fn typed(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let hidden = Hidden::begin();
    let first = asked("Password: ", input)?;
    let second = asked("Again: ", input)?;
    drop(hidden);
    Ok(if first == second { first } else { None })
}

fn asked(prompt: &str, input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut screen = io::stderr().lock();
    screen.write_all(prompt.as_bytes())?;
    screen.flush()?;
    let found = line(input);
    // The end of the line was typed, and not shown either.
    writeln!(screen)?;
    found
}

/// One line without its end. What is longer than a password may be is cut where it is seen to be.
fn line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let longest = u64::try_from(PASSWORD_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(2);
    let mut found = Vec::new();
    input.take(longest).read_until(b'\n', &mut found)?;
    for end in [b'\n', b'\r'] {
        if found.last() == Some(&end) {
            found.pop();
        }
    }
    Ok(Some(found))
}

/// A terminal that does not show what is typed, until this is dropped.
struct Hidden;

impl Hidden {
    fn begin() -> Option<Self> {
        stty("-echo").then_some(Self)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        stty("echo");
    }
}

/// POSIX's own way to speak to the terminal at standard input; a system without it shows what is typed.
fn stty(setting: &str) -> bool {
    let mut stty = Command::new("stty");
    stty.arg(setting).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_the_password_whatever_ends_it() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"correct horse\n", b"correct horse"),
            (b"correct horse\r\n", b"correct horse"),
            (b"correct horse", b"correct horse"),
            (b" with spaces \n", b" with spaces "),
            (b"first\nsecond\n", b"first"),
            (b"", b""),
        ];
        for (given, password) in cases {
            assert_eq!(line(&mut &*given).unwrap().unwrap(), password);
        }
    }

    #[test]
    fn what_is_too_long_is_still_too_long_when_it_is_cut() {
        let long = vec![b'x'; PASSWORD_BYTES_MAX * 3];
        assert!(line(&mut &*long).unwrap().unwrap().len() > PASSWORD_BYTES_MAX);
    }
}
