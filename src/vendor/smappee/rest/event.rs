//! Events of appliances: the change of power when one is switched, newest first.

use super::row::Place;
use crate::reading::UnixNanos;
use crate::vendor::document::{Members, MessageError, elements};
use crate::vendor::smappee::codes;
use crate::vendor::smappee::emit::text;
use crate::vendor::{At, Part};

/// Gives the parts of a list of events.
///
/// # Errors
/// When it is no array.
pub(super) fn visit(array: &str, each: &mut impl FnMut(Part<'_>)) -> Result<(), MessageError> {
    for event in elements(array)? {
        let unreadable = |why: &'static str| Part::Unreadable { part: event.get().to_owned().into(), why: why.into() };
        let Ok(members) = Members::read(event.get()) else {
            each(unreadable("the event is not an object"));
            continue;
        };
        let time = members.get("timestamp").and_then(|time| time.whole(6)).filter(|time| *time > 0);
        let (Some(time), Some(appliance)) = (time, members.string("applianceId")) else {
            each(unreadable("the event has no time or no appliance"));
            continue;
        };
        let channel = format!("appliance:{appliance}");
        let place = Place { channel: &channel, at: At::Time(UnixNanos(time)) };
        for (name, scalar) in &members.0 {
            match name.as_ref() {
                "timestamp" | "applianceId" => {}
                "activePower" => place.number(name, scalar, 0, codes::POWER_CHANGE, each),
                "totalPower" => place.number(name, scalar, 0, codes::POWER_AFTER_CHANGE, each),
                _ => text(name, scalar, each),
            }
        }
    }
    Ok(())
}
