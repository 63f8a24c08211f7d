//! The requests that only read, by vendor.
//!
//! They come from the vendors' documents, not from the service: the lists check each other.

/// Requests that a device may get, as method and target. A `*` stands for any text without `/`,
/// `&` and `?`.
#[derive(Debug, Clone)]
pub struct AllowList(Vec<String>);

impl AllowList {
    /// DSMR-loggers: the telegram, the values, the identity and the history of all versions.
    #[must_use]
    pub fn dsmr_logger() -> Self {
        let mut list = vec!["GET /api/v0/sm/actual".to_owned()];
        for version in ["v1", "v2"] {
            for what in ["telegram", "info", "actual", "fields", "fields/*"] {
                list.push(format!("GET /api/{version}/sm/{what}"));
            }
            list.push(format!("GET /api/{version}/dev/info"));
            for period in ["hours", "days", "months"] {
                for order in ["", "/asc", "/desc"] {
                    list.push(format!("GET /api/{version}/hist/{period}{order}"));
                }
            }
        }
        Self(list)
    }

    /// KSEM, EM4xx and EM300: values, configuration of the meter, settings, tariffs, and the logins.
    /// Nothing below `/api/e-mobility`, and no topic of it.
    #[must_use]
    pub fn ksem() -> Self {
        Self::of(&[
            "POST /api/web-login/token",
            "GET /api/json/*/values/smart-meter",
            "GET /api/device-settings",
            "GET /api/device-settings/devicestatus",
            "GET /api/device-settings/deviceusage",
            "GET /api/device-settings/local-time",
            "GET /api/device-settings/network",
            "GET /api/device-settings/time/config",
            "GET /api/data-transfer/protobuf/gdr/local/config/smart-meter",
            "GET /api/data-transfer/protobuf/gdr/local/config/kostal-energyflow/sumvalues",
            "GET /api/data-transfer/ws/protobuf/gdr/local/values/smart-meter",
            "GET /api/data-transfer/ws/protobuf/gdr/local/values/kostal-energyflow/sumvalues",
            "GET /api/tariffs/contract",
            "GET /api/tariffs/data/*/*/*",
            "GET /api/modbus/config",
            "GET /api/modbus/presets",
            "GET /api/modbus/groups",
            "GET /api/modbus/sensors",
            "GET /start.php",
            "POST /start.php",
            "GET /mum-webservice/data.php",
        ])
    }

    /// smart-MAIC devices and their cloud. `getdata` with a further parameter switches the relay.
    #[must_use]
    pub fn smart_mac() -> Self {
        Self::of(&["GET /?page=getdata&devid=*&devpass=*", "GET /api?devid=*&apikey=*&date1=*&date2=*&period=*"])
    }

    /// Both lists: a sender that does not know the vendor tries one after the other.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Smappee's cloud: the login, and what reads. Nothing that switches an actuator or changes a location.
    #[must_use]
    pub fn smappee() -> Self {
        let rows = "consumption?aggregation=*&from=*&to=*";
        let mut list = vec!["POST /dev/v3/oauth2/token".to_owned(), "GET /dev/v3/servicelocation".to_owned()];
        for what in [
            "info",
            "meteringconfiguration",
            rows,
            &format!("sensor/*/{rows}"),
            &format!("switch/*/{rows}"),
            "events?applianceId=*&maxNumber=*&from=*&to=*",
            "actuator/*/state",
            "actuator/*/connectionstate",
            "costanalysis?aggregation=*&from=*&to=*",
        ] {
            list.push(format!("GET /dev/v3/servicelocation/*/{what}"));
        }
        Self(list)
    }

    /// A device whose only request is configured.
    #[must_use]
    pub fn only(request: &str) -> Self {
        Self::of(&[request])
    }

    fn of(list: &[&str]) -> Self {
        Self(list.iter().map(|&request| request.to_owned()).collect())
    }

    /// Whether this request line is on the list.
    #[must_use]
    pub fn allows(&self, line: &str) -> bool {
        let request = line.strip_suffix(" HTTP/1.1").unwrap_or(line);
        self.0.iter().any(|pattern| is_like(pattern, request))
    }
}

fn is_like(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    let end = rest.find(['/', '&', '?', ' ']).unwrap_or(rest.len());
    end > 0 && !rest[..end].contains("..") && is_like(after, &rest[end..])
}
