//! Counts the memory of a Brotli decoder, and refuses a window that is too large.

use brotli_decompressor::{Allocator, SliceWrapper, StandardAlloc};

use crate::base::limits::messages::DECODER_WINDOW_LOG_MAX;

/// The largest allocation: a window, and what the decoder writes past its end.
const BYTES_MAX: usize = (1 << DECODER_WINDOW_LOG_MAX) + 4_096;

/// An allocator that counts.
#[derive(Default)]
pub(super) struct CountedAlloc {
    held: usize,
    has_refused: bool,
}

impl CountedAlloc {
    /// How many bytes are allocated.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Whether a window was too large.
    pub(super) fn has_refused(&self) -> bool {
        self.has_refused
    }
}

impl<T: Clone + Default> Allocator<T> for CountedAlloc {
    type AllocatedMemory = <StandardAlloc as Allocator<T>>::AllocatedMemory;

    fn alloc_cell(&mut self, len: usize) -> Self::AllocatedMemory {
        let bytes = len.saturating_mul(size_of::<T>());
        if bytes > BYTES_MAX {
            // The decoder fails if it gets less than it asked for.
            self.has_refused = true;
            return Self::AllocatedMemory::default();
        }
        self.held = self.held.saturating_add(bytes);
        StandardAlloc::default().alloc_cell(len)
    }

    fn free_cell(&mut self, cell: Self::AllocatedMemory) {
        self.held = self.held.saturating_sub(cell.slice().len().saturating_mul(size_of::<T>()));
    }
}
