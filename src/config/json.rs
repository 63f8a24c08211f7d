//! `[[json]]`: devices that return or send JSON documents.

use super::ca_file::ca_file;
use super::device::{authorization, every, keep, name};
use super::section::Section;
use super::value::is_host_and_port;
use crate::http::web_address;
use crate::reading::registry::{self, Unit};
use crate::reading::{MeterId, Obis};
use crate::source::json::{Address, Device};
use crate::vendor::json::{Mapping, Register, Time, factor};
use std::collections::HashSet;

const MILLISECOND_NS: i64 = 1_000_000;

/// Reads a device; `taken` are the names of other sources.
pub(super) fn device(mut section: Section<'_>, taken: &mut HashSet<String>) -> Option<Device> {
    let name = name(&mut section, taken);
    let address = address(&mut section);
    let ca_file = ca_file(&mut section);
    let every = every(&mut section);
    let keep = keep(&mut section);
    let (time, values) = mapping(&mut section, "[[json.value]]");
    section.finish();
    let name = name?;
    let mapping = Mapping { meter: MeterId::named("json", &name), time, values };
    Some(Device { name, address: address?, ca_file, every, keep, mapping })
}

/// The time and the registers of a document. `table` names the table of a register.
pub(super) fn mapping(section: &mut Section<'_>, table: &str) -> (Option<Time>, Vec<Register>) {
    let time: Option<String> = section.get("time");
    check_pointer(section, "time", time.as_deref());
    let unit_ns =
        section.choice("time_unit", &[("s", 1000 * MILLISECOND_NS), ("ms", MILLISECOND_NS)], 1000 * MILLISECOND_NS);
    let time = time.map(|pointer| Time { pointer, unit_ns });
    let faults_before = section.fault_count();
    let values = section.sections("value");
    if values.is_empty() && section.fault_count() == faults_before {
        section.fault("value", format!("is missing; add a {table} table for each register"));
    }
    (time, values.into_iter().filter_map(register).collect())
}

fn address(section: &mut Section<'_>) -> Option<Address> {
    let url = section.required::<String>("url", "\"http://192.168.1.20/status\"");
    let authorization = authorization(section);
    let url = url?;
    let address = match url.strip_prefix("tcp://") {
        Some(_) if authorization.is_some() => {
            section.fault("username", "cannot be used with tcp://, which has no login");
            return None;
        }
        Some(host) => is_host_and_port(host).then(|| Address::Tcp(host.to_owned())),
        None => web_address(&url).map(|uri| Address::Http(uri, authorization)),
    };
    if address.is_none() {
        section.fault("url", "must be like \"http://192.168.1.20/status\" or \"tcp://192.168.1.20:8880\"");
    }
    address
}

fn check_pointer(section: &mut Section<'_>, key: &'static str, pointer: Option<&str>) {
    if pointer.is_some_and(|pointer| !pointer.starts_with('/')) {
        section.fault(key, "must be a JSON pointer, which begins with '/', like \"/total/kwh\"");
    }
}

fn register(mut section: Section<'_>) -> Option<Register> {
    let pointer = section.required::<String>("pointer", "\"/total/kwh\"");
    let obis = section.required::<String>("obis", "\"1-0:1.8.0*255\"");
    let unit = section.required::<String>("unit", "\"kWh\"");
    let own_factor = section.get_or("factor", 1.0);
    if own_factor == 0.0 {
        section.fault("factor", "must not be 0");
    }
    check_pointer(&mut section, "pointer", pointer.as_deref());
    let obis =
        obis.and_then(|text| text.parse::<Obis>().map_err(|error| section.fault("obis", error.to_string())).ok());
    let unit_factor = obis.zip(unit).and_then(|(obis, unit)| match registry::entry(obis).map(|entry| entry.unit) {
        None | Some(Unit::Unknown) => Some(1.0),
        Some(base) => factor(&unit, base).or_else(|| {
            section.fault(
                "unit",
                format!("'{unit}' cannot be converted to {}, the unit in which {obis} is stored", base.symbol()),
            );
            None
        }),
    });
    section.finish();
    Some(Register { pointer: pointer?, obis: obis?, factor: unit_factor? * own_factor })
}
