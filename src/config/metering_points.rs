//! `[[metering_point]]`: the meters of a metering point, one after the other.

use super::section::Section;
use super::value::StringList;
use crate::meters::{Points, TEXT_CHARS_MAX};
use crate::reading::MeterId;
use crate::wire::meters::Role;
use uuid::Uuid;

pub(super) fn metering_points(sections: Vec<Section<'_>>) -> Points {
    let mut points = Points::default();
    let mut names: Vec<String> = Vec::new();
    for mut section in sections {
        let name = section.required::<String>("name", "\"house-1\"");
        let meters = section.required::<StringList>("meters", "[\"8d2f3c64-0c58-4a0e-9d1b-0b7a3f5f6f11\"]");
        let role = role(&mut section);
        let (Some(name), Some(StringList(meters))) = (name, meters) else {
            section.finish();
            continue;
        };
        if name.is_empty() || name.chars().count() > TEXT_CHARS_MAX {
            section.fault("name", format!("must have 1 to {TEXT_CHARS_MAX} characters"));
        }
        if names.contains(&name) {
            section
                .fault("name", format!("'{name}' already has a [[metering_point]] table; list all its meters there"));
        }
        for text in meters {
            match text.parse::<Uuid>() {
                Err(_) => section.fault("meters", format!("'{text}' is not the id of a meter (a UUID)")),
                Ok(id) => {
                    if let Err(other) = points.put(MeterId::from(id), &name, role) {
                        section.fault(
                            "meters",
                            format!("{id} is already at '{other}'; a meter belongs to one metering point"),
                        );
                    }
                }
            }
        }
        names.push(name);
        section.finish();
    }
    points
}

/// The role of the point's meters, if the vendor's is not right or not known.
fn role(section: &mut Section<'_>) -> Option<Role> {
    let name: String = section.get("role")?;
    let role = Role::named(&name);
    if role.is_none() {
        section.fault(
            "role",
            format!("'{name}' must be \"grid\", \"production\", \"storage\", \"submeter\" or \"appliance\""),
        );
    }
    role
}
