//! What the page of a wall and the gateway say to each other: in JSON, by HTTP and over the data channel alike.

mod messages;

pub use messages::{
    Decision, MAX_MESSAGE, Notice, Refusal, Reply, Request, SlotClock, SlotNotice, SlotRequest,
    unreadable,
};
