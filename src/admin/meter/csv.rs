//! The data that a meter's view shows, as CSV: one line for each point of a curve and each bar, with all digits.

use super::data::{Curve, Data};
use crate::admin::Views;
use crate::admin::parameters::Parameters;
use crate::reading::MeterId;
use hyper::StatusCode;
use std::fmt::Write as _;

const HEAD: &str = "register,name,unit,from,until,minimum,mean,maximum,samples,amount,estimated\r\n";

/// The lines of a request, or why there are none: a program must not take a part or another span for them. `None` if
/// nothing is known about the meter.
pub(in crate::admin) fn csv(
    views: &Views,
    id: MeterId,
    parameters: &Parameters,
) -> Option<Result<String, (StatusCode, String)>> {
    let mut data = Data::of(views, id, parameters, !parameters.get("more").is_empty())?;
    if let Some(fault) = data.range.fault.take() {
        return Some(Err((StatusCode::BAD_REQUEST, fault)));
    }
    if let Some(notice) = data.notice.take().filter(|_| views.history.has_store()) {
        return Some(Err((StatusCode::SERVICE_UNAVAILABLE, notice)));
    }
    let mut text = String::from(HEAD);
    for curve in data.rates.iter().chain(&data.others) {
        points(&mut text, curve);
    }
    let unit = data.bars_unit.symbol();
    for bar in &data.bars {
        let amounts = [("import", bar.taken), ("export", bar.given)];
        for (name, amount) in amounts.into_iter().filter_map(|(name, amount)| Some((name, amount?))) {
            let estimated = bar.is_estimated || !bar.is_complete;
            // Writing to a `String` cannot fail.
            write!(text, ",{name},{unit},{},{},,,,,{amount},{estimated}\r\n", bar.from, bar.until).unwrap_or_default();
        }
    }
    Some(Ok(text))
}

fn points(text: &mut String, curve: &Curve) {
    // Names are of the registry, and may have commas.
    let (name, unit) = (curve.points.label.replace('"', "\"\""), curve.unit.symbol());
    for bucket in &curve.points.buckets {
        write!(
            text,
            "{},\"{name}\",{unit},{},{},{},{},{},{},,{}\r\n",
            curve.obis,
            bucket.start,
            bucket.last_at,
            bucket.min,
            bucket.mean,
            bucket.max,
            bucket.count,
            bucket.is_estimated
        )
        .unwrap_or_default();
    }
}
