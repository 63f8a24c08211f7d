//! The descriptions of the meters of a device beside its grid meter: other channels, such as the flow of energy, and
//! tariffs with prices.

use crate::reading::MeterId;
use crate::source::describer::Described;
use crate::vendor::ksem::VENDOR;
use crate::vendor::ksem::gdr::{Channel, Class, Device};
use crate::vendor::ksem::tariff::Tariff;
use crate::wire::meters::{Description, Role};

/// The device that has these meters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner<'a> {
    /// The name of the source.
    pub(super) name: &'a str,
    pub(super) serial: &'a str,
}

impl Owner<'_> {
    /// The meters of channels.
    pub(super) fn channels<'c>(self, channels: impl IntoIterator<Item = &'c Channel>) -> Described {
        let describe = |channel: &Channel| {
            let description = Description {
                name: self.named(&channel.label, &channel.name),
                serial: self.serial.to_owned(),
                vendor: VENDOR.to_owned(),
                role: role(channel),
                ..Description::default()
            };
            (self.meter(&channel.name), description)
        };
        channels.into_iter().map(describe).collect()
    }

    /// The meters of tariffs: their values are prices.
    pub(super) fn tariffs<'c>(self, tariffs: impl IntoIterator<Item = &'c Tariff>, currency: &str) -> Described {
        let describe = |tariff: &Tariff| {
            let label = tariff.label.as_deref().unwrap_or_default();
            let description = Description {
                name: self.named(label, &tariff.id),
                serial: self.serial.to_owned(),
                vendor: VENDOR.to_owned(),
                tariff: label.to_owned(),
                currency: currency.to_owned(),
                ..Description::default()
            };
            (self.meter(&tariff.id), description)
        };
        tariffs.into_iter().map(describe).collect()
    }

    fn named(self, label: &str, id: &str) -> String {
        format!("{} {}", self.name, if label.is_empty() { id } else { label })
    }

    fn meter(self, channel: &str) -> MeterId {
        MeterId::of_channel(VENDOR, self.serial, channel)
    }
}

/// The role of a channel: by the kind of its device, or else by its class.
fn role(channel: &Channel) -> Role {
    match (channel.device, channel.class) {
        (Device(1), _) => Role::Production,
        (Device(2 | 13), _) => Role::Appliance,
        (Device(3), _) => Role::Storage,
        (_, Class(2)) => Role::Production,
        // Also the flow of energy, which is in the house.
        _ => Role::Submeter,
    }
}
