//! The facts of a telegram that hold for all its values: its time, its ids, and the devices on its
//! M-Bus. They may stand anywhere in the telegram.

use super::line::Line;
use super::mbus::Channel;
use super::registers::{CHANNEL_MAX, ChannelLine, Meaning, meaning};
use super::time::{AHEAD_MAX, Stamp, WinterOffset, YEAR_2000};
use super::unit::Quantity;
use crate::reading::{Flags, Obis, UnixNanos};
use crate::vendor::At;

/// Why a line cannot be read, in one sentence.
pub(super) type Fault = &'static str;

/// The facts of a telegram.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) winter: WinterOffset,
    pub(super) clock: Option<(u8, Stamp)>,
    pub(super) id: Option<(u8, &'a [u8])>,
    /// Whether its standard has a checksum: DSMR 4 and later, and e-MUCS, name their version.
    pub(super) has_checksum: bool,
    /// Whether it gives the version of e-MUCS, Belgium's standard.
    pub(super) is_belgian: bool,
    /// Whether it gives the version of DSMR.
    pub(super) is_dsmr: bool,
    /// Whether it has a register of a second tariff.
    pub(super) has_tariffs: bool,
    channels: [Channel<'a>; CHANNEL_MAX as usize],
}

impl<'a> Facts<'a> {
    /// The facts of a telegram with this head line.
    pub(super) fn of<'b>(head: &[u8], lines: impl Iterator<Item = &'b Line<'a>>) -> Self
    where
        'a: 'b,
    {
        // Lithuania's grid operator; its clock is an hour ahead of the others'.
        let winter = WinterOffset(if head.starts_with(b"ESO5") { 2 } else { 1 });
        let mut facts = Self {
            winter,
            clock: None,
            id: None,
            has_checksum: false,
            is_belgian: false,
            is_dsmr: false,
            has_tariffs: false,
            channels: Default::default(),
        };
        let (mut date, mut time): (&[u8], &[u8]) = (&[], &[]);
        for line in lines {
            let Some(code) = line.obis else { continue };
            let first = line.groups().next().unwrap_or(&[]);
            match meaning(code) {
                Meaning::Clock(rank) => facts.note_clock(rank, Stamp::parse(first, winter)),
                Meaning::ClockDate => date = first,
                Meaning::ClockTime => time = first,
                Meaning::Id(rank) if is_id(first) && facts.id.is_none_or(|(known, _)| rank < known) => {
                    facts.id = Some((rank, first));
                }
                Meaning::Version => {
                    let version = std::str::from_utf8(first).ok().and_then(|version| version.parse::<u32>().ok());
                    facts.has_checksum = version.is_none_or(|version| version >= CHECKSUM_SINCE);
                    facts.is_belgian |= code.0[2] == 96;
                    facts.is_dsmr |= code.0[2] == 0;
                }
                Meaning::Register(SECOND_TARIFF) => facts.has_tariffs = true,
                Meaning::Channel(number, what) => facts.note_channel(number, what, line),
                _ => {}
            }
        }
        facts.note_clock(u8::MAX, Stamp::of_parts(date, time, winter));
        facts
    }

    fn note_clock(&mut self, rank: u8, stamp: Option<Stamp>) {
        // A clock that counts from 1970 was never set.
        let stamp = stamp.map(|stamp| match stamp {
            Stamp::Time(time, _) if time < YEAR_2000 => Stamp::Unset,
            other => other,
        });
        if let Some(stamp) = stamp
            && self.clock.is_none_or(|(known, _)| rank < known)
        {
            self.clock = Some((rank, stamp));
        }
    }

    fn note_channel(&mut self, number: u8, what: ChannelLine, line: &Line<'a>) {
        let first = line.groups().next().unwrap_or(&[]);
        let Some(channel) = self.channels.get_mut(usize::from(number) - 1) else { return };
        match what {
            ChannelLine::Kind => channel.kind = std::str::from_utf8(first).ok().and_then(|kind| kind.parse().ok()),
            ChannelLine::Id if is_id(first) => channel.id = Some(first),
            // A place without a device has a number without a unit.
            ChannelLine::Counter(rank) if has_counter(line) => {
                channel.counter = Some(channel.counter.map_or(rank, |known| known.min(rank)));
            }
            _ => {}
        }
    }

    pub(super) fn channel(&self, number: u8) -> Option<&Channel<'a>> {
        self.channels.get(usize::from(number).checked_sub(1)?)
    }

    /// The channels whose device has a counter, with their numbers.
    pub(super) fn counted_channels(&self) -> impl Iterator<Item = (u8, &Channel<'a>)> {
        (1..).zip(&self.channels).filter(|(_, channel)| channel.counter.is_some())
    }

    /// The telegram's time.
    pub(super) fn now(&self) -> (At, Flags) {
        match self.clock {
            Some((_, Stamp::Time(time, flags))) => (At::Time(time), flags),
            _ => (At::Receipt, Flags::TIME_IS_RECEIVE_TIME),
        }
    }

    /// A value's own time; `None` if the device's clock was never set.
    pub(super) fn own_time(&self, text: &[u8]) -> Result<Option<(UnixNanos, Flags)>, Fault> {
        match Stamp::parse(text, self.winter) {
            Some(Stamp::Time(time, _)) if time < YEAR_2000 => Ok(None),
            Some(Stamp::Time(time, flags)) if !self.is_ahead(time) => Ok(Some((time, flags))),
            Some(Stamp::Time(..)) => Err("the value's time is more than a day after the telegram's"),
            Some(Stamp::Unset) => Ok(None),
            Some(Stamp::Absurd) => Err("the value's time is not a date"),
            None => Err("the value's time has an unknown form"),
        }
    }

    fn is_ahead(&self, time: UnixNanos) -> bool {
        let ahead_max = i64::try_from(AHEAD_MAX.as_nanos()).unwrap_or(i64::MAX);
        matches!(self.clock, Some((_, Stamp::Time(now, _))) if time.since(now) > ahead_max)
    }
}

/// The import of tariff 2.
const SECOND_TARIFF: Obis = Obis([1, 0, 1, 8, 2, 255]);
/// The oldest version with a checksum: DSMR 4.0. Belgian versions have five digits.
const CHECKSUM_SINCE: u32 = 40;
/// From this rank on ids are digits, unless they are as long as the hexadecimal form of characters.
const DIGITS_RANK: u8 = 3;
const HEX_BYTES_MIN: usize = 20;

/// Whether a group is an id. Meters fill a missing one with zeros or ones.
fn is_id(group: &[u8]) -> bool {
    !group.iter().all(|byte| *byte == b'0') && !group.iter().all(|byte| byte.eq_ignore_ascii_case(&b'f'))
}

/// Whether a counter has a value: a number with a unit, which old forms have in a group of its own.
fn has_counter(line: &Line<'_>) -> bool {
    let last = line.groups().last().and_then(Quantity::parse);
    last.is_some_and(|quantity| quantity.unit.is_some() || line.groups().count() > 2)
}

impl Facts<'_> {
    /// The meter's id as printed on it; `None` if it sends none.
    pub(super) fn printed_id(&self) -> Option<String> {
        let (rank, id) = self.id?;
        let is_digits = rank >= DIGITS_RANK && id.len() < HEX_BYTES_MIN;
        Some(if is_digits { String::from_utf8_lossy(id).into_owned() } else { printed(id) })
    }
}

/// An id as printed on the meter: the characters whose hexadecimal form was sent, without the blanks
/// that fill it.
pub(super) fn printed(id: &[u8]) -> String {
    let decoded = hex::decode(id).unwrap_or_default();
    let text = decoded.trim_ascii();
    let is_text = !text.is_empty() && text.iter().all(u8::is_ascii_alphanumeric);
    String::from_utf8_lossy(if is_text { text } else { id }).into_owned()
}
