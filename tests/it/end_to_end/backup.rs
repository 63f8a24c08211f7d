//! The commands of docs/backup.md, as they are written there.

use crate::support::load::now_ns;
use crate::support::service::{Service, Setup};
use crate::support::stores::of_sqlite;
use meterline_load::{Body, Reading};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const PAGE: &str = include_str!("../../../docs/backup.md");

/// The page's commands with the paths of a test.
struct Page {
    backup: TempDir,
}

impl Page {
    /// Runs the commands of a section. The test starts and stops the service itself, and has no
    /// user of its own for it.
    fn run(&self, service: &Service, section: &str) {
        let (_, rest) = PAGE.split_once(&format!("\n## {section}\n")).unwrap_or_else(|| panic!("no section {section}"));
        let (_, rest) = rest.split_once("```sh\n").unwrap();
        let (commands, _) = rest.split_once("```\n").unwrap();
        let configuration = service.configuration_file();
        let commands = commands
            .replace("/etc/meterline/meterline.toml", path(&configuration))
            .replace("/var/lib/meterline", path(&service.data_directory()))
            .replace("/backup", path(self.backup.path()));
        let stand_ins = format!(
            "systemctl() {{ :; }}\nchown() {{ :; }}\nmeterline() {{ {:?} \"$@\"; }}\n",
            env!("CARGO_BIN_EXE_meterline")
        );
        let output = Command::new("sh").args(["-euc", &(stand_ins + &commands)]).output().unwrap();
        assert!(output.status.success(), "{section}: {output:?}");
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Posts this number of readings of a meter of its own, and waits until the store has them.
fn post(service: &Service, meter: u8, count: i64) {
    let now = now_ns() / 1_000_000_000 * 1_000_000_000;
    let body = |number: i64| {
        let (time_ns, values) = (now - number * 1_000_000_000, vec![([1, 0, 1, 8, 0, 255], 1.0)]);
        Body::new(0, vec![Reading { meter: [meter; 16], time_ns, values }])
    };
    let bodies: Vec<Body> = (0..count).map(body).collect();
    service.post_all(&bodies);
    service.wait_for_sink("sqlite");
}

#[test]
fn the_commands_of_the_page_on_backups_bring_everything_back() {
    let mut service = Setup::default().start();
    let page = Page { backup: tempfile::tempdir().unwrap() };
    let stored = |service: &Service| of_sqlite(&service.sqlite_file()).len();
    post(&service, 1, 3);
    page.run(&service, "Back up the embedded store beside the running service");
    post(&service, 2, 4);

    assert!(service.stop().success());
    page.run(&service, "Back up the data directory");
    std::fs::write(service.sqlite_file(), "no database").unwrap();
    page.run(&service, "Restore the embedded store");
    assert_eq!(stored(&service), 3, "the copy as it was made");
    service.start_again();
    service.wait_for_sink("sqlite");
    assert_eq!(stored(&service), 7, "the rest came from the journal");

    post(&service, 3, 5);
    assert!(service.stop().success());
    page.run(&service, "Restore the data directory");
    service.start_again();
    service.wait_for_sink("sqlite");
    assert_eq!(stored(&service), 7, "the directory as it was copied");
    post(&service, 4, 6);
    assert_eq!(stored(&service), 13);
    assert!(service.stop().success());
}
