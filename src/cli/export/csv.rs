//! Samples as CSV.

use super::row::{Exported, Rows};
use crate::cli::csv::write_row;
use std::io::{self, Write};

const HEAD: [&str; 12] = [
    "time",
    "meter",
    "name",
    "metering_point",
    "serial",
    "register",
    "register_name",
    "value",
    "unit",
    "source",
    "received",
    "flags",
];

/// CSV that is being written.
pub(super) struct Csv<Output>(Output);

impl<Output: Write> Csv<Output> {
    pub(super) fn begin(mut output: Output) -> io::Result<Self> {
        write_row(&mut output, HEAD)?;
        Ok(Self(output))
    }
}

impl<Output: Write> Rows for Csv<Output> {
    fn add(&mut self, Exported { sample, meter, unit }: &Exported<'_>) -> io::Result<()> {
        let [time, id, register, register_name, value, received, flags] = [
            sample.at.to_string(),
            sample.meter.to_string(),
            sample.obis.to_string(),
            sample.name(),
            // The shortest text that is read as the same number.
            sample.value.to_string(),
            sample.received.to_string(),
            sample.flags.to_string(),
        ];
        let [name, point, serial] =
            meter.map_or([""; 3], |meter| [&meter.name, &meter.point, &meter.serial].map(String::as_str));
        let source = &sample.source[..];
        let fields =
            [&time, &id, name, point, serial, &register, &register_name, &value, unit, source, &received, &flags];
        write_row(&mut self.0, fields)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.0.flush()
    }
}
