//! The descriptions of a smart-MAIC device, and of its lines and inputs that are meters of their own.

use crate::reading::MeterId;
use crate::source::describer::Described;
use crate::vendor::Part;
use crate::vendor::smart_mac::{Medium, Options, VENDOR, read};
use crate::wire::meters::{Description, Role, VendorCode};
use std::collections::BTreeSet;

/// The descriptions of the meters in an answer of a device; `source` is the name of its source.
pub(super) fn described(source: &str, device: &str, options: &Options, answer: &[u8]) -> Described {
    let mut channels = BTreeSet::new();
    let message = read(answer, options, |part| {
        if let Part::Value(value) = part
            && !channels.contains(value.channel.as_ref())
        {
            channels.insert(value.channel.into_owned());
        }
    });
    let model = message.ok().and_then(|message| message.model).unwrap_or_default();
    let describe = |channel: String| {
        let (name, role) = match channel.as_str() {
            "" => (source.to_owned(), Role::Unknown),
            channel => (format!("{source} {channel}"), Role::Submeter),
        };
        let medium = options.medium(&channel).map(Medium::label).unwrap_or_default();
        let description = Description {
            name,
            serial: device.to_owned(),
            vendor: VENDOR.to_owned(),
            model: model.to_owned(),
            energy_type: VendorCode { number: 0, name: medium.to_owned() },
            role,
            ..Description::default()
        };
        (MeterId::of_channel(VENDOR, device, &channel), description)
    };
    channels.into_iter().map(describe).collect()
}
