//! Basics of the format: the block size and little-endian fields.
//!
//! Knows nothing of the fields' meaning.

/// The alignment of groups in bytes, so that no block with synced bytes is ever
/// written again.
pub(super) const BLOCK: u64 = 4096;
/// The same as `usize`.
pub(super) const BLOCK_LEN: usize = 4096;

/// The next block boundary at or after `offset`.
pub(super) fn round_up(offset: u64) -> u64 {
    offset.next_multiple_of(BLOCK)
}

/// A length in memory as a length on disk.
pub(super) fn on_disk(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// A length on disk as a length in memory; a larger one cannot be read anyway.
pub(super) fn in_memory(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Reads fields from the front of a slice; `None` when it is too short.
#[derive(Debug)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }
}

/// Writes fields one after the other into a buffer of fixed size.
#[derive(Debug)]
pub(super) struct BlockWriter<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> BlockWriter<N> {
    pub(super) fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    /// Adds a field. The callers' fields have fixed sizes that fit.
    pub(super) fn put<const M: usize>(mut self, field: [u8; M]) -> Self {
        let end = (self.len + M).min(N);
        if let Some(target) = self.bytes.get_mut(self.len..end) {
            target.copy_from_slice(&field[..end - self.len]);
        }
        self.len = end;
        self
    }

    pub(super) fn filled(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The buffer, its last four bytes set to the CRC32C of the bytes before.
    pub(super) fn sealed(mut self) -> [u8; N] {
        let crc = crc32c::crc32c(&self.bytes[..N - 4]);
        self.bytes[N - 4..].copy_from_slice(&crc.to_le_bytes());
        self.bytes
    }
}

/// Whether the last four bytes are the CRC32C of the bytes before them.
pub(super) fn is_sealed(bytes: &[u8]) -> bool {
    match bytes.split_last_chunk::<4>() {
        Some((body, crc)) => crc32c::crc32c(body) == u32::from_le_bytes(*crc),
        None => false,
    }
}
