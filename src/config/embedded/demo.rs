//! Reads `login.demo_account`: one account for trials on this machine.

use crate::{
    authorization_server::person::accounts::{Account, Accounts},
    base::names::{PublicUrl, is_loopback_name},
    config::{demo_account::DEMO_NAME, reader::Field},
};

/// `login.demo_account`. With a public URL that others can reach, the account would be open to all
/// of them to guess at, and registration beside it.
pub(super) fn account(field: &Field<'_>, public_url: Option<&PublicUrl>) -> Option<Accounts> {
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

    use crate::{
        authorization_server::settings::Login,
        config::{
            demo_account::{DEMO_NAME, DemoAccount},
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
        for (address, is_here) in
            [("127.0.0.2:8080", true), ("[::1]:8080", true), ("[::ffff:127.0.0.1]:8080", true), ("0.0.0.0:8080", false)]
        {
            let text = CONFIG.replace("\"127.0.0.1:8080\"}", &format!("\"{address}\", plaintext: true}}"));
            let told = read(&text, &DemoAccount::default()).map(drop).map_err(|problems| problems.to_string());
            assert_eq!(told.is_ok(), is_here, "{address}: {told:?}");
            assert!(is_here || told.is_err_and(|told| told.contains("which other machines reach")), "{address}");
        }
        let refused = read(&CONFIG.replace("demo_account: true", "demo_account: false"), &DemoAccount::default());
        assert!(refused.unwrap_err().to_string().contains("expected true, or another way to log in"));
    }
}
