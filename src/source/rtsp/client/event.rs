//! What happens to a session with a camera, and why it ends.

use super::{Answer, Description, Lower};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The camera's offer is known. It waits for [`Client::set_up`].
    Described(Description),
    /// A track is set up: by its index, and how it is sent.
    SetUp(usize, Answer),
    /// Media comes from now on, or came already.
    Playing,
    /// The connection is of no more use. [`Client::url`] says where to connect to, then
    /// [`Client::connected`] is to be called.
    Reconnect,
    Failed(Failure),
}

/// Why it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// User or password are wrong.
    Unauthorized,
    NoCredentials,
    /// Only schemes other than Basic and Digest.
    UnsupportedAuth,
    Forbidden,
    NotFound,
    Busy(String),
    /// The transport of the SETUP; another one may do.
    TransportRefused,
    /// The SETUP, as one that it does not understand: another transport may do, which it does not say.
    SetupRefused(String),
    SessionLost,
    /// The camera ended the session.
    TornDown,
    /// Method, and what the response was.
    Refused(&'static str, String),
    /// It does not read what it is sent.
    Deaf,
    /// It redirects to another host, which asks for a password.
    ElsewhereUnauthorized,
    /// It asks for the password in clear after it took it otherwise.
    WeakerAuth,
    /// What was too long.
    TooLong(&'static str),
    /// Nothing of what it sends is RTSP.
    NotRtsp,
    Redirects,
    /// To a URL that is none, or that must not be followed.
    BadRedirect,
    Closed,
}

/// A track to be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its index in the description.
    pub track: usize,
    pub lower: Lower,
    /// Without it there is no use in the session.
    pub needed: bool,
}
