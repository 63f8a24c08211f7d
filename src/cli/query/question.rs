//! A question whose texts were understood.

use crate::query::select::Found;
use crate::query::{Span, Step};
use crate::reading::Obis;
use jiff::tz::TimeZone;

/// Rows of an answer at most; `meterline export` has no bound.
pub(super) const ROWS_MAX: usize = 100_000;

/// A checked question.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) found: Found,
    /// Empty: those that the step has by default.
    pub(super) registers: Vec<Obis>,
    pub(super) span: Span,
    pub(super) step: Option<Step>,
    pub(super) zone: TimeZone,
}
