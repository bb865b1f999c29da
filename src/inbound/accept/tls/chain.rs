//! Finds what clients will refuse in a certificate chain: dates and order.

use std::time::Duration;

use rustls::{
    CertificateError, Error, RootCertStore,
    client::verify_server_cert_signed_by_trust_anchor,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, UnixTime},
    server::ParsedCertificate,
};

use super::leaf::{self, Concern, Dates};

/// The dates and the order of a chain, the server's own certificate first.
pub(super) struct Chain {
    dates: Vec<Result<Dates, String>>,
    /// The place of the first certificate that the next certificate did not issue, counted from 1.
    broken: Option<usize>,
}

impl Chain {
    /// Reads the certificates.
    pub(super) fn of(chain: &[CertificateDer<'_>]) -> Self {
        let dates: Vec<Result<Dates, String>> = chain.iter().map(leaf::dates).collect();
        let broken = (1..chain.len()).find(|place| is_broken(chain, &dates, *place));
        Self { dates, broken }
    }

    /// What clients of `host` (with brackets, if it has them) will find wrong at `wall`. `leaf` is
    /// the first certificate.
    pub(super) fn concerns(&self, leaf: &CertificateDer<'_>, host: &str, wall: Duration) -> Vec<Concern> {
        let mut concerns = Vec::new();
        for (index, dates) in self.dates.iter().enumerate() {
            match leaf::of_time(dates, wall) {
                Some(concern @ Concern::Unreadable(_)) if index == 0 => return vec![concern],
                Some(concern) if index == 0 => concerns.push(concern),
                Some(concern) => concerns.push(Concern::Above { place: index + 1, concern: Box::new(concern) }),
                None => {}
            }
        }
        concerns.extend(self.broken.map(|place| Concern::Broken { place }));
        concerns.extend(leaf::other_host(leaf, host));
        concerns
    }

    /// When the first certificate of the chain expires, in seconds since 1970; `None` if the leaf
    /// cannot be read.
    pub(super) fn not_after(&self) -> Option<u64> {
        self.dates.first()?.as_ref().ok()?;
        self.dates.iter().flatten().map(|dates| dates.not_after).min()
    }
}

/// Whether the next certificate surely did not issue the certificate at `place`, counted from 1. To
/// find out, a verifier that trusts the next certificate checks the path up to it, at a time at
/// which all certificates in the path are valid.
fn is_broken(chain: &[CertificateDer<'_>], dates: &[Result<Dates, String>], place: usize) -> bool {
    let (Some(path), Some(issuer)) = (chain.get(..place), chain.get(place)) else { return false };
    let Some((leaf, between)) = path.split_first() else { return false };
    let at = dates.iter().take(place).flatten().map(|dates| dates.not_before).max().unwrap_or(0);
    let mut trusted = RootCertStore::empty();
    let Ok(parsed) = ParsedCertificate::try_from(leaf) else { return false };
    if trusted.add(issuer.clone().into_owned()).is_err() {
        return false;
    }
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at));
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms.all;
    let verdict = verify_server_cert_signed_by_trust_anchor(&parsed, &trusted, between, at, algorithms);
    matches!(verdict, Err(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)))
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};

    use super::*;

    type Date = (i32, u8, u8);
    type Issuer = CertifiedIssuer<'static, KeyPair>;
    const NOW: Duration = Duration::from_secs(1_795_824_000);
    const LONG: Date = (2050, 1, 1);

    fn params(name: &str, until: Date) -> CertificateParams {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until.0, until.1, until.2);
        params
    }

    fn issuer(name: &str, until: Date, above: Option<&Issuer>) -> Issuer {
        let mut params = params(name, until);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        match above {
            Some(above) => CertifiedIssuer::signed_by(params, key, above).unwrap(),
            None => CertifiedIssuer::self_signed(params, key).unwrap(),
        }
    }

    fn leaf(until: Date, above: &Issuer) -> CertificateDer<'static> {
        params("a.example", until).signed_by(&KeyPair::generate().unwrap(), above).unwrap().der().clone()
    }

    fn found(chain: &[&CertificateDer<'static>]) -> (Vec<Concern>, Option<u64>) {
        let chain: Vec<_> = chain.iter().map(|one| (*one).clone()).collect();
        let seen = Chain::of(&chain);
        (seen.concerns(&chain[0], "a.example", NOW), seen.not_after())
    }

    #[test]
    fn attack_189_the_chain_is_read_to_its_end() {
        const AT_LONG: u64 = 2_524_608_000;
        let root = issuer("root", LONG, None);
        let middle = issuer("middle", LONG, Some(&root));
        let own = leaf(LONG, &middle);
        assert_eq!(found(&[&own]), (vec![], Some(AT_LONG)));
        assert_eq!(found(&[&own, middle.der()]), (vec![], Some(AT_LONG)));
        assert_eq!(found(&[&own, middle.der(), root.der()]), (vec![], Some(AT_LONG)));

        // An intermediate certificate that expires before the leaf.
        let above = |place: usize, concern| Concern::Above { place, concern: Box::new(concern) };
        let over = issuer("over", (2026, 1, 1), Some(&root));
        let own = leaf(LONG, &over);
        assert_eq!(found(&[&own, over.der()]), (vec![above(2, Concern::Expired)], Some(1_767_225_600)));
        let soon = issuer("soon", (2026, 12, 1), Some(&root));
        let own = leaf(LONG, &soon);
        let (concerns, until) = found(&[&own, soon.der(), root.der()]);
        assert_eq!((concerns, until), (vec![above(2, Concern::EndsSoon { days: 3 })], Some(1_796_083_200)));
    }

    #[test]
    fn attack_189_a_certificate_that_was_issued_by_another_than_the_next_is_told() {
        let (root, other) = (issuer("root", LONG, None), issuer("other", LONG, None));
        let (middle, foreign) = (issuer("middle", LONG, Some(&root)), issuer("foreign", LONG, Some(&root)));
        // The same name with another key.
        let twin = issuer("middle", LONG, Some(&root));
        let own = leaf(LONG, &middle);
        for (chain, place) in [
            (vec![&own, foreign.der()], 1),
            (vec![&own, twin.der(), root.der()], 1),
            (vec![&own, root.der(), middle.der()], 1),
            (vec![&own, middle.der(), other.der()], 2),
            (vec![&own, middle.der(), root.der(), other.der()], 3),
            (vec![&own, &own], 1),
        ] {
            assert_eq!(found(&chain).0, [Concern::Broken { place }], "{place}");
        }
        let said = Concern::Broken { place: 2 }.to_string();
        assert!(said.contains("certificate 2 in it was not issued by certificate 3"), "{said}");
        // A second certificate that cannot be read.
        let (concerns, _) = found(&[&own, &CertificateDer::from(vec![0x30, 0])]);
        assert!(matches!(&*concerns, [Concern::Above { place: 2, .. }]), "{concerns:?}");
    }
}
