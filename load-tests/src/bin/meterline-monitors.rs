//! Plays many Smappee monitors at a broker, or counts their messages as a plain subscriber.
//!
//! `publish PORT MONITORS SECONDS FILE`: publishes the configuration of each monitor and one message with live
//! values, prints `ready`, and waits for a line on standard input. Then each monitor publishes every second, spread
//! over the second, whether the broker keeps up or not (QoS 1, 20 channels). The file gets the time and the
//! total power of each message that is the first of its ten seconds; the power is unique.
//! `backlog PORT MONITORS ROUNDS`: the same, and then that number of messages of each monitor as fast as the broker takes
//! them.
//! `count PORT`: prints the number of live values received, and of those that the broker sent again, every
//! 50 ms.

use meterline_load::smappee::{Generation, Monitor};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, PublishOptions, QoS};
use std::error::Error;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, sleep, sleep_until};

/// Connections to the broker: real monitors have one each, which would measure the kernel.
const CONNECTIONS: usize = 8;
const CHANNELS: u32 = 20;
const IN_FLIGHT: u16 = 10_000;
/// The default thinning keeps the first message of each monitor in this many seconds.
const INTERVAL: i64 = 10;
/// Time between two lines of the count.
const SHOWN_EVERY: Duration = Duration::from_millis(50);
/// The longest wait for the broker.
const BROKER_WAIT: Duration = Duration::from_secs(120);

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run(&arguments)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("meterline-monitors: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[&str]) -> Outcome {
    match *arguments {
        ["publish", port, monitors, seconds, file] => {
            publish(port.parse()?, monitors.parse()?, seconds.parse()?, Some(file)).await
        }
        ["backlog", port, monitors, rounds] => publish(port.parse()?, monitors.parse()?, rounds.parse()?, None).await,
        ["count", port] => count(port.parse()?).await,
        _ => Err(
            "usage: meterline-monitors publish PORT MONITORS SECONDS FILE | backlog PORT MONITORS ROUNDS | count PORT"
                .into(),
        ),
    }
}

fn connect(name: &str, port: u16) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(name, ("127.0.0.1", port));
    options.set_inflight(IN_FLIGHT).set_max_packet_size(1 << 20, 1 << 20);
    AsyncClient::builder(options).capacity(usize::from(IN_FLIGHT)).build()
}

/// Connections that publish.
struct Publishers {
    clients: Vec<AsyncClient>,
    acknowledged: Arc<AtomicUsize>,
    published: usize,
}

impl Publishers {
    fn start(port: u16) -> Self {
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let clients = (0..CONNECTIONS).map(|number| {
            let (client, connection) = connect(&format!("monitors-{number}"), port);
            tokio::spawn(acknowledge(connection, Arc::clone(&acknowledged)));
            client
        });
        Self { clients: clients.collect(), acknowledged, published: 0 }
    }

    async fn publish(&mut self, monitor: usize, (topic, text): (String, String), retain: bool) -> Outcome {
        let client = self.clients.get(monitor % CONNECTIONS).ok_or("no connection")?;
        client.publish(topic, text, PublishOptions::new(QoS::AtLeastOnce).retain(retain)).await?;
        self.published += 1;
        Ok(())
    }

    /// Waits until the broker has everything.
    async fn settle(&self) -> Outcome {
        let deadline = Instant::now() + BROKER_WAIT;
        while self.acknowledged.load(Ordering::SeqCst) < self.published {
            if Instant::now() > deadline {
                return Err("the broker does not take the messages".into());
            }
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

/// Counts what the broker acknowledges.
async fn acknowledge(mut connection: EventLoop, acknowledged: Arc<AtomicUsize>) {
    loop {
        match connection.poll().await {
            Ok(Event::Incoming(Packet::PubAck(_))) => {
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            Ok(_) => {}
            Err(error) => return eprintln!("meterline-monitors: {error}"),
        }
    }
}

/// With a file once a second, without one at once.
async fn publish(port: u16, monitors: u32, seconds: i64, file: Option<&str>) -> Outcome {
    let monitors: Vec<Monitor> =
        (0..monitors).map(|number| Monitor::new(Generation::Second, number, CHANNELS)).collect();
    let mut publishers = Publishers::start(port);
    let mut expected = String::new();
    let before = aligned_now()? - 10 * INTERVAL;
    for (number, monitor) in monitors.iter().enumerate() {
        for message in monitor.configuration() {
            publishers.publish(number, message, true).await?;
        }
        let power = power(number, seconds)?;
        publishers.publish(number, monitor.realtime(before, power), false).await?;
        writeln!(expected, "{before}000000000|{power}.0")?;
    }
    publishers.settle().await?;
    println!("ready");
    std::io::stdin().read_line(&mut String::new())?;

    let (begun, start) = (Instant::now(), aligned_now()?);
    let step = Duration::from_secs(1) / u32::try_from(monitors.len())?;
    let mut late = Duration::ZERO;
    for second in 0..seconds {
        let due = begun + Duration::from_secs(u64::try_from(second)?);
        for (number, monitor) in monitors.iter().enumerate() {
            let due = due + step * u32::try_from(number)?;
            // The timer has a resolution of a millisecond.
            if file.is_some() && due > Instant::now() + Duration::from_millis(1) {
                sleep_until(due).await;
            }
            let power = power(number, second)?;
            publishers.publish(number, monitor.realtime(start + second, power), false).await?;
            late = late.max(Instant::now().saturating_duration_since(due));
            if second % INTERVAL == 0 {
                writeln!(expected, "{}000000000|{power}.0", start + second)?;
            }
        }
        tokio::task::yield_now().await;
    }
    publishers.settle().await?;
    if let Some(file) = file {
        std::fs::write(file, expected)?;
    }
    println!(
        "published {} messages of live values in {:.1} s, at most {} ms late",
        publishers.published - 2 * monitors.len(),
        begun.elapsed().as_secs_f64(),
        late.as_millis()
    );
    Ok(())
}

/// A power that no other message has within its ten seconds.
fn power(number: usize, second: i64) -> Result<i64, Box<dyn Error>> {
    Ok(i64::try_from(number)? * 10 + second.rem_euclid(10))
}

/// The begin of the interval of now, in seconds since 1970 UTC.
fn aligned_now() -> Result<i64, Box<dyn Error>> {
    #[expect(clippy::disallowed_methods, reason = "the service's Clock does not exist in a device")]
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    Ok(now - now.rem_euclid(INTERVAL))
}

async fn count(port: u16) -> Outcome {
    let (client, mut connection) = connect("counter", port);
    client.subscribe("servicelocation/+/#", QoS::AtLeastOnce).await?;
    let (mut received, mut repeated, mut shown) = (0, 0, Instant::now());
    loop {
        tokio::select! {
            event = connection.poll() => {
                if let Event::Incoming(Packet::Publish(message)) = event?
                    && message.topic.ends_with(b"/realtime")
                {
                    received += 1;
                    repeated += usize::from(message.dup);
                }
            }
            () = sleep_until(shown) => {
                println!("{received} {repeated}");
                shown += SHOWN_EVERY;
            }
        }
    }
}
