//! Breaks meterline on purpose and compares the stores with the answers. See `--help`.
//!
//! The modules: `options` the command line, `plan` the faults of a seed, `world` the servers and the runs, `scene` a run
//! while things break, `service`, `trace`,
//! `proxy` and `volume` their parts, `prove` services that are broken on purpose, `book` the file of seeds, `table` the result.

mod book;
mod options;
mod plan;
mod prove;
mod proxy;
mod scene;
mod service;
mod table;
mod trace;
mod volume;
mod world;

use book::Book;
use clap::{Parser as _, ValueEnum as _};
use meterline_compare::run::{empty, say};
use meterline_compare::servers::root;
use meterline_compare::{children, clock};
use options::{Block, Options};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use world::{Run, World};

const BOOK: &str = "load-tests/chaos-seeds.csv";

/// The seeds of --brief.
const BRIEF: [(Block, u64); 4] = [(Block::Kill, 1), (Block::Disk, 2), (Block::Servers, 3), (Block::Clock, 7)];

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("meterline-chaos: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let meterline = meterline(options)?;
    let test_build = options.test_build.clone().unwrap_or_else(|| meterline.clone());
    needs_strace()?;
    children::end_with_signals()?;
    let directory = options.data.clone().unwrap_or_else(|| root().join("target/chaos"));
    empty(&directory)?;
    fs::create_dir_all(&directory).map_err(|error| format!("cannot create {}: {error}", directory.display()))?;
    let begun = clock::now();
    let mut world = World::start(&directory, meterline, test_build)?;
    say(begun, "QuestDB and Kafka answer");
    if options.prove || options.brief {
        prove::all(&mut world, &|line| say(begun, line))?;
    }
    if !options.prove {
        all_seeds(options, &mut world, begun)?;
    }
    drop(world);
    empty(&directory)
}

fn all_seeds(options: &Options, world: &mut World, begun: Instant) -> Result<(), String> {
    let file = options.book.clone().unwrap_or_else(|| root().join(BOOK));
    let mut book = Book::read(&file)?;
    let build = book::Build::of_today();
    let mut results = Vec::new();
    let mut stuck = Vec::new();
    let is_over = || begun.elapsed() > Duration::from_secs(options.minutes * 60);
    for run in runs(options, &book).take_while(|_| !is_over()) {
        let place = format!("--block {} --seed {}", run.block, run.seed);
        match world.run(&run) {
            Ok(outcome) => {
                say(begun, &format!("{place}: {}", table::line(&outcome)));
                if options.json {
                    println!("{}", table::json(&run, &outcome));
                }
                let row = book::Row::of(&run, &outcome, &build);
                if options.are_new() {
                    book.add(row.clone())?;
                }
                results.push(row);
            }
            Err(sentence) => {
                say(begun, &format!("{place}: {sentence}"));
                stuck.push(place);
            }
        }
    }
    if !options.json {
        println!("{}", table::markdown(&results));
    }
    if let Some(page) = &options.page {
        table::into_page(page, &table::markdown(&book.rows))?;
    }
    verdict(&results, &stuck)
}

/// The runs of the command line. New seeds of several blocks take turns.
fn runs(options: &Options, book: &Book) -> impl Iterator<Item = Run> + use<> {
    let blocks = if options.blocks.is_empty() { Block::value_variants().to_vec() } else { options.blocks.clone() };
    let of = |block, seeds: Vec<u64>| seeds.into_iter().map(move |seed| Run::of(block, seed));
    let again: Vec<Run> = if options.brief {
        BRIEF.map(|(block, seed)| Run::of(block, seed)).into()
    } else {
        blocks.iter().flat_map(|&block| of(block, options.seeds.clone())).collect()
    };
    let firsts: Vec<(Block, u64)> = blocks.iter().map(|&block| (block, book.next_seed(block))).collect();
    let rounds = if options.are_new() { options.runs.unwrap_or(u64::MAX) } else { 0 };
    let new = (0..rounds)
        .flat_map(move |round| firsts.clone().into_iter().map(move |(block, first)| Run::of(block, first + round)));
    again.into_iter().chain(new)
}

fn verdict(results: &[book::Row], stuck: &[String]) -> Result<(), String> {
    let bad: Vec<String> = results.iter().filter(|row| !row.is_good()).map(book::Row::place).collect();
    match (bad.is_empty(), stuck.is_empty()) {
        (true, true) => Ok(()),
        (true, false) => Err(format!("runs that did not end: {}", stuck.join("; "))),
        (false, _) => Err(format!("the stores differ from the answers: {} {}", bad.join("; "), stuck.join("; "))),
    }
}

fn meterline(options: &Options) -> Result<PathBuf, String> {
    let here = std::env::current_exe().map_err(|error| format!("this program cannot be found: {error}"))?;
    let meterline = options.meterline.clone().unwrap_or_else(|| here.with_file_name("meterline"));
    if meterline.exists() {
        return Ok(meterline);
    }
    Err(format!(
        "{} does not exist: run `cargo build --workspace --features meterline/test-faults`",
        meterline.display()
    ))
}

fn needs_strace() -> Result<(), String> {
    let status = Command::new("strace").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if status.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    Err("strace is missing: install it (Debian and Ubuntu: apt-get install strace)".to_owned())
}
