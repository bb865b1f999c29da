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
    cli::{
        arguments::{ConfigFile, Doctor},
        doctor::{
            finding::Finding,
            gateway::GatewayOf,
            outside::{Outside, is_open_http, token::TokenFile},
            own::OwnFile,
        },
        terminal::{BAD_CONFIG, FAULT, complain, load, print},
    },
    config::file::Loaded,
    outbound::{
        ask::{AskFault, Asker},
        dial::Peer,
        fetch::peer_of,
        reach::ReachAt,
    },
};

mod catalogue;
pub(crate) mod finding;
mod gateway;
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
        Some(url) if url.starts_with("https://") || url.starts_with("http://") => {
            return match url.parse::<Uri>().ok().and_then(|url| peer_of(&url)).filter(|peer| !peer.host.is_empty()) {
                Some(_) if !url.contains('@') => Ok(Examined::Url(url.to_owned())),
                _ => {
                    complain(&format!(
                        "{url:?} is not a URL that can be asked; expected https://host/path, without a user"
                    ));
                    Err(BAD_CONFIG)
                }
            };
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

fn diagnose(arguments: &Doctor, examined: &Examined) -> Result<Vec<Finding>, Failed> {
    let asker = asker(arguments)?;
    let token = arguments.token_file.as_deref().map(TokenFile::read).transpose();
    let token = token.map_err(|cause| (BAD_CONFIG, format!("--token-file: {cause}")))?;
    let origin = arguments.origin.as_deref().map(HeaderValue::try_from).transpose();
    let origin =
        origin.map_err(|_| (BAD_CONFIG, "--origin: expected an origin such as http://localhost:6274".to_owned()))?;
    let clock = SystemClock::start();
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|cause| (FAULT, cause.to_string()))?;
    let reach_at = arguments.reach_at.as_deref();
    if let (Some(at), true) = (reach_at, token.is_some())
        && is_open_http(at)
    {
        let why = format!(
            "--reach-at: a token is not sent to {at}: found http:// to another host; expected https://, or a loopback address"
        );
        return Err((BAD_CONFIG, why));
    }
    let mut told = Vec::new();
    let mut findings = runtime.block_on(async {
        match examined {
            Examined::Url(url) => {
                let asker = at(&asker, url, reach_at)?;
                let of_issuer = |_: &str| asker.clone();
                let outside = Outside {
                    url,
                    asker: &asker,
                    issuer_asker: &of_issuer,
                    token: token.as_ref(),
                    origin: origin.as_ref(),
                    clock: &clock,
                    has_public_rules: false,
                };
                told.push(format!("examining {url}"));
                Ok::<_, Failed>(Box::pin(outside.check()).await)
            }
            Examined::File(path, loaded) => {
                let mut findings = Box::pin(own::check(&OwnFile { path, loaded, asker: &asker })).await;
                let gateway = GatewayOf {
                    path,
                    settings: &loaded.settings,
                    asker: &at(&asker, loaded.settings.public_url.origin(), reach_at)?,
                    has_detour: reach_at.is_some(),
                    token: token.as_ref(),
                    origin: origin.as_ref(),
                    clock: &clock,
                };
                findings.extend(Box::pin(gateway.check(&mut told)).await);
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
fn at(asker: &Asker, url: &str, reach_at: Option<&str>) -> Result<Asker, Failed> {
    match reach_at {
        None => Ok(asker.clone()),
        Some(at) => Ok(asker.reaching(detour(url, at).map_err(|why| (BAD_CONFIG, why))?)),
    }
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
