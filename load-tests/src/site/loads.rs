//! The power of each load at a time, in W; of water, the flow in m³ per hour.

use super::daytime::Daytime;

/// The solar roof's peak power.
const SOLAR_PEAK: f64 = 8200.0;
/// Time steps of the heat pump's cycle, of five minutes each.
const CYCLE: i64 = 10;
const STEP_S: i64 = 300;

/// The power of a solar roof.
pub(super) fn solar(utc: i64) -> f64 {
    let at = Daytime::at(utc);
    let sky = 0.15 + 0.85 * at.chance(0xB1);
    let clouds = 0.65 + 0.25 * at.chance_each(0xB2, 1800) + 0.1 * at.chance_each(0xB3, STEP_S);
    SOLAR_PEAK * at.sun().max(0.0).powf(1.15) * sky * clouds
}

/// A heat pump in cycles, longer when it is cold.
#[expect(clippy::cast_precision_loss, reason = "a step is below ten")]
pub(super) fn heat_pump(utc: i64) -> f64 {
    let at = Daytime::at(utc);
    let wanted = ((17.0 - at.temperature()) / 26.0).clamp(0.0, 1.0);
    let step = utc.div_euclid(STEP_S).rem_euclid(CYCLE) as f64;
    if step < wanted * CYCLE as f64 { 2050.0 + 180.0 * at.chance_each(0xC1, STEP_S) } else { 14.0 }
}

/// A car that is charged on most evenings.
pub(super) fn charger(utc: i64) -> f64 {
    let at = Daytime::at(utc);
    let begins = 17.5 + 2.0 * at.chance(0xD1);
    let lasts = 1.0 + 2.5 * at.chance(0xD2);
    let is_charging = at.chance(0xD3) < 0.7 && (begins..begins + lasts).contains(&at.hour);
    if is_charging { 7210.0 } else { 3.2 }
}

/// The consumption of a household without its large loads.
pub(super) fn household(seed: u64, utc: i64) -> f64 {
    let at = Daytime::at(utc);
    let refrigerator = if (utc.div_euclid(1500) + seed.cast_signed()).rem_euclid(2) == 0 { 85.0 } else { 0.0 };
    let lights = 90.0 * at.between(6.0, 8.0) + 240.0 * at.between(17.0, 23.0);
    let is_cooking = at.chance_each(seed, 1800) > 0.45;
    let cooking = if is_cooking { 1350.0 * (at.between(11.5, 13.0) + at.between(18.0, 20.0)) } else { 0.0 };
    let washing = if at.chance(seed + 1) > 0.5 { 620.0 * at.between(9.0, 11.0) } else { 0.0 };
    145.0 + refrigerator + lights + cooking + washing + 60.0 * at.chance_each(seed + 2, STEP_S)
}

/// The exchange of the house with the grid; negative is export.
pub(super) fn house_grid(utc: i64) -> f64 {
    household(0xE1, utc) + heat_pump(utc) + charger(utc) - solar(utc)
}

/// The computers of an office.
pub(super) fn server_room(utc: i64) -> f64 {
    let at = Daytime::at(utc);
    1240.0 + work(at) * 160.0 + 70.0 * at.chance_each(0xF1, STEP_S)
}

/// The ventilation of an office.
pub(super) fn ventilation(utc: i64) -> f64 {
    let at = Daytime::at(utc);
    let runs = if at.is_workday() { at.between(5.5, 19.0) } else { 0.0 };
    170.0 + runs * (2500.0 + 120.0 * at.chance_each(0xF2, STEP_S))
}

/// The import of the office.
pub(super) fn office_grid(utc: i64) -> f64 {
    let at = Daytime::at(utc);
    let desks = work(at)
        * (0.8 + 0.25 * at.chance(0xF9))
        * (7400.0 - 1500.0 * at.between(12.0, 13.5) + 900.0 * at.chance_each(0xF3, STEP_S));
    610.0 + desks + server_room(utc) + ventilation(utc)
}

/// The heat of the office.
pub(super) fn heat(utc: i64) -> f64 {
    let at = Daytime::at(utc);
    let wanted = ((18.0 - at.temperature()) / 26.0).clamp(0.0, 1.0);
    let setting = if at.is_workday() { 0.35 + 0.65 * at.between(4.5, 18.0) } else { 0.35 };
    21_000.0 * wanted * setting * (0.9 + 0.1 * at.chance_each(0xF4, STEP_S))
}

/// The water of the house: each now and then, mostly in the morning and in the evening.
pub(super) fn house_water(utc: i64) -> f64 {
    let at = Daytime::at(utc);
    let often = 0.02 + 0.35 * at.between(6.0, 8.5) + 0.1 * at.between(11.0, 13.5) + 0.25 * at.between(18.0, 22.5);
    if at.chance_each(0xF5, STEP_S) < often { 0.12 + 0.4 * at.chance_each(0xF6, STEP_S) } else { 0.0 }
}

/// The water of the office.
pub(super) fn office_water(utc: i64) -> f64 {
    let at = Daytime::at(utc);
    if at.chance_each(0xF7, STEP_S) < 0.6 * work(at) { 0.05 + 0.25 * at.chance_each(0xF8, STEP_S) } else { 0.0 }
}

/// The share of the people that are at work, from 0 to 1.
fn work(at: Daytime) -> f64 {
    if at.is_workday() { (at.between(7.0, 18.5) + at.between(8.5, 17.0)) / 2.0 } else { 0.0 }
}
