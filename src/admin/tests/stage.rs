//! The listener with real ingest and real descriptions, and a client for its pages.

use crate::admin::{Admin, History, Status, Views};
use crate::base::Listen;
use crate::clock::Clock;
use crate::config::{self, AdminLogin, AdminTransport};
use crate::coverage::Coverage;
use crate::ingest::{Entrance, Ingest, SourceOptions};
use crate::journal::{Journal, Options};
use crate::meters::{Meters, Points};
use crate::query::Store;
use crate::reading::{MeterId, QUARTER_HOUR_NS, Units, UnixNanos};
use crate::wire::PayloadFormat::SmartMe;
use crate::wire::SeenReading;
use crate::wire::meters::Description;
use meterline_load::{Body, Reading};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

pub(super) const POWER: [u8; 6] = [1, 0, 1, 7, 0, 255];
pub(super) const ENERGY: [u8; 6] = [1, 0, 1, 8, 0, 255];
/// The time limit of every wait.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Stage {
    pub(super) clock: Clock,
    entrance: Entrance,
    meters: Meters,
    coverage: Coverage,
    admin: Admin,
    runtime: Runtime,
    _directory: TempDir,
}

/// The contents of a listener with this status, with a journal in the directory.
pub(in crate::admin) fn views(status: impl Fn() -> Status + Send + Sync + 'static) -> (Views, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(Options::new(directory.path().join("journal"))).unwrap();
    let clock = Clock::system();
    let views = Views {
        metrics: Arc::new(String::new),
        ready: Arc::new(|| Ok(())),
        status: Arc::new(status),
        ingest: Ingest::new(journal, None, clock.clone()),
        meters: Meters::open(directory.path(), Points::default(), clock.now()),
        units: Units::default(),
        coverage: Coverage::open(directory.path(), 1 << 20),
        history: History::new(None, clock.clone()),
        is_logged_in: false,
        clock,
    };
    (views, directory)
}

/// A page as it was answered.
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Stage {
    pub(super) fn start() -> Self {
        Self::with_status(super::status)
    }

    /// The same with these contents of the status.
    pub(super) fn with_status(status: impl Fn() -> Status + Send + Sync + 'static) -> Self {
        Self::of(views(status))
    }

    /// The same with this store.
    pub(super) fn with_store(store: Store) -> Self {
        let (views, directory) = views(super::status);
        Self::of((Views { history: History::new(Some(store), views.clock.clone()), ..views }, directory))
    }

    /// The same with these metering points.
    pub(super) fn with_points(points: Points) -> Self {
        let (views, directory) = views(super::status);
        let meters = Meters::open(directory.path(), points, views.clock.now());
        Self::of((Views { meters, ..views }, directory))
    }

    /// The same with these units.
    pub(super) fn with_units(units: Units) -> Self {
        let (views, directory) = views(super::status);
        Self::of((Views { units, ..views }, directory))
    }

    fn of((views, directory): (Views, TempDir)) -> Self {
        let entrance = views.ingest.source("building", SourceOptions::default()).unwrap();
        let (clock, meters, coverage) = (views.clock.clone(), views.meters.clone(), views.coverage.clone());
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let (hosts, login) = (Vec::new(), AdminLogin::default());
        let config = config::Admin { listen, hosts, login, transport: AdminTransport::Loopback };
        let admin = Admin::start(Listen::Bind(listen), &config, None, views, clock.clone()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { clock, entrance, meters, coverage, admin, runtime, _directory: directory }
    }

    /// A reading of a meter, this old.
    pub(super) fn reading(&self, meter: u128, age: Duration, values: &[([u8; 6], f64)]) -> Reading {
        let time_ns = (self.clock.now().0 - i64::try_from(age.as_nanos()).unwrap()) / 100 * 100;
        Reading { meter: meter.to_be_bytes(), time_ns, values: values.to_vec() }
    }

    pub(super) fn take(&self, readings: Vec<Reading>) {
        self.runtime.block_on(self.entrance.take(SmartMe, &Body::new(0, readings).bytes)).unwrap();
    }

    /// Power of a meter now.
    pub(super) fn power(&self, meter: u128, watts: f64) {
        self.take(vec![self.reading(meter, Duration::ZERO, &[(POWER, watts)])]);
    }

    pub(super) fn describe(&self, meter: u128, description: Description) {
        let described = [(MeterId::from(Uuid::from_u128(meter)), description)];
        let recorded = |_| async { Ok(()) };
        self.runtime.block_on(self.meters.describe("building", described, self.clock.now(), recorded)).unwrap();
    }

    /// Lets gap detection see readings of these meters, this old, and search since half a day.
    pub(super) fn detect_gaps(&self, readings: &[(u128, Duration)]) {
        let at = |age: Duration| self.clock.now().saturating_add(-i64::try_from(age.as_nanos()).unwrap());
        self.coverage.judge(at(Duration::from_hours(12)));
        // As many quarter-hours as gap detection needs to know a meter.
        let steps = (0..20).rev().map(|step| Duration::from_mins(15 * step));
        let all = readings.iter().flat_map(|(meter, age)| steps.clone().map(move |step| (*meter, *age + step)));
        let seen = |(meter, age)| SeenReading {
            meter: MeterId::from(Uuid::from_u128(meter)),
            at: UnixNanos(at(age).0 / QUARTER_HOUR_NS * QUARTER_HOUR_NS),
            has_counter: true,
            is_repair: false,
            is_row: false,
        };
        self.coverage.note("building", self.clock.now(), all.map(seen));
        self.coverage.judge(self.clock.now());
    }

    pub(super) fn send(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.admin.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        stream
    }

    pub(super) fn get(&self, path: &str) -> Page {
        let mut answer = Vec::new();
        self.send(path).read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Page { status, head: head.to_lowercase(), body: body.to_owned() }
    }
}

impl Page {
    /// The tags of the page, each with its attributes. The texts are checked to have no other bracket.
    pub(super) fn tags(&self) -> Vec<&str> {
        let mut tags = Vec::new();
        for (at, part) in self.body.split('<').enumerate() {
            if at == 0 {
                assert_eq!(part.trim(), "", "text before the first tag");
                continue;
            }
            let (tag, text) = end_of_tag(part);
            assert!(!text.contains('>'), "a bracket in the text {text:?}");
            tags.push(tag);
        }
        tags
    }

    /// The names in the list, in its order.
    pub(super) fn names(&self) -> Vec<String> {
        let begins = |tag: &str| self.body.match_indices(tag).map(|(at, _)| at + tag.len()).collect::<Vec<_>>();
        let mut found: Vec<usize> = begins("<b class=\"name\" title=\"");
        if found.is_empty() {
            found = begins("<th scope=\"row\"><a href=\"/meter/");
        }
        let text = |at: usize| {
            let rest = &self.body[at..];
            let name = &rest[rest.find("<bdi>").unwrap() + 5..];
            name[..name.find("</bdi>").unwrap()].to_owned()
        };
        found.into_iter().map(text).collect()
    }
}

/// Splits behind the bracket that ends a tag: not one in quotes.
fn end_of_tag(part: &str) -> (&str, &str) {
    let mut is_quoted = false;
    let end = part.find(|c| {
        is_quoted ^= c == '"';
        c == '>' && !is_quoted
    });
    let end = end.unwrap_or_else(|| panic!("a tag without an end: {part:?}"));
    (&part[..end], &part[end + 1..])
}
