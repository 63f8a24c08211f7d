//! The JSON of smart-me's REST API.
//!
//! The API's description says camelCase and the wire sends PascalCase; what does
//! not apply is absent or null, which is the same here; numbers of enumerations
//! that are not known are kept. Bodies of the webhook are `wire`'s.

mod device;
mod fields;
mod gateway;
mod registration;
mod values;

pub use device::{Device, EnergyType, Family, SubType};
pub use fields::{Fields, ReadError};
pub use gateway::{MBusGateway, MBusMeter};
pub use registration::{NewRegistration, Registration, RegistrationId, RegistrationKind};
pub use values::Values;
