//! Passwords: hashing, which hashes a configuration may contain, and verification.

use super::*;

fn account(name: &str, hash: &str) -> Account {
    Account { name: name.into(), hash: hash.into(), groups: vec!["staff".into()], display: None, subject: None }
}

#[tokio::test]
async fn e28_the_right_password_of_an_account_gets_in_and_nothing_else() {
    let hash = hash_password(b"correct horse").unwrap();
    let accounts = Accounts {
        accounts: vec![
            Account { display: Some("Ada L.".into()), subject: Some("u-1".into()), ..account("ada", &hash) },
            account("broken", "$argon2id$v=19$m=19456"),
        ],
        unsettled: Vec::new(),
    };
    let threads = PasswordThreads::default();
    let person = accounts
        .verify("ada", &Secret::new(b"correct horse".to_vec()), &threads, PasswordLine::Other, 256)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((&*person.subject, &*person.name, person.account.as_deref()), ("u-1", "Ada L.", Some("ada")));
    for (name, password) in [
        ("ada", "Correct horse"),
        ("ada", "correct horse "),
        ("ada", ""),
        ("Ada", "correct horse"),
        ("", "correct horse"),
        ("bob", "correct horse"),
        ("broken", "correct horse"),
        ("ada\0", "correct horse"),
    ] {
        let password = Secret::new(password.as_bytes().to_vec());
        assert_eq!(accounts.verify(name, &password, &threads, PasswordLine::Other, 256).await, Ok(None), "{name:?}");
    }
    let none = Accounts { accounts: Vec::new(), unsettled: Vec::new() };
    let right = Secret::new(b"correct horse".to_vec());
    assert_eq!(none.verify("ada", &right, &threads, PasswordLine::Known, 256).await, Ok(None));
}

#[test]
fn e28_an_unknown_name_is_compared_with_a_hash_that_costs_the_same() {
    check_hash(DECOY).unwrap();
    let accounts = Accounts { accounts: vec![account("a", "first"), account("b", "second")], unsettled: Vec::new() };
    for name in ["x", "y", "z", ""] {
        assert_eq!(accounts.decoy(name), accounts.decoy(name));
        assert!(["first", "second"].contains(&accounts.decoy(name)));
    }
}

#[test]
fn e28_each_hash_has_a_salt_of_its_own_and_passes_the_check() {
    let (one, two) = (hash_password(b"correct horse").unwrap(), hash_password(b"correct horse").unwrap());
    assert_ne!(one, two);
    assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_eq!((check_hash(&one), check_hash(&two)), (Ok(()), Ok(())));
    for bad in [&b"seven77"[..], b"", b"tab\tin the middle", b"not \xff UTF-8", &[b'x'; 1_025]] {
        assert!(hash_password(bad).is_err(), "{bad:?}");
    }
    assert!(hash_password("acht Zäh".as_bytes()).is_ok(), "characters are counted, not bytes");
}

#[test]
fn e28_only_hashes_that_cost_enough_and_not_too_much_are_taken() {
    let tail = "$c29tZXNhbHRzb21lc2FsdA$Rdescudvoc7LkZnQF2NNsUmkZrBLLpb6QXV1P8UYJ/U";
    for (head, is_good) in [
        ("$argon2id$v=19$m=19456,t=2,p=1", true),
        ("$argon2id$v=19$m=47104,t=1,p=1", true),
        ("$argon2id$v=19$m=7168,t=5,p=1", true),
        ("$argon2id$v=19$m=65536,t=3,p=4", true),
        ("$argon2id$v=19$m=7168,t=4,p=1", false),
        ("$argon2id$v=19$m=16,t=2,p=1", false),
        ("$argon2id$v=19$m=4194304,t=2,p=1", false),
        ("$argon2id$v=19$m=19456,t=1000,p=1", false),
        ("$argon2id$v=16$m=19456,t=2,p=1", false),
        ("$argon2id$m=19456,t=2,p=1", false),
        ("$argon2i$v=19$m=19456,t=2,p=1", false),
        ("$argon2d$v=19$m=19456,t=2,p=1", false),
    ] {
        assert_eq!(check_hash(&format!("{head}{tail}")).is_ok(), is_good, "{head}");
    }
    for bad in ["", "hunter2", "$2y$10$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA"]
    {
        assert!(check_hash(bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn a13_a_password_is_one_in_each_normal_form_also_with_a_hash_of_an_earlier_release() {
    let (composed, decomposed) = ("crème brûlée", "cre\u{300}me bru\u{302}le\u{301}e");
    let earlier = Argon2::default().hash_password_with_salt(decomposed.as_bytes(), b"some salt of 16b").unwrap();
    let accounts = Accounts {
        accounts: vec![
            account("jos\u{e9}", &hash_password(decomposed.as_bytes()).unwrap()),
            account("earlier", &earlier.to_string()),
        ],
        unsettled: Vec::new(),
    };
    let threads = PasswordThreads::default();
    for (name, password, is_right) in [
        ("jos\u{e9}", composed, true),
        ("jos\u{e9}", decomposed, true),
        ("jose\u{301}", composed, true),
        ("jose", composed, false),
        ("jos\u{e9}", "creme brulee", false),
        ("earlier", decomposed, true),
        ("earlier", composed, false),
    ] {
        let typed = Secret::new(password.as_bytes().to_vec());
        assert_eq!(
            accounts.verify(name, &typed, &threads, PasswordLine::Known, 256).await.unwrap().is_some(),
            is_right,
            "{name} {password}"
        );
    }
}
