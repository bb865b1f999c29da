//! Reads PEM files whose contents become settings: a changed file is a changed setting.

use std::path::PathBuf;

use memchr::memmem;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::{
    base::limits::operating::CERTIFICATES_FILE_BYTES_MAX,
    config::{
        file_bytes::{file_bytes, file_bytes_up_to},
        pem_contents::other,
        reader::Field,
        value,
    },
    outbound::{certificate_dates::is_certificate, fetch::private_roots},
};

/// The certificates of a private CA, or certificates of servers that are pinned.
pub(super) fn authorities(field: &Field<'_>) -> Option<(PathBuf, Vec<CertificateDer<'static>>)> {
    let (path, certificates) = certificates(field)?;
    match private_roots(&certificates) {
        Ok(_) => Some((path, certificates)),
        Err(_) => field.wrong("a PEM file that holds certificates that can be trusted: one of them cannot be read"),
    }
}

/// Certificates. They are read now, because the TLS settings are built from them.
pub(super) fn certificates(field: &Field<'_>) -> Option<(PathBuf, Vec<CertificateDer<'static>>)> {
    let path = value::path(field, "the path of a PEM file")?;
    let bytes = file_bytes_up_to(CERTIFICATES_FILE_BYTES_MAX, field, &path)?;
    field.reading.depends_on(&path);
    match CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>() {
        Ok(certificates) if !certificates.is_empty() => match certificates.iter().position(|der| !is_certificate(der)) {
            None => Some((path, certificates)),
            Some(at) => field.wrong(&format!(
                "a PEM file that holds certificates: between BEGIN and END of certificate {}, there is something else",
                at + 1
            )),
        },
        Ok(_) if memmem::find(&bytes, b"-----BEGIN TRUSTED CERTIFICATE-----").is_some() => field.wrong(
            "a PEM file of BEGIN CERTIFICATE blocks; this one has BEGIN TRUSTED CERTIFICATE blocks, which only OpenSSL \
             reads: `openssl x509 -in FILE` writes the first one as needed",
        ),
        _ => other(field, &bytes, "a PEM file that holds certificates"),
    }
}

/// A private key.
pub(super) fn private_key(field: &Field<'_>) -> Option<(PathBuf, PrivateKeyDer<'static>)> {
    let path = value::path(field, "the path of a PEM file")?;
    let bytes = file_bytes(field, &path)?;
    field.reading.depends_on(&path);
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(key) => Some((path, key)),
        Err(_) => other(field, &bytes, "a PEM file that holds a private key without a password"),
    }
}
