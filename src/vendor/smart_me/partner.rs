//! The calls of a gold partner: customers, the sites of their devices, and the state of
//! the devices' connections.
//!
//! Source: the vendor's list of a gold partner's calls, and the API's descriptions of the
//! same objects for other accounts (`User`, `FolderMenuItem`, `AdditionalDeviceInformation`).
//! The answers of the partner's calls are not published, so both known shapes are accepted.

use super::fields::{Fields, ReadError};
use crate::reading::MeterId;

/// Longest id of a customer.
const ID_CHARS_MAX: usize = 64;
/// Characters kept of a site.
const SITE_CHARS_MAX: usize = 200;

/// A customer of a partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The id, in a form that a path may contain.
    pub id: String,
    /// The user name; the id if there is none.
    pub name: String,
}

impl Customer {
    /// Decodes the answer of `GET /partner/user`, with the users that customers created.
    /// Users without a usable id are left out.
    ///
    /// # Errors
    /// When the answer is neither a user nor a list of users.
    pub fn list(answer: &[u8]) -> Result<Vec<Self>, ReadError> {
        let mut waiting = Fields::one_or_many(answer)?;
        let mut customers = Vec::new();
        while let Some(mut fields) = waiting.pop() {
            customers.extend(Self::of(&fields));
            waiting.extend(fields.objects("childusers"));
        }
        customers.sort_by(|a, b| a.id.cmp(&b.id));
        customers.dedup_by(|a, b| a.id == b.id);
        Ok(customers)
    }

    fn of(fields: &Fields) -> Option<Self> {
        let id = fields.text_or_integer("idasstring").or_else(|| fields.text_or_integer("id"))?;
        let is_usable = id.len() <= ID_CHARS_MAX && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let name = fields.text("username").map_or_else(|| id.clone(), str::to_owned);
        is_usable.then_some(Self { id, name })
    }
}

/// A device's firmware and connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInformation {
    /// The device.
    pub id: MeterId,
    /// The version of its firmware.
    pub firmware: Option<String>,
    /// Its kind of network: `wifi`, `gprs`, `ltecatm1`, `ltenbiot`, `meshmobile`, `meshwifi`.
    pub network: Option<String>,
    /// The strength of its signal: 0 is bad, 100 is best; negative for charging stations.
    pub signal: Option<i64>,
}

impl DeviceInformation {
    /// Decodes the answer of `GET /PartnerAllDeviceInformations`. Items without an id are
    /// left out.
    ///
    /// # Errors
    /// When the answer is neither an object nor a list of objects.
    pub fn list(answer: &[u8]) -> Result<Vec<Self>, ReadError> {
        Ok(Fields::one_or_many(answer)?.iter().filter_map(Self::of).collect())
    }

    fn of(fields: &Fields) -> Option<Self> {
        Some(Self {
            id: MeterId::from(fields.uuid("id")?),
            firmware: fields.text_or_integer("firmwareversion"),
            network: fields.text("networkconnection").map(str::to_owned),
            signal: fields.integer("networkconnectionrssi"),
        })
    }
}

/// A meter in a customer's folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteOfMeter {
    /// The meter, if the item has its id.
    pub meter: Option<MeterId>,
    /// Its serial number, if the item has one.
    pub serial: Option<String>,
    /// The names of the folders around it, from the outermost: `House 1 / Cellar`.
    pub site: String,
}

/// `FolderType` of a meter, a user and the trash.
const METER: i64 = 1000;
const USER: i64 = 1001;
const TRASH: i64 = 1002;

impl SiteOfMeter {
    /// Decodes the answer of `GET /partner/foldermenu/{id}`: all meters in folders.
    ///
    /// # Errors
    /// When the answer is neither a folder menu nor a list of its items.
    pub fn list(answer: &[u8]) -> Result<Vec<Self>, ReadError> {
        let mut waiting = Vec::new();
        for mut fields in Fields::one_or_many(answer)? {
            let items: Vec<_> = fields.objects("items").collect();
            if items.is_empty() {
                waiting.push((fields, String::new()));
            } else {
                waiting.extend(items.into_iter().map(|item| (item, String::new())));
            }
        }
        let mut found = Vec::new();
        while let Some((mut fields, site)) = waiting.pop() {
            let kind = fields.integer("foldertype");
            let serial = fields.text_or_integer("meterserialnumber");
            let is_meter = kind == Some(METER) || serial.is_some();
            let inside = if is_meter || kind == Some(USER) { site.clone() } else { joined(&site, fields.text("name")) };
            if is_meter && !site.is_empty() {
                found.push(Self { meter: fields.uuid("id").map(MeterId::from), serial, site });
            }
            if kind != Some(TRASH) {
                waiting.extend(fields.objects("children").map(|child| (child, inside.clone())));
            }
        }
        Ok(found)
    }
}

fn joined(site: &str, folder: Option<&str>) -> String {
    let text = match (site, folder) {
        ("", Some(folder)) => folder.to_owned(),
        (site, None) => site.to_owned(),
        (site, Some(folder)) => format!("{site} / {folder}"),
    };
    text.chars().take(SITE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    #[test]
    fn customers_are_read_with_the_users_they_created() {
        let answer =
            br#"[{"Id":17,"IdAsString":"17","Username":"house one","ChildUsers":[{"Id":19,"Username":"tenant"}]},
            {"id":"b1a2-3","email":"x@example.org"},{"Id":"../user"},{"Username":"none"},null]"#;
        let customer = |id: &str, name: &str| Customer { id: id.to_owned(), name: name.to_owned() };
        let expected = [customer("17", "house one"), customer("19", "tenant"), customer("b1a2-3", "b1a2-3")];
        assert_eq!(Customer::list(answer).unwrap(), expected);
    }

    #[test]
    fn a_devices_connection_is_read_and_unknown_items_are_left_out() {
        let answer = br#"[{"ID":"00000000-0000-0000-0000-000000000007","FirmwareVersion":1042,"HardwareVersion":2,
            "NetworkConnection":"wifi","NetworkConnectionRSSI":35},{"ID":"x"},{}]"#;
        let read = DeviceInformation::list(answer).unwrap();
        let expected = DeviceInformation {
            id: MeterId::from(Uuid::from_u128(7)),
            firmware: Some("1042".to_owned()),
            network: Some("wifi".to_owned()),
            signal: Some(35),
        };
        assert_eq!(read, [expected]);
    }

    #[test]
    fn a_site_is_the_path_of_folders_around_a_meter() {
        let items = r#"[{"Name":"House 1","FolderType":3,"Children":[
            {"Id":"00000000-0000-0000-0000-000000000007","Name":"meter","FolderType":1000,"MeterSerialNumber":"63000001"},
            {"Name":"Cellar","FolderType":0,"Children":[{"Name":"water","FolderType":1000,"MeterSerialNumber":63000002}]},
            {"Name":"tenant","FolderType":1001,"Children":[{"FolderType":1000,"MeterSerialNumber":"63000003"}]}]},
            {"Name":"loose","FolderType":1000,"MeterSerialNumber":"63000004"},
            {"Name":"Trash","FolderType":1002,"Children":[{"FolderType":1000,"MeterSerialNumber":"63000005"}]}]"#;
        for answer in [items.to_owned(), format!(r#"{{"Items":{items},"BrowserUtcTime":null}}"#)] {
            let mut sites = SiteOfMeter::list(answer.as_bytes()).unwrap();
            sites.sort_by(|a, b| a.serial.cmp(&b.serial));
            let shown: Vec<_> =
                sites.iter().map(|site| (site.serial.as_deref().unwrap_or_default(), site.site.as_str())).collect();
            let expected = [("63000001", "House 1"), ("63000002", "House 1 / Cellar"), ("63000003", "House 1")];
            assert_eq!(shown, expected);
            assert_eq!(sites[0].meter, Some(MeterId::from(Uuid::from_u128(7))));
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_on_any_answer(
            bytes: Vec<u8>,
            name in ".{0,300}",
            depth in 0_usize..40,
            value in prop_oneof![Just("null".to_owned()), Just("{}".to_owned()), Just("[1,null]".to_owned()), "-?[0-9]{1,20}"],
        ) {
            Customer::list(&bytes).ok();
            DeviceInformation::list(&bytes).ok();
            SiteOfMeter::list(&bytes).ok();
            let name = serde_json::Value::String(name);
            let inner = format!(r#"{{"Id":{value},"FolderType":1000,"MeterSerialNumber":"1","Children":{value}}}"#);
            let nested = (0..depth).fold(inner, |inner, _| format!(r#"{{"Name":{name},"Children":[{inner}]}}"#));
            for site in SiteOfMeter::list(nested.as_bytes()).unwrap_or_default() {
                prop_assert!(site.site.chars().count() <= SITE_CHARS_MAX);
            }
            Customer::list(format!(r#"[{{"Id":{value},"ChildUsers":{value}}}]"#).as_bytes()).ok();
        }
    }
}
