//! Reads `WWW-Authenticate` as clients do (RFC 9110 §11.6.1), and says what some cannot read.

/// One challenge of the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadChallenge {
    /// The scheme, as written.
    pub scheme: String,
    /// The parameters: names in lower case.
    pub parameters: Vec<ReadParameter>,
}

/// One parameter of a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadParameter {
    /// Its name, in lower case.
    pub name: String,
    /// Its value, without quotes and escapes.
    pub value: String,
    /// Whether the value needs quotes and has none: strict readers stop there.
    pub lacks_quotes: bool,
}

/// Why the field cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeFieldFault {
    /// A quoted value has no end.
    OpenQuote,
    /// A parameter before any scheme.
    ParameterFirst,
    /// A character that may not be there.
    Character(char),
    /// More challenges or parameters than any server sends.
    TooMany,
}

/// How many challenges, and how many parameters of each, are read.
const MANY_MAX: usize = 64;

impl ReadChallenge {
    /// The value of a parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&ReadParameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// Whether the scheme is Bearer.
    #[must_use]
    pub fn is_bearer(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("bearer")
    }
}

/// The challenges of one line of the field, in order.
///
/// # Errors
/// [`ChallengeFieldFault`].
pub fn read(line: &str) -> Result<Vec<ReadChallenge>, ChallengeFieldFault> {
    let mut rest = line;
    let mut challenges: Vec<ReadChallenge> = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let Some(first) = rest.chars().next() else { return Ok(challenges) };
        let (word, after) = word(rest);
        if word.is_empty() {
            return Err(ChallengeFieldFault::Character(first));
        }
        let behind = after.trim_start_matches([' ', '\t']);
        match behind.strip_prefix('=').filter(|value| !is_token68(value, challenges.last())) {
            Some(value) => {
                let (value, lacks_quotes, after) = read_value(value.trim_start_matches([' ', '\t']))?;
                let challenge = challenges.last_mut().ok_or(ChallengeFieldFault::ParameterFirst)?;
                if challenge.parameters.len() == MANY_MAX {
                    return Err(ChallengeFieldFault::TooMany);
                }
                let name = word.to_ascii_lowercase();
                challenge.parameters.push(ReadParameter { name, value, lacks_quotes });
                rest = after;
            }
            None => {
                if challenges.len() == MANY_MAX {
                    return Err(ChallengeFieldFault::TooMany);
                }
                challenges.push(ReadChallenge { scheme: word.to_owned(), parameters: Vec::new() });
                rest = skip_token68(after);
            }
        }
    }
}

/// A token, and what follows.
fn word(text: &str) -> (&str, &str) {
    let end = text.find(|character| !is_token(character)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// RFC 9110 §5.6.2.
fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}

/// Whether nothing but padding follows the sign: then it belongs to the word, as in `a==`.
fn is_token68(value: &str, before: Option<&ReadChallenge>) -> bool {
    before.is_none() && value.trim_start_matches('=').trim_start().is_empty()
}

/// What follows the credentials of a scheme that has no parameters, such as `Negotiate YII=`.
fn skip_token68(after: &str) -> &str {
    let Some(text) = after.strip_prefix(' ') else { return after };
    let text = text.trim_start_matches(' ');
    let is_68 = |character: char| character.is_ascii_alphanumeric() || "-._~+/".contains(character);
    let end = text.find(|character| !is_68(character)).unwrap_or(text.len());
    let Some((_, behind)) = text.split_at_checked(end).filter(|(word, _)| !word.is_empty()) else { return after };
    let padded = behind.trim_start_matches('=');
    let rest = padded.trim_start_matches([' ', '\t']);
    if rest.is_empty() || rest.starts_with(',') { rest } else { after }
}

/// A quoted or a bare value, whether it needs quotes, and what follows.
fn read_value(text: &str) -> Result<(String, bool, &str), ChallengeFieldFault> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        let (value, after) = text.split_at_checked(end).unwrap_or((text, ""));
        return Ok((value.to_owned(), value.is_empty() || !value.chars().all(is_token), after));
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return Ok((value, false, characters.as_str())),
            '\\' => value.push(characters.next().ok_or(ChallengeFieldFault::OpenQuote)?),
            other => value.push(other),
        }
    }
    Err(ChallengeFieldFault::OpenQuote)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> Result<String, ChallengeFieldFault> {
        let one = |challenge: &ReadChallenge| {
            let all: Vec<String> = (challenge.parameters.iter())
                .map(|of| format!("{}={}{}", of.name, of.value, if of.lacks_quotes { "?" } else { "" }))
                .collect();
            format!("{}({})", challenge.scheme, all.join(" "))
        };
        Ok(read(line)?.iter().map(one).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn first_4_a_challenge_is_read_as_clients_read_it() {
        for (line, expected) in [
            (
                r#"Bearer resource_metadata="https://a/x", scope="a b""#,
                "Bearer(resource_metadata=https://a/x scope=a b)",
            ),
            ("Bearer", "Bearer()"),
            ("", ""),
            (
                r#"Basic realm="a, b=\"c\"", Bearer error=invalid_token"#,
                r#"Basic(realm=a, b="c") Bearer(error=invalid_token)"#,
            ),
            ("bearer Realm = x ,scope=y", "bearer(realm=x scope=y)"),
            ("Negotiate YII=, Bearer a=\"b\"", "Negotiate() Bearer(a=b)"),
            ("Negotiate", "Negotiate()"),
            ("Bearer resource_metadata=https://a/x, error=b", "Bearer(resource_metadata=https://a/x? error=b)"),
            (r#"Bearer a="1" b="2""#, "Bearer(a=1 b=2)"),
        ] {
            assert_eq!(shown(line).as_deref(), Ok(expected), "{line}");
        }
        for (line, fault) in [
            (r#"Bearer a="b"#, ChallengeFieldFault::OpenQuote),
            (r#"Bearer a="b\"#, ChallengeFieldFault::OpenQuote),
            (r#"resource_metadata="https://a""#, ChallengeFieldFault::ParameterFirst),
            ("\"Bearer\"", ChallengeFieldFault::Character('"')),
            ("{\"a\":1}", ChallengeFieldFault::Character('{')),
        ] {
            assert_eq!(read(line), Err(fault), "{line}");
        }
        assert_eq!(read(&"a,".repeat(100)), Err(ChallengeFieldFault::TooMany));
    }
}
