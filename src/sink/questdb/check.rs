//! Checks before a start whether the server is ready for the sink. Changes nothing.
//!
//! Each finding is one sentence; a fault names the remedy. Checks that depend on a failed
//! one are left out.

use super::config::Config;
use super::confirm;
use super::fault;
use super::schema;
use super::server::Server;
use super::ttl;
use super::view::{self, RollUp};
use crate::base::{Finding, Level};
use crate::deliver::SinkErrorKind;
use crate::sink::findings::Findings;

/// The ILP version the encoder writes.
const PROTOCOL: u32 = 2;

/// Checks the server, its protocol, the credentials, the tables and the views.
pub fn check(config: &Config) -> Vec<Finding> {
    let mut findings = Findings::default();
    // An error of the server is the last finding: later checks would fail alike.
    let looked = check_samples(config, &Server::new(config), &mut findings)
        .and_then(|()| check_meters(&Server::new(&config.of_meters()), &mut findings));
    if let Err(error) = looked {
        findings.add(Level::Fault, error.message);
    }
    findings.0
}

fn check_samples(config: &Config, server: &Server, findings: &mut Findings) -> Result<(), crate::deliver::SinkError> {
    let (url, table) = (server.url(), server.table());
    let settings = server.settings()?;
    if settings.protocols.contains(&PROTOCOL) {
        findings.add(Level::Good, format!("QuestDB {} answers at {url}", settings.version));
    } else {
        findings.add(
            Level::Fault,
            format!(
                "QuestDB {} at {url} does not support version {PROTOCOL} of the line protocol: use QuestDB 9.3.4 or newer",
                settings.version
            ),
        );
    }
    if !settings.takes_writes() {
        findings.add(Level::Fault, fault::of_read_only(url).message);
    }
    let Some(actual) = schema::actual(server, &schema::SAMPLES)? else {
        findings.add(Level::Fault, format!("table {table} is missing: run `meterline migrate` to create it"));
        return Ok(());
    };
    let differences = actual.differences();
    for difference in &differences {
        findings.add(Level::Fault, difference.sentence(table));
    }
    if differences.is_empty() {
        findings.add(Level::Good, format!("table {table} is correct, partitioned by {}", actual.partitioned_by));
    }
    if config.keep.is_some() {
        ttl::refusal(server)?.into_iter().for_each(|refusal| findings.add(Level::Fault, refusal));
    }
    check_views(config, server, findings)?;
    check_commit_mode(server, findings)?;
    confirm::table_state(server)?;
    Ok(())
}

/// Checks the table of meters.
fn check_meters(server: &Server, findings: &mut Findings) -> Result<(), crate::deliver::SinkError> {
    schema::check_ready(server, &schema::METERS)?;
    confirm::table_state(server)?;
    let table = server.table();
    findings.add(Level::Good, format!("table {table} is correct, for meter descriptions"));
    Ok(())
}

/// Warns if the server answers before its rows are on disk, as it does by default. Silent
/// where the user may not read the setting or the server has none.
fn check_commit_mode(server: &Server, findings: &mut Findings) -> Result<(), crate::deliver::SinkError> {
    let asked = server.execute("SELECT value FROM (SHOW PARAMETERS) WHERE property_path = 'cairo.commit.mode'");
    let answer = match asked {
        Err(error) if error.kind == SinkErrorKind::Blocked => return Ok(()),
        asked => asked?,
    };
    if let Some(mode) = answer.rows().next().map(|row| row.text("value")).filter(|mode| *mode != "sync") {
        findings.add(
            Level::Warning,
            format!(
                "QuestDB at {} does not sync its commits (cairo.commit.mode is {mode}), so a power cut there can lose \
                 the last rows: meterline detects the restart and sends five minutes again; `sync` in the server's \
                 configuration prevents the loss",
                server.url()
            ),
        );
    }
    Ok(())
}

/// Reports what the running sink would warn of: the views and the table's TTL.
fn check_views(config: &Config, server: &Server, findings: &mut Findings) -> Result<(), crate::deliver::SinkError> {
    let complaints = complaints(config, server)?;
    if complaints.is_empty() {
        let names = RollUp::ALL.map(|roll_up| roll_up.name(server.table()));
        findings.add(Level::Good, format!("views {} are valid", names.join(", ")));
    }
    complaints.into_iter().for_each(|complaint| findings.add(Level::Warning, complaint));
    Ok(())
}

/// Sentences about the views and the table's TTL, which do not stop delivery.
pub(super) fn complaints(config: &Config, server: &Server) -> Result<Vec<String>, crate::deliver::SinkError> {
    let table = server.table();
    let mut complaints = Vec::new();
    for roll_up in RollUp::ALL {
        let view = view::state(server, roll_up, config.view_stale_after)?;
        complaints.extend(view.complaint(&roll_up.name(table)));
    }
    if let (Some(keep), Some(actual)) = (config.keep, schema::actual(server, &schema::SAMPLES)?)
        && ttl::other(&actual, keep).is_some()
    {
        complaints
            .push(format!("table {table} does not keep its rows as long as `keep` says: run `meterline migrate`"));
    }
    Ok(complaints)
}
