//! A webhook as one writes it by hand, for comparison: axum, prost, questdb-rs and rdkafka around a queue in
//! memory, a Kafka record per reading. It stores the same rows and records as meterline.
//!
//! It answers at once, and then loses the queue when it is killed; or with `--after-sinks` only when QuestDB and
//! Kafka have confirmed the body. It has no journal, no late rows, no bounds of connections, no plausibility rule.

mod job;
mod kafka;
mod questdb;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use clap::Parser;
use job::{Counts, Job};
use meterline_load::http::SendError;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Bodies that wait for a sink; then the posts wait.
const QUEUE: usize = 8_192;
const BODY_MAX: usize = 4 << 20;

/// A webhook written by hand, with a queue in memory
#[derive(Debug, Clone, Parser)]
#[command(name = "by-hand")]
pub(crate) struct Options {
    /// Address to listen on; it is printed
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// URL of QuestDB
    #[arg(long, value_name = "URL")]
    pub(crate) questdb: String,
    /// Its table
    #[arg(long)]
    pub(crate) table: String,
    /// Brokers of Kafka
    #[arg(long)]
    pub(crate) brokers: String,
    /// Its topic
    #[arg(long)]
    pub(crate) topic: String,
    /// Answer when both have confirmed the body
    #[arg(long)]
    pub(crate) after_sinks: bool,
}

#[derive(Debug)]
struct Service {
    queues: [mpsc::Sender<Arc<Job>>; 2],
    counts: Arc<Counts>,
    answers_after_sinks: bool,
}

async fn webhook(State(service): State<Arc<Service>>, body: Bytes) -> StatusCode {
    let Ok(readings) = job::decode(body) else { return StatusCode::BAD_REQUEST };
    let sequence = service.counts.taken.fetch_add(1, Ordering::Relaxed) + 1;
    let (job, confirmed) = Job::new(sequence, readings, service.answers_after_sinks);
    for queue in &service.queues {
        if queue.send(job.clone()).await.is_err() {
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
    }
    let is_confirmed = match confirmed {
        Some(confirmed) => confirmed.await.is_ok(),
        None => true,
    };
    if is_confirmed { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR }
}

/// How far the sinks are, in meterline's names.
async fn metrics(State(service): State<Arc<Service>>) -> String {
    let counts = &service.counts;
    let next = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed) + 1;
    format!(
        "meterline_journal_next_sequence {}\nmeterline_sink_next_sequence{{sink=\"questdb\"}} {}\n\
         meterline_sink_next_sequence{{sink=\"kafka\"}} {}\n",
        next(&counts.taken),
        next(&counts.questdb),
        next(&counts.kafka)
    )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    let counts = Arc::new(Counts::default());
    let queues = [start(&options, &counts, kafka::run), start(&options, &counts, questdb::run)];
    let service = Arc::new(Service { queues, counts, answers_after_sinks: options.after_sinks });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(&options.listen).await?;
        println!("{}", listener.local_addr()?);
        let routes = Router::new()
            .route("/smart-me", post(webhook))
            .route("/metrics", get(metrics))
            .layer(DefaultBodyLimit::max(BODY_MAX))
            .with_state(service);
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            if let Err(error) = stream.set_nodelay(true) {
                eprintln!("by-hand: TCP_NODELAY was refused: {error}");
            }
        });
        axum::serve(listener, routes).await?;
        Ok(())
    })
}

type Sink = fn(&Options, &Arc<Counts>, mpsc::Receiver<Arc<Job>>) -> Result<(), SinkStop>;

/// Starts the thread of a sink, and returns its queue.
fn start(options: &Options, counts: &Arc<Counts>, sink: Sink) -> mpsc::Sender<Arc<Job>> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let (options, counts) = (options.clone(), counts.clone());
    std::thread::spawn(move || {
        if let Err(error) = sink(&options, &counts, receiver) {
            eprintln!("by-hand: {error}");
            std::process::exit(1);
        }
    });
    sender
}

/// Why a sink ended.
#[derive(Debug)]
pub(crate) struct SinkStop(String);

impl std::fmt::Display for SinkStop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! stops_for {
    ($($error:ty),*) => {
        $(impl From<$error> for SinkStop {
            fn from(error: $error) -> Self {
                Self(error.to_string())
            }
        })*
    };
}

stops_for!(SendError, rdkafka::error::KafkaError, ::questdb::Error, String);
