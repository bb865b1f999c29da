//! GitHub as the place of sign-in: where it is, what it says about a user, and what that means.
//!
//! GitHub is no OpenID Connect provider: it has no ID tokens and no metadata. Who has signed in,
//! and which teams they are in, is read from its REST API with the user's token.
//! <https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps>
//! <https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app>

pub mod answers;
pub mod names;
pub mod person;
pub mod place;
pub mod token;

#[cfg(test)]
mod tests;
