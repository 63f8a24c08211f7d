//! The kinds of trouble: how bad each is, its next command and its section of the runbook. They are in the order of
//! urgency: data that is refused, lost, not delivered, late; then the rest.

use crate::base::Level;
use serde::Serialize;

/// The kind of a trouble. The names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Data is answered 503.
    DataRefused,
    /// The clock is before the build date.
    ClockUnset,
    /// One account gets 503, because its records fill its share of the journal.
    AccountHeldBack,
    /// A sink will never get some records.
    RecordsLost,
    /// The volume of the data directory has little room.
    DiskFull,
    /// The journal will be full within hours.
    JournalFullSoon,
    /// A sink takes no data until the operator has repaired it.
    SinkBlocked,
    /// A source or device does not deliver.
    SourceFailing,
    /// A certificate has expired, or its files cannot be used.
    CertificateInvalid,
    /// A certificate ends soon.
    CertificateExpiring,
    /// A reload was refused, because the configuration has errors.
    ConfigurationRefused,
    /// A sink cannot be reached.
    SinkWaiting,
    /// A sink takes data, but far behind.
    SinkBehind,
    /// The canary's test reading is not visible in a store in time.
    CanaryFailing,
    /// A source that worked delivers nothing new.
    SourceSilent,
    /// A meter sends nothing for longer than it usually does.
    MeterSilent,
    /// Readings of the past are missing.
    GapsOpen,
    /// Missing readings cannot be fetched.
    GapRepairFailing,
    /// A condition at the store of a sink.
    SinkWarning,
    /// Data waits to be re-submitted or dropped.
    DeadLetters,
    /// Two sources send one meter.
    MeterShared,
    /// Gap detection does not follow all meters.
    MetersUntracked,
    /// The clock jumped.
    ClockJumped,
    /// A source has not finished its first run in time.
    SourceNotRun,
    /// Changed settings are used after a restart.
    RestartNeeded,
}

/// The properties that all troubles of a kind have.
struct Facts {
    level: Level,
    command: &'static str,
    runbook: &'static str,
}

impl Kind {
    /// Every kind, the most urgent first.
    pub const ALL: [Self; 25] = [
        Self::DataRefused,
        Self::ClockUnset,
        Self::AccountHeldBack,
        Self::RecordsLost,
        Self::DiskFull,
        Self::JournalFullSoon,
        Self::SinkBlocked,
        Self::SourceFailing,
        Self::CertificateInvalid,
        Self::CertificateExpiring,
        Self::ConfigurationRefused,
        Self::SinkWaiting,
        Self::SinkBehind,
        Self::CanaryFailing,
        Self::SourceSilent,
        Self::MeterSilent,
        Self::GapsOpen,
        Self::GapRepairFailing,
        Self::SinkWarning,
        Self::DeadLetters,
        Self::MeterShared,
        Self::MetersUntracked,
        Self::ClockJumped,
        Self::SourceNotRun,
        Self::RestartNeeded,
    ];

    /// How bad it is.
    pub(in crate::admin) fn level(self) -> Level {
        self.facts().level
    }

    /// The command to run next.
    pub(in crate::admin) fn command(self) -> &'static str {
        self.facts().command
    }

    /// The section of `docs/runbook.md`. A section has the name of the alert, or of the kind where there is none.
    pub fn runbook(self) -> &'static str {
        self.facts().runbook
    }

    fn facts(self) -> Facts {
        const CHECK: &str = "meterline check --config meterline.toml";
        const CONNECT: &str = "meterline check --connect --config meterline.toml";
        const JOURNAL: &str = "meterline journal";
        const SOURCES: &str = "meterline sources";
        const GAPS: &str = "meterline gaps";
        let fault = |command, runbook| Facts { level: Level::Fault, command, runbook };
        let warning = |command, runbook| Facts { level: Level::Warning, command, runbook };
        match self {
            Self::DataRefused => fault(JOURNAL, "MeterlineAnswering503"),
            Self::ClockUnset => fault("timedatectl", "MeterlineClockUnset"),
            Self::AccountHeldBack => fault(JOURNAL, "account-held-back"),
            Self::RecordsLost => fault(JOURNAL, "MeterlineSinkGap"),
            Self::DiskFull => fault("df -h", "MeterlineVolumeNearlyFull"),
            Self::JournalFullSoon => fault(JOURNAL, "MeterlineJournalFullSoon"),
            Self::SinkBlocked => fault(CONNECT, "MeterlineSinkBlocked"),
            Self::SourceFailing => fault(SOURCES, "MeterlineSourceFailing"),
            Self::CertificateInvalid => fault(CHECK, "MeterlineCertificateInvalid"),
            Self::CertificateExpiring => warning(CHECK, "MeterlineCertificateExpiring"),
            Self::ConfigurationRefused => fault(CHECK, "MeterlineConfigurationRefused"),
            Self::SinkWaiting => warning(CONNECT, "MeterlineSinkUnreachable"),
            Self::SinkBehind => warning(JOURNAL, "MeterlineSinkBehind"),
            Self::CanaryFailing => warning(CONNECT, "MeterlineCanaryFailing"),
            Self::SourceSilent => warning(SOURCES, "MeterlineNothingReceived"),
            Self::MeterSilent => warning(GAPS, "meter-silent"),
            Self::GapsOpen => warning(GAPS, "MeterlineReadingsMissing"),
            Self::GapRepairFailing => warning(SOURCES, "MeterlineGapRepairFailing"),
            Self::SinkWarning => warning(CONNECT, "MeterlineSinkWarning"),
            Self::DeadLetters => warning("meterline dead-letters list", "dead-letters"),
            Self::MeterShared => warning(SOURCES, "MeterlineMeterShared"),
            Self::MetersUntracked => warning(GAPS, "meters-untracked"),
            Self::ClockJumped => warning("timedatectl", "MeterlineClockJumped"),
            Self::SourceNotRun => warning(SOURCES, "source-not-run"),
            Self::RestartNeeded => warning(CHECK, "MeterlineConfigurationRefused"),
        }
    }
}
