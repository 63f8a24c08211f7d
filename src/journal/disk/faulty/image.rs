//! The contents of a file: as processes see them, and as a power cut may leave them.

use super::SECTOR;
use std::collections::BTreeMap;

/// A file's contents.
#[derive(Debug, Clone, Default)]
pub(super) struct Image {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Every version of a sector since the last sync; any of them, or the durable one, may survive.
    dirty: BTreeMap<usize, Vec<Vec<u8>>>,
    /// Every length since the last sync.
    lens: Vec<usize>,
}

impl Image {
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    pub(super) fn read(&self, buffer: &mut [u8], offset: usize) -> usize {
        let there = self.live.get(offset..).unwrap_or_default();
        let len = there.len().min(buffer.len());
        buffer[..len].copy_from_slice(&there[..len]);
        len
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        if end > self.live.len() {
            self.set_len(end);
        }
        self.live[offset..end].copy_from_slice(bytes);
        for sector in offset / SECTOR..end.div_ceil(SECTOR) {
            let version = self.live[sector * SECTOR..self.live.len().min((sector + 1) * SECTOR)].to_vec();
            self.dirty.entry(sector).or_default().push(version);
        }
    }

    pub(super) fn set_len(&mut self, len: usize) {
        self.live.resize(len, 0);
        self.lens.push(len);
    }

    /// A failed sync makes some of it durable and drops the rest:
    /// the next sync succeeds without writing it.
    pub(super) fn sync(&mut self, succeeds: bool, random: &mut fastrand::Rng) {
        if succeeds {
            self.durable = self.merged(|versions| versions.last(), self.live.len());
        } else {
            let survivor = self.survivor(random);
            self.durable = survivor;
        }
        self.dirty.clear();
        self.lens.clear();
    }

    pub(super) fn cut_power(&mut self, random: &mut fastrand::Rng) {
        self.durable = self.survivor(random);
        self.live.clone_from(&self.durable);
        self.dirty.clear();
        self.lens.clear();
    }

    pub(super) fn damage(&mut self, offset: usize, bytes: &[u8]) {
        for contents in [&mut self.live, &mut self.durable] {
            for (place, byte) in contents.iter_mut().skip(offset).zip(bytes) {
                *place = *byte;
            }
        }
    }

    fn survivor(&self, random: &mut fastrand::Rng) -> Vec<u8> {
        let lens: Vec<usize> = std::iter::once(self.durable.len()).chain(self.lens.iter().copied()).collect();
        let len = lens[random.usize(..lens.len())];
        self.merged(|versions| versions.get(random.usize(..=versions.len())), len)
    }

    /// The durable contents under one version, or none, of every dirty sector.
    fn merged<'a>(&'a self, mut choose: impl FnMut(&'a [Vec<u8>]) -> Option<&'a Vec<u8>>, len: usize) -> Vec<u8> {
        let mut contents = self.durable.clone();
        contents.resize(len, 0);
        for (sector, versions) in &self.dirty {
            let start = sector * SECTOR;
            if let (Some(version), true) = (choose(versions), start < len) {
                let end = len.min(start + version.len());
                contents[start..end].copy_from_slice(&version[..end - start]);
            }
        }
        contents
    }
}
