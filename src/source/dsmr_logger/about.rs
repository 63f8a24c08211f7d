//! The descriptions of the meters behind a logger, and of the logger itself.

use super::reader::{Message, Reader, meter};
use crate::clock::Clock;
use crate::source::SourceError;
use crate::source::describer::Described;
use crate::source::device::with_path;
use crate::source::p1::{self, described};
use crate::source::stream::Messages as _;
use crate::vendor::dsmr_logger::{Document, LoggerInfo};
use std::time::{Duration, Instant};

/// A logger is asked for its own description this often, to notice new firmware.
const ASKED_EVERY: Duration = Duration::from_mins(15);

/// The texts about a logger and its meters.
#[derive(Debug, Default)]
pub(super) struct About {
    logger: LoggerInfo,
    /// When the logger was asked for its own description.
    asked: Option<Instant>,
    /// The meters by the newest telegram.
    by_telegram: Option<Described>,
}

impl About {
    /// Asks the logger for its own description, now and then. Readings do not need it.
    pub(super) async fn ask(&mut self, reader: &Reader, clock: &Clock) -> Result<(), SourceError> {
        if self.asked.is_some_and(|at| clock.elapsed(at) < ASKED_EVERY) {
            return Ok(());
        }
        self.asked = Some(clock.monotonic());
        let path = reader.paths().map_or("", |paths| paths.logger);
        if path.is_empty() {
            return Ok(());
        }
        match reader.device.get_if_found(&with_path(&reader.url, path)?).await {
            Ok(Ok(body)) => self.logger = LoggerInfo::read(&body).unwrap_or_default(),
            Err(SourceError::Stopped(stopped)) => return Err(stopped.into()),
            Ok(Err(_)) | Err(_) => {}
        }
        Ok(())
    }

    /// The descriptions of the meters in a message. The newest telegram's descriptions stay while no
    /// telegram comes, because some loggers change the model in their values.
    pub(super) fn descriptions(&mut self, reader: &Reader, message: &Message) -> Described {
        let mut all = if message.format == p1::FORMAT {
            self.by_telegram.insert(reader.telegrams.described(&message.body)).clone()
        } else {
            let by_values = by_values(reader, message);
            // An exchanged meter is not the one of the telegram.
            let is_same = |known: &Described| known.first().map(|it| it.0) == by_values.first().map(|it| it.0);
            self.by_telegram.clone().filter(is_same).unwrap_or(by_values)
        };
        let LoggerInfo { firmware, hostname } = &self.logger;
        for (_, description) in &mut all {
            description.firmware = firmware.clone().unwrap_or_default();
        }
        if let Some((_, main)) = all.first_mut() {
            main.gateway = hostname.clone().unwrap_or_default();
        }
        all
    }
}

fn by_values(reader: &Reader, message: &Message) -> Described {
    let identity = reader.identity.clone().unwrap_or_default();
    let Ok(document) = Document::read(&message.body, &identity) else { return Vec::new() };
    let name = &reader.options.name;
    described(&document.nameplate(), name, |channel| meter(document.identity(), name, channel))
}
