//! Each kind of trouble: it appears, and it does not.

use super::troubles;
use crate::admin::status::{CHECKED, Kind, SHOWN_MAX, Trouble};
use crate::admin::status::{
    CanaryStatus, CertificateStatus, GapStatus, IngestStatus, MissingGapStatus, ReloadStatus, SharedStatus,
    SilentMeterStatus, Status, VolumeStatus,
};
use crate::admin::tests::status;
use crate::base::Level;
use crate::reading::UnixNanos;
use crate::source::{Description, Fact, SourceState};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3600 * SECOND;

/// A service that started ten hours ago.
fn well() -> Status {
    Status { now: UnixNanos(10 * HOUR), ..status() }
}

fn found(change: impl FnOnce(&mut Status)) -> Vec<Trouble> {
    let mut status = well();
    change(&mut status);
    troubles(&status).entries
}

/// The only entry after a change.
fn only(change: impl FnOnce(&mut Status)) -> Trouble {
    let mut entries = found(change);
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.remove(0)
}

fn source(name: &str, kind: &'static str, state: SourceState, why: Option<&str>) -> Arc<Description> {
    let (name, why) = (name.to_owned(), why.map(str::to_owned));
    Arc::new(Description { name, kind, state, since: UnixNanos(9 * HOUR), why, facts: BTreeMap::new() })
}

fn ingest(name: &str) -> IngestStatus {
    IngestStatus {
        name: name.to_owned(),
        meters: 0,
        bodies: 1,
        undecodable: 0,
        readings: 1,
        readings_per_minute: 0.0,
        last_received: None,
        last_reading: Some("1970-01-01T09:00:00Z".to_owned()),
        last_reading_age_seconds: Some(60.0),
        reading_interval_max_seconds: None,
        shared: None,
        held_bytes: 0,
        held_back: false,
    }
}

fn certificate(seconds_left: i64, fault: Option<&str>) -> Vec<CertificateStatus> {
    let fault = fault.map(str::to_owned);
    vec![CertificateStatus { listener: "webhook", expires: "2027-01-01T00:00:00Z".to_owned(), seconds_left, fault }]
}

fn silent(name: Option<&str>) -> SilentMeterStatus {
    let (meter, source) = ("00000000-0000-0000-0000-000000000007".to_owned(), "acme".to_owned());
    SilentMeterStatus { meter, name: name.map(str::to_owned), source, since: "1970-01-01T05:00:00Z".to_owned() }
}

#[test]
fn a_service_without_trouble_says_what_was_checked() {
    let list = troubles(&well());
    assert_eq!((list.level, list.count, list.summary.as_str()), (Level::Good, 0, "All well"));
    assert_eq!(list.checked, CHECKED);
}

#[test]
fn refused_data_names_the_reason_and_an_unset_clock_is_the_reason_once() {
    let entry = only(|status| status.not_ready = Some("the journal is full".to_owned()));
    assert_eq!(
        (entry.kind, entry.level, entry.command.as_str()),
        (Kind::DataRefused, Level::Fault, "meterline journal")
    );
    assert_eq!(entry.sentence, "No data is taken in: the journal is full.");
    let entry = only(|status| {
        status.clock.ok = false;
        status.not_ready = Some("the clock is not set".to_owned());
    });
    assert_eq!((entry.kind, entry.command.as_str()), (Kind::ClockUnset, "timedatectl"));
    let entry = only(|status| status.clock.jumps = 2);
    assert_eq!((entry.kind, entry.times, entry.level), (Kind::ClockJumped, Some(2), Level::Warning));
}

#[test]
fn a_certificate_is_named_before_its_end_after_it_and_if_its_files_are_wrong() {
    let kind = |seconds_left, fault| {
        let entries = found(|status| status.certificates = certificate(seconds_left, fault));
        entries.into_iter().map(|entry| (entry.kind, entry.sentence)).collect::<Vec<_>>()
    };
    assert_eq!(kind(15 * 86_400, None), []);
    let expiring = "The webhook's certificate expires in 3d.".to_owned();
    assert_eq!(kind(3 * 86_400, None), [(Kind::CertificateExpiring, expiring)]);
    let expired = "The webhook's certificate has expired.".to_owned();
    assert_eq!(kind(-1, None), [(Kind::CertificateInvalid, expired)]);
    let wrong = "The files of the webhook's certificate cannot be used: no key.".to_owned();
    assert_eq!(kind(15 * 86_400, Some("no key")), [(Kind::CertificateInvalid, wrong)]);
}

#[test]
fn a_refused_reload_and_settings_that_wait_for_a_restart_are_named() {
    let (at, file) = ("1970-01-01T05:00:00Z".to_owned(), "m.toml".to_owned());
    let (faults, restart) = (vec!["a".to_owned(), "b".to_owned()], vec!["journal.cap".to_owned()]);
    let entries = found(|status| status.reload = Some(ReloadStatus { at, file, restart, faults }));
    let entries: Vec<_> = entries.into_iter().map(|entry| (entry.kind, entry.sentence)).collect();
    let refused = "The configuration has errors (2), the first: a.".to_owned();
    let waiting = "Changed settings need a restart: journal.cap.".to_owned();
    assert_eq!(entries, [(Kind::ConfigurationRefused, refused), (Kind::RestartNeeded, waiting)]);
}

#[test]
fn a_volume_with_little_room_is_a_fault() {
    let volume = |free_bytes| {
        found(|status| {
            status.volume = Some(VolumeStatus { directory: "/data".to_owned(), free_bytes, size_bytes: 1 << 40 });
        })
    };
    assert_eq!(volume(1 << 30), []);
    let entry = &volume(100 << 20)[0];
    assert_eq!((entry.kind, entry.level, entry.command.as_str()), (Kind::DiskFull, Level::Fault, "df -h /data"));
    assert!(entry.sentence.contains("100.0 MiB"), "{}", entry.sentence);
}

#[test]
fn a_source_that_fails_is_named_with_its_reason_and_start() {
    let state = |kind, state, why| found(|status| status.sources.push(source("acme", kind, state, why)));
    assert_eq!(state("json", SourceState::Running, None), []);
    let entry = &state("json", SourceState::Failing, Some("connection refused"))[0];
    assert_eq!((entry.kind, entry.level, entry.part.as_str()), (Kind::SourceFailing, Level::Fault, "acme"));
    assert_eq!(entry.sentence, "acme (json) does not work: connection refused.");
    assert_eq!(entry.since.as_deref(), Some("1970-01-01T09:00:00Z"));
    let entry = &state("json", SourceState::Misconfigured, Some("wrong password"))[0];
    assert!(entry.sentence.contains("cannot work with its configuration: wrong password"), "{}", entry.sentence);
    let entry = &state("smart-me gap repair", SourceState::Failing, Some("404"))[0];
    assert_eq!((entry.kind, entry.level), (Kind::GapRepairFailing, Level::Warning));
    assert_eq!(state("json", SourceState::Waiting, None)[0].kind, Kind::SourceNotRun);
    let new = found(|status| {
        status.now = UnixNanos(9 * HOUR + 60 * SECOND);
        status.sources.push(source("acme", "json", SourceState::Waiting, None));
    });
    assert_eq!(new, [], "a minute after its start");
}

#[test]
fn an_account_that_is_held_back_or_sends_the_meters_of_another_is_named() {
    assert_eq!(found(|status| status.ingest.push(ingest("acme"))), []);
    let entry =
        only(|status| status.ingest.push(IngestStatus { held_back: true, held_bytes: 1 << 30, ..ingest("acme") }));
    assert_eq!((entry.kind, entry.part.as_str()), (Kind::AccountHeldBack, "acme"));
    assert!(entry.sentence.contains("1.0 GiB"), "{}", entry.sentence);
    let shared = Some(SharedStatus { meter: "m-1".to_owned(), other: "home".to_owned() });
    let entry = only(|status| status.ingest.push(IngestStatus { shared, ..ingest("acme") }));
    assert_eq!((entry.kind, entry.sentence.as_str()), (Kind::MeterShared, "acme and home both send meter m-1."));
}

#[test]
fn a_source_is_silent_by_its_own_interval() {
    let aged = |age, longest| {
        let times = (Some(age), longest);
        found(|status| {
            let (last_reading_age_seconds, reading_interval_max_seconds) = times;
            status.ingest.push(IngestStatus {
                last_reading_age_seconds,
                reading_interval_max_seconds,
                ..ingest("acme")
            });
        })
    };
    assert_eq!(aged(3599.0, Some(10.0)), []);
    assert_eq!(aged(3601.0, Some(10.0))[0].kind, Kind::SourceSilent);
    assert_eq!(aged(3601.0, Some(3600.0)), [], "it is read once an hour");
    let entry = &aged(90_000.0, Some(40_000.0))[0];
    assert_eq!(entry.sentence, "acme has sent no new reading for 1d 1h; 11h 6m is usual.");
    // After a start its interval is not known: it may report daily.
    assert_eq!(aged(86_399.0, None), []);
    assert_eq!(aged(86_401.0, None)[0].sentence, "acme has sent no new reading for 1d.");
    let never = IngestStatus { last_reading: None, last_reading_age_seconds: None, ..ingest("acme") };
    let entry = only(|status| status.ingest.push(never.clone()));
    assert_eq!((entry.kind, entry.sentence.as_str()), (Kind::SourceSilent, "acme has sent nothing since the start."));
    let new = found(|status| {
        (status.started, status.now) = (UnixNanos(9 * HOUR), UnixNanos(9 * HOUR + 60 * SECOND));
        status.ingest.push(never.clone());
    });
    assert_eq!(new, [], "the service has just started");
    let daily = |hours: i64| {
        found(|status| {
            status.now = UnixNanos(status.started.0 + hours * HOUR);
            status.ingest.push(IngestStatus { meters: 3, ..never.clone() });
        })
    };
    assert_eq!(daily(23), [], "it sent readings before the start");
    assert_eq!(daily(25)[0].kind, Kind::SourceSilent);
    let failing = only(|status| {
        status.ingest.push(never.clone());
        status.sources.push(source("acme", "json", SourceState::Failing, Some("refused")));
    });
    assert_eq!(failing.kind, Kind::SourceFailing, "that it fails says more than that it is silent");
    let waiting = only(|status| {
        status.ingest.push(never.clone());
        status.sources.push(source("acme", "json", SourceState::Waiting, None));
    });
    assert_eq!(waiting.kind, Kind::SourceNotRun, "so does that it has not run");
}

#[test]
fn silent_meters_are_named_and_their_source_is_not_named_again() {
    let entry = only(|status| {
        status.ingest.push(IngestStatus { last_reading_age_seconds: Some(1e6), ..ingest("acme") });
        status.silent.count = 1;
        status.silent.meters = vec![silent(Some("Heat pump"))];
    });
    assert_eq!((entry.kind, entry.part.as_str()), (Kind::MeterSilent, "Heat pump"));
    assert_eq!(entry.sentence, "Heat pump (acme) is silent for longer than usual.");
    assert_eq!(entry.since.as_deref(), Some("1970-01-01T05:00:00Z"));
    let entry = only(|status| (status.silent.count, status.silent.meters) = (1, vec![silent(None)]));
    assert!(entry.sentence.starts_with("00000000-0000-0000-0000-000000000007 (acme)"), "{}", entry.sentence);
    let mut stale = (*source("acme", "smart-me devices", SourceState::Running, None)).clone();
    stale.facts.insert("stale_meters".to_owned(), Fact::Text("Cellar (no value for 40d)".to_owned()));
    let entry = only(|status| status.sources.push(Arc::new(stale)));
    assert_eq!(entry.kind, Kind::MeterSilent);
    assert!(entry.sentence.contains("Cellar (no value for 40d)"), "{}", entry.sentence);
}

#[test]
fn a_sink_is_named_with_its_reason_and_what_waits() {
    let state = |state, lag_records| {
        found(|status| {
            let sink = &mut status.sinks[1];
            (sink.state, sink.why, sink.since) =
                (state, Some("table samples is missing".to_owned()), "then".to_owned());
            (sink.lag_records, sink.lag_seconds, sink.kept_bytes) = (lag_records, 720.0, 1 << 20);
        })
    };
    assert_eq!(state("running", 3), [], "12 minutes behind");
    let entry = &state("blocked", 3)[0];
    assert_eq!((entry.kind, entry.level, entry.since.as_deref()), (Kind::SinkBlocked, Level::Fault, Some("then")));
    assert_eq!(entry.sentence, "kafka takes no data until it is repaired: table samples is missing.");
    assert_eq!(entry.effect, "Nothing is lost: 12m of data (3 records, 1.0 MiB) are waiting in the journal.");
    let entry = &state("waiting", 0)[0];
    assert_eq!((entry.kind, entry.level), (Kind::SinkWaiting, Level::Warning));
    assert_eq!(entry.effect, "Nothing is lost, and nothing is waiting.");
    let entry = only(|status| (status.sinks[0].lag_seconds, status.sinks[0].lag_records) = (7500.0, 9));
    assert_eq!((entry.kind, entry.sentence.as_str()), (Kind::SinkBehind, "sqlite takes data, but is 2h 5m behind."));
    let entry = only(|status| {
        (status.sinks[0].lag_seconds, status.sinks[0].lag_records) = (7500.0, 9);
        status.sinks[0].replaying_until = Some(44);
    });
    assert_eq!(entry.sentence, "sqlite repeats records up to 44 and is 2h 5m behind.");
    let both = found(|status| status.sinks[1].warnings = ["one", "another"].map(str::to_owned).into());
    assert_eq!(both.iter().map(|entry| entry.kind).collect::<Vec<_>>(), [Kind::SinkWarning; 2]);
    let entry = only(|status| status.sinks[1].warnings.push("its view is not valid".to_owned()));
    assert_eq!(entry.kind, Kind::SinkWarning);
    assert!(entry.sentence.contains("its view is not valid"), "{}", entry.sentence);
}

#[test]
fn a_store_that_the_canary_does_not_reach_is_named_unless_the_sink_says_why() {
    let canary = |store, why: Option<&str>| {
        let (why, since) = (why.map(str::to_owned), why.map(|_| "then".to_owned()));
        CanaryStatus { store, why, since, last_success: Some("before".to_owned()) }
    };
    assert_eq!(found(|status| status.canary = vec![canary("sqlite", None)]), []);
    let missing = [canary("sqlite", Some("the store has not got it in time")), canary("kafka", None)];
    let entry = only(|status| status.canary = missing.to_vec());
    assert_eq!((entry.kind, entry.level, entry.part.as_str()), (Kind::CanaryFailing, Level::Warning, "sqlite"));
    assert_eq!(entry.since.as_deref(), Some("then"));
    let sentence = "The canary's test reading did not become visible in sqlite: the store has not got it in time.";
    assert_eq!(entry.sentence, sentence);
    let entry = only(|status| {
        status.canary = missing.to_vec();
        status.sinks[0].state = "blocked";
    });
    assert_eq!(entry.kind, Kind::SinkBlocked);
    let entry = only(|status| {
        status.canary = missing.to_vec();
        status.not_ready = Some("the disk fails".to_owned());
    });
    assert_eq!(entry.kind, Kind::DataRefused);
}

#[test]
fn records_that_a_sink_will_never_get_are_named_with_their_cause() {
    let entry = only(|status| {
        let (sink, at) = ("kafka".to_owned(), "then".to_owned());
        status.journal.gaps_last_day = vec![sink.clone()];
        let gap = GapStatus { sink, from_sequence: 1, until_sequence: 8, records: 7, at, reason: "retention" };
        status.journal.gaps = vec![gap];
    });
    assert_eq!((entry.kind, entry.level, entry.since.as_deref()), (Kind::RecordsLost, Level::Fault, Some("then")));
    assert_eq!(entry.sentence, "kafka will never get 7 records: the journal was full before the sink had them.");
    let entry = only(|status| {
        let gap = |sink: &str, records, reason| {
            let (sink, at) = (sink.to_owned(), "then".to_owned());
            GapStatus { sink, from_sequence: 1, until_sequence: 8, records, at, reason }
        };
        status.journal.gaps_last_day = vec!["kafka".to_owned()];
        status.journal.gaps =
            vec![gap("kafka", 2, "repair"), gap("sqlite", 50, "retention"), gap("kafka", 7, "retention")];
    });
    assert_eq!(entry.sentence, "kafka will never get 9 records: a repair of the journal could not read them.");
}

#[test]
fn a_journal_that_is_full_within_hours_is_named_with_the_slowest_sink() {
    let full_in = |seconds| {
        found(|status| {
            status.journal.full_in_seconds = Some(seconds);
            (status.journal.waiting_bytes, status.journal.cap_bytes) = (1 << 20, 4 << 20);
            status.sinks[1].kept_bytes = 1 << 20;
        })
    };
    assert_eq!(full_in(7.0 * 3600.0), []);
    let entry = &full_in(5400.0)[0];
    assert_eq!((entry.kind, entry.level, entry.part.as_str()), (Kind::JournalFullSoon, Level::Fault, "kafka"));
    let sentence = "The journal will be full in 1h 30m at this rate: 1.0 MiB of 4.0 MiB are waiting for kafka.";
    assert_eq!(entry.sentence, sentence);
}

#[test]
fn open_gaps_and_dead_letters_are_counted_by_meter_and_kind() {
    let gap = |name: Option<&str>, state| MissingGapStatus {
        id: 1,
        meter: "m-1".to_owned(),
        name: name.map(str::to_owned),
        source: "acme".to_owned(),
        from: String::new(),
        until: String::new(),
        quarter_hours: 2,
        found: "then".to_owned(),
        state,
        changed: String::new(),
        late: 0,
        repaired: 0,
    };
    assert_eq!(found(|status| status.missing.newest = vec![gap(None, "late")]), []);
    let entry = only(|status| {
        (status.missing.gaps_open, status.missing.quarter_hours) = (2, 4);
        status.missing.newest = vec![gap(Some("Heat pump"), "open"), gap(None, "open"), gap(Some("Water"), "late")];
    });
    assert_eq!(
        (entry.kind, entry.since.as_deref(), entry.command.as_str()),
        (Kind::GapsOpen, Some("then"), "meterline gaps")
    );
    assert_eq!(entry.sentence, "2 gaps are open in the readings of Heat pump, m-1: 4 quarter-hours are missing.");
    let named = |gaps_open, names: &[&str]| {
        let entry = only(|status| {
            (status.missing.gaps_open, status.missing.quarter_hours) = (gaps_open, 9);
            status.missing.newest = names.iter().map(|name| gap(Some(name), "open")).collect();
        });
        let (_, rest) = entry.sentence.split_once("readings of ").unwrap();
        rest.split_once(':').unwrap().0.to_owned()
    };
    assert_eq!(named(5, &["A", "B"]), "A, B, others", "not all gaps are in the list");
    assert_eq!(named(4, &["A", "B", "C", "D"]), "A, B, C, others");
    assert_eq!(named(3, &["A", "B", "C"]), "A, B, C");
    let entry = only(|status| (status.missing.readings_untracked, status.missing.meters_max) = (5, 9));
    assert_eq!((entry.kind, entry.times), (Kind::MetersUntracked, Some(5)));
    let letters = |count| found(|status| status.dead_letters.open = [("set-aside".to_owned(), count)].into());
    assert_eq!(letters(0), []);
    let entry = &letters(3)[0];
    assert_eq!(entry.kind, Kind::DeadLetters);
    assert_eq!(entry.sentence, "3 dead letters of data that could not be delivered: 3 set-aside.");
    assert!(letters(1)[0].sentence.starts_with("1 dead letter of data"));
}

#[test]
fn the_worst_come_first_and_what_is_not_shown_is_counted() {
    let mut status = well();
    status.dead_letters.open.insert("set-aside".to_owned(), 3);
    status.sinks[0].state = "waiting";
    status.not_ready = Some("the disk fails".to_owned());
    status.sinks[1].state = "blocked";
    let kinds = |status: &Status| troubles(status).entries.iter().map(|entry| entry.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&status), [Kind::DataRefused, Kind::SinkBlocked, Kind::SinkWaiting, Kind::DeadLetters]);
    status.sources =
        (0..10_000).map(|number| source(&format!("d{number}"), "json", SourceState::Failing, Some("gone"))).collect();
    (status.silent.count, status.silent.meters) = (300, vec![silent(None)]);
    let list = troubles(&status);
    assert_eq!((list.count, list.entries.len()), (4 + 10_000 + 300, SHOWN_MAX));
    assert_eq!((list.level, list.summary.as_str()), (Level::Fault, "10304 things need you"));
    assert_eq!(list.entries[0].kind, Kind::DataRefused);
    // The one that has failed for longest is shown, wherever it is configured.
    let mut oldest = (*source("oldest", "json", SourceState::Failing, Some("gone"))).clone();
    oldest.since = UnixNanos(HOUR);
    status.sources.push(Arc::new(oldest));
    assert!(troubles(&status).entries.iter().any(|entry| entry.part == "oldest"));
}

#[test]
fn every_kind_has_a_name_and_a_section_of_its_own_words() {
    let names: BTreeSet<String> = Kind::ALL.iter().map(|kind| serde_json::to_string(kind).unwrap()).collect();
    assert_eq!(names.len(), Kind::ALL.len());
    assert!(names.contains("\"sink-blocked\""), "{names:?}");
    assert!(Kind::ALL.is_sorted());
}
