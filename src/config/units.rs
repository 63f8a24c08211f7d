//! `[[unit]]`: the units of registers whose vendor publishes none.

use super::section::Section;
use super::value::StringList;
use crate::reading::registry::{self, Unit};
use crate::reading::{MeterId, Obis, Units};
use uuid::Uuid;

/// The units that counters of water, heat, cold and gas have.
const STATED: [Unit; 7] = [
    Unit::CubicMetre,
    Unit::Litre,
    Unit::WattHour,
    Unit::KilowattHour,
    Unit::MegawattHour,
    Unit::Megajoule,
    Unit::Gigajoule,
];

pub(super) fn units(sections: Vec<Section<'_>>) -> Units {
    let mut units = Units::default();
    for mut section in sections {
        let register =
            section.required::<String>("register", "\"8-0:1.0.0\"").and_then(|text| obis(&mut section, &text));
        let choices = STATED.map(|unit| (unit.symbol(), unit));
        section.required::<String>("unit", "\"m3\"");
        let unit = section.choice("unit", &choices, Unit::Unknown);
        let meters = meters(&mut section);
        if let Some(register) = register {
            for meter in meters {
                if let Err(known) = units.state(register, meter, unit) {
                    section.fault("register", refusal(register, meter, known));
                }
            }
        }
        section.finish();
    }
    units
}

fn obis(section: &mut Section<'_>, text: &str) -> Option<Obis> {
    let register = text.parse().ok();
    if register.is_none() {
        section.fault("register", format!("'{text}' is no OBIS code, like \"8-0:1.0.0\" for cold water"));
    }
    register
}

/// The meters that are named; `None` stands for every other one.
fn meters(section: &mut Section<'_>) -> Vec<Option<MeterId>> {
    let Some(StringList(texts)) = section.get::<StringList>("meters") else { return vec![None] };
    let mut meters = Vec::new();
    for text in texts {
        match text.parse::<Uuid>() {
            Ok(id) => meters.push(Some(MeterId::from(id))),
            Err(_) => section.fault("meters", format!("'{text}' is not the id of a meter (a UUID)")),
        }
    }
    meters
}

fn refusal(register: Obis, meter: Option<MeterId>, known: Unit) -> String {
    let symbol = known.symbol();
    if registry::unit(register) != Unit::Unknown {
        return format!("{register} is in {symbol} for every meter; a unit can be stated only where none is published");
    }
    match meter {
        Some(meter) => format!("{register} of {meter} already has the unit {symbol}"),
        None => format!("{register} already has the unit {symbol} for all meters; name meters in one of the tables"),
    }
}
