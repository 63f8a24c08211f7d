//! A description as one line for people.

use super::{Description, VendorCode};
use std::fmt;

impl fmt::Display for Description {
    /// The name, then all that is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = |code: &VendorCode| match (code.name.as_str(), code.number) {
            ("", 0) => String::new(),
            ("", number) => number.to_string(),
            (name, _) => name.to_owned(),
        };
        f.write_str(if self.name.is_empty() { "(without a name)" } else { &self.name })?;
        for (what, text) in [
            ("serial", &self.serial),
            ("meter serial", &self.meter_serial),
            ("vendor", &self.vendor),
            ("model", &self.model),
            ("firmware", &self.firmware),
            ("family", &code(&self.family)),
            ("energy", &code(&self.energy_type)),
            ("subtype", &code(&self.sub_type)),
            ("gateway", &self.gateway),
            ("customer", &self.customer),
            ("site", &self.site),
            ("role", &self.role.label().to_owned()),
            ("phase", &self.phase),
            ("time zone", &self.time_zone),
            ("tariff", &self.tariff),
            ("currency", &self.currency),
            ("unit", &self.unit),
        ] {
            if !text.is_empty() {
                write!(f, ", {what} {text}")?;
            }
        }
        Ok(())
    }
}
