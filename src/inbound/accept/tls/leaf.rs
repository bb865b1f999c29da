//! Finds what clients will refuse in a certificate: its dates and its host names.

use std::{fmt, time::Duration};

use rustls::{
    CertificateError, Error, RootCertStore,
    client::{verify_server_cert_signed_by_trust_anchor, verify_server_name},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

use crate::base::limits::operating::CERTIFICATE_ENDS_SOON;

const DAY_SECS: u64 = 86_400;
/// How many names of a certificate a warning prints.
const NAMES_SHOWN: usize = 8;

/// The validity of a certificate, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dates {
    pub(super) not_before: u64,
    pub(super) not_after: u64,
}

/// What is wrong with a certificate, or soon will be. Equal concerns are reported once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concern {
    /// Clients cannot read it.
    Unreadable(String),
    /// It has expired.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// It expires soon.
    EndsSoon {
        /// Whole days left.
        days: u64,
    },
    /// A concern about a later certificate of the chain.
    Above {
        /// Its place in the chain, counted from 1.
        place: usize,
        /// What is wrong with it.
        concern: Box<Concern>,
    },
    /// The next certificate did not issue this one.
    Broken {
        /// Its place in the chain, counted from 1.
        place: usize,
    },
    /// It does not name the host.
    OtherHost {
        /// Host of `public_url`.
        host: String,
        /// The names that it holds.
        names: Vec<String>,
    },
}

/// Reads the dates of `leaf` by the errors of a client's verifier at the two ends of time, which
/// name the dates. It needs no trust anchor, because a verifier checks the dates first.
pub(super) fn dates(leaf: &CertificateDer<'_>) -> Result<Dates, String> {
    let parsed = ParsedCertificate::try_from(leaf).map_err(|fault| fault.to_string())?;
    let ask = |at: u64| {
        let at = UnixTime::since_unix_epoch(Duration::from_secs(at));
        verify_server_cert_signed_by_trust_anchor(&parsed, &RootCertStore::empty(), &[], at, &[])
    };
    let not_after = match ask(u64::MAX) {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => not_after.as_secs(),
        Err(fault) => return Err(fault.to_string()),
        Ok(()) => u64::MAX,
    };
    let not_before = match ask(0) {
        Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. })) => not_before.as_secs(),
        // The certificate is valid since 1970.
        _ => 0,
    };
    Ok(Dates { not_before, not_after })
}

/// What clients will find wrong with the dates at `wall`.
pub(super) fn of_time(dates: &Result<Dates, String>, wall: Duration) -> Option<Concern> {
    let dates = match dates {
        Ok(dates) => dates,
        Err(why) => return Some(Concern::Unreadable(why.clone())),
    };
    let now = wall.as_secs();
    let left = dates.not_after.saturating_sub(now);
    if now > dates.not_after {
        Some(Concern::Expired)
    } else if now < dates.not_before {
        Some(Concern::NotYetValid)
    } else if left < CERTIFICATE_ENDS_SOON.as_secs() {
        Some(Concern::EndsSoon { days: left / DAY_SECS })
    } else {
        None
    }
}

/// The concern that `leaf` does not name `host` (with brackets, if it has them).
pub(super) fn other_host(leaf: &CertificateDer<'_>, host: &str) -> Option<Concern> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let names = match (ParsedCertificate::try_from(leaf), ServerName::try_from(bare)) {
        (Ok(parsed), Ok(name)) => match verify_server_name(&parsed, &name) {
            Ok(()) => return None,
            Err(Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. })) => {
                presented.iter().map(|name| plain(name)).collect()
            }
            Err(_) => Vec::new(),
        },
        // No certificate can name this host.
        _ => Vec::new(),
    };
    Some(Concern::OtherHost { host: host.to_owned(), names })
}

/// A name as an operator writes it: rustls writes `DnsName("a.example")` and
/// `IpAddress(192.0.2.7)`.
fn plain(name: &str) -> String {
    let inside = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inside.trim_matches('"').to_owned()
}

impl fmt::Display for Concern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(out, "clients cannot read it ({why}); replace it"),
            Self::Expired => out.write_str("it has expired and clients refuse it; replace it"),
            Self::NotYetValid => {
                out.write_str("it is not valid yet and clients refuse it; check its dates and this clock")
            }
            Self::EndsSoon { days: 0 } => out.write_str("it expires within a day; replace it"),
            Self::EndsSoon { days } => write!(out, "it expires in {days} days; replace it"),
            Self::Above { place, concern } => write!(out, "certificate {place} in it: {concern}"),
            Self::Broken { place } => write!(
                out,
                "certificate {place} in it was not issued by certificate {}, and clients that do not know the issuer refuse it; \
                 write the server's own certificate first, and each next one its issuer's",
                place + 1
            ),
            Self::OtherHost { host, names } if names.is_empty() => {
                write!(out, "it names no host, and clients ask for {host}, the host of public_url")
            }
            Self::OtherHost { host, names } => {
                let shown = names.iter().take(NAMES_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
                let more = if names.len() > NAMES_SHOWN { ", …" } else { "" };
                write!(
                    out,
                    "it is for {shown}{more}, and clients ask for {host}, the host of public_url; they refuse it"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    /// 2026-11-28T00:00:00Z.
    const NOW: Duration = Duration::from_secs(1_795_824_000);

    fn made(names: &[&str], from: (i32, u8, u8), until: (i32, u8, u8)) -> CertificateDer<'static> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(until.0, until.1, until.2);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    fn found(leaf: &CertificateDer<'_>, host: &str) -> Vec<Concern> {
        let dates = dates(leaf);
        let other = other_host(leaf, host).filter(|_| dates.is_ok());
        of_time(&dates, NOW).into_iter().chain(other).collect()
    }

    #[test]
    fn attack_189_dates_are_read_as_clients_read_them() {
        let leaf = made(&["a.example"], (2026, 1, 1), (2026, 12, 24));
        assert_eq!(dates(&leaf), Ok(Dates { not_before: 1_767_225_600, not_after: 1_798_070_400 }));
        let leaf = made(&["a.example"], (1970, 1, 1), (4096, 1, 1));
        assert_eq!(dates(&leaf), Ok(Dates { not_before: 0, not_after: 67_090_118_400 }));
        assert!(dates(&CertificateDer::from(vec![0x30, 0])).is_err());
    }

    #[test]
    fn attack_189_what_is_wrong_with_the_dates() {
        for (from, until, wanted) in [
            ((2026, 1, 1), (2027, 1, 1), None),
            ((2026, 1, 1), (2026, 12, 12), None),
            ((2026, 1, 1), (2026, 12, 11), Some(Concern::EndsSoon { days: 13 })),
            ((2026, 1, 1), (2026, 11, 29), Some(Concern::EndsSoon { days: 1 })),
            ((2026, 1, 1), (2026, 11, 28), Some(Concern::EndsSoon { days: 0 })),
            ((2026, 1, 1), (2026, 11, 27), Some(Concern::Expired)),
            ((2026, 11, 29), (2027, 1, 1), Some(Concern::NotYetValid)),
        ] {
            let leaf = made(&["a.example"], from, until);
            assert_eq!(found(&leaf, "a.example"), Vec::from_iter(wanted), "{from:?} to {until:?}");
        }
        let unreadable = found(&CertificateDer::from(vec![0x30, 0]), "a.example");
        assert!(matches!(&*unreadable, [Concern::Unreadable(_)]), "{unreadable:?}");
    }

    #[test]
    fn attack_189_wildcards_and_addresses_are_names_too() {
        let names = ["mcp.example.com", "*.wild.example", "192.0.2.7", "2001:db8::7"];
        let leaf = made(&names, (2026, 1, 1), (2027, 1, 1));
        for (host, is_named) in [
            ("mcp.example.com", true),
            ("a.wild.example", true),
            ("192.0.2.7", true),
            ("[2001:db8::7]", true),
            ("example.com", false),
            ("wild.example", false),
            ("a.b.wild.example", false),
            ("192.0.2.8", false),
            ("[2001:db8::8]", false),
            ("localhost", false),
        ] {
            assert_eq!(found(&leaf, host).is_empty(), is_named, "{host}");
        }
        let told: Vec<String> = found(&leaf, "localhost").iter().map(ToString::to_string).collect();
        let names = "mcp.example.com, *.wild.example, 192.0.2.7, ";
        assert!(told.len() == 1 && told[0].starts_with(&format!("it is for {names}")), "{told:?}");
        assert!(told[0].contains("clients ask for localhost"), "{told:?}");
        let nameless = made(&[], (2026, 1, 1), (2027, 1, 1));
        assert!(matches!(&*found(&nameless, "localhost"), [Concern::OtherHost { names, .. }] if names.is_empty()));
    }
}
