//! Reading back what the sink stored.
