//! `meterline probe`: shows the readings of a device without storing them, and proposes its section of the
//! configuration.

use super::decode::print_readings;
use super::failure::Failure;
use super::location::ConfigLocation;
use super::table::print;
use crate::app::{Hints, Probed, probe_address, probe_configured};
use crate::source::{Document, Fact};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;

/// Ask a device for its readings without storing them, and propose its configuration
///
/// With a URL it finds out which device is there, shows the readings that would be stored, and prints the
/// section of the configuration that got them. With the name of a configured device it uses its
/// configuration. It only reads, with the requests of the device's source; it needs no running service
/// and ends within two minutes. A KSEM also shows the settings of its network and its Modbus, without secrets.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    meterline probe http://dsmr-api.local                          a DSMR-logger\n  \
    meterline probe http://192.168.1.50 --token-file ksem.token    a KSEM or an EM4xx\n  \
    meterline probe http://192.168.1.60 --password-file em300.password    an EM300 with a password\n  \
    meterline probe http://192.168.1.40 --devid 1728053249 --pin-file maic.pin    a smart-MAIC\n  \
    meterline probe http://192.168.1.20/status                     a JSON document; proposes its registers\n  \
    meterline probe tcp://192.168.1.30:2001                        P1 telegrams, or lines of JSON\n  \
    meterline probe cellar --config meterline.toml                 a configured device\n\n\
    A secret is never an argument: write it to a file and name the file.\n\n\
    JSON: one object per line. A value: as of `meterline decode --json`. A document: document and content, or\n\
    document and error. The last line: table, device, read_by, parts_unreadable, facts, section.\n\n\
    Exit codes: 0 it gave readings, 1 it did not, 2 wrong usage, 3 error in the configuration.")]
pub(super) struct ProbeArgs {
    /// The URL of a device, or the name of a configured one
    #[arg(value_name = "URL|DEVICE")]
    target: String,
    #[command(flatten)]
    location: ConfigLocation,
    /// The name of the device in the proposed section
    #[arg(long)]
    name: Option<String>,
    /// The id of a smart-MAIC
    #[arg(long, requires = "pin_file")]
    devid: Option<String>,
    /// The file with the PIN of a smart-MAIC
    #[arg(long, value_name = "FILE", requires = "devid")]
    pin_file: Option<String>,
    /// The file with the access token of a KSEM or an EM4xx
    #[arg(long, value_name = "FILE", conflicts_with = "username")]
    token_file: Option<String>,
    /// A user of the device
    #[arg(long, requires = "password_file")]
    username: Option<String>,
    /// The file with the user's password; without a user the password of an EM300
    #[arg(long, value_name = "FILE")]
    password_file: Option<String>,
    /// The file with the key of encrypted P1 telegrams
    #[arg(long, value_name = "FILE")]
    key_file: Option<String>,
    /// The certificate authorities (PEM) to trust instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    ca_file: Option<String>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// The last line of JSON.
#[derive(Serialize)]
struct Summary<'a> {
    table: &'static str,
    device: &'a str,
    read_by: &'static str,
    parts_unreadable: usize,
    facts: BTreeMap<&'static str, &'a Fact>,
    section: Option<&'a str>,
}

/// Asks the device and prints its answers.
pub(super) fn run(arguments: &ProbeArgs) -> Result<(), Failure> {
    let target = &arguments.target;
    let probed = if target.contains("://") {
        probe_address(target, &arguments.hints())
    } else if is_host_and_port(target) {
        probe_address(&format!("tcp://{target}"), &arguments.hints())
    } else {
        probe_configured(&arguments.location.load()?, target)
    };
    let probed = probed.map_err(Failure::Failed)?;
    show(&arguments.target, &probed, arguments.json)
}

/// Whether it is an address without a scheme, as a P1 reader has one; names of devices have no colon.
fn is_host_and_port(target: &str) -> bool {
    target.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

fn show(target: &str, probed: &Probed, json: bool) -> Result<(), Failure> {
    let Probed { table, probe, section } = probed;
    if !json {
        let device = if probe.device.is_empty() { String::new() } else { format!(" ({})", probe.device) };
        print(format!("{target}: a [[{table}]]{device}, read by {}", probe.origin))?;
    }
    let readings = [&probe.decoded.readings[..], &probe.decoded.events].concat();
    let shown = print_readings(target, &readings, json);
    for document in &probe.documents {
        show_document(document, json)?;
    }
    let facts = probe.decoded.facts.iter().map(|(name, fact)| (*name, fact)).collect::<BTreeMap<_, _>>();
    let parts_unreadable = probe.decoded.unreadable;
    if json {
        let (device, read_by, section) = (probe.device.as_str(), probe.origin, section.as_deref());
        let summary = Summary { table, device, read_by, parts_unreadable, facts, section };
        print(serde_json::to_string(&summary)?)?;
        return shown;
    }
    if parts_unreadable > 0 {
        print(format!("parts that cannot be read: {parts_unreadable}"))?;
    }
    if let Some(section) = section {
        print(format!("\nIts section of the configuration; `meterline check --connect` asks it again:\n\n{section}"))?;
    }
    shown
}

fn show_document(document: &Document, json: bool) -> Result<(), Failure> {
    let Document { path, content } = document;
    match (json, content) {
        (true, Ok(content)) => print(serde_json::json!({ "document": path, "content": content })),
        (true, Err(error)) => print(serde_json::json!({ "document": path, "error": error })),
        (false, Ok(content)) => print(format!("\n{path}\n{}", serde_json::to_string_pretty(content)?)),
        (false, Err(error)) => print(format!("\n{path}\n(not read: {error})")),
    }
}

impl ProbeArgs {
    fn hints(&self) -> Hints {
        Hints {
            name: self.name.clone(),
            devid: self.devid.clone(),
            pin_file: self.pin_file.clone(),
            token_file: self.token_file.clone(),
            username: self.username.clone(),
            password_file: self.password_file.clone(),
            key_file: self.key_file.clone(),
            ca_file: self.ca_file.clone(),
        }
    }
}
