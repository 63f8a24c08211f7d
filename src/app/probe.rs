//! Asks a device for its readings, for the operator: a configured one, or one at an address. Nothing is
//! stored.
//!
//! For a device at an address it writes sections of the configuration, one for each kind of device that
//! it may be, and asks the device by them in turn. So a section that is proposed has worked, and no
//! request is sent that its source would not send. Invariant: the time is bounded.

mod section;

use crate::clock::Clock;
use crate::config::{self, Config, Source};
use crate::http::web_address;
use crate::reading::Obis;
use crate::source::{self, Probe, SourceError};
use crate::vendor::json::{Guess, GuessedRegister, guess};
use hyper::Uri;
pub use section::Hints;
use section::Section;
use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

/// All requests together take no longer.
const TIME_MAX: Duration = Duration::from_secs(120);
/// Numbers of an unknown document that an error lists.
const LISTED_MAX: usize = 20;

/// The answers of a device.
#[derive(Debug)]
pub struct Probed {
    /// The table of its kind, such as `dsmr_logger`.
    pub table: &'static str,
    /// Its answers.
    pub probe: Probe,
    /// Its section of the configuration, if it is not configured yet.
    pub section: Option<String>,
}

/// Asks a configured device.
///
/// # Errors
/// A sentence: no such device, or why it gives no readings.
pub fn probe_configured(config: &Config, name: &str) -> Result<Probed, String> {
    let source = config.sources.iter().find(|source| source.name() == name).ok_or_else(|| {
        let names: Vec<_> = config.sources.iter().map(Source::name).collect();
        format!(
            "'{name}' is no URL, and the configuration has no device of this name; its devices are: {}",
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        )
    })?;
    let probed = in_time(async { Ok(source.probe().await) })?;
    let probe =
        probed.ok_or_else(|| format!("'{name}' is an account, no device: `meterline check --connect` asks it"))?;
    let probe = probe.map_err(|error| format!("device '{name}': {error}"))?;
    Ok(Probed { table: source.table(), probe, section: None })
}

/// Finds out which device is at an address, and asks it.
///
/// # Errors
/// A sentence: the address is wrong, nothing answers there, or why nothing fits.
pub fn probe_address(address: &str, hints: &Hints) -> Result<Probed, String> {
    let wrong = || {
        format!(
            "'{address}' must be like http://192.168.1.40 (a device), http://192.168.1.20/status (a JSON document) \
             or tcp://192.168.1.30:2001 (telegrams, or lines of JSON)"
        )
    };
    if let Some(host) = address.strip_prefix("tcp://") {
        return in_time(stream(host, address, hints));
    }
    let url = web_address(address).ok_or_else(wrong)?;
    in_time(async {
        source::reach(&host_and_port(&url)).await.map_err(|error| format!("{address}: {error}"))?;
        if url.path() == "/" && url.query().is_none() {
            device(address.trim_end_matches('/'), &url, hints).await
        } else {
            document(address, hints).await
        }
    })
}

/// Runs this work on a runtime of its own.
fn in_time<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no device can be asked: {error}"))?;
    let outcome = runtime.block_on(async { tokio::time::timeout(TIME_MAX, work).await });
    outcome.unwrap_or_else(|_| Err(format!("the device did not answer all requests within {TIME_MAX:?}")))
}

fn host_and_port(url: &Uri) -> String {
    let port = url.port_u16().unwrap_or(if url.scheme_str() == Some("https") { 443 } else { 80 });
    format!("{}:{port}", url.host().unwrap_or_default())
}

/// A device with an interface of its vendor.
async fn device(address: &str, url: &Uri, hints: &Hints) -> Result<Probed, String> {
    let mut faults = Vec::new();
    for section in Section::of_devices(address, hints) {
        match ask(section).await {
            Ok(probed) => return Ok(probed),
            Err(fault) => faults.push(fault),
        }
    }
    if !hints.have_login()
        && let Ok(product) = source::ksem::recognize(url, None, Clock::system()).await
    {
        let product =
            if product.is_empty() { "seems to be a KSEM or an EM4xx".to_owned() } else { format!("is a {product}") };
        return Err(format!(
            "{address} {product} and wants a login: create an access token of role api in the device's page \
             (Profile, Access tokens), write it to a file, and name that file with --token-file; or give \
             --username and --password-file"
        ));
    }
    Err(format!(
        "{address} answers, but not as a known device ({}); a KSEM needs --token-file, an EM300 with a \
         password --password-file, a smart-MAIC --devid and --pin-file, a device with a JSON document the path of its document, and a P1 \
         reader its port, as in tcp://{}",
        faults.join("; "),
        host_and_port(url)
    ))
}

/// A device that sends telegrams or lines of JSON.
async fn stream(host: &str, address: &str, hints: &Hints) -> Result<Probed, String> {
    // The first line says which. Encrypted telegrams have no lines.
    match first_document(address, hints).await {
        Ok(line) if line.trim_ascii_start().starts_with(b"{") => mapped(address, hints, &line).await,
        Ok(_) => ask(Section::p1(host, hints)).await,
        Err(why) => match ask(Section::p1(host, hints)).await {
            Ok(probed) => Ok(probed),
            Err(fault) => Err(format!("{fault}; as lines of JSON: {why}")),
        },
    }
}

/// A device with a JSON document.
async fn document(address: &str, hints: &Hints) -> Result<Probed, String> {
    let document = first_document(address, hints).await.map_err(|why| format!("{address}: {why}"))?;
    mapped(address, hints, &document).await
}

/// A document of a device, as it comes.
async fn first_document(address: &str, hints: &Hints) -> Result<Vec<u8>, String> {
    // The mapping does not matter yet.
    match Section::json(address, hints, &unmapped()).source()? {
        Source::Json(device) => Ok(device.document(Clock::system()).await.map_err(|why| why.to_string())?.to_vec()),
        other => Err(format!("the section is of [[{}]]", other.table())),
    }
}

/// A device whose document has names that say what they are.
async fn mapped(address: &str, hints: &Hints, document: &[u8]) -> Result<Probed, String> {
    let guess = guess(document)
        .ok_or_else(|| format!("{address}: the answer is no JSON document; give the path of the document"))?;
    if guess.registers.is_empty() {
        let numbers = guess.others.iter().take(LISTED_MAX).map(|(pointer, value)| format!("{pointer} = {value}"));
        return Err(format!(
            "{address}: no number of the document has a name that says what it is ({}); write its [[json.value]] \
             tables by hand (`meterline config --example`)",
            numbers.collect::<Vec<_>>().join(", ")
        ));
    }
    ask(Section::json(address, hints, &guess)).await
}

/// A mapping for a document that is not known yet.
fn unmapped() -> Guess {
    let (pointer, obis) = ("/any".to_owned(), Obis([1, 0, 1, 8, 0, 255]));
    Guess { registers: vec![GuessedRegister { pointer, obis, unit: "kWh", names_unit: true }], ..Guess::default() }
}

/// Asks a device by a section of the configuration.
async fn ask(section: Section) -> Result<Probed, String> {
    let source = section.source()?;
    let fault = |error: SourceError| format!("as [[{}]]: {error}", source.table());
    let probe = source.probe().await.ok_or("the section is of an account")?.map_err(fault)?;
    Ok(Probed { table: source.table(), probe, section: Some(section.text()) })
}

impl Section {
    /// The source of this section.
    fn source(&self) -> Result<Source, String> {
        let config = config::parse("(section)", &self.text(), &BTreeMap::new());
        let mut config = config.map_err(|faults| faults.to_string())?;
        config.sources.pop().ok_or_else(|| "the section has no source".to_owned())
    }
}
