//! The options `-v` and `-q`, which every command has.

use clap::{ArgAction, Args};
use tracing::Level;

/// From the fewest events to the most.
const LEVELS: [Level; 5] = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];

/// How much a command says beside its result.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Verbosity {
    /// Log more on standard error: the service one level more than log.level for each -v, a command
    /// from -v on
    #[arg(long, short, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Log less: the service one level less than log.level for each -q; a command shows no progress
    #[arg(long, short, global = true, action = ArgAction::Count, conflicts_with = "verbose")]
    quiet: u8,
}

impl Verbosity {
    /// The level of log events, where `base` is the one without an option.
    pub(super) fn level(self, base: Level) -> Level {
        let at = LEVELS.iter().position(|level| *level == base).unwrap_or_default();
        let at = (at + usize::from(self.verbose)).saturating_sub(self.quiet.into());
        LEVELS[at.min(LEVELS.len() - 1)]
    }

    /// Whether a command logs events.
    pub(super) fn is_verbose(self) -> bool {
        self.verbose > 0
    }

    /// Whether progress is not shown.
    pub(super) fn is_quiet(self) -> bool {
        self.quiet > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_is_one_level_and_the_ends_are_not_passed() {
        let level = |verbose, quiet| Verbosity { verbose, quiet }.level(Level::INFO);
        assert_eq!(
            [level(0, 0), level(1, 0), level(2, 0), level(9, 0)],
            [Level::INFO, Level::DEBUG, Level::TRACE, Level::TRACE]
        );
        assert_eq!([level(0, 1), level(0, 2), level(0, 9)], [Level::WARN, Level::ERROR, Level::ERROR]);
    }
}
