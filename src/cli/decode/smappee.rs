//! Answers of Smappee's REST API, read with the configuration of their site.

use super::item::Item;
use super::options::Options;
use super::output::Output;
use crate::cli::failure::Failure;
use crate::reading::registry::Interval;
use crate::vendor::At;
use crate::vendor::smappee::hide_every;
use crate::vendor::smappee::rest::{Asked, Document, LOCATIONS, Shape, Site, locations};
use std::io::Write;

/// Whether it is the path of a request about a location. Its number may look like the device of another topic.
pub(super) fn is_path(topic: &str) -> bool {
    topic.starts_with(LOCATIONS)
}

/// Whether the bytes are such an answer.
pub(super) fn is_answer(bytes: &[u8]) -> bool {
    Document::read(bytes).is_ok_and(|document| document.shape() != Shape::State)
}

/// Prints the parts of an answer. The error and the parts hold no UUID and no token.
pub(super) fn decode(
    topic: Option<&str>,
    bytes: &[u8],
    options: &Options,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let (path, hidden) = (topic.and_then(Asked::of_path), hide_every(bytes));
    let document = match path {
        Some((shape, _)) => Document::of(shape, &hidden),
        None => Document::read(&hidden),
    };
    let document = match document {
        Ok(document) => document,
        // A token must not be shown, so nothing of an unknown answer is.
        Err(error) => return output.unreadable_message(0, &error.to_string(), &[]),
    };
    let site = match site(&document, bytes, options) {
        Ok(site) => site,
        Err(error) => return output.unreadable_message(0, &error, &[]),
    };
    let mut items = match document.shape() {
        Shape::Locations => listed(bytes),
        shape => description(&site, shape),
    };
    let asked = path.map_or_else(|| probable(&document), |(_, asked)| asked);
    let ids = |channel: &str| ids(&site, channel);
    let visited = document.visit(&site, asked, |part| items.push(Item::of(part, "", ids, &options.judge)));
    if let Err(error) = visited {
        return output.unreadable_message(0, &error.to_string(), &[]);
    }
    output.message();
    items.into_iter().try_for_each(|item| output.put(0, item))
}

/// The probable question to an answer without its path: a cost analysis of a month. A single row is of five minutes.
fn probable(document: &Document<'_>) -> Asked<'static> {
    let by_shape = if document.shape() == Shape::Cost { Interval::Month } else { Interval::Recording };
    Asked { interval: document.interval().unwrap_or(by_shape), from: At::Receipt, plug: "" }
}

/// The site of an answer, as far as the answer or the context describes it.
fn site(document: &Document<'_>, bytes: &[u8], options: &Options) -> Result<Site, String> {
    let mut site = Site::numbered(document.location().unwrap_or_default());
    let own = (document.shape() == Shape::Site).then_some(bytes);
    for context in options.context.iter().map(Vec::as_slice).chain(own) {
        site.learn(context).map_err(|error| format!("the context cannot be used: {error}"))?;
    }
    Ok(site)
}

/// The texts of the locations of an account.
fn listed(bytes: &[u8]) -> Vec<Item> {
    let texts = locations(bytes).unwrap_or_default().into_iter().flat_map(|location| {
        let site = Site::of(&location);
        [("name", location.name), ("deviceSerialNumber", location.serial)]
            .map(|(name, text)| Item::text(ids(&site, ""), name, text))
    });
    texts.filter(|item| !matches!(item, Item::Text { text, .. } if text.is_empty())).collect()
}

/// The texts of a site's description.
fn description(site: &Site, shape: Shape) -> Vec<Item> {
    if shape != Shape::Site {
        return Vec::new();
    }
    let mut texts = vec![
        (String::new(), "name", site.name.clone()),
        (String::new(), "timezone", site.time_zone.clone()),
        (String::new(), "phaseType", site.phases.clone()),
    ];
    let own = site.transformers().own_meters();
    texts.extend(own.map(|(channel, place)| (place.channel.into_owned(), "name", channel.name.clone())));
    let things = |kind: &'static str| {
        move |it: &crate::vendor::smappee::rest::Thing| (format!("{kind}:{}", it.id), "name", it.name.clone())
    };
    texts.extend(site.sensors.iter().map(|sensor| (format!("sensor:{}", sensor.id), "name", sensor.name.clone())));
    texts.extend(site.actuators.iter().map(things("plug")));
    texts.extend(site.appliances.iter().map(things("appliance")));
    let item = |(channel, name, text): (String, &str, String)| Item::text(ids(site, &channel), name, text);
    texts.into_iter().filter(|(.., text)| !text.is_empty()).map(item).collect()
}

/// The meter and the native id of a channel.
fn ids(site: &Site, channel: &str) -> (String, String) {
    (site.meter(channel).to_string(), site.native_id(channel))
}
