//! The account of `login.demo_account`: its password is made by this process and in no file.

use std::sync::{Mutex, OnceLock, PoisonError};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    authorization_server::{keys::random, person::accounts::hash_password},
    base::secret::Secret,
};

/// The name of the account.
pub const DEMO_NAME: &str = "demo";

/// The demo account. It is made when a configuration first asks for it, and a reload finds the
/// same one.
#[derive(Debug, Default)]
pub struct DemoAccount {
    made: OnceLock<Made>,
}

#[derive(Debug)]
struct Made {
    /// The password, until it is printed.
    password: Mutex<Option<Secret>>,
    hash: Box<str>,
}

impl DemoAccount {
    /// The password, once: for the operator. `None` if no configuration asked for the account.
    #[must_use]
    pub fn take_password(&self) -> Option<Secret> {
        self.made.get()?.password.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The hash of the password.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(super) fn hash(&self) -> Result<Box<str>, String> {
        if let Some(made) = self.made.get() {
            return Ok(made.hash.clone());
        }
        // 96 random bits: enough against guesses, and short enough to be typed.
        // Letters and digits alone: a program takes a password that begins with `-` for an option.
        let password = URL_SAFE_NO_PAD.encode(random::bytes::<12>()?).replace(['-', '_'], "x");
        let hash = hash_password(password.as_bytes())?.into();
        let password = Mutex::new(Some(Secret::new(password.into_bytes())));
        Ok(self.made.get_or_init(|| Made { password, hash }).hash.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorization_server::person::accounts::check_hash;

    #[test]
    fn attack_350_the_password_is_given_once_and_the_hash_stays() {
        let demo = DemoAccount::default();
        assert_eq!(demo.take_password(), None, "no configuration asked for it");
        let hash = demo.hash().unwrap();
        assert_eq!(check_hash(&hash), Ok(()));
        let password = demo.take_password().unwrap();
        assert_eq!(password.expose().len(), 16);
        assert_eq!(demo.take_password(), None);
        assert_eq!(demo.hash().unwrap(), hash, "a reload finds the same account");
        assert!(!format!("{demo:?}").contains(std::str::from_utf8(password.expose()).unwrap()));
        assert_ne!(DemoAccount::default().hash().unwrap(), hash, "each process has its own");
    }
}
