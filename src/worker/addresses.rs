//! Watches the addresses of this host: new answers have the new ones at once, and sessions whose viewers reached it at
//! one that is gone look for another way.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::core::Core;
use crate::net::{AddressChanges, Addresses};
use crate::worker::command::Command;

/// A change comes in several messages: a link, its addresses, what becomes of them.
const SETTLE: Duration = Duration::from_millis(100);
/// Where the system does not tell, it is asked this often at most.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);

/// Watches for as long as it is polled.
pub(super) async fn watch(core: Rc<RefCell<Core>>) {
    let mut changes = AddressChanges::new();
    if let Err(error) = &changes {
        log::debug!(
            "the system does not tell of changed addresses, so they are looked at now and then: {error}"
        );
    }
    let mut known = core.borrow().addresses(Duration::ZERO);
    loop {
        match &changes {
            Ok(system) => {
                if let Err(error) = system.next().await {
                    changes = Err(error);
                }
            }
            Err(_) => {
                let ttl = core.borrow().context.tuning.interface_cache_ttl();
                tokio::time::sleep(ttl.max(LEAST_INTERVAL)).await;
            }
        }
        tokio::time::sleep(SETTLE).await;
        let now = core.borrow().addresses(Duration::ZERO);
        if now != known {
            log::info!("the addresses of this host are now {:?}", now.offered);
            let gone = known.present.iter().filter(|ip| !now.present.contains(ip));
            let gone = gone.copied().collect();
            core.borrow().tell_gone(&gone);
            known = now;
            core.borrow().context.reflexive.ask_anew();
            if let Some(own) = &core.borrow().context.allocation {
                own.host_changed(&gone);
            }
        }
    }
}

impl Core {
    fn addresses(&self, ttl: Duration) -> Arc<Addresses> {
        self.context.interfaces.addresses(Instant::now(), ttl)
    }

    /// Tells all workers, this one as well.
    fn tell_gone(&self, addresses: &Arc<[IpAddr]>) {
        let mut workers = 0..;
        while let Some(worker) = workers.next()
            && self
                .context
                .peers
                .command(worker, Command::AddressesChanged(Arc::clone(addresses)))
        {}
    }
}
