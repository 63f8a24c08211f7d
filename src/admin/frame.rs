//! The frame of every view: navigation, the state of the service in words, the time.

use super::status::Status;
use crate::base::Level;

/// The views in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// The meters with their values.
    Now,
    /// The list of all meters, and a meter's own page.
    Meters,
    /// Sources, journal and sinks.
    Flow,
    /// Everything that needs a person.
    Trouble,
}

/// Seconds between two fetches of a view that shows the service's state.
const REFRESH_SECONDS: u32 = 5;

impl View {
    const ALL: [Self; 4] = [Self::Now, Self::Meters, Self::Flow, Self::Trouble];

    fn path(self) -> &'static str {
        match self {
            Self::Now => "/",
            Self::Meters => "/meters",
            Self::Flow => "/flow",
            Self::Trouble => "/trouble",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Now => "Now",
            Self::Meters => "Meters",
            Self::Flow => "Flow",
            Self::Trouble => "Trouble",
        }
    }
}

/// The frame of one page, as its template reads it.
#[derive(Debug)]
pub(super) struct Frame {
    view: View,
    /// The title of the browser's tab, after the mark.
    pub(super) title: String,
    pub(super) version: &'static str,
    /// RFC 3339 in UTC.
    pub(super) now: String,
    /// RFC 3339 in UTC.
    pub(super) started: String,
    /// The outcome and the time of the last reload of the configuration.
    pub(super) reload: Option<(&'static str, String)>,
    level: Level,
    troubles: usize,
    words: String,
    /// Whether the browser has a session, which it can end.
    pub(super) is_logged_in: bool,
}

/// An item of the navigation.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) path: &'static str,
    pub(super) label: &'static str,
    pub(super) is_current: bool,
    /// Shown beside the label if it is not 0.
    pub(super) count: usize,
}

impl Frame {
    /// The frame of a view of this status.
    pub(super) fn new(view: View, title: impl Into<String>, status: &Status, is_logged_in: bool) -> Self {
        Self {
            view,
            title: title.into(),
            version: status.version,
            now: status.now.to_string(),
            started: status.started.to_string(),
            reload: status.reload.as_ref().map(|reload| (reload.outcome(), reload.at.clone())),
            level: status.trouble.level,
            troubles: status.trouble.count,
            words: status.trouble.summary.clone(),
            is_logged_in,
        }
    }

    pub(super) fn items(&self) -> impl Iterator<Item = Item> {
        View::ALL.into_iter().map(|view| Item {
            path: view.path(),
            label: view.label(),
            is_current: view == self.view,
            count: if view == View::Trouble { self.troubles } else { 0 },
        })
    }

    /// The state as a mark, so that it never is colour alone.
    pub(super) fn mark(&self) -> &'static str {
        if self.troubles == 0 { "●" } else { "▲" }
    }

    /// The state in words.
    pub(super) fn words(&self) -> &str {
        &self.words
    }

    pub(super) fn class(&self) -> &'static str {
        match (self.troubles, self.level) {
            (0, _) => "good",
            (_, Level::Fault) => "bad",
            _ => "warning",
        }
    }

    /// The time of day in UTC; the script shows the browser's.
    pub(super) fn clock(&self) -> String {
        format!("{} UTC", self.now.get(11..19).unwrap_or_default())
    }

    /// When the service started, in UTC; the script shows the browser's time.
    pub(super) fn started_text(&self) -> String {
        let part = |range: std::ops::Range<usize>| self.started.get(range).unwrap_or_default();
        format!("{} {} UTC", part(0..10), part(11..19))
    }

    /// 0 for views whose values come as events.
    pub(super) fn refresh_seconds(&self) -> u32 {
        match self.view {
            View::Now | View::Meters => 0,
            View::Flow | View::Trouble => REFRESH_SECONDS,
        }
    }
}
