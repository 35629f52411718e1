//! Where a session lives, as its ICE credentials and transactions say it.

/// Where a session lives: its worker, and its row there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionLocation {
    /// Index of the worker.
    pub worker: usize,
    /// Row in the worker's table.
    pub row: usize,
}

impl SessionLocation {
    /// The first characters of the local ufrag of a session here. Random ones follow, so that the ufrag
    /// cannot be guessed and differs from that of an earlier session in the row.
    pub fn ufrag_prefix(self) -> String {
        format!("{:02x}{:06x}", self.worker, self.row)
    }

    /// Reads what [`SessionLocation::ufrag_prefix`] wrote.
    pub fn from_ufrag(ufrag: &str) -> Option<SessionLocation> {
        let worker = usize::from_str_radix(ufrag.get(0..2)?, 16).ok()?;
        let row = usize::from_str_radix(ufrag.get(2..8)?, 16).ok()?;
        Some(SessionLocation { worker, row })
    }

    /// The first bytes of the transaction IDs of its ICE checks: the answers name no session.
    pub fn transaction_prefix(self) -> [u8; 4] {
        let [.., a, b, c] = self.row.to_be_bytes();
        [self.worker as u8, a, b, c]
    }

    /// Reads what [`SessionLocation::transaction_prefix`] wrote.
    pub fn from_transaction([worker, a, b, c]: [u8; 4]) -> SessionLocation {
        SessionLocation {
            worker: worker.into(),
            row: u32::from_be_bytes([0, a, b, c]) as usize,
        }
    }
}
