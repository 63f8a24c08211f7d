//! The measured programs: how each starts, and what the kernel says about its process.

use meterline_compare::children::Process;
use meterline_compare::clock;
use meterline_compare::ports;
use meterline_compare::servers::Stores;
use meterline_load::http;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const START_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
/// Where nothing listens.
const AWAY: &str = "127.0.0.1:1";
/// More than the loads have.
const CONNECTIONS_MAX: usize = 2_048;

/// A program to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) name: String,
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    ByHand { after_sinks: bool },
    Meterline(Variant),
}

/// A configuration of meterline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    Default,
    /// Without compression towards Kafka.
    Plain,
    /// With transactions in Kafka.
    Transactional,
}

impl Variant {
    /// Its lines of the Kafka sink.
    fn kafka_lines(self) -> &'static str {
        match self {
            Self::Default => "",
            Self::Plain => "compression = \"none\"\n",
            Self::Transactional => "delivery = \"transactional\"\n",
        }
    }
}

impl Program {
    /// Every program; the programs of this tree are beside this one.
    pub(crate) fn all(meterline: Option<&PathBuf>, baseline: Option<&PathBuf>) -> Result<Vec<Self>, String> {
        let (ours, by_hand) = (path_of_meterline(meterline)?, beside("by-hand")?);
        let mut all = vec![
            ("null", beside("null-endpoint")?, Kind::Null),
            ("at-once", by_hand.clone(), Kind::ByHand { after_sinks: false }),
            ("after-sinks", by_hand, Kind::ByHand { after_sinks: true }),
            ("meterline", ours.clone(), Kind::Meterline(Variant::Default)),
            ("meterline-plain", ours.clone(), Kind::Meterline(Variant::Plain)),
            ("meterline-transactional", ours, Kind::Meterline(Variant::Transactional)),
        ];
        if let Some(path) = baseline {
            all.push(("baseline", path.clone(), Kind::Meterline(Variant::Default)));
            all.push(("baseline-plain", path.clone(), Kind::Meterline(Variant::Plain)));
        }
        Ok(all.into_iter().map(|(name, path, kind)| Self { name: name.to_owned(), path, kind }).collect())
    }

    pub(crate) fn is_meterline(&self) -> bool {
        matches!(self.kind, Kind::Meterline(_))
    }

    /// Whether it differs only in how it writes to Kafka.
    pub(crate) fn is_variant(&self) -> bool {
        matches!(self.kind, Kind::Meterline(Variant::Plain | Variant::Transactional))
    }

    /// Whether its samples reach the stores.
    pub(crate) fn stores(&self) -> bool {
        self.kind != Kind::Null
    }

    /// Whether it answers while the stores are away.
    pub(crate) fn can_run_without_stores(&self) -> bool {
        !matches!(self.kind, Kind::ByHand { .. })
    }

    /// Starts it with a data directory of its own. With stores its table and topic are made first.
    pub(crate) fn start(&self, directory: &Path, stores: Option<&Stores>, name: &str) -> Result<Running, String> {
        if !self.path.exists() {
            let path = self.path.display();
            return Err(format!("{path} does not exist: run `cargo build --release --workspace` first"));
        }
        fs::create_dir_all(directory).map_err(|error| format!("cannot create {}: {error}", directory.display()))?;
        match self.kind {
            Kind::Null => Running::that_prints_its_address(Command::new(&self.path).arg("127.0.0.1:0")),
            Kind::ByHand { after_sinks } => {
                let stores = stores.ok_or("the services written by hand need the stores")?;
                let mut command = Command::new(&self.path);
                command.args(["--questdb", &stores.questdb, "--table", name]);
                command.args(["--brokers", &stores.kafka, "--topic", name]);
                if after_sinks {
                    command.arg("--after-sinks");
                }
                Running::that_prints_its_address(&mut command)
            }
            Kind::Meterline(variant) => self.start_meterline(directory, stores, name, variant),
        }
    }

    fn start_meterline(
        &self,
        directory: &Path,
        stores: Option<&Stores>,
        name: &str,
        variant: Variant,
    ) -> Result<Running, String> {
        let (webhook, admin) = (ports::free()?, ports::free()?);
        let file = directory.join("meterline.toml");
        let text = configuration(directory, webhook, admin, stores, name) + variant.kafka_lines();
        fs::write(&file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        let process =
            Process::spawn(Command::new(&self.path).args(["run", "--config"]).arg(&file).stdout(Stdio::null()))?;
        let mut running = Running { process, webhook: loopback(webhook), admin: loopback(admin) };
        running.wait_until_it_listens()?;
        Ok(running)
    }
}

/// The program of meterline: the given one, or the one beside this program.
pub(crate) fn path_of_meterline(given: Option<&PathBuf>) -> Result<PathBuf, String> {
    given.map_or_else(|| beside("meterline"), |path| Ok(path.clone()))
}

/// A program beside this one.
fn beside(name: &str) -> Result<PathBuf, String> {
    let here = std::env::current_exe().map_err(|error| format!("this program cannot be found: {error}"))?;
    Ok(here.with_file_name(name))
}

/// Makes the table and the topic of this name, as meterline has them.
pub(crate) fn migrate(meterline: &Path, directory: &Path, stores: &Stores, name: &str) -> Result<(), String> {
    fs::create_dir_all(directory).map_err(|error| format!("cannot create {}: {error}", directory.display()))?;
    let file = directory.join("migrate.toml");
    let text = configuration(directory, ports::free()?, ports::free()?, Some(stores), name);
    fs::write(&file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    stores.migrate(meterline, &file)
}

/// The configuration of meterline; more lines of the Kafka sink can follow.
fn configuration(directory: &Path, webhook: u16, admin: u16, stores: Option<&Stores>, name: &str) -> String {
    let data = directory.join("data");
    let url = stores.map_or_else(|| format!("http://{AWAY}"), |stores| stores.questdb.clone());
    let brokers = stores.map_or(AWAY, |stores| &stores.kafka);
    format!(
        "data_directory = {data:?}\n[log]\nlevel = \"error\"\n\
         [webhook]\nlisten = \"127.0.0.1:{webhook}\"\nconnections_max = {CONNECTIONS_MAX}\n\
         account_connections_max = {CONNECTIONS_MAX}\n\
         [admin]\nlisten = \"127.0.0.1:{admin}\"\n[journal]\ncap = \"8GiB\"\n\
         [sink.questdb]\nurl = \"{url}\"\ntable = \"{name}\"\n\
         [sink.kafka]\nbrokers = \"{brokers}\"\ntopic = \"{name}\"\nmeters_topic = \"\"\n"
    )
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A program that runs.
#[derive(Debug)]
pub(crate) struct Running {
    process: Process,
    pub(crate) webhook: SocketAddr,
    admin: SocketAddr,
}

impl Running {
    fn that_prints_its_address(command: &mut Command) -> Result<Self, String> {
        let mut process = Process::spawn(command.stdout(Stdio::piped()))?;
        let mut line = String::new();
        let output = process.0.stdout.take().ok_or("its output cannot be read")?;
        BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
        let address = line.trim().parse().map_err(|_| format!("{command:?} printed no address but {line:?}"))?;
        Ok(Self { process, webhook: address, admin: address })
    }

    fn wait_until_it_listens(&mut self) -> Result<(), String> {
        let begun = clock::now();
        let url = format!("http://{}/readyz", self.admin);
        while !http::get(&url).is_ok_and(|(status, _)| status == 200) {
            if let Ok(Some(status)) = self.process.0.try_wait() {
                return Err(format!("meterline ended before it was ready: {status}"));
            }
            if begun.elapsed() > START_LIMIT {
                return Err(format!("meterline was not ready within {START_LIMIT:?}"));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.0.id()
    }

    /// CPU time of the process, in user and kernel mode.
    pub(crate) fn cpu(&self) -> Result<Duration, String> {
        let path = format!("/proc/{}/stat", self.id());
        let text = fs::read_to_string(&path).map_err(|error| format!("the program ended: {path}: {error}"))?;
        // The name in brackets may have blanks; user and system time are the fields 14 and 15.
        let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second()))
    }

    /// The most memory that the process had, in MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kib.unwrap_or(0.0) / 1_024.0
    }

    /// Whether both stores have confirmed everything, which is at least this number of bodies: the end of
    /// the journal in the metrics can be a second old.
    pub(crate) fn is_delivered(&self, bodies: usize) -> Result<bool, String> {
        let (_, text) = http::get(&format!("http://{}/metrics", self.admin)).map_err(|error| error.to_string())?;
        let value = |series: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
            line.and_then(|value| value.parse::<f64>().ok()).ok_or_else(|| format!("its metrics have no {series}"))
        };
        let end = value("meterline_journal_next_sequence")?.max(bodies as f64 + 1.0);
        let questdb = value("meterline_sink_next_sequence{sink=\"questdb\"}")?;
        Ok(questdb >= end && value("meterline_sink_next_sequence{sink=\"kafka\"}")? >= end)
    }
}
