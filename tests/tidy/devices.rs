//! meterline only reads devices: their sources send nothing past the list of allowed requests, and
//! every simulated device checks what it gets.

use crate::assert_none;
use crate::source::{Source, everywhere};

/// Ways to send a request, and to play a device.
const NETWORK: [&str; 7] = ["Requester", "Client", "AsyncClient", "TcpStream", "TcpListener", "TcpSocket", "UdpSocket"];
/// The transports, which check the list or send nothing, and the sources of other places than devices.
/// Smappee's cloud has a list of its own, which its client and its login check.
const EXEMPT: [&str; 10] = [
    "device.rs",
    "stream.rs",
    "sources.rs",
    "smappee",
    "smappee.rs",
    "smart_me",
    "smart_me.rs",
    "tokens.rs",
    "webhook",
    "mqtt/connection.rs",
];

#[test]
fn sources_of_devices_and_their_tests_use_the_checked_transports_alone() {
    let mut faults = Vec::new();
    for source in everywhere().iter().filter(|source| is_of_a_device(source)) {
        for (line, code) in (1..).zip(source.code.lines()) {
            let words = code.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            faults.extend(words.filter(|word| NETWORK.contains(word)).map(|word| {
                let instead = "source/device.rs or stream.rs, in tests meterline_load::devices";
                format!("{}: `{word}`: use {instead}", source.at(line))
            }));
        }
    }
    assert_none("no request to a device passes its list unchecked", &faults);
}

#[test]
fn end_to_end_tests_play_devices_with_the_simulated_ones() {
    let mut faults = Vec::new();
    for source in everywhere().iter().filter(|source| source.path.starts_with("tests/it/end_to_end")) {
        for (line, text) in (1..).zip(source.text.lines()) {
            if ["HTTP/1.0 200", "HTTP/1.1 200", "HTTP/1.0 {", "HTTP/1.1 101"].iter().any(|head| text.contains(head)) {
                faults.push(format!("{}: use meterline_load::devices, which checks requests", source.at(line)));
            }
        }
    }
    assert_none("every simulated device checks its requests", &faults);
}

fn is_of_a_device(source: &Source) -> bool {
    let Ok(path) = source.path.strip_prefix("src/source") else { return false };
    !EXEMPT.iter().any(|exempt| path.starts_with(exempt))
}
