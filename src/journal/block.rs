//! The smallest pieces of the format: the block size and little-endian fields.
//!
//! Knows nothing of what the fields mean.

/// Groups begin on multiples of this, so that no block with synced bytes is ever
/// written again.
pub(super) const BLOCK: u64 = 4096;
/// The same as a length in memory.
pub(super) const BLOCK_LEN: usize = 4096;

/// The next block boundary at or after `offset`.
pub(super) fn round_up(offset: u64) -> u64 {
    offset.next_multiple_of(BLOCK)
}

/// A length in memory as a length on disk.
pub(super) fn on_disk(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// A length on disk as a length in memory; what does not fit cannot be read anyway.
pub(super) fn in_memory(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Takes fields off the front of a slice; `None` once it is too short.
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

/// Puts fields one after the other into a buffer of fixed size.
#[derive(Debug)]
pub(super) struct Filling<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Filling<N> {
    pub(super) fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    /// Adds a field. The callers' fields are of fixed size and fit.
    pub(super) fn put<const M: usize>(mut self, field: [u8; M]) -> Self {
        let end = (self.len + M).min(N);
        if let Some(place) = self.bytes.get_mut(self.len..end) {
            place.copy_from_slice(&field[..end - self.len]);
        }
        self.len = end;
        self
    }

    pub(super) fn filled(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The buffer with the CRC32C of everything before it as its last four bytes.
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
