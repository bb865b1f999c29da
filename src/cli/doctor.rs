//! `portcullis doctor`: finds out why clients cannot connect to an MCP server, this gateway or any.
//!
//! Silent, with exit code 0, if nothing is wrong. Findings go to standard output, exit code 1.

use std::{
    fs,
    path::{Path, PathBuf},
};

use http::{HeaderValue, Uri};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use tokio::runtime;

use crate::{
    app::{asking, clock::SystemClock},
    base::web_origin::is_web_origin,
    cli::{
        arguments::{ConfigFile, Doctor},
        doctor::{
            finding::Finding,
            gateway::GatewayOf,
            outside::{Accepted, Outside, is_open_http, token::TokenFile},
            own::OwnFile,
        },
        terminal::{BAD_CONFIG, FAULT, complain, load, print},
    },
    config::{file::Loaded, problem::nearest},
    outbound::{
        address::AddressRule,
        ask::{AskFault, Asker},
        dial::Peer,
        fetch::peer_of,
        reach::ReachAt,
    },
};

mod catalogue;
pub(crate) mod finding;
mod gateway;
mod name_server;
pub(crate) mod output;
mod outside;
pub(crate) mod own;

pub use catalogue::page::page as troubleshooting;

/// What is examined.
enum Examined {
    Url(String),
    File(PathBuf, Box<Loaded>),
}

type Failed = (u8, String);

/// Examines what the arguments name.
pub(super) fn doctor(arguments: &Doctor) -> u8 {
    let examined = match examined(arguments) {
        Ok(examined) => examined,
        Err(code) => return code,
    };
    match diagnose(arguments, &examined) {
        Ok(findings) => report(arguments, &findings),
        Err((code, why)) => {
            complain(&why);
            code
        }
    }
}

/// What clients will miss in the metadata of an authorization server, in words; empty if nothing.
pub(super) async fn issuer_findings(asker: &Asker, issuer: &str) -> String {
    output::text(&outside::issuer_alone(asker, issuer).await)
}

/// Why a server gave no answer, in one sentence.
pub(super) fn fault_words(fault: &AskFault) -> String {
    outside::reach::words(fault)
}

fn report(arguments: &Doctor, findings: &[Finding]) -> u8 {
    if arguments.json {
        print(&format!("{:#}", output::as_json(findings)));
    } else if !findings.is_empty() {
        print(output::text(findings).trim_end());
    }
    if arguments.verbose {
        complain(&match findings.len() {
            0 => "nothing is wrong".to_owned(),
            1 => "1 finding".to_owned(),
            more => format!("{more} findings"),
        });
    }
    u8::from(!findings.is_empty())
}

fn examined(arguments: &Doctor) -> Result<Examined, u8> {
    let target = arguments.target.as_deref();
    match target {
        Some(text) if has_scheme(text) => {
            return usable_url(text).map(Examined::Url).ok_or_else(|| {
                // A URL may hold a password.
                let shown = if text.contains('@') { "the URL".to_owned() } else { format!("{text:?}") };
                complain(&format!("{shown} cannot be asked; expected https://host/path, without a user"));
                BAD_CONFIG
            });
        }
        // Users leave out the scheme.
        Some(other) if other != "-" && !Path::new(other).exists() => {
            complain(&format!(
                "{other:?} is neither a URL nor a file; expected the URL of an MCP server, such as https://mcp.example.com/mcp, or \
                 a configuration"
            ));
            return Err(BAD_CONFIG);
        }
        _ => {}
    }
    let given = ConfigFile { file: target.map(PathBuf::from), config: arguments.config.clone() };
    let source = given.source()?;
    let loaded = load(&source)?;
    Ok(Examined::File(PathBuf::from(source.to_string()), Box::new(loaded)))
}

fn has_scheme(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https"))
}

/// The URL with its scheme in lower case, if it can be asked. A path may contain `@`.
fn usable_url(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let url = format!("{}://{rest}", scheme.to_ascii_lowercase());
    let uri: Uri = url.parse().ok()?;
    peer_of(&uri).filter(|peer| !peer.host.is_empty())?;
    let has_user = uri.authority().is_none_or(|authority| authority.as_str().contains('@'));
    (!has_user).then_some(url)
}

/// Refuses `--ignore` of what no finding is called.
fn check_ignored(arguments: &Doctor) -> Result<(), Failed> {
    let ids = || catalogue::known().map(|known| known.id);
    let Some(unknown) = arguments.ignore.iter().find(|id| !ids().any(|known| known == **id)) else { return Ok(()) };
    let near = nearest(unknown, ids()).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    Err((BAD_CONFIG, format!("--ignore: found {unknown:?}; expected the id of a finding{near}")))
}

/// The origin of a page.
fn origin(text: &str) -> Result<HeaderValue, Failed> {
    let value = HeaderValue::try_from(text).ok().filter(|_| is_web_origin(text) || text == "null");
    let expected = "expected an origin as browsers send it, such as http://localhost:6274";
    value.ok_or_else(|| (BAD_CONFIG, format!("--origin: found {text:?}; {expected}")))
}

fn diagnose(arguments: &Doctor, examined: &Examined) -> Result<Vec<Finding>, Failed> {
    check_ignored(arguments)?;
    let asker = asker(arguments)?;
    let token = arguments.token_file.as_deref().map(|file| {
        TokenFile::read(file)
            .map_err(|cause| (BAD_CONFIG, format!("--token-file: {} cannot be read ({cause})", file.display())))
    });
    let token = token.transpose()?;
    let origin = arguments.origin.as_deref().map(origin).transpose()?;
    let clock = SystemClock::start();
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|cause| (FAULT, cause.to_string()))?;
    let reach_at = arguments.reach_at.as_deref();
    let of_url = |url: &str| at(&asker, url, reach_at, token.is_some());
    let mut told = Vec::new();
    let mut findings = runtime.block_on(async {
        match examined {
            Examined::Url(url) => {
                let asker = of_url(url)?;
                let of_issuer = |_: &str| asker.clone();
                let outside = Outside {
                    url,
                    asker: &asker,
                    issuer_asker: &of_issuer,
                    token: token.as_ref(),
                    origin: origin.as_ref(),
                    clock: &clock,
                    has_public_rules: false,
                    is_of_file: false,
                    rule: AddressRule::Configured,
                    accepted: Accepted::default(),
                };
                told.push(format!("examining {url}"));
                Ok::<_, Failed>(Box::pin(outside.check()).await)
            }
            Examined::File(path, loaded) => {
                let of = OwnFile { path, loaded, asker: &asker };
                let gateway_asker = of_url(loaded.settings.public_url.origin())?;
                let mut findings = Box::pin(own::check(&of)).await;
                for finding in &mut findings {
                    finding.place = Some(finding.at.clone());
                }
                let gateway = GatewayOf {
                    of: &of,
                    asker: &gateway_asker,
                    has_detour: reach_at.is_some(),
                    token: token.as_ref(),
                    origin: origin.as_ref(),
                    clock: &clock,
                };
                let outside = Box::pin(gateway.check(&mut told)).await;
                let is_new = |one: &Finding| !findings.iter().any(|own| is_same_cause(own, one));
                let new: Vec<Finding> = outside.into_iter().filter(is_new).collect();
                findings.extend(new);
                Ok(findings)
            }
        }
    })?;
    if arguments.verbose {
        told.iter().for_each(|line| complain(line));
    }
    runtime.shutdown_background();
    findings.retain(|finding| !arguments.ignore.iter().any(|id| id == finding.id));
    Ok(findings)
}

/// The asker, connecting where the command line says.
fn at(asker: &Asker, url: &str, reach_at: Option<&str>, has_token: bool) -> Result<Asker, Failed> {
    let Some(at) = reach_at else { return Ok(asker.clone()) };
    let detour = detour(url, at).map_err(|why| (BAD_CONFIG, why))?;
    if has_token && is_open_http(&detour.url()) {
        let why = format!(
            "--reach-at: a token is not sent to {at}: found http:// to another host; expected https://, or a loopback address"
        );
        return Err((BAD_CONFIG, why));
    }
    Ok(asker.reaching(detour))
}

/// Whether the file itself has been told to be wrong about the cause of a finding from outside.
fn is_same_cause(own: &Finding, outside: &Finding) -> bool {
    // Without a certificate each handshake fails.
    (own.id == "certificate-missing" && outside.id.starts_with("tls-"))
        || (own.id == outside.id && own.place == outside.place)
}

fn asker(arguments: &Doctor) -> Result<Asker, Failed> {
    let ca = match &arguments.ca {
        None => None,
        Some(file) => {
            let bad = |cause: String| (BAD_CONFIG, format!("--ca: {}: {cause}", file.display()));
            let bytes = fs::read(file).map_err(|cause| bad(cause.to_string()))?;
            let all: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&bytes)
                .collect::<Result<_, _>>()
                .map_err(|cause| bad(cause.to_string()))?;
            if all.is_empty() {
                return Err(bad("there is no certificate in it; expected PEM".to_owned()));
            }
            Some(all)
        }
    };
    asking::asker(ca.as_deref()).map_err(|fault| (FAULT, fault.to_string()))
}

/// Where the origin of `url` is reached: `at` is a host and a port, perhaps after a scheme.
fn detour(url: &str, at: &str) -> Result<ReachAt, String> {
    let bad = || format!("--reach-at: found {at:?}; expected host:port, or http://host:port if TLS ends before it");
    let public =
        url.parse::<Uri>().ok().and_then(|url| peer_of(&url)).ok_or_else(|| format!("{url:?} is not a URL"))?;
    let whole = if at.contains("://") {
        at.to_owned()
    } else {
        format!("{}://{at}", if public.tls { "https" } else { "http" })
    };
    let uri: Uri = whole.parse().map_err(|_| bad())?;
    let peer: Peer = peer_of(&uri).filter(|peer| !peer.host.is_empty()).ok_or_else(bad)?;
    if uri.path() != "/" {
        return Err(bad());
    }
    Ok(ReachAt { public, peer })
}
