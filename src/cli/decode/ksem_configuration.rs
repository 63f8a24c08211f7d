//! The configuration of a KSEM or an EM4xx: what each of its channels delivers, as texts.

use super::item::Item;
use super::output::Output;
use crate::cli::failure::Failure;
use crate::reading::MeterId;
use crate::vendor::ksem::VENDOR;
use crate::vendor::ksem::gdr::{Channel, Configuration, Definition};
use std::io::Write;

/// Whether the bytes are a configuration that says what a channel delivers.
pub(super) fn is_configuration(bytes: &[u8]) -> bool {
    let delivers = |channel: &Channel| !channel.codes.is_empty() || !channel.definitions.is_empty();
    Configuration::read(bytes).is_ok_and(|configuration| configuration.channels.iter().any(delivers))
}

/// Prints the texts of a configuration.
pub(super) fn decode(bytes: &[u8], output: &mut Output<impl Write>) -> Result<(), Failure> {
    let configuration = match Configuration::read(bytes) {
        Ok(configuration) => configuration,
        Err(error) => return output.unreadable_message(0, &error.to_string(), bytes),
    };
    output.message();
    configuration.channels.iter().flat_map(texts).try_for_each(|item| output.put(0, item))
}

/// The texts of a channel. As in its values, the channel's name stands for the meter.
fn texts(channel: &Channel) -> Vec<Item> {
    let Channel { name, label, class, sources, codes, device, meta, definitions, .. } = channel;
    let codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
    let named = |name: Option<&str>, number: u64| name.map_or_else(|| number.to_string(), str::to_owned);
    let mut texts = vec![
        ("label".to_owned(), label.clone()),
        ("class".to_owned(), named(class.name(), class.0)),
        ("devicetype".to_owned(), named(device.name(), device.0)),
        ("sources".to_owned(), sources.join(" ")),
        ("codes".to_owned(), codes.join(" ")),
    ];
    texts.extend(meta.iter().map(|(key, value)| (format!("meta.{key}"), value.clone())));
    texts.extend(definitions.iter().map(|it| (format!("flex.{}", it.name), meaning(it))));
    let ids = || (MeterId::named(VENDOR, name).to_string(), name.clone());
    let item = |(property, text): (String, String)| Item::text(ids(), format!("{name} {property}"), text);
    texts.into_iter().filter(|(_, text)| !text.is_empty()).map(item).collect()
}

/// The meaning of a flex value: its label, the power of ten of its number, and its unit.
fn meaning(definition: &Definition) -> String {
    let Definition { label, is_text, unit, decimal_power, .. } = definition;
    if *is_text {
        return format!("{label}, text");
    }
    let unit = match unit.base() {
        Some((base, 1.0)) => base.symbol().to_owned(),
        Some((base, factor)) => format!("{factor} {}", base.symbol()),
        None => format!("unit {}", unit.0),
    };
    format!("{label}, 10^{decimal_power} {unit}")
}
