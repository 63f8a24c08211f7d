//! The list of metric families.

/// How a family behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution in fixed buckets.
    Histogram,
}

/// One metric family.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Full name, with its unit.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

const fn family(name: &'static str, kind: Kind, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, kind, labels, help }
}

use Kind::{Counter, Gauge, Histogram};

/// Every family, in the order the data takes.
#[rustfmt::skip]
pub const FAMILIES: &[Family] = &[
    family("meterline_build_info", Gauge, &["version"], "Always 1; the label names the running version."),
    family("meterline_clock_ok", Gauge, &[], "1 while the wall clock can judge (it is after the build date), else 0."),
    family("meterline_clock_jumps_total", Counter, &[], "Times the wall clock moved against the monotonic clock."),
    family("meterline_webhook_connections", Gauge, &[], "Open connections at the webhook listener."),
    family("meterline_webhook_connections_closed_total", Counter, &["reason"], "Connections that were not closed by the peer's wish: handshake (no TLS, or not in time), header (its head stalled), idle, protocol (no HTTP, or broken off), displaced (never had valid credentials and gave way, all connections being taken)."),
    family("meterline_webhook_accept_errors_total", Counter, &[], "Times the webhook could not accept a connection."),
    family("meterline_webhook_certificate_expiry_timestamp_seconds", Gauge, &[], "End of the validity of the certificate in use, in seconds since 1970; absent without TLS."),
    family("meterline_webhook_certificate_current", Gauge, &[], "1 while the certificate in use is what its files hold, 0 while they hold what cannot be used; absent without TLS."),
    family("meterline_webhook_certificate_reloads_total", Counter, &["outcome"], "Times the certificate's files had changed: loaded, or refused (the one before stays in use)."),
    family("meterline_webhook_requests_total", Counter, &["account", "answer"], "Requests by answer (none: the sender went away); the account is empty where the credentials were not valid."),
    family("meterline_webhook_logins_delayed_total", Counter, &[], "Wrong passwords beyond their address's budget: answered late."),
    family("meterline_webhook_heads_dropped_total", Counter, &[], "Heads of requests that were to be noted and were not: too many at once, too long, or the disk failed; the requests were answered all the same."),
    family("meterline_webhook_bytes_in_flight", Gauge, &[], "Bytes of bodies being received or waiting for their sync."),
    family("meterline_source_state", Gauge, &["source", "kind", "state"], "1 for the state the source is in: running, waiting, failing or misconfigured."),
    family("meterline_source_fact", Gauge, &["source", "kind", "fact"], "A number that the source tells of itself; the fact's name has its unit."),
    family("meterline_source_requests_total", Counter, &["source", "outcome"], "Requests of a source to its server: done, later (the server asked for a wait), failed (no answer, or the server is in trouble), refused."),
    family("meterline_source_readings_total", Counter, &["source", "kind"], "Readings that the source fetched and that are in the journal."),
    family("meterline_source_readings_left_out_total", Counter, &["source", "kind", "reason"], "Readings that the source fetched and did not journal: repeated (same meter and time as before) or thinned (more often than `keep`)."),
    family("meterline_bodies_total", Counter, &["source", "verdict"], "Bodies taken, by ingest's verdict."),
    family("meterline_body_bytes_total", Counter, &["source"], "Bytes of bodies taken, after inflation."),
    family("meterline_bodies_empty_total", Counter, &["source"], "Bodies without any device: answered, not journaled."),
    family("meterline_bodies_refused_total", Counter, &["source", "kept"], "Bodies answered 400 because they cannot be read, where the account wants that or has used up its quota; kept: yes (a dead letter) or no."),
    family("meterline_readings_total", Counter, &["source"], "Readings taken: one meter at one instant each."),
    family("meterline_samples_total", Counter, &["source"], "Deliverable samples taken."),
    family("meterline_samples_set_aside_total", Counter, &["source", "reason"], "Samples kept but not delivered, by reason."),
    family("meterline_readings_flagged_total", Counter, &["source", "flag"], "Readings with an unusual mark, by mark."),
    family("meterline_meter_versions_total", Counter, &["source"], "Versions of what is known of meters (name, serial, ...) taken; no bodies of readings."),
    family("meterline_decode_duration_seconds", Histogram, &[], "Time to check and judge one body."),
    family("meterline_journal_commit_duration_seconds", Histogram, &[], "Time of one group commit: write and sync."),
    family("meterline_journal_group_records", Histogram, &[], "Records of one group commit."),
    family("meterline_journal_commits_failed_total", Counter, &[], "Group commits whose write or sync failed; the group was written again elsewhere or refused."),
    family("meterline_journal_held_bytes", Gauge, &["source"], "Bytes of a source's records that not all required sinks have; one that holds seven times what is free is answered 503 (reason share) where accounts share the journal."),
    family("meterline_journal_refused_total", Counter, &["reason"], "Bodies that were not kept, by reason; each was answered 503 (too_large: 413)."),
    family("meterline_gaps_open", Gauge, &["source"], "Gaps in the meters' readings that are not closed."),
    family("meterline_gap_quarter_hours_missing", Gauge, &["source"], "Quarter-hours missing in open gaps."),
    family("meterline_gaps_closed_total", Counter, &["source", "how"], "Gaps that closed: late (came by itself), repaired (fetched), not-at-source or gone."),
    family("meterline_journal_bytes", Gauge, &[], "Bytes of the journal's segments on disk."),
    family("meterline_journal_capacity_bytes", Gauge, &[], "The journal's cap in bytes."),
    family("meterline_journal_segments", Gauge, &[], "Segment files of the journal."),
    family("meterline_journal_next_sequence", Gauge, &[], "Sequence of the next record to be synced."),
    family("meterline_journal_oldest_sequence", Gauge, &[], "Sequence of the oldest record retained for replay."),
    family("meterline_sink_state", Gauge, &["sink", "state"], "1 for the state the sink is in: running, waiting or blocked."),
    family("meterline_sink_next_sequence", Gauge, &["sink"], "The sink's cursor: the lowest sequence not yet safe in it."),
    family("meterline_sink_lag_records", Gauge, &["sink"], "Journal records not yet safe in the sink, from the first that it does not hold back on purpose."),
    family("meterline_sink_lag_seconds", Gauge, &["sink"], "Age of the oldest record not yet safe in the sink and not held back on purpose; 0 when there is none."),
    family("meterline_sink_lag_bytes", Gauge, &["sink"], "Journal bytes not yet safe in the sink, about."),
    family("meterline_sink_readings_total", Counter, &["sink"], "Readings handed to the sink; repeats count again."),
    family("meterline_sink_rows_total", Counter, &["sink"], "Rows or messages the sink acknowledged; repeats count again."),
    family("meterline_sink_requests_total", Counter, &["sink"], "Requests or transactions sent; not counted for Kafka, whose client makes its batches by itself."),
    family("meterline_sink_bytes_total", Counter, &["sink"], "Bytes sent, before compression."),
    family("meterline_sink_errors_total", Counter, &["sink"], "Times the sink failed and went back to its lowest unsafe record."),
    family("meterline_sink_retries_total", Counter, &["sink"], "Attempts made after a failure."),
    family("meterline_sink_resends_total", Counter, &["sink"], "Times the store had forgotten what it had confirmed, and was sent it again."),
    family("meterline_sink_restarts_total", Counter, &["sink"], "Times the sink's own code failed (a panic) and was started again from its cursor."),
    family("meterline_sink_gap_records_total", Counter, &["sink"], "Records that retention took before the sink had them, counted when it was noticed."),
    family("meterline_sink_gap_last_timestamp_seconds", Gauge, &["sink"], "When records were last found missing for the sink, in seconds since 1970; 0 where it has no gap."),
    family("meterline_sink_rows_refused_total", Counter, &["sink"], "Rows the sink refused for their own content; kept as dead letters."),
    family("meterline_sink_late_rows_total", Counter, &["sink"], "Rows measured more than ten minutes before they were received, or in an earlier partition of the table: held back and sent apart."),
    family("meterline_sink_held_rows", Gauge, &["sink"], "Late rows held back until they are sent together."),
    family("meterline_sink_held_seconds", Gauge, &["sink"], "How long the first of the held rows is held; 0 when there is none."),
    family("meterline_sink_corrections_total", Counter, &["sink"], "Keys that got another value than before."),
    family("meterline_sink_delay_seconds", Histogram, &["sink"], "Time from receipt to safe in the sink, one observation a settled batch (its oldest record)."),
    family("meterline_sink_in_flight_rows", Gauge, &["sink"], "Rows or messages handed to the client and not yet acknowledged."),
    family("meterline_dead_letters", Gauge, &["kind"], "Dead letters kept and not yet settled, by kind."),
    family("meterline_dead_letters_total", Counter, &["kind"], "Dead letters written, by kind."),
    family("meterline_dead_letters_evicted_total", Counter, &["kind"], "Open dead letters that gave way to newer ones because of a limit, by kind."),
];

/// Whether a metric with these labels is in the list.
pub(super) fn is_listed(name: &str, kind: Kind, labels: &[(&'static str, String)]) -> bool {
    FAMILIES.iter().any(|family| {
        family.name == name
            && family.kind == kind
            && family.labels.len() == labels.len()
            && family.labels.iter().zip(labels).all(|(listed, (given, _))| listed == given)
    })
}
