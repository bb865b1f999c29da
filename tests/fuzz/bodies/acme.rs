//! What must hold for the cache of ACME, and for what a CA says.

use portcullis::decide::acme::{
    domain::domain,
    kept::{KeptAccount, KeptCertificate, chain, facts},
    refusal::{CaProblem, ValidationsSeen, sentences, terms_of_service},
};

/// Each reader. Input: what it is, a line feed, its bytes.
pub(crate) fn acme(input: &[u8]) -> bool {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let (kind, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let is_line = |text: &str| text.chars().all(|c| !c.is_control()) && text.chars().count() < 10_000;
    match kind {
        b"account" => KeptAccount::read(rest).is_ok_and(|account| {
            assert_eq!(KeptAccount::read(account.write().expose()), Ok(account));
            true
        }),
        b"certificate" => {
            let _ = KeptCertificate::read(rest);
            chain(rest).is_ok_and(|chain| {
                assert!((1..=10).contains(&chain.len()));
                chain.iter().all(|one| facts(one).is_ok_and(|facts| facts.covers(&facts.names)))
            })
        }
        b"domain" => std::str::from_utf8(rest).is_ok_and(|text| {
            let good = domain(text).is_ok();
            assert!(!good || text.len() <= 253 && !text.contains(['*', '/', ':', ' ', '\n']));
            good
        }),
        b"directory" => terms_of_service(rest).is_some_and(|terms| {
            assert!(is_line(&terms) && terms.starts_with("http"));
            true
        }),
        b"problem" => {
            let text = String::from_utf8_lossy(rest);
            let mut lines = text.split('\n');
            let problem = CaProblem::new(lines.next(), lines.next(), lines.next(), "ops@example.com");
            let seen = Some(ValidationsSeen { answered: 1 });
            let said = sentences([(&problem, None), (&problem, seen)]);
            assert!(is_line(&said) && !said.contains("ops@example.com"), "{said}");
            true
        }
        _ => false,
    }
}
