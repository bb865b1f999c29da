//! The account of `login.demo_account`: its password is made by this process and in no file.

use std::sync::{Mutex, OnceLock, PoisonError};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    authorization_server::{
        keys::random,
        person::accounts::{Account, Accounts, hash_password},
    },
    base::{
        names::{PublicUrl, is_loopback_name},
        secret::Secret,
    },
    config::reader::Field,
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
    fn hash(&self) -> Result<Box<str>, String> {
        if let Some(made) = self.made.get() {
            return Ok(made.hash.clone());
        }
        // 96 random bits: enough against guesses, and short enough to be typed.
        let password = URL_SAFE_NO_PAD.encode(random::bytes::<12>()?);
        let hash = hash_password(password.as_bytes())?.into();
        let password = Mutex::new(Some(Secret::new(password.into_bytes())));
        Ok(self.made.get_or_init(|| Made { password, hash }).hash.clone())
    }
}

/// `login.demo_account`. With a public URL that others can reach, the account would be open to all
/// of them to guess at, and registration beside it.
pub(super) fn accounts(field: &Field<'_>, public_url: Option<&PublicUrl>) -> Option<Accounts> {
    if field.bool() != Some(true) {
        return field.bool().and_then(|_| field.wrong("true, or another way to log in"));
    }
    let public_url = public_url?;
    if !is_loopback_name(public_url.host()) {
        let found = format!("a demo account at {}, which is not this machine", public_url.origin());
        let expected = "`accounts` with a file, or a public_url on loopback such as http://127.0.0.1:8080";
        field.reading.problem(&field.place, &found, expected);
        return None;
    }
    match field.reading.demo.hash() {
        Ok(hash) => {
            let name = DEMO_NAME.into();
            let account = Account { name, hash, groups: Vec::new(), display: None, subject: None };
            Some(Accounts { accounts: vec![account], unsettled: Vec::new() })
        }
        Err(cause) => {
            field.reading.problem(&field.place, &format!("no password for it ({cause})"), "a system with randomness");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        authorization_server::{person::accounts::check_hash, settings::Login},
        config::{
            explain,
            file::{Loaded, Surroundings, read_around},
            problem::Problems,
        },
    };

    const CONFIG: &str = "
public_url: http://127.0.0.1:8080
listen: [{address: \"127.0.0.1:8080\"}]
authorization_servers:
  own: {embedded: {path: /oauth, login: {demo_account: true}, registration: {dynamic: open}, grants: [{scopes: [mcp]}], store: {memory: true}}}
servers:
  mcp: {path: /mcp, upstream: {url: \"http://127.0.0.1:8000/mcp\"}, scopes: [mcp], access: authenticated}
";

    fn read(text: &str, demo: &DemoAccount) -> Result<Loaded, Problems> {
        let around = Surroundings { folder: Path::new("/nonexistent"), lookup: &|_| None, demo };
        read_around(text, "gateway.yaml", &around)
    }

    #[test]
    fn first_1_a_demo_account_is_one_account_without_a_file_and_without_a_warning() {
        let demo = DemoAccount::default();
        let loaded = read(CONFIG, &demo).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(loaded.warnings, []);
        assert_eq!(loaded.settings.files, Vec::<std::path::PathBuf>::new());
        let Login::Accounts(accounts) = &loaded.settings.embedded[0].login else { panic!("accounts") };
        assert!(accounts.accounts.len() == 1 && &*accounts.accounts[0].name == DEMO_NAME);
        let printed = explain::print(&loaded.settings);
        assert!(printed.contains("login: {demo_account: true}") && !printed.contains("argon2"), "{printed}");
        assert_eq!(read(&printed, &demo).unwrap().settings, loaded.settings);
    }

    #[test]
    fn attack_351_a_demo_account_needs_a_public_url_on_this_machine() {
        for url in ["https://mcp.example.com", "https://localhost.example.com", "https://10.0.0.5"] {
            let demo = DemoAccount::default();
            let refused = read(&CONFIG.replace("http://127.0.0.1:8080", url), &demo).unwrap_err().to_string();
            assert!(refused.contains("which is not this machine"), "{refused}");
            assert_eq!(demo.take_password(), None, "no account was made");
        }
        for url in ["http://localhost:8080", "http://[::1]:8080", "https://localhost:8443"] {
            assert!(read(&CONFIG.replace("http://127.0.0.1:8080", url), &DemoAccount::default()).is_ok(), "{url}");
        }
        let refused = read(&CONFIG.replace("demo_account: true", "demo_account: false"), &DemoAccount::default());
        assert!(refused.unwrap_err().to_string().contains("expected true, or another way to log in"));
    }

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
