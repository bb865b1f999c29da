//! Names the flag that a problem of a configuration made from flags is about.

use crate::config::problem::Problem;

/// A value, and what messages call the flag or the variable that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagValue {
    /// The value as typed.
    pub text: String,
    /// `--listen`, or `PORTCULLIS_LISTEN (--listen)`.
    pub by: String,
}

/// Which flag wrote which line and which key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagPlaces {
    pub(super) places: Vec<FlagPlace>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FlagPlace {
    pub(super) line: usize,
    pub(super) key: String,
    pub(super) by: String,
}

/// Words of messages about files, in the words of flags.
const REWORDED: &[(&str, &str)] = &[
    ("`plaintext: true` where TLS ends in front of the gateway", "`--plaintext` if a proxy in front terminates TLS"),
    ("`plaintext: true`", "`--plaintext`"),
    ("`tls`", "`--tls-cert` and `--tls-key`"),
    ("`trusted_proxies` at the top level", "`--trusted-proxy`"),
    ("`trusted_proxies`", "`--trusted-proxy`"),
    ("`session_keys` at the top level", "`--session-key`"),
    ("`session_keys`", "`--session-key`"),
    ("`accounts` with a file", "`--accounts FILE`"),
    ("a public_url", "a `--public-url`"),
];

impl FlagPlaces {
    /// `problem` with the flag in place of the line.
    pub(in crate::config) fn placed(&self, problem: Problem) -> Problem {
        let on_its_line = || self.places.iter().find(|place| place.line == problem.line).map(|place| &place.by);
        let found = self.exact(&problem.key).or_else(on_its_line).or_else(|| self.around(&problem.key));
        let Some(by) = found else { return Problem { line: 0, file: "serve".to_owned(), ..problem } };
        Problem {
            file: by.clone(),
            line: 0,
            column: 0,
            key: String::new(),
            found: reworded(&problem.found),
            expected: reworded(&problem.expected),
            suggestion: problem.suggestion,
            see: None,
        }
    }

    /// `told`, a sentence that begins with a key, with the flag in place of the key.
    pub(in crate::config) fn placed_sentence(&self, told: &str) -> Option<String> {
        let (key, rest) = told.split_once(": ")?;
        let by = self.exact(key).or_else(|| self.around(key))?;
        Some(format!("{by}: {}", reworded(rest)))
    }

    /// The keys that a flag writes.
    #[cfg(test)]
    pub fn keys_of(&self, by: &str) -> impl Iterator<Item = &str> {
        self.places.iter().filter(move |place| place.by == by).map(|place| &*place.key)
    }

    fn exact(&self, key: &str) -> Option<&String> {
        self.places.iter().find(|place| place.key == key).map(|place| &place.by)
    }

    /// The flag of the nearest key that `key` is below.
    fn around(&self, key: &str) -> Option<&String> {
        let holds =
            |place: &&FlagPlace| key.strip_prefix(place.key.as_str()).is_some_and(|rest| rest.starts_with(['.', '[']));
        self.places.iter().filter(holds).max_by_key(|place| place.key.len()).map(|place| &place.by)
    }
}

fn reworded(text: &str) -> String {
    REWORDED.iter().fold(text.to_owned(), |text, (file, flag)| text.replace(file, flag))
}
