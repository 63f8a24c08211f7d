//! Descriptions of a location's meters.

use super::sites::Place;
use crate::reading::MeterId;
use crate::vendor::smappee::rest::Thing;
use crate::vendor::smappee::{Role as Kind, VENDOR};
use crate::wire::meters::{Description, Role};

/// Models by the beginning of the serial number; the longest comes first.
const MODELS: [(&str, &str); 11] = [
    ("4006", "Switch"),
    ("5100", "Wi-Fi Connect"),
    ("5110", "Wi-Fi Connect"),
    ("5130", "Ethernet Connect"),
    ("5140", "4G Connect"),
    ("10", "Energy"),
    ("11", "Solar"),
    ("20", "Pro or Plus"),
    ("30", "Gas & Water"),
    ("50", "Genius"),
    ("57", "P1S1 module"),
];

/// The meters of a location with their descriptions.
pub(super) fn described(place: &Place) -> Vec<(MeterId, Description)> {
    let site = &place.site;
    let common = Description {
        vendor: VENDOR.to_owned(),
        site: site.name.clone(),
        gateway: site.serial.clone(),
        time_zone: site.time_zone.clone(),
        ..Description::default()
    };
    let mut all = vec![(
        site.meter(""),
        Description {
            name: site.name.clone(),
            serial: site.serial.clone(),
            model: model(&site.serial),
            gateway: String::new(),
            role: Role::Grid,
            tariff: site.price.clone(),
            currency: site.currency.clone(),
            ..common.clone()
        },
    )];
    for (channel, own) in site.transformers().own_meters() {
        let role = match channel.role {
            Kind::Grid => Role::Grid,
            Kind::Production => Role::Production,
            Kind::Storage => Role::Storage,
            Kind::Appliance => Role::Appliance,
            Kind::Submeter | Kind::Other | Kind::Unused => Role::Submeter,
        };
        let phase = own.phase.map_or_else(String::new, |phase| phase.name().to_owned());
        let description = Description { name: channel.name.clone(), role, phase, ..common.clone() };
        all.push((site.meter(&own.channel), description));
    }
    for sensor in &site.sensors {
        let inputs = sensor.channels.iter().map(|channel| channel.name.as_str()).filter(|name| !name.is_empty());
        let name = inputs.collect::<Vec<_>>().join(", ");
        let serial = sensor.name.clone();
        let meter = site.meter(&format!("sensor:{}", sensor.id));
        all.push((meter, Description { name, model: model(&serial), serial, role: Role::Submeter, ..common.clone() }));
    }
    let things = |kind: &'static str, things: &[Thing]| {
        let described = |thing: &Thing| {
            let description = Description {
                name: thing.name.clone(),
                serial: thing.serial.clone(),
                model: if thing.serial.is_empty() { thing.kind.clone() } else { model(&thing.serial) },
                role: Role::Appliance,
                ..common.clone()
            };
            (site.meter(&format!("{kind}:{}", thing.id)), description)
        };
        things.iter().map(described).collect::<Vec<_>>()
    };
    all.extend(things("plug", &site.actuators));
    all.extend(things("appliance", &site.appliances));
    all
}

fn model(serial: &str) -> String {
    let known = MODELS.iter().find(|(begin, _)| serial.starts_with(begin));
    known.map_or_else(String::new, |(_, model)| format!("Smappee {model}"))
}
