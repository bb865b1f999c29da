//! Where a GitHub is: GitHub itself, one with data residency, or an Enterprise Server.

/// Where a GitHub is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitHubPlace {
    /// The origin of its pages and of its token endpoint.
    pub web: Box<str>,
    /// The base of its REST API.
    pub api: Box<str>,
    /// Whether it is run by GitHub, which verifies addresses. An Enterprise Server does not, and
    /// says that they are verified.
    pub verifies_email: bool,
}

impl GitHubPlace {
    /// GitHub itself, a GitHub with data residency (`….ghe.com`), or a GitHub Enterprise Server.
    #[must_use]
    pub fn of(https: bool, host: &str, port: u16) -> Self {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let is_usual = https && port == 443;
        if is_usual && matches!(&*host, "github.com" | "www.github.com" | "api.github.com") {
            return Self {
                web: "https://github.com".into(),
                api: "https://api.github.com".into(),
                verifies_email: true,
            };
        }
        if is_usual && host.ends_with(".ghe.com") {
            let host = host.strip_prefix("api.").filter(|rest| *rest != "ghe.com").unwrap_or(&host);
            return Self {
                web: format!("https://{host}").into(),
                api: format!("https://api.{host}").into(),
                verifies_email: true,
            };
        }
        let shown = if host.contains(':') { format!("[{host}]") } else { host };
        let web = match (https, port) {
            (true, 443) => format!("https://{shown}"),
            (false, 80) => format!("http://{shown}"),
            (true, _) => format!("https://{shown}:{port}"),
            (false, _) => format!("http://{shown}:{port}"),
        };
        Self { api: format!("{web}/api/v3").into(), web: web.into(), verifies_email: false }
    }

    /// The subject of its user with this id. Each GitHub counts its users by itself, so that at all
    /// but GitHub itself the host is part of it: the store may outlive a change of the place.
    #[must_use]
    pub fn subject(&self, id: u64) -> String {
        match self.web.split_once("://") {
            Some((_, host)) if host != "github.com" => format!("{id}@{host}"),
            _ => id.to_string(),
        }
    }

    /// The name that GitHub gives itself in answers (RFC 9207).
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("{}/login/oauth", self.web)
    }
}
