//! What attempts have found out about a camera. It is kept from one to the next, and when the host changes the camera's
//! options.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::config::Transport;

/// See the module documentation. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Learned(Arc<Mutex<Known>>);

/// What is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// How media comes, with [`Transport::Auto`].
    pub transport: Transport,
    /// Requests on which the camera hung up while it played.
    pub hung_up_on: Vec<&'static str>,
    /// It does not answer what comes before OPTIONS.
    pub options_first: bool,
    /// It sends nothing unless its sound is set up, too.
    pub needs_sound: bool,
    /// SETUP requests that it did not answer: of which tracks, by their indexes in the description.
    pub unanswered: Vec<usize>,
}

impl Default for Known {
    fn default() -> Self {
        Known {
            transport: Transport::Tcp,
            hung_up_on: Vec::new(),
            options_first: false,
            needs_sound: false,
            unanswered: Vec::new(),
        }
    }
}

impl Known {
    /// Whether a track is not to be set up: the first time it may have been the network.
    pub fn leaves_out(&self, track: usize) -> bool {
        let times = self.unanswered.iter().filter(|&&of| of == track);
        times.count() >= 2
    }
}

impl Learned {
    pub fn get(&self) -> Known {
        self.0.lock().clone()
    }

    /// Changes what is known. True if it is something else than before.
    pub fn update(&self, change: impl FnOnce(&mut Known)) -> bool {
        let mut known = self.0.lock();
        let before = known.clone();
        change(&mut known);
        *known != before
    }

    /// The same, but for what is of one stream of the camera.
    pub fn of_other_stream(&self) -> Learned {
        let known = Known {
            unanswered: Vec::new(),
            ..self.get()
        };
        Learned(Arc::new(Mutex::new(known)))
    }
}

/// What to try where this transport does not do. `refused`: the camera says so itself. Multicast comes last: most
/// networks do not pass it on.
pub fn other(transport: Transport, refused: bool) -> Transport {
    match transport {
        Transport::Tcp => Transport::Udp,
        Transport::Udp if refused => Transport::Multicast,
        _ => Transport::Tcp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_is_told_from_what_was_known() {
        let learned = Learned::default();
        assert!(learned.update(|known| known.unanswered.push(2)));
        assert!(!learned.update(|known| known.options_first = false));
        assert!(learned.clone().update(|known| known.needs_sound = true));
        let other = learned.of_other_stream().get();
        assert!(other.needs_sound && other.unanswered.is_empty());
        assert!(!learned.get().leaves_out(2));
        learned.update(|known| known.unanswered.push(2));
        assert!(learned.get().leaves_out(2) && !learned.get().leaves_out(1));
    }

    #[test]
    fn transports_take_turns() {
        let mut transport = Transport::Tcp;
        let mut tried = Vec::new();
        for refused in [true, true, true, true, false] {
            transport = other(transport, refused);
            tried.push(transport);
        }
        let (tcp, udp, multicast) = (Transport::Tcp, Transport::Udp, Transport::Multicast);
        assert_eq!(tried, [udp, multicast, tcp, udp, tcp]);
    }
}
