//! Reads the file of local accounts: names, password hashes and groups.

use std::{collections::HashMap, path::Path};

use crate::{
    authorization_server::person::accounts::{Account, Accounts, check_hash},
    config::{
        named_file,
        place::{Place, Written},
        problem::quoted,
        reader::{Field, Fields},
        value,
    },
    decide::authorization_server::account_name::look,
};

/// Longest name or subject: both go into tokens.
const NAME_BYTES_MAX: usize = 255;

/// The accounts in the file at `path`, which `field` names. Problems are reported with the line in
/// that file.
pub(super) fn accounts(field: &Field<'_>, path: &Path) -> Option<Accounts> {
    named_file::read(field, path, "accounts file", |fields| {
        fields.need("accounts", "a list of accounts, each with `name` and `password`").map(|field| list(&field))
    })
}

fn list(field: &Field<'_>) -> Accounts {
    let mut names: HashMap<Box<str>, Place> = HashMap::new();
    let mut subjects: HashMap<Box<str>, Place> = HashMap::new();
    let mut looks: HashMap<String, (Box<str>, Place)> = HashMap::new();
    let mut accounts = Vec::new();
    for item in field.full_list("accounts").unwrap_or_default() {
        let Some(read) = item.section("accounts file[]", account) else { continue };
        let (account, name, subject) = read;
        let place = name.place.clone();
        let subject = subject.unwrap_or_else(|| name.clone());
        if let Some(first) = names.get(&account.name) {
            let found = format!("{} a second time", quoted(&name.value));
            field.reading.problem_see(&name.place, &found, "each name once", first);
        } else if let Some(first) = subjects.get(&subject.value) {
            // Two users with the same `sub` are one user to every server.
            let found = format!("{}, which is the subject of another account", quoted(&subject.value));
            field.reading.problem_see(
                &subject.place,
                &found,
                "each subject once (an account without `subject` uses its name)",
                first,
            );
        }
        names.entry(account.name.clone()).or_insert(name.place);
        subjects.entry(subject.value).or_insert(subject.place);
        if let Some((other, first)) = looks.insert(look(&account.name), (account.name.clone(), place.clone()))
            && other != account.name
        {
            let found = format!("{}, which looks like {}", quoted(&account.name), quoted(&other));
            field.reading.problem_see(
                &place,
                &found,
                "names that people can tell apart: not by case, by invisible characters, or by letters of another script that look the same",
                &first,
            );
        }
        accounts.push(account);
    }
    Accounts { accounts, unsettled: Vec::new() }
}

type Named = Written<Box<str>>;

pub(super) fn account(fields: &mut Fields<'_>) -> Option<(Account, Named, Option<Named>)> {
    let name = fields.need("name", "the name that the user types to log in").and_then(|field| typed(&field));
    let password = fields.need("password", "a hash from `portcullis hash-password`");
    let password = password.and_then(|field| hash(&field));
    let groups = fields.get("groups").map(|field| value::texts(&field, "a group's name")).unwrap_or_default();
    let display = fields.get("display").and_then(|field| field.text("a name to show").map(Box::from));
    let subject = fields.get("subject").map(|field| typed(&field));

    let (name, subject) = (name?, subject.map_or(Some(None), |subject| subject.map(Some))?);
    let account = Account {
        name: name.value.clone(),
        hash: password?,
        groups: groups.into_iter().map(|group| group.value).collect(),
        display,
        subject: subject.as_ref().map(|subject| subject.value.clone()),
    };
    Some((account, name, subject))
}

fn typed(field: &Field<'_>) -> Option<Named> {
    const EXPECTED: &str = "a name of at most 255 bytes, without control characters and without white space around it";
    let text = field.text(EXPECTED)?;
    match text.len() <= NAME_BYTES_MAX && text.trim() == text && !text.chars().any(char::is_control) {
        true => Some(Written { value: text.into(), place: field.place.clone() }),
        false => field.wrong(EXPECTED),
    }
}

/// A wrong value is never shown: it may be the password itself.
fn hash(field: &Field<'_>) -> Option<Box<str>> {
    let text = field.scalar_text().unwrap_or_default();
    match check_hash(text) {
        Ok(()) => Some(text.into()),
        Err(expected) => {
            field.reading.problem(&field.place, "a value that is not such a hash (not shown)", expected);
            None
        }
    }
}
