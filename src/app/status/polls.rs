//! The accounts that are asked for devices, as the page shows them.

use crate::admin::{FreshnessStatus, GatewayStatus, PollStatus, UnitFactorStatus};
use crate::source::smart_me::{self, Freshness, PollState, UnitFactor};

pub(super) fn status(poll: smart_me::PollStatus) -> PollStatus {
    let (state, why) = match poll.state {
        PollState::Unknown => ("unknown", None),
        PollState::Working => ("working", None),
        PollState::Failing(why) => ("failing", Some(why)),
    };
    PollStatus {
        account: poll.account,
        mode: poll.mode.label(),
        state,
        why,
        answered_at: poll.answered_at.map(|at| at.to_string()),
        freshness: poll.freshness.map(freshness),
        unit_factor: poll.unit_factor.map(unit_factor),
        gateways: poll.gateways.into_iter().map(gateway).collect(),
    }
}

fn freshness(fresh: Freshness) -> FreshnessStatus {
    FreshnessStatus { meters: fresh.meters, stale: fresh.stale, oldest_seconds: fresh.oldest.as_secs() }
}

fn unit_factor(unit: UnitFactor) -> UnitFactorStatus {
    UnitFactorStatus { factor: unit.factor, meters: unit.meters, differing: unit.differing }
}

fn gateway(gateway: smart_me::GatewayStatus) -> GatewayStatus {
    GatewayStatus {
        id: gateway.id.to_string(),
        name: gateway.name,
        interval: gateway.interval,
        state: gateway.state,
        failed: gateway.has_failed,
        meters: gateway.meters,
        meters_failed: gateway.failed,
        meters_unread: gateway.unread,
    }
}
