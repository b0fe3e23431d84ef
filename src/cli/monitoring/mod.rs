//! How others hear of a command's end: metrics for Prometheus, a ping to a monitor, a command of the operator's own, the
//! Windows Event Log.

pub(crate) mod exposition;
pub(crate) mod metrics;
