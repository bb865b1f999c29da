//! `portcullis init`: writes a commented configuration after a look at the live MCP server.
//!
//! It asks on a terminal what no flag says, and never overwrites a file.

use std::{
    fs::OpenOptions,
    io::{self, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::{ArgMatches, Args, parser::ValueSource};
use tokio::runtime;

use crate::{
    app::asking,
    base::names::PublicUrl,
    cli::{
        arguments::CheckFormat,
        check,
        connect::few,
        init::{
            grouping::{Grouped, Offered},
            questions::Questions,
        },
        serve::{self, arguments::Serve, meant},
        terminal::{BAD_CONFIG, FAULT, complain, load, print},
    },
    config::{
        flags::{Flags, FlagsOf, TokenFlags, places::FlagValue},
        source::ConfigSource,
    },
    outbound::ask::Asker,
};

mod accounts;
mod grouping;
mod questions;
mod survey;

/// Arguments of `init`: those of `serve`, and where to write.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// The file to write. It must not exist.
    #[arg(long, short, value_name = "FILE", default_value = "gateway.yaml")]
    pub out: PathBuf,
    /// Ask neither the MCP server nor the authorization server.
    #[arg(long)]
    pub offline: bool,
    #[command(flatten)]
    pub flags: Serve,
}

type Failed = (u8, String);

/// Asks, looks, writes, checks.
pub(super) fn init(arguments: &Init, matches: Option<&ArgMatches>) -> u8 {
    let by_variable = |name: &str| matches.and_then(|of| of.value_source(name)) == Some(ValueSource::EnvVariable);
    match written(arguments, &by_variable) {
        Ok(()) if arguments.flags.print_config => 0,
        Ok(()) => finish(&arguments.out),
        Err((code, why)) => {
            complain(&why);
            code
        }
    }
}

fn written(arguments: &Init, by_variable: &dyn Fn(&str) -> bool) -> Result<(), Failed> {
    let is_printed = arguments.flags.print_config;
    let out = &arguments.out;
    if !is_printed && out.symlink_metadata().is_ok() {
        return Err((
            BAD_CONFIG,
            format!("{} exists, and init overwrites no file: name another with --out", out.display()),
        ));
    }
    let asker = asking::asker(None).map_err(|fault| (FAULT, fault.to_string()))?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|cause| (FAULT, cause.to_string()))?;
    let folder = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut serve = arguments.flags.clone();
    let mut person = io::stdin()
        .is_terminal()
        .then(|| Questions { read: |line: &mut String| io::stdin().read_line(line), output: io::stderr() });
    if let Some(person) = &mut person {
        ask(person, &mut serve, folder).map_err(|why| (FAULT, why))?;
    }
    let has_rules = !serve.allow_all;
    serve.allow_all |= serve.scope.is_empty();
    let mut flags = meant::meant(&serve, by_variable).map_err(|sentences| {
        (BAD_CONFIG, format!("{}\n`portcullis init --help` lists every flag and its variable.", sentences.join("\n")))
    })?;
    flags.of = FlagsOf::Init;
    let offered = match arguments.offline {
        true => None,
        false => Some(runtime.block_on(Box::pin(look(&asker, &mut flags, person.as_mut())))?),
    };
    if has_rules {
        let name = flags.name.text.clone();
        let grouped = offered.map_or_else(|| Offered::unknown(&name), |offered| offered.grouped(&name));
        permit(&mut flags, grouped);
    }
    if let TokenFlags::Accounts { file, .. } = &flags.tokens
        && !is_printed
        && !folder.join(&file.text).exists()
    {
        return Err((BAD_CONFIG, format!("{}: {} does not exist. {}", file.by, file.text, serve::ACCOUNTS)));
    }
    if is_printed {
        print(flags.written(folder).text.trim_end());
        return Ok(());
    }
    serve::make_key(&flags, folder).map_err(|why| (FAULT, why))?;
    // What cannot be read is not written: the next try would find the file in its way.
    let given = flags.written(folder);
    let text = given.text.clone();
    load(&ConfigSource::given(given)).map_err(|code| (code, "nothing was written".to_owned()))?;
    let failed = |cause: io::Error| (FAULT, format!("{} cannot be written: {cause}", out.display()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(out).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    print(&format!("{}: written", out.display()));
    Ok(())
}

/// The rules of the groups, unless a flag says what tokens permit.
fn permit(flags: &mut Flags, Grouped { base, groups, left_out }: Grouped) {
    for name in left_out {
        complain(&format!("no rule was written for {name:?}: `*` and `?` in a rule are wildcards"));
    }
    if let ([], Some(base)) = (&*flags.scopes, base) {
        flags.scopes = vec![FlagValue { text: base, by: "init".to_owned() }];
    }
    flags.groups = groups;
}

/// Looks at the MCP server, and at the authorization server.
async fn look<R: FnMut(&mut String) -> io::Result<usize>, O: Write>(
    asker: &Asker,
    flags: &mut Flags,
    mut person: Option<&mut Questions<R, O>>,
) -> Result<Offered, Failed> {
    if let TokenFlags::Issuer { issuer, .. } = &flags.tokens {
        Box::pin(survey::issuer(asker, &issuer.text)).await;
    }
    loop {
        let url = flags.upstream.text.clone();
        let why = match survey::survey(asker, &url).await {
            Ok(found) => {
                complain(&found.told);
                return Ok(found.offered);
            }
            Err(why) => why,
        };
        let other = survey::elsewhere(asker, &url).await;
        let near = other.as_ref().map_or_else(String::new, |other| format!("\nAn MCP server answers at {other}."));
        let Some(person) = person.as_deref_mut() else {
            let offline = "Start it, correct --upstream, or give --offline to write the file without a look at it.";
            return Err((FAULT, format!("{why}{near}\n{offline}")));
        };
        person.say(&format!("{why}{near}"));
        let question = match &other {
            Some(other) => format!("URL of the MCP server [{other}]:"),
            None => "URL of the MCP server [write the file without a look at it]:".to_owned(),
        };
        match person.ask(&question).map_err(|why| (FAULT, why))?.or(other) {
            Some(url) => flags.upstream.text = url,
            None => return Ok(Offered::default()),
        }
    }
}

/// Asks for what is missing.
fn ask<R: FnMut(&mut String) -> io::Result<usize>, O: Write>(
    person: &mut Questions<R, O>,
    of: &mut Serve,
    folder: &Path,
) -> Result<(), String> {
    if of.upstream.is_none() {
        let judge = |answer: Option<&str>| match answer {
            Some(url) if url.starts_with("http://") || url.starts_with("https://") => Ok(()),
            _ => Err("expected a URL with its path, such as http://127.0.0.1:8000/mcp".to_owned()),
        };
        of.upstream =
            person.ask_until("URL of the MCP server to protect, such as http://127.0.0.1:8000/mcp:", judge)?;
    }
    if of.public_url.is_none() {
        let judge = |answer: Option<&str>| match answer {
            None => Ok(()),
            Some(url) => {
                let after_scheme = url.find("://").map_or(0, |at| at + 3);
                let path = url.get(after_scheme..).and_then(|rest| rest.find('/')).map(|at| at + after_scheme);
                let origin = path.and_then(|at| url.get(..at)).unwrap_or(url);
                PublicUrl::parse(origin).map(drop).map_err(|expected| format!("expected {expected}"))
            }
        };
        let question = "URL that users will type, such as https://mcp.example.com [this machine alone]:";
        of.public_url = person.ask_until(question, judge)?;
    }
    if of.issuer.is_none() && of.accounts.is_none() && !of.demo_account {
        let judge = |answer: Option<&str>| match answer {
            None => Ok(()),
            Some(url) if url.starts_with("http://") || url.starts_with("https://") => Ok(()),
            Some(_) => Err("expected a URL, such as https://login.example.com/realms/main".to_owned()),
        };
        let question = "Issuer of your authorization server [none: users log in at the gateway]:";
        match person.ask_until(question, judge)? {
            Some(issuer) => of.issuer = Some(issuer),
            None => of.accounts = Some(accounts::ask(person, folder)?),
        }
    }
    let is_https = of.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    if is_https && of.tls_cert.is_none() && of.acme.is_none() && !of.plaintext && of.listen.is_empty() {
        person.say("How do connections get TLS?\n  1  a certificate in files\n  2  a certificate from Let's Encrypt, by ACME\n  3  a proxy in front terminates TLS");
        let judge = |answer: Option<&str>| match answer {
            None | Some("1" | "2" | "3") => Ok(()),
            _ => Err("expected 1, 2 or 3".to_owned()),
        };
        match person.ask_until("1, 2 or 3 [3]:", judge)?.as_deref() {
            Some("1") => {
                let needed =
                    |answer: Option<&str>| answer.map(drop).ok_or_else(|| "expected the name of a file".to_owned());
                of.tls_cert = person.ask_until("File of the certificate chain (PEM):", needed)?;
                of.tls_key = person.ask_until("File of its private key (PEM):", needed)?;
            }
            Some("2") => {
                let judge = |answer: Option<&str>| match answer {
                    Some(address) if address.contains('@') => Ok(()),
                    _ => Err("expected an e-mail address, with which you accept the terms of Let's Encrypt".to_owned()),
                };
                of.acme = person.ask_until("Your e-mail address, for Let's Encrypt:", judge)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Checks what was written, and says how to go on.
fn finish(out: &Path) -> u8 {
    let config = ConfigSource::file(out);
    let code = check::check(&config, CheckFormat::Text, false);
    if code != 0 {
        return code;
    }
    let settings = match load(&config) {
        Ok(loaded) => loaded.settings,
        Err(code) => return code,
    };
    print(&format!("\n{}", few(&settings)));
    print("\n`portcullis connect` prints the same for every client.\n");
    let argument = if out == Path::new("gateway.yaml") { String::new() } else { format!(" {}", out.display()) };
    print(&format!(
        "Start the gateway with `portcullis run{argument}`; `portcullis doctor{argument}` then tries what clients do."
    ));
    0
}
