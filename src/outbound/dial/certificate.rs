//! Says which certificate made TLS fail: one not pinned, the gateway's own, or a missing one.

use std::{error::Error, fmt, fmt::Write as _, io};

use rustls::{AlertDescription, CertificateError, OtherError, pki_types::CertificateDer};

use crate::base::digest::sha256;

/// What to do about a certificate of an unknown authority.
const NOT_TRUSTED: &str = "its authority is not trusted here: for a private authority write its certificate under `ca`; a public \
                           server must also send the intermediate certificates";

/// How many certificates of a `ca` file are named.
const NAMED_MAX: usize = 2;

/// A server's certificate is neither in a `ca` file nor issued by a certificate there.
#[derive(Debug)]
pub struct NotPinned {
    found: String,
    pinned: String,
}

/// The server refuses the certificate of the gateway, or wants one.
#[derive(Debug)]
pub struct OwnRefused(AlertDescription);

/// The server refuses the handshake, often because it has no certificate for the name.
#[derive(Debug)]
pub struct NameRefused(AlertDescription);

impl NotPinned {
    /// The server has `found`, and `pinned` are in the file.
    #[must_use]
    pub fn new(found: &CertificateDer<'_>, pinned: &[CertificateDer<'_>]) -> Self {
        let mut names: Vec<String> = pinned.iter().take(NAMED_MAX).map(fingerprint).collect();
        if pinned.len() > NAMED_MAX {
            names.push("…".to_owned());
        }
        Self { found: fingerprint(found), pinned: names.join(", ") }
    }
}

/// As `openssl x509 -fingerprint -sha256` prints it.
fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let mut text = String::new();
    for byte in sha256(certificate) {
        let colon = if text.is_empty() { "" } else { ":" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{colon}{byte:02X}");
    }
    text
}

impl fmt::Display for NotPinned {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "the server's certificate (SHA-256 {}) is neither in the file of `ca` nor issued by a certificate there ({}): it may have been replaced",
            self.found, self.pinned
        )
    }
}

impl fmt::Display for OwnRefused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.0 {
            AlertDescription::CertificateRequired => "wants a certificate of the gateway, and got none".into(),
            AlertDescription::CertificateExpired => "refuses the gateway's own certificate: it has expired".into(),
            AlertDescription::CertificateRevoked => "refuses the gateway's own certificate: it is revoked".into(),
            AlertDescription::UnknownCA => "refuses the gateway's own certificate: its issuer is not trusted".into(),
            other => format!("refuses the gateway's own certificate, or the lack of one (alert {other:?})"),
        };
        write!(out, "the server {why}")
    }
}

impl fmt::Display for NameRefused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "the server refuses the TLS handshake (alert {:?}): it has no certificate for this name yet, does not know the name, or wants a certificate of the client",
            self.0
        )
    }
}

impl Error for NotPinned {}
impl Error for OwnRefused {}
impl Error for NameRefused {}

/// The refusal of a handshake by an alert that servers send without a certificate for the name:
/// rustls and Go's libraries one, OpenSSL and nginx the other. Some send `access_denied` to clients
/// without a certificate as well.
pub(super) fn refused_name(error: &io::Error) -> Option<NameRefused> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::AlertReceived(alert @ (AlertDescription::AccessDenied | AlertDescription::UnrecognisedName)) => {
            Some(NameRefused(*alert))
        }
        _ => None,
    }
}

/// Whether `cause` says that a certificate is not pinned.
pub(super) fn is_not_pinned(cause: &CertificateError) -> bool {
    matches!(cause, CertificateError::Other(OtherError(cause)) if cause.is::<NotPinned>())
}

/// The error of TLS in plain words, if it concerns the server's or the gateway's certificate.
pub(super) fn told(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(rustls::Error::InvalidCertificate(cause)) if is_not_pinned(cause) => {
            let CertificateError::Other(OtherError(cause)) = cause else { return error };
            io::Error::new(error.kind(), cause.to_string())
        }
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            io::Error::new(error.kind(), format!("{error}: {NOT_TRUSTED}"))
        }
        Some(rustls::Error::AlertReceived(alert)) if is_about_certificate(*alert) => {
            io::Error::new(error.kind(), OwnRefused(*alert))
        }
        _ => error,
    }
}

/// Whether a server sends this alert because of a client's certificate (RFC 8446 §6.2).
fn is_about_certificate(alert: AlertDescription) -> bool {
    use AlertDescription as Alert;
    matches!(
        alert,
        Alert::CertificateRequired
            | Alert::NoCertificate
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            // The signature of the certificate, or of the handshake, is not right.
            | Alert::DecryptError
    )
}

/// Whether `text` is an error that began as an [`OwnRefused`]: HTTP/2 keeps only the words.
#[must_use]
pub fn is_own_refused(text: &str) -> bool {
    text.contains("the server refuses the gateway's own certificate")
        || text.contains("the server wants a certificate of the gateway")
}
