//! Collects the built-in page's data from the running parts.

use super::canary::{Findings, Found};
use super::fill::Fill;
use super::parts::Parts;
use super::reload::{Certificates, LastReload, Reloader};
use super::sinks::{COVERAGE, KEEPER};
use crate::admin::{
    CanaryStatus, CertificateStatus, ClockStatus, DeadLetterStatus, GapStatus, IngestStatus, JournalStatus,
    MeterStatus, MetersStatus, MissingGapStatus, MissingStatus, ReloadStatus, SharedStatus, SilentMeterStatus,
    SilentStatus, SinkStatus, Status, Troubles, ValueStatus, VolumeStatus, troubles,
};
use crate::coverage::{Gap as MeasurementGap, SILENT_SHOWN_MAX, SilentMeter};
use crate::deliver::PumpStatus;
use crate::ingest::{Health, METERS_MAX, RecentActivity, RecentReading, SharedMeter, SourceActivity};
use crate::journal::{Share, Usage};
use crate::meters::Meters;
use crate::reading::{Sample, UnixNanos, registry};
use crate::source::webhook::{self, Accepts, Listener};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The maximum number of meters on the page; ingest remembers up to [`METERS_MAX`].
const METERS_SHOWN_MAX: usize = 100;

/// The maximum number of gap records on the page; `meterline journal` lists all.
const GAPS_SHOWN_MAX: usize = 20;

const DAY_NS: i64 = 86_400 * 1_000_000_000;

/// Takes snapshots of the running parts.
#[derive(Debug, Clone)]
pub(super) struct StatusReader {
    pub(super) parts: Parts,
    pub(super) canary: Findings,
    pub(super) started: UnixNanos,
    pub(super) certificates: Certificates,
    /// `None` without a webhook.
    pub(super) accepts: Option<Accepts>,
    pub(super) data_directory: PathBuf,
    pub(super) fill: Fill,
    pub(super) reloader: Reloader,
}

impl StatusReader {
    pub(super) fn ready(&self) -> Result<(), String> {
        match self.parts.ingest.health() {
            Health::Open => self.accepts.as_ref().map_or(Ok(()), Accepts::check),
            Health::Closed(why) => Err(why),
        }
    }

    pub(super) fn status(&self) -> Status {
        let recent = self.parts.ingest.recent();
        let not_ready = self.ready().err();
        let now = self.parts.clock.now();
        let mut status = Status {
            version: env!("CARGO_PKG_VERSION"),
            started: self.started,
            now,
            trouble: Troubles::UNKNOWN,
            clock: ClockStatus { ok: self.parts.ingest.clock_is_set(), jumps: jumps(&recent, now) },
            not_ready,
            reload: self.reloader.last().map(reload_status),
            certificates: self.certificates(now),
            volume: volume_status(&self.data_directory),
            sources: self.parts.sources.descriptions(),
            ingest: self.ingest_status(&recent.sources, now),
            journal: self.journal_status(now),
            sinks: self.sinks(),
            canary: self.canary.all().into_iter().map(canary_status).collect(),
            missing: self.gaps_status(),
            silent: self.silent_status(&recent.sources),
            dead_letters: DeadLetterStatus { open: self.parts.dead_letters.open_by_kind() },
            meters: MetersStatus {
                shown_max: METERS_MAX.min(METERS_SHOWN_MAX),
                newest: self
                    .parts
                    .ingest
                    .newest_readings(METERS_SHOWN_MAX)
                    .iter()
                    .map(|reading| meter_status(reading, &self.parts))
                    .collect(),
            },
        };
        status.trouble = troubles(&status);
        status
    }

    fn sinks(&self) -> Vec<SinkStatus> {
        let mut sinks: Vec<_> = self.parts.pumps.iter().map(|pump| sink_status(&pump.status())).collect();
        if let Some((membership, pumps)) = self.parts.kafka_log.status() {
            sinks.push(membership);
            sinks.extend(pumps.iter().map(sink_status));
        }
        sinks
    }

    fn ingest_status(&self, sources: &[SourceActivity], now: UnixNanos) -> Vec<IngestStatus> {
        let shares = self.parts.journal.shares();
        let share = |source: &SourceActivity| shares.iter().find(|share| share.source == source.name);
        let known = self.parts.coverage.silent();
        let meters =
            |source: &SourceActivity| known.iter().find(|of| *of.source == *source.name).map_or(0, |of| of.meters);
        sources.iter().map(|source| ingest_status(source, meters(source), share(source), now)).collect()
    }

    fn gaps_status(&self) -> MissingStatus {
        let overview = self.parts.coverage.overview();
        MissingStatus {
            gaps_open: overview.open,
            quarter_hours: overview.quarter_hours,
            meters: overview.meters,
            meters_max: overview.meters_max,
            readings_untracked: overview.untracked,
            newest: overview
                .newest
                .iter()
                .map(|(gap, missing)| missing_gap_status(gap, *missing, &self.parts.meters))
                .collect(),
        }
    }

    fn certificates(&self, now: UnixNanos) -> Vec<CertificateStatus> {
        let listeners = [(Listener::Webhook, &self.certificates.webhook), (Listener::Admin, &self.certificates.admin)];
        let with_tls = listeners.into_iter().filter_map(|(listener, tls)| Some((listener, tls.as_ref()?)));
        with_tls.map(|(listener, tls)| certificate_status(listener.label(), tls.status(), now)).collect()
    }

    /// The silent meters of the sources that this configuration has.
    fn silent_status(&self, sources: &[SourceActivity]) -> SilentStatus {
        let silent = self.parts.coverage.silent();
        let known = || silent.iter().filter(|silent| sources.iter().any(|source| *source.name == silent.source));
        let mut meters: Vec<_> =
            known().flat_map(|silent| silent.longest.iter().map(|meter| (meter, silent.source.as_str()))).collect();
        meters.sort_by_key(|(meter, _)| meter.heard);
        meters.truncate(SILENT_SHOWN_MAX);
        let meters = meters.into_iter().map(|(meter, source)| silent_meter_status(meter, source, &self.parts.meters));
        SilentStatus { count: known().map(|silent| silent.count).sum(), meters: meters.collect() }
    }

    fn journal_status(&self, now: UnixNanos) -> JournalStatus {
        let (usage, gap_records) = (self.parts.journal.usage(), self.parts.journal.gaps());
        let gaps = gap_records.list();
        let waiting_bytes = waiting_bytes(&self.parts, &usage);
        let of_last_day = gaps.iter().filter(|gap| now.since(gap.at) < DAY_NS).map(|gap| gap.sink.clone());
        let gaps_last_day: BTreeSet<String> = of_last_day.collect();
        JournalStatus {
            bytes: usage.bytes,
            cap_bytes: usage.cap_bytes,
            waiting_bytes,
            full_in_seconds: self.fill.full_in_seconds(waiting_bytes, usage.cap_bytes, self.parts.clock.monotonic()),
            segments: usage.segments,
            oldest_sequence: usage.oldest.0,
            next_sequence: usage.next.0,
            gaps_total: gap_records.dropped() + gaps.len() as u64,
            gaps_last_day: gaps_last_day.into_iter().collect(),
            gaps: gaps.iter().rev().take(GAPS_SHOWN_MAX).map(GapStatus::from).collect(),
        }
    }
}

fn reload_status(last: LastReload) -> ReloadStatus {
    let LastReload { at, reloaded } = last;
    ReloadStatus { at: at.to_string(), file: reloaded.file, restart: reloaded.restart, faults: reloaded.faults }
}

/// The bytes that wait for the slowest sink.
pub(super) fn waiting_bytes(parts: &Parts, usage: &Usage) -> u64 {
    let waiting = parts.pumps.iter().map(|pump| pump.status()).filter(|pump| pump.lag_records > 0);
    waiting.map(|pump| pump.kept.bytes).max().unwrap_or_default().min(usage.bytes)
}

fn volume_status(directory: &Path) -> Option<VolumeStatus> {
    let volume = rustix::fs::statvfs(directory).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(volume.f_frsize);
    Some(VolumeStatus {
        directory: directory.display().to_string(),
        free_bytes: bytes(volume.f_bavail),
        size_bytes: bytes(volume.f_blocks),
    })
}

fn canary_status((store, found): (&'static str, Found)) -> CanaryStatus {
    let (why, since) = found.failing.unzip();
    let last_success = found.last_success.map(|at| at.to_string());
    CanaryStatus { store, why, since: since.map(|at| at.to_string()), last_success }
}

fn silent_meter_status(silent: &SilentMeter, source: &str, meters: &Meters) -> SilentMeterStatus {
    SilentMeterStatus {
        meter: silent.meter.to_string(),
        name: meters.name(silent.meter),
        source: source.to_owned(),
        since: silent.heard.to_string(),
    }
}

fn certificate_status(
    listener: &'static str,
    certificate: webhook::CertificateStatus,
    now: UnixNanos,
) -> CertificateStatus {
    let webhook::CertificateStatus { expires, fault } = certificate;
    let seconds_left = expires.since(now) / 1_000_000_000;
    CertificateStatus { listener, expires: expires.to_string(), seconds_left, fault }
}

fn missing_gap_status(gap: &MeasurementGap, quarter_hours: u64, meters: &Meters) -> MissingGapStatus {
    MissingGapStatus {
        id: gap.id.0,
        meter: gap.meter.to_string(),
        name: meters.name(gap.meter),
        source: gap.source.clone(),
        from: gap.extent.from().to_string(),
        until: gap.extent.until().to_string(),
        quarter_hours,
        found: gap.found.to_string(),
        state: gap.state.label(),
        changed: gap.changed.to_string(),
        late: gap.late,
        repaired: gap.repaired,
    }
}

fn ingest_status(source: &SourceActivity, meters: usize, share: Option<&Share>, now: UnixNanos) -> IngestStatus {
    // Zero where the clock was set back since.
    let age = |at| Duration::from_nanos(now.since(at).max(0).unsigned_abs()).as_secs_f64();
    IngestStatus {
        name: source.name.to_string(),
        meters,
        bodies: source.bodies,
        undecodable: source.undecodable,
        readings: source.readings,
        readings_per_minute: source.readings_per_second * 60.0,
        last_received: source.last_received.map(|at| at.to_string()),
        last_reading: source.last_reading.map(|at| at.to_string()),
        last_reading_age_seconds: source.last_reading.map(age),
        reading_interval_max_seconds: source.reading_interval_max.map(|it| it.as_secs_f64()),
        shared: source.shared.as_ref().filter(|shared| now.since(shared.at) < DAY_NS).map(shared_status),
        held_bytes: share.map_or(0, |share| share.held_bytes),
        held_back: share.is_some_and(|share| share.is_held_back),
    }
}

/// The jumps since the start; none a day after the last one.
fn jumps(recent: &RecentActivity, now: UnixNanos) -> u64 {
    recent.last_clock_jump.filter(|at| now.since(*at) < DAY_NS).map_or(0, |_| recent.clock_jumps)
}

fn shared_status(shared: &SharedMeter) -> SharedStatus {
    SharedStatus { meter: shared.meter.to_string(), other: shared.other.to_string() }
}

fn sink_status(pump: &PumpStatus) -> SinkStatus {
    SinkStatus {
        name: pump.name.to_string(),
        internal: [KEEPER, COVERAGE].contains(&pump.name.as_str()),
        state: pump.state.label(),
        why: pump.why.clone(),
        since: pump.since.to_string(),
        next_sequence: pump.next.0,
        replaying_until: pump.replaying_until.map(|until| until.0),
        lag_records: pump.lag_records,
        kept_records: pump.kept.records,
        kept_bytes: pump.kept.bytes,
        lag_seconds: pump.lag_seconds,
        warnings: pump.warnings.clone(),
        last_error: pump.last_error.as_ref().map(|(_, error)| error.clone()),
        last_error_at: pump.last_error.as_ref().map(|(at, _)| at.to_string()),
        facts: pump.facts.iter().cloned().collect(),
    }
}

fn meter_status(reading: &RecentReading, parts: &Parts) -> MeterStatus {
    let value = |sample: Sample| ValueStatus {
        obis: sample.obis.to_string(),
        name: registry::entry(sample.obis).map(|entry| entry.name.to_string()).unwrap_or_default(),
        value: sample.value,
        unit: parts.units.symbol(reading.meter, sample.obis),
    };
    MeterStatus {
        meter: reading.meter.to_string(),
        name: parts.meters.name(reading.meter),
        source: reading.source.to_string(),
        at: reading.at.to_string(),
        received: reading.received.to_string(),
        values: reading.samples().map(value).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::MeterId;

    #[test]
    fn what_happened_once_is_shown_for_a_day() {
        let jumped = |last_clock_jump| RecentActivity { sources: Vec::new(), clock_jumps: 2, last_clock_jump };
        let at = UnixNanos(7);
        let [soon, later] = [DAY_NS - 1, DAY_NS].map(|after| at.saturating_add(after));
        assert_eq!([soon, later].map(|now| jumps(&jumped(Some(at)), now)), [2, 0]);
        assert_eq!(jumps(&jumped(None), soon), 0);
        let source = SourceActivity {
            name: "acme".into(),
            bodies: 1,
            readings: 1,
            samples: 1,
            set_aside: 0,
            undecodable: 0,
            readings_per_second: 0.0,
            last_received: None,
            last_reading: None,
            reading_interval_max: None,
            shared: Some(SharedMeter { meter: MeterId::from(uuid::Uuid::nil()), at, other: "home".into() }),
        };
        assert_eq!([soon, later].map(|now| ingest_status(&source, 0, None, now).shared.is_some()), [true, false]);
    }
}
