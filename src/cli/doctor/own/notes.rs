//! Which finding a note of a running gateway's `/readyz` is: certificates by ACME, and others.

use super::own_file::OwnFile;
use crate::{
    cli::doctor::finding::Finding,
    config::ListenTls,
    outbound::acme::held::{NO_CERTIFICATE, NOT_RENEWED},
};

/// The finding of a note.
pub(super) fn finding(of: &OwnFile<'_>, note: &str) -> Finding {
    if let Some(rest) = note.strip_prefix(NO_CERTIFICATE) {
        let at = at_listener(of, rest);
        return Finding::new("certificate-missing", at).found(note).expected("a certificate that the CA has issued");
    }
    if let Some(rest) = note.strip_prefix(NOT_RENEWED) {
        let at = at_listener(of, rest);
        return Finding::new("certificate-not-renewed", at).found(note).expected("a renewed certificate").warning();
    }
    Finding::new("gateway-note", of.at("")).found(note).expected("a gateway without notes").warning()
}

/// The listener whose names the note begins with.
fn at_listener(of: &OwnFile<'_>, names: &str) -> String {
    let is_named = |tls: &Option<ListenTls>| match tls {
        Some(ListenTls::Acme(acme)) => names.strip_prefix(&*acme.names()).is_some_and(|rest| rest.starts_with(' ')),
        _ => false,
    };
    let index = of.settings().listen.iter().position(|one| is_named(&one.tls));
    of.at(&index.map_or_else(|| "listen".to_owned(), |index| format!("listen[{index}].tls.acme")))
}
