//! meterline as a process.
