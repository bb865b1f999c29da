//! Reads HPACK (RFC 7541) enough to find a fragment in `:path` and pseudo-header trailers.

use std::{collections::VecDeque, ops::Range};

mod huffman;

use huffman::Symbol;

/// SETTINGS_HEADER_TABLE_SIZE: the default.
const TABLE_BYTES_MAX: usize = 4_096;
/// The size of an entry in addition to its name and value (RFC 7541 §4.1).
const ENTRY_BYTES: usize = 32;
/// Lengths of the names in the static table (RFC 7541, appendix A), from index 1.
const STATIC_NAMES: [u8; 61] = [
    10, 7, 7, 5, 5, 7, 7, 7, 7, 7, 7, 7, 7, 7, 14, 15, 15, 13, 6, 27, 3, 5, 13, 13, 19, 16, 16, 14, 16, 13, 12, 6, 4,
    4, 6, 7, 4, 4, 8, 17, 13, 8, 19, 13, 4, 8, 12, 18, 19, 5, 7, 7, 11, 6, 10, 25, 17, 10, 4, 3, 16,
];
/// The last index of a pseudo-header field in it, and the indexes of `:path`.
const STATIC_PSEUDO_LAST: usize = 14;
const STATIC_PATHS: Range<usize> = 4..6;
const PATH: &[u8] = b":path";
/// `:path` in Huffman code: codes and their lengths.
const PATH_CODED: [(u32, usize); 5] = [(0x5c, 7), (0x2b, 6), (0x3, 5), (0x9, 5), (0x27, 6)];
/// `#` in Huffman code. With its last bit flipped it is `>`, which may not be in a path either.
const NUMBER_SIGN: (u32, usize) = (0xffa, 12);

/// The purpose of a header block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Section {
    /// The head of a request.
    #[default]
    Head,
    /// The trailers after its body.
    Trailers,
}

/// Why a block does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockFault {
    /// The block is not HPACK; the library will report it.
    Unreadable,
    /// A pseudo-header field in trailers (RFC 9113 §8.1).
    PseudoInTrailers,
}

/// The kind and the length of a name.
#[derive(Clone, Copy, Debug)]
struct Name {
    kind: Kind,
    bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Path,
    Pseudo,
    Field,
}

/// The dynamic table of one connection, without the texts.
#[derive(Debug)]
pub(super) struct Table {
    /// The entries, newest first: name and size.
    entries: VecDeque<(Name, usize)>,
    bytes: usize,
    bytes_max: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self { entries: VecDeque::new(), bytes: 0, bytes_max: TABLE_BYTES_MAX }
    }
}

impl Table {
    /// Reads one whole block. `is_spoilt` becomes true if a `#` in a `:path` was replaced by a byte
    /// that makes the library reset the stream; a fault may follow.
    pub(super) fn read(&mut self, block: &mut [u8], section: Section, is_spoilt: &mut bool) -> Result<(), BlockFault> {
        let mut at = 0;
        while let Some(first) = block.get(at).copied() {
            let name = match first {
                // Indexed.
                0x80.. => self.name(integer(block, &mut at, 7)?)?,
                // A new size for the table.
                0x20..0x40 => {
                    self.resize(integer(block, &mut at, 5)?)?;
                    continue;
                }
                // A literal, indexed or not.
                _ => {
                    let is_kept = first & 0x40 != 0;
                    let index = integer(block, &mut at, if is_kept { 6 } else { 4 })?;
                    let name = if index == 0 { new_name(block, &mut at)? } else { self.name(index)? };
                    let value = text(block, &mut at)?;
                    if name.kind == Kind::Path {
                        *is_spoilt |= value.spoil_fragment(block)?;
                    }
                    if is_kept {
                        self.insert(name, value.bytes(block)?);
                    }
                    name
                }
            };
            if section == Section::Trailers && name.kind != Kind::Field {
                return Err(BlockFault::PseudoInTrailers);
            }
        }
        Ok(())
    }

    fn name(&self, index: usize) -> Result<Name, BlockFault> {
        let place = index.checked_sub(1).ok_or(BlockFault::Unreadable)?;
        match STATIC_NAMES.get(place) {
            Some(bytes) => {
                let kind = match index {
                    index if STATIC_PATHS.contains(&index) => Kind::Path,
                    ..=STATIC_PSEUDO_LAST => Kind::Pseudo,
                    _ => Kind::Field,
                };
                Ok(Name { kind, bytes: usize::from(*bytes) })
            }
            None => {
                let entry = self.entries.get(place - STATIC_NAMES.len());
                entry.map(|(name, _)| *name).ok_or(BlockFault::Unreadable)
            }
        }
    }

    fn insert(&mut self, name: Name, value_bytes: usize) {
        let bytes = name.bytes + value_bytes + ENTRY_BYTES;
        self.evict(self.bytes_max.saturating_sub(bytes));
        if bytes <= self.bytes_max {
            self.entries.push_front((name, bytes));
            self.bytes += bytes;
        }
    }

    fn resize(&mut self, bytes_max: usize) -> Result<(), BlockFault> {
        if bytes_max > TABLE_BYTES_MAX {
            return Err(BlockFault::Unreadable);
        }
        self.bytes_max = bytes_max;
        self.evict(bytes_max);
        Ok(())
    }

    fn evict(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max
            && let Some((_, bytes)) = self.entries.pop_back()
        {
            self.bytes -= bytes;
        }
    }
}

/// Reads an integer with `prefix` bits in its first byte (RFC 7541 §5.1).
fn integer(block: &[u8], at: &mut usize, prefix: u32) -> Result<usize, BlockFault> {
    let mut next = || {
        let byte = block.get(*at).copied().ok_or(BlockFault::Unreadable)?;
        *at += 1;
        Ok(usize::from(byte))
    };
    let most = (1 << prefix) - 1;
    let mut value = next()? & most;
    if value < most {
        return Ok(value);
    }
    for shift in [0, 7, 14, 21] {
        let byte = next()?;
        value += (byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(BlockFault::Unreadable)
}

/// The place and the coding of a text in a block (RFC 7541 §5.2).
struct Text {
    place: Range<usize>,
    is_coded: bool,
}

fn text(block: &[u8], at: &mut usize) -> Result<Text, BlockFault> {
    let is_coded = block.get(*at).is_some_and(|first| first & 0x80 != 0);
    let length = integer(block, at, 7)?;
    let place = *at..*at + length;
    *at = place.end;
    if place.end <= block.len() { Ok(Text { place, is_coded }) } else { Err(BlockFault::Unreadable) }
}

impl Text {
    fn written<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        block.get(self.place.clone()).unwrap_or_default()
    }

    /// The length of the decoded text.
    fn bytes(&self, block: &[u8]) -> Result<usize, BlockFault> {
        if !self.is_coded {
            return Ok(self.place.len());
        }
        let mut count = 0;
        huffman::symbols(self.written(block), |_| count += 1).ok_or(BlockFault::Unreadable)?;
        Ok(count)
    }

    /// Replaces each `#` by a byte that may not be in a path. Returns whether there was a `#`.
    fn spoil_fragment(&self, block: &mut [u8]) -> Result<bool, BlockFault> {
        let mut is_spoilt = false;
        if !self.is_coded {
            for byte in block.get_mut(self.place.clone()).unwrap_or_default() {
                if *byte == b'#' {
                    (*byte, is_spoilt) = (b'>', true);
                }
            }
            return Ok(is_spoilt);
        }
        let mut last_bits = Vec::new();
        let mut note = |symbol: Symbol| {
            if (symbol.code, symbol.bits) == NUMBER_SIGN {
                last_bits.push(symbol.last_bit);
            }
        };
        huffman::symbols(self.written(block), &mut note).ok_or(BlockFault::Unreadable)?;
        for bit in last_bits {
            if let Some(byte) = block.get_mut(self.place.start + bit / 8) {
                *byte ^= 0x80 >> (bit % 8);
                is_spoilt = true;
            }
        }
        Ok(is_spoilt)
    }
}

fn new_name(block: &[u8], at: &mut usize) -> Result<Name, BlockFault> {
    let name = text(block, at)?;
    let (written, bytes) = (name.written(block), name.bytes(block)?);
    let (is_path, is_pseudo) = if name.is_coded {
        let (mut place, mut is_path, mut is_pseudo) = (0, bytes == PATH_CODED.len(), false);
        let mut compare = |symbol: Symbol| {
            let coded = (symbol.code, symbol.bits);
            is_path &= PATH_CODED.get(place) == Some(&coded);
            is_pseudo |= place == 0 && PATH_CODED.first() == Some(&coded);
            place += 1;
        };
        huffman::symbols(written, &mut compare).ok_or(BlockFault::Unreadable)?;
        (is_path, is_pseudo)
    } else {
        (written == PATH, written.first() == Some(&b':'))
    };
    let kind = match (is_path, is_pseudo) {
        (true, _) => Kind::Path,
        (false, true) => Kind::Pseudo,
        (false, false) => Kind::Field,
    };
    Ok(Name { kind, bytes })
}
