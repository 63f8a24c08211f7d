//! What the outlines need of a reading.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenReading;
