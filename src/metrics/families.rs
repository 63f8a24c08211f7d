//! The list of metric families.

/// The kind of a metric family.
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
    /// The full name, with the unit.
    pub name: &'static str,
    /// The kind.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// The help text.
    pub help: &'static str,
}

const fn family(name: &'static str, kind: Kind, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, kind, labels, help }
}

use Kind::{Counter, Gauge, Histogram};

/// All metric families, in the direction of the data.
#[rustfmt::skip]
pub const FAMILIES: &[Family] = &[
    family("meterline_build_info", Gauge, &["version", "revision"], "Always 1; the labels name the running version and the commit that it was built from (not recorded in a development build)."),
    family("meterline_log_lines_dropped_total", Counter, &["reason"], "Log lines that were dropped, by reason: full (the reader of standard error is too slow), unwritable (standard error is closed or full), repeated (more than 10 of one kind from a library in a minute)."),
    family("meterline_data_volume_bytes", Gauge, &[], "Size of the volume of the data directory; absent where it cannot be read."),
    family("meterline_data_volume_free_bytes", Gauge, &[], "Free bytes of that volume that the service's user may take."),
    family("meterline_configuration_current", Gauge, &[], "1 while the configuration in use is the file's, but for settings that need a restart; 0 after a reload that was refused because the file has errors."),
    family("meterline_configuration_reloads_total", Counter, &["outcome"], "Reloads of the configuration, by outcome: applied, or refused (the earlier configuration stays in use)."),
    family("meterline_clock_ok", Gauge, &[], "1 while the wall clock is after the build date and can be used, else 0; while it is 0, ingest answers 503."),
    family("meterline_clock_jumps_total", Counter, &[], "Jumps of the wall clock against the monotonic clock."),
    family("meterline_webhook_connections", Gauge, &[], "Open connections at the webhook listener."),
    family("meterline_webhook_connections_max", Gauge, &[], "Maximum number of open connections: connections_max, or fewer if the limit of open files is too low."),
    family("meterline_webhook_connections_closed_total", Counter, &["reason"], "Connections that the webhook closed, by reason: handshake (no TLS, or too slow), header (incomplete in time), idle, protocol (invalid HTTP, or cut off), flood (HTTP/2 frames without requests), displaced (without valid credentials, closed to make room at connections_max), guesses (without valid credentials, too many wrong passwords), not_proxy (from outside the networks in behind_proxy)."),
    family("meterline_webhook_accept_errors_total", Counter, &[], "Failed attempts of the webhook to accept a connection."),
    family("meterline_webhook_certificate_expiry_timestamp_seconds", Gauge, &[], "Expiry of the certificate in use, in seconds since 1970; absent without TLS."),
    family("meterline_webhook_certificate_current", Gauge, &[], "1 while the certificate in use is the one in its files, 0 while the files cannot be used; absent without TLS."),
    family("meterline_webhook_certificate_reloads_total", Counter, &["outcome"], "Changes of the certificate's files, by outcome: loaded, or refused (the earlier certificate stays in use)."),
    family("meterline_webhook_requests_total", Counter, &["account", "answer"], "Requests by account and status code of the answer (none: the sender disconnected before the answer, or presented too many wrong passwords). The account is empty if the credentials were not valid."),
    family("meterline_webhook_logins_delayed_total", Counter, &[], "Failed logins that were answered with a delay, because their address had too many failed logins."),
    family("meterline_webhook_logins_unanswered_total", Counter, &[], "Failed logins that got no answer, because their connection, or all shared connections together, had too many delayed ones."),
    family("meterline_webhook_heads_dropped_total", Counter, &[], "Request headers that could not be written to the header log: too many at once, too long, or a disk error. The requests were answered normally."),
    family("meterline_webhook_bytes_in_flight", Gauge, &[], "Bytes reserved for bodies that are being received or wait for their sync to disk."),
    family("meterline_source_state", Gauge, &["source", "kind", "state"], "1 for the current state of the source: running, waiting, failing or misconfigured; 0 for the others."),
    family("meterline_source_fact", Gauge, &["source", "kind", "fact"], "A number that the source reports about itself; the name of the fact includes the unit."),
    family("meterline_source_requests_total", Counter, &["source", "outcome"], "Requests of a source to its server, by outcome: done, later (the server asked to wait), failed (no answer, or a server error), refused."),
    family("meterline_source_readings_total", Counter, &["source", "kind"], "Readings that the source fetched and that are safe in the journal."),
    family("meterline_source_readings_left_out_total", Counter, &["source", "kind", "reason"], "Readings that the source fetched but did not record, by reason: repeated (same meter and time as before), thinned (more frequent than `keep`), known (without values, or the meter has already delivered an equally new reading, for example by the webhook) or zero (the first zero of a counter of gas, water or heat is left out, and the reading if it has no other value; a second zero of another time is recorded)."),
    family("meterline_mqtt_messages_total", Counter, &["source", "qos"], "Messages received from a broker, by QoS."),
    family("meterline_mqtt_messages_left_out_total", Counter, &["source", "reason"], "Messages of a broker without readings to store, by reason: unknown (no route has this topic), unreadable (of a known device; kept without readings, within the quota of undecodable bytes), ignored (a known message without values), texts (a message of texts alone, such as a report of an automation, or of a meaning that depends on topics to come; kept as sent), retained (kept by the broker, and without a time of its own, or the same as before), collected (a part of a larger reading), other_monitor (of a device that is not configured), dropped (QoS 0, while the journal refused), refused (never taken by the journal), resent (by the broker, while the first one waits for the journal)."),
    family("meterline_mqtt_unknown_messages_total", Counter, &["source", "pattern"], "Messages of a broker that no route takes, by the pattern of the topic; at most 32 patterns of a source, then other."),
    family("meterline_bodies_total", Counter, &["source", "verdict"], "Bodies accepted, by result of decoding."),
    family("meterline_body_bytes_total", Counter, &["source"], "Bytes of bodies accepted, after decompression."),
    family("meterline_bodies_empty_total", Counter, &["source"], "Bodies without any device: answered, but not recorded."),
    family("meterline_bodies_refused_total", Counter, &["source", "kept"], "Undecodable bodies answered 400, because of on_undecodable = \"refuse\" or because undecodable_max is used up; kept: yes (as a dead letter) or no."),
    family("meterline_readings_total", Counter, &["source"], "Readings accepted; a reading is one meter at one instant."),
    family("meterline_last_reading_timestamp_seconds", Gauge, &["source"], "Time of measurement of the newest reading of the source since the start, at most its receive time, in seconds since 1970; 0 if there is none, NaN after a reload that removed the source. It stands still while a device repeats the same reading. `time() - it` is the age."),
    family("meterline_reading_interval_max_seconds", Gauge, &["source"], "Longest time between two readings of the source in the last one to two weeks, by their times of measurement; 0 before a day of them since the start, NaN after a reload that removed the source."),
    family("meterline_samples_total", Counter, &["source"], "Deliverable samples accepted."),
    family("meterline_samples_set_aside_total", Counter, &["source", "reason"], "Samples that are kept but not delivered because they are implausible, by reason."),
    family("meterline_readings_flagged_total", Counter, &["source", "flag"], "Readings with an unusual property, by flag: time-is-receive-time, local-time, status-not-ok, estimated, gap-repair, test or sign-unexpected."),
    family("meterline_readings_of_shared_meters_total", Counter, &["source"], "Readings of a meter whose reading before came from another source. If both send the same time, the value that comes last stands."),
    family("meterline_meter_versions_total", Counter, &["source"], "Versions of meter descriptions (name, serial number, ...) stored."),
    family("meterline_decode_duration_seconds", Histogram, &[], "Time to decode and judge one body."),
    family("meterline_journal_commit_duration_seconds", Histogram, &[], "Time of one group commit: write and sync."),
    family("meterline_journal_group_records", Histogram, &[], "Records in one group commit."),
    family("meterline_journal_commits_failed_total", Counter, &[], "Group commits whose write or sync failed; the group was rewritten or refused."),
    family("meterline_journal_held_bytes", Gauge, &["source"], "Bytes of records that at least one required sink has not received. If several sources share the journal, a source with more than seven times the free space gets 503 (reason share)."),
    family("meterline_journal_refused_total", Counter, &["reason"], "Bodies that were refused, by reason; each was answered 503 (too_large: 413)."),
    family("meterline_gaps_open", Gauge, &["source"], "Open gaps in the meters' readings."),
    family("meterline_gap_readings_missing", Gauge, &["source"], "Quarter-hour readings missing in open gaps."),
    family("meterline_gap_meters", Gauge, &[], "Meters whose readings gap detection follows."),
    family("meterline_gap_readings_untracked_total", Counter, &[], "Readings of meters that gap detection does not follow, because gap_detection.memory is used up."),
    family("meterline_gaps_closed_total", Counter, &["source", "how"], "Closed gaps, by outcome: late (the meter sent the readings later), repaired (fetched), not-at-source (the vendor does not have them) or gone (the meter sent nothing for 40 days)."),
    family("meterline_journal_bytes", Gauge, &[], "Size of the journal's segments on disk."),
    family("meterline_journal_capacity_bytes", Gauge, &[], "Maximum size of the journal (journal.cap)."),
    family("meterline_journal_segments", Gauge, &[], "Segment files of the journal."),
    family("meterline_journal_next_sequence", Gauge, &[], "Sequence number of the next record."),
    family("meterline_journal_oldest_sequence", Gauge, &[], "Sequence number of the oldest retained record."),
    family("meterline_sink_state", Gauge, &["sink", "state"], "1 for the current state of the sink: running, waiting or blocked; 0 for the others."),
    family("meterline_sink_next_sequence", Gauge, &["sink"], "The sink's cursor: the lowest sequence number that the sink has not confirmed."),
    family("meterline_sink_lag_records", Gauge, &["sink"], "Journal records that the sink has not confirmed. Records at the beginning that only wait because their late rows are held are not counted."),
    family("meterline_sink_lag_seconds", Gauge, &["sink"], "Age of the oldest record not yet confirmed by the sink that is not a held late row; 0 if there is none."),
    family("meterline_sink_lag_bytes", Gauge, &["sink"], "Bytes of the journal from the sink's cursor to its end, also for a sink that was never reachable; the journal cannot remove them. Within the cursor's segment they are estimated by the share of its records."),
    family("meterline_sink_warnings", Gauge, &["sink"], "Conditions at the sink's store that do not stop delivery but need the operator, such as an invalid view; the built-in page names them."),
    family("meterline_sink_readings_total", Counter, &["sink"], "Readings handed to the sink, including repeats."),
    family("meterline_sink_rows_total", Counter, &["sink"], "Rows or messages that the sink acknowledged, including repeats."),
    family("meterline_sink_requests_total", Counter, &["sink"], "Requests or transactions sent; not counted for Kafka, whose client builds its batches automatically."),
    family("meterline_sink_bytes_total", Counter, &["sink"], "Bytes sent, before compression."),
    family("meterline_sink_errors_total", Counter, &["sink"], "Failures of the sink; after each it starts again at its lowest record that is not confirmed."),
    family("meterline_sink_retries_total", Counter, &["sink"], "Attempts after a failure."),
    family("meterline_sink_resends_total", Counter, &["sink"], "Resends after the store lost confirmed data."),
    family("meterline_sink_redecoded_records_total", Counter, &["sink", "outcome"], "Records of devices in replays with --redecode, including repeats, by outcome: decoded (their original messages were decoded again) or kept (they keep their stored readings, because the message is missing or cannot be decoded again; the log has a reason)."),
    family("meterline_sink_restarts_total", Counter, &["sink"], "Restarts of the sink from its cursor after its code panicked."),
    family("meterline_sink_gap_records_total", Counter, &["sink"], "Records that the sink will never get, because retention removed them first; counted at detection."),
    family("meterline_sink_gap_last_timestamp_seconds", Gauge, &["sink"], "Time of the newest gap record of the sink, in seconds since 1970; 0 if it has none."),
    family("meterline_sink_rows_refused_total", Counter, &["sink"], "Rows that the sink refused because of their content; kept as dead letters."),
    family("meterline_sink_rows_expired_total", Counter, &["sink"], "Samples that were deleted from the embedded store because of sink.sqlite.keep or keep_size, and those that a replay did not store again because their quarter-hour has them."),
    family("meterline_sink_file_bytes", Gauge, &["sink"], "Size of the embedded store's database without its log."),
    family("meterline_sink_log_bytes", Gauge, &["sink"], "Size of the embedded store's log (-wal). Beyond 64 MiB the sink waits, and the journal keeps what follows."),
    family("meterline_kafka_log_skipped_total", Counter, &["reason"], "Records of the group's topics without a reading or description, or with values, that cannot be delivered: empty, undecodable, set-aside. All but the empty ones are dead letters."),
    family("meterline_sink_late_rows_total", Counter, &["sink"], "Late rows: measured more than ten minutes before receipt, or in an earlier partition of the table. They are held and sent together."),
    family("meterline_sink_held_rows", Gauge, &["sink"], "Late rows that are held until they are sent together."),
    family("meterline_sink_held_seconds", Gauge, &["sink"], "Time since the first of the held rows; 0 if there is none."),
    family("meterline_sink_corrections_total", Counter, &["sink"], "Corrections: keys (meter, register, time) that got a different value."),
    family("meterline_sink_delay_seconds", Histogram, &["sink"], "Time from receipt until safe in the sink; one observation per settled batch (its oldest record)."),
    family("meterline_sink_in_flight_rows", Gauge, &["sink"], "Rows or messages handed to the client and not acknowledged yet."),
    family("meterline_canary_rounds_total", Counter, &["store", "outcome"], "Test readings of the canary by store and outcome: visible, refused (the webhook did not answer 200), missing (not in the store within canary.deadline) or unreadable (the store could not be read); absent without [canary], as the next two."),
    family("meterline_canary_delay_seconds", Gauge, &["store"], "Time from the start of the post of the last visible test reading until it was visible in the store."),
    family("meterline_canary_last_success_timestamp_seconds", Gauge, &["store"], "When a test reading was visible in the store last, in seconds since 1970; 0 before the first one."),
    family("meterline_dead_letters", Gauge, &["kind"], "Open dead letters, by kind."),
    family("meterline_dead_letters_total", Counter, &["kind"], "Dead letters written, by kind."),
    family("meterline_dead_letters_evicted_total", Counter, &["kind"], "Open dead letters that were removed to make room for newer ones, by kind."),
];

/// Whether [`FAMILIES`] contains a metric with this name, kind and labels.
pub(super) fn is_listed(name: &str, kind: Kind, labels: &[(&'static str, String)]) -> bool {
    FAMILIES.iter().any(|family| {
        family.name == name
            && family.kind == kind
            && family.labels.len() == labels.len()
            && family.labels.iter().zip(labels).all(|(listed, (given, _))| listed == given)
    })
}
