//! The types of values in a configuration. Each is parsed from TOML or from the text of an
//! environment variable. Errors show a valid value.

use super::keys::Kind;
use jiff::{Span, SpanRelativeTo};
use serde_json::{Value as Json, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

/// A value of the configuration.
pub(super) trait Value: Sized {
    /// The kind, for the schema and the reference.
    const KIND: Kind;

    /// The value as the configuration may hold it.
    fn shown(&self) -> Json;

    /// Parses the text of a string or an environment variable.
    fn from_text(text: &str) -> Result<Self, String>;

    /// Parses a TOML value; by default a string.
    fn from_toml(value: &DeValue<'_>) -> Result<Self, String> {
        match value {
            DeValue::String(text) => Self::from_text(text),
            other => Err(format!("is a {}, but must be a string in quotes", other.type_str())),
        }
    }
}

impl Value for String {
    const KIND: Kind = Kind::Text;

    fn shown(&self) -> Json {
        json!(self)
    }

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Value for PathBuf {
    const KIND: Kind = Kind::Path;

    fn shown(&self) -> Json {
        json!(self.display().to_string())
    }

    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("must be a path, but is empty".to_owned()) } else { Ok(Self::from(text)) }
    }
}

impl Value for SocketAddr {
    const KIND: Kind = Kind::Address;

    fn shown(&self) -> Json {
        json!(self.to_string())
    }

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| format!("'{text}' is not an address with a port, like \"127.0.0.1:8080\" or \"[::]:443\""))
    }
}

impl Value for bool {
    const KIND: Kind = Kind::Switch;

    fn shown(&self) -> Json {
        json!(self)
    }

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("'{text}' must be true or false"))
    }

    fn from_toml(value: &DeValue<'_>) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| format!("is a {}, but must be true or false", value.type_str()))
    }
}

impl Value for f64 {
    const KIND: Kind = Kind::Number;

    fn shown(&self) -> Json {
        json!(self)
    }

    fn from_text(text: &str) -> Result<Self, String> {
        let number: Option<Self> = text.parse().ok();
        number.filter(|number| number.is_finite()).ok_or_else(|| format!("'{text}' is not a number"))
    }

    fn from_toml(value: &DeValue<'_>) -> Result<Self, String> {
        match value {
            DeValue::Integer(integer) if integer.radix() == 10 => Self::from_text(integer.as_str()),
            DeValue::Float(float) => Self::from_text(float.as_str()),
            other => Err(format!("is a {}, but must be a decimal number", other.type_str())),
        }
    }
}

impl Value for u64 {
    const KIND: Kind = Kind::WholeNumber;

    fn shown(&self) -> Json {
        json!(self)
    }

    fn from_text(text: &str) -> Result<Self, String> {
        text.replace('_', "").parse().map_err(|_| format!("'{text}' is not a whole number of at least 0"))
    }

    fn from_toml(value: &DeValue<'_>) -> Result<Self, String> {
        match value {
            DeValue::Integer(integer) => Self::from_str_radix(integer.as_str(), integer.radix())
                .map_err(|_| format!("{} is not a whole number of at least 0", integer.as_str())),
            other => Err(format!("is a {}, but must be a whole number", other.type_str())),
        }
    }
}

/// A number of bytes: `"4MiB"`, `"8GiB"`, `"500 kB"` or a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) u64);

impl Value for Bytes {
    const KIND: Kind = Kind::Size;

    fn shown(&self) -> Json {
        let unit = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
            .into_iter()
            .find(|(_, size)| self.0.is_multiple_of(*size));
        unit.filter(|_| self.0 > 0)
            .map_or_else(|| json!(self.0), |(name, size)| json!(format!("{}{name}", self.0 / size)))
    }

    fn from_text(text: &str) -> Result<Self, String> {
        let wanted = || format!("'{text}' is not a size, like \"4MiB\", \"8GiB\" or \"500kB\"");
        let trimmed = text.trim();
        let digits = trimmed.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let number: u64 = number.replace('_', "").parse().map_err(|_| wanted())?;
        let factor = match unit.trim() {
            "" | "B" => 1,
            "kB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "TB" => 1_000_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            _ => return Err(wanted()),
        };
        number.checked_mul(factor).map(Self).ok_or_else(wanted)
    }

    fn from_toml(value: &DeValue<'_>) -> Result<Self, String> {
        match value {
            DeValue::String(text) => Self::from_text(text),
            other => u64::from_toml(other).map(Self),
        }
    }
}

impl Value for Duration {
    const KIND: Kind = Kind::TimeSpan;

    fn shown(&self) -> Json {
        let ms = self.as_millis();
        let unit = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
        let unit = unit.into_iter().find(|(_, length)| ms > 0 && ms.is_multiple_of(*length));
        unit.map_or_else(|| json!("0s"), |(name, length)| json!(format!("{}{name}", ms / length)))
    }

    /// Parses the friendly format of jiff; a day has 24 hours.
    fn from_text(text: &str) -> Result<Self, String> {
        let span: Result<Span, _> = text.trim().parse();
        let length = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
        length
            .and_then(Self::try_from)
            .map_err(|_| format!("'{text}' is not a time span, like \"250ms\", \"30s\", \"5m\", \"24h\" or \"400d\""))
    }
}

/// A limit on kept data, or the word `forever`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeepLimit<T> {
    /// At most this size or time.
    UpTo(T),
    /// No limit.
    Forever,
}

impl<T: Value> Value for KeepLimit<T> {
    const KIND: Kind = T::KIND.or("forever");

    fn shown(&self) -> Json {
        match self {
            Self::UpTo(limit) => limit.shown(),
            Self::Forever => json!("forever"),
        }
    }

    fn from_text(text: &str) -> Result<Self, String> {
        if text.trim() == "forever" {
            return Ok(Self::Forever);
        }
        T::from_text(text).map(Self::UpTo).map_err(|why| format!("{why}, or \"forever\""))
    }

    fn from_toml(value: &DeValue<'_>) -> Result<Self, String> {
        match value {
            DeValue::String(text) => Self::from_text(text),
            other => T::from_toml(other).map(Self::UpTo),
        }
    }
}

/// A list of strings, separated by commas in an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StringList(pub(super) Vec<String>);

impl Value for StringList {
    const KIND: Kind = Kind::Texts;

    fn shown(&self) -> Json {
        json!(self.0)
    }

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self(text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()))
    }

    fn from_toml(value: &DeValue<'_>) -> Result<Self, String> {
        let wanted = || "must be a list of strings, like [\"10.0.0.0/8\"]".to_owned();
        let array = value.as_array().ok_or_else(wanted)?;
        array
            .iter()
            .map(|item| item.get_ref().as_str().map(str::to_owned).ok_or_else(wanted))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// Whether this is `host:port`, with the name or address of a host.
pub(super) fn is_host_and_port(text: &str) -> bool {
    let authority = text.parse::<hyper::http::uri::Authority>();
    authority.is_ok_and(|it| it.port_u16().is_some_and(|port| port > 0) && !it.host().is_empty() && !text.contains('@'))
}
