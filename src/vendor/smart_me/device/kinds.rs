//! smart-me's enumerations of devices. Unknown numbers are kept.
//!
//! The API sends numbers; its older description, and some answers, have names instead. The
//! names here are spelled as that description spells them, mistakes included.

use crate::vendor::smart_me::Fields;

/// `deviceEnergyType`: the measured medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct EnergyType(pub i64);

/// `meterSubType`: a refinement of the energy type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SubType(pub i64);

/// `familyType`: the product family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Family(pub i64);

/// The three together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) energy: EnergyType,
    pub(super) sub: SubType,
    pub(super) family: Family,
}

/// A member of an enumeration: its number, its name in the API, and plain words (none for
/// "unknown").
struct Member(i64, &'static str, &'static str);

const ENERGY_TYPES: [Member; 15] = [
    Member(0, "MeterTypeUnknown", ""),
    Member(1, "MeterTypeElectricity", "electricity"),
    Member(2, "MeterTypeWater", "water"),
    Member(3, "MeterTypeGas", "gas"),
    Member(4, "MeterTypeHeat", "heat"),
    Member(5, "MeterTypeHCA", "heat cost allocator"),
    Member(6, "MeterTypeAllMeters", "all meters"),
    Member(7, "MeterTypeTemperature", "temperature"),
    Member(8, "MeterTypeMBusGateway", "M-Bus gateway"),
    Member(9, "MeterTypeRS485Gateway", "RS-485 gateway"),
    Member(10, "MeterTypeCustomDevice", "custom device"),
    Member(11, "MeterTypeCompressedAir", "compressed air"),
    Member(12, "MeterTypeSolarLog", "SolarLog"),
    Member(13, "MeterTypeVirtualMeter", "virtual meter"),
    Member(14, "MeterTypeWMBusGateway", "wireless M-Bus gateway"),
];

const SUB_TYPES: [Member; 10] = [
    Member(0, "MeterSubTypeUnknown", ""),
    Member(1, "MeterSubTypeCold", "cold"),
    Member(2, "MeterSubTypeHeat", "hot"),
    Member(3, "MeterSubTypeChargingStation", "charging station"),
    Member(4, "MeterSubTypeElectricity", "electricity"),
    Member(5, "MeterSubTypeWater", "water"),
    Member(6, "MeterSubTypeGas", "gas"),
    Member(7, "MeterSubTypeElectricityHeat", "electricity or heat"),
    Member(8, "MeterSubTypeTemperature", "temperature"),
    Member(9, "MeterSubTypeVirtualBattery", "virtual battery"),
];

const FAMILIES: [Member; 24] = [
    Member(0, "MeterFamilyTypeUnknown", ""),
    Member(1, "MeterFamilyTypeSmartMeConnectV1", "plug"),
    Member(2, "MeterFamiliyTypeSmartMeMeter", "one-phase meter"),
    Member(3, "MeterFamiliyTypeSmartMeMeterWithSwitch", "one-phase meter with switch"),
    Member(4, "MeterFamilyTypeMBusGatewayV1", "M-Bus gateway"),
    Member(5, "MeterFamilyTypeRS485GatewayV1", "RS-485 gateway"),
    Member(6, "MeterFamilyTypeKamstrupModule", "Kamstrup module"),
    Member(7, "MeterFamilyTypeSmartMe3PhaseMeter80A", "three-phase meter 80A"),
    Member(8, "MeterFamilyTypeSmartMe3PhaseMeter32A", "three-phase meter 32A"),
    Member(9, "MeterFamilyTypeSmartMe3PhaseTelstarTransformer", "transformer meter"),
    Member(10, "MeterFamilyTypeLandisGyrModule", "Landis+Gyr module"),
    Member(11, "MeterFamilyTypeFnnOpticalModule", "FNN optical module"),
    Member(12, "MeterFamilyTypeSmartMe3PhaseTelstar80AWiFi", "Telstar 80A"),
    Member(14, "MeterFamilyTypeSmartMe3PhaseTelstar80AMobile", "three-phase meter 80A mobile"),
    Member(16, "MeterFamilyTypeSmartMe1PhaseMeter80AV2WiFi", "one-phase meter 80A V2"),
    Member(17, "MeterFamilyTypeSmartMe1PhaseMeter32AV2WiFi", "one-phase meter 32A V2"),
    Member(18, "MeterFamilyTypeSmartMe1PhaseMeter80AGprs", "one-phase meter GPRS"),
    Member(19, "MeterFamilyTypeSmartMe1PhaseMeter32AGprs", "one-phase meter GPRS"),
    Member(20, "MeterFamilyTypeWMBusGatewayV1", "wireless M-Bus gateway"),
    Member(21, "MeterFamilyTypeSmartMe3PhaseTelstarTransformerMobile", "transformer meter mobile"),
    // No description names these two; clients do.
    Member(65, "MeterFamilyTypeNimbus", "Nimbus"),
    Member(70, "MeterFamilyTypePicoV1", "charging station"),
    Member(1001, "MeterFamilyTypeRestApiMeter", "REST API meter"),
    Member(1002, "MeterFamilyTypeVirtualBillingMeter", "virtual billing meter"),
];

impl EnergyType {
    /// 1.
    pub const ELECTRICITY: Self = Self(1);
    /// 2.
    pub const WATER: Self = Self(2);
    /// 3.
    pub const GAS: Self = Self(3);
    /// 4: heat or cold.
    pub const HEAT: Self = Self(4);
    /// 5: HCA.
    pub const HEAT_COST_ALLOCATOR: Self = Self(5);
    /// 7.
    pub const TEMPERATURE: Self = Self(7);
    /// 8: measures nothing itself.
    pub const MBUS_GATEWAY: Self = Self(8);
    /// 9: measures nothing itself.
    pub const RS485_GATEWAY: Self = Self(9);
    /// 11.
    pub const COMPRESSED_AIR: Self = Self(11);
    /// 12: a photovoltaic plant.
    pub const SOLAR_LOG: Self = Self(12);
    /// 14: measures nothing itself, if the family agrees; only older descriptions have it.
    pub const WIRELESS_MBUS_GATEWAY: Self = Self(14);

    /// The name in plain words; `None` for an unknown number.
    pub fn label(self) -> Option<&'static str> {
        words(&ENERGY_TYPES, self.0)
    }

    pub(super) fn read(fields: &Fields, name: &str) -> Option<Self> {
        fields.enumeration(name, |text| number(&ENERGY_TYPES, text)).map(Self)
    }
}

impl SubType {
    /// 1: cold, or cold water.
    pub const COLD: Self = Self(1);
    /// 2: heat, or hot water.
    pub const HOT: Self = Self(2);
    /// 3.
    pub const CHARGING_STATION: Self = Self(3);
    /// 4.
    pub const ELECTRICITY: Self = Self(4);
    /// 5.
    pub const WATER: Self = Self(5);
    /// 6.
    pub const GAS: Self = Self(6);

    /// The name in plain words; `None` for an unknown number.
    pub fn label(self) -> Option<&'static str> {
        words(&SUB_TYPES, self.0)
    }

    pub(super) fn read(fields: &Fields, name: &str) -> Option<Self> {
        fields.enumeration(name, |text| number(&SUB_TYPES, text)).map(Self)
    }
}

impl Family {
    /// 20.
    pub const WIRELESS_MBUS_GATEWAY: Self = Self(20);

    /// The name in plain words; `None` for an unknown number.
    pub fn label(self) -> Option<&'static str> {
        words(&FAMILIES, self.0)
    }

    pub(super) fn read(fields: &Fields, name: &str) -> Option<Self> {
        fields.enumeration(name, |text| number(&FAMILIES, text)).map(Self)
    }
}

impl Kind {
    /// Whether such a device only passes on the measurements of others. Clients disagree on
    /// energy type 14, so it counts only together with its family.
    pub(super) fn is_gateway(self) -> bool {
        match self.energy {
            EnergyType::MBUS_GATEWAY | EnergyType::RS485_GATEWAY => true,
            EnergyType::WIRELESS_MBUS_GATEWAY => self.family == Family::WIRELESS_MBUS_GATEWAY,
            _ => false,
        }
    }
}

fn words(members: &[Member], number: i64) -> Option<&'static str> {
    members.iter().find(|member| member.0 == number).map(|member| member.2).filter(|words| !words.is_empty())
}

fn number(members: &[Member], name: &str) -> Option<i64> {
    members.iter().find(|member| member.1.eq_ignore_ascii_case(name)).map(|member| member.0)
}
