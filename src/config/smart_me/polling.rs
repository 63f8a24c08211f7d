//! The keys of `[[smart_me]]` that say how devices are asked for.

use crate::config::section::Section;
use crate::config::value::Texts;
use crate::source::smart_me::{PollMode, Polling, Reach, ValuesOf};
use std::time::Duration;
use uuid::Uuid;

/// Where the webhook brings the readings: often enough to see what is silent.
const WATCH_EVERY: Duration = Duration::from_mins(5);
/// Where nothing else does.
const STORE_EVERY: Duration = Duration::from_mins(1);
/// Below it the budget would go into nothing else.
const EVERY_MIN: Duration = Duration::from_secs(1);
/// The vendor calls a device offline after it.
const STALE_AFTER: Duration = Duration::from_mins(15);
/// Microwatt-hours; beyond it nobody counts.
const FACTOR_MAX: usize = 1_000_000;
/// In place of ids: everybody's values.
const ALL: &str = "all";

/// How an account is asked; it watches where a webhook brings its readings, and stores
/// where none does.
pub(super) fn polling(section: &mut Section<'_>, has_webhook: bool, only: Option<Uuid>) -> Option<Polling> {
    let default = if has_webhook { PollMode::Watch } else { PollMode::Store };
    let modes = [("off", None), ("watch", Some(PollMode::Watch)), ("store", Some(PollMode::Store))];
    let mode = section.choice("poll", &modes, Some(default));
    let every = section.get_or("poll_every", if mode == Some(PollMode::Store) { STORE_EVERY } else { WATCH_EVERY });
    if every < EVERY_MIN {
        section.fault("poll_every", "must be at least a second");
    }
    let values = values(section);
    if values != ValuesOf::None && mode != Some(PollMode::Store) {
        section.fault("poll_values", "needs poll = \"store\": otherwise nobody would look at them");
    }
    let stale_after = section.get_or("stale_after", STALE_AFTER);
    let gateways = section.get_or("mbus_gateways", true);
    let factor = section.number_between("unit_factor_expected", 1, 1..=FACTOR_MAX);
    let unit_factor_expected = u32::try_from(factor).map_or(1.0, f64::from);
    let only = only.map(Into::into);
    Some(Polling { mode: mode?, every, only, values, stale_after, gateways, unit_factor_expected })
}

fn values(section: &mut Section<'_>) -> ValuesOf {
    let Texts(ids) = section.get_or("poll_values", Texts(Vec::new()));
    if ids.is_empty() {
        return ValuesOf::None;
    }
    if ids == [ALL] {
        return ValuesOf::All;
    }
    let read = |id: &String| {
        let read = id.parse::<Uuid>();
        read.map_err(|_| section.fault("poll_values", format!("'{id}' is no id of a device at smart-me"))).ok()
    };
    ValuesOf::Some(ids.iter().filter_map(read).map(Into::into).collect())
}

/// Whose devices the account sees. A partner's calls are few.
pub(super) fn reach(section: &mut Section<'_>, polling: Option<&mut Polling>) -> Reach {
    if !section.get_or("partner", false) {
        return Reach::Own;
    }
    if let Some(polling) = polling {
        if polling.values != ValuesOf::None {
            section.fault("poll_values", "is not for a partner's account: smart-me lists no such call");
        }
        polling.gateways = false;
    }
    Reach::Partner
}
