//! What people put in front of, around and behind the gateway, as it is: one folder or file a topic.
//!
//! The tests are named after the reports that they answer: `people_a1_…` tokens, `people_b1_…`
//! networks, `people_c1_…` MCP servers, `people_d1_…` callers without a token and machines.

mod anonymous;
mod behind;
mod claims;
mod credentials;
mod front;
mod messages;
mod paths;
mod shapes;
