//! What clients will refuse in the certificates of the listeners.

use super::own_file::{OwnFile, wall};
use crate::{
    cli::doctor::finding::Finding,
    config::ListenTls,
    inbound::accept::tls::{Certificates, Concern},
};

/// What is wrong with the certificates.
pub(super) fn check(of: &OwnFile<'_>) -> Vec<Finding> {
    let (settings, now) = (of.settings(), wall());
    let mut findings = Vec::new();
    for (index, listener) in settings.listen.iter().enumerate() {
        // A certificate by ACME renews itself.
        let Some(ListenTls::Files(files)) = &listener.tls else { continue };
        let key = format!("listen[{index}].tls.certificate");
        let place = files.certificate.display();
        match Certificates::load(&files.certificate, &files.key) {
            Err(why) => findings.push(
                Finding::new("certificate-unusable", of.at(&key))
                    .found(why)
                    .expected("a certificate and its key, as PEM")
                    .example("tls: {certificate: fullchain.pem, key: privkey.pem}"),
            ),
            Ok(certificates) => {
                let concerns = certificates.news(settings.public_url.host(), now);
                findings.extend(concerns.iter().map(|concern| told(of, &key, concern, &format!("{place}: {concern}"))));
            }
        }
    }
    findings
}

fn told(of: &OwnFile<'_>, key: &str, concern: &Concern, found: &str) -> Finding {
    let finding = |id| Finding::new(id, of.at(key)).found(found);
    match concern {
        Concern::Above { concern, .. } => told(of, key, concern, found),
        Concern::Expired | Concern::NotYetValid => {
            finding("certificate-expired").expected("a certificate that is valid now")
        }
        Concern::EndsSoon { .. } => finding("certificate-ends-soon").expected("a renewed certificate").warning(),
        // With another public_url, each client and each token would have another resource.
        Concern::OtherHost { host, .. } => finding("certificate-name").expected(format!("a certificate for {host}")),
        Concern::Unreadable(_) | Concern::Broken { .. } => {
            finding("certificate-unusable").expected("the certificate, and after it those that issued it")
        }
    }
}
