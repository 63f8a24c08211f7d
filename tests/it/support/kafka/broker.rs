//! Brokers of a test's own.

use super::config;
use crate::support::ports;
use crate::support::process::{Process, server_script};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// Several brokers may start at once on few cores.
const START_LIMIT: Duration = Duration::from_secs(180);

/// Keys of a broker on the loopback interface, password `secret`, and the certificate for
/// its clients: both files in `directory`, made by Java's own tool, which the broker's
/// Java always has.
pub(crate) fn broker_keys(directory: &Path) -> [PathBuf; 2] {
    let [keys, certificate] = ["keys.p12", "certificate.pem"].map(|name| directory.join(name));
    let keytool = |arguments: &[&str]| {
        let mut command = Command::new("keytool");
        command.args(arguments).arg("-keystore").arg(&keys).args(["-storepass", "secret", "-alias", "broker"]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    };
    keytool(&["-genkeypair", "-keyalg", "EC", "-dname", "CN=broker", "-ext", "san=ip:127.0.0.1", "-ext", "bc:c"]);
    keytool(&["-exportcert", "-rfc", "-file", certificate.to_str().unwrap()]);
    [keys, certificate]
}

/// Grants a user operations on a topic, or takes them back (`refuse`).
pub(crate) fn change_access(brokers: &str, change: &str, user: &str, topic: &str, operations: &[&str]) {
    let mut command = server_script("access.sh");
    let output = command.args([brokers, change, user, topic]).args(operations).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap().path();
        std::fs::copy(&entry, to.join(entry.file_name().unwrap())).unwrap();
    }
}

/// A broker of a test's own; keeps its ports and its data over stop and start.
#[derive(Debug)]
pub(crate) struct Broker {
    process: Option<Process>,
    ports: [u16; 2],
    settings: Vec<String>,
    environment: Vec<(&'static str, String)>,
    root: TempDir,
}

impl Broker {
    /// Starts a broker and waits until it answers.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further lines (`key=value`) in its properties, where `{port}`
    /// and `{controller_port}` stand for its ports.
    pub(crate) fn start_with(settings: &[&str]) -> Self {
        Self::start_with_users(settings, "")
    }

    /// The same with users for SCRAM-SHA-512: `NAME:PASSWORD`, with spaces between.
    pub(crate) fn start_with_users(settings: &[&str], users: &str) -> Self {
        let mut broker = Self::new(settings);
        broker.environment.push(("KAFKA_USERS", users.to_owned()));
        broker.start_again();
        broker
    }

    fn new(settings: &[&str]) -> Self {
        Self {
            process: None,
            ports: [ports::free(), ports::free()],
            settings: settings.iter().map(|&line| line.to_owned()).collect(),
            environment: Vec::new(),
            root: tempfile::tempdir().unwrap(),
        }
    }

    /// Its address for clients.
    pub(crate) fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.ports[0])
    }

    /// Stops it in order.
    pub(crate) fn stop(&mut self) {
        self.process.take().expect("the broker runs").stop();
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        self.process.take().expect("the broker runs").kill();
    }

    /// Suspends it; its connections stay open.
    pub(crate) fn freeze(&self) {
        self.process.as_ref().expect("the broker runs").signal("STOP");
    }

    /// Copies the logs of a topic's partitions, while the broker does not run.
    pub(crate) fn copy_logs(&self, topic: &str) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        self.move_logs(topic, |log| {
            let name = log.file_name().unwrap();
            copy_directory(log, &copy.path().join(name));
        });
        copy
    }

    /// Puts the logs of a topic's partitions back, while the broker does not run.
    pub(crate) fn put_logs_back(&self, topic: &str, copy: &TempDir) {
        self.move_logs(topic, |log| {
            std::fs::remove_dir_all(log).unwrap();
            copy_directory(&copy.path().join(log.file_name().unwrap()), log);
        });
    }

    fn move_logs(&self, topic: &str, mut of_partition: impl FnMut(&Path)) {
        assert!(self.process.is_none(), "the broker runs");
        let is_log = |path: &Path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.rsplit_once('-').is_some_and(|(of, number)| of == topic && number.parse::<u32>().is_ok())
        };
        let entries = std::fs::read_dir(self.root.path().join("data")).unwrap().map(|entry| entry.unwrap().path());
        let logs: Vec<PathBuf> = entries.filter(|path| is_log(path)).collect();
        assert!(!logs.is_empty(), "no partition of {topic}");
        logs.iter().for_each(|log| of_partition(log));
    }

    /// Resumes it.
    pub(crate) fn thaw(&self) {
        self.process.as_ref().expect("the broker runs").signal("CONT");
    }

    /// Starts it on the same data and ports, and waits until it answers.
    pub(crate) fn start_again(&mut self) {
        self.launch();
        self.wait_ready(1);
    }

    fn launch(&mut self) {
        assert!(self.process.is_none(), "the broker runs already");
        let mut command = server_script("kafka.sh");
        command.arg(self.root.path()).args(self.ports.map(|port| port.to_string())).envs(self.environment.clone());
        let [port, controller_port] = self.ports.map(|port| port.to_string());
        command.args(
            self.settings
                .iter()
                .map(|line| line.replace("{port}", &port).replace("{controller_port}", &controller_port)),
        );
        self.process = Some(Process::start(command, &self.root.path().join("broker.log")));
    }

    /// Waits until it knows this number of brokers, itself among them.
    fn wait_ready(&mut self, brokers: usize) {
        let address = self.brokers();
        let process = self.process.as_mut().expect("the broker runs");
        process.wait_ready("Kafka answers", START_LIMIT, || known_brokers(&address) >= brokers);
    }
}

/// Number of brokers that the broker at an address knows; 0 if it does not answer.
fn known_brokers(address: &str) -> usize {
    if std::net::TcpStream::connect(address).is_err() {
        return 0;
    }
    let consumer: BaseConsumer = config(address).create().unwrap();
    consumer.fetch_metadata(None, Duration::from_secs(2)).map_or(0, |metadata| metadata.brokers().len())
}

/// Three brokers that are also the controllers. Each has a copy of all data, and two of
/// them are enough for a write. They keep their ports and their data over stop and start.
#[derive(Debug)]
pub(crate) struct Cluster([Broker; Self::SIZE]);

impl Cluster {
    pub(crate) const SIZE: usize = 3;

    /// Starts the brokers and waits until they know each other.
    pub(crate) fn start() -> Self {
        let mut brokers = std::array::from_fn(|_| Broker::new(&[]));
        let voter = |(index, broker): (usize, &Broker)| format!("{}@127.0.0.1:{}", index + 1, broker.ports[1]);
        let voters: Vec<String> = brokers.iter().enumerate().map(voter).collect();
        for (index, broker) in brokers.iter_mut().enumerate() {
            let node = (index + 1).to_string();
            broker.environment = vec![("KAFKA_NODE", node), ("KAFKA_VOTERS", voters.join(","))];
            broker.environment.push(("KAFKA_HEAP", "256m".to_owned()));
            broker.launch();
        }
        brokers.iter_mut().for_each(|broker| broker.wait_ready(Self::SIZE));
        Self(brokers)
    }

    /// The addresses of all brokers for clients.
    pub(crate) fn brokers(&self) -> String {
        self.0.each_ref().map(Broker::brokers).join(",")
    }

    /// One of the brokers, to stop, kill or freeze it.
    pub(crate) fn broker(&mut self, index: usize) -> &mut Broker {
        &mut self.0[index]
    }

    /// Starts a broker on its data and ports, and waits until it knows all.
    pub(crate) fn start_again(&mut self, index: usize) {
        self.0[index].launch();
        self.0[index].wait_ready(Self::SIZE);
    }
}
