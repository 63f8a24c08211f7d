//! The faults of a configuration.

use std::fmt;

/// One fault: its location, its key, and the correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file and line, or the environment.
    pub location: String,
    /// The full path of the key.
    pub key: String,
    /// The error and the correction.
    pub message: String,
}

/// All faults of a configuration, in the order of reading.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.location, self.key, self.message)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}
