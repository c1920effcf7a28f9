//! What the fuzz targets share: a runtime, services to call, and models that know nothing of the
//! library's own code.

pub mod http;
pub mod peer;
pub mod runtime;
pub mod wire;
