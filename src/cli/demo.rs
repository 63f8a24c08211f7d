//! `meterline demo`: the real service with a simulated smart-me cloud, and with simulated meters of
//! the local network.
//!
//! The service has an ordinary configuration: it registers itself at the cloud, takes
//! the posts of the cloud, and fetches missing readings.

mod cloud;
mod gaps;
mod line;
mod local_meters;

use super::Failure;
use super::meters;
use super::store_reader;
use super::table::print;
use super::verbosity::Verbosity;
use crate::app::{Service, telemetry};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::query::Store;
use clap::Args;
use cloud::Cloud;
use gaps::Gaps;
use line::Line;
use local_meters::LocalMeters;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The maximum duration of the stop.
const STOP_DEADLINE: Duration = Duration::from_secs(10);
/// Meters of the list at the end.
const METERS_SHOWN_MAX: usize = 10;
const ACCOUNT: &str = "demo";
const PASSWORD_VARIABLE: &str = "METERLINE_DEMO_PASSWORD";
const KEY_VARIABLE: &str = "METERLINE_DEMO_API_KEY";

/// Run the service with a simulated fleet of meters
///
/// Starts the service as `meterline run` does, on free loopback ports and with the
/// embedded SQLite store. Also starts a simulated smart-me cloud. The service registers
/// its webhook at the cloud, and the cloud posts readings. The cloud withholds some
/// quarter-hours; the service detects these gaps and fetches the readings. Ctrl-C stops
/// the demo, which then prints a summary and the stored meters.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    meterline demo\n  \
    meterline demo --for 1m --meters 1000\n  \
    meterline demo --all-vendors\n\n\
    Exit codes: 0 success, 1 failure.")]
pub(super) struct DemoArgs {
    /// Stop after this time, for example 10s or 5m
    #[arg(long = "for", value_name = "TIME", value_parser = config::parse_duration)]
    lasts: Option<Duration>,
    /// The data directory of the demo
    #[arg(long, value_name = "DIR", default_value = "meterline-demo")]
    data: PathBuf,
    /// Also deliver to this QuestDB, for example http://127.0.0.1:9000
    #[arg(long, value_name = "URL")]
    questdb: Option<String>,
    /// Also deliver to this Kafka, for example 127.0.0.1:9092
    #[arg(long, value_name = "BROKERS")]
    kafka: Option<String>,
    /// The number of simulated meters
    #[arg(long, value_name = "NUMBER", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    meters: u32,
    /// Also simulate a meter of every local vendor: P1, DSMR-logger, KSEM, smart-MAIC, Smappee
    #[arg(long)]
    all_vendors: bool,
}

pub(super) fn run(arguments: &DemoArgs, verbosity: Verbosity) -> Result<(), Failure> {
    telemetry::install(verbosity.level(tracing::Level::WARN), telemetry::Format::Text)?;
    let secrets = Secrets { password: uuid::Uuid::new_v4().to_string(), key: uuid::Uuid::new_v4().to_string() };
    let clock = Clock::system();
    let began = clock.now();
    let cloud = Cloud::start(ACCOUNT, &secrets.key, arguments.meters, &clock).map_err(Failure::failed)?;
    let local_meters =
        arguments.all_vendors.then(|| LocalMeters::start(&clock)).transpose().map_err(Failure::failed)?;
    let config = configuration(arguments, &secrets, &cloud.url(), local_meters.as_ref())?;
    migrate(&config, arguments)?;
    let store = store_reader::open(&config)?;
    let service = Service::start(config, clock.clone()).map_err(Failure::failed)?;
    print(format!(
        "The webhook listens at {}; the data is in {}.\nThe simulated cloud is at {}.\n\
         Status page: http://{}/   Ctrl-C stops.\n",
        service.webhook_url(ACCOUNT).unwrap_or_default(),
        arguments.data.display(),
        cloud.url(),
        service.admin_address()
    ))?;
    let sender = cloud.send(clock.clone()).map_err(Failure::failed)?;
    let mut line = Line::new();
    service.wait_for_signal(arguments.lasts, Duration::from_millis(200), || {
        line.update(&service, &sender.sent(), Gaps::of(&service, began));
    });
    let (sent, gaps) = (sender.stop(), Gaps::of(&service, began));
    line.update(&service, &sent, gaps);
    line.finish()?;
    if local_meters.is_some() {
        print(LocalMeters::states(&service))?;
    }
    service.stop(STOP_DEADLINE);
    print(format!("\n{}", gaps.summary(&cloud, &arguments.data)))?;
    show_meters(&store, &arguments.data, &clock)
}

/// Secrets shared by the service and the cloud; new for every demo.
struct Secrets {
    password: String,
    key: String,
}

/// The default configuration on free ports, with one account that has credentials and
/// registers itself at the simulated cloud.
fn configuration(
    arguments: &DemoArgs,
    secrets: &Secrets,
    cloud: &str,
    local_meters: Option<&LocalMeters>,
) -> Result<Config, Failure> {
    let listen = free_address().map_err(Failure::failed)?;
    let mut text = format!(
        "data_directory = {:?}\n[webhook]\nlisten = \"{listen}\"\n[[webhook.account]]\nname = \"{ACCOUNT}\"\n\
         path = \"/smart-me\"\nusername = \"{ACCOUNT}\"\npassword_env = \"{PASSWORD_VARIABLE}\"\n\
         [[smart_me]]\naccount = \"{ACCOUNT}\"\nurl = \"{cloud}\"\napi_key_env = \"{KEY_VARIABLE}\"\n\
         public_url = \"http://{listen}\"\nreconcile = true\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n[sink.sqlite]\n\
         keep = \"30d\"\nkeep_rollups = \"3650d\"\n",
        arguments.data.display().to_string()
    );
    if let Some(url) = &arguments.questdb {
        text.push_str(&format!("[sink.questdb]\nurl = {url:?}\n"));
    }
    if let Some(brokers) = &arguments.kafka {
        text.push_str(&format!("[sink.kafka]\nbrokers = {brokers:?}\n"));
    }
    let mut environment = BTreeMap::from(
        [(PASSWORD_VARIABLE, &secrets.password), (KEY_VARIABLE, &secrets.key)]
            .map(|(name, text)| (name.to_owned(), text.clone())),
    );
    if let Some(meters) = local_meters {
        text.push_str(&meters.tables());
        environment.extend(LocalMeters::secrets());
    }
    Ok(config::parse("(demo)", &text, &environment)?)
}

/// Returns a free address for the webhook: the configuration names it before the service starts.
fn free_address() -> std::io::Result<std::net::SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Creates the tables and topics of the demo.
fn migrate(config: &Config, arguments: &DemoArgs) -> Result<(), Failure> {
    if arguments.questdb.is_none() && arguments.kafka.is_none() {
        return Ok(());
    }
    for migrated in crate::app::migrate(config, None) {
        if let Some(why) = migrated.refused {
            return Err(Failure::failed(format!("{}: {why}", migrated.sink)));
        }
        for step in migrated.did {
            print(format!("{}: {step}", migrated.sink))?;
        }
    }
    Ok(())
}

/// Shows what the store has, and how to look closer.
fn show_meters(store: &Store, data: &Path, clock: &Clock) -> Result<(), Failure> {
    let listed = meters::list(store, data).map_err(Failure::failed)?;
    let (number, data) = (listed.len(), data.display());
    let few = listed.get(..METERS_SHOWN_MAX).unwrap_or(&listed);
    print(format!(
        "\nThe store has {number} meters:\n\n{}\n\nLook closer:\n  meterline meters --data {data}\n  \
         meterline query NAME --data {data}",
        meters::shown(few, clock.now())
    ))
}
