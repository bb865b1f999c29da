//! JSON whose tokens stay as they are written, so that a mutation can write what no JSON library would.

use serde_json::Value;

use super::rng::Rng;

/// A value. Names and scalars are raw text, quotes included.
#[derive(Clone)]
pub enum Node {
    Raw(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Array(items) => Self::List(items.iter().map(Self::of).collect()),
            Value::Object(members) => {
                Self::Object(members.iter().map(|(name, value)| (quoted(name), Self::of(value))).collect())
            }
            scalar => Self::Raw(scalar.to_string()),
        }
    }

    pub fn raw(text: &str) -> Self {
        Self::Raw(text.to_owned())
    }

    /// How many objects there are.
    pub fn objects(&self) -> usize {
        match self {
            Self::Raw(_) => 0,
            Self::List(items) => items.iter().map(Self::objects).sum(),
            Self::Object(members) => 1 + members.iter().map(|(_, node)| node.objects()).sum::<usize>(),
        }
    }

    /// The members of the object with this number, counted from the outside.
    pub fn object(&mut self, skip: &mut usize) -> Option<&mut Vec<(String, Self)>> {
        match self {
            Self::Raw(_) => None,
            Self::List(items) => items.iter_mut().find_map(|item| item.object(skip)),
            Self::Object(members) => {
                if *skip == 0 {
                    return Some(members);
                }
                *skip -= 1;
                members.iter_mut().find_map(|(_, node)| node.object(skip))
            }
        }
    }

    /// Members in another order, everywhere.
    pub fn shuffle(&mut self, rng: &mut Rng) {
        match self {
            Self::Raw(_) => {}
            Self::List(items) => items.iter_mut().for_each(|item| item.shuffle(rng)),
            Self::Object(members) => {
                rng.shuffle(members);
                members.iter_mut().for_each(|(_, node)| node.shuffle(rng));
            }
        }
    }

    /// As text; `spaced` puts white space wherever some may be.
    pub fn write(&self, rng: &mut Rng, spaced: bool, to: &mut String) {
        let space = |rng: &mut Rng, to: &mut String| {
            if spaced {
                to.push_str(rng.pick(&["", "", " ", "\n", "\t", "\r\n", "  \n "]));
            }
        };
        space(rng, to);
        match self {
            Self::Raw(text) => to.push_str(text),
            Self::List(items) => {
                to.push('[');
                for (at, item) in items.iter().enumerate() {
                    to.push_str(if at == 0 { "" } else { "," });
                    item.write(rng, spaced, to);
                }
                space(rng, to);
                to.push(']');
            }
            Self::Object(members) => {
                to.push('{');
                for (at, (name, node)) in members.iter().enumerate() {
                    to.push_str(if at == 0 { "" } else { "," });
                    space(rng, to);
                    to.push_str(name);
                    space(rng, to);
                    to.push(':');
                    node.write(rng, spaced, to);
                }
                space(rng, to);
                to.push('}');
            }
        }
        space(rng, to);
    }
}

pub fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
