//! `portcullis init`: writes a commented configuration after a look at the live MCP server.
//!
//! It asks on a terminal what no flag says, and never overwrites a file.

use std::{
    env,
    io::{self, IsTerminal, Write},
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
            accounts::{AccountsPlace, NewAccounts},
            grouping::{Grouped, Offered},
            made::Made,
            questions::Questions,
        },
        serve::{self, arguments::Serve, meant},
        terminal::{BAD_CONFIG, FAULT, complain, load, print, word},
    },
    config::{
        flags::{Flags, FlagsOf, TokenFlags, TransportFlags, places::FlagValue},
        source::ConfigSource,
    },
    outbound::ask::Asker,
};

mod accounts;
mod asked;
mod grouping;
mod made;
mod questions;
mod survey;

/// Arguments of `init`: those of `serve`, and where to write.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// The file to write. It must not exist. Names of files in flags are relative to the current
    /// folder, as for `serve`.
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
    let current = env::current_dir();
    let current = current.map_err(|cause| (FAULT, format!("the current folder cannot be found: {cause}")))?;
    let beside = out.parent().unwrap_or(Path::new(""));
    if out == Path::new("-") {
        return Err((BAD_CONFIG, "--out: found -; expected the name of a file: --print-config prints".to_owned()));
    }
    if !is_printed {
        may_be_written(out, &current.join(beside))?;
    }
    let asker = asking::asker(None).map_err(|fault| (FAULT, fault.to_string()))?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|cause| (FAULT, cause.to_string()))?;
    let mut serve = arguments.flags.clone();
    let mut person = io::stdin()
        .is_terminal()
        .then(|| Questions { read: |line: &mut String| io::stdin().read_line(line), output: io::stderr() });
    let mut accounts = None;
    if let Some(person) = &mut person {
        let place = AccountsPlace { folder: beside, is_made: !is_printed };
        accounts = asked::ask(person, &mut serve, &place).map_err(|why| (FAULT, why))?;
    }
    let has_rules = !serve.allow_all;
    serve.allow_all |= serve.scope.is_empty();
    let mut flags = meant::meant(&serve, by_variable).map_err(|sentences| {
        (BAD_CONFIG, format!("{}\n`portcullis init --help` lists every flag and its variable.", sentences.join("\n")))
    })?;
    flags.of = FlagsOf::Init;
    trust_own_proxy(&mut flags);
    if let TokenFlags::Accounts { file, .. } = &flags.tokens
        && !is_printed
        && accounts.is_none()
        && !current.join(&file.text).exists()
    {
        return Err((BAD_CONFIG, format!("{}: {} does not exist. {}", file.by, file.text, serve::ACCOUNTS)));
    }
    let offered = match arguments.offline {
        true => None,
        false => Some(runtime.block_on(Box::pin(look(&asker, &mut flags, person.as_mut())))?),
    };
    if has_rules {
        let name = flags.name.text.clone();
        let grouped = offered.map_or_else(|| Offered::unknown(&name), |offered| offered.grouped(&name));
        permit(&mut flags, grouped);
    }
    if is_printed {
        printed(flags, &current.join(beside), &current)
    } else {
        make(flags, out, accounts.as_ref(), &current)
    }
}

/// Whether the file may be made, before anything is asked.
fn may_be_written(out: &Path, folder: &Path) -> Result<(), Failed> {
    if out.symlink_metadata().is_ok() {
        let why = format!("{} exists, and init overwrites no file: name another with --out", out.display());
        return Err((BAD_CONFIG, why));
    }
    match folder.is_dir() {
        true => Ok(()),
        false => Err((BAD_CONFIG, format!("--out: there is no folder {}: make it, or name another", folder.display()))),
    }
}

/// Writes nothing: prints the configuration, and tells what is wrong with it here.
fn printed(flags: Flags, folder: &Path, current: &Path) -> Result<(), Failed> {
    let flags = flags.named_from(folder, current);
    print(flags.written(folder).text.trim_end());
    match serve::judged(&flags, folder) {
        0 => Ok(()),
        code => Err((code, "it is printed all the same".to_owned())),
    }
}

/// Makes all files, or none.
fn make(flags: Flags, out: &Path, accounts: Option<&NewAccounts>, current: &Path) -> Result<(), Failed> {
    let cannot = |path: &Path, cause: io::Error| (FAULT, format!("{} cannot be written: {cause}", path.display()));
    let mut made = Made::default();
    if let Some(accounts) = accounts {
        accounts.write(&mut made).map_err(|cause| cannot(Path::new(accounts.file()), cause))?;
    }
    let key = serve::make_key(&flags, current).map_err(|why| (FAULT, why))?;
    if let Some(key) = &key {
        made.note(key.path.clone());
    }
    // What cannot be read is not written: the next try would find the file in its way.
    let folder = current.join(out.parent().unwrap_or(Path::new("")));
    // The query of a URL may hold a key.
    let has_key = flags.upstream.text.contains('?');
    let given = flags.named_from(&folder, current).written(&folder);
    let text = given.text.clone();
    load(&ConfigSource::given(given)).map_err(|code| (code, "nothing was written".to_owned()))?;
    made.write(out, &text, if has_key { 0o600 } else { 0o644 }).map_err(|cause| cannot(out, cause))?;
    made.keep();
    for told in [accounts.map(NewAccounts::told), key.map(|key| key.told)].into_iter().flatten() {
        complain(&told);
    }
    print(&format!("{}: written", out.display()));
    Ok(())
}

/// A gateway that listens on loopback alone, with a public https URL, is behind a proxy on this
/// machine, which names the address of a client.
fn trust_own_proxy(flags: &mut Flags) {
    let is_https = PublicUrl::parse(&flags.public_url.text).is_ok_and(|url| url.is_https());
    let is_own = is_https && flags.transport == TransportFlags::None && meant::beyond(&flags.listen).is_none();
    if is_own && flags.trusted_proxies.is_empty() {
        let value = |text: &str| FlagValue { text: text.to_owned(), by: "init".to_owned() };
        flags.trusted_proxies = vec![value("127.0.0.1"), value("::1")];
    }
}

/// The rules of the groups, unless a flag says what tokens permit.
fn permit(flags: &mut Flags, Grouped { base, groups, left_out }: Grouped) {
    for told in &left_out.told {
        complain(told);
    }
    if left_out.more > 0 {
        complain(&format!("and for {} more", left_out.more));
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
    // The gateway asks upstreams without a forward proxy.
    let direct = asker.direct();
    loop {
        let url = flags.upstream.text.clone();
        let why = match survey::survey(&direct, &url).await {
            Ok(found) => {
                complain(&found.told);
                return Ok(found.offered);
            }
            Err(why) => why,
        };
        let other = survey::elsewhere(&direct, &url).await;
        let near = other.as_ref().map_or_else(String::new, |other| format!("\nAn MCP server answers at {other}."));
        let Some(person) = person.as_deref_mut() else {
            let offline = "Correct that, or --upstream; --offline writes the file without a look at the server.";
            return Err((FAULT, format!("{why}{near}\n{offline}")));
        };
        person.say(&format!("{why}{near}"));
        let question = match &other {
            Some(other) => format!("URL of the MCP server [{other}]:"),
            None => "URL of the MCP server [write the file without a look at it]:".to_owned(),
        };
        let judge = |answer: Option<&str>| answer.map_or(Ok(()), asked::upstream);
        match person.ask_until(&question, judge).map_err(|why| (FAULT, why))?.or(other) {
            Some(url) => {
                // The public path is that of the MCP server, unless the public URL has one.
                if flags.path.by == flags.upstream.by {
                    flags.path.text = meant::path_of(&url);
                }
                flags.upstream.text = url;
            }
            None => return Ok(Offered::default()),
        }
    }
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
    let file = match out == Path::new("gateway.yaml") {
        true => String::new(),
        false => format!(" {}", word(&named(out))),
    };
    print(&format!("\n`portcullis connect{file}` prints the same for every client.\n"));
    print(&format!(
        "Start the gateway with `portcullis run{file}`; `portcullis doctor{file}` then tries what clients do."
    ));
    0
}

/// The name of a file, so that it is not taken for an option.
fn named(file: &Path) -> String {
    let name = file.display().to_string();
    if name.starts_with('-') { format!("./{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_424_only_a_proxy_on_this_machine_is_trusted_without_a_flag() {
        let text = |text: &str| Some(text.to_owned());
        let https = Serve {
            upstream: text("http://127.0.0.1:8000/mcp"),
            public_url: text("https://mcp.example.com"),
            issuer: text("https://a.example"),
            allow_all: true,
            ..Serve::default()
        };
        let trusted = |of: &Serve| {
            let mut flags = meant::meant(of, &|_| false).unwrap();
            trust_own_proxy(&mut flags);
            flags.trusted_proxies.into_iter().map(|value| value.text).collect::<Vec<_>>()
        };
        let list = |text: &str| vec![text.to_owned()];
        assert_eq!(trusted(&https), ["127.0.0.1", "::1"]);
        assert_eq!(trusted(&Serve { listen: list("[::1]:9000"), ..https.clone() }), ["127.0.0.1", "::1"]);
        assert_eq!(trusted(&Serve { trusted_proxy: list("10.0.0.0/8"), ..https.clone() }), ["10.0.0.0/8"]);
        for of in [
            Serve { plaintext: true, ..https.clone() },
            Serve { plaintext: true, listen: list("127.0.0.1:8080 10.0.0.1:8080"), ..https.clone() },
            Serve { tls_cert: text("a"), tls_key: text("b"), ..https.clone() },
            Serve { acme: text("a@b.example"), ..https.clone() },
            Serve { public_url: None, ..https },
        ] {
            assert_eq!(trusted(&of), [""; 0], "{of:?}");
        }
    }

    #[test]
    fn first_2_a_name_of_a_file_is_no_option() {
        assert_eq!(named(Path::new("-x.yaml")), "./-x.yaml");
        assert_eq!(named(Path::new("a/-x.yaml")), "a/-x.yaml");
    }
}
