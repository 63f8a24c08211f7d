//! The report of a run: answers by status, latencies, rates.

use meterline_load::Outcome;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::time::Duration;

/// The counts of a run, or of one connection's share of it.
#[derive(Debug, Default)]
pub(crate) struct Report {
    statuses: BTreeMap<u16, u64>,
    errors: u64,
    error: Option<String>,
    samples: u64,
    latencies: Vec<Duration>,
    elapsed: Duration,
}

impl Report {
    /// Counts the result of a post.
    pub(crate) fn count(&mut self, outcome: Outcome, latency: Duration, samples: usize) {
        match outcome {
            Ok(answer) => {
                *self.statuses.entry(answer.status).or_default() += 1;
                self.latencies.push(latency);
                if answer.is_ok() {
                    self.samples += samples as u64;
                }
            }
            Err(error) => {
                self.errors += 1;
                self.error = Some(error.to_string());
            }
        }
    }

    /// Adds another connection's counts.
    pub(crate) fn add(&mut self, other: Self) {
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.errors += other.errors;
        self.error = self.error.take().or(other.error);
        self.samples += other.samples;
        self.latencies.extend(other.latencies);
    }

    /// Ends the run.
    pub(crate) fn finish(&mut self, elapsed: Duration) {
        self.latencies.sort_unstable();
        self.elapsed = elapsed;
    }

    /// Prints the report, for a person or as JSON.
    pub(crate) fn print(&self, json: bool) -> Result<(), String> {
        let mut out = std::io::stdout();
        let written = if json { writeln!(out, "{}", self.json()) } else { writeln!(out, "{self}") };
        written.map_err(|error| error.to_string())
    }

    fn accepted(&self) -> u64 {
        self.statuses.iter().filter(|(status, _)| (200..300).contains(*status)).map(|(_, count)| count).sum()
    }

    /// The latency that `percent` of the answers do not exceed, in milliseconds.
    fn percentile_ms(&self, percent: usize) -> f64 {
        let index = (self.latencies.len() * percent).div_ceil(100).saturating_sub(1);
        self.latencies.get(index).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    }

    fn bodies_per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    fn json(&self) -> String {
        let statuses: Vec<_> = self.statuses.iter().map(|(status, count)| format!("\"{status}\":{count}")).collect();
        format!(
            "{{\"seconds\":{:.3},\"accepted\":{},\"statuses\":{{{}}},\"unanswered\":{},\"samples\":{},\
             \"bodies_per_second\":{:.1},\"latency_ms\":{{\"p50\":{:.3},\"p90\":{:.3},\"p99\":{:.3},\"max\":{:.3}}}}}",
            self.elapsed.as_secs_f64(),
            self.accepted(),
            statuses.join(","),
            self.errors,
            self.samples,
            self.bodies_per_second(),
            self.percentile_ms(50),
            self.percentile_ms(90),
            self.percentile_ms(99),
            self.percentile_ms(100),
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} bodies accepted with {} samples in {:.1} s ({:.0} bodies/s)",
            self.accepted(),
            self.samples,
            self.elapsed.as_secs_f64(),
            self.bodies_per_second()
        )?;
        for (status, count) in self.statuses.iter().filter(|(status, _)| !(200..300).contains(*status)) {
            writeln!(f, "{count} bodies answered {status}")?;
        }
        if let Some(error) = &self.error {
            writeln!(f, "{} bodies not answered, for example: {error}", self.errors)?;
        }
        write!(
            f,
            "latency: median {:.2} ms, 90 % {:.2} ms, 99 % {:.2} ms, longest {:.2} ms",
            self.percentile_ms(50),
            self.percentile_ms(90),
            self.percentile_ms(99),
            self.percentile_ms(100)
        )
    }
}
