//! smart-me's numbers for kinds of devices. Unknown numbers are kept.

/// `deviceEnergyType`: the measured medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct EnergyType(pub i64);

/// `meterSubType`: a refinement of the energy type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SubType(pub i64);

/// `familyType`: the product family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Family(pub i64);

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

    /// The name in plain words; `None` for an unknown number.
    pub fn label(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "electricity",
            2 => "water",
            3 => "gas",
            4 => "heat",
            5 => "heat cost allocator",
            6 => "all meters",
            7 => "temperature",
            8 => "M-Bus gateway",
            9 => "RS-485 gateway",
            10 => "custom device",
            11 => "compressed air",
            12 => "SolarLog",
            13 => "virtual meter",
            _ => return None,
        })
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
        Some(match self.0 {
            1 => "cold",
            2 => "hot",
            3 => "charging station",
            4 => "electricity",
            5 => "water",
            6 => "gas",
            7 => "electricity or heat",
            8 => "temperature",
            9 => "virtual battery",
            _ => return None,
        })
    }
}

impl Family {
    /// The name in plain words; `None` for an unknown number.
    pub fn label(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "plug",
            2 => "one-phase meter",
            3 => "one-phase meter with switch",
            4 => "M-Bus gateway",
            5 => "RS-485 gateway",
            6 => "Kamstrup module",
            7 => "three-phase meter 80A",
            8 => "three-phase meter 32A",
            9 => "transformer meter",
            10 => "Landis+Gyr module",
            11 => "FNN optical module",
            12 => "Telstar 80A",
            14 => "three-phase meter 80A mobile",
            16 => "one-phase meter 80A V2",
            17 => "one-phase meter 32A V2",
            18 | 19 => "one-phase meter GPRS",
            21 => "transformer meter mobile",
            65 => "Nimbus",
            70 => "charging station",
            1001 => "REST API meter",
            1002 => "virtual billing meter",
            _ => return None,
        })
    }
}
