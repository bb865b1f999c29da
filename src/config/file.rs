//! Reads a whole configuration file and reports every problem in one run.

use std::{io, path::Path};

use crate::{
    base::limits::operating::CONFIG_BYTES_MAX,
    config::{
        LogSettings, Provenance, ServerProvenance, ServerSettings, Settings, api_keys, check,
        demo_account::DemoAccount,
        documents::{self, WrittenDocument},
        embedded::WrittenEmbedded,
        environment::{self, Lookup},
        issuer::{self, WrittenAuthorizationServer},
        keys::{ADMIN_ADDRESS, DRAIN_TIMEOUT, LOG_FORMAT, LOG_LEVEL},
        listen::{self, WrittenListener},
        place::{Place, Position, Written},
        places::KeyPlaces,
        problem::{Problem, Problems},
        reader::{Field, Fields},
        reading::{Findings, Reading},
        secret, server, slips, totals, value,
    },
    decide::{
        authorization_server::{answered_paths::AnsweredPaths, own_origins::OwnOrigins},
        pass_through::PathTable,
        routing::{RouteEntry, Routes},
    },
};

/// Shortest key that seals session ids (HMAC-SHA-256).
const SESSION_KEY_BYTES_MIN: usize = 32;

/// A file without problems.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Its settings.
    pub settings: Settings,
    /// Warnings, in the file's order.
    pub warnings: Vec<Problem>,
    /// What may be meant, and has a consequence that is easily missed.
    pub notes: Vec<Problem>,
    /// Where its values are written.
    pub places: KeyPlaces,
}

/// Reads the file at `path`.
///
/// # Errors
/// Every problem that it has.
pub fn load(path: &Path) -> Result<Loaded, Problems> {
    load_for(path, &DemoAccount::default())
}

/// Like [`load`], with the demo account of this process.
///
/// # Errors
/// Every problem that it has.
pub fn load_for(path: &Path, demo: &DemoAccount) -> Result<Loaded, Problems> {
    let name = path.display().to_string();
    let start = Position { line: 1, column: 1 };
    let unreadable = |cause: io::Error| match secret::too_large(&cause) {
        Some(expected) => refuse(&name, start, "a larger file".to_owned(), &expected),
        None if path.is_dir() => {
            refuse(&name, start, "a folder".to_owned(), "a file, such as gateway.yaml in this folder")
        }
        None if path.exists() && !path.is_file() => {
            let expected = "a regular file, or `-` for standard input, as in `… | portcullis check -`";
            refuse(&name, start, "a pipe or a device (not a regular file)".to_owned(), expected)
        }
        None => refuse(&name, start, format!("a file that cannot be read ({cause})"), "a configuration file"),
    };
    let whole = std::path::absolute(path).map_err(unreadable)?;
    let bytes = secret::bounded(&whole, CONFIG_BYTES_MAX).map_err(unreadable)?;
    let lookup: &Lookup<'_> = &environment::process_environment;
    let around = Surroundings { folder: whole.parent().unwrap_or(Path::new("/")), lookup, demo };
    let mut loaded = read_around(decoded(&bytes, &name)?, &name, &around)?;
    loaded.settings.files.insert(0, whole);
    Ok(loaded)
}

/// The text in `bytes`.
///
/// # Errors
/// It is not UTF-8: where.
pub fn decoded<'b>(bytes: &'b [u8], name: &str) -> Result<&'b str, Problems> {
    std::str::from_utf8(bytes).map_err(|fault| {
        if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
            let at = Position { line: 1, column: 1 };
            let expected = "UTF-8 text: older versions of PowerShell write UTF-16 with `>`";
            return refuse(name, at, "text in UTF-16".to_owned(), expected);
        }
        let good = bytes.get(..fault.valid_up_to()).and_then(|good| std::str::from_utf8(good).ok()).unwrap_or_default();
        let column = good.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        let at = Position { line: good.matches('\n').count() + 1, column };
        refuse(name, at, "bytes that are not UTF-8".to_owned(), "UTF-8 text")
    })
}

fn refuse(name: &str, Position { line, column }: Position, found: String, expected: &str) -> Problems {
    let (file, key, expected) = (name.to_owned(), String::new(), expected.to_owned());
    Problems::new(vec![Problem { file, line, column, key, found, expected, suggestion: None, see: None }])
}

/// What a configuration takes from around it.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The folder that relative paths are relative to.
    pub folder: &'a Path,
    /// The environment.
    pub lookup: &'a Lookup<'a>,
    /// The demo account of this process.
    pub demo: &'a DemoAccount,
}

/// Reads `text`, calling it `name`.
///
/// # Errors
/// Every problem that it has.
pub fn read_around(text: &str, name: &str, around: &Surroundings<'_>) -> Result<Loaded, Problems> {
    let reading = Reading::new(name, around.folder, around.lookup, around.demo);
    let root = slips::parse(text, &reading).filter(|root| slips::is_configuration(&reading, root));
    let settings = root.as_ref().and_then(|root| Field::root(&reading, root).section("", whole));
    let Findings { warnings, notes, files } = reading.finish()?;
    match (settings, root) {
        (Some(settings), Some(root)) => {
            let places = KeyPlaces::of(&root);
            Ok(Loaded { settings: Settings { files, ..settings }, warnings, notes, places })
        }
        // Unreachable while every reader that gives up records a problem.
        _ => {
            let start = Position { line: 1, column: 1 };
            Err(refuse(name, start, "a file that is not understood".to_owned(), "every section to be readable"))
        }
    }
}

/// The file as a whole. Asks for all keys before the first `?`, so that every mistake is reported.
pub(super) fn whole(fields: &mut Fields<'_>) -> Option<Settings> {
    let public_url = fields.need("public_url", "the public URL of the gateway, such as https://mcp.example.com");
    let public_url = public_url.and_then(|field| listen::public_url(&field));
    let hosts = fields.get("hosts").map(|field| listen::hosts(&field)).unwrap_or_default();
    let proxies = fields.get("trusted_proxies");
    let trusted_proxies = proxies.as_ref().map(listen::trusted_proxies).unwrap_or_default();
    let listeners = fields.need("listen", "a list of addresses to listen on");
    let listeners = listeners.map(|field| listen::listeners(&field, public_url.as_ref())).unwrap_or_default();
    let admin = fields.get("admin");
    let written_admin = admin.as_ref().and_then(listen::admin);
    let api_keys = fields.get("keys");
    let issuers = match fields.get("authorization_servers") {
        // A gateway whose servers take API keys alone.
        None if api_keys.is_some() => None,
        _ => fields.need("authorization_servers", "at least one authorization server by name, or `keys`"),
    };
    let issuers = issuers.map(|field| issuer::authorization_servers(&field, public_url.as_ref())).unwrap_or_default();
    let names: Vec<Box<str>> = issuers.iter().map(|issuer| issuer.name.clone()).collect();
    let servers = fields.need("servers", "at least one server by name");
    let servers = servers.map(|field| server::servers(&field, &names)).unwrap_or_default();
    let api_keys = api_keys.map(|field| api_keys::api_keys(&field, &servers));
    let limits = totals::totals(fields.get("limits").as_ref(), &servers);
    let documents = fields.get("documents").map(|field| documents::documents(&field)).unwrap_or_default();
    let keys = fields.get("session_keys").map(|field| session_keys(&field)).unwrap_or_default();
    let log = match fields.get("log") {
        Some(field) => field.section("log", |fields| Some(log(fields))),
        None => Some(LOG),
    };
    let drain_timeout = match fields.get("drain") {
        Some(field) => field.section("drain", |fields| Some(value::duration(fields, &DRAIN_TIMEOUT))),
        None => Some(DRAIN_TIMEOUT.default),
    };
    // The default admin address can also collide with a listener.
    let default_admin = Written { value: ADMIN_ADDRESS, place: Place::new(fields.of.place.at, "admin") };
    let admin_at = if admin.is_none() { Some(&default_admin) } else { written_admin.as_ref() };
    let sections = check::sections::Sections {
        public_url: public_url.as_ref(),
        listeners: &listeners,
        // A network with a mistake is still written.
        has_trusted_proxies: proxies.is_some_and(|field| field.is_filled_list()),
        admin: admin_at,
        issuers: &issuers,
        servers: &servers,
        documents: &documents,
        has_api_keys: api_keys.is_some(),
        has_session_keys: fields.get("session_keys").is_some_and(|field| field.is_filled_list()),
    };
    check::check(fields.of.reading, &sections);

    let (session_keys, references): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
    let inside = || issuers.iter().enumerate().filter_map(|(index, issuer)| Some((index, issuer.embedded.as_ref()?)));
    let servers_of: Option<Vec<_>> = servers.iter().map(|server| server.settings.clone()).collect();
    let provenance = Provenance {
        session_keys: references,
        profiles: issuers.iter().map(|issuer| issuer.profile.clone()).collect(),
        introspection: issuers.iter().map(|issuer| issuer.introspection.secret.clone()).collect(),
        api_keys: api_keys.as_ref().and_then(|keys| keys.file.clone()),
        embedded: inside().map(|(_, embedded)| embedded.kept.clone()).collect(),
        servers: servers
            .iter()
            .map(|server| ServerProvenance { credential: server.credential.clone(), ca: server.ca.clone() })
            .collect(),
    };
    let (public_url, servers) = (public_url?, servers_of?);
    let ports = listeners.iter().filter_map(|listener| Some(listener.address.as_ref()?.value.port()));
    let own = (public_url.host(), public_url.port());
    let own = OwnOrigins::new(own, &hosts, ports, answered(&servers, &issuers, &documents, &listeners));
    let finish = |(index, of): (usize, &WrittenEmbedded)| {
        let settings = of.finish(index, &servers, (&public_url, &own), &session_keys)?;
        of.check_grants(&settings, fields.of.reading);
        Some(settings)
    };
    let embedded = inside().map(finish).collect::<Option<_>>();
    Some(Settings {
        public_url,
        hosts,
        trusted_proxies,
        listen: listeners.into_iter().map(|listener| listener.settings).collect::<Option<_>>()?,
        admin: admin_at?.value,
        embedded: embedded?,
        api_keys: api_keys.map_or(Some(Vec::new()), |keys| keys.entries)?,
        authorization_servers: issuers.into_iter().map(|issuer| issuer.settings).collect::<Option<_>>()?,
        servers,
        limits: limits?,
        documents: documents.into_iter().map(|document| document.settings).collect::<Option<_>>()?,
        session_keys,
        log: log?,
        drain_timeout: drain_timeout?,
        files: Vec::new(),
        provenance,
    })
}

/// The paths that the gateway answers, or passes to its servers.
fn answered(
    servers: &[ServerSettings],
    issuers: &[WrittenAuthorizationServer],
    documents: &[WrittenDocument],
    listeners: &[WrittenListener],
) -> AnsweredPaths {
    let endpoints = servers.iter().map(|server| RouteEntry { path: &server.path, root: server.root, legacy: false });
    let legacy = servers.iter().filter_map(|server| server.legacy_sse.as_ref());
    let legacy = legacy.map(|legacy| RouteEntry { path: &legacy.path, root: false, legacy: true });
    let endpoints: Vec<RouteEntry<'_>> = endpoints.chain(legacy).collect();
    let embedded = issuers.iter().filter_map(|issuer| issuer.embedded.as_ref()?.path.as_ref());
    let issuers: Vec<Box<str>> = embedded.map(|path| path.value.clone()).collect();
    let roots: Vec<&str> = issuers.iter().map(|path| &**path).collect();
    let documents = documents.iter().filter_map(|document| document.settings.as_ref());
    let probes = listeners.iter().filter_map(|listener| listener.health.as_ref());
    AnsweredPaths {
        passed: PathTable::new(servers.iter().map(|server| &*server.paths)),
        routes: Routes::new(&endpoints, &roots).ok(),
        single: documents.map(|document| document.path.clone()).chain(probes.map(|path| path.value.clone())).collect(),
        issuers,
    }
}

/// The default of `log`.
const LOG: LogSettings = LogSettings { json: LOG_FORMAT.default, level: LOG_LEVEL.default };

fn log(fields: &mut Fields<'_>) -> LogSettings {
    LogSettings { json: value::word(fields, &LOG_FORMAT), level: value::word(fields, &LOG_LEVEL) }
}

fn session_keys(field: &Field<'_>) -> Vec<(crate::base::secret::Secret, Box<str>)> {
    // `distinct` would show a duplicate, which may be a secret.
    let items = field.list("references to secrets").unwrap_or_default();
    let key = |item: &Field<'_>| {
        let referred = secret::secret(item)?;
        let length = referred.secret.expose().len();
        if length < SESSION_KEY_BYTES_MIN {
            let found = format!("{}, which has {length} bytes", referred.reference);
            item.reading.problem(&item.place, &found, "at least 32 random bytes");
        }
        Some((referred.secret, referred.reference))
    };
    items.iter().filter_map(key).collect()
}
