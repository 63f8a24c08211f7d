//! Stores the versions of meter descriptions in a table of their own.
//!
//! They are few, so each record is one request that waits until the table's log is
//! applied: when [`MetersTable::write`] returns they are stored, and nothing is in flight.
//! Every request uses a new connection, because the server discards the rows of one that
//! wrote before its table was dropped. Later losses in this table are not detected; a
//! replay sends it again.

use super::config::{Config, TableName};
use super::confirm::{TableState, table_state};
use super::fault::Fault;
use super::schema;
use super::server::Server;
use crate::deliver::{Log, SinkError};
use crate::wire::meters::Version;
use questdb::ingress::{Buffer, ColumnName, ProtocolVersion, TableName as IlpTableName, TimestampNanos};

/// The table of meters.
#[derive(Debug)]
pub(super) struct MetersTable(Server, Log);

impl MetersTable {
    /// The table of a configuration, for the versions of `log`; it sends nothing yet.
    pub(super) fn new(config: &Config, log: Log) -> Self {
        Self(Server::new(&config.of_meters()), log)
    }

    /// Stores the versions, each instead of an earlier one with its key.
    ///
    /// # Errors
    /// When the table is missing or wrong, or it is not certain that the versions are
    /// stored.
    pub(super) fn write(&mut self, versions: &[Version]) -> Result<(), SinkError> {
        if versions.is_empty() {
            return Ok(());
        }
        self.0.disconnect();
        let server = &self.0;
        schema::check_ready(server, &schema::METERS)?;
        let before = table_state(server)?;
        let rows = rows(server.table(), versions).map_err(|error| self.refused(error.msg()))?;
        self.1.check_ownership()?;
        server.write(rows.into()).map_err(|fault| match fault {
            Fault::Sink(error) => error,
            Fault::Row { reason, .. } => self.refused(&reason),
        })?;
        let sent = table_state(server)?;
        if sent.id != before.id || sent.sequencer_txn <= before.sequencer_txn {
            return Err(self.uncertain("did not keep an acknowledged request"));
        }
        self.wait_applied(&sent)
    }

    /// Waits until the server has applied the rows, at most for the request's time-out.
    fn wait_applied(&self, sent: &TableState) -> Result<(), SinkError> {
        let table = self.0.table();
        self.0.execute(&format!("SELECT wait_wal_table('{table}')"))?;
        let now = table_state(&self.0)?;
        if now.id != sent.id || now.writer_txn < sent.sequencer_txn {
            return Err(self.uncertain("has not applied an acknowledged request"));
        }
        Ok(())
    }

    fn uncertain(&self, what: &str) -> SinkError {
        let (url, table) = (self.0.url(), self.0.table());
        SinkError::waiting(format!("table {table} in QuestDB at {url} {what}: sending the meter descriptions again"))
    }

    fn refused(&self, reason: &str) -> SinkError {
        let (url, table) = (self.0.url(), self.0.table());
        SinkError::blocked(format!(
            "QuestDB at {url} cannot store a description of a meter in table {table} ({reason}): this is a bug of \
             meterline, or the server version is untested"
        ))
    }
}

fn rows(table: &TableName, versions: &[Version]) -> questdb::Result<Vec<u8>> {
    let mut buffer = Buffer::new(ProtocolVersion::V2);
    for version in versions {
        row(&mut buffer, table, version)?;
    }
    Ok(buffer.as_bytes().to_vec())
}

/// Writes symbols first, as ILP requires. Empty texts and a missing time are left out,
/// which stores NULL.
fn row(buffer: &mut Buffer, table: &TableName, version: &Version) -> questdb::Result<()> {
    let description = &version.description;
    buffer.table(IlpTableName::new_unchecked(table.as_str()))?;
    for (column, text) in [
        ("vendor", description.vendor.as_str()),
        ("family_name", &description.family.name),
        ("energy_type_name", &description.energy_type.name),
        ("sub_type_name", &description.sub_type.name),
        ("role", description.role.label()),
        ("phase", &description.phase),
        ("time_zone", &description.time_zone),
        ("currency", &description.currency),
        ("unit", &description.unit),
        ("source", &version.source),
    ] {
        if !text.is_empty() {
            buffer.symbol(ColumnName::new_unchecked(column), text)?;
        }
    }
    buffer.column_str(ColumnName::new_unchecked("meter"), version.meter.to_string())?;
    for (column, text) in [
        ("metering_point", &version.metering_point),
        ("name", &description.name),
        ("serial", &description.serial),
        ("meter_serial", &description.meter_serial),
        ("model", &description.model),
        ("firmware", &description.firmware),
        ("gateway", &description.gateway),
        ("customer", &description.customer),
        ("site", &description.site),
        ("tariff", &description.tariff),
    ] {
        if !text.is_empty() {
            buffer.column_str(ColumnName::new_unchecked(column), text)?;
        }
    }
    for (column, named) in [
        ("family", &description.family),
        ("energy_type", &description.energy_type),
        ("sub_type", &description.sub_type),
    ] {
        buffer.column_i64(ColumnName::new_unchecked(column), named.number)?;
    }
    if let Some(at) = version.valid_to {
        buffer.column_ts(ColumnName::new_unchecked("valid_to"), TimestampNanos::new(at.0))?;
    }
    buffer.at(TimestampNanos::new(version.valid_from.0))
}
