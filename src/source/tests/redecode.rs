//! Messages of a real journal, decoded again.

use super::fixture::{Fixture, readings};
use super::*;
use crate::reading::{Flags, MeterId, Obis, Sample, UnixNanos};
use crate::vendor::Reading;
use crate::wire::batch::Original;

const SECOND_NS: i64 = 1_000_000_000;
const ENERGY: Obis = Obis([1, 0, 1, 8, 0, 255]);

/// A decoder of messages like `0=5 7=6`: seconds and values of a meter. Each value is multiplied.
fn decode(message: &[u8], factor: f64, received: UnixNanos) -> Result<Decoded, String> {
    let text = std::str::from_utf8(message).map_err(|error| error.to_string())?;
    let reading = |part: &str| {
        let (second, value) = part.split_once('=').ok_or("a part without a value")?;
        let (second, value): (i64, f64) = (second.parse().unwrap(), value.parse().unwrap());
        let at = UnixNanos(received.0 / (1000 * SECOND_NS) * 1000 * SECOND_NS + second * SECOND_NS);
        let samples = vec![Sample { obis: ENERGY, value: value * factor }];
        Ok(Reading { meter: MeterId::named("played", "1"), at, flags: Flags::NONE, samples })
    };
    let readings = text.split(' ').map(reading).collect::<Result<_, String>>()?;
    Ok(Decoded { readings, ..Decoded::default() })
}

/// A source that journals such messages.
struct Played {
    fixture: Fixture,
    inlet: Inlet,
    reporter: Reporter,
}

impl Played {
    fn new() -> Self {
        let fixture = Fixture::new();
        let inlet = Inlet::new("a", "played", fixture.entrance("a"), Keep::All);
        let reporter = Reporter::new("a", "played", fixture.clock.clone(), Default::default());
        Self { fixture, inlet, reporter }
    }

    async fn offer(&mut self, message: &str, original: Original<'_>) {
        let decoded = decode(message.as_bytes(), 1.0, self.fixture.clock.now()).unwrap();
        let original = Original { bytes: message.as_bytes(), ..original };
        self.inlet.offer(&decoded, &original, &mut self.reporter).await.unwrap();
    }

    /// The values that each record has by this decoder, or why they are kept.
    fn decoded_again(&self, decoder: Decoder) -> Vec<Result<Vec<f64>, String>> {
        let mut redecoder = Redecoder::new(self.fixture.contexts.clone());
        redecoder.add("a", [("played", decoder)]);
        let records = self.fixture.records().into_iter();
        records
            .map(|(received, payload)| redecoder.decode("a", received, &payload).map(|again| values(&again)))
            .collect()
    }
}

fn values(batch: &[u8]) -> Vec<f64> {
    readings(batch).into_iter().flat_map(|(.., samples)| samples).map(|(_, value)| value).collect()
}

fn played() -> Original<'static> {
    Original { format: "played", ..Original::default() }
}

fn mended() -> Decoder {
    Box::new(|recorded| decode(recorded.original.bytes, 1000.0, recorded.received))
}

#[tokio::test]
async fn of_a_message_only_the_readings_that_were_taken_are_delivered_again() {
    let mut source = Played::new();
    source.offer("0=5 7=6", played()).await;
    source.offer("0=5 7=6 8=7 9=8", played()).await;
    let stored: Vec<_> = source.fixture.records().iter().map(|(_, payload)| values(payload)).collect();
    assert_eq!(stored, [vec![5.0, 6.0], vec![7.0, 8.0]]);
    assert_eq!(source.decoded_again(mended()), [Ok(vec![5000.0, 6000.0]), Ok(vec![7000.0, 8000.0])]);
    // A decoder that finds another number of readings: which ones were taken is unknown.
    let shorter: Decoder = Box::new(|recorded| {
        let mut decoded = decode(recorded.original.bytes, 1000.0, recorded.received)?;
        decoded.events.extend(decoded.readings.pop());
        decoded.readings.remove(0);
        Ok(decoded)
    });
    assert_eq!(source.decoded_again(shorter), [Ok(vec![6000.0]), Ok(vec![6000.0, 7000.0, 8000.0])]);
}

#[tokio::test]
async fn a_message_of_several_records_is_decoded_again_in_each_for_its_own_readings() {
    let mut source = Played::new();
    let message: Vec<_> = (0..1001).map(|second| format!("{second}={second}")).collect();
    source.offer(&message.join(" "), played()).await;
    let again: Vec<_> = source.decoded_again(mended()).into_iter().map(Result::unwrap).collect();
    assert_eq!([again[0].len(), again[1].len()], [1000, 1]);
    assert_eq!([again[0][999], again[1][0]], [999_000.0, 1_000_000.0]);
}

#[tokio::test]
async fn a_long_message_is_in_no_more_than_eight_records() {
    let mut source = Played::new();
    let message: Vec<_> = (0..8001).map(|second| format!("{second}={second}")).collect();
    source.offer(&message.join(" "), played()).await;
    let again: Vec<_> = source.decoded_again(mended()).into_iter().map(Result::unwrap).collect();
    let counts: Vec<_> = again.iter().map(Vec::len).collect();
    assert_eq!(counts, [1001, 1001, 1001, 1001, 1001, 1001, 1001, 994]);
    assert_eq!(again[7][993], 8_000_000.0);
}

#[tokio::test]
async fn readings_without_a_time_of_their_own_keep_the_time_by_which_they_are_stored() {
    let mut source = Played::new();
    // A message like `5`.
    let untimed = |message: &[u8], factor: f64, received| {
        let value: f64 = std::str::from_utf8(message).unwrap().parse().unwrap();
        let samples = vec![Sample { obis: ENERGY, value: value * factor }];
        let reading =
            Reading { meter: MeterId::named("played", "1"), at: received, flags: Flags::TIME_IS_RECEIVE_TIME, samples };
        Decoded { readings: vec![reading], ..Decoded::default() }
    };
    // At once, and after a minute in which the journal refused it.
    for (waits, message) in [(0, "5"), (60 * SECOND_NS, "6")] {
        let decoded = untimed(message.as_bytes(), 1.0, source.fixture.clock.now());
        source.fixture.clock.set_offset(waits);
        let original = Original { bytes: message.as_bytes(), ..played() };
        source.inlet.offer(&decoded, &original, &mut source.reporter).await.unwrap();
    }
    let mut redecoder = Redecoder::default();
    let mended: Decoder = Box::new(move |recorded| Ok(untimed(recorded.original.bytes, 1000.0, recorded.received)));
    redecoder.add("a", [("played", mended)]);
    let records = source.fixture.records();
    assert_eq!(records.len(), 2);
    for (received, payload) in records {
        let again = redecoder.decode("a", received, &payload).unwrap();
        let (stored, again) = (readings(&payload).remove(0), readings(&again).remove(0));
        assert_ne!(stored.1, received);
        assert_eq!((again.0, again.1, again.2), (stored.0, stored.1, stored.2), "the same row");
        assert_eq!(again.3[0].1, stored.3[0].1 * 1000.0);
    }
}

#[tokio::test]
async fn why_a_message_is_not_decoded_again_is_said() {
    let mut source = Played::new();
    source.offer("0=5", Original::default()).await;
    source.offer("1=5", Original { format: "other", ..played() }).await;
    source.offer("2=5", Original { context: "00000000-0000-0000-0000-000000000001", ..played() }).await;
    let decoded = decode(b"3=5", 1.0, source.fixture.clock.now()).unwrap();
    source.inlet.offer(&decoded, &played(), &mut source.reporter).await.unwrap();
    source.offer("4=5", played()).await;
    let refusing: Decoder = Box::new(|_| Err("the telegrams are encrypted".to_owned()));
    let said: Vec<_> = source.decoded_again(refusing).into_iter().map(Result::unwrap_err).collect();
    let parts = ["decoded alone", "format other", "context 00000000", "not kept", "are encrypted"];
    assert!(said.len() == 5 && said.iter().zip(parts).all(|(said, part)| said.contains(part)), "{said:?}");
    assert!(Redecoder::default().decode("a", UnixNanos(0), b"\xff").is_err());
}

#[tokio::test]
async fn each_message_is_decoded_again_by_the_context_of_its_time_and_an_earlier_one_by_the_first() {
    let mut source = Played::new();
    let map = |bytes: &'static str| Original { bytes: bytes.as_bytes(), device: "7", ..played() };
    source.offer("0=1", Original { device: "7", ..played() }).await;
    let mut versions = Vec::new();
    for (second, bytes) in [(1, "10"), (2, "100"), (3, "10")] {
        let version = source.inlet.keep_context(map(bytes)).await.unwrap();
        source.offer(&format!("{second}=1"), Original { device: "7", context: &version, ..played() }).await;
        versions.push(version);
    }
    assert_eq!(versions[0], versions[2], "the same map is the same version");
    source.offer("4=1", Original { device: "8", ..played() }).await;
    let by_context: Decoder = Box::new(|recorded| {
        let factor = recorded.context.map_or(1.0, |context| std::str::from_utf8(context).unwrap().parse().unwrap());
        decode(recorded.original.bytes, factor, recorded.received)
    });
    let again: Vec<_> = source.decoded_again(by_context).into_iter().map(Result::unwrap).collect();
    let (map, values) = (Vec::new(), |value: f64| vec![value]);
    assert_eq!(again, [values(10.0), map.clone(), values(10.0), map, values(100.0), values(10.0), values(1.0)]);
}

#[tokio::test]
async fn a_zero_of_a_counter_that_was_left_out_stays_out_and_one_that_was_stored_is_delivered_again() {
    let mut source = Played::new();
    let gas = Obis([7, 0, 3, 0, 0, 255]);
    // Both counters of each message.
    let with_gas = move |message: &[u8], factor, received| {
        let mut decoded = decode(message, factor, received)?;
        decoded.readings.iter_mut().for_each(|it| it.samples.push(Sample { obis: gas, ..it.samples[0] }));
        Ok(decoded)
    };
    let now = source.fixture.clock.now();
    for message in ["1=5", "2=0", "3=0"] {
        let decoded = with_gas(message.as_bytes(), 1.0, now).unwrap();
        let original = Original { bytes: message.as_bytes(), ..played() };
        source.inlet.offer(&decoded, &original, &mut source.reporter).await.unwrap();
    }
    let stored: Vec<_> = source.fixture.records().iter().map(|(_, payload)| values(payload)).collect();
    assert_eq!(stored, [vec![5.0, 5.0], vec![0.0], vec![0.0, 0.0]]);
    let again = source.decoded_again(Box::new(move |it| with_gas(it.original.bytes, 1000.0, it.received)));
    assert_eq!(again, [Ok(vec![5000.0, 5000.0]), Ok(vec![0.0]), Ok(vec![0.0, 0.0])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_could_not_be_read_when_it_came_is_read_by_a_decoder_that_has_learned() {
    let mut played = Played::new();
    let original = Original { bytes: b"0=5 7=6", format: "played", ..Original::default() };
    let prepared = played.inlet.prepare_unreadable(&Decoded::default(), &original);
    let entrance = played.fixture.entrance("a");
    entrance.take(crate::wire::PayloadFormat::ReadingBatch, &prepared.records[0]).await.unwrap();
    let decoder: Decoder = Box::new(|recorded| decode(recorded.original.bytes, 1.0, recorded.received));
    assert_eq!(played.decoded_again(decoder), [Ok(vec![5.0, 6.0])]);
}

#[tokio::test]
async fn what_filled_a_gap_is_decoded_again_for_what_was_missing_alone() {
    let mut played = Played::new();
    let power = Obis([1, 0, 1, 7, 0, 255]);
    let with_power = move |message: &[u8], factor, received| {
        let mut decoded = decode(message, factor, received)?;
        decoded.readings.iter_mut().for_each(|it| it.samples.push(Sample { obis: power, value: 1.0 }));
        Ok(decoded)
    };
    let original = Original { bytes: b"0=5 7=6 8=7", format: "played", ..Original::default() };
    let rows = with_power(original.bytes, 1.0, played.fixture.clock.now()).unwrap().readings;
    let mut missing: Vec<_> = (0..).zip(rows).skip(1).collect();
    missing[0].1.samples.pop();
    missing.iter_mut().for_each(|(_, reading)| reading.flags = Flags::GAP_REPAIR);
    played.inlet.take_placed(&missing, 3, &original).await.unwrap();
    let mended: Decoder = Box::new(move |it| with_power(it.original.bytes, 1000.0, it.received));
    let mut redecoder = Redecoder::new(played.fixture.contexts.clone());
    redecoder.add("a", [("played", mended)]);
    let (received, payload) = &played.fixture.records()[0];
    let again = readings(&redecoder.decode("a", *received, payload).unwrap());
    assert!(again.iter().all(|(_, _, flags, _)| flags.contains(Flags::GAP_REPAIR)));
    let again: Vec<_> = again.into_iter().map(|(.., samples)| samples).collect();
    assert_eq!(again, [vec![(ENERGY, 6000.0)], vec![(ENERGY, 7000.0), (power, 1.0)]]);
    let shorter: Decoder = Box::new(|it| {
        let mut decoded = decode(it.original.bytes, 1.0, it.received)?;
        decoded.readings.pop();
        Ok(decoded)
    });
    assert!(played.decoded_again(shorter)[0].as_ref().is_err_and(|why| why.contains("filled a gap")));
}

#[tokio::test]
async fn rows_of_intervals_that_filled_a_gap_are_decoded_again_also_in_another_number() {
    let mut played = Played::new();
    let row = Obis([1, 0, 1, 29, 0, 255]);
    let rows = move |message: &[u8], received| {
        let mut decoded = decode(message, 1.0, received)?;
        decoded.readings.iter_mut().for_each(|it| it.samples[0].obis = row);
        Ok(decoded)
    };
    let original = Original { bytes: b"0=5 7=6", format: "played", ..Original::default() };
    let mut found = rows(original.bytes, played.fixture.clock.now()).unwrap().readings;
    found.pop();
    found[0].flags = Flags::GAP_REPAIR;
    played.inlet.take(&found, &original).await.unwrap();
    let mut redecoder = Redecoder::new(played.fixture.contexts.clone());
    redecoder
        .add("a", [("played", Box::new(move |it: &Recorded<'_>| rows(it.original.bytes, it.received)) as Decoder)]);
    let (received, payload) = &played.fixture.records()[0];
    let again = readings(&redecoder.decode("a", *received, payload).unwrap());
    let again: Vec<_> = again.into_iter().map(|(_, _, flags, samples)| (flags, samples)).collect();
    assert_eq!(again, [(Flags::GAP_REPAIR, vec![(row, 5.0)]), (Flags::GAP_REPAIR, vec![(row, 6.0)])]);
}
