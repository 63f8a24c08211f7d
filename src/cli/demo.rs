//! `meterline demo`: the real service beside a simulated smart-me cloud.

mod cloud;
mod line;

use super::Failure;
use super::table::print;
use crate::app::{Service, telemetry};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::query;
use clap::Args;
use cloud::Cloud;
use line::Line;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The stop of a demo may take this long.
const STOP_DEADLINE: Duration = Duration::from_secs(10);
const ACCOUNT: &str = "demo";
const PASSWORD_VARIABLE: &str = "METERLINE_DEMO_PASSWORD";

/// Shows the service at work: a simulated fleet posts to it
///
/// Starts the service as `meterline run` does, on free loopback ports and with the
/// embedded store, and beside it a simulated smart-me cloud that posts to it as the
/// vendor does. Stops at Ctrl-C, in order, and shows a query on what was stored.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Stop by itself after this time, for example 10s or 5m
    #[arg(long = "for", value_name = "TIME", value_parser = config::parse_duration)]
    lasts: Option<Duration>,
    /// Where the demo keeps its data
    #[arg(long, value_name = "DIR", default_value = "meterline-demo")]
    data: PathBuf,
    /// Feed a QuestDB too, for example http://127.0.0.1:9000
    #[arg(long, value_name = "URL")]
    questdb: Option<String>,
    /// Feed a Kafka too, for example 127.0.0.1:9092
    #[arg(long, value_name = "BROKERS")]
    kafka: Option<String>,
    /// Meters of the simulated fleet
    #[arg(long, value_name = "NUMBER", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    meters: u32,
}

pub(super) fn run(arguments: &DemoArgs) -> Result<(), Failure> {
    telemetry::install(tracing::Level::WARN, telemetry::Format::Text);
    let password = uuid::Uuid::new_v4().to_string();
    let config = configuration(arguments, &password)?;
    migrate(&config, arguments)?;
    let store = arguments.data.join("meterline.sqlite");
    let clock = Clock::system();
    let service = Service::start(config, clock.clone()).map_err(Failure::failed)?;
    print(format!(
        "The service takes bodies at {} and keeps its data in {}.\nStatus page: http://{}/   Ctrl-C stops.\n",
        service.webhook_url(ACCOUNT),
        arguments.data.display(),
        service.admin_address()
    ))?;
    let target = meterline_load::Target::with_credentials(service.webhook_url(ACCOUNT), ACCOUNT, &password);
    let cloud = Cloud::start(target, arguments.meters, clock.clone());
    let mut line = Line::new(&service, &cloud);
    service.wait_for_signal(arguments.lasts, Duration::from_millis(200), || line.update(&service, &cloud));
    line.finish();
    cloud.stop();
    service.stop(STOP_DEADLINE);
    show_query(&store)
}

/// The embedded defaults on free ports, with an account that has credentials, as
/// the vendor's cloud sends them.
fn configuration(arguments: &DemoArgs, password: &str) -> Result<Config, Failure> {
    let mut text = format!(
        "data_directory = {:?}\n[webhook]\nlisten = \"127.0.0.1:0\"\n[[webhook.account]]\nname = \"{ACCOUNT}\"\n\
         path = \"/smart-me\"\nusername = \"{ACCOUNT}\"\npassword_env = \"{PASSWORD_VARIABLE}\"\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n[sink.sqlite]\n",
        arguments.data.display().to_string()
    );
    if let Some(url) = &arguments.questdb {
        text.push_str(&format!("[sink.questdb]\nurl = {url:?}\n"));
    }
    if let Some(brokers) = &arguments.kafka {
        text.push_str(&format!("[sink.kafka]\nbrokers = {brokers:?}\n"));
    }
    let environment = BTreeMap::from([(PASSWORD_VARIABLE.to_owned(), password.to_owned())]);
    Ok(config::parse("(demo)", &text, &environment)?)
}

/// The demo makes the tables and topics it needs.
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

fn show_query(store: &std::path::Path) -> Result<(), Failure> {
    let shown = query::example(store).map_err(Failure::failed)?;
    print(format!("\nTry this on {}:\n\n{}\n\n{}", store.display(), shown.sql, shown.result))
}
