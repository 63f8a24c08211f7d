//! The faults of a seed. The same block and seed always give the same faults.

use crate::options::Block;
use fastrand::Rng;
use std::fmt;
use std::time::Duration;

/// The kind of a kill at no chosen moment.
pub(crate) const AT_RANDOM: &str = "at random";
/// Faults of a seed.
const KILLS: usize = 5;
const OTHERS: usize = 4;
const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 24 * HOUR_S;
const TWO_YEARS_S: i64 = 731 * DAY_S;

/// One thing that is broken, for a while or at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL after this time under load.
    Kill { after: Duration },
    /// SIGKILL when one of these system calls is entered for this time under load.
    KillAt { name: &'static str, calls: &'static str, when: u32 },
    /// SIGKILL, and another one at a system call of the start after it.
    KillInStart { name: &'static str, calls: &'static str, when: u32 },
    /// System calls fail or wait.
    Calls { name: &'static str, rule: &'static str, length: Duration },
    /// A volume has no room.
    Full { volume: Volume, length: Duration },
    /// A server, or the way to it.
    Server { server: Server, how: How, length: Duration },
    /// A program holds the write lock of the embedded store.
    StoreLocked { length: Duration },
    /// The files of the embedded store are deleted.
    StoreDeleted,
    /// The wall clock jumps, and back again.
    Clock { ahead_s: i64, length: Duration },
    /// A service that is broken on purpose dies.
    Dies,
}

/// A volume of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Volume {
    Journal,
    Data,
}

/// A server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    QuestDb,
    Kafka,
}

/// How a server is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// SIGTERM, and started again.
    Stopped,
    /// SIGKILL, and started again.
    Killed,
    /// SIGSTOP, then SIGCONT.
    Paused,
    /// Every packet is late.
    Slow,
    /// Requests arrive, their answers do not.
    AnswersLost,
}

/// Moments under load: name, system calls, highest count.
const MOMENTS: [(&str, &str, u32); 7] = [
    ("before a write of the journal or a store", "pwrite64", 300),
    ("between write and sync", "fdatasync", 150),
    ("between sync and answer", "sendto,writev", 150),
    ("in a segment change", "fallocate,ftruncate", 3),
    ("at a rename (segment, cursor, small file)", "rename", 12),
    ("between rename and sync of the directory", "fsync", 20),
    ("at a removal", "unlink", 3),
];

/// Moments of a start: as above.
const START_MOMENTS: [(&str, &str, u32); 6] = [
    ("recovery: at a read", "pread64", 60),
    ("recovery: at a write", "pwrite64", 40),
    ("recovery: at a sync of a file", "fdatasync", 6),
    ("recovery: at a sync of a name", "fsync", 25),
    ("recovery: at a rename", "rename", 10),
    ("recovery: at a change of length", "fallocate,ftruncate", 8),
];

/// Failing system calls: name, rule of strace.
const CALLS: [(&str, &str); 9] = [
    ("sync fails (EIO)", "fdatasync:error=EIO"),
    ("every second sync fails (EIO)", "fdatasync:error=EIO:when=1+2"),
    ("write fails (EIO)", "pwrite64:error=EIO"),
    ("every third write fails (EIO)", "pwrite64:error=EIO:when=2+3"),
    ("write has no room (ENOSPC)", "pwrite64:error=ENOSPC"),
    ("rename fails (EIO)", "rename:error=EIO"),
    ("no segment can be reserved (ENOSPC)", "fallocate:error=ENOSPC"),
    ("read-only (EROFS)", "pwrite64,fallocate,ftruncate,rename,unlink,mkdir:error=EROFS"),
    ("sync takes 2 s", "fdatasync,fsync:delay_enter=2000000"),
];

/// The faults of a seed.
pub(crate) fn faults(block: Block, seed: u64) -> Vec<Fault> {
    // A block has seeds of its own.
    let mut rng = Rng::with_seed(seed << 8 | block as u64);
    match block {
        Block::Kill => (0..KILLS).map(|_| kill(&mut rng)).collect(),
        Block::Disk => (0..OTHERS).flat_map(|_| disk(&mut rng)).collect(),
        Block::Servers => (0..OTHERS).map(|_| server(&mut rng)).collect(),
        Block::Clock => (0..OTHERS).map(|_| clock(&mut rng)).collect(),
    }
}

/// Whether the journal of this seed has a volume of its own.
pub(crate) fn has_two_volumes(seed: u64) -> bool {
    seed.is_multiple_of(2)
}

fn kill(rng: &mut Rng) -> Fault {
    match rng.u32(..10) {
        0..2 => Fault::Kill { after: Duration::from_millis(rng.u64(20..1_500)) },
        2..7 => {
            let (name, calls, most) = MOMENTS[rng.usize(..MOMENTS.len())];
            Fault::KillAt { name, calls, when: rng.u32(1..=most) }
        }
        _ => {
            let (name, calls, most) = START_MOMENTS[rng.usize(..START_MOMENTS.len())];
            Fault::KillInStart { name, calls, when: rng.u32(1..=most) }
        }
    }
}

/// A fault of the disk; one of three ends with a kill.
fn disk(rng: &mut Rng) -> Vec<Fault> {
    let length = Duration::from_millis(rng.u64(1_000..4_000));
    let fault = match rng.u32(..8) {
        0 => Fault::Full { volume: Volume::Journal, length },
        1 => Fault::Full { volume: Volume::Data, length },
        _ => {
            let (name, rule) = CALLS[rng.usize(..CALLS.len())];
            Fault::Calls { name, rule, length: length + Duration::from_secs(1) }
        }
    };
    let kill = (rng.u32(..3) == 0).then_some(Fault::Kill { after: Duration::ZERO });
    std::iter::once(fault).chain(kill).collect()
}

fn server(rng: &mut Rng) -> Fault {
    let length = Duration::from_millis(rng.u64(1_000..6_000));
    let how = [How::Stopped, How::Killed, How::Paused, How::Slow, How::AnswersLost][rng.usize(..5)];
    match rng.u32(..12) {
        0 => Fault::StoreLocked { length },
        1 => Fault::StoreDeleted,
        2..7 => Fault::Server { server: Server::QuestDb, how, length },
        _ => Fault::Server { server: Server::Kafka, how, length },
    }
}

fn clock(rng: &mut Rng) -> Fault {
    let jump = [HOUR_S, DAY_S, TWO_YEARS_S][rng.usize(..3)];
    let ahead_s = if rng.bool() { jump } else { -jump };
    Fault::Clock { ahead_s, length: Duration::from_millis(rng.u64(1_000..3_000)) }
}

impl Fault {
    /// Whether samples are set aside meanwhile, so that they come late and out of their order by a replay.
    pub(crate) fn sets_aside(&self) -> bool {
        matches!(self, Self::Clock { ahead_s: TWO_YEARS_S, .. })
    }
}

/// The kind of the fault, without its numbers.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { after: Duration::ZERO } => f.write_str("killed right after it"),
            Self::Kill { .. } => f.write_str(AT_RANDOM),
            Self::KillAt { name, .. } | Self::KillInStart { name, .. } | Self::Calls { name, .. } => f.write_str(name),
            Self::Full { volume: Volume::Journal, .. } => f.write_str("the volume of the journal full"),
            Self::Full { volume: Volume::Data, .. } => f.write_str("the volume of the store full"),
            Self::Server { server, how, .. } => {
                let server = if *server == Server::Kafka { "Kafka" } else { "QuestDB" };
                let how = match how {
                    How::Stopped => "stopped and started",
                    How::Killed => "killed and started",
                    How::Paused => "paused (SIGSTOP)",
                    How::Slow => "slow",
                    How::AnswersLost => "answers lost after the commit",
                };
                write!(f, "{server} {how}")
            }
            Self::StoreLocked { .. } => f.write_str("SQLite locked"),
            Self::Dies => f.write_str("dies after an answer"),
            Self::StoreDeleted => f.write_str("SQLite deleted"),
            Self::Clock { ahead_s, .. } => {
                let size = match ahead_s.abs() {
                    HOUR_S => "an hour",
                    DAY_S => "a day",
                    _ => "two years",
                };
                write!(f, "{size} {}", if *ahead_s > 0 { "ahead" } else { "back" })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_seed_always_has_the_same_faults_and_blocks_have_different_ones() {
        for block in [Block::Kill, Block::Disk, Block::Servers, Block::Clock] {
            assert_eq!(faults(block, 17), faults(block, 17));
            assert_ne!(faults(block, 17), faults(block, 18));
        }
    }

    #[test]
    fn two_hundred_seeds_have_every_fault_of_their_block() {
        let kinds = |block| -> BTreeSet<String> {
            (1..=200).flat_map(|seed| faults(block, seed)).map(|fault| fault.to_string()).collect()
        };
        assert_eq!(kinds(Block::Kill).len(), 1 + MOMENTS.len() + START_MOMENTS.len());
        assert_eq!(kinds(Block::Disk).len(), 1 + 2 + CALLS.len());
        assert_eq!(kinds(Block::Servers).len(), 2 + 2 * 5);
        assert_eq!(kinds(Block::Clock).len(), 2 * 3);
    }
}
