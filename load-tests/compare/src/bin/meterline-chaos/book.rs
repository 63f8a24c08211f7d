//! The file of seeds: one line for each seed that was run, so that numbers are never used for other faults and results accumulate.

use crate::options::Block;
use crate::world::{Outcome, Run};
use clap::ValueEnum as _;
use meterline_compare::servers::root;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const HEAD: &str = "block,seed,date,commit,samples,lost,invented,duplicated,reordered,twice in Kafka,tried";

/// A line: a seed and its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) block: Block,
    pub(crate) seed: u64,
    pub(crate) date: String,
    pub(crate) commit: String,
    /// Samples answered, then lost, invented, duplicated, reordered, twice in Kafka.
    pub(crate) counts: [u64; 6],
    pub(crate) tried: BTreeMap<String, u64>,
}

impl Row {
    pub(crate) fn of(run: &Run, outcome: &Outcome, build: &Build) -> Self {
        Self {
            block: run.block,
            seed: run.seed,
            date: build.date.clone(),
            commit: build.commit.clone(),
            counts: [
                outcome.answered,
                outcome.lost(),
                outcome.invented(),
                outcome.duplicated(),
                outcome.reordered(),
                outcome.repeated(),
            ],
            tried: outcome.tried.clone(),
        }
    }

    pub(crate) fn place(&self) -> String {
        format!("--block {} --seed {}", self.block, self.seed)
    }

    pub(crate) fn is_good(&self) -> bool {
        self.counts[1..5].iter().all(|count| *count == 0)
    }

    fn text(&self) -> String {
        let counts = self.counts.map(|count| count.to_string()).join(",");
        let tried: Vec<String> = self.tried.iter().map(|(name, count)| format!("{count} {name}")).collect();
        let tried = tried.join("; ");
        format!("{},{},{},{},{counts},\"{tried}\"", self.block, self.seed, self.date, self.commit)
    }

    fn read(line: &str) -> Option<Self> {
        let (fields, tried) = line.strip_suffix('"')?.split_once('"')?;
        let mut fields = fields.split(',');
        let block = Block::from_str(fields.next()?, false).ok()?;
        let (seed, date, commit) = (fields.next()?.parse().ok()?, fields.next()?, fields.next()?);
        let counts: Vec<u64> =
            fields.filter(|field| !field.is_empty()).map(str::parse).collect::<Result<_, _>>().ok()?;
        let tried = tried.split("; ").filter(|part| !part.is_empty()).map(|part| {
            let (count, name) = part.split_once(' ')?;
            Some((name.to_owned(), count.parse().ok()?))
        });
        let (date, commit) = (date.to_owned(), commit.to_owned());
        Some(Self { block, seed, date, commit, counts: counts.try_into().ok()?, tried: tried.collect::<Option<_>>()? })
    }
}

/// The file.
#[derive(Debug)]
pub(crate) struct Book {
    file: PathBuf,
    pub(crate) rows: Vec<Row>,
}

impl Book {
    /// Reads it; a file that does not exist is empty.
    pub(crate) fn read(file: &Path) -> Result<Self, String> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => HEAD.to_owned(),
            Err(error) => return Err(format!("{} cannot be read: {error}", file.display())),
        };
        let read = |line: &str| Row::read(line).ok_or_else(|| format!("{}: not a line of it: {line}", file.display()));
        let rows = text.lines().skip(1).map(read).collect::<Result<_, _>>()?;
        Ok(Self { file: file.to_owned(), rows })
    }

    pub(crate) fn next_seed(&self, block: Block) -> u64 {
        self.rows.iter().filter(|row| row.block == block).map(|row| row.seed).max().unwrap_or(0) + 1
    }

    /// Adds a line, also to the file.
    pub(crate) fn add(&mut self, row: Row) -> Result<(), String> {
        self.rows.push(row);
        let lines: Vec<String> = self.rows.iter().map(Row::text).collect();
        fs::write(&self.file, format!("{HEAD}\n{}\n", lines.join("\n")))
            .map_err(|error| format!("{} cannot be written: {error}", self.file.display()))
    }
}

/// When and from which commit the runs are.
#[derive(Debug)]
pub(crate) struct Build {
    date: String,
    commit: String,
}

impl Build {
    /// Now; the file of seeds makes the tree another one afterwards.
    pub(crate) fn of_today() -> Self {
        let commit = output("git", &["describe", "--always", "--dirty"]);
        Self { date: output("date", &["-u", "+%F"]), commit }
    }
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    output.map_or_else(|_| "?".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let tried = [("at random".to_owned(), 2), ("at a rename (segment, cursor, small file)".to_owned(), 1)];
        let row = Row {
            block: Block::Kill,
            seed: 17,
            date: "2026-11-29".to_owned(),
            commit: "c1a926be".to_owned(),
            counts: [1_000, 0, 0, 8, 0, 16],
            tried: tried.into(),
        };
        assert_eq!(Row::read(&row.text()), Some(row.clone()));
        assert!(!row.is_good());
        assert_eq!(Row::read(HEAD), None);
    }
}
