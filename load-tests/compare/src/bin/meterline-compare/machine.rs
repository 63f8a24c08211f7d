//! The machine and the versions, for the head of the tables.

use meterline_compare::servers::root;
use std::fs;
use std::process::Command;

/// Lines of the head.
pub(crate) fn lines() -> Vec<String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("?", |it| it.1);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = read("/proc/meminfo");
    let kib =
        memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse::<f64>().ok());
    let load = read("/proc/loadavg");
    let load = load.split_whitespace().next().unwrap_or("?");
    let instructions = if crate::instructions::are_counted() { "counted" } else { "not counted here by perf stat" };
    vec![
        format!(
            "{cores} cores ({model}), {:.0} GiB, Linux {}; load of the machine at the start: {load}; instructions: {instructions}.",
            kib.unwrap_or(0.0) / 1_048_576.0,
            read("/proc/sys/kernel/osrelease").trim()
        ),
        format!(
            "meterline {} of {}, {}, QuestDB {}, Kafka {}, all on this machine.",
            output("git", &["describe", "--always", "--dirty"]),
            output("date", &["-u", "+%F %H:%M UTC"]),
            output("rustc", &["--version"]),
            version("QUESTDB_VERSION"),
            version("KAFKA_VERSION")
        ),
    ]
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    output.map_or_else(|_| "?".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn version(name: &str) -> String {
    let text = fs::read_to_string(root().join("tests/servers/versions.sh")).unwrap_or_default();
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or("?").to_owned()
}
