//! Says whether bytes are a certificate, and what is wrong with the dates of certificates.

use std::time::Duration;

use rustls::{pki_types::CertificateDer, server::ParsedCertificate};
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use crate::base::limits::operating::CERTIFICATE_ENDS_SOON;

const DAY_SECS: i64 = 86_400;

/// Whether this is a certificate, of any version.
#[must_use]
pub fn is_certificate(der: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(der).is_ok() || ParsedCertificate::try_from(der).is_ok()
}

/// What is wrong with the dates of these certificates at `wall`, or soon will be. Of several, one
/// that is valid is enough: a file of CAs may hold old ones.
#[must_use]
pub fn concern(certificates: &[CertificateDer<'_>], wall: Duration) -> Option<String> {
    let now = i64::try_from(wall.as_secs()).unwrap_or(i64::MAX);
    let soon = i64::try_from(CERTIFICATE_ENDS_SOON.as_secs()).unwrap_or(i64::MAX);
    let validities = certificates.iter().filter_map(|der| {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        Some((parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp()))
    });
    let begun = |(from, until): &(i64, i64)| (*from <= now, *until);
    let (from, until) = validities.max_by_key(begun)?;
    let left = until.saturating_sub(now);
    if from > now {
        Some("it is not valid yet; check its dates and this clock".to_owned())
    } else if left < 0 {
        Some("it has expired, and connections fail; replace it".to_owned())
    } else if left < DAY_SECS && left < soon {
        Some("it expires within a day, and then connections fail; replace it".to_owned())
    } else if left < soon {
        Some(format!("it expires in {} days, and then connections fail; replace it", left / DAY_SECS))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    /// 2026-11-28T00:00:00Z.
    const NOW: Duration = Duration::from_secs(1_795_824_000);

    fn made(from: (i32, u8, u8), until: (i32, u8, u8)) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(until.0, until.1, until.2);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn people_a8_of_several_certificates_a_valid_one_is_enough() {
        let (old, good) = (made((2020, 1, 1), (2021, 1, 1)), made((2026, 1, 1), (2030, 1, 1)));
        let (soon, later) = (made((2026, 1, 1), (2026, 12, 1)), made((2027, 1, 1), (2040, 1, 1)));
        let said = |all: &[&CertificateDer<'static>]| {
            let all: Vec<_> = all.iter().map(|one| (*one).clone()).collect();
            concern(&all, NOW).unwrap_or_default()
        };
        assert!(said(&[&old]).contains("has expired"));
        assert!(said(&[&soon]).contains("expires in 3 days"));
        assert!(said(&[&later]).contains("not valid yet"));
        assert!(said(&[&soon, &old, &later]).contains("expires in 3 days"));
        for fine in [&[&good][..], &[&old, &good], &[&later, &good], &[]] {
            assert_eq!(said(fine), "");
        }
        assert!(is_certificate(&good) && !is_certificate(&CertificateDer::from(vec![48, 0])));
    }
}
