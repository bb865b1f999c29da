//! Reads `upstream.tls`: the CA of an upstream's certificate, and the gateway's own certificate.

use std::path::PathBuf;

use rustls::pki_types::CertificateDer;

use crate::{
    config::{
        pem::{authorities, certificates, private_key},
        reader::{Field, Fields},
    },
    outbound::client_certificate::ClientCertificate,
};

/// `upstream.tls` as written.
pub(super) struct WrittenTls {
    pub(super) ca: Option<(PathBuf, Vec<CertificateDer<'static>>)>,
    pub(super) own: Option<ClientCertificate>,
}

/// Reads `tls`; `has_ca`: whether `upstream.ca` is written beside it.
pub(super) fn read(field: &Field<'_>, has_ca: bool) -> Option<WrittenTls> {
    field.section("servers.*.upstream.tls", |fields| {
        let ca = fields.get("ca").map(|field| match has_ca {
            true => field.wrong("one of `upstream.ca` and `upstream.tls.ca`: they mean the same"),
            false => authorities(&field),
        });
        let own = own(fields);
        let ca = match ca {
            Some(None) => return None,
            Some(ca) => ca,
            None => None,
        };
        Some(WrittenTls { ca, own: own? })
    })
}

/// `certificate` and `key`, which belong together.
fn own(fields: &mut Fields<'_>) -> Option<Option<ClientCertificate>> {
    let (certificate, key) = (fields.get("certificate"), fields.get("key"));
    let (certificate, key) = match (certificate, key) {
        (None, None) => return Some(None),
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(alone), None) => return alone.wrong("`key` beside it: the private key of the certificate"),
        (None, Some(alone)) => return alone.wrong("`certificate` beside it: the certificate of the key"),
    };
    let chain = certificates(&certificate);
    let key = private_key(&key).map(|read| (read, &key));
    let ((certificate_path, chain), ((key_path, read), key)) = (chain?, key?);
    match ClientCertificate::new((chain, certificate_path), (&read, key_path)) {
        Ok(own) => Some(Some(own)),
        Err(why) => key.wrong(&format!("the private key of the first certificate in `certificate` ({why})")),
    }
}
