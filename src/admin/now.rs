//! The view Now and the list of all meters: cards, or a dense table for many.
//!
//! Bound: [`PAGE_METERS`] meters a page. The rest of the fleet is only counted.

mod site;

use super::Views;
use super::fleet::{self, Fleet};
use super::frame::{Frame, View};
use super::history::{Day, NO_STORE, Past};
use super::meter_state::Meter;
use super::moment::Moment;
use super::parameters::Parameters;
use super::selection::{Group, Sort, selected};
use super::spark;
use super::units::{Shown, shown};
use crate::reading::UnixNanos;
use askama::Template;
use jiff::tz::TimeZone;
use site::Tile;
use std::collections::BTreeSet;

/// Meters of one page.
pub(super) const PAGE_METERS: usize = 50;
/// Beyond this number of meters a dense table is shown at first.
const CARDS_MAX: usize = 200;
/// Choices of a list; more are found by the search.
const CHOICES_MAX: usize = 200;

/// The page, as its template reads it.
#[derive(Debug, Template)]
#[template(path = "now.html")]
pub(super) struct NowPage {
    frame: Frame,
    path: &'static str,
    tiles: Vec<Tile>,
    search: String,
    choices: Vec<Choices>,
    is_dense: bool,
    /// The same list as a table, or as cards.
    other_look: String,
    cards: Vec<Card>,
    range: String,
    previous: Option<String>,
    next: Option<String>,
    /// Why there are no curves.
    notice: Option<String>,
    has_meters: bool,
}

/// A list to choose from.
#[derive(Debug)]
struct Choices {
    name: &'static str,
    label: &'static str,
    options: Vec<Choice>,
}

#[derive(Debug)]
struct Choice {
    value: String,
    label: String,
    is_chosen: bool,
}

/// A meter in the list.
#[derive(Debug)]
struct Card {
    /// The heading of the group that begins here.
    heading: Option<String>,
    id: String,
    name: String,
    kind: &'static str,
    source: String,
    source_kind: &'static str,
    value: Option<Shown>,
    spark: String,
    today: Option<Shown>,
    given: Option<Shown>,
    newest: Option<Moment>,
    silent_since: Option<Moment>,
}

/// Makes the page of a request: of cards at first, or of a table where `view` is [`View::Meters`].
pub(super) fn page(views: &Views, view: View, parameters: &Parameters) -> NowPage {
    let (status, now) = ((views.status)(), views.clock.now());
    let Fleet { mut meters, mut notice } = fleet::meters(views, now);
    let kinds = fleet::source_kinds(&status.sources);
    let total = meters.len();
    let choices = choices(&meters, parameters);
    if !views.history.has_store() {
        notice = Some(NO_STORE.to_owned());
    }
    let mut site = site::members(&meters);
    let silent = status.silent.count;
    let newest = meters.iter().filter_map(|meter| meter.newest_at).max();
    meters = selected(meters, parameters);
    let found = meters.len();
    let pages = found.div_ceil(PAGE_METERS).max(1);
    let number = parameters.get("page").parse::<usize>().unwrap_or(1).clamp(1, pages);
    let mut shown: Vec<Meter> = meters.into_iter().skip((number - 1) * PAGE_METERS).take(PAGE_METERS).collect();
    fleet::mark_silent(views, &mut shown, now);
    let filled = views.history.fill(&mut shown).and_then(|()| views.history.fill(&mut site));
    let all: Vec<Meter> = shown.iter().chain(&site).cloned().collect();
    let (past, fault) = views.history.past(&all, now);
    // The first fault says more than those that follow from it.
    notice = notice.or_else(|| filled.err().or(fault).map(|fault| fleet::without_store(&fault)));
    let group = Group::named(parameters.get("group"));
    let mut last_heading = String::new();
    let cards = shown.iter().map(|meter| {
        let heading = group.heading(meter);
        let begins = heading != last_heading;
        last_heading.clone_from(&heading);
        let mut card = card(meter, past.get(&meter.id), now);
        card.heading = begins.then_some(heading);
        card.source_kind = kinds.get(meter.source.as_str()).copied().unwrap_or_default();
        card
    });
    let cards: Vec<Card> = cards.collect();
    let path = if view == View::Now { "/" } else { "/meters" };
    let is_dense = match parameters.get("look") {
        "table" => true,
        "cards" => false,
        _ => view == View::Meters || total > CARDS_MAX,
    };
    let to_page = |number: usize| parameters.with("page", &number.to_string()).link(path);
    let first = (number - 1) * PAGE_METERS;
    let tiles = if view == View::Now {
        site::tiles(&site, &past, &site::Counts { total, silent, newest }, &status, now)
    } else {
        Vec::new()
    };
    NowPage {
        frame: Frame::new(view, if view == View::Now { "Now" } else { "Meters" }, &status, views.is_logged_in),
        path,
        tiles,
        search: parameters.get("search").to_owned(),
        choices,
        is_dense,
        other_look: parameters.with("look", if is_dense { "cards" } else { "table" }).link(path),
        range: match found {
            0 => "none".to_owned(),
            _ => format!("{}–{} of {found}", first + 1, first + cards.len()),
        },
        cards,
        previous: (number > 1).then(|| to_page(number - 1)),
        next: (number < pages).then(|| to_page(number + 1)),
        notice,
        has_meters: total > 0,
    }
}

fn card(meter: &Meter, past: Option<&Past>, now: UnixNanos) -> Card {
    let today = past.map(|past| past.today).unwrap_or_default();
    let Day { taken, given } = today;
    let amount = |amount: Option<(f64, _)>| amount.map(|(amount, unit)| shown(amount, unit));
    Card {
        heading: None,
        id: meter.id.to_string(),
        name: meter.name.clone(),
        kind: meter.kind,
        source: meter.source.clone(),
        source_kind: "",
        value: meter.main_value().map(|main| shown(main.value, main.unit)),
        spark: past.map(|past| spark::path(&past.spark)).unwrap_or_default(),
        today: amount(taken),
        given: amount(given),
        newest: meter.newest_at.map(|at| Moment::age(at, now, &TimeZone::UTC)),
        silent_since: meter.silent_since.map(|at| Moment::near(at, now, &TimeZone::UTC)),
    }
}

fn choices(meters: &[Meter], parameters: &Parameters) -> Vec<Choices> {
    let list = |name: &'static str, values: BTreeSet<&str>| {
        let chosen = parameters.get(name);
        let mut values: Vec<&str> = values.into_iter().take(CHOICES_MAX).collect();
        if !chosen.is_empty() && !values.contains(&chosen) {
            values.push(chosen);
        }
        let option = |value: &str, label: &str| Choice {
            value: value.to_owned(),
            label: label.to_owned(),
            is_chosen: value == chosen,
        };
        std::iter::once(option("", "all")).chain(values.iter().map(|value| option(value, value))).collect()
    };
    let named = |name: &'static str, of: &[(&'static str, &'static str)]| {
        let chosen = parameters.get(name);
        let is_known = of.iter().any(|(value, _)| *value == chosen);
        let option = |(at, (value, label)): (usize, &(&str, &str))| Choice {
            value: (*value).to_owned(),
            label: (*label).to_owned(),
            is_chosen: if is_known { *value == chosen } else { at == 0 },
        };
        of.iter().enumerate().map(option).collect()
    };
    let nonempty = |text: &&str| !text.is_empty();
    let sources = list("source", meters.iter().map(|meter| meter.source.as_str()).filter(nonempty).collect());
    let kinds = list("kind", meters.iter().map(|meter| meter.kind).collect());
    let sorts = named("sort", &Sort::ALL.map(|(_, value, label)| (value, label)));
    let groups = named("group", &Group::ALL.map(|(_, value, label)| (value, label)));
    [("source", "Source", sources), ("kind", "Kind", kinds), ("sort", "Sort", sorts), ("group", "Group", groups)]
        .into_iter()
        .map(|(name, label, options)| Choices { name, label, options })
        .collect()
}
