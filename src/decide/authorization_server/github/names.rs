//! The names of organizations and teams, as the configuration writes and GitHub says them.

/// The longest login of an organization, and the longest slug of a team.
const NAME_BYTES_MAX: usize = 255;

/// An organization, or a team as `organization/slug`, in which a user is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitHubMembership {
    /// Its name. GitHub ignores the case.
    pub name: Box<str>,
    /// Its number, which no other organization or team ever gets.
    pub id: u64,
}

impl GitHubMembership {
    /// Whether the configuration means this one by `written`: a name, perhaps with `#` and the
    /// number, which must then be right. A renamed organization's name is free for others.
    #[must_use]
    pub fn is_meant_by(&self, written: &str) -> bool {
        let (name, id) = split(written);
        self.name.eq_ignore_ascii_case(name) && id.is_none_or(|id| id.parse() == Ok(self.id))
    }
}

/// The organizations and teams that a user is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitHubMemberships {
    /// The organizations.
    pub organizations: Vec<GitHubMembership>,
    /// The teams.
    pub teams: Vec<GitHubMembership>,
}

/// The organizations and teams that the configuration names, as it spells them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitHubNames {
    /// Organizations.
    pub organizations: Vec<Box<str>>,
    /// Teams, as `organization/slug`.
    pub teams: Vec<Box<str>>,
}

impl GitHubNames {
    /// Whether nothing is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.organizations.is_empty() && self.teams.is_empty()
    }

    /// Those of these in which the user is.
    #[must_use]
    pub fn among(&self, of: &GitHubMemberships) -> Self {
        let among = |names: &[Box<str>], of: &[GitHubMembership]| {
            names.iter().filter(|name| of.iter().any(|one| one.is_meant_by(name))).cloned().collect()
        };
        Self { organizations: among(&self.organizations, &of.organizations), teams: among(&self.teams, &of.teams) }
    }

    /// Those of these in which the user is, each with its number, as it could be written.
    #[must_use]
    pub fn numbered(&self, of: &GitHubMemberships) -> String {
        let all = [(&self.organizations, &of.organizations), (&self.teams, &of.teams)];
        let members = all
            .into_iter()
            .flat_map(|(names, of)| of.iter().filter(|one| names.iter().any(|name| one.is_meant_by(name))));
        members.map(|one| format!("{}#{}", one.name, one.id)).collect::<Vec<_>>().join(", ")
    }

    /// These and those.
    #[must_use]
    pub fn with(&self, more: &Self) -> Self {
        let all = |ours: &[Box<str>], theirs: &[Box<str>]| {
            let mut all: Vec<Box<str>> = ours.to_vec();
            all.extend(theirs.iter().filter(|their| !ours.contains(their)).cloned());
            all
        };
        Self { organizations: all(&self.organizations, &more.organizations), teams: all(&self.teams, &more.teams) }
    }
}

/// A written name without its number, and the number.
fn split(written: &str) -> (&str, Option<&str>) {
    match written.rsplit_once('#') {
        Some((name, id)) => (name, Some(id)),
        None => (written, None),
    }
}

/// Whether the configuration says the number, too.
#[must_use]
pub fn has_number(written: &str) -> bool {
    split(written).1.is_some()
}

/// Whether this can be written for an organization: its login, perhaps with its number.
#[must_use]
pub fn is_organization(written: &str) -> bool {
    let (name, id) = split(written);
    is_login(name) && id.is_none_or(is_number)
}

/// Whether this can be written for a team: `organization/slug`, perhaps with its number.
#[must_use]
pub fn is_team(written: &str) -> bool {
    let (name, id) = split(written);
    id.is_none_or(is_number) && is_team_name(name)
}

/// Whether this can be the login of a user or an organization.
#[must_use]
pub fn is_login(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(is_plain)
}

/// Whether this is `organization/slug`.
#[must_use]
pub fn is_team_name(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let is_slug = |slug: &str| !slug.is_empty() && slug.len() <= NAME_BYTES_MAX && slug.bytes().all(is_plain);
    name.split_once('/').is_some_and(|(organization, slug)| is_login(organization) && is_slug(slug))
}

fn is_number(text: &str) -> bool {
    text.parse::<u64>().is_ok_and(|number| number > 0 && number.to_string() == text)
}
