//! What operators see: metrics and logs.

pub mod events;
pub mod labels;
pub mod logs;
pub mod metrics;
pub mod rate_limit;
pub mod saturation;
pub mod security;
