//! Fields of a protobuf message over a slice.
