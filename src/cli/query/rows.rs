//! A question whose texts were understood, and its answer as rows: samples, energies of counters, means of other registers.

use crate::cli::Failure;
use crate::query::select::Found;
use crate::query::{Filter, Span, Step, Store, StoredSample, intervals};
use crate::reading::registry::is_counter;
use crate::reading::{MeterId, Obis, Units, UnixNanos};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Rows of an answer at most; `meterline export` has no bound.
const ROWS_MAX: usize = 100_000;

/// A checked question.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) found: Found,
    /// Empty: those that the step has by default.
    pub(super) registers: Vec<Obis>,
    pub(super) span: Span,
    pub(super) step: Option<Step>,
    pub(super) zone: TimeZone,
    pub(super) units: Units,
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) obis: Obis,
    /// The time of a sample, or the start of an interval.
    pub(super) start: UnixNanos,
    pub(super) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Sample { meter: MeterId, value: f64, flags: String },
    Energy { until: UnixNanos, amount: f64, state: &'static str },
    Mean { until: UnixNanos, mean: f64, min: f64, max: f64, count: u64 },
}

/// The rows, by register and time.
pub(super) fn answer(store: &Store, question: &Question) -> Result<Vec<Row>, Failure> {
    let mut rows = match question.step {
        None => samples(store, question)?,
        Some(step) => {
            let is_asked = |counter: bool| {
                let of_kind = question.registers.iter().copied().filter(|obis| is_counter(*obis) == counter);
                of_kind.collect::<Vec<_>>()
            };
            let (counters, others) = (is_asked(true), is_asked(false));
            let mut rows = Vec::new();
            if others.is_empty() || !counters.is_empty() {
                rows = energies(store, question, &counters, step)?;
            }
            if !others.is_empty() {
                rows.extend(means(store, question, others, step)?);
            }
            rows
        }
    };
    if rows.len() > ROWS_MAX {
        return Err(too_many());
    }
    rows.sort_by_key(|row| (row.obis, row.start));
    Ok(rows)
}

fn too_many() -> Failure {
    Failure::failed(format!(
        "the answer has more than {ROWS_MAX} rows: ask for a shorter span or longer intervals, or use `meterline export`"
    ))
}

fn filter(question: &Question, registers: Vec<Obis>) -> Filter {
    let meters = question.found.meters.iter().map(|entry| entry.meter).collect();
    Filter { meters, registers, span: question.span }
}

fn samples(store: &Store, question: &Question) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let filter = filter(question, question.registers.clone());
    let read = store.samples(&filter, &mut |StoredSample { meter, obis, at, value, flags, .. }| {
        let value = Value::Sample { meter: *meter, value: *value, flags: flags.to_string() };
        rows.push(Row { obis: *obis, start: *at, value });
        if rows.len() > ROWS_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    read.map_err(Failure::failed)?;
    Ok(rows)
}

fn energies(store: &Store, question: &Question, counters: &[Obis], step: Step) -> Result<Vec<Row>, Failure> {
    let energies = store.energy(&question.found.place, counters, question.span, step).map_err(Failure::failed)?;
    let row = |energy: crate::query::Energy| {
        let state = match energy {
            _ if !energy.is_complete => "incomplete",
            _ if energy.is_estimated => "estimated",
            _ => "measured",
        };
        let value = Value::Energy { until: energy.until, amount: energy.amount, state };
        Row { obis: energy.obis, start: energy.start, value }
    };
    Ok(energies.into_iter().map(row).collect())
}

#[derive(Debug, Clone, Copy)]
struct Sum {
    sum: f64,
    min: f64,
    max: f64,
    count: u64,
}

/// The means of the samples in each interval, of all meters of the place.
fn means(store: &Store, question: &Question, registers: Vec<Obis>, step: Step) -> Result<Vec<Row>, Failure> {
    let intervals = intervals(question.span, step, &question.zone).map_err(Failure::failed)?;
    let mut sums: BTreeMap<(Obis, usize), Sum> = BTreeMap::new();
    let read = store.samples(&filter(question, registers), &mut |StoredSample { obis, at, value, .. }| {
        let place = intervals.partition_point(|interval| interval.until <= *at);
        let one = Sum { sum: *value, min: *value, max: *value, count: 1 };
        sums.entry((*obis, place)).and_modify(|sum| sum.add(*value)).or_insert(one);
        ControlFlow::Continue(())
    });
    read.map_err(Failure::failed)?;
    let row = |((obis, place), sum): ((Obis, usize), Sum)| {
        let Span { from, until } = *intervals.get(place)?;
        let Sum { min, max, count, .. } = sum;
        Some(Row { obis, start: from, value: Value::Mean { until, mean: sum.mean(), min, max, count } })
    };
    Ok(sums.into_iter().filter_map(row).collect())
}

impl Sum {
    fn add(&mut self, value: f64) {
        (self.min, self.max) = (self.min.min(value), self.max.max(value));
        self.sum += value;
        self.count += 1;
    }

    #[allow(clippy::cast_precision_loss, reason = "a number of samples")]
    fn mean(self) -> f64 {
        self.sum / self.count as f64
    }
}
