//! Services that are broken on purpose, by a switch of a test build or by a table that has rows twice. The check must find each.

use crate::options::Block;
use crate::plan::{Fault, How, Server};
use crate::world::{Outcome, Run, World};
use std::time::Duration;

/// A way to be broken, and how it must be found.
struct Broken {
    name: &'static str,
    switches: &'static str,
    doubles_rows: bool,
    faults: &'static [Fault],
    count: fn(&Outcome) -> u64,
}

/// Hundreds of bodies.
const SOME_LOAD: [Fault; 1] =
    [Fault::Server { server: Server::QuestDb, how: How::Slow, length: Duration::from_secs(2) }];

const BROKEN: [Broken; 5] = [
    Broken {
        name: "lost: it answers before it writes, and dies",
        switches: "answers-early-at=60",
        doubles_rows: false,
        faults: &[Fault::Dies],
        count: Outcome::lost,
    },
    Broken {
        name: "lost: Kafka never gets one record",
        switches: "kafka-drops-at=40",
        doubles_rows: false,
        faults: &SOME_LOAD,
        count: |outcome| outcome.found[1].lost,
    },
    Broken {
        name: "invented: Kafka gets a value that was never sent",
        switches: "kafka-changes-at=40",
        doubles_rows: false,
        faults: &SOME_LOAD,
        count: |outcome| outcome.found[1].invented,
    },
    Broken {
        name: "reordered: Kafka gets one record late",
        switches: "kafka-holds-back-at=5",
        doubles_rows: false,
        faults: &SOME_LOAD,
        count: Outcome::reordered,
    },
    Broken {
        name: "duplicated: QuestDB has some rows twice",
        switches: "",
        doubles_rows: true,
        faults: &SOME_LOAD,
        count: Outcome::duplicated,
    },
];

/// Runs each of them.
pub(crate) fn all(world: &mut World, say: &dyn Fn(&str)) -> Result<(), String> {
    for (seed, broken) in (1..).zip(&BROKEN) {
        let run = Run {
            block: Block::Servers,
            seed,
            faults: broken.faults.to_vec(),
            switches: broken.switches.to_owned(),
            doubles_rows: broken.doubles_rows,
        };
        let outcome = world.run(&run)?;
        let count = (broken.count)(&outcome);
        if count == 0 || outcome.is_good() {
            return Err(format!("not found: {}; is it a build with test-faults?", broken.name));
        }
        say(&format!("found {count} samples {}", broken.name));
    }
    Ok(())
}
