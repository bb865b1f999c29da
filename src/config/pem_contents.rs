//! Says what a file holds that should hold a certificate or a key in PEM.

use memchr::memmem;

use crate::config::{problem::quoted, reader::Field};

/// Records that a file holds something else, and says what.
pub(super) fn other<T>(field: &Field<'_>, bytes: &[u8], expected: &str) -> Option<T> {
    let has = |part: &str| memmem::find(bytes, part.as_bytes()).is_some();
    let held = if has("ENCRYPTED") && has("PRIVATE KEY") {
        let found = format!("{}, a private key with a password", quoted(field.scalar_text().unwrap_or_default()));
        let expected = "a private key without a password, which `openssl pkey -in FILE -out NEW` writes";
        field.reading.problem(&field.place, &found, expected);
        return None;
    } else if has("PRIVATE KEY-----") {
        "which holds a private key"
    } else if has("-----BEGIN CERTIFICATE-----") {
        "which holds certificates"
    } else if has("CERTIFICATE REQUEST-----") {
        "which holds a certificate request, and not the certificate that the CA made from it"
    } else if has("PUBLIC KEY-----") {
        "which holds a public key"
    } else if bytes.starts_with(&[0x30]) {
        "which is not PEM (`openssl x509 -inform DER` or `openssl pkcs12 -nodes` converts it)"
    } else if bytes.trim_ascii().is_empty() {
        "which is empty"
    } else {
        return field.wrong(expected);
    };
    let found = format!("{}, {held}", quoted(field.scalar_text().unwrap_or_default()));
    field.reading.problem(&field.place, &found, expected);
    None
}
