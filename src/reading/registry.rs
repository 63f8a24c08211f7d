//! The registry of OBIS codes.
