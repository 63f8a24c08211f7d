//! A body as the fleet posts it, and beside it what a receiver must make of it.

/// One POST.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// The group of meters it is of. Bodies of one lane keep their order: they go
    /// over one connection, one after the other.
    pub lane: u32,
    /// The encoded `DeviceDataArray`.
    pub bytes: Vec<u8>,
    /// What is in it, in the order of the message.
    pub readings: Vec<Reading>,
}

/// One meter at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The meter's UUID in RFC 4122 order.
    pub meter: [u8; 16],
    /// Nanoseconds since 1970 UTC; a whole number of ticks of 100 ns.
    pub time_ns: i64,
    /// OBIS code and value.
    pub values: Vec<([u8; 6], f64)>,
}

impl Body {
    /// The body of these readings.
    #[must_use]
    pub fn new(lane: u32, readings: Vec<Reading>) -> Self {
        Self { lane, bytes: crate::encode::device_data_array(&readings), readings }
    }

    /// How many samples it holds.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.readings.iter().map(|reading| reading.values.len()).sum()
    }
}
