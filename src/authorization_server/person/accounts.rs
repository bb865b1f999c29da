//! Local accounts: argon2id hashes, checked without revealing which accounts exist (SPEC E-28).

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version, password_hash::phc::PasswordHash};
use serde_json::Map;

use crate::{
    authorization_server::{
        keys::random,
        person::passwords::{LineFull, PasswordLine, PasswordThreads},
    },
    base::{
        digest::sha256,
        limits::authorization_server::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN, PASSWORD_MEMORY_KIB_MAX},
        secret::Secret,
    },
    decide::authorization_server::{account_name::normal, people::Person},
};

#[cfg(test)]
mod tests;

/// The minimum of `m` (KiB) times `t`: all of OWASP's recommendations for argon2id with `p=1` reach
/// it.
const WORK_MIN: u64 = 7 * 1_024 * 5;
/// The maximum of passes and of lanes: with more, each login would take seconds.
const PASSES_MAX: u32 = 16;
/// The hash to check if there are no accounts at all; its password is unknown.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$1F6ZuJ0PnEDBnQ3YlX1S4g$Z3VhcmRpYW4gb2YgYSBob3VzZSB3aXRob3V0IGRvb3I";

/// The accounts of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounts {
    /// In the file's order.
    pub accounts: Vec<Account>,
    /// Names of accounts that were withdrawn, or have fewer groups, while the reload is refused:
    /// no login of theirs ends in the store before a reload succeeds.
    pub unsettled: Vec<Box<str>>,
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The name that the user types.
    pub name: Box<str>,
    /// `$argon2id$v=19$…`.
    pub hash: Box<str>,
    /// Groups.
    pub groups: Vec<Box<str>>,
    /// The name on pages; by default the account name.
    pub display: Option<Box<str>>,
    /// `sub` of the user's tokens; by default the account name.
    pub subject: Option<Box<str>>,
}

impl Accounts {
    /// The account with this name, which may be typed in another normal form.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Account> {
        let name = normal(name);
        self.accounts.iter().find(|account| normal(&account.name) == name)
    }

    /// The user, if the password is right. Takes as long for an unknown account as for a wrong
    /// password.
    ///
    /// # Errors
    /// [`LineFull`].
    pub async fn verify(
        &self,
        name: &str,
        password: &Secret,
        threads: &PasswordThreads,
        line: PasswordLine,
        places: u32,
    ) -> Result<Option<Person>, LineFull> {
        let account = self.find(name);
        let hash = account.map_or_else(|| self.decoy(name), |account| &account.hash);
        let is_right = threads.check(hash, password, line, places).await?;
        Ok(account.filter(|_| is_right).map(Account::person))
    }

    /// The hash to check for an unknown name: that of one account, always the same for the same
    /// name. So even if hashes differ in cost, an unknown name takes as long as a known one.
    fn decoy(&self, name: &str) -> &str {
        let [first, second, ..] = sha256(name.as_bytes());
        let count = self.accounts.len().max(1);
        let account = self.accounts.get(usize::from(u16::from_le_bytes([first, second])) % count);
        account.map_or(DECOY, |account| &account.hash)
    }
}

impl Account {
    /// `sub` of the user's tokens.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.subject.as_ref().unwrap_or(&self.name)
    }

    /// The user that tokens name.
    #[must_use]
    pub fn person(&self) -> Person {
        Person {
            subject: self.subject().into(),
            name: self.display.as_ref().unwrap_or(&self.name).clone(),
            account: Some(self.name.clone()),
            groups: self.groups.clone(),
            claims: Map::new(),
        }
    }
}

/// Hashes a password with argon2id and a random salt. It is normalised first, as those that users
/// type.
///
/// # Errors
/// What is wrong with the password, or that the system has no randomness.
pub fn hash_password(password: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(password).map_err(|_| "the password is not UTF-8, as browsers send it")?;
    if text.chars().count() < PASSWORD_CHARS_MIN {
        return Err(format!("the password is too short; at least {PASSWORD_CHARS_MIN} characters are needed"));
    }
    if text.len() > PASSWORD_BYTES_MAX {
        return Err(format!("the password is too long; at most {PASSWORD_BYTES_MAX} bytes are allowed"));
    }
    if text.contains(char::is_control) {
        return Err("the password has a control character, which browsers do not send".into());
    }
    let salt = random::bytes::<16>()?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT);
    let hash: PasswordHash =
        hasher.hash_password_with_salt(normal(text).as_bytes(), &salt).map_err(|cause| cause.to_string())?;
    Ok(hash.to_string())
}

/// Whether `hash` is an argon2id hash that can be checked at login.
///
/// # Errors
/// What was expected.
pub fn check_hash(hash: &str) -> Result<(), &'static str> {
    const EXPECTED: &str = "an argon2id hash, $argon2id$v=19$…, as `portcullis hash-password` prints it";
    let hash = PasswordHash::new(hash).map_err(|_| EXPECTED)?;
    if hash.algorithm != Algorithm::Argon2id.ident() || hash.version != Some(Version::V0x13.into()) {
        return Err(EXPECTED);
    }
    let params = Params::try_from(&hash).map_err(|_| EXPECTED)?;
    let is_whole = hash.salt.is_some_and(|salt| salt.len() >= 8) && hash.hash.is_some_and(|output| output.len() >= 16);
    if !is_whole {
        return Err("an argon2id hash with a salt of 8 bytes and 16 bytes of hash, or more of each");
    }
    if u64::from(params.m_cost()) * u64::from(params.t_cost()) < WORK_MIN {
        return Err("an argon2id hash that costs at least m=19456,t=2, as `portcullis hash-password` makes it");
    }
    if params.m_cost() > PASSWORD_MEMORY_KIB_MAX || params.t_cost() > PASSES_MAX || params.p_cost() > PASSES_MAX {
        return Err("an argon2id hash that costs at most m=262144,t=16,p=16, because each login pays for it");
    }
    Ok(())
}
