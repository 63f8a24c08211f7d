//! A broker of a test's own, and clients that publish to it and listen at it.

use super::process::{Process, server_script};
use super::{ports, wait};
use rumqttc::{Client, Connection, Event, MqttOptions, Outgoing, Packet, PublishOptions, QoS};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);
/// Messages that a test's publisher has in flight.
const IN_FLIGHT: u16 = 500;
/// The settings that the documentation asks for: by default a broker drops messages beyond 1,000.
const QUEUES: &str = "max_inflight_messages 0\nmax_queued_messages 100000\n";

/// A Mosquitto that keeps its port, its sessions and its retained messages over stop and start.
#[derive(Debug)]
pub(crate) struct Broker {
    process: Option<Process>,
    port: u16,
    directory: TempDir,
}

impl Broker {
    /// A broker that lets everybody in.
    pub(crate) fn start() -> Self {
        Self::start_with(|_, port| format!("allow_anonymous true\nlistener {port} 127.0.0.1\n"))
    }

    /// A broker with these lines, made of its directory and its port. The port must be one of TCP.
    pub(crate) fn start_with(lines: impl FnOnce(&TempDir, u16) -> String) -> Self {
        let (directory, port) = (tempfile::tempdir().unwrap(), ports::free());
        let lines = lines(&directory, port);
        // As root it would become another user, who cannot write here.
        let configuration = format!(
            "user root\nper_listener_settings false\npersistence true\npersistence_location {}/\n{QUEUES}{lines}",
            directory.path().display()
        );
        std::fs::write(directory.path().join("mosquitto.conf"), configuration).unwrap();
        let mut broker = Self { process: None, port, directory };
        broker.start_again();
        broker
    }

    /// Starts it again after a stop.
    pub(crate) fn start_again(&mut self) {
        let mut command = server_script("mosquitto.sh");
        command.arg(self.file("mosquitto.conf"));
        let mut process = Process::start(command, &self.file("mosquitto.log"));
        let port = self.port;
        process.wait_ready("mosquitto is up", LIMIT, || TcpStream::connect(("127.0.0.1", port)).is_ok());
        self.process = Some(process);
    }

    /// Stops it in good order; it stores its sessions.
    pub(crate) fn stop(&mut self) {
        assert!(self.process.take().expect("the broker runs").stop().success());
    }

    /// Its port of TCP.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A file beside its configuration.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Publishes messages in their order and returns when the broker has them.
    pub(crate) fn publish(&self, qos: QoS, messages: &[(String, String)]) {
        publish(
            MqttOptions::new(format!("publisher-{}", ports::free()), ("127.0.0.1", self.port)),
            qos,
            false,
            messages,
        );
    }

    /// The same, kept by the broker.
    pub(crate) fn publish_retained(&self, messages: &[(String, String)]) {
        let options = MqttOptions::new(format!("publisher-{}", ports::free()), ("127.0.0.1", self.port));
        publish(options, QoS::AtLeastOnce, true, messages);
    }
}

/// Publishes by a client of its own.
pub(crate) fn publish(mut options: MqttOptions, qos: QoS, retain: bool, messages: &[(String, String)]) {
    options.set_inflight(IN_FLIGHT).set_max_packet_size(8 << 20, 8 << 20);
    let (client, mut connection) = Client::builder(options).capacity(10).build();
    let sender = {
        let messages = messages.to_vec();
        thread::spawn(move || {
            for (topic, text) in messages {
                let how = PublishOptions::new(qos).retain(retain);
                client.publish(topic, text, how).unwrap();
            }
            client
        })
    };
    let mut done = 0;
    while done < messages.len() {
        match connection.recv().unwrap().unwrap() {
            Event::Incoming(Packet::PubAck(_)) if qos == QoS::AtLeastOnce => done += 1,
            Event::Outgoing(Outgoing::Publish(_)) if qos == QoS::AtMostOnce => done += 1,
            _ => {}
        }
    }
    sender.join().unwrap().disconnect().unwrap();
    while connection.recv().is_ok_and(|event| event.is_ok()) {}
}

/// A client that notes every message that others publish.
#[allow(missing_debug_implementations, reason = "the client has none")]
pub(crate) struct Listener {
    client: Client,
    seen: Arc<Mutex<Vec<(String, String)>>>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens at everything on this broker.
    pub(crate) fn start(broker: &Broker) -> Self {
        let options = MqttOptions::new("listener", ("127.0.0.1", broker.port));
        let (client, connection) = Client::builder(options).capacity(10).build();
        client.subscribe("#", QoS::AtMostOnce).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let thread = thread::spawn({
            let seen = Arc::clone(&seen);
            move || listen(connection, &seen)
        });
        let listener = Self { client, seen, thread: Some(thread) };
        wait::until("the listener hears itself", LIMIT, || {
            listener.client.publish("listener", "x", PublishOptions::new(QoS::AtMostOnce)).unwrap();
            !listener.seen.lock().unwrap().is_empty()
        });
        listener
    }

    /// Topics and payloads that others published.
    pub(crate) fn seen(&self) -> Vec<(String, String)> {
        self.seen.lock().unwrap().iter().filter(|(topic, _)| topic != "listener").cloned().collect()
    }
}

fn listen(mut connection: Connection, seen: &Mutex<Vec<(String, String)>>) {
    while let Ok(Ok(event)) = connection.recv() {
        if let Event::Incoming(Packet::Publish(message)) = event {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            seen.lock().unwrap().push((text(&message.topic), text(&message.payload)));
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.client.disconnect());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
