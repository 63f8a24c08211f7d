//! Any bytes: the decoder accepts what prost accepts and knows a field of, reads the same
//! from it, and never panics. Samples that are set aside are compared by their reason.

use meterline::reading::{Limits, SetAside, UnixNanos};
use meterline::wire::{self, DecodeErrorKind, PayloadFormat, Reading, Tally};
use meterline_load::proto::bcl::DateTime;
use meterline_load::proto::smart_me::{DeviceData, DeviceDataArray};
use prost::Message as _;

const RECEIVED: UnixNanos = UnixNanos(1_795_266_910_000_000_000);

/// Checks one input.
pub fn check(body: &[u8]) {
    match (wire::readings(PayloadFormat::SmartMe, body), DeviceDataArray::decode(body)) {
        (Ok(readings), Ok(message)) => {
            let tally = Tally::of(readings.clone(), &Limits::DEFAULT, RECEIVED);
            assert_eq!(tally.readings, message.device_data_items.len() as u64);
            assert_eq!(readings.count(), message.device_data_items.len());
            let readings = wire::readings(PayloadFormat::SmartMe, body).expect("checked above");
            for (reading, device) in readings.zip(&message.device_data_items) {
                compare(reading, device);
            }
        }
        (Err(error), Err(_)) => {
            assert!(error.offset <= body.len());
            assert!(!error.to_string().is_empty());
        }
        (Err(error), Ok(message)) if error.kind == DecodeErrorKind::NothingKnown => {
            assert!(!body.is_empty() && message == DeviceDataArray::default());
        }
        (ours, prosts) => panic!("ours: {:?}, prost's: {:?}", ours.err(), prosts.err()),
    }
}

fn compare(reading: Reading<'_>, device: &DeviceData) {
    let id = device.device_id.unwrap_or_default();
    let guid = [id.lo.to_le_bytes(), id.hi.to_le_bytes()].concat();
    match reading.meter {
        Ok(meter) => assert_eq!(meter.uuid().to_bytes_le().as_slice(), guid),
        Err(reason) => assert_eq!((reason, (id.lo, id.hi)), (SetAside::MeterMissing, (0, 0))),
    }
    match reading.at {
        // prost does not tell of the fields that it does not know.
        Err(SetAside::ValuesUnknown) => {
            assert!(device.device_values.is_empty() && nanoseconds(device.date_time).is_ok());
        }
        at => assert_eq!(at.map(|at| i128::from(at.0)), nanoseconds(device.date_time)),
    }
    let values: Vec<_> = reading.values.collect();
    assert_eq!(values.len(), device.device_values.len());
    for (ours, prosts) in values.iter().zip(&device.device_values) {
        match ours {
            Ok(sample) => {
                assert_eq!(sample.obis.0, prosts.obis[..]);
                assert_eq!(sample.value.to_bits(), prosts.value.to_bits());
            }
            Err(SetAside::ObisMissing) => assert!(prosts.obis.is_empty()),
            Err(reason) => {
                assert_eq!(*reason, SetAside::ObisLength);
                assert!(!matches!(prosts.obis.len(), 0 | 6));
            }
        }
    }
}

fn nanoseconds(time: Option<DateTime>) -> Result<i128, SetAside> {
    let time = time.ok_or(SetAside::TimeMissing)?;
    let unit_ns = match (time.value, time.scale) {
        (0, 0) => return Err(SetAside::TimeEmpty),
        (_, scale @ 0..=5) => [86_400_000_000_000, 3_600_000_000_000, 60_000_000_000, 1_000_000_000, 1_000_000, 100]
            [usize::try_from(scale).expect("0 to 5")],
        (_, 15) => return Err(SetAside::TimeMinMax),
        _ => return Err(SetAside::TimeScaleUnknown),
    };
    let nanos = i128::from(time.value) * unit_ns;
    i64::try_from(nanos).map(|_| nanos).map_err(|_| SetAside::TimeOverflow)
}
