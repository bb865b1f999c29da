//! Local accounts: argon2id hashes, compared without telling who exists (SPEC E-28).

use crate::decide::grant::people::Person;

/// The accounts of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounts {
    /// In the file's order.
    pub accounts: Vec<Account>,
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What is typed.
    pub name: Box<str>,
    /// `$argon2id$v=19$…`.
    pub hash: Box<str>,
    /// Groups.
    pub groups: Vec<Box<str>>,
    /// What it is called on pages; the name where it says nothing.
    pub display: Option<Box<str>>,
    /// `sub` of its tokens; the name where it says nothing.
    pub subject: Option<Box<str>>,
}

impl Accounts {
    /// Who it is, if the password is right. Takes as long for an unknown name as for a wrong password; runs on the pool for blocking
    /// work, a few at a time.
    pub async fn verify(&self, _name: &str, _password: &str) -> Option<Person> {
        todo!()
    }
}

/// Hashes a password with argon2id, with a salt of its own.
///
/// # Errors
/// What is wrong with the password, or with the machine.
pub fn hash_password(_password: &[u8]) -> Result<String, String> {
    todo!()
}

/// Whether `hash` is an argon2id hash that we can check, and how it falls short where it is not.
///
/// # Errors
/// What was expected.
pub fn check_hash(_hash: &str) -> Result<(), &'static str> {
    todo!()
}
