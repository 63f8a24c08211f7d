//! A table of samples against the answers. It must not know which store has the table.

use super::{Answered, Found, sum_of};
use crate::body::{self, Ticks, VALUES};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Meters read row by row; of more, the samples are counted.
const METERS_READ_MAX: usize = 400;

/// A table with the columns `meter`, `obis`, `ts` and `value`, in a store that answers SQL with lines of CSV.
pub(super) struct Table<'a> {
    pub(super) name: String,
    pub(super) query: &'a dyn Fn(&str) -> Result<Vec<String>, String>,
}

impl Table<'_> {
    pub(super) fn compare(&self, lanes: &[Answered<'_>]) -> Result<Found, String> {
        let mut summaries = self.summaries()?;
        let mut found = Found::default();
        let mut differing = Vec::new();
        for answered in lanes {
            for meter in answered.lane.indexes() {
                let actual = summaries.remove(&id_text(meter)).unwrap_or_default();
                found.samples += actual.samples;
                if actual != Summary::of(answered, meter) {
                    differing.push((answered, meter, actual.samples));
                }
            }
        }
        for of_other_meter in summaries.into_values() {
            found.samples += of_other_meter.samples;
            found.invented += of_other_meter.samples;
        }
        for (number, (answered, meter, samples)) in differing.into_iter().enumerate() {
            if number < METERS_READ_MAX {
                self.read_rows(answered, meter, &mut found)?;
            } else {
                let wanted = Summary::of(answered, meter).samples;
                found.lost += wanted.saturating_sub(samples);
                found.invented += samples.saturating_sub(wanted);
            }
        }
        Ok(found)
    }

    /// The rows of each meter in short.
    fn summaries(&self) -> Result<BTreeMap<String, Summary>, String> {
        let name = &self.name;
        let sql = format!(
            "SELECT meter, count(*), min(cast(ts AS long)), max(cast(ts AS long)), sum(value) FROM {name} GROUP BY meter"
        );
        let lines = (self.query)(&sql)?;
        let read = |line: &String| {
            let (meter, summary) = line.split_once(',')?;
            Some((meter.to_owned(), Summary::read(summary)?))
        };
        lines.iter().map(|line| read(line).ok_or_else(|| format!("{name} gave the row {line:?}"))).collect()
    }

    /// Adds the differences of a meter.
    fn read_rows(&self, answered: &Answered<'_>, meter: u32, found: &mut Found) -> Result<(), String> {
        let (name, id) = (&self.name, id_text(meter));
        let lines = (self.query)(&format!("SELECT cast(ts AS long), obis, value FROM {name} WHERE meter = '{id}'"))?;
        let mut seen: BTreeMap<Ticks, [u64; VALUES]> = BTreeMap::new();
        for line in &lines {
            let row = Row::read(line).ok_or_else(|| format!("{name} gave the row {line:?}"))?;
            let is_known = |time| answered.has_accepted(time) || answered.unanswered.contains(&time);
            match row.place(meter).filter(|(time, _)| is_known(*time)) {
                Some((time, register)) => seen.entry(time).or_default()[register] += 1,
                None => found.invented += 1,
            }
        }
        let repeats = seen.values().flatten().map(|count| count.saturating_sub(1));
        found.duplicated += repeats.sum::<u64>();
        for time in &answered.accepted {
            let there = seen.get(time).copied().unwrap_or_default();
            found.lost += there.iter().map(|count| u64::from(*count == 0)).sum::<u64>();
        }
        Ok(())
    }
}

fn id_text(meter: u32) -> String {
    Uuid::from_bytes(body::meter_id(meter)).to_string()
}

/// The rows of a meter in short.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Summary {
    samples: u64,
    first_ns: i64,
    last_ns: i64,
    sum: f64,
}

impl Summary {
    pub(super) fn of(answered: &Answered<'_>, meter: u32) -> Self {
        let (Some(first), Some(last)) = (answered.accepted.first(), answered.accepted.last()) else {
            return Self::default();
        };
        let sum = answered.accepted.iter().map(|&time| sum_of(meter, time)).sum();
        let samples = (answered.accepted.len() * VALUES) as u64;
        Self { samples, first_ns: first.ns(), last_ns: last.ns(), sum }
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let mut fields = text.split(',');
        let samples = fields.next()?.parse().ok()?;
        let (first_ns, last_ns) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Self { samples, first_ns, last_ns, sum: fields.next()?.parse().ok()? })
    }
}

struct Row {
    ns: i64,
    register: Option<usize>,
    value: f64,
}

impl Row {
    fn read(line: &str) -> Option<Self> {
        let mut fields = line.split(',');
        let ns = fields.next()?.parse().ok()?;
        let register = body::register_of(fields.next()?);
        Some(Self { ns, register, value: fields.next()?.parse().ok()? })
    }

    /// Time and register of a sample of this meter; `None` if the generator makes no such sample.
    fn place(&self, meter: u32) -> Option<(Ticks, usize)> {
        let time = Ticks::at_ns(self.ns.unsigned_abs());
        let register = self.register?;
        (time.ns() == self.ns && self.value == body::value(meter, time, register)).then_some((time, register))
    }
}
