//! The channels of a monitor: from an index in a message to a meter and a phase.
//!
//! A pure value. The monitor has three kinds of indices, and each list of channels has its own: `ctInput`
//! (first generation), `publishIndex` (second generation), and the indices of the metering configuration.
//! Invariants: a channel is found by its index, never by its place in a list; an index without an entry
//! gives a meter of its own, never another channel's; of several channels of a phase of the grid the first
//! one is the location's.

use super::codes::Phase;
use std::borrow::Cow;

/// More channels are no monitor's: the others are left out and reported.
pub const CHANNELS_MAX: usize = 512;
/// The longest name that is kept, in characters.
const NAME_CHARS_MAX: usize = 100;

/// The use of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// At the connection to the grid.
    Grid,
    /// A producer, such as photovoltaics. Its import is production.
    Production,
    /// A battery.
    Storage,
    /// A load of its own.
    Submeter,
    /// An appliance.
    Appliance,
    /// A use without a published name.
    Other,
    /// Nothing is connected. Its values are noise.
    Unused,
}

impl Role {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Production => "production",
            Self::Storage => "storage",
            Self::Submeter => "submeter",
            Self::Appliance => "appliance",
            Self::Other => "other",
            Self::Unused => "unused",
        }
    }
}

/// The kind of the supply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhaseType {
    /// One phase.
    One,
    /// Two phases.
    Two,
    /// Three phases and neutral.
    ThreeStar,
    /// Three phases without neutral: voltages are between lines.
    ThreeDelta,
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its index: `ctInput`, `publishIndex` or `consumptionIndex`.
    pub index: Option<u32>,
    /// Its index in the cloud's `power` arrays.
    pub power_index: Option<u32>,
    /// The name that its owner gave it.
    pub name: String,
    /// Its use.
    pub role: Role,
    /// Its phase, if the configuration has it.
    pub phase: Option<Phase>,
    /// The number of its measurement: channels of one measurement are its phases.
    pub measurement: usize,
    /// Other properties as sent, with their names.
    pub details: Vec<(String, String)>,
    key: String,
    /// Whether an earlier one of its list is of the same phase of the grid.
    is_second: bool,
}

impl Channel {
    /// A channel of its own measurement.
    pub(super) fn new(index: Option<u32>, power_index: Option<u32>, name: &str, role: Role) -> Self {
        let key = match (index, power_index) {
            (Some(index), _) => ct(index),
            (None, Some(index)) => format!("power:{index}"),
            (None, None) => String::new(),
        };
        let name = name.chars().take(NAME_CHARS_MAX).collect();
        Self { index, power_index, name, role, phase: None, measurement: 0, details: Vec::new(), key, is_second: false }
    }

    /// Its meter, as the channel of a value.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// The list of channels that an index is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// `ctInput`: the first generation.
    Input(u32),
    /// `publishIndex`: the second generation.
    Published(u32),
    /// `consumptionIndex`: rows of the REST API.
    Consumption(u32),
    /// The place in the cloud's arrays of powers and currents.
    Power(u32),
}

/// The meter and the phase of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<'a> {
    /// The channel; empty for the location.
    pub channel: Cow<'a, str>,
    /// The phase; `None` if it is unknown.
    pub phase: Option<Phase>,
}

/// The location itself.
pub(super) const SITE: Place<'static> = Place { channel: Cow::Borrowed(""), phase: None };

/// The channels of a monitor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelMap {
    /// By `ctInput`.
    inputs: Vec<Channel>,
    /// By `publishIndex`.
    published: Vec<Channel>,
    /// Of the metering configuration.
    metering: Vec<Channel>,
    phase_type: Option<PhaseType>,
}

/// The first channel of a message for each phase of the location's meter. Another one of that phase has a
/// meter of its own, also if its phase is known from the message alone.
#[derive(Debug, Default)]
pub(super) struct SitePhases([Option<Index>; 4]);

impl ChannelMap {
    pub(super) fn set_inputs(&mut self, channels: Vec<Channel>) {
        self.inputs = marked(channels);
    }

    pub(super) fn set_published(&mut self, channels: Vec<Channel>, phase_type: Option<PhaseType>) {
        self.published = marked(channels);
        self.phase_type = phase_type.or(self.phase_type);
    }

    pub(super) fn set_metering(&mut self, channels: Vec<Channel>, phase_type: Option<PhaseType>) {
        self.metering = marked(channels);
        self.phase_type = phase_type.or(self.phase_type);
    }

    /// The channels of every list.
    pub fn channels(&self) -> impl Iterator<Item = &Channel> {
        self.inputs.iter().chain(&self.published).chain(&self.metering)
    }

    /// The channels that are meters of their own, with their places.
    pub fn own_meters(&self) -> impl Iterator<Item = (&Channel, Place<'_>)> {
        let placed = self.channels().filter_map(|channel| Some((channel, self.place_of(channel, None)?)));
        placed.filter(|(_, place)| !place.channel.is_empty())
    }

    /// Whether there is no channel.
    pub fn is_empty(&self) -> bool {
        self.channels().next().is_none()
    }

    /// Whether the metering configuration is known, which the cloud's arrays need.
    pub fn has_metering(&self) -> bool {
        !self.metering.is_empty()
    }

    /// Whether the channels are known, and none of them is of something that may send energy to the grid.
    pub(super) fn has_no_production(&self) -> bool {
        !self.is_empty() && !self.channels().any(|channel| matches!(channel.role, Role::Production | Role::Storage))
    }

    /// Whether voltages without a name of their own are between lines.
    pub(super) fn is_delta(&self) -> bool {
        self.phase_type == Some(PhaseType::ThreeDelta)
    }

    /// Whether the supply has this phase, as far as known. Monitors send 0 V for a phase that it has not.
    pub(super) fn has_phase(&self, phase: Phase) -> bool {
        match self.phase_type {
            Some(PhaseType::One) => phase == Phase::L1,
            Some(PhaseType::Two) => phase != Phase::L3,
            Some(PhaseType::ThreeStar | PhaseType::ThreeDelta) => true,
            None => {
                let mut used = self.channels().filter(|channel| channel.role != Role::Unused).peekable();
                used.peek().is_none() || used.any(|channel| channel.phase.is_none_or(|known| known == phase))
            }
        }
    }

    /// The place of a value of a channel, with the phase that the message has, if any; `None` if nothing is
    /// connected.
    pub fn place(&self, index: Index, sent: Option<Phase>) -> Option<Place<'_>> {
        match self.find(index) {
            None => Some(Place { channel: self.key(index), phase: sent }),
            Some(channel) => self.place_of(channel, sent),
        }
    }

    /// The place of a value of this channel.
    pub(super) fn place_of<'a>(&self, channel: &'a Channel, sent: Option<Phase>) -> Option<Place<'a>> {
        let only = (self.phase_type == Some(PhaseType::One)).then_some(Phase::L1);
        let phase = sent.or(channel.phase).or(only);
        let is_second = channel.is_second && phase == channel.phase;
        match channel.role {
            Role::Unused => None,
            // Without a phase, values of several channels of the grid would replace each other.
            Role::Grid if phase.is_some() && !is_second || self.is_only_grid(channel) => Some(Place { phase, ..SITE }),
            _ => Some(Place { channel: channel.key().into(), phase }),
        }
    }

    /// Channels of the cloud's arrays of energies: their place there is the rank of their `power_index`.
    pub(super) fn ranked(&self) -> Vec<&Channel> {
        let mut channels: Vec<_> = self.metering.iter().filter(|channel| channel.power_index.is_some()).collect();
        channels.sort_by_key(|channel| channel.power_index);
        channels
    }

    /// Whether there is a channel of this index.
    pub(super) fn has(&self, index: Index) -> bool {
        self.find(index).is_some()
    }

    /// The meter of a channel, as if it were not the location's.
    fn key(&self, index: Index) -> Cow<'_, str> {
        self.find(index).map_or_else(|| unknown(index).into(), |channel| channel.key().into())
    }

    fn find(&self, index: Index) -> Option<&Channel> {
        let (lists, wanted) = match index {
            Index::Input(index) => ([&self.inputs, &self.metering, &self.published], index),
            Index::Published(index) => ([&self.published, &self.metering, &self.inputs], index),
            Index::Consumption(index) => ([&self.metering, &self.published, &self.inputs], index),
            Index::Power(index) => return self.metering.iter().find(|channel| channel.power_index == Some(index)),
        };
        let list = lists.into_iter().find(|list| !list.is_empty())?;
        list.iter().find(|channel| channel.index == Some(wanted))
    }

    fn is_only_grid(&self, channel: &Channel) -> bool {
        let is_other = |other: &&Channel| other.role == Role::Grid && other.key != channel.key;
        self.channels().find(is_other).is_none()
    }
}

impl SitePhases {
    /// The place of a value, as [`ChannelMap::place`] has it, or the channel's own meter.
    pub(super) fn place<'a>(&mut self, map: &'a ChannelMap, index: Index, sent: Option<Phase>) -> Option<Place<'a>> {
        let place = map.place(index, sent)?;
        let slot = place.phase.map_or(0, |phase| usize::from(phase.number()));
        let first = self.0.get_mut(slot).filter(|_| place.channel.is_empty());
        let is_own = first.is_none_or(|first| *first.get_or_insert(index) == index);
        Some(if is_own { place } else { Place { channel: map.key(index), ..place } })
    }
}

/// Marks the channels of the grid whose phase an earlier one has.
fn marked(mut channels: Vec<Channel>) -> Vec<Channel> {
    let mut seen = Vec::new();
    for channel in channels.iter_mut().filter(|channel| channel.role == Role::Grid && channel.phase.is_some()) {
        channel.is_second = seen.contains(&channel.phase);
        seen.push(channel.phase);
    }
    channels
}

/// The channel of an index without an entry.
fn unknown(index: Index) -> String {
    match index {
        Index::Input(index) | Index::Published(index) | Index::Consumption(index) => ct(index),
        Index::Power(index) => format!("power:{index}"),
    }
}

fn ct(index: u32) -> String {
    format!("ct:{index}")
}
