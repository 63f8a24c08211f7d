//! The test vectors of energy (`tests/fixtures/energy`, described in `docs/energy.md`).

use super::views::{IMPORT, append, append_others, describe, quarter_hours_only, store_keeping, time};
use super::{Feed, Retention, file, rows};
use std::path::Path;

/// Where the samples are when the energy is calculated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tables {
    Fresh,
    Sealed,
    QuarterHours,
}

pub(crate) const TABLES: [Tables; 3] = [Tables::Fresh, Tables::Sealed, Tables::QuarterHours];

/// One file.
#[derive(Debug)]
pub(crate) struct Vectors {
    pub(crate) name: String,
    pub(crate) views: Vec<String>,
    /// Number, metering point, time zone.
    pub(crate) meters: Vec<(u8, String, String)>,
    /// Number, time, value.
    pub(crate) samples: Vec<(u8, i64, f64)>,
    /// The rows, in order.
    pub(crate) expected: Vec<String>,
}

/// Every file.
pub(crate) fn all() -> Vec<Vectors> {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/energy");
    let vectors = |path: &Path| Vectors::read(&path.display().to_string(), &std::fs::read_to_string(path).unwrap());
    std::fs::read_dir(files).unwrap().map(|entry| vectors(&entry.unwrap().path())).collect()
}

impl Vectors {
    fn read(name: &str, text: &str) -> Self {
        let mut zone = "";
        let mut vectors = Self {
            name: name.to_owned(),
            views: Vec::new(),
            meters: Vec::new(),
            samples: Vec::new(),
            expected: Vec::new(),
        };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            match line.split(',').collect::<Vec<_>>()[..] {
                ["zone", name] => zone = name,
                ["views", ref names @ ..] => vectors.views = names.iter().map(|name| (*name).to_owned()).collect(),
                ["meter", number, point] => vectors.meter(number, point, zone),
                ["meter", number, point, zone] => vectors.meter(number, point, zone),
                ["sample", number, at, value] => {
                    vectors.samples.push((number.parse().unwrap(), time(at), value.parse().unwrap()));
                }
                _ => vectors.expected.push(line.to_owned()),
            }
        }
        vectors
    }

    fn meter(&mut self, number: &str, point: &str, zone: &str) {
        self.meters.push((number.parse().unwrap(), point.to_owned(), zone.to_owned()));
    }

    /// A store with the samples in these tables.
    pub(crate) fn stored(&self, tables: Tables) -> Feed {
        let feed = Feed::new();
        self.meters.iter().for_each(|(number, point, zone)| describe(&feed, *number, point, zone));
        append(&feed, &self.samples.iter().map(|&(number, at, value)| (number, IMPORT, at, value)).collect::<Vec<_>>());
        if tables != Tables::Fresh {
            append_others(&feed);
        }
        let is_rolled_up = tables == Tables::QuarterHours;
        store_keeping(&feed, if is_rolled_up { quarter_hours_only() } else { Retention::default() });
        let counted = |sql| rows(&file(&feed), sql)[0][0].parse::<usize>().unwrap();
        let periods = counted("SELECT count(*) FROM periods");
        assert!(tables == Tables::Fresh || periods > 1 || counted("SELECT count(*) FROM rollups") > 0);
        assert!(!is_rolled_up || counted("SELECT count(*) FROM samples WHERE meter NOT LIKE '63%'") == 0);
        feed
    }
}
