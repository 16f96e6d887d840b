//! What operators see: metrics, logs and traces.

pub mod events;
pub mod labels;
pub mod logs;
pub mod metrics;
pub mod rate_limit;
pub mod saturation;
pub mod security;
pub mod spans;
pub mod trace;
