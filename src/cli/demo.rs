//! `meterline demo`: the real service with a simulated smart-me cloud, and with simulated meters of
//! the local network.
//!
//! The service has an ordinary configuration: it registers itself at the cloud, takes
//! the posts of the cloud, and fetches missing readings. Two weeks of history come the same way. Two disturbances
//! show what the service does about them: a gap that it fills, and a locked store that it waits for.

mod cloud;
mod gaps;
mod line;
mod local_meters;
mod outage;

use super::Failure;
use super::location::history;
use super::meters;
use super::table::print;
use super::verbosity::Verbosity;
use crate::app::{Service, telemetry};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::query::Store;
use crate::reading::Units;
use clap::Args;
use cloud::Cloud;
use gaps::Gaps;
use line::Line;
use local_meters::LocalMeters;
use meterline_load::cloud::DeviceKind;
use meterline_load::site::{self, SiteMeter};
use outage::Outage;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The maximum duration of the stop.
const STOP_DEADLINE: Duration = Duration::from_secs(10);
/// Meters of the list at the end.
const METERS_SHOWN_MAX: usize = 10;
/// The meters that have a metering point; a file with more would be read for long.
const POINTS_MAX: usize = 100;
const ACCOUNT: &str = "demo";
const PASSWORD_VARIABLE: &str = "METERLINE_DEMO_PASSWORD";
const KEY_VARIABLE: &str = "METERLINE_DEMO_API_KEY";

/// Run the service with the simulated meters of a house and an office
///
/// Starts the service as `meterline run` does, on free loopback ports and with the
/// embedded SQLite store. Also starts a simulated smart-me cloud with a house that has a
/// solar roof, a heat pump and a charger, and with an office. The service registers its
/// webhook at the cloud, and the cloud posts two weeks of history and then live readings.
/// The cloud withholds some quarter-hours; the service detects these gaps and fetches the
/// readings. After 20 seconds the store is locked for 12 seconds; the service waits and
/// continues. Ctrl-C stops the demo, which then prints a summary and the stored meters.
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
    /// The number of simulated meters: the first ten are the house and the office, the others are flats
    #[arg(long, value_name = "NUMBER", default_value_t = site::METERS, value_parser = clap::value_parser!(u32).range(1..=100_000))]
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
    let config = configuration(arguments, &secrets, &cloud, local_meters.as_ref())?;
    let migrated = migrate(&config, arguments)?;
    let (store, units) = (history(&config)?, config.units.clone());
    let service = Service::start(config, clock.clone()).map_err(Failure::failed)?;
    print(introduction(&service, &cloud, &arguments.data) + &migrated)?;
    let mut outage = Outage::of(&arguments.data.join("meterline.sqlite"), clock.monotonic());
    let sender = cloud.send(clock.clone()).map_err(Failure::failed)?;
    let mut line = Line::new();
    service.wait_for_signal(arguments.lasts, Duration::from_millis(200), || {
        outage.update(clock.monotonic());
        line.update(&service, &sender.sent(), Gaps::of(&service, began), outage.is_going_on());
    });
    outage.end();
    let (sent, gaps) = (sender.stop(), Gaps::of(&service, began));
    line.update(&service, &sent, gaps, false);
    line.finish()?;
    if local_meters.is_some() {
        print(LocalMeters::states(&service))?;
    }
    service.stop(STOP_DEADLINE);
    print(format!("\n{}", gaps.summary(&cloud, &arguments.data)))?;
    show_meters(&store, &arguments.data, &units, &clock)
}

/// The first lines of the output: where the page is, and what there is to see.
fn introduction(service: &Service, cloud: &Cloud, data: &Path) -> String {
    let meters = cloud.site().len();
    format!(
        "Built-in page: http://{page}/   Ctrl-C stops.\n\n\
         {meters} meters of a house and an office, with two weeks of history.\n\
         The cloud withholds some quarter-hours: these gaps are found and filled.\n\
         After {begins} s another program locks the store for {lasts} s: the sink waits.\n\n\
         Webhook: {webhook}\nSimulated cloud: {cloud}\nData: {data}\n",
        page = service.admin_address(),
        begins = outage::BEGINS_AFTER.as_secs(),
        lasts = outage::LASTS.as_secs(),
        webhook = service.webhook_url(ACCOUNT).unwrap_or_default(),
        cloud = cloud.url(),
        data = data.display(),
    )
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
    cloud: &Cloud,
    local_meters: Option<&LocalMeters>,
) -> Result<Config, Failure> {
    let listen = free_address().map_err(Failure::failed)?;
    let mut text = format!(
        "data_directory = {:?}\n[webhook]\nlisten = \"{listen}\"\n[[webhook.account]]\nname = \"{ACCOUNT}\"\n\
         path = \"/smart-me\"\nusername = \"{ACCOUNT}\"\npassword_env = \"{PASSWORD_VARIABLE}\"\n\
         [[smart_me]]\naccount = \"{ACCOUNT}\"\nurl = \"{}\"\napi_key_env = \"{KEY_VARIABLE}\"\n\
         public_url = \"http://{listen}\"\nreconcile = true\nstale_after = \"35m\"\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n[sink.sqlite]\n\
         keep = \"30d\"\nkeep_rollups = \"3650d\"\n",
        arguments.data.display().to_string(),
        cloud.url(),
    );
    text.extend(cloud.site().iter().take(POINTS_MAX).map(metering_point));
    text.push_str(&unit(cloud.site(), |kind| matches!(kind, DeviceKind::ColdWater), "8-0:1.0.0", "m3"));
    text.push_str(&unit(cloud.site(), |kind| matches!(kind, DeviceKind::Heat), "6-0:1.0.0", "Wh"));
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

/// The table of a meter's metering point.
fn metering_point(meter: &SiteMeter) -> String {
    let SiteMeter { device, point, role } = meter;
    format!("[[metering_point]]\nname = \"{point}\"\nmeters = [\"{}\"]\nrole = \"{role}\"\n", device.id)
}

/// The table of the unit that the simulated cloud sends for the meters of a kind.
fn unit(site: &[SiteMeter], is_kind: fn(&DeviceKind) -> bool, register: &str, unit: &str) -> String {
    let meters = site.iter().map(|meter| &meter.device).filter(|device| is_kind(&device.kind));
    let ids: Vec<String> = meters.map(|device| format!("\"{}\"", device.id)).collect();
    if ids.is_empty() {
        return String::new();
    }
    format!("[[unit]]\nregister = \"{register}\"\nunit = \"{unit}\"\nmeters = [{}]\n", ids.join(", "))
}

/// Returns a free address for the webhook: the configuration names it before the service starts.
fn free_address() -> std::io::Result<std::net::SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Creates the tables and topics of the demo; returns what was done, in lines.
fn migrate(config: &Config, arguments: &DemoArgs) -> Result<String, Failure> {
    let mut done = String::new();
    if arguments.questdb.is_none() && arguments.kafka.is_none() {
        return Ok(done);
    }
    for migrated in crate::app::migrate(config, None) {
        if let Some(why) = migrated.refused {
            return Err(Failure::failed(format!("{}: {why}", migrated.sink)));
        }
        done.extend(migrated.did.into_iter().map(|step| format!("{}: {step}\n", migrated.sink)));
    }
    Ok(done)
}

/// Shows what the store has, and how to look closer.
fn show_meters(store: &Store, data: &Path, units: &Units, clock: &Clock) -> Result<(), Failure> {
    let listed = meters::list(store, data, units).map_err(Failure::failed)?;
    let (number, data) = (listed.len(), data.display());
    let few = listed.get(..METERS_SHOWN_MAX).unwrap_or(&listed);
    print(format!(
        "\nThe store has {number} meters:\n\n{}\n\nLook closer:\n  meterline meters --data {data}\n  \
         sqlite3 -readonly {data}/meterline.sqlite \\\n    \
         \"SELECT name, day, amount, unit FROM energy_day WHERE day = date('now', '-1 day')\"",
        meters::shown(few, clock.now())
    ))
}
