//! Decoding messages of meters in the local network.
//!
//! - `p1/ours`: find a telegram of DSMR 5 in a stream, check it, and give every value in its base unit
//! - `p1/dsmr5`, `p1/dsmr-parse`: the same by the two crates for Dutch telegrams; they leave registers out
//! - `ksem/ours`: every value of a frame of a KSEM in its base unit
//! - `ksem/prost`: decode the frame by the types that prost generates, and iterate over the values

#![allow(missing_docs, reason = "criterion's macros make functions without")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark may stop")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use meterline::vendor::p1::{Checksum, Frame, next_frame};
use meterline::vendor::{Part, ksem};
use meterline_load::proto::google::protobuf::Timestamp;
use meterline_load::proto::ksem::{GdRs, Gdr};
use prost::Message as _;
use std::convert::Infallible;
use std::hint::black_box;

/// A telegram of DSMR 5 with three phases and a gas meter.
fn telegram() -> Vec<u8> {
    let lines = [
        "/XYZ5\\253833635_A",
        "",
        "1-3:0.2.8(50)",
        "0-0:1.0.0(260704132030S)",
        "0-0:96.1.1(4530303433303036393938373635343137)",
        "1-0:1.8.1(004491.266*kWh)",
        "1-0:1.8.2(006065.310*kWh)",
        "1-0:2.8.1(000788.990*kWh)",
        "1-0:2.8.2(001809.893*kWh)",
        "0-0:96.14.0(0002)",
        "1-0:1.7.0(00.037*kW)",
        "1-0:2.7.0(00.000*kW)",
        "0-0:96.7.21(00011)",
        "0-0:96.7.9(00001)",
        "1-0:99.97.0(1)(0-0:96.7.19)(200210104719W)(0000014540*s)",
        "1-0:32.32.0(00010)",
        "1-0:52.32.0(00007)",
        "1-0:72.32.0(00009)",
        "1-0:32.36.0(00000)",
        "1-0:52.36.0(00000)",
        "1-0:72.36.0(00000)",
        "0-0:96.13.0()",
        "1-0:32.7.0(238.0*V)",
        "1-0:52.7.0(238.0*V)",
        "1-0:72.7.0(238.0*V)",
        "1-0:31.7.0(002*A)",
        "1-0:51.7.0(000*A)",
        "1-0:71.7.0(003*A)",
        "1-0:21.7.0(00.598*kW)",
        "1-0:41.7.0(00.102*kW)",
        "1-0:61.7.0(00.000*kW)",
        "1-0:22.7.0(00.000*kW)",
        "1-0:42.7.0(00.000*kW)",
        "1-0:62.7.0(00.663*kW)",
        "0-1:24.1.0(003)",
        "0-1:96.1.0(4730303339303031363532303530323136)",
        "0-1:24.2.1(260704132007S)(03845.376*m3)",
    ];
    let text = lines.join("\r\n") + "\r\n!";
    format!("{text}{:04X}\r\n", crc(text.as_bytes())).into_bytes()
}

fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xa001 } else { crc >> 1 })
    })
}

fn sum(part: &Part<'_>) -> f64 {
    if let Part::Value(value) = part { value.value } else { 0.0 }
}

fn ours(bytes: &[u8]) -> f64 {
    let Some((_, Frame::Telegram(telegram), _)) = next_frame(bytes, false) else { panic!("no telegram") };
    assert_eq!(telegram.checksum(), Checksum::Right);
    let mut total = 0.0;
    telegram.visit(|part| total += sum(&part));
    total
}

fn dsmr5(bytes: &[u8]) -> dsmr5::state::State {
    let mut reader = dsmr5::Reader::new(bytes.iter().map(|byte| Ok::<u8, Infallible>(*byte)));
    let Some(Ok(readout)) = reader.next() else { panic!("no readout") };
    let telegram = readout.to_telegram().unwrap();
    dsmr5::Result::<dsmr5::state::State>::from(&telegram).unwrap()
}

/// A frame of the grid meter with every register that it sends.
fn frame() -> Vec<u8> {
    let phases = [0, 20, 40, 60];
    let sums = phases.iter().flat_map(|phase| [1, 2, 3, 4, 9, 10].map(|c| c + phase));
    let registers = sums.flat_map(|c| [(c, 4), (c, 8)]);
    let others = [13, 14, 31, 32, 33, 51, 52, 53, 71, 72, 73].map(|c| (c, 4));
    let key = |(c, d): (u64, u64)| 0x0100_0000_00ff | c << 24 | d << 16;
    let values = registers.chain(others).map(|register| (key(register), 6_730_100)).collect();
    let timestamp = Some(Timestamp { seconds: 1_729_699_542, nanos: 583_875_718 });
    let gdr = Gdr { id: "smart-meter".to_owned(), status: 1, timestamp, values, ..Gdr::default() };
    GdRs { gdrs: [("smart-meter".to_owned(), gdr)].into(), config_uuid: "84b6174e".to_owned() }.encode_to_vec()
}

fn local_meters(criterion: &mut Criterion) {
    let telegram = telegram();
    let mut group = criterion.benchmark_group("p1");
    group.throughput(Throughput::Bytes(telegram.len() as u64));
    group.bench_function("ours", |bencher| bencher.iter(|| ours(black_box(&telegram))));
    group.bench_function("dsmr5", |bencher| bencher.iter(|| dsmr5(black_box(&telegram))));
    group.bench_function("dsmr-parse", |bencher| {
        bencher.iter(|| dsmr_parse::Telegram::read_from(black_box(&telegram[..])).unwrap().unwrap());
    });
    group.finish();

    let frame = frame();
    let mut group = criterion.benchmark_group("ksem");
    group.throughput(Throughput::Bytes(frame.len() as u64));
    group.bench_function("ours", |bencher| {
        bencher.iter(|| {
            let mut total = 0.0;
            ksem::gdr::read(black_box(&frame), None, |part| total += sum(&part)).unwrap();
            total
        });
    });
    group.bench_function("prost", |bencher| {
        bencher.iter(|| {
            let message = GdRs::decode(black_box(&frame[..])).unwrap();
            message.gdrs.values().flat_map(|gdr| &gdr.values).map(|(key, value)| key ^ value).fold(0, u64::wrapping_add)
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(40).without_plots();
    targets = local_meters
}
criterion_main!(benches);
