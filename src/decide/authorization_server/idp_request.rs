//! The gateway's own authorization request to the company IdP: which parameters may be configured.

/// The longest name of a configured parameter.
const NAME_BYTES_MAX: usize = 64;
/// The longest value.
const VALUE_BYTES_MAX: usize = 1024;
/// Parameters that make the answer believable, or that would replace all the others: a configured
/// value would take the protection away (attack 212). Some IdPs ignore the case of names.
const OWN: [&str; 16] = [
    "response_type",
    "response_mode",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    // RFC 9101: the request object replaces what the query says.
    "request",
    "request_uri",
    // OpenID Connect Core §7.2.1.
    "registration",
];

/// Checks one configured parameter.
///
/// # Errors
/// What is expected instead.
pub fn check(name: &str, value: &str) -> Result<(), &'static str> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_plain) {
        return Err("the name of a parameter such as access_type");
    }
    if OWN.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        return Err("a parameter that the gateway does not set itself: with it the answer could not be trusted");
    }
    if value.is_empty() || value.len() > VALUE_BYTES_MAX || value.contains(char::is_control) {
        return Err("a text of at most 1024 bytes on one line");
    }
    if name.eq_ignore_ascii_case("prompt") && value.split(' ').any(|word| word == "none") {
        return Err("a prompt other than none: with it no user could sign in");
    }
    Ok(())
}

/// The parameters of one request, with those that are configured. What the request already has
/// stays, except that each word of a configured `prompt` is added to its own.
#[must_use]
pub fn with_configured(
    parameters: Vec<(&str, &str)>,
    configured: &[(Box<str>, Box<str>)],
) -> Vec<(Box<str>, Box<str>)> {
    let mut all: Vec<(Box<str>, Box<str>)> =
        parameters.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    for (name, value) in configured {
        match all.iter_mut().find(|(known, _)| known == name) {
            None => all.push((name.clone(), value.clone())),
            Some((_, own)) if **name == *"prompt" && **own != *"none" => {
                let missing = value.split(' ').filter(|word| !own.split(' ').any(|known| known == *word));
                *own = own.split(' ').chain(missing).collect::<Vec<_>>().join(" ").into();
            }
            Some(_) => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c1_attack_212_no_configured_parameter_replaces_one_that_protects() {
        for name in OWN {
            for spelling in [name.to_owned(), name.to_uppercase()] {
                assert!(check(&spelling, "x").is_err(), "{spelling}");
            }
        }
        for (name, value) in
            [("", "x"), ("a b", "x"), ("a&state", "x"), ("state ", "x"), ("ü", "x"), ("hd", ""), ("hd", "a\nb")]
        {
            assert!(check(name, value).is_err(), "{name:?} {value:?}");
        }
        assert!(check("prompt", "login none").is_err());
        for (name, value) in
            [("access_type", "offline"), ("prompt", "consent"), ("hd", "corp.example"), ("acr_values", "a b")]
        {
            assert_eq!(check(name, value), Ok(()), "{name}");
        }
    }

    #[test]
    fn c8_what_the_request_has_stays_and_prompts_add_up() {
        let configured = |list: &[(&str, &str)]| -> Vec<(Box<str>, Box<str>)> {
            list.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
        };
        let sent = |own: &[(&'static str, &'static str)], of: &[(&str, &str)]| {
            let all = with_configured([&[("state", "s")], own].concat(), &configured(of));
            all.into_iter().skip(1).map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
        };
        let offline = [("access_type", "offline"), ("prompt", "consent")];
        assert_eq!(sent(&[], &offline), "access_type=offline&prompt=consent");
        assert_eq!(sent(&[("prompt", "login")], &offline), "prompt=login consent&access_type=offline");
        assert_eq!(sent(&[("prompt", "login consent")], &offline), "prompt=login consent&access_type=offline");
        assert_eq!(sent(&[("prompt", "none")], &offline), "prompt=none&access_type=offline");
        assert_eq!(sent(&[("login_hint", "ada")], &[("login_hint", "bob"), ("state", "x")]), "login_hint=ada");
    }
}
