//! What must not be left behind: secrets in what can be read, panics in what was logged, gauges that stay up.

use std::{
    collections::{HashMap, HashSet},
    sync::Mutex,
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::World;

/// Bytes of one answer that are kept for the search.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Above this many secrets the search compares whole words.
const SECRETS_SEARCHED_EACH: usize = 200;

/// All that a world issued and all that it was answered.
#[derive(Default)]
pub struct Captured {
    secrets: Mutex<HashSet<String>>,
    answers: Mutex<Vec<String>>,
}

impl Captured {
    /// A token was issued: none of its telling parts may show up.
    pub fn token(&self, token: &str) {
        let mut secrets = self.secrets.lock().unwrap();
        // The header is the same for all; claims and signature are not.
        secrets.extend(token.split('.').skip(1).filter(|part| part.len() >= 40).map(str::to_owned));
    }

    /// The gateway itself issued a token: the answer that handed it over may hold it, once, and nothing else may.
    pub fn issued(&self, token: &str) {
        let mut answers = self.answers.lock().unwrap();
        // A secret, which has one part, is given as the second part of a token.
        let told = token.trim_start_matches('.');
        let answer = answers.iter_mut().rev().find(|answer| answer.contains(told)).expect("an answer with the token");
        *answer = answer.replacen(told, "", 1);
        drop(answers);
        self.token(token);
    }

    /// A word that may not show up.
    pub fn secret(&self, word: &str) {
        self.secrets.lock().unwrap().insert(word.to_owned());
    }

    /// An answer was read.
    pub fn answer(&self, bytes: &[u8]) {
        let kept = &bytes[..bytes.len().min(ANSWER_BYTES_MAX)];
        self.answers.lock().unwrap().push(String::from_utf8_lossy(kept).into_owned());
    }
}

/// Fails if a secret or a panic is in what the gateway said.
pub fn nothing_leaked(captured: &Captured, output: &str) {
    for sign in ["panicked at", "stack backtrace", "RUST_BACKTRACE", "has overflowed its stack"] {
        assert!(!output.contains(sign), "the gateway's output has {sign:?}");
    }
    let secrets = captured.secrets.lock().unwrap();
    let answers = captured.answers.lock().unwrap().join("\n");
    for (place, text) in [("output", output), ("answers and metrics", answers.as_str())] {
        if let Some(secret) = first_secret(&secrets, text) {
            panic!("a secret of the world is in the gateway's {place}: {secret}");
        }
    }
}

fn first_secret<'a>(secrets: &'a HashSet<String>, text: &str) -> Option<&'a String> {
    if secrets.len() <= SECRETS_SEARCHED_EACH {
        return secrets.iter().find(|secret| text.contains(&secret[..secret.len().min(32)]));
    }
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').find_map(|word| secrets.get(word))
}

/// Fails unless requests, streams and connections go to zero once the clients are gone.
pub async fn nothing_is_open(world: &World) {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let metrics = world.metrics().await;
        let names = ["portcullis_requests_in_flight", "portcullis_streams_open", "portcullis_connections_open"];
        let open: Vec<_> = names.iter().map(|name| (*name, metrics.get(*name).copied())).collect();
        if open.iter().all(|(_, value)| *value == Some(0.0)) {
            return;
        }
        assert!(Instant::now() < deadline, "still open after the clients left: {open:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// The metrics of a Prometheus text, the series of each name summed.
pub fn series(text: &str) -> HashMap<String, f64> {
    let mut sums = HashMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let name = series.split('{').next().unwrap_or(series);
        let Ok(value) = value.parse::<f64>() else { continue };
        *sums.entry(name.to_owned()).or_insert(0.0) += value;
    }
    sums
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn finds(captured: &Captured, output: &str) -> bool {
        catch_unwind(AssertUnwindSafe(|| nothing_leaked(captured, output))).is_err()
    }

    #[test]
    fn the_harness_finds_what_it_looks_for() {
        let claims = "c".repeat(60);
        let signature = "s".repeat(86);
        let few = Captured::default();
        few.token(&format!("header.{claims}.{signature}"));
        few.secret("upstream-key");
        assert!(!finds(&few, "nothing of interest, but the header"));
        assert!(finds(&few, &format!("token={signature}")));
        assert!(finds(&few, &format!("x{claims}")), "glued to something");
        assert!(finds(&few, &format!("\"{}…\"", &signature[..40])), "cut short");
        assert!(finds(&few, "an upstream-key here"));
        assert!(finds(&few, "thread 'x' panicked at src/lib.rs"));
        few.answer(format!("HTTP/1.1 200 OK\r\nX: {claims}\r\n").as_bytes());
        assert!(finds(&few, ""), "in an answer");

        let many = Captured::default();
        for number in 0..1_000 {
            many.token(&format!("header.{number:0>60}.{number:1>86}"));
        }
        assert!(!finds(&many, "nothing"));
        assert!(finds(&many, &format!("{{\"token\":\"a.{:0>60}.b\"}}", 7)));
    }

    #[test]
    fn the_series_of_a_metric_are_summed() {
        let sums = series("# HELP a b\na{x=\"1\"} 2\na{x=\"2\"} 3\nb 0\n# EOF\n");
        assert_eq!((sums["a"], sums["b"], sums.len()), (5.0, 0.0, 2));
    }
}
