//! What the flags of `serve` stand for: defaults, lists taken apart, and which flags fit together.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
};

use crate::{
    base::names::PublicUrl,
    cli::serve::arguments::Serve,
    config::flags::{Flags, FlagsOf, StoreFlag, TokenFlags, TransportFlags, places::FlagValue},
    decide::routing::is_server_path,
};

pub mod secrets;

/// The port where nothing else is said.
const PORT: u16 = 8080;
/// Where a server is whose upstream has a path that cannot be a public one.
const PATH: &str = "/mcp";
/// The word of `--store` for no file.
const MEMORY: &str = "memory";

/// The flags as meant. `by_variable` tells whether the flag of this name came from its variable.
///
/// # Errors
/// One sentence for each flag that is missing or does not fit the others.
pub fn meant(of: &Serve, by_variable: &dyn Fn(&str) -> bool) -> Result<Flags, Vec<String>> {
    let mut read = Reading { by_variable, wrong: Vec::new() };
    if !of.command.is_empty() {
        read.wrong(
            "-- COMMAND: not in this version: an MCP server is reached by HTTP alone. Start yours with the transport \
             Streamable HTTP, and name its URL with --upstream",
        );
    }
    read.secrets(of);
    let upstream = read.one("upstream", of.upstream.as_deref());
    if upstream.is_none() && of.command.is_empty() {
        read.wrong("--upstream is missing: the URL of the MCP server to protect, such as http://127.0.0.1:8000/mcp");
    }
    let tokens = read.tokens(of);
    let scopes = read.several("scope", &of.scope);
    let allow_all = read.switch("allow_all", of.allow_all);
    let demo = tokens.as_ref().and_then(|tokens| if let TokenFlags::Demo(by) = tokens { Some(by) } else { None });
    let scope = scopes.first().map(|scope| &scope.by);
    let allow_all = allow_all.as_ref().or(scope).or(demo).cloned();
    if allow_all.is_none() && tokens.is_some() {
        read.wrong(
            "what may a valid token do? Give --scope SCOPE (every request needs it) or --allow-all (every valid token may \
             use everything). For rules by tool, save the output of --print-config and edit it",
        );
    }
    let transport = read.transport(of);
    let listen = read.several("listen", &of.listen);
    let url = read.one("public_url", of.public_url.as_deref());
    let is_beyond = beyond(&listen);
    if let (TransportFlags::None, Some(address)) = (&transport, is_beyond) {
        read.wrong(&format!(
            "{}: {} can be reached from other machines, without TLS: give --tls-cert and --tls-key, or --acme, or \
             --plaintext if a proxy in front terminates TLS",
            address.by, address.text
        ));
    }
    let url = match url {
        Some(url) => url,
        None if is_beyond.is_none() && transport == TransportFlags::None => local_url(&listen),
        None => {
            read.wrong("--public-url is missing: the URL that clients type, such as https://mcp.example.com");
            local_url(&[])
        }
    };
    let (Some(upstream), Some(tokens), Some(allow_all), []) = (upstream, tokens, allow_all, &*read.wrong) else {
        return Err(read.wrong);
    };
    let (public_url, path) = parts(&url);
    let path = path.unwrap_or_else(|| FlagValue { text: path_of(&upstream.text), by: upstream.by.clone() });
    let listen = if listen.is_empty() { vec![read.listen(&public_url, &transport)] } else { listen };
    if let (TokenFlags::Demo(by), Some(address)) = (&tokens, beyond(&listen)) {
        return Err(vec![format!(
            "{by}: the demo account is for this machine alone, and {} {} can be reached from others: leave --plaintext out, and \
             listen on 127.0.0.1",
            address.by, address.text
        )]);
    }
    Ok(Flags {
        name: read.one_or("name", of.name.as_deref(), "mcp"),
        path,
        upstream,
        scopes,
        allow_all,
        groups: Vec::new(),
        of: FlagsOf::Serve,
        audiences: read.several("audience", &of.audience),
        allowed_origins: read.several("allowed_origin", &of.allowed_origin),
        trusted_proxies: read.several("trusted_proxy", &of.trusted_proxy),
        listen,
        transport,
        admin: read.one_or("admin", of.admin.as_deref(), "127.0.0.1:9901"),
        session_keys: read.session_keys(of, &tokens),
        log_format: read.one_or("log_format", of.log_format.as_deref(), "text"),
        log_level: read.one_or("log_level", of.log_level.as_deref(), "info"),
        public_url,
        tokens,
    })
}

struct Reading<'a> {
    by_variable: &'a dyn Fn(&str) -> bool,
    wrong: Vec<String>,
}

impl Reading<'_> {
    fn wrong(&mut self, sentence: &str) {
        self.wrong.push(sentence.to_owned());
    }

    /// What messages call the flag of this name.
    fn by(&self, name: &str) -> String {
        let flag = name.replace('_', "-");
        match (self.by_variable)(name) {
            true => format!("PORTCULLIS_{} (--{flag})", name.to_ascii_uppercase()),
            false => format!("--{flag}"),
        }
    }

    /// A value. A variable that is set to nothing is taken for one that is not set.
    fn one(&self, name: &str, value: Option<&str>) -> Option<FlagValue> {
        let text = value.filter(|text| !(text.trim().is_empty() && (self.by_variable)(name)))?;
        Some(FlagValue { text: text.to_owned(), by: self.by(name) })
    }

    /// Tells each flag whose value is a secret, or may be one, without its value.
    fn secrets(&mut self, of: &Serve) {
        let one = [
            ("public_url", &of.public_url),
            ("upstream", &of.upstream),
            ("issuer", &of.issuer),
            ("accounts", &of.accounts),
            ("store", &of.store),
            ("tls_cert", &of.tls_cert),
            ("tls_key", &of.tls_key),
            ("acme_cache", &of.acme_cache),
        ];
        let one = one.map(|(name, value)| (name, self.one(name, value.as_deref()).into_iter().collect()));
        let lists = [("allowed_origin", &of.allowed_origin), ("session_key", &of.session_key)];
        let lists = lists.map(|(name, values)| (name, self.several(name, values)));
        for (name, values) in one.into_iter().chain(lists) {
            let is_wrong =
                |value: FlagValue| secrets::wrong(name, &value.text).map(|why| format!("{}: {why}", value.by));
            self.wrong.extend(values.into_iter().filter_map(is_wrong));
        }
    }

    fn one_or(&self, name: &str, value: Option<&str>, default: &str) -> FlagValue {
        let missing = || FlagValue { text: default.to_owned(), by: format!("{} (its default)", self.by(name)) };
        self.one(name, value).unwrap_or_else(missing)
    }

    /// The elements of a list: repeated, or separated by commas or white space.
    fn several(&self, name: &str, values: &[String]) -> Vec<FlagValue> {
        let words = values.iter().flat_map(|value| value.split(|c: char| c == ',' || c.is_whitespace()));
        let words = words.filter(|word| !word.is_empty());
        words.map(|word| FlagValue { text: word.to_owned(), by: self.by(name) }).collect()
    }

    fn switch(&self, name: &str, is_on: bool) -> Option<String> {
        is_on.then(|| self.by(name))
    }

    /// Whether at most one of these flags is given. More are told.
    fn one_of(&mut self, flags: [Option<&String>; 3]) -> bool {
        let given: Vec<&str> = flags.into_iter().flatten().map(String::as_str).collect();
        if given.len() > 1 {
            self.wrong.push(format!("{}: choose one of them", given.join(" and ")));
        }
        given.len() <= 1
    }

    /// Exactly one of `--issuer`, `--accounts` and `--demo-account`.
    fn tokens(&mut self, of: &Serve) -> Option<TokenFlags> {
        let issuer = self.one("issuer", of.issuer.as_deref());
        let accounts = self.one("accounts", of.accounts.as_deref());
        let demo = self.switch("demo_account", of.demo_account);
        let profile = self.one("profile", of.profile.as_deref());
        let store = self.one("store", of.store.as_deref());
        if let (Some(profile), None) = (&profile, &issuer) {
            self.wrong.push(format!("{}: it is about an issuer, so it needs --issuer", profile.by));
        }
        if let (Some(store), None) = (&store, &accounts) {
            self.wrong.push(format!("{}: it keeps the logins of --accounts, which is not given", store.by));
        }
        if !self.one_of([issuer.as_ref().map(|of| &of.by), accounts.as_ref().map(|of| &of.by), demo.as_ref()]) {
            return None;
        }
        match (issuer, accounts, demo) {
            (Some(issuer), ..) => Some(TokenFlags::Issuer { issuer, profile }),
            (_, Some(file), _) => {
                let store = match store {
                    Some(store) if store.text == MEMORY => StoreFlag::Memory(store.by),
                    Some(store) => {
                        if Path::new(&store.text) == Path::new(&file.text) {
                            self.wrong.push(format!("{}: found the file of {}; expected another", store.by, file.by));
                        }
                        StoreFlag::File(store)
                    }
                    None => {
                        let by = format!("{} (its default)", self.by("store"));
                        StoreFlag::File(FlagValue { text: store_beside(&file.text), by })
                    }
                };
                Some(TokenFlags::Accounts { file, store })
            }
            (.., Some(by)) => Some(TokenFlags::Demo(by)),
            (None, None, None) => {
                self.wrong(
                    "whose tokens are accepted? Give --issuer URL (your authorization server), --accounts FILE (users log in \
                     here), or --demo-account (one account, for a trial on this machine)",
                );
                None
            }
        }
    }

    fn transport(&mut self, of: &Serve) -> TransportFlags {
        let certificate = self.one("tls_cert", of.tls_cert.as_deref());
        let key = self.one("tls_key", of.tls_key.as_deref());
        let email = self.one("acme", of.acme.as_deref());
        let cache = self.one("acme_cache", of.acme_cache.as_deref());
        if let (Some(cache), None) = (&cache, &email) {
            self.wrong.push(format!("{}: it is the folder of --acme, which is not given", cache.by));
        }
        let plaintext = self.switch("plaintext", of.plaintext);
        let files = certificate.as_ref().or(key.as_ref());
        self.one_of([files.map(|of| &of.by), email.as_ref().map(|of| &of.by), plaintext.as_ref()]);
        match (certificate, key, email, plaintext) {
            (Some(certificate), Some(key), ..) => TransportFlags::Files { certificate, key },
            (Some(certificate), None, ..) => {
                self.wrong
                    .push(format!("{}: --tls-key is missing, the private key of the certificate", certificate.by));
                TransportFlags::Files { key: certificate.clone(), certificate }
            }
            (None, Some(key), ..) => {
                self.wrong.push(format!("{}: --tls-cert is missing, the certificate of the key", key.by));
                TransportFlags::Files { certificate: key.clone(), key }
            }
            (None, None, Some(email), _) => TransportFlags::Acme { email, cache },
            (None, None, None, Some(by)) => TransportFlags::Plaintext(by),
            (None, None, None, None) => TransportFlags::None,
        }
    }

    /// The default of `--listen`.
    fn listen(&self, public_url: &FlagValue, transport: &TransportFlags) -> FlagValue {
        let beyond = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        let address = match (PublicUrl::parse(&public_url.text), transport) {
            (Ok(url), TransportFlags::Files { .. } | TransportFlags::Acme { .. }) => beyond(url.port()),
            (Ok(url), TransportFlags::Plaintext(_)) if !url.is_https() => beyond(url.port()),
            (_, TransportFlags::Plaintext(_)) => beyond(PORT),
            (Ok(url), TransportFlags::None) if !url.is_https() => SocketAddr::from((loopback(url.host()), url.port())),
            // A proxy or a tunnel on this machine terminates TLS.
            _ => SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
        };
        FlagValue { text: address.to_string(), by: format!("{} (its default)", self.by("listen")) }
    }

    /// The keys; for a file store without one, a file beside the store.
    fn session_keys(&self, of: &Serve, tokens: &TokenFlags) -> Vec<FlagValue> {
        let given = self.several("session_key", &of.session_key);
        match (&*given, tokens) {
            ([], TokenFlags::Accounts { store: StoreFlag::File(store), .. }) => {
                let by = format!("{} (its default)", self.by("session_key"));
                vec![FlagValue { text: format!("file:{}", key_beside(&store.text)), by }]
            }
            _ => given,
        }
    }
}

/// The file of the key that seals the store `store`.
pub fn key_beside(store: &str) -> String {
    format!("{store}.key")
}

/// The store beside a file of accounts: never that file itself.
fn store_beside(accounts: &str) -> String {
    let stem = accounts.strip_suffix(".yaml").or_else(|| accounts.strip_suffix(".yml"));
    let stem = stem.filter(|stem| !stem.is_empty() && !stem.ends_with('/')).unwrap_or(accounts);
    format!("{stem}.db")
}

/// The first address that other machines can reach, if it is one.
pub fn beyond(listen: &[FlagValue]) -> Option<&FlagValue> {
    let is_beyond =
        |of: &&FlagValue| of.text.parse::<SocketAddr>().is_ok_and(|address| !address.ip().to_canonical().is_loopback());
    listen.iter().find(is_beyond)
}

/// The public URL of a gateway on this machine alone.
fn local_url(listen: &[FlagValue]) -> FlagValue {
    let first = listen.iter().find_map(|of| of.text.parse::<SocketAddr>().ok());
    let address = first.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)));
    let text = match address.port() {
        80 => format!("http://{address}").trim_end_matches(":80").to_owned(),
        _ => format!("http://{address}"),
    };
    FlagValue { text, by: "--public-url (its default)".to_owned() }
}

fn loopback(host: &str) -> IpAddr {
    host.trim_matches(['[', ']']).parse().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// Scheme, host and port of a public URL; and its path, if it has one.
fn parts(url: &FlagValue) -> (FlagValue, Option<FlagValue>) {
    let value = |text: &str| FlagValue { text: text.to_owned(), by: url.by.clone() };
    let after_scheme = url.text.find("://").map_or(0, |at| at + 3);
    let slash = url.text.get(after_scheme..).and_then(|rest| rest.find('/')).map(|at| at + after_scheme);
    match slash.and_then(|at| url.text.split_at_checked(at)) {
        None => (url.clone(), None),
        Some((origin, "/")) => (value(origin), None),
        Some((origin, path)) => (value(origin), Some(value(path))),
    }
}

/// The path of an upstream, as a public path.
pub fn path_of(upstream: &str) -> String {
    let rest = upstream.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
    let path = path.split(['?', '#']).next().unwrap_or("/");
    if is_server_path(path) { path.to_owned() } else { PATH.to_owned() }
}

#[cfg(test)]
mod tests;
