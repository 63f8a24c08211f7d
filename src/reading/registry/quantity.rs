//! The unit and the kind of a register's values. Decoders use the base units alone.

/// The base units, and units that an operator may state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Active energy.
    WattHour,
    /// Active power.
    Watt,
    /// Reactive energy.
    VarHour,
    /// Reactive power.
    Var,
    /// Apparent energy.
    VoltAmpereHour,
    /// Apparent power.
    VoltAmpere,
    /// Voltage.
    Volt,
    /// Current.
    Ampere,
    /// Frequency.
    Hertz,
    /// Angle.
    Degree,
    /// Volume.
    CubicMetre,
    /// Volume flow.
    CubicMetrePerHour,
    /// Temperature.
    DegreeCelsius,
    /// Pressure.
    Pascal,
    /// Length, such as a level.
    Metre,
    /// Duration.
    Second,
    /// Memory.
    Byte,
    /// Active energy, where an operator states it.
    KilowattHour,
    /// The same.
    MegawattHour,
    /// The same.
    Megajoule,
    /// The same.
    Gigajoule,
    /// Volume, where an operator states it.
    Litre,
    /// Counts, ratios, states.
    One,
    /// Not documented by the vendor.
    Unknown,
}

impl Unit {
    /// The unit as printed; empty for pure numbers.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::WattHour => "Wh",
            Self::Watt => "W",
            Self::VarHour => "varh",
            Self::Var => "var",
            Self::VoltAmpereHour => "VAh",
            Self::VoltAmpere => "VA",
            Self::Volt => "V",
            Self::Ampere => "A",
            Self::Hertz => "Hz",
            Self::Degree => "deg",
            Self::CubicMetre => "m3",
            Self::CubicMetrePerHour => "m3/h",
            Self::DegreeCelsius => "degC",
            Self::Pascal => "Pa",
            Self::Metre => "m",
            Self::Second => "s",
            Self::Byte => "B",
            Self::KilowattHour => "kWh",
            Self::MegawattHour => "MWh",
            Self::Megajoule => "MJ",
            Self::Gigajoule => "GJ",
            Self::Litre => "l",
            Self::One => "",
            Self::Unknown => "?",
        }
    }
}

/// How to interpret a register's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Only rises; a difference is the amount between two times.
    Counter,
    /// Rises, and restarts at zero when the device restarts.
    VolatileCounter,
    /// A value at an instant.
    Gauge,
    /// A sum or mean of the interval that ends at its time.
    IntervalEndingAt,
    /// A sum or mean of the interval that starts at its time.
    IntervalStartingAt,
}

impl Kind {
    /// The kind in lower-case words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::VolatileCounter => "volatile counter",
            Self::Gauge => "gauge",
            Self::IntervalEndingAt | Self::IntervalStartingAt => "interval",
        }
    }
}
