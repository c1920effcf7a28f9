//! The store in memory.

use std::sync::Arc;

use web_connection_socket::history::{History, MemoryHistory};

use super::contract::{Store, contract};

impl Store for MemoryHistory {
    fn start() -> Self {
        Self::new()
    }

    fn node(&self) -> Arc<dyn History> {
        Arc::new(self.clone())
    }
}

contract!(MemoryHistory);
