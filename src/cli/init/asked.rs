//! Which questions `init` asks for what no flag says, and which answers it takes.

use std::io::{self, Write};

use crate::{
    base::names::PublicUrl,
    cli::{
        init::{
            accounts::{self, AccountsPlace, NewAccounts},
            questions::Questions,
        },
        serve::{arguments::Serve, meant::secrets::has_login},
    },
};

/// Asks for what is missing. Returns accounts that are still to be written.
pub(super) fn ask<R: FnMut(&mut String) -> io::Result<usize>, O: Write>(
    person: &mut Questions<R, O>,
    of: &mut Serve,
    place: &AccountsPlace<'_>,
) -> Result<Option<NewAccounts>, String> {
    if of.upstream.is_none() {
        let question = "URL of the MCP server to protect, such as http://127.0.0.1:8000/mcp:";
        of.upstream = person.ask_until(question, |answer| upstream(answer.unwrap_or_default()))?;
    }
    if of.public_url.is_none() {
        let question = "URL that users will type, such as https://mcp.example.com [this machine alone]:";
        of.public_url = person.ask_until(question, |answer| answer.map_or(Ok(()), public_url))?;
    }
    let mut made = None;
    if of.issuer.is_none() && of.accounts.is_none() && !of.demo_account {
        let question = "Issuer of your authorization server [none: users log in at the gateway]:";
        match person.ask_until(question, |answer| answer.map_or(Ok(()), issuer))? {
            Some(issuer) => of.issuer = Some(issuer),
            None => {
                let (file, accounts) = accounts::ask(person, place)?;
                of.accounts = Some(file);
                made = accounts;
            }
        }
    }
    let is_https = of.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    if is_https && of.tls_cert.is_none() && of.acme.is_none() && !of.plaintext && of.listen.is_empty() {
        transport(person, of)?;
    }
    Ok(made)
}

fn transport<R: FnMut(&mut String) -> io::Result<usize>, O: Write>(
    person: &mut Questions<R, O>,
    of: &mut Serve,
) -> Result<(), String> {
    person.say(
        "How do connections get TLS?\n  1  a certificate in files\n  2  a certificate from Let's Encrypt, by ACME\n  3  a proxy or a \
         tunnel on this machine terminates TLS (on another machine: --plaintext, with --trusted-proxy)",
    );
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
    Ok(())
}

/// Judges the URL of the MCP server.
pub(super) fn upstream(url: &str) -> Result<(), String> {
    web(url).map_err(|expected| format!("expected {expected}with its path, such as http://127.0.0.1:8000/mcp"))
}

fn issuer(url: &str) -> Result<(), String> {
    web(url).map_err(|expected| format!("expected {expected}such as https://login.example.com/realms/main"))
}

fn public_url(url: &str) -> Result<(), String> {
    if has_login(url) {
        return Err("expected a URL without user name and password".to_owned());
    }
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let path = url.get(after_scheme..).and_then(|rest| rest.find('/')).map(|at| at + after_scheme);
    let origin = path.and_then(|at| url.get(..at)).unwrap_or(url);
    PublicUrl::parse(origin).map(drop).map_err(|expected| format!("expected {expected}"))
}

fn web(url: &str) -> Result<(), &'static str> {
    match url.starts_with("http://") || url.starts_with("https://") {
        true if has_login(url) => Err("a URL without user name and password, "),
        true => Ok(()),
        false => Err("a URL "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_2_an_answer_that_is_no_url_is_told_what_is_expected() {
        assert_eq!(upstream("http://127.0.0.1:8000/mcp"), Ok(()));
        assert_eq!(public_url("https://mcp.example.com/notes"), Ok(()));
        for (told, expected) in [
            (upstream(""), "expected a URL with its path, such as http://127.0.0.1:8000/mcp"),
            (upstream("127.0.0.1:8000"), "expected a URL with its path, such as http://127.0.0.1:8000/mcp"),
            (issuer("login"), "expected a URL such as https://login.example.com/realms/main"),
        ] {
            assert_eq!(told.unwrap_err(), expected);
        }
    }

    #[test]
    fn attack_353_a_url_with_a_password_is_refused_without_it() {
        for judge in [upstream, issuer, public_url] {
            let told = judge("https://u:hunter2@a.example/mcp").unwrap_err();
            assert!(told.contains("without user name and password") && !told.contains("hunter2"), "{told}");
        }
    }
}
