//! The JSON of smart-me's REST API.
//!
//! The API's description says camelCase, but the server sends PascalCase. Absent and null
//! are the same here. Unknown enumeration numbers are kept. `wire` decodes the webhook's
//! bodies.

mod device;
mod fields;
mod gateway;
mod partner;
mod registration;
mod values;

pub use device::{Device, EnergyType, Family, LeftOut, SubType};
pub use fields::{Fields, ReadError};
pub use gateway::{MBusGateway, MBusMeter};
pub use partner::{Customer, DeviceInformation, SiteOfMeter};
pub use registration::{NewRegistration, Registration, RegistrationId, RegistrationKind};
pub use values::Values;
