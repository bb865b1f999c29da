//! All bodies: every method several times as it should be, and several mutations of each.

use super::{methods, mutate, rng::Rng, tree::Node};

/// Nothing stored: whoever changes it tests other bodies, as many and of the same kinds.
const SEED: u64 = 0x706F_7274_6375_6C6C;
/// Times that each kind of message is written.
const WRITTEN: usize = 40;
/// Mutations of each.
const MUTATED: usize = 7;

/// The kind of bodies that are as they should be.
pub const VALID: &str = "valid";

/// One body.
pub struct Body {
    /// What was done to it.
    pub kind: &'static str,
    pub bytes: Vec<u8>,
}

impl Body {
    /// Exactly, and readable.
    pub fn shown(&self) -> String {
        format!("b\"{}\"", self.bytes.escape_ascii())
    }
}

/// The same bodies every time.
pub fn all() -> Vec<Body> {
    let mut rng = Rng::new(SEED);
    let mut bodies = Vec::new();
    let mut last = Vec::new();
    for _ in 0..WRITTEN {
        for kind in 0..methods::KINDS {
            let mut tree = Node::of(&methods::message(&mut rng, kind));
            tree.shuffle(&mut rng);
            bodies.push(Body { kind: VALID, bytes: written(&mut rng, &tree) });
            for _ in 0..MUTATED {
                let (kind, mut bytes) = if rng.once_in(2) {
                    let mut tree = tree.clone();
                    let kind = mutate::tree(&mut rng, &mut tree);
                    (kind, written(&mut rng, &tree))
                } else {
                    let mut bytes = written(&mut rng, &tree);
                    (mutate::bytes(&mut rng, &mut bytes, &last), bytes)
                };
                // Two wounds may heal each other in one reader's eyes.
                if rng.once_in(5) {
                    mutate::bytes(&mut rng, &mut bytes, &last);
                }
                bodies.push(Body { kind, bytes });
            }
            let mut lent = tree.clone();
            let kind = mutate::lenient(&mut rng, &mut lent);
            bodies.push(Body { kind, bytes: written(&mut rng, &lent) });
            last = written(&mut rng, &tree);
        }
    }
    bodies
}

fn written(rng: &mut Rng, tree: &Node) -> Vec<u8> {
    let (mut text, spaced) = (String::new(), rng.once_in(3));
    tree.write(rng, spaced, &mut text);
    text.into_bytes()
}
