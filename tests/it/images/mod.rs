//! Images that are large, broken or slow to decode.

mod decoding;
