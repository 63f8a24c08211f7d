//! `meterline top`: a live view of sinks, sources and meters in the terminal.

mod frame;

use super::Failure;
use super::location::DataLocation;
use super::table::{print, print_bytes};
use crate::base::terminal::has_colours;
use crate::config::parse_duration;
use crate::control::{Command, ask_data, is_served, not_served};
use clap::Args;
use console::{Key, Term};
use frame::{Frame, Size};
use serde_json::Value;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// The alternate screen without a cursor, and back.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l";
const LEAVE: &[u8] = b"\x1b[?25h\x1b[?1049l";
/// The size of a frame without a terminal.
const PLAIN: Size = Size { rows: 50, columns: 120 };
/// A shorter interval would only cost CPU time.
const EVERY_MIN: Duration = Duration::from_millis(100);

/// Show sinks, sources and meters of the running service, live
///
/// Shows what needs attention first. q ends it. It needs a terminal: in scripts use --once, or
/// `meterline sources --json`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    meterline top --config /etc/meterline/meterline.toml\n  \
    meterline top --once\n\n\
    Exit codes: 0 success, 1 no service runs or there is no terminal, 3 error in the configuration.")]
pub(super) struct TopArgs {
    #[command(flatten)]
    location: DataLocation,
    /// Print one frame and end
    #[arg(long)]
    once: bool,
    /// The time between two frames
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    every: Duration,
}

pub(super) fn run(arguments: &TopArgs) -> Result<(), Failure> {
    let directory = arguments.location.load_existing()?.data_directory;
    let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if !arguments.once && !is_terminal {
        return Err(Failure::failed(
            "this is not a terminal; use `meterline top --once`, or `meterline sources --json` in scripts",
        ));
    }
    let first = status(&directory).map_err(Failure::Failed)?;
    if arguments.once {
        let size = if is_terminal { size(&Term::stdout()) } else { PLAIN };
        return print(Frame::of(&first, size).lines(false).join("\n"));
    }
    print_bytes(ENTER)?;
    let shown = show(&directory, arguments.every.max(EVERY_MIN));
    print_bytes(LEAVE)?;
    shown
}

/// The data of the built-in page.
fn status(directory: &Path) -> Result<Value, String> {
    if !is_served(directory) {
        return Err(not_served(directory));
    }
    ask_data(directory, &Command::Status)
}

/// Draws a frame at each interval until a key ends it.
fn show(directory: &Path, every: Duration) -> Result<(), Failure> {
    let (ended, end) = sync_channel(1);
    let keys = std::thread::Builder::new().name("keys".to_owned()).spawn(move || wait_for_end(&ended))?;
    let terminal = Term::stdout();
    let has_colours = has_colours(&std::io::stdout());
    loop {
        // A service that restarts comes back.
        let lines = match status(directory) {
            Ok(status) => Frame::of(&status, size(&terminal)).lines(has_colours),
            Err(why) => vec![why, String::new(), "q: end".to_owned()],
        };
        draw(&lines)?;
        if end.recv_timeout(every) != Err(RecvTimeoutError::Timeout) {
            break;
        }
    }
    keys.join().map_err(|_| Failure::failed("the keyboard cannot be read"))
}

/// Writes a frame over the last one.
fn draw(lines: &[String]) -> Result<(), Failure> {
    let text: String = lines.iter().map(|line| format!("{line}\x1b[K\r\n")).collect();
    print_bytes(format!("\x1b[H{}\x1b[J", text.trim_end_matches("\r\n")).as_bytes())
}

/// Waits for a key that ends the view, or for the end of the input.
fn wait_for_end(ended: &SyncSender<()>) {
    let terminal = Term::stdout();
    while let Ok(key) = terminal.read_key_raw() {
        if matches!(key, Key::Char('q' | 'Q') | Key::Escape | Key::CtrlC) {
            break;
        }
    }
    // The view may have ended meanwhile.
    ended.send(()).ok();
}

fn size(terminal: &Term) -> Size {
    let (rows, columns) = terminal.size();
    Size { rows: rows.into(), columns: columns.into() }
}
