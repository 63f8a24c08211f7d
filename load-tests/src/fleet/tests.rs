//! Properties of a fleet's bodies that other tests rely on.

use super::*;
use crate::proto::smart_me::DeviceDataArray;
use crate::{Expected, Script};
use prost::Message as _;
use std::collections::BTreeSet;

const NOW_NS: i64 = 1_795_266_907_250_123_400;
const FLEET: FleetOptions = FleetOptions { meters: 10, devices: 3, values: 8, seed: 7 };

#[test]
fn the_same_seed_gives_the_same_bodies() {
    let bodies = |seed| Fleet::new(FleetOptions { seed, ..FLEET }).script(&Script::mixed(200, NOW_NS));
    assert_eq!(bodies(7), bodies(7));
    assert_ne!(bodies(7), bodies(8));
}

#[test]
fn a_meter_is_on_one_lane_only_and_every_lane_occurs() {
    let mut fleet = Fleet::new(FLEET);
    assert_eq!(fleet.lanes(), 4);
    let bodies = fleet.script(&Script::mixed(400, NOW_NS));
    let pairs: BTreeSet<_> = bodies.iter().flat_map(|b| b.readings.iter().map(|r| (r.meter, b.lane))).collect();
    assert_eq!(pairs.len(), 10);
    assert_eq!(pairs.iter().map(|(_, lane)| lane).collect::<BTreeSet<_>>().len(), 4);
}

#[test]
fn live_instants_of_a_lane_never_repeat() {
    let mut fleet = Fleet::new(FLEET);
    let times: Vec<_> = (0..500).map(|_| fleet.live(1, NOW_NS).readings[0].time_ns).collect();
    assert!(times.is_sorted_by(|a, b| a < b));
}

#[test]
fn quarter_hours_come_once_each() {
    let mut fleet = Fleet::new(FLEET);
    let first = fleet.quarter_hours(0, NOW_NS, 97);
    assert_eq!(first.readings.len(), 97 * 3);
    assert!(first.readings.iter().all(|reading| reading.time_ns % QUARTER_HOUR_NS == 0));
    let second = fleet.quarter_hours(0, NOW_NS + 2 * QUARTER_HOUR_NS, 97);
    assert_eq!(second.readings.len(), 2 * 3);
}

#[test]
fn a_script_holds_every_time_scale_and_repeats_and_corrections() {
    let bodies = Fleet::new(FLEET).script(&Script::mixed(2_000, NOW_NS));
    let mut scales = BTreeSet::new();
    for body in &bodies {
        let message = DeviceDataArray::decode(body.bytes.as_slice()).unwrap();
        scales.extend(message.device_data_items.iter().map(|device| device.date_time.unwrap().scale));
    }
    assert_eq!(scales.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    let sent: usize = bodies.iter().map(crate::Body::samples).sum();
    let readings: usize = bodies.iter().map(|body| body.readings.len()).sum();
    assert!(readings >= 2_000);
    let expected = Expected::of(&bodies);
    assert!(expected.len() < sent, "some keys repeat");
    assert!(bodies.windows(9).any(|w| w[1..].iter().any(|later| later.bytes == w[0].bytes)), "some bodies repeat");
}

#[test]
fn prost_reads_what_the_fleet_writes() {
    for body in Fleet::new(FLEET).script(&Script::mixed(300, NOW_NS)) {
        let message = DeviceDataArray::decode(body.bytes.as_slice()).unwrap();
        assert_eq!(message.device_data_items.len(), body.readings.len());
        for (device, reading) in message.device_data_items.iter().zip(&body.readings) {
            let values: Vec<_> = device.device_values.iter().map(|v| (v.obis.to_vec(), v.value)).collect();
            let expected: Vec<_> = reading.values.iter().map(|(obis, value)| (obis.to_vec(), *value)).collect();
            assert_eq!(values, expected);
        }
    }
}
