//! The keys of `listen[].tls.acme`: certificates from a CA, by ACME.

use crate::{
    config::keys::row::{FILE, KeyRow, KeySection, SECRET, filled, filled_list, matching},
    outbound::acme::settings::LETS_ENCRYPT,
};

/// Default of `cache`.
pub(in crate::config) const CACHE: &str = "acme";

/// `acme`.
pub(super) fn section() -> KeySection {
    KeySection {
        about: "The certificate comes from a CA by ACME (RFC 8555), and is renewed. With this section you agree to the \
                terms of service of the CA. See [Certificates by ACME](acme.md).",
        one_of: &[],
        keys: vec![
            KeyRow::required(
                "email",
                matching("an e-mail address", "^[^@\\s]+@[^@\\s]+$"),
                "Where the CA may write to about the account and its certificates. It is sent to the CA and not logged.",
            ),
            KeyRow::optional(
                "domains",
                filled_list("host names", filled("a host name")),
                "The names in the certificate. Each must lead to this listener at port 443: the CA connects there. \
                 Wildcards and IP addresses are not possible.",
            )
            .or_else("the host of `public_url`"),
            KeyRow::optional(
                "cache",
                FILE,
                "A folder for the account, the certificate and their keys, which only the gateway may read. It is \
                 created where it does not exist, and must outlive the process. Replicas share a certificate by \
                 sharing the folder.",
            )
            .or(CACHE.into()),
            KeyRow::optional(
                "directory",
                matching("a URL", "^https?://"),
                "The directory of the CA. For tests: `https://acme-staging-v02.api.letsencrypt.org/directory`.",
            )
            .or(LETS_ENCRYPT.into()),
            KeyRow::optional(
                "ca",
                FILE,
                "A PEM file with the certificates that the directory's own certificate comes from, for a private CA \
                 such as step-ca. With it, the public CAs are not trusted for the directory.",
            ),
            KeyRow::section("external_account", external_account()),
        ],
    }
}

fn external_account() -> KeySection {
    KeySection {
        about: "External account binding, which some CAs require, such as ZeroSSL and Google.",
        one_of: &[],
        keys: vec![
            KeyRow::required("key_id", filled("a key id"), "The key id that the CA gives you."),
            KeyRow::required("key", SECRET, "The HMAC key that the CA gives you, in base64url."),
        ],
    }
}
