//! Rows by questdb-rs, many bodies in a request.

use crate::job::{Counts, Job};
use crate::{Options, SinkStop};
use axum::http::Request;
use meterline_compare::clock;
use meterline_load::http::Http;
use questdb::ingress::{Buffer, ColumnName, ProtocolVersion, TableName, TimestampNanos};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use uuid::Uuid;

const ROWS_MAX: usize = 50_000;
/// Rows wait for more rows this long, unless an answer waits for them.
const LINGER: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(5);
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(200);

/// Sends the rows of all bodies; ends with the queue.
pub(crate) fn run(options: &Options, counts: &Arc<Counts>, mut jobs: mpsc::Receiver<Arc<Job>>) -> Result<(), SinkStop> {
    let http = Http::new()?;
    let url = format!("{}/write?precision=n", options.questdb);
    let linger = if options.after_sinks { Duration::ZERO } else { LINGER };
    let mut buffer = Buffer::new(ProtocolVersion::V2);
    let mut sent = Vec::new();
    while let Some(first) = jobs.blocking_recv() {
        let begun = clock::now();
        let mut rows = 0;
        let mut next = Some(first);
        while rows < ROWS_MAX {
            match next.take().or_else(|| jobs.try_recv().ok()) {
                Some(job) => {
                    rows += encode(&mut buffer, &options.table, &job)?;
                    sent.push(job);
                }
                None if begun.elapsed() >= linger => break,
                None => std::thread::sleep(POLL),
            }
        }
        post(&http, &url, &buffer);
        buffer.clear();
        for job in sent.drain(..) {
            job.is_in_a_sink();
            counts.questdb.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Repeats the request until the server takes it.
fn post(http: &Http, url: &str, buffer: &Buffer) {
    loop {
        match http.send(Request::post(url), buffer.as_bytes().to_vec()) {
            Ok(answer) if answer.status().is_success() => return,
            Ok(answer) => eprintln!("by-hand: QuestDB answered {}: {}", answer.status(), answer.body()),
            Err(error) => eprintln!("by-hand: QuestDB: {error}"),
        }
        std::thread::sleep(PAUSE_AFTER_ERROR);
    }
}

/// Adds the rows of a body. Returns their number.
fn encode(buffer: &mut Buffer, table: &str, job: &Job) -> Result<usize, questdb::Error> {
    let (mut meter, mut code, mut rows) = (Uuid::encode_buffer(), String::new(), 0);
    for reading in &job.readings {
        let meter = &*reading.meter.hyphenated().encode_lower(&mut meter);
        for (obis, value) in &reading.values {
            obis_text(obis, &mut code);
            buffer
                .table(TableName::new(table)?)?
                .symbol(ColumnName::new("obis")?, &code)?
                .symbol(ColumnName::new("source")?, "smart-me")?
                .column_str(ColumnName::new("meter")?, meter)?
                .column_f64(ColumnName::new("value")?, *value)?
                .column_ts(ColumnName::new("received")?, TimestampNanos::new(job.received_ns))?
                .at(TimestampNanos::new(reading.time_ns))?;
            rows += 1;
        }
    }
    Ok(rows)
}

fn obis_text(obis: &[u8], text: &mut String) {
    text.clear();
    if let &[a, b, c, d, e, f] = obis {
        // A string takes every text.
        write!(text, "{a}-{b}:{c}.{d}.{e}*{f}").ok();
    }
}
