//! The service: its configuration, its starts and ends, and how far its sinks are.

use crate::trace;
use meterline_compare::children::Process;
use meterline_compare::{clock, ports};
use meterline_load::http;
use rustix::process::Signal;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const START_LIMIT: Duration = Duration::from_secs(90);
const DELIVERY_LIMIT: Duration = Duration::from_secs(180);
/// The metrics know the end of the journal after this time.
const METRICS_AFTER: Duration = Duration::from_millis(1_500);
const POLL: Duration = Duration::from_millis(20);
const SINKS: [&str; 3] = ["questdb", "kafka", "sqlite"];

/// The needs of a service.
#[derive(Debug)]
pub(crate) struct Setup<'a> {
    pub(crate) meterline: &'a Path,
    /// An empty directory; the data is in `data` below it.
    pub(crate) directory: PathBuf,
    /// Port of QuestDB as the service sees it.
    pub(crate) questdb: u16,
    /// Port of Kafka as the service sees it.
    pub(crate) kafka: u16,
    /// Table and topic.
    pub(crate) name: String,
    /// The bound of the journal in MiB.
    pub(crate) journal_mib: u32,
    /// Switches of a test build.
    pub(crate) switches: String,
}

/// The service.
#[derive(Debug)]
pub(crate) struct Service<'a> {
    setup: Setup<'a>,
    webhook: u16,
    admin: u16,
    process: Option<Process>,
}

impl<'a> Service<'a> {
    /// Writes its configuration.
    pub(crate) fn new(setup: Setup<'a>) -> Result<Self, String> {
        let (webhook, admin) = (ports::free()?, ports::free()?);
        let Setup { questdb, kafka, name, journal_mib, .. } = &setup;
        let retain = journal_mib / 2;
        let text = format!(
            "data_directory = {:?}\n[log]\nlevel = \"warn\"\n\
             [webhook]\nlisten = \"127.0.0.1:{webhook}\"\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n\
             [journal]\ncap = \"{journal_mib}MiB\"\nsegment = \"32MiB\"\nretain = \"{retain}MiB\"\n\
             [sink.sqlite]\n\
             [sink.questdb]\nurl = \"http://127.0.0.1:{questdb}\"\ntable = \"{name}\"\nlate_flush = \"1s\"\n\
             [sink.kafka]\nbrokers = \"127.0.0.1:{kafka}\"\ntopic = \"{name}\"\nmeters_topic = \"\"\n",
            setup.directory.join("data")
        );
        fs::create_dir_all(&setup.directory)
            .and_then(|()| fs::write(setup.directory.join("meterline.toml"), text))
            .map_err(|error| format!("{} cannot be written: {error}", setup.directory.display()))?;
        Ok(Self { setup, webhook, admin, process: None })
    }

    pub(crate) fn configuration(&self) -> PathBuf {
        self.setup.directory.join("meterline.toml")
    }

    pub(crate) fn webhook(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.webhook).into()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.setup.directory.join("data/meterline.sqlite")
    }

    /// The output of strace.
    pub(crate) fn trace_log(&self) -> PathBuf {
        self.setup.directory.join("strace.log")
    }

    /// Starts it, with a rule of strace if one is given.
    pub(crate) fn start(&mut self, rule: Option<&str>) -> Result<(), String> {
        let log = File::options().create(true).append(true).open(self.setup.directory.join("service.log"));
        let log = log.map_err(|error| format!("the log of the service cannot be written: {error}"))?;
        let meterline = self.setup.meterline;
        let mut command =
            rule.map_or_else(|| Command::new(meterline), |rule| trace::started(meterline, rule, &self.trace_log()));
        command.args(["run", "--config"]).arg(self.configuration());
        command.env("METERLINE_TEST_FAULTS", &self.setup.switches);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.process = Some(Process::spawn(&mut command)?);
        Ok(())
    }

    /// Waits until it takes bodies. Returns whether it does; it does not if it was killed.
    pub(crate) fn wait_until_ready(&mut self) -> Result<bool, String> {
        let begun = clock::now();
        let url = format!("http://127.0.0.1:{}/readyz", self.admin);
        while !http::get(&url).is_ok_and(|(status, _)| status == 200) {
            if self.has_ended() {
                return Ok(false);
            }
            if begun.elapsed() > START_LIMIT {
                return Err(format!("the service was not ready within {START_LIMIT:?}{}", self.last_lines()));
            }
            std::thread::sleep(POLL);
        }
        Ok(true)
    }

    /// Starts it and waits until it takes bodies.
    pub(crate) fn start_well(&mut self) -> Result<(), String> {
        self.start(None)?;
        if self.wait_until_ready()? { Ok(()) } else { Err(format!("the service did not start{}", self.last_lines())) }
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !self.process.as_mut().is_some_and(Process::is_running)
    }

    /// Waits until it has ended. Returns whether it has.
    pub(crate) fn ends_within(&mut self, limit: Duration) -> bool {
        let begun = clock::now();
        while !self.has_ended() && begun.elapsed() < limit {
            std::thread::sleep(POLL);
        }
        self.has_ended()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            // It may have ended already.
            process.signal(Signal::KILL).ok();
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> Result<u32, String> {
        self.process.as_ref().map(|process| process.0.id()).ok_or_else(|| "the service does not run".to_owned())
    }

    /// From now on it starts without switches.
    pub(crate) fn use_no_switches(&mut self) {
        self.setup.switches.clear();
    }

    /// Jumps of the wall clock that it has noticed.
    pub(crate) fn clock_jumps(&self) -> Result<u64, String> {
        let answer = http::get(&format!("http://127.0.0.1:{}/status.json", self.admin));
        let (_, text) = answer.map_err(|error| error.to_string())?;
        let status: serde_json::Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        status["clock"]["jumps"].as_u64().ok_or_else(|| "its status has no jumps of the clock".to_owned())
    }

    /// Waits until it has noticed one more.
    pub(crate) fn wait_for_jump(&self, before: u64) -> Result<(), String> {
        let begun = clock::now();
        while self.clock_jumps()? <= before {
            if begun.elapsed() > START_LIMIT {
                return Err("its clock does not jump: is it a build with test-faults?".to_owned());
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Sends all records again, judged by today's clock.
    pub(crate) fn replay(&self) -> Result<(), String> {
        let mut command = Command::new(self.setup.meterline);
        command.args(["replay", "--sink", "all", "--from", "2020-01-01", "--at-now", "--config"]);
        command.arg(self.configuration()).env("METERLINE_TEST_FAULTS", &self.setup.switches);
        let output = command.output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("meterline replay: {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Waits until every sink has confirmed everything.
    pub(crate) fn wait_until_delivered(&mut self) -> Result<(), String> {
        std::thread::sleep(METRICS_AFTER);
        let begun = clock::now();
        loop {
            let ends = self.ends()?;
            if ends.iter().all(|end| *end >= ends[0]) {
                return Ok(());
            }
            if begun.elapsed() > DELIVERY_LIMIT {
                let at = format!("the journal ends at {}, the sinks {SINKS:?} are at {:?}", ends[0], &ends[1..]);
                return Err(format!(
                    "not everything was delivered within {DELIVERY_LIMIT:?}: {at}{}",
                    self.last_lines()
                ));
            }
            std::thread::sleep(POLL * 5);
        }
    }

    /// The end of the journal and of what each sink has confirmed.
    fn ends(&mut self) -> Result<Vec<f64>, String> {
        if self.has_ended() {
            return Err(format!("the service has ended{}", self.last_lines()));
        }
        let (_, text) = http::get(&format!("http://127.0.0.1:{}/metrics", self.admin)).map_err(|it| it.to_string())?;
        let value = |series: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
            line.and_then(|value| value.parse::<f64>().ok()).ok_or_else(|| format!("its metrics have no {series}"))
        };
        let sinks = SINKS.iter().map(|sink| format!("meterline_sink_next_sequence{{sink=\"{sink}\"}}"));
        std::iter::once("meterline_journal_next_sequence".to_owned())
            .chain(sinks)
            .map(|series| value(&series))
            .collect()
    }

    pub(crate) fn last_lines(&self) -> String {
        let text = fs::read_to_string(self.setup.directory.join("service.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        format!("; the end of its log:\n{}", lines[lines.len().saturating_sub(10)..].join("\n"))
    }
}
