//! Where a finding from outside belongs in one's own file, and what to write or to do there.

use http::HeaderValue;

use crate::{
    base::web_origin::is_web_origin,
    cli::{
        doctor::{
            catalogue::known,
            finding::Finding,
            outside::host_of,
            own::{OwnFile, words},
        },
        terminal::word,
    },
    config::{ListenTls, ServerSettings},
    outbound::keys::{IssuerSettings, KeySource},
};

/// Findings whose cause is one for all servers of a gateway: nothing answers, or no client trusts
/// it.
const OF_THE_ORIGIN: &[&str] = &[
    "name-unresolved",
    "connection-refused",
    "host-unreachable",
    "address-forbidden",
    "forward-proxy",
    "tls-name",
    "tls-expired",
    "tls-not-yet-valid",
    "tls-unknown-issuer",
    "tls-client-certificate",
    "tls-refused",
    "tls-failed",
    "not-http",
    "no-answer",
    "mcp-bad-gateway",
];
/// Findings about the certificate that clients see.
const OF_THE_CERTIFICATE: &[&str] =
    &["tls-name", "tls-expired", "tls-not-yet-valid", "tls-unknown-issuer", "tls-refused", "certificate-ends-soon"];
/// What this gateway never answers with this file.
const OF_ANOTHER: &[&str] = &[
    "no-authorization",
    "mcp-not-found",
    "mcp-method-refused",
    "mcp-unexpected-status",
    "not-mcp",
    "challenge-metadata-host",
    "challenge-metadata-http",
    "challenge-metadata-relative",
    "resource-differs",
    "resource-above",
    "resource-slash",
    "resource-http",
    "resource-host",
    "resource-missing",
    "issuers-missing",
    "metadata-forms-differ",
];
/// How these come about.
const NOT_THIS: &str = "What answers at the URL is not this gateway with this file: it is another program, a proxy that changes paths or \
                        answers, or the gateway with an older file.";
/// The longest value that is repeated in a line to write.
const WRITTEN_BYTES_MAX: usize = 300;

/// Whether a finding has one cause for all servers.
pub(super) fn is_of_the_origin(finding: &Finding) -> bool {
    OF_THE_ORIGIN.contains(&finding.id)
}

/// A server of one's own file, for the findings at its URL.
pub(super) struct OwnServer<'a> {
    /// The file.
    pub of: &'a OwnFile<'a>,
    /// The server.
    pub server: &'a ServerSettings,
    /// The origin of a page that must be able to connect.
    pub origin: Option<&'a HeaderValue>,
}

impl OwnServer<'_> {
    /// The finding with its place in the file, what to write there, and what to do.
    pub(super) fn placed(&self, mut finding: Finding) -> Finding {
        // What is wrong with a token alone is in no configuration.
        if matches!(finding.id, "token-expired" | "token-not-yet-valid" | "token-is-id-token" | "token-empty") {
            return finding;
        }
        finding.place = Some(self.of.at(&self.key(&finding)));
        finding.line = self.line(&finding);
        finding.example = self.example(&finding);
        if let Some(fix) = self.fix(&finding) {
            finding.fix = fix;
        }
        if OF_ANOTHER.contains(&finding.id) {
            finding.cause = NOT_THIS.to_owned();
        }
        finding
    }

    /// The key that the finding is about.
    fn key(&self, finding: &Finding) -> String {
        let server = |key: &str| format!("servers.{}.{key}", self.server.name);
        match finding.id {
            "origin-refused" | "cors-origin-not-allowed" => server("allowed_origins"),
            "token-audience" => server("audiences"),
            "token-scope" => server("rules"),
            "token-issuer" => match self.issuers().find(|issuer| is_respelled(issuer, finding)) {
                Some(issuer) => format!("authorization_servers.{}.accepted_issuers", issuer.rules.name),
                None => server("authorization_servers"),
            },
            "token-opaque" => match self.issuers().find(|issuer| can_introspect(issuer)) {
                Some(issuer) => format!("authorization_servers.{}.introspection", issuer.rules.name),
                None => server("authorization_servers"),
            },
            "session-lost" if self.of.loaded.settings.session_keys.is_empty() => "session_keys".to_owned(),
            "session-lost" | "initialize-failed" | "tools-list-failed" | "stream-buffered" => server("upstream.url"),
            id if OF_THE_CERTIFICATE.contains(&id) => self.certificate().unwrap_or_else(|| "public_url".to_owned()),
            "redirect-to-https"
            | "url-not-https"
            | "proxy-answers"
            | "mcp-host-refused"
            | "clock-skew"
            | "no-authorization"
            | "challenge-metadata-host"
            | "challenge-metadata-http"
            | "resource-host"
            | "resource-http" => "public_url".to_owned(),
            id if OF_THE_ORIGIN.contains(&id) => "public_url".to_owned(),
            id => match self.issuer_of(finding) {
                Some(issuer) => self.issuer_key(issuer, id),
                None => server("path"),
            },
        }
    }

    /// The line that is right for this file, with the values that were found.
    fn line(&self, finding: &Finding) -> Option<String> {
        match finding.id {
            "origin-refused" | "cors-origin-not-allowed" => {
                let origin = self.origin?.to_str().ok().filter(|origin| is_web_origin(origin))?;
                let before = self.server.allowed_origins.iter().filter_map(|one| one.to_str().ok());
                list("allowed_origins", before, origin)
            }
            // Only for one server: a token that several accept is good at each of them.
            "token-audience" if self.of.loaded.settings.servers.len() == 1 => {
                list("audiences", self.server.audiences.iter().map(|one| &**one), finding.value.as_deref()?)
            }
            "token-issuer" => {
                let issuer = self.issuers().find(|issuer| is_respelled(issuer, finding))?;
                let before = issuer.rules.issuers.iter().skip(1).map(|one| one.as_str());
                list("accepted_issuers", before, finding.value.as_deref()?)
            }
            "issuer-slash" => {
                let issuer = self.issuer_of(finding).filter(|issuer| issuer.keys != KeySource::Embedded)?;
                let found = finding.value.as_deref().filter(|_| is_respelled(issuer, finding))?;
                Some(format!("issuer: {}", written(found)?))
            }
            "redirect-to-https" => {
                let public_url = &self.of.loaded.settings.public_url;
                let found = finding.value.as_deref().filter(|found| host_of(found) == public_url.host())?;
                Some(format!("public_url: {}", written(found)?))
            }
            "registration-missing" => {
                let issuer = self.issuer_of(finding).filter(|issuer| issuer.keys == KeySource::Embedded)?;
                let is_written = self.has_registration(issuer);
                Some(if is_written { "dynamic: open" } else { "registration: {dynamic: open}" }.to_owned())
            }
            "session-lost" if self.of.loaded.settings.session_keys.is_empty() => {
                Some("session_keys: [\"env:SESSION_KEY\"]".to_owned())
            }
            _ => None,
        }
    }

    /// What a line looks like whose values are not known here.
    fn example(&self, finding: &Finding) -> Option<String> {
        match finding.id {
            "token-opaque" => self
                .issuers()
                .any(can_introspect)
                .then(|| "introspection: {client_id: gateway, client_secret: \"env:INTROSPECTION_SECRET\"}".to_owned()),
            _ => None,
        }
    }

    /// What to do to this gateway, where the catalogue speaks of any server.
    fn fix(&self, finding: &Finding) -> Option<String> {
        let general = || {
            let known = || known().find(|known| known.id == finding.id).map_or("", |known| known.fix);
            let fix = if finding.fix.is_empty() { known() } else { finding.fix.as_str() };
            let mut letters = fix.chars();
            letters.next().map(|first| format!("{}{}", first.to_lowercase(), letters.as_str())).unwrap_or_default()
        };
        let file = word(&self.of.path.display().to_string());
        let listen: Vec<String> =
            self.of.loaded.settings.listen.iter().map(|listener| listener.address.to_string()).collect();
        let listen = listen.join(", ");
        Some(match finding.id {
            "connection-refused" => format!(
                "start the gateway: portcullis run --config {file}; if it runs elsewhere, name the place with --reach-at ADDRESS"
            ),
            id if OF_ANOTHER.contains(&id) => {
                let elsewhere = finding.value.as_deref().filter(|_| id == "mcp-not-found");
                let elsewhere = elsewhere.map(|url| format!(". An MCP server answers at {url}")).unwrap_or_default();
                format!(
                    "let the proxy in front pass this path unchanged to the gateway ({listen}); if the file has changed since the gateway started, reload it (SIGHUP) or start it again{elsewhere}"
                )
            }
            id if OF_THE_CERTIFICATE.contains(&id) && self.certificate().is_none() => format!(
                "no listener of this file has TLS, so the certificate is that of the proxy in front. There, {}",
                general()
            ),
            "token-audience" if finding.value.is_some() => format!(
                "have the authorization server write the URL of the MCP server into `aud`; or, only if {} stands for this MCP server and for nothing else, accept it here",
                finding.value.as_deref().unwrap_or_default()
            ),
            "token-issuer" if finding.line.is_none() => {
                "get a token of an issuer that this server names; an issuer that is not in the file yet is added under `authorization_servers`, and its name to those of the server".to_owned()
            }
            "session-lost" if finding.line.is_some() => {
                "give all replicas of the gateway one key (`openssl rand -base64 32`); if there is one replica, let the proxy before the MCP server send a session to one of its replicas".to_owned()
            }
            "mcp-host-refused" => format!(
                "let the proxy in front pass `Host` unchanged (`proxy_set_header Host $host` in nginx), or add the name that it sends to `hosts`: the log of the gateway names it. Listeners of this file: {listen}"
            ),
            _ => return None,
        })
    }

    /// The authorization servers of this server.
    fn issuers(&self) -> impl Iterator<Item = &IssuerSettings> {
        let all = &self.of.loaded.settings.authorization_servers;
        self.server.authorization_servers.iter().filter_map(|at| all.get(*at))
    }

    /// The authorization server that the finding is about.
    fn issuer_of(&self, finding: &Finding) -> Option<&IssuerSettings> {
        let name = finding.issuer.as_deref()?;
        self.issuers().find(|issuer| issuer.rules.issuers.first().is_some_and(|first| first.as_str() == name))
    }

    fn issuer_key(&self, issuer: &IssuerSettings, id: &str) -> String {
        let key = format!("authorization_servers.{}", issuer.rules.name);
        match (&issuer.keys, id) {
            (KeySource::Embedded, "registration-missing") if self.has_registration(issuer) => {
                format!("{key}.embedded.registration.dynamic")
            }
            (KeySource::Embedded, _) => format!("{key}.embedded"),
            _ => format!("{key}.issuer"),
        }
    }

    /// Whether the file says which clients the embedded server of the finding has: others are not
    /// let in for a finding's sake.
    pub(super) fn has_chosen_clients(&self, finding: &Finding) -> bool {
        let embedded = |issuer: &&IssuerSettings| issuer.keys == KeySource::Embedded;
        let Some(issuer) = self.issuer_of(finding).filter(embedded) else { return false };
        let all = &self.of.loaded.settings.embedded;
        all.iter()
            .any(|one| one.issuer.as_str() == finding.issuer.as_deref().unwrap_or_default() && !one.clients.is_empty())
            || self.has_dynamic(issuer)
    }

    /// Whether `registration.dynamic` is written.
    fn has_dynamic(&self, issuer: &IssuerSettings) -> bool {
        let key = format!("authorization_servers.{}.embedded.registration", issuer.rules.name);
        let places = &self.of.loaded.places;
        places.find(&format!("{key}.dynamic")) != places.find(&key)
    }

    /// Whether `registration` is written.
    fn has_registration(&self, issuer: &IssuerSettings) -> bool {
        let key = format!("authorization_servers.{}.embedded", issuer.rules.name);
        let places = &self.of.loaded.places;
        places.find(&format!("{key}.registration")) != places.find(&key)
    }

    /// The key of the certificate that clients see, unless a proxy in front has one of its own.
    fn certificate(&self) -> Option<String> {
        let mut listeners = self.of.loaded.settings.listen.iter().enumerate();
        listeners.find_map(|(index, listener)| match &listener.tls {
            Some(ListenTls::Files(_)) => Some(format!("listen[{index}].tls.certificate")),
            Some(ListenTls::Acme(_)) => Some(format!("listen[{index}].tls.acme")),
            None => None,
        })
    }
}

/// Whether the value found is another spelling of this issuer: a slash at the end, or the case.
fn is_respelled(issuer: &IssuerSettings, finding: &Finding) -> bool {
    let found = finding.value.as_deref();
    found.is_some_and(|found| issuer.rules.issuers.iter().any(|one| words::is_respelled(one.as_str(), found)))
}

fn can_introspect(issuer: &IssuerSettings) -> bool {
    issuer.keys != KeySource::Embedded && issuer.introspection.is_none()
}

/// `key: ["before", "added"]`.
fn list<'a>(key: &str, before: impl Iterator<Item = &'a str>, added: &str) -> Option<String> {
    let mut all: Vec<&str> = before.collect();
    if all.contains(&added) {
        return None;
    }
    all.push(added);
    let all: Vec<String> = all.into_iter().map(written).collect::<Option<_>>()?;
    Some(format!("{key}: [{}]", all.join(", ")))
}

/// A text in quotes for YAML; nothing if it could mean more than itself there.
fn written(text: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    let is_short = !text.is_empty() && text.len() <= WRITTEN_BYTES_MAX;
    (is_short && text.bytes().all(is_plain)).then(|| format!("\"{text}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_4_attack_427_a_value_in_a_line_to_write_is_one_plain_text() {
        assert_eq!(list("audiences", ["a"].into_iter(), "api://b").as_deref(), Some("audiences: [\"a\", \"api://b\"]"));
        for added in ["a", "", "x\", \"*", "x\\", "x\ny", "x y", "ü", &"x".repeat(301)] {
            assert_eq!(list("audiences", ["a"].into_iter(), added), None, "{added}");
        }
    }
}
