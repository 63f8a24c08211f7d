//! The accounts at smart-me that are asked for devices: as data, and their part of the
//! page.

use super::page::{escaped, push};
use serde::Serialize;

/// An account that is asked for its devices.
#[derive(Debug, Clone, Serialize)]
pub struct PollStatus {
    /// The account.
    pub account: String,
    /// watch (how fresh they are is shown) or store (what is new is taken).
    pub mode: &'static str,
    /// unknown (not asked yet), working or failing.
    pub state: &'static str,
    /// Why it is failing.
    pub why: Option<String>,
    /// When it answered last, by smart-me's clock.
    pub answered_at: Option<String>,
    /// How fresh its meters are; absent where no answer said its time.
    pub freshness: Option<FreshnessStatus>,
    /// What the webhook's counters are of the API's in Wh; absent until both gave one.
    pub unit_factor: Option<UnitFactorStatus>,
    /// Its M-Bus gateways.
    pub gateways: Vec<GatewayStatus>,
}

/// How fresh an account's meters are.
#[derive(Debug, Clone, Serialize)]
pub struct FreshnessStatus {
    /// Devices that measure something.
    pub meters: usize,
    /// Those that have nothing new.
    pub stale: usize,
    /// The age of what is oldest.
    pub oldest_seconds: u64,
}

/// What the webhook's counters are of the API's.
#[derive(Debug, Clone, Serialize)]
pub struct UnitFactorStatus {
    /// 1: Wh. 1000: mWh.
    pub factor: f64,
    /// Meters that were compared.
    pub meters: usize,
    /// Those with another factor than expected.
    pub differing: usize,
}

/// An M-Bus gateway.
#[derive(Debug, Clone, Serialize)]
pub struct GatewayStatus {
    /// Its device.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How often its meters are read.
    pub interval: String,
    /// Its state in words.
    pub state: String,
    /// Whether that is a failure.
    pub failed: bool,
    /// The meters behind it.
    pub meters: usize,
    /// Those whose last readout failed.
    pub meters_failed: usize,
    /// Those that were not read for a day.
    pub meters_unread: usize,
}

pub(super) fn polls(html: &mut String, polls: &[PollStatus]) {
    for poll in polls {
        let class = match poll.state {
            "working" => "ok",
            "failing" => "bad",
            _ => "wait",
        };
        let why = poll.why.as_deref().map(|why| format!(": {}", escaped(why))).unwrap_or_default();
        push(
            html,
            format_args!(
                "<p>The devices of {} at smart-me ({}): <span class={class}>{}</span>{why}{}{}.</p>",
                escaped(&poll.account),
                poll.mode,
                poll.state,
                poll.freshness.as_ref().map(fresh).unwrap_or_default(),
                poll.unit_factor.as_ref().map(unit).unwrap_or_default(),
            ),
        );
        gateways(html, &poll.gateways);
    }
}

fn fresh(fresh: &FreshnessStatus) -> String {
    let class = if fresh.stale > 0 { "wait" } else { "ok" };
    let (meters, stale, oldest) = (fresh.meters, fresh.stale, fresh.oldest_seconds);
    format!(", {meters} meters, <span class={class}>{stale} stale</span>, the oldest value {oldest} s old")
}

fn unit(unit: &UnitFactorStatus) -> String {
    let class = if unit.differing > 0 { "bad" } else { "ok" };
    format!(
        "; the webhook's counters are <span class={class}>{}</span> times what the API says in Wh ({} of {} meters \
         differ from what is expected)",
        unit.factor, unit.differing, unit.meters
    )
}

fn gateways(html: &mut String, gateways: &[GatewayStatus]) {
    if gateways.is_empty() {
        return;
    }
    html.push_str(
        "<table><tr><th>M-Bus gateway<th>State<th>Reads every<th class=n>Meters<th class=n>Failed<th class=n>Not read for a day</tr>",
    );
    for gateway in gateways {
        push(
            html,
            format_args!(
                "<tr><td>{}<td class={}>{}<td>{}<td class=n>{}<td class=n>{}<td class=n>{}</tr>",
                escaped(&gateway.name),
                if gateway.failed { "bad" } else { "ok" },
                escaped(&gateway.state),
                escaped(&gateway.interval),
                gateway.meters,
                gateway.meters_failed,
                gateway.meters_unread
            ),
        );
    }
    html.push_str("</table>");
}
