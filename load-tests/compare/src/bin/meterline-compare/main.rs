//! Measures meterline and the services to compare it with, on real servers, and writes the tables. See `--help`.
//!
//! The modules: `options` the command line, `load` the scenarios, `program` the processes, `measure`
//! one measurement, `instructions`, `machine` and `table` the result.

mod instructions;
mod load;
mod machine;
mod measure;
mod options;
mod program;
mod table;

use clap::{Parser as _, ValueEnum as _};
use load::Load;
use measure::{Bench, Cell};
use meterline_compare::run::{empty, say};
use meterline_compare::servers::{self, Stores};
use meterline_compare::{children, clock};
use options::{Options, Scenario};
use program::Program;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("meterline-compare: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let programs = chosen_programs(options)?;
    let loads = chosen_loads(options);
    allow_descriptors()?;
    children::end_with_signals()?;
    let directory = options.data.clone().unwrap_or_else(|| servers::root().join("target/compare"));
    empty(&directory)?;
    fs::create_dir_all(&directory).map_err(|error| format!("cannot create {}: {error}", directory.display()))?;
    let head = machine::lines();
    let begun = clock::now();
    say(begun, &head.join(" "));
    let cells = measure_all(options, &programs, &loads, &directory, begun)?;
    empty(&directory)?;
    let tables = table::markdown(&head, &cells);
    if let Some(file) = &options.output {
        fs::write(file, &tables).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    if let Some(file) = &options.page {
        table::into_page(file, &tables)?;
    }
    println!("{}", if options.json { table::json(&head, &cells) } else { tables });
    let inexact = cells.iter().filter_map(|cell| cell.found).flatten().filter(|found| !found.is_exact()).count();
    if inexact == 0 {
        Ok(())
    } else {
        Err(format!("{inexact} times a store differed from the answers; see the tables"))
    }
}

fn measure_all(
    options: &Options,
    programs: &[Program],
    loads: &[Load],
    directory: &Path,
    begun: Instant,
) -> Result<Vec<Cell>, String> {
    let needs_stores = loads.iter().any(|load| load.has_stores);
    let stores = if needs_stores { Some(Stores::start(directory, None)?) } else { None };
    let meterline = program::path_of_meterline(options.meterline.as_ref())?;
    let bench = Bench { directory, stores: stores.as_ref(), meterline: &meterline };
    let is_chosen = |load: &Load, program: &Program| {
        let is_able = load.has_stores || program.can_run_without_stores();
        is_able
            && if options.programs.is_empty() { load.suits(program) } else { options.programs.contains(&program.name) }
    };
    let mut turns = Vec::new();
    for round in 0..options.rounds {
        for load in loads.iter().filter(|load| round < load.rounds(options.rounds)) {
            let mut these: Vec<&Program> = programs.iter().filter(|program| is_chosen(load, program)).collect();
            // Another program begins in each round.
            if !these.is_empty() {
                let first = round % these.len();
                these.rotate_left(first);
            }
            turns.extend(these.into_iter().map(|program| (round, load, program)));
        }
    }
    let mut cells = Vec::new();
    for (number, &(round, load, program)) in turns.iter().enumerate() {
        let cell = bench.measure(program, load, round, number)?;
        let place = format!("{}/{} {:?}, {}, {}", number + 1, turns.len(), load.scenario, load.name, program.name);
        say(begun, &format!("{place}: {}", table::progress(&cell)));
        cells.push(cell);
    }
    Ok(cells)
}

fn chosen_programs(options: &Options) -> Result<Vec<Program>, String> {
    let all = Program::all(options.meterline.as_ref(), options.baseline.as_ref())?;
    match options.programs.iter().find(|name| all.iter().all(|program| program.name != **name)) {
        Some(name) => {
            let names: Vec<&str> = all.iter().map(|program| program.name.as_str()).collect();
            Err(format!("there is no program {name:?}; the programs are {}", names.join(", ")))
        }
        None => Ok(all),
    }
}

fn chosen_loads(options: &Options) -> Vec<Load> {
    let scenarios = if options.scenarios.is_empty() { Scenario::value_variants() } else { &options.scenarios };
    scenarios.iter().flat_map(|&scenario| Load::of(scenario, options)).collect()
}

/// Lets this program and those that it starts have a descriptor for each connection.
fn allow_descriptors() -> Result<(), String> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
        .map_err(|error| format!("the limit of open files cannot be raised: {error}"))
}
