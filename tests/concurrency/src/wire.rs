//! The part of a reading that the outlines need.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenReading;
