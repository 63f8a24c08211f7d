//! A file of parts: a first line, each part with its length, and a checksum of everything
//! before it at the end.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};

/// The first line names the content and the version of its format.
pub(super) const FIRST_LINE: &[u8] = b"meterline coverage 1\n";
/// A longer part is not valid.
const PART_BYTES_MAX: usize = 64 << 20;

/// Writes the parts.
pub(super) struct PartsWriter<'a> {
    file: BufWriter<&'a mut File>,
    checksum: u32,
    bytes: u64,
}

impl<'a> PartsWriter<'a> {
    pub(super) fn begin(file: &'a mut File) -> io::Result<Self> {
        let mut parts = Self { file: BufWriter::new(file), checksum: 0, bytes: 0 };
        parts.write(FIRST_LINE)?;
        Ok(parts)
    }

    pub(super) fn part(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= PART_BYTES_MAX);
        let length = length.ok_or_else(|| io::Error::other("a part is too long"))?;
        self.write(&length.to_le_bytes())?;
        self.write(bytes)
    }

    /// Writes the checksum. Returns the size of the file in bytes.
    pub(super) fn end(mut self) -> io::Result<u64> {
        let checksum = self.checksum.to_le_bytes();
        self.write(&checksum)?;
        self.file.flush()?;
        Ok(self.bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.checksum = crc32c::crc32c_append(self.checksum, bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }
}

/// Reads the parts.
pub(super) struct Parts {
    file: BufReader<File>,
    checksum: u32,
}

impl Parts {
    pub(super) fn begin(file: File) -> io::Result<Self> {
        let mut parts = Self { file: BufReader::new(file), checksum: 0 };
        if parts.read(FIRST_LINE.len())? != FIRST_LINE {
            return Err(io::Error::other("it is no coverage file, or one of another version"));
        }
        Ok(parts)
    }

    /// The next part.
    pub(super) fn next(&mut self) -> io::Result<Vec<u8>> {
        let length = self.read(4)?;
        let length = length.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        match usize::try_from(length) {
            Ok(length) if length <= PART_BYTES_MAX => self.read(length),
            _ => Err(io::Error::other("a part is too long")),
        }
    }

    /// Checks the checksum, which ends the file.
    pub(super) fn end(mut self) -> io::Result<()> {
        let expected = self.checksum.to_le_bytes();
        let found = self.read(expected.len())?;
        let is_end = self.file.read(&mut [0])? == 0;
        if found == expected && is_end { Ok(()) } else { Err(io::Error::other("its checksum is wrong")) }
    }

    fn read(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = (&mut self.file).take(length as u64).read_to_end(&mut bytes)?;
        if read < length {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends too early"));
        }
        self.checksum = crc32c::crc32c_append(self.checksum, &bytes);
        Ok(bytes)
    }
}
